"""A refund is never sent before its cooling-off period ends, whatever times the account of its requester writes into
its row.
"""

from collections.abc import Iterator

import pytest

from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from tests.harms.attacks import (
    SET_CHECKS_OFF_STATEMENTS,
    Attack,
    SqlValueByColumn,
    make_insert_attacks,
    make_update_attacks,
)
from tests.harms.scene import UTC_NOW_SQL, AttackedDatabase
from tests.support.refusals import call_and_get_code
from tests.support.teams import PERSON_NAME_BY_ROLE

LARGE_YEN = 200_000
"""Amount (yen) of a refund above the limit, so that it has a cooling-off period. The period is fifteen minutes, which
take 45 s at the accelerated desks of these tests."""
FORGED_TIMES: dict[str, SqlValueByColumn] = {
    "over long ago": {"sends_after": "'2020-01-01'"},
    "over now": {"sends_after": UTC_NOW_SQL},
    "asked for long ago": {"sends_after": UTC_NOW_SQL, "created_at": "'2020-01-01'"},
    "asked for an hour ago": {"sends_after": UTC_NOW_SQL, "created_at": f"{UTC_NOW_SQL} - INTERVAL 1 HOUR"},
    "never decided": {"sends_after": UTC_NOW_SQL, "decide_by": "'9999-12-31'"},
    "no times": {"sends_after": "NULL", "created_at": "NULL"},
}


@pytest.fixture
def payment(harm_scene: AttackedDatabase) -> Payment:
    """Return a payment that is large enough for a refund with a cooling-off period."""
    return harm_scene.make_paid_payment(900_000)


def make_refund_row(payment: Payment, changed_times: SqlValueByColumn) -> SqlValueByColumn:
    """Return the columns of a refund's row as the services write them, but with the times in `changed_times`."""
    written = {
        "payment_id": str(payment.id), "refund_amount": str(LARGE_YEN), "currency": "'JPY'", "status": "'requested'",
        "maker": "'{me}'", "reason": "'broken'", "saw": "'{}'", "radar": "'[]'", "checkers_needed": "1",
        "decide_by": f"{UTC_NOW_SQL} + INTERVAL 1 HOUR", "created_at": UTC_NOW_SQL, "changed_at": UTC_NOW_SQL,
        "intended_repeat": "1",
    }  # fmt: skip
    return written | dict(changed_times)


def make_forged_time_attacks(payment: Payment) -> Iterator[Attack]:
    """Yield attacks that insert a refund with forged times: one set of times in every form of INSERT, and each set in
    a plain INSERT, also in a session whose checks are switched off.
    """
    reserve = (
        f"UPDATE payments SET reserved_minor = reserved_minor + {LARGE_YEN}, version = version + 1"
        f" WHERE id = {payment.id}"
    )
    for attack in make_insert_attacks("refunds", make_refund_row(payment, FORGED_TIMES["over now"])):
        yield attack.prepend_statements("over now", reserve)
    for name, times in FORGED_TIMES.items():
        plain = next(make_insert_attacks("refunds", make_refund_row(payment, times)))
        yield plain.prepend_statements(name, reserve)
        yield plain.prepend_statements(f"{name}, loose", *SET_CHECKS_OFF_STATEMENTS, reserve)


def find_open_refund(scene: AttackedDatabase, payment: Payment) -> Refund | None:
    """Return the open refund of this payment that an attack has inserted; None if there is none."""
    views = scene.get_desk("lead-b").refunds
    rows = scene.sql(f"SELECT id FROM refunds WHERE payment_id = {payment.id} AND status = 'requested'")
    return views.read_refund(rows[0][0]).record if rows else None


def approve_and_run_due_tasks(scene: AttackedDatabase, refund: Refund) -> RefundState:
    """Let two approvals be given, let a person submit the refund, and let the worker run the due tasks. Return the
    state of the refund after that.
    """
    for _ in range(2):
        call_and_get_code(lambda: scene.get_desk("lead-b").refunds.approve(refund.id))
    call_and_get_code(lambda: scene.get_desk("op-b").refunds.submit(refund.id))
    scene.get_desk("worker").recovery.run_all_tasks()
    return scene.get_desk("lead-b").refunds.read_refund(refund.id).record.state


def test_no_requester_shortens_the_cooling_off_period(harm_scene: AttackedDatabase, payment: Payment) -> None:
    """An attack inserts a refund with forged times. Either the database refuses it, or the refund still waits for its
    full cooling-off period after its approval.
    """
    scene, came, requesters = harm_scene, 0, ("op-b", "lead-c")
    for turn, attack in enumerate(scene.choose_attacks(make_forged_time_attacks(payment))):
        for person in requesters if scene.tries_all_attacks else (requesters[turn // 2 % 2],):
            scene.attack(person, attack)
            refund = find_open_refund(scene, payment)
            if refund is not None:
                came += 1
                assert approve_and_run_due_tasks(scene, refund) is RefundState.APPROVED, attack
                scene.get_desk(person).refunds.withdraw(refund.id)
            assert scene.count_refunds(payment) == 0, attack
            scene.sql(f"UPDATE payments SET reserved_minor = 0 WHERE id = {payment.id}")
    assert came > 0, "nothing was tried"
    assert scene.sql("SELECT COUNT(*) FROM refunds WHERE decide_by > '2100-01-01' OR created_at < '2021-01-01'") == [
        (0,)
    ]
    scene.check_ordinary_work()


def test_no_role_shortens_a_cooling_off_period(harm_scene: AttackedDatabase, payment: Payment) -> None:
    """An approved refund in its cooling-off period still waits until the end of the period, although every role tries
    to change its times.
    """
    scene = harm_scene
    refund = scene.request_refund(payment, amount=LARGE_YEN)
    assert scene.get_desk("lead-b").refunds.approve(refund.id).state is RefundState.APPROVED
    raised = {"version": "version + 1"}
    earlier = (
        {"sends_after": UTC_NOW_SQL},
        {"sends_after": "NULL"},
        {"created_at": "'2020-01-01'"},
        {"refund_amount": "1"},
        {"sends_after": "'2020-01-01'", "created_at": "'2020-01-01'"},
        {"currency": "'INR'"},
        {"decide_by": "'9999-12-31'"},
        {"work_at": "'2020-01-01'", "work_reason": "'submission'"},
    )
    for values in earlier:
        for attack in make_update_attacks("refunds", {**raised, **values}, f"id = {refund.id}"):
            scene.attack_as_each_role(
                (attack, attack.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)), PERSON_NAME_BY_ROLE.values()
            )
    limits = Attack(
        "limits", ("UPDATE limits SET value = 0 WHERE name = 'cooling_off_seconds'", "DELETE FROM limits")
    )
    scene.attack_as_each_role((limits,))
    assert approve_and_run_due_tasks(scene, refund) is RefundState.APPROVED
    assert scene.count_refunds(payment) == 0
    scene.sql(
        "UPDATE refunds SET created_at = created_at - INTERVAL 1 HOUR, sends_after = sends_after - INTERVAL 1 HOUR"
        f" WHERE id = {refund.id}"
    )
    assert approve_and_run_due_tasks(scene, refund) is not RefundState.APPROVED
    assert scene.count_refunds(payment) == 1
    scene.check_ordinary_work()
