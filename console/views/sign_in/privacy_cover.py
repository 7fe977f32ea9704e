"""The cover over the whole window. It shows the name of the environment, a panel in the centre and the choice of
the language, but no data of any record."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Language, tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.focus_ring import install_focus_ring
from console.views.widgets.inputs import RadioButton
from console.views.widgets.window_bars import EnvironmentFrame, EnvironmentLabel
from console.wording.sentences import catalogue as wording

_PANEL_WIDTH_PX = 440  # px at text size 1
_COVER_PADDING_PX = 24


class PrivacyCover(EnvironmentFrame):
    """A widget that covers a window completely. It shows the border and the name of the environment, a panel in
    its centre, and the choice of the language.

    Signals:
    - language_requested(str): the person has selected this language.
    """

    language_requested = Signal(str)

    def __init__(self, context: WindowContext, panel: QWidget) -> None:
        word = context.settings.environment
        super().__init__(word)
        install_focus_ring()
        self.panel = panel
        self.setAccessibleName(panel.accessibleName())
        top = Surface(is_raised=True, edge="bottom")
        top.setFixedHeight(current_appearance().frame_height("top_bar"))
        name = TextLabel(context.translate("app.name"), bold=True)
        name.setMinimumWidth(tokens().px("layout", "side_bar") - 12)
        label = EnvironmentLabel(context.translate(f"environment.{word}"), word)
        top.setLayout(make_row(name, label, None, margins=(12, 0, 8, 0)))
        self.inside.addWidget(top)
        self.inside.addWidget(self._make_centred_panel(context, panel), 1)

    def _make_centred_panel(self, context: WindowContext, panel: QWidget) -> QWidget:
        """Return a scroll area that shows `panel` in its centre."""
        edge = Surface(edge="all")
        edge.setFixedWidth(min(round(_PANEL_WIDTH_PX * current_appearance().scale), 880))
        edge.setLayout(
            make_column(panel, 20, self._make_language_choice(context), gap=0, margins=(_COVER_PADDING_PX,) * 4)
        )
        content = QWidget()
        box = QVBoxLayout(content)
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
        area.setWidget(content)
        return area

    def _make_language_choice(self, context: WindowContext) -> QWidget:
        translate = context.translate
        self.languages: dict[Language, RadioButton] = {}
        holder = QWidget()
        holder.setAccessibleName(translate("field.language"))
        box = make_row(TextLabel(translate("field.language"), "small", "muted"), gap=16)
        for code in wording.LANGUAGES:
            language: Language = "ja" if code == "ja" else "en"
            button = self.languages[language] = RadioButton(translate(f"language.{code}"))
            button.setChecked(language == context.language)
            button.toggled.connect(self._request_language)
            box.addWidget(button)
        box.addStretch(1)
        holder.setLayout(box)
        return holder

    @Slot(bool)
    def _request_language(self, is_checked: bool) -> None:
        if is_checked:
            code = next(code for code, button in self.languages.items() if button is self.sender())
            self.language_requested.emit(code)
