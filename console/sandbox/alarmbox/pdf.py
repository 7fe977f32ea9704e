"""Makes PDF files without a library: small valid files, and harmful files that a careful reader must refuse."""

import base64
import zlib
from collections.abc import Iterator
from functools import lru_cache

LINES_PER_PDF_PAGE = 40
ZERO_BLOCK_BYTES = 1 << 20
"""Size (bytes) of the blocks in which the filler of a large PDF is made."""


def make_report_pdf(
    corporation_number: str, check_id: int, revision: int, purchase_time_text: str, result: str
) -> bytes:
    """Return the report of the credit check with the id `check_id` as a two-page PDF in ASCII: the corporation
    number, the time of the purchase (`purchase_time_text`) and the result. Each revision has a different text, and so
    a different hash.
    """
    cover = [
        "CREDIT CHECK (invented sample)",
        f"Corporation number {corporation_number}",
        f"Credit check {check_id}",
        f"Purchased {purchase_time_text}",
        f"Result {result}",
        f"Revision {revision}",
    ]
    details = [f"Item {line:02d} of report {check_id}.{revision}: nothing here is real" for line in range(1, 25)]
    return make_pdf_of_pages([cover, details])


@lru_cache(maxsize=256)
def _make_cached_pdf(pages: tuple[tuple[str, ...], ...]) -> bytes:
    return make_pdf_of_streams([_make_text_stream(lines) for lines in pages])


def make_pdf_of_pages(pages: list[list[str]]) -> bytes:
    """Return a valid PDF 1.4 with one page for each list of ASCII lines; a page has the first LINES_PER_PDF_PAGE
    lines of its list."""
    return _make_cached_pdf(tuple(tuple(lines) for lines in pages))


def make_pdf_of_streams(streams: list[bytes]) -> bytes:
    """Return a complete PDF with a correct cross-reference table. `streams` has the content stream object of each
    page.
    """
    page_references = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{page_references}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, stream in enumerate(streams):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * n)
        )
        objects.append(stream)
    return _add_cross_references(objects)


def _add_cross_references(pdf_objects: list[bytes]) -> bytes:
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for n, content in enumerate(pdf_objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (n, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(pdf_objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(pdf_objects) + 1, start)
    return bytes(body)


def _make_text_stream(lines: tuple[str, ...]) -> bytes:
    operators = "".join(f"({_escape_text(line)}) Tj T*\n" for line in lines[:LINES_PER_PDF_PAGE])
    return make_stream_object(f"BT /F1 12 Tf 16 TL 60 780 Td\n{operators}ET".encode("ascii"))


def make_stream_object(data: bytes, dictionary: str = "") -> bytes:
    """Return a PDF stream object with these data; `dictionary` has additional entries for the stream's PDF
    dictionary."""
    return f"<< /Length {len(data)} {dictionary}>>\nstream\n".encode() + data + b"\nendstream"


def _escape_text(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def make_pdf_bomb(inflated_bytes: int = 1 << 30) -> bytes:
    """Return a PDF of a few kilobytes (compressed twice) whose page content inflates to `inflated_bytes`."""
    compressed_zeros = zlib.compress(b"".join(make_deflated_zeros(inflated_bytes)), 9)
    return make_pdf_of_streams([make_stream_object(compressed_zeros, "/Filter [/FlateDecode /FlateDecode] ")])


def make_deflated_zeros(size_bytes: int) -> Iterator[bytes]:
    """Yield a zlib stream of `size_bytes` zero bytes in blocks, so that the zeros are never all in memory."""
    blocks, last_size = divmod(size_bytes, ZERO_BLOCK_BYTES)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = compressor.compress(bytes(ZERO_BLOCK_BYTES)) + compressor.flush(zlib.Z_FULL_FLUSH)
    yield b"\x78\xda"
    for _ in range(blocks):
        yield block
    last_compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    yield last_compressor.compress(bytes(last_size)) + last_compressor.flush(zlib.Z_FINISH)
    # Adler-32 of n zeros, without computing it: the low half is 1, the high half is n mod 65521.
    yield ((size_bytes % 65521) << 16 | 1).to_bytes(4, "big")


def make_large_pdf_base64(size_bytes: int) -> Iterator[bytes]:
    """Yield in blocks the Base64 text of a file of about `size_bytes` bytes that begins and ends like a PDF."""
    # Both lengths are multiples of three, so the Base64 has padding only at its end.
    head, tail = b"%PDF-1.4\n%filler\n\n", b"\n\n\n%%EOF\n"
    lines = max(0, size_bytes - len(head) - len(tail)) // 3
    yield base64.b64encode(head)
    block = base64.b64encode(b"%%\n" * (ZERO_BLOCK_BYTES // 3))
    for _ in range(lines // (ZERO_BLOCK_BYTES // 3)):
        yield block
    yield base64.b64encode(b"%%\n" * (lines % (ZERO_BLOCK_BYTES // 3)) + tail)


def compute_large_pdf_base64_length(size_bytes: int) -> int:
    """Return the number of characters that `make_large_pdf_base64` yields for this size."""
    return 4 * ((18 + 9 + 3 * (max(0, size_bytes - 27) // 3)) // 3)
