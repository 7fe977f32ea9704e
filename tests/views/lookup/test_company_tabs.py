"""Tests of the tabs of a company, which are read when they are opened, of the company's totals, and of the summary
that can be copied into a ticket.
"""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.evidence.timeline import TimelineEvent, TimelineEventKind
from console.domain.lookup.lookup_result import LookupResult
from console.domain.records import Document
from console.domain.tasks.records import Note
from console.domain.views.company import CompanyDocument, CompanyEvent, CompanyTotals
from console.views.lookup.company_page import CompanyPanel
from console.views.lookup.company_tabs import CompanyTab
from console.views.pages.base import Page
from console.views.records.actions import RecordActionHandlers
from console.views.widgets.base import TextLabel
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import make_payment

CHECK = make_check(incomplete=("pdf",), pdf_file_path=None)
CHECK_REF = ("credit-check", CHECK.id)
TOTALS = (CompanyTotals("JPY", 248_500, 41_000, 0, 500), CompanyTotals("INR", 12_345))


def make_event(
    source: str, person: str, what: str, step: TimelineEventKind = TimelineEventKind.CHANGE
) -> TimelineEvent:
    facts = {"from": person, "told": what}
    return TimelineEvent(NOW, step, person, what, CHECK_REF[0], str(CHECK_REF[1]), source, "1", facts=facts)


ROWS_BY_TAB: dict[str, tuple[Any, ...]] = {
    "documents": (CompanyDocument(CHECK_REF, Document("ab/c.pdf", "ab" * 32, 182_000, NOW, is_current=True)),),
    "notes": (Note(1, *CHECK_REF, "op-c", "the payer is Hanako", NOW),),
    "history": (
        CompanyEvent(CHECK_REF, make_event("audit_log", "op-a", "credit-check.purchase")),
        CompanyEvent(CHECK_REF, make_event("payment_events", "paypay", "Transaction", step=TimelineEventKind.NOTICE)),
    ),
}


