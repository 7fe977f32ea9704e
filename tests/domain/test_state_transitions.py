"""Tests of the transition tables, the retry schedules, the rights, and the days in Japan."""

from datetime import UTC, date, datetime, timedelta

import pytest

from console.domain import calendar_days as dates
from console.domain.access import permissions
from console.domain.clock import TimeScale
from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode
from console.domain.payments.states import (
    OPEN_REFUND_STATES,
    PAYMENT_TRANSITIONS,
    RESERVING_REFUND_STATES,
    PaymentState,
    RefundState,
    find_payment_state_path,
)
from console.domain.records import CheckState, OperationState, Person
from console.domain.tasks import retry_schedules as schedules
from console.domain.transitions import tables as states

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after"), [(CheckState.SUCCESS, CheckState.ERROR), (CheckState.ERROR, CheckState.SUCCESS)]
)
def test_an_ended_credit_check_keeps_its_state(before: CheckState, after: CheckState) -> None:
    """An ended credit check keeps its state: a success never becomes an error, and an error never becomes a
    success.
    """
    with pytest.raises(states.ForbiddenTransition):
        states.require_credit_check_transition(before, after)


def test_only_a_pending_credit_check_becomes_success_or_error() -> None:
    """Only a pending credit check can become a success or an error. An operation becomes unknown only while its call
    is running.
    """
    assert states.CREDIT_CHECK_TRANSITIONS[CheckState.PENDING] == {CheckState.SUCCESS, CheckState.ERROR}
    assert "calling" in states.list_earlier_operation_states(OperationState.UNKNOWN)
    assert "unknown" not in states.list_earlier_operation_states(OperationState.UNKNOWN)


def test_after_the_end_of_a_schedule_no_attempt_is_planned() -> None:
    """Probes and re-fetches follow their schedule; after its end, a person must act."""
    scale = TimeScale()
    assert schedules.compute_next_attempt_time(schedules.PURCHASE_PROBE_WAITS, 0, NOW, scale) == NOW + timedelta(
        minutes=1
    )
    assert schedules.compute_next_attempt_time(schedules.INCOMPLETE_REFETCH_WAITS, 4, NOW, scale) == NOW + timedelta(
        days=1
    )
    assert schedules.compute_next_attempt_time(schedules.INCOMPLETE_REFETCH_WAITS, 5, NOW, scale) is None


@pytest.mark.parametrize(("attempt_count", "wait_count"), [(0, 1), (2, 15), (3, 60), (4, 60), (5, 60), (1_000, 60)])
def test_a_schedule_without_end_repeats_its_last_step(attempt_count: int, wait_count: int) -> None:
    """A schedule without end repeats its last step."""
    due = schedules.compute_next_attempt_time_of_endless_schedule(
        schedules.PAYMENT_TIMEOUT_WAITS, attempt_count, NOW, TimeScale()
    )
    assert due - NOW == timedelta(minutes=wait_count)


def test_the_scale_divides_waits_but_leaves_a_lease_two_seconds() -> None:
    """The time scale divides each wait; a lease divided by the scale lasts at least two seconds."""
    assert TimeScale(20).scale_seconds(60) == 3
    assert TimeScale(100).scale_lease_seconds(45) == 2
    assert TimeScale(1).scale_lease_seconds(45) == 45


def test_a_day_ends_at_midnight_in_japan() -> None:
    """The last valid day ends at midnight in Japan."""
    assert dates.format_instant(dates.get_end_of_japanese_day(date(2027, 11, 20))) == "2027-11-20T15:00:00Z"
    assert dates.compute_last_valid_day(dates.get_end_of_japanese_day(date(2027, 11, 20))) == date(2027, 11, 20)


def test_a_purchase_needs_the_persons_permission_to_buy() -> None:
    """A purchase needs the person's permission to buy; a role alone isn't enough."""
    assert permissions.has_right(Person("op-a", frozenset({"operator"}), may_buy=True), "purchase")
    assert not permissions.has_right(Person("op-a", frozenset({"operator"}), may_buy=False), "purchase")
    assert not permissions.has_right(Person("aud-e", frozenset({"auditor"}), may_buy=True), "refetch")


def test_two_spellings_of_a_name_are_one_person() -> None:
    """Names that differ only in case or blanks belong to the same person, so two such names can't be the two
    approvers of a refund.
    """
    for name in (" OP-A ", "ｏｐ-ａ", "\u3000Op-A", "OP\uff0dA"):
        assert permissions.is_same_person("op-a", name), name
    assert permissions.is_same_person("jos\u00e9", "JOSE\u0301")
    assert not permissions.is_same_person("op-a", "op-b")


