"""Tests of the filter bar of a queue, which shows the filter as a sentence. Conditions that a person selects or
types, and restored ones, form one filter.
"""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

from console.domain.queues.causes import CauseGroup
from console.domain.queues.filter_text import FILTER_STATES, format_filter
from console.domain.queues.filters import FilterCertainty
from console.domain.queues.sort_order import QueueSortOrder, SortColumn
from console.domain.records import WorkState
from console.views.queues.filter_bar import FilterOperatorChip, QueueFilterBar
from console.views.queues.filter_lists import (
    ALL_FILTER_LIST_NAMES,
    OPTIONAL_FILTER_LIST_NAMES,
    list_offered_filter_operators,
)
from console.views.queues.rows import SORT_COLUMN_BY_COLUMN_KEY, make_queue_columns
from console.views.theme.design_tokens import Language
from console.views.widgets.base import TextLabel
from tests.views.invented_checks import make_window_context


@pytest.fixture
def filter_bar(appearance: object) -> QueueFilterBar:
    return QueueFilterBar(make_window_context())


def test_chosen_and_typed_conditions_form_one_filter(filter_bar: QueueFilterBar) -> None:
    """Conditions from the lists and typed operators form one filter; other words are searched, and an invalid
    condition is reported.
    """
    for name, operator in (("provider", "provider:paypay"), ("age", "age:>1d"), ("owner", "owner:me")):
        filter_bar.chip_by_list_name[name].setCurrentIndex(filter_bar.chip_by_list_name[name].findData(operator))
    filter_bar.edit.setText("さくら certainty:unknown amount:lots")
    parsed = filter_bar.parsed_filter
    assert format_filter(parsed.record_filter) == "provider:paypay certainty:unknown age:>1d owner:op-a"
    assert (parsed.words, parsed.unusable_words) == ("さくら", ("amount:lots",))


@pytest.mark.parametrize("typed", ["owner:me", "taken:me", "Taken:ME", "ｏｗｎｅｒ：ｍｅ"])
def test_typed_me_is_the_acting_person_at_once(filter_bar: QueueFilterBar, typed: str) -> None:
    """`me` means the acting person in every spelling of the operator, also before Enter moves it to its list."""
    filter_bar.edit.setText(typed)
    assert format_filter(filter_bar.parsed_filter.record_filter) == "owner:op-a"
    filter_bar.move_operators_to_lists()
    assert filter_bar.text == "owner:me"


def test_a_compact_filter_without_conditions_shows_the_sort_order(filter_bar: QueueFilterBar) -> None:
    """In the header of a low window, the filter shows the sort order until a list has a condition."""

    def list_shown_lists() -> list[str]:
        return [name for name, chip in filter_bar.chip_by_list_name.items() if not chip.isHidden()]

    filter_bar.set_compact(is_compact=True)
    assert list_shown_lists() == ["sort"]
    filter_bar.show_filter("provider:paypay")
    assert list_shown_lists() == ["provider"]
    filter_bar.show_filter("", "-age")
    assert list_shown_lists() == ["sort"]


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", range(500, 1400, 60))
def test_no_line_has_the_list_of_further_conditions_alone(appearance: object, language: Language, width: int) -> None:
    """At every width of the filter bar, the drop-down list of further conditions is on the same line as the sort
    order.
    """
    context = make_window_context()
    context.change_language(language)
    bar = QueueFilterBar(context)
    bar.resize(width, 200)
    bar.show()
    centres = [
        chip.mapTo(bar, chip.rect().center()).y() for chip in (bar.chip_by_list_name["sort"], bar.further_lists)
    ]
    assert abs(centres[0] - centres[1]) <= 1
    assert bar.further_lists.isVisible()


def test_every_entry_of_the_filter_is_a_valid_condition(filter_bar: QueueFilterBar) -> None:
    """Every entry in each drop-down list of the filter bar is a valid condition and has a text."""
    for name, chip in filter_bar.chip_by_list_name.items():
        for place in range(chip.count()):
            chip.setCurrentIndex(place)
            assert chip.currentText()
            assert "queue." not in chip.currentText()
            filter_bar.sort_order  # noqa: B018  # a sort order that can't be read is the queue's own one
            assert not filter_bar.parsed_filter.unusable_words
            assert not filter_bar.parsed_filter.words
            assert bool(filter_bar.parsed_filter.record_filter) is (place > 0 and name != "sort")
        chip.setCurrentIndex(0)


