"""Tests of the page of a reconciliation with its counts, its evidence and its differences, each of which leads to its
record.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from console.domain.access.permissions import AUDITOR, OPERATOR
from console.domain.errors import ErrorCode
from console.domain.payments.states import PaymentState
from console.domain.reconciliation.service_results import RunState
from console.domain.records import Person, Work, WorkReason
from console.domain.tasks.records import ReconciliationVerdict
from console.views.presenters import reconciliation as words
from console.views.reconciliation.columns import make_run_columns
from console.views.reconciliation.page import ReconcilePage
from console.views.reconciliation.runs_page import ReconcileRunsPage
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import PaymentRoute, ReconcileRoute, ReconcileRunsRoute, Route
from console.views.tables.columns import TextWithAmount
from console.views.widgets.base import TextLabel
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences.formats import NO_VALUE, format_count
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context
from tests.views.invented_runs import (
    AMOUNT_DIFFERENCE,
    IMPORTED_DIFFERENCE,
    REFUSED_DIFFERENCE,
    ReconcileServices,
    make_difference,
    make_run_details,
    make_run_item,
)

FILE_LINE_INSTANT = "2026-11-19T03:00:00Z"
ShowPageFunction = Callable[..., ReconcilePage]


@pytest.fixture
def show_page(qtbot: QtBot, appearance: object) -> ShowPageFunction:
    """Return a function that shows the reconciliation page for a route."""

    def show_runs(*run_views: object, route: ReconcileRoute = ReconcileRoute(), **more: object) -> ReconcilePage:  # noqa: B008 - a value
        at = make_window_context()
        at.store_services(ReconcileServices(*run_views, **more))  # type: ignore[arg-type]  # reconciliations are all it takes
        page = ReconcilePage(at)
        qtbot.addWidget(page)
        page.resize(1080, 720)
        page.show()
        page.show_route(route)
        qtbot.waitUntil(lambda: page.run_details is None or page.rows.has_read_last_page)
        return page

    return show_runs


def read_figures(page: ReconcilePage) -> dict[str, str]:
    """Return the shown figures of the run by name."""
    return {name: label.plain for name, label in page.run_header._figure_by_name.items()}


def record_requested_routes(context: WindowContext) -> list[Route]:
    """Return a list to which each route is added that the page asks the window to show from now on."""
    routes: list[Route] = []
    context.navigation_requested.connect(routes.append)
    return routes


def test_the_page_of_a_run_has_its_counts_and_file(show_page: ShowPageFunction) -> None:
    """The page of a run shows its counts with names, and the daily file with its lines, sums and checksum. It also
    shows which earlier run has read the same file content.
    """
    page = show_page(make_run_details())
    assert read_figures(page) == {
        "rows": "6",
        "agree": "3",
        "differ": "1",
        "only_ours": "1",
        "only_theirs": "1",
        "refused": "0",
        "waiting": "2",
    }
    assert page.run_header.title_label.plain == "PayPay 2026-11-19"
    assert page.run_header.state_label.plain == "Done"
    (checksum,) = page.run_header.findChildren(CopyableId)
    assert checksum.plain == "ab" * 32
    file_line = words.format_provider_file(make_run_details().files[0], page.context)
    assert file_line == (
        "File of 2026-11-19 · 7 rows · paid ¥216,700 · refunded −¥66,000 · 1.2 KB · same content as in run 2"
    )
    assert (
        words.format_provider_file(
            replace(make_run_details().files[0], row_count=None, paid_minor=None, earlier_run_ids=()), page.context
        ).count("·")
        == 2
    )


def test_the_page_without_a_run_has_no_list_to_export(qtbot: QtBot, show_page: ShowPageFunction) -> None:
    """As long as no run exists, the export button is disabled, and the page shows the reason."""
    page = show_page()
    qtbot.waitUntil(lambda: not page.exporter.button.isEnabled())
    reason = "This page has no list to export."
    assert reason in {label.plain for label in page.findChildren(TextLabel) if label.isVisible()}
    assert show_page(make_run_details()).exporter.button.isEnabled()


def test_the_advice_follows_the_last_answer(show_page: ShowPageFunction) -> None:
    """Before the provider has answered about the payment, the page advises a probe. If the difference remains after
    an answer, the page shows the time of the answer and advises to open the payment. A probe is still possible."""
    assert AMOUNT_DIFFERENCE.payment is not None
    assert AMOUNT_DIFFERENCE.case is not None
    asked_before = replace(
        AMOUNT_DIFFERENCE, payment=replace(AMOUNT_DIFFERENCE.payment, told_at=AMOUNT_DIFFERENCE.case.detected_at)
    )
    page = show_page(make_run_details(), rows=(asked_before,))
    assert "Probe first." in page.footer.advice_label.plain
    assert (page.footer.probe_button.kind, page.footer.open_button.kind) == ("primary", "default")
    answered_at = AMOUNT_DIFFERENCE.case.detected_at + timedelta(minutes=2)
    asked_after = replace(AMOUNT_DIFFERENCE, payment=replace(AMOUNT_DIFFERENCE.payment, told_at=answered_at))
    page = show_page(make_run_details(), rows=(asked_after,))
    assert "Probe first." not in page.footer.advice_label.plain
    assert "still differ after the gateway's answer" in page.footer.advice_label.plain
    assert (page.footer.probe_button.kind, page.footer.open_button.kind) == ("default", "primary")
    assert page.footer.probe_button.isVisibleTo(page)


@pytest.mark.parametrize(
    ("reason", "is_named"), [(None, False), (WorkReason.MOVE_ORDER, True), (WorkReason.NOT_MOVED, True)]
)
def test_the_key_m_is_shown_only_for_an_unpaid_order(
    show_page: ShowPageFunction, reason: WorkReason | None, is_named: bool
) -> None:
    """The shortcut bar shows the key M only on a row whose order is known to be unpaid. On other rows the page
    doesn't know the state of the order."""
    assert AMOUNT_DIFFERENCE.payment is not None
    payment = replace(AMOUNT_DIFFERENCE.payment, state=PaymentState.COMPLETED, order_id=3, work=Work(reason=reason))
    page = show_page(make_run_details(), rows=(replace(AMOUNT_DIFFERENCE, payment=payment),))
    assert ((("M",), "Mark order as paid") in page.hint_bar.key_hints) == is_named


