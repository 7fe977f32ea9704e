"""`console.recovery`: what waits, of every kind of record, and how each is looked at, asked about and settled."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

from console.domain.choice_records import Choice
from console.domain.errors import ConsoleError
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CreditCheck, LeaseHolder, Operation
from console.domain.results import (
    FeedMark,
    QueueCount,
    QueuePage,
    ResolveResult,
    TaskRun,
    UnfinishedWork,
)
from console.domain.views import AnyView
from console.domain.worker_records import Note, Take
from console.machinery_payments import PaymentDesk
from console.machinery_refunds import RefundDesk
from console.services.choices import Choices
from console.services.evidence_pack import EvidencePacks, PackWritten
from console.services.explaining import Explaining, Story
from console.services.noting import Noting
from console.services.operations import Operations
from console.services.probing import Probing
from console.services.queues import Queues
from console.services.recovery import Recovery
from console.services.scheduling import Scheduler
from console.services.taking import Taking
from console.services.views import Views

AnyRecord: TypeAlias = CreditCheck | Operation | Order | Payment | Refund
UNTIL_NEXT_LOOK = timedelta(seconds=15)
"""A window looks each minute: what is due a moment after a look would wait for another one."""
_LONGEST_ID = 18  # digits


@dataclass(frozen=True, slots=True)
class CheckMatters:
    """What can be done about a credit check that waits."""

    recovery: Recovery
    probing: Probing
    views: Views


@dataclass(frozen=True, slots=True)
class Hands:
    """What can be done beside any record, and what may be done about it."""

    choices: Choices
    taking: Taking
    noting: Noting
    explaining: Explaining
    packs: EvidencePacks


class RecoveryDesk:
    """Kinds: credit-check, payment, order, refund, operation."""

    def __init__(
        self,
        queues: Queues,
        checks: CheckMatters,
        operations: Operations,
        payments: PaymentDesk,
        refunds: RefundDesk,
        scheduler: Scheduler,
        hands: Hands,
    ) -> None:
        self._queues, self._checks, self._operations = queues, checks, operations
        self._payments, self._refunds, self._scheduler = payments, refunds, scheduler
        self._hands = hands

    def queue(self, name: str, limit: int = 50, after: str | None = None) -> QueuePage:
        return self._queues.queue(name, limit, after)

    def counts(self) -> tuple[QueueCount, ...]:
        return self._queues.counts()

    def unfinished(self) -> tuple[UnfinishedWork, ...]:
        return self._queues.unfinished()

    def holders(self) -> tuple[LeaseHolder, ...]:
        return self._queues.holders()

    def takes(self) -> tuple[Take, ...]:
        return self._queues.takes()

    def changes(self, after: FeedMark | None = None) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
        return self._queues.changes(after)

    def run_due(self) -> tuple[TaskRun, ...]:
        """Every task once, now. What one of them raised is raised at the end."""
        return self._scheduler.run_all()

    def run_scheduled(self) -> tuple[TaskRun, ...]:
        """The tasks whose time has come and that nobody else runs: for a window, each minute."""
        return self._scheduler.run_due(ahead=UNTIL_NEXT_LOOK)

    def choices(self, kind: str, id: int | str) -> tuple[Choice, ...]:
        """What may be done about a credit check, payment, order or refund, each with its effect; what the facts rule
        out with the reason. Raises not_found.
        """
        return self._hands.choices.choices(kind, _record_id(kind, id))

    def take(self, kind: str, id: int | str) -> Take:
        """Work on it for half an hour. Raises in_progress while somebody else does."""
        return self._hands.taking.take(kind, _record_id(kind, id))

    def give_up(self, kind: str, id: int | str) -> bool:
        """Leave it to others; False when it isn't one's own any more."""
        return self._hands.taking.give_up(kind, _record_id(kind, id))

    def note(self, kind: str, id: int | str, words: str) -> Note:
        """Write a note beside it, in one's own name."""
        return self._hands.noting.note(kind, _record_id(kind, id), words)

    def show(self, kind: str, id: int | str) -> AnyView:
        """One record with its history. Raises not_found."""
        match kind:
            case "operation":
                return self._operations.show(str(id))
            case "payment":
                return self._payments.show(_record_id(kind, id))
            case "order":
                return self._payments.order(_record_id(kind, id))
            case "refund":
                return self._refunds.show(_record_id(kind, id))
        return self._checks.views.credit_check(_check_id(kind, id))

    def story(self, kind: str, id: int | str, limit: int = 500, after: str | None = None) -> Story:
        """Why it is like this: what happened to it, oldest first, in pages; `as_text(language)` can be copied. Raises
        not_found.
        """
        return self._hands.explaining.story(kind, id, limit, after)

    def evidence_pack(self, kind: str, id: int | str, path: Path) -> PackWritten:
        """Write all that proves it to a new ZIP; `services.pack_check.verify_pack` checks one. Raises not_found,
        not_allowed, usage (file_exists), storage_full.
        """
        return self._hands.packs.write(kind, id, path)

    def probe(self, kind: str, id: int | str) -> AnyRecord:
        """Ask the provider what happened. An order is asked about by its newest payment. Raises not_found, and
        nothing_to_resolve for an order without a payment.
        """
        match kind:
            case "operation":
                return self._operations.probe(str(id))
            case "payment":
                return self._payments.probe(_record_id(kind, id))
            case "order":
                return self._probe_order(_record_id(kind, id))
            case "refund":
                return self._refunds.probe(_record_id(kind, id))
        return self._checks.probing.probe(_check_id(kind, id))

    def _probe_order(self, order_id: int) -> Order:
        order = self._payments.order(order_id).record
        if not order.payment_ids:
            raise ConsoleError("nothing_to_resolve", {"record": order, "reason": "no_payment"})
        self._payments.probe(max(order.payment_ids))
        return self._payments.order(order_id).record

    def resolve(
        self, kind: str, id: int | str, as_state: str, evidence: str | Path, provider_id: int | str | None = None,
        saw: int | None = None,
    ) -> ResolveResult:  # fmt: skip
        """Decide with evidence what became of something unknown. `provider_id` is a number for credit checks, a text
        for payments and refunds. Orders follow their payments: nothing_to_resolve.
        """
        theirs = None if provider_id is None else str(provider_id)
        match kind:
            case "operation":
                return self._operations.resolve(str(id), as_state, evidence, provider_id)
            case "payment":
                return self._payments.resolve(_record_id(kind, id), as_state, evidence, theirs, saw)
            case "refund":
                return self._refunds.resolve(_record_id(kind, id), as_state, evidence, theirs, saw)
            case "order":
                order = self._payments.order(_record_id(kind, id)).record
                raise ConsoleError("nothing_to_resolve", {"record": order, "reason": "order"})
        number = _number(provider_id)
        return self._checks.recovery.resolve(_check_id(kind, id), as_state, evidence, number, saw)


def _record_id(kind: str, id: int | str) -> int:
    text = str(id)
    if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_ID:
        raise ConsoleError("not_found", {"kind": kind, "id": text[:40]})
    return int(text)


def _check_id(kind: str, id: int | str) -> int:
    if kind != "credit-check":
        raise ConsoleError("not_found", {"kind": kind, "id": str(id)[:40]})
    return _record_id(kind, id)


def _number(provider_id: int | str | None) -> int | None:
    """AlarmBox numbers its credit checks. Raises usage for what is no number."""
    if provider_id is None or isinstance(provider_id, int):
        return provider_id
    if not (provider_id.isascii() and provider_id.isdecimal() and len(provider_id) <= _LONGEST_ID):
        raise ConsoleError("usage", {"problem": "provider_id"})
    return int(provider_id)
