"""A bulk run in a dialog: how far it is, whoever runs it; stopped, gone on with, given up; what each row came to."""

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console.domain.bulk_records import BulkItem, BulkProgress
from console.domain.permissions import same_person
from console.domain.worker_records import BulkAction, BulkRun
from console.views import record_words
from console.views.desk_api import Desk
from console.views.dialogs.bulk_parts import OutcomeView
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.seat import Note, Seat
from console.views.tasks import Failure, TaskHandle
from console.views.widgets.base import column
from console.views.widgets.dialog import DialogFrame

_WIDE = 960
_LOOK_MS = 400


class RunDialog(DialogFrame):
    """Whoever is one says in `look_through` what goes before going on. `run`: as it was read last."""

    def __init__(self, seat: Seat, parent: QWidget) -> None:
        super().__init__(
            " ", cancel=seat.say("action.cancel"), act=" ", close_name=seat.say("action.close"), parent=parent
        )
        self.setFixedWidth(min(round(_WIDE * look().scale), parent.window().width() - 96))
        self._seat = seat
        self.run: BulkRun | None = None
        self.outcome: OutcomeView | None = None
        self.task: TaskHandle | None = None
        self._reading = self._guarded = False
        self._shown_state, self._offers = "", 0
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.act_button.clicked.connect(self._act)
        self._press: Callable[[], None] = _nothing

    def look_through(self, run: BulkRun) -> None:
        """Show what would be done to the rows that are open."""
        raise NotImplementedError

    # -- what the acting button does changes from face to face

    @Slot()
    def _act(self) -> None:
        self._press()

    @Slot()
    def fit(self) -> None:
        """Faces differ much in height: each stands in the middle, or it would grow out of the screen."""
        before, below = self.height(), self.parentWidget()
        super().fit()
        if self.isVisible() and below is not None and self.height() != before:
            place = self.geometry()
            place.moveCenter(below.window().geometry().center())
            self.move(place.topLeft())

    @Slot()
    def _allow(self) -> None:
        super()._allow()
        if self._guarded:
            self.act_button.setEnabled(False)

    def offer(self, word: str, press: Callable[[], None]) -> None:
        """Another meaning of the acting button: off for a moment, so that a double click decides nothing twice."""
        self._press, self._guarded = _nothing, True
        self.act_button.say(word)
        self.act_button.setVisible(True)
        self.act_button.setEnabled(False)

        self._offers += 1
        number = self._offers

        def allow() -> None:
            if number != self._offers:
                return  # it means something else by now
            self._press, self._guarded = press, False
            if not self._off_reason and not self.busy:
                self.act_button.set_on()

        QTimer.singleShot(tokens().px("motion", "acting_button_off_ms"), self, allow)

    # -- watching, and afterwards

    def watch(self, run: BulkRun) -> None:
        seat, say = self._seat, self._seat.say
        self.run = run
        self.say_title(
            say("bulk.run.title", name=run.name, action=run.action.value),
            say("bulk.run.subtitle", who=record_words.who(run.made_by, seat), at=run.made_at, n=run.size),
        )
        self.outcome = OutcomeView(seat, run)
        self.outcome.discard_wanted.connect(self._discard)
        self.show_parts(self.outcome)
        self.cancel_button.say(say("action.close"))
        self.hint.say("")
        self.act_button.hide()
        self._shown_state = ""
        self._timer.start()
        self._look()

    @property
    def is_running_here(self) -> bool:
        return self.task is not None and self.task.state in ("waiting", "running")

    @Slot()
    def _look(self) -> None:
        """How far it is, whoever runs it."""
        if self._reading or self.outcome is None or self.run is None:
            return
        self._reading, run_id = True, self.run.id

        def read(desk: Desk) -> tuple[BulkItem, BulkProgress]:
            return desk.bulk.item(run_id), desk.bulk.tally(run_id)

        self._seat.read(read, self._seen, self._unseen, owner=self)

    def _seen(self, found: tuple[BulkItem, BulkProgress]) -> None:
        item, done = found
        self._reading, self.run = False, item.run
        if self.outcome is None:
            return
        here = self.is_running_here
        self.outcome.show_item(item, done, here=here)
        running = here or item.run.state == "running"
        if not running:
            self._timer.stop()
        self._show_act(item.run, running=running)

    def _show_act(self, run: BulkRun, *, running: bool) -> None:
        """What can be done about it now; shown anew only when that is something else."""
        state = "running" if running else run.state
        if state == self._shown_state or self.outcome is None:
            return
        self._shown_state = state
        say = self._seat.say
        self._show_discard(run, state)
        why_not = self._seat.why_not(run.action.value)
        if state == "done":
            self.act_button.hide()
            self.cancel_button.setFocus()
        elif state == "running":
            self._off_reason = why_not
            self.offer(say("bulk.stop"), self._stop)
        else:
            self._off_reason = why_not or self._makers(run)
            self.offer(say("bulk.go_on"), self._go_on)
        if self._off_reason and state != "done":
            self.set_act_off(self._off_reason)

    def _show_discard(self, run: BulkRun, state: str) -> None:
        if self.outcome is None:
            return
        self.outcome.discard.setVisible(state not in ("running", "done"))
        if same_person(run.made_by, self._seat.operator or ""):
            self.outcome.discard.set_on()
        else:
            self.outcome.discard.set_off(self._seat.say("error.not_allowed.bulk_discard", maker=run.made_by))

    def _makers(self, run: BulkRun) -> str:
        """Takes and notes are made in one's own name."""
        own = run.action not in (BulkAction.TAKE, BulkAction.NOTE) or same_person(
            run.made_by, self._seat.operator or ""
        )
        return "" if own else self._seat.say("bulk.go_on_maker", maker=run.made_by)

    def _unseen(self, failure: Failure) -> None:
        self._reading = False
        if self.outcome is not None:
            self.hint.say(self._seat.message(failure))

    def _stop(self) -> None:
        if self.run is None:
            return
        run_id = self.run.id
        self.act_button.set_busy(self._seat.say("bulk.stopping"))
        self._seat.act(
            lambda desk: desk.bulk.stop(run_id), lambda _run: None, self._refused, owner=self,
            label=self._seat.say("bulk.stop"), told=lambda run: Note(self._seat.say("bulk.stop"), run.name), asked="",
        )  # fmt: skip

    def _go_on(self) -> None:
        if self.run is not None:
            self.look_through(self.run)

    @Slot()
    def _discard(self) -> None:
        if self.run is None:
            return
        run_id = self.run.id
        self._seat.act(
            lambda desk: desk.bulk.discard(run_id), lambda _run: self._look(), self._refused, owner=self,
            label=self._seat.say("bulk.discard"), told=lambda run: Note(self._seat.say("bulk.discard"), run.name),
            asked="",
        )  # fmt: skip

    def _refused(self, failure: Failure) -> None:
        self.hint.say(self._seat.message(failure))
        self._shown_state = ""
        self._look()

    def ended(self) -> None:
        """The run has ended, perhaps long after this was closed."""
        if shiboken6.isValid(self):
            self._look()

    def not_run(self, failure: Failure) -> None:
        if shiboken6.isValid(self):
            self._refused(failure)
        else:
            self._seat.tell(self._seat.say("act.refused"), self._seat.message(failure), "square_bang", "bad")

    def show_parts(self, *parts: QWidget) -> None:
        """Another face."""
        content = QWidget()
        content.setLayout(column(*parts, gap=12))
        self.show_content(content)


def _nothing() -> None:
    """Nothing can be pressed at this moment."""