@pytest.mark.parametrize("compared_count", [0, 3])
def test_a_run_that_compared_nothing_does_not_say_that_all_payments_match(
    show_page: ShowPageFunction, compared_count: int
) -> None:
    """If no payment was to be compared, the page of the run says this beside the count 0."""
    item = make_run_item(
        matched_count=compared_count, imported_count=0, missing_at_provider_count=0, different_amount_count=0
    )
    page = show_page(make_run_details(item, open_case_count=0), rows=())
    page._show_empty_state()
    shown = {label.plain for label in page.empty_state.findChildren(TextLabel)}
    translate = page.context.translate
    assert (translate("reconcile.all_agree_hint") in shown) == (compared_count > 0)
    assert (translate("reconcile.none_compared") in shown) == (compared_count == 0)


def test_the_page_of_a_failed_run_shows_dashes_for_uncounted_figures(show_page: ShowPageFunction) -> None:
    """The page of a failed run shows a dash for each figure that the run couldn't count, and does not state that
    there are no differences.
    """
    item = make_run_item(
        state=RunState.FAILED,
        reason="provider_answer_unusable",
        different_amount_count=0,
        missing_at_provider_count=0,
    )
    page = show_page(make_run_details(item, files=(), open_case_count=0))
    known = {"rows": "4", "agree": "3", "only_theirs": "1"}
    assert read_figures(page) == {**dict.fromkeys(("differ", "only_ours", "refused", "waiting"), "–"), **known}
    labels = {label.plain for label in page.findChildren(TextLabel) if label.isVisible()}
    assert any("unreadable contents" in bar.accessibleName() for bar in page.findChildren(NotificationBar))
    assert "No file was read completely." in labels
    assert page.context.translate("reconcile.file.none") not in labels
    for number in range(page.tabs.count()):
        page.tabs.setCurrentIndex(number)
        page._show_empty_state()
        shown = {label.plain for label in page.empty_state.findChildren(TextLabel)}
        assert page.context.translate("reconcile.part_empty") not in shown


