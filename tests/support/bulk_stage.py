"""Many credit checks with an unknown outcome, for tests of bulk runs. A simulated provider in memory has sold these
checks and can find them.
"""

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
from tests.support.in_memory_alarmbox import Charge, InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import open_quick_desk

CHECK_KIND = credit_checks.CREDIT_CHECK_KIND
MAX_REAL_PURCHASES = 20


def make_corporation_numbers(count: int) -> list[str]:
    """Return `count` corporation numbers with valid check digits."""
    bases = (f"{100_000_000_000 + place}" for place in range(count))
    return [compute_check_digit(base) + base for base in bases]


def make_alarmbox(count: int) -> InMemoryAlarmBox:
    """Return a provider in memory that has sold one credit check for each number of
    `make_corporation_numbers(count)`, and can find these checks.
    """
    alarmbox = InMemoryAlarmBox(lists_purchases=True)
    day = alarmbox.today()
    alarmbox.charges = [
        Charge(place, number, "1", day, None) for place, number in enumerate(make_corporation_numbers(count), 1)
    ]
    return alarmbox


def make_unknown_checks(console: Console, count: int) -> list[ChosenRecord]:
    """Store `count` credit checks with an unknown outcome, and return them. Up to MAX_REAL_PURCHASES checks are
    bought; a larger number is inserted as rows.
    """
    if count <= MAX_REAL_PURCHASES:
        return _buy_without_answer(console, count)
    return insert_unknown_checks(console, make_corporation_numbers(count))


def insert_unknown_checks(console: Console, numbers: Sequence[str]) -> list[ChosenRecord]:
    """Insert credit checks of these corporation numbers with an unknown outcome, in one transaction, and
    return them.
    """
    now = console._context.now()
    return console.database.write(lambda tx: [_insert_unknown_check(tx, number, now) for number in numbers])


def _buy_without_answer(console: Console, count: int) -> list[ChosenRecord]:
    """Buy `count` credit checks from the provider in memory, which charges them but doesn't answer. Return the credit
    checks.
    """
    alarmbox = console._credit_check_adapter
    assert isinstance(alarmbox, InMemoryAlarmBox)
    alarmbox.charges, alarmbox.behaviour = [], "silent_after_charge"
    for number in make_corporation_numbers(count):
        with suppress(ConsoleError):
            console.credit_checks.purchase(PurchaseRequest(number, "1"))
    alarmbox.call_counts.clear()
    items = sorted(console.recovery.read_queue("unknown", count).items, key=lambda item: item.record.id)
    return [ChosenRecord(CHECK_KIND, item.record.id, item.record.version) for item in items]


def _insert_unknown_check(tx: Transaction, number: str, now: datetime) -> ChosenRecord:
    record_id = credit_checks.insert_pending_check(tx.conn, "1", number, "", now, None)
    made = credit_checks.find(tx.conn, record_id)
    assert made is not None
    work = credit_checks.make_work_values(Work(WorkState.NEEDS_REVIEW, reason="no_list_call"))
    unknown = {"certainty": Certainty.UNKNOWN.value, "error_code": "read_timeout"}
    credit_checks.change_record(tx.conn, made, now, **unknown, **work)
    return ChosenRecord(CHECK_KIND, record_id, made.version + 1)


def read_check(console: Console, record_id: int) -> CreditCheck:
    """Read a credit check."""
    with console.database.read() as conn:
        record = credit_checks.find(conn, record_id)
    assert record is not None
    return record


def count_bought_entries(place: Place) -> Counter[int]:
    """Return the number of audit entries that state the purchase of a credit check, by credit check id."""
    rows = place.sql("SELECT subject_id FROM audit_log WHERE what = 'credit-check.bought'")
    return Counter(int(subject) for (subject,) in rows)


def expire_all_leases(place: Place) -> None:
    """Let all leases expire, as they do after their processes have crashed."""
    place.sql("UPDATE leases SET lease_expires = 0")


def continue_run_in_child(pipe: Pipe, folder: Path, environment: dict[str, str], count: int, run_id: int) -> None:
    """Continue the bulk run of `count` records in a process of its own, and send the run's state and its number of
    done rows through the pipe. `folder` is the desk's home folder, `environment` has its settings without their
    prefix `CONSOLE_`.
    """
    with open_quick_desk(folder, make_alarmbox(count), None, **environment) as console:
        done = console.bulk_runs.run(run_id)
        pipe.send((done.state, done.done))
