"""What a record is, in a dialog about it: the badges of its three axes."""

from PySide6.QtWidgets import QWidget

from console.domain.records import CreditCheck
from console.views import record_words as words
from console.views.seat import Seat
from console.views.widgets.badge import Badge
from console.views.widgets.base import row


def badges(seat: Seat, record: CreditCheck) -> QWidget:
    """State, certainty and work, side by side."""
    holder = QWidget()
    keys = words.badge_keys(record, derived=False)
    holder.setLayout(row(*(Badge.of(key, seat.language) for key in keys), None))
    return holder
