"""Views for the people for whom a worker acts. The views are in a second database next to the console's database.

Most views have the same name as their table, so a desk runs the same statements on both. The definer of the views is
the schema account, so a person needs no right on any table. In a view, `USER()` is the account that reads.

A view can't hide rows by its WHERE clause alone: the server may evaluate the reader's own condition first, and that
condition can store the values of hidden rows (`WHERE (@x := args) IS NULL`). So the view also replaces each column of
a hidden row by NULL, except the columns by which the view is searched. The values of those columns don't reveal the
actions of another person.

A desk that reads views never gets a payer's name, so the desk can't find and mask the name in other texts. The views
mask it instead. A masked value is a scalar subquery that reads the row again by its primary key. So the server can
merge the view into a statement and use the indexes of its table, and it runs the subquery only if the statement reads
the value. An expression over the columns of the view's own row would reveal the unmasked values: a server prints the
values of a row that is found by a unique key into the conditions of a plan, and a person may read the plan of their
own other session (MariaDB: `SHOW EXPLAIN FORMAT=JSON FOR`, MySQL: `EXPLAIN FORMAT=TREE FOR CONNECTION`). In place of
a subquery the server prints only the subquery's number.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sqlalchemy import Connection

from console.domain.access.people_commands import OPERATOR_KIND
from console.domain.access.permissions import AUDITOR
from console.domain.audit.actions import AuditAction
from console.domain.desk_requests.rules import PRESENCE_LEASE_NAME
from console.domain.evidence.timeline import MIN_MASKED_TEXT_LENGTH
from console.domain.payments.limits import LIMIT_KIND
from console.domain.payments.records import MIN_PARTLY_SHOWN_PAYER_LENGTH, SHOWN_PAYER_SUFFIX_LENGTH
from console.domain.payments.unmasking import UNMASKED_SECONDS
from console.domain.record_kinds import DAILY_CLOSE_KIND
from console.store.database.server import make_people_database_name
from console.store.schema import core as schema

SCHEMA_VERSION_TABLES = ("alembic_version", "console_alembic_version")
SAME_PAYER_VIEW = "same_payer"
"""Name of the view of all pairs of payments with the same payer. A person sees payers only masked and can't compare
them.
"""
OWN_REQUESTS_VIEW = "own_requests"
"""Name of the view of the desk requests of the account that reads."""
WORKERS_VIEW = "workers"
"""Name of the view of the presence leases of the workers."""
UNMASKED_PAYERS_VIEW = "unmasked_payers"
"""Name of the view of the unmasked payers of payments. A payer is NULL unless the account that reads has an audit
entry about its unmasking that is younger than UNMASKED_SECONDS.
"""
UNMASKED_EVIDENCE_VIEW = "unmasked_evidence"
"""Name of the view of the unmasked texts of evidence. A text is NULL unless the account that reads has an audit entry
about its unmasking that is younger than UNMASKED_SECONDS.
"""
LIMIT_PROPOSALS_VIEW = "limit_proposals"
"""Name of the view of the proposals to change the limits of refunds. Administrators read it."""
ENABLING_PROPOSALS_VIEW = "enabling_proposals"
"""Name of the view of the proposals to enable disabled people. Administrators read it."""

NAME_WITHOUT_HOST_SQL = "SUBSTRING({0}, 1, CHAR_LENGTH({0}) - CHAR_LENGTH(SUBSTRING_INDEX({0}, '@', -1)) - 1)"
"""SQL template: the name of an account without its host. A host has no @, but a name may have one, so the text is cut
at the last @.
"""
_ACCOUNT_NAME_SQL = NAME_WITHOUT_HOST_SQL.format("USER()")
_ACCOUNT_SQL = f"CAST({_ACCOUNT_NAME_SQL} AS BINARY)"
_SHOWN_META_NAMES = ("database_id", "versions", "adoption", "dates_zone")
"""Names of the values in `console_meta` that the view of this table shows to people for whom a worker acts."""
_JOIN_PAYMENT_OF_ROW_SQL = " LEFT JOIN {0}.payments payment ON payment.id = m.payment_id"
_PAYER_OF_ROW_SQL = "payment.payer_ref"
_PAYER_OF_SUBJECT_SQL = "COALESCE(payment.payer_ref, refunded.payer_ref, ordered.payer_ref)"
"""SQL of the payer of the payment to which a row belongs. It needs the joins of `_make_payment_join_sql`."""


def _make_payment_join_sql(kind: str, id: str) -> str:
    """Return SQL that joins the payment of a record, for use in `_PeopleView.joined_for_masks_sql`. `kind` and `id`
    are SQL expressions for the record's kind and id. A row about a refund belongs to the refund's payment, a row
    about an order to the order's newest payment with a payer.
    """
    newest_id = f"SELECT MAX(o.id) FROM {{0}}.payments o WHERE o.order_id = {id} AND o.payer_ref <> ''"  # noqa: S608  # constants
    return (
        f" LEFT JOIN {{0}}.payments payment ON payment.id = IF({kind} = 'payment', {id}, NULL)"
        " LEFT JOIN ({0}.refunds refund JOIN {0}.payments refunded ON refunded.id = refund.payment_id)"
        f" ON refund.id = IF({kind} = 'refund', {id}, NULL)"
        f" LEFT JOIN {{0}}.payments ordered ON ordered.id = IF({kind} = 'order', ({newest_id}), NULL)"
    )


_JOIN_PAYMENT_OF_SUBJECT_SQL = _make_payment_join_sql("m.subject_kind", "m.subject_id")
_JOIN_PAYMENT_OF_INCIDENT_SQL = " LEFT JOIN {0}.alerts alert ON alert.id = m.incident_id" + _make_payment_join_sql(
    "alert.subject_kind", "alert.subject_id"
)
"""SQL that joins the payment of the first alert of an incident, which gives the incident its id."""
_KINDS_WITH_HISTORY = ("credit-check", "order", "payment", "refund", "operation", DAILY_CLOSE_KIND)
"""Kinds of subjects whose audit entries every reader may see, because the screens show the history of these subjects.
Daily closes are among them, because the screens compare a daily close with the first one of its day, which another
person may have written. The kinds have no influence on the list of audit entries: a person who isn't an auditor sees
only their own entries in it.
"""


@dataclass(frozen=True, slots=True)
class _PeopleView:
    """A view of one table for the people for whom a worker acts. In its SQL, except in the masks, the rows of the
    table have the alias `t`.

    - `constant_by_column`: for some columns, by name, the constant that replaces their value
    - `mask_by_column`: for some columns, by name, the SQL of their masked value; in this SQL the row has the alias
      `m`, and `{0}` is the console's database
    - `joined_for_masks_sql`: SQL that joins further tables, for use in `mask_by_column`; `{0}` is the console's
      database
    - `visible_sql`: SQL that is true for the rows that the reading account may see; None: all rows. The view leaves
      the other rows out. The server may evaluate the reader's own condition before this one; for those other rows,
      the reader's condition then finds NULL in every column except `searched_columns`.
    - `searched_columns`: the columns in which a reader searches for rows
    - `index_condition_sql`: SQL that is true for all visible rows, by which the server finds them in an index; None:
      no index is needed
    - `joined_sql`: SQL that joins further tables, for use in `visible_sql`; `{0}` is the console's database
    - `shown_columns`: the columns of the view; empty: all columns of the table
    """

    table: str
    constant_by_column: Mapping[str, str] = field(default_factory=dict)
    visible_sql: str | None = None
    searched_columns: tuple[str, ...] = ()
    joined_sql: str = ""
    mask_by_column: Mapping[str, str] = field(default_factory=dict)
    joined_for_masks_sql: str = ""
    shown_columns: tuple[str, ...] = ()
    index_condition_sql: str | None = None

    def make_select_sql(self, database: str, names: Iterable[str]) -> str:
        """Return the SELECT statement of the view. `database` is the quoted name of the console's database, `names`
        are the columns.
        """
        table = f"{database}.{_quote_identifier(self.table)}"
        columns = ", ".join(self._make_column_sql(name, database) for name in self.shown_columns or names)
        conditions = [sql for sql in (self.index_condition_sql, self.visible_sql) if sql]
        where_clause = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {columns} FROM {table} t{self.joined_sql.format(database)}{where_clause}"  # noqa: S608  # constants

    def _make_column_sql(self, name: str, database: str) -> str:
        """Return the SQL of the column `name` of the view: its constant, its mask or its value, and NULL for hidden
        rows."""
        value = self.constant_by_column.get(name, f"t.{_quote_identifier(name)}")
        if name in self.mask_by_column:
            tables = f"{database}.{_quote_identifier(self.table)} m{self.joined_for_masks_sql.format(database)}"
            masked_value = self.mask_by_column[name].replace("{0}", database)  # the SQL has other braces, too
            value = f"(SELECT {masked_value} FROM {tables} WHERE m.id = t.id)"  # noqa: S608  # constants
        is_shown = self.visible_sql is None or name in self.searched_columns
        return f"{value if is_shown else f'IF({self.visible_sql}, {value}, NULL)'} AS {_quote_identifier(name)}"


def _make_masked_payer_sql(payer: str) -> str:
    """Return SQL for the SQL expression `payer` in masked form, as the domain function `mask_payer` masks a payer.
    An empty payer becomes NULL."""
    return f"IF({payer} IS NULL OR {payer} = '', NULL, {_make_nonempty_payer_mask_sql(payer)})"


def _make_nonempty_payer_mask_sql(payer: str) -> str:
    """Return SQL for the masked form of the SQL expression `payer`, which must not be "" or NULL: `****` and at most
    its last four characters. The SQL is short, because the server parses the text of a view for each use of the
    view."""
    return (
        f"CONCAT('****', IF(CHAR_LENGTH({payer}) >= {MIN_PARTLY_SHOWN_PAYER_LENGTH},"
        f" RIGHT({payer}, {SHOWN_PAYER_SUFFIX_LENGTH}), ''))"
    )


def _make_masked_facts_sql(facts: str) -> str:
    """Return SQL for the JSON text `facts` (an SQL expression) in which the member `payer` is masked. A text that
    isn't JSON becomes an empty object."""
    payer = f"JSON_UNQUOTE(JSON_EXTRACT({facts}, '$.payer'))"
    has_payer = f"JSON_TYPE(JSON_EXTRACT({facts}, '$.payer')) = 'STRING'"
    return (
        f"CASE WHEN NOT JSON_VALID({facts}) THEN '{{}}' WHEN {has_payer}"
        f" THEN JSON_SET({facts}, '$.payer', {_make_masked_payer_sql(payer)}) ELSE {facts} END"
    )


