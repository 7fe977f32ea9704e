"""Helpers for tests of changed companies: desks whose corporation registry comes from generated files, and records
that make a corporation watched.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from console.app import Console
from console.domain.registry.corporations import RegistryStatus
from console.sandbox.registry.files import write_difference_file, write_whole_file
from console.sandbox.registry.rows import RegistryRow, add_check_digit, make_company_row
from console.services.alerts.changed_companies import ChangedCompanyAlerts
from console.services.process.context import WORKER, act_as
from console.store.payments import payments
from console.store.registry.import_files import import_registry_files
from tests.store.money_rows import (
    insert_begun_payment,
    insert_paid_payment,
    insert_requested_refund,
    move_refund_to_state,
)
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import CHECKS_TABLE, Place
from tests.support.quick_desks import ManualClock

WHOLE_FILE_DAY = date(2026, 11, 17)
DIFFERENCE_DAY = date(2026, 11, 18)
SECOND_DIFFERENCE_DAY = date(2026, 11, 19)
SEED = 16
INVENTED_ROW_COUNT = 300
BOUGHT_AT = "2026-11-01 00:00:00"
EXPIRES_AT = "2027-01-31 15:00:00"
EXPIRED_AT = "2026-11-10 15:00:00"
TABLES_WITHOUT_TRIGGERS = ("orders", "payments", "refunds")
"""Tables whose triggers the tests remove, because the tests insert rows into them by SQL, without a service."""


def make_corporation_number(index: int) -> str:
    """Return the corporation number of the company with this index."""
    return add_check_digit(f"9700{index:08d}")


def make_registry_rows(indexes: Iterable[int]) -> dict[int, RegistryRow]:
    """Return a dictionary with a registry row for each of these indexes."""
    return {index: make_company_row(make_corporation_number(index), f"株式会社見張{index}") for index in indexes}


class DesksWithSameRegistry:
    """A database with several desks that have the same corporation registry, and helpers that write records of its
    companies.
    """

    def __init__(
        self, place: Place, folder: Path, desks: list[Console], rows_by_index: Mapping[int, RegistryRow]
    ) -> None:
        self.place, self.folder, self.desks, self.rows_by_index = place, folder, desks, rows_by_index
        self.whole = write_whole_file(
            folder, WHOLE_FILE_DAY, INVENTED_ROW_COUNT, SEED, first_rows=rows_by_index.values()
        )

    @property
    def console(self) -> Console:
        """The console of the first desk."""
        return self.desks[0]

    def write_difference(self, day: date, rows: Iterable[RegistryRow]) -> Path:
        """Write a difference file of this day with these rows and a hundred rows of other companies; return its
        path.
        """
        return write_difference_file(
            self.folder,
            day,
            100,
            SEED,
            whole_row_count=INVENTED_ROW_COUNT,
            whole_file_day=WHOLE_FILE_DAY,
            changes=list(rows),
        )

    def import_files(self, *paths: Path) -> RegistryStatus:
        """Import these files into the registry of every desk, and return the registry's status after the last
        file.
        """
        for desk in self.desks:
            status = import_registry_files(desk._context.registry_folder, paths)
        return status

    def run_watch(self, desk: int = 0) -> int:
        """Run the search for changed companies on this desk and return the number of changed alerts."""
        with act_as(WORKER):
            return ChangedCompanyAlerts(self.desks[desk]._context).update_alerts()

    def insert_check(
        self, index: int, *, client: int = 1, bought_at: str = BOUGHT_AT, expires_at: str = EXPIRES_AT
    ) -> None:
        """Insert a purchased credit check of the company as the other application does; the times are in UTC."""
        self.place.execute_as_shop(
            f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number, credit_check_id, company_name, purchased_at,"
            f" expired_at, result) VALUES ({client}, '{make_corporation_number(index)}', {client}{index:05d},"
            f" 'x', '{bought_at}', '{expires_at}', 'ok')"
        )

    def insert_payment(
        self, index: int, *, is_number_in_order: bool = False, is_paid: bool = False, number_prefix: str = ""
    ) -> int:
        """Insert a payment of the company and return its id. The corporation number is stored in the payment, or in
        its order, after `number_prefix`, if `is_number_in_order` is True. The payment is open unless `is_paid` is
        True.
        """
        name = f"ORD-{index}"
        facts: dict[str, Any] = {}
        if is_number_in_order:
            self.place.sql(
                "INSERT INTO orders (merch_txn_id, total_amount, corporation_number) VALUES"
                f" ('{name}', 3300, '{number_prefix}{make_corporation_number(index)}')"
            )
            facts["order_id"] = int(self.place.sql(f"SELECT id FROM orders WHERE merch_txn_id = '{name}'")[0][0])
        else:
            facts["corporation_number"] = make_corporation_number(index)
        make = insert_paid_payment if is_paid else insert_begun_payment
        return self.console._context.write(lambda tx: make(tx.conn, name, **facts)).id

    def insert_refund(self, index: int, *, has_ended: bool = False) -> None:
        """Insert a refund of a paid payment of the company. The refund is open, or rejected if `has_ended` is
        True."""
        payment_id = self.insert_payment(index, is_paid=True)

        def insert_in_transaction(tx: object) -> None:
            conn = tx.conn  # type: ignore[attr-defined]  # a transaction
            payment = payments.find(conn, payment_id)
            assert payment is not None
            refund = insert_requested_refund(conn, payment, maker=self.place.get_account_name("op-a"))
            if has_ended:
                move_refund_to_state(conn, refund, refund.state.REJECTED)

        self.console._context.write(insert_in_transaction)

    def read_alert_texts(self) -> dict[str, str]:
        """Return a dictionary from corporation number to the text of the company's open alert."""
        page = self.console.alerts.read_company_queue(1_000)
        texts = {alert.id: alert.observed for alert in self.console.alerts.list_alerts()}
        return {item.change.corporation_number: texts[item.change.alert_id] for item in page.items}

    def list_events(self) -> list[tuple[str, str]]:
        """Return topic and body of each outbox event about a corporation, oldest first."""
        rows = self.place.sql("SELECT topic, body FROM outbox WHERE record_key LIKE 'corporation-%' ORDER BY id")
        return [(str(topic), str(body)) for topic, body in rows]


@contextmanager
def open_company_desks(
    place: Place, clock: ManualClock, rows_by_index: Mapping[int, RegistryRow], desk_count: int = 1
) -> Iterator[DesksWithSameRegistry]:
    """Open `desk_count` desks on the test's database; `rows_by_index` has the registry rows of the companies by
    index."""
    for table in TABLES_WITHOUT_TRIGGERS:
        place.drop_table_triggers(table)
    with ExitStack() as stack:
        consoles = [
            stack.enter_context(place.desk(InMemoryAlarmBox(), clock, desk=desk)) for desk in range(desk_count)
        ]
        folder = place.folder / "published"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield DesksWithSameRegistry(place, folder, consoles, rows_by_index)
