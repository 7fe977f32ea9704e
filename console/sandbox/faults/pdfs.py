"""Faults of the PDF in the answer with a report: missing, damaged, of another file type, too big, or of another
report.
"""

import base64
from collections.abc import Callable
from itertools import chain

from console.sandbox.alarmbox import pdf
from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.faults.responses import change_checks_in_answer
from console.sandbox.http.messages import JsonObject
from console.sandbox.rules.fault_table import PDF_CALLS, register_fault

PDF_PLACEHOLDER = "@the file goes here@"
WINDOWS_EXECUTABLE_CONTENT = (
    b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(114) + b"PE\x00\x00L\x01" + bytes(400)
)


def replace_pdf(call_in_progress: CallInProgress, make_pdf_data: Callable[[JsonObject], object]) -> None:
    """Send the correct answer, with the value that `make_pdf_data` returns for the credit check as its
    `pdf_file_data`. An answer without a credit check isn't changed.
    """
    change_checks_in_answer(call_in_progress, lambda check: check.update(pdf_file_data=make_pdf_data(check)))


def _encode_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


@register_fault("pdf_missing", "no pdf_file_data", "happens", PDF_CALLS)
def remove_pdf(call_in_progress: CallInProgress) -> None:
    change_checks_in_answer(call_in_progress, lambda check: check.pop("pdf_file_data", None))


@register_fault("pdf_null", "pdf_file_data null", "happens", PDF_CALLS)
def answer_null_pdf(call_in_progress: CallInProgress) -> None:
    replace_pdf(call_in_progress, lambda _: None)


@register_fault("pdf_empty", "pdf_file_data empty", "happens", PDF_CALLS)
def answer_empty_pdf(call_in_progress: CallInProgress) -> None:
    replace_pdf(call_in_progress, lambda _: "")


@register_fault("pdf_number", "pdf_file_data is a number", "happens", PDF_CALLS)
def answer_number_as_pdf(call_in_progress: CallInProgress) -> None:
    replace_pdf(call_in_progress, lambda _: 12345)


@register_fault("pdf_bad_base64", "pdf_file_data that is no Base64", "happens", PDF_CALLS)
def answer_bad_pdf_base64(call_in_progress: CallInProgress) -> None:
    replace_pdf(
        call_in_progress, lambda check: check["pdf_file_data"][:40] + "*?\u3042!" + check["pdf_file_data"][40:]
    )


@register_fault("pdf_cut_base64", "Base64 that ends in the middle of a group", "happens", PDF_CALLS)
def cut_pdf_base64(call_in_progress: CallInProgress) -> None:
    replace_pdf(call_in_progress, lambda check: check["pdf_file_data"][: 4 * 50 + 1])


@register_fault("pdf_executable", "an executable instead of a PDF", "happens", PDF_CALLS)
def answer_executable_as_pdf(call_in_progress: CallInProgress) -> None:
    replace_pdf(call_in_progress, lambda _: _encode_base64(WINDOWS_EXECUTABLE_CONTENT))


@register_fault("pdf_html", "an HTML page instead of a PDF", "happens", PDF_CALLS)
def answer_html_as_pdf(call_in_progress: CallInProgress) -> None:
    replace_pdf(
        call_in_progress, lambda _: _encode_base64(b"<!doctype html><html><body>%PDF-1.4 %%EOF</body></html>")
    )


@register_fault("pdf_no_eof", "a PDF that was cut: no %%EOF", "happens", PDF_CALLS)
def answer_pdf_without_eof(call_in_progress: CallInProgress) -> None:
    replace_pdf(
        call_in_progress, lambda check: _encode_base64(_cut_to_first_half(base64.b64decode(check["pdf_file_data"])))
    )


@register_fault(
    "pdf_other",
    "a different valid PDF of the same check (of that revision)",
    "happens",
    PDF_CALLS,
    argument_rule="optional",
)
def answer_pdf_of_other_report(call_in_progress: CallInProgress) -> None:
    replace_pdf(
        call_in_progress,
        lambda check: _encode_base64(_make_pdf_of_revision(check, int(call_in_progress.instruction.argument or 2))),
    )


@register_fault(
    "pdf_bomb",
    "a small PDF that inflates to `size` bytes (default 1 GiB)",
    "happens",
    PDF_CALLS,
    option_names=("size",),
)
def answer_pdf_bomb(call_in_progress: CallInProgress) -> None:
    replace_pdf(
        call_in_progress, lambda _: _encode_base64(pdf.make_pdf_bomb(call_in_progress.instruction.size or 1 << 30))
    )


@register_fault(
    "pdf_huge", "a file of `size` bytes (default 500 MB), streamed", "happens", PDF_CALLS, option_names=("size",)
)
def answer_huge_pdf(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    if reply.status != 200:
        call_in_progress.send_reply(reply)
        return
    marked_reply = reply.change_data(lambda data: data["credit_check"].update(pdf_file_data=PDF_PLACEHOLDER))
    bytes_before_pdf, bytes_after_pdf = marked_reply.body.split(PDF_PLACEHOLDER.encode())
    pdf_size = call_in_progress.instruction.size or 500_000_000
    length = len(bytes_before_pdf) + pdf.compute_large_pdf_base64_length(pdf_size) + len(bytes_after_pdf)
    call_in_progress.stream_reply(
        reply, length, chain([bytes_before_pdf], pdf.make_large_pdf_base64(pdf_size), [bytes_after_pdf])
    )


def _cut_to_first_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _make_pdf_of_revision(check: JsonObject, revision: int) -> bytes:
    number, check_id = check["corporation_number"], check["credit_check_id"]
    return pdf.make_report_pdf(number, check_id, revision, check["purchase_date"], str(check["result"]))
