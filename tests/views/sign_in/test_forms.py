"""Tests of the forms of signing in and unlocking: their required inputs, the values that they store, and the
information that they never show.
"""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from console.domain.errors import ErrorCode
from console.domain.records import Person
from console.views.runtime.tasks import Failure
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.sign_in.sign_in_flow import needs_sign_in
from console.views.sign_in.sign_in_form import EnteredAccount, SignInForm
from console.views.sign_in.unlock_form import UnlockForm
from console.views.theme.design_tokens import Language
from console.views.widgets.window.notification_bars import NotificationBar
from tests.views.invented_checks import NOW, make_window_context

DATABASE_ADDRESS = "db.example:3306/console"
ACCESS_DENIED_FAILURE = Failure(
    ErrorCode.BAD_PROFILE, {"variable": "CONSOLE_DATABASE_URL", "problem": "access_denied"}
)
DATABASE_UNREACHABLE_FAILURE = Failure(ErrorCode.DATABASE_UNREACHABLE, {"problem": "gone"})
UNKNOWN_DATABASE_FAILURE = Failure(
    ErrorCode.BAD_PROFILE, {"variable": "CONSOLE_DATABASE_URL", "problem": "unknown_database"}
)


def make_sign_in_form(
    bot: QtBot, user: str = "", *, can_store_password: bool = True, is_user_fixed: bool = False
) -> SignInForm:
    form = SignInForm(
        make_window_context(),
        DATABASE_ADDRESS,
        user,
        can_store_password=can_store_password,
        is_user_fixed=is_user_fixed,
    )
    bot.addWidget(form)
    with bot.waitExposed(form):
        form.show()
    form.activateWindow()
    form.focus_first_input()
    return form


def make_unlock_form(bot: QtBot, *, needs_password: bool, persons: tuple[Person, ...] = ()) -> UnlockForm:
    form = UnlockForm(make_window_context(), NOW, needs_password=needs_password, people=persons)
    bot.addWidget(form)
    with bot.waitExposed(form):
        form.show()
    form.activateWindow()
    form.focus_first_input()
    return form


def read_notice(form: SignInForm | UnlockForm) -> str:
    bars = [bar for bar in form.findChildren(NotificationBar) if not bar.isHidden()]
    assert len(bars) <= 1
    return bars[0].accessibleName() if bars else ""


def press_enter(form: SignInForm | UnlockForm) -> None:
    focus = form.focusWidget()
    assert focus is not None
    QTest.keyClick(focus, Qt.Key.Key_Return)


def test_enter_submits_name_and_password(qtbot: QtBot) -> None:
    """At first the focus is in the first empty field. The key Enter in a field submits the name and the password, and
    the form is disabled until the answer.
    """
    form = make_sign_in_form(qtbot)
    assert form.focusWidget() is form.user_field.edit
    QTest.keyClicks(form.user_field.edit, " op-a ")
    form.password_field.line_edit.setFocus()
    QTest.keyClicks(form.password_field.line_edit, " pass word ")
    with qtbot.waitSignal(form.submitted) as sent:
        press_enter(form)
    assert tuple(sent.args[0]) == ("op-a", " pass word ", True)
    assert not form.submit_button.isEnabled()
    assert not form.password_field.line_edit.isEnabled()
    form.submit()  # a second press does nothing
    assert "pass word" not in repr(EnteredAccount("op-a", "pass word", must_store_password=True))


@pytest.mark.parametrize("can_store_password", [True, False])
def test_the_check_box_is_above_the_button(qtbot: QtBot, can_store_password: bool) -> None:
    """The order of the form is the same with and without a keyring."""
    form = SignInForm(make_window_context(), "db.example", "", can_store_password=can_store_password)
    qtbot.addWidget(form)
    form.resize(400, 500)
    form.show()
    assert form.store_password_box.geometry().bottom() < form.submit_button.mapTo(form, QPoint(0, 0)).y()


def test_enter_submits_from_check_box_and_language_buttons(qtbot: QtBot) -> None:
    """The key Enter also submits the form while the focus is on the check box or on a language button."""
    form = make_sign_in_form(qtbot, "op-a")
    QTest.keyClicks(form.password_field.line_edit, "pass word")
    cover = PrivacyCover(make_window_context(), form)
    qtbot.addWidget(cover)
    cover.show()
    for choice in (form.store_password_box, cover.language_buttons["ja"], cover.language_buttons["en"]):
        form._enable_again(is_password_wrong=False)
        choice.setFocus()
        with qtbot.waitSignal(form.submitted):
            QTest.keyClick(choice, Qt.Key.Key_Return)


