"""Tests of the list of found records: a change in the database moves no row of it and opens no page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from console.domain.error_reasons import NumberReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.lookup.search_query import parse_search
from console.domain.lookup.search_result import FoundRecords, SearchResult
from console.domain.payments.records import Payment
from console.domain.payments.states import PaymentState
from console.views.lookup.found_records import FoundRecordsPanel
from console.views.lookup.page import LookupPage
from console.views.registry.company_list import FoundCompany
from console.views.runtime.routes import LookupRoute
from console.views.widgets.display.placeholders import EmptyState
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import make_payment


class LookupServices:
    """Services whose search finds these payments. No text is a corporation number."""

    training = None

    def __init__(self, *payments: Payment) -> None:
        self.payments = payments
        self.searches = 0

    @property
    def lookup(self) -> "LookupServices":
        return self

    @contextmanager
    def acting_as(self, operator: str | None) -> Iterator[None]:
        yield

    def find_records(self, text: str) -> object:
        raise ConsoleError(ErrorCode.INVALID_CORPORATION_NUMBER, {"reason": NumberReason.OTHER_CHARACTER})

    def search(self, text: str, limit: int) -> SearchResult:
        self.searches += 1
        return SearchResult(parse_search(text, NOW.date()), payments=FoundRecords(self.payments))


PAYMENTS = tuple(
    make_payment(id=id, merchant_payment_id=f"A-{id}", corporation_number=number)
    for id, number in ((5, "2010401907731"), (6, "2010401907731"), (7, "7123456789012"))
)


def show_found_payments(qtbot: QtBot, services: LookupServices) -> LookupPage:
    context = make_window_context()
    context.store_services(services)  # type: ignore[arg-type]  # the search is all that the page needs
    page = LookupPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 720)
    page.show()
    page.show_route(LookupRoute("A-"))
    return page


def test_a_change_keeps_the_current_row_and_the_focus(qtbot: QtBot, appearance: object) -> None:
    """A change of a found record updates its row. The row that the person has selected stays the current one, and the
    focus stays in the input field, in which the person may begin to type.
    """
    services = LookupServices(*PAYMENTS)
    page = show_found_payments(qtbot, services)
    panel = page.result_stack.currentWidget()
    assert isinstance(panel, FoundRecordsPanel)
    assert panel.table.go_to_item(lambda record: record.id == 7)
    page.number_field.edit.setFocus()
    services.payments = (*PAYMENTS[:2], replace(PAYMENTS[2], state=PaymentState.REVERSED))
    page.context.records_changed.emit(frozenset({("payment", 7)}))
    assert page.result_stack.currentWidget() is panel
    assert panel.table.current_item == services.payments[2]
    assert page.focusWidget() is page.number_field.edit


def test_a_search_repeated_by_the_program_opens_no_page(qtbot: QtBot, appearance: object) -> None:
    """A search by the person that finds a single company opens its page. A repetition of the search by the program
    doesn't, because a page must not be replaced while the person looks at it.
    """
    services = LookupServices(*PAYMENTS)
    page = show_found_payments(qtbot, services)
    services.payments = PAYMENTS[:2]
    with qtbot.assertNotEmitted(page.context.route_replacement_requested):
        page.context.records_changed.emit(frozenset({("payment", 7)}))
    assert services.searches == 2


def test_changes_of_records_not_found_repeat_no_search(qtbot: QtBot, appearance: object) -> None:
    """The program repeats a search only after changes of found records and for new records, not for all changes that
    the team makes."""
    services = LookupServices(*PAYMENTS)
    page = show_found_payments(qtbot, services)
    page.context.records_changed.emit(frozenset({("payment", 3), ("bulk-run", 4)}))
    assert services.searches == 1
    page.context.records_changed.emit(frozenset({("payment", 8)}))
    assert services.searches == 2


def test_a_late_answer_opens_no_page_over_another_one(qtbot: QtBot, appearance: object) -> None:
    """The person searches, and opens another page before the answer arrives. The only match doesn't replace that
    page, because the person's next key would then act on the match. The match is opened when the person returns to
    the search.
    """
    services = LookupServices(*PAYMENTS)
    page = show_found_payments(qtbot, services)
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    runner.paused = True
    services.payments = PAYMENTS[:1]
    page.show_route(LookupRoute("A-5"))
    runner.execute_oldest_task()
    page.hide()
    with qtbot.assertNotEmitted(page.context.route_replacement_requested):
        runner.execute_oldest_task()
    runner.paused = False
    with qtbot.waitSignal(page.context.route_replacement_requested):
        page.show()


def test_a_page_that_is_built_again_keeps_the_typed_text(qtbot: QtBot, appearance: object) -> None:
    """The person has typed a text and not looked it up yet. In another language the window builds the page again: the
    text is in its field, and no records of the former text are shown below it."""
    services = LookupServices(*PAYMENTS)
    page = show_found_payments(qtbot, services)
    page.number_field.edit.selectAll()
    page.number_field.edit.insert("ORD-20")
    page._remove_result_on_edit("ORD-20")
    rebuilt_page = show_found_payments(qtbot, services)
    rebuilt_page.restore_screen_state(page.get_screen_state())
    assert rebuilt_page.number_field.text == "ORD-20"
    assert not isinstance(rebuilt_page.result_stack.currentWidget(), FoundRecordsPanel)
    third_page = show_found_payments(qtbot, services)
    third_page.restore_screen_state({"text": "A-"})
    assert isinstance(third_page.result_stack.currentWidget(), FoundRecordsPanel)


def test_both_tables_name_a_company_in_the_same_way(qtbot: QtBot, appearance: object) -> None:
    """A credit check whose provider gave another name than the corporation registry has the name of the list of
    companies above. A record of a company that isn't in that list keeps the name that its provider gave."""
    context = make_window_context()
    checks = tuple(
        make_check(id=id, corporation_number=number, company_name="株式会社見本")
        for id, number in ((1, "2010401907731"), (2, "7123456789012"))
    )
    result = SearchResult(parse_search("みなも堂", NOW.date()), credit_checks=FoundRecords(checks))
    company = FoundCompany("2010401907731", "合同会社みなも堂", True, "", "", "", "", "", "")
    panel = FoundRecordsPanel(context, result, (company,))
    qtbot.addWidget(panel)
    name_column = next(column for column in panel.table.rows.columns if column.key == "company")
    assert [name_column.make_cell(check) for check in checks] == ["合同会社みなも堂", "株式会社見本"]


