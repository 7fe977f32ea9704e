"""The answer to COMMIT gets lost: the idempotency service still says what became of it."""

from collections.abc import Iterator

import pytest

from console.app import open_console
from console.services.guarded.idempotency import HeldIdempotencyKey, IdempotencyKeyService, make_payment_key
from console.settings.settings import Settings
from tests.support.desks import NOWHERE
from tests.support.places import Place, ServerPlace
from tests.support.sql_proxy import AT_ONCE, Break, SqlProxy

PRINT, RESULT = "3300 JPY", '{"payment": 17}'


@pytest.fixture
def proxy(place: Place) -> Iterator[SqlProxy]:
    assert isinstance(place, ServerPlace)
    node = place.database.nodes[0]
    with SqlProxy(node.host, node.port) as running:
        yield running


@pytest.fixture
def once(place: Place, proxy: SqlProxy) -> Iterator[IdempotencyKeyService]:
    told = place.told(NOWHERE) | {"CONSOLE_DATABASE_URL": proxy.url(place.url())}
    with open_console(Settings.load(told)) as console:
        assert console.idempotency.store_result(begun(console.idempotency, "any key"), RESULT)
        assert console.idempotency.delete_result("any key")
        yield console.idempotency


def begun(once: IdempotencyKeyService, key: str) -> HeldIdempotencyKey:
    taken = once.acquire_key(key, PRINT, action="payment.start", subject=("payment", 1))
    assert isinstance(taken, HeldIdempotencyKey)
    return taken


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("kind", AT_ONCE)
def test_each_step_is_true_though_its_commit_was_not_answered(
    once: IdempotencyKeyService, proxy: SqlProxy, place: Place, kind: Break
) -> None:
    """Taken, stored, forgotten, released: each is said to have happened, and has, once."""
    key = make_payment_key("M-1", kind)
    with proxy.breaking(kind, on="COMMIT") as taking:
        taken = begun(once, key)
    with proxy.breaking(kind, on="COMMIT") as storing:
        assert once.store_result(taken, RESULT)
    assert once.find_result(key, PRINT) == RESULT
    with proxy.breaking(kind, on="COMMIT") as forgetting:
        assert once.delete_result(key)
    assert once.find_result(key, PRINT) is None
    again = begun(once, key)
    with proxy.breaking(kind, on="COMMIT") as releasing:
        assert once.release_key(again)
    assert once.find_result(key, PRINT) is None
    assert all(shot.hit for shot in (taking, storing, forgetting, releasing))
    states = place.sql("SELECT state FROM operations ORDER BY state")
    assert [str(state) for (state,) in states] == ["done", "done", "failed"]
