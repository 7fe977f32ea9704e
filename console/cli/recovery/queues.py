"""The command `queue`: list the records of a queue or of a saved view, group them by cause, or list the saved
views.
"""

import shlex
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from console.cli.json_output import results as cli_json
from console.cli.json_output.records import JsonObject, TranslateFunction, format_instant_for_json
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.recovery.saved_views import (
    build_saved_view_json,
    build_saved_view_list_json,
    format_saved_view_list_lines,
    format_view_problem_lines,
    list_saved_views_with_counts,
    require_usable_filter,
)
from console.cli.text_output import results as cli_text
from console.cli.text_output.records import format_aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.queue_names import COMPANIES_QUEUE_NAME, NOTICES_QUEUE_NAME, QUEUE_NAMES, QUEUES_WITHOUT_RECORDS
from console.domain.queues.causes import CauseGroup, CausePage
from console.domain.queues.filters import NO_CAUSE, RecordFilter
from console.domain.queues.saved_views import SavedView, ViewCount
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn, parse_sort_order
from console.domain.usage_problems import UsageProblem
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.views.any_record import QueuePage
    from console.domain.views.changed_companies import ChangedCompanyPage
    from console.domain.views.unmatched_notices import UnmatchedNoticePage

    AnyPage = QueuePage | ChangedCompanyPage | UnmatchedNoticePage | CausePage
    QueueAnswer: TypeAlias = "AnyPage | SavedViewPage | tuple[ViewCount, ...]"

SAVED_VIEWS_QUEUE_NAME = "views"
"""The word that a person writes in place of a queue's name to list the saved views."""


@dataclass(frozen=True, slots=True)
class SavedViewPage:
    """A page of the records of a saved view. `problems` are the parts of the view that were not applied: parts
    that this program can't understand, and search words, which the terminal doesn't support.
    """

    view: SavedView
    page: "AnyPage"
    problems: tuple[str, ...]


def _read_queue(console: "Console", args: Namespace, writer: AnswerWriter) -> "QueueAnswer":
    if args.view is not None:
        return _read_saved_view_page(console, args)
    if args.name is None:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_QUEUE, "allowed": list(QUEUE_NAMES)})
    if args.name in (SAVED_VIEWS_QUEUE_NAME, *QUEUES_WITHOUT_RECORDS) and (args.filter or args.sort or args.by_cause):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.QUEUE_WITHOUT_FILTER})
    if args.name == SAVED_VIEWS_QUEUE_NAME:
        return list_saved_views_with_counts(console, args, writer)
    return _read_named_queue(console, args)


def _read_saved_view_page(console: "Console", args: Namespace) -> SavedViewPage:
    """Return a page of a saved view. Raises ConsoleError `usage` if the arguments also name a queue, a filter or a
    sort order, or group by cause."""
    if args.name is not None or args.filter or args.sort or args.by_cause:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.OPTIONS_WITH_VIEW})
    view = console.saved_views.read_view(args.view)
    parsed_view = console.saved_views.parse_view_content(view.content)
    record_filter = parsed_view.filter.record_filter
    page: AnyPage = (
        _read_cause_groups(console, view.content.queue, record_filter, args.after)
        if view.content.by_cause
        else console.recovery.read_queue(
            view.content.queue, args.limit, args.after, record_filter, parsed_view.sort_order
        )
    )
    return SavedViewPage(view, page, (*parsed_view.problems, *parsed_view.filter.words.split()))


def _read_named_queue(console: "Console", args: Namespace) -> "AnyPage":
    if args.name == NOTICES_QUEUE_NAME:
        return console.notices.read_page(args.limit, args.after)
    if args.name == COMPANIES_QUEUE_NAME:
        return console.alerts.read_company_queue(args.limit, args.after)
    record_filter, order = parse_queue_filter(console, args.filter), _parse_queue_order(args.sort)
    if args.by_cause:
        return _read_cause_groups(console, args.name, record_filter, args.after)
    return console.recovery.read_queue(args.name, args.limit, args.after, record_filter, order)


def _read_cause_groups(console: "Console", queue: str, record_filter: RecordFilter, cursor: str | None) -> CausePage:
    """Return all groups of the queue's records by cause. Raises ConsoleError `usage` for a cursor: the groups have
    no further pages, so a script that asks for one would read the same groups again and again."""
    if cursor is not None:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR})
    return console.recovery.read_cause_groups(queue, record_filter)


