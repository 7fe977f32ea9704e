"""Functions that return a corporation's row after a change, from the row before it. Tests use them for differences
with known changes; `invent_changes` uses them for random changes."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from console.sandbox.registry.invented_registry import FIRST_ASSIGNMENT_DAY, InventedRegistry
from console.sandbox.registry.name_words import FIRST_WORDS_OF_NAMES, SECOND_WORDS_OF_NAMES
from console.sandbox.registry.prefectures import PREFECTURES, TOWN_NAMES
from console.sandbox.registry.rows import FULL_WIDTH_DIGITS_TABLE, RegistryRow, add_check_digit
from console.sandbox.registry.special_rows import make_closed_row, make_merged_row

LEGAL_FORMS_OF_NEW_COMPANIES = ("株式会社", "有限会社", "合同会社", "医療法人社団", "宗教法人")
MAX_NEW_ROWS_PER_DAY = 1_000_000


def rename_company(row: RegistryRow, name: str, day: date, furigana: str = "") -> RegistryRow:
    """Return the row after a change of the name on this day. `furigana` is the reading of the new name in katakana;
    "" for a name without a published reading."""
    return _change_row(row, "11", day, name=name, furigana=furigana, name_image_id="")


def move_company(row: RegistryRow, street: str, day: date, *, city: str | None = None) -> RegistryRow:
    """Return the row after a change of the street and, unless `city` is None, of the city, on this day."""
    return _change_row(row, "12", day, street_number=street, city_name=city or row.city_name, address_image_id="")


def close_company(row: RegistryRow, day: date, cause: str = "01") -> RegistryRow:
    """Return the row after the registration was closed on this day. `cause` is the publisher's code of the reason for
    closing (column `closeCause`): "01" is the end of a liquidation."""
    return _change_row(make_closed_row(row, cause, day.isoformat()), "21", day)


def merge_company(row: RegistryRow, successor: str, day: date) -> RegistryRow:
    """Return the row after the corporation was merged, on this day, into the corporation with the number
    `successor`."""
    merged_row = make_merged_row(row, successor, day)
    return _change_row(merged_row, "71", day, close_date=day.isoformat())


def reopen_company(row: RegistryRow, day: date) -> RegistryRow:
    """Return the row after a closed registration was opened again, or a merger was declared void, on this day."""
    process = "72" if row.successor_corporate_number else "22"
    return _change_row(
        row, process, day, close_date="", close_cause="", successor_corporate_number="", change_cause=""
    )


def delete_company(row: RegistryRow, day: date) -> RegistryRow:
    """Return the row that deletes the corporation from the registry on this day."""
    return _change_row(row, "99", day)


def _change_row(row: RegistryRow, process_code: str, day: date, **values: str) -> RegistryRow:
    """Return the row with this process code, the day as day of change and of update, and the new `values` of its
    fields."""
    return row._replace(
        **{"process": process_code, "update_date": day.isoformat(), "change_date": day.isoformat(), "latest": "1"}
        | values
    )


def invent_changes(
    registry: InventedRegistry, row_count: int, day: date, untouched_numbers: frozenset[str] = frozenset()
) -> Iterator[RegistryRow]:
    """Yield `row_count` rows of a difference of this day: new corporations, and changes of corporations of
    `registry`. Each corporation changes at most once; the corporations with the numbers `untouched_numbers` don't
    change. For a quarter of the renamed or moved corporations, a superseded row (latest = 0) comes before the changed
    row.
    """
    random_source = random.Random(f"{registry.seed} {day}")  # noqa: S311 - repeatable on purpose, nothing secret
    changed_positions = _draw_positions(registry.row_count, row_count * 3 // 4, random_source)
    made_count = 0
    while made_count < row_count:
        position = next(changed_positions, None) if random_source.random() < 0.75 else None
        if position is None:
            yield _invent_new_row(day, made_count, random_source)
            made_count += 1
            continue
        row = registry.make_row_at(position)
        if row.corporate_number in untouched_numbers:
            continue
        for changed_row in _draw_change(row, registry, position, day, random_source)[: row_count - made_count]:
            yield changed_row
            made_count += 1


def _draw_positions(total: int, count: int, random_source: random.Random) -> Iterator[int]:
    """Yield random positions below `total` in ascending order: one position from each range of `total // count`
    positions (at least one position). The function yields `count` positions or more, or all positions if `total` is
    smaller than `count`."""
    step = max(total // max(count, 1), 1)
    return (start + random_source.randrange(step) for start in range(0, total - step + 1, step))


def _draw_change(
    row: RegistryRow, registry: InventedRegistry, position: int, day: date, random_source: random.Random
) -> list[RegistryRow]:
    """Return the rows of one random change of a corporation: the changed row, sometimes with a superseded row
    (latest = 0) before it. `position` is the corporation's position in `registry`; `random_source` makes the random
    numbers.
    """
    if row.close_date:
        return [reopen_company(row, day)]
    next_number = registry.make_number_at(position + 1) if position + 1 < registry.row_count else None
    kind = random_source.choices(range(7), (35, 25, 20, 6 if next_number else 0, 6, 4, 4))[0]
    first_word, second_word = random_source.choice(FIRST_WORDS_OF_NAMES), random_source.choice(SECOND_WORDS_OF_NAMES)
    town, block = random_source.choice(TOWN_NAMES), random_source.randrange(1, 9)
    street = f"{town}{block}丁目{random_source.randrange(1, 30)}－{random_source.randrange(1, 30)}"
    moved_row = move_company(row, street.translate(FULL_WIDTH_DIGITS_TABLE), day)
    legal_form_text = next(
        (legal_form for legal_form in LEGAL_FORMS_OF_NEW_COMPANIES if row.name.startswith(legal_form)), ""
    )
    renamed_row = rename_company(
        row, f"{legal_form_text}{first_word.text}{second_word.text}", day, first_word.kana + second_word.kana
    )
    if kind in (0, 1):
        changed_row = moved_row._replace(name=renamed_row.name, furigana=renamed_row.furigana)
        return (
            [renamed_row._replace(latest="0"), changed_row]
            if random_source.random() < 0.25
            else [(moved_row, renamed_row)[kind]]
        )
    if kind == 2:
        return [close_company(row, day, random_source.choice(("01", "01", "01", "21", "31")))]
    if kind == 3 and next_number:
        return [merge_company(row, next_number, day)]
    if kind == 4:
        return [delete_company(row, day)]
    if kind == 5:
        return [row._replace(correct="1", update_date=day.isoformat(), furigana=first_word.kana + second_word.kana)]
    return [
        _change_row(
            row, "81", day, name=row.assignment_date.replace("-", "").translate(FULL_WIDTH_DIGITS_TABLE) + "商号抹消"
        )
    ]


def _invent_new_row(day: date, index: int, random_source: random.Random) -> RegistryRow:
    """Return the row of a new invented corporation of this day; `index` makes its number unique. Raises ValueError
    for an index from MAX_NEW_ROWS_PER_DAY on."""
    if index >= MAX_NEW_ROWS_PER_DAY:
        raise ValueError(f"a day has at most {MAX_NEW_ROWS_PER_DAY} new corporations")
    first_word, second_word = random_source.choice(FIRST_WORDS_OF_NAMES), random_source.choice(SECOND_WORDS_OF_NAMES)
    prefecture = random_source.choice(PREFECTURES)
    city = random_source.choice(prefecture.cities)
    changed_on = (day - timedelta(days=random_source.randrange(1, 9))).isoformat()
    legal_form, kind = random_source.choice((("株式会社", "301"), ("合同会社", "305")))
    town, block = random_source.choice(TOWN_NAMES), random_source.randrange(1, 9)
    street = f"{town}{block}－{random_source.randrange(1, 40)}"
    return RegistryRow(
        corporate_number=add_check_digit(f"98{(day - FIRST_ASSIGNMENT_DAY).days % 10_000:04d}{index:06d}"),
        update_date=day.isoformat(),
        change_date=changed_on,
        assignment_date=changed_on,
        name=f"{legal_form}{first_word.text}{second_word.text}",
        furigana=first_word.kana + second_word.kana,
        kind=kind,
        prefecture_name=prefecture.name,
        city_name=city.name,
        street_number=street.translate(FULL_WIDTH_DIGITS_TABLE),
        prefecture_code=prefecture.code,
        city_code=city.code,
        post_code=f"{city.post_code_prefix}{random_source.randrange(1, 30):02d}",
    )
