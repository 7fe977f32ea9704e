"""A list of the steps of a process, such as a saga: each step with icon, name, state, and time or reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.theme.design_tokens import Tone
from console.views.widgets.base import IconLabel, Surface, TextLabel, discard_widget, make_column, make_row


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a process, as StepList shows it: its name, icon (name and tone), state (`state_word`), and time or
    reason (`detail`). `is_bold` is True for the current step."""

    name: str
    icon_name: str
    tone: Tone
    state_word: str
    detail: str = ""
    is_bold: bool = False

    def format_spoken_text(self) -> str:
        return ", ".join(part for part in (self.name, self.state_word, self.detail) if part)


class StepList(Surface):
    """The list of the steps of a process, below a title and a sentence about the state of the process
    (`state_sentence`)."""

    def __init__(self, accessible_name: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent, is_raised=True, edge="bottom")
        self._name = accessible_name
        self._title = TextLabel("", "panel_title", "muted")
        self._state_sentence = TextLabel("", "small", "muted", wraps_lines=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(3, 1)
        self._step_widgets: list[QWidget] = []
        header = make_row(self._title, self._state_sentence, gap_px=12)
        header.setStretch(1, 1)
        self.setLayout(make_column(header, self._grid, gap_px=6, margins=(24, 10, 24, 12)))

    def show_steps(self, title: str, state_sentence: str, steps: Sequence[StepLine]) -> None:
        """Replace the title, the sentence about the state of the process (`state_sentence`), and all steps."""
        for widget in self._step_widgets:
            self._grid.removeWidget(widget)
            discard_widget(widget)
        self._step_widgets = []
        self._title.show_text(title)
        self._state_sentence.show_text(state_sentence)
        for row, step in enumerate(steps):
            self._add_step(row, step)
        self.setAccessibleName(
            ". ".join((self._name, f"{title}, {state_sentence}", *(step.format_spoken_text() for step in steps)))
        )

    def _add_step(self, row: int, step: StepLine) -> None:
        widgets = (
            IconLabel(step.icon_name, step.tone),
            TextLabel(step.name, is_bold=step.is_bold),
            TextLabel(step.state_word, "body", "text" if step.is_bold else "muted"),
            TextLabel(step.detail, "small", "muted", wraps_lines=True, is_selectable=True),
        )
        for number, part in enumerate(widgets):
            self._grid.addWidget(part, row, number)
            self._step_widgets.append(part)
