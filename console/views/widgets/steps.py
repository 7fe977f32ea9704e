"""Something that is done in steps, one line each: its sign, its name, how it stands, and when or why."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.look.tokens import Tone
from console.views.widgets.base import Sign, Surface, Words, column, row


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step as it is shown; `strong` where it stands now."""

    name: str
    shape: str
    tone: Tone
    word: str
    detail: str = ""
    strong: bool = False

    def spoken(self) -> str:
        return ", ".join(part for part in (self.name, self.word, self.detail) if part)


class StepList(Surface):
    """A heading with how it stands as a whole, and the steps below it; it takes as much height as they need."""

    def __init__(self, name: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent, raised=True, edge="bottom")
        self._name = name
        self._title = Words("", "panel_title", "muted")
        self._standing = Words("", "small", "muted", wrap=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(3, 1)
        self._shown: list[QWidget] = []
        head = row(self._title, self._standing, gap=12)
        head.setStretch(1, 1)
        self.setLayout(column(head, self._grid, gap=6, margins=(24, 10, 24, 12)))

    def show_steps(self, title: str, standing: str, steps: Sequence[StepLine]) -> None:
        """All anew: there are few, and they change rarely."""
        for widget in self._shown:
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self._shown = []
        self._title.say(title)
        self._standing.say(standing)
        for place, step in enumerate(steps):
            self._add(place, step)
        self.setAccessibleName(". ".join((self._name, f"{title}, {standing}", *(step.spoken() for step in steps))))

    def _add(self, place: int, step: StepLine) -> None:
        parts = (
            Sign(step.shape, step.tone),
            Words(step.name, bold=step.strong),
            Words(step.word, "body", "text" if step.strong else "muted"),
            Words(step.detail, "small", "muted", wrap=True, selectable=True),
        )
        for number, part in enumerate(parts):
            self._grid.addWidget(part, place, number)
            self._shown.append(part)
