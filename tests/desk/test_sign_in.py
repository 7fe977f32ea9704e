"""A person signs in to a database server in the window, continues after errors, and signs out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import cast

import pymysql
import pytest
import shiboken6
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from console.app import Console, open_console
from console.settings.secrets import Keyring
from console.settings.settings import Settings, load_settings
from console.views.admin.page import AdminPage
from console.views.app.main import WindowOpener
from console.views.audit.page import AuditPage
from console.views.frame.splash_window import MainWindow
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.pages.no_right_page import NoRightPage
from console.views.runtime.routes import AuditRoute, LookupRoute
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.sign_in.sign_in_form import SignInForm
from console.views.sign_in.unlock_form import UnlockForm
from console.views.theme.theme import current_appearance, install_appearance
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.test_window import find_nameless_controls
from tests.desk.window_person import Person
from tests.support.desks import STORE_KEY
from tests.support.keyrings import MemoryKeyring
from tests.support.places import Place
from tests.support.sql_server import SqlServer
from tests.support.teams import open_team

pytestmark = pytest.mark.engines("mariadb")


class PersonBeforeWindow(Person):
    """A simulated person at a window that may ask for a sign-in first."""

    def __init__(self, bot: QtBot, settings: Settings) -> None:
        self._bot = bot
        self._desks = ExitStack()
        self.opening = WindowOpener(settings, self._open_console)
        self.settings = settings
        self.window.show()
        self.window.activateWindow()
        bot.waitActive(self.window)
        self.wait_until(lambda: hasattr(self.opening, "frame"))

    @property
    def window(self) -> MainWindow:  # type: ignore[override]  # signing out brings another one
        return self.opening.window

    def _open_console(self) -> Console:
        self._desks.close()
        return self._desks.enter_context(open_console(self.settings))

    def wait_for_form(self) -> SignInForm:
        """Wait until the form of the sign-in is visible and enabled, and return it."""
        return cast(SignInForm, self._wait_for_panel(SignInForm))

    def wait_for_lock_form(self) -> UnlockForm:
        return cast(UnlockForm, self._wait_for_panel(UnlockForm))

    def _wait_for_panel(self, kind: type[SignInForm] | type[UnlockForm]) -> QWidget:
        def find_panel() -> QWidget | None:
            cover = self.frame.window_cover.cover
            panel = cover.panel if isinstance(cover, PrivacyCover) else None
            return panel if isinstance(panel, kind) and panel.submit_button.isEnabled() else None

        self.wait_until(lambda: find_panel() is not None)
        panel = find_panel()
        assert panel is not None
        return panel

    def sign_in(self, user: str, password: str) -> None:
        """Sign in by the keyboard; the focus must already be in the first empty field."""
        form = self.wait_for_form()
        self.wait_for_active_window()
        self.wait_until(lambda: QApplication.focusWidget() is not None)
        if not form.user_field.text():
            self.type_in(user)
            self.press("Tab")
        self.type_in(password)
        self.press("Return")

    def wait_for_home(self) -> HomePage:
        self.wait_until(lambda: not self.frame.window_cover.is_covered and self.opening.controller is not None)
        return self.wait_for_page(HomePage)

    def read_newest_bar(self) -> str:
        """Return the accessible name of the newest bar above the form's fields."""
        self.wait_until(lambda: bool(self.wait_for_form().findChildren(NotificationBar)))
        return self.wait_for_form().findChildren(NotificationBar)[-1].accessibleName()

    def close_window_and_desks(self) -> None:
        if shiboken6.isValid(self.window):
            self.opening.close()
        self._desks.close()


@pytest.fixture
def open_sign_in(qtbot: QtBot, qapp: QApplication, place: Place) -> Iterator[Callable[..., PersonBeforeWindow]]:
    install_appearance(qapp, theme="light")
    people: list[PersonBeforeWindow] = []

    def start_window(keyring: Keyring | None = None, url: str = "", **extra: str) -> PersonBeforeWindow:
        variables = {
            "HOME": str(place.first_desk_home),
            "DATABASE_URL": url or make_url_without_account(place),
            "LANGUAGE": "en",
        } | extra
        variables["SECRET_STORE_KEY"] = STORE_KEY
        settings = load_settings(
            {f"CONSOLE_{key}": text for key, text in variables.items()}, find_keyring=lambda: keyring
        )
        people.append(PersonBeforeWindow(qtbot, settings))
        return people[-1]

    yield start_window
    for person in people:
        person.close_window_and_desks()
    current_appearance().choose_theme("light")


