"""Tests of the sandbox's faults of the PDF, which the PDF call returns in the field `pdf_file_data`."""

import base64
import binascii
from collections.abc import Callable

import pytest

from console.sandbox import SandboxControl
from tests.sandbox.caller import Caller

UNUSABLE_PDF_CHECKS: dict[str, Callable[[object], bool]] = {
    "pdf_null": lambda data: data is None,
    "pdf_empty": lambda data: data == "",
    "pdf_number": lambda data: data == 12345,
    "pdf_bad_base64": lambda data: decode_strictly(data) is None,
    "pdf_cut_base64": lambda data: decode_strictly(data) is None,
    "pdf_executable": lambda data: (decode_strictly(data) or b"").startswith(b"MZ"),
    "pdf_html": lambda data: (decode_strictly(data) or b"").startswith(b"<!doctype"),
    "pdf_no_eof": lambda data: b"%%EOF" not in (decode_strictly(data) or b"%%EOF"),
    "pdf_bomb": lambda data: len(decode_strictly(data) or bytes(100_000)) < 50_000,
}
COVERED_FAULTS = {*UNUSABLE_PDF_CHECKS, "pdf_missing", "pdf_other", "pdf_huge"}


def decode_strictly(data: object) -> bytes | None:
    """Return the bytes that `data` encodes in Base64, or None if `data` is not strictly valid Base64."""
    try:
        return base64.b64decode(str(data).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


@pytest.fixture
def bought_check_id(caller: Caller) -> int:
    check_id: int = caller.buy_check().credit_check["credit_check_id"]
    return check_id


@pytest.mark.parametrize("fault", UNUSABLE_PDF_CHECKS)
def test_a_fault_sends_a_faulty_pdf_once(
    caller: Caller, control: SandboxControl, bought_check_id: int, fault: str
) -> None:
    """With each fault in UNUSABLE_PDF_CHECKS the PDF call returns the faulty file; the detail call and the next PDF
    call return ordinary answers.
    """
    control.add_fault(fault)
    assert "pdf_file_data" not in caller.read_detail(bought_check_id).credit_check
    assert UNUSABLE_PDF_CHECKS[fault](caller.read_pdf(bought_check_id).credit_check["pdf_file_data"])
    assert (decode_strictly(caller.read_pdf(bought_check_id).credit_check["pdf_file_data"]) or b"").startswith(
        b"%PDF-"
    )


def test_a_fault_leaves_the_pdf_out_of_the_answer(
    caller: Caller, control: SandboxControl, bought_check_id: int
) -> None:
    """With the fault `pdf_missing` only the file is missing in the answer; all other fields are there."""
    control.add_fault("pdf_missing")
    assert caller.read_pdf(bought_check_id).credit_check == caller.read_detail(bought_check_id).credit_check


def test_a_fault_sends_another_valid_pdf(caller: Caller, control: SandboxControl, bought_check_id: int) -> None:
    """With the fault `pdf_other` the sandbox sends a valid file with other content. The content differs between
    revisions (the number in the fault's name) and is always the same for one revision.
    """
    ordinary = caller.read_pdf(bought_check_id).credit_check["pdf_file_data"]
    control.add_faults({"action": "pdf_other", "times": 2}, {"action": "pdf_other:3"})
    files = [caller.read_pdf(bought_check_id).credit_check["pdf_file_data"] for _ in range(4)]
    assert files[0] == files[1]
    assert len({*files, ordinary}) == 3
    assert files[3] == ordinary
    assert all((decode_strictly(file) or b"").startswith(b"%PDF-") for file in files)


@pytest.mark.parametrize("fault", sorted(COVERED_FAULTS))
def test_an_unknown_credit_check_is_not_found_under_every_fault(
    caller: Caller, control: SandboxControl, fault: str
) -> None:
    """With every fault of the PDF, the sandbox still answers 404 about an unknown credit check."""
    control.add_fault(fault)
    assert caller.read_pdf(999).status == 404


def test_a_fault_sends_a_huge_pdf(caller: Caller, control: SandboxControl, bought_check_id: int) -> None:
    """The fault `pdf_huge` sends a complete file of the requested size, or a few bytes smaller."""
    control.add_fault("pdf_huge", size=5_000_000)
    file = decode_strictly(caller.read_pdf(bought_check_id).credit_check["pdf_file_data"])
    assert file is not None
    assert 4_999_990 < len(file) <= 5_000_000
    assert file.endswith(b"%%EOF\n")