@pytest.mark.parametrize(
    ("refused_row_count", "tab_name", "key"),
    [
        (0, "refused", "all_readable"),
        (0, "differ", "part_empty"),
        (0, "only_ours", "part_empty"),
        (1, "differ", "part_empty_readable"),
        (1, "only_theirs", "part_empty_readable"),
        (1, "only_ours", "missing_unknown"),
    ],
)
def test_an_empty_part_does_not_hide_unreadable_rows(
    show_page: ShowPageFunction, refused_row_count: int, tab_name: str, key: str
) -> None:
    """With unreadable rows, an empty part of the list says that only the readable rows have no such difference, and
    that missing payments aren't known."""
    item = make_run_item(missing_at_provider_count=0, is_missing_unknown=bool(refused_row_count))
    page = show_page(make_run_details(item, refused_row_count=refused_row_count), rows=())
    page.restore_screen_state({"tab": tab_name})
    page._show_empty_state()
    shown = {label.plain for label in page.empty_state.findChildren(TextLabel)}
    assert page.context.translate(f"reconcile.{key}") in shown


@pytest.mark.parametrize(
    ("is_missing_unknown", "figure", "key"), [(False, "0", "left_out_words"), (True, "–", "refused_words")]
)
def test_unreadable_rows_leave_the_number_of_missing_payments_unknown(
    show_page: ShowPageFunction, key: str, figure: str, *, is_missing_unknown: bool
) -> None:
    """If unreadable rows of the provider prevent the search for missing payments, the page and the list of runs show
    a dash instead of the number of payments that are missing at the provider. Only in this case the bar says that no
    payment is reported as missing until the rows are corrected.
    """
    item = make_run_item(missing_at_provider_count=0, is_missing_unknown=is_missing_unknown)
    page = show_page(make_run_details(item, refused_row_count=1))
    assert read_figures(page)["only_ours"] == figure
    (bar,) = page.findChildren(NotificationBar)
    assert page.context.translate(f"reconcile.bar.{key}") in bar.accessibleName()
    cells = {column.key: column.make_cell(item) for column in make_run_columns(page.context)}
    assert cells["only_ours"] == figure


@pytest.mark.parametrize(
    ("item", "our_state", "provider_state", "amount_difference", "verdict", "cause", "action"),
    [
        (AMOUNT_DIFFERENCE, "Completed ¥1,200", "Paid ¥1,300", "¥100", "Different amount",
         "Different amount in the provider's history", "probe"),
        (IMPORTED_DIFFERENCE, "", "Paid ¥500", "¥500", "Provider only", "Imported", None),
        (REFUSED_DIFFERENCE, "", "", "", "Unreadable", "Wrong day", "ask_file"),
        (make_difference(7, ReconciliationVerdict.MISSING_THERE, "completed 700 JPY", None),
         "Completed ¥700", "", "−¥700", "Only ours", "Waiting for its order", None),
        (make_difference(8, ReconciliationVerdict.DIFFERENT_STATE, "refund 3 submitted 500 JPY",
                    f"返金完了 500 JPY {FILE_LINE_INSTANT}"),
         "refund R-3 Accepted ¥500", "Refunded ¥500", "", "Different state", "Waiting for its order", None),
        (make_difference(9, ReconciliationVerdict.DIFFERENT_AMOUNT, None, f"返金完了 66000 JPY {FILE_LINE_INSTANT}"),
         "", "Refunded ¥66,000", "−¥66,000", "Unrecorded refund", "Waiting for its order", None),
    ],
)  # fmt: skip
def test_a_row_shows_our_state_and_the_providers_state(
    appearance: object,
    item: object,
    our_state: str,
    provider_state: str,
    amount_difference: str,
    verdict: str,
    cause: str,
    action: str | None,
) -> None:
    """A row shows our state and the provider's state in words, the difference of the amounts, the verdict and the
    cause. The difference of a refund is negative."""
    at = make_window_context()
    cells = words.make_our_side_cell(item, at), words.make_provider_side_cell(item, at)  # type: ignore[arg-type]
    assert cells == (our_state, provider_state)
    assert [isinstance(cell, TextWithAmount) for cell in cells] == [bool(our_state), bool(provider_state)]
    assert words.format_amount_difference(item) == amount_difference  # type: ignore[arg-type]
    assert words.make_verdict_cell(item, at).word == verdict  # type: ignore[arg-type]
    assert words.make_cause_cell(item, at).word == cause  # type: ignore[arg-type]
    assert item.action == action  # type: ignore[attr-defined]


