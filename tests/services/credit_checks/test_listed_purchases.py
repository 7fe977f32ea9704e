"""Tests of AlarmBox's list of purchases, which settles an unknown purchase only if the listed purchase can belong to
no other record.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event, get_ident
from typing import Any

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, CheckReport, CheckState, CreditCheck, PurchaseRequest
from console.services.credit_checks import outcomes
from console.store.database.engine import Transaction
from console.store.operations import leases
from console.wording.sentences.catalogue import format_error_message
from tests.support.in_memory_alarmbox import Behaviour, Charge, InMemoryAlarmBox, LedgerReader
from tests.support.invented import invent_numbers
from tests.support.lost_operations import store_lost_operations
from tests.support.places import CHECKS_TABLE, Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal
from tests.support.waiting import MAX_WAIT_SECONDS

(CORPORATION_NUMBER,) = invent_numbers(1)


@dataclass
class ListingAlarmBox(InMemoryAlarmBox):
    """A simulated AlarmBox with a list of purchases. The list has no day for the ids in `undated_ids`, and lacks the
    ids in `hidden_ids`. With `is_cached`, a cache returns an old list instead.
    """

    lists_purchases: bool = True
    undated_ids: set[int] = field(default_factory=set)
    hidden_ids: set[int] = field(default_factory=set)
    is_cached: bool = False

    def make_reader(self) -> LedgerReader:
        if self.is_cached:
            return CachedReader(self)
        whole = replace(self, charges=[charge for charge in self.charges if charge.id not in self.hidden_ids])
        return LedgerReader(whole if self.hidden_ids else self)

    def report_charge(self, charge: Charge) -> CheckReport:
        report = super().report_charge(charge)
        return replace(report, purchase_date=None) if charge.id in self.undated_ids else report


class CachedReader(LedgerReader):
    """A reader of AlarmBox's list of purchases whose answers are always marked as old, as if a cache had stored them
    before.
    """

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        return replace(
            super().find_purchases(corporation_number), kind=OutcomeClass.UNKNOWN, reason="old_answer", content=None
        )


@pytest.fixture
def listing_alarmbox(hand_clock: ManualClock, alarmbox: InMemoryAlarmBox) -> ListingAlarmBox:
    """A simulated AlarmBox that offers a list of purchases and whose day follows the test's clock."""
    return ListingAlarmBox(today=alarmbox.today)


@pytest.fixture
def console(place: Place, listing_alarmbox: ListingAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    with place.desk(listing_alarmbox, hand_clock) as desk:
        yield desk


def buy_with_unknown_outcome(
    console: Console, alarmbox: ListingAlarmBox, client: str, behaviour: Behaviour
) -> CreditCheck:
    """Buy CORPORATION_NUMBER for the client while the simulated AlarmBox has this behaviour. Return the record, whose
    outcome is unknown.
    """
    alarmbox.behaviour = behaviour
    record = call_for_refusal(
        lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, client))
    ).detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def read_probe_refusal(console: Console, record: CreditCheck) -> tuple[str, object]:
    """Probe the purchase, which must be refused and stay unknown. Return the code and the reason of the error."""
    error = call_for_refusal(lambda: console.recovery.probe("credit-check", record.id))
    assert console.credit_checks.read_credit_check(record.id).record.certainty is Certainty.UNKNOWN
    return error.code, error.detail.get("reason")


def delete_purchase(place: Place, record: CreditCheck) -> None:
    """Delete the record and its operation from the database, as restoring an older backup would do."""
    place.sql(
        f"DELETE FROM {CHECKS_TABLE} WHERE id = {record.id}", f"DELETE FROM operations WHERE subject_id = {record.id}"
    )


def test_the_only_listed_purchase_settles_the_only_unknown_purchase(
    console: Console, listing_alarmbox: ListingAlarmBox
) -> None:
    """There is one unknown purchase and one listed purchase: a probe settles the unknown purchase with the listed
    id.
    """
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    settled = console.recovery.probe("credit-check", record.id)
    assert isinstance(settled, CreditCheck)
    assert (settled.certainty, settled.credit_check_id) == (Certainty.KNOWN, 1)


