"""AlarmBox charges for a corporation only once, whatever a plain client writes into the record of its live credit
check.
"""

from collections.abc import Iterator

import pytest

from console.domain.records import CreditCheck
from tests.harms.attacks import (
    SET_CHECKS_OFF_STATEMENTS,
    Attack,
    SqlValueByColumn,
    make_ending_attacks,
    make_update_attacks,
)
from tests.harms.scene import CHECKS_TABLE, CLIENT_ID, UTC_NOW_SQL, AttackedDatabase, set_validity_end
from tests.support import old_purchases
from tests.support.refusals import call_and_get_code, call_for_refusal_code
from tests.support.teams import PERSON_NAME_BY_ROLE

PAST_INSTANT_SQL = "'2020-01-01 00:00:00'"
WRITING_PEOPLE = ("op-a", "lead-b", "worker")
VERSION_UPDATE: SqlValueByColumn = {"version": "version + 1"}


def make_forged_evidence(
    record: CreditCheck, source: str = "alarmbox.purchase", summary: str = "HTTP 422 FAILED_DEFINITE http_422"
) -> str:
    """Return the INSERT statement of a forged answer of the provider about this record. `source` names the call that
    it answers, and `summary` has its outcome; both are columns of `evidence`.
    """
    operation = f"'{record.operation_id}'" if record.operation_id else "NULL"
    return (
        "INSERT INTO evidence (subject_kind, subject_id, operation_id, at, source, who, sha256, summary, body) VALUES"
        f" ('credit-check', {record.id}, {operation}, {UTC_NOW_SQL}, '{source}', '{{me}}', REPEAT('a', 64),"
        f" '{summary}', '')"
    )


FORGED_SUMMARY = "HTTP 200 SUCCEEDED answered"


def make_renewal_attacks(record: CreditCheck) -> Iterator[Attack]:
    """Yield attacks that free the claim of the record by an invented renewal."""
    where = f"id = {record.id}"
    for at in ("'9990-01-01'", UTC_NOW_SQL, "expired_at", f"{UTC_NOW_SQL} + INTERVAL 2 YEAR", PAST_INSTANT_SQL):
        for attack in make_update_attacks(CHECKS_TABLE, {"superseded_at": at} | VERSION_UPDATE, where):
            yield attack.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)
        yield Attack(
            f"superseded {at}",
            (f"UPDATE {CHECKS_TABLE} SET superseded_at = {at}, version = version + 1 WHERE {where}",),
        )
    step: SqlValueByColumn = {"expired_at": PAST_INSTANT_SQL} | VERSION_UPDATE
    given_up: SqlValueByColumn = {"superseded_at": UTC_NOW_SQL} | VERSION_UPDATE
    for before in (
        (),
        (make_forged_evidence(record, "alarmbox.detail", FORGED_SUMMARY),),
        (make_forged_evidence(record, "alarmbox.purchase", FORGED_SUMMARY),),
    ):
        for attack in make_update_attacks(CHECKS_TABLE, step | given_up, where, [step, given_up]):
            yield attack.prepend_statements("forged reading", *before)
        yield Attack(
            "as if never dated", (*before, f"UPDATE {CHECKS_TABLE} SET expired_at = NULL, version = version + 1")
        )
    renewal = (
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number, work_state, operation_id, renews)"
        f" VALUES ({CLIENT_ID}, '{record.corporation_number}', 'none', UUID(), {record.id})"
    )
    by = f"UPDATE {CHECKS_TABLE} SET superseded_by = LAST_INSERT_ID(), version = version + 1 WHERE {where}"
    dead = f"UPDATE {CHECKS_TABLE} SET status = 'error', version = version + 1 WHERE renews = {record.id}"
    evidence_insert = make_forged_evidence(record, "alarmbox.detail", FORGED_SUMMARY)
    yield from make_ending_attacks(
        Attack("a renewal of its own", (evidence_insert, *_make_updates(where, step, given_up), renewal, by, dead))
    )


