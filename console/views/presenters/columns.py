"""Table columns that several pages share (age, badge, corporation number, next step), and functions that compute
the width of a column."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from console.views.presenters import credit_checks as words
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.views.theme.design_tokens import TextRoleName, tokens
from console.views.theme.theme import current_appearance
from console.wording.sentences import catalogue as wording

CELL_PADDING_PX = 16
"""Padding of a cell (left and right together), in px at text scale 1.0."""
_BADGE_ICON_WIDTH_PX = 19


def get_min_column_width(name: str) -> int:
    """Return the minimum width in px, at text scale 1.0, that the design tokens define for the column `name`."""
    return tokens().px("column_min_width", name)


def measure_column_width(text: str, extra_px: int = CELL_PADDING_PX, role: TextRoleName = "body") -> int:
    """Return the width in px, at text scale 1.0, that a column needs to show `text` in the font of the text role
    `role`. `extra_px` is added to the width of the text."""
    appearance = current_appearance()
    return round(appearance.font_metrics(role).horizontalAdvance(text) / appearance.scale) + extra_px


def make_age_column(context: WindowContext, get_since: Callable[[Any], datetime | None]) -> Column:
    """Return the table column that shows the age of each row. `get_since` returns the instant from which the age of a
    row is counted; None for a row without an age."""
    return Column(
        "age",
        context.translate("column.age"),
        get_min_column_width("age"),
        lambda row: words.make_age_cell(get_since(row), context),
        "age",
        make_spoken_text=lambda row: words.format_spoken_age(get_since(row), context),
        make_full_text=lambda row: wording.format_instant(get_since(row)) if get_since(row) else "",
    )


def make_badge_column(
    context: WindowContext, name: str, longest_word: str, get_badge_key: Callable[[Any], str]
) -> Column:
    """Return the column `name` with one badge per row. `get_badge_key` returns the key of a row's badge (such as
    `certainty.unknown`); `longest_word` is the longest word of these badges, from which the width of the column is
    computed.
    """
    title, width = (
        context.translate(f"column.{name}"),
        measure_column_width(longest_word, CELL_PADDING_PX + _BADGE_ICON_WIDTH_PX + 4),
    )
    return Column(
        name, title, width, lambda row: words.make_state_cell(get_badge_key(row), context.language), "state"
    )


def make_corporation_number_column(context: WindowContext, get_number: Callable[[Any], str | None]) -> Column:
    """Return the column of corporation numbers, shown in groups of digits. `get_number` returns the number of a row;
    None for a row without a number, whose cell is empty."""

    def format_text(row: Any) -> str:
        number_text = get_number(row)
        return wording.format_corporation_number(number_text) if number_text else ""

    title = context.translate("column.number_short")
    return Column("number", title, measure_column_width("8 8888 8888 8888", CELL_PADDING_PX - 4), format_text, "data")


def make_next_step_column(context: WindowContext, get_next_step: Callable[[Any], str]) -> Column:
    """Return the table column that shows the next step of each row. `get_next_step` returns the short text of a row's
    next step."""
    return Column(
        "next", context.translate("column.next_short"), measure_column_width("11-20 15:04"), get_next_step, "data"
    )