def test_a_lost_purchase_of_another_client_may_have_the_listed_id(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """The database has lost client 1's purchase, and only the desk's spool still has it. The listed purchase may be
    client 1's, so a probe doesn't settle client 2's purchase with it.
    """
    delete_purchase(place, buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge"))
    second = buy_with_unknown_outcome(console, listing_alarmbox, "2", "silent_before_charge")
    assert read_probe_refusal(console, second) == ("outcome_unknown", "several_wait")


def test_a_lost_purchase_with_a_known_id_has_the_listed_id(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """The database has lost client 1's purchase, but the desk's spool has its AlarmBox id, which is the listed one.
    So a probe doesn't settle client 2's purchase with the listed id.
    """
    delete_purchase(place, console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
    second = buy_with_unknown_outcome(console, listing_alarmbox, "2", "silent_before_charge")
    assert read_probe_refusal(console, second) == ("outcome_unknown", "several_wait")


def test_another_applications_purchase_may_have_the_listed_id(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """A row of another application has no AlarmBox id and may be the listed purchase. So the list doesn't settle our
    unknown purchase.
    """
    second = buy_with_unknown_outcome(console, listing_alarmbox, "2", "silent_after_charge")
    place.sql(f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number) VALUES (3, '{CORPORATION_NUMBER}')")
    assert read_probe_refusal(console, second) == ("outcome_unknown", "several_wait")


def test_a_listed_purchase_without_a_day_makes_the_list_ambiguous(
    console: Console, listing_alarmbox: ListingAlarmBox
) -> None:
    """The list has our unknown purchase and one that a person made on AlarmBox's own page today. Ours, or both
    purchases, are listed without a day: either may be ours, so the purchase stays unknown.
    """
    listing_alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "", listing_alarmbox.today(), None))
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    listing_alarmbox.undated_ids = {2}
    assert read_probe_refusal(console, record) == ("outcome_unknown", "several_found")
    listing_alarmbox.undated_ids = {1, 2}
    assert read_probe_refusal(console, record) == ("outcome_unknown", "several_found")


def test_a_single_listed_purchase_without_a_day_proves_nothing(
    console: Console, listing_alarmbox: ListingAlarmBox
) -> None:
    """AlarmBox's list has a single purchase without a day, which may be from last year, so a probe leaves the
    purchase unknown.
    """
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    listing_alarmbox.undated_ids = {1}
    assert read_probe_refusal(console, record) == ("outcome_unknown", "undated_found")


@pytest.mark.engines("sqlite")
def test_a_listed_purchase_contradicts_a_concurrent_refusal(
    console: Console, listing_alarmbox: ListingAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the probe reads the list, a late answer arrives: AlarmBox has refused the purchase. But the list has the
    purchase, so a person must look before the corporation is bought again.
    """
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    refused: Outcome[CheckReport] = Outcome(OutcomeClass.FAILED_DEFINITE, "refused", SendingCertainty.YES, status=400)
    listed = LedgerReader.find_purchases

    def deliver_refusal_and_list(reader: LedgerReader, number: str) -> Outcome[tuple[CheckReport, ...]]:
        """Deliver the refusal after the list was read, and return the list."""
        answer = listed(reader, number)
        assert console._action_builders.credit_checks.purchases.deliver_outcome(record.operation_id or "", refused)
        return answer

    with monkeypatch.context() as racing:
        racing.setattr(LedgerReader, "find_purchases", deliver_refusal_and_list)
        decided = console.recovery.probe("credit-check", record.id)
    assert isinstance(decided, CreditCheck)
    assert (decided.state, decided.certainty) == (CheckState.ERROR, Certainty.KNOWN)
    assert decided.work.reason == "contradicted"


def deny_purchase(console: Console, kind: str, record_id: object) -> object:
    """Decide as a person that the purchase was not made; `kind` and `record_id` name the record, or the operation,
    about which the person decides. Return the step that the decision still waits for, such as `second_person`.
    """
    return console.recovery.resolve(kind, str(record_id), "error", "their screen shows nothing").awaiting


def test_a_listed_purchase_prevents_a_denial(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """AlarmBox lists a purchase that belongs to no record. Neither of two people can then decide that the unknown
    purchase was not made, because the corporation would be bought again. A probe settles the purchase.
    """
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_before_charge")
    assert deny_purchase(console, "credit-check", record.id) == "second_person"
    listing_alarmbox.charges.append(
        Charge(1, CORPORATION_NUMBER, "1", listing_alarmbox.today(), record.id)
    )  # it was only late
    with place.open_console_of_person(console, "lead-b") as other:
        for desk in (console, other):
            refused = call_for_refusal(lambda desk=desk: deny_purchase(desk, "credit-check", record.id))
            assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "listed_purchase")
            assert "listed_purchase" not in format_error_message(refused, "en") + format_error_message(refused, "ja")
    settled = console.recovery.probe("credit-check", record.id)
    assert isinstance(settled, CreditCheck)
    assert (settled.state, settled.credit_check_id) == (CheckState.SUCCESS, 1)


def test_a_cached_list_of_purchases_permits_no_denial(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """A cache returns a list that it stored before the purchase: neither person can decide that the purchase was not
    made. After a denial with the present list, an old list stops the next purchase.
    """
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_before_charge")

    def require_refusal(desk: Console) -> None:
        refused = call_for_refusal(lambda: deny_purchase(desk, "credit-check", record.id))
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "old_answer")

    listing_alarmbox.is_cached = True
    require_refusal(console)
    listing_alarmbox.is_cached = False
    assert deny_purchase(console, "credit-check", record.id) == "second_person"
    with place.open_console_of_person(console, "lead-b") as other:
        listing_alarmbox.is_cached = True
        require_refusal(other)
        listing_alarmbox.is_cached = False
        assert deny_purchase(other, "credit-check", record.id) is None
    listing_alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "1", listing_alarmbox.today(), record.id))
    listing_alarmbox.behaviour, listing_alarmbox.is_cached = "answers", True
    refused = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
    assert (refused.code, refused.detail["reason"]) == ("provider_unreachable", "old_answer")
    assert len(listing_alarmbox.charges) == 1


def test_a_listed_lost_purchase_prevents_its_denial(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """The database has lost a purchase that the desk has sent. People can't deny this purchase while AlarmBox lists
    it.
    """
    lost = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    delete_purchase(place, lost)
    refused = call_for_refusal(lambda: deny_purchase(console, "operation", lost.operation_id))
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "listed_purchase")
    listing_alarmbox.charges.clear()
    assert deny_purchase(console, "operation", lost.operation_id) == "second_person"


def test_a_listed_purchase_prevents_the_denial_of_another_applications_row(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """The first person decides that a row of another application was not purchased, and then AlarmBox lists its
    purchase. The second person's decision is refused.
    """
    place.execute_as_shop(
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number) VALUES (3, '{CORPORATION_NUMBER}')"
    )
    console.recovery.run_all_tasks()
    (row,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert deny_purchase(console, "credit-check", row.id) == "second_person"
    listing_alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "3", listing_alarmbox.today(), None))
    with place.open_console_of_person(console, "lead-b") as other:
        assert (
            call_for_refusal(lambda: deny_purchase(other, "credit-check", row.id)).detail["reason"]
            == "listed_purchase"
        )
    assert (
        call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "3"))).code
        == "already_purchased"
    )


@pytest.mark.parametrize("listed", ["earlier", "over", "ours", "silent"])
def test_an_unrelated_listed_purchase_prevents_no_denial(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place, listed: str
) -> None:
    """The list has only a purchase that can't be the unknown one (made two days before, expired, or of another
    record), or can't be read. Two people can then deny the unknown purchase.
    """
    if listed == "ours":
        assert console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "2")).state == CheckState.SUCCESS
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_before_charge")
    days = {"earlier": 2, "over": 400}.get(listed)
    if days is not None:
        listing_alarmbox.charges.append(
            Charge(1, CORPORATION_NUMBER, "", listing_alarmbox.today() - timedelta(days=days), None)
        )
    listing_alarmbox.is_readable = listed != "silent"
    assert deny_purchase(console, "credit-check", record.id) == "second_person"
    with place.open_console_of_person(console, "lead-b") as other:
        assert deny_purchase(other, "credit-check", record.id) is None
    assert console.credit_checks.read_credit_check(record.id).record.state is CheckState.ERROR


@pytest.mark.engines("mariadb", "galera")
def test_only_one_of_simultaneous_decisions_gets_the_id(
    place: Place, listing_alarmbox: ListingAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server, a second person's decision begins before the first person's is committed, and both use the same
    AlarmBox id: exactly one gets the id. On a cluster this can be the second one, because its node doesn't see the
    lock.
    """
    has_second_begun, ends = Event(), list[BaseException | None]()
    write, acquire = outcomes.write_successful_purchase, leases.acquire

    def announce_lock(tx: Transaction, name: str, *more: Any) -> object:
        """Return the acquired lease. Signal first if the second decision has reached the lock of the AlarmBox id."""
        if name == "alarmbox_id_1" and get_ident() not in first_threads:
            has_second_begun.set()
        return acquire(tx, name, *more)

    def start_second_decision(*given: Any) -> None:
        """Start the second person's decision before the first person's decision writes its outcome."""
        monkeypatch.setattr(outcomes, "write_successful_purchase", write)
        future = pool.submit(lambda: other.recovery.resolve("credit-check", records[1].id, "success", "seen", 1))
        future.add_done_callback(lambda _future: has_second_begun.set())
        futures.append(future)
        assert has_second_begun.wait(MAX_WAIT_SECONDS)
        write(*given)

    def decide_first() -> None:
        first_threads.append(get_ident())
        console.recovery.resolve("credit-check", records[0].id, "success", "seen on their screen", 1)

    first_threads, futures = list[int](), list[Future[Any]]()
    with (
        place.desk(listing_alarmbox, hand_clock, LEASES="off") as console,
        place.desk(listing_alarmbox, hand_clock, person="op-b", desk=1, LEASES="off") as other,
        ThreadPoolExecutor(1) as pool,
        ThreadPoolExecutor(1) as pool_of_first,
    ):
        records = [
            buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge"),
            buy_with_unknown_outcome(console, listing_alarmbox, "2", "silent_before_charge"),
        ]
        monkeypatch.setattr(leases, "acquire", announce_lock)
        monkeypatch.setattr(outcomes, "write_successful_purchase", start_second_decision)
        first = pool_of_first.submit(decide_first)
        ends += [first.exception(20), futures[0].exception(20)]
        owners = [
            one.id
            for one in console.lookup.find_records(CORPORATION_NUMBER).credit_checks
            if one.credit_check_id == 1
        ]
    assert owners == [record.id for record, end in zip(records, ends, strict=True) if end is None]
    (lost,) = filter(None, ends)
    assert isinstance(lost, ConsoleError)
    assert (lost.code, lost.detail["reason"]) == ("evidence_mismatch", "used_by_other_record")


def test_a_clock_that_is_ahead_denies_no_listed_purchase(
    console: Console, listing_alarmbox: ListingAlarmBox, hand_clock: ManualClock, place: Place
) -> None:
    """The desk's clock is a day ahead, so AlarmBox lists the purchase with the day before the desk's day. People
    can't deny the purchase, and a probe leaves it unknown.
    """
    listing_alarmbox.today = lambda: hand_clock.today() - timedelta(days=1)
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    with place.open_console_of_person(console, "lead-b") as other:
        for desk in (console, other):
            assert (
                call_for_refusal(lambda desk=desk: deny_purchase(desk, "credit-check", record.id)).detail["reason"]
                == "listed_purchase"
            )
    assert read_probe_refusal(console, record) == ("outcome_unknown", "day_before_found")
    assert len(listing_alarmbox.charges) == 1


def test_a_purchase_dated_far_ahead_is_denied_by_nobody(
    console: Console,
    listing_alarmbox: ListingAlarmBox,
    hand_clock: ManualClock,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The desk's clock was a month ahead when the purchase was sent. On SQLite it is right again; on a server, the
    server's clock shows that it is ahead. Nobody can deny the listed purchase, a probe leaves it unknown, and a
    person resolves it with AlarmBox's id.
    """
    hand_clock.at = datetime.now(UTC)
    ahead = [timedelta(days=30)]
    monkeypatch.setattr(hand_clock, "now", lambda: hand_clock.at + ahead[0])
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    ahead[0] = ahead[0] if place.is_server else timedelta()
    with place.open_console_of_person(console, "lead-b") as other:
        for desk in (console, other):
            refused = call_for_refusal(lambda desk=desk: deny_purchase(desk, "credit-check", record.id))
            assert refused.detail["reason"] == "listed_purchase"
    assert read_probe_refusal(console, record) == ("outcome_unknown", "day_before_found")
    settled = console.recovery.resolve("credit-check", str(record.id), "success", "their screen", 1).record
    assert isinstance(settled, CreditCheck)
    assert (settled.state, settled.credit_check_id) == (CheckState.SUCCESS, 1)


def test_a_purchase_of_the_day_before_makes_the_list_ambiguous(
    console: Console, listing_alarmbox: ListingAlarmBox
) -> None:
    """A person bought the same check on AlarmBox's own page around midnight, so the list has two purchases. The probe
    leaves our purchase unknown.
    """
    listing_alarmbox.charges.append(
        Charge(1, CORPORATION_NUMBER, "", listing_alarmbox.today() - timedelta(days=1), None)
    )
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    assert read_probe_refusal(console, record) == ("outcome_unknown", "several_found")


def test_a_list_without_a_purchase_that_we_know_settles_nothing(
    console: Console, listing_alarmbox: ListingAlarmBox
) -> None:
    """AlarmBox's list lacks client 2's purchase of today, which is stored in our database, so it may also lack the
    unknown purchase. The probe leaves the unknown purchase unknown.
    """
    console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "2"))
    listing_alarmbox.charges.append(Charge(2, CORPORATION_NUMBER, "", listing_alarmbox.today(), None))
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
    listing_alarmbox.hidden_ids = {1, 3}
    assert read_probe_refusal(console, record) == ("outcome_unknown", "list_incomplete")
    listing_alarmbox.hidden_ids = set()
    assert read_probe_refusal(console, record) == ("outcome_unknown", "several_found")


@pytest.mark.parametrize("is_late", [True, False])
def test_a_denied_purchase_that_is_listed_later_stops_the_next_one(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place, is_late: bool
) -> None:
    """Two people have denied a purchase, and AlarmBox lists it afterwards. The next purchase of the corporation
    reads the list first, and is refused until a person has acknowledged the case. While the list is unreadable, the
    next purchase is refused, too. Another client's purchase succeeds and doesn't read the list.
    """
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_before_charge")
    listing_alarmbox.is_readable = is_late
    assert deny_purchase(console, "credit-check", record.id) == "second_person"
    with place.open_console_of_person(console, "lead-b") as other:
        assert deny_purchase(other, "credit-check", record.id) is None
    listing_alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "1", listing_alarmbox.today(), record.id))
    listing_alarmbox.behaviour = "answers"
    if not is_late:
        unanswered = call_for_refusal(
            lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        )
        assert (unanswered.code, listing_alarmbox.call_counts["check"]) == ("provider_unreachable", 1)
        listing_alarmbox.is_readable = True
    refused = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
    assert (refused.code, refused.detail["reason"]) == ("already_purchased", "denied_but_bought")
    assert (len(listing_alarmbox.charges), listing_alarmbox.call_counts["check"]) == (1, 1)
    (case,) = [alert for alert in console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    assert case.observed == "bought 1"
    # Another client's purchase is a purchase of its own, and doesn't ask.
    list_call_count = listing_alarmbox.call_counts["list"]
    assert console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "2")).state is CheckState.SUCCESS
    assert listing_alarmbox.call_counts["list"] == list_call_count
    with place.open_console_of_person(console, "lead-b") as other:
        other.alerts.acknowledge(case.id, "bought by hand for another office")
    assert console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")).state is CheckState.SUCCESS


def test_a_denied_purchase_that_is_not_listed_is_bought_again(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """Two people have denied a purchase, and AlarmBox doesn't list it: the corporation can be bought again."""
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_before_charge")
    deny_purchase(console, "credit-check", record.id)
    with place.open_console_of_person(console, "lead-b") as other:
        deny_purchase(other, "credit-check", record.id)
    listing_alarmbox.behaviour = "answers"
    assert console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")).state is CheckState.SUCCESS
    assert len(listing_alarmbox.charges) == 1


def buy_and_deny_unmade_purchase(console: Console, listing_alarmbox: ListingAlarmBox, place: Place) -> CreditCheck:
    """Make a purchase that AlarmBox doesn't carry out, let two people deny it, and return it."""
    record = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_before_charge")
    deny_purchase(console, "credit-check", record.id)
    with place.open_console_of_person(console, "lead-b") as other:
        deny_purchase(other, "credit-check", record.id)
    listing_alarmbox.behaviour = "answers"
    return record


def test_each_listed_purchase_after_a_denial_needs_a_person(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place
) -> None:
    """After a denial, a person has acknowledged the first listed purchase. Then the list has a second one: the next
    purchase is refused until a person has acknowledged the second one as well.
    """
    buy_and_deny_unmade_purchase(console, listing_alarmbox, place)
    for id_at_provider in (1, 2):
        listing_alarmbox.charges.append(
            Charge(id_at_provider, CORPORATION_NUMBER, "", listing_alarmbox.today(), None)
        )
        for _ in range(2):
            refused = call_for_refusal(
                lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
            )
            assert (refused.code, refused.detail["reason"]) == ("already_purchased", "denied_but_bought")
        (case,) = [alert for alert in console.alerts.list_alerts() if alert.acknowledged_by is None]
        assert case.observed == f"bought {id_at_provider}"
        with place.open_console_of_person(console, "lead-b") as other:
            other.alerts.acknowledge(case.id, "bought by hand")
    assert console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")).state is CheckState.SUCCESS
    assert listing_alarmbox.call_counts["check"] == 2


def test_the_purchase_of_an_earlier_denial_stops_the_next_one(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place, hand_clock: ManualClock
) -> None:
    """Two purchases were denied, five days apart. AlarmBox lists a purchase made on the first day: this opens a case
    about the first denied purchase and stops the next purchase.
    """
    first, day = buy_and_deny_unmade_purchase(console, listing_alarmbox, place), listing_alarmbox.today()
    hand_clock.at += timedelta(days=5)
    buy_and_deny_unmade_purchase(console, listing_alarmbox, place)
    listing_alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "1", day, first.id))
    refused = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
    assert (refused.code, refused.detail["reason"]) == ("already_purchased", "denied_but_bought")
    (case,) = [alert for alert in console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    assert (case.subject_id, case.observed) == (first.id, "bought 1")
    assert listing_alarmbox.call_counts["check"] == 2


@pytest.mark.parametrize("client", ["1", "2"])
def test_a_denied_purchase_may_have_the_listed_id(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place, client: str
) -> None:
    """AlarmBox makes client 1's purchase after two people have denied it. A probe of another unknown purchase doesn't
    give it the id of the listed purchase, because client 1's next purchase would then not be stopped. A person can
    enter this id.
    """
    denied = buy_and_deny_unmade_purchase(console, listing_alarmbox, place)
    second = buy_with_unknown_outcome(console, listing_alarmbox, client, "silent_before_charge")
    listing_alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "1", listing_alarmbox.today(), denied.id))
    assert read_probe_refusal(console, second) == ("outcome_unknown", "several_wait")
    named = console.recovery.resolve("credit-check", second.id, "success", "their screen", 1)
    assert isinstance(named.record, CreditCheck)
    assert named.record.state is CheckState.SUCCESS


@pytest.mark.parametrize("answer_to_reading", ["readable", "silent"])
def test_a_denied_lost_purchase_that_is_listed_later_stops_the_next_one(
    console: Console, listing_alarmbox: ListingAlarmBox, place: Place, answer_to_reading: str
) -> None:
    """The database has lost a purchase, two people have denied it, and AlarmBox makes it afterwards. The next
    purchase reads the list first and is refused. After a person has entered the AlarmBox id, the record is a success
    again.
    """
    lost = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_before_charge")
    operation_id = lost.operation_id or ""
    delete_purchase(place, lost)
    entry = console._context.spool.find(operation_id)
    assert entry is not None
    store_lost_operations(console._context, [entry])
    assert deny_purchase(console, "operation", operation_id) == "second_person"
    with place.open_console_of_person(console, "lead-b") as other:
        assert deny_purchase(other, "operation", operation_id) is None
    listing_alarmbox.charges.append(Charge(1, CORPORATION_NUMBER, "1", listing_alarmbox.today(), None))
    listing_alarmbox.behaviour = "answers"
    if answer_to_reading == "silent":
        listing_alarmbox.is_readable = False
        unanswered = call_for_refusal(
            lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        )
        assert unanswered.code == "provider_unreachable"
        listing_alarmbox.is_readable = True
    refused = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
    assert (refused.code, refused.detail["operation_id"]) == ("already_purchased", operation_id)
    assert listing_alarmbox.call_counts["check"] == 1
    console.recovery.resolve("operation", operation_id, "success", "their screen", 1)
    (bought,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert (bought.state, bought.credit_check_id, bought.operation_id) == (CheckState.SUCCESS, 1, operation_id)
    again = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
    assert again.detail["record"] == bought


@dataclass
class WrongExpiryAlarmBox(ListingAlarmBox):
    """A simulated AlarmBox that reports an expiration date on the day of the purchase, which can't be right."""

    def report_charge(self, charge: Charge) -> CheckReport:
        return replace(super().report_charge(charge), expiration_date=charge.day, expired=None)


@pytest.mark.parametrize("is_dated", [True, False], ids=["purchase date", "no purchase date"])
def test_a_wrong_expiration_date_in_the_list_frees_no_claim(
    place: Place, hand_clock: ManualClock, *, is_dated: bool
) -> None:
    """A listed purchase whose expiration date isn't after its purchase date counts as valid, so people can't deny the
    unknown purchase, on the next day either. The same holds if AlarmBox states no purchase date.
    """
    alarmbox = WrongExpiryAlarmBox(today=hand_clock.today, undated_ids=set() if is_dated else {1})
    alarmbox.behaviour = "silent_after_charge"
    with place.desk(alarmbox, hand_clock) as console:
        record = call_for_refusal(
            lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        ).detail["record"]
        assert isinstance(record, CreditCheck)
        hand_clock.at += timedelta(days=1)
        error = call_for_refusal(lambda: console.recovery.resolve("credit-check", record.id, "error", "x"))
        assert (error.code, error.detail["reason"]) == ("evidence_mismatch", "listed_purchase")
