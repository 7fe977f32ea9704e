"""Creates the table of credit checks in the form in which the other application creates it, with typical rows."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from sqlalchemy import Connection, text

from console.store.database.engine import Database
from tests.support.invented import invent_numbers

TABLE_NAME = "hansha_alarmbox_credit_checks"
Row = dict[str, object]

_FULL_WIDTH_DIGITS = {0x30 + digit: 0xFF10 + digit for digit in range(10)}
_NUMBER_SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda n: f"T{n}",
    lambda n: f"{n[:1]}-{n[1:5]}-{n[5:]}",
    lambda n: f" {n} ",
    lambda n: f"{n[:4]}\t{n[4:]}",
    lambda n: n.translate(_FULL_WIDTH_DIGITS),
    lambda n: f"\u3000{n[:7]}\u2015{n[7:]}",
)
_INSERT_STATEMENT = text(
    f"INSERT INTO {TABLE_NAME} (client_id, corporation_number, credit_check_id, company_name, purchased_at,"
    " expired_at,"
    " result, pdf_file_path) VALUES (:client_id, :corporation_number, :credit_check_id, :company_name, :purchased_at,"
    " :expired_at, :result, :pdf_file_path)"
)


def make_create_sql(dialect: str, *, number: str = "VARCHAR(32)", more: str = "", options: str = "") -> str:
    """Return the CREATE TABLE statement with the original columns only. `number` is the SQL type of the corporation
    number. `more` is SQL of further columns, and `options` SQL of table options such as engine and character set.
    """
    own = "INTEGER PRIMARY KEY" if dialect == "sqlite" else "BIGINT PRIMARY KEY AUTO_INCREMENT"
    return (
        f"CREATE TABLE {TABLE_NAME} (id {own}, client_id BIGINT NOT NULL, corporation_number {number} NOT NULL,"
        " credit_check_id INT NULL, company_name VARCHAR(255) NULL, purchased_at DATETIME NULL,"
        f" expired_at DATETIME NULL, result VARCHAR(20) NULL, pdf_file_path VARCHAR(255) NULL{more}) {options}"
    )


def create_table_with_rows(database: Database, rows: Iterable[Row] = (), **how: str) -> None:
    """Create the table with these rows. A column that a row doesn't have is NULL, except the client id, which is 1.
    `how` has arguments of `make_create_sql`.
    """
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(make_create_sql(database.dialect, **how))
    insert_rows(database, rows)


def insert_rows(database: Database, rows: Iterable[Row]) -> None:
    """Insert the rows as the other application does, a thousand rows per transaction."""
    coming = iter(rows)
    while some := [make_row(**given) for given in islice(coming, 1_000)]:
        with database.write_without_retries() as tx:
            tx.conn.execute(_INSERT_STATEMENT, some)


def make_row(**given: object) -> Row:
    """Return a row with these values; the other columns are NULL."""
    names = (
        "corporation_number",
        "credit_check_id",
        "company_name",
        "purchased_at",
        "expired_at",
        "result",
        "pdf_file_path",
    )
    return {"client_id": 1, **dict.fromkeys(names), **given}


def make_bought_row(number: str, id_at_provider: int, **given: object) -> Row:
    """Return a row of a bought credit check of this corporation number with all values; `given` replaces values by
    column name."""
    return make_row(
        corporation_number=number,
        credit_check_id=id_at_provider,
        company_name=f"架空商事 {id_at_provider}",
        result="ok",
        **{"purchased_at": "2025-04-01 00:00:00", "expired_at": "2026-04-01 00:00:00"} | given,
    )


def make_rows(
    count: int,
    *,
    seed: int = 7,
    duplicate_share: float = 0.02,
    strange_share: float = 0.02,
    unbought_share: float = 0.01,
) -> Iterator[Row]:
    """Yield `count` rows as an earlier program has written them into the table of credit checks: for three clients,
    with invented corporation numbers. Three parameters are shares of the rows (0 to 1): the share `duplicate_share`
    of the rows repeats the client and number of an earlier row, the share `strange_share` has the number in another
    spelling, and the share `unbought_share` is not bought.
    """
    chance = random.Random(seed)
    known: list[tuple[int, str]] = []
    for serial, number in enumerate(invent_numbers(count, seed)):
        client = 1 + serial % 3
        if known and chance.random() < duplicate_share:
            client, number = chance.choice(known)
        known.append((client, number))
        written = chance.choice(_NUMBER_SPELLINGS)(number) if chance.random() < strange_share else number
        if chance.random() < unbought_share:
            yield make_row(client_id=client, corporation_number=written)
        else:
            yield make_bought_row(written, serial + 1, client_id=client)


def count_rows(conn: Connection) -> dict[str, int]:
    """Return the number of rows in each group, by name: all rows (`rows`), rows with a claim (`live`), different
    claims (`claims`), rows marked as duplicates (`duplicates`), and rows about which the adoption hasn't decided
    (`undecided`).
    """
    sql_by_name = {
        "rows": f"SELECT count(*) FROM {TABLE_NAME}",
        "live": f"SELECT count(*) FROM {TABLE_NAME} WHERE claim_number IS NOT NULL",
        "claims": f"SELECT count(*) FROM (SELECT DISTINCT client_id, claim_number FROM {TABLE_NAME}"
        " WHERE claim_number IS NOT NULL) c",
        "duplicates": f"SELECT count(*) FROM {TABLE_NAME} WHERE duplicate_of IS NOT NULL",
        "undecided": f"SELECT count(*) FROM {TABLE_NAME} WHERE work_state IS NULL OR duplicate_of = 0",
    }
    return {name: int(conn.exec_driver_sql(sql).scalar_one()) for name, sql in sql_by_name.items()}
