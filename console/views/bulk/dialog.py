"""Doing one thing to many records: frozen, looked through, confirmed, watched, and what became of each.

The run belongs to the service. This dialog may be closed at any point and opened again from unfinished work.
"""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.bulk_records import BulkPlan, Verdict
from console.domain.worker_records import BulkAction, BulkRun
from console.views import bulk_hands
from console.views.dialogs.bulk_parts import PlanView
from console.views.dialogs.bulk_run import RunDialog
from console.views.dialogs.bulk_wish import Wanted
from console.views.seat import Note, Seat
from console.views.tasks import Failure, Report
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words
from console.views.widgets.inputs import Edit, Field


class BulkDialog(RunDialog):
    """Begins with a wish, which it freezes, or with a run that exists.

    Signals:
        begun: the run was confirmed, so what was chosen for it is chosen no more.
    """

    begun = Signal()

    def __init__(self, seat: Seat, parent: QWidget, what: Wanted | BulkRun) -> None:
        super().__init__(seat, parent)
        self._wanted = what if isinstance(what, Wanted) else None
        self.plan: PlanView | None = None
        self.words: Field | None = None
        if isinstance(what, BulkRun):
            self.watch(what)
        elif what.action is BulkAction.NOTE:
            self._ask_words(what)
        else:
            self._freeze(what, None)

    # -- the words of a note

    def _ask_words(self, wanted: Wanted, *above: QWidget, written: str = "") -> None:
        say = self._seat.say
        self.say_title(say("bulk.title.note", n=wanted.n), say("bulk.what.note"))
        self.words = Field(say("dialog.note.words"), area=True)
        if not isinstance(self.words.edit, Edit):
            self.words.edit.setPlainText(written)
            self.words.edit.textChanged.connect(self._look_at_words)
        self.show_parts(*above, self.words)
        self.offer(say("bulk.next"), self._words_told)
        self._look_at_words()

    @Slot()
    def _look_at_words(self) -> None:
        if self.words is None or not self.words.text().strip():
            self.set_act_off(self._seat.say("dialog.note.needs_words"))
        else:
            self.set_act_on(self._seat.say("dialog.enter_cancels"))

    def _words_told(self) -> None:
        if self._wanted is not None and self.words is not None and not self.busy:
            self._freeze(self._wanted, self.words.text())

    # -- freezing

    def _freeze(self, wanted: Wanted, words: str | None) -> None:
        seat, action, source = self._seat, wanted.action.value, wanted.source
        self.say_title(seat.say("bulk.freezing"), seat.say("bulk.freezing.what"))
        if self.words is not None:
            self.words.setEnabled(False)  # taken as they are; and the focus doesn't go to where it would be lost
        self.set_busy(seat.say("bulk.freezing"))
        seat.act(
            lambda desk: desk.bulk.freeze(action, source(desk), words), self._frozen, self._not_frozen, owner=self,
            label=seat.say("bulk.freezing"), asked="",
            told=lambda run: Note(seat.say("bulk.frozen", name=run.name, at=run.made_at)),
        )  # fmt: skip

    def _frozen(self, run: BulkRun) -> None:
        self.look_through(run)

    def _not_frozen(self, failure: Failure) -> None:
        seat, written = self._seat, self.words.text() if self.words is not None else ""
        self.let_go(seat.say("action.close"), "")
        told = Bar("", seat.message(failure), tone="bad", shape="square_bang")
        if self._wanted is not None and self._wanted.action is BulkAction.NOTE:
            self._ask_words(self._wanted, told, written=written)
            return
        self.say_title(seat.say("act.refused"))
        self.show_parts(told)
        self.act_button.hide()

    # -- looking through

    def look_through(self, run: BulkRun) -> None:
        """The dry run: it asks nobody, and may be left at any point."""
        seat = self._seat
        self.run, self.outcome = run, None
        self._timer.stop()
        self.let_go(seat.say("action.cancel"), "")
        self.say_title(seat.say("bulk.looking"), seat.say("bulk.frozen", name=run.name, at=run.made_at))
        progress = Words(seat.say("bulk.looked", n=0, of=run.size - run.done), wrap=True)
        self.show_parts(progress)
        self.act_button.hide()

        def call(report: Report) -> BulkPlan:
            def heard(n: int) -> None:
                report.check()
                report(n)

            return seat.bound(lambda desk: desk.bulk.dry_run(run.id, heard))()

        def told(n: int) -> None:
            progress.say(seat.say("bulk.looked", n=n, of=run.size - run.done))

        seat.runner.watch(call, self._looked_through, self._not_looked_through, told, owner=self, lane="quick")

    def _looked_through(self, plan: BulkPlan) -> None:
        self.plan = PlanView(self._seat, plan)
        self.plan.resized.connect(self._resized)
        self.plan.table.rows.arrived.connect(self.fit)
        self.show_parts(self.plan)
        self.offer(" ", self._confirm)
        self.cancel_button.setFocus()
        self._resized()

    def _not_looked_through(self, failure: Failure) -> None:
        self.say_title(self._seat.say("bulk.not_looked"))
        self.show_parts(Bar("", self._seat.message(failure), tone="bad", shape="square_bang"))

    @Slot()
    def _resized(self) -> None:
        if self.plan is None or self.run is None:
            return
        seat, run = self._seat, self.run
        count = self.plan.shown.totals.get(Verdict.WOULD, 0)
        frozen = seat.say("bulk.frozen", name=run.name, at=run.made_at)
        what = run.action.value
        title = f"bulk.title.{what}" if count else f"bulk.nothing.{what}"
        self.say_title(seat.say(title, n=count), frozen)
        self.act_button.say(seat.say(f"bulk.act.{what}" if count else f"bulk.action.{what}", n=count))
        if count:
            self._off_reason = ""
            self.hint.say(seat.say("dialog.enter_cancels"))
            if not self._guarded:
                self.act_button.set_on()
        else:
            self.set_act_off(seat.say("bulk.nothing_to_do"))

    def _confirm(self) -> None:
        if self.plan is None or self.run is None or self.busy:
            return
        run, most = self.run, self.plan.most
        self.task = bulk_hands.begin(self._seat, run, most, self.ended, self.not_run)
        self.begun.emit()
        self.plan = None
        self.watch(run)

    # -- leaving

    def reject(self) -> None:
        """Whoever leaves before the run was confirmed leaves nothing behind."""
        run = self.run
        unused = self._wanted is not None and run is not None and run.state == "frozen" and self.task is None
        if unused and not self.busy and run is not None:
            run_id, seat = run.id, self._seat
            seat.runner.run(seat.bound(lambda desk: desk.bulk.discard(run_id)), _told, _told, owner=seat)
        super().reject()


def _told(_value: object) -> None:
    """Nobody waits to hear of it."""
