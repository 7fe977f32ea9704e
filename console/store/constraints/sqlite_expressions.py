"""SQL fragments for the rules of an SQLite database's triggers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from console.store.constraints.sql_expressions import TriggerRule, exists_sql, make_step_list_sql

StateT = TypeVar("StateT", bound=StrEnum)
TriggerRules = tuple[TriggerRule, ...]


@dataclass(frozen=True, slots=True)
class TriggerDefinition:
    """An SQLite trigger that runs before `event` (INSERT, UPDATE or DELETE) on `table`, and refuses the statement
    if the condition of one of the rules isn't true."""

    table: str
    event: str
    rules: TriggerRules

    @property
    def name(self) -> str:
        """The trigger's name, made of the table and the event."""
        return f"guard_{self.table}_{self.event.lower()}"

    @property
    def sql(self) -> str:
        """The CREATE TRIGGER statement of this trigger."""
        refusals = (
            "SELECT RAISE(ABORT, '{}') WHERE NOT COALESCE(({}), 0);".format(
                rule.message.replace("'", "''"), rule.condition
            )
            for rule in self.rules
        )
        return "\n".join((f"CREATE TRIGGER {self.name} BEFORE {self.event} ON {self.table} BEGIN", *refusals, "END"))


def are_unchanged_sql(*columns: str) -> str:
    """Return an SQL condition: the UPDATE changes none of these columns."""
    return " AND ".join(f"NEW.{name} IS OLD.{name}" for name in columns)


def is_allowed_step_sql(transitions: Mapping[StateT, Collection[StateT]], column: str = "status") -> str:
    """Return an SQL condition: the UPDATE leaves the state in `column` unchanged, or changes it to a state that
    `transitions` allows after the old one."""
    return f"NEW.{column} IS OLD.{column} OR OLD.{column} || '>' || NEW.{column} IN {make_step_list_sql(transitions)}"


def make_no_replacement_rule(table: str, key: str = "id") -> TriggerRule:
    """Return a rule that refuses INSERT OR REPLACE of an existing row. This statement deletes the old row, and SQLite
    runs no DELETE trigger for this deletion. `key` is the column of the table's primary key."""
    return TriggerRule(f"NOT {exists_sql(f'{table} t WHERE t.{key} = NEW.{key}')}", "rows are never replaced")
