"""The desks of the people in a window test. Either all people use one desk that acts itself (embedded), or each
person has a desk in team mode and a worker acts. The same tests run in both ways: `pytest tests/desk` embedded,
`pytest tests/desk --through-worker` through a worker (`make window`). Tests with the mark `both_ways` always run in
both.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from console.app import Console, open_console
from console.demo.samples import write_samples
from console.domain.access.permissions import ADMIN, WORKER
from console.domain.clock import SystemClock
from console.domain.records import Person as Operator
from console.sandbox.server import Sandbox
from console.services.process.passwords import use_password_reader
from console.settings.settings import Settings
from console.store.database.engine import Database, Transaction
from console.views.sign_in.password_dialog import PasswordDialog
from console.views.widgets.controls.password_field import PasswordField
from console.views.widgets.window.dialog import DialogFrame
from tests.desk.window_person import Person
from tests.support import servers
from tests.support.desks import STORE_KEY, make_environment, open_desk
from tests.support.first_use import note_earlier_use
from tests.support.pooled_databases import PooledDatabase
from tests.support.sample_desk import TEAM
from tests.support.team_mode import keep_executing_desk_requests

FIRST_PERSON = "op-a"
_WORKER = "worker"
_PROVIDER_SECRETS = ("SECRET_", "PAYPAY_", "ATOM_", "ALARMBOX_")


class WindowTestDesks(ABC):
    """The desks and the open windows of one test."""

    def __init__(self, bot: QtBot, clock: SystemClock) -> None:
        self._bot, self._clock = bot, clock
        self._people: list[Person] = []
        self._closing = ExitStack()

    @property
    def console(self) -> Console:
        """The console of the first person's desk."""
        return self.get_desk(FIRST_PERSON)

    @property
    @abstractmethod
    def acting_desk(self) -> Console:
        """Return the desk that calls the providers."""

    @abstractmethod
    def get_desk(self, name: str) -> Console:
        """Return the desk that this person uses."""

    @abstractmethod
    @contextmanager
    def open_acting_desk(self, name: str) -> Iterator[Console]:
        """Yield the console of a desk at which this person acts without a window, until the end of the block."""

    @abstractmethod
    def add_person(self, operator: Operator) -> None:
        """Add a person to the team."""

    @abstractmethod
    def open_window(self, name: str = FIRST_PERSON) -> Person:
        """Open a window for this person."""

    def open_first_window(self) -> Person:
        """Open a window for the first person, who has never opened one."""
        return self._open_window(self.console, is_new=True)

    @abstractmethod
    def switch_person(self, person: Person, name: str) -> Person:
        """Return the window of another person, on the route of this window. It may be the same window, after a change
        of the person.
        """

    @abstractmethod
    @contextmanager
    def write_as_owner(self) -> Iterator[Transaction]:
        """Yield a transaction of the database account that owns the schema, as another application would use it."""

    @abstractmethod
    def run_due_tasks(self, person: Person) -> None:
        """Run the due tasks once, where they run every minute: in the person's window if the desks act themselves, in
        the worker if one acts for the people. The call may return before the tasks have ended.
        """

    @abstractmethod
    def drop_table_triggers(self, table: str) -> None:
        """Drop the table's triggers for this test."""

    @abstractmethod
    def get_password_of(self, name: str) -> str:
        """Return the password that this person types into a dialog; "" if dialogs ask for no password."""

    def type_password(self, dialog: DialogFrame, name: str) -> None:
        """Type this person's password where the dialog has a field for it."""
        password = getattr(dialog, "password_field", None)
        if isinstance(password, PasswordField) and password.isVisible():
            password.line_edit.setText(self.get_password_of(name))

    def confirm_with_password(self, person: Person, name: str) -> None:
        """Type the person's password into the dialog that asks for it after a decision. Do nothing at desks without
        team mode, which have no such dialog.
        """
        if self.get_password_of(name):
            dialog = person.wait_for_dialog(PasswordDialog)
            dialog.password_field.line_edit.setText(self.get_password_of(name))
            person.wait_until(dialog.main_button.isEnabled)
            dialog.main_button.click()

    def close(self) -> None:
        """Close all windows, then the desks."""
        for person in self._people:
            if isValid(person.window):
                person.opening.close()
        self._closing.close()

    def _open_window(self, desk: Console, *, is_new: bool = False) -> Person:
        self._people.append(Person(self._bot, desk, desk.settings, self._clock, is_new=is_new))
        return self._people[-1]