def test_the_exit_statuses_are_2_to_6_and_70() -> None:
    """The exit statuses of the error codes are 2 to 6 and 70. For the one code with two exit statuses, the code that
    raises the error chooses.
    """
    assert set(EXIT_STATUS.values()) == {2, 3, 4, 5, 6, 70}
    assert ConsoleError(ErrorCode.VIEWING_PERIOD_OVER, exit_status=5).exit_status == 5


@pytest.mark.parametrize("before", CheckState)
@pytest.mark.parametrize("after", CheckState)
def test_only_a_pending_credit_check_changes_its_state(before: CheckState, after: CheckState) -> None:
    """Only a pending credit check changes its state; staying in the state is always allowed."""
    if before is after or before is CheckState.PENDING:
        states.require_credit_check_transition(before, after)
    else:
        with pytest.raises(states.ForbiddenTransition):
            states.require_credit_check_transition(before, after)


@pytest.mark.parametrize(
    "table",
    [
        PAYMENT_TRANSITIONS,
        states.REFUND_TRANSITIONS,
        states.ORDER_TRANSITIONS,
        states.SAGA_TRANSITIONS,
        states.STOCK_TRANSITIONS,
    ],
)
def test_a_transition_outside_the_table_is_refused(table: dict[object, frozenset[object]]) -> None:
    """A transition is allowed if the table has it or if the state stays. Any other one raises an error."""
    for before, targets in table.items():
        for after in table:
            if after in targets or after is before:
                states.require_transition(table, before, after)
            else:
                with pytest.raises(states.ForbiddenTransition):
                    states.require_transition(table, before, after)


@pytest.mark.parametrize("after", OperationState)
def test_an_ended_operation_keeps_its_state(after: OperationState) -> None:
    """An ended operation keeps its state; an unknown one may be settled."""
    sources = {
        OperationState.CALLING: (),
        OperationState.UNKNOWN: ("calling",),
        OperationState.DONE: ("calling", "unknown"),
        OperationState.FAILED: ("calling", "unknown"),
    }
    assert states.list_earlier_operation_states(after) == sources[after]


def test_a_refund_reserves_its_amount_until_its_end() -> None:
    """A refund reserves its amount until it has ended. The states requested, approved and submitting count as an open
    refund of the payment."""
    ended = {
        RefundState.REJECTED,
        RefundState.WITHDRAWN,
        RefundState.EXPIRED,
        RefundState.COMPLETED,
        RefundState.FAILED,
    }
    assert ended == states.ENDED_REFUND_STATES
    assert {RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING} == OPEN_REFUND_STATES
    assert set(RefundState) - ended == RESERVING_REFUND_STATES


PATHS_BETWEEN_STATES = {
    (PaymentState.INITIALIZING, PaymentState.USER_PAYMENT): (PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT),
    (PaymentState.INITIALIZING, PaymentState.PAYMENT_FAILED): (
        PaymentState.TOKEN_GENERATED,
        PaymentState.USER_PAYMENT,
        PaymentState.PAYMENT_FAILED,
    ),
    (PaymentState.INITIALIZING, PaymentState.EXPIRED): (PaymentState.EXPIRED,),
    (PaymentState.INITIALIZING, PaymentState.COMPLETED): (
        PaymentState.TOKEN_GENERATED,
        PaymentState.USER_PAYMENT,
        PaymentState.PAYMENT_SUCCESS,
        PaymentState.COMPLETED,
    ),
    (PaymentState.TOKEN_GENERATED, PaymentState.PAYMENT_SUCCESS): (
        PaymentState.USER_PAYMENT,
        PaymentState.PAYMENT_SUCCESS,
    ),
    (PaymentState.USER_PAYMENT, PaymentState.REVERSED): (PaymentState.PAYMENT_SUCCESS, PaymentState.REVERSED),
    (PaymentState.EXPIRED, PaymentState.COMPLETED): (PaymentState.PAYMENT_SUCCESS, PaymentState.COMPLETED),
    (PaymentState.PAYMENT_FAILED, PaymentState.SIGNATURE_VERIFIED): (),
    (PaymentState.EXPIRED, PaymentState.PAYMENT_FAILED): (),
    (PaymentState.PAYMENT_SUCCESS, PaymentState.SIGNATURE_VERIFIED): (),
    (PaymentState.COMPLETED, PaymentState.PAYMENT_SUCCESS): (),
    (PaymentState.COMPLETED, PaymentState.COMPLETED): (),
    (PaymentState.REVERSED, PaymentState.COMPLETED): (),
    (PaymentState.CALLBACK_RECEIVED, PaymentState.COMPLETED): (
        PaymentState.SIGNATURE_VERIFIED,
        PaymentState.COMPLETED,
    ),
    (PaymentState.CALLBACK_RECEIVED, PaymentState.REVERSED): (
        PaymentState.SIGNATURE_VERIFIED,
        PaymentState.COMPLETED,
        PaymentState.REVERSED,
    ),
    (PaymentState.SIGNATURE_VERIFIED, PaymentState.REVERSED): (PaymentState.COMPLETED, PaymentState.REVERSED),
}


