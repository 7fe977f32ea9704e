"""Tests the choice of the registry files in a folder that are imported next."""

from datetime import date

import pytest

from console.domain.registry.corporations import ImportedFile, RegistryStatus
from console.domain.registry.import_plan import PublishedFile, parse_file_name, plan_import

WHOLE_FILE = "00_zenkoku_all_20261113.zip"
EARLIER_WHOLE_FILE = "00_zenkoku_all_20261030.zip"
TOKYO_FILE = "13_tokyo_all_20261113.zip"
OSAKA_FILE = "27_osaka_all_20261113.zip"
MONDAY_FILE, TUESDAY_FILE, WEDNESDAY_FILE, THURSDAY_FILE = (f"diff_202611{day}.zip" for day in (16, 17, 18, 19))


def make_status(day: str, *names: str) -> RegistryStatus:
    files = tuple(
        ImportedFile(
            name, "", date.fromisoformat(day), name.startswith("diff"), 1, "" if "diff" in name else name[:2]
        )
        for name in names
    )
    return RegistryStatus(date.fromisoformat(day), 1, files)


def make_plan(names: tuple[str, ...], current: RegistryStatus | None) -> list[str]:
    files = [file for name in names if (file := parse_file_name(name))]
    assert len(files) == len(names)
    return [file.name for file in plan_import(files, current)]


NO_IMPORTS: list[str] = []
PLAN_CASES = [
    ("nothing", (), None, NO_IMPORTS),
    ("differences without a whole", (MONDAY_FILE, TUESDAY_FILE), None, NO_IMPORTS),
    ("the first whole", (WHOLE_FILE,), None, [WHOLE_FILE]),
    (
        "the newest of two wholes, with what follows",
        (EARLIER_WHOLE_FILE, WHOLE_FILE, MONDAY_FILE, TUESDAY_FILE),
        None,
        [WHOLE_FILE, MONDAY_FILE, TUESDAY_FILE],
    ),
    ("all prefectures of a day", (OSAKA_FILE, TOKYO_FILE), None, [TOKYO_FILE, OSAKA_FILE]),
    ("the nation, if prefectures are there too", (TOKYO_FILE, WHOLE_FILE), None, [WHOLE_FILE]),
    ("the same again", (WHOLE_FILE, MONDAY_FILE), make_status("2026-11-16", WHOLE_FILE, MONDAY_FILE), NO_IMPORTS),
    (
        "what follows, over a weekend",
        (WHOLE_FILE, MONDAY_FILE, TUESDAY_FILE),
        make_status("2026-11-13", WHOLE_FILE),
        [MONDAY_FILE, TUESDAY_FILE],
    ),
    (
        "up to a missing day",
        (MONDAY_FILE, WEDNESDAY_FILE, THURSDAY_FILE),
        make_status("2026-11-13", WHOLE_FILE),
        [MONDAY_FILE],
    ),
    (
        "a missing day alone: told by the import",
        (TUESDAY_FILE, WEDNESDAY_FILE),
        make_status("2026-11-13", WHOLE_FILE),
        [TUESDAY_FILE],
    ),
    (
        "a whole over a missing day",
        (WHOLE_FILE, MONDAY_FILE),
        make_status("2026-11-04", EARLIER_WHOLE_FILE),
        [WHOLE_FILE, MONDAY_FILE],
    ),
    (
        "a whole that differences reach",
        (WHOLE_FILE, MONDAY_FILE, TUESDAY_FILE),
        make_status("2026-11-16", EARLIER_WHOLE_FILE),
        [TUESDAY_FILE],
    ),
    (
        "a prefecture of the nation's day",
        (TOKYO_FILE, MONDAY_FILE),
        make_status("2026-11-13", WHOLE_FILE),
        [MONDAY_FILE],
    ),
    ("a prefecture of a later day", (TOKYO_FILE,), make_status("2026-10-30", EARLIER_WHOLE_FILE), NO_IMPORTS),
    (
        "a prefecture of a later day, over a missing day",
        ("13_tokyo_all_20261116.zip", WHOLE_FILE),
        make_status("2026-11-04", EARLIER_WHOLE_FILE),
        [WHOLE_FILE],
    ),
    ("an older whole", (EARLIER_WHOLE_FILE,), make_status("2026-11-13", WHOLE_FILE), NO_IMPORTS),
    (
        "a prefecture that came later",
        (TOKYO_FILE, OSAKA_FILE),
        make_status("2026-11-13", TOKYO_FILE),
        [TOKYO_FILE, OSAKA_FILE],
    ),
    (
        "both prefectures are in it",
        (TOKYO_FILE, OSAKA_FILE),
        make_status("2026-11-13", TOKYO_FILE, OSAKA_FILE),
        NO_IMPORTS,
    ),
]


@pytest.mark.parametrize(
    ("names", "current", "expected"), [case[1:] for case in PLAN_CASES], ids=[c[0] for c in PLAN_CASES]
)
def test_the_next_imports_follow_the_state_of_the_registry(
    names: tuple[str, ...], current: RegistryStatus | None, expected: list[str]
) -> None:
    """Of the files in a folder, the plan contains exactly those that follow the registry's present state, in the
    order of their import.
    """
    assert make_plan(names, current) == expected


@pytest.mark.parametrize(
    "name",
    [
        "00_zenkoku_all_20261113.zip.part", "diff_20261113.csv", "diff_2026111.zip", "diff_20261341.zip",
        "x_diff_20261113.zip", "00_zenkoku_all_20261113.zip.asc", "readme.txt", "diff_２０２６１１１３.zip",
        "diff_00000101.zip", "diff_00010101.zip", "diff_20151004.zip", "00_zenkoku_all_00010101.zip",
        "00_zenkoku_all_20151004.zip", "00_zenkoku_all_99991301.zip",
    ],
)  # fmt: skip
def test_a_file_name_not_in_the_publishers_form_is_refused(name: str) -> None:
    """A file whose name isn't in the publisher's form, or has a day of which the publisher can have no file, isn't
    taken as a file of the publisher."""
    assert parse_file_name(name) is None


def test_the_name_of_a_file_has_its_day_and_prefecture() -> None:
    """The name of a file states its day and its prefecture."""
    assert parse_file_name(TOKYO_FILE) == PublishedFile(date(2026, 11, 13), "13", TOKYO_FILE)
    assert parse_file_name(MONDAY_FILE) == PublishedFile(date(2026, 11, 16), "", MONDAY_FILE)
    assert parse_file_name("DIFF_20261116.ZIP") is not None
