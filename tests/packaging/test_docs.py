"""Tests that the paths, functions, columns and fields that the documentation names exist."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOC_PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_PATH_PATTERN = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_0-9]+\.(?:py|json|md|toml))?)`")
_LINK_PATTERN = re.compile(r"\]\(([^)#:]+\.md)\)")
_BUILT_FOLDERS = ("dist/", "shots/", "build/")
_QUOTED_NAME_PATTERN = re.compile(r"`([a-zA-Z_]\w*(?:\.[a-z_]\w*)*)(?:\(\))?`")
_NAMES_FROM_OUTSIDE = frozenset(
    # accounts of an example, variables of a server, a file of macOS, the pattern of a setting
    (
        "books_people",
        "console_people",
        "connection_memory_limit",
        "default_password_lifetime",
        "memory_used",
        "total_memory",
        "innodb_temp_tablespaces_dir",
        "activate_all_roles_on_login",
        "connection_control_",
        "component_connection_control.",
        "connection_control",
        "max_connection_delay",
        "Info.plist",
        "CONSOLE_SECRET_NAME",
    )
)
_NAME_IN_FILE_PATTERN = re.compile(r"`([A-Za-z_][\w.]*)(?:\(\))?` (?:(?:in|of) |\()`([\w/]+\.py)`")
_ADDED_NAME_PARTS_PATTERN = re.compile(r"^CONSOLE_(?!TEST_)(SECRET_(?=.))?|_FILE$|_total$")
_SOURCE_PATTERNS = (
    "console/**/*.py",
    "scripts/*.py",
    "tests/**/*.py",
    "resources/**/*.json",
    "installers/*",
    "*.toml",
)


def list_named_paths(page: Path) -> Iterator[str]:
    """Yield every path in backquotes, and every linked page."""
    text = page.read_text("utf-8")
    yield from (path for path in _PATH_PATTERN.findall(text) if not path.startswith(_BUILT_FOLDERS))
    yield from _LINK_PATTERN.findall(text)


@pytest.mark.parametrize("page", DOC_PAGES, ids=lambda page: page.name)
def test_each_path_in_a_guide_exists(page: Path) -> None:
    """Each path that a guide names exists below the repository's root, below `console/`, or in the guide's folder."""
    places = (ROOT, ROOT / "console", page.parent)
    missing = [path for path in list_named_paths(page) if not any((place / path).exists() for place in places)]
    assert missing == []


def test_the_search_finds_the_named_paths_of_the_guides() -> None:
    """The search for paths in the guides finds many, so the check of these paths isn't empty."""
    assert sum(len(list(list_named_paths(page))) for page in DOC_PAGES) > 100


def find_unknown_words(words: Iterable[str]) -> set[str]:
    """Return those of the words that are neither a word in a source file nor the name of such a file."""
    files = [file for pattern in _SOURCE_PATTERNS for file in ROOT.glob(pattern) if file.is_file()]
    unknown = set(words) - {file.stem for file in files}
    for file in files:
        text = file.read_text("utf-8", "replace") if unknown and file != Path(__file__) else ""
        if any(word in text for word in unknown):  # much faster than splitting each text into words
            unknown.difference_update(re.findall(r"\w+", text))
    return unknown


def test_each_name_in_a_guide_exists_in_the_code() -> None:
    """Each name in backquotes in a guide exists in the source code, so that a renamed function must be renamed in the
    guides, too. The prefixes of settings and the suffixes of metrics that the program or a library adds at run time
    are accepted.
    """
    named_by_page = {page.name: _QUOTED_NAME_PATTERN.findall(page.read_text("utf-8")) for page in DOC_PAGES}
    words_by_place = {
        (page, name): {_ADDED_NAME_PARTS_PATTERN.sub("", part) for part in name.split(".")}
        for page, names in named_by_page.items()
        for name in names
        if ("_" in name or "." in name) and name.removesuffix("_FILE") not in _NAMES_FROM_OUTSIDE
    }
    unknown = find_unknown_words(set().union(*words_by_place.values()))
    assert [place for place, words in words_by_place.items() if words & unknown] == []
    assert sum(map(len, named_by_page.values())) > 500


def test_each_name_in_a_guide_is_in_the_stated_file() -> None:
    """If a guide says that a name is in a file, the file contains the name."""
    checked_count = 0
    for page in DOC_PAGES:
        for name, path in _NAME_IN_FILE_PATTERN.findall(re.sub(r"\s+", " ", page.read_text("utf-8"))):
            (file,) = (place / path for place in (ROOT, ROOT / "console") if (place / path).exists())
            words = set(re.findall(r"\w+", file.read_text("utf-8")))
            assert words.issuperset(name.split(".")), (page.name, name, path)
            checked_count += 1
    assert checked_count > 10
