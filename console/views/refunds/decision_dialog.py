"""Deciding on a refund: approving with step-up, declining with words, and the maker's withdrawal."""

from collections.abc import Callable

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.order_records import Refund
from console.domain.payment_records import RefundState
from console.domain.payment_results import RefundView
from console.views import case_words, record_words
from console.views.desk_api import Desk
from console.views.dialogs.refund_review import LastDigits
from console.views.dialogs.steps import LET_GO_SECONDS
from console.views.entry.password import PasswordField
from console.views.routes import RefundRoute
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.badge import Badge
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column, row
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Edit, Field
from console.views.widgets.record import FactList


class _DecisionDialog(DialogFrame):
    """What deciding has in common: the refund by name, one act, and how it ended. `name` is approve, reject or
    withdraw, which names its words.
    """

    name = ""

    def __init__(self, seat: Seat, view: RefundView, parent: QWidget) -> None:
        say, amount = seat.say, wording.format_amount(view.record.amount_minor, view.record.currency)
        super().__init__(
            say(f"dialog.{self.name}.title", amount=amount),
            subtitle(seat, view),
            cancel=say("action.cancel"),
            act=say(f"dialog.{self.name}.act", amount=amount),
            kind="danger" if self.name == "reject" else "primary",
            close_name=say("action.close"),
            parent=parent,
        )
        self._seat, self._view = seat, view
        self._patience = QTimer(self, singleShot=True, interval=LET_GO_SECONDS * 1_000)
        self._patience.timeout.connect(self._let_go)
        self.show_content(self._content())
        self.act_button.clicked.connect(self._decide)
        self._look()

    def _content(self) -> QWidget:
        raise AssertionError(self.name)

    def _why_not(self) -> str:
        """Why it can't be decided as it stands; "" when it can."""
        return ""

    def _call(self) -> Callable[[Desk], Refund]:
        raise AssertionError(self.name)

    @Slot()
    def _look(self) -> None:
        why_not = self._why_not()
        if why_not:
            self.set_act_off(why_not)
        else:
            self.set_act_on(self._seat.say("dialog.enter_cancels"))

    @Slot()
    def _decide(self) -> None:
        if not self.busy and not self._why_not():
            self._send(self._call())

    def _send(self, call: Callable[[Desk], Refund]) -> None:
        seat, id = self._seat, self._view.record.id
        self.set_busy(seat.say("dialog.busy"))
        self.hint.say("")
        self._patience.start()
        seat.act(
            call,
            self._decided,
            self._failed,
            owner=self,
            label=seat.say(f"act.{self.name}", id=id),
            told=lambda refund: Note(
                case_words.title(refund, seat), record_words.cell(case_words.state_key(refund), seat.language).word
            ),
            key=("refund", id),
            asked=self._view.payment.provider if self.name == "approve" else "",
        )

    @Slot()
    def _let_go(self) -> None:
        if self.busy:
            self.let_go(self._seat.say("action.close"), self._seat.say("dialog.decide.watched"))

    def _decided(self, refund: Refund) -> None:
        seat = self._seat
        told = Bar("", seat.say(_ending(self.name, refund), id=refund.id), tone="good", shape="check")
        self._end(seat.say(f"dialog.{self.name}.done"), settled(seat, refund, told))

    def _failed(self, failure: Failure) -> None:
        seat, found = self._seat, failure.detail.get("record")
        unknown = failure.code == "outcome_unknown"
        tone, shape = ("unknown", "question") if unknown else ("bad", "square_bang")
        told = Bar("", seat.message(failure), tone=tone, shape=shape)  # type: ignore[arg-type]  # a tone
        titles = {"stale_view": "dialog.stale.title", "outcome_unknown": "dialog.decide.unknown"}
        title = seat.say(titles.get(failure.code, "act.refused"))
        self._end(title, settled(seat, found if isinstance(found, Refund) else None, told))

    def _end(self, title: str, content: QWidget) -> None:
        say = self._seat.say
        self._patience.stop()
        act = say("action.open_refund")
        self.show_outcome(title, subtitle(self._seat, self._view), content, close=say("action.close"), act=act)
        self.act_button.clicked.connect(self._open)

    @Slot()
    def _open(self) -> None:
        self.accept()
        self._seat.go(RefundRoute(self._view.record.id))


