"""A desk in team mode reads through database views, and shows the same data as a desk of a person who isn't in team
mode.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from console.app import Console, open_console
from console.cli.servers.demo import SAMPLE_SEED, render_sample_report_pdf
from console.demo.samples import generate_credit_checks, generate_payments, write_samples
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError
from console.domain.payments.records import mask_payer
from console.sandbox.alarmbox import companies
from console.sandbox.server import Sandbox
from console.settings.settings import load_settings
from tests.support import payment_desks
from tests.support.desks import MovedClock
from tests.support.places import Place, ServerPlace
from tests.support.team_mode import end_team_mode, keep_executing_desk_requests, start_team_mode, use_team_mode

QUEUE_NAMES = ("pending", "error", "incomplete", "unknown", "review", "refunds")
TABLE_BY_KIND = {
    "credit-check": "hansha_alarmbox_credit_checks",
    "payment": "payments",
    "order": "orders",
    "refund": "refunds",
    "operation": "operations",
}
_VARYING_FACT_PATTERN = re.compile(r"\b(handle|url|file|bytes|sha256|files)=('[^']*'|None|[0-9]+)")
"""Pattern of the facts that only payers may use, such as the URL of a payment, and of the facts about a file that
contains the time of its writing.
"""
_OPENED_RECORD_COUNT = 3
"""Number of records of each kind that the test opens: fewer than AUDIT_ENTRIES_PER_WRITE in all, so that their audit
entries are not written before the test has read the trail.
"""


@pytest.fixture
def place_with_records(place: Place, clock: MovedClock) -> Place:
    """Return a database with invented records of every kind, which the schema account has written."""
    assert isinstance(place, ServerPlace)
    settings = place.make_environment("http://127.0.0.1:9") | {
        "CONSOLE_DATABASE_URL": place.database._team.owner,
        "CONSOLE_OPERATOR": "",
    }
    with open_console(load_settings(settings), clock) as owner:
        samples = generate_credit_checks(
            SAMPLE_SEED,
            clock.now(),
            lambda number: (companies.make_company_name(number), companies.get_credit_verdict(number)),
            80,
        )
        write_samples(
            owner._context,
            samples,
            (),
            render_sample_report_pdf,
            generate_payments(SAMPLE_SEED, clock.now(), samples, 30),
        )
    return place


def read_everything(place: Place, desk: Console, folder: Path) -> Iterator[tuple[str, object]]:
    """Yield everything that the screens read, as pairs: the name of the reading and its result."""
    yield from (("queue " + name, desk.recovery.read_queue(name, 500)) for name in QUEUE_NAMES)
    yield "counts", desk.recovery.count_queued_records()
    yield "unfinished", desk.recovery.list_unfinished_operations()
    yield "takes", desk.recovery.list_takes()
    yield "inbox", desk.refunds.read_inbox()
    yield "proposals", desk.recovery.list_proposals()
    yield "set aside", desk.payments.list_set_asides()
    yield (
        "alerts",
        (
            desk.alerts.list_alerts(),
            desk.alerts.list_open_alert_items(),
            desk.alerts.count_unacknowledged_alerts(),
            desk.alerts.find_database_rollback(),
        ),
    )
    yield "reconciliations", desk.reconciliation.list_latest_reports()
    yield "people", (desk.people.read_acting_person(), desk.people.list_enabled_people())
    yield "audit", desk.audit.list_entries(1_000)
    for number in place.sql("SELECT DISTINCT corporation_number FROM payments ORDER BY 1 LIMIT 5"):
        yield f"lookup {number[0]}", desk.lookup.find_records(str(number[0]))
    for typed in ("ORD", "11", "架空", "株"):
        yield f"search {typed}", desk.lookup.search(typed)
    for kind, table in TABLE_BY_KIND.items():
        for (id,) in place.sql(f"SELECT id FROM {table} ORDER BY id LIMIT {_OPENED_RECORD_COUNT}"):
            yield f"{kind} {id}", desk.recovery.read_record(kind, id)
            yield f"story {kind} {id}", desk.recovery.read_timeline(kind, id).as_text("en")
            if kind != "operation":
                yield f"choices {kind} {id}", desk.recovery.find_choices(kind, id)
    ((paid,),) = place.sql("SELECT MAX(payment_id) FROM refunds")
    yield "pack", desk.recovery.write_evidence_pack("payment", paid, folder / "pack.zip")


def read_everything_as_text(place: Place, desk: Console, folder: Path) -> dict[str, str]:
    """Return the results of `read_everything` as texts, by the name of each reading. Payers are masked. Facts that
    vary, or that only the payer may use, such as the URL of a payment page, are replaced by a placeholder.
    """
    folder.mkdir()
    payers = [str(payer) for (payer,) in place.sql("SELECT DISTINCT payer_ref FROM payments WHERE payer_ref <> ''")]
    text_by_name = {}
    for name, value in read_everything(place, desk, folder):
        text = repr(value)
        for payer in payers:
            text = text.replace(payer, str(mask_payer(payer)))
        text_by_name[name] = _VARYING_FACT_PATTERN.sub(r"\1=…", text)
    return text_by_name


def test_a_desk_in_team_mode_reads_the_first_close_of_another_person(
    place_with_records: Place, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> None:
    """The daily close of a day that another person has closed names this person and the time. The list of audit
    entries still has only the entries of the person who reads.
    """
    place, day = place_with_records, (clock.now().astimezone(JST) - timedelta(days=1)).date()
    assert isinstance(place, ServerPlace)
    end_team_mode(place, "op-a")
    with place.open_desk(sandbox, clock) as writer:
        writer.daily_closes.write("paypay", day, tmp_path / "first.xlsx", "en")
    with use_team_mode(place, "lead-b"), place.open_desk(sandbox, clock, person="lead-b", desk=2) as desk:
        close = desk.reports.read_daily_close("paypay", day)
        assert close.first_close is not None
        assert close.first_close.person == place.get_account_name("op-a")
        assert (close.first_close.is_comparable, close.changes) == (True, ())
        assert {entry.who for entry in desk.audit.list_entries(1_000)} <= {place.get_account_name("lead-b")}


def test_a_desk_in_team_mode_reads_the_same_data(
    place_with_records: Place, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> None:
    """Each reading of a desk in team mode gives the same text as at a desk that isn't in team mode."""
    clock.stop()
    end_team_mode(place_with_records, "op-a")
    with place_with_records.open_desk(sandbox, clock, desk=1, **payment_desks.make_settings(sandbox.url)) as desk:
        desk.require_own_merchants()  # the first desk to do so leaves a trail entry of its person
    place_with_records.drop_table_triggers("audit_log")
    ((newest,),) = place_with_records.sql("SELECT MAX(id) FROM audit_log")
    with place_with_records.open_desk(sandbox, clock, desk=1, **payment_desks.make_settings(sandbox.url)) as desk:
        acting = read_everything_as_text(place_with_records, desk, tmp_path / "acting")
    place_with_records.sql(f"DELETE FROM audit_log WHERE id > {newest}")  # what the first one has opened
    start_team_mode(place_with_records, "op-a")
    with (
        place_with_records.open_desk(sandbox, clock, person="worker", desk=3) as worker,
        keep_executing_desk_requests(worker),
        place_with_records.open_desk(sandbox, clock, desk=2) as desk,
    ):
        asking = read_everything_as_text(place_with_records, desk, tmp_path / "asking")
    assert len(acting) > 60
    assert {name: text for name, text in asking.items() if text != acting[name]} == {}


def test_the_trail_is_verified_by_the_worker(place: Place, sandbox: Sandbox) -> None:
    """An operator in team mode cannot read the whole audit trail, so a worker verifies it for the operator. Without a
    worker the verification is refused.
    """
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, person="worker", desk=1) as worker, place.open_desk(sandbox, desk=2) as desk:
        with keep_executing_desk_requests(worker):
            rows = desk.audit.verify_chains()
            assert rows > 0
        with pytest.raises(ConsoleError) as away:
            desk.audit.verify_chains()
        assert away.value.code == "worker_away"
