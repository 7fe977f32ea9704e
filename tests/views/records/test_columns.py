"""Tests of the columns that tables of records share: each heading says what its column has."""

from console.views.records.columns import make_credit_check_columns, make_record_columns
from tests.views.invented_checks import make_window_context


def test_a_column_of_times_is_not_called_a_day(appearance: object) -> None:
    """The heading of a column with the time of creation isn't that of a column with days."""
    context = make_window_context()
    (with_times,) = make_record_columns(context, ("day",), lambda item: item)
    (with_days,) = make_credit_check_columns(context, ("day",), lambda item: item)
    assert (with_times.title, with_days.title) == ("Created", "Date")
