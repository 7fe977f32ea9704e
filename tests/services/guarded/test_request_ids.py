"""A call with a request id that was used before gets the first call's answer. Nothing is sent or written again,
however the first call ended.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.money import Money
from console.domain.payments.records import Payment
from console.domain.payments.states import PaymentState
from console.domain.queues.saved_views import SavedView, ViewContent
from console.domain.records import Certainty, CheckState, CreditCheck, PurchaseRequest, Work
from console.domain.tasks.records import Note
from console.services.guarded import answer_serialization as kept_answers
from console.services.guarded import request_ids
from console.services.guarded.answer_serialization import CallAnswer
from console.services.process.failpoints import FailpointReached, Failpoints
from console.store.operations.request_ids import ANSWER_RETENTION
from console.wording.sentences.catalogue import format_error_message
from tests.support.in_memory_alarmbox import Behaviour, InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import FIRST_PERSON, Place
from tests.support.quick_desks import ManualClock, use_lease_clock
from tests.support.refusals import call_for_refusal

CORPORATION_NUMBER, OTHER_NUMBER = invent_numbers(2, 7)
REQUEST_ID = "nightly-2026.11_21-A"
_TABLES_WRITTEN_BY_CALLS = (
    "hansha_alarmbox_credit_checks",
    "operations",
    "evidence",
    "audit_log",
    "leases",
    "request_ids",
    "changes",
)


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    clock = ManualClock()
    with use_lease_clock(clock):
        yield clock


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    return InMemoryAlarmBox(today=lambda: date(2026, 11, 20))


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, clock) as desk:
        yield desk


def buy_check(
    console: Console, number: str = CORPORATION_NUMBER, client: str = "1", request_id: str | None = REQUEST_ID
) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, client), request_id=request_id)


def read_purchase_error(console: Console, *arguments: Any, **keywords: Any) -> ConsoleError:
    """Return the error with which a purchase is refused; the arguments are those of `buy_check`."""
    return call_for_refusal(lambda: buy_check(console, *arguments, **keywords))


def read_written_rows(place: Place) -> list[list[tuple[Any, ...]]]:
    """Return all rows of the database tables that a call can write."""
    return [sorted(place.sql(f"SELECT * FROM {table}"), key=str) for table in _TABLES_WRITTEN_BY_CALLS]


def require_no_effect(place: Place, alarmbox: InMemoryAlarmBox, call: Callable[[], object]) -> object:
    """Return the call's result or error; assert that the call sends nothing to AlarmBox and writes nothing into the
    database.
    """
    before, calls_before = read_written_rows(place), dict(alarmbox.call_counts)
    try:
        answer = call()
    except ConsoleError as error:
        answer = error
    assert read_written_rows(place) == before
    assert dict(alarmbox.call_counts) == calls_before
    return answer


def test_a_repeated_purchase_returns_the_first_record(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """A repeated purchase with the same request id returns an equal record, at this desk and at another one, and
    reports that it is a repetition.
    """
    with request_ids.watch_for_repeated_request() as first:
        record = buy_check(console)
    assert not first.is_repetition
    with place.desk(alarmbox, desk=1) as other:
        for desk in (console, console, other):
            with request_ids.watch_for_repeated_request() as again:
                assert require_no_effect(place, alarmbox, lambda desk=desk: buy_check(desk)) == record  # type: ignore[misc]
            assert again.is_repetition
    assert alarmbox.count_charges(CORPORATION_NUMBER) == 1


def test_a_purchase_without_a_request_id_stores_none(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """A purchase without a request id writes no row into the table of request ids. A second purchase of the number is
    refused because of the first one's claim.
    """
    buy_check(console, request_id=None)
    assert read_purchase_error(console, request_id=None).code == "already_purchased"
    assert place.sql("SELECT * FROM request_ids") == []


@pytest.mark.parametrize(
    ("behaviour", "code", "status"),
    [("refuses", "provider_refused", 5), ("unauthorised", "provider_auth", 5), ("too_fast", "rate_limited", 5)],
)
def test_a_repeat_gets_the_providers_first_refusal(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, behaviour: Behaviour, code: str, status: int
) -> None:
    """AlarmBox has refused the purchase: a repeat with the same request id gets the same error, although AlarmBox
    would accept the purchase now.
    """
    alarmbox.behaviour = behaviour
    first = read_purchase_error(console)
    alarmbox.behaviour = "answers"
    again = require_no_effect(place, alarmbox, lambda: buy_check(console))
    assert isinstance(again, ConsoleError)
    assert (first.code, again.code, again.exit_status) == (code, code, status)
    assert again.detail == {**first.detail, "duplicate": True}
    assert buy_check(console, request_id="another").state == "success"


def test_a_call_that_sent_nothing_releases_its_request_id(console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """A purchase is refused as invalid input or as already purchased, or AlarmBox can't be reached: the same request
    id can then be used for another purchase, also with other arguments.
    """
    assert read_purchase_error(console, "1180301018772").exit_status == 2
    buy_check(console, OTHER_NUMBER, request_id=None)
    assert read_purchase_error(console, OTHER_NUMBER).code == "already_purchased"
    alarmbox.behaviour = "unreachable"
    assert read_purchase_error(console).exit_status == 6
    alarmbox.behaviour = "answers"
    assert buy_check(console).state == "success"
    assert alarmbox.count_charges(CORPORATION_NUMBER) == 1


def test_a_request_id_with_other_arguments_or_another_command_is_refused(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """A request id is used again with other arguments or for another command: the call is refused and audited, and
    nothing is sent.
    """
    record = buy_check(console)
    calls_before = dict(alarmbox.call_counts)
    for other in (
        lambda: buy_check(console, OTHER_NUMBER),
        lambda: buy_check(console, client="2"),
        lambda: console.credit_checks.refetch(record.id, request_id=REQUEST_ID),
        lambda: console.recovery.probe("credit-check", record.id, request_id=REQUEST_ID),
        lambda: console.recovery.add_note("credit-check", record.id, "words", request_id=REQUEST_ID),
        lambda: console.recovery.take("credit-check", record.id, request_id=REQUEST_ID),
    ):
        error = call_for_refusal(other)
        assert (error.code, error.detail["reason"]) == ("possible_repeat", "request_id")
    assert dict(alarmbox.call_counts) == calls_before
    refusals = "SELECT COUNT(*) FROM audit_log WHERE what = 'request.repeated' AND result = 'refused'"
    assert place.sql(refusals) == [(6,)]


def test_a_request_id_belongs_to_one_person(place: Place, console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """The same request id used by another person belongs to another request. Request ids that differ in upper and
    lower case are different ids.
    """
    buy_check(console)
    with place.open_console_of_person(console, "lead-b") as other:
        assert read_purchase_error(other).code == "already_purchased"
        assert buy_check(other, OTHER_NUMBER).state == "success"
    assert read_purchase_error(console, request_id=REQUEST_ID.lower()).code == "already_purchased"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("invalid_id", ["", "x" * 65, "a b", " a", "a\n", "é", "a/b", "a:b", "\x00", "ａ"])
def test_invalid_request_ids_are_refused(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, invalid_id: str
) -> None:
    """An invalid request id is refused with `usage` before the program writes or sends anything."""
    error = require_no_effect(place, alarmbox, lambda: buy_check(console, request_id=invalid_id))
    assert isinstance(error, ConsoleError)
    assert (error.code, error.exit_status, error.detail["problem"]) == ("usage", 2, "request_id")


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("valid_id", ["a", "x" * 64, "A.b_c-9", "0"])
def test_valid_request_ids_are_accepted(console: Console, valid_id: str) -> None:
    """Request ids with 1 and with 64 characters are accepted."""
    assert buy_check(console, request_id=valid_id) == buy_check(console, request_id=valid_id)


def test_a_repeat_is_refused_while_the_first_call_runs(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """While the first call with a request id runs, a repeat is refused with the name of the person whose call runs. A
    call with other arguments is refused as `possible_repeat`. Neither call sends anything.
    """
    refusals: list[ConsoleError] = []

    def repeat_call() -> None:
        def read_errors_at_other_desk() -> None:
            with place.desk(alarmbox, desk=1) as other:
                refusals.extend((read_purchase_error(other), read_purchase_error(other, OTHER_NUMBER)))

        thread = threading.Thread(target=read_errors_at_other_desk)
        thread.start()
        thread.join()

    alarmbox.during_call = repeat_call
    buy_check(console)
    first, second = refusals
    assert (first.code, second.code) == ("in_progress", "possible_repeat")
    assert first.detail["holder"]["operator"] == place.get_account_name(FIRST_PERSON)  # type: ignore[index]
    assert len(alarmbox.charges) == 1


def test_a_running_operation_refuses_its_repeated_request_id(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """The lease of the request id has expired, but the operation still runs under its own lease: a repeat is refused,
    because the running process may still bring the answer.
    """
    refusals: list[ConsoleError] = []

    def repeat_call() -> None:
        place.sql("UPDATE request_ids SET lease_expires = 0")

        def read_errors_at_other_desk() -> None:
            with place.desk(alarmbox, desk=1) as other:
                refusals.append(read_purchase_error(other))

        thread = threading.Thread(target=read_errors_at_other_desk)
        thread.start()
        thread.join()

    alarmbox.during_call = repeat_call
    record = buy_check(console)
    assert [(error.code, error.detail["reason"]) for error in refusals] == [("in_progress", "request_id")]
    assert buy_check(console) == record
    assert len(alarmbox.charges) == 1


def test_a_repeat_of_an_unknown_outcome_gets_its_present_state(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """The outcome of a purchase is unknown: a repeat with its request id raises `outcome_unknown` with the record.
    After the outcome is settled, the repeat returns the record.
    """
    alarmbox.behaviour = "silent_after_charge"
    assert read_purchase_error(console).code == "outcome_unknown"
    again = require_no_effect(place, alarmbox, lambda: buy_check(console))
    assert isinstance(again, ConsoleError)
    record = again.detail["record"]
    assert isinstance(record, CreditCheck)
    assert (again.code, again.exit_status, again.detail["duplicate"]) == ("outcome_unknown", 4, True)
    settled = console.recovery.resolve("credit-check", record.id, "success", "seen on their screen", 1).record
    assert require_no_effect(place, alarmbox, lambda: buy_check(console)) == settled
    assert len(alarmbox.charges) == 1


def test_a_repeat_of_a_probe_without_a_result_gets_the_present_record(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """A probe didn't find the outcome: a repeat with its request id gets the probe's error with the present record.
    After people have resolved the outcome, the repeat returns the record.
    """
    alarmbox.behaviour = "silent_after_charge"
    record = read_purchase_error(console).detail["record"]
    assert isinstance(record, CreditCheck)

    def probe_record() -> CreditCheck:
        return console.recovery.probe("credit-check", record.id, request_id="probe")  # type: ignore[return-value]

    first = call_for_refusal(probe_record)
    assert first.exit_status == 4
    console.recovery.resolve("credit-check", record.id, "error", "not on their screen")
    again = require_no_effect(place, alarmbox, probe_record)
    assert isinstance(again, ConsoleError)
    now = again.detail["record"]
    assert isinstance(now, CreditCheck)
    assert (again.code, again.detail["reason"]) == (first.code, first.detail["reason"])
    assert now.version == record.version + 1
    settled = console.recovery.resolve("credit-check", record.id, "success", "seen after all", 1).record
    assert require_no_effect(place, alarmbox, probe_record) == settled


def test_a_denied_purchase_is_answered_as_refused(place: Place, console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """Two people have decided that a purchase was not made: a repeat of the purchase with its request id is answered
    as refused, and nothing is bought again.
    """
    alarmbox.behaviour = "silent_before_charge"
    record = read_purchase_error(console).detail["record"]
    assert isinstance(record, CreditCheck)
    alarmbox.behaviour = "answers"
    resolve = ("credit-check", record.id, "error", "not on their screen")
    first = console.recovery.resolve(*resolve, request_id="half")
    assert first.awaiting == "second_person"
    assert require_no_effect(place, alarmbox, lambda: console.recovery.resolve(*resolve, request_id="half")) == first
    with place.open_console_of_person(console, "lead-b") as lead:
        assert lead.recovery.resolve(*resolve, request_id="half").awaiting is None
    again = require_no_effect(place, alarmbox, lambda: buy_check(console))
    assert isinstance(again, ConsoleError)
    assert (again.code, again.exit_status, again.detail["duplicate"]) == ("provider_refused", 5, True)
    assert "Two people decided" in format_error_message(again, "en")
    assert "2 人の確認により「購入なし」と決定" in format_error_message(again, "ja")
    assert alarmbox.charges == []


def test_a_request_id_is_free_after_a_day(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """A request id can be used again one day later. The database's clock decides, whatever the desk's clock shows."""
    record = buy_check(console)
    clock.at += timedelta(days=3)
    assert buy_check(console) == record
    _make_request_ids_older(place, ANSWER_RETENTION - timedelta(minutes=1))
    assert buy_check(console) == record
    _make_request_ids_older(place, timedelta(minutes=1))
    assert read_purchase_error(console).code == "already_purchased"
    assert buy_check(console, OTHER_NUMBER).state == "success"
    assert read_purchase_error(console).code == "possible_repeat"


def _make_request_ids_older(place: Place, duration: timedelta) -> None:
    """Change the stored request ids so that they are older by this time."""
    place.sql(f"UPDATE request_ids SET begun_ms = begun_ms - {round(duration.total_seconds() * 1000)}")


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(143), ValueError("a bug")])
def test_an_interrupted_call_releases_its_request_id(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch, interrupt: BaseException
) -> None:
    """A call is interrupted before it has written anything: its request id can be used again at once."""

    def raise_stop(_: object) -> None:
        raise interrupt

    with monkeypatch.context() as patch:
        patch.setattr(console.credit_checks._checks, "_validate_purchase_request", raise_stop)
        with pytest.raises(type(interrupt)):
            buy_check(console)
    assert buy_check(console, OTHER_NUMBER).state == "success"
    assert len(alarmbox.charges) == 1


@pytest.mark.engines("sqlite")
def test_a_late_beat_does_not_renew_an_ended_lease(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call is interrupted while a beat of the heartbeat is running. The beat ends after the call has ended its
    lease, and doesn't renew it: the request id can be used again at once."""
    end_lease = request_ids.RequestIdService._end_lease

    def end_lease_before_last_beat(service: request_ids.RequestIdService, leased_request: Any) -> None:
        end_lease(service, leased_request)
        service._renew_request_id_lease(leased_request)

    def raise_stop(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(request_ids.RequestIdService, "_end_lease", end_lease_before_last_beat)
        patch.setattr(console.credit_checks._checks, "_validate_purchase_request", raise_stop)
        with pytest.raises(KeyboardInterrupt):
            buy_check(console)
    assert buy_check(console).state == "success"
    assert len(alarmbox.charges) == 1


@pytest.mark.expects_log("an answer that could not be kept is told")
@pytest.mark.parametrize("step", ["before_answer_kept", "after_answer_kept"])
def test_a_repeat_without_a_stored_answer_gets_the_record(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, step: str
) -> None:
    """The answer of the first call couldn't be stored: after the lease of the request id has expired, the repeat gets
    an answer that is made from the record. Nothing is bought again.
    """
    with place.desk(alarmbox, clock, FAILPOINT=f"{step}:1:raise") as console:
        record = buy_check(console)
        if step == "before_answer_kept":
            assert read_purchase_error(console).code == "in_progress"
            clock.at += timedelta(minutes=2)
            assert buy_check(console) == record  # found in the record, and kept from now on
        assert require_no_effect(place, alarmbox, lambda: buy_check(console)) == record
    assert alarmbox.count_charges(CORPORATION_NUMBER) == 1


def save_view(console: Console) -> SavedView:
    return console.saved_views.save_view("kv", False, ViewContent("error"), request_id="v1")


@pytest.mark.expects_log("an answer that could not be kept is told")
def test_a_repeat_without_a_stored_answer_gets_the_saved_view(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """The answer to a stored view couldn't be stored: the repeat gets the view, although its name is taken now. The
    same call with another request id is refused.
    """
    with place.desk(alarmbox, clock, FAILPOINT="before_answer_kept:1:raise") as console:
        view = save_view(console)
        assert call_for_refusal(lambda: save_view(console)).code == "in_progress"
        clock.at += timedelta(minutes=2)
        assert save_view(console) == view  # found by the view's id, and kept from now on
        assert require_no_effect(place, alarmbox, lambda: save_view(console)) == view
        other = call_for_refusal(
            lambda: console.saved_views.save_view("kv", False, ViewContent("error"), request_id="v2")
        )
        assert (other.code, other.detail["problem"]) == ("usage", "view_name_taken")


@pytest.mark.expects_log("an answer that could not be kept is told")
def test_a_repeat_without_a_stored_answer_does_not_rename_again(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """The answer to a renamed view couldn't be stored: the repeat doesn't undo a later renaming, but gets the view
    with its present name.
    """
    with place.desk(alarmbox, clock, FAILPOINT="before_answer_kept:2:raise") as console:
        view = save_view(console)
        assert console.saved_views.rename_view(view.id, "second", request_id="v2").name == "second"
        third = console.saved_views.rename_view(view.id, "third")
        clock.at += timedelta(minutes=2)
        assert console.saved_views.rename_view(view.id, "second", request_id="v2") == third


@pytest.mark.engines("sqlite")  # on a server, administrators use no request ids
@pytest.mark.expects_log("an answer that could not be kept is told")
@pytest.mark.parametrize("decision", ["open", "confirmed"])
def test_a_repeat_without_a_stored_answer_gets_the_limit(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, decision: str
) -> None:
    """The answer to a proposed limit couldn't be stored: the repeat gets the proposal, and is not refused as a second
    decision of the same person. If another administrator has set the limit meanwhile, the repeat gets the new value.
    """
    with place.desk(alarmbox, clock, FAILPOINT="before_answer_kept:1:raise") as console:
        set_limit = partial(console.refund_limits.set_limit, "per_refund", "JPY", 77)
        limit = set_limit(request_id="v3")
        assert (limit.proposed, limit.proposed_by) == (77, FIRST_PERSON)
        assert call_for_refusal(lambda: set_limit(request_id="v3")).code == "in_progress"
        if decision == "confirmed":
            with console.acting_as("lead-b"):
                limit = set_limit()
            assert (limit.value, limit.proposed) == (77, None)
        clock.at += timedelta(minutes=2)
        assert set_limit(request_id="v3") == limit
        assert require_no_effect(place, alarmbox, lambda: set_limit(request_id="v3")) == limit
        if decision == "open":
            assert call_for_refusal(lambda: set_limit(request_id="v4")).code == "same_person"


def test_a_process_that_slept_past_its_lease_does_not_act(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process sleeps until the lease of its request id has expired, and another desk buys under this request id.
    The first process then sends nothing, and its caller gets the other desk's answer.
    """
    checks = console.credit_checks._checks
    validated = checks._validate_purchase_request

    def sleep_and_return(request: PurchaseRequest) -> PurchaseRequest:
        monkeypatch.setattr(checks, "_validate_purchase_request", validated)
        clock.at += timedelta(minutes=2)
        with place.desk(alarmbox, desk=1) as other:
            assert buy_check(other).state == "success"
        return validated(request)

    monkeypatch.setattr(checks, "_validate_purchase_request", sleep_and_return)
    with request_ids.watch_for_repeated_request() as watch:
        record = buy_check(console)
    assert (record.state, watch.is_repetition) == ("success", True)
    assert alarmbox.count_charges(CORPORATION_NUMBER) == 1
    assert buy_check(console) == record


def test_a_repeat_does_not_act_if_the_first_process_writes_late(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """A process sleeps until the lease of its request id has expired. While a repeat at another desk acquires the id,
    the first process wakes and writes its note under the id. The repeat then gets this note and writes none.
    """
    record = buy_check(console, request_id=None)

    def add_note(desk: Console, request_id: str | None) -> Note:
        return desk.recovery.add_note("credit-check", record.id, "called the client", request_id=request_id)

    class FailpointsWithLateWrite(Failpoints):
        seen_names: ClassVar[list[str]] = []

        def reach(self, name: str) -> None:
            self.seen_names.append(name)
            if self.seen_names == ["before_request_id"] * 2:  # at the first one the repeat has not read the row
                written_notes.append(add_note(console, None))
                place.sql(
                    f"UPDATE request_ids SET subject_kind = 'credit-check', subject_id = '{record.id}'"
                    " WHERE request_id = 'n1'"
                )

    written_notes: list[Note] = []
    console._context.failpoints = Failpoints(("after_request_id", 1, "raise"))
    with pytest.raises(FailpointReached):
        add_note(console, "n1")
    console._context.failpoints = Failpoints(None)
    clock.at += timedelta(minutes=2)
    with place.desk(alarmbox, desk=1) as other:
        other._context.failpoints = FailpointsWithLateWrite(None)
        assert [add_note(other, "n1")] == written_notes
    assert place.sql("SELECT COUNT(*) FROM notes") == [(1,)]


def test_a_claim_under_a_reused_request_id_is_undone(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process sleeps until the lease of its request id has expired, and another desk uses this request id to buy
    another number. The claim of the first process is undone, and its call is refused because of the request id.
    """
    checks = console.credit_checks._checks
    validated = checks._validate_purchase_request

    def sleep_and_return(request: PurchaseRequest) -> PurchaseRequest:
        monkeypatch.setattr(checks, "_validate_purchase_request", validated)
        clock.at += timedelta(minutes=2)
        with place.desk(alarmbox, desk=1) as other:
            assert buy_check(other, OTHER_NUMBER).state == "success"
        return validated(request)

    monkeypatch.setattr(checks, "_validate_purchase_request", sleep_and_return)
    error = read_purchase_error(console)
    assert (error.code, error.detail["reason"]) == ("possible_repeat", "request_id")
    assert alarmbox.count_charges(CORPORATION_NUMBER) == 0
    assert place.sql(f"SELECT COUNT(*) FROM operations WHERE corporation_number = '{CORPORATION_NUMBER}'") == [(0,)]


def test_a_repeat_with_an_unreadable_answer_gets_the_record_or_a_refusal(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """The stored answer of a call has the format of another version, or was altered. A repeat gets an answer that
    is made from the record, or a refusal that contains the record. The action isn't repeated.
    """
    record = buy_check(console)
    console.recovery.take("credit-check", record.id, request_id="take")
    forged = ("os:system", "console.domain.errors:x", "console.services.process.context:ServiceContext")
    for answer in ("", "{}", *(f'{{"value":{{"made":"{made}","of":{{}}}}}}' for made in forged)):
        place.sql(f"UPDATE request_ids SET answer = '{answer}'")
        assert buy_check(console) == record
        again = call_for_refusal(lambda: console.recovery.take("credit-check", record.id, request_id="take"))
        assert (again.code, again.detail["reason"]) == ("possible_repeat", "answer_not_kept")
        assert again.detail["record"] == record


@pytest.mark.parametrize("field", ["corporation_number", "certainty", "incomplete"])
def test_an_answer_stored_with_an_old_field_name_is_still_repeated(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, field: str
) -> None:
    """The answer of a call was stored before a field of the record was renamed: a repeat gets the present record, or
    a refusal that contains it. Nothing is sent.
    """
    record = buy_check(console)
    console.recovery.take("credit-check", record.id, request_id="take")
    console.credit_checks.refetch(record.id, request_id="fetch")
    calls_before = dict(alarmbox.call_counts)
    place.sql(f"UPDATE request_ids SET answer = REPLACE(answer, '\"{field}\":', '\"earlier_{field}\":')")
    assert buy_check(console).id == record.id
    again = call_for_refusal(lambda: console.credit_checks.refetch(record.id, request_id="fetch"))
    assert (again.code, again.detail["reason"]) == ("possible_repeat", "answer_not_kept")
    named_record = again.detail["record"]
    assert isinstance(named_record, CreditCheck)
    assert named_record.id == record.id
    assert dict(alarmbox.call_counts) == calls_before


# Stored endings


def test_a_stored_answer_is_read_back_equal() -> None:
    """A stored answer with records, times, days, states and nested values equals the original after it is read
    again.
    """
    at = datetime(2026, 11, 21, 3, 4, 5, 678, tzinfo=UTC)
    facts = {
        "record": CreditCheck(
            1, CORPORATION_NUMBER, "1", CheckState.SUCCESS, Certainty.KNOWN, Work(), 5, "架空", "ok", at, at, None,
            ("pdf",), None, "o", 3,
        ),
        "state": PaymentState.COMPLETED, "day": date(2026, 11, 21), "sum": Money(5, "JPY"), "set": frozenset({"a"}),
        "list": [1, None, True, "x"], "map": {"deep": (1, 2)},
    }  # fmt: skip
    error = rebuild_error(ErrorCode.VIEWING_PERIOD_OVER, facts, exit_status=5)
    stored_error = kept_answers.deserialize_answer(kept_answers.serialize_answer(CallAnswer(error=error))).error
    assert stored_error is not None
    assert (stored_error.code, stored_error.exit_status, stored_error.detail) == (error.code, 5, error.detail)
    assert isinstance(stored_error.detail["state"], PaymentState)


def test_a_stored_answer_has_a_masked_payer() -> None:
    """The stored answer of an acting call contains the payer only masked. An answer that is read and stored again
    doesn't change.
    """
    payment = Payment(
        id=1, order_id=None, provider="atom", merchant_payment_id="O-1", provider_payment_id=None,
        corporation_number=None, payer="payer@example.invalid", state=PaymentState.COMPLETED,
        certainty=Certainty.KNOWN, work=Work(), currency="INR", asked_minor=1, captured_minor=1, reserved_minor=0,
        refunded_minor=0, set_aside_minor=0, version=1,
    )  # fmt: skip
    text = kept_answers.serialize_answer(CallAnswer(payment))
    assert "payer@" not in text
    stored_payment = kept_answers.deserialize_answer(text).value
    assert stored_payment.payer == "****alid"
    assert kept_answers.serialize_answer(CallAnswer(stored_payment)) == text


@pytest.mark.parametrize(
    "forged_answer",
    [
        "os:system",
        f"{CallAnswer.__module__}:{CallAnswer.__name__}",  # a dataclass that stands outside the domain
        "console.domain.errors:ConsoleError",
        "console.domain.money:Decimal",
        "console.domain.records:CreditCheck.__init__",
        "console.domain.nothing:X",
    ],
)
def test_a_forged_answer_creates_no_object(forged_answer: str) -> None:
    """A forged stored answer names another class or a function: reading it raises ValueError."""
    with pytest.raises(ValueError, match="not a"):
        kept_answers.deserialize_answer(f'{{"value":{{"made":"{forged_answer}","of":{{}}}}}}')


def export_trail(console: Console, file: Path, request_id: str = "e1") -> int:
    return console.audit.export_csv(file, request_id=request_id)


@pytest.mark.expects_log("an answer that could not be kept is told")
@pytest.mark.parametrize("is_file_unchanged", [True, False])
def test_a_repeat_without_a_stored_answer_gets_the_exported_file(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, tmp_path: Path, *, is_file_unchanged: bool
) -> None:
    """The answer to an export of the audit trail couldn't be stored: the repeat gets the number of rows of the file
    that the first call wrote. If another file has its name meanwhile, the repeat is refused.
    """
    file = tmp_path / "trail.csv"
    with place.desk(alarmbox, clock, FAILPOINT="before_answer_kept:2:raise") as console:
        buy_check(console)
        rows = export_trail(console, file)
        assert call_for_refusal(lambda: export_trail(console, file)).code == "in_progress"
        clock.at += timedelta(minutes=2)
        if is_file_unchanged:
            assert export_trail(console, file) == rows
        else:
            file.write_bytes(b"another file")
            assert call_for_refusal(lambda: export_trail(console, file)).detail["problem"] == "file_exists"
        other = call_for_refusal(lambda: export_trail(console, file, "e2"))
        assert (other.code, other.detail["problem"]) == ("usage", "file_exists")
