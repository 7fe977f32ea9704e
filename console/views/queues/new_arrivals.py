"""New arrivals in a queue: counted behind a button, so that no row moves under the person's eyes."""

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from console.domain.results import QueueItem
from console.views.case_words import ref_of
from console.views.desk_api import Desk
from console.views.pages.fitted_table import FittedTable
from console.views.pages.queue_rows import QueueRow
from console.views.routes import Ref
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.buttons import KeyButton

LOOK = 200
"""How many of a queue are compared with what is shown."""


class QueueNews(QObject):
    """Compares a queue with the table that shows it.

    Signals:
        renewed: rows have other contents now.
        wanted: take the new ones in.
    """

    renewed = Signal()
    wanted = Signal()

    def __init__(self, seat: Seat, parent: QObject) -> None:
        super().__init__(parent)
        self._seat = seat
        self._fresh: set[Ref] = set()
        self.button = KeyButton("", kind="tool", icon="arrow_right")
        self.button.clicked.connect(self.wanted)
        self.button.hide()

    def forget(self) -> None:
        """The list is read anew, or is another one."""
        self._fresh.clear()
        self.button.hide()

    def look(self, queue: str, table: FittedTable) -> None:
        """Read the queue's beginning, and take what is new in it as news."""

        def read(desk: Desk) -> tuple[QueueItem, ...]:
            return desk.recovery.queue(queue, LOOK).items

        self._seat.read(read, lambda items: self._take(items, table), _unread, owner=self, key=self)

    def _take(self, items: Iterable[QueueItem], table: FittedTable) -> None:
        items = list(items)
        for item in items:
            place = table.rows.find(ref_of(item.record))
            if place is None:
                self._fresh.add(ref_of(item.record))
            else:
                self._renew(table, place, item)
        if len(items) < LOOK:
            _mark_gone(table, {ref_of(item.record) for item in items})
        self.renewed.emit()
        if table.rows.row_count == 0 and self._fresh:
            self.wanted.emit()  # nothing stands there that could move
            return
        self.button.say(self._seat.say("queue.new_arrivals_show", n=len(self._fresh)))
        self.button.setVisible(bool(self._fresh))

    @staticmethod
    def _renew(table: FittedTable, place: int, item: QueueItem) -> None:
        shown = table.rows.row_at(place)
        if isinstance(shown, QueueRow) and shown.item != item:
            table.rows.replace(QueueRow(item, shown.in_group))


def _mark_gone(table: FittedTable, here: set[Ref]) -> None:
    """What has left the queue stays where it is, marked, until somebody reads the list again."""
    for shown in table.in_sight():
        if isinstance(shown, QueueRow):
            key = ref_of(shown.item.record)
            table.mark(key, None if key in here else "care")


def _unread(_failure: Failure) -> None:
    """News can wait: the bar above the page says that the database does not answer."""
