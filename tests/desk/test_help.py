"""F1 opens the help of a page with the meanings of its terms, by keyboard and for screen readers."""

import pytest
from PySide6.QtGui import QAccessible

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.help_dialog import HelpDialog
from console.views.runtime.routes import CreditCheckRoute
from console.wording.sentences.terms import Term
from console.wording.sentences.text_context import Language
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.support.desks import NUMBERS


@pytest.mark.parametrize(("language", "first_terms"), [("en", "unknown"), ("ja", "結果不明")])
def test_the_help_lists_the_terms_of_the_page_first(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, language: Language, first_terms: str
) -> None:
    """The help lists all terms, those of the page first. The search matches terms and meanings and selects the first
    match; Esc closes the help.
    """
    record = buy_with_unknown_outcome(console, sandbox, NUMBERS[0])
    person = open_window()
    person.opening.context.change_language(language)
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.view is not None)
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
