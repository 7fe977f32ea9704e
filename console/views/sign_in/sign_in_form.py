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
from console.views.widgets.buttons import LinkButton
from console.views.widgets.inputs import CheckBox, Field


class EnteredAccount(NamedTuple):
    """The user name and password that the person has typed, and whether the password must be stored. Only the
    worker thread that signs in gets this value; `repr` shows neither the user name nor the password."""

    user: str
    password: str
    must_store: bool

    def __repr__(self) -> str:
        return "<typed>"


class SignInForm(PasswordForm):
    """The form in which a person signs in; `submitted` carries an EnteredAccount. After a refusal, the form
    doesn't say whether the user name or the password was wrong. If the database is unreachable, the typed
    values stay.
    """

    def __init__(
        self, context: WindowContext, database_address: str, user: str, *, can_keep: bool, is_user_fixed: bool = False
    ) -> None:
        """`database_address` is the name of the database that the form shows. `user` is the user name to show at
        first; with `is_user_fixed`, the person can't change it. `can_keep` is True if the keyring of the operating
        system can store the password.
        """
        super().__init__(context, "sign_in.title", "sign_in.act")
        translate = context.translate
        self.user = Field(translate("sign_in.field.user"))
        self.user.edit.setText(user)  # type: ignore[union-attr]  # an Edit
        self.user.edit.setReadOnly(is_user_fixed)
        self.keep_box = CheckBox(translate("sign_in.keep"))
        self._can_keep = can_keep
        self.keep_box.setChecked(can_keep)
        self.keep_box.setEnabled(can_keep)
        self.first_time = LinkButton(translate("sign_in.first"))
        self.first_time.clicked.connect(self._toggle_help)
        self._inputs += [self.user.edit, self.first_time, *([self.keep_box] if can_keep else [])]
        self._build_layout(database_address)

    def _build_layout(self, database_address: str) -> None:
        translate = self._context.translate
        storage_key = "sign_in.keep.yes" if self._can_keep else "sign_in.keep.no"
        self.keep_box.setAccessibleDescription(translate(storage_key))
        self.newcomer = TextLabel(translate("sign_in.first.lines"), wrap=True)
        self.newcomer.hide()
        head = make_column(
            TextLabel(translate("sign_in.title"), "title"), TextLabel(database_address, "small_data", "muted"), gap=2
        )
        keep_choice = make_column(
            self.keep_box, TextLabel(translate(storage_key), "small", "muted", wrap=True), gap=2
        )
        button_row = make_row(self.first_time, None, self.button)
        self.setLayout(
            make_column(head, self._notices, self.user, self.password, keep_choice, button_row, self.newcomer, gap=16)
        )
        for widget, next_widget in (
            (self.user.edit, self.password.line_edit),
            (self.password.line_edit, self.password.visibility_button),
            (self.password.visibility_button, self.keep_box),
            (self.keep_box, self.button),
            (self.button, self.first_time),
        ):
            QWidget.setTabOrder(widget, next_widget)

    def focus_first_input(self) -> None:
        first_empty = self.user.edit if not self.user.text() else self.password.line_edit
        first_empty.setFocus(Qt.FocusReason.OtherFocusReason)

    def _read_input(self) -> EnteredAccount | None:
        user, password = self.user.text().strip(), self.password.text()
        self.user.show_error("" if user else self._context.translate("sign_in.user_needed"))
        self.password.show_error("" if password else self._context.translate("sign_in.password_needed"))
        return EnteredAccount(user, password, self.keep_box.isChecked()) if user and password else None

    def show_notice(self, lead: str, words: str, tone: Tone = "text", shape: str = "lock") -> None:
        """Show a notice above the fields in place of the previous one: the bold text `lead`, and the sentence
        `words`."""
        self._notices.show_notice(lead, words, tone, shape)

    def show_failure(self, failure: Failure) -> None:
        """Show why the sign-in has failed, and enable the form again. Clear the password field only if the
        database has refused the password."""
        translate, is_denied = self._context.translate, failure.detail.get("problem") == SettingProblem.ACCESS_DENIED
        if is_denied:
            self.show_notice(translate("sign_in.refused"), translate("sign_in.refused.words"), "bad", "square_bang")
        elif failure.code == ErrorCode.DATABASE_UNREACHABLE:
            self.show_notice(translate("sign_in.away"), translate("sign_in.away.words"), "text", "offline")
        else:
            self.show_notice(
                translate("sign_in.refused"), self._context.format_failure(failure), "bad", "square_bang"
            )
        self._enable_again(is_wrong=is_denied)
        self.password.line_edit.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _toggle_help(self) -> None:
        self.newcomer.setVisible(not self.newcomer.isVisible())
