"""Tests of the dialog of unfinished work while the database doesn't answer, without unfinished work, and with a row
that it can't open."""

from contextlib import nullcontext
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.annotations.mentions import Mention
from console.domain.bulk.records import BulkRunWithHolder
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.records import BulkAction, BulkRun, Note, Take
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.announcements import collect_announcements
from tests.views.invented_checks import NOW, make_window_context


class UnreachableServices:
    """Services of a desk that asks a worker to act; each read fails while `is_lost` is True."""

    training = None
    asks_worker = True

    def __init__(self) -> None:
        self.is_lost = True

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def __getattr__(self, _name: str) -> "UnreachableServices":
        return self

    def __call__(self, *_arguments: object, **_more: object) -> tuple[()]:
        if self.is_lost:
            raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)
        return ()


def make_dialog(qtbot: QtBot, services: UnreachableServices) -> UnfinishedWorkDialog:
    context = make_window_context()
    context.store_services(services)  # type: ignore[arg-type]  # the dialog reads everything from it
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.resize(1280, 800)
    return UnfinishedWorkDialog(context, parent)


def test_failed_reads_show_one_bar(qtbot: QtBot) -> None:
    """The dialog reads the person's requests every second. While these reads fail, it shows one bar, not one more for
    each read; the bar disappears when a read succeeds."""
    services = UnreachableServices()
    dialog = make_dialog(qtbot, services)

    def count_bars() -> int:
        return sum(not bar.isHidden() for bar in dialog.findChildren(NotificationBar))

    for _ in range(5):
        dialog._read_desk_requests()
    assert count_bars() == 1
    services.is_lost = False
    dialog._read_desk_requests()
    assert count_bars() == 0


def test_enter_on_a_row_without_a_page_speaks_the_reason(qtbot: QtBot) -> None:
    """The footer shows why the row can't be opened. A screen reader, which isn't at the footer, speaks it."""
    dialog = make_dialog(qtbot, UnreachableServices())
    with collect_announcements() as announcements:
        dialog._open_item(None)
    assert [announcement.sentence for announcement in announcements] == [dialog.hint.plain]
    assert dialog.hint.plain


def test_the_state_of_a_run_is_repeated_only_if_its_cell_is_cut(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line below the table of bulk runs has the text of the row's last cell only while the cell is cut."""
    dialog = make_dialog(qtbot, UnreachableServices())
    run_item = BulkRunWithHolder(BulkRun(4, BulkAction.PROBE, "frozen", "op-a", NOW, 9, 9, 0))
    for is_cut in (True, False):
        monkeypatch.setattr(dialog.runs_table, "is_cell_cut", lambda _key, _row, is_cut=is_cut: is_cut)
        dialog._show_row_sentence(run_item)
        assert bool(dialog.row_sentence_label.plain) is is_cut


def test_a_tab_without_rows_has_no_buttons_for_a_row(qtbot: QtBot) -> None:
    """A tab without rows has neither a button that needs a selected row nor the advice to select one. Before the rows
    are read, the button "open" is there."""
    services = UnreachableServices()
    dialog = make_dialog(qtbot, services)
    assert not dialog.main_button.isHidden()
    services.is_lost = False
    dialog.read_lists()
    for tab_name in dialog.TAB_NAMES:
        dialog.show_tab(tab_name)
        row_widgets = dialog.main_button, dialog.own_takes, dialog.mention_buttons, dialog.withdraw_button
        assert all(widget.isHidden() for widget in row_widgets), tab_name
        assert dialog.hint.plain == "", tab_name


def test_the_refusal_of_a_left_open_row_names_its_record(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person marks a mention as done and gives back a taken record. Each refusal names its record, because the
    person may have selected another row before it arrives."""
    dialog = make_dialog(qtbot, UnreachableServices())
    take = Take("payment", 6, "op-a", NOW, NOW)
    mention = Mention(3, "op-a", NOW, Note(1, "payment", 7, "op-b", "@op-a look", NOW))
    monkeypatch.setattr(dialog._context, "operator", "op-a")
    dialog._number_by_record.update({"payment 6": "ORD-6", "payment 7": "ORD-7"})
    dialog.own_takes.update_for_row(take)
    dialog.own_takes._give_back_subject()
    assert "ORD-6" in dialog._bar_by_name["act"].sentence
    dialog.mention_buttons.update_for_row(mention)
    dialog.mention_buttons._mark_done()
    assert "ORD-7" in dialog._bar_by_name["act"].sentence
