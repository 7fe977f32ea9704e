"""A person changes the language of the window during the work: the page, its filter, its tab and an open dialog stay,
and Qt's own texts are in the new language, too.
"""

from PySide6.QtWidgets import QApplication, QLineEdit

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.admin.page import AdminPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.queues.column_choice import ColumnsDialog
from console.views.queues.page import QueuesPage
from console.views.queues.view_dialogs import SaveViewDialog
from console.views.runtime.routes import AdminRoute, CreditCheckRoute, QueuesRoute
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.widgets.window.overlay import OverlayLayer
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.support.desks import CORPORATION_NUMBERS


def test_filter_and_tabs_stay_when_the_language_changes(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After a change of the language, the filter and the tab are unchanged, also on the previous page, to which the
    person goes back.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    context = person.opening.context
    person.frame.show_route(QueuesRoute("unknown"))
    queues = person.wait_for_page(QueuesPage)
    person.press("Ctrl+F")
    person.type_in("client:999")
    person.wait_until(lambda: queues.row_model.has_read_last_page and queues.row_model.row_count == 0)
    context.change_language("ja")
    queues = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: queues.row_model.has_read_last_page)
    assert (queues.filter.text, queues.row_model.row_count) == ("client:999", 0)

    person.frame.show_route(CreditCheckRoute(record.id))
    check = person.wait_for_page(CreditCheckPage)
    person.wait_until_read()
    check.tabs.show_tab("audit")
    context.change_language("en")
    assert person.wait_for_page(CreditCheckPage).tabs.current_tab_name == "audit"
    assert person.wait_for_page(CreditCheckPage) is not check
    person.frame.go_back()
    assert person.wait_for_page(QueuesPage).filter.text == "client:999"

    person.frame.show_route(AdminRoute())
    person.wait_until_read()
    person.press("Ctrl+Tab", 2)
    assert person.wait_for_page(AdminPage).get_screen_state() == {"tab": "people"}
    context.change_language("ja")
    assert person.wait_for_page(AdminPage).get_screen_state() == {"tab": "people"}
    person.wait_until_read()


def test_an_open_dialog_stays_when_the_language_changes_at_the_locked_window(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A person locks the window with an open dialog of a page, and changes the language at the locked window. The
    page is built again. The dialog is still open afterwards, acts, and leaves no grey layer over the window.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until_read()
    idle_lock = person.opening.controller.idle_lock  # type: ignore[union-attr]  # the window is open
    for keys, kind in (("C", ColumnsDialog), ("Ctrl+S", SaveViewDialog)):
        person.press(keys)
        dialog = person.wait_for_dialog(kind)
        language = "ja" if person.opening.context.language == "en" else "en"
        idle_lock.lock_window()
        cover = person.frame.window_cover.cover
        assert isinstance(cover, PrivacyCover)
        cover.language_buttons[language].click()  # type: ignore[index]  # one of the two languages
        person.wait_until_read()
        QApplication.sendPostedEvents(None, 0)
        idle_lock.unlock_window()
        assert person.wait_for_page(QueuesPage) is not page
        assert dialog.isVisible()
        if isinstance(dialog, ColumnsDialog):
            dialog.check_box_by_key["amount"].click()
        elif isinstance(dialog, SaveViewDialog):
            dialog.name_field.edit.setText("Unknown today")  # type: ignore[union-attr]  # a single-line input
        person.wait_until(dialog.main_button.isEnabled)
        dialog.main_button.click()
        person.wait_without_dialog()
        person.opening.context.show_toast("Copied 42", subject_title="")
        assert person.frame.toasts.visible_toasts[-1].window() is person.window
        assert not any(layer.isVisible() for layer in person.window.findChildren(OverlayLayer))
        person.wait_until_read()
        page = person.wait_for_page(QueuesPage)
    assert [view.name for view in console.saved_views.list_views()] == ["Unknown today"]


def test_the_menu_of_an_input_has_the_language_of_the_window(open_window: OpenWindow) -> None:
    """The menu of a text input, whose texts are Qt's own, has the window's language before and after a change."""
    context = open_window().opening.context

    def read_menu() -> str:
        field = QLineEdit()
        menu = field.createStandardContextMenu()
        return " ".join(action.text() for action in menu.actions())

    assert "Paste" in read_menu()
    context.change_language("ja")
    assert "貼り付け" in read_menu()
    context.change_language("en")
    assert "Paste" in read_menu()
