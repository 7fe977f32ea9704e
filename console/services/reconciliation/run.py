"""Reconcile a provider's history with our payments and refunds, row by row. The first phase compares each row of the
history with our records. The second phase searches the history for each of our payments and refunds of these days. If
the provider has no history, there is only the second phase, which asks the provider about each payment. An
interrupted run can be continued at any row.

A payment that our database doesn't have is imported. An expected change of a payment is applied like the answer to a
probe. A difference that remains opens a case for a person. The reconciliation corrects nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial

from console.domain.alerts.provider_subjects import PROVIDER_KIND, compute_provider_subject_id
from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST, get_utc_span, list_days_of_span
from console.domain.clock import is_in_future
from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_registry import (
    find_provider,
    get_time_zone,
    lacks_history,
    list_provider_names,
    list_providers_of_type,
)
from console.domain.process import interrupts
from console.domain.reconciliation import row_comparison
from console.domain.tasks.records import ReconcileReport, ReconciliationVerdict
from console.domain.usage_problems import UsageProblem
from console.providers.payments.plugin import ProviderPlugin
from console.services.audit import refusals
from console.services.guarded.leases import hold_lease
from console.services.guarded.request_ids import RequestIdService
from console.services.payment_intake.daily_files import DailyFileStore, StoredDailyFile, list_days
from console.services.payment_intake.import_payment import PaymentImporter
from console.services.payment_intake.signed_notices import list_notice_sources
from console.services.payments.probe import PaymentProber
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.reconciliation.apply_row import HistoryRowApplier
from console.services.reconciliation.journal import (
    MAX_LISTED_DIFFERENCES,
    OWN_ROWS_PHASE,
    PROVIDER_ROWS_PHASE,
    REFUSED_ROWS_RULE,
    DryRunCounts,
    ReconciliationRunJournal,
    StoredReconciliationRun,
    make_lease_name,
)
from console.services.reconciliation.our_rows import OwnRecordComparison
from console.services.reconciliation.provider_rows import ProviderHistoryComparison
from console.services.reconciliation.run_reader import ReconciliationRunReader, find_unsearched_run_ids
from console.services.reconciliation.sources import FileHistory, HistorySource, NoticeHistory
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.due_tasks import skip_failures
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.database.instants import read_earlier_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.reconciliation import our_records
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import ReconciliationRun

RECONCILIATION_KIND = reconciliations.RECONCILIATION_KIND
RECONCILE_ACTION = AuditAction.PAYMENT_RECONCILE
MAX_RECONCILED_DAYS = 366
DOWNLOAD_ADDRESS_VALID_TIME = timedelta(hours=2)
"""Time during which the download address of a daily file is used, counted from the notice that announced the file."""
MAX_DAYS_TO_CATCH_UP = 7
"""Number of days before today for which the due task starts a run, if there is none yet. This is for providers
without daily files."""
LATE_DAYS_RULE = "days_not_reconciled"
"""Alert rule about a provider of which a day isn't reconciled LATE_AFTER after the due task could have done so."""
LATE_AFTER = timedelta(hours=1)
"""Time in which the due task tries several times to reconcile a day before an alert informs people."""
_MAX_LISTED_LATEST_RUNS = 50
"""Number of the newest runs that are read to find the earlier runs of the same days."""


