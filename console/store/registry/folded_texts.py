"""The comparison forms of a corporation's texts (`console.domain.registry.spelling`), as registry.db stores them.

The comparison form of a name or furigana is stored only if it differs from the text itself, because the columns with
comparison forms may take at most 160 bytes a row. The forms of English names and addresses are always stored. A
search compares the stored forms in SQL (module `search_filter`). The search index is made of the same forms, so that
an import computes each form once. The column `folded_names` consists of lines. The first is the form of the name, the
second the form of the furigana: an empty line if the text is its own form, a space if the form is empty. Then follow
the second readings of the name and the furigana, if they have one: with ケ read as ガ in 霞ケ関, for example. After a
tab follow the forms of the English name. The column `folded_street` is the form of the address without the form of
its prefecture and city, which the table `places` has. If the form of the whole address doesn't begin with the form of
the place, `folded_street` is a line break and the whole form.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import add
from typing import NamedTuple

from console.domain.registry.legal_forms import remove_english_legal_form
from console.domain.registry.spelling import (
    ComparisonForms,
    fold_address,
    fold_all_texts,
    fold_text,
    list_comparison_forms,
    may_have_second_reading,
)
from console.store.registry.file_rows import FileColumns

_LINE_SEPARATOR = "\n"
_ENGLISH_SEPARATOR = "\t"
_MARK_OF_EMPTY_TEXT = " "
_NARROW_DIGITS = "0123456789"
_WIDE_DIGITS = "０１２３４５６７８９"
_BYTES_OTHER_THAN_DIGITS = bytes(set(range(256)) - set(b"0123456789\n"))
_LAST_CHARACTERS_OF_PLACES = frozenset("都道府県市区町村")


class FoldedColumns(NamedTuple):
    """Forms that are computed once for each block of a source file, and used for the stored rows and for the terms of
    the search index: the comparison forms of the names and of the furigana, and for each row its place (prefecture
    and city as one text)."""

    names: ComparisonForms
    furigana: ComparisonForms
    prefecture_and_city_texts: Sequence[str]


def fold_columns(columns: FileColumns) -> FoldedColumns:
    """Return the comparison forms of the names and the furigana in a block of rows, and the prefecture and city of
    each row as one text.
    """
    return FoldedColumns(
        fold_all_texts(columns.name),
        fold_all_texts(columns.furigana),
        list(map(add, columns.prefecture_name, columns.city_name)),
    )


def fold_names(columns: FileColumns, folded_columns: FoldedColumns) -> list[str]:
    """Return the value of the column `folded_names` for each row."""
    first_lines = _list_stored_forms(columns.name, folded_columns.names)
    second_lines = _list_stored_forms(columns.furigana, folded_columns.furigana)
    values = [
        f"{first_line}{_LINE_SEPARATOR}{second_line}" if second_line else first_line
        for first_line, second_line in zip(first_lines, second_lines, strict=True)
    ]
    second_names, second_furigana = folded_columns.names.second_readings, folded_columns.furigana.second_readings
    for index in {*second_names, *second_furigana}:
        second_readings = [readings[index] for readings in (second_names, second_furigana) if index in readings]
        values[index] = _LINE_SEPARATOR.join((first_lines[index], second_lines[index], *second_readings))
    for index, english_name in enumerate(columns.en_name):
        if english_name:
            values[index] += _ENGLISH_SEPARATOR + _LINE_SEPARATOR.join(_list_english_forms(english_name))
    return values


def _list_stored_forms(texts: Sequence[str], forms: ComparisonForms) -> list[str]:
    """Return the comparison form of each text as the column `folded_names` stores it, one line for each text: "" if
    the text is its own form, a space if the form is empty. `forms` are the comparison forms of `texts`."""
    return [
        "" if folded_text == text else folded_text or _MARK_OF_EMPTY_TEXT
        for text, folded_text in zip(texts, forms.folded_texts, strict=True)
    ]


def _list_english_forms(english_name: str) -> list[str]:
    return [fold_text(english_name), *list_comparison_forms(remove_english_legal_form(english_name))]


def list_name_readings(name: str, furigana: str, folded_names: str | None) -> list[str]:
    """Return the texts by which a search finds a corporation: the comparison forms of its name and furigana, and the
    second readings of these (霞ガ関 for 霞ケ関), all with the legal form. An empty name or furigana gives no text.
    The texts are read from `folded_names`; if it is None (a row of an older registry file), they are computed.
    """
    if folded_names is None:
        return [reading for text in (name, furigana) if text for reading in list_comparison_forms(text)]
    first_line, *other_lines = folded_names.partition(_ENGLISH_SEPARATOR)[0].split(_LINE_SEPARATOR)
    readings = [_parse_stored_form(first_line, name)] if name else []
    if furigana:
        readings.append(_parse_stored_form(other_lines[0] if other_lines else "", furigana))
    return readings + other_lines[1:]


def _parse_stored_form(line: str, text: str) -> str:
    return line.strip(_MARK_OF_EMPTY_TEXT) if line else text


def fold_streets(columns: FileColumns, folded_columns: FoldedColumns) -> Iterator[str]:
    """Yield the value of the column `folded_street` for each row. It is made of the street in Japan or, for a
    corporation without an address in Japan, of the address abroad."""
    texts = [
        street or ("" if place else address_outside)
        for place, street, address_outside in zip(
            folded_columns.prefecture_and_city_texts, columns.street_number, columns.address_outside, strict=True
        )
    ]
    return map(_fold_street, folded_columns.prefecture_and_city_texts, texts, *separate_digits(texts))


def extract_folded_address(folded_place_and_street: str) -> str:
    """Return the comparison form of the whole address. `folded_place_and_street` is the form of the place, followed
    by the value of the column `folded_street`. If this value is a line break and the whole form (see the module), the
    part after the line break is returned, otherwise the argument unchanged."""
    return folded_place_and_street.rpartition(_LINE_SEPARATOR)[2]


def separate_digits(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return two lists with one entry per text: the text with 0 in place of each digit (full width or ASCII), and its
    digits in ASCII. 梅田２丁目14 becomes 梅田0丁目00 and 214. No text may have a line break.
    """
    joined_texts = "\n".join(texts)
    for wide_digit, narrow_digit in zip(_WIDE_DIGITS, _NARROW_DIGITS, strict=True):
        joined_texts = joined_texts.replace(wide_digit, narrow_digit)
    digits = joined_texts.encode().translate(None, _BYTES_OTHER_THAN_DIGITS).decode("ascii")
    for digit in _NARROW_DIGITS:
        joined_texts = joined_texts.replace(digit, "0")
    return joined_texts.split("\n"), digits.split("\n")


