"""The answer of `find` as text: the words that could not be understood, the found corporations, and a table for
each kind of record.
"""

import itertools
import operator
from collections.abc import Iterator

from console.cli.alerts.alerts import format_alert_list_lines
from console.cli.text_output.records import (
    format_records_of_any_kind,
    format_records_of_one_kind,
    format_section_lines,
)
from console.cli.text_output.registry import format_registry_matches_lines
from console.cli.text_output.translator import Translator
from console.domain.lookup.search_result import FoundRecords, SearchResult
from console.wording.search import format_missing_records_note, format_search_problem


def format_search_lines(result: SearchResult, translator: Translator) -> Iterator[str]:
    """Yield the result of a search as text: the answer of the command `find`, and of `lookup` for a text that
    isn't a corporation number. The first line is not empty.
    """
    return itertools.dropwhile(operator.not_, _format_search_sections(result, translator))


def _format_search_sections(result: SearchResult, translator: Translator) -> Iterator[str]:
    for problem in result.query.problems:
        yield format_search_problem(problem, translator)
    has_records = any(True for _ in result.records) or bool(result.operations)
    was_searched = bool(result.query.words) or result.query.has_conditions
    if was_searched and not has_records and not result.alerts:
        yield translator("search.no_records")
    if result.query.words or not result.query.has_conditions:
        yield from format_registry_matches_lines(result.companies, translator)
    for kind, group in result.records_by_kind.items():
        yield from format_section_lines(
            f"search.group.{kind}", tuple(_format_record_group_lines(group, translator)), translator
        )
    yield from format_section_lines(
        "search.group.operation", format_records_of_any_kind(result.operations, translator), translator
    )
    if result.alerts:
        yield from format_section_lines(
            "search.group.alert", tuple(format_alert_list_lines(result.alerts, translator)), translator
        )


def _format_record_group_lines(group: FoundRecords, translator: Translator) -> Iterator[str]:
    yield from format_records_of_one_kind(group.records, translator)
    note = format_missing_records_note(group, translator)
    if note:
        yield note