def _make_masked_text_columns(payer: str, *columns: str) -> Mapping[str, str]:
    """Return, by column name, SQL for the text of the column in which each occurrence of the payer is masked, as
    the domain function `mask_text` does it. `payer` is the SQL expression of the payer."""
    has_payer = f"CHAR_LENGTH({payer}) >= {MIN_MASKED_TEXT_LENGTH}"  # not true if there is none
    return {
        name: f"IF({has_payer}, REPLACE(m.{name}, {payer}, {_make_nonempty_payer_mask_sql(payer)}), m.{name})"
        for name in columns
    }


def _make_is_unmasked_sql(payment_id: str) -> str:
    """Return an SQL condition that is true if the reading account has unmasked the payment within the last
    UNMASKED_SECONDS. The condition searches for the account's audit entry about this; `payment_id` is an SQL
    expression of the payment's id. The age of the entry comes from the server's clock: a session can change its NOW()
    and its time zone, but not the epoch of SYSDATE().
    """
    return (
        "EXISTS (SELECT 1 FROM {0}.audit_log a WHERE a.subject_kind = 'payment'"  # noqa: S608  # constants
        f" AND a.subject_id = CAST({payment_id} AS CHAR) AND a.what = '{AuditAction.PAYMENT_UNMASK}'"
        f" AND a.result = 'done' AND CAST(a.who AS BINARY) = {_ACCOUNT_SQL}"
        " AND UNIX_TIMESTAMP(SYSDATE()) - TIMESTAMPDIFF(SECOND, '1970-01-01', a.at)"
        f" BETWEEN -{UNMASKED_SECONDS} AND {UNMASKED_SECONDS - 1})"
    )


