"""Money goes back before its cooling-off is over: whatever times a maker gives a request, nothing is sent early."""

from collections.abc import Iterator

import pytest

from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from tests.harms.scene import ROLES, UTC, Scene
from tests.harms.ways import LOOSE, Values, Way, inserts, updates
from tests.support.money_desks import ending

LARGE = 200_000
"""Above the limit: fifteen minutes of cooling-off, 45 s for the desks of these tests."""
TIMES: dict[str, Values] = {
    "over long ago": {"sends_after": "'2020-01-01'"},
    "over now": {"sends_after": UTC},
    "asked for long ago": {"sends_after": UTC, "created_at": "'2020-01-01'"},
    "asked for an hour ago": {"sends_after": UTC, "created_at": f"{UTC} - INTERVAL 1 HOUR"},
    "never decided": {"sends_after": UTC, "decide_by": "'9999-12-31'"},
    "no times": {"sends_after": "NULL", "created_at": "NULL"},
}


@pytest.fixture
def payment(harm_scene: Scene) -> Payment:
    """One of which a large refund may be asked for."""
    return harm_scene.paid(900_000)


def request(payment: Payment, times: Values) -> Values:
    """A request's row as our services write it, but for its times."""
    written = {
        "payment_id": str(payment.id), "refund_amount": str(LARGE), "currency": "'JPY'", "status": "'requested'",
        "maker": "'{me}'", "reason": "'broken'", "saw": "'{}'", "radar": "'[]'", "checkers_needed": "1",
        "decide_by": f"{UTC} + INTERVAL 1 HOUR", "created_at": UTC, "changed_at": UTC, "intended_repeat": "1",
    }  # fmt: skip
    return written | dict(times)


def ways(payment: Payment) -> Iterator[Way]:
    """Every form for times that may pass; each set of times in the plainest form, and in a session without checks."""
    reserve = (
        f"UPDATE payments SET reserved_minor = reserved_minor + {LARGE}, version = version + 1"
        f" WHERE id = {payment.id}"
    )
    for way in inserts("refunds", request(payment, TIMES["over now"])):
        yield way.after("over now", reserve)
    for name, times in TIMES.items():
        plain = next(inserts("refunds", request(payment, times)))
        yield plain.after(name, reserve)
        yield plain.after(f"{name}, loose", *LOOSE, reserve)


def open_refund(scene: Scene, payment: Payment) -> Refund | None:
    """The request that came of it, if any."""
    views = scene.desk("lead-b").refunds
    found = scene.sql(f"SELECT id FROM refunds WHERE payment_id = {payment.id} AND status = 'requested'")
    return views.read_refund(found[0][0]).record if found else None


def approved_early(scene: Scene, refund: Refund) -> RefundState:
    """An approver says yes, again and again, and the worker does what is due; how the refund stands then."""
    for _ in range(2):
        ending(lambda: scene.desk("lead-b").refunds.approve(refund.id))
    ending(lambda: scene.desk("op-b").refunds.submit(refund.id))
    scene.desk("worker").recovery.run_due()
    return scene.desk("lead-b").refunds.read_refund(refund.id).record.state


def test_no_maker_chooses_the_cooling_off(harm_scene: Scene, payment: Payment) -> None:
    """A request that was written with invented times, by any person and in any form, still waits for its cooling-off,
    or isn't there.
    """
    scene, came = harm_scene, 0
    for who in ("op-b", "lead-c"):
        for way in scene.some(ways(payment)):
            scene.tries(who, way)
            refund = open_refund(scene, payment)
            if refund is not None:
                came += 1
                assert approved_early(scene, refund) is RefundState.APPROVED, way
                scene.desk(who).refunds.withdraw(refund.id)
            assert scene.refunded(payment) == 0, way
            scene.sql(f"UPDATE payments SET reserved_minor = 0 WHERE id = {payment.id}")
    assert came > 0, "nothing was tried"
    assert scene.sql("SELECT COUNT(*) FROM refunds WHERE decide_by > '2100-01-01' OR created_at < '2021-01-01'") == [
        (0,)
    ]
    scene.work_goes_on()


def test_nobody_brings_a_cooling_off_forward(harm_scene: Scene, payment: Payment) -> None:
    """A request that waits goes on waiting, whoever changes its times, as everybody."""
    scene = harm_scene
    refund = scene.asked(payment, amount=LARGE)
    assert scene.desk("lead-b").refunds.approve(refund.id).state is RefundState.APPROVED
    raised = {"version": "version + 1"}
    earlier = (
        {"sends_after": UTC},
        {"sends_after": "NULL"},
        {"created_at": "'2020-01-01'"},
        {"refund_amount": "1"},
        {"sends_after": "'2020-01-01'", "created_at": "'2020-01-01'"},
        {"currency": "'INR'"},
        {"decide_by": "'9999-12-31'"},
        {"work_at": "'2020-01-01'", "work_reason": "'submission'"},
    )
    for values in earlier:
        for way in updates("refunds", {**raised, **values}, f"id = {refund.id}"):
            scene.each_tries((way, way.after("loose", *LOOSE)), ROLES.values())
    limits = Way("limits", ("UPDATE limits SET value = 0 WHERE name = 'cooling_off_seconds'", "DELETE FROM limits"))
    scene.each_tries((limits,))
    assert approved_early(scene, refund) is RefundState.APPROVED
    assert scene.refunded(payment) == 0
    scene.sql(
        "UPDATE refunds SET created_at = created_at - INTERVAL 1 HOUR, sends_after = sends_after - INTERVAL 1 HOUR"
        f" WHERE id = {refund.id}"
    )
    assert approved_early(scene, refund) is not RefundState.APPROVED
    assert scene.refunded(payment) == 1
    scene.work_goes_on()
