"""The badges of a record in a dialog: state, certainty and work (the next step)."""

from PySide6.QtWidgets import QWidget

from console.domain.records import CreditCheck
from console.views.presenters.records import ShownRecord, badge_keys
from console.views.runtime.context import WindowContext
from console.views.widgets.badge import Badge
from console.views.widgets.base import make_row


def badge_row(context: WindowContext, record: ShownRecord) -> QWidget:
    """Return a widget with the record's three badges side by side: state, certainty and work. A purchased credit
    check has the state "success" here, even if parts are missing.
    """
    holder = QWidget()
    keys = badge_keys(record, context.now(), derived=not isinstance(record, CreditCheck))
    holder.setLayout(make_row(*(Badge.from_badge_key(key, context.language) for key in keys), None))
    return holder