class ReconciliationService:
    """Runs reconciliations with providers and returns their reports. This class can query providers but not send
    payments or refunds.
    """

    def __init__(
        self,
        context: ServiceContext,
        payment_providers: PaymentProviders,
        payment_prober: PaymentProber,
        payment_importer: PaymentImporter,
        probe_refund: Callable[[int], object],
        request_ids: RequestIdService,
    ) -> None:
        self._request_ids = request_ids
        self._context, self._payment_providers = context, payment_providers
        self.views = ReconciliationRunReader(context, self._list_reconcilable_providers)
        row_applier = HistoryRowApplier(context, payment_importer)
        self._daily_file_stores = {
            plugin.name: DailyFileStore(context, plugin, plugin.make_daily_file_functions())
            for plugin in list_providers_of_type(ProviderPlugin)
            if plugin.make_daily_file_functions
        }
        self._provider_history_comparison = ProviderHistoryComparison(
            context, row_applier, payment_importer, probe_refund
        )
        self._own_record_comparison = OwnRecordComparison(context, row_applier, payment_prober)

    def run(
        self, provider: str, first_day: date, last_day: date, *, dry_run: bool = False, request_id: str | None = None
    ) -> ReconcileReport:
        """Compare the provider's history with our records for the days from `first_day` to `last_day`, including the
        last day (days in Japan; for Atom, days in India). Return the report. A repeated run changes nothing more; an
        interrupted run is continued.

        A dry run writes nothing and ignores the request id. It asks the provider about single payments only if the
        provider has no history.

        Raises usage for days in the future, a last day before the first, or more than MAX_RECONCILED_DAYS days;
        not_found if there is no such provider or sender of signed notices on this desk; bad_profile if the provider
        is not configured on this desk; not_allowed if the acting person has no right to import payments; in_progress
        while another process reconciles with this provider; outcome_unknown if the provider has announced no file or
        an answer leaves the outcome unknown; interrupted if a signal asks the process to end. If the download of a
        file or a question to the provider fails, raises provider_unreachable if nothing was sent; provider_auth if
        the provider refuses the credentials; rate_limited if it refuses the call because of too many calls;
        provider_refused if it refuses the file or the question; provider_answer_unusable if its answer can't be read.
        """
        return self._request_ids.act_once(
            "reconcile",
            None if dry_run else request_id,
            (provider, first_day, last_day),
            lambda: self._reconcile_days(provider, first_day, last_day, dry_run=dry_run),
            continues_work=True,
        )

    def _reconcile_days(self, provider: str, first_day: date, last_day: date, *, dry_run: bool) -> ReconcileReport:
        facts = {"provider": provider[:40], "from": first_day.isoformat(), "to": last_day.isoformat()}
        with refusals.audit_refusals(self._context, RECONCILE_ACTION, None, facts, kind=RECONCILIATION_KIND):
            self._context.require_right("import")
            self._require_valid_days(provider, first_day, last_day)
            report = (self._make_dry_run_report if dry_run else self._run_and_store_reconciliation)(
                provider, first_day, last_day
            )
            # The counts of an interrupted run are not complete, so they are not returned.
            if report.ended_at is None and interrupts.is_interrupt_pending():
                raise ConsoleError(ErrorCode.INTERRUPTED, {})
            return report

    def _require_valid_days(self, provider: str, first_day: date, last_day: date) -> None:
        if not first_day <= last_day <= self._context.now().astimezone(get_time_zone(provider)).date():
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_RECONCILIATION_DAYS})
        if (last_day - first_day).days >= MAX_RECONCILED_DAYS:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.RECONCILIATION_PERIOD_TOO_LONG})
        if find_provider(provider) is not None:
            self._payment_providers.get_reader(provider)
        elif provider not in list_notice_sources(self._context.settings):
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "provider", "id": provider[:40]})

    def _list_reconcilable_providers(self) -> tuple[str, ...]:
        """Return the names of the providers that can be reconciled on this desk: the configured payment providers,
        and the sources of signed notices whose key this desk has.
        """
        configured = (name for name in list_provider_names() if self._payment_providers.find_reader(name) is not None)
        return (*configured, *list_notice_sources(self._context.settings))

    # Dry run

    def _make_dry_run_report(self, provider: str, first_day: date, last_day: date) -> ReconcileReport:
        contents: dict[date, tuple[str, Callable[[], bytes]]] = {}
        if (file_store := self._daily_file_stores.get(provider)) is not None:
            for day in list_days(first_day, last_day):
                event = file_store.require_announcing_notice(day)
                stored_file = file_store.find_stored_file(event)
                content = file_store.read_content(stored_file) if stored_file else file_store.download_file(event)
                contents[day] = ("dry run", partial(bytes, content))
        dry_run_counts = DryRunCounts()
        history = self._open_history(provider, first_day, last_day, contents)
        try:
            self._compare_days(provider, history, dry_run_counts, first_day, last_day)
            is_missing_unknown = history is not None and not history.is_complete()
        finally:
            if history is not None:
                history.close()
        counts = dry_run_counts.counts
        return ReconcileReport(
            provider,
            first_day,
            last_day,
            matched=counts[ReconciliationVerdict.MATCHED],
            imported=counts[ReconciliationVerdict.IMPORTED],
            missing_there=counts[ReconciliationVerdict.MISSING_THERE],
            different_state=counts[ReconciliationVerdict.DIFFERENT_STATE],
            different_amount=counts[ReconciliationVerdict.DIFFERENT_AMOUNT],
            differences=tuple(dry_run_counts.differences),
            refused=counts[ReconciliationVerdict.REFUSED],
            is_missing_unknown=is_missing_unknown,
        )

    def _compare_days(
        self,
        provider: str,
        history: HistorySource | None,
        run_journal: ReconciliationRunJournal,
        first_day: date,
        last_day: date,
    ) -> None:
        span = _make_utc_span(provider, first_day, last_day)
        if history is None:
            self._own_record_comparison.compare_with_provider_answers(provider, run_journal, span, None)
        elif (
            self._provider_history_comparison.compare(provider, history, run_journal, None) and history.is_complete()
        ):
            self._own_record_comparison.compare_with_history(provider, history, run_journal, span, None)

    # Stored run

    def _run_and_store_reconciliation(self, provider: str, first_day: date, last_day: date) -> ReconcileReport:
        files = self._fetch_daily_files(provider, first_day, last_day)
        with hold_lease(
            self._context, make_lease_name(provider), reason=InProgressReason.RECONCILIATION_RUNNING
        ) as lease:
            run = self._context.write(lambda tx: self._insert_or_find_run(tx, provider, first_day, last_day, files))
            return self._make_report(self._run_remaining_phases(StoredReconciliationRun(self._context, run, lease)))

    def _fetch_daily_files(self, provider: str, first_day: date, last_day: date) -> tuple[StoredDailyFile, ...]:
        """Download and store the provider's daily files from `first_day` to `last_day` for a new run. Return no
        files if an unfinished run of these days exists, because its files are already stored, and for a provider
        without daily files."""
        with self._context.database.read() as conn:
            has_begun = any(
                _get_run_days(run) == (first_day, last_day)
                for run in reconciliations.list_unfinished_runs(conn, provider)
            )
        file_store = self._daily_file_stores.get(provider)
        if has_begun or file_store is None:
            return ()
        events = [file_store.require_announcing_notice(day) for day in list_days(first_day, last_day)]
        return tuple(
            file_store.find_stored_file(event) or file_store.store_file(event, file_store.download_file(event))
            for event in events
        )

    def _insert_or_find_run(
        self, tx: Transaction, provider: str, first_day: date, last_day: date, files: tuple[StoredDailyFile, ...]
    ) -> ReconciliationRun:
        """Insert a new run of the provider for the days from `first_day` to `last_day`, with its files as evidence,
        and return it. If an unfinished run of the same days exists, return that run instead.

        Raises in_progress if `files` is empty because such a run existed when they were to be fetched, and another
        process has ended it since: without files, every payment of ours would be missing at the provider.
        """
        context, now = self._context, read_earlier_current_time(tx.conn, self._context.now())
        for run in reconciliations.list_unfinished_runs(tx.conn, provider):
            if _get_run_days(run) == (first_day, last_day):
                return run
        if provider in self._daily_file_stores and not files:
            raise ConsoleError(ErrorCode.IN_PROGRESS, {"reason": InProgressReason.RECONCILIATION_RUNNING})
        phase = OWN_ROWS_PHASE if lacks_history(provider) else PROVIDER_ROWS_PHASE
        run_id = reconciliations.open_run(
            tx.conn, provider, first_day, last_day, context.make_holder().operator, now, phase
        )
        run = _require_run(tx, run_id)
        evidence_ids = [
            self._daily_file_stores[provider].store_evidence(tx, RECONCILIATION_KIND, run_id, file) for file in files
        ]
        context.record_audit(
            tx, AuditAction.RECONCILIATION_BEGUN, run_id, _make_run_facts(run), kind=RECONCILIATION_KIND
        )
        return reconciliations.save_progress(tx.conn, run, now, evidence_id=evidence_ids[0]) if evidence_ids else run

    def _run_remaining_phases(self, stored_run: StoredReconciliationRun) -> ReconciliationRun:
        """Execute the phases that the run has not completed, beginning at the run's stored position. Return the
        ended run.
        """
        run = stored_run.run
        span = _make_utc_span(run.provider, run.from_day, run.to_day)
        history = self._open_history(run.provider, run.from_day, run.to_day, self._read_daily_file_contents(run))
        if history is None:
            return (
                stored_run.end_run(self._write_audit_entry_at_end)
                if self._own_record_comparison.compare_with_provider_answers(
                    run.provider, stored_run, span, run.position
                )
                else stored_run.run
            )
        try:
            return self._run_phases(stored_run, history, span)
        except ConsoleError as error:
            if error.code in (
                ErrorCode.PROVIDER_ANSWER_UNUSABLE,
                ErrorCode.NOT_FOUND,
            ):  # the stored file can't become readable later
                stored_run.fail_run(error.code)
            raise
        finally:
            history.close()

    def _run_phases(
        self, stored_run: StoredReconciliationRun, history: HistorySource, span: tuple[datetime, datetime]
    ) -> ReconciliationRun:
        """Run the phases that the run has not finished: the provider's rows, then ours, then the end. Return the run;
        it isn't ended if a phase stopped early. `span` is the compared period.
        """
        run = stored_run.run
        if run.phase == PROVIDER_ROWS_PHASE:
            if not self._provider_history_comparison.compare(run.provider, history, stored_run, run.position):
                return stored_run.run
            stored_run.begin_phase(OWN_ROWS_PHASE)
        if history.is_complete() and not self._own_record_comparison.compare_with_history(
            run.provider, history, stored_run, span, stored_run.run.position
        ):
            return stored_run.run
        return stored_run.end_run(self._write_audit_entry_at_end)

    def _read_daily_file_contents(self, run: ReconciliationRun) -> Mapping[date, tuple[str, Callable[[], bytes]]]:
        """Return, by day, the SHA-256 of each daily file of the run and a function that reads the file's content.
        Empty for a provider without daily files."""
        file_store = self._daily_file_stores.get(run.provider)
        if file_store is None:
            return {}
        return {
            file.day: (file.sha256, partial(file_store.read_content, file))
            for file in file_store.list_files(RECONCILIATION_KIND, run.id)
        }

    def _open_history(
        self, provider: str, first_day: date, last_day: date, contents: Mapping[date, tuple[str, Callable[[], bytes]]]
    ) -> HistorySource | None:
        """Return the provider's history of these days; None if the provider has no history. `contents` are the daily
        files as `_read_daily_file_contents` returns them; a history made of notices doesn't use them."""
        if lacks_history(provider):
            return None
        if (files := self._daily_file_stores.get(provider)) is not None:
            return FileHistory(files.daily, files.merchant_id, contents)
        return NoticeHistory(self._context, provider, first_day, last_day)

    def _write_audit_entry_at_end(self, tx: Transaction, run: ReconciliationRun) -> None:
        """Write the audit entry with the run's counts. If rows of this run were rejected, open a case about them.
        Close the case about rejected rows of an earlier run of the same days.
        """
        context, now = self._context, self._context.now()
        refused_count = our_records.count_refused_rows(tx.conn, run.id)
        counts = {name: getattr(run, name) for name in reconciliations.COUNT_COLUMNS}
        context.record_audit(
            tx,
            AuditAction.RECONCILIATION_ENDED,
            run.id,
            {**_make_run_facts(run), **counts, "refused": refused_count},
            kind=RECONCILIATION_KIND,
        )
        latest_runs = reconciliations.list_latest_runs(tx.conn, run.provider, _MAX_LISTED_LATEST_RUNS)
        same_days_run_ids = [earlier.id for earlier in latest_runs if _get_run_days(earlier) == _get_run_days(run)]
        for alert in our_records.list_open_case_ids_of_runs(tx.conn, same_days_run_ids, REFUSED_ROWS_RULE):
            alerts.resolve(tx.conn, alert, now)
        if refused_count:
            days = f"{run.provider} {run.from_day.isoformat()}"
            alerts.raise_alert(
                tx.conn,
                REFUSED_ROWS_RULE,
                RECONCILIATION_KIND,
                run.id,
                None,
                f"{days}: {refused_count} rows",
                "0 rows",
                now,
            )

    # Results

    def list_latest_reports(self, provider: str | None = None, limit: int = 20) -> tuple[ReconcileReport, ...]:
        """Return the reports of the latest runs of a provider (None: of all providers), newest first, at most
        `limit`. Raises not_allowed if the acting person has no right to read, and no_operator if no name of a person
        is configured."""
        self._context.require_right("read")
        with self._context.database.read() as conn:
            runs = reconciliations.list_latest_runs(conn, provider, limit)
        return tuple(self._make_report(run) for run in runs)

    def _make_report(self, run: ReconciliationRun) -> ReconcileReport:
        with self._context.database.read() as conn:
            differences = reconciliations.list_differences(conn, run.id, 0, MAX_LISTED_DIFFERENCES)
            cases = our_records.list_cases_of_run(
                conn, run.id, run.begun_at, row_comparison.DIFFERENCE_CASE_RULES, MAX_LISTED_DIFFERENCES
            )
            run_alerts = alerts.find_by_subject(conn, RECONCILIATION_KIND, run.id)
            refused_count = our_records.count_refused_rows(conn, run.id)
            is_missing_unknown = bool(find_unsearched_run_ids(conn, [run]))
        counts = {name: getattr(run, name) for name in reconciliations.COUNT_COLUMNS}
        return ReconcileReport(
            run.provider,
            run.from_day,
            run.to_day,
            **counts,
            differences=differences,
            cases=(*cases, *run_alerts),
            run_id=run.id,
            evidence_id=run.evidence_id,
            begun_at=run.begun_at,
            ended_at=run.ended_at,
            refused=refused_count,
            is_missing_unknown=is_missing_unknown,
        )

    # Due task

    def reconcile_due_days(self) -> int:
        """Due task: for each provider, continue the interrupted runs, then start runs for the days that have no run
        yet. For a provider with daily files, these are the days whose file was announced within
        DOWNLOAD_ADDRESS_VALID_TIME, also a compared day whose file was announced again; for any other provider, the
        last MAX_DAYS_TO_CATCH_UP days. Then update the alerts about days that are not reconciled. Return the number
        of runs that ended without an error."""
        count = sum(self._run_as_due_task(*days) for days in iterate_until_stopped(self._find_due_days()))
        for provider in iterate_until_stopped(self._list_reconcilable_providers()):
            self._update_alert(provider)
        return count

    def _run_as_due_task(self, provider: str, first_day: date, last_day: date) -> int:
        """Reconcile the provider's days for a due task. Return 1 if the run ended; if it failed, log the error and
        return 0."""
        has_ended = False
        with skip_failures(f"reconciliation of {provider} {first_day.isoformat()}"):
            self.run(provider, first_day, last_day)
            has_ended = True
        return int(has_ended)

    def _find_due_days(self) -> list[tuple[str, date, date]]:
        """Return the days that the due task must reconcile now, as (provider, first day, last day): those of
        unfinished runs, and each comparable day that no run has compared yet."""
        due_days = []
        with self._context.database.read() as conn:
            now = read_earlier_current_time(conn, self._context.now())
        for provider in self._list_reconcilable_providers():
            with self._context.database.read() as conn:
                unfinished_days = [
                    (provider, *_get_run_days(run)) for run in reconciliations.list_unfinished_runs(conn, provider)
                ]
                latest_runs = reconciliations.list_latest_runs(conn, provider, _MAX_LISTED_LATEST_RUNS)
            due_days += unfinished_days
            comparable_days = self._find_comparable_days(provider, now, now - DOWNLOAD_ADDRESS_VALID_TIME)
            for day, announced_at in comparable_days.items():
                if not _has_run_of_day(latest_runs, day, announced_at, now):
                    due_days.append((provider, day, day))
        return due_days

    def _update_alert(self, provider: str) -> None:
        """Raise an alert if days of this provider are not reconciled although they should be (`_find_late_days`), and
        resolve it if there is no such day."""
        context, subject_id = self._context, compute_provider_subject_id(provider)
        with context.database.read() as conn:
            open_alerts = alerts.read_open_alerts_of_subjects(conn, PROVIDER_KIND, [subject_id]).get(subject_id, [])
        alert_id = next((alert.id for alert in open_alerts if alert.rule_id == LATE_DAYS_RULE), None)
        late_days = self._find_late_days(provider)
        if late_days and alert_id is None:
            observed = f"{provider} not reconciled: {', '.join(map(str, late_days))}"
            context.write(
                lambda tx: alerts.raise_alert(
                    tx.conn, LATE_DAYS_RULE, PROVIDER_KIND, subject_id, None, observed, "done", context.now()
                )
            )
        elif alert_id is not None and not late_days:
            context.write(lambda tx: alerts.resolve(tx.conn, alert_id, context.now()))

    def _find_late_days(self, provider: str) -> list[date]:
        """Return, oldest first, the days of this provider that should be reconciled and are not. These are:

        - the first days of unfinished runs without progress for LATE_AFTER, however old the days are
        - the days that could be compared LATE_AFTER ago and that no run has compared to its end, whether the run
          failed, was interrupted, or could not fetch the file. Such a day counts for MAX_DAYS_TO_CATCH_UP days: with
          daily files, counted from the notice of its file, because PayPay doesn't announce an older file again
        """
        with self._context.database.read() as conn:
            now = read_earlier_current_time(conn, self._context.now())
            latest_runs = reconciliations.list_latest_runs(conn, provider, _MAX_LISTED_LATEST_RUNS)
            unfinished_runs = reconciliations.list_unfinished_runs(conn, provider)
        due_until = now - LATE_AFTER
        ended_runs = [run for run in latest_runs if run.state == reconciliations.DONE_RUN_STATE]
        comparable_days = self._find_comparable_days(provider, now, now - timedelta(days=MAX_DAYS_TO_CATCH_UP))
        late_days = {run.from_day for run in unfinished_runs if run.changed_at < due_until}
        late_days.update(
            day
            for day, announced_at in comparable_days.items()
            if (_is_day_over(provider, day, due_until) if announced_at is None else announced_at < due_until)
            and not _has_run_of_day(ended_runs, day, announced_at, now)
        )
        return sorted(late_days)

    def _find_comparable_days(
        self, provider: str, now: datetime, announced_since: datetime
    ) -> dict[date, datetime | None]:
        """Return the days that can be compared at `now`, oldest first. For a provider with daily files, these are the
        days announced at `announced_since` or later, each with the time at which the newest notice about its file
        came. A run that began before that time has not read the newest file. The provider announces a file again on
        request, for example because the earlier file could not be read.

        For any other provider, the value of each day is None. The days are those of the last MAX_DAYS_TO_CATCH_UP
        days that overlap with a Japanese day with payments or notices. The daily close of this Japanese day needs all
        of them, also a day without payments. Several days are searched because no worker may have run for some days.
        """
        with self._context.database.read() as conn:
            if provider in self._daily_file_stores:
                announced_days = our_records.list_announced_days(conn, provider, announced_since)
                return {date.fromisoformat(day): announced_at for day, announced_at in announced_days.items()}
            today = now.astimezone(get_time_zone(provider)).date()
            days = list_days(today - timedelta(days=MAX_DAYS_TO_CATCH_UP), today - timedelta(days=1))
            return dict.fromkeys(day for day in days if _has_events_around_day(conn, provider, day))


