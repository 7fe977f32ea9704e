"""Statements about the worker's tables, takes and notes that a server refuses, as `ForbiddenStatements` objects (see
forbidden.py).
"""

from collections.abc import Sequence

from tests.store.forbidden import NOW_MS_SQL, NOW_SQL, WRONG_PERSON_MESSAGE, ForbiddenStatements
from tests.store.money_scene import make_column_update, make_insert, make_update
from tests.support.teams import Team

OPEN_ROW_ID = 1
"""Id of an open row of each table."""
ENDED_ROW_ID = 2
"""Id of a row that has ended, in each table whose rows end."""
WATCHED_CORPORATION_NUMBER = "1180301018771"
WATCHED_FACTS_JSON = "[]"
TAKEN_ORDER_ID = 1
"""Id of an order that op-b has taken."""
FORMERLY_TAKEN_ORDER_ID = 2
"""Id of an order that op-b had taken until a while ago."""
UNTAKEN_ORDER_ID = 3
"""Id of an order that nobody has ever taken."""
RESOLVED_ALERT_ID = 101
"""Id of an alert that op-b has acknowledged and that is resolved."""
OPEN_ALERT_ID = 102
"""Id of an open alert that nobody has acknowledged."""
ACKNOWLEDGED_ALERT_ID = 103
"""Id of an open alert that op-b has acknowledged."""
_OWN_PERSON_MESSAGE = "its own person"
MONEY_ACTIONS = ("refund", "approve", "resolve")
UNCHANGED_MESSAGE = "stays as it is"
CREATION_COLUMNS = {"created_at": NOW_SQL, "next_at": NOW_SQL}
TWO_HOURS_AGO_SQL = f"{NOW_SQL} - INTERVAL 2 HOUR"


def _make_forbidden(title: str, *sql: str, message_part: str = "denied") -> ForbiddenStatements:
    return ForbiddenStatements(title, sql, message_part)


def make_saga_insert(**more: str) -> str:
    written = {
        "kind": "'timeout'", "subject_kind": "'order'", "subject_id": "7", "state": "'running'", "step": "'ask'",
        "facts": "'[]'", "begun_at": NOW_SQL, "changed_at": NOW_SQL, "next_at": NOW_SQL,
    }  # fmt: skip
    return make_insert("sagas", **(written | more))


def make_outbox_event_insert(event: str = "e9", **more: str) -> str:
    written = {"topic": "'t'", "event_id": f"'{event}'", "record_key": "'r1'", "body": "'x'", **CREATION_COLUMNS}
    return make_insert("outbox", **(written | more))


def make_reconciliation_insert(**more: str) -> str:
    written = {
        "provider": "'paypay'",
        "from_day": "'2026-11-01'",
        "to_day": "'2026-11-09'",
        "state": "'running'",
        "phase": "'theirs'",
        "asked_by": "'{me}'",
        "begun_at": NOW_SQL,
        "changed_at": NOW_SQL,
    }
    return make_insert("reconciliations", **(written | more))


def make_difference_insert(run: int = OPEN_ROW_ID, key: str = "k9") -> str:
    return make_insert("reconciliation_rows", run_id=str(run), row_key=f"'{key}'", verdict="'missing_there'")


def make_bulk_row_insert(run: int | str, position: int = 1, **more: str) -> str:
    written = {"run_id": f"{run}", "position": str(position), "kind": "'payment'", "subject_id": "77", "saw": "1"}
    return make_insert("bulk_rows", **(written | more))


def make_bulk_run_insert(**more: str) -> str:
    written = {
        "action": "'probe'",
        "state": "'frozen'",
        "most": "1",
        "made_by": "'{me}'",
        "made_at": NOW_SQL,
        "changed_at": NOW_SQL,
    }
    return make_insert("bulk_runs", **(written | more))


def make_take_insert(order_id: int = UNTAKEN_ORDER_ID, person: str = "{me}", hours: int = 1) -> str:
    """Return the SQL with which the person takes the order for this number of hours from now on."""
    return make_insert(
        "takes",
        kind="'order'",
        subject_id=str(order_id),
        person=f"'{person}'",
        taken_at=NOW_SQL,
        until=f"{NOW_SQL} + INTERVAL {hours} HOUR",
    )


