"""The commands `lookup` (the records of a corporation number) and `find` (all records and corporations that match
a text).
"""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.lookup.lookup_result import LookupResult
    from console.domain.lookup.search_result import SearchResult
    from console.domain.registry.corporations import RegistryMatches

_SEARCH_BY_NAME_ADVICE = "name"  # house: the hint of an error
_MAX_SEARCH_RESULTS = 50


def _search_records(console: "Console", args: Namespace, _: AnswerWriter) -> "SearchResult":
    """Return all records and corporations that match the text of the command `find`."""
    return console.lookup.search(" ".join(args.text), args.limit, args.prefecture)


def _look_up(console: "Console", args: Namespace, _: AnswerWriter) -> "LookupResult | RegistryMatches | SearchResult":
    """Return the records of a corporation number. A text with filter conditions, also with one that can't be used, or
    one that identifies a record (`SearchResult.exact_match`), such as a payment number, is searched as the command
    `find` does, for at most _MAX_SEARCH_RESULTS matches of each kind. Any other text is searched in the registry: if
    exactly one corporation matches the text itself, return the records of this corporation, otherwise all matches. If
    none matches, return what `find` finds, such as records whose number begins with the text.

    Raises ConsoleError `invalid_corporation_number` for a wrong number. Without a registry, raises it also for any
    text for which `find` has no answer.
    """
    try:
        return console.lookup.find_records(args.number)
    except ConsoleError as invalid:
        if invalid.code != ErrorCode.INVALID_CORPORATION_NUMBER or not args.number.strip():
            raise
        result = console.lookup.search(args.number, _MAX_SEARCH_RESULTS)
        if result.exact_match is not None or result.query.has_conditions:
            return result
        if not _may_search_registry(args.number, invalid):
            raise
        companies = result.companies
        has_unused_words = result.query.words.split() != result.query.text.split()
        if has_unused_words or (not companies.items and (result.query.problems or any(result.records))):
            return result
        if companies.registry_date is None:
            invalid.detail["hint"] = _SEARCH_BY_NAME_ADVICE
            raise
    if len(companies.items) == 1 and not companies.other_spelling:
        return console.lookup.find_records(companies.items[0].corporation.number)
    return companies


def _may_search_registry(text: str, number_error: ConsoleError) -> bool:
    """Return True if a text that isn't a corporation number may be searched in the registry: a postcode, or a text
    with other characters than digits. `number_error` is the error that the text caused when it was read as a
    corporation number. Return False for a wrong or incomplete number, which the command refuses.
    """
    from console.domain.error_reasons import NumberReason
    from console.domain.lookup.registry_query import QueryKind, parse_registry_query

    kind = parse_registry_query(text).kind
    is_number = number_error.detail.get("reason") != NumberReason.OTHER_CHARACTER
    return kind is QueryKind.POST_CODE or (kind is not QueryKind.EMPTY and not is_number)


def _build_search_json(result: "SearchResult", translate: TranslateFunction) -> JsonObject:
    from console.cli.lookup.search_json import build_search_json

    return build_search_json(result, translate)


def _format_search_lines(result: "SearchResult", translator: Translator) -> Lines:
    from console.cli.lookup.search_lines import format_search_lines

    return format_search_lines(result, translator)


def _build_lookup_json(
    result: "LookupResult | RegistryMatches | SearchResult", translate: TranslateFunction
) -> JsonObject:
    from console.domain.lookup.lookup_result import LookupResult

    if isinstance(result, LookupResult):
        return cli_json.build_lookup_json(result, translate)
    empty_answer = cli_json.build_lookup_json(LookupResult("", ()), translate)
    return {**empty_answer, "corporation_number": None, **_build_matches_json(result, translate)}


def _build_matches_json(result: "RegistryMatches | SearchResult", translate: TranslateFunction) -> JsonObject:
    """Return the matches of a lookup by text as JSON: the corporations of the registry, or the result of a search."""
    from console.domain.registry.corporations import RegistryMatches

    if isinstance(result, RegistryMatches):
        from console.cli.json_output.registry import build_registry_matches_json

        return build_registry_matches_json(result, translate)
    return _build_search_json(result, translate)


def _format_lookup_lines(result: "LookupResult | RegistryMatches | SearchResult", translator: Translator) -> Lines:
    from console.domain.lookup.lookup_result import LookupResult
    from console.domain.registry.corporations import RegistryMatches

    if isinstance(result, LookupResult):
        # imported here, like the functions of the other results: an answer in JSON needs no text
        from console.cli.text_output.results import format_lookup_lines

        return format_lookup_lines(result, translator)
    if isinstance(result, RegistryMatches):
        from console.cli.text_output.registry import format_registry_matches_lines

        return format_registry_matches_lines(result, translator)
    return _format_search_lines(result, translator)


COMMANDS: Mapping[str, Command] = {
    "lookup": ServiceCommand(_look_up, _build_lookup_json, _format_lookup_lines),
    "find": ServiceCommand(_search_records, _build_search_json, _format_search_lines),
}
