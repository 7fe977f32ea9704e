"""Write evidence packs: a ZIP file with the timeline of a record, its related records, providers' answers, PDFs
and audit entries.

The same facts always give the same bytes, independent of the time of writing. File names in the pack consist only
of fixed words, our ids and hashes, never of text from providers or people. PDFs are copied as stored.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from console.domain.access.permissions import AUDITOR
from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import format_instant
from console.domain.errors import ConsoleError
from console.domain.evidence.timeline import EARLIEST_INSTANT, TimelineEvent, TimelinePage
from console.domain.records import Document, Operation, Person
from console.domain.registry.facts import REGISTRY_LICENCE, REGISTRY_PUBLISHER, CorporationFacts
from console.services.audit import refusals
from console.services.evidence import pack_text
from console.services.evidence.pack_archive import PackWriter, encode_json, encode_json_list
from console.services.evidence.pack_audit_rows import VerifiableAuditEntryWriter
from console.services.evidence.pack_text import TimelineTextWriter
from console.services.evidence.timeline import (
    RelatedRecords,
    get_record_kind,
    iterate_events,
    make_timeline_head,
    read_related_records,
)
from console.services.process.context import ServiceContext
from console.services.process.new_file import open_new_file, publish_with_audit_entry
from console.services.process.temporary_files import open_temporary_file
from console.services.records.completer import RecordsCompleter
from console.services.registry.facts import read_facts_of_record
from console.settings.unfinished_files import UnfinishedFile
from console.store.credit_checks import credit_checks
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import events as payment_events
from console.store.payments import payments
from console.store.records import evidence
from console.store.records.history import OPERATION_KIND

if TYPE_CHECKING:
    from console.domain.exports.tables import ExportDocument

LARGEST_PACK_BYTES = 256 * 1024 * 1024
"""Largest size of a pack before compression, in bytes. An answer, a notice or a credit check's PDF that would exceed
it is left out and listed in the manifest; all other parts are written even if they exceed it.
"""
MAX_EVENTS_PER_PACK = 100_000
MAX_LINES_PER_PDF = 5_000
"""Largest number of lines of a timeline (both languages together) from which a PDF is made for the pack. The whole
PDF is in memory while it is made.
"""
PdfWriter: TypeAlias = "Callable[[BinaryIO, ExportDocument], None]"
"""Type of a function that writes the document as a PDF into the file."""
_SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 16
_RECORD_FILE_NAME = "record"
"""Name, without its extension, of the pack's file with the record and its related records. (A text such as
`record.json` in this module would look like a wording key.)"""
_TIMELINE_FILE_STEM = "timeline"
"""Name, without its extension, of the pack's files with the timeline, as JSON, texts and a PDF."""
PACK_EXPORT_ACTION = AuditAction.EVIDENCE_PACK_EXPORTED


@dataclass(frozen=True, slots=True)
class WrittenPack:
    """A written evidence pack. `file` is the path of its file, `bytes` the size, `sha256` the SHA-256 of the file,
    which is also in the audit entry. `files` is the number of files in the pack, and `left_out` has the names
    of the files that were left out because of the size or an error.
    """

    file: str
    bytes: int
    sha256: str
    files: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackContent:
    """The content of an evidence pack that was written to an open file. `kind` and `record_id` name the pack's
    record. `title_by_language` has the first line of the record's timeline by language (as UTF-8), `last_event_at` is
    the time of the last event in the timeline. `file_count` is the number of the pack's files, and `left_out` has the
    names of the files that were left out.
    """

    kind: str
    record_id: int | str
    title_by_language: Mapping[str, bytes]
    last_event_at: datetime
    file_count: int
    left_out: tuple[str, ...]


