"""The paths that the documentation names exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_PATH = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_0-9]+\.(?:py|json|md|toml))?)`")
_LINK = re.compile(r"\]\(([^)#:]+\.md)\)")
_BUILT = ("dist/", "shots/", "build/")


def named(page: Path) -> Iterator[str]:
    """Every path in backquotes, and every linked page."""
    text = page.read_text("utf-8")
    yield from (path for path in _PATH.findall(text) if not path.startswith(_BUILT))
    yield from _LINK.findall(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_path_exists(page: Path) -> None:
    """From the repository's root, from `console/`, or beside the page."""
    places = (ROOT, ROOT / "console", page.parent)
    missing = [path for path in named(page) if not any((place / path).exists() for place in places)]
    assert missing == []


def test_the_pages_name_paths() -> None:
    assert sum(len(list(named(page))) for page in PAGES) > 100
