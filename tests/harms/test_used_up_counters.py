"""No database account can use up the AUTO_INCREMENT ids of a table. If a table has no free ids, no purchase is
charged without a record.
"""

from collections.abc import Iterator

import pytest

from console.store.constraints import server_triggers
from console.store.database import row_counters as counters
from console.store.database.engine import Database
from tests.harms.attacks import SET_CHECKS_OFF_STATEMENTS, Attack, make_ending_attacks, make_insert_attacks
from tests.harms.scene import CHECKS_TABLE, UTC_NOW_SQL, AttackedDatabase
from tests.support.refusals import call_for_refusal, call_for_refusal_code

LARGEST_ID = 9_223_372_036_854_775_806
DISTANT_IDS = (LARGEST_ID, 2**31 - 2, 5_000_000, -1)
"""Ids that an attack chooses: the largest one, nearly the largest one of a narrow column, one that is far above the
present ids, and a negative one."""
MAX_COUNTER_GROWTH = 500_000
"""Largest growth of a counter during the attempts of this test: each attempt to insert an allowed row uses a number.
"""


def _make_insertable_rows(scene: AttackedDatabase) -> dict[str, dict[str, str]]:
    """Return a row for each table with AUTO_INCREMENT, as SQL values by column. For some tables the grants of a role
    allow the row; for the others the row is empty.
    """
    now, nothing = UTC_NOW_SQL, "''"
    own = {
        "audit_log": {
            "session": "UUID()", "seq": "1", "at": now, "who": "'{me}'", "desk": "'d'", "what": "'x'",
            "result": "'done'", "detail": "'{}'", "prev_hash": "REPEAT('0', 64)", "hash": "REPEAT('a', 64)",
        },
        "evidence": {
            "subject_kind": "'x'", "at": now, "source": "'person'", "who": "'{me}'", "sha256": "REPEAT('a', 64)",
            "summary": nothing, "body": nothing,
        },
        "payments": {
            "provider": "'paypay'", "merchant_payment_id": "UUID()", "status": "'initializing'", "currency": "'JPY'",
            "asked_minor": "5", "created_at": now, "changed_at": now,
        },
        "notes": {"kind": "'x'", "subject_id": "1", "person": "'{me}'", "words": nothing, "at": now},
        "changes": {"kind": "'x'", "subject_id": "1", "at": now},
        CHECKS_TABLE: {
            "client_id": "FLOOR(RAND() * 1000000)", "corporation_number": "'1180301018771'", "work_state": "'none'",
            "operation_id": "UUID()",
        },
    }  # fmt: skip
    return {table: own.get(table, {}) for table in scene.read_next_ids()}


def _make_counter_attacks(scene: AttackedDatabase) -> Iterator[Attack]:
    """Yield attacks on the counter of each table: a chosen id in the row, a chosen id by the session's `insert_id`,
    and large steps between ids."""
    for table, row in _make_insertable_rows(scene).items():
        for number in DISTANT_IDS:
            yield Attack(f"id {number}", (_make_insert(table, {"id": str(number)} | row),))
        last = {"id": str(LARGEST_ID)} | row
        yield from make_insert_attacks(table, last)
        yield from make_ending_attacks(Attack("id", (_make_insert(table, last),)))
        forged = Attack("insert_id", (f"SET SESSION insert_id = {LARGEST_ID}", _make_insert(table, row)))
        yield forged
        yield from (
            end.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS) for end in make_ending_attacks(forged)
        )
        wide = "SET SESSION auto_increment_increment = 65535, auto_increment_offset = 65534"
        yield Attack("wide steps", (wide, "BEGIN", *[_make_insert(table, row)] * 10, "ROLLBACK"))


def _make_insert(table: str, row: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"


def test_no_role_can_exhaust_a_counter(harm_scene: AttackedDatabase) -> None:
    """The roles execute attacks on the counter of every table. The counters grow by at most MAX_COUNTER_GROWTH, no
    row has a negative id, and the ordinary work of each role succeeds afterwards.
    """
    harm_scene.check_ordinary_work()
    before = harm_scene.read_next_ids()
    tried = harm_scene.attack_as_each_role(harm_scene.choose_attacks(_make_counter_attacks(harm_scene)))
    after = harm_scene.read_next_ids()
    assert {table: moved for table in before if (moved := after[table] - before[table]) > MAX_COUNTER_GROWTH} == {}
    below = {table: harm_scene.sql(f"SELECT COUNT(*) FROM {table} WHERE id < 0")[0][0] for table in before}
    assert set(below.values()) == {0}
    assert tried > (2_000 if harm_scene.tries_all_attacks else 200)
    harm_scene.check_ordinary_work()


def test_every_table_with_a_counter_refuses_chosen_ids(harm_scene: AttackedDatabase) -> None:
    """Every table with AUTO_INCREMENT in the present schema has the trigger rule that refuses a chosen id."""
    counting = set(harm_scene.read_next_ids())
    assert counting == set(counters.COUNTED_TABLES)
    ruled = {
        one.table
        for one in server_triggers.make_all_triggers()
        if one.event == "INSERT" and "insert_id = 0" in one.body
    }
    assert ruled == counting
    there = harm_scene.sql(
        "SELECT event_object_table FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        " AND event_manipulation = 'INSERT' AND action_statement LIKE '%SESSION.insert_id = 0%'"
    )
    assert {table for (table,) in there} == counting


def test_no_account_uses_up_the_positions_of_incident_steps(harm_scene: AttackedDatabase) -> None:
    """A new step of an incident must have the next position, and each position is used once. Otherwise a database
    account could use up the positions, and nobody could add a step to the incident.
    """
    alert = {
        "rule_id": "'unmatched_notice'", "subject_kind": "'notice'", "subject_id": "1", "observed": "'a'",
        "expected": "'b'", "detected_at": UTC_NOW_SQL,
    }  # fmt: skip
    harm_scene.sql(_make_insert("alerts", alert))
    ((id,),) = harm_scene.sql("SELECT MAX(id) FROM alerts")
    step = {"incident_id": str(id), "action": "'wake'", "person": "'{me}'", "at": UTC_NOW_SQL}
    honest = _make_insert("incident_steps", step | {"position": "1"})
    for number in (2**31 - 1, 2**31 - 2, 1_000, 0, -1, 2):
        forms = list(make_insert_attacks("incident_steps", step | {"position": str(number)}))
        harm_scene.attack_as_each_role(
            end
            for form in harm_scene.choose_attacks(forms)
            for end in (form, form.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS))
        )
    assert harm_scene.sql(f"SELECT COUNT(*) FROM incident_steps WHERE incident_id = {id}") == [(0,)]
    assert harm_scene.attack("op-a", Attack("honest", (honest,))) == [""]
    assert "Duplicate" in harm_scene.attack("lead-b", Attack("again", (honest,)))[0]
    owner = harm_scene.get_desk("op-b").incidents.take(id).owner
    assert owner == harm_scene.people.names["op-b"]
    assert harm_scene.get_desk("op-b").incidents.resolve(id, "counted").resolution is not None
    assert [position for (position,) in harm_scene.sql(
        f"SELECT position FROM incident_steps WHERE incident_id = {id} ORDER BY id"
    )] == [1, 2, 3]  # fmt: skip


