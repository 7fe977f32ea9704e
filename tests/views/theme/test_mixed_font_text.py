"""Which parts of a sentence are set in the figures font."""

import pytest

from console.views.theme.mixed_font_text import amount_runs, rich_text, split_runs, tooltip_text


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("14:52:10 に読取(12 分前)", ["14:52:10"]),
        ("2026-11-20 15:04:05 JST", ["2026-11-20 15:04:05 JST"]),
        ("番号 A-10442、返金 −¥500", ["A-10442", "−¥500"]),
        ("2 0104 0190 7731 の与信", ["2 0104 0190 7731"]),
        ("lead-b が状態を変更", ["lead-b"]),
        ("Re-fetch the PDF", []),
        ("操作番号 7f3c…d2a1", ["7f3c…d2a1"]),
        ("", []),
    ],
)
def test_figures_are_found(text: str, figures: list[str]) -> None:
    """Times, days, amounts, record and corporation numbers stand in the figures font, words do not."""
    runs = split_runs(text)
    assert [piece for piece, is_figure in runs if is_figure] == figures
    assert "".join(piece for piece, _ in runs) == text


def test_a_comma_is_no_figure() -> None:
    """The comma of an amount is drawn in the text font."""
    assert amount_runs("¥12,000") == (("¥12", True), (",", False), ("000", True))


def test_text_of_others_is_never_markup() -> None:
    """A name with angle brackets is shown as it is, not obeyed."""
    assert "<b>" not in rich_text("<b>A-10442</b>")
    assert "&lt;b&gt;" in rich_text("<b>A-10442</b>")
    assert rich_text("plain words") == "plain words"
    assert "<b>" not in tooltip_text("<b>name</b>")
