"""Drafts: inputs that a person has typed into a dialog but not sent. The program stores a draft for 24 hours, even if
the person closes the window or the process ends. When the person opens the dialog again, the program fills the dialog
with the draft.
"""

from collections.abc import Callable, Mapping
from typing import cast

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QComboBox, QWidget

from console.domain.person_state.drafts import make_draft_name
from console.settings.named_values_file import JsonValue
from console.views.runtime.context import WindowContext
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import Field, LineEdit, MultiLineEdit
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.audit_words import format_record_reference

InputWidgets = Mapping[str, QWidget]
FORM_STAGE = "form"
REVIEW_STAGE = "review"
_DIALOGS_THAT_CHECK_AGAIN = frozenset(("limit", "purchase", "record_outside", "refund", "resolve"))
"""Dialogs whose inputs have an amount or depend on the rules at the time of sending. The bar about a draft says so;
for a text, such as a note or the name of a view, this would make no sense."""


class DialogDraft(QObject):
    """The draft of one dialog. `list_inputs` returns the dialog's input widgets by name, without the widgets for
    secrets such as passwords. `kind` names the dialog and the kind of its subject, such as `resolve-payment` (a
    purchase has only `purchase`). `subject` is the id of a record, a corporation number, or a fixed word such as
    `days`; `title` is the text that names this subject on the screens.

    If a draft is stored, the constructor fills the input widgets with this draft, and `bar` is a bar that names the
    draft, with a button that clears the inputs; the dialog shows this bar above its form. A draft only fills the
    inputs: the dialog checks them as if the person had just typed them.

    Signals:
    - title_read(str): `read_title` has read the title.
    """

    title_read = Signal(str)

    def __init__(
        self,
        context: WindowContext,
        dialog: DialogFrame,
        kind: str,
        subject: str,
        title: str,
        list_inputs: Callable[[], InputWidgets],
    ) -> None:
        super().__init__(dialog)
        self._context, self._inputs = context, list_inputs
        self._kind, self._subject, self._title = kind, subject, title
        self._name, self._stage, self._is_storing = make_draft_name(kind, subject), FORM_STAGE, True
        self._initial_values = read_inputs(list_inputs())
        draft = context.person_values.find_draft(self._name)
        self.bar: NotificationBar | None = None
        if draft is not None:
            fill_inputs(list_inputs(), draft.inputs)
            clear_button = KeyButton(context.translate("draft.start_over"), kind="inline")
            clear_button.clicked.connect(self._clear_inputs)
            is_checked_again = kind.partition("-")[0] in _DIALOGS_THAT_CHECK_AGAIN
            sentence = context.translate("draft.filled_checked" if is_checked_again else "draft.filled", at=draft.at)
            self.bar = NotificationBar("", sentence, tone="progress", icon_name="clock", button=clear_button)
        for widget in list_inputs().values():
            _get_change_signal(widget).connect(self.store)

    @property
    def title(self) -> str:
        """The text that names the record in lists of drafts and in messages."""
        return self._title

    def set_title(self, title: str) -> None:
        """Set the text that names the record in lists of drafts. The dialog calls this when it has read the
        record."""
        self._title = title

    def read_title(self, kind: str, id: int) -> None:
        """Read the number by which people know the record with this kind and id, such as a payment number. Then use
        the text of `format_record_reference` for this record and number as the draft's title, and emit `title_read`.
        If the read fails, keep the present title."""

        def set_title(number_by_record: Mapping[str, str]) -> None:
            number = number_by_record.get(f"{kind} {id}", "")
            self.set_title(format_record_reference(kind, id, self._context.language, number))
            self.title_read.emit(self._title)

        self._context.run_read(
            lambda services: services.lookup.find_record_numbers({f"{kind} {id}"}),
            set_title,
            lambda _: None,  # the title stays
            caller=self,
        )

    @Slot()
    def store(self) -> None:
        """Store the present inputs as the draft. If they equal the inputs of a newly opened dialog, delete the draft
        instead. Each change of an input calls this method."""
        if not self._is_storing:
            return
        values = read_inputs(self._inputs())
        is_untouched = values == {name: self._initial_values.get(name, "") for name in values}
        draft = {
            "kind": self._kind,
            "subject": self._subject,
            "title": self._title,
            "stage": self._stage,
            "inputs": values,
        }
        self._context.person_values.store(self._name, None if is_untouched else draft)

    def store_stage(self, stage: str) -> None:
        """Store in the draft which stage the dialog has reached: FORM_STAGE (inputs) or REVIEW_STAGE (check before
        sending)."""
        self._stage = stage
        self.store()

    def delete(self) -> None:
        """Delete the draft, because the service has executed the person's request."""
        self._is_storing = False
        self._context.person_values.store(self._name, None)

    def stop_storing(self) -> None:
        """Stop storing changes of the inputs, because the dialog is about to delete its input widgets. The stored
        draft stays."""
        self._is_storing = False

    @Slot()
    def _clear_inputs(self) -> None:
        fill_inputs(self._inputs(), {name: self._initial_values.get(name, "") for name in self._inputs()})
        self._context.person_values.store(self._name, None)
        if self.bar is not None:
            self.bar.hide()


