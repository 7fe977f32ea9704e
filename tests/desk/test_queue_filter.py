"""A person filters and sorts a queue by the keyboard."""

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.queues.page import QueuesPage
from console.views.queues.rows import QueueRow
from console.views.runtime.routes import QueuesRoute
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.window_person import Person

CORPORATION_NUMBERS = ("1180301018771", "1010001112577", "4010401050341")


def read_listed_ids(page: QueuesPage) -> list[int]:
    """Return the ids in the list after it was read completely."""
    rows = page.row_model.iterate_loaded_rows() if page.row_model.has_read_last_page else ()
    return [row.item.record.id for row in rows if isinstance(row, QueueRow)]


def wait_for_listed_ids(person: Person, page: QueuesPage, ids: list[int]) -> None:
    person.wait_until(lambda: page.row_model.has_read_last_page and read_listed_ids(page) == ids)


def test_a_queue_is_narrowed_and_sorted_by_keys(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """In a queue, typed operators, the lists of the filter and a column's title form one filter and one sort order.
    Esc removes the filter, and an invalid condition is reported.
    """
    for number in CORPORATION_NUMBERS:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 3)
    ids = read_listed_ids(page)
    assert ids == sorted(ids)
    person.press("Ctrl+F")
    person.type_in("client:999")
    wait_for_listed_ids(person, page, [])
    person.press("Esc")
    wait_for_listed_ids(person, page, ids)
    person.press("Ctrl+F")
    person.type_in("amount:lots")
    person.wait_until(lambda: "amount:lots" in page.filter.match_count_label.text())
    person.press("Esc")
    person.press("Ctrl+F")
    person.press("Tab")
    person.press("Down")  # the first provider
    wait_for_listed_ids(person, page, ids)
    assert page.filter.text == "provider:alarmbox"
    person.press("Down")
    wait_for_listed_ids(person, page, [])
    person.press("Up")
    person.press("Tab", 4)
    person.press("Down", 2)
    wait_for_listed_ids(person, page, ids[::-1])
    assert page.table.sort_mark == ("age", False), "the newest first: the ages grow downwards"
    page.table.sort_requested.emit("number")
    by_number = [number for number, _ in sorted(zip(CORPORATION_NUMBERS, ids, strict=True))]
    person.wait_until(lambda: page.table.sort_mark == ("company", False))
    wait_for_listed_ids(person, page, [ids[CORPORATION_NUMBERS.index(number)] for number in by_number])


def test_esc_removes_a_filter_that_no_record_matches(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Enter directly after the last letter applies the typed condition and leaves the field of the filter. If the
    list is empty then, Esc removes the filter, as the empty list says, and the queue stays open."""
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.press("Alt+2")  # the page before this one is Home: Esc could go back to it
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 1)
    ids = read_listed_ids(page)
    person.press("Ctrl+F")
    person.type_in("amount:>99999999")
    person.press("Enter")
    person.wait_until(lambda: page.table_stack.currentWidget() is page.empty_state)
    assert page.isVisible()
    person.press("Esc")
    wait_for_listed_ids(person, page, ids)
    assert page.isVisible()
    assert page.filter.text == ""


def test_typed_operators_move_into_the_filter_lists(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Enter, or leaving the text field, moves typed operators into the lists of the filter. Before that, the lists
    don't contradict the typed operators. A text that only looks like an operator is searched as text, and reported.
    """
    for number in CORPORATION_NUMBERS:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 3)
    ids, chips = read_listed_ids(page), page.filter.chip_by_list_name
    chips["provider"].select_operator("provider:paypay")
    page.filter.changed.emit()
    wait_for_listed_ids(person, page, [])
    person.press("Ctrl+F")
    page.filter.edit.insert("ｐｒｏｖｉｄｅｒ：ａｌａｒｍｂｏｘ ")
    person.type_in("status:unknown age:<9d amount:x owner:- ")
    wait_for_listed_ids(person, page, ids)
    assert chips["provider"].operator == ""
    person.press("Return")
    assert page.table.hasFocus()
    assert page.filter.edit.text() == "amount:x"
    assert {name: chip.operator for name, chip in chips.items() if chip.operator} == {
        "provider": "provider:alarmbox",
        "certainty": "certainty:unknown",
        "age": "age:<9d",
        "owner": "owner:-",
    }
    wait_for_listed_ids(person, page, ids)
    person.press("Ctrl+F")
    person.type_in("taken:me")
    wait_for_listed_ids(person, page, [])
    person.press("Tab")
    assert (page.filter.edit.text(), chips["owner"].operator) == ("", "owner:me")
    person.press("Ctrl+F")
    person.press("Esc")
    wait_for_listed_ids(person, page, ids)
    person.press("Ctrl+F")
    person.type_in("statu:known")
    wait_for_listed_ids(person, page, [])
    sentence = "Searched as text, because it isn't a condition: statu:known."
    person.wait_until(lambda: page.filter.match_count_label.text() == sentence)