def get_account(place: Place, person: str = "op-a") -> tuple[str, str]:
    """Return the name and the password of the person's database account."""
    user, _, password = place.url(person).removeprefix("mysql+pymysql://").split("@")[0].partition(":")
    return user, password


def make_url_without_account(place: Place) -> str:
    return "mysql+pymysql://" + place.url().split("@")[1]


def read_audit_trail(place: Place) -> list[tuple[str, str]]:
    """Return (person, action) of the audit entries about sessions, oldest first."""
    rows = place.sql("SELECT who, what FROM audit_log WHERE what LIKE 'session%' ORDER BY id")
    return [(str(person), str(what)) for person, what in rows]


OpenSignIn = Callable[..., PersonBeforeWindow]


def test_a_first_start_leads_to_the_first_page(open_sign_in: OpenSignIn, place: Place) -> None:
    """A person signs in with name, Tab, password and Enter. After a wrong password the window asks again. After the
    right password the first page opens, and the operator has the name of the account.
    """
    keyring = MemoryKeyring()
    user, password = get_account(place)
    person = open_sign_in(keyring)
    assert find_nameless_controls(person.window) == []
    person.sign_in(user, "wrong")
    assert "The name or password is wrong" in person.read_newest_bar()
    assert keyring.entries == {}
    person.sign_in(user, password)
    person.wait_for_home()
    assert person.opening.context.operator == user
    assert person.frame.top_bar.operator.text() == user
    assert password in keyring.entries.values()
    person.wait_until(lambda: read_audit_trail(place) == [(user, "session_missing"), (user, "session_created")])
    again = open_sign_in(keyring)
    again.wait_for_home()
    assert again.opening.context.operator == user


def test_a_window_without_a_keyring_asks_for_the_password_at_each_start(
    open_sign_in: OpenSignIn, place: Place
) -> None:
    """Without a keyring the password is stored only in the memory of the process. The form says so, and the next
    start asks for the password again.
    """
    user, password = get_account(place)
    person = open_sign_in(None)
    assert "no keyring" in person.wait_for_form().store_password_box.accessibleDescription()
    person.sign_in(user, password)
    person.wait_for_home()
    assert not person.frame.toasts.visible_toasts  # nobody had asked to keep it
    assert open_sign_in(None).wait_for_form().user_field.text() == ""


def test_an_address_with_account_and_password_needs_no_sign_in(open_sign_in: OpenSignIn, place: Place) -> None:
    """If the database address has the account and its password, the window opens at Home without a sign-in."""
    person = open_sign_in(None, place.url())
    person.wait_for_home()
    assert person.opening.context.operator == get_account(place)[0]


def test_a_locked_window_opens_only_with_the_accounts_password(open_sign_in: OpenSignIn, place: Place) -> None:
    """A locked window refuses a wrong password. The right password unlocks it, and a text that was typed before is
    still in its field.
    """
    person = open_sign_in(None, place.url())
    person.wait_for_home()
    person.frame.show_route(LookupRoute(""))
    page = person.wait_for_page(LookupPage)
    person.wait_until(page.number_field.edit.hasFocus)
    person.type_in("118")
    person.press("Ctrl+L")
    person.wait_for_lock_form()
    person.type_in("wrong")
    person.press("Return")
    form = person.wait_for_lock_form()
    person.wait_until(lambda: bool(form.findChildren(NotificationBar)))
    assert not page.isVisible()
    person.type_in(get_account(place)[1])
    person.press("Return")
    person.wait_until(lambda: not person.frame.window_cover.is_covered)
    assert page.number_field.edit.text().replace(" ", "") == "118"


