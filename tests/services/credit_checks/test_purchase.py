"""Tests of purchases of one credit check: each outcome is compared with the sandbox's ledger."""

from datetime import timedelta
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, Person, PurchaseRequest
from console.sandbox.server import Sandbox
from tests.support.desks import CORPORATION_NUMBERS, MovedClock, open_desk
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]


def buy_check(
    console: Console, number: str = CORPORATION_NUMBER, client: str = "1", *, renew: bool = False
) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, client, renew=renew))


def read_purchase_error(
    console: Console, number: str = CORPORATION_NUMBER, client: str = "1", *, renew: bool = False
) -> ConsoleError:
    """Try the purchase for this corporation number, which must be refused, and return the error."""
    return call_for_refusal(lambda: buy_check(console, number, client, renew=renew))


def read_single_record(console: Console, number: str = CORPORATION_NUMBER) -> CreditCheck:
    """Return the only record of the corporation number."""
    (record,) = console.lookup.find_records(number).credit_checks
    return record


def test_a_purchase_is_recorded_completely(console: Console, sandbox: Sandbox) -> None:
    """A purchase makes one charge, and its record has name, result, dates and a stored PDF."""
    record = buy_check(console)
    assert (record.state, record.certainty, record.incomplete) == ("success", "known", ())
    assert console.credit_checks.read_pdf(record.id).startswith(b"%PDF-")
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


def test_a_live_row_is_refused_with_the_record(console: Console, sandbox: Sandbox) -> None:
    """While a credit check of a number is live, a second purchase of the number is refused. The error contains the
    first record, and no call is sent.
    """
    first = buy_check(console)
    error = read_purchase_error(console, "T" + CORPORATION_NUMBER)
    assert (error.code, error.exit_status) == ("already_purchased", 3)
    assert error.detail["record"] == first
    assert len(sandbox.control.read_requests(call="purchase")) == 1
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


def test_another_client_may_buy_the_same_number(console: Console, sandbox: Sandbox) -> None:
    """Two clients can buy the same number, because a claim belongs to one client."""
    buy_check(console)
    buy_check(console, client="2")
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 2


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("status:400", "provider_refused", 5),
        ("status:422", "provider_refused", 5),
        ("status:403", "provider_refused", 5),
        ("status:404", "provider_refused", 5),
        ("status:429", "rate_limited", 5),
    ],
)
def test_a_refused_purchase_frees_the_number(
    console: Console, sandbox: Sandbox, fault: str, code: str, status: int
) -> None:
    """If AlarmBox refuses the purchase, the record is a known error, and the number can be bought again."""
    sandbox.control.add_fault(fault, call="purchase", number=CORPORATION_NUMBER)
    error = read_purchase_error(console)
    assert (error.code, error.exit_status) == (code, status)
    record = error.detail["record"]
    assert isinstance(record, CreditCheck)
    assert (record.state, record.certainty) == ("error", "known")
    assert buy_check(console).state == "success"
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


@pytest.mark.parametrize(
    "fault",
    ["hang_after_charge", "status:500", "status:503", "status_after_charge:500", "reset_after_charge", "truncate",
     "malformed", "stored", "html", "redirect", "other_number", "status:418"],
)  # fmt: skip
def test_a_purchase_without_a_usable_answer_is_unknown_and_keeps_its_claim(
    console: Console, sandbox: Sandbox, fault: str
) -> None:
    """A purchase without a usable answer may have been charged: its outcome is unknown, it holds its claim, and it
    isn't sent again.
    """
    sandbox.control.add_fault(fault, call="purchase", number=CORPORATION_NUMBER)
    error = read_purchase_error(console)
    assert (error.code, error.exit_status) == ("outcome_unknown", 4)
    record = read_single_record(console)
    assert (record.state, record.certainty, record.work.state) == ("pending", "unknown", "needs_review")
    assert read_purchase_error(console).code == "already_purchased"
    assert len(sandbox.control.read_requests(call="purchase")) == 1
    assert sandbox.control.count_charges(CORPORATION_NUMBER) <= 1
    assert console.credit_checks.read_credit_check(record.id).explanation.next_step.command


def test_an_unsent_purchase_frees_the_number(console: Console, sandbox: Sandbox) -> None:
    """A purchase that couldn't be sent is a known error (exit status 6), and the number can be bought again."""
    buy_check(console, CORPORATION_NUMBERS[1])
    sandbox.begin_outage(60)
    error = read_purchase_error(console)
    sandbox.begin_outage(None)
    assert (error.code, error.exit_status) == ("provider_unreachable", 6)
    assert read_single_record(console).state == "error"
    assert buy_check(console).state == "success"


def test_an_invalid_number_writes_nothing(console: Console, sandbox: Sandbox) -> None:
    """A number with a wrong check digit is refused before anything is written; the error names a known number that
    differs by one digit. An invalid client id is refused, too.
    """
    buy_check(console)
    error = read_purchase_error(console, "2180301018771")
    assert (error.code, error.detail["reason"]) == ("invalid_corporation_number", "CHECK_DIGIT")
    assert error.detail["candidates"] == [CORPORATION_NUMBER]
    assert read_purchase_error(console, CORPORATION_NUMBERS[1], "0").code == "unknown_client"
    assert sandbox.control.read_ledger()["total"] == 1


