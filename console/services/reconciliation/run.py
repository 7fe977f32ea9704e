"""Reconciliation: a provider's history beside ours, in two halves, a row at a time, to be gone on with at any row.

What is missing here is booked, what we still wait for is taken in as a probe's answer would be, and what is different
after that is a case for a person. Nothing else is put right.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import partial

from console.domain import comparing
from console.domain.clock import is_ahead
from console.domain.dates import IST, JST
from console.domain.errors import ConsoleError
from console.domain.worker_records import ReconcileReport, Verdict
from console.services import refusals
from console.services.desk import Desk
from console.services.due import skipping
from console.services.going_on import going_on
from console.services.heartbeat import LEASE_SECONDS
from console.services.histories import HistorySource, NoticeList, PayPayFiles
from console.services.imports import Imports
from console.services.notice_signed import notice_sources
from console.services.payment_probing import PaymentProbing
from console.services.payment_vendors import PaymentVendors
from console.services.recon_files import DayFile, ReconFiles, days_between
from console.services.reconcile_book import (
    MOST_DIFFERENCES,
    OURS,
    REFUSED_ROWS,
    THEIRS,
    Book,
    Record,
    Sketch,
    lease_name,
)
from console.services.reconcile_facts import ReconcileFacts
from console.services.reconcile_ours import Ours
from console.services.reconcile_theirs import Theirs
from console.services.reconcile_views import ReconcileViews
from console.services.settling import tolerated
from console.store import alerts, history_reads, leases, reconciliations
from console.store.engine import Transaction
from console.store.leases import Lease
from console.store.reconciliations import Run

KIND = reconciliations.KIND
ACTION = "payment.reconcile"
PAYPAY, ATOM = "paypay", "atom"
MOST_DAYS = 366
FETCHED_WITHIN = timedelta(hours=2)
"""How long an address that was announced works."""
_LOOKED_BACK = 50


class Reconciling:
    """Reconciles, and says what came of it. Holds only the providers' reading halves."""

    def __init__(
        self, desk: Desk, vendors: PaymentVendors, probing: PaymentProbing, imports: Imports,
        probe_refund: Callable[[int], object],
    ) -> None:  # fmt: skip
        self._desk, self._vendors = desk, vendors
        self.views = ReconcileViews(desk, self._providers)
        facts = ReconcileFacts(desk, imports)
        self._files = ReconFiles(desk)
        self._theirs = Theirs(desk, facts, imports, probe_refund)
        self._ours = Ours(desk, facts, probing)

    def run(self, provider: str, first: date, last: date, *, dry_run: bool = False) -> ReconcileReport:
        """Compare these days, both included: of Japan, for Atom of India. The same again changes nothing more; one
        that was broken off is gone on with. A dry run writes nothing and asks about no payment that has a history.

        Raises usage, not_found and bad_profile (2), in_progress, not_allowed (3), outcome_unknown where the provider
        has announced no list or says nothing (4), provider_refused, provider_answer_unusable and its like (5),
        provider_unreachable (6).
        """
        asked = {"provider": provider[:40], "from": first.isoformat(), "to": last.isoformat()}
        with refusals.audited(self._desk, ACTION, None, asked, kind=KIND):
            self._desk.require("import")
            self._check(provider, first, last)
            return (self._sketched if dry_run else self._recorded)(provider, first, last)

    def _check(self, provider: str, first: date, last: date) -> None:
        if not first <= last <= self._desk.now().astimezone(_zone(provider)).date():
            raise ConsoleError("usage", {"problem": "reconcile_days"})
        if (last - first).days >= MOST_DAYS:
            raise ConsoleError("usage", {"problem": "reconcile_span"})
        if provider in (PAYPAY, ATOM):
            self._vendors.reader(provider)
        elif provider not in notice_sources(self._desk.settings):
            raise ConsoleError("not_found", {"kind": "provider", "id": provider[:40]})

    def _providers(self) -> tuple[str, ...]:
        """Payment providers that are set up on this desk, and mere sources of notices that have a key here."""
        known = (name for name in (PAYPAY, ATOM) if self._vendors.asker(name) is not None)
        return (*known, *notice_sources(self._desk.settings))

    # Dry

    def _sketched(self, provider: str, first: date, last: date) -> ReconcileReport:
        contents: dict[date, tuple[str, Callable[[], bytes]]] = {}
        for day in days_between(first, last) if provider == PAYPAY else ():
            event = self._files.announced(day)
            kept = self._files.kept(event)
            content = self._files.read(kept) if kept else self._files.fetch(event)
            contents[day] = ("dry run", partial(bytes, content))
        sketch = Sketch()
        self._go(provider, self._history(provider, first, last, contents), sketch, first, last)
        count = sketch.counts
        return ReconcileReport(
            provider, first, last, matched=count[Verdict.MATCHED], imported=count[Verdict.IMPORTED],
            missing_there=count[Verdict.MISSING_THERE], different_state=count[Verdict.DIFFERENT_STATE],
            different_amount=count[Verdict.DIFFERENT_AMOUNT], differences=tuple(sketch.differences),
            refused=count[Verdict.REFUSED],
        )  # fmt: skip

    def _go(
        self, provider: str, history: HistorySource | None, book: Book, first: date, last: date
    ) -> None:  # fmt: skip
        span = _span(provider, first, last)
        if history is None:
            self._ours.ask(provider, book, span, None)
        elif self._theirs.go(provider, history, book, None) and history.whole():
            self._ours.go(provider, history, book, span, None)

    # Written

    def _recorded(self, provider: str, first: date, last: date) -> ReconcileReport:
        files = self._ready(provider, first, last)
        lease = self._held(provider)
        try:
            run = self._desk.write(lambda tx: self._open(tx, provider, first, last, files))
            return self._report(self._through(Record(self._desk, run, lease)))
        finally:
            with tolerated("giving a lease up"):
                self._desk.write(lambda tx: leases.release(tx.conn, lease))

    def _ready(self, provider: str, first: date, last: date) -> tuple[DayFile, ...]:
        """The files of a run that is to begin, fetched and kept; none for one that has begun and has its own."""
        with self._desk.database.read() as conn:
            begun = any(_days(run) == (first, last) for run in reconciliations.unfinished(conn, provider))
        if begun or provider != PAYPAY:
            return ()
        events = [self._files.announced(day) for day in days_between(first, last)]
        return tuple(self._files.kept(event) or self._files.keep(event, self._files.fetch(event)) for event in events)

    def _held(self, provider: str) -> Lease:
        desk, name = self._desk, lease_name(provider)
        seconds = desk.scale.lease_seconds(LEASE_SECONDS)
        lease = desk.write(lambda tx: leases.take(tx, name, desk.holder(), desk.now(), seconds))
        if lease is None:
            with desk.database.read() as conn:
                holder = leases.holder_of(conn, name)
            raise ConsoleError("in_progress", {"reason": "reconciliation", **refusals.holding(holder)})
        return lease

    def _open(
        self, tx: Transaction, provider: str, first: date, last: date, files: tuple[DayFile, ...]
    ) -> Run:  # fmt: skip
        """A new one with its evidence, or the one of the same days that was broken off."""
        desk, now = self._desk, self._desk.now()
        for run in reconciliations.unfinished(tx.conn, provider):
            if _days(run) == (first, last):
                return run
        phase = OURS if provider == ATOM else THEIRS
        run_id = reconciliations.open(tx.conn, provider, first, last, desk.holder().operator, now, phase)
        run = _found(tx, run_id)
        kept = [self._files.note(tx, KIND, run_id, file) for file in files]
        desk.note(tx, "reconciliation.begun", run_id, _asked(run), kind=KIND)
        return reconciliations.save(tx.conn, run, now, evidence_id=kept[0]) if kept else run

    def _through(self, record: Record) -> Run:
        """Both halves, as far as the run goes on."""
        run = record.run
        span = _span(run.provider, run.from_day, run.to_day)
        history = self._history(run.provider, run.from_day, run.to_day, self._contents(run))
        if history is None:
            return record.end(self._ended) if self._ours.ask(run.provider, record, span, run.position) else record.run
        try:
            return self._halves(record, history, span)
        except ConsoleError as unfit:
            if unfit.code in ("provider_answer_unusable", "not_found"):  # the file as it is kept will not get better
                record.fail(unfit.code)
            raise
        finally:
            history.close()

    def _halves(self, record: Record, history: HistorySource, span: tuple[datetime, datetime]) -> Run:
        run = record.run
        if run.phase == THEIRS:
            if not self._theirs.go(run.provider, history, record, run.position):
                return record.run
            record.turn(OURS)
        if history.whole() and not self._ours.go(run.provider, history, record, span, record.run.position):
            return record.run
        return record.end(self._ended)

    def _contents(self, run: Run) -> Mapping[date, tuple[str, Callable[[], bytes]]]:
        kept = self._files.of_run(KIND, run.id)
        return {file.day: (file.sha256, partial(self._files.read, file)) for file in kept}

    def _history(
        self, provider: str, first: date, last: date, contents: Mapping[date, tuple[str, Callable[[], bytes]]]
    ) -> HistorySource | None:  # fmt: skip
        if provider == ATOM:
            return None
        if provider == PAYPAY:
            return PayPayFiles(self._desk.settings.secret("PAYPAY_MERCHANT_ID") or "", contents)
        return NoticeList(self._desk, provider, first, last)

    def _ended(self, tx: Transaction, run: Run) -> None:
        """The trail tells the counts; rows that were not believed are a case until the days are read without such."""
        desk, now = self._desk, self._desk.now()
        refused = history_reads.refused_rows(tx.conn, run.id)
        counts = {name: getattr(run, name) for name in reconciliations.COUNTS}
        desk.note(tx, "reconciliation.ended", run.id, {**_asked(run), **counts, "refused": refused}, kind=KIND)
        latest = reconciliations.latest(tx.conn, run.provider, _LOOKED_BACK)
        same = [one.id for one in latest if _days(one) == _days(run)]
        for alert in history_reads.last_refused(tx.conn, same, REFUSED_ROWS):
            alerts.resolve(tx.conn, alert, now)
        if refused:
            days = f"{run.provider} {run.from_day.isoformat()}"
            alerts.raise_(tx.conn, REFUSED_ROWS, KIND, run.id, None, f"{days}: {refused} rows", "0 rows", now)

    # What came of it

    def latest(self, provider: str | None = None, limit: int = 20) -> tuple[ReconcileReport, ...]:
        """The last ones, newest first."""
        self._desk.require("read")
        with self._desk.database.read() as conn:
            runs = reconciliations.latest(conn, provider, limit)
        return tuple(self._report(run) for run in runs)

    def _report(self, run: Run) -> ReconcileReport:
        with self._desk.database.read() as conn:
            differences = reconciliations.rows(conn, run.id, 0, MOST_DIFFERENCES)
            cases = history_reads.cases_of_run(conn, run.id, run.begun_at, comparing.RULES, MOST_DIFFERENCES)
            about = alerts.of_subject(conn, KIND, run.id)
            refused = history_reads.refused_rows(conn, run.id)
        counts = {name: getattr(run, name) for name in reconciliations.COUNTS}
        return ReconcileReport(
            run.provider, run.from_day, run.to_day, **counts, differences=differences, cases=(*cases, *about),
            run_id=run.id, evidence_id=run.evidence_id, begun_at=run.begun_at, ended_at=run.ended_at, refused=refused,
        )  # fmt: skip

    # By itself

    def run_due(self) -> int:
        """What was broken off is gone on with; days whose files were announced, and yesterday, are begun."""
        return sum(self._by_itself(*due) for due in going_on(self._due()))

    def _by_itself(self, provider: str, first: date, last: date) -> int:
        done = False
        with skipping(f"reconciliation of {provider} {first.isoformat()}"):
            self.run(provider, first, last)
            done = True
        return int(done)

    def _due(self) -> list[tuple[str, date, date]]:
        found = []
        for provider in self._providers():
            with self._desk.database.read() as conn:
                broken = [(provider, *_days(run)) for run in reconciliations.unfinished(conn, provider)]
                latest = reconciliations.latest(conn, provider, _LOOKED_BACK)
            found += broken
            for day in self._days_of(provider):
                if not any(run.from_day <= day <= run.to_day and not self._was_early(run) for run in latest):
                    found.append((provider, day, day))
        return found

    def _was_early(self, run: Run) -> bool:
        """By a clock that was ahead: what it took for yesterday was not over."""
        return is_ahead(run.begun_at, self._desk.now())

    def _days_of(self, provider: str) -> list[date]:
        """Days that may be compared now: those announced, or yesterday if anything happened then."""
        now = self._desk.now()
        with self._desk.database.read() as conn:
            if provider == PAYPAY:
                since = now - FETCHED_WITHIN
                return [date.fromisoformat(day) for day in history_reads.announced_days(conn, PAYPAY, since)]
            day = now.astimezone(_zone(provider)).date() - timedelta(days=1)
            first, until = _span(provider, day, day)
            look = history_reads.begun if provider == ATOM else history_reads.told
            return [day] if look(conn, provider, (first, 0), until, 1) else []


def _zone(provider: str) -> timezone:
    return IST if provider == ATOM else JST


def _span(provider: str, first: date, last: date) -> tuple[datetime, datetime]:
    """The first instant of these days, and the first one after them (UTC)."""
    zone = _zone(provider)
    begins = datetime.combine(first, time(), zone).astimezone(UTC)
    return begins, datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)


def _days(run: Run) -> tuple[date, date]:
    return run.from_day, run.to_day


def _asked(run: Run) -> dict[str, object]:
    return {"provider": run.provider, "from": run.from_day.isoformat(), "to": run.to_day.isoformat()}


def _found(tx: Transaction, run_id: int) -> Run:
    run = reconciliations.find(tx.conn, run_id)
    if run is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(run_id)})
    return run
