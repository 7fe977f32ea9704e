"""No page of the window and no text of a command shows an internal code or id. This is checked with invented records
of all kinds in both languages.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTableView
from pytestqt.qtbot import QtBot

from console.demo.samples import CLIENT_IDS
from console.domain.clock import SystemClock
from console.domain.explained_state import WorkBadge
from console.domain.payments.records import Refund
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, act_as
from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog
from console.views.records.note_dialog import NoteDialog
from console.views.records.page import RecordPage
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    OrderRoute,
    PaymentRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    RecordPageRoute,
    RefundRoute,
    Route,
    SetAsidesRoute,
)
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.wording.records import format_amount_with_difference_mark
from tests.cli.conftest import Terminal
from tests.desk.window_person import Person
from tests.support.desks import make_environment
from tests.support.sample_desk import SampleDesk, open_sample_desk

INTERNAL_CODE_PATTERNS = (
    re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b"),  # not_found, http_404
    re.compile(r"\b(?:record|audit|refund|payment|order|purchase|probe|person|alert|bulk|request)\.[a-z_]+\b"),
    re.compile(r"\b(?:credit-check|payment|order|refund|bulk-run) \d+\b"),  # a kind's code with an internal id
    re.compile(r"\b\d+ (?:JPY|INR)\b"),  # minor units
    re.compile(r"\b[a-z]+=[^ ]"),  # order=pending
)
"""The patterns that no text for people contains. A provider's own code, in capitals, isn't among them: a page may
show it beside its word."""


PATTERNS_FORBIDDEN_ON_SCREENS = (
    *INTERNAL_CODE_PATTERNS,
    re.compile(r"\bHTTP \d{3}\b"),
    re.compile(r"\bev-[0-9a-z]+\b"),
)
"""The patterns that `check_screens` looks for. HTTP statuses are among them, because a screen may show them only in
the list of raw answers.
"""


def find_internal_codes(
    texts: Iterator[str], patterns: Sequence[re.Pattern[str]] = INTERNAL_CODE_PATTERNS
) -> list[tuple[str, str]]:
    """Return (code, start of the text that contains it) for all matches of the patterns, sorted."""
    return sorted({(match.group(), text[:160]) for text in texts for one in patterns for match in one.finditer(text)})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("words") / "desk"


@pytest.fixture(scope="module")
def desk(home: Path) -> Iterator[SampleDesk]:
    with open_sample_desk(home, LANGUAGE="en") as made:
        with act_as(WORKER):
            AlertRuleEvaluator(made.console._context).update_alerts()
        with made.console.acting_as("op-a"):
            payment = made.list_payments("complete")[-1]
            made.console.recovery.take("payment", payment.id)
            made.console.recovery.hand_over("payment", payment.id, "waits for their call")
            made.console.recovery.probe("payment", payment.id)
            made.console.recovery.take("payment", get_taken_payment_id(made))
            made.console.incidents.take(made.console.incidents.list_incidents()[0].id)
        with made.console.acting_as("lead-b"):
            made.console.recovery.add_note("payment", get_taken_payment_id(made), "@op-a")
        yield made


def get_taken_payment_id(desk: SampleDesk) -> int:
    """Return the id of the payment that op-a has taken and in whose note op-a is mentioned."""
    return desk.list_payments("complete")[0].id


def find_refund_of_each_kind(desk: SampleDesk) -> Iterator[int]:
    """Return the id of one refund for each combination of state, certainty, work and error code."""
    records = [item.record for item in desk.console.recovery.read_queue("refunds").items]
    refunds = [record for record in records if isinstance(record, Refund)]
    assert refunds
    yield from {(one.state, one.certainty, one.work.state, one.error_code): one.id for one in refunds}.values()


def list_routes(desk: SampleDesk) -> Iterator[Route]:
    """Yield the routes of the most used pages, and of one record for each kind of sample."""
    yield from (
        HomeRoute(),
        ApprovalsRoute(),
        SetAsidesRoute(),
        AlertsRoute(),
        ReconcileRoute(),
        ReconcileRunsRoute(),
    )
    yield from (QueuesRoute(name) for name in ("review", "unknown", "refunds", "incomplete", "pending", "error"))
    yield from (CreditCheckRoute(sample.id) for sample in {one.sample_kind: one for one in desk.samples}.values())
    yield from (PaymentRoute(payment.id) for payment in {one.sample_kind: one for one in desk.payments}.values())
    for payment in {one.sample_kind: one for one in desk.payments}.values():
        view = desk.console.payments.read_payment(payment.id)
        if view.order is not None:
            yield OrderRoute(view.order.id)
    yield from (RefundRoute(id) for id in find_refund_of_each_kind(desk))
    yield LookupRoute(desk.samples[0].corporation_number)
    yield AuditRoute()
    yield AdminRoute()


def read_shown_texts(person: Person) -> Iterator[str]:
    """Yield the texts of the visible labels, and of the cells in the first 60 rows of the visible tables, as they are
    shown and as they are spoken.
    """
    for label in person.window.findChildren(TextLabel):
        if label.isVisible():
            yield label.plain
    for table in person.window.findChildren(QTableView):
        model = table.model()
        if not table.isVisible():
            continue
        for row in range(min(model.rowCount(), 60)):
            for column in range(model.columnCount()):
                entry = getattr(model, "get_item", lambda _row: None)(row)
                cell = model.columns[column].make_cell(entry) if entry is not None and hasattr(entry, "id") else ""  # type: ignore[attr-defined]  # a model of ours
                yield cell if isinstance(cell, str) else str(getattr(cell, "word", ""))
                yield str(model.index(row, column).data(Qt.ItemDataRole.AccessibleTextRole) or "")


LANGUAGES = ("ja", "en")
ROUTE_PART_COUNT = 3
PAGE_ACTION_BY_ADVISED_DECISION = {"approve": "open_approval", "reject": "open_approval"}
"""For each advised decision about a refund, the action of the refund's page that leads to it."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", range(ROUTE_PART_COUNT))
def test_no_screen_shows_a_code(qtbot: QtBot, desk: SampleDesk, part: int, language: str) -> None:
    """No page of the window shows an internal code. Half of the pages are checked in this language, the other half in
    the other language. The soak test checks all pages in both.
    """
    in_language = list(list_routes(desk))[LANGUAGES.index(language) :: 2]
    check_screens(qtbot, desk, language, in_language[part::ROUTE_PART_COUNT])


