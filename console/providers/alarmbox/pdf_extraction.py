"""Extracts the PDF from a large JSON answer. The JSON is parsed without the PDF, and the PDF is decoded in small
pieces. If tens of megabytes were parsed or decoded in one step, all other threads, including that of the window,
would be blocked.
"""

import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from console.providers.http.answer_outcomes import UnusableAnswer

LARGEST_PDF_BYTES = 32 << 20
_PIECE_BYTES = 256 << 10
"""Size of the pieces in which the PDF in an answer is read."""
_MAX_END_MARK_DISTANCE_BYTES = 1024
_PDF_FIELD_NAME = b'"pdf_file_data"'
_LONGEST_ESCAPE_BYTES = 6
_STRING_START_PATTERN = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"')


@dataclass(frozen=True, slots=True)
class PdfTextPosition:
    """Position (in bytes) of the PDF's Base64 text in the JSON text `body`: from `start` to before `end`."""

    body: bytes = field(repr=False)
    start: int
    end: int

    @property
    def decoded_byte_count(self) -> int:
        """The number of bytes that the Base64 text contains after decoding. If the text has JSON escapes, the true
        number is smaller."""
        padding = self.body.count(b"=", max(self.start, self.end - 2), self.end)
        return (self.end - self.start) // 4 * 3 - padding

    @property
    def placeholder(self) -> str:
        """The short text by which `separate_pdf_text` replaces the PDF's Base64 text."""
        return f"<pdf {self.decoded_byte_count} bytes>"


def separate_pdf_text(body: bytes) -> tuple[bytes, PdfTextPosition | None]:
    """Return the body with a short text in place of the PDF's Base64 text, and the position of this Base64 text.

    The field of the PDF is `pdf_file_data`. If it is missing, incomplete or not a string, the body is returned
    unchanged and the position is None. Raises UnusableAnswer `pdf_twice` if the body has two such fields, because it
    is unclear which field is valid.
    """
    start = _find_pdf_text_start(body, body.find(_PDF_FIELD_NAME))
    end = -1 if start is None else body.find(b'"', start)
    if start is None or end < 0 or (end > start and body[end - 1] == ord("\\")):
        return body, None  # not a string, incomplete, or not Base64: the JSON parser or the caller reports it
    if body.find(_PDF_FIELD_NAME, end) >= 0:
        raise UnusableAnswer("pdf_twice")
    pdf_position = PdfTextPosition(body, start, end)
    return body[:start] + pdf_position.placeholder.encode("ascii") + body[end:], pdf_position


def _find_pdf_text_start(body: bytes, key_start: int) -> int | None:
    """Return the position in `body` at which the Base64 text of the PDF begins. `key_start` is the position of the
    field's name, -1 if the body has no such name. Return None if the field is missing or isn't a string. A name after
    a backslash is part of another text and not a field.
    """
    if key_start < 0 or body[key_start - 1 : key_start] == b"\\":
        return None
    opening = _STRING_START_PATTERN.match(body, key_start + len(_PDF_FIELD_NAME))
    return opening.end() if opening else None


def decode_pdf(pdf: PdfTextPosition) -> bytes:
    """Return the content of the PDF. Raises UnusableAnswer with the reason `pdf_empty`, `pdf_too_large` (more
    than LARGEST_PDF_BYTES), `pdf_not_base64`, `pdf_not_pdf` (it doesn't begin with `%PDF-`) or `pdf_no_end` (its
    end has no `%%EOF`).

    Base64 is read strictly: no blanks, no line ends, padding only at the end. The size is checked before the text is
    decoded or, if the text has JSON escapes, after each decoded piece.
    """
    if pdf.start == pdf.end:
        raise UnusableAnswer("pdf_empty")
    has_escapes = pdf.body.find(b"\\", pdf.start, pdf.end) >= 0
    if not has_escapes and pdf.decoded_byte_count > LARGEST_PDF_BYTES:
        raise UnusableAnswer("pdf_too_large")
    try:
        content = _join_pdf(_decode_base64_pieces(_iterate_text_pieces(pdf, has_escapes)))
    except ValueError:
        raise UnusableAnswer("pdf_not_base64") from None
    if b"%%EOF" not in content[-_MAX_END_MARK_DISTANCE_BYTES:]:
        raise UnusableAnswer("pdf_no_end")
    return content


def _join_pdf(decoded: Iterator[bytes]) -> bytes:
    """Return the PDF that consists of the decoded pieces. Raises UnusableAnswer if the first piece doesn't begin like
    a PDF, or as soon as the pieces exceed the size limit.
    """
    pieces: list[bytes] = []
    size = 0
    for piece in decoded:
        if not pieces and not piece.startswith(b"%PDF-"):
            raise UnusableAnswer("pdf_not_pdf")
        size += len(piece)
        if size > LARGEST_PDF_BYTES:
            raise UnusableAnswer("pdf_too_large")
        pieces.append(piece)
    return b"".join(pieces)


def _decode_base64_pieces(texts: Iterator[bytes]) -> Iterator[bytes]:
    """Decode pieces of Base64 text and yield the bytes. Raises ValueError for text that isn't strict Base64."""
    undecoded_text, is_padded = b"", False
    for text in texts:
        if is_padded and text:
            raise ValueError("text after the padding")
        text = undecoded_text + text
        full_length = len(text) // 4 * 4
        undecoded_text = text[full_length:]
        yield binascii.a2b_base64(text[:full_length], strict_mode=True)
        is_padded = text.endswith(b"=")
    if undecoded_text:
        raise ValueError("length is no multiple of four")


def _iterate_text_pieces(pdf: PdfTextPosition, has_escapes: bool) -> Iterator[bytes]:
    r"""Yield the Base64 text of the PDF in pieces. If `has_escapes`, JSON escapes in the text (a server may write
    `\/`) are resolved; a piece never ends within an escape."""
    position = pdf.start
    while position < pdf.end:
        piece_end = min(position + _PIECE_BYTES, pdf.end)
        if has_escapes and piece_end < pdf.end:
            escape_start = pdf.body.rfind(b"\\", piece_end - _LONGEST_ESCAPE_BYTES, piece_end)
            piece_end = escape_start if escape_start > position else piece_end
        piece = pdf.body[position:piece_end]
        yield json.loads('"' + piece.decode("ascii") + '"').encode("ascii") if has_escapes else piece
        position = piece_end