class LookupService:
    """A replacement of the service `lookup` that records its reads, and fails them if `fails` is True."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.fails = False

    def __getattr__(self, name: str) -> Any:
        def record_and_read(refs: tuple[tuple[str, int], ...]) -> tuple[Any, ...]:
            assert refs == (CHECK_REF,)
            self.reads.append(name)
            if self.fails:
                raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE, {})
            return ROWS_BY_TAB[name.removeprefix("read_")]

        return record_and_read


def make_company_panel(qtbot: QtBot, lookup: LookupService, language: Literal["ja", "en"] = "en") -> CompanyPanel:
    context = make_window_context()
    context.language = language
    context.store_services(SimpleNamespace(lookup=lookup, acting_as=nullcontext))  # type: ignore[arg-type]  # enough
    view = CompanyPanel(context, RecordActionHandlers(context, Page(context)))
    qtbot.addWidget(view)
    view.resize(1080, 700)
    view.show()
    view.show_result(LookupResult(CHECK.corporation_number, (CHECK,), totals=TOTALS))
    return view


def test_a_late_failure_of_another_company_greys_no_tab(qtbot: QtBot, appearance: object) -> None:
    """The read of a company's tab fails after another company is shown. The tab of the other company stays enabled
    and shows nothing of this failure.
    """
    lookup, runner = LookupService(), InlineRunner(paused=True)
    view = make_company_panel(qtbot, lookup)
    view._context.runner = runner
    other = replace(CHECK, id=CHECK.id + 1, corporation_number="4000012090001")
    tab = CompanyTab(view._context, "notes", str)
    qtbot.addWidget(tab)
    tab.show()
    lookup.fails = True
    tab.mark_outdated((CHECK_REF,), is_other_company=True)
    tab.mark_outdated((("credit-check", other.id),), is_other_company=True)
    runner.execute_oldest_task()
    assert (lookup.reads, tab.failure_label.isVisible(), tab.table.isEnabled()) == (["read_notes"], False, True)


def test_tabs_of_a_company_are_read_when_opened(qtbot: QtBot, appearance: object) -> None:
    """A tab is read when it is opened, and again after the company has changed. Enter opens the record of the current
    row.
    """
    lookup = LookupService()
    view = make_company_panel(qtbot, lookup)
    assert lookup.reads == []
    opened: list[object] = []
    view.record_requested.connect(opened.append)
    for tab in view.company_tabs:
        view.tabs.setCurrentIndex(tab.tab_index)
        assert lookup.reads[-1] == f"read_{tab.name}"
        assert tab.table.all_rows == ROWS_BY_TAB[tab.name]
        cells = [column.format_text(row) for row in tab.table.all_rows for column in tab.table.rows.columns]
        assert all(cell and "company_page." not in cell for cell in cells), cells
        tab.table.opened.emit(tab.table.all_rows[0])
    assert opened == [CHECK] * 3
    view.tabs.setCurrentIndex(view.company_tabs[0].tab_index)
    assert len(lookup.reads) == 3
    view.show_result(LookupResult(CHECK.corporation_number, (CHECK,), totals=TOTALS), is_automatic=True)
    assert lookup.reads[3:] == ["read_documents"], "only the visible one is read again at once"


def test_rows_name_a_payment_by_its_number(qtbot: QtBot, appearance: object) -> None:
    """The notes of a company name the record of a note by its kind and the number that people know, not by its id in
    the database."""
    payment = make_payment()
    note = Note(1, "payment", payment.id, "op-c", "the payer has called", NOW)
    lookup = SimpleNamespace(read_notes=lambda _refs: (note,))
    view = make_company_panel(qtbot, lookup)  # type: ignore[arg-type]  # enough
    result = LookupResult(CHECK.corporation_number, (CHECK,), payments=(payment,), totals=TOTALS)
    view.show_result(result)
    notes_tab = next(tab for tab in view.company_tabs if tab.name == "notes")
    view.tabs.setCurrentIndex(notes_tab.tab_index)
    (column,) = (column for column in notes_tab.table.rows.columns if column.key == "record")
    assert column.format_text(note) == f"Payment {payment.merchant_payment_id}"


def test_a_tab_without_rows_has_the_count_zero(
    qtbot: QtBot, appearance: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The title of a tab has the number of its rows as soon as they are read, also if there are none. Before, it has
    no number."""
    monkeypatch.setitem(ROWS_BY_TAB, "notes", ())
    view = make_company_panel(qtbot, LookupService())
    notes_tab = next(tab for tab in view.company_tabs if tab.name == "notes")
    assert view.tabs.tabText(notes_tab.tab_index) == "Notes"
    view.tabs.setCurrentIndex(notes_tab.tab_index)
    assert view.tabs.tabText(notes_tab.tab_index) == "Notes 0"


def test_a_hidden_tab_of_a_changed_company_has_no_count(qtbot: QtBot, appearance: object) -> None:
    """After a record of the company has changed, the title of a tab that isn't visible has no number, because nobody
    has counted its rows since. The visible tab is read again and has its number."""
    view = make_company_panel(qtbot, LookupService())
    documents_tab, notes_tab = view.company_tabs[:2]
    for tab in (notes_tab, documents_tab):
        view.tabs.setCurrentIndex(tab.tab_index)
    assert view.tabs.tabText(notes_tab.tab_index) == "Notes 1"
    view.show_result(LookupResult(CHECK.corporation_number, (CHECK,), totals=TOTALS), is_automatic=True)
    titles = [view.tabs.tabText(tab.tab_index) for tab in (documents_tab, notes_tab)]
    assert titles == ["Documents 1", "Notes"]


