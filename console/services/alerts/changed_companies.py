"""Watch the corporations that have a live record (a live credit check, an open payment or an open refund). Raise an
alert when the name, the address, the closing or the successor of such a corporation has changed in the corporation
registry, and resolve the alert when the corporation's credit checks were renewed.
`ChangedCompanyAlerts.update_alerts` is a due task. The table `watched_corporations` has the facts of each corporation
at its last comparison. After this desk has imported a newer registry, a run compares all rows of this table with the
registry, page by page; then it searches all live records for corporations without a row. While the registry stays the
same, a run searches only the newest records.

Changed facts and their alert are written in one transaction, which compares the row's version. So each change is
reported once, also with two workers, after a killed run, or if the registry is replaced during the run. A registry
older than that of the last run is ignored, because another desk has a newer registry.
"""

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from console.domain.alerts.events import EventName
from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST, convert_to_local
from console.domain.registry.corporations import ChangedFact
from console.domain.registry.watched_facts import (
    CORPORATION_CHANGE_RULE,
    CORPORATION_KIND,
    EXPECTED_REACTION_TEXT,
    CompanyChange,
    WatchedFacts,
    compute_corporation_subject_id,
    convert_watched_facts_to_json,
    find_changed_watched_facts,
    format_observed_change,
    get_corporation_number_of_subject,
    make_watched_facts,
    remove_closure_and_successor,
)
from console.domain.tasks.intervals import get_interval
from console.domain.tasks.records import Alert
from console.services.process.context import ServiceContext
from console.services.tasks.cancellation import iterate_until_stopped
from console.store.alerts import alerts, outbox
from console.store.database import unreadable_rows
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.registry import live_records, watched_corporations
from console.store.registry.watched_corporations import WatchedCorporation
from console.store.tasks import tasks

if TYPE_CHECKING:  # a desk without a registry doesn't import the reader
    from console.store.registry.reader import RegistryReader

COMPANY_CHANGES_TASK_NAME = "company_changes"
ROWS_PER_PAGE = 500
"""Number of corporations that one transaction compares."""
IDS_PER_PAGE = 2_000
"""Number of record ids that one search for new corporations covers."""
IDS_READ_AGAIN_PER_RUN = 1_000
"""Number of record ids, directly before the highest id that a run has read, that the next run reads again. On a
server a row with a lower id may be committed later than one with a higher id."""
_log = logging.getLogger("console.worker")


@dataclass(frozen=True, slots=True)
class CompanyWatchPosition:
    """The stored position of the due task `company_changes`. `registry_date` and `registry_row_count`: date and
    number of rows of the registry that the last finished run compared. `last_ids`: for each kind of record
    (LIVE_RECORD_KINDS), the highest id that this run has read."""

    registry_date: date = date.min
    registry_row_count: int = 0
    last_ids: tuple[int, ...] = (0,) * len(live_records.LIVE_RECORD_KINDS)

    @property
    def registry_date_and_row_count(self) -> tuple[date, int]:
        """Date and number of rows of the registry that the last finished run compared. Two such pairs are compared in
        order: a pair with a later date, or with the same date and more rows, belongs to a newer registry."""
        return self.registry_date, self.registry_row_count


class _RegistryReplaced(Exception):
    """Raised inside this module if another registry was imported during a run of the due task; the run then ends. The
    next run compares the corporations with the new registry.
    """


