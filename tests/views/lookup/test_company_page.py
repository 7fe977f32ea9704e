"""Tests of the company's page: it shows the known facts about a purchase, and offers to buy only if no client can be
charged twice.
"""

from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Literal

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from console.domain.access.read_only import EVERYTHING_SCOPE
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.lookup.lookup_result import LookupResult
from console.domain.records import Certainty, CheckState, CreditCheck, ReadOnlySwitch
from console.domain.registry.corporations import (
    CloseCause,
    Closure,
    Corporation,
    CorporationEvent,
    CorporationKind,
    RegistryMatch,
)
from console.domain.registry.facts import CorporationFacts
from console.views.lookup.company_page import CompanyPanel
from console.views.lookup.page import LookupPage
from console.views.pages.base import Page
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.routes import LookupRoute
from console.views.widgets.base import IconLabel, TextLabel
from console.views.widgets.controls.buttons import KeyButton
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import ORDER, make_refund

UNKNOWN_CHECK = make_check(state=CheckState.PENDING, certainty=Certainty.UNKNOWN, pdf_file_path=None, result=None)
RUNNING_CHECK = make_check(state=CheckState.PENDING, pdf_file_path=None, result=None)
FAILED_CHECK = make_check(state=CheckState.ERROR, pdf_file_path=None, result=None)
CHECK_WITHOUT_PDF = make_check(pdf_file_path=None, incomplete=("pdf",))


def make_company_panel(record: CreditCheck, language: Literal["ja", "en"] = "en") -> CompanyPanel:
    context = make_window_context()
    context.language = language
    page = CompanyPanel(context, RecordActionHandlers(context, Page(context)))
    page.show_result(LookupResult(record.corporation_number, (record,)))
    return page


def read_label_texts(widget: QWidget) -> list[str]:
    return [label.plain for label in widget.findChildren(TextLabel)]


def count_red_icons(widget: QWidget) -> int:
    return sum(icon._tone == "bad" for icon in widget.findChildren(IconLabel))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_an_unknown_purchase_is_no_live_credit_check(language: Literal["ja", "en"], appearance: object) -> None:
    """The panel of an unknown purchase has a title of its own, and no red icon for a missing PDF. Buying for the same
    client is disabled, and its button isn't the primary button.
    """
    page = make_company_panel(UNKNOWN_CHECK, language)
    shown = read_label_texts(page.live_check_panel)
    assert page._context.translate("lookup.live_of", client=UNKNOWN_CHECK.client_id) not in shown
    assert page._context.translate("lookup.unknown_of", client=UNKNOWN_CHECK.client_id) in shown
    assert page._context.translate("record.document.not_yet") in shown
    assert page._context.translate("lookup.no_pdf") not in shown
    assert count_red_icons(page.live_check_panel) == 0
    assert (page.buy_button.kind, page.buy_button.isEnabled()) == ("default", False)
    assert page.buy_button.block_reason == page._context.translate(
        "lookup.bought_perhaps", client=UNKNOWN_CHECK.client_id
    )


def test_a_running_purchase_is_no_live_credit_check_either(appearance: object) -> None:
    """The panel of a running purchase has a title of its own, and no red icon for a missing PDF."""
    page = make_company_panel(RUNNING_CHECK)
    assert page._context.translate("lookup.running_of", client=RUNNING_CHECK.client_id) in read_label_texts(
        page.live_check_panel
    )
    assert count_red_icons(page.live_check_panel) == 0


