"""Sentences about a search: its invalid words, and the records that are missing in its results."""

from collections.abc import Callable, Iterator

from console.domain.lookup.search_query import LONGEST_SEARCH_CHARACTERS, SearchProblem
from console.domain.lookup.search_result import FoundRecords, SearchResult
from console.domain.registry.corporations import RegistryMatches
from console.wording.sentences import catalogue as wording


def format_search_problem(problem: SearchProblem, translate: Callable[..., str]) -> str:
    """Return the sentence about an invalid word of the search text."""
    return translate(f"search.problem.{problem.kind}", word=problem.word, n=LONGEST_SEARCH_CHARACTERS)


def format_missing_records_note(group: FoundRecords, translate: Callable[..., str]) -> str:
    """Return sentences which say that a list of found records doesn't contain all matches; "" if the list contains
    all matches."""
    notes = []
    if group.has_more:
        notes.append(translate("search.more", n=len(group.records)))
    if group.is_partial:
        notes.append(translate("search.partial"))
    return wording.join_sentences(notes, translate)


def format_search_notes(result: SearchResult, translate: Callable[..., str]) -> Iterator[str]:
    """Yield the sentences about the found records of a search: one for each word of the text that is an invalid
    condition, and one for each kind of record of which not all matches are listed.
    """
    for problem in result.query.problems:
        yield format_search_problem(problem, translate)
    for kind, group in result.records_by_kind.items():
        note = format_missing_records_note(group, translate)
        if note:
            yield translate("export.note.of_kind", kind=translate(f"search.group.{kind}"), note=note)


def format_company_notes(matches: RegistryMatches, translate: Callable[..., str]) -> Iterator[str]:
    """Yield sentences about the companies in the result of a search, one for each of these cases that applies: the
    desk has no registry; the companies match another spelling of the text; the result has only the first companies;
    the text is too short.
    """
    if matches.registry_date is None:
        yield translate("corporation.absent")
    if matches.other_spelling:
        yield translate("corporation.other_spelling", text=matches.other_spelling)
    if matches.has_more:
        yield translate("corporation.found_first", n=len(matches.items))
    if matches.is_one_character:
        yield translate("corporation.none_found.one_character")