class ChangedCompanyAlerts:
    """The due task that compares the watched corporations with this desk's corporation registry, and raises and
    resolves alerts about changed corporations."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def update_alerts(self) -> int:
        """Resolve the alerts about corporations whose credit checks were renewed. If the registry is newer than at
        the last run, compare the watched corporations with the newer registry. Search new records for corporations
        that are not yet watched. Without a registry, or with an older registry than at the last run, only resolve
        alerts. Return the number of alerts that were raised or resolved. Raises not_allowed if the acting person may
        not run due tasks.
        """
        self._context.require_right("due_tasks")
        resolved_count = sum(iterate_until_stopped(self._resolve_alerts_of_renewed_checks()))
        registry = self._context.open_registry()
        return resolved_count if registry is None else resolved_count + self._compare_with_registry(registry)

    def _compare_with_registry(self, registry: "RegistryReader") -> int:
        """Run the due task with this registry, until the process is asked to end or another registry is imported.
        Return the number of raised and resolved alerts."""
        status, count = registry.read_status(), 0
        try:
            for changed_count in iterate_until_stopped(
                self._compare_pages(registry, status.registry_date, status.rows)
            ):
                count += changed_count
        except _RegistryReplaced:
            _log.info(
                "task %s: another registry is in use now; the next run compares with it", COMPANY_CHANGES_TASK_NAME
            )
        return count

    def _compare_pages(self, registry: "RegistryReader", registry_date: date, row_count: int) -> Iterator[int]:
        """Run the due task page by page, and yield the number of raised and resolved alerts of each page. The
        position of the task is stored after the last page, so that the next run after a stopped run starts at the
        same position. `registry_date` and `row_count` are date and number of rows of the registry.
        """
        with self._context.database.read() as conn:
            position = _read_position(conn)
            newest_ids = tuple(
                live_records.find_highest_record_id(conn, kind) for kind in live_records.LIVE_RECORD_KINDS
            )
            reread_id_count = 0 if conn.dialect.name == "sqlite" else IDS_READ_AGAIN_PER_RUN
        if (registry_date, row_count) < position.registry_date_and_row_count:
            return
        last_ids = [max(0, last_id - reread_id_count) for last_id in position.last_ids]
        if (registry_date, row_count) > position.registry_date_and_row_count:
            last_ids = [0] * len(last_ids)
            yield from self._compare_all_watched_corporations(registry, registry_date)
        for kind, last_id, newest_id in zip(live_records.LIVE_RECORD_KINDS, last_ids, newest_ids, strict=True):
            yield from self._find_and_add_new_corporations(
                registry, registry_date, kind, range(last_id, newest_id, IDS_PER_PAGE)
            )
        self._context.write(
            lambda tx: self._store_position(tx, CompanyWatchPosition(registry_date, row_count, newest_ids))
        )
        yield 0

    def _store_position(self, tx: Transaction, position: CompanyWatchPosition) -> None:
        task = tasks.find_or_insert_task(
            tx.conn, COMPANY_CHANGES_TASK_NAME, get_interval(COMPANY_CHANGES_TASK_NAME).seconds, self._context.now()
        )
        text = json.dumps([position.registry_date.isoformat(), position.registry_row_count, *position.last_ids])
        if task.position != text:
            tasks.store_task_position(tx.conn, COMPANY_CHANGES_TASK_NAME, text)

    # Comparison with a newer registry

    def _compare_all_watched_corporations(self, registry: "RegistryReader", registry_date: date) -> Iterator[int]:
        last_number = ""
        while True:
            with self._context.database.read() as conn:
                rows = watched_corporations.read_page(conn, last_number, ROWS_PER_PAGE)
            if not rows:
                return
            last_number = rows[-1].number
            facts = self._read_facts_of_corporations(registry, registry_date, rows)
            successor_names = _read_successor_names(registry, facts.values())
            stored_facts = {row.number: row.facts for row in rows}
            differing_facts = {
                number: present_facts
                for number, present_facts in facts.items()
                if present_facts != stored_facts[number]
            }
            yield (
                self._write_differing_facts(differing_facts, successor_names, registry_date) if differing_facts else 0
            )

    def _read_facts_of_corporations(
        self, registry: "RegistryReader", registry_date: date, rows: Sequence[WatchedCorporation]
    ) -> dict[str, WatchedFacts]:
        """Return the present facts, in the registry, of the corporations of these rows, by corporation number. A
        corporation that is not in the registry counts as deleted if a file says that it is deleted, or if the
        registry is that of the nation, which has all other corporations. Otherwise it is left out, because it may be
        in a prefecture that the registry doesn't have. Raises _RegistryReplaced if the date of the registry is no
        longer `registry_date`."""
        corporations = registry.find_many([row.number for row in rows])
        facts = {number: make_watched_facts(corporation) for number, corporation in corporations.items()}
        missing_rows = {row.number: row for row in rows if row.number not in facts and row.facts is not None}
        if missing_rows:
            for change in registry.list_changes(
                min(row.registry_date for row in missing_rows.values()), list(missing_rows)
            ):
                stored_facts = missing_rows[change.corporation_number].facts
                if ChangedFact.DELETED in change.facts and stored_facts is not None:
                    facts[change.corporation_number] = replace(stored_facts, is_deleted=True)
            if registry.covers_nation():
                facts.update(
                    (number, replace(row.facts, is_deleted=True))
                    for number, row in missing_rows.items()
                    if row.facts is not None
                )
        _require_same_registry(registry, registry_date)
        return facts

    def _write_differing_facts(
        self, facts: Mapping[str, WatchedFacts], successor_names: Mapping[str, str], registry_date: date
    ) -> int:
        """Run `_compare_again_and_write` in a write transaction of its own. Return the number of raised and resolved
        alerts.
        """
        return self._context.write(
            lambda tx: self._compare_again_and_write(tx, facts, successor_names, registry_date)
        )

    def _compare_again_and_write(
        self,
        tx: Transaction,
        facts: Mapping[str, WatchedFacts],
        successor_names: Mapping[str, str],
        registry_date: date,
    ) -> int:
        """Compare `facts`, the registry's facts by corporation number, again with the rows of `watched_corporations`
        in the transaction `tx`, and store the facts that differ, except in rows with the facts of a registry newer
        than `registry_date`. If a corporation whose facts differ has a live record and its row had facts, also raise
        an alert about the change, or resolve its open alert. `successor_names` has the names of successors by
        corporation number. Return the number of raised and resolved alerts."""
        rows, now = watched_corporations.find_by_numbers(tx.conn, facts), self._context.now()
        watched_numbers = live_records.find_record_beginnings(tx.conn, facts, now)
        open_alerts = self._find_open_alerts(tx.conn, facts)
        count = 0
        for number, row in sorted(rows.items()):
            present_facts = facts[number]
            if present_facts == row.facts or row.registry_date > registry_date:
                continue
            if number not in watched_numbers or row.facts is None:
                watched_corporations.store_facts(tx.conn, row, present_facts, registry_date, now)
            else:
                name = successor_names.get(present_facts.successor or "", "")
                count += self._store_company_change(
                    tx, row, present_facts, registry_date, name, open_alerts.get(number)
                )
        return count

    def _store_company_change(
        self,
        tx: Transaction,
        row: WatchedCorporation,
        present_facts: WatchedFacts,
        registry_date: date,
        successor_name: str,
        open_alert: Alert | None,
    ) -> int:
        """Store the present facts of a watched corporation in its row, with the date of the registry that has them
        (`registry_date`), and raise an alert about the changed facts. `open_alert`, the open alert about this
        corporation (None: no alert), is resolved, and the new alert includes its changes; no new alert is raised if
        the facts are again those from before the open alert. `successor_name` is the name of the successor in the
        present facts, "" if it has none. Return the number of raised and resolved alerts."""
        facts_before = row.facts_before if open_alert is not None and row.facts_before is not None else row.facts
        if facts_before is None:
            return 0
        count = 0 if open_alert is None else self._resolve_alert(tx, open_alert)
        watched_corporations.store_facts(
            tx.conn, row, present_facts, registry_date, self._context.now(), facts_before=facts_before
        )
        if find_changed_watched_facts(facts_before, present_facts):
            count += self._raise_alert(tx, row.number, facts_before, present_facts, registry_date, successor_name)
        return count

    # Corporations that are seen for the first time

    def _find_and_add_new_corporations(
        self, registry: "RegistryReader", registry_date: date, kind: str, id_range: range
    ) -> Iterator[int]:
        """Search the live records of one kind, by ranges of ids, for corporations without a row in
        `watched_corporations`, and insert their rows. Yield the number of raised alerts after each range. `kind` is
        one of LIVE_RECORD_KINDS; `id_range` has the first id of each range; `registry_date` is the date of
        `registry`."""
        for first_id in id_range:
            with self._context.database.read() as conn:
                numbers = live_records.list_live_numbers_in_id_range(
                    conn, kind, first_id, min(first_id + id_range.step, id_range.stop), self._context.now()
                )
                new_numbers = sorted(numbers - watched_corporations.find_by_numbers(conn, numbers).keys())
                beginnings = live_records.find_record_beginnings(conn, new_numbers, self._context.now())
            yield self._add_corporations(registry, registry_date, beginnings) if beginnings else 0

    def _add_corporations(
        self, registry: "RegistryReader", registry_date: date, record_beginnings: Mapping[str, datetime | None]
    ) -> int:
        """Insert a row of `watched_corporations` for each corporation of `record_beginnings` that is in the registry,
        and raise alerts about the changes of these corporations (a closing, and the changes in the difference files
        that the registry still has). `record_beginnings` has, by corporation number, the creation time of the oldest
        live record (None if unknown); a change before this time raises no alert. `registry_date` is the date of
        `registry`, which is stored in the rows. Return the number of raised alerts."""
        corporations = registry.find_many(list(record_beginnings))
        present_facts = {number: make_watched_facts(corporation) for number, corporation in corporations.items()}
        first_days = {
            number: convert_to_local(begun_at, JST).date()
            for number, begun_at in record_beginnings.items()
            if begun_at is not None and number in present_facts
        }
        earlier_facts = _find_earlier_facts(registry, present_facts, first_days)
        successor_names = _read_successor_names(registry, present_facts.values())
        _require_same_registry(registry, registry_date)
        rows = [
            WatchedCorporation(number, earlier_facts.get(number, facts), registry_date)
            for number, facts in present_facts.items()
        ]
        changed_facts = {number: present_facts[number] for number in earlier_facts}
        return (
            self._context.write(
                lambda tx: self._insert_watched_corporations(tx, rows, changed_facts, successor_names, registry_date)
            )
            if rows
            else 0
        )

    def _insert_watched_corporations(
        self,
        tx: Transaction,
        rows: Sequence[WatchedCorporation],
        facts_by_number: Mapping[str, WatchedFacts],
        successor_names: Mapping[str, str],
        registry_date: date,
    ) -> int:
        """Insert those of `rows` whose corporation isn't watched yet, and store the registry's facts about them, from
        `facts_by_number` (by corporation number). Return the number of raised and resolved alerts.
        """
        stored_rows = watched_corporations.find_by_numbers(tx.conn, [row.number for row in rows])
        new_rows = [row for row in rows if row.number not in stored_rows]
        watched_corporations.insert_rows(tx.conn, new_rows, self._context.now())
        facts_of_new_rows = {
            row.number: facts_by_number[row.number] for row in new_rows if row.number in facts_by_number
        }
        return (
            self._compare_again_and_write(tx, facts_of_new_rows, successor_names, registry_date)
            if facts_of_new_rows
            else 0
        )

    # Alerts

    def _find_open_alerts(self, conn: Connection, numbers: Collection[str]) -> dict[str, Alert]:
        """Return, by corporation number, the open alerts about changes of these corporations."""
        alerts_by_subject_id = alerts.read_open_alerts_of_subjects(
            conn, CORPORATION_KIND, [compute_corporation_subject_id(number) for number in numbers]
        )
        return {
            get_corporation_number_of_subject(subject_id): alert
            for subject_id, subject_alerts in alerts_by_subject_id.items()
            for alert in subject_alerts
            if alert.rule_id == CORPORATION_CHANGE_RULE
        }

    def _raise_alert(
        self,
        tx: Transaction,
        corporation_number: str,
        facts_before: WatchedFacts,
        present_facts: WatchedFacts,
        registry_date: date,
        successor_name: str,
    ) -> int:
        """Raise the alert about a changed corporation. Return 1, or 0 if such an alert about this corporation is open
        already.
        """
        observed = format_observed_change(facts_before, present_facts, successor_name)
        alert = alerts.raise_alert(
            tx.conn,
            CORPORATION_CHANGE_RULE,
            CORPORATION_KIND,
            compute_corporation_subject_id(corporation_number),
            None,
            observed,
            EXPECTED_REACTION_TEXT,
            self._context.now(),
        )
        if alert is None:
            return 0
        _record_alert_change(
            self._context, tx, "AlertRaised", alert, _make_event_facts(facts_before, present_facts, registry_date)
        )
        return 1

    def _resolve_alert(self, tx: Transaction, alert: Alert) -> int:
        """Resolve the alert. Return 1, or 0 if another process has resolved it already."""
        now = self._context.now()
        if not alerts.resolve(tx.conn, alert.id, now):
            return 0
        _record_alert_change(self._context, tx, "AlertResolved", replace(alert, resolved_at=now))
        return 1

    def _resolve_alerts_of_renewed_checks(self) -> Iterator[int]:
        """Resolve the alerts about corporations whose live credit checks were all bought after the alert. Yield
        the number of resolved alerts of each page."""
        last_id = 0
        while True:
            with self._context.database.read() as conn:
                page = alerts.list_open_alerts_of_rule(conn, CORPORATION_CHANGE_RULE, ROWS_PER_PAGE, last_id)
                detected_at = {
                    get_corporation_number_of_subject(alert.subject_id): alert.detected_at for alert in page
                }
                renewed_numbers = live_records.find_renewed_numbers(conn, detected_at, self._context.now())
            if not page:
                return
            last_id = page[-1].id
            renewed_alerts = [
                alert for alert in page if get_corporation_number_of_subject(alert.subject_id) in renewed_numbers
            ]
            yield self._resolve_alerts(renewed_alerts) if renewed_alerts else 0

    def _resolve_alerts(self, renewed_alerts: Sequence[Alert]) -> int:
        """Resolve these alerts, and return the number of those that were still open."""
        return self._context.write(lambda tx: sum(self._resolve_alert(tx, alert) for alert in renewed_alerts))


def find_acknowledged_changes(
    conn: Connection, given_alerts: Collection[Alert], now: datetime
) -> tuple[tuple[Alert, CompanyChange], ...]:
    """Return those of `given_alerts` about changed corporations that a person has acknowledged and that can be
    reopened, each with its change. An alert can be reopened if it is the newest alert about its corporation and the
    corporation is still watched. It can't be reopened if, after it was raised, the corporation's facts were written
    again or its credit checks were renewed. `now` is the present time; a credit check counts as expired if its
    validity ended before this time.
    """
    acknowledged_alerts = {
        get_corporation_number_of_subject(alert.subject_id): alert
        for alert in sorted(given_alerts, key=lambda alert: alert.id)
        if alert.rule_id == CORPORATION_CHANGE_RULE and alert.acknowledged_by is not None and alert.resolved_at
    }
    rows_by_number = watched_corporations.find_by_numbers(conn, acknowledged_alerts)
    beginnings_by_number = live_records.find_record_beginnings(conn, acknowledged_alerts, now)
    detected_at = {number: alert.detected_at for number, alert in acknowledged_alerts.items()}
    renewed_numbers = live_records.find_renewed_numbers(conn, detected_at, now)
    reopenable_alerts = [
        alert
        for number, alert in acknowledged_alerts.items()
        if number in beginnings_by_number
        and number not in renewed_numbers
        and _has_reported_facts(rows_by_number.get(number), alert)
    ]
    newest_alert_ids = {
        alert.subject_id: alert.id
        for alert in alerts.find_by_subjects(
            conn, CORPORATION_KIND, {alert.subject_id for alert in reopenable_alerts}
        )
        if alert.rule_id == CORPORATION_CHANGE_RULE
    }
    reopenable_alerts = [alert for alert in reopenable_alerts if newest_alert_ids[alert.subject_id] == alert.id]
    return tuple(
        (alert, change)
        for alert, change in watched_corporations.find_company_changes(conn, reopenable_alerts)
        if change.changed_facts
    )


def _has_reported_facts(row: WatchedCorporation | None, alert: Alert) -> bool:
    """Return True if the row `row` of `watched_corporations` still has the facts that the alert reports: no process
    has written the row's facts again after the alert was raised. (One transaction writes the facts and then the
    alert.)"""
    return row is not None and row.changed_at is not None and row.changed_at <= alert.detected_at


def raise_acknowledged_change_again(context: ServiceContext, tx: Transaction, alert: Alert) -> Alert | None:
    """Raise a new alert about the change that `alert` has reported, because a person reopens it, and return the new
    alert. The resolved alert stays unchanged. If `find_acknowledged_changes` doesn't return `alert`, raise no alert
    and return None.

    The corporation's row gets a new version. A worker that has read the row before can then not write its result, and
    must compare the facts again. Raises RunAgain if a worker has changed the row meanwhile.
    """
    changes_by_alert = find_acknowledged_changes(tx.conn, (alert,), context.now())
    row = watched_corporations.find_by_numbers(
        tx.conn, [change.corporation_number for _, change in changes_by_alert]
    ).get(get_corporation_number_of_subject(alert.subject_id))
    if not changes_by_alert or row is None or row.facts is None:
        return None
    change = changes_by_alert[0][1]
    watched_corporations.store_facts(tx.conn, row, row.facts, row.registry_date, context.now())
    new_alert = alerts.raise_alert(
        tx.conn,
        alert.rule_id,
        alert.subject_kind,
        alert.subject_id,
        alert.order_no,
        alert.observed,
        alert.expected,
        context.now(),
    )
    if new_alert is not None:
        facts = _make_event_facts(change.before, change.after, change.registry_date)
        _record_alert_change(context, tx, "AlertRaised", new_alert, facts)
    return new_alert


def _make_event_facts(
    facts_before: WatchedFacts, present_facts: WatchedFacts, registry_date: date
) -> Mapping[str, object]:
    """Return the facts for the outbox event of a changed corporation: the names of the changed facts (`changed`), all
    facts before and after the change (`before`, `after`), and the registry date as ISO text (`registry_date`)."""
    return {
        "changed": sorted(find_changed_watched_facts(facts_before, present_facts)),
        "before": convert_watched_facts_to_json(facts_before),
        "after": convert_watched_facts_to_json(present_facts),
        "registry_date": registry_date.isoformat(),
    }


def _record_alert_change(
    context: ServiceContext,
    tx: Transaction,
    event_name: EventName,
    alert: Alert,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Add the event `event_name` (AlertRaised or AlertResolved) about the alert to the outbox, and write an audit
    entry. `facts` are added to the event."""
    number = get_corporation_number_of_subject(alert.subject_id)
    outbox.add_alert_event(tx.conn, event_name, alert, context.database_id, context.now(), facts)
    action = AuditAction.ALERT_RAISED if event_name == "AlertRaised" else AuditAction.ALERT_RESOLVED
    detail = {"rule": alert.rule_id, "number": number, "observed": alert.observed, "expected": alert.expected}
    context.record_audit(tx, action, alert.id, detail, kind=alerts.ALERT_KIND, reason=alert.rule_id)


