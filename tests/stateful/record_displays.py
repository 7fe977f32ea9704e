"""Compares all displays of a record: page, row of a list, output of a terminal, JSON, search, queues, alerts and
exported files. All displays must have the same explanation, an unknown outcome must never be shown as known, and the
services must accept the advised action.

Of the arguments of the functions, `view` has the data of the record's page, `page` the explanation in it, `row` the
record's row in a list, and `now` the present time by the desk's clock.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from console.cli.json_output import record_details as json_details
from console.cli.json_output.records import build_record_json
from console.cli.process.related_records import add_related_records_to_answer, add_related_records_to_refusal
from console.cli.text_output.record_details import format_details_lines
from console.cli.text_output.records import format_explained_record, format_records_of_one_kind
from console.cli.text_output.translator import Translator
from console.domain.access.read_only import find_stopping_switch, is_action_stopped
from console.domain.allowed_action import AllowedAction
from console.domain.bulk.records import ChosenRecord
from console.domain.clock import CLOCK_TOLERANCE, SystemClock, compute_age
from console.domain.errors import ConsoleError
from console.domain.explained_state import CertaintyBadge, Explanation, WorkBadge
from console.domain.explanations.badges import NEXT_STEPS_OF_PROGRAM, NEXT_STEPS_WITH_LATER_SENDING, find_state_badge
from console.domain.explanations.records import explain_record
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, CreditCheck, WorkState
from console.store.operations import journal
from console.store.records import any_record
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.wiring.exports import make_export_table
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import FileTextContext
from tests.support.choice_stage import ChoiceStage

REASONS_OF_A_PERSON = frozenset(
    f"reason.{name}"
    for name in (
        "role",
        "may_not_buy",
        "own_first_half",
        "refund_own",
        "refund_approved_by_you",
        "provider_says_otherwise",
    )
)
"""Reasons for which one person can't execute an action that another person may execute, and reasons that follow from
the provider's last answer."""
STEPS_WITHOUT_PERSON = frozenset(
    f"next.{name}"
    for name in (
        "nothing",
        "bought_since",
        "open_successor",
        "order_expires",
        "order_shop_decides",
        "order_wait",
        "payment_confirmed_later",
        "payment_may_begin_again",
        "payment_moved_by_itself",
        "payment_probe_waiting",
        "payment_refund_approved",
        "payment_refund_approved_read_only",
        "payment_refund_expires",
        "payment_refund_submitted",
        "payment_refund_submitting",
        "payment_reversible",
        "payment_wait",
        "read_only",
        "read_only_provider",
        "refund_after_read_only",
        "refund_after_read_only_cooling_off",
        "refund_cooling_off",
        "refund_expires",
        "refund_poll",
        "refund_sent_by_itself",
        "refund_wait",
        "wait_for_answer",
    )
)
"""The next steps whose sentences ask no person at this desk to do something about the record itself. Every other next
step contradicts a badge that says that there is nothing to do."""
ExplanationCodes = tuple[object, ...]
RecordRef = tuple[str, int]
"""Kind and id of a record."""
_KIND_BY_CLASS: Mapping[type, str] = {
    CreditCheck: "credit-check",
    Order: "order",
    Payment: "payment",
    Refund: "refund",
}
_TABLE_BY_KIND = {
    "credit-check": "hansha_alarmbox_credit_checks",
    "order": "orders",
    "payment": "payments",
    "refund": "refunds",
}
_QUEUE_NAMES = ("pending", "error", "incomplete", "unknown", "review", "refunds")
_file_counter = count(1)
_RESULT_TITLE, _DONE_RESULT = (wording.translate(key, "en") for key in ("column.result", "bulk.result.done.probe"))


@dataclass
class CheckedRecord:
    """One record of a history with the values of its last check. `since_by_state` has the beginning of the record's
    present state by (state, certainty). `row_codes` has the version and the explanation codes of its row.
    """

    kind: str
    id: int
    since_by_state: dict[tuple[object, object], object] = field(default_factory=dict)
    row_codes: ExplanationCodes = ()

    @property
    def ref(self) -> RecordRef:
        return self.kind, self.id


def read_view(stage: ChoiceStage, kind: str, record_id: int) -> Any:
    """Read and return the view that the record's page shows."""
    return stage.console.recovery.read_record(kind, record_id)


