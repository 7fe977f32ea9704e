"""Triggers by which a server refuses invalid changes from every program and database account.

The name of a trigger ends with the digest of its text. If a new program version changes the text, the name changes,
too. The program creates the new trigger before it drops the old one, so the rules apply at every moment. The account
that creates the triggers owns them and is called the *schema account* in their rules.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.store.access.grants import (
    AccessFault,
    is_mariadb,
    list_tables_with_visible_triggers,
    quote_identifier,
    run_statement,
)
from console.store.access.people_views import NAME_WITHOUT_HOST_SQL
from console.store.constraints import credit_checks as checks
from console.store.constraints import desk_requests, disabled_people, orders, row_counters, server_rules, state_since
from console.store.constraints import payments as payment_rules
from console.store.constraints import refunds as refund_rules
from console.store.constraints import worker as worker_rules
from console.store.constraints.sql_expressions import TriggerEvent, TriggerRule, is_operator_sql, split_alternatives
from console.store.database.error_codes import find_error_number
from console.store.schema import legacy_table

TRIGGER_PREFIX = "console_"
_RULES_BY_TABLE = {
    **server_rules.SERVER_RULES,
    **refund_rules.REFUND_RULES,
    **payment_rules.PAYMENT_RULES,
    **worker_rules.WORKER_RULES,
}
_ID_RULES: dict[tuple[str, TriggerEvent], tuple[TriggerRule, ...]] = {
    (table, "INSERT"): (*_RULES_BY_TABLE.get((table, "INSERT"), ()), *rules)
    for table, rules in row_counters.ID_RULES_OF_TABLE.items()
}
"""For INSERT into each table that only the console writes: all of its rules, with those for the ids of new rows."""
ALL_SERVER_RULES = {**_RULES_BY_TABLE, **_ID_RULES}
"""Rules of the tables that only the console writes, with the rules for their ids, by table and event."""
_ASSIGNMENTS_BY_TRIGGER = {
    **desk_requests.TRIGGER_ASSIGNMENTS,
    **refund_rules.REFUND_TRIGGER_ASSIGNMENTS,
    **disabled_people.PERSON_TRIGGER_ASSIGNMENTS,
}
"""For a table and event, the statements that the trigger runs before it checks its rules."""
LONGEST_MESSAGE_CHARACTERS = 128
"""Longest message (characters) with which a trigger refuses a change. Source: the limit of MESSAGE_TEXT in the
statement SIGNAL."""

TEMPORARY_TRIGGER_SUFFIX = "_stand_in"
"""Suffix of a stand-in's name. A stand-in is a second trigger with the same rules, which exists while the first one
is dropped and created again.
"""

_TEXT_TYPE_IN_TRIGGERS = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_ACCOUNT_DECLARATIONS = (
    "BEGIN",
    f"DECLARE account VARCHAR(128) {_TEXT_TYPE_IN_TRIGGERS} DEFAULT {NAME_WITHOUT_HOST_SQL.format('USER()')};",
    f"DECLARE owner VARCHAR(128) {_TEXT_TYPE_IN_TRIGGERS} DEFAULT {NAME_WITHOUT_HOST_SQL.format('CURRENT_USER()')};",
)
_PERSON_DECLARATION = f"DECLARE me VARCHAR(128) {_TEXT_TYPE_IN_TRIGGERS} DEFAULT account;"


def _make_person_assignment(requester_sql: str) -> str:
    """Return the SQL statement that sets the variable `me` to the person of the executed desk request, whose name the
    SQL expression `requester_sql` finds; it leaves `me` unchanged if the expression is NULL."""
    return f"IF @console_request IS NOT NULL THEN SET me = COALESCE({requester_sql}, account); END IF;"


_PERSON_ASSIGNMENT = _make_person_assignment(desk_requests.REQUESTER_SQL)
_OTHER_PERSON_ASSIGNMENTS: Mapping[tuple[str, TriggerEvent], str] = {
    ("audit_log", "INSERT"): _make_person_assignment(desk_requests.REQUESTER_SQL_ALSO_IF_DISABLED)
}
"""The statements that replace _PERSON_ASSIGNMENT in the triggers of these tables and events."""
_OPERATION_DECLARATION = (
    f"DECLARE op VARCHAR(36) {_TEXT_TYPE_IN_TRIGGERS} DEFAULT CONVERT({{0}}.operation_id USING utf8mb4);"
)
_NO_SUCH_TRIGGER_ERROR = 1360
_SYSDATE_IS_NOW_MESSAGE = "a server started with --sysdate-is-now lets everybody forge the time"


@dataclass(frozen=True, slots=True)
class ServerTrigger:
    """A BEFORE trigger on `table` for one event (INSERT, UPDATE or DELETE) with its SQL body."""

    table: str
    event: TriggerEvent
    body: str

    @property
    def name(self) -> str:
        """The trigger's name: the table, the event and a digest of the trigger's text."""
        digest = sha256(f"{self.table} {self.event} {self.body}".encode()).hexdigest()[:8]
        return f"{TRIGGER_PREFIX}{self.table}_{self.event.lower()}_{digest}"

    @property
    def sql(self) -> str:
        """The CREATE TRIGGER statement of this trigger."""
        return self.make_sql_with_name(self.name)

    def make_sql_with_name(self, name: str) -> str:
        """Return the statement that creates the trigger under the name `name` instead of the name in
        `ServerTrigger.name`."""
        table = quote_identifier(self.table)
        return f"CREATE TRIGGER {quote_identifier(name)} BEFORE {self.event} ON {table} FOR EACH ROW {self.body}"


def make_all_triggers() -> tuple[ServerTrigger, ...]:
    """Return all triggers that a server database of this schema version must have."""
    own_triggers = (
        ServerTrigger(
            table,
            event,
            _make_trigger_body(
                rules,
                assignments=_ASSIGNMENTS_BY_TRIGGER.get((table, event), ""),
                person_assignment=_OTHER_PERSON_ASSIGNMENTS.get((table, event), _PERSON_ASSIGNMENT),
            ),
        )
        for (table, event), rules in ALL_SERVER_RULES.items()
    )
    return (
        *own_triggers, *_make_triggers_of_desk_requests(), *_make_triggers_of_credit_checks(),
        *_make_triggers_of_orders(), *_make_triggers_of_stock(),
    )  # fmt: skip


def renew_triggers(conn: Connection, run_on_shared_table: Callable[[str], None] | None = None) -> bool:
    """Create missing triggers, replace altered triggers, and drop triggers that this program version doesn't have.
    Return True if anything was changed. A correct trigger isn't changed, so a second call changes nothing.

    An altered trigger is replaced by first creating a stand-in (a second trigger with the same rules), so the rules
    apply at every moment. The table of credit checks gets its triggers only after its adoption; the caller then calls
    this function again. `run_on_shared_table`, if given, executes each statement on that table, because other
    applications use the table at the same time.
    """
    existing_triggers = _read_existing_triggers(conn)
    required_triggers = {trigger.name: trigger for trigger in _list_applicable_triggers(conn)}
    owner = str(conn.exec_driver_sql("SELECT CURRENT_USER()").scalar_one())
    intact_names = {
        name
        for name, stored in existing_triggers.items()
        if name in required_triggers and stored == (required_triggers[name].body, owner)
    }
    altered_names, unknown_names = (
        sorted(set(existing_triggers) & set(required_triggers) - intact_names),
        sorted(set(existing_triggers) - set(required_triggers)),
    )
    named_statements = [
        (name, statement)
        for name in altered_names
        for statement in _make_replacement_statements(required_triggers[name])
    ]
    named_statements += [
        (name, required_triggers[name].sql) for name in sorted(set(required_triggers) - set(existing_triggers))
    ]
    named_statements += [(name, _make_drop_statement(name)) for name in unknown_names]
    for name, sql in named_statements:
        if run_on_shared_table is not None and name.startswith(TRIGGER_PREFIX + checks.CREDIT_CHECK_TABLE):
            run_on_shared_table(sql)
        else:
            run_statement(conn, sql)
    return bool(named_statements)


def _make_replacement_statements(trigger: ServerTrigger) -> tuple[str, ...]:
    """Return the statements that replace an altered trigger. MySQL can't replace a trigger in one statement, so a
    stand-in (a second trigger with the same rules) exists meanwhile."""
    stand_in = f"{trigger.name}{TEMPORARY_TRIGGER_SUFFIX}"
    return (
        _make_drop_statement(stand_in),
        trigger.make_sql_with_name(stand_in),
        _make_drop_statement(trigger.name),
        trigger.sql,
        _make_drop_statement(stand_in),
    )


def _make_drop_statement(trigger_name: str) -> str:
    return f"DROP TRIGGER IF EXISTS {quote_identifier(trigger_name)}"


def find_trigger_faults(conn: Connection) -> tuple[AccessFault, ...]:
    """Return the faults of the triggers that the connected account may see. A trigger is reported if it is missing,
    altered or unknown; also reported are triggers with different owners, and a server whose SYSDATE a session can
    forge."""
    existing_triggers = _read_existing_triggers(conn)
    visible_tables = list_tables_with_visible_triggers(conn)
    required_triggers = {
        trigger.name: trigger
        for trigger in _list_applicable_triggers(conn)
        if visible_tables is None or trigger.table in visible_tables
    }
    owners = {owner for _, owner in existing_triggers.values()}
    missing_faults = [
        AccessFault("missing_trigger", name) for name in sorted(set(required_triggers) - set(existing_triggers))
    ]
    altered_faults = [
        AccessFault("altered_trigger", name)
        for name in sorted(set(required_triggers) & set(existing_triggers))
        if existing_triggers[name][0] not in (required_triggers[name].body, None)
    ]
    unknown_faults = [
        AccessFault("unknown_trigger", name) for name in sorted(set(existing_triggers) - set(required_triggers))
    ]
    owner_faults = [AccessFault("triggers_of_several_owners", ", ".join(sorted(owners)))] if len(owners) > 1 else []
    return (*missing_faults, *altered_faults, *unknown_faults, *owner_faults, *_find_clock_faults(conn))


def _find_clock_faults(conn: Connection) -> Iterator[AccessFault]:
    """Yield one fault if the server was started with `--sysdate-is-now`: then SYSDATE equals NOW(), which a
    session can forge."""
    row = conn.exec_driver_sql("SELECT SLEEP(0.01), SYSDATE(6) > NOW(6)").one()
    if not row[1]:
        yield AccessFault("sysdate_is_now", _SYSDATE_IS_NOW_MESSAGE)


def _make_triggers_of_credit_checks() -> Iterator[ServerTrigger]:
    """Yield the triggers of the table of credit checks. They have separate rules for people who use the console and
    for other programs."""
    id_rules_of_console, id_rules_of_others = (
        row_counters.make_id_rules(checks.CREDIT_CHECK_TABLE),
        row_counters.make_id_rules_for_other_applications(checks.CREDIT_CHECK_TABLE),
    )
    rules_by_event: Sequence[tuple[TriggerEvent, Sequence[TriggerRule], Sequence[TriggerRule]]] = (
        (
            "INSERT",
            (*checks.CREDIT_CHECK_INSERT_RULES_FOR_PEOPLE, *id_rules_of_console),
            (*checks.CREDIT_CHECK_INSERT_RULES_FOR_OTHER_PROGRAMS, *id_rules_of_others),
        ),
        ("UPDATE", checks.CREDIT_CHECK_UPDATE_RULES_FOR_PEOPLE, checks.CREDIT_CHECK_UPDATE_RULES_FOR_OTHER_PROGRAMS),
        ("DELETE", checks.CREDIT_CHECK_DELETE_RULES_FOR_PEOPLE, checks.CREDIT_CHECK_DELETE_RULES_FOR_OTHER_PROGRAMS),
    )
    for event, rules_of_people, rules_of_others in rules_by_event:
        op_declaration_sql = _OPERATION_DECLARATION.format("OLD" if event == "DELETE" else "NEW")
        last_statement = state_since.make_state_since_assignment(checks.CREDIT_CHECK_TABLE, event)
        yield ServerTrigger(
            checks.CREDIT_CHECK_TABLE,
            event,
            _make_trigger_body(rules_of_people, rules_of_others, op_declaration_sql, last_statement=last_statement),
        )


def _make_triggers_of_orders() -> Iterator[ServerTrigger]:
    """Yield the triggers of the table of orders. They have separate rules for people who use the console and for
    other programs."""
    insert_rules_of_others = (
        *orders.ORDER_INSERT_RULES_FOR_OTHER_PROGRAMS,
        *row_counters.make_id_rules_for_other_applications(orders.ORDER_TABLE),
    )
    rules_by_event: Sequence[tuple[TriggerEvent, Sequence[TriggerRule], Sequence[TriggerRule]]] = (
        ("INSERT", orders.ORDER_INSERT_RULES_FOR_PEOPLE, insert_rules_of_others),
        ("UPDATE", orders.ORDER_UPDATE_RULES_FOR_PEOPLE, orders.ORDER_UPDATE_RULES_FOR_OTHER_PROGRAMS),
        ("DELETE", orders.ORDER_DELETE_RULES_FOR_PEOPLE, orders.ORDER_DELETE_RULES_FOR_OTHER_PROGRAMS),
    )
    for event, rules_of_people, rules_of_others in rules_by_event:
        last_statement = state_since.make_state_since_assignment(orders.ORDER_TABLE, event)
        yield ServerTrigger(
            orders.ORDER_TABLE,
            event,
            _make_trigger_body(rules_of_people, rules_of_others, last_statement=last_statement),
        )


def _make_triggers_of_stock() -> Iterator[ServerTrigger]:
    """Yield the triggers of the table of stock reservations. They have separate rules for people who use the console
    and for other programs."""
    table, delete_rules = worker_rules.STOCK_TABLE, worker_rules.STOCK_DELETE_RULES
    insert_rules_of_others = (
        *worker_rules.STOCK_INSERT_RULES_FOR_OTHER_PROGRAMS,
        *row_counters.make_id_rules_for_other_applications(table),
    )
    yield ServerTrigger(
        table, "INSERT", _make_trigger_body(worker_rules.STOCK_INSERT_RULES_FOR_PEOPLE, insert_rules_of_others)
    )
    yield ServerTrigger(
        table,
        "UPDATE",
        _make_trigger_body(
            worker_rules.STOCK_UPDATE_RULES_FOR_PEOPLE, worker_rules.STOCK_UPDATE_RULES_FOR_OTHER_PROGRAMS
        ),
    )
    yield ServerTrigger(table, "DELETE", _make_trigger_body(delete_rules))


def _make_triggers_of_desk_requests() -> Iterator[ServerTrigger]:
    """Yield the triggers of the tables `requests` and `request_files`. In them the acting person `me` is always the
    connected account.
    """
    for (table, event), rules in desk_requests.DESK_REQUEST_RULES.items():
        assignments = _ASSIGNMENTS_BY_TRIGGER.get((table, event), "")
        yield ServerTrigger(
            table,
            event,
            _make_trigger_body(rules, assignments=assignments, person_assignment=""),
        )


def _make_trigger_body(
    rules: Sequence[TriggerRule],
    rules_of_others: Sequence[TriggerRule] | None = None,
    op_declaration_sql: str = "",
    assignments: str = "",
    person_assignment: str = _PERSON_ASSIGNMENT,
    last_statement: str = "",
) -> str:
    """Return the SQL body of a trigger. The rules in `rules` with `binds_schema_account` apply to every statement.
    The other rules in `rules` apply if the acting person `me` isn't the trigger's owner.

    With `rules_of_others`, a program that isn't the console gets different rules: if `me` is neither an operator nor
    the owner, `rules_of_others` apply instead of the other rules. `op_declaration_sql` declares the variable `op`.
    `person_assignment` is the statement that sets the variable `me` while a worker executes a desk request;
    `assignments` is SQL that follows it. `last_statement` is the trigger's last statement. An empty text is left out.
    """
    first_statements = (op_declaration_sql, person_assignment, assignments)
    lines = [*_ACCOUNT_DECLARATIONS, _PERSON_DECLARATION, *(sql for sql in first_statements if sql)]
    lines += [_make_refusal_sql(rule) for rule in rules if rule.binds_schema_account]
    lines += ["IF me <> owner THEN"]
    refusals_of_people = [_make_refusal_sql(rule) for rule in rules if not rule.binds_schema_account]
    if rules_of_others is None:
        lines += refusals_of_people
    else:
        lines += [
            f"IF {is_operator_sql()} THEN",
            *refusals_of_people,
            "ELSE",
            *map(_make_refusal_sql, rules_of_others),
            "END IF;",
        ]
    lines += ["END IF;", *([last_statement] if last_statement else []), "END"]
    return "\n".join(lines).replace("IF me <> owner THEN\nEND IF;\n", "")


def _make_refusal_sql(rule: TriggerRule) -> str:
    """Return the SQL statement that refuses the change with the rule's message if the rule's condition isn't true.

    A server prepares a whole condition each time, including the subqueries that it doesn't execute. So each
    alternative with a subquery has a separate IF, which the server reaches only if all alternatives before it are
    false.
    """
    message = f"console: {rule.message}".replace("'", "''")
    assert len(message) <= LONGEST_MESSAGE_CHARACTERS, message  # noqa: S101  # constants, and a test checks their length
    alternatives = split_alternatives(rule.condition)
    cheap_alternatives = [sql for sql in alternatives if "SELECT" not in sql]
    conditions = [
        *([" OR ".join(cheap_alternatives)] if cheap_alternatives else []),
        *(sql for sql in alternatives if "SELECT" in sql),
    ]
    nested_ifs = " ".join(f"IF ({condition}) IS NOT TRUE THEN" for condition in conditions)
    ends = " END IF;" * len(conditions)
    return f"{nested_ifs} SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{message}';{ends}"


def _list_applicable_triggers(conn: Connection) -> tuple[ServerTrigger, ...]:
    """Return all triggers that this database must have now. The triggers of the table of credit checks are left
    out until the adoption has decided all rows of this table."""
    table = legacy_table.find_table_structure(conn)
    is_adopted = table is not None and table.computes_claims
    return tuple(
        trigger for trigger in make_all_triggers() if trigger.table != checks.CREDIT_CHECK_TABLE or is_adopted
    )


def _read_existing_triggers(conn: Connection) -> dict[str, tuple[str | None, str]]:
    """Return (body, owner) of each existing trigger of the console, by trigger name. The body is None if the
    connected account may not read it."""
    rows = conn.exec_driver_sql(
        "SELECT trigger_name, action_statement, definer FROM information_schema.triggers"
        " WHERE event_object_schema = DATABASE() AND LEFT(trigger_name, 8) = 'console_'"
    ).all()
    existing_triggers = {
        str(name): (body, str(definer)) for name, body, definer in rows
    }  # an ordinary account sees no text
    if is_mariadb(conn):
        return existing_triggers
    exact_bodies = {name: _read_exact_body(conn, name) for name in existing_triggers}
    return {name: (text, existing_triggers[name][1]) for name, text in exact_bodies.items() if text is not None}


def _read_exact_body(conn: Connection, trigger_name: str) -> str | None:
    """Return the exact body of a trigger on MySQL; None if the trigger was dropped meanwhile.

    MySQL's information_schema shows a doubled quote within a string as a single one, so different bodies can look
    equal there.
    """
    try:
        definition = conn.exec_driver_sql(f"SHOW CREATE TRIGGER {quote_identifier(trigger_name)}").one()[2]
    except DBAPIError as error:
        if find_error_number(error) != _NO_SUCH_TRIGGER_ERROR:
            raise
        return None
    return str(definition).partition(" FOR EACH ROW ")[2]
