"""An unknown purchase is settled by the provider's list only if the listed purchase can belong to no other one."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from console.app import Console
from console.domain.records import Certainty, CheckReport, CreditCheck, PurchaseRequest
from tests.support.invented import numbers
from tests.support.ledger_vendor import Behaviour, Charge, LedgerVendor
from tests.support.places import CHECKS, Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal

(NUMBER,) = numbers(1)


@dataclass
class ListingVendor(LedgerVendor):
    """A provider with a list of purchases. It tells no day of those whose ids are in `undated`."""

    finds: bool = True
    undated: set[int] = field(default_factory=set)

    def report(self, charge: Charge) -> CheckReport:
        report = super().report(charge)
        return replace(report, purchase_date=None) if charge.id in self.undated else report


@pytest.fixture
def listing(hand_clock: HandClock, vendor: LedgerVendor) -> ListingVendor:
    return ListingVendor(today=vendor.today)


@pytest.fixture
def console(place: Place, listing: ListingVendor, hand_clock: HandClock) -> Iterator[Console]:
    with place.desk(listing, hand_clock) as desk:
        yield desk


def buy_unknown(console: Console, vendor: ListingVendor, client: str, behaviour: Behaviour) -> CreditCheck:
    vendor.behaviour = behaviour
    record = refusal(lambda: console.credit_checks.purchase(PurchaseRequest(NUMBER, client))).detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def probe(console: Console, record: CreditCheck) -> tuple[str, object]:
    """What a probe is refused with; the purchase must be as unknown as it was."""
    error = refusal(lambda: console.recovery.probe("credit-check", record.id))
    assert console.credit_checks.read_credit_check(record.id).record.certainty is Certainty.UNKNOWN
    return error.code, error.detail.get("reason")


def forget(place: Place, record: CreditCheck) -> None:
    """As a restored backup would leave the database."""
    place.sql(
        f"DELETE FROM {CHECKS} WHERE id = {record.id}", f"DELETE FROM operations WHERE subject_id = {record.id}"
    )


def test_the_only_listed_one_settles_the_only_unknown_one(console: Console, listing: ListingVendor) -> None:
    record = buy_unknown(console, listing, "1", "silent_after_charge")
    settled = console.recovery.probe("credit-check", record.id)
    assert isinstance(settled, CreditCheck)
    assert (settled.certainty, settled.credit_check_id) == (Certainty.KNOWN, 1)


def test_a_lost_purchase_of_another_client_may_own_it(console: Console, listing: ListingVendor, place: Place) -> None:
    """The database lost client 1's purchase; only the desk knows it. What is listed is that one, not client 2's."""
    forget(place, buy_unknown(console, listing, "1", "silent_after_charge"))
    second = buy_unknown(console, listing, "2", "silent_before_charge")
    assert probe(console, second) == ("outcome_unknown", "several_wait")


def test_a_lost_purchase_with_a_known_id_owns_it(console: Console, listing: ListingVendor, place: Place) -> None:
    """The desk knows even the id that client 1's lost purchase got."""
    forget(place, console.credit_checks.purchase(PurchaseRequest(NUMBER, "1")))
    second = buy_unknown(console, listing, "2", "silent_before_charge")
    assert probe(console, second) == ("outcome_unknown", "several_wait")


def test_another_applications_purchase_may_own_it(console: Console, listing: ListingVendor, place: Place) -> None:
    """A row that another application has written and whose id isn't known yet."""
    second = buy_unknown(console, listing, "2", "silent_after_charge")
    place.sql(f"INSERT INTO {CHECKS} (client_id, corporation_number) VALUES (3, '{NUMBER}')")
    assert probe(console, second) == ("outcome_unknown", "several_wait")


def test_a_listed_purchase_without_a_day_may_be_the_one(console: Console, listing: ListingVendor) -> None:
    """Somebody bought on the provider's own page today; our purchase is listed without its day."""
    listing.charges.append(Charge(1, NUMBER, "", listing.today(), None))
    record = buy_unknown(console, listing, "1", "silent_after_charge")
    listing.undated = {2}
    assert probe(console, record) == ("outcome_unknown", "several_found")
    listing.undated = {1, 2}
    assert probe(console, record) == ("outcome_unknown", "several_found")


def test_one_listed_purchase_without_a_day_proves_nothing(console: Console, listing: ListingVendor) -> None:
    """It may be of last year."""
    record = buy_unknown(console, listing, "1", "silent_after_charge")
    listing.undated = {1}
    assert probe(console, record) == ("outcome_unknown", "none_found")
