"""The cover over the whole window. It shows the name of the environment, a panel in the centre and the choice of
the language, but no data of any record."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from console.views.runtime.context import WindowContext
from console.views.sign_in.form_parts import PasswordForm
from console.views.theme.design_tokens import Language, tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.focus_ring import install_focus_ring
from console.views.widgets.controls.inputs import RadioButton
from console.views.widgets.window.window_bars import EnvironmentFrame, EnvironmentLabel
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
        environment = context.settings.environment
        super().__init__(environment)
        install_focus_ring()
        self.panel = panel
        self.setAccessibleName(panel.accessibleName())
        top_bar = Surface(is_raised=True, edge="bottom")
        top_bar.setFixedHeight(current_appearance().frame_height("top_bar"))
        name_label = TextLabel(context.translate("app.name"), is_bold=True)
        name_label.setMinimumWidth(tokens().px("layout", "side_bar") - 12)
        environment_label = EnvironmentLabel(context.translate(f"environment.{environment}"), environment)
        top_bar.setLayout(make_row(name_label, environment_label, None, margins=(12, 0, 8, 0)))
        self.inner_layout.addWidget(top_bar)
        self.inner_layout.addWidget(self._make_centred_panel(context, panel), 1)

    def _make_centred_panel(self, context: WindowContext, panel: QWidget) -> QWidget:
        """Return a scroll area that shows `panel` in its centre."""
        panel_frame = Surface(edge="all")
        panel_frame.setFixedWidth(min(round(_PANEL_WIDTH_PX * current_appearance().scale), 880))
        panel_frame.setLayout(
            make_column(panel, 20, self._make_language_choice(context), gap_px=0, margins=(_COVER_PADDING_PX,) * 4)
        )
        content = QWidget()
        layout = QVBoxLayout(content)
        panel_row = QHBoxLayout()
        panel_row.addStretch(1)
        panel_row.addWidget(panel_frame)
        panel_row.addStretch(1)
        layout.addStretch(2)
        layout.addLayout(panel_row)
        layout.addStretch(3)
        scroll_area = QScrollArea()
        scroll_area.setWidgetResizable(True)
        scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll_area.setWidget(content)
        return scroll_area

    def _make_language_choice(self, context: WindowContext) -> QWidget:
        translate = context.translate
        self.language_buttons: dict[Language, RadioButton] = {}
        choice = QWidget()
        choice.setAccessibleName(translate("field.language"))
        choice_row = make_row(TextLabel(translate("field.language"), "small", "muted"), gap_px=16)
        for code in wording.LANGUAGES:
            language: Language = "ja" if code == "ja" else "en"
            button = self.language_buttons[language] = RadioButton(translate(f"language.{code}"))
            button.setChecked(language == context.language)
            button.toggled.connect(self._request_language)
            choice_row.addWidget(button)
        choice_row.addStretch(1)
        choice.setLayout(choice_row)
        return choice

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Submit the form of the panel also if the person types Enter while the choice of the language has the focus,
        because the button of the form shows this key."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        is_at_choice = self.focusWidget() in self.language_buttons.values()
        if is_enter and is_at_choice and isinstance(self.panel, PasswordForm):
            self.panel.submit()
        else:
            super().keyPressEvent(event)

    @Slot(bool)
    def _request_language(self, is_checked: bool) -> None:
        if is_checked:
            code = next(code for code, button in self.language_buttons.items() if button is self.sender())
            self.language_requested.emit(code)