def read_inputs(inputs: InputWidgets) -> dict[str, JsonValue]:
    """Return the values of the input widgets by name: the text of a field, the data of the selected entry of a
    drop-down list, or True if a check box or button is on."""
    return {name: _read_input(widget) for name, widget in inputs.items()}


def _read_input(widget: QWidget) -> JsonValue:
    """Return the value of one input widget, as `read_inputs` describes it."""
    if isinstance(widget, Field):
        return widget.text()
    if isinstance(widget, LineEdit):
        return widget.text()
    if isinstance(widget, QComboBox):
        return _read_list_entry(widget, widget.currentIndex())
    return isinstance(widget, QAbstractButton) and widget.isChecked()


def _read_list_entry(widget: QComboBox, entry_index: int) -> str:
    """Return the data of the entry with the index `entry_index` as text, or the entry's text if it has no data; "" if
    there is no such entry."""
    entry_data = widget.itemData(entry_index) if entry_index >= 0 else None
    return "" if entry_index < 0 else str(widget.itemText(entry_index) if entry_data is None else entry_data)


def fill_inputs(inputs: InputWidgets, values: Mapping[str, JsonValue]) -> None:
    """Set the input widgets to `values`, as `read_inputs` has returned them. Ignore a value of a wrong type for
    its widget."""
    for name, widget in inputs.items():
        value = values.get(name)
        if isinstance(widget, Field | LineEdit) and isinstance(value, str):
            edit = widget.edit if isinstance(widget, Field) else widget
            if isinstance(edit, MultiLineEdit):
                edit.setPlainText(value)
                edit.moveCursor(QTextCursor.MoveOperation.End)  # the person goes on typing after the text
            else:
                edit.setText(value)
        elif isinstance(widget, QComboBox) and isinstance(value, str):
            numbers = [
                entry_index for entry_index in range(widget.count()) if _read_list_entry(widget, entry_index) == value
            ]
            widget.setCurrentIndex(numbers[0] if numbers else -1)
        elif isinstance(widget, QAbstractButton) and isinstance(value, bool):
            _set_checked(widget, is_checked=value)


def _set_checked(button: QAbstractButton, *, is_checked: bool) -> None:
    """Turn a check box or button on or off. In an exclusive group, Qt itself refuses to turn off the button that is
    on; this function turns it off too, so that no button of the group is on."""
    group = cast("QButtonGroup | None", button.group())  # the stubs leave out None
    if is_checked or group is None or not group.exclusive():
        button.setChecked(is_checked)
        return
    group.setExclusive(False)
    button.setChecked(False)
    group.setExclusive(True)


def _get_change_signal(widget: QWidget) -> SignalInstance:
    """Return the signal that an input widget emits after each change of its value."""
    if isinstance(widget, Field):
        return widget.edit.textChanged
    if isinstance(widget, LineEdit):
        return widget.textChanged
    if isinstance(widget, QComboBox):
        return widget.currentIndexChanged
    if isinstance(widget, QAbstractButton):
        return widget.toggled
    raise TypeError(f"not an input: {widget!r}")
