"""The input field for a corporation number. It checks the digits while the person types, and suggests valid
numbers that differ from the typed one by a single typing error."""

from PySide6.QtCore import QEvent, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.corporation_number import DIGIT_COUNT
from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number
from console.views.runtime.context import WindowContext
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton, LinkButton
from console.views.widgets.controls.inputs import Field, LineEdit
from console.wording.sentences import catalogue as wording

_SUGGESTION_DELAY_MS = 120
_MAX_SUGGESTIONS = 3


class CorporationNumberField(QWidget):
    """An input field for a corporation number, with a button that looks the number up. The field accepts full-width
    digits, spaces, hyphens and a leading T, and never changes the typed text.

    Signals:
    - lookup_requested(str): the person wants to look up this text.
    """

    lookup_requested = Signal(str)

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        self.field = Field(context.translate("lookup.field"), role="data")
        self.field.setFixedWidth(440)
        self.button = KeyButton(context.translate("action.look_up"), "Enter", "primary", binds_key=False)
        self.button.clicked.connect(self._request_lookup)
        self.edit.textChanged.connect(self._check_text)
        self.edit.returnPressed.connect(self._request_lookup)
        self._suggestions_label = TextLabel(context.translate("lookup.neighbours"), "small", "muted")
        self._suggestion_buttons = [LinkButton("", role="body") for _ in range(_MAX_SUGGESTIONS)]
        for suggestion_button in self._suggestion_buttons:
            suggestion_button.clicked.connect(self._insert_suggestion)
        self.sample_button = KeyButton(context.translate("action.sample_number"))
        self.sample_button.clicked.connect(self._read_sample_number)
        self.sample_button.setVisible(context.settings.environment == "training")
        line = make_row(self.field, gap_px=8)
        self._button_box = make_column(make_row(self.button, self.sample_button, gap_px=8), None, gap_px=0)
        line.addLayout(self._button_box)
        line.addStretch(1)
        self.setLayout(
            make_column(
                line,
                self.field.detach_message_row(),
                make_row(self._suggestions_label, *self._suggestion_buttons, None, gap_px=12),
                gap_px=4,
            )
        )
        self._timer = QTimer(self, singleShot=True, interval=_SUGGESTION_DELAY_MS)
        self._timer.timeout.connect(self._read_similar_numbers)
        self._show_suggestions(())
        self._check_text()
        self._align_button()

    def _align_button(self) -> None:
        """Align the button with the input line below the field's label."""
        self._button_box.setContentsMargins(0, current_appearance().line_height("small") + 4, 0, 0)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_button_box"):
            self._align_button()

    @property
    def edit(self) -> LineEdit:
        """The line into which the person types the number."""
        if not isinstance(self.field.edit, LineEdit):
            raise TypeError("a line")
        return self.field.edit

    @property
    def text(self) -> str:
        """The typed text, unchanged."""
        return self.edit.text()

    def show_text(self, text: str) -> None:
        """Put a text into the field without looking it up."""
        if text != self.text:
            self.edit.setText(text)

    @Slot()
    def _check_text(self) -> None:
        """Check the typed text and show the result below the field. A number with fewer than 13 digits is shown as
        incomplete and not as wrong."""
        translate = self._context.translate
        self._timer.stop()
        self._show_suggestions(())
        try:
            parsed_number = parse_corporation_number(self.text, allows_test_numbers=True)
        except InvalidCorporationNumber as error:
            self._show_number_problem(error)
        else:
            self.field.show_error("")
            hint = translate("lookup.well_formed")
            if parsed_number.had_prefix:
                hint = translate("lookup.prefix_stripped")
            self.field.show_hint(hint)
            self.field.show_text_in_input(translate("lookup.digit"))

    def _show_number_problem(self, error: InvalidCorporationNumber) -> None:
        translate, digit_count = self._context.translate, len(error.normalized or "")
        self.field.show_text_in_input("")
        self.field.show_error("")
        if error.reason == "CHECK_DIGIT":
            self.field.show_error(translate("lookup.wrong_digit"))
            self._timer.start()
        elif error.reason == "CHARACTER":
            self.field.show_hint(translate("lookup.text_search"))
        elif error.reason == "LENGTH" and digit_count > DIGIT_COUNT:
            self.field.show_error(translate("lookup.too_long", n=digit_count))
            self._timer.start()
        elif error.reason == "LENGTH":
            self.field.show_hint(translate("lookup.typed", n=digit_count))
            if digit_count == DIGIT_COUNT - 1:
                self._timer.start()
        else:
            self.field.show_hint(translate("lookup.prompt"))

    def show_search_problem(self, problem_text: str) -> None:
        """Show `problem_text`, which names the words of the search text that the search doesn't understand, as an
        error message below the field. If `problem_text` is "", do nothing."""
        if problem_text:
            self.field.show_error(problem_text)

    # -- a number to try, in a training

    @Slot()
    def _read_sample_number(self) -> None:
        if self._context.is_ready:
            self._context.run_read(
                lambda services: services.lookup.find_sample_corporation_number(),
                self._look_up_sample_number,
                lambda _: None,
                caller=self,
            )

    def _look_up_sample_number(self, number: str | None) -> None:
        """Put the number of a sample corporation of the training into the field and look it up. If `number` is None,
        show below the field that the training has no sample yet."""
        if number is None:
            self.field.show_error(self._context.translate("lookup.no_sample"))
            return
        self.edit.setText(wording.format_corporation_number(number))
        self._request_lookup()

    # -- numbers that differ from the typed one by a single typing error

    @Slot()
    def _read_similar_numbers(self) -> None:
        text = self.text
        if self._context.is_ready:
            self._context.run_read(
                lambda services: services.lookup.find_similar_corporation_numbers(text),
                lambda numbers: self._show_suggestions(numbers if text == self.text else ()),
                lambda _: None,
                caller=self,
            )

    def _show_suggestions(self, numbers: tuple[str, ...]) -> None:
        self._suggestions_label.setVisible(bool(numbers))
        for suggestion_index, suggestion_button in enumerate(self._suggestion_buttons):
            is_offered = suggestion_index < len(numbers)
            suggestion_button.setVisible(is_offered)
            if is_offered:
                suggestion_button.setText(wording.format_corporation_number(numbers[suggestion_index]))
                suggestion_button.setAccessibleName(wording.format_corporation_number(numbers[suggestion_index]))
                suggestion_button.updateGeometry()

    @Slot()
    def _insert_suggestion(self) -> None:
        suggestion_button = self.sender()
        if isinstance(suggestion_button, LinkButton):
            self.edit.setText(suggestion_button.text())
            self._request_lookup()

    @Slot()
    def _request_lookup(self) -> None:
        self.lookup_requested.emit(self.text)
