"""The field for a corporation number: whether the check digit fits, while it is typed, and what one slip explains."""

from PySide6.QtCore import QEvent, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.corporation_number import LENGTH, InvalidCorporationNumber, parse
from console.views.look.theme import look
from console.views.seat import Seat
from console.views.widgets.base import Words, column, row
from console.views.widgets.buttons import KeyButton, LinkButton
from console.views.widgets.inputs import Edit, Field

_ASK_AFTER_MS = 120
_MOST = 3


class NumberField(QWidget):
    """Full-width digits, spaces, hyphens and T are taken as typed; the text itself is never changed.

    Signals:
        wanted(str): look this up.
    """

    wanted = Signal(str)

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat
        self.field = Field(seat.say("field.corporation_number"), role="data")
        self.field.setFixedWidth(440)
        self.button = KeyButton(seat.say("action.look_up"), "Enter", "primary", binds=False)
        self.button.clicked.connect(self._want)
        self.edit.textChanged.connect(self._typed)
        self.edit.returnPressed.connect(self._want)
        self._label = Words(seat.say("lookup.neighbours"), "small", "muted")
        self._offers = [LinkButton("", role="body") for _ in range(_MOST)]
        for offer in self._offers:
            offer.clicked.connect(self._take_offer)
        line = row(self.field, gap=8)
        self._drop = column(self.button, None, gap=0)
        line.addLayout(self._drop)
        line.addStretch(1)
        self.setLayout(column(line, row(self._label, *self._offers, None, gap=12), gap=4))
        self._timer = QTimer(self, singleShot=True, interval=_ASK_AFTER_MS)
        self._timer.timeout.connect(self._ask)
        self._offer(())
        self._typed()
        self._align()

    def _align(self) -> None:
        """The button stands beside the field, not beside its label."""
        self._drop.setContentsMargins(0, look().line("small") + 4, 0, 0)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_drop"):
            self._align()

    @property
    def edit(self) -> Edit:
        if not isinstance(self.field.edit, Edit):
            raise TypeError("a line")
        return self.field.edit

    @property
    def text(self) -> str:
        return self.edit.text()

    def show_text(self, text: str) -> None:
        """Put a number in, without looking it up."""
        if text != self.text:
            self.edit.setText(text)

    @Slot()
    def _typed(self) -> None:
        """What is said while typing: nothing of the kind of an error before 13 digits are there."""
        say = self._seat.say
        self._timer.stop()
        self._offer(())
        try:
            number = parse(self.text, dummies=True)
        except InvalidCorporationNumber as invalid:
            self._wrong(invalid)
        else:
            self.field.show_error("")
            hint = say("lookup.well_formed")
            if number.stripped_prefix:
                hint = say("lookup.prefix_stripped")
            self.field.show_hint(hint)
            self.field.show_inside(say("lookup.digit"))

    def _wrong(self, invalid: InvalidCorporationNumber) -> None:
        say, typed = self._seat.say, len(invalid.normalized or "")
        self.field.show_inside("")
        self.field.show_error("")
        if invalid.reason == "CHECK_DIGIT":
            self.field.show_error(say("lookup.wrong_digit"))
            self._timer.start()
        elif invalid.reason == "CHARACTER":
            self.field.show_error(say("lookup.no_digit"))
        elif invalid.reason == "LENGTH" and typed > LENGTH:
            self.field.show_error(say("lookup.too_long", n=typed))
            self._timer.start()
        elif invalid.reason == "LENGTH":
            self.field.show_hint(say("lookup.typed", n=typed))
            if typed == LENGTH - 1:
                self._timer.start()
        else:
            self.field.show_hint(say("lookup.prompt"))

    # -- numbers that one slip explains

    @Slot()
    def _ask(self) -> None:
        text = self.text
        if self._seat.ready:
            self._seat.read(
                lambda desk: desk.lookup.neighbours(text),
                lambda found: self._offer(found if text == self.text else ()),
                lambda _: None,
                owner=self,
            )

    def _offer(self, numbers: tuple[str, ...]) -> None:
        self._label.setVisible(bool(numbers))
        for place, offer in enumerate(self._offers):
            known = place < len(numbers)
            offer.setVisible(known)
            if known:
                offer.setText(wording.format_number(numbers[place]))
                offer.setAccessibleName(wording.format_number(numbers[place]))
                offer.updateGeometry()

    @Slot()
    def _take_offer(self) -> None:
        offer = self.sender()
        if isinstance(offer, LinkButton):
            self.edit.setText(offer.text())
            self._want()

    @Slot()
    def _want(self) -> None:
        self.wanted.emit(self.text)
