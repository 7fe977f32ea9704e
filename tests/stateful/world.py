"""The desks and the provider of the random tests of credit checks: two desks on one database, and a provider in
memory with a ledger of charges. The test sets all clocks.
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from console.app import Console
from console.domain.records import PurchaseRequest
from tests.stateful.crashing import CrashingDesks
from tests.support.in_memory_alarmbox import Charge, InMemoryAlarmBox, require
from tests.support.places import Engine, open_empty_place_anywhere
from tests.support.quick_desks import ManualClock, use_lease_clock
from tests.support.truth import CheckRow, check_claims

PEOPLE = ("op-a", "lead-b", "lead-c")
CHECK_VALIDITY = timedelta(days=365)
_SELECT_ALERTS_SQL = (
    "SELECT subject_id, observed FROM alerts WHERE rule_id = 'contradicted' AND acknowledged_at IS NOT NULL"
)
_SELECT_CHECKS_SQL = (
    "SELECT id, client_id, corporation_number, status, certainty, credit_check_id, superseded_by, superseded_at,"
    " renews, claim_number, work_state, operation_id FROM hansha_alarmbox_credit_checks ORDER BY id"
)
ALLOWED_ERROR_CODES = frozenset((
    "already_purchased", "not_expired", "in_progress", "outcome_unknown", "provider_refused", "provider_auth",
    "rate_limited", "provider_unreachable", "provider_answer_unusable", "viewing_period_over", "not_refetchable",
    "nothing_to_resolve", "evidence_mismatch", "same_person", "stale_view", "database_locked", "not_allowed",
    "already_decided",
))  # fmt: skip


@dataclass
class PurchaseWorld(CrashingDesks):
    """Two desks and their provider, with the checks after each step. `purchase_count_by_record` counts the sent
    purchases by record id.
    """

    alarmbox: InMemoryAlarmBox
    engine: Engine = "sqlite"
    clock: ManualClock = field(default_factory=ManualClock)
    tally: Counter[str] = field(default_factory=Counter)
    purchase_count_by_record: Counter[int] = field(default_factory=Counter)
    ids_decided_not_bought: set[int] = field(default_factory=set)  # records that two people called not bought
    late_charges: list[tuple[str, str, int]] = field(
        default_factory=list
    )  # charges on their way, also after a denial

    def __post_init__(self) -> None:
        self._open = ExitStack()
        self.place = self._open.enter_context(open_empty_place_anywhere(self.engine))
        self._open.enter_context(self.place.keep_connection_open())
        self._open.enter_context(use_lease_clock(self.clock))
        self.alarmbox.today = self.clock.today
        self.alarmbox.on_request = self._check_at_purchase
        self.processes = [self._start_process(number) for number in range(2)]

    # CrashingDesks

    allowed_error_codes = ALLOWED_ERROR_CODES

    def _open_console(self, number: int) -> Console:
        return self.place.desk(self.alarmbox, self.clock, desk=number)

    def _stop_watching_transactions(self, console: Console) -> None:
        self.alarmbox.transaction_counters = [
            one for one in self.alarmbox.transaction_counters if not one.counts_database(console.database)
        ]

    # The truth

    def read_check_rows(self) -> tuple[CheckRow, ...]:
        return tuple(CheckRow(*row) for row in self.place.sql(_SELECT_CHECKS_SQL))

    def _check_at_purchase(self, request: PurchaseRequest) -> int:
        """Check, at the moment of a purchase, the committed rows that another process can read. There must be one
        claim, whose record is `pending`, and its journal row must be `calling`. Return the id of the record.
        """
        number, client = request.corporation_number, int(request.client_id)
        claims = [
            row for row in self.read_check_rows() if row.number == number and row.client_id == client and row.claim
        ]
        require(len(claims) == 1, f"asked to buy with {len(claims)} committed claims: {claims}")
        (row,) = claims
        require(row.status == "pending", f"asked to buy for {row}")
        calling = self.place.sql(f"SELECT state FROM operations WHERE id = '{row.operation_id}'")
        require(calling == [("calling",)], f"journal says {calling} while the provider is asked")
        if row.renews is not None:
            self._check_has_expired(row.renews)
        self._check_is_only_purchase(request)
        self.purchase_count_by_record[row.id] += 1
        require(self.purchase_count_by_record[row.id] == 1, f"sent again: {row}")
        return row.id

    def _check_is_only_purchase(self, request: PurchaseRequest) -> None:
        """Check that the client buys no credit check that it already has and that is still valid. An exception is a
        purchase that two people have decided to be not bought. If AlarmBox has a list of purchases, the exception
        also needs a person's acknowledgement of the contradiction.
        """
        rows = {row.id: row for row in self.read_check_rows()}
        alert_rows = set(self.place.sql(_SELECT_ALERTS_SQL))
        for charge in self.alarmbox.charges:
            is_same = (charge.number, charge.client_id) == (request.corporation_number, request.client_id)
            if charge.record_id is None or not is_same or self.has_expired(charge):
                continue
            row = rows[charge.record_id]
            is_denied = row.status == "error" and row.id in self.ids_decided_not_bought
            is_seen = (row.id, f"bought {charge.id}") in alert_rows
            require(is_denied and (is_seen or not self.alarmbox.lists_purchases), f"bought again: {charge} of {row}")

    def _check_has_expired(self, record_id: int) -> None:
        """Check that the validity of the record to renew has ended."""
        now = self.clock.now().replace(tzinfo=None).isoformat(" ", "microseconds")
        rows = f"FROM hansha_alarmbox_credit_checks WHERE id = {record_id}"
        require(self.place.sql(f"SELECT expired_at <= '{now}' {rows}") == [(1,)], f"{record_id} renewed too early")

    def check_ledger(self) -> None:
        """Compare all records with the provider's ledger: no record is charged twice, each charge has its record, and
        each bought record has its own charge.
        """
        rows = self.read_check_rows()
        check_claims(rows)
        by_id = {row.id: row for row in rows}
        by_hand = {charge.id for charge in self.alarmbox.charges if charge.record_id is None}
        charged = Counter(charge.record_id for charge in self.alarmbox.charges if charge.record_id is not None)
        assert max(charged.values(), default=0) <= 1, f"charged twice: {charged}"
        for charge in self.alarmbox.charges:
            if charge.record_id is None:  # by hand
                continue
            row = by_id.get(charge.record_id)
            assert row is not None, f"a charge without a record: {charge}"
            if row.status == "error":
                assert row.id in self.ids_decided_not_bought, f"called error, but charged: {row}"
            if row.status == "success" and row.id_at_provider not in by_hand:
                assert row.id_at_provider == charge.id, f"another's id: {row} instead of {charge}"
        for row in rows:
            if row.status == "success" and row.id_at_provider not in by_hand:
                assert charged[row.id] == 1, f"called bought, but never charged: {row}"

    def find_charge_id(self, record_id: int) -> int | None:
        """Return the provider's id of the charge for this record, or None if the provider has not charged it."""
        return next((charge.id for charge in self.alarmbox.charges if charge.record_id == record_id), None)

    def has_expired(self, charge: Charge) -> bool:
        """Return True if the validity of the charged purchase has ended."""
        return charge.day + CHECK_VALIDITY < self.clock.today()
