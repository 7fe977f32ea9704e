"""The service `console.alerts`: list the open alerts and cases, each with the action with which a person can end
it, and store their acknowledgements."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from console.domain.alerts.rules import ALERT_RULES, find_broken_rule
from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import AlreadyDecidedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AlreadyDecidedDetail
from console.domain.explanations.alerts import find_alert_action
from console.domain.explanations.companies import explain_company_change
from console.domain.payments.records import Payment
from console.domain.queue_names import COMPANIES_QUEUE_NAME
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import LostOperationState
from console.domain.registry.watched_facts import (
    CORPORATION_CHANGE_RULE,
    CORPORATION_KIND,
    CompanyChange,
    get_corporation_number_of_subject,
)
from console.domain.service_results import LostOperation, LostOperationList, QueueCount
from console.domain.tasks.records import Alert, AlertItem
from console.domain.usage_problems import UsageProblem
from console.domain.views.changed_companies import ChangedCompanyItem, ChangedCompanyPage
from console.domain.views.company_actions import list_company_actions
from console.services.alerts.changed_companies import find_acknowledged_changes
from console.services.alerts.open_alerts import list_open_alerts_of_all_rules, list_unacknowledged_alerts_of_all_rules
from console.services.annotations.notes import LONGEST_NOTE_CHARACTERS
from console.services.audit import refusals
from console.services.guarded import database_rollback
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.database_rollback import DatabaseRollback
from console.services.guarded.request_ids import RequestIdService
from console.services.process import list_cursors
from console.services.process.context import ServiceContext
from console.services.registry.facts import complete_alerts_with_corporations, read_facts
from console.store.alerts import alerts, candidates, outbox
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, lost_operations
from console.store.payments import events as payment_events
from console.store.payments import orders, payments
from console.store.records import any_record
from console.store.registry import watched_corporations
from console.store.spool.spool import Intent

ACKNOWLEDGE_ACTION = AuditAction.ALERT_ACKNOWLEDGED
RULES_RESOLVED_BY_ACKNOWLEDGEMENT = frozenset({database_rollback.ALERT_RULE, CORPORATION_CHANGE_RULE})
ALERT_KIND = alerts.ALERT_KIND
MAX_COUNTED_ALERTS = 1_000
MAX_LISTED_LOST_OPERATIONS = 10_000
_LONGEST_PREFIX_CHARACTERS = 40
"""Largest number of characters before the alert's id in a request id for one of several alerts."""
_LONGEST_CURSOR_DIGITS = 18
"""Largest accepted number of digits of a cursor (an alert id), so that the id fits into a column of the database."""