def _find_earlier_facts(
    registry: "RegistryReader", present_facts_by_number: Mapping[str, WatchedFacts], first_days: Mapping[str, date]
) -> dict[str, WatchedFacts]:
    """Return, by corporation number, the facts that a corporation had when its oldest live record was created, only
    for corporations whose facts have changed since. `first_days` has the Japanese day of this creation, and
    `present_facts_by_number` the present facts, both by corporation number."""
    earlier_facts: dict[str, WatchedFacts] = {}
    changes = registry.list_changes(min(first_days.values()), list(first_days)) if first_days else ()
    for change in sorted(changes, key=lambda change: change.day):
        if change.before is not None and change.day >= first_days[change.corporation_number]:
            earlier_facts.setdefault(change.corporation_number, make_watched_facts(change.before))
    for number, first_day in first_days.items():
        closure = present_facts_by_number[number].closure
        if number not in earlier_facts and closure is not None and closure.day >= first_day:
            earlier_facts[number] = remove_closure_and_successor(present_facts_by_number[number])
    return {
        number: facts
        for number, facts in earlier_facts.items()
        if find_changed_watched_facts(facts, present_facts_by_number[number])
    }


def _read_successor_names(registry: "RegistryReader", facts: Collection[WatchedFacts]) -> dict[str, str]:
    """Return the names of the successors in the facts, by corporation number. A successor that the registry doesn't
    have is left out.
    """
    numbers = {corporation_facts.successor for corporation_facts in facts if corporation_facts.successor is not None}
    return {number: corporation.name for number, corporation in registry.find_many(sorted(numbers)).items()}


def _require_same_registry(registry: "RegistryReader", registry_date: date) -> None:
    if registry.registry_date != registry_date:
        raise _RegistryReplaced


def _read_position(conn: Connection) -> CompanyWatchPosition:
    """Return the position of the last run that the due task `company_changes` has stored; the default position if no
    position is stored, or if the stored position can't be read."""
    stored_position = next(
        (task.position for task in tasks.list_tasks(conn) if task.name == COMPANY_CHANGES_TASK_NAME), None
    )
    if stored_position:
        try:
            registry_date_text, row_count, *last_ids = json.loads(stored_position)
            if len(last_ids) == len(live_records.LIVE_RECORD_KINDS):
                return CompanyWatchPosition(
                    date.fromisoformat(registry_date_text), int(row_count), tuple(map(int, last_ids))
                )
        except unreadable_rows.READ_ERRORS:
            _log.warning("task %s: its position can't be read; it begins anew", COMPANY_CHANGES_TASK_NAME)
    return CompanyWatchPosition()