def read_rows(stage: ChoiceStage, refs: Iterable[RecordRef]) -> dict[RecordRef, Any]:
    """Read all these records at once, as a list of the window does. Return the rows by kind and id."""
    chosen = list(dict.fromkeys(refs))
    with stage.context.database.read() as conn:
        lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
        records = [any_record.find(conn, kind, record_id, lapsed_ids) for kind, record_id in chosen]
        assert None not in records, dict(zip(chosen, records, strict=True))
        completed = stage.console._record_readers.complete_records(conn, cast("list[Any]", records))
        return dict(zip(chosen, completed, strict=True))


@contextmanager
def stop_clocks(stage: ChoiceStage) -> Iterator[None]:
    """Stop the clocks of the desk and of the terminal within the block. Otherwise a scheduled step could become due
    between two reads on a slow machine.
    """
    with stage.clock.stop_time_of_day() as moment, pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _clock: moment)
        yield


def get_explanation_codes(explanation: Explanation) -> ExplanationCodes:
    """Return the codes of an explanation without its facts: the verdict, the reason, the next step with its command
    and action, and the badges.
    """
    step = explanation.next_step
    return (
        explanation.verdict,
        explanation.why,
        step.code,
        step.command,
        step.action,
        explanation.certainty,
        explanation.work,
    )


def check_records(stage: ChoiceStage, records: Iterable[CheckedRecord], *, checks_always: bool = True) -> None:
    """Check all displays of these records now. Without `checks_always`, the page of a record is read only if the
    record's row has changed.
    """
    with stop_clocks(stage):
        chosen = list(records)
        rows = read_rows(stage, (checked.ref for checked in chosen))
        for checked in chosen:
            _check_record(stage, checked, rows[checked.ref], checks_always=checks_always)


def _check_record(stage: ChoiceStage, checked: CheckedRecord, row: Any, *, checks_always: bool) -> None:
    """Check one record, whose row in a list is `row`. Without `checks_always`, return early if the row has not
    changed."""
    now = stage.context.now()
    listed = get_explanation_codes(explain_record(row, now))
    _check_beginning_of_state(stage, checked, row)
    if not checks_always and checked.row_codes == (row.version, *listed):
        return
    checked.row_codes = (row.version, *listed)
    view = read_view(stage, checked.kind, checked.id)
    page = view.explanation
    assert get_explanation_codes(page) == listed, (
        f"{checked}: the page says {get_explanation_codes(page)}, the list {listed}"
    )
    _check_window_and_terminal(stage, view, row, page, now)
    _check_nested_records(stage, view, now)
    _check_sentences_of_unknown_record(view, page)
    _check_nothing_contradicts(view, page)
    _check_refunds(stage, view, page)
    _check_advice(view, page)
    _check_read_only_switch(stage, view, page)


def _check_window_and_terminal(stage: ChoiceStage, view: Any, row: Any, page: Explanation, now: datetime) -> None:
    """Check that the page's badges, the row's badges, the terminal's JSON and the terminal's text agree with the
    explanation of the page.
    """
    assert case_words.get_page_badge_keys(view)[1:] == case_words.get_badge_keys(row, now)[1:]
    assert case_words.get_certainty_badge_key(row, now) == f"certainty.{page.certainty}"
    assert case_words.get_work_badge_key(row, now) == f"work.{page.work}"
    shown = json_details.build_details_json(view, _translate_to_english)
    _check_terminal(
        stage, build_record_json(row, _translate_to_english), format_records_of_one_kind((row,), _TRANSLATOR), view
    )
    assert shown["verdict"] == _translate_to_english(page.verdict, **page.facts)
    assert shown["next_step"]["command"] == page.next_step.command
    lines = list(format_details_lines(view, _TRANSLATOR))
    assert shown["verdict"] in lines
    assert shown["next_step"]["text"] in lines
    if not stage.clock.offset:  # the terminal has the machine's clock
        for badge in (f"state.certainty.{page.certainty}", f"state.work.{page.work}"):
            assert f"  {_translate_to_english(badge)}  " in f"{lines[1]}  ", (lines[1], badge)