class AlertService:
    """Lists alerts and cases, and stores acknowledgements.

    An alert is resolved when the facts match again. An acknowledgement also resolves the alerts of two rules
    (RULES_RESOLVED_BY_ACKNOWLEDGEMENT). One of these alerts says that the database went back to an earlier state;
    after its acknowledgement, operations with money are permitted again. The other is the alert about a changed
    corporation, which nothing else could resolve, because the change itself stays.

    `request_id` in the methods is the id of the caller's request: a call with the id of an earlier request changes
    nothing and gets the earlier answer. With None, a repeated call is executed again.
    """

    def __init__(
        self,
        context: ServiceContext,
        request_ids: RequestIdService,
        complete_payments: Callable[[Connection, Sequence[Payment]], Sequence[Payment]],
        is_refund_acknowledged: Callable[[Connection, Intent], bool],
    ) -> None:
        """Store the service context, the service of request ids and two functions. `complete_payments` returns the
        given payments with their orders and refunds; from these records the service decides which action can end an
        alert. `is_refund_acknowledged` returns True for a lost refund whose case a person has acknowledged."""
        self._context, self._request_ids, self._complete_payments = context, request_ids, complete_payments
        self._is_refund_acknowledged = is_refund_acknowledged

    def list_alerts(self, limit: int = MAX_COUNTED_ALERTS) -> tuple[Alert, ...]:
        """Return first the open alerts, then the resolved alerts, each group newest first. The list has at most
        `limit` open alerts of each rule that has a queue of its own (RULES_WITH_QUEUE). Of each other rule, it has at
        most as many open alerts as the larger of `limit` and MAX_OPEN_ALERTS_PER_RULE. Resolved alerts are listed
        only as long as the list has fewer than `limit` alerts. Raises not_allowed if the acting person has no right
        to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            open_alerts = list_open_alerts_of_all_rules(conn, limit)
            resolved_alerts = [alert for alert in alerts.list_alerts(conn, limit) if alert.resolved_at is not None]
            resolved_alerts = resolved_alerts[: max(0, limit - len(open_alerts))]
            listed_alerts = _add_record_numbers(conn, (*reversed(open_alerts), *resolved_alerts))
            return complete_alerts_with_corporations(self._context, listed_alerts)

    def count_unlisted_alerts(self, listed_alerts: Collection[Alert]) -> int:
        """Return the number of alerts, open and resolved, that are not among `listed_alerts`, the result of
        `list_alerts`, because of its limits. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return max(0, alerts.count_alerts(conn, includes_resolved=True) - len(listed_alerts))

    def list_open_alert_items(self, limit: int = MAX_COUNTED_ALERTS) -> tuple[AlertItem, ...]:
        """Return the open alerts, oldest first, each with the action with which a person can end the alert, if such
        an action exists. The list has at most `limit` alerts of each rule that has a queue of its own
        (RULES_WITH_QUEUE). Of each other rule, it has at most as many alerts as the larger of `limit` and
        MAX_OPEN_ALERTS_PER_RULE. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return tuple(self.find_alert_items(conn, list_open_alerts_of_all_rules(conn, limit)).values())

    def find_alert_items(self, conn: Connection, open_alerts: Sequence[Alert]) -> Mapping[int, AlertItem]:
        """Return an item for each of `open_alerts`, by the alert's id and in the same order: the alert, and the
        action that removes its cause, such as a probe (None: no action of the console removes it)."""
        order_ids = [alert.subject_id for alert in open_alerts if alert.subject_kind == orders.ORDER_KIND]
        items = self._find_items_of_orders(conn, open_alerts, candidates.read_orders_with_payments(conn, order_ids))
        payment_ids = {alert.subject_id for alert in open_alerts if alert.subject_kind == payments.PAYMENT_KIND}
        numbers_by_subject = {
            (payments.PAYMENT_KIND, payment.id): payment.merchant_payment_id
            for payment in payments.find_by_ids(conn, payment_ids, skips_unreadable=True)
        }
        notice_kind = payment_events.NOTICE_KIND
        notice_ids = [alert.subject_id for alert in open_alerts if alert.subject_kind == notice_kind]
        numbers_by_subject |= {
            (notice_kind, event.id): event.order_no
            for event in (payment_events.find_by_ids(conn, notice_ids) if notice_ids else ())
            if event.order_no
        }
        return {
            alert.id: items.get(alert.id) or _make_case_item(alert, numbers_by_subject)
            for alert in complete_alerts_with_corporations(self._context, open_alerts)
        }

    def _find_items_of_orders(
        self,
        conn: Connection,
        open_alerts: Sequence[Alert],
        orders_with_payments: Sequence[candidates.OrderWithPayments],
    ) -> dict[int, AlertItem]:
        """Return, by alert id, those of `open_alerts` that are about orders, each with the action with which a person
        can end the alert, and the record on which the person performs the action. Alerts whose rule the order no
        longer breaks are left out. `orders_with_payments` has each order with its payments.
        """
        now, scale = self._context.now(), self._context.scale
        all_payments = [payment for _, order_payments in orders_with_payments for payment in order_payments]
        completed_by_id = {payment.id: payment for payment in self._complete_payments(conn, all_payments)}
        items: dict[int, AlertItem] = {}
        for order, stored_payments in orders_with_payments:
            order_payments = [completed_by_id[payment.id] for payment in stored_payments]
            broken_rule = find_broken_rule(order, order_payments, now, scale, ALERT_RULES)
            if broken_rule is None:
                continue
            action = find_alert_action(order, order_payments, broken_rule)
            items |= {
                alert.id: AlertItem(alert, action.name, action.kind, action.record_id)
                for alert in open_alerts
                if (alert.subject_kind, alert.subject_id) == (orders.ORDER_KIND, order.id)
                and alert.rule_id == broken_rule.rule
            }
        return items

    def read_company_queue(
        self, limit: int = 50, after_cursor: str | None = None, *, with_related: bool = True
    ) -> ChangedCompanyPage:
        """Return one page of at most `limit` items of the queue of changed corporations, the oldest change first,
        each with the actions that a person can start. `after_cursor` is the cursor of the next page, which the
        previous page contains (`next_cursor`); None for the first page. With `with_related`, also read from the
        registry the corporations with which each changed corporation was merged. Raises usage for an unknown cursor,
        not_allowed if the acting person has no right to read."""
        limit = max(1, min(limit, MAX_COUNTED_ALERTS))
        last_id = parse_alert_cursor(COMPANIES_QUEUE_NAME, after_cursor)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            found_alerts = alerts.list_open_alerts_of_rule(conn, CORPORATION_CHANGE_RULE, limit + 1, last_id)
            open_alerts = complete_alerts_with_corporations(self._context, found_alerts[:limit])
            items = self._make_changed_company_items(
                conn, watched_corporations.find_company_changes(conn, open_alerts), with_related=with_related
            )
        has_more = len(found_alerts) > limit
        next_cursor = format_alert_cursor(COMPANIES_QUEUE_NAME, open_alerts[-1].id) if has_more else None
        return ChangedCompanyPage(COMPANIES_QUEUE_NAME, items, next_cursor)

    def list_acknowledged_changes(self) -> tuple[ChangedCompanyItem, ...]:
        """Return the changed corporations whose change a person has acknowledged and can reopen, the newest first,
        among the MAX_COUNTED_ALERTS newest alerts about corporations. Raises not_allowed if the acting person has no
        right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            newest_alerts = alerts.list_newest_of_kind(conn, CORPORATION_KIND, MAX_COUNTED_ALERTS)
            return self._make_changed_company_items(
                conn, find_acknowledged_changes(conn, newest_alerts, self._context.now()), with_related=False
            )

    def _make_changed_company_items(
        self, conn: Connection, changes: Sequence[tuple[Alert, CompanyChange]], *, with_related: bool
    ) -> tuple[ChangedCompanyItem, ...]:
        """Return the items of the queue for these changes of companies, each with its alert. `with_related` is True
        if the items contain the facts of the registry.
        """
        live_checks_by_number = credit_checks.find_live_checks_of_numbers(
            conn, {change.corporation_number for _, change in changes}
        )
        return tuple(
            ChangedCompanyItem(
                change,
                explain_company_change(change, alert.observed),
                alert,
                read_facts(self._context, conn, change.corporation_number) if with_related else None,
                list_company_actions(
                    change, live_checks_by_number.get(change.corporation_number, ()), self._context.now()
                ),
            )
            for alert, change in changes
        )

    def count_changed_companies(self) -> QueueCount:
        """Return the number of corporations in the queue of changed corporations, at most MAX_COUNTED_ALERTS, and the
        time at which the oldest change began to wait. Raises not_allowed if the acting person has no right to read.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            count, oldest_instant = alerts.count_open_alerts_and_find_oldest(
                conn, CORPORATION_CHANGE_RULE, MAX_COUNTED_ALERTS + 1
            )
        return QueueCount(
            COMPANIES_QUEUE_NAME, min(count, MAX_COUNTED_ALERTS), count > MAX_COUNTED_ALERTS, oldest_instant
        )

    def count_unacknowledged_alerts(self) -> int:
        """Return the number of open alerts that no person has acknowledged. Of each rule that has a queue of its own
        (RULES_WITH_QUEUE), at most MAX_COUNTED_ALERTS are counted. Raises not_allowed if the acting person has no
        right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return len(list_unacknowledged_alerts_of_all_rules(conn, MAX_COUNTED_ALERTS))

    def find_database_rollback(self) -> DatabaseRollback | None:
        """Check whether the database went back to an earlier state. Return the finding as long as operations with
        money are refused because of it, otherwise None. Raises not_allowed if the acting person has no right to read.
        """
        rollback = database_rollback.find_database_rollback(self._context)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return rollback or database_rollback.find_open_database_rollback(conn)

    def count_lost_operations(self) -> int | None:
        """Return the number of operations that desks have in their spools and that the database has lost, because it
        went back to an earlier state; None if `find_database_rollback` returns None. Raises not_allowed if the acting
        person has no right to read."""
        rollback = self.find_database_rollback()
        return None if rollback is None else len(rollback.lost_operations)

    def list_lost_operations(self, limit: int = MAX_LISTED_LOST_OPERATIONS) -> LostOperationList:
        """Return the operations (at most `limit`) that desks had in their spools and that the database lost when it
        went back to an earlier state, also after a person has acknowledged the alert about this. Raises not_allowed
        if the acting person has no right to read.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            listed = tuple(
                LostOperation(
                    operation_id=intent.operation_id,
                    kind=journal.find_kind_of_money_action(intent.action) or "operation",
                    action=intent.action,
                    state=self._find_present_state(conn, intent, state),
                    number=intent.corporation_number,
                    client_id=intent.client_id,
                    payment_id=intent.payment_id,
                    amount_minor=intent.amount_minor,
                    operator=intent.operator,
                    desk=intent.desk_id,
                    at=intent.at,
                    reported_at=reported_at,
                )
                for intent, reported_at, state in lost_operations.list_lost_operations(conn, limit)
            )
            return LostOperationList(listed, lost_operations.count_lost_operations(conn))

    def _find_present_state(
        self, conn: Connection, intent: Intent, stored_state: LostOperationState
    ) -> LostOperationState:
        """Return the state of a lost operation. `stored_state` is the state that its own rows show; these rows don't
        show that a person has acknowledged the case about a refund."""
        is_open_refund = stored_state is LostOperationState.OPEN and intent.payment_id is not None
        if is_open_refund and self._is_refund_acknowledged(conn, intent):
            return LostOperationState.ACKNOWLEDGED
        return stored_state

    def acknowledge(self, id: int, note: str, *, request_id: str | None = None) -> Alert:
        """Acknowledge an alert in the acting person's name, and return the alert. `note` is the person's text about
        the next step; it may be empty, except for the alert that the database went back to an earlier state. If the
        same person repeats the acknowledgement, nothing changes.

        Raises not_found if no alert has this id; usage (detail.problem `note`) if the note is longer than
        LONGEST_NOTE_CHARACTERS, or if it is required and empty; not_allowed if the acting person has no right to
        write notes; already_decided if another person has acknowledged the alert first (detail.who).
        """
        arguments = (id, note)
        return self._request_ids.act_once(
            "alerts ack",
            request_id,
            arguments,
            lambda: self._acknowledge_alert_and_audit_refusal(id, note),
            lambda _: self._find_alert_of_earlier_call(id),
        )

    def _find_alert_of_earlier_call(self, id: int) -> CallAnswer | None:
        """Return the alert `id` in its present form: an earlier call with the same request id has changed it, and was
        killed before it could store its answer. Return None if no alert has this id."""
        with self._context.database.read() as conn:
            alert = alerts.find(conn, id)
            return None if alert is None else CallAnswer(_add_record_numbers(conn, (alert,))[0])

    def acknowledge_alerts(
        self, ids: Collection[int], note: str, *, request_id: str | None = None
    ) -> tuple[Alert, ...]:
        """Acknowledge the alerts with these ids, which belong to one incident, with the same note, and return the
        alerts. Each acknowledgement has its own request id, derived from `request_id`, so a repeated call continues
        an interrupted call. Raises not_found if no alert has one of these ids; usage (detail.problem `note`) if the
        note is longer than LONGEST_NOTE_CHARACTERS, or if one of the alerts requires a note and the note is empty;
        not_allowed if the acting person has no right to write notes; already_decided if another person has
        acknowledged one of the alerts first.
        """
        return tuple(self.acknowledge(id, note, request_id=_derive_request_id(request_id, id, ids)) for id in ids)

    def undo_acknowledgements(self, ids: Collection[int], *, request_id: str | None = None) -> tuple[Alert, ...]:
        """Withdraw the acting person's acknowledgements of the alerts with these ids, which belong to one incident,
        and return the alerts. Raises not_found if one of the ids belongs to no alert; not_allowed if the acting
        person has no right to write notes; already_decided if another person has acknowledged one of the
        alerts, or if one of them was acknowledged and has been resolved since.
        """
        return tuple(self.undo_acknowledgement(id, request_id=_derive_request_id(request_id, id, ids)) for id in ids)

    def undo_acknowledgement(self, id: int, *, request_id: str | None = None) -> Alert:
        """Withdraw the acting person's own acknowledgement of an open alert, and return the alert. If the alert has
        no acknowledgement, nothing changes.

        Raises not_found if no alert has this id; not_allowed if the acting person has no right to write notes;
        already_decided if another person has acknowledged the alert, or if the alert was acknowledged and has been
        resolved since.
        """
        return self._request_ids.act_once(
            "alerts unack",
            request_id,
            (id,),
            lambda: self._undo_acknowledgement_and_audit_refusal(id),
            lambda _: self._find_alert_of_earlier_call(id),
        )

    def _undo_acknowledgement_and_audit_refusal(self, id: int) -> Alert:
        with refusals.audit_refusals(self._context, AuditAction.ALERT_UNACKNOWLEDGED, id, kind=ALERT_KIND):
            person = self._context.require_right("note").name
            return self._context.write(lambda tx: self._undo_acknowledgement(tx, id, person))

    def _undo_acknowledgement(self, tx: Transaction, alert_id: int, person: str) -> Alert:
        context = self._context
        if alerts.undo_acknowledgement(tx.conn, alert_id, person, context.now()):
            context.record_audit(tx, AuditAction.ALERT_UNACKNOWLEDGED, alert_id, kind=ALERT_KIND)
        alert = alerts.find(tx.conn, alert_id)
        if alert is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": ALERT_KIND, "id": str(alert_id)})
        if alert.acknowledged_by is not None:
            facts: AlreadyDecidedDetail = {"who": alert.acknowledged_by, "at": alert.acknowledged_at}
            if alert.resolved_at is None:
                facts["reason"] = AlreadyDecidedReason.ACKNOWLEDGED_BY_OTHER
            raise ConsoleError(ErrorCode.ALREADY_DECIDED, facts)
        return alert

    def _acknowledge_alert_and_audit_refusal(self, id: int, note: str) -> Alert:
        note_text = strip_invisible_characters(note)
        if len(note_text) > LONGEST_NOTE_CHARACTERS:
            raise _make_invalid_note_error()
        with refusals.audit_refusals(self._context, ACKNOWLEDGE_ACTION, id, kind=ALERT_KIND):
            person = self._context.require_right("note").name
            return self._context.write(lambda tx: self._acknowledge_alert(tx, id, person, note_text))

    def _acknowledge_alert(self, tx: Transaction, alert_id: int, person: str, note_text: str) -> Alert:
        context = self._context
        alert = alerts.find(tx.conn, alert_id)
        if alert is not None and alert.rule_id == database_rollback.ALERT_RULE:
            database_rollback.lock_rollback_alerts(context, tx)
        is_acknowledged = alerts.acknowledge(tx.conn, alert_id, person, note_text, context.now())
        alert = alerts.find(tx.conn, alert_id)
        if alert is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": ALERT_KIND, "id": str(alert_id)})
        if not is_acknowledged and alert.acknowledged_by != person:
            raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"who": alert.acknowledged_by, "at": alert.acknowledged_at})
        if is_acknowledged and alert.rule_id in RULES_RESOLVED_BY_ACKNOWLEDGEMENT:
            if alert.rule_id == database_rollback.ALERT_RULE and not note_text:
                raise _make_invalid_note_error()
            alert = self._resolve_acknowledged_alert(tx, alert)
        if is_acknowledged:
            context.record_audit(
                tx, ACKNOWLEDGE_ACTION, alert_id, {"rule": alert.rule_id, "note": note_text}, kind=ALERT_KIND
            )
        return _add_record_numbers(tx.conn, (alert,))[0]

    def _resolve_acknowledged_alert(self, tx: Transaction, alert: Alert) -> Alert:
        """Resolve an alert because a person has acknowledged it, and add the event AlertResolved to the outbox.
        Return the resolved alert."""
        now = self._context.now()
        if not alerts.resolve(tx.conn, alert.id, now):
            return alert
        resolved_alert = replace(alert, resolved_at=now)
        outbox.add_alert_event(tx.conn, "AlertResolved", resolved_alert, self._context.database_id, now)
        return resolved_alert


def _derive_request_id(request_id: str | None, alert_id: int, ids: Collection[int]) -> str | None:
    """Return the request id for the acknowledgement of the alert `alert_id`, one of the alerts `ids` of a call. If
    the call has only this alert, this is the request id of the call. Otherwise it consists of the call's request id
    (of a long one, the beginning of its digest) and the alert's id. Return None if the call has no request id."""
    if request_id is None or len(ids) == 1:
        return request_id
    digest = hashlib.sha256(request_id.encode("utf-8", "replace")).hexdigest()
    prefix = request_id if len(request_id) <= _LONGEST_PREFIX_CHARACTERS else digest[:_LONGEST_PREFIX_CHARACTERS]
    return f"{prefix}.{alert_id}"


