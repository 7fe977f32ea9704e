"""The database's answer to COMMIT is lost: the idempotency service still reports correctly whether its step was
done.
"""

from collections.abc import Iterator

import pytest

from console.app import open_console
from console.services.guarded.idempotency import AcquiredIdempotencyKey, IdempotencyKeyService, make_payment_key
from console.settings.settings import Settings
from tests.support.desks import UNUSED_URL
from tests.support.places import Place, ServerPlace
from tests.support.sql_proxy import IMMEDIATE_BREAKS, BreakKind, SqlProxy

FINGERPRINT, RESULT = "3300 JPY", '{"payment": 17}'


@pytest.fixture
def proxy(place: Place) -> Iterator[SqlProxy]:
    """Yield a proxy in front of the database server that can break connections."""
    assert isinstance(place, ServerPlace)
    node = place.database.nodes[0]
    with SqlProxy(node.host, node.port) as running:
        yield running


@pytest.fixture
def key_service(place: Place, proxy: SqlProxy) -> Iterator[IdempotencyKeyService]:
    """Yield the idempotency service of a desk that connects to the database through the proxy."""
    environment = place.make_environment(UNUSED_URL) | {"CONSOLE_DATABASE_URL": proxy.make_url(place.url())}
    with open_console(Settings.load(environment)) as console:
        assert console.idempotency_keys.store_result(acquire_key(console.idempotency_keys, "any key"), RESULT)
        assert console.idempotency_keys.delete_result("any key")
        yield console.idempotency_keys


def acquire_key(key_service: IdempotencyKeyService, key: str) -> AcquiredIdempotencyKey:
    """Acquire the idempotency key through the proxy and return it."""
    taken = key_service.acquire_key(key, FINGERPRINT, action="payment.start", subject=("payment", 1))
    assert isinstance(taken, AcquiredIdempotencyKey)
    return taken


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("kind", IMMEDIATE_BREAKS)
def test_each_step_is_repeatable_after_an_unanswered_commit(
    key_service: IdempotencyKeyService, proxy: SqlProxy, place: Place, kind: BreakKind
) -> None:
    """The answer to COMMIT is lost while the service acquires a key, stores or deletes its result, or releases the
    key: the service reports each of these steps as done, and the step is done once.
    """
    key = make_payment_key("M-1", kind)
    with proxy.cause_fault(kind, sql_prefix="COMMIT") as taking:
        taken = acquire_key(key_service, key)
    with proxy.cause_fault(kind, sql_prefix="COMMIT") as storing:
        assert key_service.store_result(taken, RESULT)
    assert key_service.find_result(key, FINGERPRINT) == RESULT
    with proxy.cause_fault(kind, sql_prefix="COMMIT") as forgetting:
        assert key_service.delete_result(key)
    assert key_service.find_result(key, FINGERPRINT) is None
    again = acquire_key(key_service, key)
    with proxy.cause_fault(kind, sql_prefix="COMMIT") as releasing:
        assert key_service.release_key(again)
    assert key_service.find_result(key, FINGERPRINT) is None
    assert all(shot.has_happened for shot in (taking, storing, forgetting, releasing))
    states = place.sql("SELECT state FROM operations ORDER BY state")
    assert [str(state) for (state,) in states] == ["done", "done", "failed"]
