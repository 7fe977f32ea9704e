"""Read the calls to providers from an evidence pack, in the order of the answers, each with the decision that the
program recorded for it."""

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.process.interrupts import INTERRUPT_REASON
from console.domain.provider_outcome import OutcomeClass, is_success_status
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.providers.http.answer_outcomes import UNREADABLE_REASON
from console.providers.http.failure_outcomes import BROKEN_ANSWER_REASONS
from console.services.evidence.pack import LARGEST_PACK_BYTES
from console.services.evidence.pack_verification import UNREADABLE_FILE_ERRORS, iterate_json_objects
from console.store.documents.storage_protocol import LARGEST_DOCUMENT_BYTES
from console.store.records.history import OPERATION_KIND

MALFORMED_PACK_ERRORS = (*UNREADABLE_FILE_ERRORS, KeyError, TypeError, AttributeError, IndexError)
"""Exceptions that are raised while a pack with a valid manifest is read, if the rest of its content doesn't have the
form that this program writes.
"""
_RECORD_FILE_NAME, _TIMELINE_FILE_NAME = (f"{name}.json" for name in ("record", "timeline"))
_LARGEST_RECORD_BYTES = 16 * 1024 * 1024
"""Largest accepted file with a record or an answer, in bytes."""
_HTTP_STATUS_PATTERN = re.compile(r"HTTP ([1-5][0-9]{2}) ")
_REQUEST_ID_LINE_PATTERN = re.compile(r"X-REQUEST-ID: ([!-~]{1,200})\n")
_PDF_PLACEHOLDER_PATTERN = re.compile(r"<pdf ([0-9]{1,9}) bytes>")
_LONGEST_STORED_ANSWER_CHARACTERS = 65_536
"""Largest number of characters of an answer in the evidence; a longer answer was cut (`http/answer_outcomes.py`)."""

_ANSWER_FILE_PATTERN = re.compile(r"answers/[^/]+/[0-9]{12}\.json")
_MAX_EVENTS = 200_000
"""Largest accepted number of events of a timeline. Without this limit, the timeline of a small but compressed pack
could need gigabytes.
"""
_LONGEST_OPERATION_ID_CHARACTERS = 64
"""Largest accepted number of characters of an operation's id in a timeline."""
_LONGEST_ANSWER_VALUE_CHARACTERS = 2 * _LONGEST_STORED_ANSWER_CHARACTERS
_ANSWER_KEYS = ("id", "at", "source", "summary", "kind", "of", "body", "sha256")
_REASONS_DECIDED_WITHOUT_BODY = BROKEN_ANSWER_REASONS | {INTERRUPT_REASON, OLD_ANSWER_REASON, "earlier_id"}
"""Reasons of outcomes that the stored body of an answer doesn't decide: the answer broke off, was too large or came
from a cache (the program doesn't store the headers), or the stored record also decided about the outcome.
"""
_OTHER_NUMBER_REASON = "other_number"
_INCOMPLETE_LIST_REASON = "list_incomplete"
_CREDIT_CHECK_READ_CALL_NAMES = ("detail", "pdf")


