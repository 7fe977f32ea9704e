"""The desks, payments and providers of the random tests of refunds: two desks on one SQLite database, and PayPay and
Atom in memory with one ledger of refunds.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from console.app import Console
from console.domain.payments.provider_messages import RefundInstruction
from console.domain.payments.states import RESERVING_REFUND_STATES, PaymentState, RefundState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.services.payments.providers import PaymentProviders
from console.store.database.engine import Transaction
from console.store.payments import payments, set_asides
from tests.stateful.crashing import CrashingDesks
from tests.support import money_truth
from tests.support.desks import UNUSED_URL
from tests.support.in_memory_alarmbox import InMemoryAlarmBox, OpenTransactionCounter, require
from tests.support.ledger_refunds import RefundLedger, RefundLedgerProvider
from tests.support.money_truth import RefundRow
from tests.support.places import open_empty_place_anywhere
from tests.support.quick_desks import ManualClock, use_lease_clock

ResultT = TypeVar("ResultT")
MAKERS, CHECKERS = ("op-a", "op-e"), ("lead-b", "lead-c")
PAYMENT_FACTS = (
    ("paypay", "ORD-1", 3_000, 0),
    ("atom", "ORD2", 900_000, 0),
    ("paypay", "ORD-3", 2_000, 700),
    ("paypay", "ORD-4", 1_100, 0),
    ("atom", "ORD5", 70_000, 0),
    ("paypay", "ORD-6", 9_000, 0),
)
"""The payments of a random test: provider, payment number, captured amount and set-aside amount (minor units)."""
LIMIT_VALUE_BY_NAME = {"second_checker_above": 1_500, "cooling_off_above": 800, "cooling_off_seconds": 900}
ALLOWED_ERROR_CODES = frozenset((
    "exceeds_captured", "over_limit", "possible_repeat", "in_progress", "already_decided", "same_person",
    "not_allowed", "stale_view", "outcome_unknown", "provider_refused", "provider_auth", "rate_limited",
    "provider_unreachable", "nothing_to_resolve", "evidence_mismatch", "database_locked", "invalid_amount",
))  # fmt: skip
_PAYMENT_STATES = (
    PaymentState.TOKEN_GENERATED,
    PaymentState.USER_PAYMENT,
    PaymentState.PAYMENT_SUCCESS,
    PaymentState.COMPLETED,
)


@dataclass
class RefundWorld(CrashingDesks):
    """Two desks, their payments and the providers' ledger, with the checks after each step. `late_instructions` has
    the refund instructions that a provider may still execute. `last_instruction` is the newest instruction that a
    desk has sent.
    """

    ledger: RefundLedger = field(default_factory=RefundLedger)
    clock: ManualClock = field(default_factory=ManualClock)
    tally: Counter[str] = field(default_factory=Counter)
    late_instructions: list[RefundInstruction] = field(default_factory=list)  # refunds that may still take effect
    last_instruction: RefundInstruction | None = None
    set_asides: list[tuple[int, int]] = field(default_factory=list)  # payment, set-aside
    provider_by_payment_id_at_provider: dict[str, str] = field(
        default_factory=dict
    )  # by the provider's number of a payment

    def __post_init__(self) -> None:
        self._open = ExitStack()
        self.place = self._open.enter_context(open_empty_place_anywhere("sqlite"))
        self._open.enter_context(self.place.keep_connection_open())
        self._open.enter_context(use_lease_clock(self.clock))
        self.ledger.on_request = self._check_at_sending
        self.processes = [self._start_process(number) for number in range(2)]
        self.payments = [self.insert_completed_payment(*facts) for facts in PAYMENT_FACTS]
        self.place.sql(
            *(f"UPDATE limits SET value = {n} WHERE name = '{name}'" for name, n in LIMIT_VALUE_BY_NAME.items())
        )

    # CrashingDesks

    allowed_error_codes = ALLOWED_ERROR_CODES

    def _open_console(self, number: int) -> Console:
        urls = {"PAYPAY_URL": UNUSED_URL, "ATOM_URL": UNUSED_URL}
        console = self.place.desk(InMemoryAlarmBox(), self.clock, desk=number, **urls)
        made: dict[str, Any] = {name: RefundLedgerProvider(name, self.ledger) for name in ("paypay", "atom")}
        console._record_readers.payment_providers = PaymentProviders(lambda name: made[name])
        self.ledger.transaction_counters.append(OpenTransactionCounter(console.database))
        return console

    def _stop_watching_transactions(self, console: Console) -> None:
        self.ledger.transaction_counters = [
            one for one in self.ledger.transaction_counters if not one.counts_database(console.database)
        ]

    def call_as(
        self, desk_number: int, person: str, act: Callable[[Console], ResultT], crash_at: str | None = None
    ) -> ResultT | str | None:
        """Call `act` with the console of the desk number `desk_number`, as the person `person`. Return the result of
        `act`, the code of its ConsoleError, or None if the process crashed, as `call_at_desk` does.
        """

        def act_as_person(console: Console) -> ResultT:
            with console.acting_as(person):
                return act(console)

        return self.call_at_desk(desk_number, act_as_person, crash_at)

    def insert_completed_payment(self, provider: str, number: str, minor: int, aside: int = 0) -> int:
        """Insert a completed payment with the payment number `number`, `aside` (minor units) of which is set aside,
        and return its id."""
        self.provider_by_payment_id_at_provider[f"T-{number}"] = provider
        now, currency = self.clock.now(), "JPY" if provider == "paypay" else "INR"

        def write_payment(tx: Transaction) -> int:
            new = payments.NewPayment(provider, number, currency, minor, begun_at=now, payer="payer-1")
            payment = payments.find(tx.conn, payments.insert_payment(tx.conn, new, now))
            assert payment is not None
            payments.move_payment_along_path(
                tx.conn, payment, _PAYMENT_STATES, now, provider_payment_id=f"T-{number}", paid_at=now
            )
            assert payments.set_captured_amount(tx.conn, payment.id, minor, now)
            if aside:
                assert payments.set_amount_aside(tx.conn, payment.id, aside, now)
                fresh = payments.find(tx.conn, payment.id)
                assert fresh is not None
                self.set_asides.append((payment.id, set_asides.insert_set_aside(tx.conn, fresh, 1, aside, now)))
            return payment.id

        return self.processes[0].console.database.write(write_payment)

    # The truth

    def read_refund_rows(self) -> tuple[RefundRow, ...]:
        return money_truth.read_refund_rows(self.processes[0].console.database)

    def read_refund_row(self, refund_id: int) -> RefundRow:
        return next(row for row in self.read_refund_rows() if row.id == refund_id)

    def is_late(self, key: str | None) -> bool:
        """Return True if the provider may still execute the refund with this key later."""
        return any(order.key == key for order in self.late_instructions)

    def execute_late_instruction(self, instruction: RefundInstruction) -> None:
        """Let the provider execute a late instruction if the refund's outcome is still unknown to the console. If it
        is known, somebody has proved that the provider will never execute the instruction, so nothing happens.
        """
        row = next(row for row in self.read_refund_rows() if row.key == instruction.key)
        if row.state is RefundState.SUBMITTING and row.certainty == "unknown":
            self.ledger.add_refund(instruction, keeps_keys=self._get_provider(instruction) == "paypay")

    def _check_at_sending(self, instruction: RefundInstruction) -> None:
        """Check, at the moment of a sending, the committed rows that another process can read. There must be one
        refund in the state `submitting` with the amount that is sent, and its newest journal row must be `calling`.
        Atom must not get a second call for a refund that it has or may still execute.
        """
        sending = [row for row in self.read_refund_rows() if row.key == instruction.key]
        require(len(sending) == 1, f"sent with {len(sending)} committed rows: {sending}")
        (row,) = sending
        require((row.status, row.certainty) == ("submitting", "known"), f"sent while {row}")
        require(row.minor == instruction.amount.minor, f"another sum is sent: {row}, {instruction}")
        sql = f"SELECT state FROM operations WHERE subject_kind = 'refund' AND subject_id = {row.id} ORDER BY rowid"
        states = self.place.sql(sql)
        require(states[-1:] == [("calling",)], f"journal says {states} while the provider is asked")
        require(("unknown",) not in states, f"sent again while an earlier sending is unknown: {row}, {states}")
        may_exist = bool(self.ledger.list_entries(instruction.key)) or self.is_late(instruction.key)
        require(self._get_provider(instruction) == "paypay" or not may_exist, f"Atom is asked a second time: {row}")
        self.last_instruction = instruction

    def check_ledger(self) -> None:
        """Compare all refunds and payments with the providers' ledger. No refund is executed twice, and no payment
        has more refunded than captured. Each payment has at most one open refund, and the outcome of each ended
        refund is known.
        """
        database, rows = self.processes[0].console.database, self.read_refund_rows()
        money_truth.check_sums(database, rows)
        money_truth.check_votes(database, rows)
        by_key = {row.key: row for row in rows if row.key}
        keys = Counter(entry.key for entry in self.ledger.entries)
        assert max(keys.values(), default=0) <= 1, f"refunded twice: {keys}"
        for payment in money_truth.read_payment_rows(database):
            ledger_entries = [one for one in self.ledger.entries if one.payment == f"T-{payment.number}"]
            taken = sum(one.amount.minor for one in ledger_entries if one.entry_state != "void")
            assert taken <= payment.captured_minor, f"more than was captured: {payment}"
            assert taken <= payment.refunded_minor + payment.reserved_minor, (
                f"refunded there, and free here: {payment}, {ledger_entries}"
            )
            opened = [row for row in rows if row.payment_id == payment.id and row.state in _OPEN_STATES]
            assert len(opened) <= 1, f"two open refunds: {opened}"
        for entry in self.ledger.entries:
            self._check_refund_against_ledger(entry.entry_state, by_key[entry.key])
        for row in rows:
            is_accepted = row.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
            assert not is_accepted or len(self.ledger.list_entries(row.key)) == 1, (
                f"{row.state} here, and not there: {row}"
            )
            ended = row.state in ENDED_REFUND_STATES
            assert not ended or row.certainty == "known", f"ended and unknown: {row}"

    def _check_refund_against_ledger(self, entry_state: str, row: RefundRow) -> None:
        """Compare one refund of the console with its state `entry_state` in the provider's ledger. If the ledger has
        it as "void" (not made), it must not be completed here. Otherwise it must be open or completed here, and
        completed only if the ledger has it as "done".
        """
        if entry_state == "void":
            assert row.state is not RefundState.COMPLETED, f"refused there, refunded here: {row}"
        else:
            assert row.state in RESERVING_REFUND_STATES | {RefundState.COMPLETED}, (
                f"refunded there, and ended here: {row}"
            )
            assert row.state is not RefundState.COMPLETED or entry_state == "done", f"not done there: {row}"

    def _get_provider(self, instruction: RefundInstruction) -> str:
        return self.provider_by_payment_id_at_provider[instruction.provider_payment_id]


_OPEN_STATES = frozenset({RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING})
