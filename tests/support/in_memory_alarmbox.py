"""A simulated AlarmBox in the memory of the test process, with a ledger of charges and the methods of the real
adapter. Like AlarmBox it doesn't recognise repeated calls: each accepted call is a charge.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

import pytest

from console.domain.calendar_days import JST
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, PurchaseRequest
from console.providers.credit_checks.provider import CreditCheckCapabilities, PdfAnswer
from console.store.database.engine import Database

Behaviour = Literal[
    "answers", "refuses", "unauthorised", "too_fast", "unreachable",
    "silent_after_charge", "silent_before_charge", "other_number", "bad_id",
]  # fmt: skip
BEHAVIOURS_THAT_CHARGE: frozenset[Behaviour] = frozenset(("answers", "silent_after_charge", "other_number", "bad_id"))
_OUTCOME_WITHOUT_REPORT_BY_BEHAVIOUR: dict[Behaviour, tuple[OutcomeClass, str, SendingCertainty, int | None]] = {
    "refuses": (OutcomeClass.FAILED_DEFINITE, "http_422", SendingCertainty.YES, 422),
    "unauthorised": (OutcomeClass.AUTH, "authorise_again", SendingCertainty.NO, None),
    "too_fast": (OutcomeClass.RATE_LIMITED, "http_429", SendingCertainty.YES, 429),
    "unreachable": (OutcomeClass.FAILED_DEFINITE, "connect_refused", SendingCertainty.NO, None),
    "silent_after_charge": (OutcomeClass.UNKNOWN, "read_timeout", SendingCertainty.YES, None),
    "silent_before_charge": (OutcomeClass.UNKNOWN, "http_503", SendingCertainty.YES, 503),
    "other_number": (OutcomeClass.UNKNOWN, "other_number", SendingCertainty.YES, 201),
    "bad_id": (OutcomeClass.UNKNOWN, "bad_id", SendingCertainty.YES, 201),
}
UNREADABLE_OUTCOME: Outcome[CheckReport] = Outcome(OutcomeClass.UNKNOWN, "read_timeout", SendingCertainty.YES)
PDF_BYTES = b"%PDF-1.4\n% invented\n%%EOF\n"


def require(condition: bool, message: str) -> None:
    """Let the test fail with the message `message` if `condition` is False. The function is for code inside a
    provider's call, where the tested code would catch an AssertionError.
    """
    if not condition:
        pytest.fail(message)


@dataclass(frozen=True, slots=True)
class Charge:
    """One accepted purchase. `record_id` is the value that `InMemoryAlarmBox.on_request` returned for it: the id of
    the credit check that was pending at that moment.
    """

    id: int
    number: str
    client_id: str
    day: date
    record_id: int | None


@dataclass
class InMemoryAlarmBox:
    """The simulated AlarmBox. `behaviour` decides its answers to purchases.

    For each purchase, first `on_request` is called with the request, and its result is stored with the charge. Then
    `before_call` is called. `during_call` is called after the charge and before the answer. `today` returns the day
    of the purchase in Japan, by the desk's clock. `expired` is the value of `is_expired` in the provider's reports;
    with "by_date" it is computed from the day. `result` is the result in these reports; None if they have none yet.
    """

    today: Callable[[], date] = lambda: datetime.now(JST).date()
    lists_purchases: bool = False
    behaviour: Behaviour = "answers"
    is_readable: bool = True
    expired: bool | Literal["by_date"] | None = "by_date"
    result: str | None = "ok"
    on_request: Callable[[PurchaseRequest], int | None] = lambda _request: None
    before_call: Callable[[], None] = lambda: None
    during_call: Callable[[], None] = lambda: None
    charges: list[Charge] = field(default_factory=list)
    call_counts: Counter[str] = field(default_factory=Counter)
    transaction_counters: list["OpenTransactionCounter"] = field(default_factory=list)
    name: str = "alarmbox"

    def count_call(self, call: str) -> None:
        """Count a call in `call_counts`, and check that the caller has no open database transaction, because a
        provider must not be called inside a transaction.
        """
        self.call_counts[call] += 1
        require(not any(database.count for database in self.transaction_counters), f"{call} inside a transaction")

    @property
    def capabilities(self) -> CreditCheckCapabilities:
        return CreditCheckCapabilities(True, True, True, self.lists_purchases)

    def make_reader(self) -> "LedgerReader":
        return LedgerReader(self)

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        self.count_call("check")
        record_id = self.on_request(request)
        self.before_call()
        if self.behaviour in BEHAVIOURS_THAT_CHARGE:
            number, client = request.corporation_number, request.client_id
            self.charges.append(Charge(len(self.charges) + 1, number, client, self.today(), record_id))
        self.during_call()
        if self.behaviour == "answers":
            return Outcome(
                OutcomeClass.SUCCEEDED,
                "answered",
                SendingCertainty.YES,
                self.report_charge(self.charges[-1]),
                201,
                "{}",
            )
        kind, reason, sent, status = _OUTCOME_WITHOUT_REPORT_BY_BEHAVIOUR[self.behaviour]
        return Outcome(kind, reason, sent, None, status)

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        return self.make_reader().read_detail(credit_check_id)

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        return self.make_reader().read_pdf(credit_check_id)

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        return self.make_reader().find_purchases(corporation_number)

    def report_charge(self, charge: Charge) -> CheckReport:
        """Return the provider's report about this purchase."""
        until = charge.day + timedelta(days=365)
        is_expired = self.today() > until if self.expired == "by_date" else self.expired
        return CheckReport(charge.id, charge.number, f"架空{charge.id}", self.result, charge.day, until, is_expired)

    def count_charges(self, number: str) -> int:
        """Return the number of charges for this corporation number."""
        return sum(charge.number == number for charge in self.charges)


