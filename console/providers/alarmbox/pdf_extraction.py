"""Takes the PDF out of a large JSON answer without parsing all of it at once, and decodes it piece by piece.

Parsing or decoding tens of megabytes in one go would keep every other thread waiting, the window's too.
"""

import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from console.providers.judging import Unusable

LARGEST_PDF_BYTES = 32 << 20
_PIECE_BYTES = 256 << 10
_END_MARK_WITHIN_BYTES = 1024
_KEY = b'"pdf_file_data"'
_ESCAPE_BYTES = 6
_OPENING = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"')


@dataclass(frozen=True, slots=True)
class PdfField:
    """Where the file's Base64 text stands in the body, as JSON spells it (from `start` to before `end`)."""

    body: bytes = field(repr=False)
    start: int
    end: int

    @property
    def decoded_bytes(self) -> int:
        """Bytes that the text decodes to, if it holds no JSON escapes (more text than that otherwise)."""
        padding = self.body.count(b"=", max(self.start, self.end - 2), self.end)
        return (self.end - self.start) // 4 * 3 - padding

    @property
    def stand_in(self) -> str:
        """What `split_pdf` puts in the file's place."""
        return f"<pdf {self.decoded_bytes} bytes>"


def split_pdf(body: bytes) -> tuple[bytes, PdfField | None]:
    """The body with a stand-in for the file's text, and where that text stands.

    None when the field is missing or holds no string. Raises Unusable `pdf_twice`: two are ambiguous.
    """
    start = _value_start(body, body.find(_KEY))
    end = -1 if start is None else body.find(b'"', start)
    if start is None or end < 0 or (end > start and body[end - 1] == ord("\\")):
        return body, None  # no string, a cut one, or no Base64 anyway: parsing will tell
    if body.find(_KEY, end) >= 0:
        raise Unusable("pdf_twice")
    pdf = PdfField(body, start, end)
    return body[:start] + pdf.stand_in.encode("ascii") + body[end:], pdf


def _value_start(body: bytes, key: int) -> int | None:
    """Where the string after the key begins. A quote that a backslash precedes belongs to some other text."""
    if key < 0 or body[key - 1 : key] == b"\\":
        return None
    opening = _OPENING.match(body, key + len(_KEY))
    return opening.end() if opening else None


def decode_pdf(pdf: PdfField) -> bytes:
    """The file, or Unusable: `pdf_empty`, `pdf_too_large`, `pdf_not_base64`, `pdf_not_pdf`, `pdf_no_end`.

    Base64 is read strictly: no blanks, no line ends, padding only at the end. The length is judged first.
    """
    if pdf.start == pdf.end:
        raise Unusable("pdf_empty")
    escaped = pdf.body.find(b"\\", pdf.start, pdf.end) >= 0
    if not escaped and pdf.decoded_bytes > LARGEST_PDF_BYTES:
        raise Unusable("pdf_too_large")
    try:
        content = _joined(_decoded(_texts(pdf, escaped)))
    except ValueError:
        raise Unusable("pdf_not_base64") from None
    if b"%%EOF" not in content[-_END_MARK_WITHIN_BYTES:]:
        raise Unusable("pdf_no_end")
    return content


def _joined(decoded: Iterator[bytes]) -> bytes:
    """All pieces; what does not begin like a PDF, or outgrows the limit, is given up at once."""
    pieces: list[bytes] = []
    size = 0
    for piece in decoded:
        if not pieces and not piece.startswith(b"%PDF-"):
            raise Unusable("pdf_not_pdf")
        size += len(piece)
        if size > LARGEST_PDF_BYTES:
            raise Unusable("pdf_too_large")
        pieces.append(piece)
    return b"".join(pieces)


def _decoded(texts: Iterator[bytes]) -> Iterator[bytes]:
    """Bytes of each piece of Base64 text; raises ValueError for whatever strict Base64 does not allow."""
    rest, padded = b"", False
    for text in texts:
        if padded and text:
            raise ValueError("text after the padding")
        text = rest + text
        whole = len(text) // 4 * 4
        rest = text[whole:]
        yield binascii.a2b_base64(text[:whole], strict_mode=True)
        padded = text.endswith(b"=")
    if rest:
        raise ValueError("length is no multiple of four")


def _texts(pdf: PdfField, escaped: bool) -> Iterator[bytes]:
    """The text in pieces, JSON escapes (a server may write `\\/`) resolved, none of them cut in two."""
    position = pdf.start
    while position < pdf.end:
        stop = min(position + _PIECE_BYTES, pdf.end)
        if escaped and stop < pdf.end:
            escape = pdf.body.rfind(b"\\", stop - _ESCAPE_BYTES, stop)
            stop = escape if escape > position else stop
        raw = pdf.body[position:stop]
        yield json.loads('"' + raw.decode("ascii") + '"').encode("ascii") if escaped else raw
        position = stop
