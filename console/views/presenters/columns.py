"""Columns that several tables share (age, badge, corporation number, next step), and functions that compute widths of
columns.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from console.views.presenters import credit_checks as words
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.wording import catalogue as wording

CELL_PADDING_PX = 16
"""Padding of a cell (left and right together), in px at text scale 1.0."""
_SHAPE_PX = 19


def min_column_width(name: str) -> int:
    """Return the minimum width of the column `name` from the design tokens, in px at text scale 1.0."""
    return tokens().px("column_min_width", name)


def width_of_text(text: str, extra_px: int = CELL_PADDING_PX) -> int:
    """Return the width that a column needs for `text`, in px at text scale 1.0."""
    return (
        round(current_appearance().font_metrics("body").horizontalAdvance(text) / current_appearance().scale)
        + extra_px
    )


def age_column(context: WindowContext, since: Callable[[Any], datetime | None]) -> Column:
    """Return the column of ages; `since` returns the instant from which a row's age counts, None for no age."""
    return Column(
        "age",
        context.translate("column.age"),
        min_column_width("age"),
        lambda item: words.age_cell(since(item), context),
        "age",
        spoken=lambda item: words.age_spoken(since(item), context),
    )


def badge_column(context: WindowContext, name: str, longest: str, key: Callable[[Any], str]) -> Column:
    """Return the column that shows one badge per row. `key` returns the badge key of a row (such as
    `certainty.unknown`); `longest` is the longest word that can occur, from which the width is computed.
    """
    title, width = context.translate(f"column.{name}"), width_of_text(longest, CELL_PADDING_PX + _SHAPE_PX + 4)
    return Column(name, title, width, lambda item: words.state_cell(key(item), context.language), "state")


def number_column(context: WindowContext, key: Callable[[Any], str | None]) -> Column:
    """Return the column of corporation numbers in groups of digits; `key` returns a row's number or None."""

    def format_text(item: Any) -> str:
        number_text = key(item)
        return wording.format_number(number_text) if number_text else ""

    title = context.translate("column.number_short")
    return Column("number", title, width_of_text("8 8888 8888 8888", CELL_PADDING_PX - 4), format_text, "data")


def next_step_column(context: WindowContext, key: Callable[[Any], str]) -> Column:
    """Return the column of the next step; `key` returns its short text for a row."""
    return Column("next", context.translate("column.next_short"), width_of_text("11-20 15:04"), key, "data")
