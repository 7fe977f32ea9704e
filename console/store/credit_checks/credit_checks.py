"""Rows of the credit checks: read with everything derived, written by compare-and-swap on `version`."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Subquery,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    select,
    union_all,
    update,
)  # fmt: skip
from sqlalchemy.sql.elements import ColumnElement

from console.domain import states
from console.domain.corporation_number import LENGTH
from console.domain.dates import in_zone
from console.domain.records import Certainty, CheckState, CreditCheck, WorkState
from console.store import swaps
from console.store.check_rows import COLUMNS, to_record
from console.store.leases import naive
from console.store.schema import credit_checks
from console.store.swaps import Stale as Stale  # what callers of this table catch, wrap and write with
from console.store.swaps import runs_again as runs_again
from console.store.swaps import work_values as work_values

KIND = "credit-check"
NAME_LENGTH = 255
_t = credit_checks.c

_ALL = select(*COLUMNS)
_GET = _ALL.where(_t.id == bindparam("of"))
# Rows by others in a spelling that SQL doesn't know are few, and looked through, because no index finds them until
# a due task puts them right.
_other = credit_checks.alias("other").c
_OTHERS = select(_other.id, _other.number_key).where(_other.work_state.is_(None)).order_by(_other.work_at, _other.id)
_looked_through = _OTHERS.limit(200).subquery().c
_STRAYS = select(_looked_through.id).where(func.length(_looked_through.number_key) != LENGTH)


def _and_strays(fitting: ColumnElement[bool]) -> Subquery:
    """Ids of rows that fit, and of the strays: a union, because no server looks into two indexes for an OR."""
    return union_all(select(_t.id).where(fitting), _STRAYS).subquery()


NUMBERED = _and_strays(_t.number_key == bindparam("number"))
"""Ids of all rows that may be of a `number`; which of the strays are, `to_record` knows."""
_CLAIMED = _and_strays(and_(_t.client_id == bindparam("client"), _t.claim_number == bindparam("number")))
_BY_NUMBER = _ALL.join_from(NUMBERED, credit_checks, _t.id == NUMBERED.c.id)
_LIVE = _ALL.join_from(_CLAIMED, credit_checks, _t.id == _CLAIMED.c.id)
_RENEWAL = credit_checks.alias("renewal")
_RENEWED_BY = _ALL.join_from(_RENEWAL, credit_checks, _t.id == _RENEWAL.c.renews).where(
    _RENEWAL.c.id == bindparam("of"), _t.superseded_by == bindparam("of")
)
_INSERT = insert(credit_checks)


def find(conn: Connection, record_id: int, lapsed: AbstractSet[int] = frozenset()) -> CreditCheck | None:
    """One record; `lapsed` holds the ids whose process went away, which are read as unknown."""
    row = conn.execute(_GET, {"of": record_id}).first()
    return to_record(row, lapsed) if row else None


def by_number(conn: Connection, number: str, lapsed: AbstractSet[int] = frozenset()) -> tuple[CreditCheck, ...]:
    """All records of a corporation number, newest first."""
    return of_number(number, conn.execute(_BY_NUMBER, {"number": number}).all(), lapsed)


def of_number(number: str, rows: Sequence[Sequence[Any]], lapsed: AbstractSet[int]) -> tuple[CreditCheck, ...]:
    """Those rows of `NUMBERED` that are the number's, newest first."""
    found = [to_record(row, lapsed) for row in rows]
    found.sort(key=_id_of, reverse=True)
    return tuple([record for record in found if record.corporation_number == number])


def live(conn: Connection, client_id: str, number: str, lapsed: AbstractSet[int] = frozenset()) -> CreditCheck | None:
    """The one record that holds the claim on (client, number): the index knows it, or it is the oldest stray."""
    pair = (int(client_id), number)
    rows = conn.execute(_LIVE, {"client": pair[0], "number": number}).all()
    found = [to_record(row, lapsed) for row in sorted(rows, key=lambda row: (row.number_key != number, row.id))]
    return next((one for one in found if one.live and (int(one.client_id), one.corporation_number) == pair), None)


def of_operation(conn: Connection, number: str, operation_id: str) -> CreditCheck | None:
    """The record that a purchase of this number wrote, whatever became of it."""
    return next((record for record in by_number(conn, number) if record.operation_id == operation_id), None)


def known_numbers(conn: Connection, numbers: Sequence[str], limit: int) -> tuple[str, ...]:
    """Those of `numbers` that we have records of."""
    found = select(_t.number_key).where(_t.number_key.in_(numbers)).distinct().order_by(_t.number_key).limit(limit)
    return tuple(str(number) for number in conn.scalars(found))


def with_provider_id(conn: Connection, provider_id: int) -> tuple[CreditCheck, ...]:
    """Records that carry the provider's id (one check may serve two clients)."""
    return select_records(conn, _ALL.where(_t.credit_check_id == provider_id))


def select_records(
    conn: Connection, query: Select[Any], lapsed: AbstractSet[int] = frozenset()
) -> tuple[CreditCheck, ...]:
    """Records of a narrowed `all_records()`."""
    return tuple(to_record(row, lapsed) for row in conn.execute(query))


