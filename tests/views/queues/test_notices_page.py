"""Tests of the page of unmatched notices: the details and the choices below the list stay while the list is read
again."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Literal

import pytest
from pytestqt.qtbot import QtBot

from console.domain.explained_state import Explanation, NextStep
from console.domain.queue_names import NOTICES_QUEUE_NAME
from console.domain.tasks.records import Alert
from console.domain.views.unmatched_notices import (
    NoticeCandidate,
    NoticeProof,
    SharedFact,
    UnmatchedNotice,
    UnmatchedNoticeItem,
    UnmatchedNoticePage,
)
from console.views.queues.notices_page import UnmatchedNoticesPage
from console.views.runtime.routes import UnmatchedNoticesRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import LinkButton
from console.wording.notices import format_missing_candidates
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import ORDER

EXPLANATION = Explanation("screen.queues", "screen.queues", NextStep("screen.queues"))
NOTICE = UnmatchedNotice(
    3, "bank", "E-3", "payment.succeeded", "ORD-1", 12_000, "JPY", NOW, NOW, NoticeProof.SIGNATURE
)
NOTICE_ITEM = UnmatchedNoticeItem(
    NOTICE, EXPLANATION, (Alert(8, "unmatched_notice", "notice", 3, None, "", "", NOW),)
)


class NoticeServices:
    """Services that have one unmatched notice with one similar order."""

    training = None

    @property
    def notices(self) -> "NoticeServices":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def read_page(self, limit: int, *, with_candidates: bool) -> UnmatchedNoticePage:
        return UnmatchedNoticePage(NOTICES_QUEUE_NAME, (NOTICE_ITEM,), None)

    def read_item(self, case_id: int) -> UnmatchedNoticeItem:
        candidate = NoticeCandidate(ORDER, (SharedFact.AMOUNT,))
        return UnmatchedNoticeItem(NOTICE, EXPLANATION, NOTICE_ITEM.cases, (candidate,))


def show_page(qtbot: QtBot, *, paused: bool = False) -> tuple[UnmatchedNoticesPage, InlineRunner]:
    """Show the page, and return it with its runner. If `paused`, the runner has executed no task yet."""
    context, runner = make_window_context(), InlineRunner(paused=paused)
    context.runner = runner
    context.store_services(NoticeServices())  # type: ignore[arg-type]  # notices are all that the page needs
    page = UnmatchedNoticesPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 720)
    page.show()
    page.show_route(UnmatchedNoticesRoute())
    return page, runner


def test_a_change_leaves_the_links_in_place(qtbot: QtBot) -> None:
    """A change in the database leaves the links to the similar records in place, so that the focus on one of them
    stays; Enter still opens the most similar record while they are read again.
    """
    page, runner = show_page(qtbot)
    (link,) = page.footer.findChildren(LinkButton)
    link.setFocus()
    runner.paused = True
    page.context.records_changed.emit(frozenset({("payment", 5)}))
    runner.execute_oldest_task()
    assert page.candidates
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    assert page.focusWidget() is link


def test_the_page_says_that_no_similar_record_exists_only_after_the_read(qtbot: QtBot) -> None:
    """Enter says that there is no similar record only after the similar records have been read."""
    page, runner = show_page(qtbot, paused=True)
    runner.execute_oldest_task()
    assert page.current_notice == NOTICE_ITEM
    page.table.opened.emit(NOTICE_ITEM)
    texts = [label.plain for label in page.findChildren(TextLabel)]
    assert format_missing_candidates(NOTICE_ITEM.notice, "en") not in texts
    assert page.context.translate("screen.reading") in texts


def test_the_line_of_shortcuts_names_only_keys_with_an_effect(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of shortcuts doesn't name the key of a disabled button, the key that opens a similar record if there
    is none, and the keys of an empty list.
    """
    page, _ = show_page(qtbot)

    def wait_for_keys(expected: set[str]) -> None:
        named_keys = {"↓", "Enter", "A", "Ctrl+C"}
        qtbot.waitUntil(
            lambda: {key for keys, _text in page.hint_bar.key_hints for key in keys} & named_keys == expected
        )

    wait_for_keys({"↓", "Enter", "A", "Ctrl+C"})
    page.acknowledge_button.disable_with_reason("The data is outdated.")
    wait_for_keys({"↓", "Enter", "Ctrl+C"})
    page.acknowledge_button.enable_button()
    monkeypatch.setattr(NoticeServices, "read_item", lambda _self, _case_id: replace(NOTICE_ITEM, candidates=()))
    page.refresh("asked")
    wait_for_keys({"↓", "A", "Ctrl+C"})
    empty_page = UnmatchedNoticePage(NOTICES_QUEUE_NAME, (), None)
    monkeypatch.setattr(NoticeServices, "read_page", lambda _self, _limit, *, with_candidates: empty_page)
    page.refresh("asked")
    wait_for_keys(set())


@pytest.mark.parametrize(
    ("language", "reason"),
    [("en", "This notice has no order number."), ("ja", "この通知には注文番号がありません。")],
)
def test_a_notice_without_an_order_number_is_not_called_unselected(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, language: Literal["en", "ja"], reason: str
) -> None:
    """If the selected notice has no order number, Ctrl+C says so, and the line of shortcuts doesn't name the key. In
    an empty list, Ctrl+C says that nothing is selected.
    """
    numberless = replace(NOTICE_ITEM, notice=replace(NOTICE, order_no=None))
    page_of_one = UnmatchedNoticePage(NOTICES_QUEUE_NAME, (numberless,), None)
    monkeypatch.setattr(NoticeServices, "read_page", lambda _self, _limit, *, with_candidates: page_of_one)
    monkeypatch.setattr(NoticeServices, "read_item", lambda _self, _case_id: numberless)
    page, _ = show_page(qtbot)
    page.context.language = language
    assert page.current_notice == numberless
    page._copy_order_number()
    assert reason in [label.plain for label in page.findChildren(TextLabel)]
    qtbot.waitUntil(lambda: not any("Ctrl+C" in keys for keys, _text in page.hint_bar.key_hints))

    empty_page = UnmatchedNoticePage(NOTICES_QUEUE_NAME, (), None)
    monkeypatch.setattr(NoticeServices, "read_page", lambda _self, _limit, *, with_candidates: empty_page)
    page.refresh("asked")
    page._copy_order_number()
    assert page.context.translate("act.none_selected") in [label.plain for label in page.findChildren(TextLabel)]


def test_the_sentence_without_similar_records_names_the_search() -> None:
    """If no similar record exists, the sentence names the searched records: payments and orders with the number,
    payments of the notice's own provider and unpaid orders with the amount. It claims no search by a missing number
    or amount."""
    notice = replace(NOTICE, source="paypay", order_no="ORD-1", amount_minor=3_300, currency="JPY")
    text = format_missing_candidates(notice, "en")
    assert text.startswith("No payment or order has this number. PayPay has no payment of this amount")
    assert "unpaid order" in text
    text = format_missing_candidates(replace(notice, order_no=None, amount_minor=None), "en")
    assert text == "This notice has no order number. The notice states no amount to compare."
    assert "PayPay の決済" in format_missing_candidates(notice, "ja")
