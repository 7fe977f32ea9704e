"""One database on a server with a proxy before it, a simulated provider in memory, and desks that connect through the
proxy or directly.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from console.app import Console
from console.domain.errors import EXIT_STATUS, ConsoleError
from console.domain.records import PurchaseRequest
from tests.support import truth
from tests.support.in_memory_alarmbox import Charge, InMemoryAlarmBox, require
from tests.support.places import ServerPlace
from tests.support.quick_desks import ManualClock, open_quick_desk
from tests.support.servers import Node
from tests.support.sql_proxy import SqlProxy

CLIENT_ID = "1"
EXPECTED_REFUSALS = frozenset(
    ("outcome_unknown", "database_unreachable", "database_locked", "storage_full", "read_only")
)
_LEASE_END_COLUMNS = (("operations", "lease_expires"), ("leases", "lease_expires"), ("call_rates", "not_before"))
_CHARGES_BY_DATABASE: dict[str, list[Charge]] = {}
"""The charges of the provider, by the database that must know of them."""

_SELECT_CLAIMED_CHECK_SQL = (
    "SELECT c.id FROM hansha_alarmbox_credit_checks c JOIN operations o ON o.id = c.operation_id"
    " WHERE o.state = 'calling' AND c.status = 'pending' AND c.corporation_number = '{}'"
)


@dataclass
class FaultScene:
    """The database, its proxy, the provider and the clock. The provider makes the test fail if it is called without a
    committed claim, or inside a transaction.
    """

    place: ServerPlace
    proxy: SqlProxy
    alarmbox: InMemoryAlarmBox
    clock: ManualClock

    @property
    def url(self) -> str:
        """The URL of the database through the proxy."""
        return self.proxy.make_url(self.place.url())

    def open_desk_through_proxy(self, home: Path | None = None) -> Console:
        """Open a desk that reaches the database only through the proxy; the caller must close it."""
        return self.open_desk(self.url, home)

    def open_desk_without_proxy(self, **extra: str) -> Console:
        """Open the first desk of the place with a direct connection to the database; the caller must close it.
        `extra` are further environment variables of the desk.
        """
        return self.open_desk(self.place.url(), None, **extra)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Execute the statements as the schema account on another connection, and return the rows of the last
        statement.
        """
        return execute_as_schema_account(self.place, *statements)

    def kill_session(self, session: int) -> None:
        """End the session with this id, as an administrator may."""
        self.place.database.nodes[0].sql(f"KILL CONNECTION {session}")

    def move_leases_back(self, duration: timedelta) -> None:
        """Move the stored end of each lease back by `duration`, as if that time had passed on the clock that dates
        the leases.
        """
        step = round(duration.total_seconds() * 1000)
        self.execute(
            *(
                f"UPDATE {table} SET {column} = {column} - {step} WHERE {column} > 0"
                for table, column in _LEASE_END_COLUMNS
            )
        )

    def open_desk(self, url: str, home: Path | None = None, **extra: str) -> Console:
        """Open a desk with this URL of the database; the caller must close it. `home` is the home folder of the desk
        (None: that of the place's first desk), `extra` are further environment variables of the desk.
        """
        self.clock.move_listeners[self.place.folder] = self.move_leases_back
        environment = {"DATABASE_URL": url, "OPERATOR": "", "TIME_SCALE": "1", "ALARMBOX_FIND_PURCHASES": "1"}
        return open_quick_desk(home or self.place.first_desk_home, self.alarmbox, self.clock, **environment | extra)

    @contextmanager
    def settle_and_check(self, *bought: str) -> Iterator[Console]:
        """Let all leases expire, run the due tasks in a new process of the desk, and yield this desk. Check that no
        operation has the state `calling`, that records and charges agree, and that none of the numbers `bought` is
        charged twice.
        """
        charged = len(self.alarmbox.charges)
        self.clock.at += timedelta(minutes=5)
        with self.open_desk_without_proxy() as fresh:
            fresh.recovery.run_all_tasks()
            rows = truth.read_check_rows(fresh.database)
            truth.check_claims(rows)
            truth.check_charges(rows, Counter(charge.number for charge in self.alarmbox.charges))
            truth.check_queues(fresh)
            assert truth.count_calling_operations(fresh.database) == 0
            for number in bought:
                assert self.alarmbox.count_charges(number) <= 1, (
                    f"{number} was charged {self.alarmbox.count_charges(number)} times"
                )
            assert len(self.alarmbox.charges) == charged, "bought again by due tasks"
            yield fresh

    def verify_trail(self) -> None:
        """Verify the whole audit trail."""
        with self.open_desk_without_proxy() as fresh:
            fresh.audit.verify_chains()


