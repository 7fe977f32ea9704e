"""Tests of showing PDFs of unknown origin. Ordinary PDFs are rendered and searched. Harmful PDFs are refused or
stopped at a limit, and the window continues to work."""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from console.domain.documents.pdf_pages import PageImage
from console.domain.errors import ConsoleError
from console.store.documents import pdf_renderer as pdf_pages
from console.store.documents.pdf_renderer import PdfDocument
from tests.store import pdf_bombs, processes
from tests.support.waiting import MAX_WAIT_SECONDS

REPORT_PDF = pdf_bombs.make_report_pdf("株式会社見本", "調査結果 ＯＫ", "カブシキガイシャ")
HARMLESS_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 200]>>"


def _read_refusal_reason(act: Callable[[], object]) -> object:
    with pytest.raises(ConsoleError) as caught:
        act()
    assert caught.value.code == "provider_answer_unusable"
    return caught.value.detail["reason"]


@pytest.fixture(scope="module")
def report() -> Iterator[PdfDocument]:
    with PdfDocument(REPORT_PDF) as pages:
        yield pages


def _count_dark_pixels(image: PageImage, box: tuple[float, float, float, float]) -> int:
    """Return the number of dark pixels inside a box whose sides are given as fractions of the image."""
    left, top, right, bottom = box
    columns = range(int(left * image.width_px), int(right * image.width_px))
    rows = range(int(top * image.height_px), int(bottom * image.height_px))
    return sum(image.pixels[(row * image.width_px + column) * 3] < 128 for row in rows for column in columns)


def test_a_page_becomes_a_picture(report: PdfDocument) -> None:
    """A page is rendered with the requested width and the page's proportions, and is white where it has no text."""
    assert report.count_pages() == 1
    image = report.render_page(0, 800)
    assert image.width_px == 800
    assert image.height_px in (1132, 1133)
    assert image.pixels[:300] == b"\xff" * 300


def test_japanese_without_an_embedded_font_is_drawn_and_found(report: PdfDocument) -> None:
    """If the PDF doesn't contain a font that it uses, the program draws the text with a font of its own. The box of a
    found text is where the text is drawn."""
    (hit,) = report.search("見本").matches
    image = report.render_page(0, 800)
    ((left, top, right, bottom),) = hit.boxes
    assert 0 < left < right < 1
    assert 0 < top < bottom < 1
    assert _count_dark_pixels(image, (left, top, right, bottom)) > 100
    assert _count_dark_pixels(image, (0.0, 0.5, 1.0, 1.0)) == 0


@pytest.mark.parametrize(
    ("words", "match_count"),
    [
        ("株式会社", 1),
        ("株 式\n会社", 1),
        ("結果ok", 1),
        ("ｶﾌﾞｼｷｶﾞｲｼｬ", 1),
        ("かぶしき", 0),
        ("社見本調査", 1),
        ("", 0),
        ("  ", 0),
        ("社", 1),
        ("シ", 2),
    ],
)
def test_a_search_ignores_width_case_and_line_breaks(report: PdfDocument, words: str, match_count: int) -> None:
    """A search ignores width, case, blanks and line breaks, but distinguishes hiragana from katakana."""
    assert len(report.search(words).matches) == match_count


def test_the_text_of_a_page_is_read_exactly(report: PdfDocument) -> None:
    """The text of a page is read exactly as the document has it."""
    assert report.read_page_text(0).split() == ["株式会社見本", "調査結果", "ＯＫ", "カブシキガイシャ"]


def _make_rare_name_page() -> bytes:
    """Return a PDF page with the name 𠮷野家A, followed by one half of a character (a surrogate). The PDF's font
    states which characters these are."""
    cmap = (
        b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange 5 beginbfchar"
        b"<41> <D842DFB7> <42> <91CE> <43> <5BB6> <44> <0041> <45> <D842> endbfchar endcmap"
    )
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 7 0 R>>"
    content = b"BT /F2 20 Tf 72 700 Td (ABCDE) Tj ET"
    return pdf_bombs.make_page(content, more=[font, pdf_bombs.make_stream(cmap)]).replace(b"/F1 5 0 R", b"/F2 6 0 R")


def test_rare_characters_of_names_are_read_and_found() -> None:
    """Characters above U+FFFF, which a PDF stores as two halves, are read and found. A single half is read as the
    replacement character."""
    with PdfDocument(_make_rare_name_page()) as document:
        assert document.read_page_text(0).strip() == "𠮷野家A\ufffd"
        assert [word.text for word in document.read_page_words(0).words] == ["𠮷", "野", "家", "A", "\ufffd"]
        (whole,), (rest,) = (document.search(words).matches for words in ("𠮷野家", "野家"))
        assert whole.boxes[0][0] < rest.boxes[0][0]
        assert document.search("吉野家").matches == ()


