"""The cover over the whole window: environment, a panel in its middle, the language; nothing of any record."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from console import wording
from console.views.look.theme import look
from console.views.look.tokens import Language, tokens
from console.views.seat import Seat
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.chrome import EnvironmentFrame, EnvironmentLabel
from console.views.widgets.inputs import RadioButton
from console.views.widgets.ring import have_rings

_PANEL_WIDTH = 440  # px at text size 1
_PADDING = 24


class Cover(EnvironmentFrame):
    """Opaque, with the same edge and environment word as the window below it.

    Signals:
        language_wanted(str): say everything in that language.
    """

    language_wanted = Signal(str)

    def __init__(self, seat: Seat, panel: QWidget) -> None:
        word = seat.settings.environment_word
        super().__init__(word)
        have_rings()
        self.panel = panel
        self.setAutoFillBackground(True)
        self.setAccessibleName(panel.accessibleName())
        top = Surface(raised=True, edge="bottom")
        top.setFixedHeight(look().layout("top_bar"))
        name = Words(seat.say("app.name"), bold=True)
        name.setMinimumWidth(tokens().px("layout", "side_bar") - 12)
        label = EnvironmentLabel(seat.say(f"environment.{word}"), word)
        top.setLayout(row(name, label, None, margins=(12, 0, 8, 0)))
        self.inside.addWidget(top)
        self.inside.addWidget(self._middle(seat, panel), 1)

    def _middle(self, seat: Seat, panel: QWidget) -> QWidget:
        """The panel in the middle; with large text it scrolls."""
        edge = Surface(edge="all")
        edge.setFixedWidth(min(round(_PANEL_WIDTH * look().scale), 880))
        edge.setLayout(column(panel, 20, self._languages(seat), gap=0, margins=(_PADDING,) * 4))
        whole = QWidget()
        box = QVBoxLayout(whole)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(edge)
        line.addStretch(1)
        box.addStretch(2)
        box.addLayout(line)
        box.addStretch(3)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(whole)
        return area

    def _languages(self, seat: Seat) -> QWidget:
        say = seat.say
        self.languages: dict[Language, RadioButton] = {}
        holder = QWidget()
        holder.setAccessibleName(say("field.language"))
        box = row(Words(say("field.language"), "small", "muted"), gap=16)
        for code in wording.LANGUAGES:
            language: Language = "ja" if code == "ja" else "en"
            button = self.languages[language] = RadioButton(say(f"language.{code}"))
            button.setChecked(language == seat.language)
            button.toggled.connect(self._chosen)
            box.addWidget(button)
        box.addStretch(1)
        holder.setLayout(box)
        return holder

    @Slot(bool)
    def _chosen(self, on: bool) -> None:
        if on:
            code = next(code for code, button in self.languages.items() if button is self.sender())
            self.language_wanted.emit(code)

