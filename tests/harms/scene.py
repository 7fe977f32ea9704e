"""A team at a database server with simulated providers. Accounts of the team attack the database by SQL statements of
a plain client.

A test doesn't expect certain error numbers: it checks for harm in the providers' ledgers, and whether every role can
still do its ordinary work. `db accounts apply` makes the accounts. On a cluster, the attacks run on another node than
the desks.
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
from tests.harms.attacks import ERROR_NUMBERS_OF_INVALID_STATEMENTS, Attack
from tests.support import invented
from tests.support.desks import make_environment
from tests.support.galera_cluster import wait_until_applied
from tests.support.money_desks import import_paid_payment, make_provider_settings, request_refund
from tests.support.payment_desks import BANK_KEY
from tests.support.pooled_teams import lend_team
from tests.support.quick_desks import make_quick_folder
from tests.support.refusals import call_and_get_code, call_for_refusal_code
from tests.support.sql_server import SqlServer
from tests.support.teams import PERSON_NAME_BY_ROLE, Team

CHECKS_TABLE = "hansha_alarmbox_credit_checks"
UTC_NOW_SQL = "CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')"
CLIENT_ID = "1"


@dataclass
class AttackedDatabase:
    """One database with an account for each person, and a desk for each person who acts.

    `nodes` are the database servers. If `tries_all_attacks` is True, every role tries every attack. Otherwise only
    the worker and one other role, in turn, try each attack, and only some of its forms.
    """

    people: Team
    nodes: tuple[SqlServer, ...]
    sandbox: Sandbox
    folder: Path
    _exit_stack: ExitStack = field(repr=False)
    tries_all_attacks: bool = False
    _attack_number: int = 0
    _desks: dict[str, Console] = field(default_factory=dict, repr=False)
    _unused_numbers: Iterator[str] = field(
        default_factory=lambda: iter(invented.invent_numbers(2_000, 12)), repr=False
    )
    _order_count: int = 0

    # Honest acts

    def get_desk(self, person: str) -> Console:
        """Return this person's desk. The first call opens it."""
        if person not in self._desks:
            settings = Settings.load(self.make_environment(person))
            self._desks[person] = self._exit_stack.enter_context(open_console(settings))
        return self._desks[person]

    def restart_desk(self, person: str) -> Console:
        """Return this person's desk after a restart of its process, so that nothing is cached in memory."""
        if person in self._desks:
            self._desks.pop(person).close()
        return self.get_desk(person)

    def make_environment(self, person: str, **extra: str) -> dict[str, str]:
        """Return the environment variables of this person's desk; `extra` replaces or adds variables."""
        facts = {
            "DATABASE_URL": self.people.urls[person],
            "DOCUMENTS_URL": (self.folder / "documents").as_uri(),
            "OPERATOR": "",
            "SECRET_NOTICE_BANK_KEY": BANK_KEY,
            **make_provider_settings(self.sandbox.url),
            **extra,
        }
        return make_environment(self.folder / person, self.sandbox.url, **facts)

    def take_unused_number(self) -> str:
        """Return the number of a corporation that this scene has neither bought nor looked up yet."""
        return next(self._unused_numbers)

    def buy(self, person: str, number: str, client: str = CLIENT_ID, *, renew: bool = False) -> CreditCheck:
        """Buy a credit check of the corporation number `number` at this person's desk. Raises the ConsoleError of the
        service."""
        return self.get_desk(person).credit_checks.purchase(PurchaseRequest(number, client, renew=renew))

    def buy_new(self, person: str = "op-b") -> CreditCheck:
        """Buy a credit check of a new corporation and return its record, which is live."""
        return self.buy(person, self.take_unused_number())

    def buy_without_answer(self, person: str = "op-b") -> CreditCheck:
        """Buy a credit check whose answer never arrives although the provider charges for it. Return the record,
        whose outcome is unknown.
        """
        number = self.take_unused_number()
        self.sandbox.control.add_fault("close_after_charge", call="purchase", number=number)
        assert call_for_refusal_code(lambda: self.buy(person, number)) == "outcome_unknown"
        return self.get_desk(person).lookup.find_records(number).credit_checks[0]

    def make_paid_payment(self, minor: int = 3_000) -> Payment:
        """Create a payment of `minor` yen that its payer has paid and that is booked in the database, and return
        it.
        """
        self._order_count += 1
        return import_paid_payment(self.get_desk("op-b"), self.sandbox, f"ORD-H{self._order_count}", minor)

    def request_refund(self, payment: Payment, person: str = "op-b", amount: int = 1_000) -> Refund:
        """Request a refund of `amount` yen of this payment at the desk of the person `person`, and return the
        refund."""
        return request_refund(self.get_desk(person), payment.id, amount)

    # The truth

    def count_charges(self, number: str) -> int:
        """Return the number of times that AlarmBox has charged for this company."""
        return self.sandbox.control.count_charges(number)

    def count_refunds(self, payment: Payment) -> int:
        """Return the number of refunds of this payment that the provider has accepted."""
        return len(self.sandbox.control.payments_control.read_refunds(payment=payment.merchant_payment_id))

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Execute the statements as the schema account, and return the rows of the last statement."""
        rows: list[tuple[Any, ...]] = []
        with self.people.open_connection("owner") as connection, connection.cursor() as cursor:
            with suppress(pymysql.MySQLError):  # on a cluster: know what other nodes have acknowledged
                cursor.execute("SET SESSION wsrep_sync_wait = 7")
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def read_next_ids(self) -> dict[str, int]:
        """Return the next AUTO_INCREMENT id of each table that has one, as the server keeps it in memory."""
        counted_tables = self.sql(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'"
        )
        return {table: self._read_next_id(table) for (table,) in counted_tables}

    def _read_next_id(self, table: str) -> int:
        made = str(self.sql(f"SHOW CREATE TABLE {table}")[0][1])
        _, _, rest = made.rpartition(" AUTO_INCREMENT=")
        return int(rest.split()[0]) if rest and rest[0].isdigit() else 1

    # Attacks

    def attack(self, person: str, attack: Attack, node: int = -1, **names: str) -> list[str]:
        """Execute the statements of `attack` as a plain client with this person's account on the node with the index
        `node` (-1: the last one); a refused statement doesn't stop the next ones.

        Return one text for each statement: the server's error message, or "" if the server executed the statement.
        `{me}` and `{other}` stand for the account names of this person and of op-b, and each key of `names` for its
        value.
        """
        people = replace(self.people, server=self.nodes[node])
        value_by_placeholder = {"me": self.people.names[person], "other": self.people.names["op-b"], **names}
        results = []
        with people.open_connection(person) as connection, connection.cursor() as cursor:
            for statement in attack.sql:
                results.append(_execute_attack(cursor, _fill_in(statement, value_by_placeholder)))
        return results

    def attack_as_each_role(
        self, attacks: Iterable[Attack], roles: Iterable[str] = PERSON_NAME_BY_ROLE.values(), **names: str
    ) -> int:
        """Let every role try all of these attacks. Unless `tries_all_attacks` is True, only the worker and one other
        role, in turn, try each attack. `names` has the values of further placeholders in the statements. Return the
        number of tries.
        """
        everybody, tried = list(roles), 0
        for attack in list(attacks):
            self._attack_number += 1
            in_turn = {everybody[self._attack_number % len(everybody)]} | {"worker"}.intersection(everybody)
            for person in everybody if self.tries_all_attacks else sorted(in_turn):
                self.attack(person, attack, -1, **names)
                tried += 1
        return tried

    def choose_attacks(self, attacks: Iterable[Attack]) -> list[Attack]:
        """Return all of these attacks if `tries_all_attacks` is True; otherwise every third one, beginning with
        the first.
        """
        return list(attacks)[:: 1 if self.tries_all_attacks else 3]

    # The judgement

    def check_ordinary_work(self) -> None:
        """Do the ordinary work of each role with the real services: a purchase, a re-fetch, a payment and its refund,
        the due tasks, a check of the audit trail. Raises AssertionError if a step fails.
        """
        number = self.take_unused_number()
        record = self.buy("op-a", number)
        assert (record.state, self.count_charges(number)) == ("success", 1)
        assert self.get_desk("op-b").credit_checks.refetch(record.id).record.id == record.id
        assert call_for_refusal_code(lambda: self.buy("lead-b", number)) == "already_purchased"
        payment = self.make_paid_payment()
        request = self.request_refund(payment, "op-a")
        approved = self.get_desk("lead-b").refunds.approve(request.id)
        assert approved.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
        assert self.count_refunds(payment) == 1
        self.get_desk("op-b").payments.probe(payment.id)
        self.get_desk("worker").recovery.run_all_tasks()
        self.get_desk("aud-e").audit.verify_chains()
        assert (
            call_for_refusal_code(lambda: self.get_desk("adm-f").credit_checks.read_credit_check(record.id))
            == "not_allowed"
        )

    def check_not_bought_again(self, number: str, client: str = CLIENT_ID) -> None:
        """Let three people try to buy a credit check of this corporation for `client`, with and without a renewal.
        Raises AssertionError if AlarmBox has then charged for the corporation more than once.
        """
        for person in ("op-a", "op-b", "lead-b"):
            for renew in (False, True):
                call_and_get_code(lambda: self.buy(person, number, client, renew=renew))  # noqa: B023  # called at once
        assert self.count_charges(number) == 1

    def close(self) -> None:
        self._exit_stack.close()


def set_validity_end(scene: AttackedDatabase, record: CreditCheck, at: datetime | None = None) -> None:
    """Set the end of this record's validity to `at`, or to two days ago without `at`. The schema account writes it,
    because a test can't change the clock of the server.
    """
    day = f"'{at:%Y-%m-%d %H:%M:%S}'" if at else f"{UTC_NOW_SQL} - INTERVAL 2 DAY"
    scene.sql(f"UPDATE {CHECKS_TABLE} SET expired_at = {day} WHERE id = {record.id}")


@contextmanager
def open_attacked_database(*nodes: SqlServer) -> Iterator[AttackedDatabase]:
    """Yield a scene on a server, or on the nodes of a cluster. Its database is new and is deleted at the end."""
    with (
        make_quick_folder() as folder,
        Sandbox() as sandbox,
        lend_team(nodes) as people,
        ExitStack() as closing,
    ):
        wait_until_applied(nodes)
        yield AttackedDatabase(people, nodes, sandbox, folder, closing)


def _fill_in(statement: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        statement = statement.replace(f"{{{name}}}", value)
    return statement


def _execute_attack(cursor: Any, statement: str) -> str:
    try:
        cursor.execute(statement)
    except pymysql.MySQLError as refusal:
        if refusal.args[0] in ERROR_NUMBERS_OF_INVALID_STATEMENTS:
            raise AssertionError(statement) from refusal
        return str(refusal.args[-1]) or repr(refusal)
    return ""
