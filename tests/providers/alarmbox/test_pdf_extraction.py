"""Tests of the PDF that AlarmBox sends as Base64 inside JSON: the adapter accepts the PDF only if it is complete and
within its size limit.
"""

import binascii
import json
import tracemalloc
from base64 import b64encode
from collections.abc import Callable

import pytest

from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.alarmbox.pdf_extraction import LARGEST_PDF_BYTES
from console.providers.alarmbox.responses import make_detail_converter, make_pdf_converter
from console.providers.credit_checks.provider import PdfAnswer
from console.providers.http.transport import HttpAnswer
from tests.providers.parts import CHECK_ANSWER, make_alarmbox
from tests.providers.raw_server import make_answer_script, make_large_answer_script, serve_scripts

PDF_BYTES = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n%%EOF\n"
PDF_BASE64 = b64encode(PDF_BYTES).decode()


def convert_pdf_answer(body: bytes) -> Outcome[PdfAnswer]:
    return make_pdf_converter(12345)(HttpAnswer(200, {}, body, "hash"))


def make_answer(text: object) -> bytes:
    return json.dumps({"credit_check": {**CHECK_ANSWER, "pdf_file_data": text}}).encode()


def make_raw_answer(literal: str) -> bytes:
    """Return an answer in which the field of the PDF has exactly this JSON text as its value."""
    return make_answer("@").replace(b'"@"', literal.encode())


def make_pdf(size: int) -> bytes:
    return b"%PDF-1.7\n" + b"x" * (size - 16) + b"%%EOF\n\n"


def make_answer_of_size(size: int) -> bytes:
    return make_answer(b64encode(make_pdf(size)).decode())


LONG_PDF_BASE64 = b64encode(make_pdf(300_000)).decode()
ESCAPE_ACROSS_CHUNKS = (
    f'"{LONG_PDF_BASE64[:262_142]}\\u{ord(LONG_PDF_BASE64[262_142]):04x}{LONG_PDF_BASE64[262_143:]}"'
)
PDF_WITH_SLASHES_IN_BASE64 = PDF_BYTES + b"\xff\xff\xff%%EOF"

ACCEPTED_ANSWERS: dict[str, tuple[bytes, bytes]] = {
    "plain": (make_answer(PDF_BASE64), PDF_BYTES),
    "field first": (
        b'{"credit_check":{"pdf_file_data":"%s","credit_check_id":12345}}' % PDF_BASE64.encode(),
        PDF_BYTES,
    ),
    "blanks around the colon": (
        b'{"credit_check":{"pdf_file_data" :\n\t "%s","credit_check_id":12345}}' % PDF_BASE64.encode(),
        PDF_BYTES,
    ),
    "slash written as escape": (
        make_raw_answer(json.dumps(b64encode(PDF_WITH_SLASHES_IN_BASE64).decode()).replace("/", "\\/")),
        PDF_WITH_SLASHES_IN_BASE64,
    ),
    "letters written as escapes": (
        make_raw_answer('"' + "".join(f"\\u{ord(c):04x}" for c in PDF_BASE64) + '"'),
        PDF_BYTES,
    ),
    "an escape across a seam": (make_raw_answer(ESCAPE_ACROSS_CHUNKS), make_pdf(300_000)),
    "end mark within the last 1,024 bytes": (
        make_answer(b64encode(PDF_BYTES + b"\n" * 1_000).decode()),
        PDF_BYTES + b"\n" * 1_000,
    ),
}

