"""Tests of idempotency keys in the journal: the account that has used a key, the end of the key's operation, and the
epoch for which cached results are valid."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from console.domain.records import OperationState
from console.services.guarded.idempotency import AcquiredIdempotencyKey, IdempotencyKeyService
from console.services.process.context import ServiceContext
from console.store.operations import idempotency
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock

pytestmark = pytest.mark.engines("sqlite")
DONE, FAILED, CALLING = OperationState.DONE, OperationState.FAILED, OperationState.CALLING
ONE_HOUR, ONE_MILLISECOND = timedelta(hours=1), timedelta(milliseconds=1)


@pytest.fixture
def context(place: Place, hand_clock: ManualClock) -> Iterator[ServiceContext]:
    with place.desk(InMemoryAlarmBox(), hand_clock) as console:
        yield console._context


def acquire_key(context: ServiceContext, key: str) -> AcquiredIdempotencyKey:
    begun = IdempotencyKeyService(context).acquire_key(
        key, "3300 JPY", action="payment.start", subject=("payment", 1)
    )
    assert isinstance(begun, AcquiredIdempotencyKey)
    return begun


def end_operation(
    context: ServiceContext,
    acquired_key: AcquiredIdempotencyKey,
    state: OperationState = DONE,
    result: str | None = "paid",
) -> bool:
    """End the operation that has acquired the key. Return the result of `idempotency.end_operation_with_result`."""
    return context.write(
        lambda tx: idempotency.end_operation_with_result(
            tx.conn, acquired_key.operation_id, acquired_key.fence, state, result, context.now()
        )
    )


def find_key_use(context: ServiceContext, key: str) -> idempotency.IdempotencyKeyUse | None:
    with context.database.read() as conn:
        return idempotency.find_use(conn, key)


def read_states(context: ServiceContext) -> list[tuple[object, ...]]:
    """Return (idempotency key, state, result) of each operation, sorted by key."""
    with context.database.read() as conn:
        return [
            tuple(row)
            for row in conn.exec_driver_sql("SELECT idempotency_key, state, result FROM operations ORDER BY 1")
        ]


def test_the_use_of_a_key_has_its_person_time_and_lease(context: ServiceContext) -> None:
    """The use of a key has the person, the time of the beginning, and whether the lease of the key's operation is
    live. Operations with other keys don't change the result."""
    for key in ("a", "b", "c"):
        acquire_key(context, key)
    key_use = find_key_use(context, "b")
    assert key_use is not None
    assert (key_use.state, key_use.fingerprint, key_use.result, key_use.has_live_lease) == (
        CALLING,
        "3300 JPY",
        None,
        True,
    )
    assert (key_use.operator, key_use.desk, key_use.since) == ("op-a", context.make_holder().desk, context.now())
    assert (find_key_use(context, "ab"), find_key_use(context, "0"), find_key_use(context, "z")) == (None, None, None)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_end_of_an_operation_leaves_others_running(context: ServiceContext, position: int) -> None:
    """Ending one operation leaves the other operations in the state `calling`, whatever their ids are."""
    all_of_them = sorted((acquire_key(context, key) for key in ("a", "b", "c")), key=lambda one: one.operation_id)
    ended = all_of_them[position]
    assert end_operation(context, ended)
    for one in all_of_them:
        key_use = find_key_use(context, one.key)
        assert key_use is not None
        assert (key_use.state, key_use.result) == ((DONE, "paid") if one is ended else (CALLING, None))


@pytest.mark.parametrize("fence", [-1, 1])
def test_a_process_with_another_fencing_token_ends_nothing(context: ServiceContext, fence: int) -> None:
    """A process with an older or a newer fencing token can't end the operation, either before or after the process
    with the right token has ended it."""
    begun = acquire_key(context, "a")
    other_process = replace(begun, fence=begun.fence + fence)
    assert not end_operation(context, other_process)
    assert end_operation(context, begun)
    assert not end_operation(context, other_process)


def test_a_repeated_end_succeeds_only_with_the_same_result(context: ServiceContext) -> None:
    """Ending an operation a second time returns True with the same state and result, and False with another state or
    result."""
    begun = acquire_key(context, "a")
    assert end_operation(context, begun)
    assert end_operation(context, begun)
    for other in ("paia", "paie", "", None):
        assert not end_operation(context, begun, result=other)
    for state in (FAILED, OperationState.UNKNOWN, CALLING):
        assert not end_operation(context, begun, state)
    assert read_states(context) == [("a", "done", "paid")]


