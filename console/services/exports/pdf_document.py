"""Write documents that consist of a title, lines and tables as PDF files on A4 pages, with the program's own
fonts.

The same content always gives the same bytes: the file does not contain the time of writing, and its id is a hash
of its content. Text is stored as characters and not as an image, so that people can search and copy it, and a
screen reader can read it.
"""

import ctypes
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby, islice
from threading import Lock
from typing import Any, BinaryIO

from console.domain.calendar_days import JST, convert_to_local
from console.domain.exports.tables import CellKind, CellValue, DocumentTable, ExportDocument
from console.domain.process import interrupts
from console.resource_paths import resources_dir
from console.services.exports.cells import make_printable_text

# An A4 page in landscape format.
_PAGE_WIDTH_POINTS = 842.0
_PAGE_HEIGHT_POINTS = 595.0
_PAGE_MARGIN_POINTS = 40.0
_TITLE_FONT_POINTS = 16.0
_HEADING_FONT_POINTS = 12.0
_TEXT_FONT_POINTS = 10.0
_CELL_FONT_POINTS = 8.5
_FOOTER_FONT_POINTS = 8.0
_LINE_HEIGHT_FACTOR = 1.5
"""Height of a line as a multiple of the font size."""
_CELL_GAP_POINTS = 8.0
"""Gap between two table columns in points."""
_PRINTABLE_PAGE_WIDTH_POINTS = _PAGE_WIDTH_POINTS - 2 * _PAGE_MARGIN_POINTS
"""Width of a page without its margins, in points."""
_MAX_CELL_WIDTH_POINTS = 260.0
_MAX_LINES_PER_CELL = 12
_MIN_TABLE_HEIGHT_POINTS = 90.0
"""Height in points that must be free on the page below the heading of a table. With less room, the heading goes to
the next page."""

_RIGHT_ALIGNED_CELL_KINDS = (CellKind.AMOUNT, CellKind.NUMBER)
_FONT_FILE = "BIZUDPGothic-Regular.ttf"
_SECOND_FONT_FILE = "NotoSans-Regular.ttf"
_CHARACTERS_OF_SECOND_FONT = "₹"
"""Characters that are written with the second font, because the first one lacks them."""
_CREATION_DATE_PATTERN = re.compile(rb"/CreationDate\(D:[^)]*\)")
_FILE_ID_PATTERN = re.compile(rb"/ID\[<([0-9A-F]{32})><([0-9A-F]{32})>\]")
_FONT_SUBSET_PREFIX_PATTERN = re.compile(rb"(?<=/)[A-Z]{6}\+(?=BIZUDPGothic|NotoSans)")
_pdfium_lock = Lock()  # the library isn't safe for several threads


def write_pdf_document(file: BinaryIO, document: ExportDocument) -> None:
    """Write the document to `file`. The footer of each page has the title of the document and the number of the
    page."""
    with _pdfium_lock, closing(_DocumentLayout(document)) as layout:
        content = layout.make_pdf()
    file.write(_remove_varying_bytes(content))


def make_cell_text(kind: CellKind, value: CellValue) -> str:
    """Return the text of a table's cell in a PDF: amounts and counts with thousands separators, instants in Japanese
    time, and a dash (–) for an empty value. `kind` is the kind of the cell's column, such as text or number."""
    match value:
        case None | "":
            return "–"
        case datetime():
            return convert_to_local(value, JST).replace(tzinfo=None).isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case int() | Decimal():
            return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return make_printable_text(value)


