"""Faults of the PDF inside a detail answer: missing, broken, disguised, too big, or simply another one."""

import base64
from collections.abc import Callable
from itertools import chain

from console.sandbox import pdf
from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import PDF, fault
from console.sandbox.faults.answers import change_checks
from console.sandbox.wire import JsonObject

MARK = "@the file goes here@"
EXECUTABLE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(114) + b"PE\x00\x00L\x01" + bytes(400)


def replace_pdf(x: Exchange, make: Callable[[JsonObject], object]) -> None:
    """The ordinary answer with another `pdf_file_data`, made from the check; without a check it stays."""
    change_checks(x, lambda check: check.update(pdf_file_data=make(check)))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


@fault("pdf_missing", "no pdf_file_data", "happens", PDF)
def pdf_missing(x: Exchange) -> None:
    change_checks(x, lambda check: check.pop("pdf_file_data", None))


@fault("pdf_null", "pdf_file_data null", "happens", PDF)
def pdf_null(x: Exchange) -> None:
    replace_pdf(x, lambda _: None)


@fault("pdf_empty", "pdf_file_data empty", "happens", PDF)
def pdf_empty(x: Exchange) -> None:
    replace_pdf(x, lambda _: "")


@fault("pdf_number", "pdf_file_data is a number", "happens", PDF)
def pdf_number(x: Exchange) -> None:
    replace_pdf(x, lambda _: 12345)


@fault("pdf_bad_base64", "pdf_file_data that is no Base64", "happens", PDF)
def pdf_bad_base64(x: Exchange) -> None:
    replace_pdf(x, lambda check: check["pdf_file_data"][:40] + "*?\u3042!" + check["pdf_file_data"][40:])


@fault("pdf_cut_base64", "Base64 that ends in the middle of a group", "happens", PDF)
def pdf_cut_base64(x: Exchange) -> None:
    replace_pdf(x, lambda check: check["pdf_file_data"][: 4 * 50 + 1])


@fault("pdf_executable", "an executable instead of a PDF", "happens", PDF)
def pdf_executable(x: Exchange) -> None:
    replace_pdf(x, lambda _: _text(EXECUTABLE))


@fault("pdf_html", "an HTML page instead of a PDF", "happens", PDF)
def pdf_html(x: Exchange) -> None:
    replace_pdf(x, lambda _: _text(b"<!doctype html><html><body>%PDF-1.4 %%EOF</body></html>"))


@fault("pdf_no_eof", "a PDF that was cut: no %%EOF", "happens", PDF)
def pdf_no_eof(x: Exchange) -> None:
    replace_pdf(x, lambda check: _text(_first_half(base64.b64decode(check["pdf_file_data"]))))


@fault(
    "pdf_other",
    "a different valid PDF of the same check (of that revision)",
    "happens",
    PDF,
    argument="optional",
)
def pdf_other(x: Exchange) -> None:
    replace_pdf(x, lambda check: _text(_revision(check, int(x.order.argument or 2))))


@fault("pdf_bomb", "a small PDF that inflates to `size` bytes (default 1 GiB)", "happens", PDF, options=("size",))
def pdf_bomb(x: Exchange) -> None:
    replace_pdf(x, lambda _: _text(pdf.bomb(x.order.size or 1 << 30)))


@fault("pdf_huge", "a file of `size` bytes (default 500 MB), streamed", "happens", PDF, options=("size",))
def pdf_huge(x: Exchange) -> None:
    reply = x.act()
    if reply.status != 200:
        x.send(reply)
        return
    marked = reply.altered(lambda data: data["credit_check"].update(pdf_file_data=MARK))
    before, after = marked.body.split(MARK.encode())
    size = x.order.size or 500_000_000
    length = len(before) + pdf.filler_base64_length(size) + len(after)
    x.stream(reply, length, chain([before], pdf.filler_base64(size), [after]))


def _first_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _revision(check: JsonObject, revision: int) -> bytes:
    number, check_id = check["corporation_number"], check["credit_check_id"]
    return pdf.report(number, check_id, revision, check["purchase_date"], str(check["result"]))
