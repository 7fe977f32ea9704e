"""The complete work of a support person in the window: look up a company, open a record, re-fetch a PDF, resolve an
unknown outcome.
"""

import pytest
from PySide6.QtGui import QAccessible

from console.app import Console
from console.domain.views.any_record import CreditCheckDetails
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.documents.pdf_page import PdfPage
from console.views.lookup.page import LookupPage
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.queues.page import QueuesPage
from console.views.records.resolve_dialog import ResolveDialog
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome, buy_without_pdf, read_provider_id
from tests.support.desks import CORPORATION_NUMBERS

NUMBER_OF_INCOMPLETE_CHECK = CORPORATION_NUMBERS[0]
NUMBER_OF_UNANSWERED_PURCHASE = CORPORATION_NUMBERS[1]


def read_check(console: Console, id: int) -> CreditCheckDetails:
    view = console.credit_checks.read_credit_check(id)
    assert isinstance(view, CreditCheckDetails)
    return view


@pytest.mark.both_ways
def test_the_whole_job_is_done_with_the_keyboard_alone(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A person looks up, re-fetches and resolves records with the keyboard alone."""
    lacking = buy_without_pdf(console, sandbox, NUMBER_OF_INCOMPLETE_CHECK)
    unknown = buy_with_unknown_outcome(console, sandbox, NUMBER_OF_UNANSWERED_PURCHASE)
    person = open_window()

    person.press("Alt+3")
    person.type_in(NUMBER_OF_INCOMPLETE_CHECK)
    person.press("Return")
    lookup = person.wait_for_page(LookupPage)
    person.wait_until(lambda: lookup.company_panel.current_record is not None)
    person.press("Return")
    record = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: record.details is not None)

    person.press("F")
    fetching = person.wait_for_dialog(RefetchDialog)
    person.wait_until(fetching.main_button.isEnabled)
    person.tab_to("Re-fetch")
    person.press("Return")
    person.wait_until(lambda: not fetching.is_busy and fetching.windowTitle() == "Re-fetched")
    (bar,) = fetching.findChildren(NotificationBar)
    assert bar.sentence == "Nothing was charged."
    person.press("Esc")
    person.wait_without_dialog()
    assert read_check(console, lacking.id).record.incomplete == ()

    person.wait_until(record.pdf_button.isEnabled)
    person.press("O")
    pdf = person.wait_for_page(PdfPage)
    person.wait_until(lambda: pdf.page_view.has_page)
    person.press("PgDown")
    assert pdf.page_index == 1
    person.press("Esc")
    person.wait_for_page(CreditCheckPage)

    person.press("Alt+2")
    queues = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: queues.current_row is not None and queues.current_row.record.id == unknown.id)
    person.press("E")
    settling = person.wait_for_dialog(ResolveDialog)
    person.tab_to("AlarmBox number")
    person.press("Space")
    person.press("Tab")
    person.type_in(str(read_provider_id(sandbox, NUMBER_OF_UNANSWERED_PURCHASE)))
    assert settling.form.outcome == "success", "the only result that this evidence carries"
    reasons = settling.form.reason_list
    assert settling.form.find_disabled_reason() == translate("dialog.resolve.needs_words", "en")
    person.tab_to("Reason in words")
    person.type_in("seen on their list")
    proposed = reasons.currentIndex()
    reasons.setCurrentIndex(-1)
    assert settling.form.find_disabled_reason() == translate("dialog.resolve.needs_reason", "en")
    assert not settling.main_button.isEnabled()
    reasons.setCurrentIndex(proposed)
    person.wait_until(settling.main_button.isEnabled)
    person.tab_to("Resolve")
    person.press("Return")
    person.wait_until(lambda: settling.windowTitle() == "Resolved")
    person.press("Esc")
    person.wait_without_dialog()
    settled = read_check(console, unknown.id).record
    assert (settled.state, settled.certainty) == ("success", "known")
    assert sandbox.control.count_charges() == 2


def test_a_job_is_done_through_the_accessibility_tree(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A person looks up, re-fetches and resolves records by accessibility: each control is found by its accessible
    name and pressed by its accessible action. Only the pages Lookup and Home are opened by keys.
    """
    lacking = buy_without_pdf(console, sandbox, NUMBER_OF_INCOMPLETE_CHECK)
    unknown = buy_with_unknown_outcome(console, sandbox, NUMBER_OF_UNANSWERED_PURCHASE)
    person = open_window()
    button = QAccessible.Role.Button

    person.press("Alt+3")
    person.wait_for_control("Corporation number", role=QAccessible.Role.EditableText).write(
        NUMBER_OF_INCOMPLETE_CHECK
    )
    person.wait_for_control("Look up").press()
    person.wait_for_control("Open record").press()
    record = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: record.details is not None)
    person.wait_for_control("Re-fetch...").press()
    fetching = person.wait_for_dialog(RefetchDialog)
    person.wait_until(fetching.main_button.isEnabled)
    person.wait_for_control("Re-fetch", fetching, button).press()
    person.wait_until(lambda: fetching.windowTitle() == "Re-fetched")
    person.wait_for_control("Close", fetching, button).press()
    person.wait_without_dialog()
    assert read_check(console, lacking.id).record.incomplete == ()
    person.wait_until(record.pdf_button.isEnabled)
    person.wait_for_control("Open PDF", role=button).press()
    pdf = person.wait_for_page(PdfPage)
    person.wait_until(lambda: pdf.page_view.has_page)

    person.press("Alt+1")
    person.wait_for_control("Needs a person").press()
    queues = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: queues.current_row is not None)
    person.wait_for_control("Open", queues.preview).press()
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and page.id == unknown.id)
    person.wait_for_control("Resolve with evidence...").press()
    settling = person.wait_for_dialog(ResolveDialog)
    person.wait_for_control("AlarmBox number", settling, QAccessible.Role.RadioButton).toggle()
    entry = QAccessible.Role.EditableText
    person.wait_for_control("AlarmBox number", settling, entry).write(
        str(read_provider_id(sandbox, NUMBER_OF_UNANSWERED_PURCHASE))
    )
    person.wait_for_control("Bought", settling, QAccessible.Role.RadioButton).toggle()
    settling.form.reason_list.setCurrentIndex(0)
    person.wait_for_control("Reason in words", settling, entry).write("seen on their list")
    person.wait_until(settling.main_button.isEnabled)
    person.wait_for_control("Resolve", settling, button).press()
    person.wait_until(lambda: settling.windowTitle() == "Resolved")
    person.wait_for_control("Close", settling, button).press()
    person.wait_without_dialog()
    assert read_check(console, unknown.id).record.certainty == "known"
