"""The search box (Ctrl+K) and the page Lookup: conditions with completion, exact matches, commands, and texts that an
attacker may paste.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event

import pytest

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.lookup.search_result import SearchResult
from console.domain.process.read_interruption import ReadInterrupted, ReadInterruption, get_current_interruption
from console.domain.records import CreditCheck
from console.sandbox.server import Sandbox
from console.store.payments import orders
from console.views.admin.page import AdminPage
from console.views.app.command_palette import CommandPalette
from console.views.app.window_commands import MAX_RECENT_COMMANDS, WindowCommand, list_recent_command_names
from console.views.lookup.found_records import FoundRecordsPanel
from console.views.lookup.page import LookupPage
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    CreditCheckRoute,
    LookupRoute,
    OperationRoute,
    OrderRoute,
    PaymentRoute,
    RefundRoute,
)
from console.views.runtime.tasks import Failure
from console.views.theme.theme import current_appearance
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.search_box import TextCompletion
from console.views.widgets.window.search_results import ResultEntry
from tests.desk.conftest import OpenWindow, buy_check, buy_with_unknown_outcome
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.store.database.test_read_interruption import ENDLESS_SQL
from tests.support.invented import invent_numbers
from tests.support.money_desks import import_paid_payment, request_refund

NUMBER_OF_BOUGHT_CHECK, NUMBER_OF_UNKNOWN_PURCHASE = invent_numbers(2, 93)
HOSTILE_SEARCH_TEXTS = (
    "%",
    "_",
    "'\"\\",
    "\u202eあ\u200f",
    "🦊",
    "\x00",
    "名" * 40_000,
    "status:pending " * 200,
    "kind:payment amount:¥",
)


def open_search_box(person: Person) -> CommandPalette:
    person.press("Ctrl+K")
    assert person.opening.controller is not None
    palette = person.opening.controller.command_palette
    person.wait_until(lambda: palette.search_box.is_open)
    return palette


def search_text(person: Person, palette: CommandPalette, text: str) -> None:
    """Put a text into the search box, as a paste does, and wait for the result."""
    palette.search_box.input.setText("")
    palette.search_box.input.insert(text)
    person.wait_until(lambda: palette._searched_text == palette.search_box.input.text())
    person.wait_until_read()


def list_entries(palette: CommandPalette) -> Iterator[ResultEntry]:
    model = palette.search_box.list.model()
    lines = (palette.search_box.list.get_line_at(row) for row in range(model.rowCount()))
    return (line for line in lines if isinstance(line, ResultEntry))


def test_the_search_box_answers_each_text(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """In one window, a person enters one search after the other: the search box completes conditions and finds the
    records that meet them, reports the parts that it doesn't understand, and opens an exact match, also if Enter
    comes before the answer. Replaced and hostile texts do no harm. Ctrl+Enter shows all found records in Lookup."""
    good, unknown = (
        buy_check(window_desks.console, NUMBER_OF_BOUGHT_CHECK),
        buy_with_unknown_outcome(window_desks.console, sandbox, NUMBER_OF_UNKNOWN_PURCHASE),
    )
    person = open_window()
    palette = open_search_box(person)

    # completion: a name, then a value, by Tab and Enter, read aloud
    search_text(person, palette, "stat")
    (name,) = (one for one in list_entries(palette) if isinstance(one.key, TextCompletion))
    assert name.title == "status:"
    assert name.detail
    person.press("Tab")
    assert palette.search_box.input.text() == "status:"
    assert palette.search_box.message_label.plain == ""  # it is still being typed
    person.type_in("unk")
    first = next(list_entries(palette))
    assert (first.title, palette.search_box.list.get_current_key()) == ("status:unknown", first.key)
    assert first.format_spoken_text().startswith("status:unknown, ")
    person.press("Return")
    assert palette.search_box.is_open
    assert palette.search_box.input.text() == "status:unknown "
    person.wait_until(lambda: palette._searched_text == "status:unknown ")
    assert [one.id for one in palette._found_records if isinstance(one, CreditCheck)] == [unknown.id]
    shown = next(one for one in list_entries(palette) if one.key == CreditCheckRoute(unknown.id))
    assert shown.state is not None
    assert shown.right_side_text  # its age

    # Qt counts a rare character of a name as two; the completion stands where the person types all the same
    search_text(person, palette, "𠮷 stat")
    person.press("Tab")
    person.type_in("unk")
    assert palette.search_box.input.text() == "𠮷 status:unk"
    assert next(list_entries(palette)).title == "status:unknown"

    # what isn't understood is told beside the field
    search_text(person, palette, "status:zzz provider:alarmbox foo:bar ")
    assert "status:zzz" in palette.search_box.message_label.plain
    assert "foo:bar" in palette.search_box.message_label.plain
    search_text(person, palette, "provider:alarmbox ")
    assert not palette.search_box.message_label.isVisible()
    assert {one.id for one in palette._found_records} == {good.id, unknown.id}

    # a plain number that no record has may be an amount; Enter before the answer never takes it for one
    palette.search_box.input.setText("")
    palette.search_box.input.insert("33000")
    assert not any(isinstance(one.key, TextCompletion) for one in list_entries(palette))
    search_text(person, palette, "33000")
    first = next(list_entries(palette))
    assert (first.title, first.detail) == ("amount:33000", "Amount")
    person.press("Return")
    assert palette.search_box.input.text() == "amount:33000 "

    # Enter before the answer: the exact match is opened as soon as it is known
    palette.search_box.input.setText("")
    palette.search_box.input.insert(good.operation_id or "")
    person.press("Return")
    person.wait_until(lambda: person.frame.current_route == OperationRoute(good.operation_id or ""))
    person.wait_until(lambda: not palette.search_box.is_open)

    # a text that is replaced before its answer leaves no trace
    palette = open_search_box(person)
    palette.search_box.input.insert(NUMBER_OF_BOUGHT_CHECK)
    palette.search_box.input.setText("")
    palette.search_box.input.insert("nobody-has-this")
    person.wait_until(lambda: palette._searched_text == "nobody-has-this")
    person.wait_until_read()
    assert palette._found_records == ()
    for text in HOSTILE_SEARCH_TEXTS:
        search_text(person, palette, text)
        assert all(isinstance(one.title, str) for one in list_entries(palette))
    search_text(person, palette, "名" * 40_000)
    assert palette.search_box.message_label.plain

    # all of it in Lookup
    search_text(person, palette, "provider:alarmbox")
    person.press("Ctrl+Return")
    page = person.wait_for_page(LookupPage)
    person.wait_until(lambda: isinstance(page.result_stack.currentWidget(), FoundRecordsPanel))
    panel = page.result_stack.currentWidget()
    assert isinstance(panel, FoundRecordsPanel)
    assert {one.id for one in panel.table.all_rows} == {good.id, unknown.id}
    assert not panel.more_button.isVisible()
    page._search_limit = 1
    page._search_text(page._looked_up_text)
    person.wait_until(lambda: page.result_stack.currentWidget() is not panel)
    person.wait_until_read()
    fewer = page.result_stack.currentWidget()
    assert isinstance(fewer, FoundRecordsPanel)
    assert len(fewer.table.all_rows) == 1
    fewer.more_button.click()
    person.wait_until(lambda: page.result_stack.currentWidget() is not fewer)
    person.wait_until_read()
    more = page.result_stack.currentWidget()
    assert isinstance(more, FoundRecordsPanel)
    assert len(more.table.all_rows) == 2
    person.frame.show_route(LookupRoute("status:zzz client:1"))
    person.wait_until(lambda: "status:zzz" in page.number_field.edit.accessibleDescription())


def test_the_search_box_finds_records_of_all_kinds(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The search box finds a credit check by its corporation number and its operation, an order by its number, a
    payment by our number and by the provider's, and a refund by its number on the screens. Enter opens the page of
    the operation, order, payment or refund.
    """
    check = buy_check(console, NUMBER_OF_BOUGHT_CHECK)
    payment = import_paid_payment(console, sandbox, "PAY-2001")
    refund = request_refund(console, payment.id)
    with window_desks.write_as_owner() as tx:  # the shop adds orders
        order_id = orders.insert_order(tx.conn, orders.NewOrder("SHOP-3001", 12_000), console._context.now())
    person = open_window()
    for text, route in {
        NUMBER_OF_BOUGHT_CHECK: CreditCheckRoute(check.id),
        check.operation_id or "": OperationRoute(check.operation_id or ""),
        "SHOP-3001": OrderRoute(order_id),
        "PAY-2001": PaymentRoute(payment.id),
        payment.provider_payment_id or "": PaymentRoute(payment.id),
        f"R-{refund.id}": RefundRoute(refund.id),
    }.items():
        palette = open_search_box(person)
        search_text(person, palette, text)
        assert route in [entry.key for entry in list_entries(palette)], text
        if text == NUMBER_OF_BOUGHT_CHECK:  # Enter opens the company
            palette.search_box.close()
        else:
            person.press("Return")
            assert person.frame.current_route == route
        person.wait_until_read()


