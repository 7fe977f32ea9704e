"""Tests of the comparison of two versions of a PDF: words, images, pages that only one version has, and hostile
documents.
"""

from collections.abc import Sequence

import pytest

from console.domain.documents.comparison import DifferenceKind, DocumentComparison
from console.domain.errors import ConsoleError
from console.sandbox.alarmbox.pdf import make_pdf_of_pages, make_pdf_of_streams
from console.services.credit_checks import pdf_comparison
from console.services.credit_checks.pdf_comparison import PdfComparison
from console.store.documents.pdf_child_process import compare_words
from console.store.documents.pdf_renderer import PdfDocument
from console.wording.documents import format_comparison_summary_lines, format_page_difference_line
from tests.store import pdf_bombs


def compare_pdfs(old: bytes, new: bytes) -> DocumentComparison:
    """Compare two PDF files and return the result."""
    with PdfComparison(PdfDocument(old), PdfDocument(new)) as both:
        return both.compare()


def list_differences(comparison: DocumentComparison) -> list[tuple[int, DifferenceKind, str, str]]:
    """Return page (counted from 0), kind, earlier text and new text of each difference in the comparison."""
    return [(one.page_index, one.kind, one.old_text, one.new_text) for one in comparison.differences]


def test_different_words_of_two_versions_are_reported() -> None:
    """Added, removed and replaced words are each reported with their boxes in the version that has them. Equal pages
    have no difference.
    """
    same = ["Corporation number 1180301018771", "Result ok"]
    old = make_pdf_of_pages([same, ["Purchased 2026-11-20", "Result hold today", "Revision 1"], ["the same"]])
    new = make_pdf_of_pages([same, ["Purchased 2026-11-20", "Result ng", "Revision 2 of 3"], ["the same"]])
    comparison = compare_pdfs(old, new)
    assert list_differences(comparison) == [
        (1, DifferenceKind.CHANGED, "hold today", "ng"),
        (1, DifferenceKind.CHANGED, "1", "2 of 3"),
    ]
    assert (comparison.old_page_count, comparison.new_page_count, comparison.is_incomplete) == (3, 3, False)
    first = comparison.differences[0]
    assert (len(first.old_boxes), len(first.new_boxes)) == (2, 1)
    (left, top, right, bottom) = first.new_boxes[0]
    assert 0 < left < right < 0.5
    assert 0 < top < bottom < 0.5
    assert list_differences(compare_pdfs(new, old))[0] == (1, DifferenceKind.CHANGED, "ng", "hold today")
    added = compare_pdfs(make_pdf_of_pages([["a b"]]), make_pdf_of_pages([["a b c"]]))
    assert list_differences(added) == [(0, DifferenceKind.ADDED, "", "c")]
    assert list_differences(compare_pdfs(make_pdf_of_pages([["a b c"]]), make_pdf_of_pages([["a c"]]))) == [
        (0, DifferenceKind.REMOVED, "b", "")
    ]
    assert list_differences(compare_pdfs(old, old)) == []
    assert [format_page_difference_line(one, "en") for one in added.differences] == ["+ Page 1: Added: c"]
    assert format_comparison_summary_lines(compare_pdfs(old, old), "ja") == [
        "差異は見つかりませんでした。旧版は 3 ページ、新版は 3 ページです。"
    ]


def test_japanese_texts_are_compared_by_character() -> None:
    """The comparison compares Japanese characters one by one and reports adjacent ones as a single difference.
    Full-width letters count as equal to ASCII letters.
    """
    old = pdf_bombs.make_report_pdf("株式会社見本", "調査結果 保留", "ＡＢＣ")
    new = pdf_bombs.make_report_pdf("株式会社見本", "調査結果 承認済", "ABC")
    comparison = compare_pdfs(old, new)
    assert [(kind, before, after) for _, kind, before, after in list_differences(comparison)] == [
        (DifferenceKind.CHANGED, "保留", "承認済")
    ]
    assert len(comparison.differences[0].new_boxes) == 3


def test_added_and_removed_pages_are_reported_whole() -> None:
    """The comparison reports added and removed pages as whole pages, also if they have no readable text."""
    one, three = make_pdf_of_pages([["a"]]), make_pdf_of_pages([["a"], ["b"], ["c"]])
    assert [item[:2] for item in list_differences(compare_pdfs(one, three))] == [
        (1, DifferenceKind.PAGE_ADDED),
        (2, DifferenceKind.PAGE_ADDED),
    ]
    assert [item[:2] for item in list_differences(compare_pdfs(three, one))] == [
        (1, DifferenceKind.PAGE_REMOVED),
        (2, DifferenceKind.PAGE_REMOVED),
    ]


