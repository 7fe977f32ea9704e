"""Saying in one's own name that an alert was seen, and what is done about it."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.worker_records import Alert
from console.views import alert_words
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Edit, Field


class AcknowledgeDialog(DialogFrame):
    """A note is needed. The alert stays open until the facts fit again, and the dialog says so."""

    def __init__(self, seat: Seat, alert: Alert, parent: QWidget) -> None:
        say = seat.say
        self._about = f"{alert_words.rule(alert, seat)} · {alert_words.about(alert, seat)}"
        super().__init__(
            say("dialog.acknowledge.title"), self._about, cancel=say("action.cancel"),
            act=say("dialog.acknowledge.act"), kind="primary", close_name=say("action.close"), parent=parent,
        )  # fmt: skip
        self._seat, self._alert = seat, alert
        self.words = Field(say("dialog.acknowledge.words"), area=True)
        self.words.show_hint(say("dialog.acknowledge.reads"))
        if not isinstance(self.words.edit, Edit):
            self.words.edit.textChanged.connect(self._look)
        content = QWidget()
        content.setLayout(column(self.words, Words(say("dialog.acknowledge.effect"), wrap=True), gap=12))
        self.show_content(content)
        self.act_button.clicked.connect(self._acknowledge)
        self._look()

    @Slot()
    def _look(self) -> None:
        if self.words.text().strip():
            self.set_act_on(self._seat.say("dialog.enter_cancels"))
        else:
            self.set_act_off(self._seat.say("dialog.acknowledge.needs_words"))

    @Slot()
    def _acknowledge(self) -> None:
        words, seat, id = self.words.text().strip(), self._seat, self._alert.id
        if self.busy or not words:
            return
        self.set_busy(seat.say("dialog.busy"))
        seat.act(
            lambda desk: desk.alerts.acknowledge(id, words), self._done, self._failed, owner=self,
            label=seat.say("act.acknowledge", id=id), told=lambda _: Note(seat.say("dialog.acknowledge.done")),
            key=("alert", id), asked="",
        )  # fmt: skip

    def _done(self, _alert: Alert) -> None:
        self.accept()
        self._seat.tell(self._seat.say("dialog.acknowledge.done"), self._about)

    def _failed(self, failure: Failure) -> None:
        say, content = self._seat.say, QWidget()
        content.setLayout(column(Bar("", self._seat.message(failure), tone="bad", shape="square_bang")))
        self.show_outcome(say("act.refused"), self._about, content, close=say("action.close"))
