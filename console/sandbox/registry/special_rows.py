"""Makes the special rows of an invented registry: rows that differ from the row of an ordinary open company."""

from collections.abc import Callable
from datetime import date, timedelta

from console.sandbox.registry.name_words import (
    FIRST_WORDS_OF_NAMES,
    FOREIGN_CORPORATION_NAMES,
    MUNICIPAL_BODY_NAMES,
    SECOND_WORDS_OF_NAMES,
    STATE_BODY_NAMES,
)
from console.sandbox.registry.prefectures import PREFECTURES
from console.sandbox.registry.rows import FULL_WIDTH_DIGITS_TABLE, RegistryRow

SPECIAL_ROW_RANDOM_NUMBER_LIMIT = 8_192
"""A row is special if its random number of 16 bits is below this number, which is true for one row in eight."""
MAX_CORPORATION_NAME_LENGTH = 150


def make_special_row(row: RegistryRow, random_number: int, successor_number: str | None, day: date) -> RegistryRow:
    """Return the row of an ordinary open company, changed into a special row: closed, merged, with another kind of
    name and so on. `random_number` (from 0 to below SPECIAL_ROW_RANDOM_NUMBER_LIMIT) selects the change.
    `successor_number` is the number of the corporation into which this one is merged if the selected change is a
    merger (the next row of the registry); None for the last row, which is never merged. No change is dated after
    `day`, the date of the registry.
    """
    alteration_index, further_number = random_number % len(_ROW_ALTERATIONS), random_number // len(_ROW_ALTERATIONS)
    if alteration_index == 0 and successor_number:
        return make_merged_row(row, successor_number, day)
    return _ROW_ALTERATIONS[alteration_index](row, further_number, day)


def make_merged_row(row: RegistryRow, successor: str, day: date) -> RegistryRow:
    """Return the row of a corporation that was merged into the corporation number `successor` on or before `day`."""
    closed_row = make_closed_row(
        row, "11", _compute_day_before(day, int(row.corporate_number[-3:]), row.assignment_date)
    )
    return closed_row._replace(
        process="71", successor_corporate_number=successor, change_cause=make_merger_cause(closed_row)
    )


def make_merger_cause(row: RegistryRow) -> str:
    """Return the text (`changeCause`) which says that the row's corporation was merged and dissolved on its
    `close_date`."""
    return f"{row.close_date}、{row.prefecture_name}{row.city_name}の法人に合併し解散".translate(
        FULL_WIDTH_DIGITS_TABLE
    )


def make_closed_row(row: RegistryRow, cause: str, closing_day: str) -> RegistryRow:
    """Return the row of a corporation that was closed on the day `closing_day` (YYYY-MM-DD). `cause` is a code of
    `closeCause`."""
    return row._replace(
        process="21",
        close_date=closing_day,
        close_cause=cause,
        change_date=closing_day,
        update_date=max(closing_day, row.update_date),
    )


def _compute_day_before(day: date, random_number: int, assignment_day_text: str) -> str:
    """Return a day (YYYY-MM-DD) up to 3,000 days before `day`, selected by `random_number`, but not before the day on
    which the number was assigned (`assignment_day_text`)."""
    return max((day - timedelta(days=random_number * 7 % 3_000)).isoformat(), assignment_day_text)


def _make_closing_alteration(cause: str) -> "_RowAlteration":
    """Return a function that changes a corporation's row into the row of a corporation closed for the reason `cause`
    (a code of `closeCause`)."""
    return lambda row, draw, day: make_closed_row(row, cause, _compute_day_before(day, draw, row.assignment_date))


def _give_name_image(row: RegistryRow, random_number: int, _day: date) -> RegistryRow:
    """Return the row with an image of its name. In addition to the image, the row has a similar name in characters,
    or no name in characters; `random_number` selects one of these two forms."""
    return row._replace(name_image_id=f"{10_000_000 + random_number}", name=row.name if random_number % 2 else "")


def _give_address_image(row: RegistryRow, random_number: int, _day: date) -> RegistryRow:
    """Return the row with an image of the address. For an even `random_number`, the street is only in the image."""
    return row._replace(
        address_image_id=f"{20_000_000 + random_number}", street_number=row.street_number if random_number % 2 else ""
    )