def _check_terminal(stage: ChoiceStage, shown: Mapping[str, Any], lines: Iterable[str], view: Any) -> None:
    """Check that the JSON object `shown` and the text `lines` of a terminal agree with the page of the record. The
    check is skipped while the desk's clock is wrong, because a terminal uses the machine's clock.
    """
    if stage.clock.offset:
        return
    page, state = view.explanation, find_state_badge(view.record)
    step, keys = page.next_step, (state, f"certainty.{page.certainty}", f"work.{page.work}")
    assert shown["verdict"] == _translate_to_english(page.verdict, **page.facts)
    assert (shown["why_code"], shown["next_step"]["code"], shown["next_step"]["command"]) == (
        page.why,
        step.code,
        step.command,
    )
    assert [badge["word"] for badge in shown["badges"].values()] == [
        _translate_to_english(f"state.{key}") for key in keys
    ]
    text = "".join(f"  {line}  \n" for line in lines)
    for key in keys:
        assert f"  {_translate_to_english(f'state.{key}')}  " in text, (key, text)


def check_answer(stage: ChoiceStage, answer: Any) -> None:
    """Check the result of a command as a terminal prints it. The terminal must explain the record that the action
    returned, or that a refusal names, as the record's page does. If the record has changed since the action, the
    terminal must not explain it.
    """
    if isinstance(answer, ConsoleError):
        add_related_records_to_refusal(stage.console, answer)
        record = answer.detail.get("record")
    else:
        completed = add_related_records_to_answer(stage.console, answer)
        record = getattr(completed, "record", completed)
    if type(record) in _KIND_BY_CLASS:
        with stop_clocks(stage):
            _check_answer_record(stage, answer, cast("ShownRecord", record))


def _check_answer_record(stage: ChoiceStage, answer: Any, record: ShownRecord) -> None:
    """Check that the record in an action's answer has the same explanation as its page, as JSON and as printed lines.
    A record that has changed since must have no verdict.
    """
    kind, shown, lines = (
        _KIND_BY_CLASS[type(record)],
        build_record_json(record, _translate_to_english),
        format_explained_record(record, _TRANSLATOR),
    )
    view = read_view(stage, kind, record.id)
    if view.record.version != record.version:
        assert shown["verdict"] is None, (answer, shown)
        return
    assert get_explanation_codes(explain_record(record, stage.context.now())) == get_explanation_codes(
        view.explanation
    ), (answer, record)
    printed_lines = list(lines)
    _check_terminal(stage, shown, printed_lines, view)
    assert stage.clock.offset or {shown["verdict"], shown["next_step"]["text"]} <= set(printed_lines), (
        shown,
        printed_lines,
    )


def _translate_to_english(key: str, /, **facts: Any) -> str:
    return wording.translate(key, "en", **wording.convert_amount_facts(facts))


_TRANSLATOR = Translator()
_TRANSLATOR.language = "en"


def _check_nested_records(stage: ChoiceStage, view: Any, now: datetime) -> None:
    """Check that a record which another record's page shows is explained there as in its own row of a list."""
    nested_records = list_nested_records(view)
    rows = read_rows(stage, ((_KIND_BY_CLASS[type(nested)], nested.id) for nested in nested_records))
    for nested in nested_records:
        row = rows[_KIND_BY_CLASS[type(nested)], nested.id]
        assert get_explanation_codes(explain_record(nested, now)) == get_explanation_codes(
            explain_record(row, now)
        ), nested


def list_nested_records(view: Any) -> list[Any]:
    """Return the other records that a page shows with their badges."""
    parts = (getattr(view, name, ()) for name in ("payments", "refunds", "earlier", "history"))
    nested = [one for part in parts for one in part]
    payment = getattr(view, "payment", None)
    return nested if payment is None else [*nested, payment]


def _check_sentences_of_unknown_record(view: Any, page: Explanation) -> None:
    """Check that a record with an unknown outcome has the badge, the colour and the verdict of an unknown outcome.
    The same is checked for a payment of which one refund is unknown.
    """
    record = view.record
    refunds = getattr(view, "refunds", ())
    is_unknown = getattr(record, "certainty", None) is Certainty.UNKNOWN
    has_unknown_refund = isinstance(record, Payment) and any(one.certainty is Certainty.UNKNOWN for one in refunds)
    if is_unknown or has_unknown_refund:
        assert page.certainty is CertaintyBadge.UNKNOWN, page
        assert page.verdict.endswith(("unknown", "only_desk_knows")), page.verdict
        assert case_words.get_verdict_icon_and_tone(page)[1] == "unknown"
        assert page.work is not WorkBadge.NONE, page
    if is_unknown and isinstance(record, CreditCheck):
        refused = {action.action: action.reason for action in view.actions if not action.allowed}
        assert "reason.not_bought" not in refused.values(), refused