def test_the_lists_of_the_filter_offer_every_state_and_certainty(appearance: object) -> None:
    """The lists of the filter offer every stored state of every kind of record, every certainty and every work state,
    so that no record is in a state for which a person can't filter.
    """
    for list_name, values in (("status", FILTER_STATES), ("certainty", FilterCertainty), ("work", WorkState)):
        offered = [operator for operator, _ in list_offered_filter_operators(list_name, make_window_context())]
        assert sorted(offered) == sorted(f"{list_name}:{value}" for value in values)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_entries_of_a_filter_list_have_different_texts(appearance: object, language: Language) -> None:
    """No two entries of a filter list have the same text. A state of a payment and a state of an order that have the
    same word are distinguished by the kind.
    """
    context = make_window_context()
    context.change_language(language)
    for list_name in ALL_FILTER_LIST_NAMES:
        texts = [text for _, text in list_offered_filter_operators(list_name, context)]
        assert sorted(texts) == sorted(set(texts))


def test_a_restored_filter_has_all_its_conditions(filter_bar: QueueFilterBar) -> None:
    """A restored filter has all its conditions, including one that no drop-down list offers. The key Esc removes the
    conditions and leaves the sort order unchanged.
    """
    text = "provider:atom age:>2d amount:>7JPY owner:op-b certainty:unknown flavour:sweet"
    filter_bar.show_filter(text, "-client")
    assert sorted(filter_bar.text.split()) == sorted(text.split())
    assert filter_bar.chip_by_list_name["age"].currentText() == "older than 2 d"
    assert filter_bar.chip_by_list_name["certainty"].operator == "certainty:unknown"
    assert not filter_bar.chip_by_list_name["certainty"].isHidden()
    assert filter_bar.edit.text() == "flavour:sweet"
    assert filter_bar.sort_order == QueueSortOrder(SortColumn.CLIENT, is_descending=True)
    filter_bar.clear_filter()
    assert not filter_bar.text
    assert filter_bar.sort_order.column is SortColumn.CLIENT
    assert filter_bar.chip_by_list_name["age"].count() == filter_bar.chip_by_list_name["age"].findData("age:<1d") + 1


def test_a_shown_filter_ends_the_pause_of_typing(filter_bar: QueueFilterBar) -> None:
    """A saved view opens within the pause after the last typed letter. The end of the pause doesn't read its list a
    second time."""
    filter_bar.edit.textEdited.emit("sak")
    filter_bar.show_filter("provider:atom")
    assert not filter_bar._timer.isActive()


@pytest.mark.parametrize(
    ("name", "operator", "english", "japanese"),
    [
        ("age", "age:>1d", "older than 1 d", "1 日以上前"),
        ("age", "age:>60h", "older than 60 h", "60 時間以上前"),
        ("age", "age:<90m", "newer than 90 min", "90 分以内"),
        ("age", "age:1h..2w", "1 h to 14 d old", "1 時間〜14 日前"),
        ("amount", "amount:>=1JPY", "¥1 or more", "¥1 以上"),
        ("amount", "amount:>7JPY", "more than ¥7", "¥7 超"),
        ("amount", "amount:<=100000INR", "₹1,00,000.00 or less", "₹1,00,000.00 以下"),
        ("amount", "amount:<0.5JPY", "less than 0.5 JPY", "0.5 JPY 未満"),
        ("amount", "amount:1000..2000", "1,000 to 2,000", "1,000〜2,000"),
        ("amount", "amount:=500JPY", "¥500", "¥500"),
        ("owner", "owner:op-b", "op-b", "op-b"),
    ],
)
def test_a_condition_that_no_list_offers_is_shown_in_exact_words(
    appearance: object, name: str, operator: str, english: str, japanese: str
) -> None:
    """A condition that no drop-down list offers is shown in exact words: 60 hours aren't shown as two days."""
    context = make_window_context()
    expected: dict[Language, str] = {"en": english, "ja": japanese}
    for language, words in expected.items():
        context.change_language(language)
        sentence = QueueFilterBar(context)
        sentence.show_filter(operator)
        assert sentence.chip_by_list_name[name].currentText() == words
        assert sentence.chip_by_list_name[name].operator == operator


