"""Tests of the page of queues: a read that follows the person's action makes no other row the current one."""

from contextlib import nullcontext
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from console.domain.records import Work, WorkState
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import QueuesRoute
from tests.views.invented_checks import QueueServices, make_check, make_window_context

REVIEWED = Work(WorkState.NEEDS_REVIEW)
CHECKS = [make_check(id, work=REVIEWED, company_name=f"Sakura {id}") for id in (1, 2, 3)]


class ReviewServices(QueueServices):
    """Services that have one queue, whose records may be removed."""

    training = None

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def remove_record(self, id: int) -> None:
        self._items = [item for item in self._items if item.record.id != id]


@pytest.mark.parametrize("reason", ["probed", "taken", "noted"])
@pytest.mark.parametrize("words", ["", "sakura"])
def test_an_action_makes_no_other_row_current(qtbot: QtBot, reason: str, words: str) -> None:
    """The record of the current row leaves the queue while the person's action on it is being executed. After the
    answer the row stays the current one, with the mark of removed rows, also in a list that is searched by words: a
    key that the person presses at this moment acts on no other record.
    """
    context, services = make_window_context(), ReviewServices(CHECKS)
    context.store_services(services)  # type: ignore[arg-type]  # a queue is all that the page needs
    page = QueuesPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 720)
    page.show()
    page.filter.show_filter(words, "")
    page.show_route(QueuesRoute("review"))
    page.go_to_record(("credit-check", 2))
    assert [row.item.record.id for row in page.row_model.iterate_loaded_rows()] == [1, 2, 3]
    services.remove_record(2)
    page.refresh(reason)
    assert page.current_row is not None
    assert page.current_row.record.id == 2
    assert page.row_model.removed_keys == {("credit-check", 2)}
