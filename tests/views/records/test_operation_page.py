"""Tests that the page of one operation never shows facts of another one, or of an earlier state: when another
operation is selected before the first one was read, and when the journal gets the operation.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explained_state import NextStep
from console.domain.explanations.records import explain_record
from console.domain.records import Operation, OperationState
from console.domain.service_results import OperationDetails
from console.views.records.operation_page import OperationPage
from console.views.runtime.routes import OperationRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.badge import Badge
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_check, make_window_context

OPERATION_IN_SPOOL, OPERATION_IN_JOURNAL, UNREADABLE_OPERATION = "01SPOOL", "01JOURNAL", "01UNREADABLE"


class RecoveryOfThreeOperations:
    """Services that only read operations: one that only the spool of the desk has, one of the journal, and one whose
    read fails. `source_by_id` has the source of each readable operation; `action` is the action of both, `state` the
    state of both, `can_resolve` says if a person can still decide about them, and `step_code` is their next step."""

    def __init__(
        self,
        action: str = "credit-check.purchase",
        state: OperationState = OperationState.UNKNOWN,
        *,
        can_resolve: bool = True,
        step_code: str = "next.probe_operation",
    ) -> None:
        self.action, self.state, self.can_resolve = action, state, can_resolve
        self.step_code = step_code
        self.source_by_id = {OPERATION_IN_SPOOL: "desk", OPERATION_IN_JOURNAL: "database"}

    @property
    def recovery(self) -> "RecoveryOfThreeOperations":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def read_record(self, kind: str, id: str) -> OperationDetails:
        if kind != "operation" or id not in self.source_by_id:
            raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)
        started_at = datetime(2026, 9, 14, 15, 4, 5, tzinfo=UTC)
        source = self.source_by_id[id]
        operation = Operation(
            id, self.action, self.action.partition(".")[0], 7, self.state, "op-a", "desk-1",
            started_at, None, source=source,
        )  # fmt: skip
        step = NextStep("next.nothing" if operation.is_lost_without_effect else self.step_code)
        explanation = replace(explain_record(make_check(), started_at), next_step=step)
        return OperationDetails(operation, explanation, (), (), can_resolve=self.can_resolve)


@pytest.fixture
def page(appearance: object) -> Iterator[OperationPage]:
    page = OperationPage(make_window_context())
    page.context.store_services(RecoveryOfThreeOperations())  # type: ignore[arg-type]  # recovery alone
    page.context.runner = InlineRunner()
    page.show()
    yield page
    page.hide()


def test_only_an_operation_in_the_spool_blocks_its_record(page: OperationPage) -> None:
    """The page says that an operation blocks its record while only the spool has the operation. It says so neither
    after the journal has got the operation, nor about the next operation, even while that one is still being read.
    """
    page.show_route(OperationRoute(OPERATION_IN_SPOOL))
    assert "blocked" in page.list_bar_names()
    page.context.runner = runner = InlineRunner(paused=True)
    page.show_route(OperationRoute(OPERATION_IN_JOURNAL))
    assert "blocked" not in page.list_bar_names()
    runner.execute_oldest_task()
    assert page.details is not None
    assert (page.details.record.id, "blocked" in page.list_bar_names()) == (OPERATION_IN_JOURNAL, False)

    page.context.runner = InlineRunner()
    page.show_route(OperationRoute(OPERATION_IN_SPOOL))
    assert "blocked" in page.list_bar_names()
    page.context.store_services(recovery := RecoveryOfThreeOperations())  # type: ignore[arg-type]  # recovery alone
    recovery.source_by_id[OPERATION_IN_SPOOL] = "database"
    page.refresh("changed")
    assert "blocked" not in page.list_bar_names()


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("credit-check.purchase", "No check of this corporation can be bought until the outcome is known."),
        ("payment.start", "Don't ask the customer to pay again."),
        ("refund.submit", "No other refund of this payment can be requested until the outcome is known."),
    ],
)
def test_the_bar_names_the_actions_that_a_lost_operation_blocks(
    page: OperationPage, action: str, sentence: str
) -> None:
    """The bar about a lost refund or payment doesn't say that a corporation can't be bought."""
    page.context.language = "en"
    page.context.store_services(RecoveryOfThreeOperations(action))  # type: ignore[arg-type]  # recovery alone
    page.show_route(OperationRoute(OPERATION_IN_SPOOL))
    assert sum(bar.sentence.endswith(sentence) for bar in page.findChildren(NotificationBar)) == 1


def test_an_acknowledged_lost_refund_is_not_shown_as_blocking_others(page: OperationPage) -> None:
    """The page doesn't say that a lost refund blocks other refunds if there is nothing to do about it, because a
    person has acknowledged that the gateway has made it."""
    services = RecoveryOfThreeOperations("refund.submit", step_code="next.nothing")
    page.context.store_services(services)  # type: ignore[arg-type]  # recovery alone
    page.show_route(OperationRoute(OPERATION_IN_SPOOL))
    assert "blocked" not in page.list_bar_names()


@pytest.mark.parametrize(("can_resolve", "keys"), [(False, []), (True, ["E"])])
def test_an_ended_lost_operation_blocks_and_offers_nothing_more(
    page: OperationPage, monkeypatch: pytest.MonkeyPatch, can_resolve: bool, keys: list[str]
) -> None:
    """A lost operation that certainly had no effect blocks nothing, and can't be probed. It can be resolved only if
    it is a purchase that two people have denied: AlarmBox may show it later.
    """
    opened, refused = list[object](), list[str]()
    monkeypatch.setattr(page.action_handlers, "open_resolve_dialog", lambda *arguments: opened.append(arguments))
    monkeypatch.setattr(page.action_handlers, "probe_record", opened.append)
    monkeypatch.setattr(page, "show_key_refusal", refused.append)
    services = RecoveryOfThreeOperations(state=OperationState.FAILED, can_resolve=can_resolve)
    page.context.store_services(services)  # type: ignore[arg-type]  # recovery alone
    page.show_route(OperationRoute(OPERATION_IN_SPOOL))
    assert "blocked" not in page.list_bar_names()
    assert [button.key for button in page.findChildren(KeyButton) if button.key in ("E", "P")] == keys
    page._probe_operation()
    page._open_resolve_dialog()
    assert (len(opened), len(refused)) == (len(keys), 2 - len(keys))


def test_a_late_failure_of_another_operation_is_not_shown(page: OperationPage) -> None:
    """The read of an operation fails after another operation is shown. The page doesn't call the shown one outdated.
    An operation that follows an unreadable one shows nothing of its failure.
    """
    page.context.runner = runner = InlineRunner(paused=True)
    page.show_route(OperationRoute(UNREADABLE_OPERATION))
    page.show_route(OperationRoute(OPERATION_IN_JOURNAL))
    runner._queue.reverse()  # the answer about the second operation comes first
    runner.execute_oldest_task()
    runner.execute_oldest_task()
    assert ("failed" in page.list_bar_names(), page.find_outdated_reason()) == (False, "")

    page.show_route(OperationRoute(UNREADABLE_OPERATION))
    runner.execute_oldest_task()
    assert "failed" in page.list_bar_names()
    page.show_route(OperationRoute(OPERATION_IN_JOURNAL))
    assert "failed" not in page.list_bar_names()


@pytest.mark.parametrize(
    ("action", "bar_words", "provider"),
    [
        ("credit-check.purchase", "Waiting for AlarmBox's answer", "alarmbox"),
        ("payment.start", "waiting for the gateway's answer", ""),
        ("refund.submit", "waiting for the gateway's answer", ""),
    ],
)
def test_a_probe_of_an_operation_waits_for_its_own_provider(
    page: OperationPage, monkeypatch: pytest.MonkeyPatch, action: str, bar_words: str, provider: str
) -> None:
    """While a person probes an operation that starts a payment or sends a refund, the page doesn't say that the
    program waits for AlarmBox, and the time of the answer doesn't count as AlarmBox's.
    """
    context, calls = page.context, []
    context.language = "en"
    monkeypatch.setattr(context, "run_acting_call", lambda *_call, **options: calls.append(options))
    monkeypatch.setattr(page.action_handlers, "refuse_if_right_missing", lambda _right: False)
    context.store_services(RecoveryOfThreeOperations(action))  # type: ignore[arg-type]  # recovery alone
    page.show_route(OperationRoute(OPERATION_IN_SPOOL))
    page._probe_operation()
    assert [(options["provider"], options["label"]) for options in calls] == [(provider, "Probe: Operation 01SPOOL")]
    assert any(bar_words in label.plain for label in page.findChildren(TextLabel))


@pytest.mark.parametrize("next_id", [OPERATION_IN_JOURNAL, UNREADABLE_OPERATION])
def test_nothing_of_an_operation_stays_while_another_one_is_read(page: OperationPage, next_id: str) -> None:
    """While another operation is read, and if it can't be read, the page shows its id and nothing of the operation
    that was shown before. Once it is read, its contents are visible."""
    page.show_route(OperationRoute(OPERATION_IN_SPOOL))
    page.action_handlers.show_refusal(Failure(ErrorCode.NOT_ALLOWED))
    page.context.runner = runner = InlineRunner(paused=True)
    page.show_route(OperationRoute(next_id))

    def list_visible_parts() -> list[QWidget]:
        parts = [page.explanation_form, page.fact_panel, *page.findChildren(Badge)]
        return [part for part in parts if part.isVisibleTo(page)]

    assert (list_visible_parts(), page.timeline._lines, page.list_bar_names()) == ([], (), ())
    assert page.copyable_id.plain == next_id
    runner.execute_oldest_task()
    assert bool(list_visible_parts()) is (next_id == OPERATION_IN_JOURNAL)
