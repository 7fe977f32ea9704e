"""Tests of the cells of the status bar."""

import pytest

from console.domain.access.permissions import ADMIN, APPROVER, AUDITOR, OPERATOR
from console.domain.records import Person
from console.views.frame.status_bar import StatusBarCells
from console.views.runtime.context import WindowContext
from console.views.runtime.status_values import WorkCounts
from console.views.widgets.window.window_bars import StatusBar
from tests.views.invented_checks import make_window_context


@pytest.mark.parametrize(
    ("role", "expected_text"),
    [(AUDITOR, "Role reads only"), (OPERATOR, "Writes on"), (APPROVER, "Writes on"), (ADMIN, "Writes on")],
)
def test_the_last_cell_says_if_the_role_only_reads(appearance: object, role: str, expected_text: str) -> None:
    """For a person whose roles give no right that changes something, the last cell doesn't say that writes are on,
    but that the role only reads. The cell changes as soon as the people are read.
    """
    context = make_window_context()
    bar = StatusBar()
    cells = StatusBarCells(context, bar)
    assert cells.parent() is bar
    assert bar._cell_contents[1][-1].name == "Writes on"
    context.replace_people((Person("op-a", frozenset({role}), may_buy=False),))
    context.change_operator("op-a")
    assert bar._cell_contents[1][-1].name == expected_text


def read_link_names(context: WindowContext) -> list[str]:
    bar = StatusBar()
    StatusBarCells(context, bar)
    return [content.name for content in bar._cell_contents[1] if content.link_key]


def test_unfinished_work_that_is_not_read_yet_has_no_number(appearance: object) -> None:
    """Before the counts are read, the number is unknown, not 0."""
    context = make_window_context()
    assert read_link_names(context)[-1] == "Unfinished work"
    context.store_work_counts(WorkCounts(read_at=context.now()))
    assert read_link_names(context)[-1] == "Unfinished work (0 without a result)"


@pytest.mark.parametrize(("role", "has_link"), [(ADMIN, False), (OPERATOR, True), (AUDITOR, True)])
def test_only_people_who_can_read_it_have_the_link_to_unfinished_work(
    appearance: object, role: str, has_link: bool
) -> None:
    """A person without the right to read has no link, because the dialog behind it would only show a refusal."""
    context = make_window_context()
    context.replace_people((Person("op-a", frozenset({role}), may_buy=False),))
    context.change_operator("op-a")
    assert (read_link_names(context)[-1] == "Unfinished work") is has_link


def test_bulk_runs_are_not_counted_as_operations_without_a_result(appearance: object) -> None:
    context = make_window_context()
    context.store_work_counts(WorkCounts(read_at=context.now(), unfinished_run_count=1))
    assert read_link_names(context)[-1] == "Unfinished work (0 without a result, 1 bulk run)"
