"""A database account that reports an invented loss of the database can stop purchases at most three times. The audit
trail names the account.
"""

from console.domain.audit.actions import AuditAction
from tests.harms.attacks import SET_CHECKS_OFF_STATEMENTS, make_ending_attacks, make_insert_attacks
from tests.harms.scene import UTC_NOW_SQL, AttackedDatabase
from tests.support.galera_cluster import wait_until_applied
from tests.support.refusals import call_for_refusal_code
from tests.support.teams import PERSON_NAME_BY_ROLE

ROLLBACK_RULE = "database_went_back"
PEOPLE_WITH_ALERT_RIGHT = ("op-a", "lead-b", "worker")
"""Names of the people and the worker whose database accounts may write alerts."""


def _make_alert_row(subject: str = "1", kind: str = "'database'", rule: str = f"'{ROLLBACK_RULE}'") -> dict[str, str]:
    return {
        "rule_id": rule, "subject_kind": kind, "subject_id": subject, "observed": "'no row 9 of the trail'",
        "expected": "'what desk d saw committed'", "detected_at": UTC_NOW_SQL,
    }  # fmt: skip


def _make_lost_operation_row(number: str, payment: str = "NULL") -> dict[str, str]:
    return {
        "id": "UUID()", "database_id": "UUID()", "action": "'credit-check.purchase'", "client_id": "1",
        "corporation_number": f"'{number}'", "operator": "'{me}'", "desk": "'d'", "at": UTC_NOW_SQL,
        "fingerprint": "REPEAT('a', 64)", "payment_id": payment, "holds": "1", "told_at": UTC_NOW_SQL,
    }  # fmt: skip


def _write_loss_audit_entry(scene: AttackedDatabase, person: str) -> None:
    """Write the audit entry that a desk writes when it reports a loss."""
    context = scene.get_desk(person)._context
    action = AuditAction.DATABASE_WENT_BACK
    context.write(lambda tx: context.record_audit(tx, action, 1, {}, kind="database", reason=ROLLBACK_RULE))


def _count_open_loss_alerts(scene: AttackedDatabase) -> int:
    ((count,),) = scene.sql(f"SELECT COUNT(*) FROM alerts WHERE rule_id = '{ROLLBACK_RULE}' AND resolved_at IS NULL")
    return int(count)


def test_no_account_stops_purchases_for_long_by_reporting_an_invented_loss(harm_scene: AttackedDatabase) -> None:
    """A database account reports that the database has lost operations, though it has not; while the alert about such
    a loss is open, the program buys nothing. The database refuses the report without an audit entry of the account.
    With one, it accepts at most three reports of each account that may act, each of which stops purchases until a
    person acknowledges the alert.
    """
    _check_refusal_of_losses_without_audit_entry(harm_scene)
    for person in PEOPLE_WITH_ALERT_RIGHT:
        _check_repeated_losses(harm_scene, person)


def _check_refusal_of_losses_without_audit_entry(harm_scene: AttackedDatabase) -> None:
    """Try to stop purchases without an audit entry: by alerts of this rule with various subjects and spellings, and
    by rows of `lost_operations`. Such a row would block its corporation or payment until two people have decided.
    Check that the database refuses all of them.
    """
    harm_scene.check_ordinary_work()
    number, payment = harm_scene.take_unused_number(), harm_scene.make_paid_payment()
    alerts = [
        attack
        for rule in (f"'{ROLLBACK_RULE}'", f"'{ROLLBACK_RULE.upper()}'", f"'{ROLLBACK_RULE} '")
        for subject, kind in (("1", "'database'"), ("7", "'database'"), ("1", "'payment'"), ("NULL", "'x'"))
        for attack in make_insert_attacks("alerts", _make_alert_row(subject, kind, rule))
    ]
    lost = [
        *make_insert_attacks("lost_operations", _make_lost_operation_row(number)),
        *make_insert_attacks("lost_operations", _make_lost_operation_row(number, str(payment.id))),
    ]
    ended = [
        end.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)
        for attack in (alerts[0], lost[0])
        for end in make_ending_attacks(attack)
    ]
    assert harm_scene.attack_as_each_role([*harm_scene.choose_attacks([*alerts, *lost]), *ended]) > 40
    assert _count_open_loss_alerts(harm_scene) == 0
    assert harm_scene.sql("SELECT COUNT(*) FROM lost_operations") == [(0,)]
    assert harm_scene.buy("op-b", number).state == "success"
    assert harm_scene.request_refund(payment).state == "requested"
    harm_scene.check_ordinary_work()


def _check_repeated_losses(harm_scene: AttackedDatabase, person: str) -> None:
    """Let an account report a loss eight times, each time with an audit entry in its own name. Check that three
    reports stop purchases, each until a person acknowledges it, and that the others are refused.
    """
    stops = 0
    for _ in range(8):
        _write_loss_audit_entry(harm_scene, person)
        wait_until_applied(harm_scene.nodes)  # the next statement may go to another node
        harm_scene.attack(person, next(make_insert_attacks("alerts", _make_alert_row())))
        if not _count_open_loss_alerts(harm_scene):
            continue
        stops += 1
        assert call_for_refusal_code(lambda: harm_scene.buy_new("op-a")) == ROLLBACK_RULE
        open_alerts = harm_scene.get_desk("lead-b").alerts.list_alerts()
        (alert,) = [one for one in open_alerts if one.rule_id == ROLLBACK_RULE and one.resolved_at is None]
        harm_scene.get_desk("lead-b").alerts.acknowledge(alert.id, "nothing is missing")
    assert stops == 3
    writers = harm_scene.sql("SELECT DISTINCT who FROM audit_log WHERE what = 'database.went_back'")
    assert (harm_scene.people.names[person],) in writers
    harm_scene.check_ordinary_work()


def test_every_account_with_alert_right_is_tried() -> None:
    """Each name in PEOPLE_WITH_ALERT_RIGHT is the name of an account that the tests have."""
    assert set(PEOPLE_WITH_ALERT_RIGHT) <= set(PERSON_NAME_BY_ROLE.values())