REFUSED_ANSWERS: dict[str, tuple[bytes, str]] = {
    "missing": (json.dumps({"credit_check": CHECK_ANSWER}).encode(), "pdf_missing"),
    "null": (make_answer(None), "pdf_missing"),
    "a number": (make_answer(5), "pdf_missing"),
    "a list": (make_answer([PDF_BASE64]), "pdf_missing"),
    "empty": (make_answer(""), "pdf_empty"),
    "not Base64": (make_answer("not base64!!"), "pdf_not_base64"),
    "line ends within": (make_answer(PDF_BASE64[:20] + "\n" + PDF_BASE64[20:]), "pdf_not_base64"),
    "blanks within": (make_answer(PDF_BASE64[:20] + " " + PDF_BASE64[20:]), "pdf_not_base64"),
    "blank at the end": (make_answer(PDF_BASE64 + " "), "pdf_not_base64"),
    "URL alphabet": (make_answer(b64encode(PDF_WITH_SLASHES_IN_BASE64).decode().replace("/", "_")), "pdf_not_base64"),
    "padding missing": (make_answer(b64encode(PDF_BYTES + b"%%EOF").decode().rstrip("=")), "pdf_not_base64"),
    "padding in the middle": (make_answer("JVBERi0=" + PDF_BASE64), "pdf_not_base64"),
    "padding in an early piece": (make_answer(b64encode(make_pdf(196_607)).decode() + PDF_BASE64), "pdf_not_base64"),
    "padding alone": (make_answer("===="), "pdf_not_base64"),
    "full-width letters": (make_answer("ＪＶＢＥＲｉ０="), "pdf_not_base64"),
    "a data URL": (make_answer("data:application/pdf;base64," + PDF_BASE64), "pdf_not_base64"),
    "an emoji": (make_answer("📄" * 20), "pdf_not_base64"),
    "escaped quote within": (make_raw_answer('"JVBERi0\\"xLjQK"'), "pdf_not_base64"),
    "escaped NUL within": (
        make_raw_answer('"' + PDF_BASE64[:8] + "\\u0000" + PDF_BASE64[8:] + '"'),
        "pdf_not_base64",
    ),
    "half an escape": (make_raw_answer('"' + PDF_BASE64[:8] + "\\u00" + PDF_BASE64[8:] + '"'), "pdf_not_base64"),
    "a Windows program": (
        make_answer(b64encode(b"MZ\x90\0" + b"\0" * 99 + b"%PDF-1.4 %%EOF").decode()),
        "pdf_not_pdf",
    ),
    "an ELF program": (make_answer(b64encode(b"\x7fELF" + b"\0" * 99 + b"%%EOF").decode()), "pdf_not_pdf"),
    "a script": (make_answer(b64encode(b"#!/bin/sh\n# %PDF-1.4\n# %%EOF").decode()), "pdf_not_pdf"),
    "a ZIP": (make_answer(b64encode(b"PK\x03\x04" + PDF_BYTES).decode()), "pdf_not_pdf"),
    "HTML": (make_answer(b64encode(b"<html>%PDF-1.4 %%EOF").decode()), "pdf_not_pdf"),
    "mark not at the start": (make_answer(b64encode(b"\n" + PDF_BYTES).decode()), "pdf_not_pdf"),
    "mark in lower case": (make_answer(b64encode(PDF_BYTES.lower()).decode()), "pdf_not_pdf"),
    "three bytes": (make_answer("JVBE"), "pdf_not_pdf"),
    "no end mark": (make_answer(b64encode(PDF_BYTES[:-7]).decode()), "pdf_no_end"),
    "end mark too far ahead": (make_answer(b64encode(PDF_BYTES + b"\n" * 1_100).decode()), "pdf_no_end"),
    "the field twice": (make_raw_answer(f'"{PDF_BASE64}","pdf_file_data":"{PDF_BASE64}"'), "pdf_twice"),
    "the field again elsewhere": (
        make_raw_answer(f'"{PDF_BASE64}","infos":[{{"pdf_file_data":"{PDF_BASE64}"}}]'),
        "pdf_twice",
    ),
    "another key twice": (make_raw_answer(f'"{PDF_BASE64}","result":"ng"'), "unreadable"),
    "only beside the check": (
        json.dumps({"pdf_file_data": PDF_BASE64, "credit_check": CHECK_ANSWER}).encode(),
        "pdf_missing",
    ),
    "only deeper": (
        json.dumps({"credit_check": {**CHECK_ANSWER, "infos": [{"pdf_file_data": PDF_BASE64}]}}).encode(),
        "pdf_missing",
    ),
    "named inside a text": (
        make_answer("@").replace(b'"pdf_file_data": "@"', b'"note":"x\\"pdf_file_data\\": \\"JVBE"'),
        "pdf_missing",
    ),
    "cut within the field": (make_answer(PDF_BASE64)[:-40], "unreadable"),
    "nested without end": (make_raw_answer("[" * 100_000), "unreadable"),
    "megabytes around it": (make_raw_answer(f'"{PDF_BASE64}","infos":"{"x" * 3_000_000}"'), "unreadable"),
    "another check's file": (make_answer(PDF_BASE64).replace(b"12345", b"54321"), "other_id"),
    "no id": (make_answer(PDF_BASE64).replace(b"12345", b"null"), "no_id"),
}


@pytest.mark.parametrize(("body", "content"), ACCEPTED_ANSWERS.values(), ids=ACCEPTED_ANSWERS)
def test_complete_pdfs_are_accepted(body: bytes, content: bytes) -> None:
    """The adapter accepts a complete PDF of at most 32 MiB in each form in which JSON can write its Base64 text."""
    _check_accepted(body, content)


