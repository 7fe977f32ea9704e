"""The page of an order without a payment: each empty part of the page says why it is empty."""

from console.app import Console
from console.store.payments import orders
from console.store.payments.orders import NewOrder
from console.views.money.order_page import OrderPage
from console.views.runtime.routes import OrderRoute
from console.views.widgets.display.placeholders import EmptyState
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import WindowTestDesks

TAB_KEYS = ("timeline", "attempts", "payments", "refunds", "notes", "evidence", "audit")


def test_an_order_without_a_payment_has_a_page(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console
) -> None:
    """On the page of an order without a payment, the button that opens the payment is disabled and says why. Each tab
    is empty and says which data it would contain.
    """
    with window_desks.write_as_owner() as tx:  # the shop adds orders
        order_id = orders.insert_order(tx.conn, NewOrder("S-4711", 12_000), console._context.now())
    person = open_window()
    person.frame.show_route(OrderRoute(order_id))
    page = person.wait_for_page(OrderPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    button = page.find_button("open_payment")
    assert button is not None
    assert (button.isEnabled(), button.shown_reason) == (False, translate("money.side.no_payment", "en"))
    texts = set()
    for tab in TAB_KEYS:
        page.tabs.show_tab(tab)
        person.wait_until_read()
        shown = [state.accessibleName() for state in page.tabs.findChildren(EmptyState) if state.isVisible()]
        assert len(shown) == 1, tab
        texts |= set(shown)
    assert len(texts) == len(TAB_KEYS)
    assert not any("This payment" in text for text in texts)
