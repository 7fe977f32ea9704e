"""Requirement 15: a repeated call with the same idempotency key and the same fingerprint gets the stored result. With
another fingerprint it is refused.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.services.guarded.idempotency import AcquiredIdempotencyKey, IdempotencyKeyService
from console.services.guarded.operation import ClaimedRecord, GuardedOperation
from console.services.guarded.pipeline import GuardedPipeline
from console.services.process.heartbeat import Heartbeat
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

IDEMPOTENCY_KEY = "idempotent:payment:M-1:ORD-1"
REQUEST_COUNT = 100


@pytest.fixture
def clock(hand_clock: ManualClock) -> ManualClock:
    return hand_clock


@pytest.fixture
def console(place: Place, clock: ManualClock) -> Iterator[Console]:
    with place.desk(InMemoryAlarmBox(), clock) as desk:
        yield desk


@pytest.fixture
def key_service(console: Console) -> IdempotencyKeyService:
    return IdempotencyKeyService(console._context)


def try_to_acquire(
    key_service: IdempotencyKeyService, key: str = IDEMPOTENCY_KEY, fingerprint: str = "3300 JPY"
) -> AcquiredIdempotencyKey | str:
    """Try to acquire the idempotency key. Return the held key, or the stored result of an earlier call."""
    return key_service.acquire_key(key, fingerprint, action=AuditAction.PAYMENT_START, subject=("payment", 1))


def acquire_key(key_service: IdempotencyKeyService) -> AcquiredIdempotencyKey:
    """Acquire the idempotency key and return it; the test fails if the key already has a result."""
    first = try_to_acquire(key_service)
    assert isinstance(first, AcquiredIdempotencyKey)
    return first


@pytest.mark.parametrize("call_count", [REQUEST_COUNT, pytest.param(1_000, marks=pytest.mark.soak)])
def test_calls_with_one_key_have_one_result(
    key_service: IdempotencyKeyService, place: Place, call_count: int
) -> None:
    """100 calls have one idempotency key: the first one performs its action, and the others get its result. Calls
    with another fingerprint are refused.
    """
    calls = results = refused = 0
    for _ in range(call_count):
        taken = try_to_acquire(key_service)
        if isinstance(taken, AcquiredIdempotencyKey):
            calls += 1
            assert key_service.store_result(taken, '{"payment": 1}')
        results += taken == '{"payment": 1}'
        refused += (
            call_for_refusal(lambda: try_to_acquire(key_service, fingerprint="9900 JPY")).code == "possible_repeat"
        )
    summary = f"{results} repeats got the stored result, {refused} other fingerprints refused, {calls} call"
    print(f"demand 15: {place.engine}: {summary}")
    assert (calls, results, refused) == (1, call_count - 1, call_count)
    assert key_service.find_result(IDEMPOTENCY_KEY, "3300 JPY") == '{"payment": 1}'


def test_a_running_call_names_its_owner(key_service: IdempotencyKeyService, console: Console, place: Place) -> None:
    """While the first call with a key runs, another person's call is refused. The error contains the name of the
    person whose call runs, and its start time.
    """
    acquire_key(key_service)
    with place.open_console_of_person(console, "op-b") as other:
        error = call_for_refusal(lambda: try_to_acquire(IdempotencyKeyService(other._context)))
    assert (error.code, error.exit_status) == ("in_progress", 3)
    assert error.detail["holder"] == {
        "operator": place.get_account_name("op-a"),
        "desk": console._context.spool.desk_id,
    }
    assert error.detail["since"] == console._context.now()


def test_an_operation_of_an_ended_holder_is_unknown(key_service: IdempotencyKeyService, clock: ManualClock) -> None:
    """The process that held the key has ended, perhaps after it performed the action: the outcome is unknown, and
    the action is never repeated automatically. The holder may still store its result.
    """
    first = acquire_key(key_service)
    clock.at += timedelta(minutes=1)
    assert call_for_refusal(lambda: key_service.find_result(IDEMPOTENCY_KEY, "3300 JPY")).code == "outcome_unknown"
    assert call_for_refusal(lambda: try_to_acquire(key_service)).exit_status == 4
    assert key_service.store_result(first, "late, but its own")
    assert key_service.find_result(IDEMPOTENCY_KEY, "3300 JPY") == "late, but its own"


def test_a_released_key_is_free(key_service: IdempotencyKeyService) -> None:
    """A released key can be acquired again, also with another fingerprint. The row of the first attempt stays in the
    journal.
    """
    first = acquire_key(key_service)
    assert key_service.release_key(first)
    assert key_service.find_result(IDEMPOTENCY_KEY, "3300 JPY") is None
    again = try_to_acquire(key_service, fingerprint="9900 JPY")
    assert isinstance(again, AcquiredIdempotencyKey)
    assert again.operation_id != first.operation_id
    assert not key_service.store_result(first, "too late")
    assert key_service.release_key(first), "twice is as good as once"
    assert (
        call_for_refusal(lambda: key_service.find_result(IDEMPOTENCY_KEY, "9900 JPY")).detail["operation_id"]
        == again.operation_id
    )


def test_an_ended_key_accepts_no_other_result(key_service: IdempotencyKeyService) -> None:
    """The answer to a COMMIT was lost, so the holder of the key stores the same result again: this is accepted.
    Another result is refused and not stored.
    """
    first = acquire_key(key_service)
    assert key_service.store_result(first, "one")
    assert key_service.store_result(first, "one")
    assert not key_service.store_result(first, "other")
    assert not key_service.release_key(first)
    assert key_service.find_result(IDEMPOTENCY_KEY, "3300 JPY") == "one"


def test_a_deleted_result_is_forgotten(key_service: IdempotencyKeyService) -> None:
    """Before an intended repeat a person deletes the stored result, and the key can be acquired again. The result of
    a key whose call is still running can't be deleted.
    """
    assert not key_service.delete_result(IDEMPOTENCY_KEY)
    first = acquire_key(key_service)
    assert not key_service.delete_result(IDEMPOTENCY_KEY)
    key_service.store_result(first, "done")
    assert key_service.delete_result(IDEMPOTENCY_KEY)
    assert isinstance(try_to_acquire(key_service), AcquiredIdempotencyKey)


def test_the_pipeline_refuses_a_used_key(console: Console) -> None:
    """Two guarded operations have one key: the second one is refused with `already_decided`, or with
    `possible_repeat` if it has another fingerprint. In both cases its call isn't sent.
    """
    heartbeat = Heartbeat(console._context.scale)
    pipeline = GuardedPipeline(console._context, heartbeat)
    called: list[str] = []

    def record_call(fingerprint: str) -> Outcome[None]:
        called.append(fingerprint)
        return Outcome(OutcomeClass.SUCCEEDED, "done", SendingCertainty.YES)

    def make_operation(fingerprint: str) -> GuardedOperation[None]:
        return GuardedOperation(
            action=AuditAction.PAYMENT_START,
            lease_name=None,
            waits_for_lease=False,
            has_effect=False,
            check=lambda _conn: None,
            may_be_refused=lambda _conn: True,
            claim=lambda _tx, _id: ClaimedRecord("payment", 1, None, None, IDEMPOTENCY_KEY, fingerprint),
            call=lambda subject: record_call(subject.fingerprint),
            record_outcome=lambda _tx, _subject, _outcome: None,
            deliver=lambda _id, _outcome: True,
        )

    pipeline.run(make_operation("3300 JPY"), lambda _step: None)
    repeated = call_for_refusal(lambda: pipeline.run(make_operation("3300 JPY"), lambda _step: None))
    other = call_for_refusal(lambda: pipeline.run(make_operation("9900 JPY"), lambda _step: None))
    heartbeat.close()
    assert (repeated.code, other.code, called) == ("already_decided", "possible_repeat", ["3300 JPY"])


def test_only_one_of_many_threads_gets_a_key(key_service: IdempotencyKeyService) -> None:
    """Eight threads acquire one key at the same time: one thread gets it, and the others are refused with
    `in_progress`.
    """

    def try_to_acquire_key(_: int) -> str:
        try:
            return type(try_to_acquire(key_service)).__name__
        except ConsoleError as error:
            return error.code

    with ThreadPoolExecutor(8) as threads:
        results = sorted(threads.map(try_to_acquire_key, range(8)))
    assert results == ["AcquiredIdempotencyKey"] + ["in_progress"] * 7
