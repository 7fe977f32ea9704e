"""Functions that make the columns of exported lists, one function per type of cell."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from console.domain.exports.tables import CellKind, ExportColumn
from console.domain.money import get_decimal_places
from console.wording.sentences.text_context import TextContext


def make_text_column(context: TextContext, key: str, get_text: Callable[[Any], str | None]) -> ExportColumn:
    """Return a column of texts. `key` is the wording key of the title; `get_text` returns the text of a row."""
    return ExportColumn(context.translate(key), CellKind.TEXT, get_text)


def make_number_column(context: TextContext, key: str, get_number: Callable[[Any], int | None]) -> ExportColumn:
    """Return a column of whole numbers. `key` is the wording key of the title; `get_number` returns the number of a
    row."""
    return ExportColumn(context.translate(key), CellKind.NUMBER, get_number)


def make_corporation_number_column(
    context: TextContext, get_corporation_number: Callable[[Any], str | None]
) -> ExportColumn:
    """Return the column of corporation numbers; `get_corporation_number` returns the number of a row."""
    return ExportColumn(context.translate("column.number"), CellKind.CORPORATION_NUMBER, get_corporation_number)


def make_instant_column(
    context: TextContext, key: str, get_instant: Callable[[Any], datetime | None]
) -> ExportColumn:
    """Return a column of instants in Japanese time. The title is the text of the wording key `key`, followed by
    the name of the time zone; `get_instant` returns the instant of a row."""
    title = context.translate(key)
    title_with_zone = title if "JST" in title else context.translate("export.in_zone", title=title)
    return ExportColumn(title_with_zone, CellKind.INSTANT, get_instant)


def make_amount_column(
    context: TextContext, key: str, get_amount: Callable[[Any], tuple[int | None, str | None]]
) -> ExportColumn:
    """Return a column of amounts without their currency. `key` is the wording key of the title; `get_amount` returns
    the amount of a row in minor units and its currency, None for an empty cell."""
    return ExportColumn(
        context.translate(key), CellKind.AMOUNT, lambda row: convert_amount_to_major_units(*get_amount(row))
    )


def make_currency_column(context: TextContext, get_currency: Callable[[Any], str | None]) -> ExportColumn:
    """Return the column of currency codes (JPY, INR); `get_currency` returns the code of a row."""
    return make_text_column(context, "column.currency", get_currency)


def convert_amount_to_major_units(amount_minor: int | None, currency: str | None) -> Decimal | None:
    """Convert an amount from minor units (yen, paise) to major units (yen, rupees), with the decimal places of its
    currency. For an unknown or missing currency, use two decimal places. Return None if `amount_minor` is None."""
    if amount_minor is None:
        return None
    return Decimal(amount_minor).scaleb(-get_decimal_places(currency or ""))
