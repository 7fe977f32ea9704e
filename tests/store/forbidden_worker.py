"""Statements about the worker's tables, takes and notes that a server refuses, in the form of `forbidden`."""

from collections.abc import Sequence

from tests.store.forbidden import IN_NAME, NOW_MS, UTC, Forbidden
from tests.store.money_scene import changed, row
from tests.support.teams import Team

OPEN, ENDED = 1, 2
WATCHED, FACTS = "1180301018771", "[]"
"""Of each table a row that may go on and one that is done."""
HELD_BY_OTHER, TAKEN_BEFORE, FREE = 1, 2, 3
"""Orders: taken by op-b, taken by op-b until a while ago, never taken."""
SEEN, UNSEEN, ACKNOWLEDGED = 101, 102, 103
"""Alerts: acknowledged by op-b and resolved, open, and acknowledged by op-b and open."""
_OWN = "its own person's"
MONEY = ("refund", "approve", "resolve")
STAYS = "stays as it is"
AT = {"created_at": UTC, "next_at": UTC}
EARLIER = f"{UTC} - INTERVAL 2 HOUR"


def _f(title: str, *sql: str, words: str = "denied") -> Forbidden:
    return Forbidden(title, sql, words)


def plain(table: str, record: int, **values: str) -> str:
    """Return an UPDATE of a table whose rows have no version."""
    return changed(table, record, **values).replace("version = version + 1, ", "")


def saga_row(**more: str) -> str:
    written = {
        "kind": "'timeout'", "subject_kind": "'order'", "subject_id": "7", "state": "'running'", "step": "'ask'",
        "facts": "'[]'", "begun_at": UTC, "changed_at": UTC, "next_at": UTC,
    }  # fmt: skip
    return row("sagas", **(written | more))


def event_row(event: str = "e9", **more: str) -> str:
    written = {"topic": "'t'", "event_id": f"'{event}'", "record_key": "'r1'", "body": "'x'", **AT}
    return row("outbox", **(written | more))


def run_row(**more: str) -> str:
    written = {
        "provider": "'paypay'",
        "from_day": "'2026-11-01'",
        "to_day": "'2026-11-09'",
        "state": "'running'",
        "phase": "'theirs'",
        "asked_by": "'{me}'",
        "begun_at": UTC,
        "changed_at": UTC,
    }
    return row("reconciliations", **(written | more))


def difference_row(run: int = OPEN, key: str = "k9") -> str:
    return row("reconciliation_rows", run_id=str(run), row_key=f"'{key}'", verdict="'missing_there'")


def bulk_row(run: int | str, position: int = 1, **more: str) -> str:
    written = {"run_id": f"{run}", "position": str(position), "kind": "'payment'", "subject_id": "77", "saw": "1"}
    return row("bulk_rows", **(written | more))


def frozen(**more: str) -> str:
    written = {
        "action": "'probe'",
        "state": "'frozen'",
        "most": "1",
        "made_by": "'{me}'",
        "made_at": UTC,
        "changed_at": UTC,
    }
    return row("bulk_runs", **(written | more))


def take_row(of: int = FREE, who: str = "{me}", hours: int = 1) -> str:
    return row(
        "takes",
        kind="'order'",
        subject_id=str(of),
        person=f"'{who}'",
        taken_at=UTC,
        until=f"{UTC} + INTERVAL {hours} HOUR",
    )


def taken(of: int, who: str = "{me}", hours: int = 1) -> str:
    return (
        f"UPDATE takes SET person = '{who}', taken_at = {UTC}, until = {UTC} + INTERVAL {hours} HOUR"
        f" WHERE kind = 'order' AND subject_id = {of}"
    )


def note_row(who: str = "{me}") -> str:
    return row("notes", kind="'order'", subject_id="1", person=f"'{who}'", words="'called'", at=UTC)


def mention_row(note: int = 1, who: str = "{me}") -> str:
    return row("mentions", note_id=str(note), person=f"'{who}'", at=UTC)


def step_row(who: str = "{me}", **more: str) -> str:
    written = {"incident_id": str(UNSEEN), "position": "1", "action": "'take'"} | more
    return row("incident_steps", person=f"'{who}'", at=UTC, **written)


def view_row(who: str = "{me}", **more: str) -> str:
    written = {
        "is_team": "0", "maker": f"'{who}'", "changed_by": f"'{who}'", "name": "'x'", "claim": "'c9'",
        "content": "'{{}}'", "changed_at": UTC,
    }  # fmt: skip
    return row("saved_views", **(written | more))


