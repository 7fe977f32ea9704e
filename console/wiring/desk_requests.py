"""The commands that a desk can request from a worker. Each command has a form (the types of its arguments, and the
facts that its request stores in columns) and the service method that runs the command."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from console.domain.access.disabled_people import make_enabling_subject
from console.domain.access.people_commands import DISABLE_COMMAND, ENABLE_COMMAND, OPERATOR_KIND
from console.domain.access.read_only import SWITCH_KIND
from console.domain.alerts.incidents import INCIDENT_KIND, IncidentAction
from console.domain.annotations.mentions import MENTION_KIND
from console.domain.audit.actions import AuditAction
from console.domain.bulk.records import ChosenRecord
from console.domain.errors import ConsoleError
from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number
from console.domain.payments.limits import LIMIT_KIND, make_limit_subject
from console.domain.payments.records import PaymentImport, RefundRequest
from console.domain.queues.saved_views import VIEW_KIND, ViewContent
from console.domain.records import PurchaseRequest
from console.domain.recovery.decision_reasons import StatedReason
from console.services.access.disabled_people import DisabledPeopleService
from console.services.access.read_only import ReadOnlySwitchService
from console.services.alerts.inbox import AlertService
from console.services.alerts.incidents import AUDIT_ACTION_BY_INCIDENT_ACTION, IncidentService, find_incident_id
from console.services.annotations.mentions import MentionService
from console.services.audit.trail import AuditService
from console.services.bulk.runs import BulkRunService
from console.services.desk_requests.commands import CommandCall, CommandRunner, DeskRequestFacts, DeskRequestForm
from console.services.process.context import ServiceContext, act_for_requester
from console.services.reconciliation.run import ReconciliationService
from console.services.recovery.saved_views import SavedViewService
from console.services.refunds.limit_changes import RefundLimitService
from console.services.refunds.request import parse_amount
from console.store.access import disabled_people
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks
from console.store.payments import limit_changes, orders, payments
from console.store.refunds import refunds
from console.store.tasks import bulk_runs as stored_runs
from console.wiring.credit_checks import CreditCheckService
from console.wiring.payments import PaymentService
from console.wiring.recovery import RecoveryService
from console.wiring.refunds import RefundService

_LONGEST_NAME_CHARACTERS = 32
"""Longest name of a person; a longer one belongs to nobody."""
_LONGEST_ENABLING_SUBJECT_CHARACTERS = 64
"""Length of the column `requests.subject_id`. The name of a person and the id of a disabling are shorter."""


@dataclass(frozen=True, slots=True)
class DeskRequestServices:
    """The services whose commands a worker runs for desks. The fields have the same names as the corresponding
    attributes of `Console`."""

    credit_checks: CreditCheckService
    payments: PaymentService
    refunds: RefundService
    recovery: RecoveryService
    bulk_runs: BulkRunService
    alerts: AlertService
    reconciliation: ReconciliationService
    audit: AuditService
    refund_limits: RefundLimitService
    read_only_switches: ReadOnlySwitchService
    disabled_people: DisabledPeopleService
    incidents: IncidentService
    saved_views: SavedViewService
    mentions: MentionService


def make_command_runners(context: ServiceContext, services: DeskRequestServices) -> Mapping[str, CommandRunner]:
    """Return the functions with which a worker runs commands for desks, by the name of the command."""
    return {
        **_make_credit_check_runners(services.credit_checks),
        **_make_payment_runners(services.payments),
        **_make_refund_runners(services.refunds),
        **_make_record_runners(context, services.recovery),
        **_make_bulk_runners(services.bulk_runs),
        "alerts ack": _make_method_runner(services.alerts.acknowledge),
        "alerts unack": _make_method_runner(services.alerts.undo_acknowledgement),
        **_make_incident_runners(services.incidents),
        **_make_view_runners(services.saved_views),
        "mention done": _make_method_runner(services.mentions.mark_done),
        "reconcile": _make_method_runner(services.reconciliation.run),
        "limits set": _make_method_runner(services.refund_limits.set_limit),
        "read-only set": _make_method_runner(services.read_only_switches.set_switch),
        DISABLE_COMMAND: _make_method_runner(services.disabled_people.disable),
        ENABLE_COMMAND: _make_method_runner(services.disabled_people.enable),
        "audit verify": lambda _call: services.audit.verify_trail(),
    }


def _make_method_runner(method: Any) -> CommandRunner:
    """Return a function that runs a command by calling the service method `method` with the command's arguments
    and request id."""
    return lambda call: method(*call.arguments, request_id=call.request_id)


def _make_credit_check_runners(checks: CreditCheckService) -> Mapping[str, CommandRunner]:
    def run_purchase(call: CommandCall) -> object:
        (request,) = call.arguments
        return checks.purchase(request, call.progress, request_id=call.request_id)

    def run_refetch(call: CommandCall) -> object:
        id, detail, pdf, expected_version = call.arguments
        return checks.refetch(
            id,
            detail=detail,
            pdf=pdf,
            expected_version=expected_version,
            progress=call.progress,
            request_id=call.request_id,
        )

    return {"purchase": run_purchase, "refetch": run_refetch}


def _make_payment_runners(payment_service: PaymentService) -> Mapping[str, CommandRunner]:
    return {
        "payment start": _make_method_runner(payment_service.start),
        "payment import": _make_method_runner(payment_service.import_payment),
        "order move": _make_method_runner(payment_service.set_order_paid),
    }


def _make_refund_runners(refund_service: RefundService) -> Mapping[str, CommandRunner]:
    def run_approval(call: CommandCall) -> object:
        id, expected_version = call.arguments
        return refund_service.approve(id, expected_version, call.progress, request_id=call.request_id)

    def run_submission(call: CommandCall) -> object:
        (id,) = call.arguments
        return refund_service.submit(id, call.progress, request_id=call.request_id)

    return {
        "refund request": _make_method_runner(refund_service.request),
        "refund approve": run_approval,
        "refund reject": _make_method_runner(refund_service.reject),
        "refund withdraw": _make_method_runner(refund_service.withdraw),
        "refund submit": run_submission,
    }


def _make_record_runners(context: ServiceContext, recovery: RecoveryService) -> Mapping[str, CommandRunner]:
    def run_all_tasks(_call: CommandCall) -> object:
        """Run every task of the scheduler once as the worker, at the request of a person, and return the results of
        the runs. Raises not_allowed if no role of the person has the right to run due tasks.
        """
        context.require_right("due_tasks")
        with act_for_requester(None):
            return recovery.run_all_tasks()

    return {
        "probe": _make_method_runner(recovery.probe),
        "resolve": _make_method_runner(recovery.resolve),
        "take": _make_method_runner(recovery.take),
        "give up": _make_method_runner(recovery.give_up_take),
        "hand over": _make_method_runner(recovery.hand_over),
        "note": _make_method_runner(recovery.add_note),
        "unmask": _make_method_runner(recovery.unmask),
        "run due": run_all_tasks,
    }


def _make_bulk_runners(bulk_runs: BulkRunService) -> Mapping[str, CommandRunner]:
    def run_bulk_action(call: CommandCall) -> object:
        run_id, max_rows = call.arguments
        return bulk_runs.run(run_id, max_rows, request_id=call.request_id)

    return {
        "bulk freeze": _make_method_runner(bulk_runs.create_run),
        "bulk run": run_bulk_action,
        "bulk stop": _make_method_runner(bulk_runs.stop),
        "bulk discard": _make_method_runner(bulk_runs.discard),
    }


def _make_incident_runners(incidents: IncidentService) -> Mapping[str, CommandRunner]:
    return {
        _format_incident_command_name(IncidentAction.TAKE): _make_method_runner(incidents.take),
        _format_incident_command_name(IncidentAction.RELEASE): _make_method_runner(incidents.release),
        _format_incident_command_name(IncidentAction.HAND_OVER): _make_method_runner(incidents.hand_over),
        _format_incident_command_name(IncidentAction.SNOOZE): _make_method_runner(incidents.snooze),
        _format_incident_command_name(IncidentAction.WAKE): _make_method_runner(incidents.end_snooze),
        _format_incident_command_name(IncidentAction.RESOLVE): _make_method_runner(incidents.resolve),
        _format_incident_command_name(IncidentAction.REOPEN): _make_method_runner(incidents.reopen),
    }


def _make_view_runners(views: SavedViewService) -> Mapping[str, CommandRunner]:
    return {
        "view save": _make_method_runner(views.save_view),
        "view rename": _make_method_runner(views.rename_view),
        "view delete": _make_method_runner(views.delete_view),
        "view restore": _make_method_runner(views.restore_view),
    }


def _make_saved_view_facts(_context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    return DeskRequestFacts(VIEW_KIND, proposed_value="team" if arguments[1] else "own")


def _format_incident_command_name(action: IncidentAction) -> str:
    return f"{INCIDENT_KIND} {action}"


def _read_incident_facts(context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of an action on an incident: the id of the incident. The first of `arguments` is the id of one
    of the incident's alerts, from which this function reads the incident's own id. A constraint of the database
    compares this id with the stored step.
    """
    with context.database.read() as conn:
        return DeskRequestFacts(INCIDENT_KIND, str(find_incident_id(conn, arguments[0])))


