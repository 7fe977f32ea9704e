"""Tests of the page of a refund: the time of its sending in each time zone, and the link to its order."""

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from console.domain.calendar_days import IST
from console.domain.payments.states import RefundState
from console.views.money.refund_page import RefundPage
from console.views.runtime.routes import OrderRoute, Route
from console.wording.sentences.formats import format_instant_in_zones
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import ORDER, make_payment, make_refund, make_refund_details


@pytest.mark.parametrize(("sent_count", "further_line"), [(1, ""), (3, "\nSent 3 times, always with the same key")])
def test_the_time_of_sending_has_a_line_for_each_time_zone(
    qtbot: QtBot, appearance: object, sent_count: int, further_line: str
) -> None:
    """The facts of a refund at Atom show the time of sending in Japan and in India, each on a line of its own, as the
    facts of a payment do. If the refund was sent more than once, a further line says how often."""
    page = RefundPage(make_window_context())
    qtbot.addWidget(page)
    refund = make_refund(state=RefundState.SUBMITTED, sent_count=sent_count, last_sent_at=NOW)
    details = make_refund_details(refund, payment=replace(make_payment(), provider="atom"))
    assert page._format_sending_time(details) == format_instant_in_zones(NOW, IST, separator="\n") + further_line


@pytest.mark.parametrize("has_order", [True, False])
def test_the_panel_of_the_order_has_a_link_only_if_there_is_an_order(
    qtbot: QtBot, appearance: object, monkeypatch: pytest.MonkeyPatch, has_order: bool
) -> None:
    """On the page of a refund, as on the page of a payment, the panel of the order has a link that opens the order.
    If the refund's payment has no order, there is no link."""
    page = RefundPage(make_window_context())
    qtbot.addWidget(page)
    routes: list[Route] = []
    monkeypatch.setattr(page.context, "navigate", routes.append)
    page.details = make_refund_details() if has_order else make_refund_details(order=None)
    page.show_money_panels(page.details, "paypay")
    assert page._order_link.isVisibleTo(page) == has_order
    page._order_link.click()
    assert routes == ([OrderRoute(ORDER.id, (), page.sidebar_key)] if has_order else [])