def test_a_known_name_is_prefilled(qtbot: QtBot) -> None:
    """If the name is known, the form is filled in with it, and the focus is on the password. If only this account may
    sign in, the name can't be changed.
    """
    form = make_sign_in_form(qtbot, "op-a")
    assert form.focusWidget() is form.password_field.line_edit
    assert not make_sign_in_form(qtbot, "op-a").user_field.edit.isReadOnly()
    assert make_sign_in_form(qtbot, "op-a", is_user_fixed=True).user_field.edit.isReadOnly()


def test_an_empty_field_has_an_error_after_enter(qtbot: QtBot) -> None:
    """With empty fields the key Enter submits nothing. Each empty field shows an error, and the focus moves to the
    first one.
    """
    form = make_sign_in_form(qtbot)
    with qtbot.assertNotEmitted(form.submitted):
        press_enter(form)
    assert form.user_field.edit.accessibleDescription() == "Enter your name."
    assert form.password_field.line_edit.accessibleDescription() == "Enter your password."
    assert form.focusWidget() is form.user_field.edit


def test_a_wrong_name_and_a_wrong_password_have_the_same_message(qtbot: QtBot) -> None:
    """A refused sign-in has the same message for a wrong name and a wrong password. The name stays in the form, and
    the password is deleted.
    """
    form = make_sign_in_form(qtbot, "op-a")
    QTest.keyClicks(form.password_field.line_edit, "wrong")
    press_enter(form)
    form.show_failure(ACCESS_DENIED_FAILURE)
    assert (
        read_notice(form)
        == "Not signed in. The name or password is wrong, or the account has no access to this database."
    )
    assert (form.user_field.text(), form.password_field.text()) == ("op-a", "")
    assert form.focusWidget() is form.password_field.line_edit
    assert form.submit_button.isEnabled()


def test_a_locked_account_leads_to_the_form_and_keeps_the_password(qtbot: QtBot) -> None:
    """A server that has locked the account leads to the sign-in form, which says so. The password stays in the form,
    because it may be right.
    """
    failure = Failure(ErrorCode.BAD_PROFILE, {"variable": "CONSOLE_DATABASE_URL", "problem": "account_locked"})
    assert needs_sign_in(failure)
    form = make_sign_in_form(qtbot, "op-a")
    QTest.keyClicks(form.password_field.line_edit, "right")
    press_enter(form)
    form.show_failure(failure)
    assert "locked this account" in read_notice(form)
    assert "two administrators enable you" in read_notice(form)
    assert form.password_field.text() == "right"


def test_a_form_keeps_its_texts_if_the_database_is_unreachable(qtbot: QtBot) -> None:
    """If the database doesn't answer, the form says so, and the name and password stay in it for another try. For a
    database that doesn't exist, the form shows another message.
    """
    form = make_sign_in_form(qtbot, "op-a")
    QTest.keyClicks(form.password_field.line_edit, "right")
    press_enter(form)
    form.show_failure(DATABASE_UNREACHABLE_FAILURE)
    assert read_notice(form).startswith("No answer. The database doesn't answer.")
    with qtbot.waitSignal(form.submitted) as sent:
        press_enter(form)
    assert sent.args[0].password == "right"
    form.show_failure(UNKNOWN_DATABASE_FAILURE)
    assert "no database with that name" in read_notice(form)


def test_a_button_shows_the_password_until_it_is_sent(qtbot: QtBot) -> None:
    """A button shows and hides the password, by mouse and keyboard, and its name describes the effect of the next
    press. Submitting the form hides the password.
    """
    form = make_sign_in_form(qtbot, "op-a")
    QTest.keyClicks(form.password_field.line_edit, "secret")
    button = form.password_field.visibility_button
    assert form.password_field.line_edit.echoMode() == QLineEdit.EchoMode.Password
    assert button.accessibleName() == "Show password"
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert form.password_field.line_edit.echoMode() == QLineEdit.EchoMode.Normal
    assert button.accessibleName() == "Hide password"
    form.password_field.line_edit.setFocus()
    press_enter(form)
    assert form.password_field.line_edit.echoMode() == QLineEdit.EchoMode.Password


def test_the_tab_key_moves_down_the_form(qtbot: QtBot) -> None:
    """The Tab key moves the focus from the name to the password, the button that shows the password, the check box
    for staying signed in, the sign-in button and the link.
    """
    form = make_sign_in_form(qtbot)
    stops = [
        form.user_field.edit,
        form.password_field.line_edit,
        form.password_field.visibility_button,
        form.store_password_box,
        form.submit_button,
        form.help_button,
    ]
    visited = []
    for _ in stops:
        visited.append(form.focusWidget())
        QTest.keyClick(form.focusWidget(), Qt.Key.Key_Tab)
    assert visited == stops