def _check_nothing_contradicts(view: Any, page: Explanation) -> None:
    """Check that the badges, the verdict, the compared sides and the next step of one page don't contradict each
    other.
    """
    record = view.record
    if page.work is WorkBadge.NONE:
        assert page.roles_that_may_act == () or page.next_step.action in (None, "open_payment", "open_refund"), page
        assert page.next_step.code in STEPS_WITHOUT_PERSON - NEXT_STEPS_OF_PROGRAM, page
    assert (page.work is WorkBadge.WAITING_FOR_SENDING) <= (page.next_step.code in NEXT_STEPS_WITH_LATER_SENDING), (
        page
    )
    if page.work is WorkBadge.AUTOMATIC:
        assert page.next_step.code in NEXT_STEPS_OF_PROGRAM, page
    if page.work is WorkBadge.POSSIBLE and page.certainty is not CertaintyBadge.UNKNOWN:
        assert page.next_step.code not in STEPS_WITHOUT_PERSON, page
    if page.next_step.code == "next.nothing":
        assert page.work in (WorkBadge.NONE, WorkBadge.SCHEDULED), page
        assert page.certainty is not CertaintyBadge.SIDES_DISAGREE, page
    if page.certainty in (CertaintyBadge.KNOWN, CertaintyBadge.OLD) and isinstance(record, Payment):
        assert not any(side.differs for side in view.sides), (page.verdict, view.sides)
    if isinstance(record, Payment) and any(one.state is RefundState.REQUESTED for one in view.refunds):
        assert page.next_step.code != "next.nothing"
        assert not _find_action(view.actions, "refund").allowed
    if isinstance(record, Refund):
        assert view.sides[0].state == record.state.value
        assert view.sides[0].minor == -record.amount_minor


def _check_refunds(stage: ChoiceStage, view: Any, page: Explanation) -> None:
    """Compare the page of a payment with the rows of its refunds in the table, which are read without the services.
    Unknown or open refunds must appear in the page's badges and its next step.
    """
    if not isinstance(view.record, Payment):
        return
    with stage.context.database.read() as conn:
        sql = "SELECT status, certainty FROM refunds WHERE payment_id = ?"
        stored = [tuple(row) for row in conn.exec_driver_sql(sql, (view.record.id,))]
    if any(certainty == "unknown" for _, certainty in stored):
        assert page.certainty is CertaintyBadge.UNKNOWN, (stored, page)
        assert page.next_step.action != "refund", (stored, page)
    if any(status in ("requested", "approved") for status, _ in stored):
        assert page.next_step.code not in ("next.nothing", "next.payment_refund_off"), (stored, page)
        assert page.next_step.action != "refund", (stored, page)
        assert not _find_action(view.actions, "refund").allowed, stored


def _check_advice(view: Any, page: Explanation) -> None:
    """Check that the advised action is allowed, or is refused only because of the acting person's roles or earlier
    decisions.
    """
    advised = next((action for action in view.actions if action.action == page.next_step.action), None)
    if advised is not None and not advised.allowed:
        assert advised.reason in REASONS_OF_A_PERSON, (advised, page)


def _check_read_only_switch(stage: ChoiceStage, view: Any, page: Explanation) -> None:
    """While a read-only switch is on, check that the page advises and offers no action that the switch stops. An
    approved refund must state that it waits for the end of the switch. While no switch is on, check that no page
    mentions one.
    """
    record, payment = view.record, getattr(view, "payment", None) or view.record
    provider = CREDIT_CHECK_PROVIDER if isinstance(record, CreditCheck) else getattr(payment, "provider", None)
    switch = find_stopping_switch(stage.console.read_only_switches.list_switches(), provider)
    if switch is None:
        assert "read_only" not in page.why + page.next_step.code, page
        return
    offered = [page.next_step.action, *(action.action for action in view.actions if action.allowed)]
    assert not [name for name in offered if is_action_stopped(name, switch)], (switch, offered)
    is_known_refund = isinstance(record, Refund) and record.certainty is Certainty.KNOWN
    if is_known_refund and record.state is RefundState.APPROVED and record.work.state is not WorkState.NEEDS_REVIEW:
        assert page.why == "why.refund_read_only", page
    pending = [
        one for one in getattr(view, "refunds", ()) if one.state in (RefundState.REQUESTED, RefundState.APPROVED)
    ]
    if pending and page.next_step.action == "open_refund" and page.certainty is not CertaintyBadge.UNKNOWN:
        assert page.next_step.code.endswith("_read_only"), page