def test_a_difference_opens_its_payment(show_page: ShowPageFunction) -> None:
    """Opening a difference shows its payment. From there the person can go to the other payments of the list, and
    back to this run, at the payment that was shown last.
    """
    page = show_page(make_run_details())
    routes, replaced = record_requested_routes(page.context), list[Route]()
    page.context.route_replacement_requested.connect(replaced.append)
    page.table.go_to_row(0)
    page.footer.open_button.click()
    assert routes == [PaymentRoute(1, (("payment", 1), ("payment", 2)), "reconcile")]
    assert replaced == [ReconcileRoute(3)]
    page.go_to_record(("payment", 2))
    shown = page.current_difference
    assert shown is not None
    assert shown.payment is not None
    assert shown.payment.id == 2


def test_a_row_without_a_payment_says_that_none_can_be_opened(show_page: ShowPageFunction) -> None:
    """Enter on a line that could not be read, or on a difference without a payment, shows that there is none."""
    page = show_page(make_run_details(refused_row_count=1))
    routes = record_requested_routes(page.context)
    denied_count = 0
    for row in range(page.table.rows.rowCount()):
        page.table.go_to_row(row)
        if page.current_difference is None or page.current_difference.payment is None:
            page.hide_bar("act")
            QTest.keyClick(page.table, Qt.Key.Key_Return)
            assert "act" in page.list_bar_names()
            denied_count += 1
    assert denied_count > 0
    assert routes == []


def test_only_possible_actions_on_a_difference_are_offered(show_page: ShowPageFunction) -> None:
    """For an open difference the page offers to open the payment, to probe it and to add a note; for an imported
    payment, it offers the same without the probe. For an unreadable row it offers no action, and names what helps.
    """
    page = show_page(make_run_details(refused_row_count=1))
    for row, (open_, probe, note) in enumerate(((True, True, True), (True, False, True), (False, False, False))):
        page.table.go_to_row(row)
        offered = tuple(not button.isHidden() for button in page.footer.buttons)
        assert offered == (open_, probe, note)
        hinted = {key for keys, _ in page.hint_bar.key_hints for key in keys}
        assert tuple(key in hinted for key in "OPN") == offered
        primary = [button.key for button in page.footer.buttons if button.kind == "primary"]
        assert primary == (["P"] if probe else []), (
            "the sentence begins with the probe, or says that nothing is to do"
        )
    assert "Wrong day" in page.footer.advice_label.plain
    assert "announce the file again" in page.footer.advice_label.plain


def test_each_tab_has_one_kind_of_difference(show_page: ShowPageFunction) -> None:
    """Each tab has the rows of one kind of difference and their number in its name. An empty tab shows the text of an
    empty list.
    """
    page = show_page(make_run_details(refused_row_count=1))
    assert [page.tabs.accessibleTabName(number) for number in range(page.tabs.count())] == [
        "All 4",
        "Different 1",
        "Only ours 1",
        "Provider only (imported) 1",
        "Unreadable 1",
    ]
    page.tabs.setCurrentIndex(1)
    assert [page.rows.get_item(row) for row in range(page.rows.rowCount())] == [AMOUNT_DIFFERENCE]
    page.tabs.setCurrentIndex(2)
    assert page.table_stack.currentWidget() is page.empty_state
    assert page.footer.isHidden()


@pytest.mark.parametrize(
    ("state", "lead", "goes_on"),
    [
        (RunState.RUNNING, "Running.", False),
        (RunState.RESUMABLE, "Interrupted.", True),
        (RunState.FAILED, "Failed.", False),
    ],
)
def test_a_bar_states_the_state_of_a_run(
    show_page: ShowPageFunction, state: RunState, lead: str, goes_on: bool
) -> None:
    """A bar names the state of the run. Only an interrupted run can be continued."""
    page = show_page(make_run_details(make_run_item(state=state, ended_at=None)))
    assert page._bar_by_name["run"].accessibleName().startswith(lead)
    assert page.resume_button.isHidden() is not goes_on
    assert ((("G",), "Continue") in page.hint_bar.key_hints) is goes_on


@pytest.mark.parametrize(
    ("older_run_id", "newer_run_id", "named"),
    [
        (2, 4, [(("[",), "Older run"), (("]",), "Newer run")]),
        (2, None, [(("[",), "Older run")]),
        (None, 4, [(("]",), "Newer run")]),
        (None, None, []),
    ],
)
def test_the_shortcut_bar_names_only_the_keys_of_runs_that_exist(
    show_page: ShowPageFunction,
    older_run_id: int | None,
    newer_run_id: int | None,
    named: list[tuple[tuple[str], str]],
) -> None:
    """The shortcut bar names [ only if an older run exists, and ] only if a newer run exists."""
    page = show_page(make_run_details(older_run_id=older_run_id, newer_run_id=newer_run_id))
    assert [hint for hint in page.hint_bar.key_hints if hint[0] in {("[",), ("]",)}] == named


