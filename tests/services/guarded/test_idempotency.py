"""Demand 15: the same key and fingerprint gets the stored result, anything else a refusal; counted in calls."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.services.guarded.idempotency import HeldIdempotencyKey, IdempotencyKeyService
from console.services.guarded.operation import ClaimedRecord, GuardedOperation
from console.services.guarded.pipeline import GuardedPipeline
from console.services.process.heartbeat import Heartbeat
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal

KEY = "idempotent:payment:M-1:ORD-1"
ASKS = 100


@pytest.fixture
def clock(hand_clock: HandClock) -> HandClock:
    return hand_clock


@pytest.fixture
def console(place: Place, clock: HandClock) -> Iterator[Console]:
    with place.desk(LedgerVendor(), clock) as desk:
        yield desk


@pytest.fixture
def once(console: Console) -> IdempotencyKeyService:
    return IdempotencyKeyService(console._context)


def begin(once: IdempotencyKeyService, key: str = KEY, fingerprint: str = "3300 JPY") -> HeldIdempotencyKey | str:
    return once.acquire_key(key, fingerprint, action=AuditAction.PAYMENT_START, subject=("payment", 1))


def begun(once: IdempotencyKeyService) -> HeldIdempotencyKey:
    first = begin(once)
    assert isinstance(first, HeldIdempotencyKey)
    return first


@pytest.mark.parametrize("asks", [ASKS, pytest.param(1_000, marks=pytest.mark.soak)])
def test_same_key_same_result(once: IdempotencyKeyService, place: Place, asks: int) -> None:
    """However many ask, one call: everybody gets the result of the first."""
    calls = results = refused = 0
    for _ in range(asks):
        taken = begin(once)
        if isinstance(taken, HeldIdempotencyKey):
            calls += 1
            assert once.store_result(taken, '{"payment": 1}')
        results += taken == '{"payment": 1}'
        refused += refusal(lambda: begin(once, fingerprint="9900 JPY")).code == "possible_repeat"
    told = f"{results} repeats got the stored result, {refused} other fingerprints refused, {calls} call"
    print(f"demand 15: {place.engine}: {told}")
    assert (calls, results, refused) == (1, asks - 1, asks)
    assert once.find_result(KEY, "3300 JPY") == '{"payment": 1}'


def test_in_flight_names_its_owner(once: IdempotencyKeyService, console: Console, place: Place) -> None:
    """While the first one runs, everybody else learns who it is and since when."""
    begun(once)
    with place.acting(console, "op-b") as other:
        error = refusal(lambda: begin(IdempotencyKeyService(other._context)))
    assert (error.code, error.exit_status) == ("in_progress", 3)
    assert error.detail["holder"] == {"operator": place.named("op-a"), "desk": console._context.spool.desk_id}
    assert error.detail["since"] == console._context.now()


def test_a_lapsed_one_is_unknown(once: IdempotencyKeyService, clock: HandClock) -> None:
    """The process that held the key and ended may have acted, so the action is never tried again automatically."""
    first = begun(once)
    clock.at += timedelta(minutes=1)
    assert refusal(lambda: once.find_result(KEY, "3300 JPY")).code == "outcome_unknown"
    assert refusal(lambda: begin(once)).exit_status == 4
    assert once.store_result(first, "late, but its own")
    assert once.find_result(KEY, "3300 JPY") == "late, but its own"


def test_a_released_key_is_free(once: IdempotencyKeyService) -> None:
    """A released key may be used again, also for another request; its first attempt stays in the journal."""
    first = begun(once)
    assert once.release_key(first)
    assert once.find_result(KEY, "3300 JPY") is None
    again = begin(once, fingerprint="9900 JPY")
    assert isinstance(again, HeldIdempotencyKey)
    assert again.operation_id != first.operation_id
    assert not once.store_result(first, "too late")
    assert once.release_key(first), "twice is as good as once"
    assert refusal(lambda: once.find_result(KEY, "9900 JPY")).detail["operation_id"] == again.operation_id


def test_what_has_ended_does_not_end_otherwise(once: IdempotencyKeyService) -> None:
    """The holder may say the same again, for an answer that was lost; another result is refused, and not stored."""
    first = begun(once)
    assert once.store_result(first, "one")
    assert once.store_result(first, "one")
    assert not once.store_result(first, "other")
    assert not once.release_key(first)
    assert once.find_result(KEY, "3300 JPY") == "one"


def test_a_deleted_result_is_forgotten(once: IdempotencyKeyService) -> None:
    """An intended repeat: the result is forgotten, but never under somebody who runs."""
    assert not once.delete_result(KEY)
    first = begun(once)
    assert not once.delete_result(KEY)
    once.store_result(first, "done")
    assert once.delete_result(KEY)
    assert isinstance(begin(once), HeldIdempotencyKey)


def test_the_pipeline_refuses_a_key_it_has_seen(console: Console) -> None:
    """Two guarded operations with one key: the second is never called, and told how far the first one is."""
    heartbeat = Heartbeat(console._context.scale)
    pipeline = GuardedPipeline(console._context, heartbeat)
    called: list[str] = []

    def call(fingerprint: str) -> Outcome[None]:
        called.append(fingerprint)
        return Outcome(OutcomeClass.SUCCEEDED, "done", SendingCertainty.YES)

    def operation(fingerprint: str) -> GuardedOperation[None]:
        return GuardedOperation(
            action=AuditAction.PAYMENT_START,
            lease=None,
            waits_for_lease=False,
            has_effect=False,
            check=lambda _conn: None,
            may_be_refused=lambda _conn: True,
            claim=lambda _tx, _id: ClaimedRecord("payment", 1, None, None, KEY, fingerprint),
            call=lambda subject: call(subject.fingerprint),
            record=lambda _tx, _subject, _outcome: None,
            deliver=lambda _id, _outcome: True,
        )

    pipeline.run(operation("3300 JPY"), lambda _step: None)
    repeated = refusal(lambda: pipeline.run(operation("3300 JPY"), lambda _step: None))
    other = refusal(lambda: pipeline.run(operation("9900 JPY"), lambda _step: None))
    heartbeat.close()
    assert (repeated.code, other.code, called) == ("already_decided", "possible_repeat", ["3300 JPY"])


def test_one_of_many_threads(once: IdempotencyKeyService) -> None:
    """Eight at once: one takes the key, seven are told who has it."""

    def ask(_: int) -> str:
        try:
            return type(begin(once)).__name__
        except ConsoleError as error:
            return error.code

    with ThreadPoolExecutor(8) as threads:
        told = sorted(threads.map(ask, range(8)))
    assert told == ["HeldIdempotencyKey"] + ["in_progress"] * 7