def _make_is_own_name_sql(column: str) -> str:
    """Return an SQL condition that is true if the value of the column `column` is the name of the database
    account that runs the query."""
    return f"CAST(t.{column} AS BINARY) = {_ACCOUNT_SQL}"


def _make_may_see_entry_sql() -> str:
    """Return an SQL condition that is true if the person of the database account that runs the query may see an audit
    entry. In the condition, `p` is the person's row in `operators` and `t` is the audit entry."""
    kinds = ", ".join(f"'{kind}'" for kind in _KINDS_WITH_HISTORY)
    # The name is compared within the condition for each column: the server may join another person's row first.
    return (
        f"(p.name = {_ACCOUNT_NAME_SQL} AND CAST(p.name AS BINARY) = {_ACCOUNT_SQL} AND p.disabled_at IS NULL"
        f" AND ({_make_is_own_name_sql('who')} OR FIND_IN_SET('{AUDITOR}', REPLACE(p.roles, ' ', ''))"
        f" OR t.subject_kind IN ({kinds})))"
    )


def _make_table_views() -> Mapping[str, _PeopleView]:
    """Return the definition of every view except SAME_PAYER_VIEW, by the name of the view."""
    shown_meta = ", ".join(f"'{name}'" for name in _SHOWN_META_NAMES)
    table_views = (
        *(
            _PeopleView(table)
            for table in (
                *SCHEMA_VERSION_TABLES,
                "limits",
                "operators",
                "read_only_switches",
                "request_files",
                "requests",
            )
        ),
        *(_PeopleView(table) for table in RECORD_TABLES),
        _PeopleView(
            "audit_log",
            {},
            _make_may_see_entry_sql(),
            ("id", "subject_kind", "subject_id"),
            " JOIN {0}.operators p",
        ),
        _PeopleView("console_meta", {}, f"t.name IN ({shown_meta})", ("name",)),
        *_list_views_that_mask_payers(),
        _PeopleView("leases", {"token": "NULL"}),
        _PeopleView("operations", {"answer_lock": "NULL", "answer_key": "NULL"}),
        _PeopleView("outbox", {"body": "'{}'"}),
        _PeopleView(
            "saved_views",
            {},
            f"(t.is_team OR {_make_is_own_name_sql('maker')})",
            ("id", "is_team", "maker", "deleted_at"),
        ),
    )
    return {view.table: view for view in table_views} | {
        # The hours of other people's requests reveal nothing: their ids have the times of their desks.
        OWN_REQUESTS_VIEW: _PeopleView(
            "requests",
            {},
            _make_is_own_name_sql("who"),
            ("id", "asked_hour"),
            index_condition_sql=f"t.who = {_ACCOUNT_NAME_SQL}",
        ),
        LIMIT_PROPOSALS_VIEW: _PeopleView("approvals", {}, f"t.subject_kind = '{LIMIT_KIND}'", ("id",)),
        ENABLING_PROPOSALS_VIEW: _PeopleView("approvals", {}, f"t.subject_kind = '{OPERATOR_KIND}'", ("id",)),
        UNMASKED_PAYERS_VIEW: _PeopleView(
            "payments",
            mask_by_column={"payer_ref": f"IF({_make_is_unmasked_sql('m.id')}, m.payer_ref, NULL)"},
            shown_columns=("id", "payer_ref"),
        ),
        UNMASKED_EVIDENCE_VIEW: _PeopleView(
            "evidence",
            mask_by_column={
                "body": f"IF({_make_is_unmasked_sql('COALESCE(payment.id, refunded.id)')}, m.body, NULL)"
            },
            joined_for_masks_sql=_JOIN_PAYMENT_OF_SUBJECT_SQL,
            shown_columns=("id", "subject_kind", "subject_id", "body"),
        ),
        WORKERS_VIEW: _PeopleView("leases", {"token": "NULL"}, f"t.name = '{PRESENCE_LEASE_NAME}'"),
    }


