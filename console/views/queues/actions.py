"""What is done from a queue: to what is chosen in it, else to the current row."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from console.domain.order_records import Payment, Refund
from console.domain.records import CreditCheck
from console.domain.results import QueueItem
from console.domain.worker_records import BulkAction
from console.views import case_words
from console.views.case_words import Case
from console.views.pages.beside_acts import BesideActs
from console.views.pages.money_acts import MoneyActs
from console.views.pages.page import Page
from console.views.pages.queue_choice import QueueChoice
from console.views.seat import Seat


class QueueActs(QObject):
    """Belongs to the page. Many records at once are looked through first, then confirmed."""

    def __init__(self, seat: Seat, page: Page, choice: QueueChoice, current: Callable[[], QueueItem | None]) -> None:
        super().__init__(page)
        self._seat, self._page, self._choice, self._current = seat, page, choice, current
        self.acts = MoneyActs(seat, page)
        self.beside = BesideActs(seat, self.acts, self.press_beside)

    def listen(self) -> None:
        """To the page's keys and the bar."""
        keys = {
            "P": self.probe, "F": self.refetch, "E": self.resolve, "Ctrl+C": self.copy,
            "Ctrl+A": self._choice.choose_all, "Ctrl+D": self._choice.choose_none,
        }  # fmt: skip
        for key, act in keys.items():
            self._page.key(key, act)
        self._choice.wanted.connect(self.do_to_all)

    @property
    def record(self) -> Case | None:
        """That of the current row."""
        current = self._current()
        return current.record if current is not None else None

    # -- to all that are chosen

    @Slot(object)
    def do_to_all(self, action: BulkAction) -> None:
        if self.acts.barred(action.value):
            return
        from console.views.dialogs.bulk import BulkDialog

        dialog = BulkDialog(self._seat, self._page.window(), self._choice.wish(action))
        dialog.begun.connect(self._choice.choose_none)
        dialog.open()

    def _did_to_all(self, action: BulkAction) -> bool:
        """A key means what is chosen, else the current row. What can't be done is greyed in the bar, and why."""
        if not self._choice:
            return False
        if not self._choice.why_not(action):
            self.do_to_all(action)
        return True

    # -- to one

    def press_beside(self, name: str) -> None:
        record = self.record
        if not self._did_to_all(BulkAction(name)) and record is not None and not self.acts.barred(name):
            self.beside.act(name, *case_words.ref_of(record))

    @Slot()
    def probe(self) -> None:
        if self._did_to_all(BulkAction.PROBE):
            return
        record = self.record
        if isinstance(record, CreditCheck):
            self.acts.probe(record)
        elif record is not None:
            self.acts.probe_case(record)

    @Slot()
    def refetch(self) -> None:
        if self._did_to_all(BulkAction.REFETCH):
            return
        record = self.record
        if isinstance(record, CreditCheck):
            self.acts.refetch(record)

    @Slot()
    def resolve(self) -> None:
        """One at a time: it takes evidence."""
        record = self.record
        if isinstance(record, CreditCheck):
            self.acts.resolve(record)
        elif isinstance(record, Payment | Refund):
            self.acts.resolve_case(record)

    @Slot()
    def copy(self) -> None:
        record = self.record
        if record is not None:
            self.acts.copy(case_words.number_of(record) or case_words.short(record, self._seat))
