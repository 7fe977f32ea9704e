"""SQL words of which the guards of an embedded database are made."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from console.store.guard_words import Rule, there_is

State = TypeVar("State", bound=StrEnum)
Rules = tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """One trigger: `event` on `table`."""

    table: str
    event: str
    rules: Rules

    @property
    def name(self) -> str:
        return f"guard_{self.table}_{self.event.lower()}"

    @property
    def sql(self) -> str:
        refusals = (
            "SELECT RAISE(ABORT, '{}') WHERE NOT COALESCE(({}), 0);".format(rule.words.replace("'", "''"), rule.must)
            for rule in self.rules
        )
        return "\n".join((f"CREATE TRIGGER {self.name} BEFORE {self.event} ON {self.table} BEGIN", *refusals, "END"))


def same(*columns: str) -> str:
    return " AND ".join(f"NEW.{name} IS OLD.{name}" for name in columns)


def steps(table: Mapping[State, Collection[State]], column: str = "status") -> str:
    known = sorted(f"'{before.value}>{after.value}'" for before, targets in table.items() for after in targets)
    return f"NEW.{column} IS OLD.{column} OR OLD.{column} || '>' || NEW.{column} IN ({', '.join(known)})"


def never_replaced(table: str) -> Rule:
    """INSERT OR REPLACE deletes a row without asking the guard of deletions."""
    return Rule(f"NOT {there_is(f'{table} t WHERE t.id = NEW.id')}", "rows are never replaced")


RAISED = Rule("NEW.version = OLD.version + 1", "each change raises the version by one")
