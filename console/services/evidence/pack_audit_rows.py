"""Write the audit entries of an evidence pack in a form whose hashes can be verified without the database."""

from collections.abc import Iterator, Sequence

from console.services.evidence.pack_archive import encode_json_list
from console.services.process.context import ServiceContext
from console.store.audit import record_proof as audit_proof
from console.store.audit.hash_chain import HASHED_COLUMNS
from console.store.audit.record_proof import ChainRow
from console.store.database.sqlalchemy_names import Connection
from console.store.spool.spool import ChainHead


class VerifiableAuditEntryWriter:
    """Writes the audit entries of an evidence pack as lines of JSON. Each line is an object with one of these keys:

    - `form`: the columns that are hashed, in their order.
    - `row`: an audit entry.
    - `withheld`: only the position and the hashes of another person's entry, if the exporting person may export only
      their own entries.
    - `head`: the position and hash of the last entry of a chain that isn't newer than the newest entry of the pack;
      one line for each chain of which the pack has an entry.

    `row` and `withheld` have `anchor`, the hashes that the spool of this desk has stored for this position in the
    chain.

    `subjects` has the kind and id of each record whose audit entries are written. `only_person` is the only person
    whose entries are written in full; None: all entries are written in full.
    """

    def __init__(
        self, context: ServiceContext, conn: Connection, subjects: Sequence[tuple[str, str]], only_person: str | None
    ) -> None:
        self._context, self._conn, self._subjects, self._only_person = context, conn, subjects, only_person
        self.row_count, self.withheld_count = 0, 0
        self._chains: set[str] = set()
        self._newest_row_id = 0

    def iterate_chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the file with the audit entries. After the last chunk, `row_count` and
        `withheld_count` are the numbers of the lines with the keys `row` and `withheld`."""
        return encode_json_list(self._iterate_lines())

    def _iterate_lines(self) -> Iterator[object]:
        yield {"form": {"columns": ["prev_hash", *HASHED_COLUMNS], "hash": "sha256", "encoding": "json-ascii"}}
        for kind, id in self._subjects:
            for row in audit_proof.iterate_audit_rows_of_record(self._conn, kind, id):
                yield self._make_audit_line(row)
        for chain in sorted(self._chains):
            head = audit_proof.find_head_of_chain(self._conn, chain, self._newest_row_id)
            if head is not None:
                yield {"head": _make_chain_head_facts(head)}

    def _make_audit_line(self, row: ChainRow) -> object:
        chain_head = row.head
        self._chains.add(chain_head.chain)
        self._newest_row_id = max(self._newest_row_id, row.id)
        anchor_hashes = [
            anchor.hash
            for anchor in self._context.spool.list_anchors_at(
                self._context.database_id, chain_head.chain, chain_head.seq
            )
        ]
        chain_facts = {"id": row.id, "prev_hash": row.previous_hash, "hash": row.hash, "anchor": anchor_hashes}
        if self._only_person is not None and row.content["who"] != self._only_person:
            self.withheld_count += 1
            return {"withheld": {"session": chain_head.chain, "seq": chain_head.seq, **chain_facts}}
        self.row_count += 1
        return {"row": {**row.content, **chain_facts}}


def _make_chain_head_facts(head: ChainHead) -> dict[str, object]:
    return {"session": head.chain, "seq": head.seq, "id": head.row_id, "hash": head.hash}