def _has_events_around_day(conn: Connection, provider: str, day: date) -> bool:
    """True if a Japanese day that overlaps with this day of the provider has a payment that began on it or, for a
    source of signed notices, a notice."""
    japanese_days = list_days_of_span(*_make_utc_span(provider, day, day), JST)
    begins_at, until = get_utc_span(japanese_days[0], japanese_days[-1], JST)
    if lacks_history(provider):
        return bool(our_records.list_begun_payments(conn, provider, (begins_at, 0), until, 1))
    return bool(our_records.list_events_of_source(conn, provider, (begins_at, 0), until, 1))


def _make_utc_span(provider: str, first_day: date, last_day: date) -> tuple[datetime, datetime]:
    """Return the first instant of `first_day` and the first instant after `last_day`, in UTC. The days are those of
    the provider's time zone.
    """
    return get_utc_span(first_day, last_day, get_time_zone(provider))


def _has_run_of_day(
    runs: Sequence[ReconciliationRun], day: date, announced_at: datetime | None, now: datetime
) -> bool:
    """True if one of the runs has compared this day, with the file that was announced at `announced_at` (None: the
    provider has no daily files)."""
    return any(
        _has_compared_day(run, day, now)
        for run in runs
        if announced_at is None or not run.begun_at < announced_at <= now
    )


