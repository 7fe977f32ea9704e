"""The sign-in to a database with accounts: this module shows the form, and opens the services with the typed account
in a background thread."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Slot

from console.domain.errors import ErrorCode
from console.domain.setting_problems import LOGIN_REFUSED_PROBLEMS, UNUSABLE_ACCOUNT_PROBLEMS, SettingProblem
from console.views.runtime.tasks import Failure
from console.views.sign_in.hide_contents import CoveredWindow
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.sign_in.sign_in_form import EnteredAccount, SignInForm

if TYPE_CHECKING:
    from console.app import Console

_SIGN_IN_SETTING_PROBLEMS = (
    SettingProblem.SIGN_IN_MISSING,
    SettingProblem.ACCOUNT_NAME_MISSING,
    SettingProblem.KEYRING_FAILED,
    *LOGIN_REFUSED_PROBLEMS,
)


class SignInDefaults(NamedTuple):
    """The initial values of the sign-in form: the stored user name ("" if none is stored), and `can_store_password`,
    which is True if the keyring of the operating system can store a password. A background thread reads these values,
    because a keyring may be slow.
    """

    user: str
    can_store_password: bool


class OpenedServices(NamedTuple):
    """The services that a sign-in has opened. `is_password_unstored` is True if the person wanted to store the
    password and storing it has failed."""

    services: "Console"
    is_password_unstored: bool


def needs_sign_in(failure: Failure) -> bool:
    """Return True if the services couldn't be opened because the person must sign in, or sign in again; False for
    any other failure, such as an unreachable database."""
    return failure.code == ErrorCode.BAD_PROFILE and failure.detail.get("problem") in _SIGN_IN_SETTING_PROBLEMS


class SignInFlow(QObject):
    """One sign-in of a person: from the sign-in form until the services are open."""

    def __init__(
        self,
        frame: CoveredWindow,
        open_services: Callable[[], "Console"],
        use_services: Callable[["Console"], None],
        *,
        is_account_fixed: bool = False,
    ) -> None:
        """`open_services` opens the services; a background thread calls it. Then `use_services` is called with the
        services. If `is_account_fixed` is True, the person can sign in only with the account that is already in use.
        """
        super().__init__(frame)
        self._frame, self._context = frame, frame.context
        self._open_services, self._use_services, self._is_account_fixed = (
            open_services,
            use_services,
            is_account_fixed,
        )
        self._form_defaults = SignInDefaults("", can_store_password=False)
        self.form: SignInForm | None = None
        self._failure: Failure | None = None
        self._is_signing_in = False
        self._context.language_changed.connect(self._rebuild_form)

    def ask_for_account(self, failure: Failure) -> None:
        """Read the stored user name of the database account in a background thread, then show the sign-in form.
        `failure` is the reason why the person must sign in.
        """
        self._failure, sign_in_settings = failure, self._context.settings.sign_in
        self._context.runner.run(
            lambda: SignInDefaults(
                sign_in_settings.find_user_without_error() or "", sign_in_settings.can_store_password()
            ),
            self._show_form,
            self._show_form_without_keyring,
            caller=self,
        )

    def _show_form(self, form_defaults: SignInDefaults) -> None:
        context, self._form_defaults = self._context, form_defaults
        user_name = (context.operator or form_defaults.user) if self._is_account_fixed else form_defaults.user
        database_address = context.settings.sign_in.database_address
        form = self.form = SignInForm(
            context,
            database_address,
            user_name,
            can_store_password=form_defaults.can_store_password,
            is_user_fixed=self._is_account_fixed,
        )
        form.submitted.connect(self._sign_in)
        cover = PrivacyCover(context, form)
        cover.language_requested.connect(self._switch_language)
        self._show_sign_in_problem(form)
        self._frame.window_cover.show_cover(cover)
        form.focus_first_input()
        if self._is_signing_in:  # a second attempt with another account would mix the two
            form.show_busy()

    def _show_form_without_keyring(self, failure: Failure) -> None:
        self._failure = failure
        self._show_form(SignInDefaults("", can_store_password=False))

    def _show_sign_in_problem(self, form: SignInForm) -> None:
        problem = self._failure.detail.get("problem") if self._failure else None
        translate = self._context.translate
        if problem == SettingProblem.ACCESS_DENIED:
            form.show_message(
                translate("sign_in.stored_refused"), translate("sign_in.stored_refused.words"), "care", "warning"
            )
        elif problem in UNUSABLE_ACCOUNT_PROBLEMS and self._failure is not None:
            form.show_message(
                translate("sign_in.stored_refused"), self._context.format_failure(self._failure), "care", "warning"
            )
        elif problem == SettingProblem.KEYRING_FAILED:
            form.show_message(
                translate("sign_in.keyring_failed"), translate("sign_in.keyring_failed.words"), "care", "warning"
            )

    def _switch_language(self, language: str) -> None:
        self._context.change_language("ja" if language == "ja" else "en")

    @Slot()
    def _rebuild_form(self) -> None:
        """Show the form again in the new language, with the user name that the person has typed."""
        if self.form is not None:
            form_defaults = self._form_defaults._replace(user=self.form.user_field.text())
            self._show_form(form_defaults)

    @Slot(object)
    def _sign_in(self, entered_account: EnteredAccount) -> None:
        sign_in_settings, open_services = self._context.settings.sign_in, self._open_services
        self._is_signing_in = True

        def open_with_account() -> OpenedServices:
            sign_in_settings.set_entered_account(entered_account.user, entered_account.password)
            services = open_services()
            is_password_stored = services.sign_in_service.record_sign_in(
                must_store_password=entered_account.must_store_password
            )
            return OpenedServices(services, entered_account.must_store_password and not is_password_stored)

        self._context.runner.run(
            open_with_account, self._finish_sign_in, self._show_refusal, caller=self, pool_name="slow"
        )

    def _show_refusal(self, failure: Failure) -> None:
        self._is_signing_in = False
        if self.form is not None:
            self.form.show_failure(failure)

    def _finish_sign_in(self, opened_services: OpenedServices) -> None:
        """Remove the form and use the opened services. If the password couldn't be stored, show a message about
        that."""
        self.form = None
        self._frame.window_cover.remove_cover()
        self._use_services(opened_services.services)
        if opened_services.is_password_unstored:
            translate = self._context.translate
            self._context.show_toast(
                translate("sign_in.unkept"), translate("sign_in.unkept.words"), "warning", "care", subject_title=""
            )
        self.deleteLater()