@dataclass(frozen=True)
class LedgerReader:
    """The methods of the simulated provider of credit checks that only read."""

    alarmbox: InMemoryAlarmBox
    name: str = "alarmbox"

    @property
    def capabilities(self) -> CreditCheckCapabilities:
        return self.alarmbox.capabilities

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        self.alarmbox.count_call("detail")
        if not self.alarmbox.is_readable:
            return UNREADABLE_OUTCOME
        charge_of_id = next((charge for charge in self.alarmbox.charges if charge.id == credit_check_id), None)
        if charge_of_id is None:
            return Outcome(OutcomeClass.NOT_FOUND, "http_404", SendingCertainty.YES, None, 404)
        return Outcome(
            OutcomeClass.SUCCEEDED,
            "answered",
            SendingCertainty.YES,
            self.alarmbox.report_charge(charge_of_id),
            200,
            "{}",
        )

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        self.alarmbox.count_call("pdf")
        detail = self.read_detail(credit_check_id)
        if detail.content is None:
            return Outcome(detail.kind, detail.reason, detail.sent, None, detail.status)
        content = PDF_BYTES + str(credit_check_id).encode()
        return Outcome(
            OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, PdfAnswer(detail.content, content), 200, "{}"
        )

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        self.alarmbox.count_call("list")
        if not self.alarmbox.is_readable:
            return Outcome(OutcomeClass.UNKNOWN, "read_timeout", SendingCertainty.YES)
        reports = tuple(
            self.alarmbox.report_charge(charge)
            for charge in self.alarmbox.charges
            if charge.number == corporation_number
        )
        return Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, reports, 200, "[]")


class OpenTransactionCounter:
    """Counts the open transactions of the calling thread on one database."""

    def __init__(self, database: Database) -> None:
        self._here = threading.local()
        self._database = database
        database.observer = self._change_count

    def counts_database(self, database: Database) -> bool:
        """Return True if this object counts the transactions on `database`."""
        return self._database is database

    def _change_count(self, step: int) -> None:
        self._here.count = self.count + step

    @property
    def count(self) -> int:
        return int(getattr(self._here, "count", 0))