@pytest.mark.parametrize("path_ends", PATHS_BETWEEN_STATES)
def test_only_harmless_steps_are_added_between_two_states(path_ends: tuple[PaymentState, PaymentState]) -> None:
    """If a report skips states, the program may add the waiting states, a success and a verified callback between two
    known states. It never adds a failure, an expiry or the receipt of a callback."""
    assert find_payment_state_path(*path_ends) == PATHS_BETWEEN_STATES[path_ends]


def test_a_schedule_has_one_wait_per_attempt_and_an_end() -> None:
    """A schedule has one wait for each attempt and then ends; the scale divides the waits."""
    steps = schedules.REFUND_SENDING_WAITS
    due = [
        schedules.compute_next_attempt_time(steps, attempts, NOW, TimeScale(2)) for attempts in range(len(steps) + 1)
    ]
    assert due == [*(NOW + step / 2 for step in steps), None]
    assert schedules.compute_next_attempt_time_of_endless_schedule(steps, 0, NOW, TimeScale(2)) == NOW + timedelta(
        seconds=30
    )


WAIT_MINUTES_BY_SCHEDULE = {
    "PURCHASE_PROBE_WAITS": (1, 5, 30, 120, 360, 1440, 1440, 1440),
    "PAYMENT_PROBE_WAITS": (1, 5, 30, 120, 360, 1440, 1440, 1440),
    "PAYMENT_POLL_WAITS": (1 / 6, 1 / 3, 1 / 2, 1, 2, 5, 5, 15, 60, 360, 1440, 1440, 1440),
    "REFUND_PROBE_WAITS": (1, 5, 15, 60, 360, 1440, 1440, 1440, 1440, 1440),
    "PAYMENT_TIMEOUT_WAITS": (1, 5, 15, 60),
    "INCOMPLETE_REFETCH_WAITS": (5, 60, 360, 1440, 1440),
    "REFUND_POLL_WAITS": (1 / 2, 2, 10, *[60] * 24, 1440),
    "SLOW_REFUND_POLL_WAITS": (*[60] * 24, 1440),
    "REFUND_SENDING_WAITS": (1, 5, 15, 60, 360, 1440, 1440, 1440),
}


@pytest.mark.parametrize("name", WAIT_MINUTES_BY_SCHEDULE)
def test_each_retry_schedule_has_exactly_the_listed_waits(name: str) -> None:
    """Each schedule has exactly the waits that WAIT_MINUTES_BY_SCHEDULE states, in minutes."""
    assert tuple(getattr(schedules, name)) == tuple(
        timedelta(minutes=step) for step in WAIT_MINUTES_BY_SCHEDULE[name]
    )


def test_a_refund_waits_three_days_for_a_decision_and_is_slow_after_one_day() -> None:
    """A refund request waits three days for a decision. A refund that has not ended after a day is reported to
    people.
    """
    assert timedelta(days=3) == schedules.REFUND_DECISION_TIME_LIMIT
    assert timedelta(days=1) == schedules.SLOW_REFUND_AGE


RIGHTS_BY_ROLE = {
    "operator": "read probe refetch take note resolve due_tasks payment_start import refund_request refund_withdraw "
    "refund_submit save_view audit_own audit_any unmask",
    "approver": "read probe refetch take note resolve resolve_second due_tasks payment_start import refund_request "
    "refund_withdraw refund_approve refund_submit set_read_only save_view change_team_view audit_own audit_any "
    "unmask",
    "auditor": "read audit audit_any unmask",
    "worker": "read probe refetch take due_tasks audit_root payment_start import refund_submit refund_propose "
    "provider_authorise registry_import",
    "admin": "limits people provider_authorise set_read_only schema",
}


@pytest.mark.parametrize("role", sorted(permissions.ALL_ROLES))
def test_each_role_has_exactly_the_rights_of_the_table(role: str) -> None:
    """Each role has exactly the rights that the table states. An auditor and a worker can't decide anything."""
    person = Person("p", frozenset({role}), may_buy=False)
    assert {action for action in permissions.ROLES_BY_RIGHT if permissions.has_right(person, action)} == set(
        RIGHTS_BY_ROLE[role].split()
    )
    buyer = Person("p", frozenset({role}), may_buy=True)
    assert permissions.has_right(buyer, "purchase") is (role in ("operator", "approver"))
