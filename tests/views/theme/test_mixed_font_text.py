"""Tests which parts of a sentence are set in the figures font."""

import pytest
from PySide6.QtGui import QImage, QPainter, QTextDocument, QTextLayout
from PySide6.QtWidgets import QMenu

from console.views.theme.fonts import list_font_families
from console.views.theme.mixed_font_text import (
    ELLIPSIS_RUN,
    draw_font_runs,
    elide_font_runs,
    escape_direction_marks,
    format_menu_entry,
    format_rich_text,
    format_tooltip,
    measure_font_runs,
    prevent_bad_line_ends,
    remove_unreadable_marks,
    split_amount_font_runs,
    split_font_runs,
    split_identifier_font_runs,
    wrap_text,
)
from console.views.theme.theme import current_appearance
from console.views.widgets.base import ElidedLabel, TextLabel
from console.wording.sentences.formats import NO_VALUE, format_amount
from console.wording.sentences.line_breaks import WORD_JOINER


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("14:52:10 に読取(12 分前)", ["14:52:10"]),
        ("2026-11-20 15:04:05 JST", ["2026-11-20 15:04:05 JST"]),
        ("2026-11-20 11:34:05 IST", ["2026-11-20 11:34:05 IST"]),
        ("11-20 07:04 CEST に受付、11:34 IST", ["11-20 07:04 CEST", "11:34 IST"]),
        ("11:34 PDF", ["11:34"]),
        ("番号 A-10442、返金 −¥500", ["A-10442", "−", "500"]),
        ("2 0104 0190 7731 の与信", ["2 0104 0190 7731"]),
        ("lead-b が状態を変更", []),
        ("Re-fetch the PDF", []),
        ("操作番号 7f3c…d2a1", ["7f3c…d2a1"]),
        ("返金キー RFD-70VL…XGDMCC", ["RFD-70VL…XGDMCC"]),
        (f"取得（7cf4…{WORD_JOINER}2ec5）", [f"7cf4…{WORD_JOINER}2ec5"]),
        ("イベント ev-ORD-4711", []),
        ("AlarmBox（http://127.0.0.1:46507）", []),
        ("決済 ORD20261114000026 の返金", ["ORD20261114000026"]),
        ("支払者 ****7306", ["****7306"]),
        ("与信チェック 58 の PDF", ["58"]),
        ("与信チェック 12 件、未解決 3 件", []),
        ("Credit check 58", ["58"]),
        ("Probe credit check\xa07", ["7"]),
        ("2 credit checks", []),
        ("merchant ****14 and ****ient (loopback)", ["****14", "****ient"]),
        ("変更: 20753.1: → 20753.2:", ["20753.1", "20753.2"]),
        ("", []),
    ],
)
def test_figures_in_a_text_are_found(text: str, figures: list[str]) -> None:
    """Times, days, amounts, record numbers and corporation numbers are set in the figures font. Words are set in the
    text font.
    """
    runs = split_font_runs(text)
    assert [piece for piece, is_figure in runs if is_figure] == figures
    assert "".join(piece for piece, _ in runs) == text


@pytest.mark.parametrize("words", ["In progress", "Needs a person", "returned", "ordered_twice", "処理中"])
def test_words_in_a_column_of_identifiers_are_words(words: str) -> None:
    """In a column of identifiers, a cell without a digit is set in the text font as a whole, so that codes below each
    other look alike.
    """
    assert split_identifier_font_runs(words) == ((words, False),)


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("与信チェック 161", (("与信チェック ", False), ("161", True))),
        ("決済 ORD-20261119-000022", (("決済 ", False), ("ORD-20261119-000022", True))),
        ("Check 161", (("Check ", False), ("161", True))),
        ("29（記録なし 28）", (("29", True), ("（記録なし ", False), ("28", True), ("）", False))),
    ],
)
def test_only_the_number_of_a_record_name_has_the_figures_font(name: str, runs: object) -> None:
    """The word before the number of a record is set in the text font in both languages, because kana would be wider
    in the figures font.
    """
    assert split_identifier_font_runs(name) == runs