def _make_updates(condition: str, *steps: SqlValueByColumn) -> tuple[str, ...]:
    """Return one UPDATE statement for each of `steps` (SQL expressions by column), for the credit checks that fulfil
    `condition`.
    """
    return tuple(
        f"UPDATE {CHECKS_TABLE} SET {', '.join(f'{name} = {value}' for name, value in step.items())}"
        f" WHERE {condition}"
        for step in steps
    )


def make_column_attacks(record: CreditCheck) -> Iterator[Attack]:
    """Yield attacks that free the claim of the record by a change of any other column, or by deleting the row."""
    where = f"id = {record.id}"
    changes: tuple[SqlValueByColumn, ...] = (
        {"status": "'error'"},
        {"status": "'error'", "credit_check_id": "NULL"},
        {"status": "'failed'"},
        {"duplicate_of": f"{record.id}"},
        {"duplicate_of": "1"},
        {"corporation_number": "'1180301018771'"},
        {"corporation_number": "'x'"},
        {"corporation_number": f"'T{record.corporation_number}'"},
        {"client_id": "999"},
        {"work_state": "NULL"},
        {"work_state": "NULL", "credit_check_id": "NULL", "status": "'error'"},
    )
    for change in changes:
        yield from make_update_attacks(CHECKS_TABLE, change | VERSION_UPDATE, where)
        yield Attack("forged refusal", (make_forged_evidence(record), *_make_updates(where, change | VERSION_UPDATE)))
    yield Attack("deleted", (f"DELETE FROM {CHECKS_TABLE} WHERE {where}",))
    yield Attack(
        "replaced", (f"REPLACE INTO {CHECKS_TABLE} (id, client_id, corporation_number) VALUES ({record.id}, 9, 'x')",)
    )


def make_not_bought_attacks(record: CreditCheck) -> Iterator[Attack]:
    """Yield attacks by which one account writes that a running or unknown purchase wasn't made."""
    where, operation = f"id = {record.id}", record.operation_id
    error = _make_updates(where, {"status": "'error'", "certainty": "'known'"} | VERSION_UPDATE)
    failed = f"UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = '{operation}'"
    mine = f"UPDATE operations SET state = 'failed' WHERE id = '{operation}'"
    lapsed = f"UPDATE operations SET state = 'unknown', fence = fence + 1 WHERE id = '{operation}'"
    keyed = failed.replace("SET ", "SET answer_key = answer_lock, ")
    relocked = f"UPDATE operations SET answer_lock = SHA2('x', 256), answer_key = 'x' WHERE id = '{operation}'"
    nulled = f"UPDATE operations SET answer_lock = NULL WHERE id = '{operation}'"
    for summary in ("HTTP 422 FAILED_DEFINITE http_422", "AUTH x", "RATE_LIMITED http_429", "HTTP 404 NOT_FOUND x"):
        for source in ("alarmbox.purchase", "alarmbox.purchase.late", "alarmbox.probe"):
            for step in (failed, mine, keyed):
                yield Attack(f"{summary} of {source}", (make_forged_evidence(record, source, summary), step, *error))
    said = make_forged_evidence(record)
    for first in ((said, failed), (said, relocked, failed), (said, nulled, failed), (said, lapsed, failed)):
        yield from make_ending_attacks(
            Attack("forged refusal", (*first, *error)).prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)
        )
        yield Attack("forged refusal", (*first, *error))
    yield Attack("another operation", (*_make_operation_replacement(record), *error))


def make_two_decision_attacks(record: CreditCheck) -> Iterator[Attack]:
    """Yield attacks in which the account of one approver writes both the decision of the first person and that of the
    second person.
    """
    proposed = (
        "INSERT INTO approvals (subject_kind, subject_id, action, proposed, person, evidence_id, at) VALUES"
        f" ('credit-check', '{record.id}', 'resolve', 'error', '{{me}}', LAST_INSERT_ID(), {UTC_NOW_SQL})"
    )
    proof = make_forged_evidence(record, "person", "a letter")
    failed = f"UPDATE operations SET state = 'failed', fence = fence + 1 WHERE id = '{record.operation_id}'"
    error = _make_updates(f"id = {record.id}", {"status": "'error'", "certainty": "'known'"} | VERSION_UPDATE)
    yield from make_ending_attacks(Attack("both people at once", (proof, proposed, proof, failed, *error)))