def test_a_run_that_compared_nothing_does_not_state_that_all_agree(show_page: ShowPageFunction) -> None:
    """If the day has no payments, the page doesn't state that all compared payments match."""
    nothing = make_run_item(matched_count=0, imported_count=0, missing_at_provider_count=0, different_amount_count=0)
    page = show_page(make_run_details(nothing, open_case_count=0), rows=())
    assert page.empty_state.accessibleName() == "There were no payments to compare."


def test_a_second_press_of_continue_has_no_effect(qtbot: QtBot, appearance: object) -> None:
    """While a run is being continued, a second press of "continue" has no effect. The toast names the result."""
    at = make_window_context()
    services = ReconcileServices(make_run_details(make_run_item(state=RunState.RESUMABLE, ended_at=None)))
    at.store_services(services)  # type: ignore[arg-type]  # reconciliations are all it takes
    page = ReconcilePage(at)
    qtbot.addWidget(page)
    page.show()
    page.show_route(ReconcileRoute())
    toasts: list[Toast] = []
    at.toast_requested.connect(toasts.append)
    assert isinstance(at.runner, InlineRunner)
    at.runner.paused = True
    page._resume_run()
    page._resume_run()
    while at.runner.waiting_task_count:
        at.runner.execute_oldest_task()
    assert len(services.runs_begun) == 1
    assert toasts[0].message == "PayPay 2026-11-19 reconciled."


def test_a_refused_run_is_named_on_the_page_of_another_run(show_page: ShowPageFunction) -> None:
    """The person continues a run and opens another one before the refusal arrives. The bar names the refused run."""
    resumable = make_run_item(2, state=RunState.RESUMABLE, ended_at=None)
    page = show_page(
        make_run_details(), make_run_details(resumable), route=ReconcileRoute(2), refusal=ErrorCode.LEASE_TIMEOUT
    )
    page.context.runner = runner = InlineRunner(paused=True)
    page._resume_run()
    page.show_route(ReconcileRoute(1))
    runner.execute_oldest_task()
    assert words.format_run_title(resumable, page.context) in page._bar_by_name["act"].sentence


def test_a_page_without_reconciliations_shows_the_empty_text(show_page: ShowPageFunction) -> None:
    """Without any reconciliation the page shows only the text of the empty list, and at the bottom no key of an
    action on a difference or a run."""
    page = show_page()
    assert page.table_stack.currentWidget() is page.empty_state
    assert "No reconciliations yet" in page.empty_state.accessibleName()
    hidden_parts = (
        page.run_header,
        page.tab_bar,
        page.older_button,
        page.newer_button,
        page.resume_button,
        page.footer,
    )
    assert all(part.isHidden() for part in hidden_parts)
    assert not page.begin_button.isHidden()
    hinted_keys = {key for keys, _ in page.hint_bar.key_hints for key in keys}
    assert hinted_keys & {"Enter", "P", "M", "N", "[", "L", "S", "G"} == {"L", "S"}


def test_the_focus_stays_on_the_page(show_page: ShowPageFunction) -> None:
    """If a tab has no rows, the focus is on a button of the page, so that the shortcut keys still work. If the tab
    has rows, the focus is in the table.
    """
    page = show_page(make_run_details())
    page.activateWindow()
    page.take_focus()
    assert page.focusWidget() is page.table
    page.tabs.setCurrentIndex(2)
    assert page.table_stack.currentWidget() is page.empty_state
    assert page.focusWidget() is page.list_runs_button
    page.tabs.setCurrentIndex(0)
    assert page.focusWidget() is page.table


def test_previous_and_next_lead_along_the_runs(show_page: ShowPageFunction) -> None:
    """The button for the newer run opens it. At the oldest run, the button for an older one is hidden and does
    nothing. A further button opens the list of runs.
    """
    page = show_page(
        make_run_details(),
        make_run_details(make_run_item(2), older_run_id=None, newer_run_id=3),
        route=ReconcileRoute(2),
    )
    assert (
        page.run_details and page.run_details.item.id,
        page.older_button.isHidden(),
        page.newer_button.isHidden(),
    ) == (
        2,
        True,
        False,
    )
    replaced = list[Route]()
    page.context.route_replacement_requested.connect(replaced.append)
    page.newer_button.click()
    page.older_button.click()
    assert replaced == [ReconcileRoute(3)]
    routes = record_requested_routes(page.context)
    page.list_runs_button.click()
    assert routes == [ReconcileRunsRoute()]


