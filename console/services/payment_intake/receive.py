"""Takes what providers send of their own accord. Whatever is wrong with it, the refusal is one and the same."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Mapping

from console.domain import tracing
from console.domain.order_records import NoticePost
from console.domain.payment_results import NoticeResult
from console.services import notice_parts as parts
from console.services.desk import WORKER, Desk, acting
from console.services.due import skipping
from console.services.going_on import going_on
from console.services.notice_atom import AtomNotices
from console.services.notice_heard import Heard
from console.services.notice_parts import NoticeRefused, Source, Taken
from console.services.notice_paypay import PayPayNotices
from console.services.notice_signed import SOURCE, SignedNotices
from console.services.pace import Pace
from console.services.payment_probing import PaymentProbing
from console.services.payment_vendors import PaymentVendors
from console.store import payment_events, payments
from console.store.engine import Transaction
from console.store.payment_events import PaymentEvent

LARGEST_BYTES = 1 << 20
BATCH = 200
COUNT_CAP = 1_000
REFUSALS_AT_ONCE, REFUSALS_A_SECOND = 200, 5.0
"""Of refusals that are written, in one process."""
UNHEARD = 3
"""So many questions in a row that nobody answered: their provider is away. A single one may be lost by itself."""
_LONGEST_EVIDENCE = 2_000
_REFUSED = (parts.REFUSED, parts.TO_ASK, parts.ASKED)


class Notices:
    """One door for every source. Safe from any thread."""

    def __init__(self, desk: Desk, vendors: PaymentVendors, probing: PaymentProbing) -> None:
        self._desk = desk
        self._paypay = PayPayNotices(desk, probing)
        self._atom = AtomNotices(desk, vendors, probing)
        self._signed = SignedNotices(desk)
        self._sources: Mapping[str, Source] = {"paypay": self._paypay, "atom": self._atom}
        self._pace = Pace(REFUSALS_AT_ONCE, REFUSALS_A_SECOND)
        self._left_off = {parts.QUEUED: 0, parts.TO_ASK: 0}
        self._seen_unmatched = 0

    def notice(self, post: NoticePost) -> NoticeResult:
        """Judge, keep and book one notice, and ask the provider where that is due; harmless however often and in
        whatever order they come.

        Refused ones are audited (in a flood some of them, with the number of the others), and change nothing.
        Raises ConsoleError only where the database is in trouble: the sender is to send it again.
        """
        heard = self.hear(post)
        result = heard.keep()
        return heard.ask() if heard.asks else result

    def hear(self, post: NoticePost) -> Heard:
        """The same in steps, for whoever answers between keeping and asking. This one judges; no database is met."""
        with acting(WORKER), tracing.correlated() as correlation:
            try:
                if len(post.body) > LARGEST_BYTES:
                    raise NoticeRefused("too_large", f"{len(post.body)} bytes")
                return Heard(correlation, self._sources.get(post.source, self._signed).judge(post), self._ask)
            except NoticeRefused as refusal:
                matters = post.source == "atom" and refusal.hint is not None
                return Heard(correlation, self._telling(post, refusal, matters), self._ask, True, matters)

    def _ask(self, event: PaymentEvent) -> str:
        return (self._atom if event.source == "atom" else self._paypay).ask(event)

    def _telling(self, post: NoticePost, refusal: NoticeRefused, matters: bool) -> Callable[[], Taken] | None:
        """What writes a refusal into the trail, as long as refusals come at a bearable pace: a flood of rubbish fills
        no database, and the next one that is written says how many were not. One that `matters` (a false callback of
        which the provider is to be asked, for it may hide a true one) is always written.
        """
        passed_over = self._pace.admit(self._desk.clock.monotonic())
        if passed_over is None and not matters:
            return None
        done = parts.TO_ASK if matters else parts.REFUSED

        def tell() -> Taken:
            self._desk.write(lambda tx: self._refuse(tx, post, refusal, done, passed_over or 0))
            return Taken(done)

        return tell

    def _refuse(
        self, tx: Transaction, post: NoticePost, refusal: NoticeRefused, done: str, passed_over: int
    ) -> None:  # fmt: skip
        """The trail says why; what it held is kept, as far as that may be kept."""
        source = post.source if SOURCE.fullmatch(post.source) else "other"
        digest = hashlib.sha256(post.body[:LARGEST_BYTES]).hexdigest()
        event = PaymentEvent(
            source, f"{digest}:{uuid.uuid4()}", "refused", done, refusal.evidence[:_LONGEST_EVIDENCE],
            order_no=refusal.hint[:64] if refusal.hint else None,
        )  # fmt: skip
        payment_events.add(tx.conn, event, self._desk.now())
        facts = {"source": source, "peer": (post.peer or "")[:64], "sha256": digest, "bytes": len(post.body)}
        if passed_over:
            facts["passed_over"] = passed_over
        what = "payment.callback_refused"
        self._desk.note(tx, what, None, facts, kind=parts.EVENT, result="refused", reason=refusal.reason)

    def refused(self) -> int:
        """How many notices were refused, counted up to 1,000."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return min(COUNT_CAP, sum(payment_events.count(conn, done, COUNT_CAP) for done in _REFUSED))

    # What could not be done at once

    def confirm_due(self) -> int:
        """Ask about hints and callbacks that nobody could be asked about when they came, and look again whether what
        belonged to no payment does now.
        """
        asked = self._ask_all(parts.QUEUED, lambda event: self._ask(event) != parts.QUEUED)
        asked += self._ask_all(parts.TO_ASK, lambda event: self._atom.ask_about_refused(event) == parts.ASKED)
        return asked + self._match_again()

    def _ask_all(self, waiting: str, ask: Callable[[PaymentEvent], bool]) -> int:
        """A batch, on from where the last run left off. Once so many questions in a row were asked in vain, their
        source is left alone until the next run, which begins behind them: a provider that is away for a day holds up
        no task, and a notice that can't be settled holds up no other.
        """
        batch, count, in_vain = self._with(waiting, after=self._left_off[waiting]), 0, Counter[str]()
        self._left_off[waiting] = batch[-1].id if len(batch) == BATCH else 0
        for event in going_on(batch):
            if in_vain[event.source] >= UNHEARD:
                continue
            answered = False
            with skipping(f"{waiting} notice {event.id}"):
                answered = ask(event)
            count += answered
            in_vain[event.source] = 0 if answered else in_vain[event.source] + 1
            if in_vain[event.source] == UNHEARD:
                self._left_off[waiting] = event.id
        return count

    def _match_again(self) -> int:
        """A batch at a time, and from the first one again after the last."""
        done, batch = 0, self._with(parts.UNMATCHED, after=self._seen_unmatched)
        self._seen_unmatched = batch[-1].id if len(batch) == BATCH else 0
        for event in batch:
            with skipping(f"unmatched notice {event.id}"):
                done += self._matched(event)
        return done

    def _matched(self, event: PaymentEvent) -> bool:
        """A signed notice books what it tells; a hint or a callback only learns which payment was imported."""
        if event.source not in self._sources:
            return self._signed.try_again(event) != parts.UNMATCHED
        with self._desk.database.read() as conn:
            payment = payments.by_merchant_id(conn, event.source, event.order_no or "")
        if payment is not None:
            parts.settle(self._desk, event.source, event.event_id, parts.UNCHANGED, payment.id)
        return payment is not None

    def _with(self, done: str, after: int = 0) -> tuple[PaymentEvent, ...]:
        with self._desk.database.read() as conn:
            return payment_events.with_done(conn, done, BATCH, after)
