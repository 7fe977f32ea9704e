"""Text in two fonts: words in the text font; amounts, times, identifiers and keys in the figures font. A font run is
a piece of a text, with True if the piece uses the figures font. The argument `role` is the text role of both fonts,
and `is_bold` selects their bold weight; the text scale is that of the Appearance."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from math import ceil

from PySide6.QtGui import QPainter

from console.views.theme.design_tokens import FontPurpose, TextRoleName, tokens
from console.views.theme.fonts import list_font_families
from console.views.theme.key_names import format_keys
from console.views.theme.theme import current_appearance
from console.wording.sentences.formats import NO_VALUE
from console.wording.sentences.line_breaks import (
    JAPANESE_LETTER_PATTERN,
    POSSIBLE_BREAK,
    WORD_JOINER,
    allow_breaks_in_long_words,
    keep_phrases_whole,
    remove_line_break_marks,
    split_phrases,
)

_TIME_ZONE_PATTERN = r"(?:[A-Z]{2,4}T|UTC)\b"  # the abbreviation of a time zone, such as JST, IST and CEST
_FIGURES_FONT_PATTERN = re.compile(
    r"[−-]?[¥₹][ \xa0]?\d[\d,]*(?:\.\d+)?|[−-]?\b[A-Z]{3} \d[\d,]*\.\d+"  # amounts, also of other currencies
    # days and instants
    rf"|\d{{4}}-\d{{2}}-\d{{2}}(?:[ \xa0]\d{{1,2}}:\d{{2}}(?::\d{{2}})?)?(?:[ \xa0]{_TIME_ZONE_PATTERN})?"
    # no port
    rf"|(?<![\d.:])(?:\d{{2}}-\d{{2}}[ \xa0])?\d{{1,2}}:\d{{2}}(?!\d)(?::\d{{2}})?(?:[ \xa0]{_TIME_ZONE_PATTERN})?"
    r"|\b\d(?:[ \xa0]\d{4}){3}\b"  # corporation numbers
    rf"|\b[0-9A-Za-z-]{{3,}}…{WORD_JOINER}?[0-9A-Za-z]{{3,}}\b|…{WORD_JOINER}?[0-9a-f]{{3,}}\b"  # shortened keys
    r"|(?<!-)\b[A-Z]{1,4}-[0-9A-Z]+(?:-[0-9A-Z]+)*\b|\b[A-Z]{2,4}\d{4,}\b"  # record numbers, support codes
    # numbers of credit checks, but not their count (件); a text that may wrap has a mark inside the Japanese word
    rf"|(?:(?<=[Cc]redit check[ \xa0])|(?<=与信チェック[ \xa0])|(?<=チェッ{WORD_JOINER}ク[ \xa0]))"
    r"\d+(?!\d|[ \xa0]?件)"
    r"|\b\d{1,3}(?:,\d{3})+\b|(?<![.:])\b\d{5,}(?:\.\d+)?\b"  # long numbers
    r"|\*{4}[0-9A-Za-z]{1,4}\b"  # a masked text: a payer, a merchant
    r"|\bv\d+\b",  # versions
    re.ASCII,  # a figure also ends where kana or kanji follow without a space
)
_DIGITS_PATTERN = re.compile(r"(\d+)")
_MINUS_SIGNS = "−-"
_SIGN_OR_DIGITS_PATTERN = re.compile(rf"(^[{_MINUS_SIGNS}]|\d+)")
_LETTER_PATTERN = re.compile(r"[^\W\d_]")
# As in lead-b and re-fetch.
_IDENTIFIER_HYPHEN_PATTERN = re.compile(r"(?<=[a-z]{2})-(?=[a-z0-9]\b)|(?<=\b[Rr]e)-(?=[a-z])", re.ASCII)
# Japanese words are runs of kana and kanji, with their brackets and punctuation marks.
_WORD_PATTERN = re.compile(
    r"(\b[A-Za-z]?[a-z]{2,}(?:-[a-z0-9])?\b ?|[（）「」、。\u3005\u3041-\u30ff\u4e00-\u9fff]+ ?)", re.ASCII
)
_DIRECTION_MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_PAINTED_TEXT_BY_CHARACTER = {
    **dict.fromkeys(map(ord, "\n\r\t\v\f\x85\u2028\u2029"), " "),
    **dict.fromkeys(map(ord, _DIRECTION_MARKS), ""),
}
_ACCENT_RANGES = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # combining marks
_MAX_ACCENTS_PER_LETTER = 3
_ACCENT_PILE_PATTERN = re.compile(f"([{_ACCENT_RANGES}]{{{_MAX_ACCENTS_PER_LETTER}}})[{_ACCENT_RANGES}]+")
_DIRECTION_MARK_PATTERN = re.compile(f"[{_DIRECTION_MARKS}]")
FontRun = tuple[str, bool]
"""A piece of a text that is painted in one font, and True if this is the font for figures."""
ELLIPSIS_RUN: FontRun = ("…", False)
_CURRENCY_PATTERN = re.compile(r"[¥₹]")
_AMOUNT_PATTERN = re.compile(r"[−-]?[¥₹]|[−-]?[A-Z]{3} \d|\d{1,3},\d")
# Spaces at which a line must not end: inside a number, between a number and its unit, and before a status number.
# A line break in the text isn't one of them: the line ends there.
_NUMBER_SPACE_PATTERN = re.compile(
    rf"(?<=\bHTTP) (?=\d)|(?<=[\d¥₹/]) (?=\d|(?:ms|s|min|h|d|KB|MB)\b|{_TIME_ZONE_PATTERN}"
    r"|[/秒分時日週月年件回人枚行])",
    re.ASCII,
)
# A line ends before the point between two facts, because a point at the end of a line would announce nothing; and it
# doesn't end inside "18 d ago".
_FACT_SPACE_PATTERN = re.compile(r"(?<= ·) | (?=ago\b)")
# A last word of at most three characters, such as the number in "client 2", never stands alone on the last line,
# unless the word before it has more than 16 characters.
_SHORT_LAST_WORD_PATTERN = re.compile(r"((?:^|\s)\S{1,16}) (?=\S{1,3}$)", re.ASCII | re.MULTILINE)
_POSSIBLE_BREAK_PATTERN = re.compile(f"(?<={POSSIBLE_BREAK})")
_BREAK_PATTERN = re.compile(f"(?<=[ {POSSIBLE_BREAK}])")


def remove_unreadable_marks(text: str) -> str:
    """Return the text without the invisible characters that change the direction of writing, and with at most
    _MAX_ACCENTS_PER_LETTER accents on one letter. With such characters, a name or a reason from outside the program
    could show the following amounts and words in reverse order, or draw over the lines above and below it."""
    if text.isascii():
        return text
    return _ACCENT_PILE_PATTERN.sub(r"\1", _DIRECTION_MARK_PATTERN.sub("", text))


def escape_direction_marks(text: str) -> str:
    """Return the text with a visible escape code in place of each invisible character that changes the direction of
    writing. Stored evidence is thus shown in its own order, and no part of it is left out.
    """
    return _DIRECTION_MARK_PATTERN.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


@lru_cache(maxsize=4096)
def split_font_runs(text: str) -> tuple[FontRun, ...]:
    """Split a text into font runs: pairs of a piece of the text and True if the piece uses the figures font (the
    font of digits). Bidirectional control characters are left out."""
    text = remove_unreadable_marks(text)
    runs: list[FontRun] = []
    run_end = 0
    for match in _FIGURES_FONT_PATTERN.finditer(text):
        if match.start() > run_end:
            runs.append((text[run_end : match.start()], False))
        is_amount = _AMOUNT_PATTERN.match(match.group()) is not None
        runs += split_amount_font_runs(match.group()) if is_amount else ((match.group(), True),)
        run_end = match.end()
    if run_end < len(text) or not runs:
        runs.append((text[run_end:], False))
    return tuple(runs)


@lru_cache(maxsize=4096)
def split_amount_font_runs(text: str) -> tuple[FontRun, ...]:
    """Return an amount split into font runs. Digits and the minus sign use the figures font, in which the minus sign
    is as wide as a digit. Currency, comma and point use the text font, in which a comma leaves no gap."""
    return tuple(
        (piece, piece.isdigit() or piece in _MINUS_SIGNS) for piece in _SIGN_OR_DIGITS_PATTERN.split(text) if piece
    )


@lru_cache(maxsize=4096)
def split_identifier_font_runs(text: str) -> tuple[FontRun, ...]:
    """Return an identifier split into font runs: whole words such as "Check", Japanese words and names of people use
    the text font, everything else the figures font. A shortened identifier (with "…") uses only the figures font. A
    text with the sign ¥ or ₹ is split by `split_font_runs`. A text without a digit, such as the name of a queue, uses
    only the text font, because a part of it may look like an identifier ("In progress").
    """
    text = remove_unreadable_marks(text)
    if "…" in text:
        return ((text, True),)
    if _LETTER_PATTERN.search(text) and not _DIGITS_PATTERN.search(text):
        return ((text, False),)
    if _CURRENCY_PATTERN.search(text):
        return split_font_runs(text)
    return tuple((piece, _WORD_PATTERN.fullmatch(piece) is None) for piece in _WORD_PATTERN.split(text) if piece)


def format_rich_text(text: str, role: TextRoleName = "body", *, can_wrap: bool = False) -> str:
    """Return the text as Qt rich text in which amounts, times, identifiers and keys use the figures font. Without
    `can_wrap`, a text that contains none of these and no line breaks is returned unchanged. The sign for a missing
    value is in the text font.

    If `can_wrap` is True, the text may wrap. The lines then have the line height of the role, because the line height
    of the bundled fonts is too small. No line ends inside a number, an identifier or a Japanese phrase, or between a
    number and its unit. A number, identifier or phrase that is too long for one line is broken at any letter.
    """
    role_font = tokens().type[role].font
    if text == NO_VALUE and role_font == "figures":  # the dash of the figures font looks like a hyphen
        return f'<p style="margin:0">{_format_span_html(text, "text")}</p>'
    pieces = split_font_runs(_mark_line_ends(text) if can_wrap else text)
    line_px = current_appearance().line_height(role) if can_wrap and text else 0
    if not line_px and not any(uses_figures_font for _, uses_figures_font in pieces) and "\n" not in text:
        return text
    if line_px:
        # Qt puts the letters at the bottom of a line. This invisible letter behind each figure gives its line, which
        # may have no words, the depth of the text font.
        pieces = tuple(part for piece in pieces for part in ((piece, (WORD_JOINER, False)) if piece[1] else (piece,)))
    spans = (
        escape(piece) if (font == role_font) else _format_span_html(piece, font)
        for piece, font in _add_font_purpose_to_runs(pieces)
    )
    style = f"margin:0;line-height:{line_px}px" if line_px else "margin:0"
    return f'<p style="{style}">' + "".join(spans).replace("\n", "<br>") + "</p>"


def _mark_line_ends(text: str) -> str:
    """Return the text with invisible characters that allow or forbid a line break at their position."""
    return keep_phrases_whole(prevent_bad_line_ends(allow_breaks_in_long_words(text)))


def _add_font_purpose_to_runs(pieces: tuple[FontRun, ...]) -> Iterator[tuple[str, FontPurpose]]:
    return ((piece, "figures" if uses_figures_font else "text") for piece, uses_figures_font in pieces)


def _format_span_html(piece: str, font: FontPurpose) -> str:
    families = ",".join(f"'{family}'" for family in list_font_families(font))
    return f'<span style="font-family:{families}">{escape(piece)}</span>'


def prevent_bad_line_ends(text: str) -> str:
    """Return the text with no-break spaces inside numbers, before their units, before "ago", after the point between
    two facts, and before a short last word (unless the word before it has more than 16 characters). The hyphen of an
    identifier such as lead-b, and of the word re-fetch, gets a word joiner behind it. A label that wraps the text
    then breaks no line at these places."""
    text = _NUMBER_SPACE_PATTERN.sub("\N{NO-BREAK SPACE}", text)
    text = _FACT_SPACE_PATTERN.sub("\N{NO-BREAK SPACE}", text)
    text = _SHORT_LAST_WORD_PATTERN.sub("\\1\N{NO-BREAK SPACE}", text)
    return _IDENTIFIER_HYPHEN_PATTERN.sub("-\N{WORD JOINER}", text)


def format_tooltip(text: str) -> str:
    """Return the text for a tooltip. A text with "<" or "&lt;" is escaped, because Qt could interpret the text as
    markup, in which each entity becomes a character. Marks of the direction of writing are left out."""
    text = remove_unreadable_marks(text)
    return f"<span>{escape(text)}</span>" if "<" in text or "&lt;" in text else text


def format_menu_entry(text: str, shortcut: str = "") -> str:
    """Return the text of a menu entry with its shortcut. Qt would read "&" in a name or a typed reason as the mark of
    a key, and leave it out, and the text after a tab as a shortcut. Marks of the direction of writing are left
    out."""
    text = " ".join(remove_unreadable_marks(text).split()).replace("&", "&&")
    return f"{text}\t{format_keys(shortcut)}" if shortcut else text


def draw_font_runs(
    painter: QPainter,
    x: float,
    baseline: float,
    runs: tuple[FontRun, ...],
    role: TextRoleName = "body",
    *,
    is_bold: bool = False,
) -> float:
    """Draw font runs side by side on one baseline, with the pen of the painter. A line break in the text is drawn as
    a space, because otherwise the numbers before and after it would look like one number. Marks of the direction of
    writing are left out. Return the x coordinate of the right end of the drawn text, in px."""
    for piece, uses_figures_font in runs:
        painter.setFont(current_appearance().font(role, is_bold=is_bold, uses_figures_font=uses_figures_font))
        painter.drawText(int(x), int(baseline), piece.translate(_PAINTED_TEXT_BY_CHARACTER))
        x += _measure_text_piece(piece, role, is_bold, uses_figures_font, current_appearance().scale)
    return x


def measure_font_runs(runs: tuple[FontRun, ...], role: TextRoleName = "body", *, is_bold: bool = False) -> float:
    """Return the width of font runs side by side on one line, in px."""
    scale = current_appearance().scale
    return sum(
        _measure_text_piece(piece, role, is_bold, uses_figures_font, scale) for piece, uses_figures_font in runs
    )


@lru_cache(maxsize=4096)
def _measure_text_piece(
    text: str, role: TextRoleName, is_bold: bool, uses_figures_font: bool, _scale: float
) -> float:
    """Return the width of a piece of text in px, from a cache: measuring a text takes as long as drawing it, and most
    pieces occur again. `_scale` is a parameter only because the key of the cache must contain the text scale."""
    return (
        current_appearance()
        .font_metrics(role, is_bold=is_bold, uses_figures_font=uses_figures_font)
        .horizontalAdvance(text.translate(_PAINTED_TEXT_BY_CHARACTER))
    )


def compute_centred_baseline(top_px: float, height_px: float, role: TextRoleName = "body") -> float:
    """Return the y coordinate of the baseline that centres one line of text in a box with this top and height, in
    px."""
    metrics = current_appearance().font_metrics(role)
    return round(top_px + (height_px + metrics.ascent() - metrics.descent()) / 2)


def elide_font_runs(
    runs: tuple[FontRun, ...], width_px: float, role: TextRoleName = "body", *, is_bold: bool = False
) -> tuple[FontRun, ...]:
    """Return the font runs unchanged if they are at most `width_px` px wide; otherwise replace their end by "…"."""
    if measure_font_runs(runs, role, is_bold=is_bold) <= width_px:
        return runs
    shown_runs: list[FontRun] = []
    remaining_width = width_px - measure_font_runs((ELLIPSIS_RUN,), role, is_bold=is_bold)
    for piece, uses_figures_font in runs:
        letter_count = _count_fitting_letters(piece, remaining_width, role, is_bold, uses_figures_font)
        shown_runs.append((piece[:letter_count], uses_figures_font))
        if letter_count < len(piece):
            break
        remaining_width -= _measure_text_piece(piece, role, is_bold, uses_figures_font, current_appearance().scale)
    return (*((piece, uses_figures_font) for piece, uses_figures_font in shown_runs if piece), ELLIPSIS_RUN)


def _count_fitting_letters(
    piece: str, width_px: float, role: TextRoleName, is_bold: bool, uses_figures_font: bool
) -> int:
    """Return the number of letters at the beginning of `piece` that fit into `width_px` px, if it is painted in the
    figures font (`uses_figures_font`) or else in the text font."""
    metrics = current_appearance().font_metrics(role, is_bold=is_bold, uses_figures_font=uses_figures_font)
    piece = piece.translate(_PAINTED_TEXT_BY_CHARACTER)
    return bisect_right(range(1, len(piece) + 1), width_px, key=lambda end: metrics.horizontalAdvance(piece[:end]))


def elide_text(text: str, width_px: float) -> str:
    """Return `text` unchanged if it is at most `width_px` px wide, painted only in the text font; otherwise replace
    its end by "…"."""
    return "".join(piece for piece, _ in elide_font_runs(((text, False),), width_px))


@lru_cache(maxsize=4096)
def _wrap_text(text: str, width_px: float, _scale: float) -> tuple[str, ...]:
    """Return the lines into which the text is wrapped at this width. `_scale` is not used by the code: it is a part
    of the key under which the result is cached.
    """
    if measure_font_runs(split_font_runs(text)) <= width_px:
        return (text,)
    lines: list[str] = []
    line = ""
    for piece in _split_at_line_ends(text):
        if line and _measure_line(line + piece) > width_px:
            lines.append(line)
            line = ""
        line += piece
        while _measure_line(line) > width_px and (end := _count_letters_of_one_line(line, width_px)) < len(line):
            lines.append(line[:end])
            line = line[end:]
    return tuple(remove_line_break_marks(text_line).strip() for text_line in (*lines, line))


def _measure_line(text: str, role: TextRoleName = "body") -> float:
    """Return the width in px of a line, without the spaces at its ends and the marks that are not painted."""
    return measure_font_runs(split_font_runs(remove_line_break_marks(text).strip()), role)


def _count_letters_of_one_line(text: str, width_px: float) -> int:
    """Return the number of letters at the beginning of a text that fit into a line of `width_px` px, at least one."""
    ends = range(1, len(text) + 1)
    return max(1, bisect_right(ends, width_px, key=lambda end: _measure_line(text[:end])))


def _split_at_line_ends(text: str) -> Iterator[str]:
    """Yield the pieces of a text between the positions where a line may end. Qt's QTextBoundaryFinder isn't used: it
    keeps a pointer to the text after PySide has freed the text."""
    text = prevent_bad_line_ends(allow_breaks_in_long_words(text))
    for phrase in split_phrases(text) if JAPANESE_LETTER_PATTERN.search(text) else (text,):
        is_japanese = JAPANESE_LETTER_PATTERN.search(phrase) is not None
        yield from filter(None, (_POSSIBLE_BREAK_PATTERN if is_japanese else _BREAK_PATTERN).split(phrase))


def measure_longest_piece(text: str, role: TextRoleName = "body") -> float:
    """Return the width in px of the longest piece of the text in which no line may end, such as a number. On lines
    that are narrower, the piece is broken at any letter."""
    return max((_measure_line(piece, role) for piece in _split_at_line_ends(text)), default=0.0)


def measure_two_line_width(text: str, role: TextRoleName = "body") -> int:
    """Return the least width in px at which the text takes at most two lines."""
    return _measure_two_line_width(text, role, current_appearance().scale)


@lru_cache(maxsize=256)
def _measure_two_line_width(text: str, role: TextRoleName, _scale: float) -> int:
    """Return the smallest width in px at which the text fits into two lines. `_scale` is not used by the code: it is
    a part of the key under which the result is cached.
    """
    pieces = list(_split_at_line_ends(text))
    lines = (("".join(pieces[:end]), "".join(pieces[end:])) for end in range(len(pieces)))
    widths = (max(_measure_line(first, role), _measure_line(second, role)) for first, second in lines)
    return ceil(min(widths, default=0.0)) + 1


def wrap_text(text: str, width_px: float) -> tuple[str, ...]:
    """Return the lines of a body text that is painted with a width of at most `width_px` px. As in a label
    (`format_rich_text`), no line ends inside a number, an identifier or a Japanese phrase, or between a number and
    its unit. A number, identifier or phrase that is too long for one line is broken at any letter. Line breaks in the
    text stay.
    """
    scale = current_appearance().scale
    paragraphs = text.rstrip().splitlines() or [""]
    return tuple(line for paragraph in paragraphs for line in _wrap_text(paragraph, width_px, scale))


def draw_line_of_text(
    painter: QPainter, x: float, height_px: float, text: str, role: TextRoleName = "body", *, is_bold: bool = False
) -> None:
    """Draw one line of text with the pen of the painter: from `x` to the right, vertically centred between y = 0 and
    y = `height_px`, in px. Amounts, times, identifiers and keys use the figures font, other pieces the text font."""
    draw_font_runs(
        painter, x, compute_centred_baseline(0, height_px, role), split_font_runs(text), role, is_bold=is_bold
    )
