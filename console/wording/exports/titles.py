"""The title of an exported list, and the lines about its file: filter, selection, person and time of writing."""

from datetime import date

from console.domain.exports.tables import ExportRequest, ListName
from console.wording.records import get_provider_name
from console.wording.registry import TranslateFunction, format_registry_source
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext

_TITLE_KEY_BY_LOOKUP_PART = {
    "": "screen.lookup",
    "payments": "record.tab.payments",
    "refunds": "record.tab.refunds",
    "orders": "record.tab.orders",
    "checks": "lookup.checks",
}
"""Wording key of the title of an exported lookup, by the exported part: one kind of records, or "" for all kinds."""


def format_list_title(request: ExportRequest, context: TextContext) -> str:
    """Return the title of an exported list, the same as on the screen of the list. For some lists the title contains
    a part of the request: a corporation number, a search text, or the id of a run."""
    subject = request.subject
    match request.name:
        case ListName.QUEUE:
            return context.translate(f"queue.{subject}.title")
        case ListName.LOOKUP:
            title = context.translate(_TITLE_KEY_BY_LOOKUP_PART[request.part])
            return f"{title} {wording.format_corporation_number(subject)}"
        case ListName.BULK:
            return context.translate("bulk.label", name=f"BS-{subject}")
        case ListName.REPORT:
            return context.translate(f"reports.{subject}.title")
        case ListName.RUNS if subject:
            return f"{context.translate('export.list.runs')} {get_provider_name(subject, context)}"
        case ListName.DIFFERENCES:
            return f"{context.translate('export.list.reconciliation')} {subject}"
        case ListName.SEARCH | ListName.COMPANIES:
            return context.translate(f"export.list.{request.name}") + f" {subject}"
    return context.translate(f"export.list.{request.name}")


def format_export_description_lines(
    request: ExportRequest,
    row_count: int,
    title: str,
    person: str,
    context: TextContext,
    registry_date: date | None = None,
) -> tuple[str, ...]:
    """Return the lines that describe an exported file with `row_count` rows: the title `title` of the list, its
    filter, the number of selected rows, the person `person` who has exported it, and the time of writing. If
    `registry_date` isn't None, a last line names the corporation registry as the source of names.
    """
    source = [] if registry_date is None else [format_registry_source(registry_date, context.translate)]
    part = format_export_filter(request, context)
    filter_words = [context.translate("export.about.part", part=part)] if part else []
    if request.chosen_records is not None:
        filter_words.append(format_selection_line(request.chosen_records.count, row_count, context.translate))
    return (title, *filter_words, context.translate("export.about.written", person=person, at=context.now()), *source)


def format_selection_line(selected_count: int, row_count: int, translate: TranslateFunction) -> str:
    """Return the line which says that an exported or printed list has only the selected records. `selected_count` is
    the number of selected records, `row_count` the number of rows in the list. If `row_count` is smaller, because
    selected records had left the list before the program read them, the line has both numbers. Otherwise it has only
    `row_count`, which is larger than `selected_count` if other records had come into a selected group."""
    if row_count < selected_count:
        return translate("export.about.chosen_left", n=selected_count, rows=row_count)
    return translate("export.about.chosen", n=row_count)


def format_export_filter(request: ExportRequest, context: TextContext) -> str:
    """Return the text of the list's filter; "" for a list without a filter. It is also "" for a lookup, because
    its title contains the searched number."""
    match request.name:
        case ListName.DIFFERENCES if request.part:
            return context.translate(f"reconcile.tab.{request.part}")
        case ListName.BULK if request.part:
            return context.translate("bulk.filter.not_done")
        case ListName.LOOKUP:
            return ""
    return request.part