@pytest.mark.soak
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_screen_shows_a_code_in_either_language(qtbot: QtBot, desk: SampleDesk, language: str) -> None:
    check_screens(qtbot, desk, language, list(list_routes(desk)))


def check_screens(qtbot: QtBot, desk: SampleDesk, language: str, shown: list[Route]) -> None:
    """Open each of the routes in `shown` in a window in this language, and check that no text on it is an internal
    code.
    """
    person = Person(qtbot, desk.console, desk.console.settings, SystemClock())
    person.opening.context.change_operator("aud-e")
    person.opening.context.change_language("ja" if language == "ja" else "en")
    person.wait_until_read()
    raw, text_count = [], 0
    for route in shown:
        person.frame.show_route(route)
        person.wait_until_read()
        texts = list(read_shown_texts(person))
        text_count += len(texts)
        raw += [(route, *part) for part in find_internal_codes(iter(texts), PATTERNS_FORBIDDEN_ON_SCREENS)]
    person.close()
    assert text_count > 20 * len(shown)
    assert sorted({part[1:] for part in raw}) == []


def test_a_primary_button_does_the_next_step(qtbot: QtBot, desk: SampleDesk) -> None:
    """On the page of each record, a primary button executes the advised next step of the record. No button is primary
    if the record says "Nothing to do", or if its next step is no action of the page.
    """
    person = Person(qtbot, desk.console, desk.console.settings, SystemClock())
    person.opening.context.change_operator("lead-b")
    person.wait_until_read()
    primary_actions = []
    for route in list_routes(desk):
        if not isinstance(route, RecordPageRoute):
            continue
        person.frame.show_route(route)
        person.wait_until_read()
        page = person.wait_for_page(RecordPage)
        assert page.details is not None
        explanation = page.details.explanation
        shown = [
            str(button.property("act"))
            for button in page.form.findChildren(KeyButton)
            if button.isVisible() and button.kind == "primary"
        ]
        primary_actions += shown
        advised = {
            explanation.next_step.action,
            PAGE_ACTION_BY_ADVISED_DECISION.get(explanation.next_step.action or ""),
        }
        assert set(shown) <= advised, (route, shown, explanation)
        assert shown == [] or explanation.work is not WorkBadge.NONE, (route, shown, explanation)
        nothing = tokens().badges["work.none"].get_word(person.opening.context.language)
        is_nothing_shown = page.head.badges[2].word == nothing
        assert is_nothing_shown == (explanation.work is WorkBadge.NONE), route
    person.close()
    assert {"open_approval", "open_refund", "probe", "refetch", "resolve"} <= set(primary_actions)


