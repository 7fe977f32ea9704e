"""Writing a note beside a record."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.worker_records import Note as Written
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Edit, Field


class NoteDialog(DialogFrame):
    """One field. What was typed stays until it is kept.

    Signals:
        written(): the note is kept.
    """

    written = Signal()

    def __init__(self, seat: Seat, kind: str, id: int, parent: QWidget) -> None:
        say = seat.say
        super().__init__(
            say("dialog.note.title"), say("dialog.note.subtitle"), cancel=say("action.cancel"),
            act=say("dialog.note.act"), close_name=say("action.close"), parent=parent,
        )  # fmt: skip
        self._seat, self._kind, self._id = seat, kind, id
        self.words = Field(say("dialog.note.words"), area=True)
        if not isinstance(self.words.edit, Edit):
            self.words.edit.textChanged.connect(self._look)
        self._show()
        self.act_button.clicked.connect(self._keep)
        self._look()

    def _show(self, *above: QWidget) -> None:
        content = QWidget()
        content.setLayout(column(*above, self.words, gap=12))
        self.show_content(content)

    @Slot()
    def _look(self) -> None:
        if self.words.text().strip():
            self.set_act_on(self._seat.say("dialog.enter_cancels"))
        else:
            self.set_act_off(self._seat.say("dialog.note.needs_words"))

    @Slot()
    def _keep(self) -> None:
        if self.busy or not self.words.text().strip():
            return
        seat, kind, id, words = self._seat, self._kind, self._id, self.words.text()
        self.set_busy(seat.say("dialog.busy"))
        seat.act(
            lambda desk: desk.recovery.note(kind, id, words), self._kept, self._failed, owner=self,
            label=seat.say("action.note"), told=lambda _note: Note(seat.say("dialog.note.kept")), key=(kind, id),
            asked="",
        )  # fmt: skip

    def _kept(self, _note: Written) -> None:
        self._seat.tell(self._seat.say("dialog.note.kept"))
        self.written.emit()
        self.accept()

    def _failed(self, failure: Failure) -> None:
        self.let_go(self._seat.say("action.cancel"), "")
        self.act_button.say(self._seat.say("dialog.note.act"))
        self._show(Bar("", self._seat.message(failure), tone="bad", shape="square_bang"))
        self._look()