def _read_hand_over_facts(context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of handing over an incident: the incident and the new owner. The first two of `arguments` name
    them. A constraint of the database compares these facts with the stored step of the incident.
    """
    return replace(_read_incident_facts(context, arguments), proposed_value=arguments[1].strip()[:20])


def _make_empty_facts(_context: ServiceContext, _arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return empty facts, for a command that concerns no single record."""
    return DeskRequestFacts()


def _make_facts_function_for_kind(kind: str) -> Any:
    """Return a function that makes the facts of a command on a record of this kind. The function gets the arguments
    of the command, of which the first is the id of the record."""
    return lambda _, arguments: DeskRequestFacts(kind, str(arguments[0]))


def _make_record_facts(_context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of a command that can apply to a record of any kind: the kind and the id of the record, which
    are the first two of `arguments`."""
    kind, id = arguments[:2]
    return DeskRequestFacts(kind[:32], str(id)[:64])


def _make_decision_facts(_context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of the command that decides an unknown outcome: the record and the decided state, which are
    the first three of `arguments` (kind, id, state)."""
    kind, id, proposed_state = arguments[:3]
    return DeskRequestFacts(kind[:32], str(id)[:64], proposed_value=proposed_state[:20])


def _make_purchase_facts(_context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of a purchase: the corporation number. A text that is not a corporation number is stored
    unchanged; the worker refuses such a request.
    """
    request: PurchaseRequest = arguments[0]
    try:
        number = parse_corporation_number(request.corporation_number, allows_test_numbers=True).value
    except InvalidCorporationNumber:
        number = request.corporation_number[:64]
    return DeskRequestFacts("company", number)


def _make_refund_request_facts(context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of a refund request: the payment and the amount. If the text of the amount can't be read, the
    amount is None; the worker refuses such a request.
    """
    request: RefundRequest = arguments[0]
    with context.database.read() as conn:
        payment = payments.find(conn, request.payment_id)
    try:
        amount = None if payment is None else parse_amount(request.amount, payment)
    except ConsoleError:
        amount = None
    return DeskRequestFacts(payments.PAYMENT_KIND, str(request.payment_id), amount)


def _make_limit_facts(context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of a change of a limit: the limit with its present value, and the proposed value. A change
    needs the same request from two people. The facts contain the present value, so that a request that was made for
    an outdated value differs from the other person's request.
    """
    limit_name, currency, proposed_value = arguments
    with context.database.read() as conn:
        present_value = limit_changes.find_limit_value(conn, limit_name[:40], currency[:3])
    return DeskRequestFacts(
        LIMIT_KIND,
        make_limit_subject(limit_name[:40], currency[:3], present_value),
        proposed_value=str(proposed_value),
    )


def _make_read_only_switch_facts(_context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of a change of a read-only switch: the scope of the switch, and `on` or `off`."""
    scope, is_on, _ = arguments
    return DeskRequestFacts(SWITCH_KIND, scope[:32], proposed_value="on" if is_on else "off")


def _make_disabling_facts(_context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of the request to disable a person: the person."""
    person_name, _ = arguments
    return DeskRequestFacts(OPERATOR_KIND, person_name[:_LONGEST_NAME_CHARACTERS])


def _make_enabling_facts(context: ServiceContext, arguments: tuple[Any, ...]) -> DeskRequestFacts:
    """Return the facts of the request to enable a person: the person, and the disabling that the request ends, which
    is the one that the administrator has seen. So the request doesn't count if the person was enabled and disabled
    again meanwhile."""
    person_name, seen_disabling_id = arguments[0][:_LONGEST_NAME_CHARACTERS], arguments[1]
    if seen_disabling_id is None:
        with context.database.read() as conn:
            disabling = disabled_people.find_disabling(conn, person_name)
        seen_disabling_id = None if disabling is None else disabling.id
    return DeskRequestFacts(
        OPERATOR_KIND, make_enabling_subject(person_name, seen_disabling_id)[:_LONGEST_ENABLING_SUBJECT_CHARACTERS]
    )


_INCIDENT_FORMS: tuple[tuple[IncidentAction, tuple[Any, ...], int | None], ...] = (
    (IncidentAction.TAKE, (int,), None),
    (IncidentAction.RELEASE, (int,), None),
    (IncidentAction.WAKE, (int,), None),
    (IncidentAction.RESOLVE, (int, str, int | None), 1),
    (IncidentAction.REOPEN, (int, str), 1),
    (IncidentAction.HAND_OVER, (int, str, str), 2),
    (IncidentAction.SNOOZE, (int, datetime, str, int | None), 2),
)
"""The actions on incidents with the types of their arguments and the index of the argument with the person's words.
"""

DESK_REQUEST_FORM_BY_COMMAND: Mapping[str, DeskRequestForm] = {
    "purchase": DeskRequestForm((PurchaseRequest,), _make_purchase_facts),
    "refetch": DeskRequestForm(
        (int, bool, bool, int | None), _make_facts_function_for_kind(credit_checks.CREDIT_CHECK_KIND)
    ),
    "probe": DeskRequestForm((str, str), _make_record_facts),
    "resolve": DeskRequestForm(
        (str, str, str, str | Path, str | None, int | None, StatedReason | None),
        _make_decision_facts,
        typed_text_index=6,
    ),
    "take": DeskRequestForm((str, int), _make_record_facts),
    "give up": DeskRequestForm((str, int), _make_record_facts),
    "hand over": DeskRequestForm((str, int, str), _make_record_facts, typed_text_index=2),
    "note": DeskRequestForm((str, int, str), _make_record_facts, typed_text_index=2),
    "unmask": DeskRequestForm((str, int, str), _make_record_facts, typed_text_index=2),
    "payment start": DeskRequestForm((int, str), _make_facts_function_for_kind(orders.ORDER_KIND)),
    "payment import": DeskRequestForm((PaymentImport,), _make_empty_facts),
    "order move": DeskRequestForm((int,), _make_facts_function_for_kind(payments.PAYMENT_KIND)),
    "refund request": DeskRequestForm((RefundRequest,), _make_refund_request_facts, typed_text_index=0),
    "refund approve": DeskRequestForm(
        (int, int | None),
        _make_facts_function_for_kind(refunds.REFUND_KIND),
        audit_action_of_refusal=AuditAction.REFUND_APPROVE,
    ),
    "refund reject": DeskRequestForm(
        (int, str, int | None),
        _make_facts_function_for_kind(refunds.REFUND_KIND),
        typed_text_index=1,
        audit_action_of_refusal=AuditAction.REFUND_REJECT,
    ),
    "refund withdraw": DeskRequestForm((int,), _make_facts_function_for_kind(refunds.REFUND_KIND)),
    "refund submit": DeskRequestForm((int,), _make_facts_function_for_kind(refunds.REFUND_KIND)),
    "bulk freeze": DeskRequestForm(
        (str, str | tuple[ChosenRecord, ...], str | None), _make_empty_facts, typed_text_index=2
    ),
    "bulk stop": DeskRequestForm((int,), _make_empty_facts),
    "bulk discard": DeskRequestForm((int,), _make_empty_facts),
    "alerts ack": DeskRequestForm((int, str), _make_empty_facts, typed_text_index=1),
    "alerts unack": DeskRequestForm((int,), _make_facts_function_for_kind(alerts.ALERT_KIND)),
    **{
        _format_incident_command_name(action): DeskRequestForm(
            types,
            _read_hand_over_facts if action is IncidentAction.HAND_OVER else _read_incident_facts,
            typed_text_index=typed_text_index,
            has_changing_facts=True,
            audit_action_of_refusal=AUDIT_ACTION_BY_INCIDENT_ACTION[action],
        )
        for action, types, typed_text_index in _INCIDENT_FORMS
    },
    "view save": DeskRequestForm((str, bool, ViewContent, bool), _make_saved_view_facts),
    "view rename": DeskRequestForm((int, str), _make_facts_function_for_kind(VIEW_KIND)),
    "view delete": DeskRequestForm((int,), _make_facts_function_for_kind(VIEW_KIND)),
    "view restore": DeskRequestForm((int,), _make_facts_function_for_kind(VIEW_KIND)),
    "mention done": DeskRequestForm((int,), _make_facts_function_for_kind(MENTION_KIND)),
    "audit verify": DeskRequestForm((), _make_empty_facts),
    "limits set": DeskRequestForm(
        (str, str, int), _make_limit_facts, has_changing_facts=True, audit_action_of_refusal=AuditAction.LIMIT_SET
    ),
    "read-only set": DeskRequestForm((str, bool, str), _make_read_only_switch_facts, typed_text_index=2),
    DISABLE_COMMAND: DeskRequestForm(
        (str, str),
        _make_disabling_facts,
        typed_text_index=1,
        audit_action_of_refusal=AuditAction.OPERATOR_DISABLE,
    ),
    ENABLE_COMMAND: DeskRequestForm(
        (str, str | None),
        _make_enabling_facts,
        has_changing_facts=True,
        audit_action_of_refusal=AuditAction.OPERATOR_ENABLE,
    ),
    "reconcile": DeskRequestForm((str, date, date), _make_empty_facts),
    "run due": DeskRequestForm((), _make_empty_facts),
    "bulk run": DeskRequestForm((int, int | None), _make_facts_function_for_kind(stored_runs.BULK_RUN_KIND)),
}
"""The forms of the commands that a worker runs for desks, by the command names that `RequestIdService.act_once`
gets.
"""
