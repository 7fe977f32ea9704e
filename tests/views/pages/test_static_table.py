"""Tests of a list that reads its rows again automatically while the pointer is on it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.tables.columns import Column, RowGroup
from console.views.widgets.display.placeholders import EmptyState
from tests.support.announcements import collect_announcements
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context


@dataclass(frozen=True, slots=True)
class TableLine:
    id: int
    version: int = 1


MakeTable = Callable[..., TableOrEmptyState]


@pytest.fixture
def make_shown_table(appearance: object, qtbot: QtBot) -> MakeTable:
    def make_table(*ids: int, grouped: bool = False, runner: InlineRunner | None = None) -> TableOrEmptyState:
        columns = [
            Column("id", "Number", 90, lambda line: str(line.id), "data"),
            Column("version", "Version", 90, lambda line: str(line.version), "data", is_stretched=True),
        ]
        group = (lambda line: RowGroup(line.id // 10, f"From {line.id // 10}0")) if grouped else None
        context = make_window_context()
        context.runner = runner or context.runner
        table = StaticTable(context, columns, lambda line: line.id, "Lines", get_group=group)
        both = TableOrEmptyState(table, EmptyState("nothing"))
        qtbot.addWidget(both)
        both.resize(400, 300)
        both.show()
        both.show_rows([TableLine(id) for id in ids])
        return both

    return make_table


def move_pointer_to(table: StaticTable, row: int) -> None:
    """Move the pointer to this row."""
    at = QPointF(20, table.rowViewportPosition(row) + 5)
    no_button = Qt.MouseButton.NoButton
    global_position = QPointF(table.viewport().mapToGlobal(at.toPoint()))
    event = QMouseEvent(
        QEvent.Type.MouseMove, at, global_position, no_button, no_button, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(table.viewport(), event)


def move_pointer_away(table: StaticTable) -> None:
    QApplication.sendEvent(table, QEvent(QEvent.Type.Leave))


def list_ids(table: StaticTable) -> list[int]:
    return [line.id for line in table.rows.iterate_loaded_rows()]


def get_row_at(table: StaticTable, at: QPoint) -> object:
    return table.rows.get_item(table.rowAt(at.y()))


@pytest.mark.parametrize("grouped", [False, True])
def test_no_row_moves_under_the_pointer(make_shown_table: MakeTable, grouped: bool) -> None:
    """While the pointer is on a row, an automatic read moves no row: it updates the contents at once, marks removed
    rows, and adds new rows above the pointer only when the pointer leaves.
    """
    both = make_shown_table(11, 12, 21, 22, grouped=grouped)
    table = both.table
    row = table.rows.find_row(21)
    assert row is not None
    move_pointer_to(table, row)
    at = QPoint(20, table.rowViewportPosition(row) + 5)
    both.show_rows([TableLine(10), TableLine(12, 2), TableLine(21, 2), TableLine(22)], is_automatic=True)
    assert list_ids(table) == [11, 12, 21, 22]
    assert get_row_at(table, at) == TableLine(21, 2)
    removed, stays = table.rows.find_row(11), table.rows.find_row(12)
    assert removed is not None
    assert stays is not None
    assert (table.get_row_tone(removed), table.get_row_tone(stays)) == ("care", None)
    both.show_rows(
        [TableLine(9), TableLine(10), TableLine(12, 2), TableLine(21, 2)], is_automatic=True
    )  # the newest answer counts
    move_pointer_away(table)
    assert list_ids(table) == [9, 10, 12, 21]
    assert [table.get_row_tone(place) for place in range(table.rows.row_count)] == [None] * table.rows.row_count


def test_rows_below_the_pointer_are_inserted_immediately(make_shown_table: MakeTable) -> None:
    """An automatic update inserts and removes rows below the mouse pointer at once: they don't move the row at the
    pointer.
    """
    both = make_shown_table(1, 2, 3)
    move_pointer_to(both.table, 1)
    both.show_rows([TableLine(1), TableLine(2), TableLine(3), TableLine(4)], is_automatic=True)
    assert list_ids(both.table) == [1, 2, 3, 4]
    both.show_rows([TableLine(1), TableLine(2), TableLine(4)], is_automatic=True)
    assert list_ids(both.table) == [1, 2, 4]


def test_requested_rows_are_shown_at_once(make_shown_table: MakeTable) -> None:
    """Rows that a person has requested are shown at once, wherever the pointer is. Automatically read rows are shown
    at once while the pointer is outside the list.
    """
    both = make_shown_table(2, 3)
    both.show_rows([TableLine(1), TableLine(2), TableLine(3)], is_automatic=True)
    assert list_ids(both.table) == [1, 2, 3]
    move_pointer_to(both.table, 1)
    both.show_rows([TableLine(0), TableLine(1), TableLine(2)])
    assert list_ids(both.table) == [0, 1, 2]


def test_the_last_row_stays_below_the_pointer(make_shown_table: MakeTable) -> None:
    """If an automatic read removes the last row under the pointer, the row stays, marked as removed. The text of the
    empty list appears when the pointer leaves.
    """
    both = make_shown_table(1)
    move_pointer_to(both.table, 0)
    both.show_rows([], is_automatic=True)
    assert both.currentWidget() is both.table
    assert both.table.get_row_tone(0) == "care"
    move_pointer_away(both.table)
    assert both.currentWidget() is both.empty_state


@pytest.mark.parametrize(("grouped", "remaining_ids", "shown"), [
    (False, (11, 12, 22), [11, 12, 21, 22]),
    (True, (11, 12, 22), [11, 12, 21, 22]),
    (True, (11, 31), [21, 11, 31]),
    (True, (13, 20, 31), [13, 21, 20, 31]),
    (False, (), [21]),
])  # fmt: skip
def test_a_current_row_stays_current_after_an_automatic_removal(
    make_shown_table: MakeTable, qtbot: QtBot, grouped: bool, remaining_ids: tuple[int, ...], shown: list[int]
) -> None:
    """If an automatic read removes the current row, the row stays current, marked as removed, so that a key never
    acts on the next row. Further reads change nothing about it. It disappears when another row becomes the current
    one.
    """
    both = make_shown_table(11, 12, 21, 22, grouped=grouped)
    table = both.table
    assert table.go_to_item(lambda line: line.id == 21)
    for _ in range(2):
        both.show_rows([TableLine(id) for id in remaining_ids], is_automatic=True)
        assert table.current_item == TableLine(21)
        assert table.is_current_row_removed
        assert list_ids(table) == shown
        assert both.currentWidget() is table
    if remaining_ids:
        assert table.go_to_item(lambda line: line.id == remaining_ids[-1])
        qtbot.waitUntil(lambda: list_ids(table) == list(remaining_ids))
        assert (table.current_item, table.is_current_row_removed) == (TableLine(remaining_ids[-1]), False)


@pytest.mark.parametrize(
    ("current_id", "ids_after_action", "expected_id"),
    [
        (12, (11, 13, 21, 12), 13),  # moved to the end of the list
        (13, (11, 12, 21), 12),  # removed; the row below it has another heading
        (21, (11, 12, 13), 13),
        (12, (11, 12, 13, 14, 21), 12),  # a new row below doesn't move it
        (12, (10, 11, 12, 13, 21), 12),
        (12, (11, 13, 12, 21), 13),
        (12, (), None),
    ],
)
def test_after_an_action_the_neighbour_of_a_moved_row_is_current(
    make_shown_table: MakeTable, current_id: int, ids_after_action: tuple[int, ...], expected_id: int | None
) -> None:
    """The person acts on the current row. If the action moves or removes the row, the next row below the same heading
    becomes the current one, or the previous one after the last row. A row that keeps its place stays current.
    """
    both = make_shown_table(11, 12, 13, 21, grouped=True)
    both.table.go_to_item(lambda line: line.id == current_id)
    both.show_rows([TableLine(id) for id in ids_after_action], after_action=True)
    current = both.table.current_item
    assert (current.id if isinstance(current, TableLine) else None) == expected_id


@pytest.mark.parametrize("after_action", [True, False])
def test_a_requested_update_keeps_the_record_that_it_moves_current(
    make_shown_table: MakeTable, after_action: bool
) -> None:
    """Only after the person's own action the selection leaves a row that has moved."""
    both = make_shown_table(1, 2, 3)
    both.table.go_to_row(0)
    both.show_rows([TableLine(2), TableLine(3), TableLine(1)], after_action=after_action)
    assert both.table.current_item == TableLine(2 if after_action else 1)


