"""Tests of the groups in which the search box offers conditions to complete the typed text."""

from functools import partial

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.lookup.completion import STATES_BY_KIND, list_completions
from console.views.presenters.search_completions import group_completions, list_condition_words
from console.views.theme.design_tokens import Language
from console.views.widgets.window.search_results import ResultEntry, ResultGroup, ResultList
from tests.views.invented_checks import make_window_context


def test_states_are_grouped_by_their_kind_of_record(appearance: object) -> None:
    """The completions of `status:` are grouped by the kind of record that has the state, with the words for this
    kind. A value that all kinds have comes first.
    """
    groups = group_completions(list_completions("status:", 7), make_window_context())
    shown = {title: {one.value: word for one, word in members} for title, members in groups}
    assert list(shown) == [
        "Conditions",
        "Conditions: Payments",
        "Conditions: Refunds",
        "Conditions: Orders",
        "Conditions: Credit checks",
    ]
    assert shown["Conditions"] == {"unknown": "Unknown"}
    assert [tuple(members) for members in list(shown.values())[1:]] == list(STATES_BY_KIND.values())
    assert shown["Conditions: Payments"]["completed"] == "Completed"
    assert shown["Conditions: Refunds"]["completed"] == "Refunded"


def test_completions_of_conditions_are_in_one_group(appearance: object) -> None:
    """Completions of the search for a condition are in the group "Conditions"."""
    for text in ("status", "kind:", "certainty:un"):
        groups = group_completions(list_completions(text, len(text)), make_window_context())
        assert [title for title, _ in groups] == ["Conditions"], text


def test_the_heading_of_the_first_result_is_scrolled_into_view(qtbot: QtBot, appearance: object) -> None:
    """After the arrow keys have moved down a long list of results and up again to the first result, the heading above
    it is visible again.
    """
    window = QWidget()
    qtbot.addWidget(window)
    results = ResultList("Results", parent=window)
    results.setFixedSize(400, 200)
    entries = tuple(ResultEntry(number, "filter", f"Result {number}") for number in range(30))
    results.show_groups([ResultGroup("First", entries[:3]), ResultGroup("Second", entries[3:])])
    window.show()
    for row in (31, 1, 5):
        results.setCurrentIndex(results.model().index(row, 0))
        assert results.viewport().rect().contains(results.visualRect(results.currentIndex())), row
        if row != 31:
            assert results.viewport().rect().contains(results.visualRect(results.model().index(row - 1, 0))), row


@pytest.mark.parametrize(
    ("language", "text", "offered_conditions"),
    [
        ("ja", "ｓｔａｔｕｓ：ｕｎｋ", ["status:unknown"]),
        ("ja", "status:結果", ["status:unknown"]),
        ("ja", "状態：結果不明", ["status:unknown"]),
        ("ja", "status:pending,結果", ["status:pending,unknown"]),
        ("ja", "状態", ["status:", "age:", "since:"]),
        ("ja", "結果不明", ["status:unknown"]),
        ("ja", "要対応", ["work:needs_review"]),
        ("ja", "情報が古い", ["certainty:old"]),
        ("ja", "certainty:取消", ["certainty:may_be_reversed"]),
        ("en", "certainty:", ["certainty:unknown", "certainty:old", "certainty:may_be_reversed", "certainty:known"]),
        ("en", "may be", []),
        ("en", "old", ["certainty:old"]),
        ("ja", "work:要", ["work:needs_review"]),
        ("en", "unk", ["status:unknown"]),
        ("en", "Ｎｅｅｄｓ", ["work:needs_review"]),
        ("en", "ｐｒｏｖｉｄｅｒ：ｐａｙ", ["provider:paypay"]),
        ("en", "un", []),
        ("ja", "結果不明の会社", []),
    ],
)
def test_conditions_are_offered_for_the_words_of_the_screen(
    appearance: object, language: Language, text: str, offered_conditions: list[str]
) -> None:
    """A person types a word that a screen shows, such as "結果不明", often in full-width letters. The search box
    offers the matching condition.
    """
    context = make_window_context()
    context.language = language
    completions = list_completions(text, len(text), partial(list_condition_words, context=context))
    assert [one.text for one in completions] == offered_conditions
    for one in completions:
        assert one.apply(text) == ((one.text + " ", len(one.text) + 1) if one.value else (one.text, len(one.text)))


def test_the_heading_of_the_first_result_is_visible_when_the_list_has_grown(qtbot: QtBot) -> None:
    """The list of results gets its results while it has room for one line, and is then made as high as the results
    need. The heading of the first result is visible.
    """
    results = ResultList("Results")
    qtbot.addWidget(results)
    results.resize(400, 40)
    results.show()
    results.show_groups([ResultGroup("Payments", tuple(ResultEntry(n, "card", f"ORD-{n}") for n in range(30)))])
    results.doItemsLayout()
    results.resize(400, 300)
    qtbot.waitUntil(lambda: results.viewport().height() > 200)
    assert results.visualRect(results.model().index(0, 0)).top() >= 0