def test_a_purchase_with_an_unreadable_pdf_is_incomplete(console: Console, sandbox: Sandbox) -> None:
    """A purchase whose PDF can't be read is a success. The record lists the PDF as missing, and a later re-fetch
    reads it.
    """
    sandbox.control.add_fault("pdf_missing", call="pdf", times="always")
    record = buy_check(console)
    assert (record.state, record.incomplete, record.work.state) == ("success", ("pdf",), "scheduled")
    assert [item.record.id for item in console.recovery.read_queue("incomplete").items] == [record.id]
    sandbox.control.clear_faults()
    assert console.credit_checks.refetch(record.id).record.incomplete == ()
    assert console.credit_checks.read_pdf(record.id).startswith(b"%PDF-")


def let_days_pass(days: int, sandbox: Sandbox, clock: MovedClock, place: Place) -> None:
    """Move the desk's clock, AlarmBox's day and the times of the leases forward by this number of days."""
    clock.offset = timedelta(days=days)
    place.move_lease_clock(clock.offset)
    sandbox.control.change_settings(today=clock.now().date().isoformat())


def test_a_renewal_before_the_expiry_is_refused(
    console: Console, sandbox: Sandbox, clock: MovedClock, place: Place
) -> None:
    """A renewal of a credit check before its expiry is refused; after the expiry, the renewal supersedes the earlier
    record.
    """
    old = buy_check(console)
    assert read_purchase_error(console, renew=True).code == "not_expired"
    let_days_pass(400, sandbox, clock, place)
    new = buy_check(console, renew=True)
    history = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert [record.id for record in history] == [new.id, old.id]
    assert history[1].superseded_by == new.id
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 2


def test_a_failed_renewal_restores_the_old_record(
    console: Console, sandbox: Sandbox, clock: MovedClock, place: Place
) -> None:
    """AlarmBox refuses a renewal: the earlier credit check stays live."""
    old = buy_check(console)
    let_days_pass(400, sandbox, clock, place)
    sandbox.control.add_fault("status:400", call="purchase", number=CORPORATION_NUMBER)
    assert read_purchase_error(console, renew=True).code == "provider_refused"
    newest, oldest = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert newest.state == "error"
    assert (oldest.id, oldest.superseded_by, oldest.is_live) == (old.id, None, True)


def test_a_purchase_without_an_operator_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    """If no person is named in the settings, a purchase is refused with `no_operator`, but a lookup works."""
    with open_desk(tmp_path, sandbox, OPERATOR="") as console:
        assert read_purchase_error(console).code == "no_operator"
        assert console.lookup.find_records(CORPORATION_NUMBER).credit_checks == ()


def test_another_store_key_is_refused_before_sending(place: Place, sandbox: Sandbox) -> None:
    """A desk whose store key differs from the database's is refused before it sends a call."""
    with place.open_desk(sandbox) as console:
        buy_check(console)
    with place.open_desk(sandbox, SECRET_STORE_KEY="another-store-key-here") as other:
        assert read_purchase_error(other, CORPORATION_NUMBERS[1]).code == "bad_profile"
    assert sandbox.control.read_ledger()["total"] == 1


def test_a_row_of_another_application_holds_the_claim(console: Console, sandbox: Sandbox, place: Place) -> None:
    """The other application inserted a row with the original columns, with the number in full width and with hyphens.
    The row prevents a second purchase of that number.
    """
    row = "(client_id, corporation_number) VALUES (1, '１-1803-0101 8771')"
    place.sql(f"INSERT INTO hansha_alarmbox_credit_checks {row}")
    error = read_purchase_error(console)
    record = error.detail["record"]
    assert isinstance(record, CreditCheck)
    assert (error.code, record.work.state, record.work.reason) == (
        "already_purchased",
        "needs_review",
        "written_by_other",
    )
    assert sandbox.control.read_ledger()["total"] == 0


def test_a_vanished_claim_is_still_refused(console: Console, sandbox: Sandbox, place: Place) -> None:
    """The database has lost a purchase, but the desk's spool still has its claim: a second purchase is refused. A
    probe of the operation restores the record.
    """
    record = buy_check(console)
    place.sql(f"DELETE FROM hansha_alarmbox_credit_checks WHERE id = {record.id}")
    error = read_purchase_error(console)
    assert (error.code, error.detail["source"]) == ("already_purchased", "desk")
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1
    restored = console.recovery.probe("operation", str(error.detail["operation_id"]))
    assert isinstance(restored, CreditCheck)
    assert (restored.state, restored.credit_check_id) == ("success", record.credit_check_id)


def test_a_person_named_worker_is_not_the_worker(tmp_path: Path, sandbox: Sandbox) -> None:
    """A person with the name `worker` has no rights of the worker process: the person has every role while the
    database has no operators, and no role once it has some.
    """
    with open_desk(tmp_path, sandbox, OPERATOR="worker") as console:
        record = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        console.people.add_person(Person("op-a", frozenset({"operator"}), may_buy=True))
        for act in (console.credit_checks.refetch, console.credit_checks.probe):
            with pytest.raises(ConsoleError, match="not_allowed"):
                act(record.id)
        with pytest.raises(ConsoleError, match="not_allowed"):
            console.lookup.find_records(CORPORATION_NUMBER)
        assert console.recovery.run_all_tasks()
