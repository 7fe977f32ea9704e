"""Reads the audit rows about one record, with all values that are needed to compute their hashes again. An evidence
pack contains these rows, so that a reader can verify it without the database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, String, cast, select

from console.store.audit.hash_chain import HASHED_COLUMNS
from console.store.records.history import ROWS_PER_BATCH, make_reports_more_than_reading_condition
from console.store.schema.core import audit_log
from console.store.spool.spool import ChainHead

_AUDIT_COLUMNS = [
    cast(audit_log.c.at, String(26)).label("at") if name == "at" else audit_log.c[name] for name in HASHED_COLUMNS
]
_AUDIT_ROWS_OF_RECORD_QUERY = (
    select(audit_log.c.id, *_AUDIT_COLUMNS, audit_log.c.prev_hash, audit_log.c.hash)
    .where(make_reports_more_than_reading_condition())
    .order_by(audit_log.c.id)
    .limit(ROWS_PER_BATCH)
)


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One audit row with the values that are needed to verify its hash. `content` has the values by column, in the
    order of HASHED_COLUMNS. `previous_hash` is the hash of the previous row in its chain. `hash` covers the content
    and the previous hash."""

    id: int
    content: Mapping[str, object]
    previous_hash: str
    hash: str

    @property
    def head(self) -> ChainHead:
        """This row as a `ChainHead`: its chain, its position in the chain (seq), its row id and its hash."""
        return ChainHead(str(self.content["session"]), int(str(self.content["seq"])), self.id, self.hash)


def iterate_audit_rows_of_record(conn: Connection, kind: str, id: str) -> Iterator[ChainRow]:
    """Yield the audit rows about one record, oldest first. Rows that only report that a person has read the record
    are left out. The rows are read page by page, so memory stays constant."""
    last_id = 0
    query = _AUDIT_ROWS_OF_RECORD_QUERY.where(audit_log.c.subject_kind == kind, audit_log.c.subject_id == id)
    while page := conn.execute(query.where(audit_log.c.id > last_id)).all():
        for row in page:
            content = dict(zip(HASHED_COLUMNS, row[1:-2], strict=True))
            yield ChainRow(row.id, content, row.prev_hash, row.hash)
        last_id = page[-1].id


def find_head_of_chain(conn: Connection, chain: str, last_id: int) -> ChainHead | None:
    """Return the last row of a chain among the audit rows with an id of at most `last_id`; None if there is none."""
    heads = select(audit_log.c.seq, audit_log.c.id, audit_log.c.hash).where(
        audit_log.c.session == chain, audit_log.c.id <= last_id
    )
    row = conn.execute(heads.order_by(audit_log.c.seq.desc()).limit(1)).first()
    return None if row is None else ChainHead(chain, row.seq, row.id, row.hash)
