"""Tests of the table of records on a page: its keys and mouse actions, and that the current row stays current and
visible.
"""

from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, QTimer
from PySide6.QtGui import QAccessible, QMouseEvent, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.views.runtime.page_fetch import FetchedPage
from console.views.tables.columns import AgeCell, RowGroup, TextWithAmount
from console.views.tables.delegates import CELL_PADDING_PX, CellBox
from console.views.tables.record_table import RecordTable
from console.views.theme.design_tokens import ThemeName
from console.views.theme.theme import Appearance, current_appearance
from console.wording.sentences.formats import NO_VALUE
from tests.legible.ink import record_drawn_texts
from tests.views.tables.conftest import PAGE_SIZE, ModelWithTester, VersionedRow

MakeTableFunction = Callable[..., RecordTable]


@pytest.fixture
def make_record_table(make_model_with_tester: Callable[..., ModelWithTester], qtbot: QtBot) -> MakeTableFunction:
    def make_table(count: int, **keys: Any) -> RecordTable:
        view = RecordTable(make_model_with_tester(count, **keys).model, "Credit checks")
        qtbot.addWidget(view)
        view.resize(600, 28 + 6 * 32)
        view.show()
        view.activateWindow()
        view.setFocus()
        qtbot.waitUntil(view.hasFocus)
        return view

    return make_table


def group_in_pairs(row: VersionedRow) -> RowGroup:
    return RowGroup(row.id // 2, f"Group {row.id // 2}")


def test_the_focus_brings_a_current_row(make_record_table: MakeTableFunction) -> None:
    """When a list gets the focus, its first row becomes current, and not the heading above it."""
    view = make_record_table(5, group_of=group_in_pairs)
    assert view.current_item == VersionedRow(0)
    assert view.focus_ring_row == 1


def test_arrow_keys_move_past_group_headings(make_record_table: MakeTableFunction, qtbot: QtBot) -> None:
    """From the last row of a group, the Down key moves to the first row of the next group, past the heading."""
    view = make_record_table(5, group_of=group_in_pairs)
    for expected in (1, 2, 3, 4):
        QTest.keyClick(view, Qt.Key.Key_Down)
        assert view.current_item == VersionedRow(expected)
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert view.current_item == VersionedRow(3)


def test_home_and_end_go_to_the_first_and_last_row(make_record_table: MakeTableFunction) -> None:
    """End selects the last row, and Home the first one below the heading, with and without Ctrl."""
    view = make_record_table(5, group_of=group_in_pairs)
    for modifiers in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier):
        QTest.keyClick(view, Qt.Key.Key_End, modifiers)
        assert view.current_item == VersionedRow(4)
        QTest.keyClick(view, Qt.Key.Key_Home, modifiers)
        assert view.current_item == VersionedRow(0)


def test_enter_opens_and_space_selects_the_current_row(make_record_table: MakeTableFunction, qtbot: QtBot) -> None:
    """The key Enter opens the current row as the service returned it. The key Space ticks the row's check box."""
    view = make_record_table(5)
    QTest.keyClick(view, Qt.Key.Key_Down)
    with qtbot.waitSignal(view.opened) as opened:
        QTest.keyClick(view, Qt.Key.Key_Return)
    assert opened.args == [VersionedRow(1)]
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert view.rows.selected_keys == {1}


def test_the_header_check_box_has_a_dash_while_some_rows_are_selected(make_record_table: MakeTableFunction) -> None:
    """The check box in the header looks different without, with some and with all rows selected, and a screen reader
    says that some are selected.
    """
    view = make_record_table(3)
    view.enable_sorting()
    header = view.horizontalHeader()
    images, spoken_titles = [], []
    for selected_keys in ((), (0,), (0, 1, 2)):
        view.rows.select_only(selected_keys)
        images.append(header.grab(QRect(0, 0, 40, header.height())).toImage())
        spoken_titles.append(view.rows.headerData(0, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole))
    assert all(first != second for first, second in combinations(images, 2))
    assert spoken_titles == ["Select", "Select, some rows selected", "Select"]


