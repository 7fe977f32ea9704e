"""The PDF of a credit check as text in a whole window: a key and a button show the text, it can be searched, and a
message says if a PDF has no text.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAccessible

from console.app import Console
from console.sandbox.server import Sandbox
from console.services.credit_checks.pdf import CreditCheckPdfReader, PdfDocument
from console.views.credit_checks.page import CreditCheckPage
from console.views.credit_checks.tabs import DocumentRow
from console.views.documents import pdf_page
from console.views.documents.compare_page import PdfComparisonPage
from console.views.documents.pdf_page import PdfPage
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.runtime.routes import CreditCheckRoute, HomeRoute, PdfComparisonRoute, PdfRoute
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.test_lock import get_idle_lock, unlock_window, wait_for_lock_form
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person, save_as
from tests.store import pdf_bombs
from tests.support.announcements import SentAnnouncement, collect_announcements
from tests.support.desks import CORPORATION_NUMBERS


@pytest.fixture
def announced_sentences() -> Iterator[list[SentAnnouncement]]:
    with collect_announcements() as sentences:
        yield sentences


def open_pdf(open_window: OpenWindow, console: Console) -> tuple[Person, PdfPage]:
    """Buy a credit check and open its PDF. Return the person at the window, and the page."""
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(PdfRoute(record.id))
    page = person.wait_for_page(PdfPage)
    person.wait_until(lambda: page.page_view.has_page)
    return person, page


def read_document_text(person: Person) -> str:
    """Return the text below the accessibility node of the document, as a screen reader reads it."""
    control = person.wait_for_control("Text of the document", role=QAccessible.Role.EditableText)
    text = control._interface.textInterface()
    assert text is not None
    return text.text(0, text.characterCount())


def test_t_switches_to_the_text_and_back(
    open_window: OpenWindow, console: Console, announced_sentences: list[SentAnnouncement]
) -> None:
    """The key T shows the text of the whole PDF in reading order, at the current page. The button *Pages* shows the
    pages again, at the page of the cursor in the text.
    """
    person, page = open_pdf(open_window, console)
    person.press("PgDown")
    person.press("T")
    person.wait_until(lambda: "Revision" in page.text_field.toPlainText())
    lines = read_document_text(person).splitlines()
    assert lines[0] == "Page 1 of 2"
    order = [lines.index(line) for line in ("CREDIT CHECK (invented sample)", "Page 2 of 2")]
    assert order == sorted(order)
    assert any(line.startswith("Item 24 of report") for line in lines[order[1] :])
    assert page.text_field.hasFocus()
    assert page.text_field.get_page_at_cursor() == 1
    assert announced_sentences[-1].sentence.startswith("The text of the document.")
    person.press("PgUp")
    assert page.text_field.get_page_at_cursor() == 0
    person.wait_for_control("Pages", role=QAccessible.Role.Button).press()
    person.wait_until(lambda: page.page_view.hasFocus())
    assert page.page_index == 0


def test_an_unreadable_page_hides_no_other_page(
    open_window: OpenWindow, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PDF has a page that can't be read. The search shows the matches on the other pages and says how many pages it
    has not searched; the text of the PDF has a sentence in place of that page.
    """
    content = pdf_bombs.make_report_pdf("株式会社見本").replace(b"[3 0 R]/Count 1", b"[3 0 R 1 0 R 3 0 R]/Count 3")
    monkeypatch.setattr(CreditCheckPdfReader, "open_pages", lambda *_: PdfDocument(content))
    person, page = open_pdf(open_window, console)
    toasts: list[str] = []
    page.context.toast_requested.connect(lambda toast: toasts.append(toast.message))
    person.press("Ctrl+F")
    page.search_field.setText("見本")
    person.press("Return")
    person.wait_until(lambda: bool(toasts))
    assert toasts == [translate("pdf.unsearched", "en", n=1)]
    assert page.match_position_label.plain == "1 of 2"
    page.toggle_text_view()
    person.wait_until(lambda: "Page 3 of 3" in page.text_field.toPlainText())
    text = page.text_field.toPlainText()
    assert text.count("株式会社見本") == 2
    assert text.count(translate("pdf.page_unreadable", "en")) == 1


