"""Texts, table cells and routes of the acting person's own desk requests."""

from collections.abc import Callable

from console.domain.desk_requests.records import OwnRequest, OwnRequestState
from console.domain.errors import EXIT_STATUS, ErrorCode
from console.domain.payments.records import Order, Payment, Refund
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import CreditCheck, Operation
from console.domain.recovery.left_open import OPERATION_KIND
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    AlertsRoute,
    AuditRoute,
    LookupRoute,
    OperationRoute,
    ReconcileRunsRoute,
    Route,
    make_route_to_record,
)
from console.views.runtime.tasks import Failure
from console.views.tables.columns import StateCell
from console.wording.sentences import catalogue as wording

_LIST_ROUTE_BY_ACTION: dict[str, Route] = {
    "alerts ack": AlertsRoute(),
    "audit verify": AuditRoute(),
    "reconcile": ReconcileRunsRoute(),
}
_UNKNOWN_OUTCOME_EXIT_STATUS = EXIT_STATUS[ErrorCode.OUTCOME_UNKNOWN]


def format_requested_action(request: OwnRequest, context: WindowContext) -> str:
    """Return the text for the action that the person has requested; the name of the command if there is no text
    for it."""
    key = f"request.action.{request.action.replace(' ', '_')}"
    return context.translate(key) if wording.has_sentence(key) else request.action


def format_request_record(request: OwnRequest, context: WindowContext, name_record: Callable[[str, str], str]) -> str:
    """Return the kind and number of the record that the request is about; "" if the request is about no record.
    `name_record(kind, id)` returns the text that names a record, such as its kind and its number."""
    record, kind, id = _find_record_in_answer(request), request.subject_kind, request.subject_id
    if record is not None and not isinstance(record, Operation):
        return case_words.format_record_title(record, context)
    if kind is None or id is None:
        return ""
    if kind == "company":
        return wording.format_corporation_number(id)
    if kind == OPERATION_KIND:
        return f"{context.translate('kind.operation')} {case_words.shorten_identifier(id)}"
    return name_record(kind, id)


def make_request_state_cell(request: OwnRequest, context: WindowContext) -> StateCell:
    """Return the table cell with the state of the request; if the request has ended, the cell shows the result."""
    match request.state:
        case OwnRequestState.WAITING:
            name, icon_name, tone = "waiting", "hourglass", "progress"
        case OwnRequestState.TAKEN:
            name, icon_name, tone = "taken", "half_disc", "progress"
        case OwnRequestState.ABANDONED:
            name, icon_name, tone = "unknown", "question", "unknown"
        case OwnRequestState.LAPSED:
            name, icon_name, tone = "lapsed", "ring_slash", "muted"
        case OwnRequestState.WITHDRAWN:
            name, icon_name, tone = "withdrawn", "arrow_back", "muted"
        case _ if request.answer_error is None:
            name, icon_name, tone = "done", "check", "good"
        case _ if request.answer_error.exit_status == _UNKNOWN_OUTCOME_EXIT_STATUS:
            name, icon_name, tone = "unknown", "question", "unknown"
        case _:
            name, icon_name, tone = "not_done", "cross", "bad"
    return StateCell(context.translate(f"request.state.{name}"), icon_name, tone)  # type: ignore[arg-type]  # a tone


def format_worker_answer(request: OwnRequest, context: WindowContext) -> str:
    """Return the text of the worker's answer to the request; for a request without an answer, the text about its
    state. If this desk closed before the stored answer arrived, the text says this, too."""
    match request.state:
        case OwnRequestState.WAITING:
            return context.translate("request.waits")
        case OwnRequestState.TAKEN:
            return context.translate("reason.request_taken")
        case OwnRequestState.ABANDONED:
            return context.translate("reason.request_abandoned")
        case OwnRequestState.LAPSED:
            return context.translate("request.lapsed")
        case OwnRequestState.WITHDRAWN:
            return context.translate("error.interrupted.withdrawn")
    answer_text = _format_request_ending(request, context)
    return context.translate("request.unanswered", answer=answer_text) if request.is_unanswered else answer_text


def _format_request_ending(request: OwnRequest, context: WindowContext) -> str:
    """Return the text about the end of a desk request: the message of its error, the record with its new state, or a
    text which says that the request is done."""
    if request.answer_error is not None:
        return context.format_failure(Failure(request.answer_error.code, request.answer_error.detail))
    record = _find_record_in_answer(request)
    if record is None or isinstance(record, Operation):
        return context.translate("request.done")
    state_cell = record_words.make_state_cell(case_words.get_state_badge_key(record), context.language).word
    return context.translate(
        "request.done_record", title=case_words.format_record_title(record, context), state=state_cell
    )


def find_request_route(request: OwnRequest) -> Route | None:
    """Return the route to the page of the request's record; otherwise to the page of the list that the request has
    changed. Return None if there is no such page."""
    record, kind, id = _find_record_in_answer(request), request.subject_kind, request.subject_id
    if isinstance(record, Operation):
        return OperationRoute(record.id)
    if record is not None:
        return case_words.make_record_route(record)
    if kind == "company" and id is not None:
        return LookupRoute(id)
    if kind == "operation" and id is not None:
        return OperationRoute(id)
    if kind in RECORD_KINDS and id is not None and id.isdecimal():
        return make_route_to_record(kind, int(id))
    return _LIST_ROUTE_BY_ACTION.get(request.action)


def is_about_bulk_run(request: OwnRequest) -> bool:
    """Return True if the request is about a bulk run, which has no page of its own."""
    return request.action.startswith("bulk ")


def _find_record_in_answer(request: OwnRequest) -> case_words.ShownRecord | Operation | None:
    """Return the record or operation that the worker's stored answer contains; None if the answer contains none. In
    an answer that is an error, the record is in the details of the error."""
    value = request.answer_value if request.answer_error is None else request.answer_error.detail
    record = value.get("record") if isinstance(value, dict) else getattr(value, "record", value)
    return record if isinstance(record, CreditCheck | Order | Payment | Refund | Operation) else None
