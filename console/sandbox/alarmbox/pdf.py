"""PDF files written by hand: small valid ones, and those that a careful reader must refuse."""

import base64
import zlib
from collections.abc import Iterator
from functools import lru_cache

LINES_PER_PAGE = 40
BLOCK = 1 << 20


def report(number: str, check_id: int, revision: int, purchased: str, result: str) -> bytes:
    """A two-page report with ASCII text; another revision has other text, hence another hash."""
    cover = [
        "CREDIT CHECK (invented sample)",
        f"Corporation number {number}",
        f"Credit check {check_id}",
        f"Purchased {purchased}",
        f"Result {result}",
        f"Revision {revision}",
    ]
    details = [f"Item {line:02d} of report {check_id}.{revision}: nothing here is real" for line in range(1, 25)]
    return document([cover, details])


@lru_cache(maxsize=256)
def _cached(pages: tuple[tuple[str, ...], ...]) -> bytes:
    return assemble([_text_stream(lines) for lines in pages])


def document(pages: list[list[str]]) -> bytes:
    """A valid PDF 1.4 with one page per list of ASCII lines."""
    return _cached(tuple(tuple(lines) for lines in pages))


def assemble(streams: list[bytes]) -> bytes:
    """Page content streams (dictionary and data) → a whole file with a correct cross-reference table."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, stream in enumerate(streams):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * n)
        )
        objects.append(stream)
    return _with_references(objects)


def _with_references(objects: list[bytes]) -> bytes:
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for n, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (n, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)


def _text_stream(lines: tuple[str, ...]) -> bytes:
    shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in lines[:LINES_PER_PAGE])
    return stream_object(f"BT /F1 12 Tf 16 TL 60 780 Td\n{shown}ET".encode("ascii"))


def stream_object(data: bytes, dictionary: str = "") -> bytes:
    return f"<< /Length {len(data)} {dictionary}>>\nstream\n".encode() + data + b"\nendstream"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def bomb(inflated_bytes: int = 1 << 30) -> bytes:
    """A PDF of a few kilobytes (compressed twice) whose page inflates to `inflated_bytes`."""
    packed = zlib.compress(b"".join(deflated_zeros(inflated_bytes)), 9)
    return assemble([stream_object(packed, "/Filter [/FlateDecode /FlateDecode] ")])


def deflated_zeros(size: int) -> Iterator[bytes]:
    """A zlib stream of `size` zero bytes, a block at a time and without ever holding them."""
    blocks, rest = divmod(size, BLOCK)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(bytes(BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x78\xda"
    for _ in range(blocks):
        yield block
    last = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    yield last.compress(bytes(rest)) + last.flush(zlib.Z_FINISH)
    # Adler-32 of n zeros in closed form: the low half stays 1, the high half counts the bytes.
    yield ((size % 65521) << 16 | 1).to_bytes(4, "big")


def filler_base64(size: int) -> Iterator[bytes]:
    """Base64 of a file of about `size` bytes that begins and ends like a PDF, a block at a time."""
    head, tail = b"%PDF-1.4\n%filler\n\n", b"\n\n\n%%EOF\n"  # both a multiple of three: no padding in between
    lines = max(0, size - len(head) - len(tail)) // 3
    yield base64.b64encode(head)
    block = base64.b64encode(b"%%\n" * (BLOCK // 3))
    for _ in range(lines // (BLOCK // 3)):
        yield block
    yield base64.b64encode(b"%%\n" * (lines % (BLOCK // 3)) + tail)


def filler_base64_length(size: int) -> int:
    """How many characters `filler_base64` yields."""
    return 4 * ((18 + 9 + 3 * (max(0, size - 27) // 3)) // 3)
