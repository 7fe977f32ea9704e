"""One table's part of the queues, read from indexes: pages by key (work state, id), and counts.

A queue is stretches of an index, each in the order of work state and id: asked for several states at once, a
database would read and sort them all.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    func,
    select,
    union_all,
)  # fmt: skip
from sqlalchemy.sql.elements import ColumnElement

from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CreditCheck

Queued = CreditCheck | Order | Payment | Refund
Key = tuple[str, int]
"""A row's place in its part: work state as the database sorts it (a lapsed call has none there), and id."""

Read = Callable[[Connection, Sequence[Row[Any]], AbstractSet[int]], Sequence[Queued]]
JOINED_BY_LAPSE = ("unknown", "review")
"""Operations whose process went away are few; they are moved to these queues until a due task writes it down."""

_LEFT_BY_LAPSE = "pending"
# Where all rows have one work state, a server sorts them all unless it is told where to begin.
_BEGINNING = {"review": ("needs_review", 0)}
_MOST: BindParameter[int] = bindparam("most", type_=Integer)


@dataclass(frozen=True, eq=False)
class Part:
    """What queues read of one table. `work` and `changed` are its columns, `rows` selects what `read` makes records
    of, `queues` are each queue's stretches, `lapses` the rows whose process may have gone away.
    """

    kind: str
    id: Column[Any]
    work: Column[Any]
    changed: Column[Any]
    rows: Select[Any]
    read: Read
    queues: Mapping[str, Sequence[ColumnElement[bool]]]
    lapses: ColumnElement[bool] | None = None

    def page(
        self, conn: Connection, name: str, after: Key | None, limit: int, lapsed: AbstractSet[int]
    ) -> list[tuple[Key, Row[Any]]]:
        """At most `limit` rows behind `after` with their keys, in order; `read` makes records of them."""
        found = self._walk(conn, name, after or _BEGINNING.get(name), limit, lapsed)
        if name in JOINED_BY_LAPSE and lapsed and self.lapses is not None:
            joined = dict([*found, *self._rows(conn, self._lapsed_rows, lapsed)])
            found = [(key, joined[key]) for key in sorted(joined) if after is None or key > after][:limit]
        return found

    def _walk(
        self, conn: Connection, name: str, after: Key | None, limit: int, lapsed: AbstractSet[int]
    ) -> list[tuple[Key, Row[Any]]]:
        """Rows behind `after`: first the rest of its work state, then the later ones."""
        asked = _asked(self, name, beside_lapsed=bool(lapsed))
        if after is None:
            return self._rows(conn, asked.first, lapsed, most=limit)
        work, last = after
        found = self._rows(conn, asked.rest, lapsed, most=limit, work=work, last=last)
        if len(found) < limit:
            found += self._rows(conn, asked.later, lapsed, most=limit - len(found), work=work)
        return found

    def _rows(
        self, conn: Connection, asked: Select[Any], lapsed: AbstractSet[int], **values: object
    ) -> list[tuple[Key, Row[Any]]]:
        rows = conn.execute(asked, {**self.told(lapsed), **values})
        return [((getattr(row, self.work.name), row.id), row) for row in rows]

    def counts(self, name: str, *, beside_lapsed: bool) -> list[Select[Any]]:
        """Questions for the number of rows, at most so many each, and since when the oldest of these has been so."""
        found = [self._counted(rows) for rows in self.stretches(name, beside_lapsed=beside_lapsed)]
        if name in JOINED_BY_LAPSE and beside_lapsed and self.lapses is not None:
            joined = and_(self._these, self.lapses)
            found.append(self._counted(and_(joined, self.work != "needs_review") if name == "review" else joined))
        return found

    def _counted(self, rows: ColumnElement[bool]) -> Select[Any]:
        """The oldest is the one that came first: its id is in the index, so that no row but this one is read."""
        ids = select(self.id).where(rows).limit(_MOST).subquery()
        counted = select(func.count().label("total"), func.min(ids.c.id).label("first")).select_from(ids).subquery()
        oldest = select(self.changed).where(self.id == counted.c.first).scalar_subquery()
        return select(counted.c.total, oldest.label("oldest"))

    def stretches(self, name: str, *, beside_lapsed: bool) -> Sequence[ColumnElement[bool]]:
        """A queue's stretches; what lapsed no longer waits for an answer."""
        found = self.queues[name]
        if name == _LEFT_BY_LAPSE and beside_lapsed and self.lapses is not None:
            return [and_(rows, ~self._these) for rows in found]
        return found

    def told(self, lapsed: AbstractSet[int]) -> dict[str, object]:
        """The values of what all statements ask: which rows have lapsed."""
        return {f"lapsed_{self.kind}": sorted(lapsed)}

    @cached_property
    def _these(self) -> ColumnElement[bool]:
        return self.id.in_(bindparam(f"lapsed_{self.kind}", expanding=True))

    @cached_property
    def _lapsed_rows(self) -> Select[Any]:
        """A question of its own, because OR would make the database read and sort the whole queue."""
        return self.rows.where(self._these, *([] if self.lapses is None else [self.lapses]))

    def ordered(
        self, stretches: Sequence[ColumnElement[bool]], *more: ColumnElement[bool], by: Sequence[Column[Any]]
    ) -> Select[Any]:
        """The first rows of these stretches; of several ones the first of each, put in order."""
        if len(stretches) == 1:
            return self.rows.where(stretches[0], *more).order_by(*by).limit(_MOST)
        ids = [select(self.id).where(rows, *more).order_by(*by).limit(_MOST).subquery() for rows in stretches]
        first = union_all(*(select(each) for each in ids)).subquery()
        return self.rows.join_from(first, self.id.table, self.id == first.c.id).order_by(*by).limit(_MOST)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One queue's statements, built once: its first rows, the rest of one work state, the later ones."""

    first: Select[Any]
    rest: Select[Any]
    later: Select[Any]


@cache
def _asked(part: Part, name: str, *, beside_lapsed: bool) -> _Asked:
    """No engine reads an index from its middle when rest and later ones are asked for in one comparison: SQLite walks
    there from the start, MariaDB through the table.
    """
    stretches = part.stretches(name, beside_lapsed=beside_lapsed)
    rest = (part.work == bindparam("work"), part.id > bindparam("last"))
    place = (part.work, part.id)
    return _Asked(
        part.ordered(stretches, by=place),
        part.ordered(stretches, *rest, by=(part.id,)),
        part.ordered(stretches, part.work > bindparam("work"), by=place),
    )
