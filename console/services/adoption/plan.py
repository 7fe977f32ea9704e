"""Plan the adoption of another application's table of credit checks: read the columns and rows of the table, and
change nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.domain.corporation_number import DIGIT_COUNT
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number
from console.domain.records import CheckState
from console.store.adoption import adopt_rows, adopt_table, legacy_checks
from console.store.adoption.adopt_table import TableChange
from console.store.adoption.legacy_checks import AdoptionObstacle
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.schema import legacy_table
from console.store.schema.legacy_table import LegacyTable

MAX_LISTED_EXAMPLES = 5
"""Largest number of duplicate claims, and of unreadable corporation numbers, that a plan lists as examples."""
ROW_IDS_PER_RANGE = 5_000
"""Size of the range of row ids that one query of the counting pass reads."""
_ESTIMATED_ROWS_PER_SECOND = 6_000  # measured on two cores: adoption of the rows and creation of the indexes


@dataclass(frozen=True, slots=True)
class DuplicateClaim:
    """A claim (client and corporation number) that more than one row of the table of credit checks has; `row_count`
    is the number of these rows. After the adoption only one of these rows has the claim."""

    client_id: str
    corporation_number: str
    row_count: int


@dataclass(frozen=True, slots=True)
class UnreadableCorporationNumber:
    """A row of the table of credit checks whose corporation number can't be read as 13 digits. `id` is the row's
    id, `text` the stored value, cut to 64 characters."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class AdoptionRowCounts:
    """Numbers of rows in the table of credit checks, by the result that the adoption will have for them.

    `row_count`: all rows. `duplicate_row_count`: rows that lose their claim to another row. `duplicate_claim_count`:
    claims that more than one row has; `duplicate_examples` are examples. `unreadable_row_count`: rows whose
    corporation number can't be read. `normalised_row_count`: rows whose corporation number is rewritten as 13 digits.
    `pending_row_count`: rows in the state pending after the adoption. `row_count_by_status`: rows by their state
    after the adoption, without rows in states that this program doesn't know (they are obstacles).
    `success_without_id_count`: successful rows without the id that AlarmBox gave to the credit check.
    """

    row_count: int = 0
    duplicate_row_count: int = 0
    duplicate_claim_count: int = 0
    duplicate_examples: tuple[DuplicateClaim, ...] = ()
    unreadable_row_count: int = 0
    unreadable_examples: tuple[UnreadableCorporationNumber, ...] = ()
    normalised_row_count: int = 0
    pending_row_count: int = 0
    row_count_by_status: Mapping[str, int] = field(default_factory=dict)
    success_without_id_count: int = 0


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """The changes that an adoption would make to the table of credit checks.

    `state` is waiting (not begun), begun or adopted; `zone` is the time zone of the table's times; `row_counts` are
    the counts of its rows (all 0 if the table lacks an original column, or if its ids are no numbers); `steps` are
    the changes of its columns and indexes that are still to be made; `obstacles` are the facts that prevent the
    adoption; `is_cluster` is True on a Galera cluster; `estimated_seconds` is an estimate of the duration of the
    adoption. A run with `allows_table_copy` removes each obstacle whose `is_convertible` is True; people must remove
    all other obstacles first.
    """

    state: str
    zone: str
    row_counts: AdoptionRowCounts
    steps: tuple[TableChange, ...]
    obstacles: tuple[AdoptionObstacle, ...]
    is_cluster: bool
    estimated_seconds: int

    @property
    def table_name(self) -> str:
        """The name of the table of credit checks that is to be adopted."""
        return legacy_table.TABLE_NAME


@dataclass(slots=True)
class _RowCounter:
    """Counts the rows of the table of credit checks while `count_rows` reads them. The counts have the same meaning
    as in AdoptionRowCounts. To save memory, `claim_hashes` has a hash of each claim (8 bytes) instead of the claim;
    `repeated_claims` has, for each claim of several rows, the number of its rows after the first one."""

    row_count: int = 0
    row_count_by_status: Counter[str] = field(default_factory=Counter)
    success_without_id_count: int = 0
    normalised_row_count: int = 0
    unreadable_row_count: int = 0
    unreadable_rows: list[UnreadableCorporationNumber] = field(default_factory=list)
    claim_hashes: set[int] = field(default_factory=set)
    repeated_claims: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count_row(self, row: adopt_rows.OriginalRow) -> None:
        """Add one row of the table of credit checks to the counts of states, corporation numbers and claims."""
        record_id, client, stored_number, id_at_provider, status = row
        state = CheckState.SUCCESS if id_at_provider is not None else status
        self.row_count += 1
        self.row_count_by_status[state] += 1
        self.success_without_id_count += state == CheckState.SUCCESS and id_at_provider is None
        number = parse_stored_corporation_number(stored_number)
        if number is None:
            self.unreadable_row_count += 1
            if len(self.unreadable_rows) < MAX_LISTED_EXAMPLES:
                self.unreadable_rows.append(
                    UnreadableCorporationNumber(record_id, format_stored_corporation_number(stored_number)[:64])
                )
            return
        self.normalised_row_count += number != str(stored_number)
        if state == CheckState.ERROR:  # such a row has no claim
            return
        claim = (client, number)
        if hash(claim) in self.claim_hashes:
            self.repeated_claims[claim] += 1
        self.claim_hashes.add(hash(claim))

    def make_row_counts(self) -> AdoptionRowCounts:
        """Return the counts of all rows that `count_row` has counted."""
        most_repeated = sorted(self.repeated_claims.items(), key=lambda item: (-item[1], item[0]))[
            :MAX_LISTED_EXAMPLES
        ]
        return AdoptionRowCounts(
            row_count=self.row_count,
            duplicate_row_count=self.repeated_claims.total(),
            duplicate_claim_count=len(self.repeated_claims),
            duplicate_examples=tuple(
                DuplicateClaim(client, number, repeats + 1) for (client, number), repeats in most_repeated
            ),
            unreadable_row_count=self.unreadable_row_count,
            unreadable_examples=tuple(self.unreadable_rows),
            normalised_row_count=self.normalised_row_count,
            pending_row_count=self.row_count_by_status[CheckState.PENDING],
            row_count_by_status={state.value: self.row_count_by_status[state] for state in CheckState},
            success_without_id_count=self.success_without_id_count,
        )


