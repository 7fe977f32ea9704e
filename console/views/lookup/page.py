"""Lookup: a corporation number, checked while it is typed, and everything we have for it."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.results import LookupResult
from console.views import case_words
from console.views.case_words import Case
from console.views.look.tokens import tokens
from console.views.pages.company import CompanyView
from console.views.pages.money_acts import MoneyActs
from console.views.pages.number_field import NumberField
from console.views.pages.page import Page, PageHead
from console.views.routes import LookupRoute
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.base import Surface, column
from console.views.widgets.empty import EmptyState


class LookupPage(Page):
    """The field stays in sight above the company that was found."""

    place = "lookup"
    help_key = "help.lookup"
    hints = (
        (("Enter",), "key.open"),
        (("B",), "key.purchase"),
        (("F",), "key.refetch"),
        (("P",), "key.probe"),
        (("R",), "key.refund"),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+F",), "key.number"),
        (("F1",), "key.help"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self.acts = MoneyActs(seat, self)
        self.head = PageHead(seat.say("screen.lookup"), seat.say("lookup.sentence"))
        self.number = NumberField(seat)
        self.company = CompanyView(seat, self.acts)
        self.content = QStackedWidget()
        self.content.addWidget(QWidget())
        self.content.addWidget(self.company)
        self._wanted = ""
        self._buy = False
        margin = tokens().px("spacing", "page_margin")
        line = Surface(edge="bottom")
        line.setLayout(column(self.number, margins=(margin, 0, margin, 12)))
        self.add(self.head)
        self.add(line)
        self.add_bars()
        self.add(self.content, 1)
        self.add_hints()
        self.number.wanted.connect(self._look_up)
        self.number.edit.textEdited.connect(self._other_number)
        self.company.opened.connect(self._open)
        self.company.counted.connect(self.hint_bar.count.say)
        acts = {"B": self.company.buy, "F": self.company.refetch, "P": self.company.probe, "R": self.company.refund}
        for key, act in acts.items():
            self.key(key, act)
        self.key("Ctrl+C", self.company.copy)
        self.key("Ctrl+F", self._go_to_field)

    def enter(self, route: object) -> None:
        if not isinstance(route, LookupRoute) or not route.text:
            return
        self._buy = route.buy
        self.number.show_text(route.text)
        if route.text != self._wanted:
            self._ask(route.text)
        else:
            self.refresh("entered")

    def entered(self) -> None:
        if self.content.currentWidget() is self.company:
            self.company.focus_rows()
        else:
            self._go_to_field()

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return bool(self._wanted) and self.company.concerned(changes)

    @Slot(str)
    def _other_number(self, text: str) -> None:
        """Another number is being typed: what was found for the last one goes."""
        if text != self._wanted and self._wanted:
            self._wanted = ""
            self._replace_first(QWidget())

    # -- looking up

    @Slot(str)
    def _look_up(self, text: str) -> None:
        """Somebody pressed Enter: the place is kept for the way back."""
        if text.strip():
            self.seat.go(LookupRoute(text))

    def _ask(self, text: str) -> None:
        self._wanted = text
        if self.isVisible():
            self.read("asked")
        else:
            self.refresh("asked")

    def read(self, reason: str) -> None:
        text = self._wanted
        if not text or not self.seat.ready:
            return
        self.seat.read(
            lambda desk: desk.lookup.find(text),
            lambda found: self._take(text, found, still=reason == "changed"),
            lambda failure: self._refused(text, failure),
            owner=self,
            key=self,
        )

    def _take(self, text: str, found: LookupResult, *, still: bool = False) -> None:
        if text != self._wanted:
            return
        self.reading_done()
        first = self.content.currentWidget() is not self.company or self.company.number != found.corporation_number
        self.company.show_found(found, still=still and not first)
        self.content.setCurrentWidget(self.company)
        if first:
            self.company.focus_rows()
        if self._buy:
            self._buy = False
            self.company.buy()

    def _refused(self, text: str, failure: Failure) -> None:
        """A wrong number is said at the field, never as a page that failed."""
        if text != self._wanted:
            return
        if failure.code == "invalid_corporation_number":
            self._wanted = ""
            shown = EmptyState(self.seat.say("lookup.not_a_number"), self.seat.message(failure), shape="square_bang")
            self._replace_first(shown)
            self.number.edit.setFocus()
        else:
            self.reading_failed(failure)

    def _replace_first(self, shown: QWidget) -> None:
        old = self.content.widget(0)
        self.content.insertWidget(0, shown)
        self.content.setCurrentWidget(shown)
        if old is not None:
            self.content.removeWidget(old)
            old.deleteLater()

    @Slot(object)
    def _open(self, record: Case) -> None:
        self.seat.go(case_words.route_of(record, self.company.trail(), "lookup"))

    @Slot()
    def _go_to_field(self) -> None:
        self.number.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.number.edit.selectAll()
