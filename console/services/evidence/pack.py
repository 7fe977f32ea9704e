"""Everything that proves one case, in one ZIP: its story, its records, the providers' answers, PDFs, the audit rows.

Nothing in it depends on when or by which program it was written: the same facts give the same bytes. File names are
made of our ids and hashes alone. What others wrote is text inside JSON, or a PDF as it was stored.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from sqlalchemy import Connection

from console.domain.dates import instant_text
from console.domain.errors import ConsoleError
from console.domain.permissions import AUDITOR
from console.domain.records import Document, EvidenceItem, Person
from console.domain.story import NEVER, Event
from console.services import pack_words, refusals
from console.services.desk import Desk
from console.services.explaining import Family, Story, facts_of, family_of, kind_of, walk
from console.services.pack_audit import AuditProof
from console.services.pack_file import Draft, PackFile, draft, json_list, json_text
from console.store import credit_checks, evidence, payment_events, payments
from console.store.happenings import OPERATION

LARGEST = 256 * 1024 * 1024
"""Bytes of all parts before they are packed; what doesn't fit is left out, and said so in the manifest."""
MOST_EVENTS = 100_000
LANGUAGES = ("ja", "en")
_HASH = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 16
_WHAT = "evidence_pack.exported"


@dataclass(frozen=True, slots=True)
class PackWritten:
    """Where a pack went: its size and hash (which the audit trail keeps), how many files, and which were left out."""

    file: str
    bytes: int
    sha256: str
    files: int
    left_out: tuple[str, ...] = ()


class EvidencePacks:
    """Written by whoever may export the trail: auditors all of it, others their own rows of it."""

    def __init__(self, desk: Desk, largest: int = LARGEST) -> None:
        self._desk = desk
        self._largest = largest

    def write(self, kind: str, id: int | str, path: Path) -> PackWritten:
        """Write the pack of a record to a new file, and into the trail that it was exported.

        Raises not_found, not_allowed, no_operator, usage (file_exists), storage_full.
        """
        subject = kind if kind == OPERATION or str(id).isdecimal() else "evidence_pack"
        with refusals.audited(self._desk, _WHAT, str(id)[:40], kind=subject[:32]):
            person = self._desk.require("audit_any")
        try:
            with draft(Path(path).absolute()) as new:
                return self._write(new, kind, id, person)
        except FileExistsError as exists:
            raise ConsoleError("usage", {"problem": "file_exists", "file": str(path)}) from exists
        except OSError as trouble:
            raise ConsoleError("storage_full", {"file": str(path), "problem": str(trouble)}) from trouble

    def _write(self, new: Draft, kind: str, id: int | str, person: Person) -> PackWritten:
        desk = self._desk
        with desk.database.read() as conn:
            desk.reader(conn)
            family = family_of(desk, conn, kind, id)
            whose = None if AUDITOR in person.roles else person.name
            packing = _Packing(desk, conn, family, whose, self._largest)
            files, left_out = packing.write(new.file)
        desk.failpoints.reach("after_pack_written")
        size, digest = new.sha256()
        facts = {"sha256": digest, "bytes": size, "files": files}
        desk.write(lambda tx: desk.note(tx, _WHAT, family.record.id, facts, kind=kind))
        desk.failpoints.reach("before_pack_named")
        new.publish()
        return PackWritten(str(new.final), size, digest, files, left_out)


