"""A team before a server and the simulated providers: what plain clients try, and what came of it.

Judged is the harm, never an error number: the providers' ledgers, and whether everybody's next honest act works.
Accounts are made by `db accounts apply`. On a cluster, attacks are made on another node than desks use.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pymysql

from console.app import Console, open_console
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.harms.ways import Way
from tests.support import invented
from tests.support.desks import environment
from tests.support.galera_cluster import wait_until_applied
from tests.support.money_desks import ask, ending, paid, providers
from tests.support.payment_desks import BANK_KEY
from tests.support.quick_desks import quick_folder
from tests.support.refusals import code_of
from tests.support.sql_server import SqlServer
from tests.support.teams import EVERYBODY, Team, team

ROLES = {"operator": "op-a", "approver": "lead-b", "auditor": "aud-e", "admin": "adm-f", "worker": "worker"}
"""Somebody of each role."""
CHECKS = "hansha_alarmbox_credit_checks"
UTC = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
CLIENT = "1"


@dataclass
class Scene:
    """One database with everybody's account, and a desk for whoever acts. `nodes`: the servers it is reached by;
    `whole`: every way is tried by everybody, else by the worker and one other in turn, and a part of the forms.
    """

    people: Team
    nodes: tuple[SqlServer, ...]
    sandbox: Sandbox
    folder: Path
    _closing: ExitStack = field(repr=False)
    whole: bool = False
    _turn: int = 0
    _desks: dict[str, Console] = field(default_factory=dict, repr=False)
    _numbers: Iterator[str] = field(default_factory=lambda: iter(invented.numbers(2_000, 12)), repr=False)
    _orders: int = 0

    # Honest acts

    def desk(self, who: str) -> Console:
        """This person's desk, opened when somebody sits down."""
        if who not in self._desks:
            settings = Settings.load(self.told(who))
            self._desks[who] = self._closing.enter_context(open_console(settings))
        return self._desks[who]

    def fresh_desk(self, who: str) -> Console:
        """The same after a restart: nothing is remembered by the process."""
        if who in self._desks:
            self._desks.pop(who).close()
        return self.desk(who)

    def told(self, who: str, **extra: str) -> dict[str, str]:
        """The environment of this person's desk."""
        facts = {
            "DATABASE_URL": self.people.urls[who],
            "DOCUMENTS_URL": (self.folder / "documents").as_uri(),
            "OPERATOR": "",
            "SECRET_NOTICE_BANK_KEY": BANK_KEY,
            **providers(self.sandbox.url),
            **extra,
        }
        return environment(self.folder / who, self.sandbox.url, **facts)

    def number(self) -> str:
        """A company that nobody has asked about yet."""
        return next(self._numbers)

    def buy(self, who: str, number: str, client: str = CLIENT, *, renew: bool = False) -> CreditCheck:
        """A purchase as a person makes it. Raises as the service does."""
        return self.desk(who).credit_checks.purchase(PurchaseRequest(number, client, renew=renew))

    def bought(self, who: str = "op-b") -> CreditCheck:
        """A live credit check of a new company."""
        return self.buy(who, self.number())

    def unknown(self, who: str = "op-b") -> CreditCheck:
        """A purchase that was charged, and whose answer never came."""
        number = self.number()
        self.sandbox.control.add_fault("close_after_charge", call="purchase", number=number)
        assert code_of(lambda: self.buy(who, number)) == "outcome_unknown"
        return self.desk(who).lookup.find_records(number).credit_checks[0]

    def paid(self, minor: int = 3_000) -> Payment:
        """A payment that somebody has made, booked here."""
        self._orders += 1
        return paid(self.desk("op-b"), self.sandbox, f"ORD-H{self._orders}", minor)

    def asked(self, payment: Payment, who: str = "op-b", amount: int = 1_000) -> Refund:
        """A request for a refund of this payment."""
        return ask(self.desk(who), payment.id, amount)

    # The truth

    def charges(self, number: str) -> int:
        """Return the number of times that AlarmBox has charged for this company."""
        return self.sandbox.control.count_charges(number)

    def refunded(self, payment: Payment) -> int:
        """Return the number of refunds of this payment that the provider has accepted."""
        return len(self.sandbox.control.payments_control.read_refunds(payment=payment.merchant_payment_id))

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Execute the statements as the schema account and return the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with self.people.connect("owner") as line, line.cursor() as cursor:
            with suppress(pymysql.MySQLError):  # on a cluster: know what other nodes have acknowledged
                cursor.execute("SET SESSION wsrep_sync_wait = 7")
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def counters(self) -> dict[str, int]:
        """The next id of each table that counts, as the server keeps it in memory."""
        found = self.sql(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'"
        )
        return {table: self._next_id(table) for (table,) in found}

    def _next_id(self, table: str) -> int:
        made = str(self.sql(f"SHOW CREATE TABLE {table}")[0][1])
        _, _, rest = made.rpartition(" AUTO_INCREMENT=")
        return int(rest.split()[0]) if rest and rest[0].isdigit() else 1

    # Attacks

    def tries(self, who: str, way: Way, node: int = -1, **names: str) -> list[str]:
        """Say this as a plain client, each statement whatever the one before met; what the server said to each,
        empty where it did as told. `{me}` and `names` are filled in.
        """
        there = replace(self.people, server=self.nodes[node])
        told = {"me": self.people.names[who], "other": self.people.names["op-b"], **names}
        said = []
        with there.connect(who) as line, line.cursor() as cursor:
            for statement in way.sql:
                said.append(_said(cursor, _filled(statement, told)))
        return said

    def each_tries(self, ways: Iterable[Way], roles: Iterable[str] = ROLES.values(), **names: str) -> int:
        """Everybody tries all of these; where the scene isn't whole, the worker and one other in turn. How many were
        tried.
        """
        everybody, tried = list(roles), 0
        for way in list(ways):
            self._turn += 1
            in_turn = {everybody[self._turn % len(everybody)]} | {"worker"}.intersection(everybody)
            for who in everybody if self.whole else sorted(in_turn):
                self.tries(who, way, -1, **names)
                tried += 1
        return tried

    def some(self, ways: Iterable[Way]) -> list[Way]:
        """All of them where the scene is whole; else every third, the first one among them."""
        return list(ways)[:: 1 if self.whole else 3]

    # The judgement

    def work_goes_on(self) -> None:
        """Each role's normal work, by the real services: the product stands still for nobody."""
        number = self.number()
        record = self.buy("op-a", number)
        assert (record.state, self.charges(number)) == ("success", 1)
        assert self.desk("op-b").credit_checks.refetch(record.id).record.id == record.id
        assert code_of(lambda: self.buy("lead-b", number)) == "already_purchased"
        payment = self.paid()
        request = self.asked(payment, "op-a")
        approved = self.desk("lead-b").refunds.approve(request.id)
        assert approved.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
        assert self.refunded(payment) == 1
        self.desk("op-b").payments.probe(payment.id)
        self.desk("worker").recovery.run_due()
        self.desk("aud-e").audit.verify_chains()
        assert code_of(lambda: self.desk("adm-f").credit_checks.read_credit_check(record.id)) == "not_allowed"

    def not_bought_again(self, number: str, client: str = CLIENT) -> None:
        """Every person now tries to buy this company, with and without a renewal: it is charged once."""
        for who in ("op-a", "op-b", "lead-b"):
            for renew in (False, True):
                ending(lambda: self.buy(who, number, client, renew=renew))  # noqa: B023  # called at once
        assert self.charges(number) == 1

    def close(self) -> None:
        self._closing.close()


def expire(scene: Scene, record: CreditCheck, at: datetime | None = None) -> None:
    """Its viewing period is over, here; done by the owner, for the clock of a server isn't moved."""
    day = f"'{at:%Y-%m-%d %H:%M:%S}'" if at else f"{UTC} - INTERVAL 2 DAY"
    scene.sql(f"UPDATE {CHECKS} SET expired_at = {day} WHERE id = {record.id}")


@contextmanager
def scene(*nodes: SqlServer) -> Iterator[Scene]:
    """On a server, or on the nodes of a cluster: a fresh database that is gone afterwards."""
    with quick_folder() as folder, Sandbox() as sandbox, team(nodes[0], EVERYBODY) as people, ExitStack() as closing:
        wait_until_applied(nodes)
        yield Scene(people, nodes, sandbox, folder, closing)


def _filled(statement: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        statement = statement.replace(f"{{{name}}}", value)
    return statement


def _said(cursor: Any, statement: str) -> str:
    try:
        cursor.execute(statement)
    except pymysql.MySQLError as refusal:
        return str(refusal.args[-1]) or repr(refusal)
    return ""