def test_a_sign_out_opens_an_empty_sign_in_form(open_sign_in: OpenSignIn, place: Place) -> None:
    """A person signs out on the locked window. The window then shows an empty sign-in form, without any page, draft
    or password of that person.
    """
    keyring = MemoryKeyring()
    first, second = get_account(place), get_account(place, "lead-b")
    person = open_sign_in(keyring)
    person.sign_in(*first)
    person.wait_for_home()
    person.frame.show_route(LookupRoute("118"))
    person.wait_for_page(LookupPage)
    person.press("Ctrl+L")
    before = person.window
    person.wait_for_lock_form().other_person_link.click()
    person.wait_until(lambda: person.opening.window is not before and not shiboken6.isValid(before))
    form = person.wait_for_form()
    assert set(keyring.entries) == {"DRAFT_KEY"}, "the account is forgotten; drafts stay encrypted on this desk"
    assert (form.user_field.text(), form.password_field.text()) == ("", "")
    person.sign_in(*second)
    person.wait_for_home()
    assert person.opening.context.operator == second[0]
    assert person.frame.current_route is not None
    assert not isinstance(person.frame.current_route, LookupRoute)
    said = [(first[0], "session_missing"), (first[0], "session_created"), (first[0], "session_deleted")]
    person.wait_until(
        lambda: read_audit_trail(place) == [*said, (second[0], "session_missing"), (second[0], "session_created")]
    )


@pytest.mark.expects_log("a due task of the window may run while the account is refused")
def test_a_changed_password_is_requested_and_work_continues(open_sign_in: OpenSignIn, place: Place) -> None:
    """If the database no longer accepts the password of the account in use, the window asks the person to sign in
    again, and the page is still open afterwards.
    """
    user, password = get_account(place, "op-b")
    person = open_sign_in(None, place.url("op-b"))
    person.wait_for_home()
    person.frame.show_route(LookupRoute(""))
    page = person.wait_for_page(LookupPage)
    place.sql(f"ALTER USER `{user}`@`%` IDENTIFIED BY 'the-next-one'")
    try:
        server = place.database.nodes[0]  # type: ignore[attr-defined]  # a place on a server
        open_ones = server.sql(f"SELECT id FROM information_schema.processlist WHERE user = '{user}'")
        assert open_ones
        for (id,) in open_ones:
            with suppress(pymysql.err.OperationalError):  # the window has closed it meanwhile
                server.sql(f"KILL {id}")
        form = person.wait_for_form()
        assert form.user_field.edit.isReadOnly()
        assert form.user_field.text() == user
        person.type_in("the-next-one")
        person.press("Return")
        person.wait_until(lambda: not person.frame.window_cover.is_covered)
        assert person.wait_for_page(LookupPage) is page
    finally:
        place.sql(f"ALTER USER `{user}`@`%` IDENTIFIED BY '{password}'")


def test_an_administrator_and_an_auditor_sign_in(
    qtbot: QtBot, qapp: QApplication, sql_server: SqlServer, tmp_path: Path
) -> None:
    """An administrator and an auditor sign in on a server, and no read fails with the rights of their roles. The
    administrator starts at the administration page, the auditor at the home page.
    """
    install_appearance(qapp, theme="light")
    with open_team(sql_server, {"adm-f": ("admin",), "aud-e": ("auditor",)}) as people:
        for person_name, kind in (("adm-f", AdminPage), ("aud-e", HomePage)):
            variables = {
                "HOME": str(tmp_path / person_name),
                "DATABASE_URL": people.urls[person_name],
                "LANGUAGE": "en",
            }
            settings = load_settings(
                {f"CONSOLE_{key}": text for key, text in variables.items()}, find_keyring=lambda: None
            )
            person = PersonBeforeWindow(qtbot, settings)
            person.wait_until(lambda seat=person.opening.context: seat.are_people_read)  # type: ignore[misc]  # of this turn
            person.wait_for_page(kind)
            person.opening.controller.background_refresh.run_due_tasks()  # type: ignore[union-attr]  # it is open
            person.wait_until_read()
            assert person.opening.context.last_due_tasks_at is None
            assert person.opening.context.connection_state.lost_since is None
            context = person.opening.context
            person.wait_until(lambda seat=context: seat.connection_state.database_answer_seconds is not None)  # type: ignore[misc]  # of this turn
            person.frame.show_route(AuditRoute())
            person.wait_for_page(AuditPage if person_name == "aud-e" else NoRightPage)
            person.wait_until_read()
            assert [
                bar.accessibleName() for bar in person.window.findChildren(NotificationBar) if bar.isVisible()
            ] == []
            person.close_window_and_desks()
    current_appearance().choose_theme("light")
