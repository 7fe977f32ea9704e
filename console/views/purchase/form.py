"""The form of a purchase: client, deal, purposes, comment, and what is here already."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLayout, QWidget

from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.results import PurchasePlan
from console.views.seat import Seat
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import LinkButton
from console.views.widgets.flow import flowing
from console.views.widgets.inputs import CheckBox, Choice, Edit, Field
from console.views.widgets.record import FactList

_DEALS = (1, 2, 9)
_PURPOSES = (4, 1, 2, 3, 9)


class PurchaseForm(QWidget):
    """Nothing is chosen for the person where there are several.

    Signals:
        changed: another client, another answer to whether it can be bought.
        record_wanted(int): show the live record instead.
    """

    changed = Signal()
    record_wanted = Signal(int)

    def __init__(self, seat: Seat, plan: PurchasePlan, client: str | None) -> None:
        super().__init__()
        self._seat, self._plan = seat, plan
        say = seat.say
        self.client: Choice | Field = self._client_choice(client) if plan.clients else self._client_field(client)
        self.deal = Choice(say("field.deal"), empty=say("word.unset"))
        for deal in _DEALS:
            self.deal.addItem(say("dialog.purchase.choice", number=deal, words=say(f"deal.{deal}")), deal)
        self.deal.setCurrentIndex(-1)
        self.purposes = [CheckBox(say(f"purchase_reason.{purpose}")) for purpose in _PURPOSES]
        self.comment = Field(say("field.comment"))
        if isinstance(self.comment.edit, Edit):
            self.comment.edit.setMaxLength(500)
        self._live = Words("", wrap=True)
        self._link = LinkButton(say("action.open_record"), chevron=True)
        self._link.clicked.connect(self._open_live)
        self.setLayout(self._build())
        self._look()

    def _client_choice(self, client: str | None) -> Choice:
        choice = Choice(self._seat.say("field.client"), empty=self._seat.say("dialog.purchase.choose_client"))
        choice.addItems(list(self._plan.clients))
        chosen = client if client in self._plan.clients else None
        if chosen is None and len(self._plan.clients) == 1:
            chosen = self._plan.clients[0]
        choice.setCurrentIndex(self._plan.clients.index(chosen) if chosen else -1)
        choice.currentIndexChanged.connect(self._look)
        return choice

    def _client_field(self, client: str | None) -> Field:
        field = Field(self._seat.say("field.client"), role="data")
        if isinstance(field.edit, Edit):
            field.edit.setText(client or "")
            field.edit.textChanged.connect(self._look)
        return field

    def _build(self) -> QLayout:
        say = self._seat.say
        cost = Bar(say("dialog.purchase.cost"), say("dialog.purchase.final"), tone="care", shape="warning")
        client: QWidget = self.client
        if isinstance(client, Choice):
            client = labelled(say("field.client"), client)
        both = row(client, labelled(say("field.deal"), self.deal), gap=16)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        purposes = column(Words(say("field.purpose"), "small", "muted"), flowing(*self.purposes, gap=14), gap=2)
        here = Surface(edge="all")
        here.setLayout(column(self._here(), margins=(12, 8, 12, 8)))
        title = Words(say("dialog.purchase.here"), "small", "muted")
        return column(cost, both, purposes, self.comment, column(title, here, gap=4), gap=14)

    def _here(self) -> FactList:
        """What we know of this number, of this moment."""
        say, plan = self._seat.say, self._plan
        facts = FactList()
        live = QWidget()
        live.setLayout(row(self._live, self._link, gap=8))
        facts.add(say("dialog.purchase.live"), live)
        facts.add(say("dialog.purchase.last"), Words(_last(self._seat, plan)))
        running = plan.running
        words = (
            say("dialog.purchase.running_now", holder=running, since=running.since)
            if running
            else say("dialog.purchase.none_read", at=plan.read_at)
        )
        facts.add(say("dialog.purchase.running"), Words(words))
        return facts

    # -- what is chosen

    @property
    def client_id(self) -> str:
        if isinstance(self.client, Choice):
            return self.client.currentText() if self.client.currentIndex() >= 0 else ""
        return self.client.text().strip()

    @property
    def live(self) -> CreditCheck | None:
        """The live record of the chosen client."""
        return next((record for record in self._plan.live if record.client_id == self.client_id), None)

    @property
    def renewal(self) -> bool:
        live = self.live
        return live is not None and live.expired_at is not None and live.expired_at <= self._seat.now()

    def why_not(self) -> str:
        """Why it can't be bought as chosen; "" when it can."""
        say = self._seat.say
        if not self.client_id:
            return say("dialog.purchase.client_missing")
        return say("dialog.purchase.live_one") if self.live is not None and not self.renewal else ""

    def request(self) -> PurchaseRequest:
        chosen = [purpose for purpose, box in zip(_PURPOSES, self.purposes, strict=True) if box.isChecked()]
        deal = self.deal.currentData() if self.deal.currentIndex() >= 0 else None
        comment = self.comment.text().strip() or None
        number = self._plan.corporation_number
        return PurchaseRequest(number, self.client_id, deal, tuple(chosen), comment, self.renewal)

    @Slot()
    def _look(self) -> None:
        say, live = self._seat.say, self.live
        if live is None:
            others = sorted({record.client_id for record in self._plan.live}, key=int)
            shown = say("dialog.purchase.live_others", clients=others) if others else say("dialog.purchase.none")
            self._live.say(shown)
        elif self.renewal:
            self._live.say(say("dialog.purchase.last_renewal", expired_at=live.expired_at))
        else:
            self._live.say(say("record.title", id=live.id))
        self._link.setVisible(live is not None)
        self.changed.emit()

    @Slot()
    def _open_live(self) -> None:
        if self.live is not None:
            self.record_wanted.emit(self.live.id)


def _last(seat: Seat, plan: PurchasePlan) -> str:
    last = plan.last
    if last is None:
        return seat.say("dialog.purchase.none")
    if last.expired_at is not None:
        return seat.say("dialog.purchase.last_until", id=last.id, expired_at=last.expired_at)
    return seat.say("dialog.purchase.last_state", id=last.id, state=last.state.value)


def labelled(text: str, control: QWidget) -> QWidget:
    """A control under its label."""
    label = Words(text, "small", "muted")
    label.setBuddy(control)
    holder = QWidget()
    holder.setLayout(column(label, control, gap=4))
    return holder
