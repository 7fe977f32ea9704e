"""Tests of the model of a long list: when it reads pages, what a repeated read changes, and which data it offers."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPersistentModelIndex, Qt
from pytestqt.qtbot import QtBot

from console.domain.errors import ConsoleError, ErrorCode
from console.views.runtime.page_fetch import FetchedPage
from console.views.runtime.tasks import Failure
from console.views.tables.columns import Column, RowGroup
from console.views.tables.paged_model import MAX_LOADED_PAGES, PagedModel
from tests.views.tables.conftest import PAGE_SIZE, ModelWithTester, VersionedRow

MakeModelFunction = Callable[..., ModelWithTester]


def list_ids(model: PagedModel) -> list[int | None]:
    """Return the ids of all rows. Placeholders and headings have the id None."""
    rows: list[Any] = [model.get_item(number) for number in range(model.rowCount())]
    return [None if row is None else row.id for row in rows]


def scroll_down(model: PagedModel, end_row: int) -> None:
    """Scroll down from the first row, three rows at a time, until the row before `end_row` has been visible."""
    for first in range(0, end_row, 3):
        model.set_visible_rows(first, first + 2)


def test_a_list_of_one_page_is_read_once(make_model_with_tester: MakeModelFunction) -> None:
    """A list of seven rows is read with one call, and then has seven rows and no placeholder."""
    list_model = make_model_with_tester(7)
    assert list_ids(list_model.model) == list(range(7))
    assert list_model.model.has_read_last_page
    assert list_model.store.cursors == [None]


def test_an_empty_list_has_no_placeholders(make_model_with_tester: MakeModelFunction) -> None:
    """A list without rows has no placeholders either."""
    list_model = make_model_with_tester(0)
    assert list_model.model.rowCount() == 0
    assert not list_model.model.is_loading


def test_an_empty_list_that_is_read_again_has_no_bars(
    make_model_with_tester: MakeModelFunction, qtbot: QtBot
) -> None:
    """During a slow read, the model shows grey bars in place of its rows. For an empty list it shows no bars, and
    reports no changed row to Qt.
    """
    list_model = make_model_with_tester(0)
    model, changed = list_model.model, []
    model.dataChanged.connect(lambda first, last, _roles: changed.append((first.row(), last.row())))
    list_model.runner.paused = True
    model.read_rows_again()
    qtbot.waitUntil(lambda: model.is_skeleton)
    assert changed == []


def test_asking_a_placeholder_starts_no_read(make_model_with_tester: MakeModelFunction) -> None:
    """Until the answer arrives, the rows are placeholders without data. Requesting the data of a placeholder starts
    no read.
    """
    list_model = make_model_with_tester(500, paused=True)
    index = list_model.model.index(3, 2)
    assert list_model.model.is_loading
    assert list_model.model.rowCount() > 0
    assert index.data() is None
    assert list_model.model.flags(index) == Qt.ItemFlag.NoItemFlags
    assert list_model.store.cursors == []
    list_model.runner.execute_oldest_task()
    assert index.data() == "A-3"


def test_scrolling_reads_the_next_page(make_model_with_tester: MakeModelFunction) -> None:
    """The model reads the next page when a row in the second half of the last page becomes visible."""
    list_model = make_model_with_tester(500)
    assert list_model.store.cursors == [None]
    list_model.model.set_visible_rows(PAGE_SIZE // 2, PAGE_SIZE // 2 + 3)
    assert list_model.store.cursors == [None, PAGE_SIZE - 1]
    assert list_model.model.rowCount() < 3 * PAGE_SIZE


def test_only_a_few_pages_are_kept_in_memory(make_model_with_tester: MakeModelFunction) -> None:
    """However far a person scrolls, the model has only a few pages in memory. When the person scrolls back, it reads
    the earlier pages again, at the same positions.
    """
    list_model = make_model_with_tester(500)
    scroll_down(list_model.model, 12 * PAGE_SIZE)
    loaded = [number for number, page in enumerate(list_model.model._page_cache.pages) if page.entries is not None]
    assert len(loaded) <= MAX_LOADED_PAGES
    assert list_model.model.rowCount() > 11 * PAGE_SIZE
    before = list_model.model.rowCount()
    list_model.model.set_visible_rows(0, 4)
    assert list_ids(list_model.model)[:PAGE_SIZE] == list(range(PAGE_SIZE))
    assert list_model.model.rowCount() == before


def test_a_re_read_keeps_the_current_row_and_reads_changes_only(make_model_with_tester: MakeModelFunction) -> None:
    """After a repeated read the current row is still the same record, although rows were added above it. Rows without
    a change aren't repainted.
    """
    list_model = make_model_with_tester(8)
    model, changed = list_model.model, []
    place = QPersistentModelIndex(model.index(5, 0))
    model.dataChanged.connect(lambda first, last, _roles: changed.append((first.row(), last.row())))
    del list_model.store.rows[3]
    list_model.store.rows |= {-1: VersionedRow(-1), -2: VersionedRow(-2), 7: VersionedRow(7, version=2)}
    model.read_rows_again()
    assert list_ids(model) == [-2, -1, 0, 1, 2, 4, 5, 6, 7]
    assert model.get_item(place.row()) == VersionedRow(5)
    assert changed == [(8, 8)]


def test_a_removed_row_doubles_and_hides_no_other_row(make_model_with_tester: MakeModelFunction) -> None:
    """If a row on the first page is removed, the boundary between pages moves. Every other record is still shown
    exactly once.
    """
    list_model = make_model_with_tester(3 * PAGE_SIZE)
    scroll_down(list_model.model, 3 * PAGE_SIZE)
    assert list_ids(list_model.model) == list(range(3 * PAGE_SIZE))
    del list_model.store.rows[5]
    list_model.model.set_visible_rows(0, 4)
    list_model.model.read_rows_again()
    scroll_down(list_model.model, 3 * PAGE_SIZE)
    assert list_ids(list_model.model) == sorted(list_model.store.rows)


def test_a_list_that_became_shorter_ends_earlier(make_model_with_tester: MakeModelFunction) -> None:
    """After a repeated read of a list that has become shorter, the model removes the missing rows."""
    list_model = make_model_with_tester(3 * PAGE_SIZE)
    scroll_down(list_model.model, 3 * PAGE_SIZE)
    for number in range(PAGE_SIZE + 4, 3 * PAGE_SIZE):
        del list_model.store.rows[number]
    list_model.model.set_visible_rows(PAGE_SIZE, PAGE_SIZE + 4)
    list_model.model.read_rows_again()
    assert list_model.model.rowCount() == PAGE_SIZE + 4
    assert list_model.model.has_read_last_page


def test_a_changed_record_replaces_its_row_without_a_re_read(make_model_with_tester: MakeModelFunction) -> None:
    """The model replaces the row of a changed record by the given new row, without reading the list again."""
    list_model = make_model_with_tester(5)
    assert list_model.model.replace_row(VersionedRow(2, version=9))
    assert list_model.model.get_item(2) == VersionedRow(2, version=9)
    assert not list_model.model.replace_row(VersionedRow(99))
    assert list_model.store.cursors == [None]


def test_a_failed_re_read_keeps_the_shown_rows(make_model_with_tester: MakeModelFunction) -> None:
    """After a failed repeated read, the model keeps its rows and emits the failure, and doesn't read again
    automatically.
    """
    list_model = make_model_with_tester(5)
    failures: list[Failure] = []
    list_model.model.failed.connect(failures.append)
    broken = True

    def fetch_or_raise(cursor: object | None, limit: int) -> FetchedPage:
        if broken:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED, {})
        return list_model.store.fetch(cursor, limit)

    list_model.model._fetch_page = fetch_or_raise
    list_model.model.read_rows_again()
    assert list_ids(list_model.model) == [0, 1, 2, 3, 4]
    assert failures == [Failure(ErrorCode.DATABASE_LOCKED, {})]
    list_model.model.set_visible_rows(0, 4)
    assert len(failures) == 1
    broken = False
    list_model.store.rows[5] = VersionedRow(5)
    list_model.model.read_rows_again()
    assert list_ids(list_model.model) == [0, 1, 2, 3, 4, 5]


def test_a_failed_first_read_leaves_no_blank_rows(make_model_with_tester: MakeModelFunction) -> None:
    """If the first read fails, the model has no rows: blank rows below the message would look like rows of the list.
    The next read shows the rows.
    """
    list_model, is_broken = make_model_with_tester(5), True

    def fetch_or_raise(cursor: object | None, limit: int) -> FetchedPage:
        if is_broken:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED, {})
        return list_model.store.fetch(cursor, limit)

    list_model.model.read_query(fetch_or_raise)
    assert list_model.model.rowCount() == 0
    is_broken = False
    list_model.model.read_rows_again()
    assert list_ids(list_model.model) == [0, 1, 2, 3, 4]


def test_the_answer_to_an_earlier_query_is_dropped(make_model_with_tester: MakeModelFunction) -> None:
    """If the model gets a second query while the first one is being read, only the rows of the second query are
    shown, whichever answer arrives first.
    """
    list_model = make_model_with_tester(5, paused=True)
    other = {7: VersionedRow(7)}
    list_model.model.read_query(lambda cursor, limit: FetchedPage(list(other.values())))
    list_model.runner.execute_oldest_task()
    assert list_model.model.is_loading
    list_model.runner.execute_oldest_task()
    assert list_ids(list_model.model) == [7]


def test_a_selected_row_stays_selected_when_a_read_moves_it(make_model_with_tester: MakeModelFunction) -> None:
    """A selected row is still selected after a repeated read has moved it. A new query clears the selection."""
    list_model = make_model_with_tester(10)
    list_model.model.set_row_selected(4)
    list_model.model.set_row_selected(5)
    list_model.model.set_row_selected(5)
    del list_model.store.rows[0]
    list_model.model.read_rows_again()
    assert list_model.model.selected_keys == {4}
    assert list_model.model.is_row_selected(3)
    assert list_model.model.index(3, 0).data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
    list_model.model.read_query(list_model.store.fetch)
    assert list_model.model.selected_keys == set()


def test_a_row_is_read_out_whole(make_model_with_tester: MakeModelFunction) -> None:
    """The accessible text of the first cell is the whole row as one sentence, with the amount in words and the state.
    The accessible texts of the other cells are their own contents.
    """
    model = make_model_with_tester(3).model
    names = [model.index(1, column).data(Qt.ItemDataRole.AccessibleTextRole) for column in range(model.columnCount())]
    assert names[0] == "1 min, A-1, 12,000 yen, Bought v1"
    assert "A-1" in names[1:]
    assert "12,000 yen" in names[1:]


def test_a_bare_number_is_spoken_with_its_column_title() -> None:
    """The accessible text of a number contains the title of its column, as in "Client 2". A word or an amount is
    spoken without the title.
    """
    spoken = [
        Column("client", "Client", 80, lambda row: row).format_spoken_cell(text)
        for text in ("2", "–", "¥500", "Bought")
    ]
    assert spoken == ["Client 2", "–", "¥500", "Bought"]


def group_below_three(row: VersionedRow) -> RowGroup:
    """Return the group of a row: rows with an id below 3 are in one group, all others in another one."""
    return RowGroup(row.id < 3, "Needs a person" if row.id < 3 else "Re-checking", count_text="3")


def test_headings_stand_where_a_group_begins(make_model_with_tester: MakeModelFunction) -> None:
    """A heading is a row of its own before the first row of its group. It can't be selected or opened, and its
    accessible text is the heading itself.
    """
    model = make_model_with_tester(5, group_of=group_below_three).model
    assert model.list_heading_rows() == [0, 4]
    assert model.get_item(0) is None
    assert model.flags(model.index(0, 0)) == Qt.ItemFlag.NoItemFlags
    assert model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "Needs a person 3"
    model.set_row_selected(0)
    assert model.selected_keys == set()


def test_a_group_over_two_pages_has_one_heading(make_model_with_tester: MakeModelFunction) -> None:
    """If a group continues on the second page, its heading isn't repeated there."""
    list_model = make_model_with_tester(2 * PAGE_SIZE, group_of=group_below_three)
    scroll_down(list_model.model, 2 * PAGE_SIZE)
    assert list_model.model.list_heading_rows() == [0, 4]
    assert list_model.model.row_count == 2 * PAGE_SIZE