def test_without_a_keyring_no_password_is_stored_and_the_form_names_the_variable(qtbot: QtBot) -> None:
    """Without a keyring, the check box for staying signed in is disabled. Its description states the reason and the
    environment variable for the password.
    """
    form = make_sign_in_form(qtbot, "op-a", can_store_password=False)
    assert (form.store_password_box.isEnabled(), form.store_password_box.isChecked()) == (False, False)
    assert "no keyring" in form.store_password_box.accessibleDescription()
    assert "CONSOLE_SECRET_DATABASE_PASSWORD" in form.store_password_box.accessibleDescription()
    QTest.keyClicks(form.password_field.line_edit, "x")
    with qtbot.waitSignal(form.submitted) as sent:
        press_enter(form)
    assert not sent.args[0].must_store_password
    form.show_failure(ACCESS_DENIED_FAILURE)
    assert not form.store_password_box.isEnabled()


def test_the_sign_in_help_has_four_lines(qtbot: QtBot) -> None:
    """The help of the sign-in expands to four lines, the last of which names the people to call, and collapses
    again."""
    form = make_sign_in_form(qtbot)
    form.help_button.click()
    assert form.help_label.isVisible()
    assert form.help_label.plain.count("\n") == 3
    assert form.help_label.plain.endswith("call an administrator.")
    form.help_button.click()
    assert not form.help_label.isVisible()


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    ("name", "telephone"), [("Sato (IT)", "03-1234-5678"), ("Sato (IT)", None), (None, "+81 3 1234 5678")]
)
def test_the_first_sign_in_names_the_person_to_call(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, language: Language, name: str | None, telephone: str | None
) -> None:
    """The sign-in form shows the person to call and the telephone number from the settings. If only one of them is
    set, the form shows this one.
    """
    context = make_window_context()
    monkeypatch.setattr(context.settings, "contact_name", name)
    monkeypatch.setattr(context.settings, "contact_telephone", telephone)
    context.change_language(language)
    form = SignInForm(context, DATABASE_ADDRESS, "", can_store_password=True)
    qtbot.addWidget(form)
    last_line = form.help_label.plain.splitlines()[-1]
    assert all(part in last_line for part in (name, telephone) if part)
    assert "None" not in last_line


def test_unlocking_asks_for_the_password(qtbot: QtBot) -> None:
    """On a server database the locked window requires the password, refuses an empty one, and clears a wrong one with
    a message. Another person may sign in instead.
    """
    form = make_unlock_form(qtbot, needs_password=True)
    assert form.focusWidget() is form.password_field.line_edit
    with qtbot.assertNotEmitted(form.submitted):
        press_enter(form)
    QTest.keyClicks(form.password_field.line_edit, "wrong")
    with qtbot.waitSignal(form.submitted) as sent:
        press_enter(form)
    assert sent.args == ["wrong"]
    form.show_failure(None)
    assert read_notice(form).startswith("Not unlocked. The password is wrong.")
    assert form.password_field.text() == ""
    form.show_failure(DATABASE_UNREACHABLE_FAILURE)
    assert "stays locked" in read_notice(form)
    with qtbot.waitSignal(form.other_person_requested):
        form.other_person_link.click()


def test_the_lock_on_sqlite_has_no_password(qtbot: QtBot) -> None:
    """On SQLite the locked window requires no password: the key Enter unlocks it. On a trial desk another person can
    be selected.
    """
    team = (
        Person("op-a", frozenset({"operator"}), may_buy=True),
        Person("lead-b", frozenset({"approver"}), may_buy=True),
    )
    form = make_unlock_form(qtbot, needs_password=False, persons=team)
    assert not form.password_field.isVisible()
    assert not form.other_person_link.isVisible()
    assert form.person_list.currentData() == "op-a"
    form.person_list.setFocus()
    with qtbot.waitSignal(form.submitted):
        QTest.keyClick(form.person_list, Qt.Key.Key_Return)  # the key on the button, at the list as well
    form = make_unlock_form(qtbot, needs_password=False, persons=team)
    with qtbot.waitSignal(form.submitted) as sent:
        form.submit_button.click()
    assert sent.args == [""]
    alone = make_unlock_form(qtbot, needs_password=False)
    assert not alone.person_list.isVisible()


@pytest.mark.parametrize("needs_password", [True, False])
def test_every_control_of_the_lock_has_a_name(qtbot: QtBot, *, needs_password: bool) -> None:
    """Every control of the locked window has an accessible name for screen readers."""
    form = make_unlock_form(qtbot, needs_password=needs_password)
    assert form.accessibleName() == "Locked"
    for control in (
        form.password_field.line_edit,
        form.password_field.visibility_button,
        form.submit_button,
        form.other_person_link,
        form.person_list,
    ):
        assert control.accessibleName()
