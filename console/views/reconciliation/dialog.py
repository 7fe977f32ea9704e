"""Beginning a reconciliation: whose history, which days, and whether to write anything; then what it came to."""

from collections.abc import Sequence
from datetime import date

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.worker_records import ReconcileReport
from console.views.case_words import provider_word
from console.views.pages.reconcile_acts import told, yesterday
from console.views.reconcile_words import span
from console.views.routes import ReconcileRoute
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column, row
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import CheckBox, Choice, Edit, Field
from console.views.widgets.record import FactList

_LONG_MS = 10_000
_LONGEST_DAYS = 366
_COUNTS = ("matched", "different_state", "different_amount", "missing_there", "imported", "refused")


class ReconcileDialog(DialogFrame):
    """Off at the first press; after ten seconds it may be closed, and the run goes on.

    Signals:
        ended(): a run has come to its end, or was refused.
    """

    ended = Signal()

    def __init__(self, seat: Seat, providers: Sequence[str], provider: str, parent: QWidget) -> None:
        """`provider`: the one to begin with, "" or another for none; nothing is assumed where there are several."""
        say = seat.say
        super().__init__(
            say("dialog.reconcile.title"), say("dialog.reconcile.subtitle"), cancel=say("action.cancel"),
            act=say("dialog.reconcile.act"), close_name=say("action.close"), parent=parent,
        )  # fmt: skip
        self._seat, self._providers = seat, tuple(providers)
        self._touched = self._begun = False
        self.provider = Choice(say("column.provider"), empty=say("dialog.reconcile.choose"))
        for one in self._providers:
            self.provider.addItem(provider_word(one, seat))
        only = self._providers[0] if len(self._providers) == 1 else provider
        self.provider.setCurrentIndex(self._providers.index(only) if only in self._providers else -1)
        self.first = Field(say("dialog.reconcile.first"), role="data")
        self.last = Field(say("dialog.reconcile.last"), role="data")
        self.dry = CheckBox(say("dialog.reconcile.dry"))
        self.about = Words("", "small", "muted", wrap=True)
        self._fill_days()
        self._show()
        self._connect()
        self._look()

    def _show(self, *above: QWidget) -> None:
        content = QWidget()
        label = Words(self._seat.say("column.provider"), "small", "muted")
        label.setBuddy(self.provider)
        chosen = QWidget()
        chosen.setLayout(column(label, self.provider, gap=4))
        days = row(gap=16)
        for field in (self.first, self.last):
            days.addWidget(field, 1, Qt.AlignmentFlag.AlignTop)
        effect = Words(self._seat.say("dialog.reconcile.effect"), wrap=True)
        content.setLayout(column(*above, chosen, days, self.dry, effect, self.about, gap=12))
        self.show_content(content)

    def _connect(self) -> None:
        self.provider.currentIndexChanged.connect(self._other_provider)
        for field in (self.first, self.last):
            field.edit.textEdited.connect(self._edited)  # type: ignore[union-attr]  # lines
        self.dry.checkStateChanged.connect(self._look)
        self.act_button.clicked.connect(self._begin)
        self._slow = QTimer(self, singleShot=True, interval=_LONG_MS)
        self._slow.timeout.connect(self._let_go)

    # -- the form

    @property
    def chosen(self) -> str:
        """The provider, "" while none is chosen."""
        at = self.provider.currentIndex()
        return self._providers[at] if at >= 0 else ""

    def _fill_days(self) -> None:
        """Yesterday, where the provider counts its days, until somebody writes another day."""
        if not self._touched:
            for field in (self.first, self.last):
                if isinstance(field.edit, Edit):
                    field.edit.setText(yesterday(self._seat, self.chosen).isoformat())

    @Slot()
    def _other_provider(self) -> None:
        self._fill_days()
        self._look()

    @Slot()
    def _edited(self) -> None:
        self._touched = True
        self._look()

    def _days(self) -> tuple[date, date] | None:
        """Both days, where they can be read and compared; what is wrong stands at its field."""
        first, last = _day(self.first.text()), _day(self.last.text())
        say = self._seat.say
        for field, found in ((self.first, first), (self.last, last)):
            field.show_error("" if found else say("dialog.reconcile.no_day"))
        if first is None or last is None:
            return None
        problem = self._problem(first, last)
        self.last.show_error(say(problem) if problem else "")
        return None if problem else (first, last)

    def _problem(self, first: date, last: date) -> str:
        if last < first:
            return "dialog.reconcile.order"
        today = yesterday(self._seat, self.chosen).toordinal() + 1
        if last.toordinal() > today:
            return "dialog.reconcile.future"
        return "dialog.reconcile.span" if (last - first).days >= _LONGEST_DAYS else ""

    @Slot()
    def _look(self) -> None:
        if self._begun:
            return  # whatever stands in the fields now: it runs
        say, days = self._seat.say, self._days()
        known = self.chosen if self.chosen in ("paypay", "atom", "") else "source"
        self.about.say(say(f"dialog.reconcile.about.{known or 'none'}"))
        self.act_button.say(say("dialog.reconcile.act_dry" if self.dry.isChecked() else "dialog.reconcile.act"))
        if not self._providers:
            self.set_act_off(say("dialog.reconcile.no_provider"))
        elif not self.chosen:
            self.set_act_off(say("dialog.reconcile.needs_provider"))
        elif days is None:
            self.set_act_off(say("dialog.reconcile.needs_days"))
        else:
            self.set_act_on(say("dialog.enter_cancels"))

    # -- the run

    @Slot()
    def _begin(self) -> None:
        days, provider, dry, seat = self._days(), self.chosen, self.dry.isChecked(), self._seat
        if self._begun or days is None or not provider:
            return
        (first, last), self._begun = days, True
        self.set_busy(seat.say("dialog.reconcile.busy"))
        self._slow.start()
        label = seat.say("dialog.reconcile.label", provider=provider_word(provider, seat), days=span(first, last))
        seat.act(
            lambda desk: desk.reconciliation.run(provider, first, last, dry_run=dry), self._done, self._failed,
            owner=self, label=label, told=lambda report: told(seat, report), key=("reconciliation", provider),
            asked="",
        )  # fmt: skip

    @Slot()
    def _let_go(self) -> None:
        if self.busy:
            say = self._seat.say
            self.let_go(say("action.close"), say("reconcile.may_leave"))

    def _done(self, report: ReconcileReport) -> None:
        self._slow.stop()
        seat, note = self._seat, told(self._seat, report)
        counts = FactList([
            (seat.say(f"reconcile.count.{name}"), wording.format_count(getattr(report, name))) for name in _COUNTS
        ])  # fmt: skip
        dry = report.run_id is None
        words = seat.say("dialog.reconcile.was_dry" if dry else "dialog.reconcile.where_settled")
        content = QWidget()
        bar = Bar(note.words, note.detail, tone=note.tone, shape=note.shape, narrow=True)
        content.setLayout(column(bar, counts, Words(words, wrap=True), gap=12))
        lead = "" if dry else seat.say("dialog.reconcile.show")
        title = seat.say("dialog.reconcile.dry_done" if dry else "dialog.reconcile.done")
        self.show_outcome(title, "", content, close=seat.say("action.close"), act=lead)
        if report.run_id is not None:
            run = report.run_id
            self.act_button.clicked.connect(lambda: self._open(run))
        self.ended.emit()

    def _open(self, run: int) -> None:
        self.accept()
        self._seat.go(ReconcileRoute(run))

    def _failed(self, failure: Failure) -> None:
        self._slow.stop()
        content = QWidget()
        bar = Bar("", self._seat.message(failure), tone="bad", shape="square_bang")
        content.setLayout(column(bar))
        title = self._seat.say("act.refused")
        self.show_outcome(title, "", content, close=self._seat.say("action.close"))
        self.cancel_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self.ended.emit()


def _day(text: str) -> date | None:
    """A day as it is written here: 2026-11-19."""
    try:
        return date.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        return None
