"""What proves a record, taken away from any page: its story as text, or its evidence pack in a file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from console.views.desk_api import PackWritten
from console.views.pages.acts import Acts
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.save_file import ask_where

NAMES = ("copy_story", "evidence_pack")
_KEYS = (("Ctrl+Shift+T", "copy_story"), ("Ctrl+Shift+E", "evidence_pack"))
HINTS = ((("Ctrl+Shift+E",), "key.evidence_pack"), (("Ctrl+Shift+T",), "key.copy_story"))
LONGEST_COPY = 1_000
"""Events; a longer story says that it goes on, and the pack has all of it."""


class EvidenceActs(QObject):
    """Belongs to one page, beside its `acts`, which tell refusals in a bar."""

    def __init__(self, seat: Seat, acts: Acts, press: Callable[[str], None]) -> None:
        """`press`: do by key what the button of that name would do."""
        super().__init__(acts)
        self._seat, self._acts = seat, acts
        for keys, name in _KEYS:
            acts.page.key(keys, partial(press, name))
        self._writing: set[tuple[str, int]] = set()
        self._choosing: tuple[str, int] = ("", 0)

    def act(self, name: str, kind: str, id: int) -> bool:
        """Do it, if it is one of these acts."""
        if name == "copy_story":
            self.copy_story(kind, id)
        elif name == "evidence_pack":
            self.choose_file(kind, id)
        return name in NAMES

    # -- as text

    def copy_story(self, kind: str, id: int) -> None:
        """Put the record's story on the clipboard."""
        language = self._seat.language
        self._seat.read(
            lambda desk: desk.recovery.story(kind, id, LONGEST_COPY).as_text(language),
            self._copied,
            self._acts.refused,
            owner=self,
            key=("story", kind, id),
        )

    def _copied(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._seat.tell(self._seat.say("story.copied"), text.partition("\n")[0])

    # -- as a file

    def choose_file(self, kind: str, id: int) -> None:
        """Ask where to; one pack of a record is written at a time."""
        if (kind, id) in self._writing:
            return
        self._choosing = kind, id
        title, name = self._seat.say("action.evidence_pack"), f"evidence-{kind}-{id}.zip"
        ask_where(self._acts.page, title, "zip", self._chosen, name)

    @Slot(str)
    def _chosen(self, path: str) -> None:
        self.write(*self._choosing, Path(path))

    def write(self, kind: str, id: int, path: Path) -> None:
        """Write the pack there; a toast says where it is and how large."""
        seat, mark = self._seat, (kind, id)
        self._writing.add(mark)

        def failed(failure: Failure) -> None:
            self._writing.discard(mark)
            self._acts.refused(failure)

        def done(written: PackWritten) -> None:
            self._writing.discard(mark)
            seat.told.emit(_note(seat, written))

        seat.act(
            lambda desk: desk.recovery.evidence_pack(kind, id, path), done, failed, owner=self,
            label=seat.say("action.evidence_pack"), told=lambda written: _note(seat, written), key=("pack", *mark),
            asked="",
        )  # fmt: skip


def _note(seat: Seat, written: PackWritten) -> Note:
    if written.left_out:
        words = seat.say("pack.told_part", size=written.bytes, n=len(written.left_out))
        return Note(words, written.file, "square_bang", "care")
    return Note(seat.say("pack.told", size=written.bytes, n=written.files), written.file)