def test_shift_and_arrow_keys_extend_the_selection(make_record_table: MakeTableFunction) -> None:
    """Shift with the arrow keys extends the selection from the row where it began, in both directions and past
    headings. Any other key ends this extension.
    """
    view = make_record_table(6, group_of=group_in_pairs)
    shift = Qt.KeyboardModifier.ShiftModifier
    for expected in ({0, 1}, {0, 1, 2}):
        QTest.keyClick(view, Qt.Key.Key_Shift)
        QTest.keyClick(view, Qt.Key.Key_Down, shift)
        assert view.rows.selected_keys == expected
    QTest.keyClick(view, Qt.Key.Key_Up, shift)
    assert view.rows.selected_keys == {0, 1}
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.current_item == VersionedRow(3)
    QTest.keyClick(view, Qt.Key.Key_Down, shift)
    assert view.rows.selected_keys == {0, 1, 3, 4}


def test_a_letter_key_does_not_search_the_table(make_record_table: MakeTableFunction, qtbot: QtBot) -> None:
    """A letter key doesn't search in the table, because the page uses it as a shortcut."""
    view = make_record_table(5)
    QTest.keyClick(view, Qt.Key.Key_A)
    assert view.current_item == VersionedRow(0)


def test_the_box_is_ticked_by_mouse(make_record_table: MakeTableFunction, qtbot: QtBot) -> None:
    """A click on the check box selects the row. A double click elsewhere in the row opens it."""
    view = make_record_table(5)
    middle = view.rowViewportPosition(2) + 16
    plain = Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, plain, QPoint(18, middle))
    assert view.rows.selected_keys == {2}
    with qtbot.waitSignal(view.opened) as opened:
        QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, plain, QPoint(200, middle))
    assert opened.args == [VersionedRow(2)]


def test_a_re_read_keeps_row_choice_and_scroll(make_record_table: MakeTableFunction, qtbot: QtBot) -> None:
    """After a repeated read with new rows above, the same record is current and selected, at the same height on the
    screen.
    """
    view = make_record_table(3 * PAGE_SIZE)
    view.rows.set_visible_rows(0, PAGE_SIZE)
    view.go_to_row(8)
    view.verticalScrollBar().setValue(6 * 32 + 5)
    at = view.rowViewportPosition(8)
    store = view.rows._fetch_page.__self__  # type: ignore[union-attr]  # the store's bound method
    store.rows |= {-1: VersionedRow(-1), -2: VersionedRow(-2)}
    view.rows.read_rows_again()
    assert view.current_item == VersionedRow(8)
    assert view.current_row == 10
    assert view.rowViewportPosition(10) == at


def test_the_current_row_stays_in_sight(make_record_table: MakeTableFunction, qtbot: QtBot) -> None:
    """The current row stays visible when a re-read moves it to another group, and when a bar reduces the height of
    the table.
    """
    view, rows = make_record_table(0, group_of=group_in_pairs), [VersionedRow(number) for number in range(9)]
    view.rows.read_query(lambda _cursor, _limit: FetchedPage(rows))
    view.go_to_row(1)
    rows.append(rows.pop(0))
    view.rows.read_rows_again()
    assert view.current_item == VersionedRow(0)

    def is_current_row_visible() -> bool:
        top = view.rowViewportPosition(view.current_row)
        return 0 <= top <= view.viewport().height() - view.rowHeight(view.current_row)

    qtbot.waitUntil(is_current_row_visible)
    view.resize(600, 28 + 4 * 32)
    qtbot.waitUntil(is_current_row_visible)
    view.verticalScrollBar().setValue(0)
    view.resize(600, 28 + 3 * 32)
    assert view.verticalScrollBar().value() == 0, "who has scrolled away isn't taken back"