def _check_beginning_of_state(stage: ChoiceStage, checked: CheckedRecord, row: Any) -> None:
    """Check that the beginning of a state stays the same as long as the record is in that state, even if an approved
    refund was `submitting` for a moment because it couldn't be sent. The age must be None if the state begins in the
    future by the desk's clock.
    """
    key = (row.state, getattr(row, "certainty", None))
    if checked.since_by_state and key not in checked.since_by_state:
        checked.since_by_state.clear()
    assert checked.since_by_state.setdefault(key, row.state_since) == row.state_since, f"{checked}: {key} began again"
    now = stage.context.now()
    age = compute_age(row.state_since, now)
    assert (age is None) == (row.state_since is None or row.state_since - now > CLOCK_TOLERANCE)
    assert age is None or age >= now - row.state_since


def _find_action(actions: Iterable[AllowedAction], name: str) -> AllowedAction:
    return next(action for action in actions if action.action == name)


# Limits of the clock


def read_stored_rows(stage: ChoiceStage, refs: Iterable[RecordRef]) -> list[tuple[object, ...]]:
    """Return the stored rows of these records, each as a tuple of all columns, read from the tables without the
    services. A record without a row has no tuple."""
    with stage.context.database.read() as conn:
        return [
            tuple(row)
            for kind, record_id in refs
            for row in conn.exec_driver_sql(f"SELECT * FROM {_TABLE_BY_KIND[kind]} WHERE id = ?", (record_id,))
        ]


# Search, copied timeline, evidence pack


def check_search_results(stage: ChoiceStage, number: str) -> None:
    """Search for `number`, and check that each found record is explained as in its own row of a list."""
    now = stage.context.now()
    groups = stage.console.lookup.search(number).records_by_kind.values()
    records = [record for group in groups for record in group.records]
    assert records
    rows = read_rows(stage, ((_KIND_BY_CLASS[type(record)], record.id) for record in records))
    for record in records:
        row = rows[_KIND_BY_CLASS[type(record)], record.id]
        assert get_explanation_codes(explain_record(record, now)) == get_explanation_codes(
            explain_record(row, now)
        ), record


def check_exports(stage: ChoiceStage, kind: str, record_id: int, folder: Path, *, is_dated_right: bool) -> None:
    """Check that the copied timeline and the evidence pack have the same badges as the page. An evidence pack has the
    date of the record's last change. With `is_dated_right=False` a wrong clock has dated that change, and the pack's
    badges may differ.
    """
    with stop_clocks(stage):
        page = read_view(stage, kind, record_id)
        timeline = stage.console.recovery.read_timeline(kind, record_id)
    for language in ("ja", "en"):
        _check_badge_line(timeline.as_text(language).splitlines()[1], page, language)
    path = folder / f"pack-{next(_file_counter)}.zip"
    with stage.console.acting_as("aud-f"):
        stage.console.recovery.write_evidence_pack(kind, record_id, path)
    with zipfile.ZipFile(path) as pack:
        for language in ("ja", "en") if is_dated_right else ():
            _check_badge_line(pack.read(f"timeline.{language}.txt").decode().splitlines()[1], page, language)
        stored = json.loads(pack.read("record.json"))
    path.unlink()
    own = stored["record"]
    assert own["state"] == page.record.state.value
    unknown = [one for one in (own, *stored["related"]) if one.get("certainty") == "unknown"]
    assert bool(unknown) or page.explanation.certainty is not CertaintyBadge.UNKNOWN


def _check_badge_line(line: str, view: Any, language: str) -> None:
    """Check that a line of an exported text contains the words of the page's badges."""
    badges = case_words.get_page_badge_keys(view)
    assert line == " / ".join(wording.get_badge_word(key, language) for key in badges), view.explanation


# Queues and their CSV, alerts, bulk results as CSV


def check_lists(stage: ChoiceStage, codes_by_record: Mapping[RecordRef, ExplanationCodes], folder: Path) -> None:
    """Check that queues, alerts and the CSV of a bulk run explain these records as their pages do. `codes_by_record`
    has the explanation codes at the end of each history. A record that has changed since then is checked again,
    because a due task judges all orders.
    """
    with stop_clocks(stage):
        now, rows = stage.context.now(), read_rows(stage, codes_by_record)
        present = {ref: get_explanation_codes(explain_record(row, now)) for ref, row in rows.items()}
        check_records(stage, [CheckedRecord(*ref) for ref in codes_by_record if present[ref] != codes_by_record[ref]])
        _check_queues(stage, present, rows)
        _check_exported_queues(stage, rows, now)
        _check_alerts(stage, present)
    _check_bulk_probe(stage, present)


