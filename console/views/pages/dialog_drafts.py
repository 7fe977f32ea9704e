"""Drafts: inputs that a person has typed into a dialog and not sent. A draft is stored for 24 hours, also when the
window is closed or its process ends, and fills the dialog when it is opened again.
"""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, SignalInstance, Slot
from PySide6.QtWidgets import QAbstractButton, QComboBox, QWidget

from console.domain.person_state.drafts import draft_name
from console.settings.entries_file import JsonValue
from console.views.runtime.context import WindowContext
from console.views.widgets.buttons import KeyButton
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Field, LineEdit, MultiLineEdit
from console.views.widgets.notification_bars import NotificationBar

Inputs = Mapping[str, QWidget]
FORM, REVIEW = "form", "review"


class DialogDraft(QObject):
    """The draft of one dialog. `inputs` returns the dialog's inputs by name, without secrets such as passwords.
    `subject` is the id of the record, or the number of the corporation; `title` names it in words.

    An existing draft fills the inputs at once. Then `bar` names the draft and has a button that clears the
    inputs; the dialog shows it above its form. A draft only fills inputs: the dialog reads and checks everything
    as if the person had typed it now.
    """

    def __init__(
        self,
        context: WindowContext,
        dialog: DialogFrame,
        kind: str,
        subject: str,
        title: str,
        inputs: Callable[[], Inputs],
    ) -> None:
        super().__init__(dialog)
        self._context, self._inputs = context, inputs
        self._kind, self._subject, self._title = kind, subject, title
        self._name, self._stage, self._is_open = draft_name(kind, subject), FORM, True
        self._initial = read_inputs(inputs())
        draft = context.own_state.find_draft(self._name)
        self.bar: NotificationBar | None = None
        if draft is not None:
            fill_inputs(inputs(), draft.inputs)
            again = KeyButton(context.translate("draft.start_over"), kind="inline")
            again.clicked.connect(self._start_over)
            words = context.translate("draft.filled", at=draft.at)
            self.bar = NotificationBar("", words, tone="progress", shape="clock", button=again)
        for widget in inputs().values():
            _changed_signal(widget).connect(self.store)

    @Slot()
    def store(self) -> None:
        """Keep the present inputs, or delete the draft if they are those of an untouched dialog. Called when an input
        has changed.
        """
        if not self._is_open:
            return
        values = read_inputs(self._inputs())
        is_untouched = values == {name: self._initial.get(name, "") for name in values}
        draft = {
            "kind": self._kind,
            "subject": self._subject,
            "title": self._title,
            "stage": self._stage,
            "inputs": values,
        }
        self._context.own_state.store(self._name, None if is_untouched else draft)

    def show_stage(self, stage: str) -> None:
        """Store the stage of the dialog in the draft: FORM or REVIEW."""
        self._stage = stage
        self.store()

    def delete(self) -> None:
        """Delete the draft, because the service has executed the person's request."""
        self._is_open = False
        self._context.own_state.store(self._name, None)

    def pause(self) -> None:
        """Stop following the inputs, because the dialog is about to delete them. The draft stays."""
        self._is_open = False

    @Slot()
    def _start_over(self) -> None:
        fill_inputs(self._inputs(), {name: self._initial.get(name, "") for name in self._inputs()})
        self._context.own_state.store(self._name, None)
        if self.bar is not None:
            self.bar.hide()


def read_inputs(inputs: Inputs) -> dict[str, JsonValue]:
    """Return the values of the inputs by name: text, the data of a list's chosen entry, or whether a button is on."""
    return {name: _value_of(widget) for name, widget in inputs.items()}


def _value_of(widget: QWidget) -> JsonValue:
    if isinstance(widget, Field):
        return widget.text()
    if isinstance(widget, LineEdit):
        return widget.text()
    if isinstance(widget, QComboBox):
        return _choice_of(widget, widget.currentIndex())
    return isinstance(widget, QAbstractButton) and widget.isChecked()


def _choice_of(widget: QComboBox, number: int) -> str:
    """Return the data of an entry as text, its words if it has no data, "" if there is no such entry."""
    data = widget.itemData(number) if number >= 0 else None
    return "" if number < 0 else str(widget.itemText(number) if data is None else data)


def fill_inputs(inputs: Inputs, values: Mapping[str, JsonValue]) -> None:
    """Fill the inputs with values of `read_inputs`. A value that doesn't fit its input is passed over."""
    for name, widget in inputs.items():
        value = values.get(name)
        if isinstance(widget, Field | LineEdit) and isinstance(value, str):
            edit = widget.edit if isinstance(widget, Field) else widget
            if isinstance(edit, MultiLineEdit):
                edit.setPlainText(value)
            else:
                edit.setText(value)
        elif isinstance(widget, QComboBox) and isinstance(value, str):
            numbers = [number for number in range(widget.count()) if _choice_of(widget, number) == value]
            widget.setCurrentIndex(numbers[0] if numbers else -1)
        elif isinstance(widget, QAbstractButton) and isinstance(value, bool):
            widget.setChecked(value)


def _changed_signal(widget: QWidget) -> SignalInstance:
    if isinstance(widget, Field):
        return widget.edit.textChanged
    if isinstance(widget, LineEdit):
        return widget.textChanged
    if isinstance(widget, QComboBox):
        return widget.currentIndexChanged
    if isinstance(widget, QAbstractButton):
        return widget.toggled
    raise TypeError(f"not an input: {widget!r}")