def test_a_list_of_further_conditions_is_visible_while_it_is_used(filter_bar: QueueFilterBar) -> None:
    """A drop-down list of a further condition appears when the person selects the condition. Several selected values
    are shown as a number in words, and the filter contains all of them. The list of causes offers the causes in the
    queue.
    """
    assert {name for name, chip in filter_bar.chip_by_list_name.items() if chip.isHidden()} == set(
        OPTIONAL_FILTER_LIST_NAMES
    )
    requests: list[bool] = []
    filter_bar.causes_requested.connect(lambda: requests.append(True))
    for name in ("status", "cause"):
        place = filter_bar.further_lists.findData(name)
        filter_bar.further_lists.activated.emit(place)
        assert not filter_bar.chip_by_list_name[name].isHidden()
        assert filter_bar.further_lists.currentIndex() == 0
    assert requests == [True]
    filter_bar.offer_causes([CauseGroup("timeout", 12), CauseGroup(None, 3), CauseGroup("<b>odd", 1)])
    words = [filter_bar.chip_by_list_name["cause"].itemText(place) for place in range(4)]
    assert [text.split(" (")[0].split("（")[0] for text in words][2:] == ["no cause", "<b>odd"]
    filter_bar.chip_by_list_name["cause"].setCurrentIndex(2)
    assert format_filter(filter_bar.parsed_filter.record_filter) == "cause:-"
    states = "cancelled,completed,delivered,error,expired,failed,paid,pending,refunded,shipped"
    text = f"kind:order,payment status:{states} certainty:known,unknown work:none cause:a,b,c,d"
    text += " since:2026-11-18 client:7"
    filter_bar.show_filter(text)
    assert format_filter(filter_bar.parsed_filter.record_filter) == text
    shown = [filter_bar.chip_by_list_name[name].currentText() for name in OPTIONAL_FILTER_LIST_NAMES]
    assert shown == [
        "Order, Payment",
        "10 states",
        "Confirmed, Unknown",
        "Other work",
        "4 causes",
        "2026-11-18",
        "client:7",
    ]
    assert max(map(len, shown)) <= 20
    filter_bar.clear_filter()
    assert not filter_bar.text
    assert all(filter_bar.chip_by_list_name[name].isHidden() for name in OPTIONAL_FILTER_LIST_NAMES)


@pytest.mark.parametrize("queue", ["review", "unknown", "incomplete", "refunds"])
def test_a_queue_can_be_sorted_by_every_column(queue: str, appearance: object) -> None:
    """A queue can be sorted by every column except the column of check boxes."""
    keys = {column.key for column in make_queue_columns(make_window_context(), queue)}
    assert keys - set(SORT_COLUMN_BY_COLUMN_KEY) == {"check"}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_words_of_the_filter_sentence_stay_with_their_list(appearance: object, language: Language) -> None:
    """At every width, the words before or after a drop-down list stay on its line, also with further lists. So no
    line begins with a comma or ends with a preposition."""
    context = make_window_context()
    context.change_language(language)
    sentence = QueueFilterBar(context)
    sentence.show_filter("status:paid certainty:unknown cause:timeout")
    for width in range(420, 1900, 20):
        sentence.setFixedSize(width, 400)
        sentence.show()
        sentence.grab()  # lays it out
        parts = [
            part
            for part in sentence.findChildren(QWidget)
            if isinstance(part, FilterOperatorChip | TextLabel)
            and part.isVisible()
            and part is not sentence.match_count_label
        ]
        lines: dict[int, list[QWidget]] = {}
        for part in parts:
            lines.setdefault(part.mapTo(sentence, part.rect().center()).y(), []).append(part)
        for line in lines.values():
            line.sort(key=lambda part: part.mapTo(sentence, QPoint(0, 0)).x())
            assert any(isinstance(part, FilterOperatorChip) for part in line), width
            first, last = line[0], line[-1]
            if isinstance(first, TextLabel):
                assert first.plain[0] not in "、のでにを", width
            if isinstance(last, TextLabel):
                assert last.plain not in ("担当", "、担当", "金額", "taken by", "Records of"), width