def test_the_count_of_a_cut_list_says_that_there_may_be_more(
    qtbot: QtBot, appearance: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a tab has as many notes of one kind of record as the service returns at most, the number in its title is
    followed by a plus."""
    notes = tuple(Note(number, *CHECK_REF, "op-c", "the payer is Hanako", NOW) for number in range(500))
    monkeypatch.setitem(ROWS_BY_TAB, "notes", notes)
    view = make_company_panel(qtbot, LookupService())
    notes_tab = view.company_tabs[1]
    view.tabs.setCurrentIndex(notes_tab.tab_index)
    assert view.tabs.tabText(notes_tab.tab_index) == "Notes 500+"


def test_the_count_of_a_whole_list_of_two_kinds_has_no_plus(
    qtbot: QtBot, appearance: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service limits the notes of each kind of record. If no kind has so many, the tab has all notes, and the
    number in its title isn't followed by a plus."""
    notes = tuple(Note(number, ("payment", "refund")[number % 2], 1, "op-c", "call", NOW) for number in range(600))
    monkeypatch.setitem(ROWS_BY_TAB, "notes", notes)
    view = make_company_panel(qtbot, LookupService())
    notes_tab = view.company_tabs[1]
    view.tabs.setCurrentIndex(notes_tab.tab_index)
    assert view.tabs.tabText(notes_tab.tab_index) == "Notes 600"


def test_a_tab_with_a_failed_read_keeps_its_rows(qtbot: QtBot, appearance: object) -> None:
    """If reading a tab fails, the tab still shows its rows, disabled and with the time at which they were read. The
    other tabs don't change.
    """
    lookup = LookupService()
    view = make_company_panel(qtbot, lookup)
    tab = view.company_tabs[1]
    view.tabs.setCurrentIndex(tab.tab_index)
    lookup.fails = True
    view.show_result(LookupResult(CHECK.corporation_number, (CHECK,), totals=TOTALS))
    view.tabs.setCurrentIndex(tab.tab_index)
    assert tab.table.all_rows
    assert not tab.table.isEnabled()
    assert "15:04:05" in tab.failure_label.plain
    assert view.table.isEnabled()
    lookup.fails = False
    view.show_result(LookupResult(CHECK.corporation_number, (CHECK,), totals=TOTALS))
    view.tabs.setCurrentIndex(tab.tab_index)
    assert tab.table.isEnabled()
    assert not tab.failure_label.isVisibleTo(view)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_totals_of_a_company_have_a_line_per_currency(
    qtbot: QtBot, appearance: object, language: Literal["ja", "en"]
) -> None:
    """The totals of a company have a line for each currency. The copied summary has the figures and open records, and
    leaves out names of people and notes.
    """
    view = make_company_panel(qtbot, LookupService(), language)
    shown = [label.plain for label in view.totals_panel.findChildren(TextLabel)]
    assert {"¥248,500", "−¥41,000", "−¥500", "₹123.45"} <= set(shown)
    view.tabs.setCurrentIndex(view.company_tabs[1].tab_index)
    view.copy_summary()
    text = QGuiApplication.clipboard().text()
    for fact in ("2 0104 0190 7731", "¥248,500", "₹123.45", "2026-11-20 15:04:05 JST", str(CHECK.id)):
        assert fact in text, (fact, text)
    for secret in ("Hanako", "op-a", "op-c", "company_page."):
        assert secret not in text


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("ja", "未解決: 与信チェック 17、情報不足、確認済、対応可能"),
        ("en", "Open: Credit check 17: Incomplete, Confirmed, Action possible"),
    ],
)
def test_the_summary_has_the_words_of_the_screen(
    qtbot: QtBot, appearance: object, language: Literal["ja", "en"], line: str
) -> None:
    """The summary describes the state, certainty and work of an open record with the words of the record's badges."""
    view = make_company_panel(qtbot, LookupService(), language)
    view.copy_summary()
    assert line in QGuiApplication.clipboard().text().split("\n")


def test_a_long_name_of_a_company_wraps(qtbot: QtBot, appearance: object) -> None:
    """A company name of 150 characters wraps, so that the page fits into a small window."""
    view = make_company_panel(qtbot, LookupService())
    named = replace(CHECK, company_name=("株式会社" + "国際総合情報技術研究開発機構" * 11)[:150])
    view.show_result(LookupResult(CHECK.corporation_number, (named,), totals=TOTALS))
    assert view.name_label.plain == named.company_name
    QApplication.processEvents()  # the layouts are told of the new size
    assert view.minimumSizeHint().width() <= 1080


