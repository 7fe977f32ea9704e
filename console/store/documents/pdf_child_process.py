"""The process that opens untrusted PDFs, limited in memory, time, files and pages; it knows nothing of ours.

Run by `pdf_pages` with nothing but two pipes. Imports nothing of ours, so that it starts fast and has nothing
to tell. Protocol: the document's length in 8 bytes and the document; then one JSON line per request, answered
by one JSON line and as many payload bytes as its "bytes" says.
"""

import ctypes
import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import IO, Any

LARGEST_MEMORY = 512 * 1024 * 1024
MOST_PAGES = 500
MOST_PIXELS = 6_000_000  # about A4 at 2,000 dots across; 18 MB on the way to the window
WIDEST = 4096
TALLEST = 16_384
MOST_HITS = 1000
MOST_CHARACTERS = 100_000  # of one page
_GRID = 1_000_000
_kept: list[object] = []


class Refused(Exception):
    """The document, or this page of it, is not shown; the argument is the reason's code."""


def main(arguments: list[str]) -> int:
    """`arguments`: the seconds of processor time for each request, and the folder of fonts."""
    seconds, fonts = int(arguments[0]), arguments[1]
    source, target = _pipes()
    _limit_memory()
    _allow_time(seconds)
    pdfium = _library(fonts)
    content = source.read(int.from_bytes(source.read(8), "big"))
    _limit_files()
    pages = _Pages(pdfium, content)
    for line in source:
        _allow_time(seconds)
        head, payload = _answer(pages, json.loads(line))
        target.write(json.dumps({**head, "bytes": len(payload)}).encode() + b"\n")
        target.write(payload)
        target.flush()
    return 0


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Both pipes under numbers of their own: whatever a library prints goes nowhere."""
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return source, target


def _limit_memory() -> None:
    with suppress(ImportError):  # Windows has no such limits: there the time limit alone stands
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(ValueError, OSError):  # macOS knows this limit and refuses it
            resource.setrlimit(resource.RLIMIT_AS, (LARGEST_MEMORY, LARGEST_MEMORY))


def _limit_files() -> None:
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _allow_time(seconds: int) -> None:
    """Processor time until the next request; the parent measures real time as well."""
    with suppress(ImportError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = math.ceil(used.ru_utime + used.ru_stime) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _library(fonts: str) -> Any:
    """pdfium with our fonts in place of the system's: the same picture on every desk, Japanese included."""
    import pypdfium2

    raw = pypdfium2.raw
    raw.FPDF_DestroyLibrary()
    folders = (ctypes.POINTER(ctypes.c_char) * 2)()
    folders[0] = ctypes.cast(ctypes.c_char_p(os.fsencode(fonts)), ctypes.POINTER(ctypes.c_char))
    raw.FPDF_InitLibraryWithConfig(raw.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=folders))
    _kept.append(folders)  # the library may look at them later
    return pypdfium2


def _answer(pages: "_Pages", request: dict[str, Any]) -> tuple[dict[str, object], bytes]:
    try:
        match request["do"]:
            case "count":
                return {"count": pages.count()}, b""
            case "image":
                return pages.image(request["index"], request["width"])
            case "text":
                return {}, pages.text(request["index"]).encode("utf-8", "replace")
            case _:
                return {}, json.dumps(list(pages.search(request["words"]))).encode()
    except Refused as refusal:
        return {"refused": str(refusal)}, b""
    except MemoryError:
        return {"refused": "too_much_memory"}, b""
    except (pages.pdfium.PdfiumError, ValueError, OverflowError):
        return {"refused": "unreadable"}, b""


