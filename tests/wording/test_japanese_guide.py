"""Tests that the names which the Japanese guide quotes are texts of the screens."""

import re
from pathlib import Path

import pytest

from console.wording.sentences.catalogue import read_sentences
from tests.wording.test_japanese import ALLOWED_WORDS_BY_PART, REASON_BY_FORBIDDEN_WORD

DOCS_FOLDER = Path(__file__).resolve().parents[2] / "docs"
GUIDE_FILES = sorted((DOCS_FOLDER / "ja").glob("*.md"))
QUOTED_TEXT_PATTERN = re.compile(r"「([^」\s][^」]*)」")


@pytest.mark.parametrize("guide", GUIDE_FILES, ids=lambda file: file.name)
def test_each_quoted_name_is_a_text_of_the_screen(guide: Path) -> None:
    """Each text in 「…」 of the Japanese guide is exactly a text of `resources/words/ja.json`."""
    quoted = QUOTED_TEXT_PATTERN.findall(guide.read_text("utf-8"))
    assert len(quoted) > 20
    assert [name for name in quoted if name not in set(read_sentences("ja").values())] == []


@pytest.mark.parametrize("guide", GUIDE_FILES, ids=lambda file: file.name)
def test_the_guide_keeps_the_register_of_the_screens(guide: Path) -> None:
    """The Japanese guides contain no word that is forbidden on screens, except the words allowed by part."""
    text = guide.read_text("utf-8")
    for allowed in (word for words in ALLOWED_WORDS_BY_PART.values() for word in words):
        text = text.replace(allowed, "")
    assert [word for word in REASON_BY_FORBIDDEN_WORD if word in text] == []


@pytest.mark.parametrize("guide", GUIDE_FILES, ids=lambda file: file.name)
def test_the_pictures_of_the_guide_exist(guide: Path) -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", guide.read_text("utf-8"))
    assert [name for name in shown if not (guide.parent / name).is_file()] == []
