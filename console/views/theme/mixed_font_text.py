"""Text in two fonts: words in the text font, amounts, times, identifiers and keys in the figures font."""

import re
from functools import lru_cache
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter

from console.views.look.theme import look
from console.views.look.tokens import Role, tokens

_FIGURES = re.compile(
    r"[−-]?[¥₹]\s?\d[\d,]*(?:\.\d+)?"  # amounts
    r"|\d{4}-\d{2}-\d{2}(?:\s\d{1,2}:\d{2}(?::\d{2})?)?(?:\sJST)?"  # days and moments
    r"|(?:\d{2}-\d{2}\s)?\d{1,2}:\d{2}(?::\d{2})?(?:\s(?:JST|IST))?"
    r"|\b\d(?:\s\d{4}){3}\b"  # corporation numbers
    r"|\b[A-Z]{1,3}-[0-9A-Z]+\b"  # record numbers, support codes
    r"|\b[0-9a-f]{3,}…[0-9a-f]{3,}\b|…[0-9a-f]{3,}\b"  # shortened keys
    r"|\b\d{1,3}(?:,\d{3})+\b|\b\d{5,}\b"  # long numbers
    r"|\bv\d+\b|\b[a-z]{2,}-[a-z0-9]\b"  # versions, operators
)
_COMMA = re.compile(r"(,)")


@lru_cache(maxsize=4096)
def split_runs(text: str) -> tuple[tuple[str, bool], ...]:
    """The text in pieces, each with whether it is set in the figures font."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for found in _FIGURES.finditer(text):
        if found.start() > end:
            pieces.append((text[end : found.start()], False))
        pieces.append((found.group(), True))
        end = found.end()
    if end < len(text) or not pieces:
        pieces.append((text[end:], False))
    return tuple(pieces)


@lru_cache(maxsize=4096)
def amount_runs(text: str) -> tuple[tuple[str, bool], ...]:
    """An amount in pieces: digits in the figures font, the comma in the text font, else it leaves a hole."""
    return tuple((piece, piece != ",") for piece in _COMMA.split(text) if piece)


def rich(text: str, role: Role = "body", *, sentences: bool = False) -> str:
    """The text as Qt's rich text with its figures in the figures font; plain text comes back unchanged.

    `sentences` gives its lines the role's height, for text that wraps: the bundled fonts' own is too tight.
    """
    pieces = split_runs(text)
    line = look().line(role) if sentences and text else 0
    if not line and not any(figures for _, figures in pieces) and "\n" not in text:
        return text
    family = tokens().family("figures")
    spans = (
        f"<span style=\"font-family:'{family}'\">{escape(piece)}</span>" if figures else escape(piece)
        for piece, figures in pieces
    )
    style = f"margin:0;line-height:{line}px" if line else "margin:0"
    return f'<p style="{style}">' + "".join(spans).replace("\n", "<br>") + "</p>"


def tip(text: str) -> str:
    """The text for a tooltip, where Qt would obey what looks like markup."""
    return f"<span>{escape(text)}</span>" if "<" in text else text


def draw_runs(
    painter: QPainter,
    x: float,
    baseline: float,
    runs: tuple[tuple[str, bool], ...],
    role: Role = "body",
    *,
    bold: bool = False,
) -> float:
    """Draw the pieces on one baseline with the painter's pen; returns where they end."""
    for piece, figures in runs:
        painter.setFont(look().font(role, bold=bold, figures=figures))
        painter.drawText(int(x), int(baseline), piece)
        x += _advance(piece, role, bold, figures, look().scale)
    return x


def runs_width(runs: tuple[tuple[str, bool], ...], role: Role = "body", *, bold: bool = False) -> float:
    scale = look().scale
    return sum(_advance(piece, role, bold, figures, scale) for piece, figures in runs)


@lru_cache(maxsize=4096)
def _advance(text: str, role: Role, bold: bool, figures: bool, _scale: float) -> float:
    """How wide a piece is in px; measuring costs as much as drawing, and most words come again."""
    return look().metrics(role, bold=bold, figures=figures).horizontalAdvance(text)


def baseline_in(top: float, height: float, role: Role = "body") -> float:
    """The baseline that puts one line of a role in the middle of a box."""
    metrics = look().metrics(role)
    return round(top + (height + metrics.ascent() - metrics.descent()) / 2)


def elided(text: str, width: float, role: Role = "body", *, bold: bool = False) -> str:
    """The text cut at its end to a width in px."""
    figures = tokens().type[role].font == "figures"
    if _advance(text, role, bold, figures, look().scale) <= width:
        return text
    return look().metrics(role, bold=bold).elidedText(text, Qt.TextElideMode.ElideRight, width)
