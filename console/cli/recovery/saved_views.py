"""The commands `views …`: list, save, rename, delete and restore the saved views of queues."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from console.cli.json_output.records import format_instant_for_json
from console.cli.json_output.results import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import COLUMN_GAP, format_aligned_lines
from console.cli.text_output.translator import Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.links.link import Link, format_link
from console.domain.queues.filter_text import FILTER_OPERATORS, parse_filter
from console.domain.queues.saved_views import (
    VIEW_KIND,
    SavedView,
    ViewContent,
    ViewCount,
    parse_view,
    split_filter_text,
)
from console.domain.queues.sort_order import SortColumn, parse_sort_order
from console.domain.usage_problems import UsageProblem
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_SAVED_VIEW_FIELDS = ("id", "name", "maker", "version", "changed_by", "changed_at", "deleted_at")
_VIEW_CONTENT_FIELDS = ("queue", "filter", "words", "sort", "columns", "by_cause")


def list_saved_views_with_counts(console: "Console", _: Namespace, __: AnswerWriter) -> tuple[ViewCount, ...]:
    """Return all saved views that the acting person may see, each with the number of its records."""
    return console.saved_views.count_records_of_views()


def _save_view(console: "Console", args: Namespace, _: AnswerWriter) -> SavedView:
    return console.saved_views.save_view(
        args.name, args.team, _parse_saved_view_content(args), args.replace, request_id=args.request_id
    )


def _parse_saved_view_content(args: Namespace) -> ViewContent:
    """Return the content of a saved view from the arguments. Raises ConsoleError `usage` for a filter or a sort
    order that can't be understood, and for an operator that a later one replaces by another value, so that the person
    corrects it before the view is saved."""
    operators, words = split_filter_text(args.filter)
    columns = tuple(key for key in args.columns.split(",") if key)
    content = ViewContent(args.queue, operators, words, args.sort, columns, args.by_cause)
    if args.sort and parse_sort_order(args.sort) is None:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_SORT_COLUMN, "allowed": list(SortColumn)}
        )
    require_usable_filter(parse_view(content, "me").problems, parse_filter(operators).replaced_words)
    return content


def require_usable_filter(
    problems: Sequence[str], replaced: Sequence[str], operators: Sequence[str] = FILTER_OPERATORS
) -> None:
    """Raise ConsoleError `usage` if a typed filter has parts that can't be read (`problems`), or operators that occur
    twice with different values (`replaced`), because the filter would use only the last value. The error names the
    parts or operators; for unreadable parts it also names the allowed `operators`."""
    if problems:
        raise ConsoleError(
            ErrorCode.USAGE,
            {
                "problem": UsageProblem.UNREADABLE_FILTER,
                "names": list(problems),
                "allowed": [f"{name}:" for name in operators],
            },
        )
    if replaced:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.REPEATED_FILTER, "names": list(replaced)})


def _rename_view(console: "Console", args: Namespace, id: int) -> SavedView:
    return console.saved_views.rename_view(id, args.name, request_id=args.request_id)


def _delete_view(console: "Console", args: Namespace, id: int) -> SavedView:
    return console.saved_views.delete_view(id, request_id=args.request_id)


def _restore_view(console: "Console", args: Namespace, id: int) -> SavedView:
    return console.saved_views.restore_view(id, request_id=args.request_id)


def _make_saved_view_call(
    execute_action: "Callable[[Console, Namespace, int], SavedView]",
) -> "Callable[..., SavedView]":
    """Return a function for `ServiceCommand.call_service`, with the parameters console, arguments and writer. It
    reads the id of the saved view from the arguments, and calls `execute_action` with the console, the arguments and
    this id.
    """
    return lambda console, args, _: execute_action(console, args, parse_row_id(VIEW_KIND, args.id))


def build_saved_view_json(view: SavedView, translate: TranslateFunction) -> JsonObject:
    """Return a saved view as a JSON object. `link` is the link that shows the view in the window."""
    return {
        **build_attributes_json(view, _SAVED_VIEW_FIELDS, translate),
        "team": view.is_team,
        **build_attributes_json(view.content, _VIEW_CONTENT_FIELDS, translate),
        "link": format_link(Link("view", str(view.id))),
    }


def build_saved_view_list_json(counts: Sequence[ViewCount], translate: TranslateFunction) -> JsonObject:
    """Return the answer of `views list` as a JSON object. `count` is null for a view whose records can't be
    counted.
    """
    return {
        "views": [
            {
                **build_saved_view_json(view_count.view, translate),
                "count": view_count.count,
                "capped": view_count.is_capped,
                "since": format_instant_for_json(view_count.oldest),
                "problems": list(view_count.problems),
            }
            for view_count in counts
        ]
    }


def format_saved_view_list_lines(counts: Sequence[ViewCount], translator: Translator) -> Iterator[str]:
    """Yield the answer of `views list` as text: one line per view, and below it the parts of the view that can't
    be understood.
    """
    if not counts:
        yield translator("view.none")
    lines = format_aligned_lines(
        (
            str(view_count.view.id),
            wording.NO_VALUE
            if view_count.count is None or view_count.unreadable_conditions
            else wording.format_count(view_count.count, is_capped=view_count.is_capped),
            *_make_saved_view_cells(view_count.view, translator),
        )
        for view_count in counts
    )
    for line, view_count in zip(lines, counts, strict=True):
        yield line
        yield from format_view_problem_lines(view_count.problems, translator)


def format_view_problem_lines(problems: Sequence[str], translator: Translator) -> Iterator[str]:
    """Yield a line that names the parts of a view that can't be understood; nothing if there are none."""
    if problems:
        yield COLUMN_GAP + translator("queue.filter_problem", names=problems)


def _format_saved_view_lines(view: SavedView, translator: Translator) -> Iterator[str]:
    yield COLUMN_GAP.join((str(view.id), *_make_saved_view_cells(view, translator)))
    if view.deleted_at is not None:
        yield translator("view.deleted_hint", id=view.id)


def _make_saved_view_cells(view: SavedView, translator: Translator) -> tuple[str, ...]:
    scope = translator("view.scope.team" if view.is_team else "view.scope.own")
    content = view.content
    sort = f"sort:{content.sort}" if content.sort else ""
    filter_text = " ".join(part for part in (content.filter, content.words, sort) if part)
    return view.name, scope, translator(f"queue.{content.queue}.title"), filter_text


COMMANDS: Mapping[str, Command] = {
    "views list": ServiceCommand(
        list_saved_views_with_counts, build_saved_view_list_json, format_saved_view_list_lines
    ),
    "views save": ServiceCommand(_save_view, build_saved_view_json, _format_saved_view_lines),
    **{
        f"views {name}": ServiceCommand(_make_saved_view_call(act), build_saved_view_json, _format_saved_view_lines)
        for name, act in (("rename", _rename_view), ("delete", _delete_view), ("restore", _restore_view))
    },
}