def test_a_bought_check_without_its_pdf_shows_a_red_note(appearance: object) -> None:
    """For a bought credit check without its PDF, the panel shows one red icon and the note about the missing PDF.
    Buying is possible, but its button isn't the primary one.
    """
    page = make_company_panel(CHECK_WITHOUT_PDF)
    assert page._context.translate("lookup.live_of", client=CHECK_WITHOUT_PDF.client_id) in read_label_texts(
        page.live_check_panel
    )
    assert page._context.translate("lookup.no_pdf") in read_label_texts(page.live_check_panel)
    assert count_red_icons(page.live_check_panel) == 1
    assert (page.buy_button.kind, page.buy_button.isEnabled()) == ("default", True)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_panel_says_why_the_day_of_the_purchase_is_not_known(
    language: Literal["ja", "en"], appearance: object
) -> None:
    """Beside *Bought* the panel has the day, or the reason for which it isn't known, never only the sign for a
    missing value. All values of a bought credit check that were not fetched say so with the same words.
    """
    without_dates = replace(CHECK_WITHOUT_PDF, purchased_at=None, expired_at=None, result=None)
    checks_by_wording_key = {
        "record.document.not_yet": without_dates,
        "record.purchase_day.viewing_over": replace(without_dates, viewing_over=True),
        "record.purchase_day.unknown": UNKNOWN_CHECK,
        "record.purchase_day.running": RUNNING_CHECK,
    }
    for wording_key, record in checks_by_wording_key.items():
        page = make_company_panel(replace(record, purchased_at=None), language)
        shown = read_label_texts(page.live_check_panel)
        label = shown.index(page._context.translate("field.purchased_at"))
        assert shown[label + 1] == page._context.translate(wording_key)
        if record.state is CheckState.SUCCESS:
            assert "–" not in shown
            not_fetched_count = shown.count(page._context.translate("record.document.not_yet"))
            assert not_fetched_count == (2 if record.viewing_over else 3)


def test_a_failed_purchase_is_no_current_credit_check(appearance: object) -> None:
    """If the only purchase for a client failed, the title of the panel says that the client has no live
    credit check.
    """
    page = make_company_panel(FAILED_CHECK)
    assert page._context.translate("lookup.none_live_of", client=FAILED_CHECK.client_id) in read_label_texts(
        page.live_check_panel
    )
    assert page._context.translate("lookup.live_of", client=FAILED_CHECK.client_id) not in read_label_texts(
        page.live_check_panel
    )


def test_the_panel_names_the_record_of_its_number(appearance: object) -> None:
    """The panel about the live credit check shows the id of the credit check."""
    page = make_company_panel(CHECK_WITHOUT_PDF)
    assert f"Credit check {CHECK_WITHOUT_PDF.id}" in read_label_texts(page.live_check_panel)


def test_no_purchase_is_proposed_for_a_number_that_the_registry_lacks(appearance: object) -> None:
    """The purchase button is the primary one if there is no corporation registry, and not if the registry lacks the
    number. It never gets the focus by itself.
    """
    page = make_company_panel(FAILED_CHECK)
    kinds = [page.buy_button.kind]
    number = FAILED_CHECK.corporation_number
    facts = CorporationFacts(number, date(2026, 11, 20))
    page.show_result(LookupResult(number, (FAILED_CHECK,), corporation=facts))
    kinds.append(page.buy_button.kind)
    assert kinds == ["primary", "default"]
    assert page.buy_button not in page.list_focus_targets()


def test_the_successor_of_a_merged_company_is_the_only_primary_action(appearance: object) -> None:
    """On the page of a closed company the purchase isn't the primary action. If the company was merged, the button
    that opens its successor is.
    """
    page = make_company_panel(FAILED_CHECK)
    number, day = FAILED_CHECK.corporation_number, date(2026, 11, 20)
    merged = Corporation(
        number, "A", "", "", CorporationKind.STOCK_COMPANY, "東京都", "千代田区", "１", "1000013", "13", "101", "",
        CorporationEvent.NEW, day, day, day, closure=Closure(day, CloseCause.MERGER),
    )  # fmt: skip
    successor = replace(merged, number="2010401907731", closure=None)
    facts = CorporationFacts(number, day, merged, successors=(RegistryMatch(successor),))
    page.show_result(LookupResult(number, (FAILED_CHECK,), corporation=facts))
    primary = [button for button in page.findChildren(KeyButton) if button.kind == "primary"]
    assert [button.text() for button in primary] == ["Open successor"]
    page.show_result(LookupResult(number, (FAILED_CHECK,), corporation=replace(facts, successors=())))
    assert page.buy_button.kind == "default"


def list_hint_keys(page: LookupPage) -> set[str]:
    return {key for keys, _ in page.hint_bar.key_hints for key in keys}


