"""Write evidence bundles: one ZIP file with the evidence packs of several records and an index.

Each pack in a bundle has the same bytes as a pack that `EvidencePackWriter` writes as a file, so a person can extract
the pack and verify it without the bundle.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.evidence.timeline import EARLIEST_INSTANT
from console.domain.records import Person
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.evidence import pack
from console.services.evidence.pack import EvidencePackWriter, PackContent, iterate_chunks
from console.services.evidence.pack_archive import BUNDLE_FORMAT_NAME, FileDigest, PackWriter, encode_json
from console.services.evidence.pack_text import encode_bundle_verification_text
from console.services.process.context import ServiceContext
from console.services.process.new_file import open_new_file, publish_with_audit_entry
from console.services.process.temporary_files import open_temporary_file
from console.settings.unfinished_files import UnfinishedFile
from console.store.database.engine import Transaction

MAX_PACKS_PER_BUNDLE = 500
"""Largest number of records of one bundle."""
LARGEST_BUNDLE_BYTES = 1000 * 1024 * 1024
"""Largest sum of the packs of a bundle, in bytes. A pack that would exceed it is left out and listed in the index."""
PackCountReporter = Callable[[int, int], None]
"""Function that is called before each pack and after the last one, with the number of packs finished so far (also
those that are left out) and the number of all records. It may raise an exception to cancel; then no file remains.
"""
_BUNDLE_AUDIT_ACTION = AuditAction.EVIDENCE_BUNDLE_EXPORTED
_BUNDLE_AUDIT_KIND = "export"
_BUNDLE_AUDIT_SUBJECT = "evidence"
_PACK_TOO_LARGE_REASON = "too_large"


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """A written evidence bundle. `file` is the path of its file, `bytes` the size, `sha256` the SHA-256 of the
    file, which is also in the audit entry. `packs` is the number of its packs, and `left_out` has the names of
    the packs, and of the files in packs, that were left out.
    """

    file: str
    bytes: int
    sha256: str
    packs: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _BundledPack:
    """An evidence pack of a bundle: its content, and the digest of its file. `is_left_out` is True if the file would
    exceed the largest size of the bundle; the digest then has no SHA-256 ("")."""

    content: PackContent
    digest: FileDigest
    is_left_out: bool = False

    @property
    def index_fields(self) -> dict[str, object]:
        return {
            "file": None if self.is_left_out else self.digest.name,
            "kind": self.content.kind,
            "id": self.content.record_id,
            "bytes": self.digest.bytes,
            "sha256": self.digest.sha256,
            "files": self.content.file_count,
            "left_out": [_PACK_TOO_LARGE_REASON] if self.is_left_out else list(self.content.left_out),
        }


class EvidenceBundleWriter:
    """Writes evidence bundles for people who may export the audit trail."""

    def __init__(
        self, context: ServiceContext, pack_writer: EvidencePackWriter, max_bytes: int = LARGEST_BUNDLE_BYTES
    ) -> None:
        self._context, self._pack_writer, self._max_bytes = context, pack_writer, max_bytes

    def write(
        self,
        records: Sequence[tuple[str, int | str]],
        path: Path,
        progress: PackCountReporter = lambda _done, _of: None,
    ) -> WrittenBundle:
        """Write the evidence packs of these records (kind and id), in this order, to the new file `path`. A record
        that is named twice gets one pack. Write an audit entry about the bundle and an audit entry about each pack
        in it, all in one transaction. Return a description of the file. The method calls `progress` before each pack
        and after the last one, with the number of written packs and the number of all packs.

        Raises not_found if one of the records is missing; no_operator if no name of a person is configured;
        not_allowed if the acting person has no right to export the audit trail; usage (file_exists) if the file
        exists, (no_folder) if its folder doesn't exist, (bulk_size) for no records or more than
        MAX_PACKS_PER_BUNDLE; storage_full if the file can't be written.
        """
        with refusals.audit_refusals(
            self._context, _BUNDLE_AUDIT_ACTION, _BUNDLE_AUDIT_SUBJECT, kind=_BUNDLE_AUDIT_KIND
        ):
            person = self._context.require_right("audit_any")
        record_keys = tuple(dict.fromkeys((kind, _normalise_id(id)) for kind, id in records))
        if not 0 < len(record_keys) <= MAX_PACKS_PER_BUNDLE:
            raise ConsoleError(
                ErrorCode.USAGE,
                {"problem": UsageProblem.INVALID_RECORD_COUNT, "n": len(record_keys), "most": MAX_PACKS_PER_BUNDLE},
            )
        with open_new_file(path) as draft:
            bundled_packs = self._write_packs(draft, record_keys, person, progress)
            return self._publish_bundle(draft, bundled_packs)

    def _write_packs(
        self,
        draft: UnfinishedFile,
        record_keys: Sequence[tuple[str, str]],
        person: Person,
        progress: PackCountReporter,
    ) -> list[_BundledPack]:
        bundled_packs = list[_BundledPack]()
        with closing(PackWriter(draft.file, EARLIEST_INSTANT, BUNDLE_FORMAT_NAME)) as bundle:
            for written_count, (kind, id) in enumerate(record_keys):
                progress(written_count, len(record_keys))
                bundled_packs.append(self._add_pack(bundle, kind, id, person))
            progress(len(record_keys), len(record_keys))
            self._add_index(bundle, bundled_packs)
        return bundled_packs

    def _add_index(self, bundle: PackWriter, bundled_packs: Sequence[_BundledPack]) -> None:
        bundle.set_file_date(_find_last_event_time(bundled_packs))
        for language in ("en", "ja"):
            lines = (_make_index_lines(bundled_pack, language) for bundled_pack in bundled_packs)
            bundle.add_file(f"index.{language}.txt", lines)
        bundle.add_file("index.json", [encode_json([bundled_pack.index_fields for bundled_pack in bundled_packs])])
        bundle.add_file("verify.txt", [encode_bundle_verification_text()])
        omitted_names = [bundled_pack.digest.name for bundled_pack in bundled_packs if bundled_pack.is_left_out]
        bundle.close_with_manifest(
            {
                "database": self._context.database_id,
                "packs": len(bundled_packs) - len(omitted_names),
                "left_out": omitted_names,
            }
        )

    def _add_pack(self, bundle: PackWriter, kind: str, id: str, person: Person) -> _BundledPack:
        with open_temporary_file() as file:
            content = self._pack_writer.write_content(file, kind, id, person)
            name, size = f"packs/{content.kind}-{content.record_id}.zip", file.tell()
            if bundle.size_bytes + size > self._max_bytes:
                return _BundledPack(content, FileDigest(name, size, ""), is_left_out=True)
            bundle.set_file_date(content.last_event_at)
            return _BundledPack(content, bundle.add_file(name, iterate_chunks(file)))

    def _publish_bundle(self, draft: UnfinishedFile, bundled_packs: Sequence[_BundledPack]) -> WrittenBundle:
        context, written_packs = (
            self._context,
            [bundled_pack for bundled_pack in bundled_packs if not bundled_pack.is_left_out],
        )
        size, digest = draft.compute_length_and_sha256()

        def record_entries(tx: Transaction, /, *, result: str, reason: ErrorCode | None) -> None:
            record_audit = partial(context.record_audit, tx, result=result, reason=reason)
            facts = {"sha256": digest, "bytes": size, "n": len(written_packs)}
            record_audit(_BUNDLE_AUDIT_ACTION, _BUNDLE_AUDIT_SUBJECT, facts, kind=_BUNDLE_AUDIT_KIND)
            for bundled_pack in written_packs:
                content, pack_digest = bundled_pack.content, bundled_pack.digest
                pack_facts = {
                    "sha256": pack_digest.sha256,
                    "bytes": pack_digest.bytes,
                    "files": content.file_count,
                    "bundle": digest,
                }
                record_audit(pack.PACK_EXPORT_ACTION, content.record_id, pack_facts, kind=content.kind)

        publish_with_audit_entry(context, draft, record_entries)
        omitted_names = [bundled_pack.digest.name for bundled_pack in bundled_packs if bundled_pack.is_left_out]
        omitted_names += [
            f"{bundled_pack.digest.name}/{part}"
            for bundled_pack in written_packs
            for part in bundled_pack.content.left_out
        ]
        return WrittenBundle(str(draft.final_path), size, digest, len(written_packs), tuple(omitted_names))


def _normalise_id(id: int | str) -> str:
    """Return the id of a record as text, a number without leading zeros. Two packs of one record would have the same
    name in the bundle, and the verification would report the bundle as damaged."""
    text = str(id)
    return (text.lstrip("0") or "0") if text.isdecimal() else text


def _make_index_lines(bundled_pack: _BundledPack, language: str) -> bytes:
    """Return the two lines of one evidence pack in the index of a bundle in the language `language` ("ja" or "en"):
    the first line of the pack's timeline and, below it, the name of its file (`-` if the pack was left out)."""
    name = "-" if bundled_pack.is_left_out else bundled_pack.digest.name
    return bundled_pack.content.title_by_language[language] + f"    {name}\n".encode()


def _find_last_event_time(bundled_packs: Sequence[_BundledPack]) -> datetime:
    return max((entry.content.last_event_at for entry in bundled_packs), default=EARLIEST_INSTANT)
