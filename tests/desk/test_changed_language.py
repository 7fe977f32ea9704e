"""A person changes the language of the window during the work: every text is in the new language, and the page, the
filter and the current row stay.
"""

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.admin.page import AdminPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import AdminRoute, CreditCheckRoute, QueuesRoute
from tests.desk.conftest import OpenWindow, buy_unknown
from tests.support.desks import NUMBERS


def test_filter_and_tabs_stay_when_the_language_changes(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After a change of the language, the filter, the tab and the current row are unchanged, also on the previous
    page, to which the person goes back.
    """
    record = buy_unknown(console, sandbox, NUMBERS[0])
    person = open_window()
    context = person.opening.context
    person.frame.show_route(QueuesRoute("unknown"))
    queues = person.wait_for_page(QueuesPage)
    person.press("Ctrl+F")
    person.type_in("client:999")
    person.wait_until(lambda: queues.row_model.is_complete and queues.row_model.row_count == 0)
    context.change_language("ja")
    queues = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: queues.row_model.is_complete)
    assert (queues.filter.text, queues.row_model.row_count) == ("client:999", 0)

    person.frame.show_route(CreditCheckRoute(record.id))
    check = person.wait_for_page(CreditCheckPage)
    person.wait_until_read()
    check.tabs.show_tab("audit")
    context.change_language("en")
    assert person.wait_for_page(CreditCheckPage).tabs.current_name == "audit"
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