class _Packing:
    """One pack while it is written."""

    def __init__(self, desk: Desk, conn: Connection, family: Family, whose: str | None, largest: int) -> None:
        self._desk, self._conn, self._family, self._largest = desk, conn, family, largest
        self._whose = whose
        self._plain = pack_words.Plain(family.hidden)
        self._left_out: list[dict[str, object]] = []
        record = family.record
        self._story = Story(kind_of(record), str(record.id), (), None, facts_of(family), family.hidden)
        self._events, self._until, self._cut = 0, NEVER, False

    def write(self, file: BinaryIO) -> tuple[int, tuple[str, ...]]:
        """All parts in the order of their names, then the manifest; how many, and what was left out."""
        with TemporaryFile() as told, TemporaryFile() as ja, TemporaryFile() as en:
            self._tell(told, {"ja": ja, "en": en})
            pack = PackFile(file, self._until)
            proof = AuditProof(self._desk, self._conn, self._family.subjects, self._whose)
            self._answers(pack)
            pack.add("audit.json", proof.chunks())
            self._documents(pack)
            pack.add(_json("record"), [json_text(self._records())])
            for language, text in (("en", en), ("ja", ja)):
                pack.add(_text("timeline", language), _chunks(text))
            pack.add(_json("timeline"), _chunks(told))
            pack.add("verify.txt", [pack_words.verify_text()])
            pack.close(self._about(proof))
        return len(pack.parts), tuple(str(one["name"]) for one in self._left_out)

    def _about(self, proof: AuditProof) -> dict[str, object]:
        return {
            "kind": self._story.kind,
            "id": self._story.id,
            "database": self._desk.database_id,
            "until": None if self._until == NEVER else instant_text(self._until),
            "events": {"told": self._events, "cut": self._cut},
            "audit": {"rows": proof.rows, "withheld": proof.withheld, "whose": self._whose or "all"},
            "left_out": self._left_out,
        }

    # The story

    def _tell(self, told: BinaryIO, texts: dict[str, BinaryIO]) -> None:
        """Each event once, in every form."""
        for language, text in texts.items():
            text.writelines(pack_words.head(self._story, language))

        def lines() -> Iterator[object]:
            for event in self._walk():
                for language, text in texts.items():
                    text.write(pack_words.told(event, self._story, language))
                yield self._plain.event(event)

        told.writelines(json_list(lines()))

    def _walk(self) -> Iterator[Event]:
        events = walk(self._conn, self._family)
        for event in islice(events, MOST_EVENTS):
            self._events, self._until = self._events + 1, max(self._until, event.at)
            yield event
        self._cut = next(events, None) is not None

    def _records(self) -> dict[str, object]:
        own, *related = [
            {"kind": kind_of(one), **self._plain.record(one)} for one in (self._family.record, *self._family.related)
        ]
        return {"record": own, "related": related}

    # What it rests on

    def _answers(self, pack: PackFile) -> None:
        """Providers' answers and people's proofs as they are kept: redacted before they were stored."""
        for name, content in self._kept():
            if self._fits(pack, name, len(content)):
                pack.add(name, [content])

    def _kept(self) -> Iterator[tuple[str, bytes]]:
        for kind, id in sorted(self._family.subjects):
            folder, whose = f"answers/{kind}-{id}", {"kind": kind, "of": id}
            items = evidence.of_operation(self._conn, id) if kind == OPERATION else self._items(kind, id)
            for item in items:
                yield f"{folder}/{item.id:012d}.json", json_text({**whose, **self._plain.record(item)})
            for notice in payment_events.walk(self._conn, int(id)) if kind == payments.KIND else ():
                yield f"{folder}/notice-{notice.id:012d}.json", json_text({**whose, **self._plain.record(notice)})

    def _items(self, kind: str, id: str) -> Iterator[EvidenceItem]:
        return evidence.walk(self._conn, kind, int(id))

    def _documents(self, pack: PackFile) -> None:
        for document in sorted(self._stored(), key=lambda one: one.sha256):
            name = f"documents/{document.sha256}.pdf"
            if not _HASH.fullmatch(document.sha256) or not self._fits(pack, name, document.bytes, document.sha256):
                continue
            try:
                pack.add(name, [self._desk.documents.read(document.path)])
            except ConsoleError as missing:
                reason = str(missing.detail.get("reason", missing.code))
                self._leave_out(name, document.bytes, reason, document.sha256)

    def _stored(self) -> Iterable[Document]:
        for kind, id in self._family.subjects:
            if kind == credit_checks.KIND:
                yield from evidence.documents_of(self._conn, kind, int(id), None)

    def _fits(self, pack: PackFile, name: str, size: int, sha256: str | None = None) -> bool:
        if pack.size + size <= self._largest:
            return True
        self._leave_out(name, size, "too_large", sha256)
        return False

    def _leave_out(self, name: str, size: int, reason: str, sha256: str | None) -> None:
        self._left_out.append({"name": name, "bytes": size, "reason": reason, "sha256": sha256})


def _json(name: str) -> str:
    return f"{name}.json"


def _text(name: str, language: str) -> str:
    return f"{name}.{language}.txt"


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """What was written there, from its beginning."""
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk
