"""SQL that assigns instants to days in Japan."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, case

from console.domain.calendar_days import get_start_of_japanese_day
from console.store.database.instants import convert_to_naive_utc


def make_day_number_sql(instant: ColumnElement[object], days: Sequence[date]) -> ColumnElement[int]:
    """Return SQL of the index in `days` (oldest first) of the day in Japan to which the instant belongs. The instant
    must belong to one of these days."""
    starts = [(number, convert_to_naive_utc(get_start_of_japanese_day(day))) for number, day in enumerate(days)]
    return case(*((instant >= start, number) for number, start in reversed(starts[1:])), else_=0)
