"""Tests of the glossary: its terms are sorted, exist in the code, and are the words on the screens in both
languages.
"""

import importlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import console
from console.store.schema import core, payments, worker
from console.wording.sentences.catalogue import read_sentences

GLOSSARY_FILE = Path(console.__file__).parent.parent / "docs" / "glossary.md"
TABLE_BY_NAME = {**core.metadata.tables, **payments.metadata.tables, **worker.metadata.tables}
EMPTY_CELL = "—"


class Term(NamedTuple):
    """One row of the glossary's table."""

    english: str
    japanese: str
    meaning: str
    code: str
    key: str


def read_terms() -> list[Term]:
    rows = [line for line in GLOSSARY_FILE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [Term(*(cell.strip(" `") for cell in row.strip("|").split("|"))) for row in rows[2:]]


TERMS_ON_SCREEN = [term for term in read_terms() if term.key != EMPTY_CELL]


def test_terms_are_in_order_and_each_has_a_meaning() -> None:
    """The terms of the glossary are in alphabetical order, each once, and each meaning is a sentence."""
    names = [term.english.lower() for term in read_terms()]
    assert len(names) > 40
    assert names == sorted(set(names))
    assert [term.english for term in read_terms() if not re.fullmatch(r"[A-Z].+\.", term.meaning)] == []


@pytest.mark.parametrize("term", read_terms(), ids=lambda term: term.english)
def test_a_term_is_in_the_code(term: Term) -> None:
    """The column "In the code" of each term names a module, class, function or table column that exists."""
    package_or_table, name = term.code.split(".", 1)
    if package_or_table in TABLE_BY_NAME:
        assert name in TABLE_BY_NAME[package_or_table].c
        return
    assert package_or_table in {"console", "scripts", "tests"}
    try:
        importlib.import_module(term.code)
    except ModuleNotFoundError:
        module, name = term.code.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("term", TERMS_ON_SCREEN, ids=lambda term: term.english)
def test_a_term_on_screen_is_the_word_of_the_catalogue(term: Term) -> None:
    """The text of each term's wording key contains the term in both languages."""
    assert term.japanese in read_sentences("ja")[term.key]
    assert term.english.lower() in read_sentences("en")[term.key].lower()


def test_outside_is_only_said_of_refunds_done_outside() -> None:
    """A Japanese text contains 外部 if its English text is about a refund done outside, and only then. A refund at
    the gateway's own page is made elsewhere: the gateway knows it, and nobody records it.
    """
    patterns = {"ja": "外部|done_outside", "en": "(?:done|given back|refunded) outside|done_outside"}
    keys = {
        language: sorted(key for key, text in read_sentences(language).items() if re.search(pattern, text, re.I))
        for language, pattern in patterns.items()
    }
    assert keys["ja"] == keys["en"]


@pytest.mark.parametrize("column", ["japanese", "code", "key"])
def test_a_term_has_one_word_and_a_word_one_term(column: str) -> None:
    """Each Japanese word, each name in the code and each wording key belongs to only one term of the glossary."""
    values = [value for term in read_terms() if (value := getattr(term, column)) != EMPTY_CELL]
    assert sorted({value for value in values if values.count(value) > 1}) == []


def test_most_terms_are_words_on_screen() -> None:
    """More than 20 terms of the glossary have a wording key. The screens don't show the other terms, which are
    internal.
    """
    assert len(TERMS_ON_SCREEN) > 20
