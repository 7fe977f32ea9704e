"""The surroundings of a simulated day: a private MariaDB server with a team of accounts, providers and workers as
processes, the shop, and the desks of people."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Any, TypeVar

import pymysql

from console.app import Console, open_console
from console.domain.errors import EXIT_STATUS, ConsoleError
from console.sandbox import SandboxControl
from console.settings.settings import Settings
from tests.day import programs, worker_logs
from tests.day.notice_deliverer import NoticeDeliverer
from tests.day.plan import DayParameters
from tests.day.programs import Program
from tests.support import servers, teams
from tests.support.alert_receiver import SIGNATURE_KEY, AlertReceiver, receive_alerts
from tests.support.desks import make_environment
from tests.support.payment_desks import make_settings as known_providers
from tests.support.waiting import MAX_WAIT_SECONDS

WORKER_COUNT = 3
_ROLES_BY_PERSON = {
    "op-a": ("operator",),
    "lead-b": ("approver",),
    "aud-e": ("auditor",),
    "worker": ("worker",),
    "till": ("worker",),
}
_PAUSE_BETWEEN_TRIES_SECONDS = 0.2
UNREACHABLE_EXIT_STATUS = 6
"""Exit status of a command that can't reach the database or a provider."""
_ResultT = TypeVar("_ResultT")


class PlainSql:
    """Runs SQL statements without the code of the console. Each thread has a connection of its own, which is opened
    again when the server is back."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect, self._mine = connect, local()

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run the statements in one transaction, and return the rows of the last one. The transaction is repeated if
        the connection is lost, so use only statements that may be repeated."""
        return call_with_retries(lambda: self._execute_once(statements), before_retry=self._close_connection)

    def _execute_once(self, statements: Sequence[str]) -> list[tuple[Any, ...]]:
        """Execute the statements in one transaction. Return the rows of the last one."""
        if getattr(self._mine, "line", None) is None:
            self._mine.line = self._connect()
        connection = self._mine.line
        with connection.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            for statement in statements:
                cursor.execute(statement)
            rows = list(cursor.fetchall())
            cursor.execute("COMMIT")
        return rows

    def _close_connection(self) -> None:
        connection, self._mine.line = getattr(self._mine, "line", None), None
        if connection is not None:
            with suppress(pymysql.MySQLError, OSError):
                connection.close()


@dataclass(frozen=True)
class DaySurroundings:
    """All parts of a simulated day. `shop_desk` is the desk at which the shop begins payments, `notice_deliverer` the
    deliverer of notices, `alert_receiver` the receiver of alerts. `shop_sql` runs SQL with the account of the shop's
    program, `owner_sql` with the schema account.
    """

    day: DayParameters
    folder: Path
    server: servers.Server
    control: SandboxControl
    workers: tuple[Program, ...]
    notice_deliverer: NoticeDeliverer
    alert_receiver: AlertReceiver
    shop_desk: Console
    operator: Console
    approver: Console
    approvers_password: str
    auditor: Console
    shop_sql: PlainSql
    owner_sql: PlainSql
    """The schema account may read all tables."""