class EmbeddedDesks(WindowTestDesks):
    """All people use one desk with one SQLite file; the operator that is selected in the window acts."""

    def __init__(
        self, bot: QtBot, clock: SystemClock, folder: Path, sandbox: Sandbox, facts: Mapping[str, str]
    ) -> None:
        super().__init__(bot, clock)
        self._desk = self._closing.enter_context(open_desk(folder / "desk", sandbox, clock, **facts))
        write_samples(self._desk._context, (), TEAM, lambda _report, _revision: b"")

    @property
    def acting_desk(self) -> Console:
        return self._desk

    def get_desk(self, name: str) -> Console:
        return self._desk

    @contextmanager
    def open_acting_desk(self, name: str) -> Iterator[Console]:
        with self._desk.acting_as(name):
            yield self._desk

    def add_person(self, operator: Operator) -> None:
        self._desk.people.add_person(operator)

    def open_window(self, name: str = FIRST_PERSON) -> Person:
        person = self._open_window(self._desk)
        return person if name == FIRST_PERSON else self.switch_person(person, name)

    def switch_person(self, person: Person, name: str) -> Person:
        note_earlier_use(self._desk.settings.home, name)
        person.opening.context.change_operator(name)
        person.wait_until_read()
        return person

    @contextmanager
    def write_as_owner(self) -> Iterator[Transaction]:
        with self._desk.database.write_without_retries() as tx:
            yield tx

    def run_due_tasks(self, person: Person) -> None:
        assert person.opening.controller is not None
        person.opening.controller.background_refresh.run_due_tasks()

    def drop_table_triggers(self, table: str) -> None:
        with self.write_as_owner() as tx:
            triggers = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'"
            for name in tx.conn.exec_driver_sql(triggers).scalars().all():
                tx.conn.exec_driver_sql(f"DROP TRIGGER {name}")

    def get_password_of(self, name: str) -> str:
        return ""


class TeamModeDesks(WindowTestDesks):
    """The desks of a team on a MariaDB server. A worker has the providers' credentials, the desks of the people have
    none.
    """

    def __init__(
        self,
        bot: QtBot,
        clock: SystemClock,
        folder: Path,
        sandbox: Sandbox,
        facts: Mapping[str, str],
        database: PooledDatabase,
    ) -> None:
        super().__init__(bot, clock)
        self._folder, self._url, self._facts, self._database = folder, sandbox.url, dict(facts), database
        self._desks: dict[str, Console] = {}
        self._executing = self._closing.enter_context(ExitStack())
        self._executing.enter_context(keep_executing_desk_requests(self.get_desk(_WORKER)))

    @property
    def acting_desk(self) -> Console:
        return self.get_desk(_WORKER)

    def get_desk(self, name: str) -> Console:
        if name not in self._desks:
            home = self._folder / name
            home.mkdir(mode=0o700, exist_ok=True)
            # A desk that knows no provider's address can't conclude from it that this is a test.
            (home / "profile.toml").write_text('environment = "test"\n', "utf-8")
            settings = Settings.load(self._make_settings(name))
            self._desks[name] = self._closing.enter_context(open_console(settings, self._clock))
        return self._desks[name]

    @contextmanager
    def pause_worker(self) -> Iterator[Console]:
        """Until the end of the block, let the worker take no desk request, although it counts as running. Yield the
        worker's desk.
        """
        worker = self.get_desk(_WORKER)
        self._executing.close()
        worker.desk_request_executor.announce_presence()
        try:
            yield worker
        finally:
            self._executing.enter_context(keep_executing_desk_requests(worker))

    def _make_settings(self, name: str) -> dict[str, str]:
        where = {"DATABASE_URL": self._database.url(name), "DOCUMENTS_URL": (self._folder / "documents").as_uri()}
        environment = make_environment(self._folder / name, self._url, **{**self._facts, **where, "OPERATOR": ""})
        if name == _WORKER:
            return environment
        return {
            key: text
            for key, text in environment.items()
            if not key.removeprefix("CONSOLE_").startswith(_PROVIDER_SECRETS)
        } | {"CONSOLE_SECRET_DRAFT_KEY": STORE_KEY}  # from the keyring, which tests don't have

    @contextmanager
    def open_acting_desk(self, name: str) -> Iterator[Console]:
        with use_password_reader(lambda: self.get_password_of(name)):
            yield self.get_desk(name)

    def add_person(self, operator: Operator) -> None:
        assert operator.name in PEOPLE, "everybody has an account from the beginning"

    def open_window(self, name: str = FIRST_PERSON) -> Person:
        return self._open_window(self.get_desk(name))

    def switch_person(self, person: Person, name: str) -> Person:
        route = person.frame.current_route
        person.opening.close()
        other = self.open_window(name)
        if route is not None:
            other.frame.show_route(route)
        other.wait_until_read()
        return other

    @contextmanager
    def write_as_owner(self) -> Iterator[Transaction]:
        with closing(Database(self._database.owner)) as database, database.write_without_retries() as tx:
            yield tx

    def run_due_tasks(self, person: Person) -> None:
        self.acting_desk.recovery.run_due_tasks()

    def drop_table_triggers(self, table: str) -> None:
        self._database.drop_table_triggers(table)

    def get_password_of(self, name: str) -> str:
        return self._database.get_password_of(name)


PEOPLE = {person.name: tuple(sorted(person.roles)) for person in TEAM} | {
    "adm-f": (ADMIN,),
    "adm-g": (ADMIN,),
    "robot": (WORKER,),
    _WORKER: (WORKER,),
}
"""The people with an account on the MariaDB server of `TeamModeDesks`, and their roles."""


@contextmanager
def open_team_mode_database() -> Iterator[PooledDatabase]:
    """Yield a database on a server of its own, with the people of `PEOPLE` in team mode: a worker acts for them."""
    with servers.start_private_mariadb() as server:
        database = PooledDatabase([server], PEOPLE, has_exact_names=True, has_team_mode=True)
        database.execute_as_initial_content("UPDATE operators SET may_buy = 0 WHERE name = 'op-c'")
        yield database