def test_a_removed_current_row_that_comes_back_has_no_mark(make_shown_table: MakeTable) -> None:
    """If the current row disappears in an automatic update and comes back in the next one, it isn't marked as removed
    any more. If a read that the person requested lacks the row, the row is removed.
    """
    both = make_shown_table(1, 2, 3)
    both.table.go_to_item(lambda line: line.id == 2)
    both.show_rows([TableLine(1), TableLine(3)], is_automatic=True)
    both.show_rows([TableLine(1), TableLine(2, 2), TableLine(3)], is_automatic=True)
    assert (both.table.current_item, both.table.is_current_row_removed) == (TableLine(2, 2), False)
    both.show_rows([TableLine(1), TableLine(3)])  # the person has requested this read
    assert list_ids(both.table) == [1, 3]
    assert both.table.current_item != TableLine(2, 2)


def test_a_row_that_the_person_has_removed_is_not_inserted_again(make_shown_table: MakeTable) -> None:
    """The person's own action removes the current row, and then an automatic read, which the same action has caused,
    brings the same rows. The table shows both at once, also while all threads of the runner are busy: the removed row
    leaves the table and isn't kept as the current one.
    """
    runner = InlineRunner()
    both = make_shown_table(1, 2, 3, runner=runner)
    both.table.go_to_item(lambda line: line.id == 2)
    runner.paused = True
    both.show_rows([TableLine(1), TableLine(3)])
    assert list_ids(both.table) == [1, 3]
    both.show_rows([TableLine(1), TableLine(3)], is_automatic=True)
    assert list_ids(both.table) == [1, 3]
    assert not both.table.is_current_row_removed


