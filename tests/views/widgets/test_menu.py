"""Tests of the menu with submenus."""

import pytest
from PySide6.QtGui import QColor

from console.views.theme.design_tokens import ThemeName
from console.views.theme.theme import Appearance
from console.views.widgets.controls.menu import Menu


@pytest.mark.parametrize("theme", ["light", "high_contrast"])
def test_the_arrow_of_a_submenu_has_the_colour_of_the_texts(appearance: Appearance, theme: ThemeName) -> None:
    """The arrow of a submenu has the colour of the texts, and that of a disabled submenu the colour of disabled
    texts.
    """
    appearance.choose_theme(theme)
    menu = Menu()
    menu.addMenu("Colours")
    menu.addMenu("Sizes").setEnabled(False)
    menu.resize(menu.sizeHint())
    image = menu.grab().toImage()
    for action, colour_name in zip(menu.actions(), ("text", "disabled_text"), strict=True):
        area = menu.actionGeometry(action)
        colours = {
            QColor(image.pixel(x, y)).name()
            for x in range(area.right() - 30, area.right() - 2)
            for y in range(area.top() + 2, area.bottom() - 2)
        }
        background = appearance.colour("base").name()
        assert background in colours
        strongest = max(colours, key=lambda name: abs(QColor(name).lightness() - QColor(background).lightness()))
        lightness = appearance.colour(colour_name).lightness()
        assert abs(QColor(strongest).lightness() - lightness) < 20  # the line is smoothed
