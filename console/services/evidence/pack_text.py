"""What a pack says, in words and as plain values: payers masked, nothing that a terminal or a sheet would run."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any

from console.domain.dates import instant_text
from console.domain.story import Chain, Event, masked

_UNSHOWN = frozenset(("handle",))
"""Fields that are of use to the provider's customer alone."""
_VERIFY = """\
この証跡一式の確かめ方 / How to verify this evidence pack

1. manifest.json lists every file with its length and sha256. The sha256 of the whole ZIP is in the audit trail of the
   database that it came from (the entry evidence_pack.exported of this record).
   manifest.json に全ファイルの長さと sha256 があります。ZIP 全体の sha256 は、元のデータベースの監査記録にあります。
2. audit.json has the audit rows of this case. The hash of a row is
       sha256( prev_hash + json.dumps([session, seq, at, who, desk, what, subject_kind, subject_id, result, reason,
                                       detail], ensure_ascii=True, separators=(",", ":")) )
   A row whose seq follows another one's in its session has that one's hash as its prev_hash. "anchor" is the hash
   that the desk saw when the row was committed; "head" is the last row of a session at that moment. "withheld" rows
   belong to other people: their hashes show that they are there.
   audit.json の各行のハッシュは上の式で計算し直せます。元のデータベースでは次のコマンドで全体を確かめられます。
3. In the database itself: support-console audit verify
"""


class Plain:
    """Values as JSON has them, without `hidden` texts."""

    def __init__(self, hidden: tuple[str, ...]) -> None:
        self._hidden = hidden

    def record(self, value: Any) -> dict[str, object]:
        """A frozen record, field by field."""
        shown = (field.name for field in fields(value) if field.name not in _UNSHOWN)
        return {name: self.value(getattr(value, name)) for name in shown}

    def event(self, event: Event) -> dict[str, object]:
        return {
            "at": event.at.isoformat(timespec="microseconds"), "step": event.step.value, "who": event.who,
            "what": event.what, "result": event.result, "kind": event.kind, "id": event.id,
            "operation_id": event.operation_id, "session": event.session, "correlation": event.correlation,
            "evidence": list(event.evidence),
            "kept_in": {"table": event.source.partition(":")[0], "row": event.row},
            "facts": self.value(event.facts),
        }  # fmt: skip

    def value(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case datetime():
                return instant_text(value)
            case Enum():
                return self.value(value.value)
            case Mapping():
                return {str(key): self.value(part) for key, part in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(part) for part in value]
        if hasattr(value, "__dataclass_fields__"):
            return self.record(value)
        return masked(str(value), self._hidden)


def head(story: Chain, language: str) -> Iterator[bytes]:
    """The first lines of a story's text."""
    from console import story_words  # words are loaded when they are asked for

    for line in story_words.head(story, language):
        yield _line(line, story)


def told(event: Event, story: Chain, language: str) -> bytes:
    """One event as a line of a story's text."""
    from console import story_words

    return _line(story_words.line(event, story, language), story)


def _line(text: str, story: Chain) -> bytes:
    return masked(text, story.hidden).encode("utf-8", "backslashreplace") + b"\n"


def verify_text() -> bytes:
    """How to verify a pack, for people without this program."""
    return _VERIFY.encode()