class EvidencePackWriter:
    """Writes evidence packs for people who may export the audit trail. A pack for an auditor contains all audit
    entries about the record and its related records, a pack for another person the entries of this person and only
    the hashes of the other entries.
    """

    def __init__(
        self,
        context: ServiceContext,
        load_timeline_text_writer: Callable[[], TimelineTextWriter],
        complete_records: RecordsCompleter,
        write_pdf: PdfWriter,
        max_bytes: int = LARGEST_PACK_BYTES,
    ) -> None:
        """Store the objects that the writer uses. `load_timeline_text_writer` returns the object that writes a
        timeline as text; `write_pdf` writes a PDF. `complete_records` returns records with their relations (facts of
        related rows), which the first lines of a timeline need to explain the record. `max_bytes` is the largest size
        of a pack before compression, in bytes, at which answers, notices and PDFs of credit checks are still added.
        """
        self._context, self._load_timeline_text_writer, self._complete_records = (
            context,
            load_timeline_text_writer,
            complete_records,
        )
        self._write_pdf = write_pdf
        self._max_bytes = max_bytes

    def write(self, kind: str, id: int | str, path: Path) -> WrittenPack:
        """Write the evidence pack of a record to the new file `path`, and an audit entry about the export. Return the
        path, size and hash of the file, and the number of files in the pack.

        Raises not_found if the database has no such record; no_operator if no name of a person is configured;
        not_allowed if the acting person has no right to export the audit trail; usage (file_exists) if the file
        exists, (no_folder) if its folder doesn't exist; storage_full if it can't be written.
        """
        subject = kind if kind == OPERATION_KIND or str(id).isdecimal() else "evidence_pack"
        with refusals.audit_refusals(self._context, PACK_EXPORT_ACTION, str(id)[:40], kind=subject[:32]):
            person = self._context.require_right("audit_any")
        with open_new_file(path) as draft:
            return self._write_pack(draft, kind, id, person)

    def write_content(self, file: BinaryIO, kind: str, id: int | str, person: Person) -> PackContent:
        """Write the evidence pack of a record to an open file, for `person`, whose right to export the caller has
        checked. Return a description of the written content. Raises not_found if the database has no such record, and
        not_allowed if the acting person has no right to read."""
        context = self._context
        with context.database.read() as conn:
            context.find_reading_person(conn)
            related_records = read_related_records(context, conn, kind, id)
            only_person = None if AUDITOR in person.roles else person.name
            timeline_head = make_timeline_head(
                conn, related_records, self._complete_records, _find_last_change_time(related_records)
            )
            pack_draft = _PackDraft(
                context,
                conn,
                related_records,
                timeline_head,
                only_person,
                self._load_timeline_text_writer(),
                self._write_pdf,
                self._max_bytes,
            )
            file_count, omitted_names = pack_draft.write(file)
        return PackContent(
            get_record_kind(related_records.record),
            related_records.record.id,
            pack_draft.titles,
            pack_draft.last_event_at,
            file_count,
            omitted_names,
        )

    def _write_pack(self, pack_draft: UnfinishedFile, kind: str, id: int | str, person: Person) -> WrittenPack:
        context = self._context
        content = self.write_content(pack_draft.file, kind, id, person)
        context.failpoints.reach("after_pack_written")
        size, digest = pack_draft.compute_length_and_sha256()
        facts = {"sha256": digest, "bytes": size, "files": content.file_count}
        record_entry = partial(
            context.record_audit, action=PACK_EXPORT_ACTION, subject_id=content.record_id, detail=facts, kind=kind
        )
        publish_with_audit_entry(context, pack_draft, record_entry, failpoint="before_pack_named")
        return WrittenPack(str(pack_draft.final_path), size, digest, content.file_count, content.left_out)