def starting_with(
    conn: Connection, number: str, name: str, limit: int, lapsed: AbstractSet[int]
) -> tuple[CreditCheck, ...]:
    """Records whose number (or else company name) begins so, in the order of an index, newest first of each."""
    if number:
        return _first_of(conn, _t.number_key, number, number + ":", limit, lapsed)
    return _first_of(conn, _t.company_name, name, name + "\U0010ffff", limit, lapsed) if name else ()


def _first_of(
    conn: Connection, column: ColumnElement[Any], first: str, beyond: str, limit: int, lapsed: AbstractSet[int]
) -> tuple[CreditCheck, ...]:
    """Rows by the first few values of a range: no server walks an index in two directions, it would sort them all."""
    values = select(column.label("value")).where(column >= first, column < beyond).distinct().order_by(column)
    few = values.limit(limit).subquery()
    rows = _ALL.join_from(few, credit_checks, column == few.c.value).order_by(column, _t.id.desc())
    return select_records(conn, rows.limit(limit), lapsed)


def insert_pending(
    conn: Connection, client_id: str, number: str, operation_id: str, now: datetime, renews: int | None,
    given_id: int | None = None,
) -> int:  # fmt: skip
    """A new row that holds the claim; a second live one violates the unique index (IntegrityError).

    `given_id` is for a row that vanished and gets its old id back.
    """
    at = naive(now)
    row = {
        "client_id": int(client_id),
        "corporation_number": number,
        "status": CheckState.PENDING.value,
        "certainty": Certainty.KNOWN.value,
        "work_state": WorkState.NONE.value,
        "operation_id": operation_id,
        "renews": renews,
        "dates_zone": None,  # an adopted table has another default
        "asked_at": at,
        "created_at": at,
        "changed_at": at,
    }
    if given_id is not None:
        row["id"] = given_id
    key = conn.execute(_INSERT, row).inserted_primary_key
    record_id = int(key[0]) if key else 0
    announce(conn, record_id, now)
    return record_id


def change(conn: Connection, record: CreditCheck, now: datetime, **values: object) -> None:
    """Write `values` if the row is still as `record` was read; raises Stale, or ForbiddenTransition for a bug.

    Whoever writes the work axis makes the row ours, so the state that was derived until then is written with it.
    """
    target = values.get("status", record.state if "work_state" in values else None)
    if target is not None:
        states.require_check(record.state, CheckState(str(target)))
        values["status"] = CheckState(str(target)).value
    values |= _dates_in(record.dates_zone, values)
    values |= {"version": record.version + 1, "changed_at": naive(now)}
    which = {"of": record.id, "as_read": record.version}
    if conn.execute(_update_of(tuple(values)), values | which).rowcount != 1:
        raise Stale(record.id)
    announce(conn, record.id, now)


def _dates_in(zone: str | None, values: Mapping[str, object]) -> dict[str, object]:
    """Dates (UTC) as the row holds them: other applications go on reading an adopted row in its zone."""
    dates = {name: values[name] for name in ("purchased_at", "expired_at") if zone is not None and name in values}
    return {name: in_zone(at, zone) if isinstance(at, datetime) and zone else at for name, at in dates.items()}


def raise_version(conn: Connection, record: CreditCheck, now: datetime) -> None:
    """Make what people saw of the row stale though none of its values changed: half a decision was taken.

    `changed_at` stays, because ages are counted from it. Raises Stale.
    """
    values = {"version": record.version + 1, "of": record.id, "as_read": record.version}
    if conn.execute(_update_of(("version",)), values).rowcount != 1:
        raise Stale(record.id)
    announce(conn, record.id, now)


@cache
def _update_of(columns: tuple[str, ...]) -> Update:
    """The compare-and-swap that writes these columns, built once."""
    swap = update(credit_checks).where(_t.id == bindparam("of"), _t.version == bindparam("as_read"))
    return swap.values({column: bindparam(column) for column in columns})


def require_unchanged(conn: Connection, record: CreditCheck) -> None:
    """For decisions that write beside the row; raises Stale as `change` does."""
    row = conn.execute(_GET, {"of": record.id}).first()
    if row is None or row.version != record.version:
        raise Stale(record.id)


def holder_before(conn: Connection, record: CreditCheck, number: str) -> CreditCheck | None:
    """The other record that holds the claim on `number` which this one, of the same client, would need."""
    holder = live(conn, record.client_id, number) if record.live else None
    return None if holder is None or holder.id == record.id else holder


def renewed_by(conn: Connection, record_id: int) -> CreditCheck | None:
    """The record that `record_id` superseded, if it was bought as a renewal."""
    row = conn.execute(_RENEWED_BY, {"of": record_id}).first()
    return to_record(row, frozenset()) if row else None


def later_success() -> ColumnElement[bool]:
    """SQL: a later success of the same client and number exists (an error is then only history)."""
    later = credit_checks.alias("later")
    return exists().where(
        later.c.number_key == _t.number_key,
        later.c.client_id == _t.client_id,
        later.c.id > _t.id,
        later.c.seen_status == CheckState.SUCCESS.value,
    )


def announce(conn: Connection, record_id: int, now: datetime) -> None:
    """Tell the feed that live views read."""
    swaps.announce(conn, KIND, record_id, now)


def all_records() -> Select[Any]:
    """Select of everything `to_record` needs, to be narrowed by the caller."""
    return _ALL


def _id_of(record: CreditCheck) -> int:
    return record.id
