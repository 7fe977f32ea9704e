"""Tests of the columns that tables of records share: each heading says what its column has."""

import pytest

from console.views.records.columns import make_credit_check_columns, make_record_columns
from tests.views.invented_checks import make_window_context
from tests.views.invented_payments import make_refund


def test_a_column_of_times_is_not_called_a_day(appearance: object) -> None:
    """The heading of a column with the time of creation isn't that of a column with days."""
    context = make_window_context()
    (with_times,) = make_record_columns(context, ("day",), lambda item: item)
    (with_days,) = make_credit_check_columns(context, ("day",), lambda item: item)
    assert (with_times.title, with_days.title) == ("Created", "Date")


@pytest.mark.parametrize(
    ("maker", "checkers", "text"),
    [
        ("op-a", (), "Requested by op-a"),
        ("op-a", ("lead-b",), "op-a · approved by lead-b"),
        ("worker", (), "Requested automatically"),
        ("worker", ("lead-b",), "Automatic · approved by lead-b"),
    ],
)
def test_the_people_of_an_automatic_refund_request_are_named_briefly(
    appearance: object, maker: str, checkers: tuple[str, ...], text: str
) -> None:
    """The cell says in a few words that the worker requested a refund: a longer text would be cut off in the queue of
    refunds at a window width of 1280 px.
    """
    (people,) = make_record_columns(make_window_context(), ("people",), lambda item: item)
    assert people.make_cell(make_refund(maker=maker, checkers=checkers)) == text
