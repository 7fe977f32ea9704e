"""Fixtures for tests of widgets: one application with the bundled fonts, the light theme and text size 1. A test may
change theme and text size.
"""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from console.views.theme.plain_clipboard import install_plain_clipboard
from console.views.theme.theme import Appearance, current_appearance, install_appearance
from console.views.widgets.accessibility import install_accessibility
from console.views.widgets.controls.focus_ring import install_focus_ring


@pytest.fixture(scope="session")
def themed_application(qapp: QApplication) -> QApplication:
    install_appearance(qapp, theme="light")
    install_accessibility(qapp)
    install_focus_ring()
    install_plain_clipboard()
    return qapp


@pytest.fixture(autouse=True)
def appearance(themed_application: QApplication) -> Iterator[Appearance]:
    """Yield the current appearance, and restore the default appearance after the test."""
    yield current_appearance()
    if (current_appearance().theme, current_appearance().scale, current_appearance().density) != (
        "light",
        1.0,
        "comfortable",
    ):
        current_appearance().density = "comfortable"
        current_appearance().scale = 1.0
        current_appearance().set_text_scale(1.0)
        current_appearance().choose_theme("light")
