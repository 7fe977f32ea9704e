"""Asking the provider what happened, changing nothing there; settles an unknown purchase where it can tell."""

from collections.abc import Callable

from console.domain.dates import JST
from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.records import (
    Certainty,
    CheckReport,
    CheckState,
    CreditCheck,
    OperationState,
    Work,
    WorkState,
)
from console.domain.schedules import PURCHASE_PROBES, next_at
from console.providers.protocol import CreditReader
from console.services import reading, refusals, settling
from console.services.desk import Desk
from console.services.parts import part_code
from console.services.recovery import Recovery
from console.store import credit_checks, journal
from console.store.engine import Transaction

KIND = credit_checks.KIND
ACTION = "credit-check.probe"


class Probing:
    """Probes of credit checks. Holds only the reading half of the vendor."""

    def __init__(self, desk: Desk, recovery: Recovery, reader: Callable[[], CreditReader]) -> None:
        self._desk = desk
        self._recovery = recovery
        self._reader = reader

    def probe(self, record_id: int, *, automatic: bool = False) -> CreditCheck:
        """The record as known afterwards. Raises outcome_unknown while nobody can tell (detail.record),
        in_progress while its call runs, provider_auth, rate_limited and provider_unreachable.
        """
        with refusals.audited(self._desk, ACTION, record_id):
            self._desk.require("probe")
            return self._probe(record_id, automatic)

    def _probe(self, record_id: int, automatic: bool) -> CreditCheck:
        record = reading.current(self._desk, record_id)
        if record.certainty is Certainty.UNKNOWN:
            return self._probe_unknown(record_id, automatic)
        self._refuse_running(record)
        if record.state is CheckState.SUCCESS and record.credit_check_id is not None and not record.viewing_over:
            self._compare(record)
        return reading.current(self._desk, record_id)

    def _refuse_running(self, record: CreditCheck) -> None:
        with self._desk.database.read() as conn:
            running = journal.running_of(conn, KIND, record.id)
        if running is not None and running.action in journal.EFFECTS:
            holder = {"operator": running.operator, "desk": running.desk}
            raise ConsoleError("in_progress", {"record": record, "holder": holder, "since": running.started_at})

    # Unknown: look for the purchase

    def _probe_unknown(self, record_id: int, automatic: bool) -> CreditCheck:
        with self._recovery.held(record_id, None) as record:
            reader = self._reader()
            if not reader.capabilities.finds_purchases:
                raise ConsoleError("outcome_unknown", {"record": record, "reason": "no_list_call"})
            self._desk.failpoints.reach("before_probe")
            outcome = reader.find_purchases(record.corporation_number)
            self._desk.failpoints.reach("after_probe")
            reason = self._take_answer(record, outcome, automatic)
        if reason is None:
            return reading.current(self._desk, record_id)
        raise self._still_unknown(record_id, outcome, reason)

    def _take_answer(
        self, record: CreditCheck, outcome: Outcome[tuple[CheckReport, ...]], automatic: bool
    ) -> str | None:
        """Settle by the answer if it is beyond doubt; else say why not. None as well if it was settled meanwhile."""
        return self._desk.write(lambda tx: self._apply_answer(tx, record, outcome, automatic))

    def _apply_answer(
        self, tx: Transaction, record: CreditCheck, outcome: Outcome[tuple[CheckReport, ...]], automatic: bool
    ) -> str | None:
        desk, reason = self._desk, outcome.reason
        settling.keep_answer(desk, tx, record, "probe", outcome)
        fresh = credit_checks.find(tx.conn, record.id)
        if fresh is not None and fresh.certainty is Certainty.KNOWN:
            return None
        if outcome.kind is OutcomeClass.SUCCEEDED and outcome.found is not None:
            report, reason = self._the_one(tx, record, outcome.found)
            if report is not None:
                self._settle(tx, record, outcome, report)
                return None
        desk.note(tx, "credit-check.probed", record.id, result="failed", reason=reason[:64])
        if automatic:
            self._plan_next(tx, record)
        return reason

    def _the_one(
        self, tx: Transaction, record: CreditCheck, found: tuple[CheckReport, ...]
    ) -> tuple[CheckReport | None, str]:
        """Exactly one unused id bought since the day of sending, and nobody else waiting for that number."""
        sent = record.created_at.astimezone(JST).date() if record.created_at else None
        # Who waits is read first: whoever is settled in between on a server shows in the ids that are used.
        waiting = journal.purchases_open_for(tx.conn, record.corporation_number)
        unused = [
            report
            for report in found
            if not credit_checks.with_provider_id(tx.conn, report.credit_check_id)
            and (sent is None or (report.purchase_date is not None and report.purchase_date >= sent))
        ]
        if len(waiting) > 1:
            return None, "several_wait"
        if len(unused) != 1:
            return None, "none_found" if not unused else "several_found"
        return unused[0], "found"

    def _settle(
        self,
        tx: Transaction,
        record: CreditCheck,
        outcome: Outcome[tuple[CheckReport, ...]],
        report: CheckReport,
    ) -> None:
        if record.operation_id:
            journal.settle(tx.conn, record.operation_id, OperationState.DONE, outcome, self._desk.now())
            operation, provider_id = record.operation_id, report.credit_check_id
            tx.after_commit(lambda: self._desk.spool.ended(operation, holds_claim=True, provider_id=provider_id))
        settling.write_success(self._desk, tx, record, report, {"by": "probe"})

    def _plan_next(self, tx: Transaction, record: CreditCheck) -> None:
        fresh = credit_checks.find(tx.conn, record.id)
        if fresh is None:
            return
        now, attempts = self._desk.now(), record.work.attempt + 1
        at = next_at(PURCHASE_PROBES, attempts, now, self._desk.scale)
        work = Work(WorkState.SCHEDULED, at, "unknown", attempts)
        if at is None:
            work = Work(WorkState.NEEDS_REVIEW, None, "probes_ended", attempts)
        credit_checks.change(tx.conn, fresh, now, **credit_checks.work_values(work))

    def _still_unknown(self, record_id: int, outcome: Outcome[object], reason: str) -> ConsoleError:
        detail = {"record": reading.current(self._desk, record_id), "reason": reason, "status": outcome.status}
        if outcome.kind is OutcomeClass.SUCCEEDED:
            return ConsoleError("outcome_unknown", detail)
        code = part_code(outcome)
        asked_in_vain = code in ("provider_auth", "rate_limited", "provider_unreachable")
        return ConsoleError(code if asked_in_vain else "outcome_unknown", detail)

    # Known: compare, and never overwrite

    def _compare(self, record: CreditCheck) -> None:
        """Ask for a bought check. What contradicts us becomes a case; the state stays."""
        outcome = self._reader().detail(record.credit_check_id or 0)
        desk, observed = self._desk, _contradiction(record, outcome)

        def keep(tx: Transaction) -> None:
            settling.keep_answer(desk, tx, record, "probe", outcome)
            desk.note(tx, "credit-check.probed", record.id, reason=outcome.reason[:64])
            if observed is not None:
                settling.contradict(desk, tx, record, observed)

        desk.write(keep)
        code = part_code(outcome)
        if outcome.kind is not OutcomeClass.SUCCEEDED and code in (
            "provider_auth", "rate_limited", "provider_unreachable",
        ):  # fmt: skip
            raise ConsoleError(code, {"record": reading.current(self._desk, record.id), "reason": outcome.reason})


def _contradiction(record: CreditCheck, outcome: Outcome[CheckReport]) -> str | None:
    if outcome.kind is OutcomeClass.NOT_FOUND:
        return "provider does not know the check"
    number = outcome.found.corporation_number if outcome.found else None
    if number is not None and number != record.corporation_number:
        return f"provider names corporation {number[:20]}"
    return None