def _has_compared_day(run: ReconciliationRun, day: date, now: datetime) -> bool:
    """True if the run has compared this day, so that the day needn't be compared again at `now`. A run that began
    before the end of the day hasn't compared the rest of the day; it counts only until the day is over. False if the
    stored start time of the run is still in the future: a clock was ahead, so nobody knows when the run began."""
    if not run.from_day <= day <= run.to_day or is_in_future(run.begun_at, now):
        return False
    return _is_day_over(run.provider, day, run.begun_at) or not _is_day_over(run.provider, day, now)


def _is_day_over(provider: str, day: date, at: datetime) -> bool:
    """True if the day was over at this instant in the provider's time zone and in Japan. A reconciliation run
    compares days of the provider's time zone; a daily close covers days of Japan."""
    return all(at.astimezone(zone).date() > day for zone in (get_time_zone(provider), JST))


def _get_run_days(run: ReconciliationRun) -> tuple[date, date]:
    """Return the first and the last day of the run."""
    return run.from_day, run.to_day


def _make_run_facts(run: ReconciliationRun) -> dict[str, object]:
    return {"provider": run.provider, "from": run.from_day.isoformat(), "to": run.to_day.isoformat()}


def _require_run(tx: Transaction, run_id: int) -> ReconciliationRun:
    run = reconciliations.find(tx.conn, run_id)
    if run is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": RECONCILIATION_KIND, "id": str(run_id)})
    return run
