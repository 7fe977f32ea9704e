"""The window as a whole: names of controls, change of language and theme, and a lost database."""

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Literal

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from sqlalchemy import text

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.sandbox.server import Sandbox
from console.services.guarded.database_rollback import require_alert_of_restored_server
from console.views.app.close_dialog import RunningCallsDialog
from console.views.app.command_palette import CommandPalette
from console.views.app.main import WindowOpener
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.about_dialog import open_about_dialog
from console.views.help.help_dialog import open_help_dialog
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.home.page import HomePage
from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog
from console.views.lookup.page import LookupPage
from console.views.notifications.dialog import NotificationsDialog
from console.views.purchase.dialog import PurchaseDialog
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.queues.page import QueuesPage
from console.views.records.resolve_dialog import ResolveDialog
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    QUEUE_TAB_NAMES,
    AdminRoute,
    AlertsRoute,
    AuditRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    OperationRoute,
    PdfRoute,
    QueuesRoute,
    Route,
)
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_check, buy_with_unknown_outcome, buy_without_pdf
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person, get_accessible_name
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.waiting import MAX_WAIT_SECONDS

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]
OTHER_CORPORATION_NUMBER = CORPORATION_NUMBERS[1]


def find_nameless_controls(root: QWidget) -> list[str]:
    """Return the class of each focusable control in `root` without an accessible name, and the class of its parent,
    as "… in …".
    """
    widgets = [root, *root.findChildren(QWidget)]
    reachable = [
        widget
        for widget in widgets
        if widget.isVisible()
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and widget.focusProxy() is None
        and QAccessible.queryAccessibleInterface(widget) is not None
    ]
    return [
        f"{type(widget).__name__} in {type(widget.parent()).__name__}"
        for widget in reachable
        if not get_accessible_name(widget)
    ]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_control_of_a_daily_page_has_a_name(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, language: str
) -> None:
    """On the daily pages, each control that Tab reaches has an accessible name, in both languages."""
    bought, unknown = (
        buy_check(console, CORPORATION_NUMBER),
        buy_with_unknown_outcome(console, sandbox, OTHER_CORPORATION_NUMBER),
    )
    routes: list[Route] = [
        HomeRoute(),
        QueuesRoute("unknown"),
        LookupRoute(CORPORATION_NUMBER),
        CreditCheckRoute(bought.id, (bought.id, unknown.id)),
        CreditCheckRoute(unknown.id),
        OperationRoute(unknown.operation_id or ""),
        PdfRoute(bought.id),
        AuditRoute(),
        AdminRoute(),
    ]
    person = open_window()
    person.opening.context.change_language("ja" if language == "ja" else "en")
    for route in routes:
        person.frame.show_route(route)
        person.wait_until_read()
        assert find_nameless_controls(person.window) == [], route


