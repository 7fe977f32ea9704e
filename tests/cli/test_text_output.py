"""The texts that commands print for people, without `--json`."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.app import Console, open_console
from console.cli.json_output import results as cli_json
from console.cli.refunds.limits import format_limit_list_lines
from console.cli.servers.demo import DEMO_PEOPLE, render_sample_report_pdf
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Translator
from console.demo.samples import CheckSample, generate_credit_checks, write_samples
from console.domain.explanations.payments import explain_payment
from console.domain.payments.limits import Limit
from console.domain.payments.records import PaymentRelations
from console.domain.payments.states import DONE_OUTSIDE
from console.domain.process import failpoint_names
from console.domain.service_results import HealthCheck
from console.domain.views.any_record import QueueItem, QueuePage
from console.sandbox.alarmbox import companies as content
from console.settings.settings import Settings
from tests.domain.explanations.test_payments import NOW, ORDER, PAID_PAYMENT, make_review_work
from tests.support.desks import make_environment


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Console, list[CheckSample]]]:
    """Yield a console with many sample credit checks, and a list with one sample of each kind of sample."""
    made = generate_credit_checks(
        3,
        datetime.now(UTC),
        lambda number: (content.make_company_name(number), content.get_credit_verdict(number)),
        300,
    )
    with open_console(Settings.load(make_environment(tmp_path, "http://127.0.0.1:9"))) as console:
        write_samples(console._context, made, DEMO_PEOPLE, render_sample_report_pdf)
        yield console, list({sample.sample_kind: sample for sample in made}.values())


def test_a_page_without_readable_records_has_the_command_for_the_next_page() -> None:
    """If no record of a page can be read, the text has the command for the next page, and doesn't say that the queue
    is empty."""
    translator = Translator()
    translator.language = "en"
    (line,) = cli_text.format_queue_page_lines(QueuePage("unknown", (), "cursor-1"), translator)
    assert line == "More: support-console queue unknown --after cursor-1"
    (line,) = cli_text.format_queue_page_lines(QueuePage("unknown", (), None), translator)
    assert line == "No unknown outcomes."


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_command_for_the_next_page_is_complete(language: str) -> None:
    """The command for the next page of a queue has the whole filter, also a very long one, and the sort order."""
    translator = Translator()
    translator.language = language
    long_filter = f"kind:payment,refund cause:{','.join(f'cause_{n}' for n in range(80))}"
    page = QueuePage("review", (), "cursor-1", filter=long_filter, sort="-amount")
    (line,) = cli_text.format_queue_page_lines(page, translator)
    command = line[line.index("support-console") :]
    expected = ["queue", "review", f"--filter={long_filter}", "--sort=-amount", "--after", "cursor-1"]
    assert shlex.split(command)[1:] == expected


def test_a_queue_also_names_what_else_waits_for_a_person() -> None:
    """A payment of a queue needs a person, and the record of a refund done outside waits, too. The queue's text has
    both sentences, as its JSON does."""
    translator = Translator()
    translator.language = "en"
    relations = PaymentRelations(ORDER, proposed_state=DONE_OUTSIDE)
    payment = replace(PAID_PAYMENT, work=make_review_work("contradicted"), relations=relations)
    page = QueuePage("review", (QueueItem(payment, explain_payment(payment, NOW), NOW),), None)
    sentences = " ".join(translator(key) for key in ("why.payment_contradicted", "why.payment_outside_waits"))
    assert sentences in "\n".join(cli_text.format_queue_page_lines(page, translator))
    assert cli_json.build_queue_page_json(page, translator)["items"][0]["why"] == sentences


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("verdict", ["ok", "bad"])
def test_doctor_lists_every_failpoint(language: str, verdict: str) -> None:
    translator = Translator()
    translator.language = language
    facts = {"on": "CONSOLE_TIME_SCALE", "failpoints": ", ".join(failpoint_names.ALL_FAILPOINTS)}
    (line,) = cli_text.format_health_check_lines(
        [HealthCheck("switches", verdict == "ok", f"doctor.switches.{verdict}", "", facts)], translator
    )
    assert all(re.search(rf"\b{name}\b", line, re.ASCII) for name in failpoint_names.ALL_FAILPOINTS)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_kind_of_check_has_reason_and_next_step(desk: tuple[Console, list[CheckSample]], language: str) -> None:
    """For a credit check of each kind of sample, the JSON has the reason and the next step, and the text in the
    requested language has no empty value or unfilled placeholder. This is so before and after a run of the due tasks.
    """
    console, samples = desk
    translator = Translator()
    translator.language = language
    for _ in range(2):
        for sample in samples:
            view = console.recovery.read_record("credit-check", str(sample.id))
            text = "\n".join(cli_text.format_record_details_lines(view, translator))
            assert not {"{", "None"} & set(text.split()), text
            encoded = cli_json.build_record_details_json(view, translator)
            assert encoded["next_step"]["text"]
            assert encoded["why"]
        console.recovery.run_all_tasks()


def test_columns_of_a_text_table_are_aligned() -> None:
    """The columns of a text table are aligned, where a Japanese character takes two places. No line has blanks after
    its last column.
    """
    lines = list(cli_text.format_aligned_lines([("a", "与信", "x"), ("bbb", "ok", ""), ("", "", "y")]))
    assert lines == ["a    与信  x", "bbb  ok", "           y"]
    assert list(cli_text.format_aligned_lines([])) == []
    assert list(cli_text.format_aligned_lines([("a\nb", "c")])) == ["a b  c"]


@pytest.mark.parametrize(
    ("language", "values"),
    [
        ("en", ("₹1,200.50", "10 minutes", "1 hour requested by admin-b", "Not set")),
        ("ja", ("₹1,200.50", "10 分", "admin-b が 1 時間を申請中", "未設定")),
    ],
)
def test_limits_are_printed_with_their_units(language: str, values: tuple[str, ...]) -> None:
    """A limit is printed with its code, which `limits set` expects, its name and an amount or a duration, not with
    the stored number of minor units or seconds."""
    translator = Translator()
    translator.language = language
    limits = (
        Limit("per_refund", "INR", 120_050),
        Limit("cooling_off_seconds", "JPY", 600, 3600, "admin-b"),
        Limit("second_checker_above", "JPY", None),
    )
    text = "\n".join(format_limit_list_lines(limits, translator))
    assert all(part in text for part in (*values, *(limit.name for limit in limits))), text
    assert all(number not in text for number in ("120050", "600", "3600")), text