@pytest.mark.parametrize(
    ("text", "has_hint"), [("みなも堂", True), ("amount:12000", False), ("amount:12000 みなも堂", True)]
)
def test_only_a_search_for_words_advises_to_import_the_registry(
    qtbot: QtBot, appearance: object, text: str, has_hint: bool
) -> None:
    """If nothing is found on a desk without a corporation registry, the message names the results that a search with
    a registry would add. If the text has only conditions, the search doesn't ask the registry: then the message
    doesn't mention it, whether or not this desk has one.
    """
    page = show_found_payments(qtbot, LookupServices())
    page.show_route(LookupRoute(text))
    message = page.result_stack.currentWidget()
    assert isinstance(message, EmptyState)
    assert (page.context.translate("lookup.no_registry") in message.accessibleName()) == has_hint


def test_a_late_failure_of_another_search_is_not_shown(
    qtbot: QtBot, appearance: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search fails after the person has looked up another text. The page doesn't call the results of that text
    outdated.
    """
    services = LookupServices(*PAYMENTS)
    page = show_found_payments(qtbot, services)

    def fail(_text: str, _limit: int) -> SearchResult:
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    monkeypatch.setattr(services, "search", fail)
    page.context.runner = runner = InlineRunner(paused=True)
    page._looked_up_text = "B-"
    page._search_text("B-")
    page._looked_up_text = "A-"
    runner.execute_oldest_task()
    assert "failed" not in page.list_bar_names()
    page._search_text("A-")
    runner.execute_oldest_task()
    assert "failed" in page.list_bar_names()


def test_no_text_says_that_a_failed_search_shows_earlier_records(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page removes the found records at the beginning of the next search. If this search fails, no text says that
    the page still shows them."""
    services = LookupServices(*PAYMENTS)
    page = show_found_payments(qtbot, services)

    def fail_to_search(_text: str, _limit: int) -> SearchResult:
        raise ConsoleError(ErrorCode.DATABASE_LOCKED)

    monkeypatch.setattr(services, "search", fail_to_search)
    page.show_route(LookupRoute("other"))
    bar = page._bar_by_name["failed"]
    assert page.context.translate("screen.not_read_again") not in bar.sentence
    assert page.context.translate("screen.not_read") in bar.sentence
    assert page.find_outdated_reason() == ""
