"""What adopting another application's table would do: read from its original columns, nothing changed."""

from collections import Counter
from dataclasses import dataclass, field

from console.domain.corporation_number import LENGTH, InvalidCorporationNumber, parse
from console.domain.errors import ConsoleError
from console.store import adopting, adopting_rows, legacy_obstacles, legacy_table, migrate
from console.store.adopting import Step
from console.store.engine import Database
from console.store.legacy_obstacles import Obstacle
from console.store.legacy_table import Table

EXAMPLES = 5
STRETCH = 5_000
_ROWS_A_SECOND = 6_000  # measured: taking rows in and indexing them, on two cores


@dataclass(frozen=True, slots=True)
class Doubled:
    """How many rows one claim has: only one of them stays live."""

    client_id: str
    corporation_number: str
    rows: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row whose number is none, as it was written."""

    id: int
    written: str


@dataclass(frozen=True, slots=True)
class RowCount:
    """The rows by what will become of them. `duplicates` are rows beyond the one that stays of each claim."""

    rows: int = 0
    duplicates: int = 0
    doubled_claims: int = 0
    doubled: tuple[Doubled, ...] = ()
    unreadable: int = 0
    unreadable_examples: tuple[Unreadable, ...] = ()
    respelled: int = 0
    unbought: int = 0


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """`state`: waiting, begun or adopted. `blocking` obstacles must go first, others need `convert`."""

    state: str
    zone: str
    count: RowCount
    steps: tuple[Step, ...]
    obstacles: tuple[Obstacle, ...]
    cluster: bool
    seconds: int

    @property
    def table(self) -> str:
        return legacy_table.NAME


@dataclass(slots=True)
class _Tally:
    """Counts rows as they pass; remembers claims by their hash, 8 bytes of the figure and not its text."""

    rows: int = 0
    unbought: int = 0
    respelled: int = 0
    unreadable: int = 0
    odd: list[Unreadable] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    again: Counter[tuple[int, str]] = field(default_factory=Counter)

    def add(self, row: adopting_rows.Row) -> None:
        record_id, client, raw, bought = row
        self.rows += 1
        self.unbought += bought is None
        number = readable(raw)
        if number is None:
            self.unreadable += 1
            if len(self.odd) < EXAMPLES:
                self.odd.append(Unreadable(record_id, written(raw)[:64]))
            return
        self.respelled += number != str(raw)
        claim = (client, number)
        if hash(claim) in self.seen:
            self.again[claim] += 1
        self.seen.add(hash(claim))

    def done(self) -> RowCount:
        first = sorted(self.again.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]
        return RowCount(
            rows=self.rows,
            duplicates=self.again.total(),
            doubled_claims=len(self.again),
            doubled=tuple(Doubled(str(client), number, more + 1) for (client, number), more in first),
            unreadable=self.unreadable,
            unreadable_examples=tuple(self.odd),
            respelled=self.respelled,
            unbought=self.unbought,
        )


def readable(raw: object) -> str | None:
    """The thirteen digits of a number however it is written; None when there aren't any. The claim tests no check
    digit, so a wrong one is none of our business here.
    """
    text = written(raw)
    if len(text) == LENGTH and text.isascii() and text.isdigit():
        return text
    try:
        return parse(text, dummies=True).value
    except InvalidCorporationNumber as unfit:
        return unfit.normalized if unfit.reason == "CHECK_DIGIT" else None


def written(raw: object) -> str:
    return "" if raw is None else str(raw)


def plan(database: Database, zone: str) -> AdoptionPlan:
    """Look, and change nothing. Raises not_found, not_our_database."""
    table = adoptable(database)
    kept = kept_zone(database) or zone
    left = adopting.steps(table, database.dialect, kept)
    state = adoption_state(database, table)
    count = count_rows(database) if set(legacy_table.ORIGINAL) <= set(table.columns) else RowCount()
    return AdoptionPlan(
        state=state,
        zone=kept,
        count=count,
        steps=() if state == "adopted" else left,
        obstacles=() if state == "adopted" else legacy_obstacles.obstacles(table),
        cluster=in_cluster(database),
        seconds=0 if state == "adopted" else 1 + count.rows // _ROWS_A_SECOND,
    )


def adoptable(database: Database) -> Table:
    """The table that is there, ours or not. Raises not_found (a missing file is not made), not_our_database."""
    if database.file is not None and not database.file.exists():
        raise ConsoleError("not_found", {"problem": "no_table", "table": legacy_table.NAME})
    with database.read() as conn:
        return migrate.adoptable(conn)


def adoption_state(database: Database, table: Table) -> str:
    """`adopted` also for a table that is ours from the beginning."""
    try:
        state = migrate.read_state(database)
    except ConsoleError:
        return "waiting"
    if table.whole and state.get(migrate.ADOPTION, migrate.ADOPTED) == migrate.ADOPTED:
        return "adopted"
    return "begun" if table.begun else "waiting"


def kept_zone(database: Database) -> str | None:
    """The zone that an adoption was begun with."""
    try:
        return migrate.read_state(database).get(adopting.ZONE)
    except ConsoleError:
        return None


def count_rows(database: Database) -> RowCount:
    """One reading of the table, in stretches."""
    tally = _Tally()
    with database.read() as conn:
        for after, upto in adopting_rows.ranges(conn, 0, adopting_rows.highest(conn), STRETCH):
            for row in adopting_rows.originals(conn, after, upto):
                tally.add(row)
    return tally.done()


def in_cluster(database: Database) -> bool:
    """On Galera a change of the table is one on all nodes at once: there everybody waits for it."""
    if not database.is_server:
        return False
    with database.read() as conn:
        found = conn.exec_driver_sql("SHOW VARIABLES LIKE 'wsrep_on'").first()
    return found is not None and found[1] == "ON"