def test_a_removed_current_row_stays_after_the_pointer_has_left(make_shown_table: MakeTable) -> None:
    """The rows that the pointer has held back are shown when it leaves; the removed current row stays among them."""
    both = make_shown_table(1, 2, 3)
    both.table.go_to_item(lambda line: line.id == 2)
    move_pointer_to(both.table, 2)
    both.show_rows([TableLine(1), TableLine(3)], is_automatic=True)
    move_pointer_away(both.table)
    assert (both.table.current_item, both.table.is_current_row_removed) == (TableLine(2), True)
    assert list_ids(both.table) == [1, 2, 3]


def test_an_empty_list_is_announced(make_shown_table: MakeTable) -> None:
    """The reason for an empty list is announced each time that it replaces rows, but not again while it is shown."""
    with collect_announcements() as announcements:
        both = make_shown_table()
        both.show_rows([])
        assert [one.sentence for one in announcements] == ["nothing"]
        both.show_rows([TableLine(1)])
        both.show_rows([])
    assert [(one.sentence, one.is_urgent) for one in announcements] == [("nothing", False)] * 2


def test_ages_are_repainted_each_minute(appearance: object, qtbot: QtBot) -> None:
    """The table repaints its ages each minute without reading its rows again."""
    context, painted = make_window_context(), []

    def format_age(line: TableLine) -> str:
        painted.append(line.id)
        return "1 min"

    table = StaticTable(context, [Column("age", "Age", 90, format_age, "data")], lambda line: line.id, "Lines")
    qtbot.addWidget(table)
    table.show()
    table.show_rows([TableLine(1)])
    qtbot.waitUntil(lambda: bool(painted))
    QApplication.processEvents()
    painted.clear()
    context.minute_passed.emit()
    qtbot.waitUntil(lambda: bool(painted))


def test_a_column_without_any_text_is_hidden(appearance: object, qtbot: QtBot) -> None:
    """A column of `keys_hidden_if_empty` is hidden while no row has a text in it, but not in a table without rows."""
    columns = [
        Column("id", "Number", 90, lambda line: str(line.id), "data"),
        Column("version", "Version", 90, lambda line: str(line.version) if line.version > 1 else "", "data"),
    ]
    table = StaticTable(make_window_context(), columns, lambda line: line.id, "Lines")
    qtbot.addWidget(table)
    table.keys_hidden_if_empty = ("version",)
    table.resize(400, 300)
    table.show()
    for lines, is_hidden in (
        ([TableLine(1)], True),
        ([TableLine(1), TableLine(2, version=2)], False),
        ([TableLine(1)], True),
        ([], False),
    ):
        table.show_rows(lines)
        assert table.isColumnHidden(1) == is_hidden, lines