def _list_views_that_mask_payers() -> tuple[_PeopleView, ...]:
    """Return the database views that mask the payer of a payment, both in columns of payers and inside longer
    texts."""
    return (
        _PeopleView(
            "alerts",
            mask_by_column=_make_masked_text_columns(_PAYER_OF_SUBJECT_SQL, "observed", "expected", "note"),
            joined_for_masks_sql=_JOIN_PAYMENT_OF_SUBJECT_SQL,
        ),
        _PeopleView(
            "evidence",
            mask_by_column=_make_masked_text_columns(_PAYER_OF_SUBJECT_SQL, "summary", "body"),
            joined_for_masks_sql=_JOIN_PAYMENT_OF_SUBJECT_SQL,
        ),
        _PeopleView(
            "incident_steps",
            mask_by_column=_make_masked_text_columns(_PAYER_OF_SUBJECT_SQL, "words"),
            joined_for_masks_sql=_JOIN_PAYMENT_OF_INCIDENT_SQL,
        ),
        _PeopleView(
            "notes",
            mask_by_column=_make_masked_text_columns(_PAYER_OF_SUBJECT_SQL, "words"),
            joined_for_masks_sql=_make_payment_join_sql("m.kind", "m.subject_id"),
        ),
        _PeopleView(
            "payments",
            {"handle": "NULL", "url": "NULL"},
            mask_by_column={"payer_ref": _make_masked_payer_sql("m.payer_ref")},
        ),
        _PeopleView(
            "payment_events",
            mask_by_column=_make_masked_text_columns(_PAYER_OF_ROW_SQL, "body"),
            joined_for_masks_sql=_JOIN_PAYMENT_OF_ROW_SQL,
        ),
        _PeopleView(
            "reconciliation_rows",
            mask_by_column=_make_masked_text_columns(_PAYER_OF_ROW_SQL, "ours", "theirs"),
            joined_for_masks_sql=_JOIN_PAYMENT_OF_ROW_SQL,
        ),
        _PeopleView(
            "refunds",
            mask_by_column={
                "saw": _make_masked_facts_sql("m.saw"),
                **_make_masked_text_columns(_PAYER_OF_ROW_SQL, "reason", "ticket", "radar", "declined_because"),
            },
            joined_for_masks_sql=_JOIN_PAYMENT_OF_ROW_SQL,
        ),
    )


