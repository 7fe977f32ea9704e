"""Tests with lists of spellings that people type. For at least 98 of 100 spellings the expected corporation is among
the first three results."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from console.domain.registry.legal_forms import remove_legal_form
from console.sandbox.registry.invented_registry import InventedRegistry
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file

SPELLING_FILES = [
    Path(__file__).with_name(name) for name in ("spellings.txt", "spellings_heard.txt", "spellings_said.txt")
]
MIN_SPELLING_COUNT, MIN_FOUND_SHARE, FIRST_RESULT_COUNT = 520, 0.98, 3
INVENTED_ROW_COUNT = 3_000


class ExpectedCorporation(NamedTuple):
    """A corporation that a search must find, with the fields of its row and the spellings that people type for it."""

    fields: dict[str, str]
    spellings: list[str]


def read_expected_corporations() -> Iterator[ExpectedCorporation]:
    """Yield the corporations of the lists with their spellings."""
    expected: ExpectedCorporation | None = None
    for line in (line for path in SPELLING_FILES for line in path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("    ") and expected is not None:
            expected.spellings.append(line.strip())
        elif line and not line.startswith("#"):
            if expected is not None:
                yield expected
            expected = ExpectedCorporation(_read_fields(line), [])
    assert expected is not None
    yield expected


def _read_fields(line: str) -> dict[str, str]:
    name, furigana, english, place, post_code, *_ = [*(part.strip() for part in line.split("|")), "", "", ""]
    fields = {"name": name, "furigana": furigana, "en_name": english}
    if place:
        prefecture, city, street = place.split(" ")
        code = {"東京都": "13", "大阪府": "27", "神奈川県": "14", "北海道": "01"}[prefecture]
        fields |= {"prefecture_name": prefecture, "prefecture_code": code, "city_name": city}
        fields |= {"street_number": street, "post_code": post_code}
    return fields


def make_look_alikes(name: str) -> Iterator[dict[str, str]]:
    """Yield corporations with similar names that a person who types the name doesn't mean, each as fields of its
    row: names that contain the whole name or half of it, and a closed corporation with the same name.
    """
    bare = remove_legal_form(name)
    for other in (
        f"株式会社東京{bare}",
        f"{bare}ホールディングス株式会社",
        f"新{bare}有限会社",
        f"合同会社{bare}企画",
    ):
        yield {"name": other}
    yield {"name": f"株式会社{bare[: len(bare) // 2 + 1]}商事"}
    yield {"name": f"株式会社大和{bare[len(bare) // 2 :]}"}
    yield {"name": f"企業組合{bare}", "close_date": "2020-03-31", "close_cause": "01", "process": "21"}


def test_the_spelling_lists_have_the_minimum_length() -> None:
    """The lists have at least the required numbers of corporations and of spellings."""
    assert sum(len(set(expected.spellings)) for expected in read_expected_corporations()) >= MIN_SPELLING_COUNT


def test_spellings_find_the_expected_corporation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At least 98 of 100 spellings find the expected corporation among the first three results. The corporations with
    similar names have lower row ids, so the order of the rows doesn't help."""
    listed = list(read_expected_corporations())
    others = [fields for expected in listed for fields in make_look_alikes(expected.fields["name"])]
    rows = [list(one) for one in InventedRegistry(INVENTED_ROW_COUNT, 3, date(2025, 10, 31)).iterate_rows()]
    rows += [make_row(index, furigana="", **fields) for index, fields in enumerate(others)]
    rows += [make_row(100_000 + index, **expected.fields) for index, expected in enumerate(listed)]
    import_registry_files(tmp_path / "registry", [write_file(tmp_path, WHOLE_FILE_NAME, rows)])
    reader = open_registry(tmp_path / "registry")
    assert reader is not None
    search_count, misses = 0, []
    for index, expected in enumerate(listed):
        for spelling in expected.spellings:
            results = reader.search(spelling)
            search_count += 1
            if make_corporation_number(100_000 + index) not in [one.number for one in results[:FIRST_RESULT_COUNT]]:
                misses.append(
                    f"{spelling} → {expected.fields['name']}: {[one.name for one in results[:FIRST_RESULT_COUNT]]}"
                )
    reader.close()
    with capsys.disabled():
        print(f"\n{search_count - len(misses)} of {search_count} spellings", *misses, sep="\n    ")
    assert len(misses) <= (1 - MIN_FOUND_SHARE) * search_count, "\n".join(misses)
