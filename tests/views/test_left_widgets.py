"""Tests that windows which a test leaves open are deleted after the test, by tests/support/left_widgets.py."""

import gc

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from shiboken6 import Shiboken

from tests.support.left_widgets import delete_new_windows, list_window_addresses


def make_self_holding_page() -> None:
    """Make a page to which only its own button has a reference, through the function that the button calls."""
    page = QWidget()
    button = QPushButton(page)
    button.clicked.connect(lambda: page.setEnabled(False))


def test_a_page_that_holds_itself_is_deleted(qapp: QApplication) -> None:
    """A page that Python doesn't free, because it refers to itself, is deleted with the widgets that a test has
    left.
    """
    before = list_window_addresses()
    make_self_holding_page()
    gc.collect()
    assert len(list_window_addresses() - before) == 1, "Python frees it by itself: then nothing needs to be deleted"
    delete_new_windows(before)
    assert list_window_addresses() <= before


def test_a_window_that_existed_before_the_test_is_not_deleted(qapp: QApplication) -> None:
    """A window that existed before the test, such as the window of a longer-lived fixture, is not deleted. Its child
    widgets are not deleted either.
    """
    window = QWidget()
    part = QObject(window)
    delete_new_windows(list_window_addresses())
    assert Shiboken.isValid(window)
    assert Shiboken.isValid(part)
