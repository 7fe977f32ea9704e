"""The badges in a dialog that show a record's state, certainty and next step (work)."""

from PySide6.QtWidgets import QWidget

from console.views.presenters.records import WAITING_FOR_APPROVAL_BADGE_KEY, ShownRecord, get_badge_keys
from console.views.runtime.context import WindowContext
from console.views.widgets.base import make_row
from console.views.widgets.display.badge import Badge


def make_badge_row(context: WindowContext, record: ShownRecord, *, is_second_person_awaited: bool = False) -> QWidget:
    """Return a widget with the three badges of a record side by side: state, certainty and work. If
    `is_second_person_awaited`, the third badge says that a second person must confirm a proposed outcome; the record
    itself doesn't contain the proposal.
    """
    badge_row = QWidget()
    *keys, work_key = get_badge_keys(record, context.now())
    keys.append(f"work.{WAITING_FOR_APPROVAL_BADGE_KEY}" if is_second_person_awaited else work_key)
    badge_row.setLayout(make_row(*(Badge.from_badge_key(key, context.language) for key in keys), None))
    return badge_row