def call_with_retries(
    act: Callable[[], _ResultT],
    before_retry: Callable[[], None] = lambda: None,
    seconds: float = MAX_WAIT_SECONDS,
    retried_codes: frozenset[str] = frozenset(),
) -> _ResultT:
    """Call `act` and return its result. If the database or a provider can't be reached, or after a refusal with one
    of the `retried_codes` codes, call `before_retry` and then repeat `act`. After `seconds`, raise the last error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (pymysql.OperationalError, pymysql.InterfaceError, OSError) as error:
            away: Exception = error
        except ConsoleError as refusal:
            if EXIT_STATUS[refusal.code] != UNREACHABLE_EXIT_STATUS and refusal.code not in retried_codes:
                raise
            away = refusal
        before_retry()
        if time.monotonic() > deadline:
            raise away
        time.sleep(_PAUSE_BETWEEN_TRIES_SECONDS)  # house: whoever can't reach somebody waits before trying again


@contextmanager
def open_surroundings(day: DayParameters, folder: Path) -> Iterator[DaySurroundings]:
    """Start all parts of the day, yield them, and end them at the end of the block."""
    with servers.start_private_mariadb() as server, ExitStack() as stack:
        providers = programs.make_sandbox(server.run, folder)
        providers.start_without_waiting()
        team = teams.create_team(server, _ROLES_BY_PERSON, has_team_mode=day.uses_team_mode)
        alert_receiver = stack.enter_context(receive_alerts())
        alert_receiver.answers = _get_alert_answer_status
        providers.wait_until_ready()

        def make_desk_environment(person: str, home: str) -> dict[str, str]:
            access = {"DATABASE_URL": team.urls[person], "OPERATOR": "", "TIME_SCALE": str(day.scale)}
            documents = {"DOCUMENTS_URL": (folder / "documents").as_uri()}
            alerts = {"ALERTS_WEBHOOK_URL": alert_receiver.url, "SECRET_ALERTS_WEBHOOK_KEY": SIGNATURE_KEY}
            both = known_providers(providers.url)
            return make_environment(folder / home, providers.url, **access, **documents, **alerts, **both)

        def open_desk(person: str) -> Console:
            return stack.enter_context(open_console(Settings.load(make_desk_environment(person, person))))

        workers = tuple(
            programs.make_worker(server.run, f"w{n}", make_desk_environment("worker", f"w{n}"))
            for n in range(WORKER_COUNT)
        )
        stack.callback(worker_logs.copy_logs, workers, folder)
        for worker in workers:
            worker.start_without_waiting()
        shop, everything = _open_sql_accesses(server, team)
        desks = {name: open_desk(name) for name in ("till", "op-a", "lead-b", "aud-e")}
        for worker in workers:
            worker.wait_until_ready()
        notice_deliverer = stack.enter_context(NoticeDeliverer(day.seed, [worker.port for worker in workers]))
        control = SandboxControl(providers.url)
        control.change_settings(paypay_code_seconds=day.code_validity_seconds)
        control.payments_control.set_notice_addresses(
            paypay=notice_deliverer.make_address("/webhooks/paypay"),
            atom=notice_deliverer.make_address("/callbacks/atom"),
        )
        _raise_limits(everything)
        yield DaySurroundings(
            day, folder, server, control, workers, notice_deliverer, alert_receiver,
            desks["till"], desks["op-a"], desks["lead-b"],
            team.get_password_of("lead-b"), desks["aud-e"], shop, everything,
        )  # fmt: skip


def _get_alert_answer_status(_: dict[str, Any], nth: int) -> int:
    """Return the HTTP status with which the receiver of alerts answers: 503 for every seventh message, which the
    worker must then send again.
    """
    return 503 if nth % 7 == 0 else 204


def _open_sql_accesses(server: servers.Server, team: teams.Team) -> tuple[PlainSql, PlainSql]:
    """Return two SQL accesses: that of the shop's account, which has rights on two tables only, and that of the
    schema account.
    """
    name, password = f"shop.{team.database[-6:]}", "the-shop's-own"
    server.sql(
        f'CREATE USER `{name}`@`%` IDENTIFIED BY "{password}"',
        *(
            f"GRANT SELECT, INSERT, UPDATE ON `{team.database}`.{table} TO `{name}`@`%`"
            for table in ("orders", "stock_reservations")
        ),
    )
    return (
        PlainSql(lambda: server.connect(name, password, team.database)),
        PlainSql(lambda: team.open_connection("owner")),
    )


def _raise_limits(owner_sql: PlainSql) -> None:
    """Raise the limit of refunds per person and day, because one person requests all of them."""
    owner_sql.sql("UPDATE limits SET value = 1000000000000 WHERE name = 'per_person_day'")
