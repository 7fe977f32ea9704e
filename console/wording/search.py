"""Sentences about a search: its invalid parts, and the records that were not searched."""

from collections.abc import Callable

from console.domain.lookup.query import LONGEST_SEARCH_CHARACTERS, SearchProblem
from console.domain.lookup.results import FoundRecords


def problem_text(problem: SearchProblem, translate: Callable[..., str]) -> str:
    """Return the sentence about an invalid part of a search."""
    return translate(f"search.problem.{problem.kind}", word=problem.word, n=LONGEST_SEARCH_CHARACTERS)


def group_note(group: FoundRecords, translate: Callable[..., str]) -> str:
    """Return the sentence about the records that a list leaves out; "" if it has all of them."""
    notes = []
    if group.has_more:
        notes.append(translate("search.more", n=len(group.records)))
    if group.is_partial:
        notes.append(translate("search.partial"))
    return " ".join(notes)