@pytest.mark.parametrize("identifier", ["S-100028", "2 0104 0190 7731", "7f3c…d2a1", "-"])
def test_identifiers_are_figures(identifier: str) -> None:
    """Identifiers, shortened identifiers and the mark of an empty cell are set in the figures font."""
    assert split_identifier_font_runs(identifier) == ((identifier, True),)


def test_the_comma_in_an_amount_has_the_text_font() -> None:
    """The comma in an amount is set in the text font."""
    parts = (("¥", False), ("12", True), (",", False), ("000", True))
    assert split_amount_font_runs("¥12,000") == parts
    assert split_font_runs("残り ¥12,000") == (("残り ", False), *parts)


@pytest.mark.parametrize("sign", "−-")
def test_a_minus_sign_is_as_wide_as_a_digit(sign: str) -> None:
    """The minus sign of an amount is set in the figures font, so that amounts below each other are aligned. In the
    text font it would be as long as a dash.
    """
    assert split_amount_font_runs(f"{sign}¥500") == ((sign, True), ("¥", False), ("500", True))
    assert measure_font_runs(split_font_runs(f"{sign}¥500")) == pytest.approx(
        measure_font_runs(split_font_runs("¥500")) + measure_font_runs((("0", True),))
    )


def test_an_elided_text_keeps_its_fonts() -> None:
    """The visible beginning of an elided text has the same fonts as before, and the text isn't wider than its
    room.
    """
    runs = split_font_runs("11-20 08:49 購入を送信しました")
    for width in range(20, round(measure_font_runs(runs)), 7):
        *begin, end = elide_font_runs(runs, width)
        assert end == ELLIPSIS_RUN
        assert measure_font_runs((*begin, end)) <= width
        assert all(
            runs[place][0].startswith(text) and runs[place][1] == font for place, (text, font) in enumerate(begin)
        )
    assert elide_font_runs(runs, measure_font_runs(runs)) == runs


@pytest.mark.parametrize(
    "text",
    [
        "¥1,23,456.00",
        "1 9938 3111 5170",
        "2026-11-20 15:04:05 JST",
        "lead-b",
        "14 min",
        "18 d ago",
        "3 件",
        "16 / 24",
        "HTTP 500",
        "re-fetch",
    ],
)
@pytest.mark.parametrize("width", range(8, 60, 12))
def test_no_line_ends_inside_a_number(text: str, width: int) -> None:
    """However narrow a label is, a number and its unit are on one line."""
    layout = QTextLayout(prevent_bad_line_ends(text), current_appearance().font("body"))
    layout.beginLayout()
    layout.createLine().setLineWidth(width)
    rest = layout.createLine()
    layout.endLayout()
    assert not rest.isValid()


@pytest.mark.parametrize("text", ["Current credit check, client 2", "asked 11:56 · 347 d ago", "Go there or to it."])
def test_no_short_word_stands_alone_on_the_last_line(text: str, appearance: object) -> None:
    """A painted text that doesn't fit on its line by one letter ends with two words on the last line."""
    lines = wrap_text(text, measure_font_runs(split_font_runs(text)) - 1)
    assert len(lines) == 2
    assert " ".join(lines) == text
    assert len(lines[1].split()) > 1