def _add_english_name(row: RegistryRow, random_number: int, _day: date) -> RegistryRow:
    """Return the row with a name and address in English too. For some values of `random_number` the name has
    quotation marks."""
    first_word, second_word = (
        FIRST_WORDS_OF_NAMES[random_number % len(FIRST_WORDS_OF_NAMES)],
        SECOND_WORDS_OF_NAMES[random_number * 7 % len(SECOND_WORDS_OF_NAMES)],
    )
    prefecture = PREFECTURES[int(row.prefecture_code) - 1]
    city = next(city_entry for city_entry in prefecture.cities if city_entry.code == row.city_code)
    city_name = city.romaji.replace("_", " ").replace(",", ", ")
    trade = f'"{second_word.romaji}"' if random_number % 10 == 0 else second_word.romaji
    prefix, suffix = ("株式会社", "") if random_number % 2 else ("", "株式会社")
    return row._replace(
        name=f"{prefix}{first_word.text}{second_word.text}{suffix}",
        kind="301",
        furigana=first_word.kana + second_word.kana,
        en_name=f"{first_word.romaji} {trade} Co., Ltd.",
        en_prefecture_name=prefecture.romaji,
        en_city_name=f"{random_number % 9 + 1}-{random_number % 30 + 1}, Hommachi, {city_name}",
    )


def _hide_from_search(row: RegistryRow, _random_number: int, _day: date) -> RegistryRow:
    """Return the row with the mark (`hihyoji`) by which the publisher leaves a corporation out of searches."""
    return row._replace(hihyoji="1")


def _add_foreign_address(row: RegistryRow, random_number: int, _day: date) -> RegistryRow:
    """Return the row of a corporation abroad. For an even `random_number` it has no address in Japan, for an odd
    number it has an address in Japan in addition to the foreign address.
    """
    name, kana, english, address = FOREIGN_CORPORATION_NAMES[random_number % len(FOREIGN_CORPORATION_NAMES)]
    foreign_row = row._replace(
        process="13" if row.process == "12" else row.process,
        name=f"{name}{row.corporate_number[-4:]}".translate(FULL_WIDTH_DIGITS_TABLE),
        furigana=kana,
        kind="401",
        address_outside=address,
        address_outside_image_id="30000001" if random_number % 50 == 0 else "",
        en_name=english,
        en_address_outside="1 Harbour Street" if random_number % 3 == 0 else "",
    )
    if random_number % 2:
        return foreign_row
    return foreign_row._replace(
        prefecture_name="", city_name="", street_number="", prefecture_code="", city_code="", post_code=""
    )


def _make_public_body(row: RegistryRow, random_number: int, _day: date) -> RegistryRow:
    """Return a copy of `row` whose corporation is a public body: of the state for an even `random_number`, of a
    municipality for an odd `random_number`. `random_number` also selects the name."""
    is_state = random_number % 2 == 0
    names = STATE_BODY_NAMES if is_state else MUNICIPAL_BODY_NAMES
    name, kana = names[random_number % len(names)]
    first = FIRST_WORDS_OF_NAMES[random_number * 3 % len(FIRST_WORDS_OF_NAMES)]
    return row._replace(name=first.text + name, furigana=first.kana + kana, kind="101" if is_state else "201")


def _give_one_word_name(row: RegistryRow, random_number: int, _day: date) -> RegistryRow:
    """Return the row with a name of one word, which `random_number` selects; a few names have 150 characters, the
    publisher's maximum."""
    first_word = FIRST_WORDS_OF_NAMES[random_number % len(FIRST_WORDS_OF_NAMES)]
    if random_number % 50 == 0:
        words = "".join(FIRST_WORDS_OF_NAMES[(random_number + n) % len(FIRST_WORDS_OF_NAMES)].text for n in range(90))
        return row._replace(name=("株式会社" + words)[:MAX_CORPORATION_NAME_LENGTH], kind="301", furigana="")
    return row._replace(name=f"株式会社{first_word.text}", kind="301", furigana=first_word.kana)


def _remove_post_code(row: RegistryRow, _random_number: int, _day: date) -> RegistryRow:
    """Return the row without a postcode."""
    return row._replace(post_code="")


_RowAlteration = Callable[[RegistryRow, int, date], RegistryRow]
"""Type of a function that changes an ordinary row into a special one. It gets the row, a random number that selects a
form, and the day of the file.
"""
_ROW_ALTERATIONS: tuple[_RowAlteration, ...] = (
    *[_make_closing_alteration("01")] * 5,
    _make_closing_alteration("21"),
    _make_closing_alteration("31"),
    *(
        _give_name_image,
        _give_address_image,
        _add_english_name,
        _add_english_name,
        _hide_from_search,
        _add_foreign_address,
        _make_public_body,
        _give_one_word_name,
        _give_one_word_name,
    ),
    _remove_post_code,
)