def test_each_control_of_a_dialog_has_a_name(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """Each control of the dialogs in this list has an accessible name, which a screen reader speaks."""
    lacking, unknown = (
        buy_without_pdf(console, sandbox, CORPORATION_NUMBER),
        buy_with_unknown_outcome(console, sandbox, OTHER_CORPORATION_NUMBER),
    )
    person = open_window()
    context, window = person.opening.context, person.window
    dialogs = [
        open_unfinished_work_dialog(person.frame),
        open_shortcuts_dialog(person.frame, person.frame.current_page),
        open_help_dialog(person.frame, person.frame.current_page),
        open_about_dialog(person.frame),
        NotificationsDialog(context, window, has_desktop=False),
        RefetchDialog(context, lacking, window),
        ResolveDialog(context, unknown, None, window),
        PurchaseDialog(context, console.credit_checks.make_plan(CORPORATION_NUMBERS[2]), None, window),
    ]
    for dialog in dialogs:
        dialog.show()
        person.wait_until_read()
        assert find_nameless_controls(dialog) == []
        dialog.reject()


def test_the_refetch_dialog_promises_to_keep_only_a_stored_copy(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Before a re-fetch, the dialog says that the older copy of the PDF stays stored. It doesn't say so if no copy is
    stored.
    """
    lacking, complete = (
        buy_without_pdf(console, sandbox, CORPORATION_NUMBER),
        buy_check(console, OTHER_CORPORATION_NUMBER),
    )
    person = open_window()
    context, window = person.opening.context, person.window
    for record, is_promised in ((lacking, False), (complete, True)):
        dialog = RefetchDialog(context, record, window)
        dialog.show()
        person.wait_until_read()
        labels = [label.plain for label in dialog.findChildren(TextLabel)]
        assert (context.translate("dialog.refetch.old_copy") in labels) is is_promised
        dialog.reject()


def test_a_new_language_is_shown_at_once(open_window: OpenWindow, console: Console) -> None:
    """After a change of the language the title and the sidebar are in the new language; the shown page and the page
    to which Esc leads are still those of before.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    person.opening.context.change_language("ja")
    person.wait_until(lambda: person.wait_for_page(CreditCheckPage).details is not None)
    assert (
        person.wait_for_page(CreditCheckPage)
        .head.title.accessibleName()
        .startswith(f"与信チェック {record.id}、購入済")
    )
    assert person.frame.sidebar.get_entry_at(0).name == "ホーム"
    person.press("Esc")
    lookup = person.wait_for_page(LookupPage)
    person.wait_until(lambda: lookup.company_panel.number == CORPORATION_NUMBER)


def test_the_title_names_page_and_environment(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """The title of the window has the page, the state of a shown record, the program and the environment, so that a
    screen reader can distinguish windows.
    """
    bought, unknown = (
        buy_check(console, CORPORATION_NUMBER),
        buy_with_unknown_outcome(console, sandbox, OTHER_CORPORATION_NUMBER),
    )
    person = open_window()
    routes: list[Route] = [
        CreditCheckRoute(bought.id),
        CreditCheckRoute(unknown.id),
        QueuesRoute("unknown"),
        PdfRoute(bought.id),
    ]
    titles: dict[str, list[str]] = {}
    for language in ("en", "ja"):
        person.opening.context.change_language(language)
        titles[language] = []
        for route in routes:
            person.frame.show_route(route)
            person.wait_until_read()
            titles[language].append(person.window.windowTitle())
    assert titles["en"] == [
        "Credit check 1 · Bought · Support console (TEST)",
        "Credit check 2 · Unknown · Support console (TEST)",
        "Queues · Support console (TEST)",
        "PDF of credit check 1 · Support console (TEST)",
    ]
    assert titles["ja"] == [
        "与信チェック 1・購入済・サポートコンソール（テスト）",
        "与信チェック 2・結果不明・サポートコンソール（テスト）",
        "対応一覧・サポートコンソール（テスト）",
        titles["ja"][3],
    ]
    assert titles["ja"][3].endswith("・サポートコンソール（テスト）")


def test_a_change_of_language_deletes_all_former_pages(open_window: OpenWindow, console: Console) -> None:
    """A change of the language deletes all pages in the former language, so that none of them still reads data."""
    buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    old = person.wait_for_page(LookupPage)
    person.wait_until(lambda: old.company_panel.current_record is not None)
    for language in ("ja", "en", "ja"):
        person.opening.context.change_language(language)
        person.wait_until_read()
    person.wait_until(lambda: not shiboken6.isValid(old))
    person.wait_until(lambda: len(person.window.findChildren(LookupPage)) == 1)


def test_the_tab_key_moves_the_focus_in_reading_order(open_window: OpenWindow, console: Console) -> None:
    """On the page of a record, Tab moves the focus from the title through the compared sides, the buttons of the next
    step and the content to the actions, and then to the search field of the window.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    page.head.title.setFocus()
    names = []
    for _ in range(15):
        focus = QApplication.focusWidget()
        assert focus is not None
        names.append(get_accessible_name(focus))
        person.press("Tab")
    spoken = "Credit check 1, Bought, Confirmed, Nothing to do, Bought and confirmed. Nothing is missing."
    title = [spoken, "Corporation number 1 1803 0101 8771", "Corporation"]
    sides = [f"AlarmBox number no. {record.credit_check_id}", "Open raw answer"]
    offered = ["Open PDF", "Probe"]
    content = ["Record details", "Timeline"]
    verbs = ["Probe", "Re-fetch...", "Take", "Add note", "More", "Search or command"]
    assert names == [*title, *sides, *offered, *content, *verbs]


def test_theme_and_text_size_change_in_the_open_window(open_window: OpenWindow) -> None:
    """Theme and text size change at once in the open window."""
    person = open_window()
    before = person.frame.top_bar.height()
    for theme in ("dark", "high_contrast"):
        current_appearance().choose_theme(theme)
        person.wait_until_read()
        assert current_appearance().theme == theme
    current_appearance().set_text_scale(2.0)
    person.wait_until_read()
    assert person.frame.top_bar.height() > before
    current_appearance().set_text_scale(1.0)


def test_the_bar_above_a_page_ends_before_its_scroll_bar(open_window: OpenWindow) -> None:
    """The bar above the page is as wide as the contents of the page, with and without a scroll bar."""
    person = open_window()
    page = person.wait_for_page(HomePage)
    area = person.frame._scroll_areas[page]
    bar = NotificationBar("Read-only", "Nothing is sent.")
    person.frame.show_bar(bar)
    for height in (2_000, 500, 2_000):
        person.window.resize(1280, height)
        person.wait_until(lambda height=height: (area.verticalScrollBar().maximum() > 0) == (height < 1_000))  # type: ignore[misc]  # of this turn
        margin = tokens().px("spacing", "page_margin")
        page_right = page.mapTo(person.window, page.rect().topRight()).x() - margin
        person.wait_until(lambda right=page_right: bar.mapTo(person.window, bar.rect().topRight()).x() == right)  # type: ignore[misc]  # of this turn


def test_the_bars_of_a_record_end_before_the_scroll_bar_of_its_contents(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """On the page of a record, only the contents scroll: the bars around them end before their scroll bar."""
    unknown = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(unknown.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until_read()
    bar = NotificationBar("Read-only", "Nothing is sent.")
    person.frame.show_bar(bar)
    bar_below = NotificationBar("Not done", "It is known already.")
    page.show_bar("act", bar_below)
    person.window.resize(1280, 500)
    person.wait_until(lambda: page.contents_area.verticalScrollBar().maximum() > 0)
    viewport, margin = page.contents_area.viewport(), tokens().px("spacing", "page_margin")

    def find_right_edge(widget: QWidget) -> int:
        return widget.mapTo(person.window, widget.rect().topRight()).x()

    # The layout makes the viewport narrower some time after the scroll bar has got its range.
    for shown_bar in (bar, bar_below):
        person.wait_until(
            lambda shown_bar=shown_bar: find_right_edge(shown_bar) == find_right_edge(viewport) - margin  # type: ignore[misc]  # of this turn
        )


@pytest.mark.embedded("on a server the account says who acts: there is no menu of people")
def test_the_menu_of_people_on_a_test_desk_changes_the_person(open_window: OpenWindow) -> None:
    """On a test desk, a menu lists all people, and the selected person acts from then on."""
    person = open_window()
    assert person.opening.controller is not None
    menu: QMenu = person.opening.controller.person_menu.build_menu()
    people = next(submenu for submenu in menu.findChildren(QMenu) if "op-a" in submenu.title())
    assert [action.data() for action in people.actions()] == [
        ("person", name) for name in ("aud-e", "lead-b", "op-a", "op-c")
    ]
    next(action for action in people.actions() if action.data() == ("person", "lead-b")).trigger()
    assert person.opening.context.operator == "lead-b"
    assert get_accessible_name(person.frame.top_bar.operator) == "lead-b"


def test_the_search_box_and_the_daily_pages_are_prepared(
    open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon after the first page, the window builds the search box and imports the pages that people use every day.
    Then it prepares nothing more.
    """
    imported: list[str] = []

    def record_import(name: str) -> ModuleType:
        imported.append(name)
        return import_module(name)

    monkeypatch.setattr("console.views.app.window_controller.import_module", record_import)
    person = open_window()
    controller = person.opening.controller
    assert controller is not None
    first_pages = [*imported]
    assert person.frame.findChild(CommandPalette) is None
    controller._preparation_timer.setInterval(0)
    person.wait_until(lambda: not controller._preparation_timer.isActive())
    assert person.frame.findChild(CommandPalette) is not None
    assert imported[len(first_pages) :] == [
        *("console.views.queues.page", "console.views.lookup.page", "console.views.credit_checks.page"),
        *("console.views.money.payment_page", "console.views.approvals.page", "console.views.alerts.page"),
    ]


def test_a_searched_number_opens_its_company(open_window: OpenWindow, console: Console) -> None:
    """Ctrl+K, a number and Enter open the company. The search box accepts full-width digits."""
    buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    assert person.opening.controller is not None
    box = person.opening.controller.command_palette.search_box
    person.press("Ctrl+K")
    person.wait_until(lambda: box.is_open)
    box.input.insert("".join(chr(ord(digit) + 0xFEE0) for digit in CORPORATION_NUMBER))
    person.wait_until(lambda: any(isinstance(key, LookupRoute) for key in (box.list.get_current_key(),)))
    person.wait_until_read()
    person.press("Return")
    page = person.wait_for_page(LookupPage)
    person.wait_until(
        lambda: page.company_panel.number == CORPORATION_NUMBER and page.company_panel.current_record is not None
    )


def test_a_wrong_check_digit_is_reported_while_typing(open_window: OpenWindow, console: Console) -> None:
    """For a number with a wrong check digit, the field offers the numbers of our records that differ by one typing
    error. It never says that a well-formed number is the right one.
    """
    buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(LookupRoute())
    page = person.wait_for_page(LookupPage)
    person.press("Ctrl+F")
    person.type_in(CORPORATION_NUMBER[:-1] + str((int(CORPORATION_NUMBER[-1]) + 1) % 10))
    person.wait_until(
        lambda: page.number_field.edit.accessibleDescription().startswith("A digit of this number is wrong")
    )
    person.wait_for_control("1 1803 0101 8771").press()
    person.wait_until(lambda: page.company_panel.number == CORPORATION_NUMBER)
    person.wait_until(
        lambda: "doesn't confirm the corporation exists" in page.number_field.edit.accessibleDescription()
    )


def test_a_lost_database_is_announced_until_the_connection_returns(
    open_window: OpenWindow, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the window loses the connection to its database, a bar says that there is no connection. When the database
    answers again, the bar disappears without a key press.
    """
    person = open_window()

    def raise_unreachable(_after: object = None, **_: object) -> object:
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    with monkeypatch.context() as patch:
        patch.setattr(console.desk_status, "read_desk_update", raise_unreachable)
        person.wait_until(lambda: person.opening.context.connection_state.lost_since is not None)
        person.wait_until(lambda: any("Not connected" in words for words in _list_visible_bars(person)))
    person.wait_until(lambda: person.opening.context.connection_state.lost_since is None)
    person.wait_until(lambda: not _list_visible_bars(person))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_rolled_back_database_is_announced_until_its_alert_closes(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, theme: Literal["light", "dark"]
) -> None:
    """While the alert about a rolled back database is open, a bar above every page says so, with a link to the alert;
    the bar disappears when the alert is closed.
    """
    require_alert_of_restored_server(window_desks.acting_desk._context, "2026-11-20T00:00:00Z")
    person = open_window()
    current_appearance().choose_theme(theme)
    sentences: tuple[tuple[Literal["en", "ja"], str], ...]
    sentences = (("en", "was rolled back"), ("ja", "以前の時点に戻っています"))
    for language, words in sentences:
        person.opening.context.change_language(language)
        person.wait_until(lambda words=words: any(words in shown for shown in _list_visible_bars(person)))  # type: ignore[misc]  # bound
        save_picture(person, f"went-back-{language}-{theme}")
    (bar,) = [bar for bar in person.window.findChildren(NotificationBar) if bar.isVisible()]
    assert bar.button is not None
    bar.button.click()
    person.wait_until(lambda: isinstance(person.opening.controller.frame.current_route, AlertsRoute))  # type: ignore[union-attr]  # open
    (alert,) = console.alerts.list_alerts()
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.alerts.acknowledge(alert.id, "restored on purpose")
    person.wait_until(lambda: not any(sentences[-1][1] in shown for shown in _list_visible_bars(person)))


def save_picture(person: Person, name: str) -> None:
    """Save a picture of the window if the environment variable DESK_PICTURES names a folder."""
    folder = os.environ.get("DESK_PICTURES")
    if folder:
        person.window.grab().save(str(Path(folder) / f"{name}.png"))


def test_a_row_written_by_another_program_appears(window_desks: WindowTestDesks, open_window: OpenWindow) -> None:
    """A row that another program has written changes the counts: a due task adopts the row, and the window reads this
    change in the feed.
    """
    person = open_window()
    before = person.opening.context.work_counts.find_queue_count("review")
    assert before is not None
    with window_desks.write_as_owner() as tx:
        tx.conn.execute(
            text(
                "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, status)"
                " VALUES (7, '架空商事', 'pending')"
            )
        )
    window_desks.run_due_tasks(person)
    person.wait_until(lambda: person.opening.context.work_counts.find_queue_count("review") != before)


def test_the_counts_agree_with_the_rows_just_read(
    window_desks: WindowTestDesks,
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If a queue was read later than the counts, the window's count of this queue and its tab are the number of the
    rows just read, and the counts are read again. The same holds for the number of waiting incidents.
    """
    for number in CORPORATION_NUMBERS[:2]:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    context = person.opening.context
    person.wait_until(lambda: context.work_counts.find_queue_count("unknown") is not None)
    person.wait_until_read()
    outdated_signals: list[None] = []
    context.work_counts_outdated.connect(lambda: outdated_signals.append(None))
    assert person.opening.controller is not None
    refresh = person.opening.controller.background_refresh
    refresh.stop_timers()
    monkeypatch.setattr(refresh, "_end_work_counts_reading", lambda _counts: None)  # they arrive later
    old = context.work_counts
    outdated = tuple(replace(one, count=one.count + 5) for one in old.queue_counts)
    context.store_work_counts(
        replace(old, queue_counts=outdated, waiting_incident_count=old.waiting_incident_count + 5)
    )
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_all_rows)
    count = context.work_counts.find_queue_count("unknown")
    assert count is not None
    assert (count.count, page.row_model.row_count, len(outdated_signals)) == (2, 2, 1)
    assert page.tabs.tabText(QUEUE_TAB_NAMES.index("unknown")) == "Unknown 2"
    person.frame.show_route(AlertsRoute())
    person.wait_until(lambda: context.work_counts.waiting_incident_count == old.waiting_incident_count)


def test_home_opens_the_queues(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """A line of the counts on Home opens the queue that it counts."""
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    home = person.wait_for_page(HomePage)
    person.wait_until(
        lambda: any(
            line.line.count_text == "1" for line in home.team_panel.findChildren(type(home.team_panel._buttons[0]))
        )
    )
    person.wait_for_control("Unknown").press()
    assert person.wait_for_page(QueuesPage).queue == "unknown"


def test_a_desk_that_fails_to_open_shows_its_message_in_the_window(
    qtbot: object, console: Console, qapp: QApplication
) -> None:
    """If the program can't open its services, the window shows the message and a button to try again. The button
    works after the cause is removed.
    """
    error = [ConsoleError(ErrorCode.DATABASE_LOCKED)]

    def open_services() -> Console:
        if error:
            raise error.pop()
        return console

    opening = WindowOpener(console.settings, open_services)
    opening.window.show()
    wait = qtbot.waitUntil  # type: ignore[attr-defined]  # pytest-qt's
    wait(lambda: hasattr(opening, "frame") and opening.frame.bar_layout.count() == 1)
    bar = opening.window.findChildren(NotificationBar)[0]
    assert "is busy" in bar.accessibleName()
    assert bar.button is not None
    bar.button.click()
    wait(lambda: opening.controller is not None and opening.runner.is_idle())
    opening.close()


def test_no_large_module_is_imported_before_the_first_frame(tmp_path: Path) -> None:
    """The first frame is painted before services, database and texts are loaded."""
    script = textwrap.dedent("""
        import sys
        from dataclasses import dataclass
        from pathlib import Path
        from PySide6.QtWidgets import QApplication
        app = QApplication(sys.argv[:1])
        from console.views.app.main import WindowOpener

        class SignIn:
            is_server = False

        @dataclass
        class Told:
            sign_in = SignIn()
            home: Path = Path(sys.argv[1])
            language: str = "en"
            operator: str = "op-a"
            environment: str = "test"

        heavy = ("sqlalchemy", "requests", "alembic", "console.services", "console.app")
        heavy += ("console.wording.sentences.catalogue",)
        def report():
            print([name for name in heavy if name in sys.modules])
            app.exit(0)

        opening = WindowOpener(Told(), lambda: None)
        opening.window.painted.disconnect()
        opening.window.painted.connect(report)
        opening.window.show()
        sys.exit(app.exec())
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=MAX_WAIT_SECONDS,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def _list_visible_bars(person: Person) -> list[str]:
    return [bar.accessibleName() for bar in person.window.findChildren(NotificationBar) if bar.isVisible()]


def test_the_dialog_at_the_end_lists_three_running_calls(
    open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dialog that asks before the window is closed names at most three running calls, and counts the others, so
    that it has room in a small window."""
    person = open_window()
    calls = tuple(SimpleNamespace(label=f"Credit check {number}", state="running") for number in range(1, 6))
    with monkeypatch.context() as patch:
        patch.setattr(WindowContext, "running_acting_calls", property(lambda _: calls))
        dialog = RunningCallsDialog(person.frame)
    texts = [label.plain for label in dialog.findChildren(TextLabel)]
    assert [text for text in texts if text.startswith("Credit check ")] == [f"Credit check {n}" for n in (1, 2, 3)]
    assert "2 more." in texts
    dialog.deleteLater()
