"""Convert the values of an evidence pack to text and JSON in which the payers' names are masked."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from typing import Any, Protocol

from console.domain.calendar_days import format_instant
from console.domain.evidence.timeline import TimelineEvent, TimelinePage, mask_text
from console.domain.registry.facts import REGISTRY_LICENCE, REGISTRY_PUBLISHER, CorporationFacts

_FIELDS_EXCLUDED_FROM_PACK = frozenset(("handle", "registry_entry", "name_in_credit_check"))
"""Names of the fields of records that are left out of a pack: `handle`, which only the payer may use, and
`registry_entry`, because the pack has the registry's facts in a separate file, and `name_in_credit_check`, which is
no part of the record."""
_PACK_VERIFICATION_TEXT = """\
この証跡一式の確かめ方 / How to verify this evidence pack

1. manifest.json lists every file with its length and SHA-256 checksum (sha256). The checksum of the whole ZIP file is
   in the audit trail of the original database (entry evidence_pack.exported of this record).
   manifest.json に全ファイルの長さと sha256 があります。ZIP 全体の sha256 は、元のデータベースの監査記録にあります。
2. audit.json contains the audit entries of this record. The hash of an entry is
       sha256( prev_hash + json.dumps([session, seq, at, who, desk, what, subject_kind, subject_id, result, reason,
                                       detail], ensure_ascii=True, separators=(",", ":")) )
   The prev_hash of an entry is the hash of the entry before it (seq - 1) in the same session. "anchor" is the hash
   that the desk saw when the entry was committed. "head" is the last entry of a session at that time. "withheld"
   entries belong to other people: the pack contains only their hashes.
   audit.json の各行のハッシュは上の式で計算し直せます。元のデータベースでは次のコマンドで全体を確かめられます。
3. To check the whole audit trail, run this command on the original database: support-console audit verify
"""

_BUNDLE_VERIFICATION_TEXT = """\
複数の証跡一式の確かめ方 / How to verify this evidence bundle

1. manifest.json lists every file with its length and SHA-256 checksum (sha256). The checksum of the whole ZIP file is
   in the audit trail of the original database (entry evidence_bundle.exported); the checksum of each pack is in the
   entry evidence_pack.exported of its record.
   manifest.json に全ファイルの長さと sha256 があります。
   ZIP 全体と各証跡一式の sha256 は、元のデータベースの監査記録にあります。
2. index.json lists the records and their packs. Each pack in the folder packs can be taken out and verified alone, as
   its own verify.txt says.
   index.json は記録と証跡一式の一覧です。packs フォルダーの証跡一式は、1 件ずつ取り出して確かめることもできます。
"""


class JsonValueMaker:
    """Converts values to the types of JSON. In texts, the names of payers in `payer_names` are masked."""

    def __init__(self, payer_names: tuple[str, ...]) -> None:
        self._payer_names = payer_names

    def make_record_fields(self, record: Any) -> dict[str, object]:
        """Return the fields of a record (a dataclass) by name, in the types of JSON, without the fields of
        `_FIELDS_EXCLUDED_FROM_PACK`."""
        names = (field.name for field in fields(record) if field.name not in _FIELDS_EXCLUDED_FROM_PACK)
        return {name: self.make_json_value(getattr(record, name)) for name in names}

    def make_registry_fields(self, facts: CorporationFacts) -> dict[str, object]:
        """Return the facts of the corporation registry about a record's corporation, in the types of JSON: the fields
        of `facts` by name (among them the registry date), `source` (the publisher) and `licence`."""
        return {"source": REGISTRY_PUBLISHER, "licence": REGISTRY_LICENCE, **self.make_record_fields(facts)}

    def make_event_fields(self, event: TimelineEvent) -> dict[str, object]:
        """Return the fields of an event of a timeline by name, in the types of JSON."""
        return {
            "at": event.at.isoformat(timespec="microseconds"), "step": event.event_kind.value, "who": event.who,
            "what": event.what, "result": event.result, "kind": event.kind, "id": event.id,
            "operation_id": event.operation_id, "session": event.session, "correlation": event.correlation,
            "evidence": list(event.evidence),
            "kept_in": {"table": event.source.partition(":")[0], "row": event.row},
            "facts": self.make_json_value(event.facts),
        }  # fmt: skip

    def make_json_value(self, value: object) -> object:
        """Return the value in the types of JSON, with masked payers' names."""
        match value:
            case None | bool() | int() | float():
                return value
            case datetime():
                return format_instant(value)
            case date():
                return value.isoformat()
            case Enum():
                return self.make_json_value(value.value)
            case Mapping():
                return {str(key): self.make_json_value(part) for key, part in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.make_json_value(part) for part in value]
        if hasattr(value, "__dataclass_fields__"):
            return self.make_record_fields(value)
        return mask_text(str(value), self._payer_names)


class TimelineTextWriter(Protocol):
    """Writes the events of a timeline as plain text, one line for each event. `console.wording.timelines`
    implements this interface."""

    def format_header_lines(self, timeline: TimelinePage, language: str) -> Iterator[str]:
        """Yield the lines above the events of the timeline, in the language `language` ("ja" or "en"), each without a
        line end."""

    def format_event_line(self, event: TimelineEvent, timeline: TimelinePage, language: str) -> str:
        """Return the line about one event of the timeline, in the language `language` ("ja" or "en"), without a line
        end.
        """


def encode_timeline_line(text: str, timeline: TimelinePage) -> bytes:
    """Return one line of a timeline's text as UTF-8 bytes with a line end. The names of payers in the line are
    masked."""
    return mask_text(text, timeline.hidden_texts).encode("utf-8", "backslashreplace") + b"\n"


def encode_bundle_verification_text() -> bytes:
    """Return, in UTF-8, the Japanese and English instructions with which a person can verify an evidence bundle
    without this program."""
    return _BUNDLE_VERIFICATION_TEXT.encode()


def encode_pack_verification_text() -> bytes:
    """Return, in UTF-8, the Japanese and English instructions with which a person can verify an evidence pack
    without this program."""
    return _PACK_VERIFICATION_TEXT.encode()