def format_alert_cursor(queue: str, last_alert_id: int) -> str:
    """Return the cursor of the page after the alert `last_alert_id` in the queue `queue`, whose rows are alerts."""
    return list_cursors.format_list_cursor(str(last_alert_id), queue)


def parse_alert_cursor(queue: str, text: str | None) -> int:
    """Return the alert id in `text`, the cursor of a page of the queue `queue`; 0 if `text` is None, which means the
    first page. Raises usage for any other text, also for the cursor of another queue."""
    if text is None:
        return 0
    position = list_cursors.parse_list_cursor(text, queue)
    if position.isascii() and position.isdecimal() and len(position) <= _LONGEST_CURSOR_DIGITS:
        return int(position)
    raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR})


def _add_record_numbers(conn: Connection, given_alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Return the alerts, each with the number by which people know the alert's record (such as our payment
    number)."""
    numbers = any_record.read_numbers_of_subjects(
        conn, {f"{alert.subject_kind} {alert.subject_id}" for alert in given_alerts}
    )
    return tuple(
        replace(alert, number=numbers.get(f"{alert.subject_kind} {alert.subject_id}")) for alert in given_alerts
    )


def _make_invalid_note_error() -> ConsoleError:
    return ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_NOTE, "longest": LONGEST_NOTE_CHARACTERS})


def _make_case_item(alert: Alert, numbers_by_subject: Mapping[tuple[str, int], str]) -> AlertItem:
    """Return the list item of a case, with the action with which a person can end the case: `look_up` for a changed
    corporation, `open` if the kind of the case's record has a page on which a person can end the case, otherwise
    None. `numbers_by_subject` has our payment numbers, and the order numbers that notices name, by kind and id.
    """
    if alert.subject_kind == CORPORATION_KIND:
        return AlertItem(
            alert,
            "look_up",
            alert.subject_kind,
            alert.subject_id,
            get_corporation_number_of_subject(alert.subject_id),
        )
    has_page = alert.subject_kind in RECORD_KINDS
    number = numbers_by_subject.get((alert.subject_kind, alert.subject_id))
    return AlertItem(alert, "open" if has_page else None, alert.subject_kind, alert.subject_id, number)