def test_an_order_with_a_mismatch_is_marked_on_its_page_as_in_lists(qtbot: QtBot, desk: SampleDesk) -> None:
    """If the total of an order differs from the paid amount, the page of the order marks the total with the same sign
    as the lists."""
    person = Person(qtbot, desk.console, desk.console.settings, SystemClock())
    marks = set()
    for kind in ("not_moved", "complete"):
        order = desk.console.payments.read_payment(desk.list_payments(kind)[-1].id).order
        assert order is not None
        person.frame.show_route(OrderRoute(order.id))
        person.wait_until_read()
        page = person.wait_for_page(RecordPage)
        assert page.details is not None
        amount = format_amount_with_difference_mark(page.details.record, person.opening.context)
        assert page.head.detail_label.plain == amount
        labels = set(page.findChildren(TextLabel)) - set(page.sides_strip.findChildren(TextLabel))
        assert [label.plain for label in labels if label.isVisible()].count(amount) == 2
        marks.add("≠" in amount)
    assert marks == {True, False}


@pytest.mark.parametrize("language", LANGUAGES)
def test_unfinished_work_names_payments_by_their_numbers(qtbot: QtBot, desk: SampleDesk, language: str) -> None:
    """Each tab of the unfinished work names the taken and mentioned payment by its payment number, and so does the
    title of a note's draft.
    """
    with desk.console.acting_as("op-a"):  # once more: the take of the module lasts 90 s at this scale
        desk.console.recovery.take("payment", get_taken_payment_id(desk))
    person = Person(qtbot, desk.console, desk.console.settings, SystemClock())
    context = person.opening.context
    context.change_operator("op-a")
    context.change_language("ja" if language == "ja" else "en")
    person.wait_until_read()
    payment_id = get_taken_payment_id(desk)
    number = desk.console.payments.read_payment(payment_id).record.merchant_payment_id
    note = NoteDialog(context, "payment", payment_id, person.window)
    note.open()
    person.wait_until_read()
    person.type_in("call back")
    note.reject()
    incident = next(one.id for one in desk.console.incidents.list_incidents() if one.owner == "op-a")
    assert [draft.title for draft in context.person_values.list_drafts()] == [
        f"{context.translate('kind.payment')} {number}"
    ]
    dialog = open_unfinished_work_dialog(person.frame)
    person.wait_until_read()
    for name in ("held", "own", "mentions"):
        dialog.show_tab(name)
        texts = list(read_shown_texts(person))
        assert [text for text in texts if number in text], name
        assert [text for text in texts if f"{context.translate('kind.payment')} {payment_id}" in text] == [], name
        assert (f"{context.translate('kind.incident')} {incident}" in texts) == (name == "own"), name
    dialog.reject()
    person.close()


def _iterate_lines_without_commands(text: str) -> Iterator[str]:
    """Yield the lines without those that contain a command to type, because commands contain codes."""
    return (line for line in text.splitlines() if "support-console " not in line)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_command_prints_a_code(desk: SampleDesk, home: Path, language: str) -> None:
    """The text output of each command that reads contains no internal code: queues, credit checks, payments, refunds,
    a company, alerts, unfinished work and the audit trail.
    """
    facts = {"CLIENTS": ",".join(CLIENT_IDS), "OPERATOR": "aud-e", "LANGUAGE": language}
    terminal = Terminal(make_environment(home, desk.sandbox.url, **facts))
    commands: list[tuple[str, ...]] = [
        ("queue", name) for name in ("pending", "error", "incomplete", "unknown", "review", "refunds")
    ]
    commands += [
        ("show", "credit-check", str(id)) for id in {one.sample_kind: one.id for one in desk.samples}.values()
    ]
    commands += [("show", "payment", str(id)) for id in {one.sample_kind: one.id for one in desk.payments}.values()]
    commands += [("show", "refund", str(id)) for id in find_refund_of_each_kind(desk)]
    commands += [
        ("lookup", desk.samples[0].corporation_number),
        ("alerts", "list"),
        ("audit", "list"),
        ("unfinished",),
    ]
    raw = []
    for command in commands:
        ending = terminal(*command)
        assert ending.status == 0, (command, ending)
        raw += [
            (" ".join(command), *part)
            for part in find_internal_codes(_iterate_lines_without_commands(ending.out.decode()))
        ]
    assert sorted({part[1:] for part in raw}) == []
    number = desk.console.payments.read_payment(desk.list_payments("complete")[-1].id).record.merchant_payment_id
    assert number in terminal("audit", "list").out.decode(), "a payment is named by its own number"
