"""Sentences about a search: its invalid words, and the records that are missing in its results."""

from collections.abc import Callable

from console.domain.lookup.query import LONGEST_SEARCH_CHARACTERS, SearchProblem
from console.domain.lookup.results import FoundRecords
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
    return wording.join_sentences(notes)
