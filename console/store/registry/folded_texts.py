"""The comparison forms of a corporation's texts (`console.domain.registry.spelling`), as registry.db stores them.

The columns `folded_names` and `folded_street` have only what the texts themselves don't have, because they may need
160 bytes a row at most beside the texts. A search compares them in SQL (module `search_filter`); the search index is
made of them, so that an import folds each text once.

`folded_names` has lines: the form of the name, that of the furigana (empty if a text is its own form, a space if
nothing of it is compared), then second readings of both; behind a tab the forms of the English name. `folded_street`
is the form of the address without the form of its prefecture and city, which the table `places` has; if the whole
form doesn't begin with it, a line break and the whole form.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import add

from console.domain.registry.legal_forms import remove_english_form
from console.domain.registry.spelling import (
    fold_address,
    fold_text,
    has_second_reading,
    list_readings,
    list_readings_of_all,
)
from console.store.registry.file_rows import FileColumns

_LINE_SEPARATOR, _ENGLISH_SEPARATOR, _NOTHING = "\n", "\t", " "
_WIDE_AND_NARROW_DIGITS = "0123456789０１２３４５６７８９"
DIGITS_TO_0 = str.maketrans(dict.fromkeys(_WIDE_AND_NARROW_DIGITS, "0"))
"""Translation after which streets that differ in their numbers only are the same."""
_ENDS_OF_PLACES = frozenset("都道府県市区町村")


class _DigitsOnly(dict[int, str | None]):
    """Translation table of `str.translate` that deletes all characters but digits, filled with a character when it
    first occurs.
    """

    def __missing__(self, code: int) -> str | None:
        place = _WIDE_AND_NARROW_DIGITS.find(chr(code))
        digit = self[code] = None if place < 0 else str(place % 10)
        return digit


_DIGITS_ONLY = _DigitsOnly()


def fold_names(columns: FileColumns) -> Iterator[str]:
    """Yield the column `folded_names` of each row."""
    names, readings = list_readings_of_all(columns.name), list_readings_of_all(columns.furigana)
    return map(_write_names, columns.name, names, columns.furigana, readings, columns.en_name)


def _write_names(name: str, names: Sequence[str], furigana: str, readings: Sequence[str], english_name: str) -> str:
    first = "" if names[0] == name else names[0] or _NOTHING
    second = "" if readings[0] == furigana else readings[0] or _NOTHING
    if len(names) == len(readings) == 1:
        text = f"{first}{_LINE_SEPARATOR}{second}" if second else first
    else:
        text = _LINE_SEPARATOR.join((first, second, *names[1:], *readings[1:]))
    return (
        f"{text}{_ENGLISH_SEPARATOR}{_LINE_SEPARATOR.join(_list_english_forms(english_name))}"
        if english_name
        else text
    )


def _list_english_forms(english_name: str) -> list[str]:
    return [fold_text(english_name), *list_readings(remove_english_form(english_name))]


def list_name_readings(name: str, furigana: str, folded_names: str | None) -> list[str]:
    """Return the texts by which a search finds a corporation: the forms of its name and of its furigana in which
    width, case, legal form and old characters make no difference. They are stored in `folded_names`; None is a row of
    an older registry file, for which they are computed.
    """
    if folded_names is None:
        return [reading for text in (name, furigana) if text for reading in list_readings(text)]
    first, *others = folded_names.partition(_ENGLISH_SEPARATOR)[0].split(_LINE_SEPARATOR)
    readings = [_read_line(first, name)] if name else []
    if furigana:
        readings.append(_read_line(others[0] if others else "", furigana))
    return readings + others[1:]


def _read_line(line: str, text: str) -> str:
    return line.strip(_NOTHING) if line else text


def fold_streets(columns: FileColumns) -> Iterator[str]:
    """Yield the column `folded_street` of each row. It is made of the address in Japan; if a corporation has
    none, of its address abroad.
    """
    places = map(add, columns.prefecture_name, columns.city_name)
    return map(_fold_street, places, columns.street_number, columns.address_outside)


def _fold_street(place: str, street: str, address_outside: str) -> str:
    text = street or ("" if place else address_outside)
    if not text:
        return ""
    before = _shorten_place(place)
    template = _fold_without_digits(before, text.translate(DIGITS_TO_0))
    if template is None:
        return _fold_behind(before, text)
    return template % tuple(text.translate(_DIGITS_ONLY))


@lru_cache(8192)
def _shorten_place(place: str) -> str:
    """Return the last character of a place if the comparison form of the street depends on it only, and the form of
    the place doesn't depend on the street; otherwise the place.
    """
    is_usual = place[-1:] in _ENDS_OF_PLACES and not has_second_reading(place)
    return place[-1:] if is_usual and _fold_behind(place, "丘ケ丘") == "丘ガ丘" else place


@lru_cache(32_768)
def _fold_without_digits(place: str, street: str) -> str | None:
    """Return the comparison form of a street whose digits are all 0, with %s for each digit; None if the form has
    digits from other characters (三丁目), too.
    """
    folded = _fold_behind(place, street)
    digits = [one for one in folded if one.isdigit()]
    return folded.replace("0", "%s") if digits == ["0"] * street.count("0") else None


def _fold_behind(place: str, street: str) -> str:
    before, whole = fold_address(place), fold_address(f"{place}{street}")
    return whole[len(before) :] if whole.startswith(before) else f"{_LINE_SEPARATOR}{whole}"
