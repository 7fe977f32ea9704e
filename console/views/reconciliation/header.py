"""Above the differences of a run: which it is and how it stands, what it counted, and the files that it rests on."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.reconcile_results import RunState, RunView
from console.views import reconcile_words as words
from console.views.look.tokens import Tone, tokens
from console.views.seat import Seat
from console.views.widgets.bars import Bar
from console.views.widgets.base import Sign, Surface, Words, column, row
from console.views.widgets.copyable import CopyableId
from console.views.widgets.flow import flowing

_SHOWN_FILES = 3
FIGURES = ("rows", "agree", "differ", "only_ours", "only_theirs", "refused", "waiting")


class RunHead(Surface):
    """Shows one run.

    Signals:
        copied(str): a checksum was copied.
    """

    copied = Signal(str)

    def __init__(self, seat: Seat) -> None:
        super().__init__(edge="bottom")
        self._seat = seat
        self.title = Words("", "section", bold=True)
        self._sign = Sign("check", "muted")
        self.state = Words("")
        self.when = Words("", "small", "muted", wrap=True)
        self._figures = {name: Words("", "data", bold=True) for name in FIGURES}
        self._files = QWidget()
        margin = tokens().px("spacing", "page_margin")
        self._box = column(margins=(margin, 10, margin, 10), gap=8)
        standing = flowing(self.title, row_of(self._sign, self.state), gap=12)
        self._box.addWidget(standing)
        self._box.addWidget(self.when)
        self._box.addWidget(flowing(*(self._figure(name) for name in FIGURES), gap=28, line_gap=8))
        self._box.addWidget(self._files)
        self.setLayout(self._box)

    def _figure(self, name: str) -> QWidget:
        one = QWidget()
        word = Words(self._seat.say(f"reconcile.part.{name}"), "small", "muted")
        one.setLayout(column(word, self._figures[name], gap=0))
        return one

    def show_run(self, view: RunView) -> None:
        """All of it anew."""
        item, seat = view.item, self._seat
        cell = words.state(item, seat)
        self.title.say(words.title(item, seat))
        self._sign.show_shape(cell.shape, cell.tone)
        self.state.say(cell.word, "text" if cell.tone == "good" else cell.tone)
        self.when.say(words.when(item, seat))
        told = {
            "rows": item.rows, "agree": item.matched, "differ": item.differ, "only_ours": item.missing_there,
            "only_theirs": item.imported, "refused": view.refused, "waiting": view.open_cases,
        }  # fmt: skip
        for name, count in told.items():
            tone: Tone = "care" if name in ("refused", "waiting") and count else "text"
            self._figures[name].say(wording.format_count(count), tone)
            self._figures[name].setAccessibleName(f"{seat.say(f'reconcile.part.{name}')} {count}")
        self._show_files(view)

    def _show_files(self, view: RunView) -> None:
        """What was read, newest day first; of a provider without files, what was done instead."""
        seat, lines = self._seat, list[QWidget]()
        for one in list(reversed(view.files))[:_SHOWN_FILES]:
            line = Words(words.file(one, seat), "small", "muted")
            name = seat.say("reconcile.file.checksum")
            shown = f"SHA-256 {one.sha256[:8]}…{one.sha256[-4:]}"
            sum_ = CopyableId(shown, one.sha256, name, copy_word=seat.say("action.copy"), role="small", tone="muted")
            sum_.copied.connect(self.copied)
            lines.append(flowing(line, sum_, gap=12))
        if len(view.files) > _SHOWN_FILES:
            lines.append(Words(seat.say("reconcile.file.more", n=len(view.files) - _SHOWN_FILES), "small", "muted"))
        if not view.files:
            lines.append(Words(seat.say(self._without_files(view)), "small", "muted", wrap=True))
        fresh = QWidget()
        fresh.setLayout(column(*lines, gap=2))
        self._box.replaceWidget(self._files, fresh)
        self._files.hide()
        self._files.deleteLater()
        self._files = fresh

    @staticmethod
    def _without_files(view: RunView) -> str:
        key = {"paypay": "reconcile.file.none_yet", "atom": "reconcile.file.asked_each"}
        return key.get(view.item.provider, "reconcile.file.notices")

    @property
    def stops(self) -> tuple[QWidget, ...]:
        """Where Tab stops, in order."""
        return tuple(self._files.findChildren(CopyableId))


def row_of(*parts: QWidget) -> QWidget:
    """Parts side by side as one."""
    holder = QWidget()
    holder.setLayout(row(*parts, gap=6))
    return holder


def may_go_on(view: RunView | None) -> bool:
    """Whether it was broken off and nobody is at it."""
    return view is not None and view.item.state is RunState.RESUMABLE


def run_bar(view: RunView, seat: Seat) -> Bar | None:
    """What a person has to know of the run itself before its rows."""
    item, say = view.item, seat.say
    if item.state is RunState.RUNNING:
        who = view.holder.operator if view.holder else item.asked_by
        lead, told = say("reconcile.bar.running"), say("reconcile.bar.running_words", who=who)
        return Bar(lead, told, tone="progress", shape="half_disc")
    if item.state is RunState.RESUMABLE:
        lead, told = say("reconcile.bar.resumable"), say("reconcile.bar.resumable_words")
        return Bar(lead, told, tone="care", shape="square_bang")
    if item.state is RunState.FAILED:
        lead, told = say("reconcile.bar.failed"), say("reconcile.bar.failed_words", cause=item.reason)
        return Bar(lead, told, tone="bad", shape="cross")
    if view.refused:
        lead, told = say("reconcile.bar.refused", n=view.refused), say("reconcile.bar.refused_words")
        return Bar(lead, told, tone="care", shape="question")
    return None
