"""The sign-in form: user name, password, a check box to store the password, and help for the first sign-in."""

from typing import NamedTuple

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.domain.setting_problems import SettingProblem
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.sign_in.form_parts import PasswordForm
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton
from console.views.widgets.controls.inputs import CheckBox, Field


class EnteredAccount(NamedTuple):
    """The user name and password that the person has typed. `must_store_password` is True if the person wants to
    store the password. Only the background thread that signs in gets this value; `repr` shows neither the user name
    nor the password.
    """

    user: str
    password: str
    must_store_password: bool

    def __repr__(self) -> str:
        return "<typed>"


class SignInForm(PasswordForm):
    """The form in which a person signs in; the argument of its signal `submitted` is an EnteredAccount. After a
    refusal, the form doesn't say whether the user name or the password was wrong. If the database is unreachable, the
    form keeps the typed values."""

    def __init__(
        self,
        context: WindowContext,
        database_address: str,
        user: str,
        *,
        can_store_password: bool,
        is_user_fixed: bool = False,
    ) -> None:
        """`database_address` is the name of the database that the form shows. `user` is the user name that the form
        contains at first. If `is_user_fixed` is True, the person can't change the user name. `can_store_password` is
        True if the keyring of the operating system can store the password.
        """
        super().__init__(context, "sign_in.title", "sign_in.act")
        translate = context.translate
        self.user_field = Field(translate("sign_in.field.user"))
        self.user_field.edit.setText(user)  # type: ignore[union-attr]  # an Edit
        self.user_field.edit.setReadOnly(is_user_fixed)
        self.store_password_box = CheckBox(translate("sign_in.keep"))
        self._can_store_password = can_store_password
        self.store_password_box.setChecked(can_store_password)
        self.store_password_box.setEnabled(can_store_password)
        self.help_button = LinkButton(translate("sign_in.first"))
        self.help_button.clicked.connect(self._toggle_help)
        self._input_widgets += [
            self.user_field.edit,
            self.help_button,
            *([self.store_password_box] if can_store_password else []),
        ]
        self._build_layout(database_address)

    def _build_layout(self, database_address: str) -> None:
        translate = self._context.translate
        storage_key = "sign_in.keep.yes" if self._can_store_password else "sign_in.keep.no"
        self.store_password_box.setAccessibleDescription(translate(storage_key))
        self.help_label = TextLabel(
            f"{translate('sign_in.first.lines')}\n{self._format_contact()}", wraps_lines=True, is_selectable=True
        )
        self.help_label.hide()
        heading = make_column(
            TextLabel(translate("sign_in.title"), "title"),
            TextLabel(database_address, "small_data", "muted"),
            gap_px=2,
        )
        button_row = make_row(self.help_button, None, self.submit_button)
        # The explanation is below the button, which must be visible after a refusal at 200 %.
        storage_explanation = TextLabel(translate(storage_key), "small", "muted", wraps_lines=True)
        self.setLayout(
            make_column(
                heading,
                self._message_area,
                self.user_field,
                self.password_field,
                self.store_password_box,
                button_row,
                storage_explanation,
                self.help_label,
                gap_px=16,
            )
        )
        for widget, next_widget in (
            (self.user_field.edit, self.password_field.line_edit),
            (self.password_field.line_edit, self.password_field.visibility_button),
            (self.password_field.visibility_button, self.store_password_box),
            (self.store_password_box, self.submit_button),
            (self.submit_button, self.help_button),
        ):
            QWidget.setTabOrder(widget, next_widget)

    def _format_contact(self) -> str:
        """Return the line with the name and the telephone number of the person to call if the sign-in fails, from the
        settings. If the settings contain neither a name nor a number, the line names no person."""
        settings = self._context.settings
        name, telephone = settings.contact_name, settings.contact_telephone
        if name and telephone:
            return self._context.translate("sign_in.first.call_both", name=name, telephone=telephone)
        if name or telephone:
            return self._context.translate("sign_in.first.call", contact=name or telephone)
        return self._context.translate("sign_in.first.call_nobody")

    def focus_first_input(self) -> None:
        first_empty_input = self.user_field.edit if not self.user_field.text() else self.password_field.line_edit
        first_empty_input.setFocus(Qt.FocusReason.OtherFocusReason)

    def _read_input(self) -> EnteredAccount | None:
        user, password = self.user_field.text().strip(), self.password_field.text()
        self.user_field.show_error("" if user else self._context.translate("sign_in.user_needed"))
        self.password_field.show_error("" if password else self._context.translate("sign_in.password_needed"))
        return EnteredAccount(user, password, self.store_password_box.isChecked()) if user and password else None

    def show_message(self, bold_text: str, sentence: str, tone: Tone = "text", icon_name: str = "lock") -> None:
        """Show a message above the fields in place of the previous one: the icon `icon_name` in the tone `tone`, the
        bold text `bold_text`, and the sentence `sentence`."""
        self._message_area.show_message(bold_text, sentence, tone, icon_name)

    def show_failure(self, failure: Failure) -> None:
        """Show the reason why the sign-in has failed, and enable the form again. Clear the password field only if the
        database has refused the password."""
        translate, is_denied = self._context.translate, failure.detail.get("problem") == SettingProblem.ACCESS_DENIED
        if is_denied:
            self.show_message(translate("sign_in.refused"), translate("sign_in.refused.words"), "bad", "square_bang")
        elif failure.code == ErrorCode.DATABASE_UNREACHABLE:
            self.show_message(translate("sign_in.away"), translate("sign_in.away.words"), "text", "offline")
        else:
            self.show_message(
                translate("sign_in.refused"), self._context.format_failure(failure), "bad", "square_bang"
            )
        self._enable_again(is_password_wrong=is_denied)
        self.password_field.line_edit.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _toggle_help(self) -> None:
        self.help_label.setVisible(not self.help_label.isVisible())
