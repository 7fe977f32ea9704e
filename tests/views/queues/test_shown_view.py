"""Tests of the saved view that the page of the queues shows, while another person or view follows."""

from contextlib import nullcontext
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.queues.saved_views import SavedView, ViewContent
from console.views.pages.base import Page, PageHead
from console.views.queues.shown_view import ShownSavedView
from console.views.records.actions import RecordActionHandlers
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context

VIEW = SavedView(3, "Late refunds", False, "op-a", ViewContent("review"), "op-a", NOW)


class ViewServices:
    """Services that delete and restore one view. Both fail while `is_away` is True."""

    training, is_away = None, False
    saved_views = property(lambda self: self)

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def delete_view(self, _id: int, *, request_id: str) -> SavedView:
        if self.is_away:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED)
        return VIEW

    restore_view = delete_view


@pytest.fixture
def shown(qtbot: QtBot) -> ShownSavedView:
    context = make_window_context()
    context.store_services(ViewServices())  # type: ignore[arg-type]  # views are all that it needs
    page = Page(context)
    qtbot.addWidget(page)
    show_refusal = RecordActionHandlers(context, page).show_refusal
    shown = ShownSavedView(context, page, PageHead("Queues"), lambda: VIEW.content, show_refusal)
    shown.view = VIEW
    return shown


@pytest.mark.parametrize("has_moved_on", [False, True])
def test_a_restored_view_opens_only_if_nothing_else_was_opened(shown: ShownSavedView, *, has_moved_on: bool) -> None:
    """The person opens a queue, or another person acts, before the answer of "restore" arrives. The page then stays
    at the queue."""
    shown.delete_view()
    shown._context.runner = runner = InlineRunner(paused=True)
    shown._restore_view(VIEW)
    if has_moved_on:
        shown.leave_view()
    runner.execute_oldest_task()
    assert shown.view == (None if has_moved_on else VIEW)


def test_a_refused_restoration_keeps_its_button(shown: ShownSavedView) -> None:
    """A failed restoration doesn't say that the view can't be used. The button that restores the view stays, and the
    page shows the same list as before."""
    shown.delete_view()
    services = ViewServices()
    services.is_away = True
    shown._context.store_services(services)  # type: ignore[arg-type]  # as above
    shown._restore_view(VIEW)
    assert set(shown._page.list_bar_names()) == {"act", "view"}
    assert VIEW.name in shown._page._bar_by_name["act"].sentence
    assert (shown.view, shown._requested_view_id) == (None, 0)
