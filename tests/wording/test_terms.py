"""Tests that the help explains each term of the glossary that the screens show, and every state, in both
languages.
"""

import pytest

from console.wording.sentences.catalogue import LANGUAGES, get_program_sentences
from console.wording.sentences.terms import is_term_in_text, list_terms
from console.wording.sentences.text_context import Language
from tests.wording.test_glossary import TERMS_ON_SCREEN

STATE_KEY_PREFIXES = ("state.certainty.", "state.work.", "state.credit_check.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_word_of_the_glossary_is_explained(language: Language) -> None:
    """The help explains each term of the glossary that the screens show."""
    words = [term.word.casefold() for term in list_terms(language)]
    shown = [(row.english if language == "en" else row.japanese).casefold() for row in TERMS_ON_SCREEN]
    assert len(shown) > 50
    assert [one for one in shown if not any(one in word for word in words)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_is_explained(language: Language) -> None:
    """The help explains the word of each state."""
    words = {term.word for term in list_terms(language)}
    states = {text for key, text in get_program_sentences(language).items() if key.startswith(STATE_KEY_PREFIXES)}
    assert len(states) > 10
    assert states - words == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_has_one_meaning_and_a_meaning_one_word(language: Language) -> None:
    """In the help each word has one explanation and each explanation belongs to one word. Each explanation ends with
    a full stop.
    """
    terms = list_terms(language)
    assert len({term.word for term in terms}) == len({term.meaning for term in terms}) == len(terms)
    assert [term for term in terms if not term.meaning.endswith("." if language == "en" else "。")] == []


def test_a_term_is_found_at_the_beginning_of_a_word() -> None:
    """In a text, the help finds an English term at the beginning of a word, also in the plural, and a Japanese term
    at any position.
    """
    english = {term.name: term for term in list_terms("en")}
    japanese = {term.name: term for term in list_terms("ja")}
    assert is_term_in_text(english["refund"], "Three refunds wait", "en")
    assert not is_term_in_text(english["note"], "A banknote", "en")
    assert is_term_in_text(japanese["refund"], "一部返金の申請", "ja")
    assert not is_term_in_text(japanese["refund"], "決済", "ja")


def test_terms_are_sorted_by_their_reading() -> None:
    """Japanese terms are sorted by their usual reading (not in the order of Unicode), English ones in alphabetical
    order without regard to capital letters.
    """
    words = [term.word for term in list_terms("ja")]
    read_in_order = ["アラート", "依頼 ID", "確度", "決済", "口座", "承認", "担当", "不一致", "返金", "利用者"]
    assert sorted(read_in_order, key=words.index) == read_in_order
    english = [term.word.lower() for term in list_terms("en")]
    assert english == sorted(english)