def test_an_auditor_can_only_open_records(show_page: ShowPageFunction) -> None:
    """For an auditor, the buttons that begin, continue, probe and add a note are disabled, and their reasons name the
    people who may use them. The button that opens a record is enabled.
    """
    page = show_page(make_run_details())
    roles = {"op-a": AUDITOR, "op-c": OPERATOR}
    page.context.replace_people(tuple(Person(name, frozenset({role}), may_buy=False) for name, role in roles.items()))
    page.table.go_to_row(0)
    for button in (page.begin_button, page.resume_button, page.footer.probe_button, page.footer.note_button):
        assert not button.isEnabled()
        assert "op-c" in button.reason
    assert page.footer.open_button.isEnabled()


@pytest.mark.parametrize(("state", "shown"), [(RunState.FAILED, NO_VALUE), (RunState.DONE, "0")])
def test_the_list_shows_dashes_for_unread_figures_of_a_failed_run(state: RunState, shown: str) -> None:
    """In the list of runs, a run that failed before its end shows a dash in place of each number of differences."""
    item = make_run_item(2, state=state, different_amount_count=0, missing_at_provider_count=0, imported_count=0)
    cells = {column.key: column.make_cell(item) for column in make_run_columns(make_window_context())}
    assert {name: cells[name] for name in ("differ", "only_ours", "only_theirs")} == dict.fromkeys(
        ("differ", "only_ours", "only_theirs"), shown
    )
    assert cells["rows"] == format_count(item.compared_count)


def test_the_list_of_runs_has_the_newest_first(qtbot: QtBot, appearance: object) -> None:
    """The list shows the newest run first, or only the runs of the selected provider. The key Enter opens the current
    run."""
    at = make_window_context()
    runs = make_run_details(make_run_item(2)), make_run_details(make_run_item(3, provider="atom"))
    at.store_services(ReconcileServices(*runs))  # type: ignore[arg-type]
    page = ReconcileRunsPage(at)
    qtbot.addWidget(page)
    page.show()
    page.show_route(ReconcileRunsRoute())
    assert [page.rows.get_item(row).id for row in range(page.rows.rowCount())] == [3, 2]  # type: ignore[union-attr]
    page.provider_list.setCurrentIndex(1)
    routes = record_requested_routes(at)
    page.table.go_to_first_row()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert routes == [ReconcileRoute(2)]


def test_the_first_listed_run_gets_the_focus(qtbot: QtBot, appearance: object) -> None:
    """While no run is listed, the button that starts one has the focus. The first run takes the focus over, so that
    Enter opens the run, as the text of the page says. A button that the person has focused keeps the focus."""
    at = make_window_context()
    at.store_services(ReconcileServices())  # type: ignore[arg-type]
    page = ReconcileRunsPage(at)
    qtbot.addWidget(page)
    page.show()
    page.show_route(ReconcileRunsRoute())
    page.activateWindow()
    page.take_focus()
    assert page.focusWidget() is page.begin_button
    assert not page.exporter.button.isEnabled()  # there is no list yet
    at.store_services(ReconcileServices(make_run_details(make_run_item(2))))  # type: ignore[arg-type]
    page.refresh("entered")
    assert page.focusWidget() is page.table
    assert page.exporter.button.isEnabled()
    page.begin_button.setFocus()
    page.refresh("entered")
    assert page.focusWidget() is page.begin_button


def test_a_late_answer_about_another_run_is_ignored(show_page: ShowPageFunction) -> None:
    """An automatic read of an older run is answered after the person has opened the newest run, whose own read was
    faster. The page keeps showing the newest run."""
    page = show_page(make_run_details(make_run_item(1)), make_run_details(make_run_item(2)), route=ReconcileRoute(1))
    assert page.run_details is not None
    assert page.run_details.item.id == 1
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    runner.paused = True
    page.context.records_changed.emit(frozenset({("payment", 5)}))
    page.show_route(ReconcileRoute())
    runner.execute_newest_task()
    assert page.run_details.item.id == 2
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    assert page.run_details.item.id == 2