def test_a_long_text_ends_with_a_note(
    open_window: OpenWindow, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the text of a PDF is longer than the window can show, it ends after a whole page and says so."""
    monkeypatch.setattr(pdf_page, "_MAX_SHOWN_TEXT_CHARACTERS", 10)
    person, page = open_pdf(open_window, console)
    person.press("T")
    person.wait_until(lambda: "Page 1 of 2" in page.text_field.toPlainText())
    assert page.text_field.toPlainText().endswith(translate("pdf.text_cut", "en", page=1, count=2))


def test_the_search_finds_matches_in_the_text(
    open_window: OpenWindow, console: Console, announced_sentences: list[SentAnnouncement]
) -> None:
    """In the text of the PDF, Ctrl+F, a text and Enter select the first match and announce its line; Enter again goes
    to the next match.
    """
    person, page = open_pdf(open_window, console)
    person.press("T")
    person.wait_until(lambda: "Revision" in page.text_field.toPlainText())
    person.press("Ctrl+F")
    person.type_in("ITEM 0")
    person.press("Return")
    assert page.text_field.textCursor().selectedText() == "Item 0"
    assert announced_sentences[-1].sentence.startswith("1 of 9. Item 01 of report")
    person.press("Return")
    assert announced_sentences[-1].sentence.startswith("2 of 9. Item 02 of report")
    assert page.page_index == 1
    person.type_in("xyz")
    person.press("Return")
    assert announced_sentences[-1].sentence == "No matches."


def test_a_pdf_of_images_shows_a_message_about_its_missing_text(
    open_window: OpenWindow, console: Console, announced_sentences: list[SentAnnouncement]
) -> None:
    person, page = open_pdf(open_window, console)
    page.toggle_text_view()
    person.wait_until(lambda: "Revision" in page.text_field.toPlainText())
    page._show_text(["", " \r\n"])
    assert page.text_field.toPlainText().startswith("This PDF has no text")
    assert announced_sentences[-1].is_urgent
    assert announced_sentences[-1].sentence == page.text_field.toPlainText()


@pytest.mark.parametrize("is_other", [True, False])
def test_only_a_refetch_with_another_pdf_opens_the_comparison(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, *, is_other: bool
) -> None:
    """If a re-fetch returns another PDF than the stored one, its dialog says that the copies differ, and its main
    button opens the comparison. Otherwise the button opens the PDF.
    """
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    if is_other:
        sandbox.control.add_fault("pdf_other", call="pdf", times=1)
    person.press("F")
    dialog = person.wait_for_dialog(RefetchDialog)
    dialog.pdf_box.setChecked(True)
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle() == translate("dialog.refetch.done_title", "en"))
    person.wait_until(dialog.main_button.isEnabled)
    assert dialog.main_button.text() == translate("action.compare" if is_other else "action.open_pdf", "en")
    dialog.main_button.click()
    person.wait_for_page(PdfComparisonPage if is_other else PdfPage)


def test_two_versions_of_a_pdf_are_shown_together(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, announced_sentences: list[SentAnnouncement]
) -> None:
    """If a PDF has two versions, the key C shows both. Each difference is marked on the pages of both, and is
    available in the list and to screen readers. If there is one version, a toast says that there is nothing to
    compare.
    """
    person, shown = open_pdf(open_window, console)
    person.press("C")
    person.wait_until(lambda: bool(person.frame.toasts.visible_toasts))
    assert "Only one version" in person.frame.toasts.visible_toasts[-1].accessibleName()
    sandbox.control.add_fault("pdf_other", call="pdf", times=1)
    console.credit_checks.refetch(shown.route.record_id)
    person.press("C")
    page = person.wait_for_page(PdfComparisonPage)
    person.wait_until(
        lambda: len(page.difference_table.all_rows) > 2 and bool(page.old_view.marks) and bool(page.new_view.marks)
    )
    first = page.current_difference
    assert first is not None
    assert (first.page_index, first.old_text, first.new_text) == (0, "1", "2")
    for view in (page.old_view, page.new_view):
        assert [(mark.sign, mark.is_current) for mark in view.marks] == [("≠", True)]
    assert "24" in page.summary_label.plain or "differences" in page.summary_label.plain
    person.press("Ctrl+P")
    person.wait_until(lambda: any("can't be printed" in one.sentence for one in announced_sentences))
    person.press("N")
    person.wait_until(lambda: page.page_index == 1 and len(page.new_view.marks) > 2)
    assert announced_sentences[-1].sentence.startswith("≠ Page 2: Changed:")
    assert sum(mark.is_current for mark in page.new_view.marks) == 1
    person.press("B")
    person.wait_until(lambda: page.page_index == 0)
    person.press("PgDown")
    person.wait_until(lambda: page.page_index == 1)
    documents = page._pdf_pair
    assert documents is not None
    person.press("Esc")
    person.wait_for_page(PdfPage)
    person.opening.context.navigate(CreditCheckRoute(shown.route.record_id))
    record = person.wait_for_page(CreditCheckPage)
    record.tabs.show_tab("documents")
    table = record.tabs._document_table
    person.wait_until(lambda: [row.page_count for row in table.all_rows if isinstance(row, DocumentRow)] == [2, 2])
    person.wait_until(lambda: documents.new_pdf._child is None and documents.old_pdf._child is None)


def test_a_late_answer_of_a_closed_pdf_is_ignored(
    open_window: OpenWindow, console: Console, announced_sentences: list[SentAnnouncement]
) -> None:
    """A person leaves the page of a PDF while its text is being read, so the PDF is closed and the read fails. The
    window doesn't announce that the PDF can't be shown.
    """
    person, page = open_pdf(open_window, console)
    pages = page._pdf_document
    assert pages is not None
    page._read_text()
    page.clean_up_after_visit()
    person.wait_until_read()
    person.wait_until(lambda: pages._child is None)
    assert [one.sentence for one in announced_sentences if "can't be shown" in one.sentence] == []


def test_keys_fit_zoom_and_turn_a_pdf(
    open_window: OpenWindow, console: Console, announced_sentences: list[SentAnnouncement], tmp_path: Path
) -> None:
    """Keys fit the page to the width or to the window, zoom it, and turn it, which is announced. The next PDF has the
    same size and isn't turned. A copy of the PDF can be written to a file.
    """
    person, page = open_pdf(open_window, console)
    room = page.page_view.width()
    person.press("W")
    person.wait_until(lambda: room - 80 < page.page_view.page_size.width() <= room)
    person.press("H")
    person.wait_until(lambda: page.page_view.page_size.height() <= page.page_view.viewport().height())
    upright = page.page_view.page_size
    assert upright.height() > upright.width()
    person.press("R")
    person.wait_until(lambda: page.page_view.page_size.width() > page.page_view.page_size.height())
    assert any(sentence.sentence == "Turned by 90°" for sentence in announced_sentences)
    assert page.page_view.page_size.height() <= page.page_view.viewport().height()
    person.press("+")
    person.wait_until(lambda: page.context.preferences.get_value("pdf_fit") is None)
    stored_zoom = page.context.preferences.get_value("pdf_zoom")
    save_as(person, tmp_path / "copy.pdf", "Ctrl+S")
    person.wait_until(lambda: (tmp_path / "copy.pdf").exists())
    assert (tmp_path / "copy.pdf").read_bytes().startswith(b"%PDF-")
    other = buy_check(console, CORPORATION_NUMBERS[1])
    person.frame.show_route(PdfRoute(other.id))
    person.wait_until(lambda: page.page_view.has_page and page.route.record_id == other.id)
    assert (page.quarter_turns, page.context.preferences.get_value("pdf_zoom")) == (0, stored_zoom)


def test_the_lock_keeps_the_pdf_open(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console
) -> None:
    """After unlocking the window, the PDF shows the same page and its keys work. When the person leaves the page, the
    child process that renders the PDF ends.
    """
    person, page = open_pdf(open_window, console)
    person.press("PgDown")
    get_idle_lock(person).lock_window()
    wait_for_lock_form(person)
    unlock_window(window_desks, person)
    assert (page.page_count, page.page_index) == (2, 1)
    person.press("PgUp")
    assert page.page_index == 0
    document = page._pdf_document
    assert document is not None
    person.frame.show_route(HomeRoute())
    person.wait_until(lambda: document._child is None)
    assert page._pdf_document is None


def test_the_lock_keeps_a_comparison_open(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After the window was locked and unlocked, the comparison of two PDFs is still shown and reacts to keys."""
    person, shown = open_pdf(open_window, console)
    sandbox.control.add_fault("pdf_other", call="pdf", times=1)
    console.credit_checks.refetch(shown.route.record_id)
    person.frame.show_route(PdfComparisonRoute(shown.route.record_id))
    page = person.wait_for_page(PdfComparisonPage)
    person.wait_until(lambda: len(page.difference_table.all_rows) > 2)
    get_idle_lock(person).lock_window()
    wait_for_lock_form(person)
    unlock_window(window_desks, person)
    assert len(page.difference_table.all_rows) > 2
    person.press("PgDown")
    assert page.page_index == 1
    documents = page._pdf_pair
    assert documents is not None
    person.frame.show_route(HomeRoute())
    person.wait_until(lambda: documents.new_pdf._child is None and documents.old_pdf._child is None)


def test_a_pdf_opened_after_its_page_was_left_is_closed(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a PDF is opened only after the person has gone to another page, it is closed immediately. This is so for one
    PDF and for the comparison of two versions.
    """
    person, page = open_pdf(open_window, console)
    id = page.route.record_id
    sandbox.control.add_fault("pdf_other", call="pdf", times=1)
    console.credit_checks.refetch(id)
    opened: list[PdfDocument] = []
    open_pages = CreditCheckPdfReader.open_pages

    def open_and_record_document(
        reader: CreditCheckPdfReader, record_id: int, sha256: str | None = None
    ) -> PdfDocument:
        document = open_pages(reader, record_id, sha256)
        opened.append(document)
        return document

    monkeypatch.setattr(CreditCheckPdfReader, "open_pages", open_and_record_document)
    for count, route in ((1, PdfRoute(id)), (3, PdfComparisonRoute(id))):
        person.frame.show_route(HomeRoute())
        person.frame.show_route(route)
        person.frame.show_route(HomeRoute())
        person.wait_until(lambda count=count: len(opened) == count)  # type: ignore[misc]  # bound in each turn
        person.wait_until(lambda: all(document._is_closed and document._child is None for document in opened))
    assert page._pdf_document is None


def test_a_slow_pdf_delays_no_other_reading(
    open_window: OpenWindow, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the child process draws a slow page, and the person turns pages, other pages of the window are read. Only
    the newest page is drawn afterwards, and leaving the PDF ends the drawing.
    """
    begun_pages: list[int] = []
    ended_pages: list[int] = []
    render_page = PdfDocument.render_page

    def render_and_record_page(document: PdfDocument, index: int, width_px: int) -> object:
        begun_pages.append(index)
        try:
            return render_page(document, index, width_px)
        finally:
            ended_pages.append(index)

    monkeypatch.setattr(PdfDocument, "render_page", render_and_record_page)
    six_slow_pages = pdf_bombs.make_tiling_pattern().replace(b"[3 0 R]/Count 1", b"[%s]/Count 6" % (b"3 0 R " * 6))
    document = PdfDocument(six_slow_pages, time_limit_seconds=60)
    monkeypatch.setattr(CreditCheckPdfReader, "open_pages", lambda *_: document)
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(PdfRoute(record.id))
    page = person.wait_for_page(PdfPage)
    person.wait_until(lambda: bool(begun_pages))
    person.press("PgDown", times=5)
    answered: list[object] = []
    for _ in range(4):
        page.context.run_read(lambda console: console, answered.append, answered.append, caller=page.context)
    person.wait_until(lambda: len(answered) == 4)
    assert not ended_pages
    person.frame.show_route(HomeRoute())
    person.wait_until_read()
    assert len(begun_pages) <= 3  # one in each thread, and the newest