@dataclass(frozen=True, slots=True)
class RecordedPdf:
    """The PDF of an answer, in the evidence pack `pack` as the file `file_name`. The answer's content has
    `placeholder_text`, a note, in place of the PDF."""

    pack: Path
    file_name: str
    placeholder_text: str

    def insert_into(self, body: bytes) -> bytes:
        """Return `body`, the content of the answer, with the PDF as base64 in place of `placeholder_text`. Raises one
        of MALFORMED_PACK_ERRORS if the PDF can't be read."""
        with zipfile.ZipFile(self.pack) as pack:
            content = pack.read(self.file_name)
        return body.replace(self.placeholder_text.encode(), base64.b64encode(content), 1)


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call to a provider with its answer, as an evidence pack contains it.

    `evidence_id` is the id of the stored evidence, `stored_at` its time in the form in which the pack states it (ISO
    8601, UTC). `provider` and `call_name` are the two parts of the evidence's source, such as `paypay` and `refund`.
    `record` is the record (credit check, payment, order or refund) in whose folder the pack has the answer, as JSON:
    the operation if the pack has the answer only in the operation's folder, and empty if the pack lacks the record.
    `all_records` are all records of the pack, also `record`; every call of the pack has the same tuple. `outcome` and
    `reason` are the decision that the program recorded for the answer. `http_status` is the HTTP status of the
    answer, None if no answer came; `headers` has the header X-REQUEST-ID if it was stored; other headers aren't
    stored. `body` is the content of the answer, None if only a part of the content was stored, if something else than
    the content decided the outcome, or if its PDF is not in the pack. If the answer has a PDF, it is `pdf`, and
    `body` has a note in its place (see `read_body`); otherwise `pdf` is None. `operation_id` is None if the call
    belongs to no operation.
    """

    evidence_id: int
    stored_at: str
    operation_id: str | None
    provider: str
    call_name: str
    record: Mapping[str, Any]
    all_records: tuple[Mapping[str, Any], ...]
    outcome: str
    reason: str
    http_status: int | None
    headers: Mapping[str, str]
    body: bytes | None
    pdf: RecordedPdf | None = None

    def read_body(self) -> bytes:
        """Return the content of the answer with its PDF; empty if `body` is None. The PDF is read now, so that the
        PDFs of several calls are never in memory together. Raises one of MALFORMED_PACK_ERRORS if it can't be read.
        """
        return (self.body or b"") if self.pdf is None else self.pdf.insert_into(self.body or b"")


@dataclass(frozen=True, slots=True)
class RecordedJournal:
    """The operations and calls of an evidence pack, for a replay: `operation_ids` has the ids of the operations in
    the journal, `calls` the calls to providers."""

    operation_ids: tuple[str, ...]
    calls: tuple[RecordedCall, ...]


def read_journal(path: Path, max_bytes: int = LARGEST_PACK_BYTES) -> RecordedJournal:
    """Return the operations and calls of an evidence pack that `verify_pack` has found intact. Raises one of
    MALFORMED_PACK_ERRORS for malformed content, and ValueError if the answers and PDFs have more than `max_bytes`
    bytes together (the other files don't count), if the timeline has more than _MAX_EVENTS events, or if the PDF of
    an answer is larger than LARGEST_DOCUMENT_BYTES, so that this program can't have stored it. Of several events
    about one answer, only the first gives a call."""
    with zipfile.ZipFile(path) as pack:
        # The same files as in the limit of `EvidencePackWriter`, so that every written pack can be read.
        limited_files = (info for info in pack.infolist() if info.filename.startswith(("answers/", "documents/")))
        if sum(info.file_size for info in limited_files) > max_bytes:
            raise ValueError("too large")
        pack_record = _read_json_file(pack, _RECORD_FILE_NAME)
        records = {
            (record["kind"], str(record["id"])): record for record in (pack_record["record"], *pack_record["related"])
        }
        all_records = tuple(records.values())
        pdf_infos = {info.file_size: info for info in reversed(pack.infolist()) if info.filename.endswith(".pdf")}
        answers = dict[Any, dict[str, Any]]()
        for item in _read_answers(pack):  # an operation's folder may repeat an answer of its record's folder
            if item["id"] not in answers or answers[item["id"]]["kind"] == OPERATION_KIND:
                answers[item["id"]] = item
        operations, calls = dict[str, None](), list[RecordedCall]()
        for entry in _iterate_timeline(pack):
            if entry["operation_id"]:
                operations[_require_operation_id(str(entry["operation_id"]))] = None
            if entry["step"] == "answer" and entry["evidence"]:
                answer = answers.pop(entry["evidence"][0], None)
                if answer is not None:
                    record = records.get((str(answer["kind"]), str(answer["of"])), {})
                    calls.append(_make_recorded_call(entry, answer, record, all_records, path, pdf_infos))
    return RecordedJournal(tuple(operations), tuple(calls))


def _iterate_timeline(pack: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    """Yield the events of the pack's timeline, each as a JSON object. Raises ValueError after _MAX_EVENTS events."""
    with io.TextIOWrapper(pack.open(_TIMELINE_FILE_NAME), "utf-8") as file:
        for event_count, event in enumerate(iterate_json_objects(file), 1):
            if event_count > _MAX_EVENTS:
                raise ValueError("too many events")
            yield event


def _require_operation_id(text: str) -> str:
    """Return the text unchanged. Raises ValueError if it is too long for the id of an operation."""
    if len(text) > _LONGEST_OPERATION_ID_CHARACTERS:
        raise ValueError("no operation's id")
    return text


def _read_json_file(pack: zipfile.ZipFile, file_name: str) -> Any:
    if pack.getinfo(file_name).file_size > _LARGEST_RECORD_BYTES:
        raise ValueError("too large")
    return json.loads(pack.read(file_name))


def _read_answers(pack: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    """Yield, for each answer of a provider in the pack, the values that a replay uses, by the names in _ANSWER_KEYS.
    Notices are left out, because they aren't answers. Raises ValueError for a value that no stored answer can have,
    such as a very long text: all answers are in memory at the same time, and the answers of a small but compressed
    pack could need a gigabyte."""
    for name in pack.namelist():
        if _ANSWER_FILE_PATTERN.fullmatch(name):
            item = _read_json_file(pack, name)
            answer = {key: item[key] for key in _ANSWER_KEYS}
            for value in answer.values():
                if not isinstance(value, str | int | None) or len(str(value)) > _LONGEST_ANSWER_VALUE_CHARACTERS:
                    raise ValueError("no stored answer")
            yield answer


def _make_recorded_call(
    timeline_event: Mapping[str, Any],
    answer: Mapping[str, Any],
    record_fields: Mapping[str, Any],
    all_records: tuple[Mapping[str, Any], ...],
    pack_path: Path,
    pdf_infos: Mapping[int, zipfile.ZipInfo],
) -> RecordedCall:
    """Return the call to which a provider's answer belongs. `timeline_event` is the event about this answer in the
    pack's timeline, `answer` the answer itself, `record_fields` its record as JSON (empty if the pack lacks it).
    `all_records` are the records of the pack, and `pdf_infos` its PDFs by their sizes."""
    provider, _, call = str(answer["source"]).partition(".")
    status_match = _HTTP_STATUS_PATTERN.match(str(answer["summary"]))
    headers, body, pdf = _parse_stored_answer(str(answer["body"] or ""), pack_path, pdf_infos)
    facts = timeline_event["facts"]
    outcome, reason = str(facts.get("outcome")), str(facts.get("reason"))
    status = int(status_match[1]) if status_match else None
    if not _is_decided_by_body(provider, call, (outcome, reason, status), body) or _has_lost_bytes(body, answer):
        body = None
    return RecordedCall(
        evidence_id=int(answer["id"]),
        stored_at=_require_instant(str(answer["at"])),
        operation_id=None if timeline_event["operation_id"] is None else str(timeline_event["operation_id"]),
        provider=provider,
        call_name=call,
        record=record_fields,
        all_records=all_records,
        outcome=outcome,
        reason=reason,
        http_status=status,
        headers=headers,
        body=body,
        pdf=pdf,
    )


def _is_decided_by_body(provider: str, call: str, decision: tuple[str, str, int | None], body: bytes | None) -> bool:
    """True if `body`, the stored body of an answer, decided its outcome, so that a replay of the body must have the
    same outcome. `provider` and `call` are those of the answered call; `decision` is the recorded outcome, its reason
    and the HTTP status."""
    outcome, reason, status = decision
    if reason in _REASONS_DECIDED_WITHOUT_BODY:
        return False
    if provider == CREDIT_CHECK_PROVIDER and reason == _OTHER_NUMBER_REASON and call in _CREDIT_CHECK_READ_CALL_NAMES:
        return False  # the adapter doesn't know the number of the record
    if provider == CREDIT_CHECK_PROVIDER and reason == _INCOMPLETE_LIST_REASON:
        return False  # perhaps the headers decided, such as a link to the next page
    if provider == CREDIT_CHECK_PROVIDER and outcome == OutcomeClass.AUTH and reason != f"http_{status}":
        return False  # the answer to a request for tokens decided
    # A body in a coding that isn't decoded is not stored.
    return bool(body) or is_success_status(status) or reason != UNREADABLE_REASON


def _has_lost_bytes(body: bytes | None, answer: Mapping[str, Any]) -> bool:
    """True if the body had bytes that are no UTF-8: they were replaced when the body was stored. `answer` is the
    stored answer with the hash of the received body."""
    is_replaced = body is not None and "\ufffd".encode() in body
    return is_replaced and hashlib.sha256(body or b"").hexdigest() != answer["sha256"]


def _require_instant(text: str) -> str:
    """Return the text unchanged. Raises ValueError if `parse_instant` can't read it."""
    parse_instant(text)
    return text


def parse_instant(text: str) -> datetime:
    """Return the instant (UTC) that a text of an evidence pack states in ISO 8601. Raises ValueError for any other
    text, also for a time without a time zone, or for a time that isn't in the supported calendar years when it is
    converted to UTC."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError("no zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside of the calendar") from None


def _parse_stored_answer(
    text: str, pack_path: Path, pdf_infos: Mapping[int, zipfile.ZipInfo]
) -> tuple[dict[str, str], bytes | None, RecordedPdf | None]:
    """Return the headers, the body and the PDF of a provider's answer from `text`, its stored evidence. In `text`,
    the first line is the request id, and a PDF is replaced by a note about the PDF's length; `pdf_infos` has the PDFs
    of the pack by their lengths. The returned body is None if it can't be restored. Raises ValueError if the PDF is
    larger than LARGEST_DOCUMENT_BYTES, so that this program can't have stored it."""
    headers = {}
    if request_id_match := _REQUEST_ID_LINE_PATTERN.match(text):
        headers["X-REQUEST-ID"], text = request_id_match[1], text[request_id_match.end() :]
    if len(text) >= _LONGEST_STORED_ANSWER_CHARACTERS:
        return headers, None, None
    pdf: RecordedPdf | None = None
    if pdf_note_match := _PDF_PLACEHOLDER_PATTERN.search(text):
        pdf_info = pdf_infos.get(int(pdf_note_match[1]))
        if pdf_info is None:
            return headers, None, None
        if pdf_info.file_size > LARGEST_DOCUMENT_BYTES:
            raise ValueError("too large")
        pdf = RecordedPdf(pack_path, pdf_info.filename, pdf_note_match[0])
    return headers, text.encode(), pdf
