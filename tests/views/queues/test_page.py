"""Tests of the page of queues: a read that follows the person's action makes no other row the current one."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.evidence.timeline import EMPTY_TIMELINE_PAGE, TimelinePage
from console.domain.explained_state import Explanation, NextStep
from console.domain.payments.consistency import compare_order_sides
from console.domain.payments.service_results import OrderDetails, SideComparison
from console.domain.queues.saved_views import SavedView, ViewContent
from console.domain.records import Certainty, Work, WorkState
from console.domain.views.any_record import QueueItem
from console.views.queues.actions import list_impossible_key_hints
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import PaymentRoute, QueuesRoute
from console.views.runtime.tasks import Failure
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, QueueServices, make_check, make_queue_item, make_window_context
from tests.views.invented_payments import ORDER, make_payment, make_refund

REVIEW_WORK = Work(WorkState.NEEDS_REVIEW)
CHECKS_TO_REVIEW = [make_check(id, work=REVIEW_WORK, company_name=f"Sakura {id}") for id in (1, 2, 3)]


class ServicesWithOneQueue(QueueServices):
    """Services that have one queue. A test can add records to the queue and remove them."""

    training = None
    are_views_of_team = False

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    @property
    def saved_views(self) -> "ServicesWithOneQueue":
        return self

    def read_view_by_id(self, id: int) -> SavedView:
        content = ViewContent("unknown", words="sakura")
        return SavedView(id, "Mine", self.are_views_of_team, "op-a", content, "op-a", NOW)

    @property
    def credit_checks(self) -> "ServicesWithOneQueue":
        return self

    def read_last_call(self, _id: int) -> None:
        """Return None: no call to AlarmBox was made."""

    def read_last_events(self, _kind: str, _id: int, _limit: int) -> TimelinePage:
        return EMPTY_TIMELINE_PAGE

    def add_record(self, id: int) -> None:
        self._items.append(make_queue_item(make_check(id, work=REVIEW_WORK)))

    def remove_record(self, id: int) -> None:
        self._items = [item for item in self._items if item.record.id != id]


def execute_tasks(runner: InlineRunner) -> None:
    while runner.waiting_task_count:
        runner.execute_oldest_task()


def show_page(qtbot: QtBot, services: ServicesWithOneQueue, words: str = "") -> QueuesPage:
    """Return the shown page of the queue "review", with `words` in its filter."""
    context = make_window_context()
    context.store_services(services)  # type: ignore[arg-type]  # a queue is all that the page needs
    page = QueuesPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 720)
    page.show()
    page.filter.show_filter(words, "")
    page.show_route(QueuesRoute("review"))
    return page


@pytest.mark.parametrize("reason", ["probed", "taken", "noted"])
@pytest.mark.parametrize("words", ["", "sakura"])
def test_an_action_makes_no_other_row_current(qtbot: QtBot, reason: str, words: str) -> None:
    """The record of the current row leaves the queue while the person's action on it is being executed. After the
    answer the row stays the current one, with the mark of removed rows, also in a list that is searched by words: a
    key that the person presses at this moment acts on no other record.
    """
    services = ServicesWithOneQueue(CHECKS_TO_REVIEW)
    page = show_page(qtbot, services, words)
    page.go_to_record(("credit-check", 2))
    assert [row.item.record.id for row in page.row_model.iterate_loaded_rows()] == [1, 2, 3]
    services.remove_record(2)
    page.refresh(reason)
    assert page.current_row is not None
    assert page.current_row.record.id == 2
    assert page.row_model.removed_keys == {("credit-check", 2)}


def test_a_new_record_that_leaves_again_is_not_counted(qtbot: QtBot) -> None:
    services = ServicesWithOneQueue(CHECKS_TO_REVIEW)
    page = show_page(qtbot, services)
    services.add_record(4)
    page.refresh("changed")
    assert page.new_arrivals.button.isVisible()
    services.remove_record(4)
    page.refresh("changed")
    assert page.new_arrivals.button.isHidden()


@pytest.mark.parametrize("is_team", [False, True])
def test_another_person_sees_no_name_of_a_private_view(qtbot: QtBot, *, is_team: bool) -> None:
    """Another person becomes the acting person while the page shows a saved view. The page keeps the name of a view
    of the team, but not that of a private view."""
    services = ServicesWithOneQueue(CHECKS_TO_REVIEW)
    services.are_views_of_team = is_team
    page = show_page(qtbot, services)
    page.show_route(QueuesRoute(view_id=7))
    assert "Mine" in page.head.sentence_label.plain
    page.context.change_operator("lead-b")
    assert ("Mine" in page.head.sentence_label.plain) is is_team
    assert (page.shown_saved_view.view is not None) is is_team


def test_a_view_read_for_another_person_does_not_open(qtbot: QtBot) -> None:
    """If the person changes while a saved view is being read, the view isn't shown."""
    page = show_page(qtbot, ServicesWithOneQueue(CHECKS_TO_REVIEW))
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    runner.paused = True
    page.show_route(QueuesRoute(view_id=7))
    page.context.change_operator("lead-b")
    execute_tasks(runner)
    assert (page.queue, page.shown_saved_view.view) == ("review", None)