class _DocumentLayout:
    """Places the title, the lines and the tables of one document on the pages of a PDF, from top to bottom."""

    def __init__(self, document: ExportDocument) -> None:
        import pypdfium2

        self._document = document
        self._pdfium, self._pdfium_functions = pypdfium2, pypdfium2.raw
        self._pdf = pypdfium2.PdfDocument.new()
        self._fonts: dict[str, _Font] = {}
        self._pages: list[Any] = []
        self._y = 0.0

    def make_pdf(self) -> bytes:
        self._add_page()
        self._write_text(self._document.title, _TITLE_FONT_POINTS)
        for line in self._document.lines:
            self._write_text(line, _TEXT_FONT_POINTS)
        for table in self._document.tables:
            self._write_table(table)
        self._write_footers()
        pdf_file = io.BytesIO()
        for page in self._pages:
            self._pdfium_functions.FPDFPage_GenerateContent(page.raw)
        with interrupts.defer_signals():  # the PDF library would lose an exception of its callback
            self._pdf.save(pdf_file, flags=self._pdfium_functions.FPDF_SUBSET_NEW_FONTS)
        if interrupts.has_received_signal():  # only in the main thread: a thread of the window finishes the file
            interrupts.raise_if_interrupt_pending()
        return pdf_file.getvalue()

    def close(self) -> None:
        """Release the memory of the PDF and of its fonts."""
        for font in self._fonts.values():
            font.close()
        self._pdf.close()

    def _add_page(self) -> None:
        self._pages.append(self._pdf.new_page(_PAGE_WIDTH_POINTS, _PAGE_HEIGHT_POINTS))
        self._y = _PAGE_HEIGHT_POINTS - _PAGE_MARGIN_POINTS

    def _move_down(self, height_points: float) -> bool:
        """Move the write position on the page down by `height_points` points; add a page if the present page has not
        enough room. Return True if a page was added."""
        has_room = self._y - height_points >= _PAGE_MARGIN_POINTS + _FOOTER_FONT_POINTS * 2
        if not has_room:
            self._add_page()
        self._y -= height_points
        return not has_room

    def _write_text(self, text: str, font_size: float) -> None:
        for line in self._wrap_text(make_printable_text(text), font_size, _PRINTABLE_PAGE_WIDTH_POINTS):
            self._move_down(font_size * _LINE_HEIGHT_FACTOR)
            self._place_text(line, font_size, _PAGE_MARGIN_POINTS, self._y)

    def _write_table(self, table: DocumentTable) -> None:
        if self._y - _MIN_TABLE_HEIGHT_POINTS < _PAGE_MARGIN_POINTS:
            self._add_page()
        self._move_down(_HEADING_FONT_POINTS * 2.5)
        self._place_text(make_printable_text(table.title), _HEADING_FONT_POINTS, _PAGE_MARGIN_POINTS, self._y)
        if not table.rows:
            self._write_text(table.no_rows_text, _TEXT_FONT_POINTS)
            return
        titles = [make_printable_text(column.title) for column in table.columns]
        rows = [
            [make_cell_text(column.kind, column.read_cell(row)) for column in table.columns] for row in table.rows
        ]
        widths = self._compute_column_widths([titles, *rows])
        self._write_row(table, titles, widths, titles, is_title_row=True)
        for row in rows:
            self._write_row(table, row, widths, titles)

    def _compute_column_widths(self, rows: Sequence[Sequence[str]]) -> list[float]:
        """Return the widths of a table's columns in points. A column is as wide as its widest text, at most
        _MAX_CELL_WIDTH_POINTS, plus the gap between two columns. All columns together are at most as wide as the page
        without its margins."""
        natural_widths = [
            min(max(self._measure_text(text, _CELL_FONT_POINTS) for text in column), _MAX_CELL_WIDTH_POINTS)
            + _CELL_GAP_POINTS
            for column in zip(*rows, strict=True)
        ]
        max_width = _PRINTABLE_PAGE_WIDTH_POINTS
        shrink_factor = min(1.0, max_width / sum(natural_widths))
        return [width * shrink_factor for width in natural_widths]

    def _write_row(
        self,
        table: DocumentTable,
        texts: Sequence[str],
        widths: Sequence[float],
        titles: Sequence[str],
        *,
        is_title_row: bool = False,
    ) -> None:
        """Write one row of the table. `texts` are the texts of its cells, `widths` the widths of the columns in
        points. If the row needs a new page, write `titles`, the titles of the columns, above it. With `is_title_row`,
        the row itself contains the titles, and a line is drawn below it."""
        lines_by_cell = [
            self._wrap_cell(text, width - _CELL_GAP_POINTS) for text, width in zip(texts, widths, strict=True)
        ]
        line_height = _CELL_FONT_POINTS * _LINE_HEIGHT_FACTOR
        if self._move_down(line_height * max(map(len, lines_by_cell)) + 2) and not is_title_row:
            self._y = _PAGE_HEIGHT_POINTS - _PAGE_MARGIN_POINTS
            self._write_row(table, titles, widths, titles, is_title_row=True)
            self._write_row(table, texts, widths, titles)
            return
        left, top = _PAGE_MARGIN_POINTS, self._y + line_height * (max(map(len, lines_by_cell)) - 1) + 2
        for column, lines, width in zip(table.columns, lines_by_cell, widths, strict=True):
            for line_index, line in enumerate(lines):
                is_right = column.kind in _RIGHT_ALIGNED_CELL_KINDS
                indent = width - _CELL_GAP_POINTS - self._measure_text(line, _CELL_FONT_POINTS) if is_right else 0.0
                self._place_text(line, _CELL_FONT_POINTS, left + indent, top - line_index * line_height)
            left += width
        if is_title_row:
            self._draw_horizontal_line(self._y - 2, left - _CELL_GAP_POINTS)

    def _wrap_cell(self, text: str, max_width_points: float) -> list[str]:
        """Return the lines of a table cell that is `max_width_points` points wide. A row must fit on a page, so a
        text with more than _MAX_LINES_PER_CELL lines is cut; the last line of the cell is then `…`."""
        lines = list(islice(self._wrap_text(text, _CELL_FONT_POINTS, max_width_points), _MAX_LINES_PER_CELL + 1))
        return lines if len(lines) <= _MAX_LINES_PER_CELL else [*lines[: _MAX_LINES_PER_CELL - 1], "…"]

    def _write_footers(self) -> None:
        title = make_printable_text(self._document.title)
        for number, page in enumerate(self._pages, 1):
            footer_line = next(
                self._wrap_text(
                    f"{number} / {len(self._pages)}   {title}", _FOOTER_FONT_POINTS, _PRINTABLE_PAGE_WIDTH_POINTS
                )
            )
            self._place_text(
                footer_line, _FOOTER_FONT_POINTS, _PAGE_MARGIN_POINTS, _PAGE_MARGIN_POINTS - _FOOTER_FONT_POINTS, page
            )

    # -- text

    def _split_text_by_font(self, text: str) -> Iterator[tuple["_Font", str]]:
        """Yield the parts of a text, each with the font that has its characters: one of the two fonts which the
        program contains."""
        for is_in_second, run in groupby(text, lambda character: character in _CHARACTERS_OF_SECOND_FONT):
            yield self._get_font(_SECOND_FONT_FILE if is_in_second else _FONT_FILE), "".join(run)

    def _get_font(self, name: str) -> "_Font":
        """Return the font in the font file `name`. The font is embedded into the PDF at its first use, because the
        library would write an unused font completely."""
        if name not in self._fonts:
            self._fonts[name] = _Font(self._pdfium_functions, self._pdf, name)
        return self._fonts[name]

    def _measure_text(self, text: str, font_size: float) -> float:
        return (
            sum(font.measure_width(character) for font, run in self._split_text_by_font(text) for character in run)
            * font_size
        )

    def _wrap_text(self, text: str, font_size: float, max_width_points: float) -> Iterator[str]:
        """Yield the lines of a text, each at most `max_width_points` points wide. A line ends at a space if its
        second half contains a space, otherwise between any two characters. `font_size` is the font size in points."""
        while self._measure_text(text, font_size) > max_width_points and len(text) > 1:
            end = 1
            while end < len(text) and self._measure_text(text[: end + 1], font_size) <= max_width_points:
                end += 1
            space_index = text.rfind(" ", end // 2, end)
            end = space_index if space_index > 0 else end
            yield text[:end]
            text = text[end:].lstrip(" ")
        yield text

    def _place_text(self, text: str, font_size: float, x: float, y: float, page: Any = None) -> None:
        """Write one line of text on a page of the PDF. `x` is its left end and `y` its base line, in points from
        the lower left corner of the page; `font_size` is the font size in points. `page` None: the last page."""
        for font, run in self._split_text_by_font(text):
            if run.strip():
                part = self._pdfium_functions.FPDFPageObj_CreateTextObj(self._pdf.raw, font.handle, font_size)
                self._pdfium_functions.FPDFText_SetText(part, _encode_utf16(run))
                self._pdfium_functions.FPDFPageObj_Transform(part, 1, 0, 0, 1, x, y)
                self._pdfium_functions.FPDFPage_InsertObject((page or self._pages[-1]).raw, part)
            x += sum(font.measure_width(character) for character in run) * font_size

    def _draw_horizontal_line(self, y: float, right: float) -> None:
        """Draw a line on the present page at the height `y`, from the left margin to `right`; both are in points from
        the lower left corner of the page."""
        line_path = self._pdfium_functions.FPDFPageObj_CreateNewPath(_PAGE_MARGIN_POINTS, y)
        self._pdfium_functions.FPDFPath_LineTo(line_path, right, y)
        self._pdfium_functions.FPDFPageObj_SetStrokeColor(line_path, 0, 0, 0, 255)
        self._pdfium_functions.FPDFPageObj_SetStrokeWidth(line_path, 0.5)
        self._pdfium_functions.FPDFPath_SetDrawMode(line_path, 0, True)
        self._pdfium_functions.FPDFPage_InsertObject(self._pages[-1].raw, line_path)


class _Font:
    """One of the program's fonts, embedded in one PDF."""

    def __init__(self, pdfium_functions: Any, pdf: Any, font_file_name: str) -> None:
        self._pdfium_functions = pdfium_functions
        font_content = _load_font(font_file_name)
        self._widths: dict[str, float] = {}
        self.handle = pdfium_functions.FPDFText_LoadFont(
            pdf.raw, font_content, len(font_content), pdfium_functions.FPDF_FONT_TRUETYPE, True
        )

    def close(self) -> None:
        """Release the memory of the font. After that, the font can't be used to measure or place text."""
        self._pdfium_functions.FPDFFont_Close(self.handle)

    def measure_width(self, character: str) -> float:
        """Return the width of a character, in points, at the font size 1."""
        if character not in self._widths:
            width = ctypes.c_float()
            self._pdfium_functions.FPDFFont_GetGlyphWidth(self.handle, ord(character), 1.0, width)
            self._widths[character] = width.value
        return self._widths[character]


@lru_cache
def _load_font(font_file_name: str) -> Any:
    content = (resources_dir() / "fonts" / font_file_name).read_bytes()
    return (ctypes.c_uint8 * len(content)).from_buffer_copy(content)


def _encode_utf16(text: str) -> Any:
    """Return the text in the encoding that the PDF library reads: UTF-16, little-endian, ending with a zero
    character."""
    buffer = ctypes.create_string_buffer(text.encode("utf-16-le", "replace") + b"\0\0")
    return ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort))


def _remove_varying_bytes(content: bytes) -> bytes:
    """Return the PDF with fixed bytes in place of those that the PDF library changes with each writing: blanks
    instead of the time of writing, one fixed prefix instead of the random prefixes of the embedded fonts, and a hash
    of the content instead of the file id. The lengths of these parts stay the same, so that the positions in the
    PDF's cross-reference table stay correct."""
    stable_content = _CREATION_DATE_PATTERN.sub(lambda match: b" " * len(match[0]), content, count=1)
    stable_content = _FONT_SUBSET_PREFIX_PATTERN.sub(b"AAAAAA+", stable_content)
    trailer_index = stable_content.rfind(b"trailer")
    file_id = hashlib.sha256(_FILE_ID_PATTERN.sub(b"", stable_content)).hexdigest()[:32].upper().encode()
    stable_trailer = _FILE_ID_PATTERN.sub(
        lambda _: b"/ID[<%b><%b>]" % (file_id, file_id), stable_content[trailer_index:]
    )
    return stable_content[:trailer_index] + stable_trailer
