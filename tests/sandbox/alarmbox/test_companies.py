"""Tests of the invented companies of the simulated AlarmBox and of the PDF files that the sandbox writes itself."""

import base64
import re
import zlib

import pypdfium2

from console.sandbox.alarmbox import companies as content
from console.sandbox.alarmbox import pdf


def read_pdf_text(file: bytes) -> list[str]:
    """Return the text of each page of this PDF, as a PDF library extracts it."""
    document = pypdfium2.PdfDocument(file)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


def test_a_company_name_depends_only_on_its_number() -> None:
    """The name of a company depends only on its corporation number, and its wording shows that it is invented."""
    names = {content.make_company_name(f"{n:013d}") for n in range(500)}
    assert len(names) > 300
    assert all(re.search("|".join(content.NAME_WORDS_MEANING_INVENTED), name) for name in names)
    assert content.make_company_name("1180301018771") == content.make_company_name("1180301018771")


def test_invented_companies_have_every_credit_verdict() -> None:
    """Of the invented companies, most have the result `ok`, some `hold`, and few `ng`."""
    results = [content.get_credit_verdict(f"{n:013d}") for n in range(100, 1100)]
    assert results.count("ok") > results.count("hold") > results.count("ng") > 50


def test_the_report_is_a_valid_pdf() -> None:
    """The sandbox's report is a valid PDF of two pages with the corporation number, and each revision gives a
    different file.
    """
    first = pdf.make_report_pdf("1180301018771", 100_001, 1, "2026-11-20", "ok")
    cover, details = read_pdf_text(first)
    assert "1180301018771" in cover
    assert "report 100001.1" in details
    assert first != pdf.make_report_pdf("1180301018771", 100_001, 2, "2026-11-20", "ok")


def test_the_cross_reference_table_has_the_right_offsets() -> None:
    """Every offset in the cross-reference table of the sandbox's PDF is the position of its object."""
    file = pdf.make_pdf_of_pages([["one"], ["two (with brackets) \\"], ["three"]])
    start = int(file.rsplit(b"startxref\n", 1)[1].split()[0])
    assert file[start:].startswith(b"xref")
    offsets = [int(row) for row in re.findall(rb"(\d{10}) 00000 n ", file)]
    assert [file[at:].split(b" ", 1)[0] for at in offsets] == [b"%d" % n for n in range(1, len(offsets) + 1)]
    assert len(read_pdf_text(file)) == 3


def test_a_pdf_bomb_is_small_and_decompresses_to_a_large_text() -> None:
    """The stream from which the PDF bomb is made decompresses to the requested number of zeros. The bomb itself, in
    which this stream is compressed once more, has less than 50,000 bytes."""
    assert zlib.decompress(b"".join(pdf.make_deflated_zeros(3 * pdf.ZERO_BLOCK_BYTES + 17))) == bytes(
        3 * pdf.ZERO_BLOCK_BYTES + 17
    )
    file = pdf.make_pdf_bomb(1 << 30)
    assert len(file) < 50_000
    packed = file.split(b"stream\n")[1].split(b"\nendstream")[0]
    assert len(zlib.decompress(packed)) < 2 << 20


def test_a_filler_pdf_has_the_requested_length() -> None:
    """A filler PDF has the requested length (at least 27 bytes), or up to two bytes more or less, and begins and ends
    as a PDF file does. The length of its Base64 text is the computed one."""
    for size in (0, 27, 28, 1000, pdf.ZERO_BLOCK_BYTES * 2 + 5):
        text = b"".join(pdf.make_large_pdf_base64(size))
        assert len(text) == pdf.compute_large_pdf_base64_length(size)
        file = base64.b64decode(text, validate=True)
        assert file.startswith(b"%PDF-")
        assert file.endswith(b"%%EOF\n")
        assert abs(len(file) - max(size, 27)) < 3
