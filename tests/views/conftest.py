"""One application, dressed as on a desk: bundled fonts, light theme, text size 1; each test may change it."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from console.views.look.theme import Look, install, look
from console.views.widgets.ring import have_rings


@pytest.fixture(scope="session")
def dressed(qapp: QApplication) -> QApplication:
    install(qapp, theme="light")
    have_rings()
    return qapp


@pytest.fixture(autouse=True)
def the_look(dressed: QApplication) -> Iterator[Look]:
    """The look in force, put back after the test."""
    yield look()
    if (look().theme, look().scale, look().density) != ("light", 1.0, "comfortable"):
        look().density = "comfortable"
        look().scale = 1.0
        look().set_scale(1.0)
        look().choose("light")