def test_a_turned_page_has_search_boxes_in_its_shown_direction() -> None:
    """The boxes of found texts are fractions of the page as the window shows it. On a page turned by 90°, a line of
    text is vertical at the right."""
    with PdfDocument(REPORT_PDF.replace(b"/MediaBox", b"/Rotate 90/MediaBox")) as pages:
        image = pages.render_page(0, 800)
        (hit,) = pages.search("見本").matches
        ((left, top, right, bottom),) = hit.boxes
        assert image.width_px > image.height_px
        assert (bottom - top) * image.height_px > (right - left) * image.width_px
        assert left > 0.8
        assert _count_dark_pixels(image, (left, top, right, bottom)) > 100


def test_a_page_that_cannot_be_read_hides_no_other_page() -> None:
    """A PDF has a page that can't be read between two others. A search finds the text of the others and returns the
    number of pages that it could not read.
    """
    with PdfDocument(REPORT_PDF.replace(b"[3 0 R]/Count 1", b"[3 0 R 1 0 R 3 0 R]/Count 3")) as pages:
        assert pages.count_pages() == 3
        assert _read_refusal_reason(lambda: pages.read_page_text(1)) == "unreadable"
        search = pages.search("見本")
    assert [match.page_index for match in search.matches] == [0, 2]
    assert search.unreadable_page_count == 1


@pytest.mark.parametrize("width", [-5, 0, 1, 100_000])
def test_any_width_gives_a_bounded_picture(report: PdfDocument, width: int) -> None:
    """A page rendered with any requested width has at least one pixel and at most 6.6 million."""
    image = report.render_page(0, width)
    assert 1 <= image.width_px * image.height_px <= 6_600_000


@pytest.mark.parametrize("index", [-1, 1, 10**30])
def test_missing_pages_are_refused(report: PdfDocument, index: int) -> None:
    """Each page number that doesn't exist is refused with the same reason, and the document remains open."""
    assert _read_refusal_reason(lambda: report.render_page(index, 100)) == "no_such_page"
    assert _read_refusal_reason(lambda: report.read_page_text(index)) == "no_such_page"
    assert report.count_pages() == 1


def test_a_pdf_of_more_than_500_pages_is_refused(tmp_path: Path) -> None:
    """A document of 500 pages is shown, one of 501 is refused."""
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf_bombs.make_many_pages(500))
    with PdfDocument(file) as pages:
        assert pages.count_pages() == 500
        assert pages.render_page(499, 9).width_px == 9
        assert pages.search("x").matches == ()
    with PdfDocument(pdf_bombs.make_many_pages(501)) as pages:
        assert _read_refusal_reason(pages.count_pages) == "too_many_pages"


def test_a_deleted_file_is_refused(tmp_path: Path) -> None:
    """A missing PDF file is refused as unreadable, and no child process crashes."""
    with PdfDocument(tmp_path / "gone.pdf") as pages:
        assert _read_refusal_reason(pages.count_pages) == "unreadable"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_thirty_harmful_pdfs_end_within_their_limits(tmp_path: Path) -> None:
    """Each request for one of thirty harmful PDFs gives a picture of limited size or an error. The process that asks
    grows by at most 50 MB and reads no document itself. The test prints the duration of the slowest request and the
    longest pauses of the main thread."""
    assert len(pdf_bombs.HARMFUL_PDFS) == 30
    limit = 0.5
    for name, make in pdf_bombs.HARMFUL_PDFS.items():
        (tmp_path / f"{name}.pdf").write_bytes(make())
    worker = processes.start_script("pdf_runner.py", tmp_path, limit)
    out, err = worker.communicate(timeout=MAX_WAIT_SECONDS)
    assert worker.returncode == 0, err
    measured = json.loads(out)
    reasons = {"not_pdf", "too_large", "encrypted", "unreadable", "too_many_pages", "no_such_page"}
    reasons |= {"page_size", "too_much_memory", "took_too_long", "crashed"}
    for result in measured["results"]:
        outcome = result["said"]
        assert outcome in reasons if isinstance(outcome, str) else True, result
        assert not isinstance(outcome, list) or outcome[2] == outcome[0] * outcome[1] * 3 < 20_000_000, result
    refused = sum(isinstance(result["said"], str) for result in measured["results"])
    print(f"{refused} of {len(measured['results'])} requests refused, the others bounded")
    slowest = max(result["took"] for result in measured["results"])
    print(f"the slowest request took {slowest:.1f} s; main process grew by {measured['grown']:.0f} MB, ", end="")
    print(f"gap of its thread {measured['gap'] * 1000:.0f} ms (p99)")
    assert measured["grown"] <= 50
    assert not measured["parses"]  # only the child process reads a document