def test_only_a_calling_operation_can_be_ended(context: ServiceContext) -> None:
    """`end_operation` refuses to end an operation that is unknown or failed, because another function settles such
    operations.
    """
    for state in (FAILED, OperationState.UNKNOWN):
        begun = acquire_key(context, state)
        assert end_operation(context, begun, state, None)
        assert not end_operation(context, begun, DONE)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_freed_key_leaves_its_operation_under_another_key(context: ServiceContext, position: int) -> None:
    """Freeing a key stores its operation's row under another key, and leaves the keys of other rows unchanged."""
    all_of_them = sorted((acquire_key(context, key) for key in ("a", "b", "c")), key=lambda one: one.operation_id)
    one = all_of_them[position]
    context.write(lambda tx: idempotency.free_idempotency_key(tx.conn, one.operation_id, one.key))
    assert find_key_use(context, one.key) is None
    stored_keys = {key for key, *_ in read_states(context)}
    assert stored_keys == ({"a", "b", "c"} - {one.key}) | {f"{one.key}#{one.operation_id}"}


def test_a_freed_long_key_is_cut(context: ServiceContext) -> None:
    """The freed form of a key with more than 200 characters has the first 200 characters of the key and the
    operation's id.
    """
    begun = acquire_key(context, "k" * 210)
    context.write(lambda tx: idempotency.free_idempotency_key(tx.conn, begun.operation_id, begun.key))
    assert [key for key, *_ in read_states(context)] == ["k" * 200 + f"#{begun.operation_id}"]


def read_epoch(context: ServiceContext, later: timedelta = timedelta(0)) -> str:
    with context.database.read() as conn:
        return idempotency.read_current_epoch(conn, context.now() + later)


def replace_epoch(context: ServiceContext) -> str:
    return context.write(lambda tx: idempotency.replace_epoch(tx, context.make_holder(), context.now()))


def test_an_epoch_lasts_an_hour(context: ServiceContext) -> None:
    """An epoch is valid for an hour after its beginning, and for an hour before it, because a clock may have been set
    back. Reading returns "" if there is no valid epoch."""
    assert read_epoch(context) == ""
    begun = replace_epoch(context)
    assert begun
    for later, counts in (
        (ONE_HOUR, False),
        (ONE_HOUR - ONE_MILLISECOND, True),
        (-ONE_HOUR, False),
        (ONE_MILLISECOND - ONE_HOUR, True),
        (2 * ONE_HOUR, False),
    ):
        assert read_epoch(context, later) == (begun if counts else "")


def test_each_new_epoch_has_a_new_text(context: ServiceContext, hand_clock: ManualClock) -> None:
    """An epoch that replaces an expired one has another text. The other rows of `leases` stay as they were."""
    with context.database.read() as conn:
        before = sorted(tuple(row) for row in conn.exec_driver_sql("SELECT name, slot, token FROM leases"))
    first = replace_epoch(context)
    hand_clock.at += 2 * ONE_HOUR
    assert read_epoch(context) == ""
    second = replace_epoch(context)
    assert (read_epoch(context), len({first, second, ""})) == (second, 3)
    with context.database.read() as conn:
        after = sorted(tuple(row) for row in conn.exec_driver_sql("SELECT name, slot, token FROM leases"))
    assert [row for row in after if row[0] != "idempotency_cache"] == before


@pytest.mark.parametrize("other", ["a", "z"])
def test_the_row_of_another_lease_is_not_read_as_an_epoch(context: ServiceContext, other: str) -> None:
    """The row of another lease isn't read as an epoch, whether the other lease's name sorts before or after the
    epoch's name.
    """
    from console.store.operations import leases

    context.write(lambda tx: leases.acquire(tx, other, context.make_holder(), context.now(), 45.0) and None)
    assert read_epoch(context) == ""
    first = replace_epoch(context)
    assert read_epoch(context) == first
    with context.database.read() as conn:
        token = conn.exec_driver_sql(f"SELECT token FROM leases WHERE name = '{other}'").scalar()
    assert token not in (first, None)


def test_forgetting_a_result_frees_its_key_and_replaces_the_epoch(context: ServiceContext) -> None:
    """When a result is forgotten, its key becomes free and the epoch is replaced, so that no process uses cached
    results of the former epoch."""
    begun = acquire_key(context, "a")
    assert end_operation(context, begun)
    first = replace_epoch(context)
    context.write(
        lambda tx: idempotency.forget_result(tx, begun.operation_id, "a", context.make_holder(), context.now())
    )
    assert find_key_use(context, "a") is None
    assert read_epoch(context) not in (first, "")
