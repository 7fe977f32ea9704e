"""The command `reconcile` at the terminal: the counts and cases in JSON and as text, and every refusal."""

import signal
from pathlib import Path

import pytest

from console.app import open_console
from console.sandbox.server import Sandbox
from console.services.payment_intake.daily_files import DailyFileStore
from console.settings.settings import Settings
from console.store.payments.events import PaymentEvent
from tests.cli.paying_terminal import PayingTerminal
from tests.support.payment_desks import PaymentDesk
from tests.support.places import SqlitePlace
from tests.support.reconciled_day import ReconciledDay

REPORT_FIELDS = {"matched", "imported", "missing_there", "different_state", "different_amount", "cases"}


def make_day_with_differences(
    paying_terminal: PayingTerminal, tmp_path: Path, sandbox: Sandbox, *, is_file_announced: bool = True
) -> str:
    """Create a day with one payment that only the provider has and one that only this database has. With
    `is_file_announced`, a notice has announced the provider's daily file of the day. Return the day in ISO form.
    """
    place = SqlitePlace(tmp_path)
    place.file = paying_terminal.home / "console.db"
    with open_console(Settings.load(paying_terminal.env)) as console:
        scene = PaymentDesk(place, console, sandbox)
        days = ReconciledDay(scene)
        days.add_provider_payment("ORD-theirs", 500)
        days.insert_our_payment("ORD-ours", 700)
        if is_file_announced:
            days.announce_file()
        scene.close()
    return days.day.isoformat()


def test_a_reconciliation_prints_counts_and_lists_cases(
    paying_terminal: PayingTerminal, tmp_path: Path, sandbox: Sandbox
) -> None:
    """A reconciliation prints the promised counts. Its cases are the same as those of `alerts list`. A second run
    prints the same result.
    """
    day = make_day_with_differences(paying_terminal, tmp_path, sandbox)
    words = ("reconcile", "paypay", "--from", day, "--to", day)
    dry = paying_terminal.json(*words, "--dry-run").data
    assert (dry["imported"], dry["missing_there"], dry["cases"], dry["dry_run"]) == (1, 1, [], True)
    answer = paying_terminal.json(*words).data
    assert set(answer) >= REPORT_FIELDS
    assert [answer[name] for name in ("matched", "imported", "missing_there")] == [0, 1, 1]
    (case,) = answer["cases"]
    assert set(case) >= {
        "id", "order_no", "rule_id", "observed", "expected", "detected_at", "resolved_at", "acknowledged_by",
    }  # fmt: skip
    assert (case["rule_id"], case["resolved_at"]) == ("reconcile_missing_there", None)
    again = paying_terminal.json(*words).data
    assert [again[name] for name in ("matched", "imported", "missing_there")] == [1, 0, 1]
    assert [one["id"] for one in again["cases"]] == [case["id"]]
    listed = paying_terminal.json("alerts", "list").data["alerts"]
    assert case["id"] in {one["id"] for one in listed}


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--request-id", "one")])
def test_an_interrupted_reconciliation_prints_no_counts(
    paying_terminal: PayingTerminal,
    tmp_path: Path,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
) -> None:
    """A reconciliation that is interrupted exits with 6 and prints no counts; the next one continues and prints the
    complete counts.
    """
    day = make_day_with_differences(paying_terminal, tmp_path, sandbox)
    words = ("reconcile", "paypay", "--from", day, "--to", day, *more)
    plain = DailyFileStore.download_file

    def read_and_interrupt(self: DailyFileStore, event: PaymentEvent) -> bytes:
        content = plain(self, event)
        signal.raise_signal(signal.SIGINT)
        return content

    with monkeypatch.context() as patched:
        patched.setattr(DailyFileStore, "download_file", read_and_interrupt)
        assert paying_terminal.json(*words).exit_status_and_code == (6, "interrupted")
    answer = paying_terminal.json(*words).data
    assert [answer[name] for name in ("matched", "imported", "missing_there")] == [0, 1, 1]
    assert "duplicate" not in answer


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_reconciliation_is_printed_with_its_differences(
    paying_terminal: PayingTerminal, tmp_path: Path, sandbox: Sandbox, language: str
) -> None:
    """Without `--json`, `reconcile` prints the counts, each difference, and the differences that a person must look
    into.
    """
    day = make_day_with_differences(paying_terminal, tmp_path, sandbox)
    ending = paying_terminal("reconcile", "paypay", "--from", day, "--to", day, LANGUAGE=language)
    lines = ending.out.decode().splitlines()
    assert ending.status == 0
    assert len(lines) == 4
    assert "queue review" in lines[-1]


def test_a_day_without_an_announced_file_is_reported(
    paying_terminal: PayingTerminal, tmp_path: Path, sandbox: Sandbox
) -> None:
    """For a day without an announced daily file, `reconcile` exits with 4 and `outcome_unknown`; the message names
    the day and the next step.
    """
    day = make_day_with_differences(paying_terminal, tmp_path, sandbox, is_file_announced=False)
    ending = paying_terminal.json("reconcile", "paypay", "--from", day, "--to", day)
    assert ending.exit_status_and_code == (4, "outcome_unknown")
    assert day in ending.error["message"]
    assert "send it again" in ending.error["message"]


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("paypay",), (2, "usage")),
        (("paypay", "--from", "2026-11-19"), (2, "usage")),
        (("paypay", "--from", "x", "--to", "2026-11-19"), (2, "usage")),
        (("paypay", "--from", "", "--to", "2026-11-19"), (2, "usage")),
        (("paypay", "--from", "2020-01-02", "--to", "2020-01-01"), (2, "usage")),
        (("paypay", "--from", "2020-01-01", "--to", "9999-12-31"), (2, "usage")),
        (("stripe", "--from", "2020-01-01", "--to", "2020-01-01"), (2, "not_found")),
    ],
)
def test_invalid_arguments_are_refused(
    paying_terminal: PayingTerminal, words: tuple[str, ...], refusal: tuple[int, str]
) -> None:
    """`reconcile` refuses missing or malformed dates, a wrong period and an unknown provider."""
    assert paying_terminal.json("reconcile", *words).exit_status_and_code == refusal


def test_an_auditor_may_not_reconcile(paying_terminal: PayingTerminal, tmp_path: Path, sandbox: Sandbox) -> None:
    """An auditor may not reconcile, because that books payments; an operator may make a dry run."""
    day = make_day_with_differences(paying_terminal, tmp_path, sandbox)
    place = SqlitePlace(tmp_path)
    place.file = paying_terminal.home / "console.db"
    place.sql("INSERT INTO operators (name, roles, may_buy) VALUES ('aud-e', 'auditor', 0), ('op-a', 'operator', 0)")
    words = ("reconcile", "paypay", "--from", day, "--to", day)
    assert paying_terminal.json(*words, OPERATOR="aud-e").exit_status_and_code == (3, "not_allowed")
    assert paying_terminal.json(*words, "--dry-run", OPERATOR="op-a").status == 0
