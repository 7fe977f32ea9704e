"""The PDF as text in a whole window: by key and button, with the search, and said where there is none."""

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QAccessible

from console.app import Console
from console.views.documents.pdf_page import PdfPage
from console.views.runtime.routes import PdfRoute
from tests.desk.conftest import Sit, buy
from tests.desk.hands import Person
from tests.support.desks import NUMBERS
from tests.support.hearing import Heard, listening


@pytest.fixture
def heard() -> Iterator[list[Heard]]:
    with listening() as sentences:
        yield sentences


def open_pdf(sit: Sit, console: Console) -> tuple[Person, PdfPage]:
    record = buy(console, NUMBERS[0])
    person = sit()
    person.frame.show_route(PdfRoute(record.id))
    page = person.page(PdfPage)
    person.until(lambda: page.canvas.has_page)
    return person, page


def read_out(person: Person) -> str:
    """The text below the node of the document, as a screen reader reads it."""
    control = person.control("Text of the document", role=QAccessible.Role.EditableText)
    text = control._interface.textInterface()
    assert text is not None
    return text.text(0, text.characterCount())


def test_t_switches_to_the_text_and_back(sit: Sit, console: Console, heard: list[Heard]) -> None:
    """The whole report in reading order; the page is kept in both directions."""
    person, page = open_pdf(sit, console)
    person.press("PgDown")
    person.press("T")
    person.until(lambda: "Revision" in page.text.toPlainText())
    lines = read_out(person).splitlines()
    assert lines[0] == "Page 1 of 2"
    order = [lines.index(line) for line in ("CREDIT CHECK (invented sample)", "Page 2 of 2")]
    assert order == sorted(order)
    assert any(line.startswith("Item 24 of report") for line in lines[order[1] :])
    assert page.text.hasFocus()
    assert page.text.page_at_cursor() == 1
    assert heard[-1].sentence.startswith("The text of the document.")
    person.press("PgUp")
    assert page.text.page_at_cursor() == 0
    person.control("Pages", role=QAccessible.Role.Button).press()
    person.until(lambda: page.canvas.hasFocus())
    assert page.page_index == 0


def test_the_search_finds_in_the_text(sit: Sit, console: Console, heard: list[Heard]) -> None:
    """Enter again is the next match, and its line is heard."""
    person, page = open_pdf(sit, console)
    person.press("T")
    person.until(lambda: "Revision" in page.text.toPlainText())
    person.press("Ctrl+F")
    person.type_in("ITEM 0")
    person.press("Return")
    assert page.text.textCursor().selectedText() == "Item 0"
    assert heard[-1].sentence.startswith("1 of 9. Item 01 of report")
    person.press("Return")
    assert heard[-1].sentence.startswith("2 of 9. Item 02 of report")
    assert page.page_index == 1
    person.type_in("xyz")
    person.press("Return")
    assert heard[-1].sentence == "No matches."


def test_a_pdf_of_images_says_that_it_has_no_text(sit: Sit, console: Console, heard: list[Heard]) -> None:
    person, page = open_pdf(sit, console)
    page.switch_view()
    person.until(lambda: "Revision" in page.text.toPlainText())
    page._show_text(["", " \r\n"])
    assert page.text.toPlainText().startswith("This PDF has no text")
    assert heard[-1].is_urgent
    assert heard[-1].sentence == page.text.toPlainText()
