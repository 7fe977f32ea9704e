"""The lists and chart tables that can be exported. Each list has its columns, and a service that reads its rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from console.domain.bulk.records import NOT_DONE_ROWS_FILTER
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import ExportColumn, ExportRequest, ExportTable, ListName
from console.domain.payments import provider_registry
from console.domain.payments.records import Payment, Refund, RefundRelations
from console.domain.queue_names import COMPANIES_QUEUE_NAME, NOTICES_QUEUE_NAME, QUEUES_WITHOUT_RECORDS
from console.domain.reconciliation.service_results import PART_ALL, VERDICTS_OF_PART
from console.domain.usage_problems import UsageProblem
from console.domain.views.any_record import QueueItem
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.wording.exports import lists
from console.wording.exports.records import make_record_columns
from console.wording.exports.reports import REPORT_TABLES
from console.wording.exports.titles import format_export_description_lines, format_list_title
from console.wording.search import format_company_notes, format_search_notes
from console.wording.sentences.text_context import TextContext

if TYPE_CHECKING:
    from console.services.alerts.inbox import AlertService
    from console.services.alerts.unmatched_notices import UnmatchedNoticeReader
    from console.services.audit.trail import AuditService
    from console.services.bulk.runs import BulkRunService
    from console.services.lookup.record_search import Lookup
    from console.services.reconciliation.run import ReconciliationService
    from console.services.registry.service import RegistryService
    from console.services.reports.service import ReportService
    from console.wiring.payments import PaymentService
    from console.wiring.recovery import RecoveryService
    from console.wiring.refunds import RefundService

RowPages = Iterator[Sequence[Any]]
_ROWS_PER_EXPORT_PAGE = 1_000
_MAX_SEARCH_RESULTS = 1_000
"""Largest number of companies of a search, and of records of each kind."""
_MAX_EXPORTED_ALERTS = 100_000
_MAX_ID_DIGITS = 18  # digits
LOOKUP_EXPORT_PARTS = ("payments", "refunds", "orders", "checks")
"""Names of the parts of a lookup that can be exported by themselves: each is one kind of records. "" exports all
kinds.
"""


class ExportReadServices(Protocol):
    """The protocol of the object that has the services from which an export reads its rows; `Console` implements it.
    Each service is built at its first use.
    """

    @property
    def lookup(self) -> "Lookup": ...
    @property
    def recovery(self) -> "RecoveryService": ...
    @property
    def payments(self) -> "PaymentService": ...
    @property
    def refunds(self) -> "RefundService": ...
    @property
    def alerts(self) -> "AlertService": ...
    @property
    def notices(self) -> "UnmatchedNoticeReader": ...
    @property
    def audit(self) -> "AuditService": ...
    @property
    def bulk_runs(self) -> "BulkRunService": ...
    @property
    def reconciliation(self) -> "ReconciliationService": ...
    @property
    def registry(self) -> "RegistryService": ...
    @property
    def reports(self) -> "ReportService": ...


class _ExportList(NamedTuple):
    """The content of one requested export: its columns, a function that reads its rows page by page, and a note. The
    note is one or more sentences about the rows and figures; "" for no note.
    """

    columns: Sequence[ExportColumn]
    read_pages: Callable[[], RowPages]
    note: str = ""


def make_export_table(
    services: ExportReadServices,
    request: ExportRequest,
    person: str,
    context: TextContext,
    registry_date: date | None = None,
) -> ExportTable:
    """Return the table of an export. The services of the screens read the rows, so that the file has the same rows as
    the screen. `person` is the person who exports. `registry_date` is the date of the desk's corporation registry;
    None if the desk has no registry.

    Raises ConsoleError `usage` for an unknown subject or part, and `not_found` if the subject is the id of a bulk run
    that doesn't exist. Some errors are raised only when the first page is read: `not_found` for a missing
    reconciliation run or an unknown provider, and `invalid_corporation_number` for the number of a lookup.
    `not_allowed` is raised then or, for a list that is read before this function returns, such as a search, by this
    function.
    """
    export_list = _EXPORT_LIST_MAKER_BY_NAME[request.name](services, request, context)
    title, notes = format_list_title(request, context), tuple(export_list.note.splitlines())

    def make_lines_about_export(row_count: int) -> tuple[str, ...]:
        return (*format_export_description_lines(request, row_count, title, person, context, registry_date), *notes)

    about_title = context.translate("export.about.title")
    columns, read_pages = export_list.columns, export_list.read_pages
    return ExportTable(title, columns, read_pages, make_lines_about_export, about_title, notes)


def _make_queue_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    name = request.subject
    if name == COMPANIES_QUEUE_NAME:
        return _ExportList(lists.make_changed_company_columns(context), lambda: _read_changed_company_pages(services))
    if name == NOTICES_QUEUE_NAME:
        return _ExportList(
            lists.make_unmatched_notice_columns(context), lambda: _read_unmatched_notice_pages(services)
        )
    if name not in RECORD_QUEUE_NAMES:
        allowed_names = [*RECORD_QUEUE_NAMES, *QUEUES_WITHOUT_RECORDS]
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_QUEUE, "allowed": allowed_names})
    columns = make_record_columns(context, lambda item: item.record)
    return _ExportList(columns, lambda: _read_queue_pages(services, request))


def _read_queue_pages(services: ExportReadServices, request: ExportRequest) -> RowPages:
    def is_exported(item: QueueItem) -> bool:
        is_chosen = request.chosen_records is None or request.chosen_records.contains(item.record)
        return is_chosen and (request.has_words is None or request.has_words(item))

    after: str | None = None
    while True:
        page = services.recovery.read_queue(request.subject, _ROWS_PER_EXPORT_PAGE, after, request.record_filter)
        yield list(filter(is_exported, page.items))
        after = page.next_cursor
        if after is None:
            return


def _read_changed_company_pages(services: ExportReadServices) -> RowPages:
    after: str | None = None
    while True:
        page = services.alerts.read_company_queue(_ROWS_PER_EXPORT_PAGE, after)
        yield page.items
        after = page.next_cursor
        if after is None:
            return


def _read_unmatched_notice_pages(services: ExportReadServices) -> RowPages:
    after: str | None = None
    while True:
        page = services.notices.read_page(_ROWS_PER_EXPORT_PAGE, after, with_candidates=False)
        yield page.items
        after = page.next_cursor
        if after is None:
            return


def _make_lookup_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    if request.part not in ("", *LOOKUP_EXPORT_PARTS):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_PART, "value": request.part[:40]})

    def read_pages() -> RowPages:
        search_result = services.lookup.find_records(request.subject)
        records_by_part = {
            "payments": search_result.payments,
            "refunds": search_result.refunds,
            "orders": search_result.orders,
            "checks": search_result.credit_checks,
        }
        yield from records_by_part.values() if not request.part else (records_by_part[request.part],)

    return _ExportList(make_record_columns(context, lambda record: record), read_pages)


def _make_search_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    """Return the list of the records that a search finds. This function and `_make_companies_list` search before they
    return, because the note names the missing matches and the unused conditions.
    """
    result = services.lookup.search(request.subject, _MAX_SEARCH_RESULTS)
    note = "\n".join(format_search_notes(result, context.translate))
    return _ExportList(
        make_record_columns(context, lambda record: record), lambda: iter((tuple(result.records),)), note
    )


def _make_companies_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    matches = services.registry.find(request.subject, request.part or None, _MAX_SEARCH_RESULTS)
    note = "\n".join(format_company_notes(matches, context.translate))
    return _ExportList(lists.make_company_columns(context), lambda: iter((matches.items,)), note)


def _make_approvals_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    def read_pages() -> RowPages:
        after = 0
        while page := _read_waiting_refunds(services, after):
            yield page
            after = max(refund.id for refund in page)
        yield services.recovery.list_proposals(None)

    return _ExportList(lists.make_approval_columns(context), read_pages)


def _read_waiting_refunds(services: ExportReadServices, after_id: int) -> tuple[Refund, ...]:
    """Return the next page of the refunds that wait for a decision, after the refund `after_id`: first those about
    which the acting person may decide. Each refund has its payment, from which its corporation number comes."""
    inbox = services.refunds.read_inbox(after_id)
    waiting_refunds = (*inbox.refunds_to_decide, *inbox.other_refunds)
    refund_payments = services.lookup.read_records({("payment", refund.payment_id) for refund in waiting_refunds})

    def add_payment(refund: Refund) -> Refund:
        payment = refund_payments.get(("payment", refund.payment_id))
        return replace(refund, relations=RefundRelations(payment=payment)) if isinstance(payment, Payment) else refund

    return tuple(map(add_payment, waiting_refunds))


def _make_alerts_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    def read_pages() -> RowPages:
        yield services.alerts.list_open_alert_items(_MAX_EXPORTED_ALERTS)

    return _ExportList(lists.make_alert_columns(context), read_pages)


def _make_audit_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    def read_pages() -> RowPages:
        before: int | None = None
        while page := services.audit.list_entries(_ROWS_PER_EXPORT_PAGE, before):
            yield page
            before = page[-1].id

    return _ExportList(lists.make_audit_columns(context), read_pages)


def _make_bulk_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    if request.part not in ("", NOT_DONE_ROWS_FILTER):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_PART, "value": request.part[:40]})
    run = services.bulk_runs.read_run(_parse_subject_id("bulk-run", request.subject))

    def read_pages() -> RowPages:
        after = 0
        while page := services.bulk_runs.list_rows_with_records(
            run.id, request.part or None, after, _ROWS_PER_EXPORT_PAGE
        ):
            yield page
            after = page[-1].row.position

    return _ExportList(lists.make_bulk_run_columns(context, run.action), read_pages)


def _make_runs_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    def read_pages() -> RowPages:
        before: int | None = None
        while True:
            page = services.reconciliation.views.list_runs(request.subject or None, _ROWS_PER_EXPORT_PAGE, before)
            if not page.items and request.subject not in ("", *provider_registry.list_provider_names()):
                raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "provider", "id": request.subject[:40]})
            yield page.items
            before = page.next_cursor
            if before is None:
                return

    return _ExportList(lists.make_reconciliation_run_columns(context), read_pages)


def _make_differences_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    part, run_id = request.part or PART_ALL, _parse_subject_id("reconciliation", request.subject)
    if part not in VERDICTS_OF_PART:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_PART, "value": part[:40]})

    def read_pages() -> RowPages:
        services.reconciliation.views.read_run(run_id)  # raises not_found
        after: int | None = None
        while True:
            page = services.reconciliation.views.list_differences(run_id, part, _ROWS_PER_EXPORT_PAGE, after)
            yield page.items
            after = page.next_cursor
            if after is None:
                return

    return _ExportList(lists.make_difference_columns(context), read_pages)


def _make_set_asides_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    def read_pages() -> RowPages:
        after: int | None = None
        while page := services.payments.list_set_asides(_ROWS_PER_EXPORT_PAGE, after):
            yield page
            after = page[-1].record.id

    return _ExportList(lists.make_set_aside_columns(context), read_pages)


def _make_report_list(services: ExportReadServices, request: ExportRequest, context: TextContext) -> _ExportList:
    """Return the table of the figures of a chart. This function reads the report before it returns, because the
    table's note names the missing data.
    """
    if request.subject not in REPORT_TABLES:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_PART, "value": request.subject[:40]})
    table, report = REPORT_TABLES[request.subject], _REPORT_READER_BY_NAME[request.subject](services.reports)

    def read_pages() -> RowPages:
        yield table.list_rows(report)

    return _ExportList(table.make_columns(context), read_pages, table.format_note(report, context.language))


_REPORT_READER_BY_NAME: Mapping[str, Callable[["ReportService"], object]] = {
    "success": lambda reports: reports.read_provider_success(),
    "queue_ages": lambda reports: reports.read_queue_ages(),
    "refund_funnel": lambda reports: reports.read_refund_funnel(),
    "settlement": lambda reports: reports.read_settlement(),
    "time_to_truth": lambda reports: reports.read_time_to_truth(),
}
_EXPORT_LIST_MAKER_BY_NAME: Mapping[
    ListName, Callable[[ExportReadServices, ExportRequest, TextContext], _ExportList]
] = {
    ListName.QUEUE: _make_queue_list,
    ListName.LOOKUP: _make_lookup_list,
    ListName.SEARCH: _make_search_list,
    ListName.COMPANIES: _make_companies_list,
    ListName.APPROVALS: _make_approvals_list,
    ListName.ALERTS: _make_alerts_list,
    ListName.AUDIT: _make_audit_list,
    ListName.BULK: _make_bulk_list,
    ListName.RUNS: _make_runs_list,
    ListName.DIFFERENCES: _make_differences_list,
    ListName.SET_ASIDES: _make_set_asides_list,
    ListName.REPORT: _make_report_list,
}


def _parse_subject_id(kind: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) <= _MAX_ID_DIGITS and int(text)):
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": text[:40]})
    return int(text)
