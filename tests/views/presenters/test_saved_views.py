"""Tests of the texts of saved views on the home page and in the sidebar."""

import pytest

from console.domain.queues.saved_views import SavedView, ViewContent, ViewCount, parse_view
from console.views.home.page import _make_saved_view_line
from console.views.presenters import saved_views
from console.wording.sentences import catalogue as wording
from tests.views.invented_checks import NOW, make_window_context


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_view_with_an_unreadable_condition_shows_no_number(language: str) -> None:
    """A view has a condition that this program can't read, so that its count is that of more records than the view
    should show. Home page and sidebar show – in place of the number, and name the cause in words. A view of which
    only the sort order can't be read keeps its number."""
    context = make_window_context()
    context.language = language  # type: ignore[assignment]  # a plain str
    for content, is_countable in (
        (ViewContent("review", "flavour:sweet"), False),
        (ViewContent("review", "kind:payment", sort="sideways"), True),
        (ViewContent("review", "kind:payment"), True),
    ):
        parsed = parse_view(content, "op-a")
        view = ViewCount(
            SavedView(1, "Mine", False, "op-a", content, "op-a", NOW),
            55,
            oldest=NOW,
            problems=parsed.problems,
            unreadable_conditions=parsed.unreadable_conditions,
        )
        line = _make_saved_view_line(context, view)
        entry = saved_views.make_saved_view_sidebar_entry(view, context.translate)
        assert line.count_text == entry.count_text == ("55" if is_countable else wording.NO_VALUE)
        assert (line.detail == context.translate("view.unreadable")) is not is_countable
        assert ("flavour:sweet" in entry.explanation) is not is_countable
        assert saved_views.get_saved_view_icon(view) == ("square_bang" if parsed.problems else "filter")