def request_row(who: str = "{me}", lease: int = 45_000, fence: int = 1) -> str:
    written = {
        "person": f"'{who}'", "request_id": "'r9'", "command": "'purchase'", "fingerprint": "'f'",
        "state": "'running'", "begun_ms": NOW_MS, "desk": "'d'", "host": "'h'", "process": "1", "since": UTC,
        "token": "UUID()", "lease_clock": "'server'", "lease_expires": f"{NOW_MS} + {lease}", "fence": str(fence),
    }  # fmt: skip
    return row("request_ids", **written)


def of_other(**values: str) -> str:
    return plain("request_ids", 0, **values).replace("WHERE id = 0", "WHERE person = '{other}'")


def acknowledged(record: int, who: str = "{me}") -> str:
    return plain("alerts", record, acknowledged_by=f"'{who}'", acknowledged_at=UTC, note="'seen'")


def watched_row(number: str = "8700110005901", **more: str) -> str:
    written = {"facts": f"'{FACTS}'", "registry_date": "'2026-11-02'", "changed_at": UTC}
    return row("watched_corporations", corporation_number=f"'{number}'", **(written | more))


def watched_again(**values: str) -> str:
    """Return the statement that writes the watched corporation of `seed` again, with these values."""
    told = ", ".join(f"{name} = {value}" for name, value in values.items())
    return f"UPDATE watched_corporations SET version = version + 1, {told} WHERE corporation_number = '{WATCHED}'"


