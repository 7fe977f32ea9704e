"""Due tasks: what keeps records moving when nobody presses anything. Run by the worker and by an open window."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from console.domain import tracing
from console.domain.corporation_number import LENGTH, InvalidCorporationNumber, parse
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, Operation, Work, WorkState
from console.providers.protocol import Capabilities
from console.services import settling
from console.services.completion import Completion
from console.services.described import Settler
from console.services.desk import Desk
from console.services.going_on import going_on
from console.services.parts import PDF
from console.services.probing import Probing
from console.store import cases, credit_checks, journal, queues
from console.store.engine import Transaction

BATCH = 200
AT_ONCE = 50
Task = tuple[str, Callable[[], int]]
"""A due task's name, and what does it: how many records it took."""
_KIND_OF = {action: kind for kind, action in journal.EFFECT_OF.items()}
_log = logging.getLogger("console.worker")


class DueTasks:
    """Each task takes what is due, each record under its own lease, and goes on when one fails.

    `settlers` know by kind of record what becomes of calls that their own process didn't end; `further` are the
    tasks of other kinds.
    """

    def __init__(
        self,
        desk: Desk,
        completion: Completion,
        probing: Probing,
        capabilities: Callable[[], Capabilities],
        settlers: Mapping[str, Settler] | None = None,
        further: Sequence[Task] = (),
    ) -> None:
        self._desk = desk
        self._completion = completion
        self._probing = probing
        self._settlers = {credit_checks.KIND: settling.Settling(desk, capabilities), **(settlers or {})}
        self._further = further

    def tasks(self) -> tuple[Task, ...]:
        """By name, in an order in which each finds what the one before it left."""
        return (
            ("spool_delivery", self._deliver_spool),
            ("lapsed_operations", self._settle_lapsed),
            ("rows_by_others", self._adopt_rows_by_others),
            ("probes", self._probe_due),
            ("refetches", self._refetch_due),
            *self._further,
        )

    def _deliver_spool(self) -> int:
        """Answers that the database could not take when they came."""
        done, desk = 0, self._desk
        if not desk.spool.undelivered(desk.database_id):
            return 0
        with skipping("opening kept answers"):
            desk.spool.unlock(desk.cipher)
        for entry in going_on(desk.spool.undelivered(desk.database_id)):
            if entry.answer is None:
                _log.error("operation %s: its kept answer needs another store key", entry.intent.operation_id)
                continue
            desk.failpoints.reach("before_delivery")
            with skipping("spool delivery"):
                operation_id = entry.intent.operation_id
                settler = self._settlers[_KIND_OF[entry.intent.action]]
                if settler.deliver(operation_id, entry.answer):
                    desk.failpoints.reach("after_delivery")
                    desk.spool.delivered(operation_id)
                    done += 1
        return done

    def _settle_lapsed(self) -> int:
        """Calls whose process went away: unknown, never error."""
        with self._desk.database.read() as conn:
            lapsed = journal.lapsed(conn)
        return sum(self._lapse(operation) for operation in going_on(lapsed))

    def _lapse(self, operation: Operation) -> int:
        """A mere reading of whatever kind only ends."""
        done = False
        with skipping("lapse"):
            kind = operation.subject_kind if operation.action in journal.EFFECTS else credit_checks.KIND
            done = self._settlers[kind].lapse(operation.id)
        return int(done)

    def _probe_due(self) -> int:
        return self._each_due("unknown", lambda record: self._probing.probe(record.id, automatic=True))

    def _refetch_due(self) -> int:
        return self._each_due("incomplete", self._refetch)

    def _refetch(self, record: CreditCheck) -> None:
        """Only what is missing; AlarmBox's detail and PDF are separate readings."""
        pdf = "pdf" in record.incomplete
        detail = bool(set(record.incomplete) - {PDF}) or not pdf
        self._completion.refetch(record.id, detail=detail, pdf=pdf, saw=None, progress=lambda _step: None)

    def _each_due(self, reason: str, act: Callable[[CreditCheck], object]) -> int:
        """How many were taken; what another process has dealt with meanwhile is left alone."""
        with self._desk.database.read() as conn:
            records = queues.due(conn, reason, self._desk.now(), BATCH)
        return sum(self._take(record, reason, act) for record in going_on(records))

    def _take(self, record: CreditCheck, reason: str, act: Callable[[CreditCheck], object]) -> int:
        with self._desk.database.read() as conn:
            fresh = credit_checks.find(conn, record.id)
        if fresh is None or fresh.version != record.version:
            return 0
        with skipping(f"{reason} of {record.id}"):
            act(record)
        return 1

    def _adopt_rows_by_others(self) -> int:
        """Rows with the original columns only: number and state as we write them, or a case for a person."""
        done = 0
        with self._desk.database.read() as conn:
            waiting = bool(queues.written_by_others(conn, 1))
        while waiting:
            adopted = self._adopt_some()
            done, waiting = done + adopted, adopted > 0
        return done

    def _adopt_some(self) -> int:
        """A few in one short transaction; each alone where one spoils it for the others."""
        rows: tuple[tuple[int, str, str], ...] = ()

        def adopt(tx: Transaction) -> int:
            nonlocal rows
            rows = queues.written_by_others(tx.conn, AT_ONCE)
            return sum(self._adopt(tx, *row) for row in rows)

        try:
            return self._desk.write(adopt)
        except Exception:
            _log.warning("rows written by another application: each alone", exc_info=True)
            return sum(self._adopt_alone(row) for row in rows)

    def _adopt_alone(self, row: tuple[int, str, str]) -> int:
        done = False
        with skipping("a row written by another application"):
            done = self._adopt_one(row)
        return int(done)

    def _adopt_one(self, row: tuple[int, str, str]) -> bool:
        return self._desk.write(lambda tx: self._adopt(tx, *row))

    @credit_checks.runs_again()
    def _adopt(self, tx: Transaction, record_id: int, raw: str, key: str) -> bool:
        """False where another run was faster: what it wrote, or people since, is not written over."""
        desk, number = self._desk, key
        with suppress(InvalidCorporationNumber):
            number = parse(raw, dummies=True).value
        record = credit_checks.find(tx.conn, record_id)
        # In this order: who takes the row in between the two makes the record that was read stale.
        if record is None or not queues.still_by_others(tx.conn, record_id):
            return False
        now = desk.now()
        first = credit_checks.holder_before(tx.conn, record, number) if raw != number else None
        kept: dict[str, object] = {"duplicate_of": first.id} if first else {}
        readable = len(number) == LENGTH and number.isascii() and number.isdigit()
        if readable:  # what nobody can read stays as it was written
            kept["corporation_number"] = number
        doubled = first is not None or record.duplicate_of is not None
        work = _work_of_adopted(record, readable=readable, clash=doubled)
        kept |= {"status": record.state, **credit_checks.work_values(work)}
        credit_checks.change(tx.conn, record, now, **kept)
        if work.reason in ("number_unreadable", "duplicate"):
            cases.open_case(tx.conn, work.reason, credit_checks.KIND, record_id, raw, "13 digits", now)
        desk.note(tx, "credit-check.adopted", record_id, {"written": raw[:64]}, reason=work.reason)
        return True


def _work_of_adopted(record: CreditCheck, *, readable: bool, clash: bool) -> Work:
    if clash:
        return Work(WorkState.NEEDS_REVIEW, reason="duplicate")
    if not readable:
        return Work(WorkState.NEEDS_REVIEW, reason="number_unreadable")
    if record.credit_check_id is None:
        return Work(WorkState.NEEDS_REVIEW, reason="written_by_other")
    return Work()


@contextmanager
def skipping(what: str) -> Iterator[None]:
    """One record that can't be served must not keep the others waiting; each has a correlation id of its own."""
    with tracing.apart(record=what):
        try:
            yield
        except ConsoleError as refusal:
            _log.info("%s: %s", what, refusal.code)
        except Exception:
            _log.warning("%s failed", what, exc_info=True)
