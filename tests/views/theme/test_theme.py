"""Tests that the theme, the text size and the bundled fonts reach every part of the application, and that lines and
controls have room for each text size.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6 import QtWidgets
from PySide6.QtGui import QFont, QFontInfo, QPalette, QTextLayout
from PySide6.QtWidgets import QApplication, QLabel, QWidget

import console
from console.views.theme.design_tokens import TextRoleName, ThemeName, tokens
from console.views.theme.style_sheet import make_style_sheet
from console.views.theme.theme import Appearance, parse_colour


@pytest.mark.parametrize("theme", ["light", "dark", "high_contrast"])
def test_choosing_a_theme_changes_palette_style_sheet_and_colours(
    appearance: Appearance, themed_application: QApplication, theme: ThemeName
) -> None:
    """Choosing a theme changes Qt's palette, the style sheet and the colours that delegates read, all at the same
    time.
    """
    appearance.choose_theme(theme)
    colours = tokens().get_colours(theme)
    assert themed_application.palette().color(QPalette.ColorRole.Window).name().upper() == colours["base"]
    assert colours["border"] in themed_application.styleSheet()
    assert appearance.colour("text").name().upper() == colours["text"]


def test_every_placeholder_of_the_style_sheet_is_filled() -> None:
    """Every placeholder in the style sheet is replaced by a value of the design tokens."""
    assert "$" not in make_style_sheet("dark", 1.5)


def test_a_message_of_the_tray_is_readable_in_the_dark_theme(
    appearance: Appearance, themed_application: QApplication
) -> None:
    """Where Qt itself draws the messages of the tray, it draws them on light yellow in every theme."""

    class QBalloonTip(QWidget):
        """A widget with the name of Qt's own class, which PySide doesn't have."""

    balloon = QBalloonTip()
    label = QLabel("Order S-100028 was handed over to you.", balloon)
    appearance.choose_theme("dark")
    label.ensurePolished()
    assert label.palette().color(QPalette.ColorRole.WindowText).name() == "#000000"


def test_every_class_in_the_sheet_is_a_widget_class() -> None:
    """Every class name in the style sheet is the name of a widget class. Qt reports no error for a rule whose class
    was renamed.
    """
    names: set[str] = set()
    for selectors in re.findall(r"([^{}]+)\{[^{}]*\}", make_style_sheet("light")):
        names |= set(re.findall(r"(?<![\w#:\[\"=])[A-Z]\w+", selectors))
    assert {"NotificationBar", "QLineEdit"} <= names
    defined = {
        node.name
        for file in (Path(console.__file__).parent / "views").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    private = {"QBalloonTip"}  # the class of Qt's messages of the tray
    assert {name for name in names - private if name not in defined and not hasattr(QtWidgets, name)} == set()


def test_the_bundled_fonts_are_used(appearance: Appearance) -> None:
    """Latin words are set in Noto Sans, kana and kanji in BIZ UDPGothic, and figures in BIZ UDGothic, at the pixel
    size of their type role. The rupee sign comes from a bundled font too.
    """
    assert QFontInfo(appearance.font("body")).family() == "Noto Sans"
    assert list_drawn_families("返金 ₹", appearance.font("body")) == {"BIZ UDPGothic", "Noto Sans"}
    assert QFontInfo(appearance.font("data")).family() == "BIZ UDGothic"
    assert appearance.font("title").pixelSize() == tokens().type["title"].font_size_px


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.5, 2.0])
@pytest.mark.parametrize("role", tokens().type)
def test_a_line_has_room_for_every_letter(appearance: Appearance, role: TextRoleName, scale: float) -> None:
    """The painted pixels of descenders, of accented capitals, of kana with a voicing mark and of currency signs are
    inside the line. A descender is long enough that its letter doesn't look cut off.
    """
    appearance.set_text_scale(scale)
    ink = appearance.font_metrics(role).tightBoundingRect("ÅÄĝpgyjQ,;()¥₹ゔぷ鬱｜")
    assert ink.height() <= appearance.line_height(role)
    if tokens().type[role].font == "text":
        assert (
            appearance.font_metrics(role).tightBoundingRect("p").bottom() >= 0.2 * appearance.font(role).pixelSize()
        )


def list_drawn_families(text: str, font: QFont) -> set[str]:
    """Return the font families that Qt uses for this text."""
    layout = QTextLayout(text, font)
    layout.beginLayout()
    layout.createLine()
    layout.endLayout()
    return {run.rawFont().familyName() for run in layout.glyphRuns()}


def test_larger_text_makes_rows_and_controls_higher(appearance: Appearance) -> None:
    """At 200 % text size a row and a button are at least as high as a line of text."""
    appearance.set_text_scale(2.0)
    assert appearance.font("body").pixelSize() == 2 * tokens().type["body"].font_size_px
    assert appearance.row_height() >= appearance.line_height("body")
    assert appearance.control_height("button") >= appearance.line_height("body")


def test_digits_have_one_width(appearance: Appearance) -> None:
    """All digits have the same width, so that figures in a column are aligned."""
    widths = {appearance.font_metrics("data").horizontalAdvance(digit) for digit in "0123456789"}
    assert len(widths) == 1


def test_an_rgba_colour_keeps_its_alpha_value() -> None:
    """A colour that is written as `rgba()` keeps its alpha value."""
    assert parse_colour("rgba(27,31,36,0.45)").alpha() == 115


def test_figures_in_a_bold_line_are_bold_from_the_first_window_on() -> None:
    """Loading the font of dialog titles also loads the bold figures font, because the markup of a title uses that
    font.
    """
    first = (
        "from PySide6.QtGui import QFontDatabase; from PySide6.QtWidgets import QApplication; "
        "from console.views.theme.fonts import font; app = QApplication([]); font('dialog_title'); "
        "print([QFontDatabase.styles(family) for family in ('BIZ UDPGothic', 'BIZ UDGothic')])"
    )
    command = [sys.executable, "-c", first]
    child = subprocess.run(
        command, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, capture_output=True, text=True
    )
    assert child.stdout.strip() == "[['Bold'], ['Bold']]", child.stderr