def _fold_street(place: str, text: str, text_without_digits: str, digits: str) -> str:
    """Return the value of the column `folded_street` for the street `text` after the place `place`; "" for an empty
    text. `text_without_digits` and `digits` are the two values that `separate_digits` returns for `text`.
    """
    if not text:
        return ""
    shortened_place = _shorten_place(place)
    template = _make_street_template(shortened_place, text_without_digits)
    if template is None:
        return _fold_street_after_place(shortened_place, text)
    return template % tuple(digits)


@lru_cache(8192)
def _shorten_place(place: str) -> str:
    """Return the part of a place (prefecture and city) on which the comparison form of a street after this place
    depends: only its last character if that is possible, otherwise the whole place. So streets after many places
    share one entry of the cache of `_make_street_template`.
    """
    can_shorten = place[-1:] in _LAST_CHARACTERS_OF_PLACES and not may_have_second_reading(place)
    return place[-1:] if can_shorten and _fold_street_after_place(place, "丘ケ丘") == "丘ガ丘" else place


@lru_cache(32_768)
def _make_street_template(place: str, street: str) -> str | None:
    """Return the comparison form of a street after `place`, with %s in place of each digit. The caller has replaced
    each digit of `street` by 0 (`separate_digits`). Return None if the form also has a digit that was another
    character in the street (三 of 三丁目)."""
    folded_street = _fold_street_after_place(place, street)
    digits = [character for character in folded_street if character.isdigit()]
    return folded_street.replace("0", "%s") if digits == ["0"] * street.count("0") else None


def _fold_street_after_place(place: str, street: str) -> str:
    """Return the value of the column `folded_street` for an address. `place` is its prefecture and city, `street` the
    rest. The value is the comparison form of the whole address without the form of the place. If the form of the
    whole address doesn't begin with the form of the place, return a line break and the whole form.
    """
    folded_place, whole_address = _fold_place(place), fold_address(f"{place}{street}")
    return (
        whole_address[len(folded_place) :]
        if whole_address.startswith(folded_place)
        else f"{_LINE_SEPARATOR}{whole_address}"
    )


_fold_place = lru_cache(8192)(fold_address)
