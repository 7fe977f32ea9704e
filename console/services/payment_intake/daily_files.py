"""PayPay's daily files: announced by a notice, fetched once, kept as documents, read from there ever after.

The address in a notice carries its own permission, so it is sealed where it is kept. It ends after two hours; PayPay
announces a file anew on request, for a week.
"""

import io
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.history_records import HistoryRow
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_states import PaymentState, RefundState
from console.services.desk import Desk
from console.services.notice_parts import EVENT
from console.store import evidence, history_reads, payment_events
from console.store.cipher import SealBroken
from console.store.documents import Stored
from console.store.engine import Transaction
from console.store.history_index import HistoryIndex
from console.store.payment_events import PaymentEvent

SOURCE = "paypay"
CALL = f"{SOURCE}.recon"
_COUNTED = ("bytes", "rows", "paid_minor", "refunded_minor")


@dataclass(frozen=True, slots=True)
class DayFile:
    """A day's file as it is kept: its document, the hash of what was fetched, and what it holds as far as it was
    counted then: bytes, lines, and sums of yen (minor units) that came in and went back.
    """

    day: date
    document: str
    sha256: str
    bytes: int | None = None
    rows: int | None = None
    paid_minor: int | None = None
    refunded_minor: int | None = None


def noted(conn: Connection, kind: str, subject_id: int) -> tuple[DayFile, ...]:
    """The files that are evidence of a record, in the order in which they were noted."""
    items = [one for one in evidence.of_subject(conn, kind, subject_id) if one.source == CALL]
    return tuple(_read(item.body, item.sha256) for item in items)


def sealed(desk: Desk, url: str) -> str:
    """An address as it may be written down. Raises bad_profile where this desk has no store key."""
    return json.dumps({"sealed": desk.cipher.seal(url.encode()).decode()})


class ReconFiles:
    """Finds, fetches and keeps files."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def announced(self, day: date) -> PaymentEvent:
        """The newest announcement of a day. Raises outcome_unknown where there is none: nobody can say anything."""
        with self._desk.database.read() as conn:
            event_id = history_reads.announced(conn, SOURCE, day.isoformat())
            event = payment_events.seen(conn, SOURCE, event_id) if event_id else None
        if event is None:
            raise ConsoleError("outcome_unknown", {"reason": "recon_not_announced", "day": day.isoformat()})
        return event

    def kept(self, event: PaymentEvent) -> DayFile | None:
        """The file of an announcement, where it was fetched before."""
        return next(iter(self._noted(EVENT, event.id)), None)

    def of_run(self, kind: str, run_id: int) -> tuple[DayFile, ...]:
        """The files that a reconciliation goes through."""
        return self._noted(kind, run_id)

    def _noted(self, kind: str, subject_id: int) -> tuple[DayFile, ...]:
        with self._desk.database.read() as conn:
            return noted(conn, kind, subject_id)

    def read(self, file: DayFile) -> bytes:
        """Its content, checked against its name. Raises not_found, documents_unreachable."""
        return self._desk.documents.read(file.document)

    def fetch(self, event: PaymentEvent) -> bytes:
        """The file that was announced. Raises bad_profile, provider_unreachable, provider_refused,
        provider_answer_unusable and outcome_unknown.
        """
        from console.providers.paypay_recon import fetch_recon
        from console.services.tokens import SpacedCalls

        desk = self._desk
        gate = SpacedCalls(desk, SOURCE, desk.settings.paypay.spacing_seconds)
        hosts = desk.settings.paypay.recon_hosts
        outcome = fetch_recon(self._address(event), hosts=hosts, gate=gate, clock=desk.clock, scale=desk.scale)
        if outcome.found is None:
            raise _trouble(outcome, event)
        return outcome.found

    def _address(self, event: PaymentEvent) -> str:
        try:
            return self._desk.cipher.open(json.loads(event.body)["sealed"].encode()).decode()
        except (SealBroken, ValueError, KeyError, TypeError):
            facts = {"reason": "recon_not_announced", "day": event.order_no}
            raise ConsoleError("outcome_unknown", facts) from None

    def keep(self, event: PaymentEvent, content: bytes) -> DayFile:
        """Keep the content as a document, and say so beside the announcement."""
        stored = self._desk.documents.put(content, "csv")
        day = date.fromisoformat(str(event.order_no))
        counted = _counted(content, self._desk.settings.secret("PAYPAY_MERCHANT_ID") or "", day)
        file = DayFile(day, stored.path, stored.sha256, stored.bytes, *counted)
        self._desk.write(lambda tx: self.note(tx, EVENT, event.id, file, stored))
        return file

    def note(self, tx: Transaction, kind: str, subject_id: int, file: DayFile, stored: Stored | None = None) -> int:
        """Evidence of a record: this file, by its hash."""
        desk = self._desk
        counted = {name: getattr(file, name) for name in _COUNTED if getattr(file, name) is not None}
        told = {"day": file.day.isoformat(), "document": file.document, **counted}
        answer: Outcome[None] = Outcome(
            OutcomeClass.SUCCEEDED, "recon_file", Sent.YES, status=200, evidence=json.dumps(told), sha256=file.sha256
        )
        who = desk.holder().operator
        if stored is not None:
            evidence.add_document(tx.conn, subject_id, kind, stored.path, stored.sha256, stored.bytes, desk.now())
        return evidence.add_answer(tx.conn, (kind, subject_id), None, CALL, who, answer, desk.now())


def _read(body: str, sha256: str) -> DayFile:
    told = json.loads(body)
    counted = {name: told[name] for name in _COUNTED if type(told.get(name)) is int}
    return DayFile(date.fromisoformat(told["day"]), told["document"], sha256, **counted)


def _counted(content: bytes, merchant: str, day: date) -> tuple[int, int, int]:
    """How many lines a file has, and the sums of those that are believed: what came in, and what went back."""
    from console.providers.paypay_recon import ReconReader

    rows = paid = back = 0
    with closing(HistoryIndex()) as index:
        for row in ReconReader(io.BytesIO(content), merchant, day, index):
            rows += 1
            if isinstance(row, HistoryRow) and row.refund is RefundState.COMPLETED:
                back += row.amount.minor
            elif isinstance(row, HistoryRow) and row.refund is None and row.state is PaymentState.PAYMENT_SUCCESS:
                paid += row.amount.minor
    return rows, paid, back


def _trouble(outcome: Outcome[bytes], event: PaymentEvent) -> ConsoleError:
    """What a person has to know of a file that didn't come."""
    facts: dict[str, object] = {"day": event.order_no, "cause": outcome.reason, "status": outcome.status}
    if outcome.reason == "address_not_allowed":
        return ConsoleError("bad_profile", facts | {"variable": "paypay.recon_hosts", "problem": "host_not_allowed"})
    if outcome.sent is Sent.NO:
        return ConsoleError("provider_unreachable", facts)
    if outcome.status in (403, 404, 410):
        return ConsoleError("provider_refused", facts | {"reason": "recon_file_gone"})
    if outcome.reason in ("unreadable", "redirect", "too_large"):
        return ConsoleError("provider_answer_unusable", facts | {"reason": "recon_file_unreadable"})
    return ConsoleError("outcome_unknown", facts | {"reason": "recon_file_not_read"})


def days_between(first: date, last: date) -> Sequence[date]:
    """All days, both ends included."""
    return [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]