def _make_operation_replacement(record: CreditCheck) -> tuple[str, ...]:
    """Return statements that replace the operation of the record by another one. The attacker has inserted the other
    operation and therefore knows its answer key.
    """
    begun = (
        "INSERT INTO operations (id, action, subject_kind, subject_id, state, idempotency_key, fingerprint, operator,"
        " desk, host, process, session, started_at, lease_clock, lease_expires, answer_lock)"
        f" SELECT 'own-{record.id}-{{me}}', action, subject_kind, subject_id, 'calling', UUID(), 'f', '{{me}}', desk,"
        f" host, 1, session, started_at, lease_clock, lease_expires, SHA2('x', 256) FROM operations"
        f" WHERE id = '{record.operation_id}'"
    )
    own = f"own-{record.id}-{{me}}"
    ended = f"UPDATE operations SET state = 'failed', answer_key = 'x', fence = fence + 1 WHERE id = '{own}'"
    evidence_insert = make_forged_evidence(record).replace(f"'{record.operation_id}'", f"'{own}'")
    moved = f"UPDATE {CHECKS_TABLE} SET operation_id = '{own}', version = version + 1 WHERE id = {record.id}"
    return begun, evidence_insert, ended, moved


@pytest.mark.parametrize(
    "make_attacks", [make_renewal_attacks, make_column_attacks], ids=lambda make_attacks: str(make_attacks.__name__)
)
def test_a_live_check_is_not_bought_again(harm_scene: AttackedDatabase, make_attacks) -> None:  # type: ignore[no-untyped-def]  # of ways
    """Every role executes the attacks that should free the claim of a live credit check. After that, AlarmBox charges
    for no further purchase of the corporation, with or without a renewal.
    """
    record = harm_scene.buy_new()
    harm_scene.attack_as_each_role(make_attacks(record))
    harm_scene.check_not_bought_again(record.corporation_number)
    harm_scene.check_ordinary_work()


@pytest.mark.parametrize("buyer", ["op-a", "op-b"])
def test_an_unknown_purchase_keeps_its_claim(harm_scene: AttackedDatabase, buyer: str) -> None:
    """A purchase with an unknown outcome keeps its claim, whatever a single account writes, whether it is the buyer's
    account or another one.
    """
    record = harm_scene.buy_without_answer(buyer)
    harm_scene.attack_as_each_role(harm_scene.choose_attacks(make_not_bought_attacks(record)))
    harm_scene.attack_as_each_role(harm_scene.choose_attacks(make_renewal_attacks(record)), WRITING_PEOPLE)
    harm_scene.attack_as_each_role(make_two_decision_attacks(record), ["lead-b"])
    harm_scene.check_not_bought_again(record.corporation_number)
    harm_scene.check_ordinary_work()