def connect_to_place(place: ServerPlace, person: str = "", **more: Any) -> Any:
    """Return a PyMySQL connection with the account of a person ("": the schema account) to the first node that
    answers. `more` has further arguments for PyMySQL.
    """
    nodes, address = place.database.nodes, urlsplit(place.url(person))
    node = next(node for node in nodes if not isinstance(node, Node) or node.is_ready())
    return node.connect(
        unquote(address.username or ""), unquote(address.password or ""), get_schema_name(place), **more
    )


def get_schema_name(place: ServerPlace) -> str:
    """Return the name of the database."""
    return urlsplit(place.url("")).path.strip("/")


def execute_as_schema_account(place: ServerPlace, *statements: str) -> list[tuple[Any, ...]]:
    """Run the statements as the schema account on a new connection, and return the rows of the last one. May be
    called in any thread, also after the server or a node was killed.
    """
    alone = len(place.database.nodes) == 1
    with connect_to_place(place) as connection, connection.cursor() as cursor:
        for statement in ("SET innodb_lock_wait_timeout = 300" if alone else "SET wsrep_sync_wait = 7", *statements):
            cursor.execute(statement)
        return list(cursor.fetchall())


@contextmanager
def open_scene(place: ServerPlace) -> Iterator[FaultScene]:
    """Yield a FaultScene for this database, after all earlier leases have expired."""
    node, clock = place.database.nodes[0], ManualClock()
    with SqlProxy(node.host, node.port) as proxy:
        ledger = _CHARGES_BY_DATABASE.setdefault(get_schema_name(place), [])
        stage = FaultScene(place, proxy, InMemoryAlarmBox(today=clock.today, charges=ledger), clock)

        def check_claim_at_sending(request: PurchaseRequest) -> int:
            rows = stage.execute(_SELECT_CLAIMED_CHECK_SQL.format(request.corporation_number))
            require(len(rows) == 1, f"asked with {len(rows)} committed claims")
            return int(rows[0][0])

        stage.alarmbox.on_request = check_claim_at_sending
        # Earlier tests may have left leases.
        execute_as_schema_account(place, "UPDATE leases SET lease_expires = 1 WHERE lease_expires > 1")
        yield stage


def buy_check(console: Console, number: str) -> str:
    """Buy a credit check of the corporation number `number`. Return "done", or the error code if the purchase is
    refused."""
    try:
        console.credit_checks.purchase(PurchaseRequest(number, CLIENT_ID))
    except ConsoleError as named:
        return named.code
    return "done"


def check_ending(ending: str, charge_count: int, situation: str) -> None:
    """Check the charges against the reported ending of a purchase: none if it says that nothing was sent, exactly one
    if it says "done". `situation` is named in the message of a failed check.
    """
    assert ending in EXPECTED_REFUSALS | {"done"}, f"{ending} at {situation}"
    if ending != "done" and EXIT_STATUS[ending] in (3, 6):
        assert charge_count == 0, f"{ending}, but charged, at {situation}"
    if ending == "done":
        assert charge_count == 1, f"{charge_count} charges, but bought, at {situation}"
