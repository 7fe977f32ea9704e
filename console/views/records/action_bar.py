"""What can be done with a record: the buttons beside "you can", and the bar below with the reason why one is off."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.payment_results import PaymentView, RefundView
from console.domain.permissions import ROLES_FOR
from console.domain.records import Certainty, CheckState
from console.domain.results import AllowedAction, CreditCheckView, Explanation
from console.views.pages import beside_acts, evidence_acts
from console.views.pages.rights import Reasons, guarded
from console.views.seat import Seat
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.flow import flowing
from console.views.widgets.record import FactForm

_KEYS = {
    "probe": "P", "refetch": "F", "resolve": "E", "renew": "B", "open_pdf": "O", "purchase": "B", "refund": "R",
    "move_order": "M", "approve": "A", "reject": "D", "withdraw": "W", "open_payment": "O", "import": "I",
    "take": "T", "note": "N", "copy_story": "Ctrl+Shift+T", "evidence_pack": "Ctrl+Shift+E",
}  # fmt: skip
_RIGHTS = {
    "renew": "purchase", "open_pdf": "read", "refund": "refund_request", "approve": "refund_approve",
    "reject": "refund_approve", "withdraw": "refund_withdraw", "move_order": "resolve", "submit": "refund_submit",
    "copy_story": "read", "evidence_pack": "audit_any",
}  # fmt: skip
_CHECKED = ("probe", "refetch", "resolve", "renew")


class Viewed(Protocol):
    """Any record with what its reader may do."""

    @property
    def explanation(self) -> Explanation: ...
    @property
    def actions(self) -> tuple[AllowedAction, ...]: ...


class RecordActions(QObject):
    """Keeps the buttons true to what the service says.

    Signals:
        wanted(str): do that.
    """

    wanted = Signal(str)

    def __init__(self, seat: Seat, names: Sequence[str] = _CHECKED) -> None:
        super().__init__()
        self._seat = seat
        self._buttons = {name: self._make(name) for name in (*names, *beside_acts.NAMES, *evidence_acts.NAMES)}
        self.bar = Surface(raised=True, edge="top")
        pairs = [self._with_reason(button) for button in self._buttons.values()]
        self.bar.setLayout(column(flowing(*pairs, gap=16, line_gap=8), margins=(24, 8, 24, 8)))
        self.setParent(self.bar)
        self._offered: tuple[object, ...] = ()

    @staticmethod
    def _with_reason(button: KeyButton) -> QWidget:
        pair = QWidget()
        pair.setLayout(row(button, ReasonLabel(button), gap=8))
        return pair

    def button(self, name: str) -> KeyButton | None:
        return self._buttons.get(name)

    def _make(self, name: str, kind: str = "default") -> KeyButton:
        word = self._seat.say(f"action.{name}")
        button = KeyButton(word, _KEYS.get(name, ""), kind, binds=False)  # type: ignore[arg-type]  # a kind
        button.setProperty("act", name)
        button.clicked.connect(self._pressed)
        return button

    @Slot()
    def _pressed(self) -> None:
        self.wanted.emit(str(self.sender().property("act")))

    def show_view(self, view: CreditCheckView, form: FactForm) -> None:
        """Every button on, or off with its reason; and the few that help most beside "you can"."""
        self.show_actions(view, form, offered(view))

    def show_actions(self, view: Viewed, form: FactForm, helpful: Sequence[str]) -> None:
        """The same for any record; `helpful` are the names of what helps most, the best first."""
        allowed = {action.action: action for action in view.actions}
        for name, button in self._buttons.items():
            why_not = self._why_not(name, allowed)
            if why_not:
                button.set_off(why_not)
            else:
                button.set_on()
        possible = [name for name in helpful if name == "purchase" or not self._why_not(name, allowed)]
        self._offer(view, possible, form)

    def _why_not(self, name: str, allowed: Mapping[str, AllowedAction]) -> str:
        """Why it is off: the service's reason, the database away, or a right that is missing."""
        action = allowed.get(name)
        if action is not None:
            return self._reason(action) if not action.allowed else self._unreachable()
        right = _RIGHTS.get(name, name)
        return self._seat.why_not(right) if right in ROLES_FOR else self._unreachable()

    def _unreachable(self) -> str:
        """While the database is away there is reading only."""
        lost = self._seat.reach.lost_since
        return self._seat.say("reason.not_connected", since=lost) if lost is not None else ""

    def _reason(self, action: AllowedAction) -> str:
        """Why it is off, with the people who may where a role is missing."""
        needed = action.facts.get("needs")
        right = _RIGHTS.get(action.action, action.action)
        if action.reason == "reason.role" and isinstance(needed, tuple):
            return self._seat.lacks(right) or self._seat.needs(needed, self._seat.others_who(right))
        return self._seat.say(action.reason or "reason.role", **action.facts)

    def _offer(self, view: Viewed, names: Sequence[str], form: FactForm) -> None:
        key = (*names, view.explanation.next_step.code)
        if key == self._offered:
            return  # the same buttons stay, and with them the focus
        self._offered = key
        if names:
            buttons = [self._make(name, "default" if place else "primary") for place, name in enumerate(names)]
            for button in buttons:
                if button.property("act") == "purchase":
                    guarded(self._seat, button, "purchase")
            form.set_actions(*buttons, Reasons(*buttons))
        else:
            form.set_actions(Words(self._seat.say("record.nothing_to_press"), "body", "muted"))

    def proposer(self, view: CreditCheckView | PaymentView | RefundView) -> str | None:
        """Who proposed what now waits for the second person."""
        if not view.awaiting:
            return None
        proposals = [entry for entry in view.timeline if entry.what.endswith("resolve_proposed")]
        return proposals[-1].who if proposals else None


def offered(view: CreditCheckView) -> tuple[str, ...]:
    """What helps most in this state, the best first; at most three."""
    record = view.record
    if record.superseded or record.duplicate_of is not None:
        return ("successor",)
    if record.certainty is Certainty.UNKNOWN:
        return ("resolve", "probe")
    if record.state is CheckState.PENDING:
        return ("probe",)
    if record.state is CheckState.ERROR:
        return ("purchase",)
    if record.incomplete and not record.viewing_over:
        return ("refetch", "probe")
    renewable = any(action.action == "renew" and action.allowed for action in view.actions)
    return ("renew", "probe") if renewable else ("open_pdf", "probe")
