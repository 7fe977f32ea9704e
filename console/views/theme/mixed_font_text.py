"""Text in two fonts: words in the text font; amounts, times, identifiers and keys in the figures font."""

import re
from functools import lru_cache
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter

from console.views.theme.design_tokens import TypeRoleName, tokens
from console.views.theme.theme import current_appearance

_FIGURE_PATTERN = re.compile(
    r"[−-]?[¥₹]\s?\d[\d,]*(?:\.\d+)?"  # amounts
    r"|\d{4}-\d{2}-\d{2}(?:\s\d{1,2}:\d{2}(?::\d{2})?)?(?:\sJST)?"  # days and instants
    r"|(?:\d{2}-\d{2}\s)?\d{1,2}:\d{2}(?::\d{2})?(?:\s(?:JST|IST))?"
    r"|\b\d(?:\s\d{4}){3}\b"  # corporation numbers
    r"|\b[A-Z]{1,3}-[0-9A-Z]+\b"  # record numbers, support codes
    r"|\b[0-9a-f]{3,}…[0-9a-f]{3,}\b|…[0-9a-f]{3,}\b"  # shortened keys
    r"|\b\d{1,3}(?:,\d{3})+\b|\b\d{5,}\b"  # long numbers
    r"|\bv\d+\b|\b[a-z]{2,}-[a-z0-9]\b"  # versions, operators
)
_COMMA_PATTERN = re.compile(r"(,)")


@lru_cache(maxsize=4096)
def split_runs(text: str) -> tuple[tuple[str, bool], ...]:
    """Split a text into pieces (text, uses the figures font)."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in _FIGURE_PATTERN.finditer(text):
        if match.start() > end:
            pieces.append((text[end : match.start()], False))
        pieces.append((match.group(), True))
        end = match.end()
    if end < len(text) or not pieces:
        pieces.append((text[end:], False))
    return tuple(pieces)


@lru_cache(maxsize=4096)
def amount_runs(text: str) -> tuple[tuple[str, bool], ...]:
    """Split an amount into pieces (text, uses the figures font): digits use the figures font, commas the text font,
    in which a comma leaves no gap.
    """
    return tuple((piece, piece != ",") for piece in _COMMA_PATTERN.split(text) if piece)


def rich_text(text: str, role: TypeRoleName = "body", *, sentences: bool = False) -> str:
    """Return the text as Qt rich text in which amounts, times, identifiers and keys use the figures font. A text
    without such pieces and without line breaks is returned unchanged.

    With `sentences`, the line height of the role is set for a text that wraps, because the own line height of the
    bundled fonts is too small.
    """
    pieces = split_runs(text)
    line_px = current_appearance().line_height(role) if sentences and text else 0
    if not line_px and not any(figures for _, figures in pieces) and "\n" not in text:
        return text
    family = tokens().family("figures")
    spans = (
        f"<span style=\"font-family:'{family}'\">{escape(piece)}</span>" if figures else escape(piece)
        for piece, figures in pieces
    )
    style = f"margin:0;line-height:{line_px}px" if line_px else "margin:0"
    return f'<p style="{style}">' + "".join(spans).replace("\n", "<br>") + "</p>"


def tooltip_text(text: str) -> str:
    """Return the text for a tooltip; a text with "<" is escaped, because Qt could interpret it as markup."""
    return f"<span>{escape(text)}</span>" if "<" in text else text


def draw_runs(
    painter: QPainter,
    x: float,
    baseline: float,
    runs: tuple[tuple[str, bool], ...],
    role: TypeRoleName = "body",
    *,
    bold: bool = False,
) -> float:
    """Draw pieces of text (see split_runs) side by side on one baseline, with the pen of the painter. Return the x
    coordinate of their right end.
    """
    for piece, figures in runs:
        painter.setFont(current_appearance().font(role, bold=bold, figures=figures))
        painter.drawText(int(x), int(baseline), piece)
        x += _piece_width(piece, role, bold, figures, current_appearance().scale)
    return x


def runs_width(runs: tuple[tuple[str, bool], ...], role: TypeRoleName = "body", *, bold: bool = False) -> float:
    """Return the width in px of pieces of text (see split_runs) side by side on one line."""
    scale = current_appearance().scale
    return sum(_piece_width(piece, role, bold, figures, scale) for piece, figures in runs)


@lru_cache(maxsize=4096)
def _piece_width(text: str, role: TypeRoleName, bold: bool, figures: bool, _scale: float) -> float:
    """Return the width of a piece of text in px. The result is cached, because measuring a text costs as much as
    drawing it and most pieces occur again.
    """
    return current_appearance().font_metrics(role, bold=bold, figures=figures).horizontalAdvance(text)


def baseline_in(top: float, height: float, role: TypeRoleName = "body") -> float:
    """Return the y coordinate of the baseline that centres one line of text in a box."""
    metrics = current_appearance().font_metrics(role)
    return round(top + (height + metrics.ascent() - metrics.descent()) / 2)


def elide_text(text: str, width: float, role: TypeRoleName = "body", *, bold: bool = False) -> str:
    """Return the text; if it is wider than `width` px, its end is replaced by "…"."""
    figures = tokens().type[role].font == "figures"
    if _piece_width(text, role, bold, figures, current_appearance().scale) <= width:
        return text
    return current_appearance().font_metrics(role, bold=bold).elidedText(text, Qt.TextElideMode.ElideRight, width)