def test_a_running_purchase_keeps_its_claim(harm_scene: AttackedDatabase) -> None:
    """While the call of a purchase is running, no account can free its claim, not even the buyer's, and nobody can
    buy the number again. Afterwards AlarmBox has charged once, and the record is bought or still pending.
    """
    from concurrent.futures import ThreadPoolExecutor

    from console.domain.records import CheckState

    number = harm_scene.take_unused_number()
    harm_scene.sandbox.control.add_fault("hang_after_charge", call="purchase", number=number)
    with ThreadPoolExecutor(1) as pool:
        buying = pool.submit(lambda: harm_scene.buy("op-a", number))
        assert harm_scene.sandbox.control.wait_until_counts_reached(held=1, call="purchase", number=number)
        (record,) = harm_scene.get_desk("op-b").lookup.find_records(number).credit_checks
        harm_scene.attack_as_each_role(make_not_bought_attacks(record))
        harm_scene.attack_as_each_role(make_column_attacks(record), WRITING_PEOPLE)
        for person in ("op-b", "lead-b"):
            ending = call_and_get_code(lambda: harm_scene.buy(person, number))  # noqa: B023  # called at once
            assert ending == "already_purchased"
        harm_scene.sandbox.control.release_calls("purchase", number)
        buying.exception(30)
    assert harm_scene.count_charges(number) == 1
    (record,) = harm_scene.get_desk("op-b").lookup.find_records(number).credit_checks
    assert record.state in (CheckState.SUCCESS, CheckState.PENDING)
    assert call_for_refusal_code(lambda: harm_scene.buy("op-b", number)) == "already_purchased"
    harm_scene.check_not_bought_again(number)
    harm_scene.check_ordinary_work()


def test_a_check_in_another_spelling_keeps_its_claim(harm_scene: AttackedDatabase) -> None:
    """The other application has bought a credit check and has written its corporation number with a leading T. No
    account can give the record the number of another corporation, and AlarmBox doesn't charge for the corporation
    again.
    """
    number = harm_scene.buy_new("op-b").corporation_number
    free_number = harm_scene.take_unused_number()
    harm_scene.sql(
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number, credit_check_id, expired_at)"
        f" VALUES ({CLIENT_ID}, 'T{free_number}', 77, {UTC_NOW_SQL} + INTERVAL 1 YEAR)"
    )
    (record,) = harm_scene.get_desk("op-b").lookup.find_records(free_number).credit_checks
    for other in (number, harm_scene.take_unused_number(), "'x'"):
        for work in ("NULL", "'none'", "'needs_review'"):
            change: SqlValueByColumn = {
                "corporation_number": other,
                "work_state": work,
                "status": "'success'",
            } | VERSION_UPDATE
            harm_scene.attack_as_each_role(
                make_update_attacks(CHECKS_TABLE, change, f"id = {record.id}"), WRITING_PEOPLE
            )
    for person in ("op-a", "lead-b"):
        call_and_get_code(lambda: harm_scene.buy(person, free_number))  # noqa: B023  # called at once
    assert harm_scene.count_charges(free_number) == 0
    harm_scene.check_ordinary_work()


def test_an_expired_credit_check_is_renewed_once(harm_scene: AttackedDatabase) -> None:
    """A credit check that has expired, both in our row and in the provider's answer, is renewed and charged once. If
    only our row says that it has expired, the provider's answer decides and nothing is bought.
    """
    record = harm_scene.buy_new()
    set_validity_end(harm_scene, record)
    assert (
        call_for_refusal_code(lambda: harm_scene.buy("op-a", record.corporation_number, renew=True)) == "not_expired"
    )
    harm_scene.check_not_bought_again(record.corporation_number)
    number = harm_scene.take_unused_number()
    harm_scene.sandbox.control.change_settings(today=old_purchases.OLD_PURCHASE_DAY)
    old = harm_scene.buy("op-b", number)
    harm_scene.sandbox.control.change_settings(today=None)
    harm_scene.sql(old_purchases.SET_SENDING_TIME_SQL)
    harm_scene.attack_as_each_role(attack for attack in make_renewal_attacks(old) if "of its own" not in attack.title)
    for person in ("op-a", "op-b"):
        ending = call_and_get_code(lambda: harm_scene.buy(person, number))  # noqa: B023  # called at once
        assert ending == "already_purchased"
    renewed = harm_scene.buy("lead-b", number, renew=True)
    assert (renewed.state, harm_scene.count_charges(number)) == ("success", 2)
    harm_scene.attack_as_each_role(harm_scene.choose_attacks(make_renewal_attacks(renewed)))
    for person in PERSON_NAME_BY_ROLE.values():
        call_and_get_code(lambda: harm_scene.buy(person, number, renew=True))  # noqa: B023  # called at once
    assert harm_scene.count_charges(number) == 2
    harm_scene.check_ordinary_work()