def test_the_totals_of_two_currencies_stand_below_each_other(appearance: object, qtbot: QtBot) -> None:
    """The sums of each column are aligned below each other, even if an amount in one currency is much longer than in
    the other.
    """
    context = make_window_context()
    page = CompanyPanel(context, RecordActionHandlers(context, Page(context)))
    qtbot.addWidget(page)
    totals = (CompanyTotals("JPY", 5_000), CompanyTotals("INR", 99_999_999_999_99, 1))
    page.show_result(LookupResult(CHECK.corporation_number, (CHECK,), totals=totals))
    page.resize(1_300, 800)
    page.show()
    titles = ("JPY", "INR", *(context.translate(f"company_page.{key}") for key in ("paid", "refunded", "unknown")))
    x_by_title: dict[str, list[int]] = {title: [] for title in titles}
    for label in page.totals_panel.findChildren(TextLabel):
        if label.plain in x_by_title:
            x_by_title[label.plain].append(label.mapTo(page, label.rect().topLeft()).x())
    assert [len(places) for places in x_by_title.values()] == [1, 1, 2, 2, 2]
    assert all(len(set(places)) == 1 for places in x_by_title.values()), x_by_title


def test_the_open_issues_stand_in_columns(appearance: object, qtbot: QtBot) -> None:
    """The next steps of all open issues begin at the same horizontal position, whatever the length of the texts
    before them is.
    """
    context = make_window_context()
    page = CompanyPanel(context, RecordActionHandlers(context, Page(context)))
    qtbot.addWidget(page)
    checks = (CHECK, replace(CHECK, id=1_234_567_890))
    page.show_result(LookupResult(CHECK.corporation_number, checks))
    page.resize(1_300, 800)
    page.show()
    steps = page.open_items.findChildren(TextLabel, "step")
    assert len(steps) == 2
    assert len({step.mapTo(page, step.rect().topLeft()).x() for step in steps}) == 1


def test_a_long_reason_leaves_room_for_the_company_name(appearance: object, qtbot: QtBot) -> None:
    """The reason why nothing can be bought is shown below the buttons, and the name and the buttons stay at their
    positions.
    """
    context = make_window_context()
    page = CompanyPanel(context, RecordActionHandlers(context, Page(context)))
    qtbot.addWidget(page)
    page.show_result(LookupResult(CHECK.corporation_number, (CHECK,)))
    page.resize(1_040, 800)
    page.show()
    shown = page.name_label, page.number_label, page.copy_button, page.buy_button
    before = [widget.mapTo(page, widget.rect().topLeft()) for widget in shown]
    page.buy_button.block("Read-only since 14:56:41, set by lead-b: " + "the provider has an outage, " * 6)
    page.grab()  # this lays out the page
    assert any(label.plain.startswith("Read-only") and label.isVisible() for label in page.findChildren(TextLabel))
    assert [widget.mapTo(page, widget.rect().topLeft()) for widget in shown] == before


def test_the_documents_fit_into_a_narrow_page(qtbot: QtBot, appearance: object) -> None:
    """On a page of half the usual width, as at 200 % text size, the list of documents has no horizontal scroll bar.
    The tooltip shows the whole checksum."""
    view = make_company_panel(qtbot, LookupService())
    view.resize(640, 700)
    documents = next(tab for tab in view.company_tabs if tab.name == "documents")
    view.tabs.setCurrentIndex(documents.tab_index)
    assert documents.table.all_rows == ROWS_BY_TAB["documents"]
    assert documents.table.horizontalScrollBar().maximum() == 0
    (checksum,) = (column for column in documents.table.rows.columns if column.key == "sha256")
    assert checksum.format_full_text(documents.table.all_rows[0]) == ROWS_BY_TAB["documents"][0].document.sha256
