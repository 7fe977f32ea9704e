"""Reconciliations as people see them: the runs, what each read and found, and where each difference is settled.

Reads alone. A difference is settled through its case; there is no matching by hand, so nothing here writes.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from console.domain import comparing
from console.domain.errors import ConsoleError
from console.domain.order_records import Payment
from console.domain.reconcile_results import (
    PARTS,
    DifferenceItem,
    DifferencesPage,
    ReadFile,
    RunItem,
    RunsPage,
    RunState,
    RunView,
)
from console.domain.records import LeaseHolder
from console.domain.worker_records import Alert, Difference, Verdict
from console.services import recon_files
from console.services.desk import Desk
from console.services.reconcile_book import KIND, REFUSED_ROWS, lease_name
from console.store import alerts, history_reads, leases, reconcile_looks, reconciliations
from console.store.reconciliations import Run

LONGEST_PAGE = 1_000
_SAME_DAYS = 200


class ReconcileViews:
    """`console.reconciliation.views`. Every call raises not_allowed for whoever may not look."""

    def __init__(self, desk: Desk, providers: Callable[[], tuple[str, ...]]) -> None:
        """`providers`: what there is to reconcile with here, asked for when it is needed."""
        self._desk, self.providers = desk, providers

    def runs(self, provider: str | None = None, limit: int = 50, before: int | None = None) -> RunsPage:
        """Runs of a provider (None: of all), newest first; `before`: the cursor of the page before."""
        most = max(1, min(limit, LONGEST_PAGE))
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            found = reconcile_looks.page(conn, provider, most, before)
            items = _items(conn, found)
        return RunsPage(items, found[-1].id if len(found) == most else None)

    def run(self, run_id: int = 0) -> RunView | None:
        """One run with its evidence; 0 is the newest, None where there never was one. Raises not_found."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            run = _newest(conn) if run_id == 0 else reconciliations.find(conn, run_id)
            if run is None and run_id:
                raise ConsoleError("not_found", {"kind": KIND, "id": str(run_id)})
            return None if run is None else self._view(conn, run)

    def _view(self, conn: Connection, run: Run) -> RunView:
        (item,) = _items(conn, (run,))
        newer, older = reconcile_looks.beside(conn, run.id)
        about = alerts.of_subject(conn, KIND, run.id)
        return RunView(
            item,
            refused=history_reads.refused_rows(conn, run.id),
            open_cases=reconcile_looks.waiting(conn, run.id, comparing.RULES),
            files=self._files(conn, run),
            holder=_holder(conn, run.provider) if item.state is RunState.RUNNING else None,
            case=next((one for one in about if one.rule_id == REFUSED_ROWS and one.resolved_at is None), None),
            newer=newer,
            older=older,
        )

    def _files(self, conn: Connection, run: Run) -> tuple[ReadFile, ...]:
        """Oldest day first, each with the earlier runs that read the very same bytes."""
        if run.provider != recon_files.SOURCE:
            return ()
        kept = recon_files.noted(conn, KIND, run.id)
        earlier = [one.id for one in reconcile_looks.page(conn, run.provider, _SAME_DAYS, run.id)]
        read = reconcile_looks.readers(conn, earlier, recon_files.CALL)
        return tuple(
            ReadFile(
                file.day, file.sha256, file.bytes, file.rows, file.paid_minor, file.refunded_minor,
                tuple(run_id for run_id, sha256 in read if sha256 == file.sha256),
            )
            for file in kept
        )  # fmt: skip

    def differences(
        self, run_id: int, part: str = "all", limit: int = 200, after: int | None = None
    ) -> DifferencesPage:  # fmt: skip
        """What did not match in a run, narrowed to a part of `PARTS`; `after`: the cursor of the page before.

        Raises usage for another part.
        """
        if part not in PARTS:
            raise ConsoleError("usage", {"problem": "part", "value": part[:40]})
        most = max(1, min(limit, LONGEST_PAGE))
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            found = reconcile_looks.differences(conn, run_id, PARTS[part], after or 0, most)
            items = _settled_at(conn, found)
        return DifferencesPage(items, found[-1].id if len(found) == most else None)


def _newest(conn: Connection) -> Run | None:
    return next(iter(reconcile_looks.page(conn, None, 1, None)), None)


def _items(conn: Connection, runs: Sequence[Run]) -> tuple[RunItem, ...]:
    """Of a provider's unfinished runs the one that changed last is under way while somebody holds its lease."""
    unfinished = {run.provider for run in runs if run.state == reconciliations.RUNNING}
    under_way = {_under_way(conn, provider) for provider in unfinished}
    return tuple(_item(run, going=run.id in under_way) for run in runs)


def _under_way(conn: Connection, provider: str) -> int | None:
    if _holder(conn, provider) is None:
        return None
    open_ones = reconciliations.unfinished(conn, provider)
    return max(open_ones, key=lambda run: (run.changed_at, run.id)).id if open_ones else None


def _holder(conn: Connection, provider: str) -> LeaseHolder | None:
    return leases.holder_of(conn, lease_name(provider))


def _item(run: Run, *, going: bool) -> RunItem:
    resumable = run.state == reconciliations.RUNNING and not going
    return RunItem(
        run.id, run.provider, run.from_day, run.to_day, RunState.RESUMABLE if resumable else RunState(run.state),
        **{name: getattr(run, name) for name in reconciliations.COUNTS},
        asked_by=run.asked_by, begun_at=run.begun_at, changed_at=run.changed_at, ended_at=run.ended_at,
        reason=run.reason,
    )  # fmt: skip


def _settled_at(conn: Connection, found: Sequence[Difference]) -> tuple[DifferenceItem, ...]:
    """With the payments that they mean as they are now, and their open cases."""
    ids = {one.payment_id for one in found if one.payment_id is not None}
    records = reconcile_looks.payments_of(conn, ids)
    cases = reconcile_looks.cases_of(conn, ids, comparing.RULES)
    return tuple(
        DifferenceItem(one, _of(records, one.payment_id), _case(one, cases.get(one.payment_id or 0, ())))
        for one in found
    )


def _of(records: dict[int, Payment], payment_id: int | None) -> Payment | None:
    return None if payment_id is None else records.get(payment_id)


def _case(found: Difference, cases: Sequence[Alert]) -> Alert | None:
    """The open case of this very difference: of its rule, and about what was found here."""
    if not found.case_opened:
        return None
    rule = comparing.RULE_OF.get(Verdict(found.verdict))
    return next((one for one in cases if one.rule_id == rule), None) or next(iter(cases), None)
