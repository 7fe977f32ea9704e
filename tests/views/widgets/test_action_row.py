"""Tests of the row of action buttons of a record, which shows the reasons why buttons are disabled."""

import random

from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.views.widgets.base import make_column
from console.views.widgets.controls.action_row import ActionRow
from console.views.widgets.controls.buttons import KeyButton

STEP_COUNT = 40


def make_page(qtbot: QtBot) -> tuple[QWidget, QWidget, ActionRow, list[KeyButton]]:
    """Return a window, its page, the row of three buttons on the page, and the list of these buttons."""
    window, page = QWidget(), QWidget()
    qtbot.addWidget(window)
    left, right = [KeyButton("Open payment")], [KeyButton("Take"), KeyButton("Note")]
    row = ActionRow(
        left,
        right,
        [KeyButton("Print")],
        menu_button_text="More",
        format_menu_text=lambda text, reason: text + reason,
    )
    bar = QWidget()
    bar.setLayout(make_column(row))
    page.setLayout(make_column(None, bar))
    QVBoxLayout(window).addWidget(page)
    window.resize(1000, 200)
    window.show()
    return window, page, row, [*left, *right]


def test_no_button_of_the_row_is_hidden_and_shown_in_one_step(qtbot: QtBot, appearance: object) -> None:
    """No button is hidden while it is being shown. Buttons are disabled and enabled in any order, the page is shown,
    and the window changes its width. Qt treats a widget that is hidden while Qt shows it as shown, but doesn't paint
    it.
    """
    window, page, row, buttons = make_page(qtbot)

    def disable_all_buttons() -> None:
        for button in buttons:
            button.disable_with_reason("The record is still being read. Wait until it is shown.")

    def enable_all_buttons() -> None:
        for button in buttons:
            button.enable_button()

    def change_one_button() -> None:
        button = random.choice(buttons)
        if button.isEnabled():
            button.disable_with_reason("a word " * random.randint(1, 9))
        else:
            button.enable_button()

    acts = (
        disable_all_buttons,
        enable_all_buttons,
        change_one_button,
        lambda: page.setVisible(page.isHidden()),
        lambda: window.resize(random.choice((400, 600, 800, 1000, 1280)), 200),
        QApplication.processEvents,
    )
    for _ in range(STEP_COUNT):
        random.choice(acts)()
        wrong = [part for part in row.findChildren(QWidget) if part.isHidden() and part.isVisible()]
        assert wrong == []
    page.show()
    disable_all_buttons()
    window.resize(1280, 200)
    QApplication.processEvents()
    shown = [label.plain for label in row._reason_labels.values() if label.isVisible()]
    assert shown == ["The record is still being read. Wait until it is shown."]


def test_a_reason_takes_at_most_two_lines(qtbot: QtBot, appearance: object) -> None:
    """A reason beside a button takes at most two lines, at each width of the row, also if a longer reason stands in
    the same row."""
    window, _, row, buttons = make_page(qtbot)
    buttons[0].disable_with_reason("Nothing was paid, so nothing can be refunded to the customer. " * 3)
    buttons[1].disable_with_reason("The outcome of this payment is known already and confirmed by the gateway.")
    for width in range(300, 1800, 50):
        window.resize(width, 200)
        QApplication.processEvents()
        for label in filter(QWidget.isVisible, row._reason_labels.values()):
            assert label.heightForWidth(label.width()) <= 2 * label.heightForWidth(2_000) + 1, (width, label.plain)
