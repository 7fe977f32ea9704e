"""Completion of the conditions of a search: the operators and values that can continue the word at the cursor, and
the condition on an amount that a word of 2 to 9 digits can mean.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from console.domain.lookup.search_query import DAY_OPERATOR
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.queues.filter_text import list_all_provider_names
from console.domain.queues.filters import NO_OWNER, FilterCertainty
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import Certainty, CheckState, WorkState

MAX_COMPLETIONS = 40
_MIN_TYPED_CHARACTERS = 2
"""Smallest number of characters of a typed word without an operator for which completions are offered."""
_MIN_TYPED_ASCII_CHARACTERS = 3
"""Smallest number of characters of a typed ASCII word without an operator for which values of operators are offered,
too.
"""
_LAST_WORD_PATTERN = re.compile(r"\S*\Z")
_WHOLE_AMOUNT_PATTERN = re.compile(r"[1-9１-９][0-9０-９]{1,8}")
STATES_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "payment": tuple(map(str, PaymentState)),
    "refund": tuple(map(str, RefundState)),
    "order": tuple(map(str, OrderState)),
    "credit-check": tuple(map(str, CheckState)),
}
"""The states that the operator `status` offers, by the kind of the records that can have them. A state such as
`completed` belongs to several kinds."""
_STATES_OF_ALL_KINDS = tuple(dict.fromkeys(state for states in STATES_BY_KIND.values() for state in states))
OFFERED_VALUES_BY_OPERATOR: Mapping[str, tuple[str, ...]] = {
    "status": (*(str(one) for one in Certainty if one is Certainty.UNKNOWN), *_STATES_OF_ALL_KINDS),
    "certainty": tuple(map(str, FilterCertainty)),
    "work": tuple(map(str, WorkState)),
    "provider": (),
    "amount": (">10000", ">50000", "10000..50000"),
    "age": (">1h", ">1d", ">3d", "<1d"),
    "since": (),
    DAY_OPERATOR: (),
    "kind": RECORD_KINDS,
    "owner": ("me", NO_OWNER),
    "cause": (),
    "client": (),
}
"""The operators that are offered, with the values that are offered for each. An empty tuple means no values, except
that `provider` offers the names of all providers.
"""


_OPERATORS_WITH_TRANSLATED_VALUES = ("status", "certainty", "work", "provider", "kind")
"""The operators whose values are offered for a typed word without an operator, if a translation of the value begins
with the word.
"""
_VALUES_WITHOUT_TRANSLATION = {"certainty": frozenset(map(str, Certainty))}
"""Values that are offered only after their operator is typed, by operator. For example, a typed translation of
`unknown` offers `status:unknown` and not also `certainty:unknown`.
"""
WordLister: TypeAlias = Callable[[str, str], tuple[str, ...]]
"""A function that returns the words in the person's language for an operator and its value ("" for the operator
alone)."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A way to continue a text: the operator `operator_name` with `value` ("" for the operator alone) replaces the
    characters from `start` to `end`.
    """

    operator_name: str
    value: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """The text of the operator and its value, such as `status:pending`, that replaces the word at the cursor."""
        return f"{self.operator_name}:{self.value}"

    def apply(self, text: str) -> tuple[str, int]:
        """Return `text` with this completion in place of the typed characters, and the position of the cursor
        after the completion. A space follows a complete condition."""
        inserted_text = self.text + (" " if self.value and not text[self.end : self.end + 1].isspace() else "")
        return text[: self.start] + inserted_text + text[self.end :], self.start + len(inserted_text)


def list_completions(text: str, cursor: int, list_words: WordLister | None = None) -> tuple[Completion, ...]:
    """Return the completions of the word that ends at the cursor, at most MAX_COMPLETIONS; empty if the word is
    complete. If an operator has several values with commas between them, its last value is completed. A full-width
    letter counts as the ASCII letter.

    `list_words` returns the words of the person's language for operators and values. With `list_words`, the typed
    word may also be the beginning of such a word, or a part of the words for an operator.
    """
    match = _LAST_WORD_PATTERN.search(text[:cursor])
    start = match.start() if match else cursor
    word = unicodedata.normalize("NFKC", text[start:cursor]).lower()
    completions = dict.fromkeys(
        Completion(name, value, start, cursor)
        for name, value in _list_word_completions(word, list_words or _return_no_words)
        if f"{name}:{value}" != word.strip()
    )
    return tuple(completions)[:MAX_COMPLETIONS]


def _return_no_words(operator_name: str, value: str) -> tuple[str, ...]:
    return ()


def _list_word_completions(word: str, list_words: WordLister) -> Iterator[tuple[str, str]]:
    """Yield the pairs of an operator and a value with which `word` can be completed. `list_words` returns the words
    in the person's language.

    - For a number of 2 to 9 digits: only the operator `amount` with this number as its value.
    - For a word with a colon, such as `status:pen`: the operator with each value that completes the typed one.
    - For another word: first the operators that begin with it, then those that `_list_operators_with_word` finds by
      their words in the person's language, each with the value ""; then the operators with a value whose words in the
      person's language begin with it.
    """
    name, colon, values = word.partition(":")
    if _WHOLE_AMOUNT_PATTERN.fullmatch(word):  # without a sign of a currency, parse_search takes it for a number
        yield "amount", word
        return
    if not colon:
        if len(name) >= _MIN_TYPED_CHARACTERS:
            yield from ((operator, "") for operator in OFFERED_VALUES_BY_OPERATOR if operator.startswith(name))
            yield from ((operator, "") for operator in _list_operators_with_word(name, list_words))
            is_long_enough = len(name) >= (_MIN_TYPED_ASCII_CHARACTERS if name.isascii() else _MIN_TYPED_CHARACTERS)
            for operator in _OPERATORS_WITH_TRANSLATED_VALUES if is_long_enough else ():
                yield from _list_value_completions(operator, name, list_words, matches_codes=False)
        return
    operators = [name] if name in OFFERED_VALUES_BY_OPERATOR else _list_operators_with_word(name, list_words)
    for operator in operators:
        yield from _list_value_completions(operator, values, list_words)


def _list_operators_with_word(word: str, list_words: WordLister) -> list[str]:
    """Return the operators whose words in the person's language begin with `word` or, for a word with other letters
    than ASCII, contain it: `状態` is a part of the words for `status:`. `list_words` returns these words."""
    if len(word) < _MIN_TYPED_CHARACTERS:
        return []
    return [
        operator
        for operator in OFFERED_VALUES_BY_OPERATOR
        if any(
            words.startswith(word) or (not word.isascii() and word in words)
            for words in _fold_words(list_words(operator, ""))
        )
    ]


def _list_value_completions(
    operator: str, values: str, list_words: WordLister, *, matches_codes: bool = True
) -> Iterator[tuple[str, str]]:
    """Yield pairs of the operator and its typed values, with the last value completed. The last value is completed to
    each value whose words in the person's language (from `list_words`) begin with it. With `matches_codes`, it is
    also completed to each value that itself begins with it."""
    earlier_text, comma, partial_value = values.rpartition(",")
    offered_values = list_all_provider_names() if operator == "provider" else OFFERED_VALUES_BY_OPERATOR[operator]
    if matches_codes and partial_value in offered_values:
        return
    earlier_values = earlier_text.split(",")
    for value in offered_values:
        has_word = bool(partial_value) and any(
            words.startswith(partial_value) for words in _fold_words(list_words(operator, value))
        )
        if not matches_codes and value in _VALUES_WITHOUT_TRANSLATION.get(operator, ()):
            continue
        if ((matches_codes and value.startswith(partial_value)) or has_word) and value not in earlier_values:
            yield operator, f"{earlier_text}{comma}{value}"


def _fold_words(words: tuple[str, ...]) -> Iterator[str]:
    """Yield the words in NFKC form and in lower case."""
    return (unicodedata.normalize("NFKC", one).lower() for one in words)
