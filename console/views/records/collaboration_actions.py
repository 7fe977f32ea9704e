"""What people do beside a record, from its page: take it for half an hour, and write notes."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject

from console import wording
from console.domain.permissions import same_person
from console.domain.worker_records import Note as Written
from console.domain.worker_records import Take
from console.views import record_words
from console.views.pages.acts import Acts
from console.views.pages.record_facts import moment
from console.views.seat import Note, Seat
from console.views.widgets.bars import Bar
from console.views.widgets.timeline import Happening

NAMES = ("take", "note")
_KEYS = (("T", "take"), ("N", "note"))
HINTS = ((("T",), "key.take"), (("N",), "key.note"))
_BAR = "taken"


class BesideActs(QObject):
    """Belongs to one page, beside its `acts`, which tell refusals in a bar."""

    def __init__(self, seat: Seat, acts: Acts, press: Callable[[str], None]) -> None:
        """`press`: do by key what the button of that name would do."""
        super().__init__(acts)
        self._seat, self._acts = seat, acts
        for keys, name in _KEYS:
            acts.page.key(keys, partial(press, name))

    def act(self, name: str, kind: str, id: int) -> bool:
        """Do it, if it is one of these acts."""
        if name == "take":
            self.take(kind, id)
        elif name == "note":
            self.note(kind, id)
        return name in NAMES

    def take(self, kind: str, id: int) -> None:
        """Harmless, so nothing is asked first."""
        seat = self._seat
        seat.act(
            lambda desk: desk.recovery.take(kind, id), self._took, self._acts.refused, owner=self,
            label=seat.say("action.take"), told=lambda taken: _note(seat, taken), key=(kind, id), asked="",
        )  # fmt: skip

    def _took(self, taken: Take) -> None:
        self._seat.told.emit(_note(self._seat, taken))
        self._acts.page.refresh("taken")

    def note(self, kind: str, id: int) -> None:
        from console.views.dialogs.note import NoteDialog

        dialog = NoteDialog(self._seat, kind, id, self._acts.page.window())
        dialog.written.connect(self._noted)
        dialog.open()

    def _noted(self) -> None:
        self._acts.page.refresh("noted")

    def show_taken(self, taken: Take | None) -> None:
        """Who works on it stands in a bar of the page until it is free again."""
        page, seat = self._acts.page, self._seat
        page.hide_bar(_BAR)
        if taken is None:
            return
        own = same_person(taken.person, seat.operator or "")
        key = "record.taken_by_you" if own else "record.taken_by"
        words = seat.say(key, who=record_words.who(taken.person, seat), until=taken.until)
        page.show_bar(_BAR, Bar("", words, tone="progress", shape="person"))


def noted(notes: tuple[Written, ...], seat: Seat) -> list[Happening]:
    """Notes as lines, the newest first."""
    return [_line(one, seat) for one in reversed(notes)]


def _line(note: Written, seat: Seat) -> Happening:
    at, who = note.at, record_words.who(note.person, seat)
    return Happening(moment(at, seat), wording.format_instant(at), "person", "muted", who, note.words)


def _note(seat: Seat, taken: Take) -> Note:
    return Note(seat.say("act.taken", until=taken.until), shape="person")