def test_a_forged_number_of_the_provider_renews_nothing(harm_scene: AttackedDatabase) -> None:
    """An attack writes an unknown purchase as bought and expired, with a forged `credit_check_id`: an id that
    AlarmBox has never given, the id of another corporation's credit check, or that of an earlier purchase. AlarmBox
    doesn't report that this purchase has expired, so no renewal is bought.
    """
    number = harm_scene.take_unused_number()
    harm_scene.sandbox.control.change_settings(today=old_purchases.OLD_PURCHASE_DAY)
    earlier = harm_scene.buy("op-b", number)
    harm_scene.sandbox.control.change_settings(today=None)
    harm_scene.sql(old_purchases.SET_SENDING_TIME_SQL)
    harm_scene.sandbox.control.add_fault("close_after_charge", call="purchase", number=number)
    assert call_for_refusal_code(lambda: harm_scene.buy("op-b", number, renew=True)) == "outcome_unknown"
    renewed = harm_scene.get_desk("op-b").lookup.find_records(number).credit_checks[0]
    others = (999_999, harm_scene.buy_new().credit_check_id, _buy_expired_check(harm_scene), earlier.credit_check_id)
    records = [*(harm_scene.buy_without_answer("op-b") for _ in others[:-1]), renewed]
    for record, given in zip(records, others, strict=True):
        before = harm_scene.count_charges(record.corporation_number)
        bought: SqlValueByColumn = {
            "status": "'success'", "certainty": "'known'", "credit_check_id": str(given),
            "expired_at": PAST_INSTANT_SQL,
            "purchased_at": PAST_INSTANT_SQL,
        }  # fmt: skip
        evidence_insert = make_forged_evidence(record, "alarmbox.purchase", FORGED_SUMMARY)
        for attack in make_update_attacks(CHECKS_TABLE, bought | VERSION_UPDATE, f"id = {record.id}"):
            harm_scene.attack_as_each_role(
                [attack.prepend_statements("forged answer", evidence_insert)], WRITING_PEOPLE
            )
        for person in ("op-a", "op-b", "lead-b"):
            for renew in (False, True):
                call_and_get_code(lambda: harm_scene.buy(person, record.corporation_number, renew=renew))  # noqa: B023  # called at once
        assert harm_scene.count_charges(record.corporation_number) == before, given
    harm_scene.check_ordinary_work()


def _buy_expired_check(scene: AttackedDatabase) -> int | None:
    """Buy a credit check of another corporation that has expired by now. Return its id at AlarmBox."""
    scene.sandbox.control.change_settings(today=old_purchases.OLD_PURCHASE_DAY)
    record = scene.buy_new()
    scene.sandbox.control.change_settings(today=None)
    scene.sql(old_purchases.SET_SENDING_TIME_SQL)
    return record.credit_check_id


def test_a_refusal_received_by_the_sending_process_frees_the_number(harm_scene: AttackedDatabase) -> None:
    """If the process that has sent a purchase receives the provider's refusal, the claim is freed immediately. The
    decisions of two people about an unknown purchase also free the claim.
    """
    number = harm_scene.take_unused_number()
    harm_scene.sandbox.control.add_fault("status:422", call="purchase", number=number)
    assert call_for_refusal_code(lambda: harm_scene.buy("op-a", number)) == "provider_refused"
    assert harm_scene.buy("op-b", number).state == "success"
    unknown = harm_scene.buy_without_answer("op-a")
    resolve = harm_scene.get_desk("op-a").recovery.resolve
    assert resolve("credit-check", unknown.id, "error", "not on their screen").awaiting == "second_person"
    decided = harm_scene.get_desk("lead-b").recovery.resolve("credit-check", unknown.id, "error", "nor on the bill")
    assert decided.awaiting is None
