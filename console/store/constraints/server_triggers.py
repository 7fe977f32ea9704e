"""Triggers by which a server refuses what must never be, whoever asks with whatever client.

A trigger's name ends in the digest of its text, so that a new text is a new trigger: it is made before the old one
goes, and no moment is unguarded. The account that makes them owns them, and is the schema account to them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from console.store import guard_checks as checks
from console.store import guard_orders as orders
from console.store import guard_payments, guard_refunds, guard_rules, guard_worker, legacy_table
from console.store.grants import Fault, quoted, run, writable
from console.store.guard_words import Event, Rule, is_person

PREFIX = "console_"
RULES = {**guard_rules.RULES, **guard_refunds.RULES, **guard_payments.RULES, **guard_worker.RULES}
"""For tables that the console alone writes."""
LONGEST_WORDS = 128
"""Characters of a refusal's words."""

_ME = "SUBSTRING({0}, 1, CHAR_LENGTH({0}) - CHAR_LENGTH(SUBSTRING_INDEX({0}, '@', -1)) - 1)"
"""The account's name; a host has no @, a name may have."""

_TEXT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_WHO = (
    "BEGIN",
    f"DECLARE me VARCHAR(128) {_TEXT} DEFAULT {_ME.format('USER()')};",
    f"DECLARE owner VARCHAR(128) {_TEXT} DEFAULT {_ME.format('CURRENT_USER()')};",
)
_OPERATION = f"DECLARE op VARCHAR(36) {_TEXT} DEFAULT CONVERT({{0}}.operation_id USING utf8mb4);"
_SYSDATE_IS_NOW = "a server started with --sysdate-is-now lets everybody forge the time"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What stands in the database before rows of `table` are written."""

    table: str
    event: Event
    body: str

    @property
    def name(self) -> str:
        mark = sha256(f"{self.table} {self.event} {self.body}".encode()).hexdigest()[:8]
        return f"{PREFIX}{self.table}_{self.event.lower()}_{mark}"

    @property
    def sql(self) -> str:
        return (
            f"CREATE TRIGGER {quoted(self.name)} BEFORE {self.event} ON {quoted(self.table)} FOR EACH ROW {self.body}"
        )


def triggers() -> tuple[Trigger, ...]:
    """All there should be."""
    own = (Trigger(table, event, _body(rules)) for (table, event), rules in RULES.items())
    return (*own, *_of_credit_checks(), *_of_orders(), *_of_stock())


def refresh(conn: Connection, in_use: Callable[[str], None] | None = None) -> None:
    """Make what is missing or altered, then drop what no program of this version knows. Run again, it does nothing.

    A table of credit checks that waits for its adoption gets its triggers afterwards: call it again then. `in_use`
    runs a statement on that table, which others use meanwhile, by its turn.
    """
    there = _found(conn)
    wanted = {trigger.name: trigger for trigger in _fitting(conn)}
    whole = {name for name, found in there.items() if name in wanted and found == _expected(conn, wanted[name])}
    dropped = {name: f"DROP TRIGGER IF EXISTS {quoted(name)}" for name in there}
    steps = [(name, dropped[name]) for name in sorted(set(there) & set(wanted) - whole)]
    steps += [(name, wanted[name].sql) for name in sorted(set(wanted) - whole)]
    steps += [(name, dropped[name]) for name in sorted(set(there) - set(wanted))]
    for name, sql in steps:
        if in_use is not None and name.startswith(PREFIX + checks.TABLE):
            in_use(sql)
        else:
            run(conn, sql)


def faults(conn: Connection) -> tuple[Fault, ...]:
    """Triggers that are missing, altered or unknown, as far as the account that is connected may see them."""
    there = _found(conn)
    seen = writable(conn)
    wanted = {trigger.name: trigger for trigger in _fitting(conn) if seen is None or trigger.table in seen}
    owners = {owner for _, owner in there.values()}
    missing = [Fault("missing_trigger", name) for name in sorted(set(wanted) - set(there))]
    altered = [
        Fault("altered_trigger", name)
        for name in sorted(set(wanted) & set(there))
        if there[name][0] not in (wanted[name].body, None)
    ]
    unknown = [Fault("unknown_trigger", name) for name in sorted(set(there) - set(wanted))]
    foreign = [Fault("triggers_of_several_owners", ", ".join(sorted(owners)))] if len(owners) > 1 else []
    return (*missing, *altered, *unknown, *foreign, *_clock_faults(conn))


def _clock_faults(conn: Connection) -> Iterator[Fault]:
    """SYSDATE has to be the time of the statement, not one that the session may set."""
    row = conn.exec_driver_sql("SELECT SLEEP(0.01), SYSDATE(6) > NOW(6)").one()
    if not row[1]:
        yield Fault("sysdate_is_now", _SYSDATE_IS_NOW)


def _of_credit_checks() -> Iterator[Trigger]:
    by_both: Sequence[tuple[Event, Sequence[Rule], Sequence[Rule]]] = (
        ("INSERT", checks.ADDED_BY_PEOPLE, checks.ADDED_BY_OTHERS),
        ("UPDATE", checks.CHANGED_BY_PEOPLE, checks.CHANGED_BY_OTHERS),
        ("DELETE", checks.DELETED_BY_PEOPLE, checks.DELETED_BY_OTHERS),
    )
    for event, people, others in by_both:
        operation = _OPERATION.format("OLD" if event == "DELETE" else "NEW")
        yield Trigger(checks.TABLE, event, _body(people, others, operation))


def _of_orders() -> Iterator[Trigger]:
    yield Trigger(orders.TABLE, "INSERT", _body(orders.ADDED_BY_PEOPLE, orders.ADDED_BY_OTHERS))
    yield Trigger(orders.TABLE, "UPDATE", _body(orders.CHANGED_BY_PEOPLE, orders.CHANGED_BY_OTHERS))
    yield Trigger(orders.TABLE, "DELETE", _body(orders.DELETED_BY_PEOPLE, orders.DELETED_BY_OTHERS))


def _of_stock() -> Iterator[Trigger]:
    table, deleted = guard_worker.STOCK_TABLE, guard_worker.STOCK_DELETED
    yield Trigger(table, "INSERT", _body(guard_worker.STOCK_ADDED_BY_PEOPLE, guard_worker.STOCK_ADDED_BY_OTHERS))
    yield Trigger(table, "UPDATE", _body(guard_worker.STOCK_CHANGED_BY_PEOPLE, guard_worker.STOCK_CHANGED_BY_OTHERS))
    yield Trigger(table, "DELETE", _body(deleted))


def _body(rules: Sequence[Rule], others: Sequence[Rule] | None = None, declared: str = "") -> str:
    """For everybody: the rules marked so. For all but the owner: the rules, other applications by rules of their own
    where `others` has some.
    """
    lines = [*_WHO, *([declared] if declared else [])]
    lines += [_refusal(rule) for rule in rules if rule.always]
    lines += ["IF me <> owner THEN"]
    people = [_refusal(rule) for rule in rules if not rule.always]
    if others is None:
        lines += people
    else:
        lines += [f"IF {is_person()} THEN", *people, "ELSE", *map(_refusal, others), "END IF;"]
    return "\n".join((*lines, "END IF;", "END")).replace("IF me <> owner THEN\nEND IF;\n", "")


def _refusal(rule: Rule) -> str:
    words = f"console: {rule.words}".replace("'", "''")
    assert len(words) <= LONGEST_WORDS, words  # noqa: S101  # ours, and tested
    return f"IF ({rule.must}) IS NOT TRUE THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{words}'; END IF;"


def _expected(conn: Connection, trigger: Trigger) -> tuple[str, str]:
    return trigger.body, str(conn.exec_driver_sql("SELECT CURRENT_USER()").scalar_one())


def _fitting(conn: Connection) -> tuple[Trigger, ...]:
    """All, but those of a table of credit checks that isn't adopted yet: rows that come in are undecided then."""
    table = legacy_table.look(conn)
    adopted = table is not None and table.admits_claims
    return tuple(trigger for trigger in triggers() if trigger.table != checks.TABLE or adopted)


def _found(conn: Connection) -> dict[str, tuple[str, str]]:
    """Text and owner by name."""
    rows = conn.exec_driver_sql(
        "SELECT trigger_name, action_statement, definer FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE() AND LEFT(trigger_name, 8) = 'console_'"
    )
    return {str(name): (body, str(definer)) for name, body, definer in rows}