def _check_queues(
    stage: ChoiceStage, codes_by_record: Mapping[RecordRef, ExplanationCodes], rows: Mapping[RecordRef, Any]
) -> None:
    """Check that each record has the same explanation in the queues as on its page, and that each record with an
    unknown outcome is in the queue for these.
    """
    queued: dict[str, set[RecordRef]] = {}
    for name in _QUEUE_NAMES:
        items = stage.console.recovery.read_queue(name, 1_000).items
        queued[name] = {(_KIND_BY_CLASS[type(item.record)], item.record.id) for item in items}
        for item in items:
            ref = (_KIND_BY_CLASS[type(item.record)], item.record.id)
            assert ref not in codes_by_record or get_explanation_codes(item.explanation) == codes_by_record[ref], (
                name,
                item,
            )
            assert item.since == item.record.state_since
    for ref, row in rows.items():
        if getattr(row, "certainty", None) is Certainty.UNKNOWN:
            assert ref in queued["unknown"], ref


def _check_exported_queues(stage: ChoiceStage, rows: Mapping[RecordRef, Any], now: datetime) -> None:
    """Check that the exported file of each queue has the badges of each record's row."""
    titles = [wording.translate(f"column.{name}", "en") for name in ("state", "certainty", "work")]
    for name in _QUEUE_NAMES:
        request = ExportRequest(ListName.QUEUE, name)
        with stage.console.acting_as("op-a"):
            table = make_export_table(stage.console, request, "op-a", FileTextContext("en", stage.context.now))
            lines = [line for page in table.read_pages() for line in page]
        read_cells = {column.title: column.read_cell for column in table.columns}
        for line in lines:
            row = rows.get((_KIND_BY_CLASS[type(line.record)], line.record.id))
            if row is not None:
                words = [wording.get_badge_word(key, "en") for key in case_words.get_badge_keys(row, now)]
                assert [read_cells[title](line) for title in titles] == words, (name, row)


def _check_alerts(stage: ChoiceStage, codes_by_record: Mapping[RecordRef, ExplanationCodes]) -> None:
    """Check that the record of each open alert shows the same mismatch as the alert, and that the action which the
    alert offers is possible.
    """
    for item in stage.console.alerts.list_open_alert_items():
        alert = item.alert
        ref = (alert.subject_kind, alert.subject_id)
        if ref not in codes_by_record or item.action is None:
            continue
        if alert.subject_kind == "order":
            assert str(codes_by_record[ref][0]).startswith("verdict.order_"), (alert, codes_by_record[ref])
        view = read_view(stage, item.kind, item.id)
        offered = next((action for action in view.actions if action.action == item.action), None)
        assert offered is None or offered.allowed or offered.reason in REASONS_OF_A_PERSON, (item, offered)


def _check_bulk_probe(stage: ChoiceStage, codes_by_record: Mapping[RecordRef, ExplanationCodes]) -> None:
    """Run a bulk probe of these payments and refunds. Check that the exported list of results calls no row done while
    its record is still unknown.
    """
    rows = read_rows(stage, (ref for ref in codes_by_record if ref[0] in ("payment", "refund")))
    chosen = [ChosenRecord(kind, record_id, row.version) for (kind, record_id), row in rows.items()]
    if not chosen:
        return
    with stage.console.acting_as("op-a"):
        run = stage.console.bulk_runs.create_run("probe", chosen)
        with suppress(ConsoleError):
            stage.console.bulk_runs.run(run.id)
        request = ExportRequest(ListName.BULK, str(run.id))
        table = make_export_table(stage.console, request, "op-a", FileTextContext("en", stage.console._context.now))
        lines = [line for page in table.read_pages() for line in page]
    assert len(lines) == len(chosen)
    result_of = next(column.read_cell for column in table.columns if column.title == _RESULT_TITLE)
    rows = read_rows(stage, rows)
    for line in lines:
        row = rows[line.row.kind, line.row.subject_id]
        assert result_of(line) != _DONE_RESULT or row.certainty is Certainty.KNOWN, (result_of(line), row)
