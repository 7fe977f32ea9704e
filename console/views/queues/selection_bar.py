"""What is chosen in a queue: the bar that says so, and what is done to all of it. Money is never moved from here."""

from functools import partial

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.bulk_records import Chosen
from console.domain.worker_records import BulkAction
from console.views import case_words
from console.views.desk_api import Desk
from console.views.dialogs.bulk_wish import Wanted
from console.views.pages import queue_rows
from console.views.pages.queue_rows import QueueRow
from console.views.pages.rights import Reasons
from console.views.routes import Ref
from console.views.seat import Seat
from console.views.tables.paging import PagedModel
from console.views.widgets.base import Surface, Words, column
from console.views.widgets.buttons import KeyButton
from console.views.widgets.flow import flowing

KEYS = {BulkAction.PROBE: "P", BulkAction.REFETCH: "F", BulkAction.TAKE: "T", BulkAction.NOTE: "N"}
_PAGE = 1_000
_MOST = 20_001
"""More than a set can have: the service says so."""
_CHECK = "credit-check"


class ChoiceBar(Surface):
    """How many are chosen, and what can be done to them. Its keys are the page's.

    Signals:
        wanted(object): do this BulkAction to what is chosen.
        all_wanted, none_wanted: choose all that match, or nothing.
    """

    wanted = Signal(object)
    all_wanted = Signal()
    none_wanted = Signal()

    def __init__(self, seat: Seat) -> None:
        super().__init__(raised=True, edge="top")
        say = seat.say
        self.setAccessibleName(say("bulk.bar.name"))
        self.count = Words("", bold=True)
        self.all = KeyButton("", "Ctrl+A", "inline", binds=False)
        self.all.clicked.connect(self.all_wanted)
        self.none = KeyButton(say("bulk.bar.none"), "Ctrl+D", "inline", binds=False)
        self.none.clicked.connect(self.none_wanted)
        self.buttons = {
            action: KeyButton(say(f"bulk.action.{action.value}"), key, binds=False) for action, key in KEYS.items()
        }
        for action, button in self.buttons.items():
            button.clicked.connect(partial(self.wanted.emit, action))
        no_money = Words(say("bulk.bar.no_money"), "small", "muted")
        reasons = Reasons(*self.buttons.values())
        line = flowing(self.count, self.all, self.none, *self.buttons.values(), no_money, gap=10, line_gap=6)
        self.setLayout(column(line, reasons, gap=4, margins=(24, 8, 24, 8)))
        self.hide()

    @property
    def stops(self) -> tuple[QWidget, ...]:
        return self.all, self.none, *self.buttons.values()