@pytest.mark.parametrize("text", ["asked 11-12 11:12 · 18 d ago · old", "22 d ago · old"])
def test_no_line_ends_with_the_point_between_two_facts(appearance: object, text: str) -> None:
    """At each width at which a text needs more than one line, the point is at the beginning of a line, before the
    fact to which it leads, and never alone."""
    whole_px = round(measure_font_runs(split_font_runs(text)))
    for width in range(whole_px // 3, whole_px):
        lines = wrap_text(text, width)
        assert not [line for line in lines if line.rstrip().endswith("·")], (width, lines)


def test_a_number_with_no_break_spaces_keeps_its_font() -> None:
    """A number that contains no-break spaces is set in the figures font as a whole."""
    for text in ("2026-11-20 15:04:05 JST", "1 9938 3111 5170", "11-20 10:49"):
        assert len(split_font_runs(prevent_bad_line_ends(text))) == 1


def test_a_name_with_angle_brackets_is_not_markup() -> None:
    """A name with angle brackets is shown unchanged, and not interpreted as markup."""
    assert "<b>" not in format_rich_text("<b>A-10442</b>")
    assert "&lt;b&gt;" in format_rich_text("<b>A-10442</b>")
    assert format_rich_text("plain words") == "plain words"
    assert "<b>" not in format_tooltip("<b>name</b>")


def test_a_tooltip_shows_entities_in_a_name_unchanged() -> None:
    """A tooltip shows an entity such as "&lt;" in a name as these letters. Qt reads a tooltip as markup, in which an
    entity could be a mark of the direction of writing."""
    text = "A &lt; B &#8238; 12,300"
    document = QTextDocument()
    document.setHtml(format_tooltip(text))
    assert document.toPlainText() == text


def test_the_sign_for_a_missing_value_has_the_text_font() -> None:
    """A label of figures shows the sign for a missing value like all other labels and tables: in the figures font it
    would look like a hyphen."""
    assert format_rich_text(NO_VALUE) == NO_VALUE
    markup = format_rich_text(NO_VALUE, "data")
    assert list_font_families("text")[0] in markup
    assert list_font_families("figures")[0] not in markup


def test_a_line_of_figures_has_the_depth_of_the_text_font() -> None:
    """In a text that can wrap, a word joiner in the text font follows each part in the figures font. So a line that
    contains only a time is as high as a line of text.
    """
    for text in ("2026-11-20 15:04", "requested by op-a 11-25 08:16", "¥1,000 of order ORD-4711"):
        markup = format_rich_text(text, can_wrap=True)
        assert markup.count("</span>") > 0
        assert markup.count("</span>") == markup.count(f"</span>{WORD_JOINER}"), markup
        assert WORD_JOINER not in format_rich_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "注文 S-100022: アラート「期限切れ・失敗・取消後の入金」: 検知 注文 取消、決済 完了 ¥19,800／本来 返金",
        "Order S-100022: Alert “Paid after expiry” detected. Actual: payment Completed ¥19,800 (lead-b, HTTP 500).",
    ],
)
@pytest.mark.parametrize("width", [150, 300, 450])
def test_a_painted_text_wraps_as_a_label_does(text: str, width: int) -> None:
    """In a painted text that wraps, no line is too wide, the whole text is shown, and no amount, number or phrase is
    divided between lines.
    """
    lines = wrap_text(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(measure_font_runs(split_font_runs(line)) <= width for line in lines)
    for whole in ("S-100022", "¥19,800", "取消後の", "lead-b", "HTTP 500"):
        assert whole not in text or any(whole in line for line in lines), lines
    assert wrap_text(text, 10_000) == (text,)


@pytest.mark.parametrize("width", [1, 60, 150])
@pytest.mark.parametrize("word", ["maximiliane.featherstonehaugh-yamazaki", "1234567890123456789012345", "ガ" * 20])
def test_a_word_that_is_wider_than_a_line_is_broken_at_any_letter(word: str, width: int) -> None:
    """A name of a person without a space is painted on several lines when its column is narrow, so that it isn't
    drawn over the text beside it. The words after it continue on its last line.
    """
    lines = wrap_text(word, width)
    assert "".join(lines) == word
    assert all(len(line) == 1 or measure_font_runs(split_font_runs(line)) <= width for line in lines)
    if width == 150:
        assert wrap_text(f"{word} a", width) == (*lines[:-1], f"{lines[-1]} a")


DIRECTION_MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_a_pile_of_accents_does_not_cover_other_lines(appearance: object) -> None:
    """A name with many accents on one letter would be drawn over the lines above it, such as the amounts of other
    records. It is drawn as high as a letter with a few accents.
    """
    pile = "e" + "\u0301" * 80 + "x"
    assert remove_unreadable_marks(pile) == "e" + "\u0301" * 3 + "x"
    assert remove_unreadable_marks("Việt Nam é ガ") == "Việt Nam é ガ"
    assert TextLabel(pile).plain == ElidedLabel(pile).plain == remove_unreadable_marks(pile)
    image = QImage(60, 120, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    painter.setPen("white")
    draw_font_runs(painter, 5, 110, split_font_runs(pile))
    painter.end()
    assert all(image.pixel(x, y) & 0xFFFFFF == 0 for x in range(60) for y in range(60))


@pytest.mark.parametrize("mark", DIRECTION_MARKS)
def test_direction_marks_in_a_name_are_removed(appearance: object, mark: str) -> None:
    """A direction mark in a name would reverse the text after it. The mark is left out wherever a text is painted or
    spoken; the stored answer shows it as an escape sequence."""
    text = f"ｶﾌﾞ{mark}商店 ¥12,000"
    assert remove_unreadable_marks(text) == "ｶﾌﾞ商店 ¥12,000"
    assert mark not in "".join(piece for piece, _ in split_font_runs(text))
    assert mark not in "".join(piece for piece, _ in split_identifier_font_runs(f"R{mark}-1"))
    for label in (TextLabel(text), TextLabel(text, wraps_lines=True), ElidedLabel(text)):
        assert mark not in label.plain + label.accessibleName() + label.toolTip()
    assert mark not in format_tooltip(text)
    assert escape_direction_marks(mark) == f"\\u{ord(mark):04x}"


def test_an_amount_of_another_currency_has_the_decimals_of_iso_4217(appearance: object) -> None:
    """An amount in any currency has the number of decimals in ISO 4217, and its decimal point leaves no gap in the
    figures font.
    """
    amounts = [format_amount(249_900, currency) for currency in ("KWD", "USD", "KRW", "JPY", "INR")]
    assert amounts == ["KWD 249.900", "USD 2,499.00", "KRW 249,900", "¥249,900", "₹2,499.00"]
    assert split_font_runs("KWD 0.000") == (("KWD ", False), ("0", True), (".", False), ("000", True))


def test_a_line_break_separates_the_texts_around_it(appearance: object) -> None:
    """A note of several lines is shown with its line breaks in a timeline and in a label, also between two numbers
    and before a unit. In a cell of one line, a space takes the place of each line break.
    """
    assert wrap_text("¥100\n\n200 円です。\n", 400) == ("¥100", "", "200 円です。")
    for first, second in (("3300", "2026-11-20"), ("¥100", "件数"), ("1 9943 8399 1481", "11-20"), ("HTTP", "5")):
        assert wrap_text(f"{first}\n{second}", 400) == (first, second)
        assert "<br>" in format_rich_text(f"{first}\n{second}", can_wrap=True)
    for line_break in ("\n", "\r\n", "\t", "\u2028"):
        apart = measure_font_runs(split_font_runs(f"12{line_break}34"))
        assert apart > measure_font_runs(split_font_runs("1234"))
    image = QImage(120, 40, QImage.Format.Format_RGB32)
    images = []
    for text in ("12\n34", "12 34", "1234", "\u202e1234"):
        image.fill(0xFFFFFF)
        painter = QPainter(image)
        draw_font_runs(painter, 4, 28, ((text, False),))
        painter.end()
        images.append(image.copy())
    assert images[0] == images[1]
    assert images[0] != images[2]
    assert images[2] == images[3], "also what no other function has looked at is painted in its own order"


def test_a_menu_entry_shows_a_name_as_it_is(appearance: object) -> None:
    """A menu entry shows the "&" of a typed reason or a name as a letter. A tab or a line end in it becomes a space,
    and a direction mark is removed. Qt would take the letter after "&" as a key, and a text after a tab as a
    shortcut.
    """
    menu = QMenu()
    action = menu.addAction(format_menu_entry("Stop (R&D\tfreeze \N{RIGHT-TO-LEFT OVERRIDE}A\nB)", "P"))
    assert action.text() == "Stop (R&&D freeze A B)\tP"
    assert action.iconText() == "Stop (R&D freeze A B)\tP"  # as it is drawn
    assert format_menu_entry("Open") == "Open"


@pytest.mark.parametrize("can_wrap", [True, False])
@pytest.mark.parametrize("text", ["与信チェック 58", "Credit check 58", "決済 ORD-58"])
def test_numbers_of_all_records_have_one_font(appearance: object, text: str, *, can_wrap: bool) -> None:
    """The number of a credit check is in the figures font as the number of a payment is, in one line and in a text
    that may wrap."""
    rich_text = format_rich_text(text, "title", can_wrap=can_wrap)
    assert rich_text.count("<span") == 1
    assert "58</span>" in rich_text
