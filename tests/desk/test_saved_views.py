"""Saved views in the window: a person names a view by the keyboard, opens it from several places, renames, deletes
and restores it.
"""

from PySide6.QtGui import QGuiApplication

from console.app import Console
from console.domain.links.link import Link
from console.domain.queues.saved_views import ViewContent
from console.sandbox.server import Sandbox
from console.views.home.page import HomePage
from console.views.links.routes import convert_link_to_route, find_link_to_route
from console.views.queues.page import QueuesPage
from console.views.queues.view_dialogs import RenameViewDialog, SaveViewDialog
from console.views.runtime.routes import HomeRoute, QueuesRoute
from console.views.widgets.controls.inputs import LineEdit
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_queue_filter import CORPORATION_NUMBERS, read_listed_ids
from tests.desk.window_person import Person


def list_sidebar_views(person: Person) -> list[tuple[str, str]]:
    """Return the nested entries of the sidebar with their counts."""
    side = person.frame.sidebar
    entries = [side.get_entry_at(row) for row in range(side.model().rowCount())]
    return [(place.name, place.count_text) for place in entries if place.is_nested]


def test_a_view_is_saved_found_changed_and_deleted(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A wrong name of a view is refused at its field. A saved view is listed in the sidebar and on Home; its link
    opens it with its stored filter and sort order. It can be renamed, and after its deletion it can be restored.
    """
    for number in CORPORATION_NUMBERS:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 3)
    ids = read_listed_ids(page)
    person.press("Ctrl+F")
    person.type_in("provider:alarmbox")
    page.table.sort_requested.emit("age")
    page.table.sort_requested.emit("age")
    person.wait_until(lambda: read_listed_ids(page) == ids[::-1])
    person.press("Ctrl+S")
    dialog = person.wait_for_dialog(SaveViewDialog)
    edit = dialog.name_field.edit
    assert isinstance(edit, LineEdit)
    edit.setText("a\u202eb")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: bool(edit.accessibleDescription()))
    edit.setText("Ａ & B")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: list_sidebar_views(person) == [("Ａ & B", "3")])
    view = person.frame.context.saved_views[0].view
    assert (view.content, view.is_team) == (ViewContent("unknown", "provider:alarmbox", "", "-age"), False)
    assert page.sidebar_key == f"view/{view.id}"

    person.frame.show_route(HomeRoute())
    home = person.wait_for_page(HomePage)
    assert [stop.accessibleName().split(",")[0] for stop in home.views_panel.focus_stops] == ["Ａ & B"]
    person.frame.show_route(QueuesRoute("review"))
    person.wait_until(lambda: page.queue == "review" and page.sidebar_key == "queues")
    page.filter.clear_filter()
    person.frame.show_route(convert_link_to_route(Link("view", str(view.id))))
    person.wait_until(lambda: page.queue == "unknown" and read_listed_ids(page) == ids[::-1])
    assert page.filter.chip_by_list_name["provider"].operator == "provider:alarmbox"
    assert find_link_to_route(person.frame.current_route) == Link("view", str(view.id))
    check_changed_view(person, page, f"view/{view.id}")

    page.shown_saved_view.open_rename_dialog()
    renaming = person.wait_for_dialog(RenameViewDialog)
    edit = renaming.name_field.edit
    assert isinstance(edit, LineEdit)
    edit.setText("second")
    person.wait_until(renaming.main_button.isEnabled)
    renaming.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: list_sidebar_views(person) == [("second", "3")])
    page.shown_saved_view.delete_view()
    person.wait_until(lambda: list_sidebar_views(person) == [] and "view" in page.list_bar_names())
    assert page.sidebar_key == "queues"
    page.shown_saved_view._restore_view(view)
    person.wait_until(
        lambda: list_sidebar_views(person) == [("second", "3")] and page.shown_saved_view.view is not None
    )


def check_changed_view(person: Person, page: QueuesPage, key: str) -> None:
    """Check that the page of the view, whose sidebar entry is `key`, says "changed" while it shows another filter,
    sort order, grouping or choice of columns than the saved view. The sidebar then marks the queues and not the view,
    because the count of the view is that of other records."""

    def read_shown_view() -> tuple[str, str]:
        """Return the sentence below the page's title, and the key of the marked entry of the sidebar."""
        return page.head.sentence_label.plain, page.sidebar_key

    unchanged, changed = ("Your view: Ａ & B", key), ("Changed from your view: Ａ & B", "queues")
    person.wait_until(lambda: read_shown_view() == unchanged)
    text, sort = page.filter.text, page.filter.chip_by_list_name["sort"].operator
    changes = (
        page.filter.clear_filter,
        lambda: page.table.sort_requested.emit("cause"),
        page.toggle_grouping,
        lambda: page.columns.choose_columns(page.queue, ("age", "number")),
    )
    for change in changes:
        change()
        person.wait_until(lambda: read_shown_view() == changed)
        side = person.frame.sidebar
        assert side.get_entry_at(side.currentIndex().row()).key == "queues"
        page.filter.show_filter(text, sort)
        page.set_grouping(is_by_cause=False)
        page.columns.choose_columns(page.queue, ())
        page.filter.changed.emit()
        person.wait_until(lambda: read_shown_view() == unchanged)


def test_a_view_of_a_newer_program_is_marked(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """If a saved view has a condition that this program doesn't know, the queue is filtered by the other conditions,
    and a bar names the unknown one.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    view = console.saved_views.save_view("newer", True, ViewContent("unknown", "flavour:sweet kind:credit-check"))
    person = open_window()
    person.frame.show_route(QueuesRoute(view_id=view.id))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(
        lambda: (
            page.row_model.has_read_last_page and page.row_model.row_count == 1 and "view" in page.list_bar_names()
        )
    )
    assert page.filter.text == "kind:credit-check"
    person.frame.show_route(QueuesRoute(view_id=view.id + 99))
    person.wait_until(lambda: "view" in page.list_bar_names() and page.shown_saved_view.view == view)


def test_a_view_that_another_window_deletes_is_left(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The page shows the team's view "12" while it is deleted elsewhere. The page keeps the filter, names no view any
    more, and a bar names the deleted one; the menu offers no renaming. An own view of the same name, whose sidebar
    entry has another icon, stays."""
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    content = ViewContent("unknown", "provider:alarmbox")
    views = [console.saved_views.save_view("12", is_team, content) for is_team in (False, True)]
    person = open_window()
    person.wait_until(lambda: list_sidebar_views(person) == [("12", "1")] * 2)
    side = person.frame.sidebar
    entries = [side.get_entry_at(row) for row in range(side.model().rowCount())]
    assert [(entry.icon, entry.explanation) for entry in entries if entry.is_nested] == [
        ("filter", ""),
        ("people", "View of the team: 12"),
    ]
    person.frame.show_route(QueuesRoute(view_id=views[1].id))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.head.sentence_label.plain == "View of the team: 12")
    console.saved_views.delete_view(views[1].id)
    person.wait_until(lambda: list_sidebar_views(person) == [("12", "1")])
    person.wait_until(lambda: page.list_bar_names() == ("view",))
    assert page.shown_saved_view.view is None
    assert page.filter.text == "provider:alarmbox"
    texts = [action.text() for action in page.shown_saved_view.build_menu().actions()]
    assert not any(text.startswith("Rename") for text in texts)


def read_copied_link(person: Person) -> str:
    """Return the text that Ctrl+Shift+L copies."""
    QGuiApplication.clipboard().clear()
    person.press("Ctrl+Shift+L")
    return QGuiApplication.clipboard().text()


def test_a_copied_link_names_the_records_that_are_shown(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Ctrl+Shift+L copies the link of the shown queue or view, no matter how the person has opened it."""
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    view = console.saved_views.save_view("mine", False, ViewContent("unknown", "provider:alarmbox"))
    person = open_window()
    person.press("Alt+2")
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page)
    assert read_copied_link(person) == "support-console:queue/review"
    page.tabs.queue_chosen.emit("error")
    assert read_copied_link(person) == "support-console:queue/error"
    person.frame.show_route(QueuesRoute(view_id=view.id))
    person.wait_until(lambda: page.shown_saved_view.view is not None)
    assert read_copied_link(person) == f"support-console:view/{view.id}"
    page.filter.clear_filter()
    assert read_copied_link(person) == "support-console:queue/unknown"
    page.filter.show_filter("provider:alarmbox")
    page.filter.changed.emit()
    assert read_copied_link(person) == f"support-console:view/{view.id}"
    page.tabs.queue_chosen.emit("error")
    assert read_copied_link(person) == "support-console:queue/error"


def test_a_view_is_restored_at_the_next_start(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """The next window shows the saved view by its name, with the same current row. If the person had changed the
    filter, the changed filter is restored, with the name of its view.
    """
    for number in CORPORATION_NUMBERS:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.press("Alt+2")
    page = person.wait_for_page(QueuesPage)
    page.tabs.show_queue("unknown")
    page.tabs.queue_chosen.emit("unknown")
    page.filter.show_filter("provider:alarmbox")
    page.filter.changed.emit()
    page.shown_saved_view.open_save_dialog()
    dialog = person.wait_for_dialog(SaveViewDialog)
    edit = dialog.name_field.edit
    assert isinstance(edit, LineEdit)
    edit.setText("mine")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: page.head.sentence_label.plain == "Your view: mine" and len(read_listed_ids(page)) == 3)
    person.press("Down", 2)
    row = page.current_row
    assert row is not None
    assert row.record.id == read_listed_ids(page)[2]
    person.wait_until_read()
    person.close()

    person = open_window()
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.head.sentence_label.plain == "Your view: mine" and len(read_listed_ids(page)) == 3)
    assert page.filter.text == "provider:alarmbox"
    person.wait_until(lambda: page.current_row is not None and page.current_row.record.id == row.record.id)
    assert page.sidebar_key.startswith("view/")
    page.filter.show_filter("provider:alarmbox age:>9d")
    page.filter.changed.emit()
    person.wait_until(
        lambda: page.head.sentence_label.plain == "Changed from your view: mine" and read_listed_ids(page) == []
    )
    person.wait_until_read()
    person.close()

    person = open_window()
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.head.sentence_label.plain == "Changed from your view: mine")
    person.wait_until(lambda: page.row_model.has_read_last_page and read_listed_ids(page) == [])
    assert page.filter.text == "provider:alarmbox age:>9d"