def test_only_keys_with_an_effect_are_offered(appearance: object) -> None:
    """The hint bar of the company page offers only keys that have an effect. It offers no keys if there is no
    company, and no keys for records if the company or the visible tab has no records.
    """
    page = LookupPage(make_window_context())
    on_records, on_company = {"Enter", "F", "P"}, {"B", "Ctrl+C", "Ctrl+E", "Ctrl+P", "Ctrl+Shift+E"}
    assert list_hint_keys(page) == {"Ctrl+F", "F1"}
    number = CHECK_WITHOUT_PDF.corporation_number
    page._looked_up_text = number
    page._show_result(number, LookupResult(number, (CHECK_WITHOUT_PDF,)))
    assert on_records | on_company <= list_hint_keys(page)
    assert "R" not in list_hint_keys(page), "it has no payment"
    page._show_result(number, LookupResult(number, (make_check(),)))
    assert on_records <= list_hint_keys(page)
    page.company_panel.tabs.setCurrentIndex(page.company_panel.company_tabs[1].tab_index)
    assert on_company <= list_hint_keys(page)
    assert not list_hint_keys(page) & on_records, "the tab of notes has no row"
    page._show_result(number, LookupResult(number, ()))
    assert on_company <= list_hint_keys(page)
    assert not list_hint_keys(page) & on_records
    page._show_result(number, LookupResult(number, (UNKNOWN_CHECK,)))
    assert list_hint_keys(page) & {"F", "P"} == {"P"}, "an unknown purchase has no parts to re-fetch"
    page._show_result(number, LookupResult(number, (), orders=(replace(ORDER, payment_ids=()),)))
    page.company_panel.tabs.setCurrentIndex(2)
    assert list_hint_keys(page) & on_records == {"Enter"}, "no provider can be asked about an order without a payment"


def test_the_export_button_says_that_no_list_is_shown(appearance: object) -> None:
    """While the page shows no list, the export button is disabled, and the reason is below it."""
    page = LookupPage(make_window_context())
    button = page.exporter.button
    assert (button.isEnabled(), button.shown_reason) == (False, "This page has no list to export.")
    assert button.shown_reason in read_label_texts(page)
    number = CHECK_WITHOUT_PDF.corporation_number
    page._looked_up_text = number
    page._show_result(number, LookupResult(number, (CHECK_WITHOUT_PDF,)))
    assert (button.isEnabled(), button.shown_reason) == (True, "")
    page._remove_result()
    assert not button.isEnabled()


@pytest.mark.parametrize("is_disconnected", [True, False])
def test_keys_that_are_off_are_not_offered(appearance: object, *, is_disconnected: bool) -> None:
    """While the database is unreachable, the hint bar names no key of an action that needs it. While a read-only
    switch is on, it names no key of an action that the switch stops, and a probe is still offered. The
    keys are named again when the state ends.
    """
    context = make_window_context()
    page = LookupPage(context)
    page._looked_up_text = number = CHECK_WITHOUT_PDF.corporation_number
    page._show_result(number, LookupResult(number, (CHECK_WITHOUT_PDF,)))
    switch = ReadOnlySwitch(EVERYTHING_SCOPE, is_on=True, reason="incident", person="lead-b", at=NOW)
    context.update_connection_state(**({"lost_since": NOW} if is_disconnected else {"read_only_switches": (switch,)}))
    assert list_hint_keys(page) & {"F", "P", "B"} == (set() if is_disconnected else {"F", "P"})
    assert {"Enter", "Ctrl+C"} <= list_hint_keys(page)
    context.update_connection_state(lost_since=None, read_only_switches=())
    assert list_hint_keys(page) >= {"F", "P", "B"}


def test_the_open_issues_stay_under_the_pointer(qtbot: QtBot, appearance: object) -> None:
    """While the pointer is on the open issues, an automatic read moves none of them and marks outdated lines. The new
    state is shown when the pointer leaves. The focus stays on the record that has it.
    """
    other = replace(CHECK_WITHOUT_PDF, id=CHECK_WITHOUT_PDF.id + 1)
    page = make_company_panel(CHECK_WITHOUT_PDF)
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    number = CHECK_WITHOUT_PDF.corporation_number
    page.show_result(LookupResult(number, (CHECK_WITHOUT_PDF, other)))
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.open_items.focus_stops[1].setFocus()
    assert page.open_items.focus_stops[1].hasFocus()
    before = [button.mapTo(page, QPoint(0, 0)).y() for button in page.open_items.focus_stops], page.tabs.y()
    old_words = read_label_texts(page.open_items)
    place = QPointF(450, 300)
    QApplication.sendEvent(page, QEnterEvent(place, place, place))
    page.setAttribute(Qt.WidgetAttribute.WA_UnderMouse)
    page.show_result(LookupResult(number, (make_check(), other)), is_automatic=True)
    page.grab()
    after = [button.mapTo(page, QPoint(0, 0)).y() for button in page.open_items.focus_stops], page.tabs.y()
    assert after == before
    assert read_label_texts(page.open_items)[1:3] == ["1", "Incomplete"]
    changed = page._context.translate("lookup.matter_changed")
    assert read_label_texts(page.open_items).count(changed) == 1
    assert len(set(old_words) - set(read_label_texts(page.open_items))) <= 2, "the other line says what it said"
    QApplication.sendEvent(page, QEvent(QEvent.Type.Leave))
    page.grab()
    assert [page.open_items.find_record(stop) for stop in page.open_items.focus_stops] == [other]
    assert page.open_items.focus_stops[0].hasFocus()
    assert changed not in [label.plain for label in page.open_items.findChildren(TextLabel) if label.isVisible()]


