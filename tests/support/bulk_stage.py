"""Many credit checks whose outcome nobody knows, bought at a vendor in memory that can find them: for bulk runs."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from console.app import Console
from console.domain.bulk.records import ChosenRecord
from console.domain.corporation_number import compute_check_digit
from console.domain.errors import ConsoleError
from console.domain.records import Certainty, CreditCheck, PurchaseRequest, Work, WorkState
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from tests.support.children import Pipe
from tests.support.ledger_vendor import Charge, LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import quick_desk

KIND = credit_checks.CREDIT_CHECK_KIND
A_FEW = 20


def numbers(count: int) -> list[str]:
    """So many corporation numbers with their check digits."""
    bases = (f"{100_000_000_000 + place}" for place in range(count))
    return [compute_check_digit(base) + base for base in bases]


def vendor_of(count: int) -> LedgerVendor:
    """It has sold one check of each number, and can find them."""
    vendor = LedgerVendor(finds=True)
    day = vendor.today()
    vendor.charges = [Charge(place, number, "1", day, None) for place, number in enumerate(numbers(count), 1)]
    return vendor


def unknown_checks(console: Console, count: int) -> list[ChosenRecord]:
    """Their records here, unknown: a few as they come about, many as rows."""
    if count <= A_FEW:
        return _bought_unheard(console, count)
    return unknown_rows(console, numbers(count))


def unknown_rows(console: Console, which: Sequence[str]) -> list[ChosenRecord]:
    """Records of these numbers, in one transaction."""
    now = console._context.now()
    return console.database.write(lambda tx: [_row(tx, number, now) for number in which])


def _bought_unheard(console: Console, count: int) -> list[ChosenRecord]:
    """Bought here and now, the same that the vendor has sold, without an answer."""
    vendor = console._credit_check_adapter
    assert isinstance(vendor, LedgerVendor)
    vendor.charges, vendor.behaviour = [], "silent_after_charge"
    for number in numbers(count):
        with suppress(ConsoleError):
            console.credit_checks.purchase(PurchaseRequest(number, "1"))
    vendor.asked.clear()
    found = sorted(console.recovery.read_queue("unknown", count).items, key=lambda item: item.record.id)
    return [ChosenRecord(KIND, item.record.id, item.record.version) for item in found]


def _row(tx: Transaction, number: str, now: datetime) -> ChosenRecord:
    record_id = credit_checks.insert_pending(tx.conn, "1", number, "", now, None)
    made = credit_checks.find(tx.conn, record_id)
    assert made is not None
    work = credit_checks.make_work_values(Work(WorkState.NEEDS_REVIEW, reason="no_list_call"))
    unknown = {"certainty": Certainty.UNKNOWN.value, "error_code": "read_timeout"}
    credit_checks.change_record(tx.conn, made, now, **unknown, **work)
    return ChosenRecord(KIND, record_id, made.version + 1)


def check(console: Console, record_id: int) -> CreditCheck:
    with console.database.read() as conn:
        found = credit_checks.find(conn, record_id)
    assert found is not None
    return found


def settled(place: Place) -> Counter[int]:
    """How often each credit check was settled as bought."""
    rows = place.sql("SELECT subject_id FROM audit_log WHERE what = 'credit-check.bought'")
    return Counter(int(subject) for (subject,) in rows)


def left_alone(place: Place) -> None:
    """As if the leases of who died had ended by themselves."""
    place.sql("UPDATE leases SET lease_expires = 0")


def run_in_child(pipe: Pipe, folder: Path, told: dict[str, str], count: int, run_id: int) -> None:
    """Continue the bulk run in a process of its own, and send its state and count of done rows through the pipe."""
    with quick_desk(folder, vendor_of(count), None, **told) as console:
        done = console.bulk.run(run_id)
        pipe.send((done.state, done.done))