COMMON_VIEWS = (
    *SCHEMA_VERSION_TABLES,
    "console_meta",
    "limits",
    "operators",
    "read_only_switches",
    ENABLING_PROPOSALS_VIEW,
    LIMIT_PROPOSALS_VIEW,
    OWN_REQUESTS_VIEW,
    WORKERS_VIEW,
)
"""Names of the views that every person for whom a worker acts may read, independent of the person's roles."""
RECORD_TABLES = (
    schema.credit_checks.name, "accounts", "alerts", "approvals", "audit_log", "bulk_rows", "bulk_runs", "changes",
    "documents", "evidence", "incident_steps", "leases", "lost_operations", "mentions", "notes", "operations",
    "orders", "outbox", "payment_events", "payments", "reconciliation_rows", "reconciliations", "refunds", "sagas",
    "saved_views", "set_asides", "takes", "tasks", "watched_corporations",
)  # fmt: skip
"""Tables of records. Their views may be read by operators, approvers and auditors for whom a worker acts."""
RECORD_VIEWS = (*RECORD_TABLES, SAME_PAYER_VIEW, UNMASKED_PAYERS_VIEW, UNMASKED_EVIDENCE_VIEW)
"""Names of the views of records, with the views that belong to no single table."""
VIEWS_WITHOUT_TABLE = frozenset(
    {
        ENABLING_PROPOSALS_VIEW, LIMIT_PROPOSALS_VIEW, OWN_REQUESTS_VIEW, SAME_PAYER_VIEW, UNMASKED_EVIDENCE_VIEW,
        UNMASKED_PAYERS_VIEW, WORKERS_VIEW,
    }
)  # fmt: skip
"""Views whose name isn't the name of a table."""


