"""Texts about the comparison of two versions of a PDF, for the window, screen readers and the terminal."""

from console.domain.documents.comparison import DIFFERENCE_SIGNS, DifferenceKind, DocumentComparison, PageDifference
from console.wording.sentences.catalogue import translate

_TEXT_KEY_BY_DIFFERENCE_KIND = {
    DifferenceKind.ADDED: "compare.difference.added",
    DifferenceKind.REMOVED: "compare.difference.removed",
    DifferenceKind.CHANGED: "compare.difference.changed",
}


def format_page_difference(difference: PageDifference, language: str) -> str:
    """Return a sentence about one difference between two versions of a page, with the words of each version that
    differ."""
    if difference.kind in _TEXT_KEY_BY_DIFFERENCE_KIND:
        words = {
            "old": _replace_unprintable_characters(difference.old_text),
            "new": _replace_unprintable_characters(difference.new_text),
        }
        return translate(_TEXT_KEY_BY_DIFFERENCE_KIND[difference.kind], language, **words)
    if difference.kind is DifferenceKind.UNREADABLE:
        return translate("compare.difference.unreadable", language, reason=difference.reason)
    return translate(f"compare.difference.{difference.kind}", language)


def format_page_difference_line(difference: PageDifference, language: str) -> str:
    """Return a difference between two versions of a page as one line: its sign, the number of the page, and the
    sentence about the difference."""
    text = format_page_difference(difference, language)
    return translate(
        "compare.line", language, sign=DIFFERENCE_SIGNS[difference.kind], page=difference.page_index + 1, text=text
    )


def format_comparison_summary_lines(comparison: DocumentComparison, language: str) -> list[str]:
    """Return sentences with the number of differences, and with the pages that could not be compared."""
    page_counts = {"old": comparison.old_page_count, "new": comparison.new_page_count}
    count = len(comparison.differences)
    key = "compare.summary" if count else "compare.same"
    lines = [translate(key, language, n=count, **page_counts)]
    if comparison.textless_page_count:
        lines.append(translate("compare.without_text", language, n=comparison.textless_page_count))
    if comparison.is_incomplete:
        lines.append(translate("compare.cut", language))
    return lines


def _replace_unprintable_characters(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
