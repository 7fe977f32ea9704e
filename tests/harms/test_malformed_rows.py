"""Rows with contents that no program can read: the program reports each of them as an error of that row, and
continues with all other rows.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC as UTC_ZONE
from datetime import datetime
from functools import partial

import pytest

from console.domain.errors import ConsoleError
from console.store.access import grants
from console.store.database import unreadable_rows
from tests.harms.attacks import Attack
from tests.harms.scene import UTC_NOW_SQL, AttackedDatabase, open_attacked_database
from tests.store import forbidden, forbidden_worker, money_scene
from tests.support.places import Engine, use_shared_nodes

GARBAGE_VALUES = (
    "'x'", "'[]'", "'{}'", "-1", "NULL", "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'", "9223372036854775806",
)  # fmt: skip
SET_CHECKS_OFF_SQL = "SET SESSION sql_mode = ''"
REPEATEDLY_READ_TABLES = (
    "alerts", "bulk_rows", "bulk_runs", "operations", "outbox", "payment_events", "payments", "reconciliation_rows",
    "reconciliations", "refunds", "orders", "sagas", "set_asides", "stock_reservations", "takes", "tasks", "leases",
    "watched_corporations",
    forbidden.CHECKS_TABLE,
)  # fmt: skip


pytestmark = pytest.mark.engines("mariadb")


@pytest.fixture(scope="module")
def scene_with_rows(engine: Engine) -> Iterator[AttackedDatabase]:
    """Yield a scene with some rows in each table, written by the schema account.

    A process reports each unreadable row only once, by table and id. The fixture clears the memory of reported rows,
    because the database of another engine has rows with the same ids.
    """
    unreadable_rows._logged_rows.clear()
    with use_shared_nodes(engine) as nodes, open_attacked_database(*nodes) as made:
        for insert in (
            forbidden.insert_records,
            money_scene.insert_money_rows,
            forbidden_worker.insert_worker_rows,
        ):
            insert(made.people)
        made.tries_all_attacks = True
        made.sql("DELETE FROM provider_tokens")  # of the seeds
        made.get_desk("worker").scheduler.run_all_tasks()
        yield made


def make_garbling_attack(table: str) -> Attack:
    """Return an attack that writes each of GARBAGE_VALUES into each column of `table` that accounts may change, in up
    to three rows.
    """
    columns = {name for place, what, name in grants.RIGHTS_OF_ROLE["operator"] if (place, what) == (table, "UPDATE")}
    raised = ", version = version + 1" if "version" in columns else ""
    updates = (
        f"UPDATE {table} SET {column} = {value}{raised} LIMIT 3"
        for column in sorted(columns - {"version"})
        for value in GARBAGE_VALUES
    )
    return Attack(table, (SET_CHECKS_OFF_SQL, *updates))


def make_reading_functions(scene: AttackedDatabase) -> Mapping[str, Callable[[], object]]:
    """Return, by name, the functions that a worker or a window calls repeatedly to read records."""
    worker, desk, auditor = scene.get_desk("worker"), scene.get_desk("op-b"), scene.get_desk("aud-e")
    queues = {
        name: (lambda name=name: desk.recovery.read_queue(name))
        for name in ("pending", "error", "incomplete", "unknown", "review", "refunds", "disagree")
    }
    details = {
        f"{part} of {kind}": partial(read, kind, id)
        for kind, id in (("credit-check", 1), ("order", 1), ("payment", 1), ("refund", 1), ("operation", "op-1"))
        for part, read in (("record", desk.recovery.read_record), ("story", desk.recovery.read_timeline))
    }
    return {
        "due": worker.scheduler.run_due_tasks,
        "worker --once": worker.scheduler.run_all_tasks,
        "tasks": worker.scheduler.read_task_states,
        "alerts": desk.alerts.list_alerts,
        "open alerts": desk.alerts.list_open_alert_items,
        "companies": desk.alerts.read_company_queue,
        "notices": desk.notices.read_page,
        "counts": desk.recovery.count_queued_records,
        "unfinished": desk.recovery.list_unfinished_operations,
        "holders": desk.recovery.list_lease_holders,
        "takes": desk.recovery.list_takes,
        "changes": desk.desk_status.read_desk_update,
        "bulk": desk.bulk_runs.list_unfinished_and_recent_runs,
        "reconciliations": desk.reconciliation.views.list_runs,
        "metrics": worker.metric_figures.read_figures,
        "live": desk.live_feed.read_snapshot,
        "doctor": desk.health.run_all_checks,
        "audit": lambda: auditor.audit.list_entries(1_000),
        "audit file": lambda: auditor.audit.export_csv(scene.folder / f"{scene.take_unused_number()}.csv"),
        "check": lambda: desk.credit_checks.read_credit_check(1),
        "views": desk.saved_views.list_views,
        "view counts": desk.saved_views.count_records_of_views,
        "mentions": desk.mentions.list_open_mentions,
        "events": lambda: desk.notifications.list_events((), desk.mentions.list_open_mentions()),
        "incidents": lambda: desk.incidents.list_incidents(includes_closed=True),
        "own incidents": desk.incidents.list_own_incidents,
        "switches": desk.read_only_switches.list_switches,
        "left open": desk.left_open.list_items,
        "figures": desk.reports.read_figures,
        "close": lambda: desk.reports.read_daily_close("paypay", datetime.now(UTC_ZONE).date()),
        "company": lambda: desk.lookup.find_records("1180301018771"),
        **details,
        **queues,
    }


def list_failed_readings(scene: AttackedDatabase) -> dict[str, str]:
    """Call each function of `make_reading_functions`. Return the error code or error text of each function that
    fails, by its name.
    """
    error_by_name: dict[str, str] = {}
    for name, reading in make_reading_functions(scene).items():
        try:
            reading()
        except ConsoleError as refusal:
            error_by_name[name] = refusal.code
        except Exception as bug:
            error_by_name[name] = repr(bug)[:300]
    return error_by_name


@pytest.mark.expects_log("rows that can't be read are told")
def test_a_malformed_row_causes_an_error_of_that_row_only(scene_with_rows: AttackedDatabase) -> None:
    """With unreadable values in every column of the tables, each due task still runs and each list is still read."""
    for tables in (REPEATEDLY_READ_TABLES[::2], REPEATEDLY_READ_TABLES[1::2]):
        scene_with_rows.attack_as_each_role(map(make_garbling_attack, tables), ("op-b", "worker"))
        assert list_failed_readings(scene_with_rows) == {}, tables


STRANGE_INSTANTS_SQL = (UTC_NOW_SQL, "'0000-00-00 00:00:00'", "'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'")
STRANGE_WORDS_SQL = (
    "''",
    "REPEAT('x', 200)",
    "CONCAT(CHAR(27), '[2J', CHAR(0), CHAR(0xe280ae USING utf8mb4))",
    "'{name}'",
)
MALFORMED_TEXTS = (
    "''", "'x'", "'[]'", "'{}'", "'null'", "REPEAT('[', 30000)", "'{\"queue\": 1e999, \"columns\": 5}'",
    "'{\"queue\": \"pending\", \"filter\": {}, \"columns\": [[[]]]}'", "'{\"queue\": \"pending\", \"sort\": [1]}'",
)  # fmt: skip


def insert_malformed_notes() -> Iterator[str]:
    """Yield INSERT statements of rows that people write for each other, such as notes. They contain times, texts and
    names that our programs never write.
    """
    for at in STRANGE_INSTANTS_SQL:
        for words in STRANGE_WORDS_SQL:
            for kind, id in (("order", 1), ("payment", 1), ("refund", 1), ("credit-check", 1), ("nonsense", -1)):
                yield money_scene.make_insert("notes", kind=f"'{kind}'", subject_id=str(id), person="'{me}'",
                words=words,
                                      at=at)  # fmt: skip
                yield money_scene.make_insert("mentions", note_id="LAST_INSERT_ID()", person="'{other}'", at=at)
            for scope in ("'everything'", "'paypay'", "'nonsense'", "''"):
                yield money_scene.make_insert("read_only_switches", scope=scope, is_on="0", reason=words,
                person="'{me}'",
                                      at=at)  # fmt: skip
    for number, text in enumerate(MALFORMED_TEXTS):
        for at in STRANGE_INSTANTS_SQL:
            yield forbidden_worker.make_saved_view_insert(is_team="1", claim="UUID()", content=text, changed_at=at,
                                            name=f"'view {number}'").replace("{{}}", "{}")  # fmt: skip
            for action in ("'take'", "'snooze'", "'resolve'", "'hand over'"):
                until = at if action == "'snooze'" else "NULL"
                owner = "'{other}'" if action == "'hand over'" else "NULL"
                position = "(SELECT COALESCE(MAX(o.position), 0) + 1 FROM incident_steps o)"
                yield forbidden_worker.make_incident_step_insert(action=action, until=until, new_owner=owner,
                extent=text,
                                                position=position)  # fmt: skip


@pytest.mark.expects_log("rows that can't be read are told")
def test_malformed_notes_and_mentions_leave_every_list_readable(scene_with_rows: AttackedDatabase) -> None:
    """Malformed notes, mentions, views of the team, steps of incidents and read-only switches are inserted. Every
    list can still be read, and a person can still add a note.
    """
    for person in ("op-b", "lead-b", "worker"):
        results = scene_with_rows.attack(
            person, Attack("noted", (SET_CHECKS_OFF_SQL, *insert_malformed_notes())), name="x"
        )
        assert person == "worker" or results.count("") > 300, set(results)
    assert list_failed_readings(scene_with_rows) == {}
    scene_with_rows.get_desk("op-a").recovery.add_note("order", 1, "still possible")


STRANGE_ROWS = (
    money_scene.make_insert("alerts", rule_id="'Z'", subject_kind="'nonsense'", subject_id="-1", observed="''",
    expected="''",
                    detected_at=UTC_NOW_SQL),
    *(
        forbidden_worker.make_saga_insert(
            kind="'payment_timeout'", subject_kind=f"'{kind}'", subject_id=str(of), step=f"'{step}'",
            facts=f"'{facts}'", next_at="'2020-01-01'",
        )
        for kind, of, step, facts in (
            ("payment", 22, "expire_payment", "{}"), ("payment", 23, "nonsense", "{}"),
            ("payment", 24, "ask_provider", "[]"), ("nonsense", 25, "cancel_order", "x"),
        )
    ),
    forbidden_worker.make_outbox_event_insert("strange", topic="''", body="''", record_key="''",
    next_at="'2020-01-01'"),
    f"INSERT INTO changes (kind, subject_id, at) VALUES ('nonsense', -1, {UTC_NOW_SQL})",
    forbidden.make_operation_insert().replace("credit-check.refetch", "nonsense").replace("+ 45000", "- 45000"),
    forbidden.make_operation_insert().replace("'credit-check.refetch', 'credit-check'",
    "'refund.submit', 'nonsense'"),
    forbidden_worker.make_reconciliation_insert(provider="'nonsense'", from_day="'soon'", to_day="'later'",
    phase="'nonsense'"),
    forbidden_worker.make_bulk_run_insert(words="'x'"),
    forbidden_worker.make_bulk_row_insert("LAST_INSERT_ID()", 1, kind="'nonsense'", subject_id="-1"),
    forbidden_worker.make_take_insert().replace("'order'", "'nonsense'"),
    forbidden_worker.make_note_insert().replace("'order'", "'nonsense'"),
    money_scene.make_payment_insert(
        merchant_payment_id="UUID()", status="'user_payment'", provider="'nonsense'", work_state="'scheduled'",
        work_at="'2020-01-01'", work_reason="'nonsense'", payment_expires_at="'2020-01-01'",
    ),
    "UPDATE tasks SET position = '{\"fresh\": 1}', taken = -1, version = version + 1",
)  # fmt: skip
"""SQL statements that write meaningless rows. The database accepts each of them from accounts that may write rows of
its kind."""


DEEP_JSON = "REPEAT('[', 100000)"
MALFORMED_ROW_INSERTS = (
    *(
        (
            "INSERT INTO audit_log (session, seq, at, who, desk, what, subject_kind, subject_id, result, detail,"
            f" prev_hash, hash) VALUES (UUID(), 1, {UTC_NOW_SQL}, '{{me}}', '', 'x', 'credit-check', '1', 'done',"
            f" {detail},"
            " REPEAT('0', 64), REPEAT('a', 64))"
        )
        for detail in (
            DEEP_JSON, "'x'", "''", "'[1]'", "'true'", "'\"\\\\ud800\"'", "'{\"a\": \"\\\\ud800\"}'",
            "REPEAT('9', 6000)", f"CONCAT('{{\"waited_ms\": ', {DEEP_JSON})",
            "CONCAT('{\"waited_ms\": 1', REPEAT('0', 400), '}')",
        )
    ),
    (
        f"INSERT INTO {forbidden.CHECKS_TABLE} (client_id, corporation_number, work_state, operation_id, dates_zone,"
        f" expired_at) VALUES (78, '1180301018771', 'none', UUID(), 'x', {UTC_NOW_SQL})"
    ),
    *(
        money_scene.make_payment_insert(
            merchant_payment_id="UUID()", status="'user_payment'", late_after=late, payment_expires_at="'2020-01-01'"
        )
        for late in ("'x'", "'completed'", "'EXPIRED'", "''")
    ),
    *(
        "INSERT INTO tasks (name, every_seconds, next_at, begun_at, failures, version)"
        f" VALUES (UUID(), {every}, '{next_at}', {begun_at}, 0, 1)"
        for every, next_at, begun_at in (
            (2_147_483_647, "9999-12-31 23:59:59", "NULL"), (60, "2020-01-01", "'9999-12-31 23:59:59'"),
        )
    ),
)  # fmt: skip
"""INSERT statements of rows with values that would end a program that reads them without a check. Accounts that may
write only the audit trail can execute some of them."""


@pytest.mark.expects_log("rows that can't be read are told")
def test_a_malformed_row_ends_no_list_and_no_task(scene_with_rows: AttackedDatabase) -> None:
    """Each role inserts malformed rows, with deeply nested JSON, unknown words and extreme times. Every list can
    still be read, and every due task still runs.
    """
    for person in ("op-b", "aud-e", "adm-f", "worker"):
        results = scene_with_rows.attack(person, Attack("added", (SET_CHECKS_OFF_SQL, *MALFORMED_ROW_INSERTS)))
        assert results.count("") > 10, results
    assert list_failed_readings(scene_with_rows) == {}


STRANGE_AMOUNTS_SQL = ("9223372036854775806", "1000000000000001", "-1", "0", "NULL")
STRANGE_TIMES_SQL = ("'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "NULL")
NOTICE_INSERTS = tuple(
    statement
    for sources in ("'bank'", "'paypay'", "'atom'", "'nonsense'")
    for amount in STRANGE_AMOUNTS_SQL
    for currency in ("'JPY'", "'INR'", "'USD'", "''")
    for at in STRANGE_TIMES_SQL
    for statement in (
        money_scene.make_notice_insert(source=sources, order_no="UUID()", amount_minor=amount, currency=currency,
        occurred_at=at,
                           **({} if at == "NULL" else {"received_at": at})),
        money_scene.make_insert("alerts", rule_id="'unmatched_notice'", subject_kind="'notice'",
                        subject_id="LAST_INSERT_ID()", observed="''", expected="''",
                        detected_at=UTC_NOW_SQL if at == "NULL" else at),
    )
)  # fmt: skip
"""INSERT statements of notices with impossible amounts, currencies and times, and of an alert about each notice."""
ORDER_INSERTS = tuple(
    money_scene.make_insert(
        "orders", merch_txn_id="UUID()", total_amount=total, currency=currency, status=status, work_state=work,
        work_reason=f"'{reason}'", created_at=at, updated_at=at,
    )
    for total in STRANGE_AMOUNTS_SQL[:2]
    for currency in ("'JPY'", "'USD'", "''")
    for status, work, reason in (("'pending'", "'needs_review'", "amount_differs"), ("'nonsense'", "'none'", ""))
    for at in STRANGE_TIMES_SQL[:2]
)  # fmt: skip
"""INSERT statements of orders with impossible amounts and currencies. The shop writes orders, and the database
doesn't check these columns."""


