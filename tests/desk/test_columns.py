"""The columns of a queue: a person chooses them by menu, dialog and drag; they are stored for the person and in a
saved view.
"""

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.queues.column_choice import ColumnsDialog
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import HomeRoute, QueuesRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_queue_filter import CORPORATION_NUMBERS, read_listed_ids


def list_column_keys(page: QueuesPage) -> list[str]:
    """Return the keys of the table's columns, without the check box."""
    return [column.key for column in page.row_model.columns if column.kind != "check"]


def test_columns_are_chosen_moved_kept_and_saved(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """A person hides, shows and moves columns of a queue, and opens a saved view with other columns. The records
    stay, and the last column can't be hidden. The chosen columns are stored for the person.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 1)
    ids, usual = read_listed_ids(page), list_column_keys(page)
    header = page.table.horizontalHeader()
    header.moveSection(header.visualIndex(1 + usual.index("amount")), 1)
    moved = ["amount", *(key for key in usual if key != "amount")]
    person.wait_until(lambda: list_column_keys(page) == moved and read_listed_ids(page) == ids)

    menu = page.columns.build_menu()
    entry = next(one for one in menu.actions() if one.text() == page.row_model.columns[1].title)
    assert entry.isChecked()
    entry.trigger()
    person.wait_until(lambda: list_column_keys(page) == moved[1:] and read_listed_ids(page) == ids)
    page.columns.choose_columns("unknown", ["state"])
    person.wait_until(lambda: list_column_keys(page) == ["state"] and read_listed_ids(page) == ids)
    assert [one.isEnabled() for one in page.columns.build_menu().actions() if one.isChecked()] == [False]
    assert not page.table.isColumnHidden(1)

    person.press("C")
    dialog = person.wait_for_dialog(ColumnsDialog)
    assert dialog.ordered_keys[0] == "state"
    caps = {button.key for button in dialog.findChildren(KeyButton)}
    assert {"Alt+↑", "Alt+↓"} <= caps  # as in all other key hints
    dialog.check_box_by_key["state"].setChecked(False)
    person.wait_until(lambda: not dialog.main_button.isEnabled())
    dialog.check_box_by_key["cause"].setChecked(True)
    dialog.check_box_by_key["age"].setChecked(True)
    dialog.check_box_by_key["age"].setFocus()
    dialog.activateWindow()
    person.wait_until(dialog.check_box_by_key["age"].hasFocus)
    person.press("Alt+Up")
    person.wait_until(lambda: dialog.ordered_keys[0] == "age")
    assert dialog.check_box_by_key["age"].hasFocus()
    down, up = (next(one for one in dialog.findChildren(KeyButton) if one.key == f"Alt+{arrow}") for arrow in "↓↑")
    for button, place in ((down, 2), (up, 0)):  # each of two quick clicks moves the column by one line
        person.double_click(button)
        assert dialog.ordered_keys.index("age") == place
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: list_column_keys(page) == ["age", "cause"] and read_listed_ids(page) == ids)

    content = page._make_view_content()
    assert content.columns == ("age", "cause")
    page.columns.show_default_columns()
    person.wait_until(lambda: list_column_keys(page) == usual)
    view = console.saved_views.save_view("narrow", False, content)
    page.show_route(QueuesRoute(view_id=view.id))
    person.wait_until(lambda: list_column_keys(page) == ["age", "cause"] and read_listed_ids(page) == ids)
    person.frame.show_route(QueuesRoute("unknown"))
    person.wait_until(lambda: list_column_keys(page) == usual and page.shown_saved_view.view is None)
    page.columns.choose_columns("unknown", ["provider", "state"])
    person.wait_until(lambda: list_column_keys(page) == ["provider", "state"])
    assert person.frame.context.preferences.get_value("shown_columns.queues.unknown") == ["provider", "state"]


def test_a_hidden_queue_reads_its_list_again_after_a_change_of_person(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After another person has signed in, whose columns differ, the table of a hidden queue is created again. If a
    record changes before the page is shown again, the page has its records and the columns of the person when it is
    shown.
    """
    check = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 1)
    usual, chosen = list_column_keys(page), ["state", "age"]
    page.columns.choose_columns("unknown", chosen)
    person.wait_until(lambda: list_column_keys(page) == chosen)
    context = person.frame.context
    first = context.operator or ""
    person.frame.show_route(HomeRoute())
    for name, shown in (("op-b", usual), (first, chosen)):
        context.change_operator(name)
        person.wait_until(lambda shown=shown: list_column_keys(page) == shown)  # type: ignore[misc]  # its own value
        context.records_changed.emit(frozenset({("credit-check", check.id)}))
    person.frame.show_route(QueuesRoute("unknown"))
    person.wait_until(lambda: read_listed_ids(page) == [check.id] and page.table.current_item is not None)
    assert list_column_keys(page) == chosen


def test_columns_that_another_version_has_stored_are_left_out(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The stored columns of a queue contain values that are no keys of columns. The queue shows the other columns,
    each once.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    stored = [{"key": "age"}, ["state"], 7, "no such column", "state", "age", "state"]
    person.frame.context.preferences.store("shown_columns.queues.unknown", stored)
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 1)
    assert list_column_keys(page) == ["state", "age"]


def test_the_dialog_names_the_chosen_columns_without_room(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The dialog of the columns names the chosen columns that the table hides because it is too narrow."""
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 1)

    def list_hidden_titles() -> list[str]:
        columns = page.row_model.columns
        return [column.title for index, column in enumerate(columns) if page.table.isColumnHidden(index)]

    page.columns.show_default_columns()
    person.window.resize(1_000, 700)
    person.wait_until(lambda: len(list_hidden_titles()) > 0)
    sentence = page.context.translate("dialog.columns.no_room", names=list_hidden_titles())
    page.columns.open_dialog()  # at once, because the columns are fitted again when the window has its size
    dialog = person.wait_for_dialog(ColumnsDialog)
    assert sentence in [label.plain for label in dialog.findChildren(TextLabel) if label.isVisible()]