def test_a_page_with_another_image_is_reported() -> None:
    """The comparison reports a page whose image differs, with and without text on the page. For a page without text,
    the summary says that only images were compared.
    """
    plain = pdf_bombs.make_page(b"BT /F1 12 Tf 60 780 Td (Result ok) Tj ET")
    struck = pdf_bombs.make_page(b"BT /F1 12 Tf 60 780 Td (Result ok) Tj ET 50 783 m 150 783 l S")
    assert [item[1] for item in list_differences(compare_pdfs(plain, struck))] == [DifferenceKind.IMAGE]
    empty, drawn = pdf_bombs.make_page(b""), pdf_bombs.make_page(b"100 100 200 200 re f")
    assert [item[1] for item in list_differences(compare_pdfs(empty, drawn))] == [DifferenceKind.IMAGE]
    without = compare_pdfs(empty, empty)
    assert (list_differences(without), without.textless_page_count) == ([], 1)
    assert "1 page has no text" in format_comparison_summary_lines(without, "en")[1]


def test_hostile_documents_are_refused_or_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents with too many pages or with encryption are refused. A page with very many words is cut and marked as
    cut; an unreadable page is reported as unreadable. The comparison stops at its limit of differences.
    """
    good = make_pdf_of_pages([["a"]])
    with pytest.raises(ConsoleError) as refused:
        compare_pdfs(good, pdf_bombs.make_many_pages(1_000))
    assert refused.value.detail["reason"] == "too_many_pages"
    with pytest.raises(ConsoleError) as refused:
        compare_pdfs(pdf_bombs.make_encrypted_pdf(), good)
    assert refused.value.detail["reason"] == "encrypted"
    words = [b"(%d x y z) Tj T*" % number for number in range(2_000)]
    endless = pdf_bombs.make_page(b"BT /F1 1 Tf 1 TL 10 830 Td " + b" ".join(words) + b" ET")
    cut = compare_pdfs(endless, endless)
    assert (list_differences(cut), cut.is_incomplete) == ([], True)
    assert "Not everything was compared" in format_comparison_summary_lines(cut, "en")[-1]
    huge = pdf_bombs.make_page(b"", box="0 0 1 100000000")
    unreadable = compare_pdfs(huge, pdf_bombs.make_page(b""))
    assert [(item.kind, item.reason) for item in unreadable.differences] == [(DifferenceKind.UNREADABLE, "page_size")]
    monkeypatch.setattr(pdf_comparison, "MAX_DOCUMENT_DIFFERENCES", 2)
    pages = [compare_pdfs(make_pdf_of_pages([[text]] * 5), make_pdf_of_pages([["b"]] * 5)) for text in ("a", "b")]
    assert [(len(one.differences), one.is_incomplete) for one in pages] == [(2, True), (0, False)]


@pytest.mark.parametrize(
    ("counts", "is_cut"), [((1_000,), False), ((1_001,), True), ((600, 400), False), ((600, 401), True)]
)
def test_the_last_page_reports_the_omitted_differences(counts: tuple[int, ...], is_cut: bool) -> None:
    """A comparison reports at most 1,000 differences. If there are more, it is marked as cut, even if the first
    omitted difference is on the last page.
    """

    def make_version(letter: bytes) -> bytes:
        words = ([b"(%d %s%d) Tj T*" % (n, letter, n) for n in range(count)] for count in counts)
        text = (b"BT /F1 0.5 Tf 0.5 TL 10 830 Td " + b" ".join(page) + b" ET" for page in words)
        return make_pdf_of_streams([pdf_bombs.make_stream(page) for page in text])

    comparison = compare_pdfs(make_version(b"a"), make_version(b"b"))
    assert (len(comparison.differences), comparison.is_incomplete) == (1_000, is_cut)


def test_a_comparison_is_cancelled_between_pages() -> None:
    """If the progress function raises an exception between two pages, the comparison ends and the caller gets the
    exception.
    """
    reported_pages: list[tuple[int, int]] = []

    def record_page_and_interrupt(page: int, page_count: int) -> None:
        reported_pages.append((page, page_count))
        if page:
            raise InterruptedError

    document = make_pdf_of_pages([["a"], ["b"], ["c"]])
    with PdfComparison(PdfDocument(document), PdfDocument(document)) as both, pytest.raises(InterruptedError):
        both.compare(record_page_and_interrupt)
    assert reported_pages == [(0, 3), (1, 3)]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ([], [], []),
        (["a"], [], [["delete", 0, 1, 0, 0]]),
        (["a", "a"], ["a", "a", "a"], [["insert", 2, 2, 2, 3]]),
        (["x", "a", "y"], ["x", "b", "y"], [["replace", 1, 2, 1, 2]]),
        (["Ａ"], ["A"], []),
        (["a"] * 9_000, ["a"] * 9_000, []),
    ],
)
def test_ranges_of_words_count_from_the_first_word_of_the_page(
    old: Sequence[str], new: Sequence[str], changes: list[list[object]]
) -> None:
    """Ranges of words count from the first word of the page, although the equal words at both ends are left out of
    the comparison.
    """
    assert compare_words(list(old), list(new)) == changes