def _make_slow_and_harmless_page() -> bytes:
    """Return a PDF of two pages: the first takes forever to render, the second is harmless."""
    tiles = pdf_bombs.make_tiling_pattern().replace(b"/Kids[3 0 R]/Count 1", b"/Kids[3 0 R 7 0 R]/Count 2")
    return tiles.replace(b"xref\n0 7", b"7 0 obj\n" + HARMLESS_PAGE + b"\nendobj\nxref\n0 7")


def test_a_page_without_end_is_stopped_and_the_next_one_shown() -> None:
    """If a page takes too long, the program kills the rendering process at the time limit. Afterwards it can show the
    next page.
    """
    with PdfDocument(_make_slow_and_harmless_page(), time_limit_seconds=1.5) as pages:
        assert pages.count_pages() == 2
        child = pages._child
        assert child is not None
        assert _read_refusal_reason(lambda: pages.render_page(0, 800)) == "took_too_long"
        assert child.returncode is not None
        assert pages.render_page(1, 50).height_px == 100


def test_closing_ends_a_request_at_once() -> None:
    """Closing the document ends at once a request that still waits for a page."""
    pages = PdfDocument(_make_slow_and_harmless_page(), time_limit_seconds=600)
    pages.count_pages()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(_read_refusal_reason, lambda: pages.render_page(0, 800))
        while not pages._lock.locked():
            wait([answer], timeout=0.001)
        pages.close()
        assert answer.result() == "closed"
    assert _read_refusal_reason(pages.count_pages) == "closed"


def test_a_request_that_starts_the_child_while_the_document_is_closed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A document is closed at the moment at which a request starts the child process, which `close` can't see yet.
    The request is refused, and the child process gets no document.
    """
    pages = PdfDocument(REPORT_PDF)
    start_child = pages._start_child

    def close_and_start() -> object:
        pages._is_closed = True
        return start_child()

    monkeypatch.setattr(pages, "_start_child", close_and_start)
    monkeypatch.setattr(pdf_pages, "_send_document", lambda *_: pytest.fail("the child got the document"))
    assert _read_refusal_reason(pages.count_pages) == "closed"
    assert pages._child is None


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs /proc")
def test_the_rendering_process_has_limits_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that renders pages has limits of memory, core files, written files and processes, gets no
    environment variable of the desk, and ends when the document is closed."""
    monkeypatch.setenv("CONSOLE_SECRET_STORE_KEY", "a secret of the desk")
    with PdfDocument(REPORT_PDF) as pages:
        pages.count_pages()
        assert pages._child is not None
        place = Path("/proc") / str(pages._child.pid)
        limits = {line[:26].strip(): line[26:47].strip() for line in (place / "limits").read_text().splitlines()}
        assert limits["Max address space"] == str(512 * 1024 * 1024)
        assert limits["Max file size"] == limits["Max core file size"] == limits["Max processes"] == "0"
        assert int(limits["Max cpu time"]) < 60
        assert b"CONSOLE" not in (place / "environ").read_bytes()
    assert not place.exists()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"bytes": "1"}\n',
        b'{"bytes": -1}\n',
        b'{"bytes": 99999999999}\n',
        b'{"bytes": 100}\nshort',
        b'{"bytes": 0}\n',
        b'{"bytes": 0, "count": 0, "width": 5, "height": 5}\n',
        b'{"bytes": 3, "width": -1, "height": -1}\nabc',
        b"x" * 100_000,
        b'{"bytes": 2}\n[3',
        b"[" * 4000 + b"\n",
        b'{"bytes": 90000}\n' + b"[" * 90000,
        b'{"bytes": 30}\n[{"page": 0, "boxes": [[1, 2]]}]',
    ],
)
def test_answers_of_the_rendering_process_are_checked(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """The program checks each answer of the rendering process, which a harmful PDF could control: a wrong or too long
    answer is refused."""
    program = f"import sys, os; sys.stdin.buffer.readline(); os.write(1, {answer!r})"
    monkeypatch.setattr(pdf_pages, "_make_child_command", lambda seconds: [sys.executable, "-I", "-c", program])
    for act in (
        PdfDocument(REPORT_PDF).count_pages,
        lambda: PdfDocument(REPORT_PDF).render_page(0, 9),
        lambda: PdfDocument(REPORT_PDF).search("x"),
    ):
        assert _read_refusal_reason(act) == "crashed"


def test_a_built_application_starts_itself_as_rendering_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A built application has no Python interpreter that could run a file, so it starts itself as the rendering
    process, with the argument `--pdf-child`."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    command = pdf_pages._make_child_command(9.5)
    assert command[:3] == [sys.executable, "--pdf-child", "10"]
    assert Path(command[3]).name == "fonts"
