"""The model of a long list: what is read when, what a re-read changes, and what it says of itself."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPersistentModelIndex, Qt

from console.domain.errors import ConsoleError
from console.views.tables.book import Page
from console.views.tables.columns import Group
from console.views.tables.paging import KEPT_PAGES, PagedModel
from console.views.tasks import Failure
from tests.views.tables.conftest import PAGE, Desk, Row

MakeDesk = Callable[..., Desk]


def ids(model: PagedModel) -> list[int | None]:
    """The ids of all rows, None for placeholders and headings."""
    rows: list[Any] = [model.row_at(number) for number in range(model.rowCount())]
    return [None if row is None else row.id for row in rows]


def walk(model: PagedModel, to: int) -> None:
    """Scroll down as a person does, a few rows at a time."""
    for first in range(0, to, 3):
        model.see(first, first + 2)


def test_a_short_list_is_read_once(desk: MakeDesk) -> None:
    """One page, its true number of rows, no placeholder left."""
    found = desk(7)
    assert ids(found.model) == list(range(7))
    assert found.model.complete
    assert found.store.asked == [None]


def test_an_empty_list_is_empty(desk: MakeDesk) -> None:
    """No rows means no placeholders either."""
    found = desk(0)
    assert found.model.rowCount() == 0
    assert not found.model.loading


def test_data_reads_nothing(desk: MakeDesk) -> None:
    """Until the answer comes there are placeholders without contents, and asking for them fetches nothing."""
    found = desk(500, held=True)
    index = found.model.index(3, 2)
    assert found.model.loading
    assert found.model.rowCount() > 0
    assert index.data() is None
    assert found.model.flags(index) == Qt.ItemFlag.NoItemFlags
    assert found.store.asked == []
    found.runner.step()
    assert index.data() == "A-3"


def test_pages_follow_the_eye(desk: MakeDesk) -> None:
    """A page is read when its rows come into sight, the next one when the middle of the last is passed."""
    found = desk(500)
    assert found.store.asked == [None]
    found.model.see(PAGE // 2, PAGE // 2 + 3)
    assert found.store.asked == [None, PAGE - 1]
    assert found.model.rowCount() < 3 * PAGE


def test_memory_stays_flat(desk: MakeDesk) -> None:
    """However far somebody scrolls, only a few pages are kept; going back reads them again, in place."""
    found = desk(500)
    walk(found.model, 12 * PAGE)
    here = [number for number, page in enumerate(found.model._book.slots) if page.entries is not None]
    assert len(here) <= KEPT_PAGES
    assert found.model.rowCount() > 11 * PAGE
    before = found.model.rowCount()
    found.model.see(0, 4)
    assert ids(found.model)[:PAGE] == list(range(PAGE))
    assert found.model.rowCount() == before


def test_a_re_read_keeps_place_and_touches_only_what_changed(desk: MakeDesk) -> None:
    """The current row stays the same record though rows came above it; an unchanged row isn't repainted."""
    found = desk(8)
    model, changed = found.model, []
    kept = QPersistentModelIndex(model.index(5, 0))
    model.dataChanged.connect(lambda first, last, _roles: changed.append((first.row(), last.row())))
    del found.store.rows[3]
    found.store.rows |= {-1: Row(-1), -2: Row(-2), 7: Row(7, version=2)}
    model.re_read()
    assert ids(model) == [-2, -1, 0, 1, 2, 4, 5, 6, 7]
    assert model.row_at(kept.row()) == Row(5)
    assert changed == [(8, 8)]


def test_a_row_that_went_takes_no_other_with_it(desk: MakeDesk) -> None:
    """After a row on the first page is gone, the page boundary moves: no record is doubled, none is lost."""
    found = desk(3 * PAGE)
    walk(found.model, 3 * PAGE)
    assert ids(found.model) == list(range(3 * PAGE))
    del found.store.rows[5]
    found.model.see(0, 4)
    found.model.re_read()
    walk(found.model, 3 * PAGE)
    assert ids(found.model) == sorted(found.store.rows)


def test_a_list_that_became_shorter_ends_earlier(desk: MakeDesk) -> None:
    """When the rest of the list is gone, so are its rows."""
    found = desk(3 * PAGE)
    walk(found.model, 3 * PAGE)
    for number in range(PAGE + 4, 3 * PAGE):
        del found.store.rows[number]
    found.model.see(PAGE, PAGE + 4)
    found.model.re_read()
    assert found.model.rowCount() == PAGE + 4
    assert found.model.complete