def make_view_statements(conn: Connection, database: str, *, replaces_existing: bool) -> Iterator[str]:
    """Yield the statements that create the missing views for people for whom a worker acts, in a second database next
    to the console's database `database`. Also yield the statement that creates this second database if it is missing.
    With `replaces_existing`, the statements also replace existing views, because the server doesn't show whether the
    text of a view has changed.
    """
    views = make_people_database_name(database)
    columns_by_view = _read_columns_by_table(conn, views)
    if not columns_by_view:
        yield f"CREATE DATABASE IF NOT EXISTS {_quote_identifier(views)} CHARACTER SET utf8mb4"
    for name, sql in _make_select_statements(conn, database).items():
        if replaces_existing or name not in columns_by_view:
            quoted_view = f"{_quote_identifier(views)}.{_quote_identifier(name)}"
            yield f"CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW {quoted_view} AS {sql}"


def list_missing_views(conn: Connection, database: str) -> tuple[str, ...]:
    """Return the names of those views for people for whom a worker acts that don't exist, or that lack a column of
    their table in the console's database `database`.
    """
    present_views, tables = (
        _read_columns_by_table(conn, make_people_database_name(database)),
        _read_columns_by_table(conn, database),
    )
    return tuple(
        name
        for name in sorted(_make_select_statements(conn, database))
        if name not in present_views or not tables.get(name, frozenset()) <= present_views[name]
    )


def _make_select_statements(conn: Connection, database: str) -> Mapping[str, str]:
    """Return the SELECT statement of each view by the view's name. The statements use only tables and columns that
    exist, because a table has only some of its columns before its adoption.
    """
    quoted_database, tables = _quote_identifier(database), _read_columns_by_table(conn, database)
    definitions = {
        name: view.make_select_sql(quoted_database, sorted(tables[view.table]))
        for name, view in _make_table_views().items()
        if view.table in tables
    }
    if "payments" in definitions:
        definitions[SAME_PAYER_VIEW] = (
            f"SELECT a.id AS payment_id, b.id AS other_id FROM {quoted_database}.payments a"  # noqa: S608  # a quoted name of this program
            f" JOIN {quoted_database}.payments b ON b.payer_ref ="
            f" (SELECT m.payer_ref FROM {quoted_database}.payments m WHERE m.id = a.id AND m.payer_ref <> '')"
        )
    return definitions


def _read_columns_by_table(conn: Connection, database: str) -> Mapping[str, AbstractSet[str]]:
    """Return the column names of each table and view of a database, by table or view name."""
    rows = conn.exec_driver_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s", (database,)
    )
    columns: dict[str, set[str]] = {}
    for table, column in rows:
        columns.setdefault(str(table), set()).add(str(column))
    return columns


def _quote_identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
