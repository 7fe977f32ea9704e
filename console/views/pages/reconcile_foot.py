"""Below the differences: what the current one is, and the one thing that settles it."""

from console.domain.reconcile_results import DifferenceItem
from console.views import reconcile_words as words
from console.views.pages.rights import Reasons, guarded
from console.views.seat import Seat
from console.views.widgets.base import Surface, Words, column
from console.views.widgets.buttons import KeyButton
from console.views.widgets.flow import flowing


class DifferenceFoot(Surface):
    """Its buttons are the page's: it only says which of them there are."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(raised=True, edge="top")
        self._seat, say = seat, seat.say
        self.to_do = Words("", "body", wrap=True, selectable=True)
        self.open = KeyButton(say("reconcile.open"), "O", "primary", binds=False)
        self.probe = guarded(seat, KeyButton(say("action.probe"), "P", binds=False), "probe")
        self.note = guarded(seat, KeyButton(say("action.note"), "N", binds=False), "note")
        self.buttons = (self.open, self.probe, self.note)
        reasons = Reasons(self.probe, self.note)
        self.setLayout(column(self.to_do, flowing(*self.buttons), reasons, gap=6, margins=(24, 10, 24, 10)))
        self.hide()

    def show_item(self, item: DifferenceItem | None) -> None:
        """None: nothing is current."""
        self.setVisible(item is not None)
        if item is not None:
            self.to_do.say(words.to_do(item, self._seat))
            self.probe.setVisible(item.action == "probe")
            for button in (self.open, self.note):
                button.setVisible(item.payment is not None)