def test_a_newer_version_of_one_row_replaces_it(desk: MakeDesk) -> None:
    """A change that is known by itself needs no re-read."""
    found = desk(5)
    assert found.model.replace(Row(2, version=9))
    assert found.model.row_at(2) == Row(2, version=9)
    assert not found.model.replace(Row(99))
    assert found.store.asked == [None]


def test_a_failure_keeps_what_is_shown(desk: MakeDesk) -> None:
    """When a re-read fails the rows stay, the failure is told, and nobody asks again by himself."""
    found = desk(5)
    told: list[Failure] = []
    found.model.failed.connect(told.append)
    broken = True

    def fetch(cursor: object | None, limit: int) -> Page:
        if broken:
            raise ConsoleError("database_locked", {})
        return found.store.fetch(cursor, limit)

    found.model._fetch = fetch
    found.model.re_read()
    assert ids(found.model) == [0, 1, 2, 3, 4]
    assert told == [Failure("database_locked", {})]
    found.model.see(0, 4)
    assert len(told) == 1
    broken = False
    found.store.rows[5] = Row(5)
    found.model.re_read()
    assert ids(found.model) == [0, 1, 2, 3, 4, 5]


def test_the_answer_to_an_old_question_is_dropped(desk: MakeDesk) -> None:
    """Two questions, answers in either order: only the newest question's rows are shown."""
    found = desk(5, held=True)
    other = {7: Row(7)}
    found.model.read(lambda cursor, limit: Page(list(other.values())))
    found.runner.step()
    assert found.model.loading
    found.runner.step()
    assert ids(found.model) == [7]


def test_chosen_rows_are_chosen_by_key(desk: MakeDesk) -> None:
    """A choice outlives a re-read that moves the row, and another question forgets it."""
    found = desk(10)
    found.model.choose(4)
    found.model.choose(5)
    found.model.choose(5)
    del found.store.rows[0]
    found.model.re_read()
    assert found.model.chosen == {4}
    assert found.model.is_chosen(3)
    assert found.model.index(3, 0).data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
    found.model.read(found.store.fetch)
    assert found.model.chosen == set()


def test_a_row_is_read_out_whole(desk: MakeDesk) -> None:
    """A screen reader gets the row as one sentence, with the amount in words and the state named."""
    index = desk(3).model.index(1, 2)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "1 min, A-1, 12,000 yen, Bought v1"


def by_parity(row: Row) -> Group:
    """Rows below 3 are one group, the others another."""
    return Group(row.id < 3, "Needs a person" if row.id < 3 else "Re-checking", count="3")


def test_headings_stand_where_a_group_begins(desk: MakeDesk) -> None:
    """A heading is a row of its own that can't be chosen or opened and is read out as itself."""
    model = desk(5, group_of=by_parity).model
    assert model.heading_rows() == [0, 4]
    assert model.row_at(0) is None
    assert model.flags(model.index(0, 0)) == Qt.ItemFlag.NoItemFlags
    assert model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "Needs a person 3"
    model.choose(0)
    assert model.chosen == set()


def test_a_group_over_two_pages_has_one_heading(desk: MakeDesk) -> None:
    """The second page of a group begins without repeating its heading."""
    found = desk(2 * PAGE, group_of=by_parity)
    walk(found.model, 2 * PAGE)
    assert found.model.heading_rows() == [0, 4]
    assert found.model.row_count == 2 * PAGE


@pytest.mark.parametrize("role", [Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole])
def test_headers_have_their_titles(desk: MakeDesk, role: Qt.ItemDataRole) -> None:
    """Each column is named, for eyes and for ears."""
    model = desk(1).model
    assert model.headerData(2, Qt.Orientation.Horizontal, role) == "Record"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("see"), st.integers(0, 60)),
        st.tuples(st.just("re-read"), st.just(0)),
        st.tuples(st.just("drop"), st.integers(0, 60)),
        st.tuples(st.just("add"), st.integers(-5, 70)),
    ),
    max_size=25,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, grouped=st.booleans())
def test_whatever_happens_in_between_a_re_read_is_true(
    desk: MakeDesk, steps: list[tuple[str, int]], grouped: bool
) -> None:
    """Rows may come and go while somebody scrolls: after a re-read, what is walked through is what is stored."""
    found = desk(4 * PAGE, group_of=by_parity if grouped else None)
    model, rows = found.model, found.store.rows
    for name, number in steps:
        if name == "see":
            model.see(number, number + 6)
        elif name == "re-read":
            model.re_read()
        elif name == "drop":
            rows.pop(number, None)
        else:
            rows[number] = Row(number)
    model.see(0, 4)
    model.re_read()
    walk(model, 90)
    assert [row for row in ids(model) if row is not None] == sorted(rows)
    assert model.complete
    assert model.row_count == len(rows)