def make_take_update(order_id: int, person: str = "{me}", hours: int = 1) -> str:
    return (
        f"UPDATE takes SET person = '{person}', taken_at = {NOW_SQL}, until = {NOW_SQL} + INTERVAL {hours} HOUR"
        f" WHERE kind = 'order' AND subject_id = {order_id}"
    )


def make_note_insert(person: str = "{me}") -> str:
    return make_insert("notes", kind="'order'", subject_id="1", person=f"'{person}'", words="'called'", at=NOW_SQL)


def make_mention_insert(note: int = 1, person: str = "{me}") -> str:
    return make_insert("mentions", note_id=str(note), person=f"'{person}'", at=NOW_SQL)


def make_incident_step_insert(person: str = "{me}", **more: str) -> str:
    written = {"incident_id": str(OPEN_ALERT_ID), "position": "1", "action": "'take'"} | more
    return make_insert("incident_steps", person=f"'{person}'", at=NOW_SQL, **written)


def make_saved_view_insert(person: str = "{me}", **more: str) -> str:
    written = {
        "is_team": "0", "maker": f"'{person}'", "changed_by": f"'{person}'", "name": "'x'", "claim": "'c9'",
        "content": "'{{}}'", "changed_at": NOW_SQL,
    }  # fmt: skip
    return make_insert("saved_views", **(written | more))


def make_request_id_insert(person: str = "{me}", lease: int = 45_000, fence: int = 1) -> str:
    written = {
        "person": f"'{person}'", "request_id": "'r9'", "command": "'purchase'", "fingerprint": "'f'",
        "state": "'running'", "begun_ms": NOW_MS_SQL, "desk": "'d'", "host": "'h'", "process": "1", "since": NOW_SQL,
        "token": "UUID()", "lease_clock": "'server'", "lease_expires": f"{NOW_MS_SQL} + {lease}", "fence": str(fence),
    }  # fmt: skip
    return make_insert("request_ids", **written)


def make_other_request_update(**values: str) -> str:
    """Return an UPDATE of all request ids of the other person that sets these values, SQL expressions by column."""
    return make_column_update("request_ids", 0, **values).replace("WHERE id = 0", "WHERE person = '{other}'")


def make_acknowledge_update(record: int, person: str = "{me}") -> str:
    return make_column_update("alerts", record, acknowledged_by=f"'{person}'", acknowledged_at=NOW_SQL, note="'seen'")


def make_watched_corporation_insert(number: str = "8700110005901", **more: str) -> str:
    written = {"facts": f"'{WATCHED_FACTS_JSON}'", "registry_date": "'2026-11-02'", "changed_at": NOW_SQL}
    return make_insert("watched_corporations", corporation_number=f"'{number}'", **(written | more))


def make_watched_corporation_update(**values: str) -> str:
    """Return an UPDATE that writes these values, SQL expressions by column, into the row of the watched corporation
    WATCHED_CORPORATION_NUMBER.
    """
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    where = f"corporation_number = '{WATCHED_CORPORATION_NUMBER}'"
    return f"UPDATE watched_corporations SET version = version + 1, {assignments} WHERE {where}"


