"""Days on which tests state that a payer got money back outside. The payments of these tests are paid today, and a
statement may have the day before the payment's.

Each test calls these functions once and keeps the day: a run of the tests may begin before midnight in Japan, and a
day that was read at the import would then be the day before the payments.
"""

from datetime import datetime, timedelta

from console.domain.calendar_days import JST


def read_today() -> str:
    """Return today's date in Japan, as text."""
    return read_today_and_yesterday()[0]


def read_today_and_yesterday() -> tuple[str, str]:
    """Return the dates of today and of the day before in Japan, as texts. Both are read at the same instant, so they
    always differ.
    """
    today = datetime.now(JST).date()
    return today.isoformat(), (today - timedelta(days=1)).isoformat()
