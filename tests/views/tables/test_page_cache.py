"""Tests of the computed steps that change the old rows of a page into the new rows."""

from hypothesis import given
from hypothesis import strategies as st

from console.views.tables.page_cache import RowChange, compute_row_changes

KeyedRows = list[tuple[int, str]]
keyed_rows_strategy = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from("ab")), max_size=12, unique_by=lambda row: row[0]
)


def apply_steps(old: KeyedRows, steps: list[RowChange]) -> KeyedRows:
    """Return the rows after these steps have been applied one by one."""
    work: KeyedRows = list(old)
    for step in steps:
        if step.kind == "set":
            work[step.position] = step.entries[0]
        elif step.kind == "insert":
            work.insert(step.position, step.entries[0])
        elif step.kind == "remove":
            del work[step.position]
        else:
            work.insert(step.target_position, work.pop(step.position))
    return work


@given(old=keyed_rows_strategy, new=keyed_rows_strategy)
def test_applied_row_changes_turn_the_old_rows_into_the_new_ones(old: KeyedRows, new: KeyedRows) -> None:
    """After rows were added, removed, moved or changed, applying the steps to the old rows gives the new rows in
    their order.
    """
    assert apply_steps(old, compute_row_changes(old, new, lambda row: row[0])) == new


@given(old=keyed_rows_strategy)
def test_an_unchanged_re_read_gives_no_row_changes(old: KeyedRows) -> None:
    """If a page is read again and has the same rows, there is no row change."""
    assert compute_row_changes(old, list(old), lambda row: row[0]) == []


def test_a_changed_row_is_replaced_by_one_row_change() -> None:
    """If the state of one row has changed, the only row change replaces this row."""
    old, new = [(1, "a"), (2, "a"), (3, "a")], [(1, "a"), (2, "b"), (3, "a")]
    assert compute_row_changes(old, new, lambda row: row[0]) == [RowChange("set", 1, entries=((2, "b"),))]