def test_a_late_view_replaces_no_queue_that_was_chosen_after_it(qtbot: QtBot) -> None:
    """The person opens a saved view and then, before its answer, the tab of a queue. The records of the queue stay,
    so that the next key acts on the row that the person sees."""
    page = show_page(qtbot, ServicesWithOneQueue(CHECKS_TO_REVIEW))
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    runner.paused = True
    page.show_route(QueuesRoute(view_id=7))
    page.tabs.queue_chosen.emit("pending")
    execute_tasks(runner)
    assert (page.queue, page.filter.text, page.shown_saved_view.view) == ("pending", "", None)
    page.show_route(QueuesRoute(view_id=7))
    execute_tasks(runner)
    assert (page.queue, page.filter.text) == ("unknown", "sakura")


def test_the_preview_of_an_order_opens_the_payment_of_its_next_step(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preview of an order offers the payment that its next step names, and O opens it, as on the order's page.
    On another record the key says that it isn't an order."""
    check, order = CHECKS_TO_REVIEW[0], replace(ORDER, payment_ids=(4, 5))
    explanation = Explanation("verdict.order_paid", "why.order_stuck", NextStep("next.order_open_payment"))
    details = OrderDetails(order, explanation, (), (), (), explained_payment=make_payment(id=4))
    services = ServicesWithOneQueue([check])
    services._items.insert(0, QueueItem(order, explanation, NOW))
    comparison = SideComparison(compare_order_sides(order, None, None, NOW), "", None)
    services.payments = SimpleNamespace(  # type: ignore[attr-defined]
        read_order=lambda _id: details, read_order_sides=lambda _id: comparison
    )
    page = show_page(qtbot, services)
    routes: list[object] = []
    page.context.navigation_requested.connect(routes.append)
    page.resize(1800, 900)
    page.table.go_to_row(0)
    qtbot.waitUntil(lambda: bool(page.preview._action_buttons))
    button = next(one for one in page.preview._action_buttons if one.key == "O")
    button.click()
    assert [(type(route), route.id) for route in routes] == [(PaymentRoute, 4)]  # type: ignore[attr-defined]
    page.table.go_to_row(1)
    refusals: list[str] = []
    monkeypatch.setattr(page, "show_key_refusal", refusals.append)
    page.queue_actions.open_payment_of_current_record()
    assert (len(routes), refusals) == (1, [page.context.translate("act.no_order")])


def test_the_payment_of_a_refund_opens(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a refund, O and the link in the preview open the payment of the refund."""
    page = show_page(qtbot, ServicesWithOneQueue(CHECKS_TO_REVIEW))
    monkeypatch.setattr(page.queue_actions, "_find_current_record", lambda: make_refund(payment_id=5))
    routes: list[object] = []
    page.context.navigation_requested.connect(routes.append)
    page.queue_actions.open_payment_of_current_record()
    assert [(type(route), route.id) for route in routes] == [(PaymentRoute, 5)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("records", "offered"),
    [
        ([make_check(1)], "P"),
        ([make_check(1), make_check(2, pdf_file_path=None, incomplete=("pdf",))], "PF"),
        ([make_check(1, certainty=Certainty.UNKNOWN)], "PE"),
        ([make_payment()], "PE"),
        ([ORDER], "PO"),
        ([replace(ORDER, payment_ids=())], ""),
        ([ORDER, make_payment()], "PEO"),
        ([make_refund()], "EO"),
    ],
)
def test_the_line_of_keys_offers_only_actions_of_listed_records(records: list[Any], offered: str) -> None:
    """The line of shortcuts names an action only if a record of the list has it: re-fetching if a credit check lacks
    a part, a decision if an outcome may be decided, and opening the payment if there is an order or a refund."""
    hidden = {"key.probe": "P", "key.refetch": "F", "key.resolve": "E", "action.open_payment": "O"}
    assert {key for hint, key in hidden.items() if hint not in list_impossible_key_hints(records)} == set(offered)


def test_a_queue_of_complete_checks_offers_no_key_for_a_refetch(qtbot: QtBot) -> None:
    page = show_page(qtbot, ServicesWithOneQueue(CHECKS_TO_REVIEW))
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    execute_tasks(runner)
    hinted = {key for keys, _text in page.hint_bar.key_hints for key in keys}
    assert hinted & {"P", "F", "E", "O"} == {"P"}


def test_an_empty_list_offers_no_keys_for_rows(qtbot: QtBot) -> None:
    """The line of shortcuts of an empty list names no key that needs a row: neither the actions on a record nor the
    keys that select rows. In a list with rows it names them.
    """
    keys_for_rows = {"Enter", "Space", "P", "T", "Ctrl+A", "Ctrl+D"}
    for records, offered in ((CHECKS_TO_REVIEW, keys_for_rows), (CHECKS_TO_REVIEW[:0], set[str]())):
        page = show_page(qtbot, ServicesWithOneQueue(records))
        runner = page.context.runner
        assert isinstance(runner, InlineRunner)
        execute_tasks(runner)
        hinted = {key for keys, _text in page.hint_bar.key_hints for key in keys}
        assert hinted & keys_for_rows == offered
        assert "Ctrl+F" in hinted


def test_late_causes_of_another_queue_are_not_offered(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The causes of a queue's records arrive, or can't be read, after the person has opened another queue. The filter
    of that queue doesn't offer them, and the page shows no failure.
    """
    page = show_page(qtbot, services := ServicesWithOneQueue(CHECKS_TO_REVIEW))
    offered: list[object] = []
    monkeypatch.setattr(page.filter, "offer_causes", offered.append)
    outcomes: list[object] = [SimpleNamespace(groups=("cause",)), ConsoleError(ErrorCode.DATABASE_UNREACHABLE)]

    def read_cause_groups(_queue: str) -> object:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ConsoleError):
            raise outcome
        return outcome

    services.read_cause_groups = read_cause_groups  # type: ignore[attr-defined]  # only this test reads causes
    page.context.runner = runner = InlineRunner(paused=True)
    for _ in range(2):
        page.queue = "review"
        page._read_cause_groups()
        page.queue = "unknown"
        execute_tasks(runner)
    assert (offered, "failed" in page.list_bar_names()) == ([], False)


def test_a_queue_is_not_called_outdated_because_of_another_one(qtbot: QtBot) -> None:
    """A list could not be read, but the person has opened another queue meanwhile: its rows aren't outdated. A queue
    whose first read fails isn't said to show the rows of the queue before."""
    page = show_page(qtbot, ServicesWithOneQueue(CHECKS_TO_REVIEW))
    failure, other_model = Failure(ErrorCode.DATABASE_UNREACHABLE), page.row_model
    page._choose_queue("unknown")
    assert page.row_model is not other_model
    other_model.failed.emit(failure)
    assert "failed" not in page.list_bar_names()
    page.row_model.failed.emit(failure)
    assert page.find_outdated_reason()
    assert isinstance(page.context.runner, InlineRunner)
    page.context.runner.paused = True
    page._choose_queue("review")
    page.row_model.failed.emit(failure)
    assert "failed" in page.list_bar_names()
    assert (page.find_outdated_reason(), page.head.read_time_label.plain) == ("", "")


@pytest.mark.parametrize(("width", "is_offered"), [(1280, False), (1440, True)])
def test_the_key_of_the_preview_is_offered_only_with_room_for_it(
    qtbot: QtBot, *, width: int, is_offered: bool
) -> None:
    """In a window without room for the preview, the line of shortcuts doesn't name its key; a wider one names it."""
    page = show_page(qtbot, ServicesWithOneQueue(CHECKS_TO_REVIEW))
    execute_tasks(page.context.runner)  # type: ignore[arg-type]  # the runner of a test
    page.resize(width, 800)
    qtbot.waitUntil(lambda: page.width() == width)
    hinted = {key for keys, _text in page.hint_bar.key_hints for key in keys}
    assert ("I" in hinted) is is_offered
    page.resize(1500 if not is_offered else 1200, 800)
    assert ("I" in {key for keys, _text in page.hint_bar.key_hints for key in keys}) is not is_offered


def test_a_queue_that_could_not_be_read_offers_no_keys_for_rows(qtbot: QtBot) -> None:
    """After a failed first read the list has no row, so the line of shortcuts names no key that needs a row."""
    services = ServicesWithOneQueue(CHECKS_TO_REVIEW)

    def refuse(*_given: object, **_options: object) -> object:
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    services.read_queue = refuse  # type: ignore[assignment, method-assign]
    page = show_page(qtbot, services)
    execute_tasks(page.context.runner)  # type: ignore[arg-type]  # the runner of a test
    assert page.list_bar_names() == ("failed",)
    hinted = {key for keys, _text in page.hint_bar.key_hints for key in keys}
    assert not hinted & {"Enter", "Space", "P", "T"}
    assert "Ctrl+F" in hinted
    assert page.table_stack.currentWidget() is page.unread_area, "no titles and blank rows beside the message"
    del services.read_queue
    page.read_data_again()
    execute_tasks(page.context.runner)  # type: ignore[arg-type]  # the runner of a test
    assert page.table_stack.currentWidget() is page.table
    assert page.row_model.row_count == len(CHECKS_TO_REVIEW)