def list_command_keys(palette: CommandPalette) -> list[WindowCommand]:
    return [entry.key for entry in list_entries(palette) if isinstance(entry.key, WindowCommand)]


def test_records_found_by_their_number_come_before_their_companies(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If a text is the beginning of numbers of records, these records come before their companies, which the text
    doesn't name. If the text is a corporation number, the company comes first.
    """
    company = NUMBER_OF_BOUGHT_CHECK
    payments = [
        import_paid_payment(console, sandbox, number, corporation_number=company)
        for number in ("PAY-2001", "PAY-2002")
    ]
    person = open_window()
    palette = open_search_box(person)
    search_text(person, palette, "PAY-200")
    keys = [entry.key for entry in list_entries(palette)]
    assert set(keys[:2]) == {PaymentRoute(payment.id) for payment in payments}
    assert [key for key in keys[2:] if isinstance(key, LookupRoute)] != []
    search_text(person, palette, company)
    assert isinstance(next(iter(list_entries(palette))).key, LookupRoute)


def test_the_empty_search_box_lists_the_last_twenty_records(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """After a person has opened twenty-one records, the empty search box lists the newest twenty of them, the last
    one first.
    """
    records = [buy_check(window_desks.console, number) for number in invent_numbers(21, 74)]
    person = open_window()
    for record in records:
        person.opening.context.add_visit(record)
    palette = open_search_box(person)
    person.wait_until(lambda: any(isinstance(entry.key, CreditCheckRoute) for entry in list_entries(palette)))
    listed = [entry.key.id for entry in list_entries(palette) if isinstance(entry.key, CreditCheckRoute)]
    assert listed == [record.id for record in reversed(records[1:])]


def test_the_search_box_finds_commands_in_both_languages(open_window: OpenWindow) -> None:
    """The search box finds commands by their words in both languages and shows their keys. The command that was used
    last comes first. A command that isn't possible shows the reason.
    """
    person = open_window()
    palette = open_search_box(person)
    for text, name in {
        "ダーク": "theme.dark",
        "colours dark": "theme.dark",
        "管理": "go.admin",
        "lock": "lock",
        "Japanese": "language.ja",
        "英語": "language.en",
    }.items():
        search_text(person, palette, text)
        assert name in [command.name for command in list_command_keys(palette)], text
    by_name = palette._commands
    keys = {"go.admin": "Alt+9", "lock": "Ctrl+L", "export": "Ctrl+E", "keys": "Ctrl+/", "copy_link": "Ctrl+Shift+L"}
    assert {name: by_name[name].shortcut for name in keys} == keys
    assert {"language.ja", "text_size.150", "density.compact", "purchase", "about", "queue.unknown"} <= by_name.keys()
    search_text(person, palette, "sign out")
    (sign_out,) = (
        one for one in list_entries(palette) if isinstance(one.key, WindowCommand) and one.key.name == "sign_out"
    )
    may_sign_out = person.opening.settings.sign_in.is_server
    assert bool(sign_out.disabled_reason) == (not may_sign_out)
    assert palette.search_box.list.get_current_key() is sign_out.key
    for name in ("export", "purchase"):
        assert by_name[name].find_refusal(), name
    search_text(person, palette, "Colours: Dark")
    person.press("Return")
    person.wait_until(lambda: current_appearance().theme == "dark")
    palette = open_search_box(person)
    person.wait_until(lambda: bool(list_command_keys(palette)))
    assert list_command_keys(palette)[0].name == "theme.dark"
    search_text(person, palette, "Admin")
    person.press("Return")
    person.wait_for_page(AdminPage)
    assert list_recent_command_names(person.opening.context) == ["go.admin", "theme.dark"]
    palette = open_search_box(person)
    for name in [*palette._commands][:20]:
        if name.startswith("queue."):
            palette._open_result(palette._commands[name])
    assert len(list_recent_command_names(person.opening.context)) <= MAX_RECENT_COMMANDS
    palette.search_box.close()
    palette = open_search_box(person)
    search_text(person, palette, "about this")
    person.press("Return")
    assert person.wait_for_dialog(DialogFrame).accessibleName().startswith("About Support Console")


def test_the_typed_title_of_a_command_that_is_off_shows_its_reason(open_window: OpenWindow) -> None:
    """For each command that isn't possible at present, its typed title, in both languages, makes it the current
    result with its reason, and nothing says that nothing was found. Enter, also before the search has ended, shows
    the whole reason, leaves the box open and opens no page.
    """
    person = open_window()
    frame, context = person.frame, person.opening.context
    page = frame.current_page
    palette = open_search_box(person)
    commands_that_are_off = [command for command in palette._commands.values() if command.find_refusal()]
    assert {"export", "purchase"} <= {command.name for command in commands_that_are_off}
    for command in commands_that_are_off:
        for language in ("ja", "en"):
            title = command.get_title(language)
            search_text(person, palette, title)
            current_key = palette.search_box.list.get_current_key()
            assert isinstance(current_key, WindowCommand), title
            assert current_key.name == command.name
            entries = list(list_entries(palette))
            assert [entry.disabled_reason for entry in entries if entry.key == current_key] == [
                command.find_refusal()
            ]
            assert not any(entry.title == context.translate("search.none_where") for entry in entries)
            person.press("Return")
            assert command.find_refusal() in palette.search_box.message_label.plain
            assert palette.search_box.is_open
            assert frame.current_page is page
    palette.search_box.input.setText("")
    palette.search_box.input.insert(title)
    person.press("Return")  # the search hasn't ended
    person.wait_until(lambda: bool(palette.search_box.message_label.plain))
    assert palette.search_box.is_open


def test_a_number_and_an_early_enter_open_the_company(window_desks: WindowTestDesks, open_window: OpenWindow) -> None:
    """If a person presses Enter before the result of the search has arrived, the company of the typed number is
    opened, never an entry of an earlier search.
    """
    good = buy_check(window_desks.console, NUMBER_OF_BOUGHT_CHECK)
    person = open_window()
    for before in ("", "status:unknown", str(good.id)):
        palette = open_search_box(person)
        if before:
            search_text(person, palette, before)
        palette.search_box.input.selectAll()
        palette.search_box.input.insert(NUMBER_OF_BOUGHT_CHECK)
        assert palette._searched_text != NUMBER_OF_BOUGHT_CHECK
        person.press("Return")
        assert not palette.search_box.is_open
        assert person.frame.current_route == LookupRoute(NUMBER_OF_BOUGHT_CHECK)
        person.wait_until_read()
        person.press("Alt+1")


@contextmanager
def make_search_endless(console: Console) -> Iterator[tuple[Event, list[str]]]:
    """Within the block, each search reads from the database without end. Yield an event that is set when a search has
    begun to read, and a list that gets an item each time that the database has ended a search."""
    has_begun, endings, interruptions = Event(), list[str](), list[ReadInterruption]()
    search_records = console.lookup.search

    def search_endlessly(text: str, limit: int = 50, prefecture: str | None = None) -> SearchResult:
        database, interruption = console._context.database, get_current_interruption()
        assert interruption is not None
        interruptions.append(interruption)
        try:
            with database.read() as conn:
                has_begun.set()
                conn.exec_driver_sql(ENDLESS_SQL[database.dialect])
        except ReadInterrupted:
            endings.append("interrupted")
            raise
        return search_records(text, limit, prefecture)

    console.lookup.search = search_endlessly  # type: ignore[method-assign]  # the only change: it reads longer
    try:
        yield has_begun, endings
    finally:
        console.lookup.search = search_records  # type: ignore[method-assign]  # as it was
        for interruption in interruptions:  # if the test has failed, its search ends, too
            interruption.interrupt()


def test_esc_ends_a_running_search(open_window: OpenWindow, console: Console) -> None:
    """Esc ends the running search in the database; the search box stays open and says so. The next Esc closes the
    search box.
    """
    person = open_window()
    palette = open_search_box(person)
    with make_search_endless(console) as (has_begun, endings):
        person.type_in("sakura")
        person.wait_until(has_begun.is_set)
        person.wait_until(lambda: "Esc" in palette.search_box.footer.status_label.plain)
        person.press("Esc")
        assert palette.search_box.is_open
        assert "cancelled" in palette.search_box.footer.status_label.plain
        person.wait_until_read()  # all searches have ended: on a busy machine the first letters began one, too
        assert set(endings) == {"interrupted"}
        person.press("Esc")
        assert not palette.search_box.is_open


def test_enter_repeats_a_search_that_failed(open_window: OpenWindow, console: Console) -> None:
    """Enter repeats a search that failed, because the box has no result that Enter could open."""
    good = buy_check(console, NUMBER_OF_BOUGHT_CHECK)
    person = open_window()
    palette = open_search_box(person)
    search_records = console.lookup.search

    def raise_unreachable(text: str, limit: int = 50, prefecture: str | None = None) -> SearchResult:
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    console.lookup.search = raise_unreachable  # type: ignore[method-assign]  # the only change: the database is away
    try:
        palette.search_box.input.insert(str(good.id))
        person.wait_until(lambda: palette._search_task is not None and palette._search_task.state == "done")
        person.press("Return")
        person.wait_until_read()
        message = palette.search_box.message_label
        assert message.plain == palette._context.format_failure(Failure(ErrorCode.DATABASE_UNREACHABLE))
        assert message.height() >= message.heightForWidth(message.width()), "the whole message is visible"
    finally:
        console.lookup.search = search_records  # type: ignore[method-assign]  # as it was
    assert palette.search_box.is_open
    person.press("Return")
    person.wait_until(lambda: palette._searched_text == str(good.id))
    assert good.id in {entry.key.id for entry in list_entries(palette) if isinstance(entry.key, CreditCheckRoute)}
    assert palette.search_box.message_label.plain == ""


def test_enter_after_a_blank_search_text_opens_the_current_record(open_window: OpenWindow, console: Console) -> None:
    """A search text of a single space counts as empty, also after an ended search: Enter opens the current record in
    the list of recent records.
    """
    good = buy_check(console, NUMBER_OF_BOUGHT_CHECK)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(good.id))
    person.wait_until_read()
    person.press("Alt+1")
    palette = open_search_box(person)
    with make_search_endless(console) as (has_begun, endings):
        palette.search_box.input.insert("sakura")
        person.wait_until(has_begun.is_set)
        palette.search_box.input.selectAll()
        palette.search_box.input.insert(" ")
        person.wait_until(lambda: bool(endings))
    person.press("Return")
    assert not palette.search_box.is_open
    person.wait_until_read()
    assert person.frame.current_route == CreditCheckRoute(good.id)


@pytest.mark.parametrize("text", ["", "sakura mori"])
def test_another_text_ends_a_running_search(open_window: OpenWindow, console: Console, text: str) -> None:
    """If the person deletes or changes the text, the search for the earlier text ends. The search box doesn't say
    that it is searching before the next search begins.
    """
    person = open_window()
    palette = open_search_box(person)
    with make_search_endless(console) as (has_begun, endings):
        palette.search_box.input.insert("sakura")
        person.wait_until(has_begun.is_set)
        person.wait_until(lambda: "Esc" in palette.search_box.footer.status_label.plain)
        palette.search_box.input.selectAll()
        palette.search_box.input.insert(text)
        assert palette.search_box.footer.status_label.plain == ""
        person.wait_until(lambda: bool(endings))


@pytest.mark.parametrize("is_picked", [False, True])
def test_closing_the_search_box_interrupts_its_search(
    open_window: OpenWindow, console: Console, *, is_picked: bool
) -> None:
    """If the person closes the search box or picks an entry, the running search is interrupted. A search that hasn't
    begun yet doesn't begin.
    """
    person = open_window()
    palette = open_search_box(person)
    with make_search_endless(console) as (has_begun, endings):
        palette.search_box.input.insert("about this")
        person.wait_until(has_begun.is_set)
        leave = (
            partial(palette.search_box.list.picked.emit, LookupRoute(NUMBER_OF_BOUGHT_CHECK))
            if is_picked
            else palette.search_box.close
        )
        leave()
        person.wait_until(lambda: endings == ["interrupted"])
        assert open_search_box(person).search_box.footer.status_label.plain == ""
        palette.search_box.input.insert("about this")
        leave()
        assert not palette._search_timer.isActive()
        person.wait_until_read()
        assert endings == ["interrupted"]


def test_only_fast_typing_delays_a_search(open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a key is pressed at least 40 ms after the previous key, the search for the typed text begins immediately.
    Faster typing delays the search.
    """
    person = open_window()
    palette, now = open_search_box(person), person.opening.context.monotonic()
    monkeypatch.setattr(WindowContext, "monotonic", lambda _context: now)
    for seconds_since_last_key, expected_delay_ms in ((9, 0), (0.001, 40), (0.039, 40), (0.041, 0), (0.03, 40)):
        now += seconds_since_last_key
        palette.search_box.input.insert("a")
        assert palette._search_timer.isActive()
        assert palette._search_timer.interval() == expected_delay_ms
