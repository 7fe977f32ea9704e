"""What a person does with a credit check, from any page: probe, re-fetch, resolve, buy, copy."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from console.domain.order_records import Order, Payment, Refund
from console.domain.records import Certainty, CreditCheck, Operation
from console.views import record_words as words
from console.views.pages.page import Page
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.buttons import KeyButton

if TYPE_CHECKING:
    from console.domain.results import PurchasePlan

_SETTLED = "credit-check"
Probed = CreditCheck | Operation | Order | Payment | Refund


class Acts(QObject):
    """Belongs to one page. What is under way isn't begun a second time; a refusal stands in a bar of the page."""

    def __init__(self, seat: Seat, page: Page) -> None:
        super().__init__(page)
        self._seat, self._page = seat, page
        self._probing: set[int | str] = set()

    @property
    def page(self) -> Page:
        """The page that it belongs to."""
        return self._page

    # -- asking the provider

    def probe(self, record: CreditCheck) -> None:
        """Ask what happened; costs nothing and changes nothing there."""
        self.probe_any(_SETTLED, record.id)

    def probe_any(self, kind: str, id: int | str) -> None:
        if id in self._probing or self.barred("probe"):
            return
        seat = self._seat
        self._probing.add(id)
        self._page.show_bar("act", _asking(seat))
        seat.act(
            lambda desk: desk.recovery.probe(kind, id),
            lambda found: self._probed(id, found),
            lambda failure: self._probe_failed(id, failure),
            owner=self,
            label=seat.say("act.probe", id=id),
            told=lambda found: _probe_note(seat, found),
            key=(kind, id),
        )

    def _probed(self, id: int | str, found: Probed) -> None:
        self._probing.discard(id)
        self._page.hide_bar("act")
        self._seat.told.emit(_probe_note(self._seat, found))
        self._page.refresh("probed")

    def _probe_failed(self, id: int | str, failure: Failure) -> None:
        self._probing.discard(id)
        self.refused(failure)
        self._page.refresh("probed")

    def refused(self, failure: Failure) -> None:
        """A refusal that needs reading stays in a bar."""
        seat = self._seat
        unknown = failure.code == "outcome_unknown"
        lead = seat.say("dialog.probe.still_unknown") if unknown else seat.say("act.refused")
        tone, shape = ("unknown", "question") if unknown else ("bad", "square_bang")
        self._page.show_bar("act", Bar(lead, seat.message(failure), tone=tone, shape=shape, button=self._closing()))  # type: ignore[arg-type]  # a tone

    @Slot()
    def _close_bar(self) -> None:
        self._page.hide_bar("act")

    # -- dialogs; imported when first opened

    def barred(self, right: str) -> bool:
        """Whether the person can't, told in a bar: a key has no reason beside it."""
        why_not = self._seat.why_not(right)
        if why_not:
            lead = self._seat.say("act.refused")
            self._page.show_bar("act", Bar(lead, why_not, tone="care", shape="square_bang", button=self._closing()))
        return bool(why_not)

    def _closing(self) -> KeyButton:
        close = KeyButton(self._seat.say("action.close"), kind="inline")
        close.clicked.connect(self._close_bar)
        return close

    def refetch(self, record: CreditCheck) -> None:
        if self.barred("refetch"):
            return
        from console.views.dialogs.refetch import RefetchDialog

        RefetchDialog(self._seat, record, self._page.window()).open()

    def resolve(self, record: CreditCheck, awaiting_from: str | None = None) -> None:
        if self.barred("resolve"):
            return
        from console.views.dialogs.resolve import ResolveDialog

        if record.certainty is Certainty.UNKNOWN:
            ResolveDialog(self._seat, record, awaiting_from, self._page.window()).open()
        else:
            self._seat.tell(self._seat.say("reason.outcome_known"), shape="square_bang", tone="care")

    def resolve_operation(self, operation: Operation) -> None:
        """What only this desk knows."""
        if self.barred("resolve"):
            return
        if operation.subject_kind in ("refund", "payment"):
            from console.views.dialogs.resolve_money import ResolveMoneyDialog

            ResolveMoneyDialog(self._seat, operation, None, self._page.window()).open()
            return
        from console.views.dialogs.resolve import ResolveDialog

        ResolveDialog(self._seat, operation, None, self._page.window()).open()

    def purchase(self, number: str, client: str | None = None) -> None:
        """Read the plan of this moment, then show it."""
        seat = self._seat
        if self.barred("purchase"):
            return
        seat.read(
            lambda desk: desk.credit_checks.plan(number),
            lambda plan: self._show_plan(plan, client),
            self.refused,
            owner=self,
            key=("plan", number),
        )

    def _show_plan(self, plan: "PurchasePlan", client: str | None) -> None:
        from console.views.dialogs.purchase import PurchaseDialog

        PurchaseDialog(self._seat, plan, client, self._page.window()).open()

    # -- copying

    def copy_number(self, record: CreditCheck) -> None:
        self.copy(record.corporation_number)

    def copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.tell_copied(text)

    @Slot(str)
    def tell_copied(self, text: str) -> None:
        self._seat.tell(self._seat.say("action.copied", text=_shortened(text)))

    def copy_summary(self, record: CreditCheck) -> None:
        """One line for a ticket, without personal data."""
        seat = self._seat
        state, certainty, work = (words.cell(key, seat.language).word for key in words.badge_keys(record))
        line = seat.say(
            "record.summary", id=record.id, number=record.corporation_number, client=record.client_id,
            state=state, certainty=certainty, work=work, at=seat.now(),
        )  # fmt: skip
        QGuiApplication.clipboard().setText(line)
        seat.tell(seat.say("record.summary_copied"), line)


def _asking(seat: Seat) -> Bar:
    return Bar(seat.say("dialog.busy"), seat.say("act.probing"), tone="progress", shape="circle_arrow")


def _probe_note(seat: Seat, found: Probed) -> Note:
    if isinstance(found, CreditCheck) and found.certainty is Certainty.UNKNOWN:
        return Note(seat.say("dialog.probe.still_unknown"), shape="question", tone="unknown")
    at = seat.say("record.no_change", at=seat.now())
    if isinstance(found, CreditCheck):
        return Note(seat.say("dialog.probe.known", state=found.state.value), seat.say("record.short", id=found.id))
    return Note(at)


def _shortened(text: str) -> str:
    return text if len(text) <= 16 else f"{text[:4]}…{text[-4:]}"