class QueueChoice(QObject):
    """The choice of one list: rows as they were seen when they were chosen, so that what changes behind a person's
    back is skipped; or all that match.

    Signals:
        wanted(object): do this BulkAction to what is chosen.
    """

    wanted = Signal(object)

    def __init__(self, seat: Seat, parent: QObject) -> None:
        super().__init__(parent)
        self._seat = seat
        self.bar = ChoiceBar(seat)
        self.everything = False
        self._rows: PagedModel | None = None
        self._queue, self._text = "", ""
        self._seen: dict[Ref, Chosen] = {}
        self.bar.wanted.connect(self.wanted)
        self.bar.all_wanted.connect(self.choose_all)
        self.bar.none_wanted.connect(self.choose_none)
        for signal in (seat.people_changed, seat.person_changed, seat.reach_changed, seat.standing_changed):
            signal.connect(self.look)

    def show_list(self, queue: str, text: str, rows: PagedModel) -> None:
        """Another list, or another question to it: nothing is chosen."""
        self._queue, self._text, self._rows = queue, text.strip(), rows
        self.choose_none()

    def __bool__(self) -> bool:
        return self._rows is not None and bool(self._rows.chosen)

    # -- choosing

    def changed(self, rows: PagedModel) -> None:
        """A person has chosen other rows: these, and no others."""
        if rows is self._rows:
            self.everything = False
            self.look()

    def arrived(self, rows: PagedModel) -> None:
        """Rows came: they are chosen where all are."""
        if rows is not self._rows:
            return
        if self.everything:
            rows.choose_only(map(queue_rows.key_of, rows.here()))
        self.look()

    @Slot()
    def choose_all(self) -> None:
        if self._rows is not None and self._rows.row_count:
            self.everything = True
            self._rows.choose_only(map(queue_rows.key_of, self._rows.here()))
            self.look()

    @Slot()
    def choose_none(self) -> None:
        self.everything = False
        if self._rows is not None:
            self._rows.choose_only(())
        self.look()

    # -- what is chosen

    def wish(self, action: BulkAction) -> Wanted:
        """What is chosen at this moment."""
        if not self.everything:
            chosen = self._chosen()
            return Wanted(action, lambda _desk: chosen, len(chosen))
        queue, text, known = self._queue, self._text, self._matching()[0]
        if not text:
            return Wanted(action, lambda _desk: queue, known)
        return Wanted(action, lambda desk: _all_that_fit(desk, queue, text), known)

    def _chosen(self) -> list[Chosen]:
        """In the order of the list; those whose page was dropped meanwhile come last."""
        self._see()
        keys = self._rows.chosen if self._rows is not None else set()
        return [one for key, one in self._seen.items() if key in keys]

    def _see(self) -> None:
        """Keep each chosen row as it stood there when it was chosen."""
        rows = self._rows
        if rows is None:
            return
        here = {queue_rows.key_of(row): _as_seen(row) for row in rows.here() if isinstance(row, QueueRow)}
        order = [key for key in here if key in rows.chosen]
        order += [key for key in self._seen if key in rows.chosen and key not in here]
        self._seen = {key: self._seen.get(key) or here[key] for key in order}

    def _matching(self) -> tuple[int, str]:
        """How many match as far as is known, and that in words."""
        rows = self._rows
        if rows is None:
            return 0, "0"
        found = self._seat.standing.count(self._queue)
        if rows.complete or found is None or self._text:
            return rows.row_count, wording.format_count(rows.row_count, capped=not rows.complete)
        return found.count, wording.format_count(found.count, capped=found.capped)

    # -- the bar

    @Slot()
    def look(self) -> None:
        """The bar as it is true now."""
        self._see()
        bar, say = self.bar, self._seat.say
        bar.setVisible(bool(self))
        if not self:
            return
        of = self._matching()[1]
        told = (
            say("bulk.bar.all_chosen", of=of) if self.everything else say("bulk.bar.chosen", n=len(self._seen), of=of)
        )
        bar.count.say(told)
        bar.all.say(say("bulk.bar.all", of=of))
        bar.all.setVisible(not self.everything)
        for action, button in bar.buttons.items():
            why_not = self.why_not(action)
            if why_not and why_not != button.reason:
                button.set_off(why_not)
            elif not why_not and button.reason:
                button.set_on()

    def why_not(self, action: BulkAction) -> str:
        """Why that can't be done to what is chosen; "" when nothing speaks against it."""
        checks = any(kind == _CHECK for kind, _ in self._seen)
        if action is BulkAction.REFETCH and not checks:
            return self._seat.say("bulk.bar.refetch_off")
        return self._seat.why_not(action.value)


def _as_seen(row: QueueRow) -> Chosen:
    record = row.item.record
    return Chosen(*case_words.ref_of(record), record.version)


def _all_that_fit(desk: Desk, queue: str, text: str) -> list[Chosen]:
    """All of a queue that a filter lets through, as they are now; in a worker thread."""
    read = queue_rows.read_rows(queue, text)
    page = read(desk, None, _PAGE)
    chosen = [_as_seen(row) for row in page.rows]
    while page.next is not None and len(chosen) < _MOST:
        page = read(desk, page.next, _PAGE)
        chosen += [_as_seen(row) for row in page.rows]
    return chosen