class _Pages:
    """One document. Forms are never set up, so nothing in it can act; links are not followed."""

    def __init__(self, pdfium: Any, content: bytes) -> None:
        self.pdfium = pdfium
        self._raw = pdfium.raw
        self._content = content
        self._document: Any = None

    def count(self) -> int:
        return len(self._opened())

    def image(self, index: int, width: int) -> tuple[dict[str, object], bytes]:
        with closing(self._page(index)) as page:
            bitmap = page.render(scale=_scale(page, width), may_draw_forms=False, rev_byteorder=True)
            with closing(bitmap):
                wide, stride = bitmap.width * 3, bitmap.stride
                view = memoryview(bitmap.buffer)
                rows = (view[start : start + wide] for start in range(0, stride * bitmap.height, stride))
                return {"width": bitmap.width, "height": bitmap.height}, b"".join(rows)

    def text(self, index: int) -> str:
        with closing(self._page(index)) as page, closing(page.get_textpage()) as text:
            return "".join(chr(code) for code in self._codes(text))

    def search(self, words: str) -> Iterator[dict[str, object]]:
        """Places of the words, whatever their width, case and line breaks; at most MOST_HITS."""
        wanted = "".join(part for letter in words for part in _plain(letter))
        found = 0
        for index in range(self.count() if wanted else 0):
            with closing(self._page(index)) as page, closing(page.get_textpage()) as text:
                for first, last in _places(wanted, self._codes(text)):
                    yield {"page": index, "boxes": self._boxes(page, text, first, last)}
                    found += 1
                    if found == MOST_HITS:
                        return

    def _opened(self) -> Any:
        if self._document is None:
            try:
                document = self.pdfium.PdfDocument(self._content)
            except self.pdfium.PdfiumError as trouble:
                locked = trouble.err_code in (self._raw.FPDF_ERR_PASSWORD, self._raw.FPDF_ERR_SECURITY)
                raise Refused("encrypted" if locked else "unreadable") from None
            if len(document) > MOST_PAGES:
                raise Refused("too_many_pages")
            self._document = document
        return self._document

    def _page(self, index: int) -> Any:
        if not 0 <= index < self.count():
            raise Refused("no_such_page")
        return self._opened()[index]

    def _codes(self, text: Any) -> list[int]:
        count = min(text.count_chars(), MOST_CHARACTERS)
        codes = (self._raw.FPDFText_GetUnicode(text, index) for index in range(count))
        return [code if code < 0x110000 else 0xFFFD for code in codes]

    def _boxes(self, page: Any, text: Any, first: int, last: int) -> list[list[float]]:
        count = text.count_rects(first, last - first + 1)
        return [self._box(page, text.get_rect(index)) for index in range(count)]

    def _box(self, page: Any, corners: tuple[float, float, float, float]) -> list[float]:
        left, bottom, right, top = corners
        points = [self._point(page, left, bottom), self._point(page, right, top)]
        across, down = zip(*points, strict=True)
        return [min(across), min(down), max(across), max(down)]

    def _point(self, page: Any, x: float, y: float) -> tuple[float, float]:
        """A point of the page's own plane as fractions of what is shown, turned and cropped."""
        across, down = ctypes.c_int(), ctypes.c_int()
        self._raw.FPDF_PageToDevice(page, 0, 0, _GRID, _GRID, 0, x, y, across, down)
        return _fraction(across.value), _fraction(down.value)


def _scale(page: Any, width: int) -> float:
    """Dots per unit so that the page is `width` dots across, or fewer where it would be too big a picture."""
    across, down = page.get_size()
    if not (0 < across < 1e6 and 0 < down < 1e6):
        raise Refused("page_size")
    scale: float = min((min(max(width, 1), WIDEST) - 0.01) / across, TALLEST / down)
    dots = math.ceil(across * scale) * math.ceil(down * scale)
    if dots > MOST_PIXELS:
        scale *= math.sqrt(MOST_PIXELS / dots)
    if math.ceil(across * scale) * math.ceil(down * scale) > MOST_PIXELS * 1.1:
        raise Refused("page_size")
    return scale


def _plain(letter: str) -> str:
    """A letter as it is compared: one width, one case, marks apart, no blanks."""
    plain = unicodedata.normalize("NFKD", letter).casefold()
    return "".join(part for part in plain if not part.isspace() and part.isprintable())


def _places(wanted: str, codes: list[int]) -> Iterator[tuple[int, int]]:
    """First and last character index of each place, none overlapping."""
    pairs = [(part, index) for index, code in enumerate(codes) for part in _plain(chr(code))]
    plain = "".join(part for part, _ in pairs)
    at = plain.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        yield pairs[at][1], pairs[end - 1][1]
        at = plain.find(wanted, end)


def _fraction(dots: int) -> float:
    return min(max(dots / _GRID, 0.0), 1.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