class _PackDraft:
    """Writes the files of one evidence pack. `timeline_head` has the facts of the first lines of the pack's timeline.
    `only_person`: only the audit entries of this person are written in full (None: all entries). `max_bytes`: an
    answer, a notice or a credit check's PDF with which the sum of the files so far would exceed this number of bytes
    is left out. The other files are written at any size, except the PDF of a very long timeline (MAX_LINES_PER_PDF).
    After `write`, `titles` has the first line of the timeline by language, and `last_event_at` the time of the last
    event."""

    def __init__(
        self,
        context: ServiceContext,
        conn: Connection,
        related_records: RelatedRecords,
        timeline_head: Mapping[str, object],
        only_person: str | None,
        timeline_text_writer: TimelineTextWriter,
        write_pdf: PdfWriter,
        max_bytes: int,
    ) -> None:
        self._timeline_text_writer, self._write_pdf = timeline_text_writer, write_pdf
        self._context, self._conn, self._related_records, self._max_bytes = (
            context,
            conn,
            related_records,
            max_bytes,
        )
        self._only_person = only_person
        self._plain_values = pack_text.JsonValueMaker(related_records.payer_names)
        self._omitted_files: list[dict[str, object]] = []
        record = related_records.record
        self._registry_facts = read_facts_of_record(context, conn, record)
        self._timeline = TimelinePage(
            get_record_kind(record),
            str(record.id),
            (),
            None,
            {**timeline_head, **_make_official_name_facts(self._registry_facts)},
            related_records.payer_names,
            related_records.number_by_key,
        )
        self.titles: dict[str, bytes] = {}
        self._event_count, self.last_event_at, self._is_cut = 0, EARLIEST_INSTANT, False

    def write(self, file: BinaryIO) -> tuple[int, tuple[str, ...]]:
        """Write all files of the evidence pack sorted by their names, then the manifest. Return the number of the
        files and the names of the files that were left out."""
        with open_temporary_file() as event_lines, open_temporary_file() as ja, open_temporary_file() as en:
            self._write_timeline(event_lines, {"ja": ja, "en": en})
            with closing(PackWriter(file, self.last_event_at)) as pack:
                audit_entries = VerifiableAuditEntryWriter(
                    self._context, self._conn, self._related_records.record_keys, self._only_person
                )
                self._add_answers(pack)
                pack.add_file("audit.json", audit_entries.iterate_chunks())
                self._add_documents(pack)
                pack.add_file(f"{_RECORD_FILE_NAME}.json", [encode_json(self._collect_record_fields())])
                if self._registry_facts is not None:
                    content = self._plain_values.make_registry_fields(self._registry_facts)
                    pack.add_file("registry.json", [encode_json(content)])
                for language, text in (("en", en), ("ja", ja)):
                    pack.add_file(f"{_TIMELINE_FILE_STEM}.{language}.txt", iterate_chunks(text))
                pack.add_file(f"{_TIMELINE_FILE_STEM}.json", iterate_chunks(event_lines))
                self._add_timeline_pdf(pack, (ja, en))
                pack.add_file("verify.txt", [pack_text.encode_pack_verification_text()])
                pack.close_with_manifest(self._make_manifest_fields(audit_entries))
        return len(pack.file_digests), tuple(str(part["name"]) for part in self._omitted_files)

    def _make_manifest_fields(self, audit_entries: VerifiableAuditEntryWriter) -> dict[str, object]:
        return {
            "kind": self._timeline.kind,
            "id": self._timeline.id,
            "database": self._context.database_id,
            "until": None if self.last_event_at == EARLIEST_INSTANT else format_instant(self.last_event_at),
            "events": {"told": self._event_count, "cut": self._is_cut},
            "audit": {
                "rows": audit_entries.row_count,
                "withheld": audit_entries.withheld_count,
                "whose": self._only_person or "all",
            },
            "left_out": self._omitted_files,
        }

    # Timeline

    def _write_timeline(self, event_lines: BinaryIO, texts: dict[str, BinaryIO]) -> None:
        """Read each event of the timeline once, and write it as JSON to `event_lines` and as text to the file of
        each language in `texts`."""
        for language, text in texts.items():
            lines = self._timeline_text_writer.format_header_lines(self._timeline, language)
            encoded_lines = [pack_text.encode_timeline_line(line, self._timeline) for line in lines]
            self.titles[language] = encoded_lines[0]
            text.writelines(encoded_lines)

        def iterate_events() -> Iterator[object]:
            for event in self._iterate_events():
                for language, text in texts.items():
                    line = self._timeline_text_writer.format_event_line(event, self._timeline, language)
                    text.write(pack_text.encode_timeline_line(line, self._timeline))
                yield self._plain_values.make_event_fields(event)

        event_lines.writelines(encode_json_list(iterate_events()))

    def _add_timeline_pdf(self, pack: PackWriter, text_files: Sequence[BinaryIO]) -> None:
        """Add one PDF with the timeline's texts, which people can read and print. If the texts have more than
        MAX_LINES_PER_PDF lines, add no PDF, but list its name among the files that were left out.
        """
        from console.domain.exports.tables import ExportDocument

        sizes = [text_file.seek(0, os.SEEK_END) for text_file in text_files]
        name = f"{_TIMELINE_FILE_STEM}.pdf"
        lines = [line for text_file in text_files for line in islice(_read_lines(text_file), MAX_LINES_PER_PDF + 1)]
        if len(lines) > MAX_LINES_PER_PDF:
            self._add_to_omitted_files(name, sum(sizes), "too_large", None)
            return
        content = BytesIO()
        self._write_pdf(content, ExportDocument(lines[0], lines[1:], ()))
        pack.add_file(name, [content.getvalue()])

    def _iterate_events(self) -> Iterator[TimelineEvent]:
        events = iterate_events(self._conn, self._related_records)
        for event in islice(events, MAX_EVENTS_PER_PACK):
            self._event_count, self.last_event_at = self._event_count + 1, max(self.last_event_at, event.at)
            yield event
        self._is_cut = next(events, None) is not None

    def _collect_record_fields(self) -> dict[str, object]:
        record_fields, *related_fields = [
            {"kind": get_record_kind(entry), **self._plain_values.make_record_fields(entry)}
            for entry in (self._related_records.record, *self._related_records.related)
        ]
        return {"record": record_fields, "related": related_fields}

    # Evidence

    def _add_answers(self, pack: PackWriter) -> None:
        """Add the providers' answers and notices and the people's evidence to the pack, with masked payers' names.
        These texts contain no secrets, because the program removes secrets before it stores an answer.
        """
        for name, content in self._iterate_answer_parts():
            if self._accept_or_omit_file(pack, name, len(content)):
                pack.add_file(name, [content])

    def _iterate_answer_parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path in the pack and the content of a file for each piece of evidence."""
        for kind, id in sorted(self._related_records.record_keys):
            folder, subject_fields = f"answers/{kind}-{id}", {"kind": kind, "of": id}
            evidence_items = (
                evidence.find_by_operation(self._conn, id)
                if kind == OPERATION_KIND
                else evidence.iterate_evidence(self._conn, kind, int(id))
            )
            for evidence_item in evidence_items:
                yield (
                    f"{folder}/{evidence_item.id:012d}.json",
                    encode_json({**subject_fields, **self._plain_values.make_record_fields(evidence_item)}),
                )
            for notice in payment_events.iterate_events(self._conn, int(id)) if kind == payments.PAYMENT_KIND else ():
                yield (
                    f"{folder}/notice-{notice.id:012d}.json",
                    encode_json({**subject_fields, **self._plain_values.make_record_fields(notice)}),
                )

    def _add_documents(self, pack: PackWriter) -> None:
        unnamed_count = 0
        for document in sorted(self._list_documents_of_records(), key=lambda document: document.sha256):
            if not _SHA256_PATTERN.fullmatch(document.sha256):
                # A malformed hash is text of unknown origin, so the document gets a number as its name instead.
                unnamed_count += 1
                self._add_to_omitted_files(f"documents/unnamed-{unnamed_count}.pdf", document.bytes, "bad_hash", None)
                continue
            name = f"documents/{document.sha256}.pdf"
            if not self._accept_or_omit_file(pack, name, document.bytes, document.sha256):
                continue
            try:
                pack.add_file(name, [self._context.documents.read(document.path, document.sha256)])
            except ConsoleError as missing:
                reason = str(missing.detail.get("reason", missing.code))
                self._add_to_omitted_files(name, document.bytes, reason, document.sha256)

    def _list_documents_of_records(self) -> Iterable[Document]:
        for kind, id in self._related_records.record_keys:
            if kind == credit_checks.CREDIT_CHECK_KIND:
                yield from evidence.list_documents(self._conn, kind, int(id), None)

    def _accept_or_omit_file(self, pack: PackWriter, name: str, size_bytes: int, sha256: str | None = None) -> bool:
        """Return True if a file of `size_bytes` bytes still fits into the pack. Otherwise add the file `name`, with
        its SHA-256 if this hash is known, to the files that were left out, and return False.
        """
        if pack.size_bytes + size_bytes <= self._max_bytes:
            return True
        self._add_to_omitted_files(name, size_bytes, "too_large", sha256)
        return False

    def _add_to_omitted_files(self, file_name: str, size_bytes: int, reason: str, sha256: str | None) -> None:
        self._omitted_files.append({"name": file_name, "bytes": size_bytes, "reason": reason, "sha256": sha256})


def _make_official_name_facts(facts: CorporationFacts | None) -> dict[str, object]:
    """Return the facts about the corporation's official name for the first lines of the timeline: `official_name`,
    `registry_date` (ISO text), `publisher` and `licence`; empty if the corporation registry has no name of this
    corporation, or if the registry's facts weren't read (`facts` is None)."""
    if facts is None or facts.corporation is None or not facts.corporation.name:
        return {}
    return {
        "official_name": facts.corporation.name,
        "registry_date": facts.registry_date.isoformat(),
        "publisher": REGISTRY_PUBLISHER,
        "licence": REGISTRY_LICENCE,
    }


def _find_last_change_time(related_records: RelatedRecords) -> datetime:
    """Return the time of the last change of the record or of a related record; changes of operations don't count.
    Return EARLIEST_INSTANT if no time is known. The pack explains the record as of this time, so that the same facts
    always give the same text.
    """
    records = (related_records.record, *related_records.related)
    changes = (record.changed_at for record in records if not isinstance(record, Operation))
    return max((at for at in changes if at is not None), default=EARLIEST_INSTANT)


def _read_lines(text: BinaryIO) -> Iterator[str]:
    text.seek(0)
    for line in text:
        yield line.decode("utf-8", "replace").rstrip("\n")


def iterate_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of the file, from its start, in chunks of _CHUNK_BYTES."""
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
