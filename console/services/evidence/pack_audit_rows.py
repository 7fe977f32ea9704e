"""The audit rows of a case, so that anybody can compute their hashes again without the database."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from console.services.desk import Desk
from console.services.pack_file import json_list
from console.store import audit_proof
from console.store.audit_chain import CONTENT
from console.store.audit_proof import ChainRow
from console.store.spool import Head


class AuditProof:
    """Lines of JSON: `form` (what is hashed, in which order), then `row` (or `withheld`: another person's row, by its
    hash alone, where the reader may export only own ones), each with what this desk saw committed (`anchor`), and at
    the end the `head` of each chain at the moment of the case's last row.
    """

    def __init__(self, desk: Desk, conn: Connection, subjects: Sequence[tuple[str, str]], whose: str | None) -> None:
        self._desk, self._conn, self._subjects, self._whose = desk, conn, subjects, whose
        self.rows, self.withheld = 0, 0
        self._chains: set[str] = set()
        self._newest = 0

    def chunks(self) -> Iterator[bytes]:
        """The part, in flat memory; `rows` and `withheld` count afterwards."""
        return json_list(self._lines())

    def _lines(self) -> Iterator[object]:
        yield {"form": {"columns": ["prev_hash", *CONTENT], "hash": "sha256", "encoding": "json-ascii"}}
        for kind, id in self._subjects:
            for row in audit_proof.rows_of(self._conn, kind, id):
                yield self._line(row)
        for chain in sorted(self._chains):
            head = audit_proof.head_of(self._conn, chain, self._newest)
            if head is not None:
                yield {"head": _place(head)}

    def _line(self, row: ChainRow) -> object:
        place = row.place
        self._chains.add(place.chain)
        self._newest = max(self._newest, row.id)
        seen = [one.hash for one in self._desk.spool.anchor_of(self._desk.database_id, place.chain, place.seq)]
        chained = {"id": row.id, "prev_hash": row.before, "hash": row.hash, "anchor": seen}
        if self._whose is not None and row.content["who"] != self._whose:
            self.withheld += 1
            return {"withheld": {"session": place.chain, "seq": place.seq, **chained}}
        self.rows += 1
        return {"row": {**row.content, **chained}}


def _place(head: Head) -> dict[str, object]:
    return {"session": head.chain, "seq": head.seq, "id": head.row_id, "hash": head.hash}