class ApproveDialog(_DecisionDialog):
    """Says what follows; asks for the own password where there are accounts, for digits where the sum is large."""

    name = "approve"

    def _content(self) -> QWidget:
        say, record = self._seat.say, self._view.record
        self.asks = self._seat.settings.sign_in.is_server
        self.password = PasswordField(say("sign_in.field.password"), say("sign_in.show"), say("sign_in.hide"))
        self.password.line.textChanged.connect(self._look)
        order = self._view.order
        self.digits = LastDigits(self._seat, order.merch_txn_id if order else self._view.payment.merchant_payment_id)
        self.digits.changed.connect(self._look)
        self.large = record.checkers_needed > 1
        final = Bar(say("dialog.approve.final_lead"), say(self._what_follows()), tone="care", shape="warning")
        content = QWidget()
        parts: list[QWidget] = [final, self._effects()]
        told = say("dialog.approve.step_up" if self.asks else "dialog.approve.no_password")
        step_up = Words(told, "small", "muted")
        parts += [self.digits] if self.large else []
        parts += [self.password, step_up] if self.asks else [step_up]
        for unused, shown in ((self.digits, self.large), (self.password, self.asks)):
            if not shown:
                unused.setParent(content)
                unused.hide()
        content.setLayout(column(*parts, gap=12))
        return content

    def _what_follows(self) -> str:
        record, now = self._view.record, self._seat.now()
        if len(record.checkers) + 1 < record.checkers_needed:
            return "dialog.approve.then_second"
        if record.sends_after is not None and record.sends_after > now:
            return "dialog.approve.then_waits"
        return "dialog.approve.then_sent"

    def _effects(self) -> FactList:
        say, view = self._seat.say, self._view
        record, money = view.record, view.money
        facts = FactList()
        given, needed = len(record.checkers), record.checkers_needed
        if given + 1 >= needed:
            words = [say(f"state.refund.{one}") for one in ("requested", "approved")]
            facts.add(say("field.state"), Words(say("case.becomes", before=words[0], after=words[1])))
        else:
            count = say("dialog.approve.count", before=given, after=given + 1, needed=needed)
            facts.add(say("field.checkers"), Words(count))
        amount = wording.format_amount(money.refundable, money.currency)
        facts.add(say("money.part.refundable"), Words(say("case.stays", value=amount)))
        if record.sends_after is not None and record.sends_after > self._seat.now():
            waits = say("dialog.refund.cooling_off", at=record.sends_after)
            facts.add(say("dialog.refund.cooling_off_label"), Words(waits))
        return facts

    def _why_not(self) -> str:
        if self.large and (missing := self.digits.why_not()):
            return missing
        needed = self.asks and not self.password.text()
        return self._seat.say("dialog.approve.needs_password") if needed else ""

    def _call(self) -> Callable[[Desk], Refund]:
        id, saw = self._view.record.id, self._view.record.version
        return lambda desk: desk.refunds.approve(id, saw)

    @Slot()
    def _decide(self) -> None:
        """With accounts the password is confirmed first, over a connection of its own; only then it is decided."""
        if self.busy or self._why_not():
            return
        if not self.asks:
            self._send(self._call())
            return
        password = self.password.text()
        self.password.hide_again()
        self.password.line.clear()
        self.set_busy(self._seat.say("dialog.busy"))
        confirm = self._seat.bound(lambda desk: desk.sessions.confirm_password(password))
        self._seat.runner.run(confirm, self._confirmed, self._not_confirmed, owner=self)

    def _confirmed(self, right: bool) -> None:
        if right:
            self._send(self._call())
            return
        self._ask_again(self._seat.say("lock.wrong.words"))

    def _not_confirmed(self, failure: Failure) -> None:
        self._ask_again(self._seat.message(failure))

    def _ask_again(self, words: str) -> None:
        """Nothing was decided."""
        self.let_go(self._seat.say("action.cancel"), "")
        self.act_button.say(self._seat.say("dialog.approve.act"))
        self._look()
        self.password.show_error(words)
        self.password.line.setFocus()


class DeclineDialog(_DecisionDialog):
    """The maker reads the words."""

    name = "reject"

    def _content(self) -> QWidget:
        say, record = self._seat.say, self._view.record
        self.words = Field(say("dialog.reject.words"), area=True)
        self.words.show_hint(say("dialog.reject.reads", maker=record.maker))
        if not isinstance(self.words.edit, Edit):
            self.words.edit.textChanged.connect(self._look)
        content = QWidget()
        kept = Words(say("dialog.reject.effect", amount=wording.format_amount(record.amount_minor, record.currency)))
        kept.setWordWrap(True)
        content.setLayout(column(self.words, kept, gap=12))
        return content

    def _why_not(self) -> str:
        return "" if self.words.text().strip() else self._seat.say("dialog.reject.needs_words")

    def _call(self) -> Callable[[Desk], Refund]:
        id, saw, words = self._view.record.id, self._view.record.version, self.words.text().strip()
        return lambda desk: desk.refunds.reject(id, words, saw)


class WithdrawDialog(_DecisionDialog):
    """By the maker, until it is sent."""

    name = "withdraw"

    def _content(self) -> QWidget:
        say, record = self._seat.say, self._view.record
        content = QWidget()
        amount = wording.format_amount(record.amount_minor, record.currency)
        told = Bar("", say("dialog.withdraw.effect", amount=amount), tone="text", shape="arrow_back")
        content.setLayout(column(told))
        return content

    def _call(self) -> Callable[[Desk], Refund]:
        id = self._view.record.id
        return lambda desk: desk.refunds.withdraw(id)


def _ending(name: str, refund: Refund) -> str:
    """What is told: an approval may have been sent already, or be the first of two."""
    if name != "approve":
        return f"dialog.{name}.ended"
    if refund.state is RefundState.REQUESTED:
        return "dialog.approve.ended_first"
    return "dialog.approve.ended" if refund.state is RefundState.APPROVED else "dialog.approve.ended_sent"


def settled(seat: Seat, refund: Refund | None, told: QWidget) -> QWidget:
    """How it stands now: its three badges, why, and what happens next."""
    parts: list[QWidget] = [told]
    if refund is not None:
        now = seat.now()
        keys = case_words.state_key(refund), case_words.certainty_key(refund, now), case_words.work_key(refund)
        badges = QWidget()
        badges.setLayout(row(*(Badge.of(key, seat.language) for key in keys), None))
        _, why, following = record_words.explained(case_words.explained(refund, now), seat)
        parts += [badges, Words(why, wrap=True), Words(following, wrap=True)]
    holder = QWidget()
    holder.setLayout(column(*parts, gap=12))
    return holder


def subtitle(seat: Seat, view: RefundView) -> str:
    """The refund by its payment's number, whose it is, and who asked."""
    payment = view.payment
    return seat.say(
        "dialog.decide.subtitle", number=payment.merchant_payment_id, corporation=payment.corporation_number,
        provider=case_words.provider_word(payment.provider, seat), maker=view.record.maker,
        at=view.record.created_at,
    )  # fmt: skip