@pytest.mark.parametrize("table", ["orders", "stock_reservations", CHECKS_TABLE])
def test_the_shop_chooses_only_ids_near_the_present_ones(harm_scene: AttackedDatabase, table: str) -> None:
    """The shop's database account may insert a row with an id near the present ones. It can't choose an id that uses
    up the counter."""
    shop, rows = f"goods.{harm_scene.people.database[-6:]}", _make_shop_row(table)
    harm_scene.people.server.sql(
        f"CREATE USER `{shop}`@`%` IDENTIFIED BY 'pw'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{harm_scene.people.database}`.{table} TO `{shop}`@`%`",
    )
    before = harm_scene.read_next_ids()[table]
    with (
        harm_scene.people.server.connect(shop, "pw", harm_scene.people.database) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_make_insert(table, {"id": str(before + 500)} | rows))
        forged: list[Attack] = [
            attack
            for number in DISTANT_IDS
            for attack in make_ending_attacks(Attack("far", (_make_insert(table, {"id": str(number)} | rows),)))
        ]
        forged += make_ending_attacks(
            Attack("insert_id", (f"SET SESSION insert_id = {LARGEST_ID}", _make_insert(table, rows)))
        )
        forged += make_ending_attacks(
            Attack("moved", (f"UPDATE {table} SET id = {LARGEST_ID} WHERE id = {before + 500}",))
        )
        for attack in forged:
            for statement in attack.sql:
                _execute_statement(cursor, statement)
    harm_scene.people.server.sql(f"DROP USER `{shop}`@`%`")
    assert harm_scene.read_next_ids()[table] - before < MAX_COUNTER_GROWTH
    harm_scene.check_ordinary_work()


def _make_shop_row(table: str) -> dict[str, str]:
    """Return the SQL expressions of the columns of a new row that the shop may insert into this table, by column."""
    if table == "orders":
        return {"merch_txn_id": "UUID()", "total_amount": "5"}
    if table == CHECKS_TABLE:
        return {"client_id": "FLOOR(RAND() * 1000000)", "corporation_number": "'7010001065142'"}
    return {"order_id": "1", "item": "'a'", "quantity": "1"}


def _execute_statement(cursor, statement: str) -> None:  # type: ignore[no-untyped-def]  # of whatever driver
    import contextlib

    import pymysql

    with contextlib.suppress(pymysql.MySQLError):
        cursor.execute(statement)


@pytest.mark.parametrize("table", ["evidence", "audit_log", "changes", CHECKS_TABLE])
def test_a_purchase_without_free_ids_is_refused_before_sending(harm_scene: AttackedDatabase, table: str) -> None:
    """If a table that a purchase needs has no free ids, or fewer than MIN_REMAINING_IDS, the purchase is refused
    before anything is sent.
    """
    if len(harm_scene.nodes) > 1:
        pytest.skip("a node can't be given a counter by ALTER TABLE while the others work")
    before, number = harm_scene.read_next_ids()[table], harm_scene.take_unused_number()
    harm_scene.buy("op-a", harm_scene.take_unused_number())
    for next_id in (LARGEST_ID + 1, LARGEST_ID - 5, LARGEST_ID - counters.MIN_REMAINING_IDS + 100):
        harm_scene.sql(f"ALTER TABLE {table} AUTO_INCREMENT = {next_id}")
        harm_scene.restart_desk("op-a")  # an open desk may use its last check of the counters for a second
        harm_scene.restart_desk("lead-b")
        refused = call_for_refusal(lambda: harm_scene.buy("op-a", number))
        assert (refused.code, refused.exit_status) == ("storage_full", 6)
        assert harm_scene.count_charges(number) == 0
    with Database(harm_scene.people.urls["op-b"]).read() as conn:
        fullest, *_ = counters.read_row_counters(conn)
    assert (fullest.table, fullest.remaining_ids < counters.MIN_REMAINING_IDS) == (table, True)
    assert call_for_refusal_code(lambda: harm_scene.buy("lead-b", number)) == "storage_full"
    harm_scene.sql(f"ALTER TABLE {table} AUTO_INCREMENT = {before}")
    harm_scene.check_ordinary_work()
