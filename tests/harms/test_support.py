"""Tests of the helpers in this folder: the ordinary work of each role succeeds on each engine, and the attacks are
really executed.
"""

import pytest

from tests.harms.attacks import (
    SET_CHECKS_OFF_STATEMENTS,
    Attack,
    make_ending_attacks,
    make_insert_attacks,
    make_update_attacks,
)
from tests.harms.scene import CHECKS_TABLE, AttackedDatabase
from tests.support.teams import PERSON_NAME_BY_ROLE


def test_ordinary_work_succeeds_without_an_attack(harm_scene: AttackedDatabase) -> None:
    """Without any attack, the ordinary work of each role succeeds twice."""
    harm_scene.check_ordinary_work()
    harm_scene.restart_desk("op-a")
    harm_scene.check_ordinary_work()


def test_a_second_charge_is_counted_by_the_ledger(harm_scene: AttackedDatabase) -> None:
    """The schema account deletes a record with its claim, and a person buys the number again. The ledger then counts
    two charges."""
    record = harm_scene.buy_new()
    assert harm_scene.count_charges(record.corporation_number) == 1
    harm_scene.sql(f"DELETE FROM {CHECKS_TABLE} WHERE id = {record.id}")
    harm_scene.restart_desk("lead-b")
    harm_scene.buy("lead-b", record.corporation_number)
    assert harm_scene.count_charges(record.corporation_number) == 2


def test_each_role_is_connected_with_its_own_account(harm_scene: AttackedDatabase) -> None:
    """An attack runs on a connection with the account of the attacking role. After a refused statement, the next one
    of the attack is still executed.
    """
    for person in PERSON_NAME_BY_ROLE.values():
        there = Attack("me", ("SELECT 1 FROM operators WHERE name = '{me}'", "DELETE FROM limits", "DO 1"))
        first, second, third = harm_scene.attack(person, there)
        assert (first, third) == ("", "")
        assert "denied" in second


def test_an_invalid_attack_fails_its_test(harm_scene: AttackedDatabase) -> None:
    """An attack with a syntax error, an unknown column or a wrong number of values fails its test, because the server
    would refuse it whatever the constraints are.
    """
    for statement in ("SELECT nonsense", "UPDATE limits SAT value = 1", "INSERT INTO leases (name, slot) VALUES (1)"):
        with pytest.raises(AssertionError):
            harm_scene.attack("worker", Attack("invalid", (statement,)))


def test_every_attack_is_a_valid_statement(harm_scene: AttackedDatabase) -> None:
    """No form of an attack has a syntax error: for an allowed INSERT or UPDATE, the server executes each form."""
    lease = {
        "name": "UUID()",
        "slot": "0",
        "operator": "'{me}'",
        "lease_clock": "'server'",
        "lease_expires": "0",
        "fence": "1",
    }
    needs_more = ("REPLACE", "INSERT … ON DUPLICATE KEY UPDATE")  # rights that nobody has on this table
    forms = [
        end
        for attack in make_insert_attacks("leases", lease)
        if attack.title not in needs_more
        for end in make_ending_attacks(attack)
    ]
    forms = [form for form in forms if "XA" not in form.title or len(harm_scene.nodes) == 1]  # Galera has none
    for form in forms:
        assert set(harm_scene.attack("op-a", form)) == {""}, form
    record = harm_scene.buy_new()
    own = {"version": "version + 1", "result": "'ok'"}
    for attack in make_update_attacks(CHECKS_TABLE, own, f"id = {record.id}", [own, own]):
        for form in (attack, *(end for end in make_ending_attacks(attack) if "XA" not in end.title)):
            assert set(harm_scene.attack("op-a", form)) == {""}, form
    loose = Attack("loose", ("DO 1",)).prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)
    assert harm_scene.attack("op-a", loose)[-1] == ""