def parse_queue_filter(console: "Console", text: str) -> RecordFilter:
    """Return the filter that a text typed by the acting person means. Raises ConsoleError `usage` for a word that
    isn't a filter operator with its value, for a value that can't be understood, for an operator that occurs twice
    with different values, and for a text that is too long."""
    parsed_filter = console.recovery.parse_filter(text)
    require_usable_filter([*parsed_filter.words.split(), *parsed_filter.unusable_words], parsed_filter.replaced_words)
    return parsed_filter.record_filter


def _parse_queue_order(text: str) -> QueueSortOrder:
    """Return the sort order that a typed text means; for an empty text, the default sort order of queues. Raises
    ConsoleError `usage` for an unknown column."""
    order = parse_sort_order(text) if text else DEFAULT_SORT_ORDER
    if order is None:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_SORT_COLUMN, "allowed": list(SortColumn)}
        )
    return order


def _build_queue_answer_json(answer: "QueueAnswer", translate: TranslateFunction) -> JsonObject:
    if isinstance(answer, tuple):
        return build_saved_view_list_json(answer, translate)
    if not isinstance(answer, SavedViewPage):
        return _build_queue_page_json(answer, translate)
    page = _build_queue_page_json(answer.page, translate)
    return {**page, "view": build_saved_view_json(answer.view, translate), "problems": list(answer.problems)}


def _build_queue_page_json(page: "AnyPage", translate: TranslateFunction) -> JsonObject:
    if not isinstance(page, CausePage):
        return cli_json.build_queue_page_json(page, translate)
    return {
        "queue": page.queue,
        "groups": [_build_cause_group_json(group, translate) for group in page.groups],
        "capped": page.is_capped,
    }


def _build_cause_group_json(group: CauseGroup, translate: TranslateFunction) -> JsonObject:
    return {
        "cause": group.cause,
        "text": wording.format_cause(group.cause, translate),
        "count": group.count,
        "sums_minor": _add_up_sums_of_all_kinds(group.sums_minor_by_kind),
        "sums_minor_by_kind": {kind: dict(sums) for kind, sums in group.sums_minor_by_kind.items()},
        "since": format_instant_for_json(group.oldest),
        "filter": f"cause:{group.cause or NO_CAUSE}",
    }


def _add_up_sums_of_all_kinds(sums_minor_by_kind: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return one sum per currency (minor units) over all kinds of records. Refunds are added, not subtracted: the
    schema of the command's answers defines the field `sums_minor` in this way. Another field has the sums of each
    kind.
    """
    sums_minor = Counter[str]()
    for sums_of_kind in sums_minor_by_kind.values():
        sums_minor.update(sums_of_kind)
    return dict(sums_minor)


def _format_queue_answer_lines(answer: "QueueAnswer", translator: Translator) -> Lines:
    if isinstance(answer, tuple):
        return format_saved_view_list_lines(answer, translator)
    if not isinstance(answer, SavedViewPage):
        return _format_queue_page_lines(answer, translator)
    return [
        answer.view.name,
        *format_view_problem_lines(answer.problems, translator),
        *_format_queue_page_lines(answer.page, translator),
    ]


def _format_queue_page_lines(page: "AnyPage", translator: Translator) -> Lines:
    if not isinstance(page, CausePage):
        return cli_text.format_queue_page_lines(page, translator)
    return _format_cause_page_lines(page, translator)


def _format_cause_page_lines(page: CausePage, translator: Translator) -> Iterator[str]:
    """Yield a line for each cause: the number of its records, the sums of their amounts by kind and currency, and the
    option `--filter` with which `queue` lists them."""
    # Imported here, because most commands write no sums, and the words of records load every kind of record.
    from console.wording import records as record_words

    if not page.groups:
        yield cli_text.format_empty_queue_sentence(page.queue, translator, has_filter=page.is_filtered)
    yield from format_aligned_lines(
        (
            wording.format_count(group.count),
            wording.format_cause(group.cause, translator) or wording.NO_VALUE,
            record_words.format_sums_by_kind(group.sums_minor_by_kind, translator),
            f"--filter {shlex.quote(f'cause:{group.cause or NO_CAUSE}')}",
        )
        for group in page.groups
    )
    if page.is_capped:
        yield translator("cli.queue.causes_capped")


COMMANDS: Mapping[str, Command] = {
    "queue": ServiceCommand(_read_queue, _build_queue_answer_json, _format_queue_answer_lines)
}
