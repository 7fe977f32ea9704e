"""Gives the Qt application the appearance of the product, and restores it after each test."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from console.views.theme.theme import current_appearance, install_appearance


@pytest.fixture(autouse=True)
def themed_application(qapp: QApplication) -> Iterator[None]:
    install_appearance(qapp, theme="light")
    yield
    current_appearance().set_text_scale(1.0)
    current_appearance().choose_theme("light")