FORBIDDEN_WORKER_STATEMENTS: Sequence[ForbiddenStatements] = (
    _make_forbidden("alert: begin as settled", make_insert(
        "alerts", rule_id="'A'", subject_kind="'order'", subject_id="9", observed="'a'", expected="'b'",
        detected_at=NOW_SQL, resolved_at=NOW_SQL), message_part="begins open"),
    _make_forbidden("alert: a second open one", make_insert(
        "alerts", rule_id="'A'", subject_kind="'order'", subject_id="1", observed="'a'", expected="'b'",
        detected_at=NOW_SQL), message_part="Duplicate entry"),
    _make_forbidden("alert: change the observed facts", make_column_update("alerts", OPEN_ALERT_ID, observed="'x'")),
    _make_forbidden("alert: change when it was found", make_column_update("alerts", OPEN_ALERT_ID,
    detected_at=NOW_SQL)),
    _make_forbidden("alert: another order", make_column_update("alerts", OPEN_ALERT_ID, order_no="'ORD-9'")),
    _make_forbidden("alert: open it again", make_column_update("alerts", RESOLVED_ALERT_ID, resolved_at="NULL"),
    message_part="stays settled"),
    _make_forbidden("alert: settled at another time", make_column_update("alerts", RESOLVED_ALERT_ID,
        resolved_at=NOW_SQL),
    message_part="stays settled"),
    _make_forbidden("alert: acknowledge in another's name", make_acknowledge_update(OPEN_ALERT_ID, "{other}"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("alert: acknowledge as oneself in capitals", make_acknowledge_update(OPEN_ALERT_ID, "{ME}"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("alert: replace the acknowledgement", make_acknowledge_update(RESOLVED_ALERT_ID),
        message_part="first acknowledgement"),
    _make_forbidden("alert: delete the person who acknowledged it", make_column_update("alerts", RESOLVED_ALERT_ID,
        acknowledged_by="NULL"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("alert: words under another's name", make_column_update("alerts", RESOLVED_ALERT_ID, note="'x'"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("alert: delete", "DELETE FROM alerts"),

    _make_forbidden(
        "saga: begin as done", make_saga_insert(state="'done'", ended_at=NOW_SQL), message_part="begins as running"
    ),
    _make_forbidden("saga: a second one under way", make_saga_insert(subject_id="1"), message_part="Duplicate entry"),
    _make_forbidden("saga: open it again", make_update("sagas", ENDED_ROW_ID, state="'running'", ended_at="NULL"),
    message_part=UNCHANGED_MESSAGE),
    _make_forbidden("saga: another step after the end", make_update("sagas", ENDED_ROW_ID, step="'ask'"),
    message_part=UNCHANGED_MESSAGE),
    _make_forbidden("saga: another end", make_update("sagas", ENDED_ROW_ID, state="'compensated'"),
        message_part=UNCHANGED_MESSAGE),
    _make_forbidden("saga: an invented state", make_update("sagas", OPEN_ROW_ID, state="'fine'", ended_at=NOW_SQL),
    message_part="no such step"),
    _make_forbidden("saga: an end without a time", make_update("sagas", OPEN_ROW_ID, state="'done'"),
    message_part="an end when it has ended"),
    _make_forbidden("saga: stuck and ended", make_update("sagas", OPEN_ROW_ID, state="'stuck'", ended_at=NOW_SQL),
    message_part="an end when it has"),
    _make_forbidden("saga: a time without an end", make_update("sagas", OPEN_ROW_ID, ended_at=NOW_SQL),
    message_part="an end when it has ended"),
    _make_forbidden("saga: another order's", make_update("sagas", OPEN_ROW_ID, subject_id="2")),
    _make_forbidden("saga: without raising the version", make_column_update("sagas", OPEN_ROW_ID, step="'x'"),
    message_part="raises the version"),
    _make_forbidden("saga: delete", "DELETE FROM sagas"),

    _make_forbidden("stock: reserve", make_insert("stock_reservations", order_id="1", item="'a'", quantity="1")),
    _make_forbidden("stock: hold again", make_column_update("stock_reservations", ENDED_ROW_ID, status="'held'"),
    message_part="only releases a reservation"),
    _make_forbidden("stock: use", make_column_update("stock_reservations", OPEN_ROW_ID, status="'used'"),
    message_part="only releases a reservation"),
    _make_forbidden("stock: release used stock", make_column_update("stock_reservations", 3, status="'released'"),
    message_part="no such step"),
    _make_forbidden("stock: another order's", make_column_update("stock_reservations", OPEN_ROW_ID, order_id="2")),
    _make_forbidden("stock: another item", make_column_update("stock_reservations", OPEN_ROW_ID, item="'b'")),
    _make_forbidden("stock: another number of pieces", make_column_update("stock_reservations", OPEN_ROW_ID,
        quantity="99")),
    _make_forbidden("stock: delete", "DELETE FROM stock_reservations"),

    _make_forbidden(
        "event: begin as published", make_outbox_event_insert(published_at=NOW_SQL),
        message_part="before it is published"
    ),
    _make_forbidden("event: the same one twice", make_outbox_event_insert("e1"), message_part="Duplicate entry"),
    _make_forbidden("event: other words", make_column_update("outbox", OPEN_ROW_ID, body="'y'")),
    _make_forbidden("event: another topic", make_column_update("outbox", OPEN_ROW_ID, topic="'u'")),
    _make_forbidden("event: another number", make_column_update("outbox", OPEN_ROW_ID, event_id="'e7'")),
    _make_forbidden("event: publish it again", make_column_update("outbox", ENDED_ROW_ID, published_at="NULL"),
    message_part="published event"),
    _make_forbidden("event: published at another time", make_column_update("outbox", ENDED_ROW_ID,
    published_at=NOW_SQL),
    message_part="published event"),
    _make_forbidden("event: forget attempts", make_column_update("outbox", OPEN_ROW_ID, attempts="0"),
    message_part="counted upwards"),
    _make_forbidden("event: delete", "DELETE FROM outbox"),

    _make_forbidden("reconciliation: ask in another's name", make_reconciliation_insert(asked_by="'{other}'"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("reconciliation: begin as done", make_reconciliation_insert(state="'done'", ended_at=NOW_SQL),
    message_part="begins as running, with"),
    _make_forbidden("reconciliation: begin with counts", make_reconciliation_insert(matched="9"),
    message_part="begins as running, with"),
    _make_forbidden("reconciliation: a second one of the same days",
    make_reconciliation_insert(to_day="'2026-11-02'"),
    message_part="Duplicate entry"),
    _make_forbidden("reconciliation: open it again", make_update("reconciliations", ENDED_ROW_ID, state="'running'",
    ended_at="NULL"),
       message_part=UNCHANGED_MESSAGE),
    _make_forbidden("reconciliation: count once it is done", make_update("reconciliations", ENDED_ROW_ID,
    matched="9"),
    message_part=UNCHANGED_MESSAGE),
    _make_forbidden("reconciliation: count less", make_update("reconciliations", OPEN_ROW_ID, missing_there="0"),
    message_part="reconciliation never fall"),
    _make_forbidden("reconciliation: an end without a time", make_update("reconciliations", OPEN_ROW_ID,
    state="'done'"),
       message_part="an end when it has ended"),
    _make_forbidden("reconciliation: other days", make_update("reconciliations", OPEN_ROW_ID,
    from_day="'2026-10-01'")),
    _make_forbidden("reconciliation: without raising the version", make_column_update("reconciliations", OPEN_ROW_ID,
    matched="9"),
       message_part="raises the version"),
    _make_forbidden("reconciliation: delete", "DELETE FROM reconciliations"),

    _make_forbidden("difference: find one once it is done", make_difference_insert(ENDED_ROW_ID),
        message_part=UNCHANGED_MESSAGE),
    _make_forbidden("difference: twice", make_difference_insert(key="k1"), message_part="Duplicate entry"),
    _make_forbidden("difference: change the facts", make_column_update("reconciliation_rows", OPEN_ROW_ID,
    theirs="'x'")),
    _make_forbidden("difference: take its case back", make_column_update("reconciliation_rows", ENDED_ROW_ID,
    case_opened="0"), message_part="facts of a difference"),
    _make_forbidden("difference: delete", "DELETE FROM reconciliation_rows"),

    _make_forbidden("bulk: freeze in another's name", make_bulk_run_insert(made_by="'{other}'"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("bulk: begin as running", make_bulk_run_insert(state="'running'"),
    message_part="begins as frozen"),
    *(_make_forbidden(f"bulk: {action}", make_bulk_run_insert(action=f"'{action}'"),
    message_part="bulk run moves money") for action in MONEY_ACTIONS),
    _make_forbidden("bulk: another action", make_update("bulk_runs", OPEN_ROW_ID, action="'note'")),
    _make_forbidden("bulk: other words", make_update("bulk_runs", OPEN_ROW_ID, words="'x'")),
    _make_forbidden("bulk: another maker", make_update("bulk_runs", OPEN_ROW_ID, made_by="'{me}'")),
    _make_forbidden("bulk: begin again", make_update("bulk_runs", ENDED_ROW_ID, state="'running'"),
    message_part="run that is done"),
    _make_forbidden("bulk: without raising the version", make_column_update("bulk_runs", OPEN_ROW_ID,
    state="'running'"),
    message_part="raises the version"),
    _make_forbidden("bulk: delete", "DELETE FROM bulk_runs"),

    _make_forbidden("bulk row: join another's set", make_bulk_row_insert(OPEN_ROW_ID, 2),
    message_part="added to a frozen"),
    _make_forbidden("bulk row: join one's own set later", make_bulk_run_insert(), "SET @made = LAST_INSERT_ID()",
       make_update("bulk_runs", "@made", state="'running'"), make_bulk_row_insert("@made"),
       message_part="added to a frozen"),
    _make_forbidden("bulk row: one more than was frozen", make_bulk_run_insert(), "SET @made = LAST_INSERT_ID()",
    make_bulk_row_insert("@made", 2),
       message_part="added to a frozen"),
    _make_forbidden("bulk row: begin with a result", make_bulk_run_insert(), "SET @made = LAST_INSERT_ID()",
       make_bulk_row_insert("@made", result="'done'"), message_part="without a result"),
    _make_forbidden("bulk row: another version", make_column_update("bulk_rows", OPEN_ROW_ID, saw="9")),
    _make_forbidden("bulk row: another record", make_column_update("bulk_rows", OPEN_ROW_ID, subject_id="9")),
    _make_forbidden("bulk row: another result", make_column_update("bulk_rows", ENDED_ROW_ID, result="'failed'"),
    message_part="the result of a row"),
    _make_forbidden("bulk row: no result any more", make_column_update("bulk_rows", ENDED_ROW_ID, result="NULL"),
    message_part="the result of a row"),
    _make_forbidden("bulk row: delete", "DELETE FROM bulk_rows"),

    _make_forbidden("take: in another's name", make_take_insert(person="{other}"), message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("take: as oneself in capitals", make_take_insert(person="{ME}"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("take: for a week", make_take_insert(hours=168), message_part="longer than a day"),
    _make_forbidden("take: a record that somebody else has", make_take_update(TAKEN_ORDER_ID),
    message_part="somebody else has"),
    _make_forbidden("take: a record that somebody else has, with a forged NOW()", "SET timestamp = 2145916800",
    make_take_update(TAKEN_ORDER_ID),
       message_part="somebody else has"),
    _make_forbidden("take: end the take of somebody else",
    f"UPDATE takes SET until = {NOW_SQL} WHERE subject_id = {TAKEN_ORDER_ID}",
       message_part="somebody else has"),
    _make_forbidden("take: give a free record to somebody else", make_take_update(FORMERLY_TAKEN_ORDER_ID, "{other}"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("take: another record",
        f"UPDATE takes SET subject_id = 9 WHERE subject_id = {FORMERLY_TAKEN_ORDER_ID}"),
    _make_forbidden("take: delete", "DELETE FROM takes"),

    _make_forbidden("note: in another's name", make_note_insert("{other}"), message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("note: as a letter that looks the same", make_note_insert("{homoglyph}"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("note: change", "UPDATE notes SET words = 'x'"),
    _make_forbidden("note: delete", "DELETE FROM notes"),

    _make_forbidden("mention: in another's note", make_mention_insert(note=1), message_part="only the author"),
    _make_forbidden("mention: another's done", make_column_update("mentions", OPEN_ROW_ID, done_at=NOW_SQL),
    message_part="somebody else"),
    _make_forbidden("mention: another person", make_column_update("mentions", OPEN_ROW_ID, person="'{me}'")),
    _make_forbidden("mention: turned into a hand-over", make_column_update("mentions", OPEN_ROW_ID,
    how="'hand_over'")),
    _make_forbidden("mention: delete", "DELETE FROM mentions"),
    _make_forbidden("incident: in another's name", make_incident_step_insert("{other}"),
    message_part="somebody else"),
    _make_forbidden("incident: as oneself in capitals", make_incident_step_insert("{ME}"),
    message_part="somebody else"),
    _make_forbidden("incident: of no alert", make_incident_step_insert(incident_id="999"),
    message_part="begins with an alert"),
    _make_forbidden("incident: an invented step", make_incident_step_insert(action="'close'"),
    message_part="no such step"),
    _make_forbidden("incident: hand over to nobody", make_incident_step_insert(action="'hand over'"),
    message_part="has its facts"),
    _make_forbidden("incident: use its places up", make_incident_step_insert(position="2147483647"),
    message_part="the next one"),
    _make_forbidden("incident: change", "UPDATE incident_steps SET words = 'x'"),
    _make_forbidden("incident: delete", "DELETE FROM incident_steps"),
    _make_forbidden("alert: take another's acknowledgement back", make_column_update(
        "alerts", ACKNOWLEDGED_ALERT_ID, acknowledged_by="NULL", acknowledged_at="NULL", note="NULL"),
            message_part="somebody else"),

    _make_forbidden("view: in another's name", make_saved_view_insert("{other}"), message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("view: as oneself in capitals", make_saved_view_insert("{ME}"),
    message_part=WRONG_PERSON_MESSAGE),
    _make_forbidden("view: begin as deleted", make_saved_view_insert(claim="NULL", deleted_at=NOW_SQL),
    message_part="begins with its name"),
    _make_forbidden("view: begin with a high version", make_saved_view_insert(version="2"),
    message_part="begins with its name"),
    _make_forbidden("view: change another person's own view", make_update("saved_views", OPEN_ROW_ID, name="'y'",
    changed_by="'{me}'"),
       message_part="of somebody else"),
    _make_forbidden("view: delete", "DELETE FROM saved_views"),

    _make_forbidden("request: in another's name", make_request_id_insert("{other}"),
    message_part=_OWN_PERSON_MESSAGE),
    _make_forbidden("request: as oneself in capitals", make_request_id_insert("{ME}"),
    message_part=_OWN_PERSON_MESSAGE),
    _make_forbidden("request: as a letter that looks the same", make_request_id_insert("{homoglyph}"),
    message_part=_OWN_PERSON_MESSAGE),
    _make_forbidden("request: another's answer", make_other_request_update(answer="'x'"),
    message_part=_OWN_PERSON_MESSAGE),
    _make_forbidden("request: free another's", make_other_request_update(state="'free'", lease_expires="0"),
    message_part=_OWN_PERSON_MESSAGE),
    _make_forbidden("request: take another's over", make_other_request_update(fence="fence + 1", command="'x'"),
    message_part=_OWN_PERSON_MESSAGE),
    _make_forbidden("request: make another's request one's own", "UPDATE request_ids SET person = '{me}'"),
    _make_forbidden("request: another id", "UPDATE request_ids SET request_id = 'r7'"),
    _make_forbidden("request: a lease of a day", make_request_id_insert(lease=86_400_000),
    message_part="ten minutes"),
    _make_forbidden("request: begin with a high token", make_request_id_insert(fence=9), message_part="ten minutes"),
    _make_forbidden("request: delete", "DELETE FROM request_ids"),

    _make_forbidden("watched: begin with a change",
    make_watched_corporation_insert(facts_before=f"'{WATCHED_FACTS_JSON}'"),
    message_part="without a change"),
    _make_forbidden("watched: twice", make_watched_corporation_insert(WATCHED_CORPORATION_NUMBER),
    message_part="Duplicate entry"),
    _make_forbidden("watched: another number", make_watched_corporation_update(corporation_number="'8700110005901'")),
    _make_forbidden("watched: older facts", make_watched_corporation_update(registry_date="'2026-11-01'"),
    message_part="an older registry"),
    _make_forbidden("watched: without raising the version",
    make_watched_corporation_update(facts="'x'").replace("version = version + 1, ", ""),
       message_part="raises the version"),
    _make_forbidden("watched: delete", "DELETE FROM watched_corporations"),

    _make_forbidden("task: another name", "UPDATE tasks SET name = 'x', version = version + 1"),
    _make_forbidden("task: without raising the version", "UPDATE tasks SET taken = 9",
    message_part="raises the version"),
    _make_forbidden("task: delete", "DELETE FROM tasks"),
)  # fmt: skip


def insert_worker_rows(team: Team) -> None:
    """Insert the rows on which the forbidden statements of a worker and of people act, with the schema account: into
    most tables one row that is in progress and one that has ended. Rows that belong to a person belong to op-b.
    """
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        for statement in (*_make_worker_inserts(), *_make_alert_inserts(), *_make_person_inserts()):
            cursor.execute(statement.replace("{me}", team.names["op-b"]))


def _make_worker_inserts() -> list[str]:
    stock = {"order_id": "1", "item": "'a'", "quantity": "2"}
    states = ("held", "released", "used")
    return [
        make_insert("tasks", name="'probes'", every_seconds="60", next_at=NOW_SQL, taken="3"),
        make_saga_insert(id=str(OPEN_ROW_ID), subject_id="1"),
        make_saga_insert(id=str(ENDED_ROW_ID), subject_id="2", state="'done'", ended_at=NOW_SQL),
        *(
            make_insert("stock_reservations", id=f"{n}", **stock, status=f"'{state}'")
            for n, state in enumerate(states, 1)
        ),
        make_watched_corporation_insert(WATCHED_CORPORATION_NUMBER),
        make_outbox_event_insert("e1", id=str(OPEN_ROW_ID), attempts="2"),
        make_outbox_event_insert("e2", id=str(ENDED_ROW_ID), published_at=f"{NOW_SQL} - INTERVAL 1 HOUR"),
    ]


def _make_alert_inserts() -> list[str]:
    alert = {"subject_kind": "'order'", "observed": "'a'", "expected": "'b'", "detected_at": TWO_HOURS_AGO_SQL}
    acknowledgement = {
        "resolved_at": f"{NOW_SQL} - INTERVAL 1 HOUR",
        "acknowledged_by": "'{me}'",
        "acknowledged_at": NOW_SQL,
    }
    done = {"id": str(ENDED_ROW_ID), "state": "'done'", "matched": "5", "ended_at": NOW_SQL}
    return [
        make_insert("alerts", id=str(RESOLVED_ALERT_ID), rule_id="'B'", subject_id="2", **alert, **acknowledgement),
        make_insert("alerts", id=str(OPEN_ALERT_ID), rule_id="'A'", subject_id="1", **alert),
        make_insert(
            "alerts",
            id=str(ACKNOWLEDGED_ALERT_ID),
            rule_id="'A'",
            subject_id="3",
            **alert,
            **{name: acknowledgement[name] for name in ("acknowledged_by", "acknowledged_at")},
        ),
        make_reconciliation_insert(id=str(OPEN_ROW_ID), to_day="'2026-11-02'", missing_there="4"),
        make_reconciliation_insert(**done),
        make_difference_insert(OPEN_ROW_ID, "k1")
        .replace("(run_id", "(id, run_id")
        .replace("VALUES (", f"VALUES ({OPEN_ROW_ID}, "),
        make_insert(
            "reconciliation_rows",
            id=str(ENDED_ROW_ID),
            run_id=str(ENDED_ROW_ID),
            row_key="'k2'",
            verdict="'missing_there'",
            case_opened="1",
        ),
    ]


def _make_person_inserts() -> list[str]:
    return [
        make_bulk_run_insert(id=str(OPEN_ROW_ID), most="2"),
        make_bulk_run_insert(id=str(ENDED_ROW_ID), state="'done'", ended_at=NOW_SQL),
        make_bulk_row_insert(OPEN_ROW_ID, id=str(OPEN_ROW_ID)),
        make_bulk_row_insert(ENDED_ROW_ID, id=str(ENDED_ROW_ID), result="'done'", done_at=NOW_SQL),
        make_take_insert(TAKEN_ORDER_ID),
        make_take_insert(FORMERLY_TAKEN_ORDER_ID, hours=-1),
        make_note_insert(),
        make_insert("mentions", id=str(OPEN_ROW_ID), note_id="1", person="'{me}'", at=NOW_SQL),
        make_saved_view_insert(id=str(OPEN_ROW_ID), claim="'c1'"),
        make_incident_step_insert(position="1"),
        make_request_id_insert(),
    ]
