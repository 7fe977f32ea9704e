"""The rows of the audit trail about some records, with all that is needed to compute their hashes again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, String, cast, select

from console.store.audit_chain import CONTENT
from console.store.happenings import BATCH, is_no_reading
from console.store.schema import audit_log
from console.store.spool import Head

_t = audit_log.c
_COLUMNS = [cast(_t.at, String(26)).label("at") if name == "at" else _t[name] for name in CONTENT]
_ROWS = select(_t.id, *_COLUMNS, _t.prev_hash, _t.hash).where(is_no_reading()).order_by(_t.id).limit(BATCH)


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One row as it is hashed: `content` by column, in the order of the form; `hash` covers `before` and content."""

    id: int
    content: Mapping[str, object]
    before: str
    hash: str

    @property
    def place(self) -> Head:
        return Head(str(self.content["session"]), int(str(self.content["seq"])), self.id, self.hash)


def rows_of(conn: Connection, kind: str, id: str) -> Iterator[ChainRow]:
    """The rows about one record, oldest first, a page at a time; openings are left out."""
    last = 0
    mine = _ROWS.where(_t.subject_kind == kind, _t.subject_id == id)
    while page := conn.execute(mine.where(_t.id > last)).all():
        for row in page:
            content = dict(zip(CONTENT, row[1:-2], strict=True))
            yield ChainRow(row.id, content, row.prev_hash, row.hash)
        last = page[-1].id


def head_of(conn: Connection, chain: str, up_to: int) -> Head | None:
    """The last row of a chain whose id is not beyond `up_to`: what had been written there by that moment."""
    heads = select(_t.seq, _t.id, _t.hash).where(_t.session == chain, _t.id <= up_to)
    row = conn.execute(heads.order_by(_t.seq.desc()).limit(1)).first()
    return None if row is None else Head(chain, row.seq, row.id, row.hash)