@pytest.mark.parametrize("role", [Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole])
def test_headers_have_their_titles(make_model_with_tester: MakeModelFunction, role: Qt.ItemDataRole) -> None:
    """Each column has a title, on screen and for screen readers. The column of check boxes has a title for screen
    readers only.
    """
    model, is_heard = make_model_with_tester(1).model, role == Qt.ItemDataRole.AccessibleTextRole
    assert model.headerData(2, Qt.Orientation.Horizontal, role) == "Record"
    assert model.headerData(0, Qt.Orientation.Horizontal, role) == ("Select" if is_heard else "")


steps_strategy = st.lists(
    st.one_of(
        st.tuples(st.just("see"), st.integers(0, 60)),
        st.tuples(st.just("re-read"), st.just(0)),
        st.tuples(st.just("drop"), st.integers(0, 60)),
        st.tuples(st.just("add"), st.integers(-5, 70)),
    ),
    max_size=25,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps_strategy, grouped=st.booleans())
def test_a_re_read_after_any_sequence_has_the_stored_rows(
    make_model_with_tester: MakeModelFunction, steps: list[tuple[str, int]], grouped: bool
) -> None:
    """After any sequence of scrolling, repeated reads and changes of the stored rows, a repeated read makes the model
    show exactly the stored rows.
    """
    list_model = make_model_with_tester(4 * PAGE_SIZE, group_of=group_below_three if grouped else None)
    model, rows = list_model.model, list_model.store.rows
    for name, number in steps:
        if name == "see":
            model.set_visible_rows(number, number + 6)
        elif name == "re-read":
            model.read_rows_again()
        elif name == "drop":
            rows.pop(number, None)
        else:
            rows[number] = VersionedRow(number)
    model.set_visible_rows(0, 4)
    model.read_rows_again()
    scroll_down(model, 90)
    assert [row for row in list_ids(model) if row is not None] == sorted(rows)
    assert model.has_read_last_page
    assert model.row_count == len(rows)