CASES: Sequence[Forbidden] = (
    _f("alert: begin as settled", row(
        "alerts", rule_id="'A'", subject_kind="'order'", subject_id="9", observed="'a'", expected="'b'",
        detected_at=UTC, resolved_at=UTC), words="is open"),
    _f("alert: a second open one", row(
        "alerts", rule_id="'A'", subject_kind="'order'", subject_id="1", observed="'a'", expected="'b'",
        detected_at=UTC), words="Duplicate entry"),
    _f("alert: change what was found", plain("alerts", UNSEEN, observed="'x'")),
    _f("alert: change when it was found", plain("alerts", UNSEEN, detected_at=UTC)),
    _f("alert: another order", plain("alerts", UNSEEN, order_no="'ORD-9'")),
    _f("alert: open it again", plain("alerts", SEEN, resolved_at="NULL"), words="stays settled"),
    _f("alert: settled at another time", plain("alerts", SEEN, resolved_at=UTC), words="stays settled"),
    _f("alert: acknowledge in another's name", acknowledged(UNSEEN, "{other}"), words=IN_NAME),
    _f("alert: acknowledge as oneself in capitals", acknowledged(UNSEEN, "{ME}"), words=IN_NAME),
    _f("alert: take over who has seen it", acknowledged(SEEN), words="first stays so"),
    _f("alert: forget who has seen it", plain("alerts", SEEN, acknowledged_by="NULL"), words=IN_NAME),
    _f("alert: words under another's name", plain("alerts", SEEN, note="'x'"), words=IN_NAME),
    _f("alert: delete", "DELETE FROM alerts"),

    _f("saga: begin as done", saga_row(state="'done'", ended_at=UTC), words="begins as running"),
    _f("saga: a second one under way", saga_row(subject_id="1"), words="Duplicate entry"),
    _f("saga: open it again", changed("sagas", ENDED, state="'running'", ended_at="NULL"), words=STAYS),
    _f("saga: another step after the end", changed("sagas", ENDED, step="'ask'"), words=STAYS),
    _f("saga: another end", changed("sagas", ENDED, state="'compensated'"), words=STAYS),
    _f("saga: an invented state", changed("sagas", OPEN, state="'fine'", ended_at=UTC), words="no such step"),
    _f("saga: an end without a time", changed("sagas", OPEN, state="'done'"), words="an end when it has ended"),
    _f("saga: stuck and ended", changed("sagas", OPEN, state="'stuck'", ended_at=UTC), words="an end when it has"),
    _f("saga: a time without an end", changed("sagas", OPEN, ended_at=UTC), words="an end when it has ended"),
    _f("saga: another order's", changed("sagas", OPEN, subject_id="2")),
    _f("saga: without raising the version", plain("sagas", OPEN, step="'x'"), words="raises the version"),
    _f("saga: delete", "DELETE FROM sagas"),

    _f("stock: reserve", row("stock_reservations", order_id="1", item="'a'", quantity="1")),
    _f("stock: hold again", plain("stock_reservations", ENDED, status="'held'"), words="gives free"),
    _f("stock: use", plain("stock_reservations", OPEN, status="'used'"), words="gives free"),
    _f("stock: free what was used", plain("stock_reservations", 3, status="'released'"), words="no such step"),
    _f("stock: another order's", plain("stock_reservations", OPEN, order_id="2")),
    _f("stock: another item", plain("stock_reservations", OPEN, item="'b'")),
    _f("stock: another number of pieces", plain("stock_reservations", OPEN, quantity="99")),
    _f("stock: delete", "DELETE FROM stock_reservations"),

    _f("event: begin as published", event_row(published_at=UTC), words="before it is published"),
    _f("event: the same one twice", event_row("e1"), words="Duplicate entry"),
    _f("event: other words", plain("outbox", OPEN, body="'y'")),
    _f("event: another topic", plain("outbox", OPEN, topic="'u'")),
    _f("event: another number", plain("outbox", OPEN, event_id="'e7'")),
    _f("event: publish it again", plain("outbox", ENDED, published_at="NULL"), words="stays published"),
    _f("event: published at another time", plain("outbox", ENDED, published_at=UTC), words="stays published"),
    _f("event: forget attempts", plain("outbox", OPEN, attempts="0"), words="counted upwards"),
    _f("event: delete", "DELETE FROM outbox"),

    _f("reconciliation: ask in another's name", run_row(asked_by="'{other}'"), words=IN_NAME),
    _f("reconciliation: begin as done", run_row(state="'done'", ended_at=UTC), words="begins with nothing"),
    _f("reconciliation: begin with counts", run_row(matched="9"), words="begins with nothing"),
    _f("reconciliation: a second one of the same days", run_row(to_day="'2026-11-02'"), words="Duplicate entry"),
    _f("reconciliation: open it again", changed("reconciliations", ENDED, state="'running'", ended_at="NULL"),
       words=STAYS),
    _f("reconciliation: count once it is done", changed("reconciliations", ENDED, matched="9"), words=STAYS),
    _f("reconciliation: count less", changed("reconciliations", OPEN, missing_there="0"), words="stays counted"),
    _f("reconciliation: an end without a time", changed("reconciliations", OPEN, state="'done'"),
       words="an end when it has ended"),
    _f("reconciliation: other days", changed("reconciliations", OPEN, from_day="'2026-10-01'")),
    _f("reconciliation: without raising the version", plain("reconciliations", OPEN, matched="9"),
       words="raises the version"),
    _f("reconciliation: delete", "DELETE FROM reconciliations"),

    _f("difference: find one once it is done", difference_row(ENDED), words=STAYS),
    _f("difference: twice", difference_row(key="k1"), words="Duplicate entry"),
    _f("difference: change what was found", plain("reconciliation_rows", OPEN, theirs="'x'")),
    _f("difference: take its case back", plain("reconciliation_rows", ENDED, case_opened="0"), words="as it was"),
    _f("difference: delete", "DELETE FROM reconciliation_rows"),

    _f("bulk: freeze in another's name", frozen(made_by="'{other}'"), words=IN_NAME),
    _f("bulk: begin as running", frozen(state="'running'"), words="begins as frozen"),
    *(_f(f"bulk: {action}", frozen(action=f"'{action}'"), words="nothing with money") for action in MONEY),
    _f("bulk: another action", changed("bulk_runs", OPEN, action="'note'")),
    _f("bulk: other words", changed("bulk_runs", OPEN, words="'x'")),
    _f("bulk: another maker", changed("bulk_runs", OPEN, made_by="'{me}'")),
    _f("bulk: begin again", changed("bulk_runs", ENDED, state="'running'"), words="is done stays so"),
    _f("bulk: without raising the version", plain("bulk_runs", OPEN, state="'running'"), words="raises the version"),
    _f("bulk: delete", "DELETE FROM bulk_runs"),

    _f("bulk row: join another's set", bulk_row(OPEN, 2), words="nothing joins"),
    _f("bulk row: join one's own set later", frozen(), "SET @made = LAST_INSERT_ID()",
       changed("bulk_runs", "@made", state="'running'"), bulk_row("@made"), words="nothing joins"),
    _f("bulk row: one more than was frozen", frozen(), "SET @made = LAST_INSERT_ID()", bulk_row("@made", 2),
       words="nothing joins"),
    _f("bulk row: begin with a result", frozen(), "SET @made = LAST_INSERT_ID()",
       bulk_row("@made", result="'done'"), words="without a result"),
    _f("bulk row: another version", plain("bulk_rows", OPEN, saw="9")),
    _f("bulk row: another record", plain("bulk_rows", OPEN, subject_id="9")),
    _f("bulk row: another result", plain("bulk_rows", ENDED, result="'failed'"), words="as it was told"),
    _f("bulk row: no result any more", plain("bulk_rows", ENDED, result="NULL"), words="as it was told"),
    _f("bulk row: delete", "DELETE FROM bulk_rows"),

    _f("take: in another's name", take_row(who="{other}"), words=IN_NAME),
    _f("take: as oneself in capitals", take_row(who="{ME}"), words=IN_NAME),
    _f("take: for a week", take_row(hours=168), words="longer than a day"),
    _f("take: what somebody else has", taken(HELD_BY_OTHER), words="somebody else has"),
    _f("take: what somebody else has, with a forged NOW()", "SET timestamp = 2145916800", taken(HELD_BY_OTHER),
       words="somebody else has"),
    _f("take: give free what somebody else has", f"UPDATE takes SET until = {UTC} WHERE subject_id = {HELD_BY_OTHER}",
       words="somebody else has"),
    _f("take: give somebody else what is free", taken(TAKEN_BEFORE, "{other}"), words=IN_NAME),
    _f("take: another record", f"UPDATE takes SET subject_id = 9 WHERE subject_id = {TAKEN_BEFORE}"),
    _f("take: delete", "DELETE FROM takes"),

    _f("note: in another's name", note_row("{other}"), words=IN_NAME),
    _f("note: as a letter that looks the same", note_row("{homoglyph}"), words=IN_NAME),
    _f("note: change", "UPDATE notes SET words = 'x'"),
    _f("note: delete", "DELETE FROM notes"),

    _f("mention: in another's note", mention_row(note=1), words="only the author"),
    _f("mention: another's done", plain("mentions", OPEN, done_at=UTC), words="somebody else"),
    _f("mention: another person", plain("mentions", OPEN, person="'{me}'")),
    _f("mention: turned into a hand-over", plain("mentions", OPEN, how="'hand_over'")),
    _f("mention: delete", "DELETE FROM mentions"),
    _f("incident: in another's name", step_row("{other}"), words="somebody else"),
    _f("incident: as oneself in capitals", step_row("{ME}"), words="somebody else"),
    _f("incident: of no alert", step_row(incident_id="999"), words="begins with an alert"),
    _f("incident: an invented step", step_row(action="'close'"), words="no such step"),
    _f("incident: hand over to nobody", step_row(action="'hand over'"), words="has its facts"),
    _f("incident: use its places up", step_row(position="2147483647"), words="the next one"),
    _f("incident: change", "UPDATE incident_steps SET words = 'x'"),
    _f("incident: delete", "DELETE FROM incident_steps"),
    _f("alert: take another's acknowledgement back", plain(
        "alerts", ACKNOWLEDGED, acknowledged_by="NULL", acknowledged_at="NULL", note="NULL"), words="somebody else"),

    _f("view: in another's name", view_row("{other}"), words=IN_NAME),
    _f("view: as oneself in capitals", view_row("{ME}"), words=IN_NAME),
    _f("view: begin as deleted", view_row(claim="NULL", deleted_at=UTC), words="begins with its name"),
    _f("view: begin with a high version", view_row(version="2"), words="begins with its name"),
    _f("view: change the own one of another", changed("saved_views", OPEN, name="'y'", changed_by="'{me}'"),
       words="of somebody else"),
    _f("view: delete", "DELETE FROM saved_views"),

    _f("request: in another's name", request_row("{other}"), words=_OWN),
    _f("request: as oneself in capitals", request_row("{ME}"), words=_OWN),
    _f("request: as a letter that looks the same", request_row("{homoglyph}"), words=_OWN),
    _f("request: another's answer", of_other(answer="'x'"), words=_OWN),
    _f("request: free another's", of_other(state="'free'", lease_expires="0"), words=_OWN),
    _f("request: take another's over", of_other(fence="fence + 1", command="'x'"), words=_OWN),
    _f("request: make another's one's own", "UPDATE request_ids SET person = '{me}'"),
    _f("request: another id", "UPDATE request_ids SET request_id = 'r7'"),
    _f("request: a lease of a day", request_row(lease=86_400_000), words="ten minutes"),
    _f("request: begin with a high token", request_row(fence=9), words="ten minutes"),
    _f("request: delete", "DELETE FROM request_ids"),

    _f("watched: begin with a change", watched_row(facts_before=f"'{FACTS}'"), words="without a change"),
    _f("watched: twice", watched_row(WATCHED), words="Duplicate entry"),
    _f("watched: another number", watched_again(corporation_number="'8700110005901'")),
    _f("watched: older facts", watched_again(registry_date="'2026-11-01'"), words="an older registry"),
    _f("watched: without raising the version", watched_again(facts="'x'").replace("version = version + 1, ", ""),
       words="raises the version"),
    _f("watched: delete", "DELETE FROM watched_corporations"),

    _f("task: another name", "UPDATE tasks SET name = 'x', version = version + 1"),
    _f("task: without raising the version", "UPDATE tasks SET taken = 9", words="raises the version"),
    _f("task: delete", "DELETE FROM tasks"),
)  # fmt: skip


