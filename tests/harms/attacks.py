"""Attacks: the forms of SQL statement in which a plain client can write one row or change, and the ways in which its
transaction can end.

A plain client is a program that connects with a person's account but isn't the console. An attack (`Attack`) is a
list of SQL statements that run on one connection; a refused statement doesn't stop the next one. Values are SQL
expressions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SqlValueByColumn = dict[str, str]
ERROR_NUMBERS_OF_INVALID_STATEMENTS = frozenset({1054, 1064, 1136})
"""Numbers of the server's errors about an unknown column, a syntax error and a wrong number of values. A statement
that the server refuses for such a reason proves nothing about a rule of the database.
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: its SQL statements in `sql`, and a title for the message of a failed test."""

    title: str
    sql: tuple[str, ...]

    def prepend_statements(self, title: str, *first_statements: str) -> "Attack":
        """Return an attack that first executes the statements `first_statements`, and then the statements of this
        attack, in the same session.
        """
        return Attack(f"{title}: {self.title}", (*first_statements, *self.sql))


SET_CHECKS_OFF_STATEMENTS = (
    "SET SESSION sql_mode = ''",
    "SET SESSION foreign_key_checks = 0, unique_checks = 0",
    "SET SESSION check_constraint_checks = 0",
    "SET SESSION time_zone = '+09:00'",
    "SET SESSION timestamp = 2145916800",
)
"""Statements that switch off every check that a session may switch off, and set another time zone and another time.
"""


def make_insert_attacks(table: str, values: SqlValueByColumn) -> Iterator[Attack]:
    """Yield attacks that insert one row, in every form of SQL statement that can write rows. The last column must be
    one that accounts may update.
    """
    columns, row = ", ".join(values), ", ".join(values.values())
    last = list(values)[-1]
    yield Attack("INSERT", (f"INSERT INTO {table} ({columns}) VALUES ({row})",))
    yield Attack("INSERT IGNORE", (f"INSERT IGNORE INTO {table} ({columns}) VALUES ({row})",))
    yield Attack("INSERT … SELECT", (f"INSERT INTO {table} ({columns}) SELECT {row} FROM DUAL",))
    yield Attack("several rows", (f"INSERT INTO {table} ({columns}) VALUES ({row}), ({row})",))
    on_duplicate = f"INSERT INTO {table} ({columns}) VALUES ({row}) ON DUPLICATE KEY UPDATE {last} = {last}"
    yield Attack("INSERT … ON DUPLICATE KEY UPDATE", (on_duplicate,))
    yield Attack("REPLACE", (f"REPLACE INTO {table} ({columns}) VALUES ({row})",))
    quoted_insert = f"INSERT INTO {table} ({columns}) VALUES ({row})".replace("'", "''")
    yield Attack("prepared", (f"PREPARE way FROM '{quoted_insert}'", "EXECUTE way", "DEALLOCATE PREPARE way"))


def make_update_attacks(
    table: str,
    values: SqlValueByColumn,
    condition: str,
    steps: Sequence[SqlValueByColumn] = (),
    *,
    key_column: str = "id",
) -> Iterator[Attack]:
    """Yield attacks that make one change in the rows that fulfil the condition `condition`, in every form of SQL
    statement that can change rows.

    `steps` is the same change in several statements, because a trigger might refuse only the whole change.
    `key_column` is the table's primary key.
    """
    assignments = ", ".join(f"{column} = {value}" for column, value in values.items())
    yield Attack("UPDATE", (f"UPDATE {table} SET {assignments} WHERE {condition}",))
    yield Attack("UPDATE IGNORE", (f"UPDATE IGNORE {table} SET {assignments} WHERE {condition}",))
    yield Attack(
        "UPDATE … ORDER BY … LIMIT",
        (f"UPDATE {table} SET {assignments} WHERE {condition} ORDER BY {key_column} DESC LIMIT 1",),
    )
    alias = ", ".join(f"t.{column} = {value}" for column, value in values.items())
    yield Attack("several tables", (f"UPDATE {table} t JOIN (SELECT 1 AS one) j SET {alias} WHERE t.{condition}",))
    quoted = f"UPDATE {table} SET {assignments} WHERE {condition}".replace("'", "''")
    yield Attack("prepared", (f"PREPARE way FROM '{quoted}'", "EXECUTE way", "DEALLOCATE PREPARE way"))
    if steps:
        small = (", ".join(f"{column} = {value}" for column, value in step.items()) for step in steps)
        yield Attack("small steps", tuple(f"UPDATE {table} SET {step} WHERE {condition}" for step in small))


def make_ending_attacks(attack: Attack) -> Iterator[Attack]:
    """Yield the attack in several forms: committed, rolled back completely or to a savepoint, and inside an XA
    transaction.
    """
    yield attack
    yield Attack(f"{attack.title}, rolled back", ("BEGIN", *attack.sql, "ROLLBACK"))
    yield Attack(
        f"{attack.title}, back to a savepoint", ("BEGIN", "SAVEPOINT s", *attack.sql, "ROLLBACK TO s", "COMMIT")
    )
    managed = ("XA START 'w'", *attack.sql, "XA END 'w'")
    yield Attack(f"{attack.title}, XA undone", (*managed, "XA PREPARE 'w'", "XA ROLLBACK 'w'"))
    yield Attack(f"{attack.title}, XA", (*managed, "XA COMMIT 'w' ONE PHASE"))
