"""The answers of providers in an evidence pack, in the order in which they came, with the decision about each."""

import base64
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HTTP_STATUS_PATTERN = re.compile(r"HTTP (\d{3}) ")
_REQUEST_ID_LINE_PATTERN = re.compile(r"X-REQUEST-ID: (\S+)\n")
_PDF_NOTE_PATTERN = re.compile(r"<pdf (\d+) bytes>")
_CUT_AT_CHARACTERS = 65_536
"""Length at which the evidence of a longer answer was cut (`http/response_classes.py`)."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call to a provider with its answer.

    `provider` and `call` are the two parts of the evidence's source, such as `paypay` and `refund`. `record` is the
    record of the call as JSON, `related` the records that it belongs to. `outcome` and `reason` are the recorded
    decision. `status` is None if no answer came; `body` is the answer's text, None if it can't be played because only
    a part of it was kept.
    """

    evidence: int
    at: str
    operation_id: str | None
    provider: str
    call: str
    record: Mapping[str, Any]
    related: tuple[Mapping[str, Any], ...]
    outcome: str
    reason: str
    status: int | None
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class RecordedJournal:
    """The content of a pack that is replayed: the ids of its operations, and its calls."""

    operations: tuple[str, ...]
    calls: tuple[RecordedCall, ...]


def read_journal(path: Path) -> RecordedJournal:
    """Read a pack that `verify_pack` has found intact."""
    with zipfile.ZipFile(path) as pack:
        story = _read_part(pack, "timeline")
        case = _read_part(pack, "record")
        answers = {item["id"]: item for item in _read_answers(pack)}
        documents = [pack.read(name) for name in pack.namelist() if name.endswith(".pdf")]
    records = {(one["kind"], str(one["id"])): one for one in (case["record"], *case["related"])}
    calls = tuple(
        _read_call(entry, answers[entry["evidence"][0]], records, documents)
        for entry in story
        if entry["step"] == "answer" and entry["evidence"] and entry["evidence"][0] in answers
    )
    operations = dict.fromkeys(entry["operation_id"] for entry in story if entry["operation_id"])
    return RecordedJournal(tuple(operations), calls)


def _read_part(pack: zipfile.ZipFile, name: str) -> Any:
    return json.loads(pack.read(f"{name}.json"))


def _read_answers(pack: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    for name in pack.namelist():
        if name.startswith("answers/") and name.endswith(".json"):
            yield json.loads(pack.read(name))


def _read_call(
    entry: Mapping[str, Any],
    answer: Mapping[str, Any],
    records: Mapping[tuple[str, str], Mapping[str, Any]],
    documents: list[bytes],
) -> RecordedCall:
    provider, _, call = str(answer["source"]).partition(".")
    status = _HTTP_STATUS_PATTERN.match(str(answer["summary"]))
    headers, body = _read_body(str(answer["body"] or ""), documents)
    own = records.get((str(answer["kind"]), str(answer["of"])), {})
    facts = entry["facts"]
    return RecordedCall(
        evidence=int(answer["id"]),
        at=str(answer["at"]),
        operation_id=entry["operation_id"],
        provider=provider,
        call=call,
        record=own,
        related=tuple(one for one in records.values() if one is not own),
        outcome=str(facts.get("outcome")),
        reason=str(facts.get("reason")),
        status=int(status[1]) if status else None,
        headers=headers,
        body=body,
    )


def _read_body(text: str, documents: list[bytes]) -> tuple[dict[str, str], bytes | None]:
    """Return headers and body of an answer as they were before they became evidence: the request id stands in the
    first line, and a PDF was replaced by a note of its length. The body is None if it can't be restored.
    """
    headers = {}
    if line := _REQUEST_ID_LINE_PATTERN.match(text):
        headers["X-REQUEST-ID"], text = line[1], text[line.end() :]
    if len(text) >= _CUT_AT_CHARACTERS:
        return headers, None
    if note := _PDF_NOTE_PATTERN.search(text):
        document = next((one for one in documents if len(one) == int(note[1])), None)
        if document is None:
            return headers, None
        text = text.replace(note[0], base64.b64encode(document).decode())
    return headers, text.encode()
