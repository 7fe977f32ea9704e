"""The comparison of two versions of a PDF in words, for the window, screen readers and the terminal."""

from console.domain.documents.comparison import SIGNS, Comparison, DifferenceKind, PageDifference
from console.wording.catalogue import translate

_TEXT_KINDS = {
    DifferenceKind.ADDED: "compare.difference.added",
    DifferenceKind.REMOVED: "compare.difference.removed",
    DifferenceKind.CHANGED: "compare.difference.changed",
}


def difference_text(difference: PageDifference, language: str) -> str:
    """Return what differs, with the words of both versions."""
    if difference.kind in _TEXT_KINDS:
        words = {"old": _one_line(difference.old_text), "new": _one_line(difference.new_text)}
        return translate(_TEXT_KINDS[difference.kind], language, **words)
    if difference.kind is DifferenceKind.UNREADABLE:
        return translate("compare.difference.unreadable", language, reason=difference.reason)
    return translate(f"compare.difference.{difference.kind}", language)


def difference_line(difference: PageDifference, language: str) -> str:
    """Return a difference as a line with its sign and its page."""
    text = difference_text(difference, language)
    return translate("compare.line", language, sign=SIGNS[difference.kind], page=difference.page + 1, text=text)


def summary_lines(comparison: Comparison, language: str) -> list[str]:
    """Return the number of differences, and what was not compared."""
    counts = {"old": comparison.old_pages, "new": comparison.new_pages}
    count = len(comparison.differences)
    key = "compare.summary" if count else "compare.same"
    lines = [translate(key, language, n=count, **counts)]
    if comparison.pages_without_text:
        lines.append(translate("compare.without_text", language, n=comparison.pages_without_text))
    if comparison.is_cut:
        lines.append(translate("compare.cut", language))
    return lines


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
