"""The dialog that asks the person for the password, because a decision needs it."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from console.views.runtime.context import WindowContext
from console.views.runtime.status_values import PasswordRequest
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.password_field import PasswordField
from console.views.widgets.window.dialog import DialogFrame


class PasswordDialog(DialogFrame):
    """The dialog that asks the person for the password, because a decision needs it. If the person submits a
    password, the window sends the decision again, with the password. If the person closes the dialog, the window
    cancels the decision. The password field has the focus, and Enter submits the password.
    """

    submits_on_enter = True

    def __init__(self, context: WindowContext, request: PasswordRequest, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate("password.title"),
            translate("password.hint", user=context.operator or "", label=request.label),
            cancel_text=translate("action.cancel"),
            main_button_text=translate("password.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        self._context, self._request = context, request
        self.password_field = PasswordField(
            translate("sign_in.field.password"), translate("sign_in.show"), translate("sign_in.hide")
        )
        self.password_field.line_edit.textChanged.connect(self._update_main_button)
        content = QWidget()
        content.setLayout(
            make_column(
                self.password_field,
                TextLabel(translate("password.why"), "small", "muted", wraps_lines=True),
                gap_px=12,
            )
        )
        self.show_content(content)
        self.main_button.clicked.connect(self._submit_password)
        self.rejected.connect(self._cancel_request)
        self._update_main_button()
        if request.was_password_wrong:
            self.password_field.show_error(translate("password.wrong"))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.password_field.line_edit.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _update_main_button(self) -> None:
        if self.password_field.text():
            self.enable_main_button()
        else:
            self.disable_main_button(self._context.translate("sign_in.password_needed"))

    @Slot()
    def _submit_password(self) -> None:
        password = self.password_field.text()
        self._clear_password_field()
        self.accept()
        self._request.submit(password)

    @Slot()
    def _cancel_request(self) -> None:
        self._clear_password_field()
        self._request.cancel()

    def _clear_password_field(self) -> None:
        """Remove the password from the field and from the undo history of the field."""
        self.password_field.hide_password()
        self.password_field.line_edit.setText("")


def open_password_dialog(context: WindowContext, request: PasswordRequest, window: QWidget) -> PasswordDialog:
    """Open the dialog for this password request, and return it. It is placed over the dialog or window that
    contains `request.caller`, in which the person decides; if the request has no such widget, over `window`."""
    caller = request.caller
    dialog = PasswordDialog(context, request, caller.window() if isinstance(caller, QWidget) else window)
    dialog.open()
    return dialog