def test_the_current_row_stays_in_sight_while_the_table_is_hidden(
    make_record_table: MakeTableFunction, qtbot: QtBot
) -> None:
    """While another page is shown, a bar makes the pages lower, so the table is lower when it is shown again. Its
    current row, which was the last visible one before, is visible then."""
    view = make_record_table(9)
    view.go_to_row(8)
    assert view.is_current_item_visible_in_height(view.viewport().height())
    for height_px in (28 + 3 * 32, 28 + 6 * 32, 28 + 2 * 32):
        view.hide()
        view.resize(600, height_px)
        view.show()
        qtbot.waitUntil(lambda: view.height() == view.viewport().height() + 28)
        assert view.is_current_item_visible_in_height(view.viewport().height()), height_px


def test_scrolling_reads_the_visible_pages(make_record_table: MakeTableFunction) -> None:
    """Scrolling to the end reads the next page each time, until the whole list is read."""
    view = make_record_table(3 * PAGE_SIZE)
    for _ in range(12):
        view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    assert view.rows.has_read_last_page
    assert view.rows.rowCount() == 3 * PAGE_SIZE


def test_a_screen_reader_gets_rows(make_record_table: MakeTableFunction) -> None:
    """In the accessibility tree the table has its name, and each cell has the spoken text of its row."""
    view = make_record_table(3)
    tree = QAccessible.queryAccessibleInterface(view)
    assert tree is not None
    assert tree.text(QAccessible.Text.Name) == "Credit checks"
    names = [tree.child(number).text(QAccessible.Text.Name) for number in range(tree.childCount())]
    assert "1 min, A-1, 12,000 yen, Bought v1" in names


def read_pixel(view: RecordTable, x: int, y: int) -> str:
    return view.viewport().grab().toImage().pixelColor(x, y).name().upper()


def test_the_focus_ring_is_inside_the_row_and_disappears_without_the_focus(
    make_record_table: MakeTableFunction, qtbot: QtBot
) -> None:
    """While the list has the focus, the current row has the colour of a selection and a focus ring inside its edges.
    Without the focus it has this colour and a mark at the left instead.
    """
    view, values = make_record_table(3), current_appearance().colours_by_name
    assert read_pixel(view, 300, 0) == values["focus"]
    assert read_pixel(view, 300, 5) == values["selected"]
    view.clearFocus()
    assert read_pixel(view, 300, 0) == values["selected"]
    assert read_pixel(view, 1, 5) == values["accent"]