def seed(team: Team) -> None:
    """Insert for each table a row of op-b that is in progress and one that has ended, with the schema account."""
    with team.connect("owner") as owner, owner.cursor() as cursor:
        for statement in (*_worker(), *_found(), *_people()):
            cursor.execute(statement.replace("{me}", team.names["op-b"]))


def _worker() -> list[str]:
    stock = {"order_id": "1", "item": "'a'", "quantity": "2"}
    states = ("held", "released", "used")
    return [
        row("tasks", name="'probes'", every_seconds="60", next_at=UTC, taken="3"),
        saga_row(id=str(OPEN), subject_id="1"),
        saga_row(id=str(ENDED), subject_id="2", state="'done'", ended_at=UTC),
        *(row("stock_reservations", id=f"{n}", **stock, status=f"'{state}'") for n, state in enumerate(states, 1)),
        watched_row(WATCHED),
        event_row("e1", id=str(OPEN), attempts="2"),
        event_row("e2", id=str(ENDED), published_at=f"{UTC} - INTERVAL 1 HOUR"),
    ]


def _found() -> list[str]:
    alert = {"subject_kind": "'order'", "observed": "'a'", "expected": "'b'", "detected_at": EARLIER}
    seen = {"resolved_at": f"{UTC} - INTERVAL 1 HOUR", "acknowledged_by": "'{me}'", "acknowledged_at": UTC}
    done = {"id": str(ENDED), "state": "'done'", "matched": "5", "ended_at": UTC}
    return [
        row("alerts", id=str(SEEN), rule_id="'B'", subject_id="2", **alert, **seen),
        row("alerts", id=str(UNSEEN), rule_id="'A'", subject_id="1", **alert),
        row(
            "alerts",
            id=str(ACKNOWLEDGED),
            rule_id="'A'",
            subject_id="3",
            **alert,
            **{name: seen[name] for name in ("acknowledged_by", "acknowledged_at")},
        ),
        run_row(id=str(OPEN), to_day="'2026-11-02'", missing_there="4"),
        run_row(**done),
        difference_row(OPEN, "k1").replace("(run_id", "(id, run_id").replace("VALUES (", f"VALUES ({OPEN}, "),
        row(
            "reconciliation_rows",
            id=str(ENDED),
            run_id=str(ENDED),
            row_key="'k2'",
            verdict="'missing_there'",
            case_opened="1",
        ),
    ]


def _people() -> list[str]:
    return [
        frozen(id=str(OPEN), most="2"),
        frozen(id=str(ENDED), state="'done'", ended_at=UTC),
        bulk_row(OPEN, id=str(OPEN)),
        bulk_row(ENDED, id=str(ENDED), result="'done'", done_at=UTC),
        take_row(HELD_BY_OTHER),
        take_row(TAKEN_BEFORE, hours=-1),
        note_row(),
        row("mentions", id=str(OPEN), note_id="1", person="'{me}'", at=UTC),
        view_row(id=str(OPEN), claim="'c1'"),
        step_row(position="1"),
        request_row(),
    ]
