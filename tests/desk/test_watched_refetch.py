"""A person who starts a second re-fetch of the same credit check can follow the first one instead. After a re-fetch
that has brought another PDF, the dialog shows the page counts of both copies.
"""

from threading import Event, Thread

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.purchase.refetch_dialog import RefetchDialog, _RefetchContent
from console.views.runtime.routes import CreditCheckRoute
from console.views.widgets.base import TextLabel
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS


def open_dialog(person: Person, record_id: int) -> RefetchDialog:
    person.frame.show_route(CreditCheckRoute(record_id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    person.press("F")
    dialog = person.wait_for_dialog(RefetchDialog)
    dialog.pdf_box.setChecked(True)
    person.wait_until(dialog.main_button.isEnabled)
    return dialog


def read_visible_texts(dialog: RefetchDialog) -> list[str]:
    return [label.plain for label in dialog.findChildren(TextLabel) if label.isVisible()]


@pytest.mark.parametrize("is_other", [True, False])
def test_only_a_refetch_with_another_pdf_shows_the_page_counts(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, *, is_other: bool
) -> None:
    """After a re-fetch with another PDF, the dialog shows the page counts of both copies. With an unchanged PDF it
    shows no page counts.
    """
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    if is_other:
        sandbox.control.add_fault("pdf_other", call="pdf", times=1)
    dialog = open_dialog(person, record.id)
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle() == translate("dialog.refetch.done_title", "en"))
    person.wait_until_read()
    (content,) = dialog.findChildren(_RefetchContent)
    if is_other:
        person.wait_until(lambda: content.page_count_label.isVisible())
        assert content.page_count_label.plain == "The new PDF has 2 pages, the older copy 2."
    else:
        assert not content.page_count_label.isVisible()


@pytest.mark.embedded("the first re-fetch runs in a thread of the test")
def test_a_second_refetch_is_refused_and_shows_the_first(open_window: OpenWindow, console: Console) -> None:
    """A second re-fetch of a credit check is refused with the name of the person who started the first one. A button
    shows the progress of the first re-fetch until it has ended.
    """
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    dialog = open_dialog(person, record.id)
    reached, goes_on = Event(), Event()

    def stop_at_step(_step: str) -> None:
        reached.set()
        goes_on.wait()

    refetch = console.credit_checks.refetch
    first = Thread(target=lambda: refetch(record.id, pdf=True, detail=False, progress=stop_at_step))
    first.start()
    try:
        person.wait_until(reached.is_set)
        dialog.main_button.click()
        running = translate("dialog.refetch.running_title", "en")
        person.wait_until(lambda: dialog.windowTitle() == running)
        person.wait_until(dialog.main_button.isEnabled)
        assert dialog.main_button.text() == translate("action.watch", "en")
        dialog.main_button.click()
        person.wait_until(lambda: "Watching" in dialog.windowTitle())
        assert not dialog.main_button.isVisible()
    finally:
        goes_on.set()
        first.join()
    person.wait_until(lambda: "has ended" in dialog.windowTitle())
    texts = read_visible_texts(dialog)
    assert translate("action.open_pdf", "en") == dialog.main_button.text()
    assert any("op-a" in text and "PDF" in text for text in texts), texts