def test_only_the_row_under_the_mouse_is_tinted(make_record_table: MakeTableFunction) -> None:
    """The row under the mouse, and no other row, has the hover colour over its whole width."""
    view, values = make_record_table(3), current_appearance().colours_by_name
    position, none = QPointF(100, 48), Qt.MouseButton.NoButton
    moved = QMouseEvent(QEvent.Type.MouseMove, position, position, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(view.viewport(), moved)
    assert read_pixel(view, 590, 40) == values["hover"]
    assert read_pixel(view, 590, 72) == values["base"]


def test_a_mark_says_that_a_row_has_left_the_list(make_record_table: MakeTableFunction) -> None:
    """A row that is no longer in the list has a mark at the left, and its accessible text says so, until the list is
    read again.
    """
    view, values = make_record_table(3), current_appearance().colours_by_name
    view.mark_removed_rows([2], "gone")
    assert read_pixel(view, 1, 70) == values["care"]
    assert [view.rows.format_spoken_text(view.rows.get_item(row)).endswith(", gone") for row in range(3)] == [
        False,
        False,
        True,
    ]
    view.rows.read_rows_again()
    assert not view.rows.is_row_removed(2)
    assert read_pixel(view, 1, 70) == values["base"]


def test_scrolling_paints_only_new_rows(
    make_record_table: MakeTableFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scrolling by two rows paints only the rows that come into view, and not the whole list."""
    view = make_record_table(40)
    QApplication.processEvents()  # whatever showing the window still wants to paint
    painted: list[int] = []
    row = view._row_painter._paint_row

    def record_painted_row(*args: Any) -> None:
        painted.append(args[1])
        row(*args)

    monkeypatch.setattr(view._row_painter, "_paint_row", record_painted_row)
    view.verticalScrollBar().setValue(64)
    view.viewport().repaint(view.viewport().rect().adjusted(0, 6 * 32 - 64, 0, 0))
    assert set(painted) <= {6, 7, 8}


@pytest.mark.parametrize("paused", [True, False])
def test_placeholders_appear_only_after_a_delay(
    make_model_with_tester: Callable[..., ModelWithTester], paused: bool, qtbot: QtBot
) -> None:
    """A read that takes less than 150 ms leaves the rows unchanged until its end. During a longer read the table
    shows bars without animation.
    """
    model = make_model_with_tester(5, paused=paused).model
    (timer,) = (timer for timer in model.findChildren(QTimer) if timer.interval() == 150)
    assert model.is_skeleton is False  # no event was handled yet, however slow the machine is
    assert timer.isActive() is paused
    view = RecordTable(model, "Credit checks")
    qtbot.addWidget(view)
    view.resize(600, 28 + 6 * 32)
    view.show()
    if not paused:
        qtbot.waitExposed(view)
        assert model.is_skeleton is False
        return
    qtbot.waitUntil(lambda: model.is_skeleton)
    columns = range(45, 560)
    image = view.viewport().grab().toImage()
    assert any(
        image.pixelColor(x, 16).name().upper() == current_appearance().colours_by_name["sunken"] for x in columns
    )


def test_compact_rows_are_24_px(make_record_table: MakeTableFunction, appearance: Appearance) -> None:
    """A change of the density changes the height of the rows on the screen; compact rows are 24 px high."""
    view = make_record_table(5)
    assert view.rowHeight(0) == 32
    appearance.set_density("compact")
    assert view.rowHeight(0) == 24


def test_the_rows_stay_when_their_height_changes(
    make_record_table: MakeTableFunction, appearance: Appearance
) -> None:
    """After a change of the text size or the density, the row at the top of the table is the same. The current row,
    at which the person is working, stays visible if it was visible before.
    """
    view = make_record_table(3 * PAGE_SIZE)
    view.rows.set_visible_rows(0, 2 * PAGE_SIZE)
    view.go_to_row(12)
    view.verticalScrollBar().setValue(9 * 32)
    appearance.set_text_scale(1.25)
    assert view.rowAt(0) == 9
    appearance.set_text_scale(2.0)
    assert view.rowAt(0) in (9, 10)
    assert view.is_current_item_visible_in_height(view.viewport().height())
    view.verticalScrollBar().setValue(view.verticalScrollBar().value() + view.rowHeight(0) * 8)
    top_row = view.rowAt(0)
    appearance.set_density("compact")
    assert view.rowAt(0) in (top_row, top_row + 1), "who has scrolled away from the current row isn't taken back"


@pytest.mark.parametrize("theme", ["light", "dark", "high_contrast"])
def test_a_heading_has_another_background_than_the_rows(
    make_record_table: MakeTableFunction, appearance: Appearance, theme: ThemeName
) -> None:
    """In each theme, the heading of a group has a background of its own; no row and no title of a column has it."""
    appearance.choose_theme(theme)
    view = make_record_table(3, group_of=group_in_pairs)
    picture = view.viewport().grab().toImage()
    x = view.viewport().width() - 4
    colours = [picture.pixelColor(x, view.rowViewportPosition(row) + 4).name() for row in range(view.rows.rowCount())]
    heading_colour = appearance.colour("group").name()
    headings = set(view.rows.list_heading_rows())
    assert [row in headings for row in range(len(colours))] == [colour == heading_colour for colour in colours]
    assert heading_colour not in {appearance.colour(name).name() for name in ("base", "raised", "hover", "selected")}


@pytest.mark.parametrize("kind", ["data", "amount", "age", "state"])
def test_a_missing_value_has_one_sign(make_record_table: MakeTableFunction, kind: str) -> None:
    """A cell without a value, and one whose text is the sign for a missing value, are painted the same."""
    view = make_record_table(1)
    place = next(place for place, column in enumerate(view.rows.columns) if column.kind == kind)
    delegate = view.delegates[place]
    pictures = []
    for cell in ("", NO_VALUE):
        picture = QPixmap(80, 32)
        picture.fill(Qt.GlobalColor.white)
        painter = QPainter(picture)
        delegate.draw_cell(painter, CellBox(0, 0, 80, 32, 20), cell, 0)
        painter.end()
        pictures.append(picture.toImage())
    assert pictures[0] == pictures[1]


def test_only_the_figures_of_a_heading_have_the_figures_font(make_record_table: MakeTableFunction) -> None:
    """The number of a group's heading can stand in a sentence, whose words have the font of the other texts."""
    view = make_record_table(2, group_of=lambda _row: RowGroup(0, "Open", count_text="28 (27 not acknowledged)"))
    with record_drawn_texts() as drawn_texts:
        view.grab()
    pieces = [drawn.text for drawn in drawn_texts]
    assert pieces[pieces.index("Open") :][:5] == ["Open", "28 (27 ", "not ", "acknowledged", ")"]


@pytest.mark.parametrize("cell", [AgeCell("2", "d"), AgeCell("41", "h"), AgeCell("30", "min"), AgeCell("2", "日")])
def test_an_age_ends_at_the_right_edge_of_its_column(make_record_table: MakeTableFunction, cell: AgeCell) -> None:
    """The ink of an age ends where the right-aligned title of its column ends, whatever its unit is."""
    view = make_record_table(1)
    delegate = next(
        delegate
        for delegate, column in zip(view.delegates, view.rows.columns, strict=True)
        if column.is_right_aligned and column.kind == "age"
    )
    picture = QPixmap(100, 32)
    picture.fill(Qt.GlobalColor.white)
    painter = QPainter(picture)
    delegate.draw_cell(painter, CellBox(0, 0, 90, 32, 20), cell, 0)
    painter.end()
    image = picture.toImage()
    inked = [x for x in range(100) if any(image.pixelColor(x, y).lightness() < 200 for y in range(32))]
    assert 90 - 4 <= max(inked) < 90
    assert max(inked) - min(inked) <= delegate.measure_cell_width(cell)


@pytest.mark.parametrize("amount", ["¥1,200", "₹2,499.00"])
@pytest.mark.parametrize("state", ["Completed ", "Waiting for the customer to pay in the shop "])
def test_the_amount_at_the_end_of_a_text_is_right_aligned(
    make_record_table: MakeTableFunction, state: str, amount: str
) -> None:
    """The amounts after states of different lengths end at the right edge of the column, and a state that is too long
    is elided before its amount."""
    view = make_record_table(1)
    delegate = next(
        delegate for delegate, column in zip(view.delegates, view.rows.columns, strict=True) if column.kind == "data"
    )
    picture = QPixmap(200, 32)
    picture.fill(Qt.GlobalColor.white)
    painter = QPainter(picture)
    delegate.draw_cell(painter, CellBox(10, 0, 180, 32, 20), TextWithAmount(state, amount), 0)
    painter.end()
    image = picture.toImage()
    inked = [x for x in range(200) if any(image.pixelColor(x, y).lightness() < 200 for y in range(32))]
    assert 190 - 4 <= max(inked) < 190
    assert min(inked) < 14
    assert max(second - first for first, second in pairwise(inked)) >= CELL_PADDING_PX, "between state and amount"