def test_a_pdf_of_exactly_32_mib_is_accepted() -> None:
    """The adapter accepts a PDF of exactly 32 MiB, which is the largest allowed size."""
    _check_accepted(make_answer_of_size(LARGEST_PDF_BYTES), make_pdf(LARGEST_PDF_BYTES))


def _check_accepted(body: bytes, content: bytes) -> None:
    outcome = convert_pdf_answer(body)
    assert (outcome.kind, outcome.sent) == (OutcomeClass.SUCCEEDED, SendingCertainty.YES)
    assert outcome.content is not None
    assert outcome.content.content == content
    assert outcome.content.report.credit_check_id == 12345


@pytest.mark.parametrize(("body", "reason"), REFUSED_ANSWERS.values(), ids=REFUSED_ANSWERS)
def test_an_incomplete_or_foreign_file_is_not_accepted(body: bytes, reason: str) -> None:
    """A file that is incomplete, not a PDF, or of another credit check is not accepted: the outcome has a reason and
    contains no file."""
    _check_not_accepted(body, reason)


@pytest.mark.parametrize("is_escaped", [False, True], ids=["plain", "escaped"])
def test_a_pdf_one_byte_above_the_limit_is_refused(is_escaped: bool) -> None:
    """A PDF of 32 MiB and one byte is not accepted, whether its Base64 text is written plainly or begins with an
    escape. The test makes the large body itself, so that other test processes don't hold it in memory.
    """
    text = b64encode(make_pdf(LARGEST_PDF_BYTES + 1)).decode()
    _check_not_accepted(make_raw_answer(f'"\\u004a{text[1:]}"') if is_escaped else make_answer(text), "pdf_too_large")


def _check_not_accepted(body: bytes, reason: str) -> None:
    outcome = convert_pdf_answer(body)
    assert (outcome.kind, outcome.reason, outcome.content) == (OutcomeClass.UNKNOWN, reason, None)


def test_evidence_has_the_size_without_the_file() -> None:
    """The evidence of a PDF answer states the size of the file and doesn't contain its content."""
    outcome = convert_pdf_answer(make_answer(PDF_BASE64))
    assert f'"<pdf {len(PDF_BYTES)} bytes>"' in outcome.evidence
    assert PDF_BASE64 not in outcome.evidence
    assert PDF_BASE64 not in repr(outcome)
    assert (
        PDF_BASE64
        not in convert_pdf_answer(make_raw_answer(f'"{PDF_BASE64}","pdf_file_data":"{PDF_BASE64}"')).evidence
    )


def test_a_detail_with_an_unrequested_file_is_read() -> None:
    """An answer to a detail request that also contains a file, even a damaged one, is still read as a report."""
    outcome = make_detail_converter(12345)(HttpAnswer(200, {}, make_answer("not base64!!"), "hash"))
    assert outcome.kind is OutcomeClass.SUCCEEDED


def test_an_endless_answer_is_cut_at_the_limit() -> None:
    """The adapter stops reading an endless answer near the size limit, and its memory use stays below a fixed
    bound.
    """
    head = b'HTTP/1.1 200 OK\r\n\r\n{"credit_check":{"credit_check_id":12345,"pdf_file_data":"'
    with serve_scripts(make_large_answer_script(head, 500_000_000)) as server:
        tracemalloc.start()
        outcome = make_alarmbox(server.url).read_pdf(12345)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (outcome.kind, outcome.reason) == (OutcomeClass.UNKNOWN, "answer_too_large")
    assert peak < 60 << 20


def test_a_large_pdf_answer_is_read_completely(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter reads an answer of 22 MB completely. No single call of a parser or decoder gets more than a small
    part of the answer, because such a call holds the interpreter's lock while the window's thread waits.
    """
    sizes: list[int] = []

    def wrap_and_record_size(parse: Callable[..., object]) -> Callable[..., object]:
        def parse_and_record_size(text: str | bytes, **options: object) -> object:
            sizes.append(len(text))
            return parse(text, **options)

        return parse_and_record_size

    monkeypatch.setattr(binascii, "a2b_base64", wrap_and_record_size(binascii.a2b_base64))
    monkeypatch.setattr(json, "loads", wrap_and_record_size(json.loads))
    content = make_pdf(16 << 20)
    body = make_answer(b64encode(content).decode())
    with serve_scripts(make_answer_script(200, body)) as server:
        outcome = make_alarmbox(server.url).read_pdf(12345)
    assert outcome.content is not None
    assert outcome.content.content == content
    assert sum(sizes) > len(body), "the parsers of the answer were not watched"
    assert max(sizes) <= 1 << 20