def parse_stored_corporation_number(stored_number: object) -> str | None:
    """Return the 13 digits of a stored corporation number in any notation; None if the value doesn't have 13
    digits. A wrong check digit is accepted, because the unique index over claims does not check it."""
    text = format_stored_corporation_number(stored_number)
    if len(text) == DIGIT_COUNT and text.isascii() and text.isdigit():
        return text
    try:
        return parse_corporation_number(text, allows_test_numbers=True).value
    except InvalidCorporationNumber as unfit:
        return unfit.normalized if unfit.reason == "CHECK_DIGIT" else None


def format_stored_corporation_number(stored_number: object) -> str:
    """Return a corporation number, as another application has stored it, as text; empty for NULL."""
    return "" if stored_number is None else str(stored_number)


def make_plan(database: Database, zone: str) -> AdoptionPlan:
    """Read the table of credit checks and return the plan of its adoption; nothing is changed. `zone` is the time
    zone of the table's times; if an adoption has begun, its stored time zone is used instead. Raises the errors of
    `require_adoptable_table` if the database has no table of credit checks.
    """
    table = require_adoptable_table(database)
    zone_in_force = read_stored_time_zone(database) or zone
    has_originals = set(legacy_table.ORIGINAL_COLUMNS) <= set(table.columns)
    open_steps = adopt_table.list_needed_changes(table, database.dialect, zone_in_force) if has_originals else ()
    state = read_adoption_state(database, table)
    row_counts = (
        count_rows(database, table) if has_originals and legacy_checks.has_numeric_ids(table) else AdoptionRowCounts()
    )
    return AdoptionPlan(
        state=state,
        zone=zone_in_force,
        row_counts=row_counts,
        steps=() if state == "adopted" else open_steps,
        obstacles=() if state == "adopted" else find_adoption_obstacles(database, table),
        is_cluster=is_database_in_cluster(database),
        estimated_seconds=0 if state == "adopted" else 1 + row_counts.row_count // _ESTIMATED_ROWS_PER_SECOND,
    )


def require_adoptable_table(database: Database) -> LegacyTable:
    """Return the database's table of credit checks, which this program or another application has created. If there
    is no such table, raises not_found if the database is empty (a missing SQLite file is not created) or has this
    program's tables, not_our_database if it has only tables of other applications.
    """
    if database.file is not None and not database.file.exists():
        raise ConsoleError(ErrorCode.NOT_FOUND, {"problem": "no_table", "table": legacy_table.TABLE_NAME})
    with database.read() as conn:
        return migrate.read_credit_check_table_structure(conn)


def read_adoption_state(database: Database, table: LegacyTable) -> str:
    """Return the state of the table's adoption: waiting (not begun; also if the database lacks this program's tables
    or can't be read), begun or adopted. A table that this program created counts as adopted."""
    try:
        state = migrate.read_meta_and_schema(database)
    except ConsoleError:
        return "waiting"
    if table.is_complete and state.get(migrate.ADOPTION_KEY, migrate.ADOPTION_DONE) == migrate.ADOPTION_DONE:
        return "adopted"
    return "begun" if table.has_adoption_begun else "waiting"


def read_stored_time_zone(database: Database) -> str | None:
    """Return the name of the time zone (such as Asia/Tokyo) of the table's times, which the first run of an adoption
    has stored; None if no time zone is stored, or if the database can't be read or lacks this program's tables."""
    try:
        return migrate.read_meta_and_schema(database).get(adopt_table.DATES_ZONE_META_NAME)
    except ConsoleError:
        return None


def find_adoption_obstacles(database: Database, table: LegacyTable) -> tuple[AdoptionObstacle, ...]:
    """Return everything that prevents the adoption of the table: the problems of its columns or, if the columns have
    no problem and the adoption has not begun, values of the column `status` that are not among this program's states.
    """
    column_obstacles = legacy_checks.find_obstacles(table)
    if column_obstacles or "status" not in table.columns or table.has_adoption_begun:
        return column_obstacles
    with database.read() as conn:
        return legacy_checks.list_unknown_status_obstacles(adopt_rows.list_distinct_statuses(conn))


def count_rows(database: Database, table: LegacyTable) -> AdoptionRowCounts:
    """Count the rows of the table of credit checks in one pass, and return the counts. The pass reads a range of
    ROW_IDS_PER_RANGE ids with each query."""
    counter = _RowCounter()
    with database.read() as conn:
        for after_id, upto in adopt_rows.list_id_ranges(
            conn, 0, adopt_rows.find_highest_row_id(conn), ROW_IDS_PER_RANGE
        ):
            for row in adopt_rows.read_original_rows(conn, after_id, upto, has_status="status" in table.columns):
                counter.count_row(row)
    return counter.make_row_counts()


def is_database_in_cluster(database: Database) -> bool:
    """True if the database is a Galera cluster, in which a change of the table's columns blocks all nodes."""
    if not database.is_server:
        return False
    with database.read() as conn:
        wsrep_setting = conn.exec_driver_sql("SHOW VARIABLES LIKE 'wsrep_on'").first()
    return wsrep_setting is not None and wsrep_setting[1] == "ON"
