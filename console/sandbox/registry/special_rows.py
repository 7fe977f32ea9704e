"""Makes the special rows of an invented registry: rows that differ from the row of an ordinary open company."""

from collections.abc import Callable
from datetime import date, timedelta

from console.sandbox.registry.places import PREFECTURES
from console.sandbox.registry.rows import FULL_WIDTH_TABLE, RegistryRow
from console.sandbox.registry.words import (
    FIRST_WORDS,
    FOREIGN_NAMES,
    MUNICIPAL_BODY_NAMES,
    SECOND_WORDS,
    STATE_BODY_NAMES,
)

SPECIAL_DRAW_LIMIT = 8_192
"""A row is special if its random number of 16 bits is below this: one of eight."""
MAX_NAME_LENGTH = 150


def make_special_row(row: RegistryRow, draw: int, following: str | None, day: date) -> RegistryRow:
    """Return a special row made from an ordinary one. `draw` (from 0 to below SPECIAL_DRAW_LIMIT) selects the change.
    `following` is the corporation number of the next row, into which the corporation can be merged; None for
    the last row of the registry.
    """
    choice, rest = draw % len(_ALTERATIONS), draw // len(_ALTERATIONS)
    if choice == 0 and following:
        return merge_into(row, following, day)
    return _ALTERATIONS[choice](row, rest, day)


def merge_into(row: RegistryRow, successor: str, day: date) -> RegistryRow:
    """Return the row of a corporation that was merged into the corporation number `successor` on or before `day`."""
    closed = close_row(row, "11", _compute_day_before(day, int(row.corporate_number[-3:]), row.assignment_date))
    return closed._replace(process="71", successor_corporate_number=successor, change_cause=make_merger_cause(closed))


def make_merger_cause(row: RegistryRow) -> str:
    """Return the text (`changeCause`) which says that the row's corporation was merged and dissolved on its
    `close_date`."""
    return f"{row.close_date}、{row.prefecture_name}{row.city_name}の法人に合併し解散".translate(FULL_WIDTH_TABLE)


def close_row(row: RegistryRow, cause: str, closed: str) -> RegistryRow:
    """Return the row of a corporation that was closed on the day `closed` (YYYY-MM-DD). `cause` is a code of
    `closeCause`."""
    return row._replace(
        process="21",
        close_date=closed,
        close_cause=cause,
        change_date=closed,
        update_date=max(closed, row.update_date),
    )


def _compute_day_before(day: date, draw: int, assigned: str) -> str:
    return max((day - timedelta(days=draw * 7 % 3_000)).isoformat(), assigned)


def _make_closing_alteration(cause: str) -> "_Alteration":
    """Return a function that returns a corporation's row closed for this cause (a code of `closeCause`)."""
    return lambda row, draw, day: close_row(row, cause, _compute_day_before(day, draw, row.assignment_date))


def _give_name_image(row: RegistryRow, draw: int, _day: date) -> RegistryRow:
    """Return the row with an image as its name: beside a similar name in characters, or alone."""
    return row._replace(name_image_id=f"{10_000_000 + draw}", name=row.name if draw % 2 else "")


def _give_address_image(row: RegistryRow, draw: int, _day: date) -> RegistryRow:
    return row._replace(address_image_id=f"{20_000_000 + draw}", street_number=row.street_number if draw % 2 else "")


def _add_english_name(row: RegistryRow, draw: int, _day: date) -> RegistryRow:
    """Return the row with a name and address in English too. Some names have quotation marks."""
    first, second = FIRST_WORDS[draw % len(FIRST_WORDS)], SECOND_WORDS[draw * 7 % len(SECOND_WORDS)]
    prefecture = PREFECTURES[int(row.prefecture_code) - 1]
    city = next(each for each in prefecture.cities if each.code == row.city_code)
    trade = f'"{second.romaji}"' if draw % 10 == 0 else second.romaji
    prefix, suffix = ("株式会社", "") if draw % 2 else ("", "株式会社")
    return row._replace(
        name=f"{prefix}{first.text}{second.text}{suffix}",
        kind="301",
        furigana=first.kana + second.kana,
        en_name=f"{first.romaji} {trade} Co., Ltd.",
        en_prefecture_name=prefecture.romaji,
        en_city_name=f"{draw % 9 + 1}-{draw % 30 + 1}, Hommachi, {city.romaji.replace('_', ' ').replace(',', ', ')}",
    )


def _hide_from_search(row: RegistryRow, _draw: int, _day: date) -> RegistryRow:
    return row._replace(hihyoji="1")


def _add_foreign_address(row: RegistryRow, draw: int, _day: date) -> RegistryRow:
    """Return the row of a corporation abroad, without an address in Japan or with one besides the foreign address."""
    name, kana, english, address = FOREIGN_NAMES[draw % len(FOREIGN_NAMES)]
    abroad = row._replace(
        process="13" if row.process == "12" else row.process,
        name=f"{name}{row.corporate_number[-4:]}".translate(FULL_WIDTH_TABLE),
        furigana=kana,
        kind="401",
        address_outside=address,
        address_outside_image_id="30000001" if draw % 50 == 0 else "",
        en_name=english,
        en_address_outside="1 Harbour Street" if draw % 3 == 0 else "",
    )
    if draw % 2:
        return abroad
    return abroad._replace(
        prefecture_name="", city_name="", street_number="", prefecture_code="", city_code="", post_code=""
    )


def _make_public_body(row: RegistryRow, draw: int, _day: date) -> RegistryRow:
    """Return a copy of `row` whose corporation is a public body: of the state for an even `draw`, of a municipality
    for an odd one. `draw` selects the name."""
    is_state = draw % 2 == 0
    names = STATE_BODY_NAMES if is_state else MUNICIPAL_BODY_NAMES
    name, kana = names[draw % len(names)]
    first = FIRST_WORDS[draw * 3 % len(FIRST_WORDS)]
    return row._replace(name=first.text + name, furigana=first.kana + kana, kind="101" if is_state else "201")


def _give_one_word_name(row: RegistryRow, draw: int, _day: date) -> RegistryRow:
    """Return the row with a name of one word; a few names have 150 characters, the publisher's maximum."""
    first = FIRST_WORDS[draw % len(FIRST_WORDS)]
    if draw % 50 == 0:
        words = "".join(FIRST_WORDS[(draw + n) % len(FIRST_WORDS)].text for n in range(90))
        return row._replace(name=("株式会社" + words)[:MAX_NAME_LENGTH], kind="301", furigana="")
    return row._replace(name=f"株式会社{first.text}", kind="301", furigana=first.kana)


def _remove_post_code(row: RegistryRow, _draw: int, _day: date) -> RegistryRow:
    return row._replace(post_code="")


_Alteration = Callable[[RegistryRow, int, date], RegistryRow]
_ALTERATIONS: tuple[_Alteration, ...] = (
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
