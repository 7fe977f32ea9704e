"""The terms that the help of a page explains: words of the screens, with their meanings."""

import re
from dataclasses import dataclass

from console.wording.sentences.catalogue import get_program_sentences
from console.wording.sentences.text_context import Language

_WORD_KEY_PREFIX = "term."
_MEANING_KEY_PREFIX = "glossary."


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the screens with its meaning; word and meaning are in one language. `name` identifies the term and is
    the same in every language."""

    name: str
    word: str
    meaning: str


def list_terms(language: Language) -> tuple[Term, ...]:
    """Return all terms in one language, sorted by their words: Japanese words in the order of EUC-JP, which has
    the kana first, and then the frequent kanji by their usual reading."""
    sentences = get_program_sentences(language)
    names = [key.removeprefix(_WORD_KEY_PREFIX) for key in sentences if key.startswith(_WORD_KEY_PREFIX)]
    terms = (Term(name, sentences[_WORD_KEY_PREFIX + name], sentences[_MEANING_KEY_PREFIX + name]) for name in names)
    return tuple(sorted(terms, key=lambda term: term.word.casefold().encode("euc_jp", "replace")))


def is_term_in_text(term: Term, text: str, language: Language) -> bool:
    """Return True if the text contains the word of the term. In English, the word must begin where a word of the
    text begins."""
    if language == "ja":
        return term.word in text
    return re.search(rf"\b{re.escape(term.word)}", text, re.IGNORECASE) is not None
