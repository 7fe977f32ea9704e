"""The moments until which the window offers to snooze an incident. No I/O."""

from datetime import datetime, time, timedelta

from console.domain.calendar_days import JST

_MORNING_TIME = time(9)
_MONDAY = 0


def find_snooze_ends(now: datetime) -> tuple[tuple[str, datetime], ...]:
    """Return the offered ends of a snooze, each as (name, instant): one and four hours from now, tomorrow and next
    Monday at nine o'clock in Japan; on a Sunday, when tomorrow is this Monday, the name `monday` is left out. The
    name is the end of a wording key, such as `one_hour`.
    """
    today = now.astimezone(JST).date()
    days_to_monday = (_MONDAY - today.weekday()) % 7 or 7
    mornings = {"tomorrow": today + timedelta(days=1), "monday": today + timedelta(days=days_to_monday)}
    if mornings["monday"] == mornings["tomorrow"]:
        del mornings["monday"]
    return (
        ("one_hour", now + timedelta(hours=1)),
        ("four_hours", now + timedelta(hours=4)),
        *((name, datetime.combine(day, _MORNING_TIME, JST).astimezone(now.tzinfo)) for name, day in mornings.items()),
    )
