"""Tests of the lookup page: its input field says what can be typed there."""

from datetime import date

import pytest
from pytestqt.qtbot import QtBot

from console.domain.lookup.search_query import parse_search
from console.domain.queues.filter_text import format_filter
from console.views.lookup.page import LookupPage
from console.views.theme.design_tokens import Language
from tests.views.invented_checks import make_window_context


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_empty_field_names_conditions_that_the_search_understands(
    qtbot: QtBot, appearance: object, language: Language
) -> None:
    """The hint below the empty field names conditions on the state, the provider, the amount and the age. Typed as
    they stand there, the search uses each of them."""
    context = make_window_context()
    context.language = language
    page = LookupPage(context)
    qtbot.addWidget(page)
    hint = page.number_field.edit.accessibleDescription()
    conditions = [word.rstrip(".") for word in hint.split() if ":" in word]
    query = parse_search(" ".join(conditions), date(2026, 11, 22), "op-a")
    assert (query.words, query.problems) == ("", ())
    used_operators = {word.partition(":")[0] for word in format_filter(query.record_filter).split()}
    assert used_operators == {"certainty", "provider", "amount", "age"}, hint
