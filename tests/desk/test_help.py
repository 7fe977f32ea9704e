"""F1 opens the help of a page with the meanings of its terms, by keyboard and for screen readers."""

from types import SimpleNamespace

import pytest
from PySide6.QtGui import QAccessible, QShortcut

from console.app import Console
from console.sandbox.server import Sandbox
from console.store.payments import orders
from console.store.payments.orders import NewOrder
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.help_dialog import HelpDialog
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.records.page import RecordPage
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    ChangedCompaniesRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    OperationRoute,
    OrderRoute,
    PaymentRoute,
    PdfComparisonRoute,
    PdfRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    RefundRoute,
    ReportsRoute,
    SetAsidesRoute,
    UnmatchedNoticesRoute,
)
from console.views.theme import key_names
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.display.badge import KeyCap
from console.wording.sentences.terms import Term
from console.wording.sentences.text_context import Language
from tests.desk.conftest import OpenWindow, buy_check, buy_with_unknown_outcome
from tests.desk.window_desks import WindowTestDesks
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment, request_refund


def test_the_list_of_shortcuts_is_complete(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Ctrl+/ lists each shortcut of the visible page and of the window. It leaves out = in a PDF, which is the key +
    without Shift, and on a record's page the shortcuts that only other kinds of records have.
    The page of the training is tested in its own window.
    """
    with window_desks.write_as_owner() as tx:  # the shop adds orders
        order_id = orders.insert_order(tx.conn, NewOrder("S-4711", 12_000), console._context.now())
    sandbox.control.add_fault("pdf_other", call="pdf", times=1)
    bought = buy_check(console, CORPORATION_NUMBERS[1])
    console.credit_checks.refetch(bought.id)
    payment = import_paid_payment(console, sandbox, "ORD-1")
    refund = request_refund(console, payment.id)
    check = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person, missing = open_window(), dict[str, list[str]]()
    for route in (
        HomeRoute(), QueuesRoute("unknown"), ChangedCompaniesRoute(), UnmatchedNoticesRoute(), LookupRoute(),
        ApprovalsRoute(), ReconcileRoute(), ReconcileRunsRoute(), AlertsRoute(), AuditRoute(), ReportsRoute(),
        AdminRoute(), SetAsidesRoute(), CreditCheckRoute(check.id), PaymentRoute(payment.id), RefundRoute(refund.id),
        OrderRoute(order_id), OperationRoute(check.operation_id or ""), PdfRoute(bought.id),
        PdfComparisonRoute(bought.id),
    ):  # fmt: skip
        person.frame.show_route(route)
        person.wait_until_read()
        page = person.frame.current_page
        assert page is not None
        dialog = open_shortcuts_dialog(person.frame, page)
        listed_keys = {cap.key for cap in dialog.findChildren(KeyCap)} | {f"Alt+{number}" for number in range(10)}
        dialog.reject()
        stack = person.frame.page_stack
        holder = stack.currentWidget()
        assert holder is not None
        of_page = holder.findChildren(QShortcut)
        of_other_pages = {*stack.findChildren(QShortcut)} - {*of_page}
        bound_keys = {
            shortcut.key().toString()
            for shortcut in person.window.findChildren(QShortcut)
            if shortcut not in of_other_pages
        }
        assert of_page or isinstance(route, HomeRoute)  # it only has the keys of the window
        refused_keys = {*page.list_actions_of_other_kinds()} if isinstance(page, RecordPage) else set()
        assert not listed_keys & refused_keys
        missing[type(route).__name__] = sorted(bound_keys - listed_keys - refused_keys - {"="})
    assert {name: keys for name, keys in missing.items() if keys} == {}


@pytest.mark.parametrize(("language", "first_terms"), [("en", "unknown"), ("ja", "結果不明")])
def test_the_help_lists_the_terms_of_the_page_first(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, language: Language, first_terms: str
) -> None:
    """The help lists all terms, those of the page first. The search matches terms and meanings and selects the first
    match; Esc closes the help.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.opening.context.change_language(language)
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    person.press("F1")
    dialog = person.wait_for_dialog(HelpDialog)
    assert dialog.search_field.hasFocus()
    here = [term.name for term in dialog._shown_terms]
    assert {"unknown", "resolve", "evidence"} <= set(here)
    assert "snooze" not in here
    assert len(here) + len(dialog._other_terms) > 70
    dialog.search_field.insert(first_terms)  # a key press of the test has Latin letters alone
    person.wait_until(lambda: first_terms in dialog.meaning_label.plain.casefold())
    first = dialog.table.current_item
    assert isinstance(first, Term)
    assert dialog.meaning_label.plain == f"{first.word}: {first.meaning}"
    person.press("Tab")
    assert dialog.table.hasFocus()
    dialog.search_field.setText("zzz")
    person.wait_until(lambda: dialog.meaning_label.plain == "")
    assert QAccessible.queryAccessibleInterface(dialog.search_field).text(QAccessible.Text.Name)
    person.press("Esc")
    person.wait_until(lambda: not person.window.findChildren(HelpDialog))


def test_the_meaning_of_a_term_is_in_sight_at_the_largest_text(open_window: OpenWindow) -> None:
    """At 200 % in the smallest window, the list of terms is shorter, so that the meaning of the selected term is
    visible below it.
    """
    person = open_window()
    person.window.resize(1280, 800)
    current_appearance().set_text_scale(2.0)
    person.press("F1")
    dialog = person.wait_for_dialog(HelpDialog)
    person.wait_until(lambda: bool(dialog.meaning_label.plain))
    label = dialog.meaning_label
    assert label.visibleRegion().boundingRect() == label.rect()


def test_the_help_and_the_list_of_shortcuts_name_the_keys_of_macos(
    open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the keyboard of macOS, the help of a page, the list of shortcuts and the menu of the person name ⌘ and ⌥.
    The tabs have ⌃Tab, since ⌘Tab belongs to macOS. The words of a person within a sentence aren't changed.
    """
    monkeypatch.setattr(key_names, "sys", SimpleNamespace(platform="darwin"))
    person = open_window()
    translate = person.opening.context.translate
    bound = {shortcut.key().toString() for shortcut in person.window.findChildren(QShortcut)}
    assert {"Ctrl+K", "Alt+1", "Meta+Tab", "Meta+Shift+Tab"} <= bound
    assert not bound & {"Ctrl+Tab", "Ctrl+Shift+Tab"}
    person.press("F1")
    dialog = person.wait_for_dialog(HelpDialog)
    help_text = "\n".join(label.plain for label in dialog.findChildren(TextLabel))
    assert "⌘K searches from any screen" in help_text
    dialog.reject()
    shortcuts = open_shortcuts_dialog(person.frame, person.frame.current_page)
    names = {cap.accessibleName() for cap in shortcuts.findChildren(KeyCap)}
    assert names >= {"⌘K", "⇧⌘N", "⌥1", "⌃Tab", "⌃⇧Tab", "F1"}
    assert not [name for name in names if "+" in name and name != "+"]
    shortcuts.reject()
    assert person.opening.controller is not None
    entries = [action.text() for action in person.opening.controller.person_menu.build_menu().actions()]
    assert "Lock\t⌘L" in entries
    assert "Ctrl+K" in translate("refund_reason.line", reason="other", words="they pressed Ctrl+K")