def test_a_company_without_open_issues_has_no_issue_list(appearance: object) -> None:
    """The list of open issues is hidden for a company without open issues, and appears when the company gets one."""
    page = make_company_panel(make_check())
    assert page.open_items.isHidden()
    page.show_result(LookupResult(CHECK_WITHOUT_PDF.corporation_number, (CHECK_WITHOUT_PDF,)))
    assert not page.open_items.isHidden()
    page.show_result(LookupResult(CHECK_WITHOUT_PDF.corporation_number, (make_check(),)))
    assert page.open_items.isHidden()


def test_an_open_refund_is_named_like_everywhere(appearance: object) -> None:
    """The list of open issues gives a refund the same title as the page of the refund. A company without credit
    checks leaves no gap before the time of the read."""
    page = make_company_panel(make_check())
    refund = make_refund(certainty=Certainty.UNKNOWN)
    page.show_result(LookupResult(CHECK_WITHOUT_PDF.corporation_number, (), refunds=(refund,)))
    assert f"Refund R-{refund.id}" in read_label_texts(page.open_items)
    assert page.facts_label.isHidden()


def test_a_re_read_without_a_change_keeps_the_buttons_of_open_issues(qtbot: QtBot, appearance: object) -> None:
    """After a read that found no change, the button of the open issue is still the same widget."""
    page = make_company_panel(CHECK_WITHOUT_PDF)
    qtbot.addWidget(page)
    (button,) = page.open_items.focus_stops
    page.show_result(
        LookupResult(CHECK_WITHOUT_PDF.corporation_number, (replace(CHECK_WITHOUT_PDF),)), is_automatic=True
    )
    assert page.open_items.focus_stops == [button]


def test_no_key_acts_on_a_record_of_the_company_shown_before(appearance: object) -> None:
    """The records of another company replace those of the previous one at once, also while all reading threads are
    busy: no key acts on a record of the company that was looked up before."""
    page = make_company_panel(CHECK_WITHOUT_PDF)
    page.tabs.setCurrentIndex(3)
    assert page.current_record == CHECK_WITHOUT_PDF
    runner = page._context.runner
    assert isinstance(runner, InlineRunner)
    runner.paused = True
    other = make_check(id=18, corporation_number="7123456789012")
    page.show_result(LookupResult(other.corporation_number, (other,)))
    page.tabs.setCurrentIndex(3)
    assert page.current_record == other


def test_a_route_opens_the_purchase_dialog_only_once(qtbot: QtBot, appearance: object) -> None:
    """The route that opens the dialog of a purchase is replaced in the history, so that a return to the company, or
    another language, doesn't open the dialog again."""
    check = make_check()

    def refuse_plan(_number: str) -> None:
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    lookup = SimpleNamespace(find_records=lambda number: LookupResult(check.corporation_number, (check,)))
    context = make_window_context()
    services = SimpleNamespace(
        lookup=lookup, credit_checks=SimpleNamespace(make_plan=refuse_plan), acting_as=nullcontext, training=None
    )
    context.store_services(services)  # type: ignore[arg-type]  # the lookup and the plan are all that the page needs
    page = LookupPage(context)
    qtbot.addWidget(page)
    page.show()
    routes: list[object] = []
    context.route_replacement_requested.connect(routes.append)
    page.show_route(LookupRoute(check.corporation_number, opens_purchase=True))
    assert routes == [LookupRoute(check.corporation_number)]
    assert "act" in page.list_bar_names()