@pytest.mark.expects_log("rows that can't be read are told")
def test_extreme_amounts_and_times_leave_every_list_readable(scene_with_rows: AttackedDatabase) -> None:
    """Notices of a provider and orders of the shop have extreme amounts, currencies and times. Every list can still
    be read.
    """
    results = scene_with_rows.attack("worker", Attack("told", (SET_CHECKS_OFF_SQL, *NOTICE_INSERTS)))
    assert results.count("") > 200, set(results)
    scene_with_rows.sql(SET_CHECKS_OFF_SQL, *ORDER_INSERTS)
    assert list_failed_readings(scene_with_rows) == {}


@pytest.mark.expects_log("rows that can't be read are told")
def test_a_meaningless_row_does_not_stop_the_processing_of_others(scene_with_rows: AttackedDatabase) -> None:
    """People and the worker insert meaningless rows. The program processes all other rows, and a meaningless row
    about a record leads to an alert.
    """
    for person in ("op-b", "worker"):
        scene_with_rows.attack(person, Attack("strange", (SET_CHECKS_OFF_SQL, *STRANGE_ROWS)))
    assert list_failed_readings(scene_with_rows) == {}
    assert list_failed_readings(scene_with_rows) == {}, "a second time"
    reported_ids = scene_with_rows.sql(
        "SELECT subject_id FROM alerts WHERE rule_id = 'row_unreadable' AND subject_kind = 'payment'"
    )
    assert 24 in {row[0] for row in reported_ids}
    number = scene_with_rows.take_unused_number()
    assert (scene_with_rows.buy("op-a", number).state, scene_with_rows.count_charges(number)) == ("success", 1)
    payment = scene_with_rows.make_paid_payment()
    scene_with_rows.get_desk("lead-b").refunds.approve(scene_with_rows.request_refund(payment, "op-a").id)
    assert scene_with_rows.count_refunds(payment) == 1
