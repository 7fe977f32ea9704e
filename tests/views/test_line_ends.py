"""Lines of Japanese labels end between phrases, at every width and on the screens; what is copied has no marks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from console.views.theme.mixed_font_text import keep_numbers_whole, split_runs
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.wording.line_breaks import WORD_JOINER, keep_phrases_whole, remove_line_break_marks, split_phrases
from tests.shots import money_scenes, reconcile_scenes, scenes
from tests.shots.stage import Sight, Stage, staged

SENTENCE = (
    "11-20 15:09 に PayPay へ自動的に確認します（8 回中 3 回目）。お客様に再度のお支払いを依頼しないでください。"
    "法人番号 7 1234 5678 9012 の請求額は ¥1,234,567 ですが、決済会社の金額は ¥1,230,000 です。"
)


def lines_of(label: TextLabel) -> list[str]:
    """The lines that a label which wraps shows, as plain text."""
    document = QTextDocument()
    document.setDocumentMargin(0)
    document.setDefaultFont(label.font())
    document.setHtml(label.text()) if label.text().startswith("<") else document.setPlainText(label.text())
    document.setTextWidth(label.contentsRect().width())
    document.documentLayout().documentSize()
    lines = []
    block = document.begin()
    while block.isValid():
        layout = block.layout()
        for number in range(layout.lineCount()):
            line = layout.lineAt(number)
            text = block.text()[line.textStart() : line.textStart() + line.textLength()]
            lines += [remove_line_break_marks(part) for part in text.split("\u2028") if part]
        block = block.next()
    return lines


def wrong_ends(label: TextLabel) -> list[str]:
    """The lines that end inside a phrase of the label's text. Spaces don't count: Qt leaves some of them out."""
    ends, place = {0}, 0
    for phrase in split_phrases(keep_numbers_whole(label.plain)):
        place += len("".join(remove_line_break_marks(phrase).split()))
        ends.add(place)
    place, wrong = 0, []
    for line in lines_of(label):
        place += len("".join(line.split()))
        if place not in ends:
            wrong.append(line)
    return wrong


@pytest.mark.parametrize("width", range(170, 700, 37))
def test_a_label_of_any_width_ends_its_lines_between_phrases(width: int) -> None:
    """All of the sentence is there, and no number, amount or time is on two lines."""
    label = TextLabel(SENTENCE, wrap=True)
    label.resize(width, 400)
    lines = lines_of(label)
    assert len(lines) > 1
    assert "".join(lines).replace(" ", "") == SENTENCE.replace(" ", "")
    assert wrong_ends(label) == []
    for whole in ("11-20 15:09", "7 1234 5678 9012", "¥1,234,567", "8 回中", "PayPay へ"):
        assert any(whole in line for line in lines), whole


def test_marks_take_no_room() -> None:
    """The word joiners are as wide as nothing, whatever the font."""
    for role in ("small", "body", "section", "title"):
        metrics = current_appearance().font_metrics(role)
        assert metrics.horizontalAdvance(WORD_JOINER.join("結果が不明")) == metrics.horizontalAdvance("結果が不明")


def test_figures_keep_their_font() -> None:
    """A sum, a time and a number are the same pieces with marks around them as without."""
    figures = {piece for piece, is_figure in split_runs(keep_numbers_whole(SENTENCE)) if is_figure}
    marked = keep_phrases_whole(keep_numbers_whole(SENTENCE))
    assert {piece for piece, is_figure in split_runs(marked) if is_figure} == figures


def test_what_is_copied_spoken_or_asked_for_is_plain() -> None:
    """A selection on the clipboard, the accessible name and the label's own text have no marks."""
    label = TextLabel(SENTENCE, wrap=True, selectable=True)
    label.resize(300, 400)
    label.show()
    label.activateWindow()
    assert QTest.qWaitForWindowActive(label)
    label.setFocus()
    assert WORD_JOINER in label.text()
    QTest.keyClick(label, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == SENTENCE
    assert label.plain == label.accessibleName() == SENTENCE


SCREENS: dict[str, Callable[[Stage], None]] = {
    **{name: scenes.MAIN[name] for name in ("home", "queues", "company", "records", "sign_in", "lock")},
    **{name: scenes.REST[name] for name in ("dialogs", "no_right")},
    **{name: money_scenes.MONEY[name] for name in ("payments", "refunds", "refund_dialog", "approvals", "alerts")},
    **{name: reconcile_scenes.RECONCILE[name] for name in ("reconcile",)},
}


@pytest.fixture(scope="module", params=[1.0, 2.0], ids=["100 %", "200 %"])
def stage(
    request: pytest.FixtureRequest, qapp: QApplication, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("line-ends")
    with staged(home / "desk", Sight("ja", "light", 1280, 800, scale=request.param), home) as on:
        yield on


@pytest.mark.parametrize("name", SCREENS)
def test_no_label_of_a_screen_breaks_inside_a_phrase(
    stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each label that wraps, in every state that the scene shows."""
    current_appearance().set_scale(stage.sight.scale)
    looked_at = 0

    def look(_name: str) -> Path:
        nonlocal looked_at
        stage.settle()
        for window in QApplication.topLevelWidgets():
            for label in window.findChildren(TextLabel):
                if label.isVisible() and label.wordWrap() and label.plain:
                    looked_at += 1
                    assert wrong_ends(label) == [], label.plain
        return Path()

    monkeypatch.setattr(stage, "shoot", look)
    SCREENS[name](stage)
    assert looked_at
