"""The worker can store in a person's name only the words that this person has typed.

The database compares the text of a note, a reason, a comment, an acknowledgement or a person's evidence with the desk
request. Only the person can insert the request, and nobody can change it.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pymysql
import pytest

from console.domain.access.read_only import SWITCH_KIND
from console.domain.desk_requests.records import make_request_id
from console.domain.payments.records import RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.recovery.decision_reasons import DecisionReason, StatedReason
from console.services.guarded.answer_serialization import serialize_value
from console.store.database.unreadable_rows import parse_audit_detail
from tests.harms.test_requests_of_people import (
    _ENGINES,
    PAYMENT_ID,
    REFUND_ID,
    REFUND_YEN,
    SERVER_TIME_SQL,
    UNREFUNDED_PAYMENT_ID,
    RequestingTeam,
    make_refund_statements,
    make_session_insert,
    open_requesting_team,
)

TYPED_TEXT = '　 please "wait" \\ for\n日本語 😀\t\n'
"""The text that a person types."""
STORED_TEXT = 'please "wait" \\ for\n日本語 😀'
"""The text that the services store for TYPED_TEXT."""
FORGED_WORDS = (
    "pay at once",
    "please",
    STORED_TEXT.upper(),
    f"{STORED_TEXT} ",
    f"{STORED_TEXT}.",
    "",
    TYPED_TEXT[3:-5],
)
ALERT_ID = 77
CHECK_ID = 78
TRIGGER_REFUSAL_ERROR_NUMBER = 1644
Statement = tuple[str, Mapping[str, object]]
"""An SQL statement and its parameters by name."""


@pytest.fixture(scope="module", params=_ENGINES)
def team_with_open_records(request: pytest.FixtureRequest) -> Iterator[RequestingTeam]:
    """Yield people in team mode with an open alert and a credit check of unknown outcome."""
    with open_requesting_team(request.param, can_act=False) as made:
        made.execute_in_session(
            "owner",
            f"INSERT INTO alerts (id, rule_id, subject_kind, subject_id, observed, expected, detected_at)"
            f" VALUES ({ALERT_ID}, 'r', 'payment', {UNREFUNDED_PAYMENT_ID}, 'o', 'e', {SERVER_TIME_SQL})",
        )
        yield made


@dataclass(frozen=True)
class WordedRequest:
    """A desk request with a person's words in its arguments, and the statement by which the worker stores these
    words.

    `make_arguments` and `make_storing_statement` get the words and return the arguments and the statement.
    `first_statements` has the statements that the worker executes before it.
    """

    person_name: str
    action: str
    subject: tuple[str | None, object]
    make_arguments: Callable[[str], list[object]]
    make_storing_statement: Callable[[str], Statement]
    first_statements: tuple[str, ...] = ()
    proposed_state: str | None = None
    amount: int | None = None


def _make_insert(table: str, values: Mapping[str, object]) -> Statement:
    texts = [str(value)[1:] if str(value).startswith("=") else f"%({name})s" for name, value in values.items()]
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(texts)})", values


def _make_note_insert(words: str) -> Statement:
    return _make_insert(
        "notes",
        {
            "kind": "payment",
            "subject_id": UNREFUNDED_PAYMENT_ID,
            "person": "{op-a}",
            "at": f"={SERVER_TIME_SQL}",
            "words": words,
        },
    )


def _make_bulk_run_insert(words: str) -> Statement:
    values = {"action": "note", "state": "frozen", "words": words, "most": 0, "made_by": "{op-a}",
              "made_at": f"={SERVER_TIME_SQL}", "changed_at": f"={SERVER_TIME_SQL}", "version": 1}  # fmt: skip
    return _make_insert("bulk_runs", values)


def _make_incident_step_insert(words: str) -> Statement:
    values = {"incident_id": ALERT_ID, "position": 1, "action": "resolve", "person": "{op-a}",
              "at": f"={SERVER_TIME_SQL}",
              "words": words}  # fmt: skip
    return _make_insert("incident_steps", values)


def _make_switch_insert(words: str) -> Statement:
    values = {"scope": "paypay", "is_on": 1, "reason": words, "person": "{lead-b}", "at": f"={SERVER_TIME_SQL}"}
    return _make_insert("read_only_switches", values)


def _make_acknowledge_update(words: str) -> Statement:
    assignments = f"acknowledged_by = %(who)s, acknowledged_at = {SERVER_TIME_SQL}, note = %(words)s"
    return f"UPDATE alerts SET {assignments} WHERE id = {ALERT_ID}", {"who": "{op-a}", "words": words}


def _make_decline_update(words: str) -> Statement:
    decline = "UPDATE refunds SET status = 'rejected', declined_because = %(words)s, version = version + 1"
    return f"{decline} WHERE id = {REFUND_ID}", {"words": words}


RESERVE_STATEMENT, REFUND_INSERT = make_refund_statements("op_a")


def _make_refund_with_reason_insert(words: str) -> Statement:
    return REFUND_INSERT.replace("'broken'", "%(words)s").replace("{op_a}", "{op-a}"), {"words": words}


def _make_refund_with_ticket_insert(words: str) -> Statement:
    row = REFUND_INSERT.replace("reason,", "reason, ticket,").replace("'broken'", "'broken', %(words)s")
    return row.replace("{op_a}", "{op-a}"), {"words": words}


def _make_refund_with_comment_insert(words: str) -> Statement:
    radar = json.dumps([{"rule": "r", "answer": words}, {"rule": "s", "answer": None}], ensure_ascii=False)
    column = "'[]', '[]'"
    assert column in REFUND_INSERT
    return REFUND_INSERT.replace(column, "'[]', %(radar)s").replace("{op_a}", "{op-a}"), {"radar": radar}


def _make_refund_arguments(**more: object) -> Callable[[str], list[object]]:
    def make_arguments(words: str) -> list[object]:
        given: dict[str, Any] = {name: value(words) if callable(value) else value for name, value in more.items()}
        return [RefundRequest(UNREFUNDED_PAYMENT_ID, str(REFUND_YEN), **{"reason": "broken", **given})]

    return make_arguments


def _make_evidence_insert(body: str, summary: str) -> Statement:
    values = {"subject_kind": "credit-check", "subject_id": CHECK_ID, "source": "person", "who": "{op-a}",
              "sha256": hashlib.sha256(body.encode()).hexdigest(), "summary": summary, "body": body,
              "at": f"={SERVER_TIME_SQL}"}  # fmt: skip
    return _make_insert("evidence", values)


REASON = StatedReason(DecisionReason.NOT_LISTED, "20 purchases")
WORDED_REQUESTS = {
    "note": WordedRequest("op-a", "note", ("payment", UNREFUNDED_PAYMENT_ID), lambda w: ["payment",
        UNREFUNDED_PAYMENT_ID, w],
        _make_note_insert),
    "hand over": WordedRequest("op-a", "hand over", ("payment", UNREFUNDED_PAYMENT_ID), lambda w: ["payment",
        UNREFUNDED_PAYMENT_ID, w],
    _make_note_insert),
    "bulk freeze": WordedRequest("op-a", "bulk freeze", (None, None), lambda w: ["note", "waiting", w],
    _make_bulk_run_insert),
    "incident resolve": WordedRequest("op-a", "incident resolve", ("incident", ALERT_ID), lambda w: [ALERT_ID, w],
    _make_incident_step_insert),
    "switch": WordedRequest("lead-b", "read-only set", (SWITCH_KIND, "paypay"), lambda w: ["paypay", True, w],
                            _make_switch_insert, proposed_state="on"),
    "acknowledge": WordedRequest("op-a", "alerts ack", (None, None), lambda w: [ALERT_ID, w],
        _make_acknowledge_update),
    "decline": WordedRequest("lead-b", "refund reject", ("refund", REFUND_ID), lambda w: [REFUND_ID, w, None],
    _make_decline_update),
    "reason": WordedRequest("op-a", "refund request", ("payment", UNREFUNDED_PAYMENT_ID),
        _make_refund_arguments(reason=str),
    _make_refund_with_reason_insert, (RESERVE_STATEMENT,),
                            amount=REFUND_YEN),
    "ticket": WordedRequest("op-a", "refund request", ("payment", UNREFUNDED_PAYMENT_ID),
        _make_refund_arguments(ticket=str),
    _make_refund_with_ticket_insert, (RESERVE_STATEMENT,),
                            amount=REFUND_YEN),
    "evidence": WordedRequest("op-a", "resolve", ("credit-check", CHECK_ID),
                     lambda w: ["credit-check", str(CHECK_ID), "error", w, None, None, REASON],
                     lambda w: _make_evidence_insert(w, "[not_listed] 20 purchases"), proposed_state="error"),
    "stated reason": WordedRequest("op-a", "resolve", ("credit-check", CHECK_ID),
                          lambda w: ["credit-check", str(CHECK_ID), "error", "seen", None, None,
                                     StatedReason(DecisionReason.NOT_LISTED, w)],
                          lambda w: _make_evidence_insert("seen", f"[not_listed] {w}"), proposed_state="error"),
}  # fmt: skip


def _store_request(
    team: RequestingTeam, worded: WordedRequest, arguments: list[object], file_digest: str | None = None
) -> str:
    """Store a desk request with these arguments as the person's desk stores it, and return its id. `file_digest` is
    the SHA-256 of an attached file.
    """
    kind, id = worded.subject
    request = make_request_id()
    values = {"id": request, "action": worded.action, "desk": "d", "subject_kind": kind, "subject_id": id,
              "proposed": worded.proposed_state, "amount_minor": worded.amount, "confirmed": 1,
              "evidence_sha256": file_digest,
              "args": json.dumps([serialize_value(value) for value in arguments], ensure_ascii=False)}  # fmt: skip
    _execute_as_person(team, worded.person_name, (_make_insert("requests", values),))
    return request


def _execute_as_person(
    team: RequestingTeam, person: str, statements: tuple[Statement | str, ...], *, ends: str = "COMMIT"
) -> None:
    """Execute the statements in one transaction with the person's database account; `ends` is the statement that ends
    it. Names of people in the statements are replaced by the names of their accounts.
    """
    connection = team.team.open_connection(person)
    try:
        with connection.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            for statement in statements:
                sql, values = (statement, {}) if isinstance(statement, str) else statement
                named = {name: team.team.names.get(str(value)[1:-1], value) for name, value in values.items()}
                for name, account in {**team.team.names, "me": team.team.names[person]}.items():
                    sql = sql.replace(f"{{{name}}}", account)
                cursor.execute(sql, named or None)
            cursor.execute(ends)
    finally:
        connection.close()


_INVALID_JSON_ERROR_NUMBER = 3141  # ER_INVALID_JSON_TEXT_IN_PARAM of MySQL


def _can_write(
    team: RequestingTeam, worded: WordedRequest, first_statements: tuple[Statement | str, ...], statement: Statement
) -> bool:
    """Return True if the database lets the worker execute `statement`, which stores the words, in a transaction that
    is rolled back. `taken` has the statements with which the worker's session begins. Return False if a trigger
    refuses the words, or if MySQL refuses a text that is no JSON, which it checks before the trigger.
    """
    try:
        _execute_as_person(team, "worker", (*first_statements, *worded.first_statements, statement), ends="ROLLBACK")
    except pymysql.MySQLError as refusal:
        if refusal.args[0] not in (TRIGGER_REFUSAL_ERROR_NUMBER, _INVALID_JSON_ERROR_NUMBER):
            raise
        return False
    return True


@pytest.mark.parametrize("name", WORDED_REQUESTS)
def test_the_worker_stores_only_words_of_the_request(team_with_open_records: RequestingTeam, name: str) -> None:
    """For a person's request, the worker's account can store the text that the person typed, and no other text. If
    the person typed none, it can store none.
    """
    worded = WORDED_REQUESTS[name]
    taken = team_with_open_records.take_request(
        _store_request(team_with_open_records, worded, worded.make_arguments(TYPED_TEXT))
    )
    exact = TYPED_TEXT if name == "evidence" else STORED_TEXT
    assert _can_write(team_with_open_records, worded, taken, worded.make_storing_statement(exact))
    for forged in FORGED_WORDS:
        assert not _can_write(team_with_open_records, worded, taken, worded.make_storing_statement(forged)), forged
    empty = team_with_open_records.take_request(
        _store_request(team_with_open_records, worded, worded.make_arguments(""))
    )
    assert not _can_write(team_with_open_records, worded, empty, worded.make_storing_statement(STORED_TEXT))


@pytest.mark.parametrize("name", WORDED_REQUESTS)
def test_the_worker_cannot_store_texts_of_another_request(team_with_open_records: RequestingTeam, name: str) -> None:
    """The database refuses words that the person has typed in another request than the one that this session of the
    worker executes.
    """
    worded = WORDED_REQUESTS[name]
    _store_request(team_with_open_records, worded, worded.make_arguments(TYPED_TEXT))
    other = team_with_open_records.take_request(
        team_with_open_records.store_request(worded.person_name, "probe", "payment", UNREFUNDED_PAYMENT_ID)
    )
    assert not _can_write(
        team_with_open_records,
        worded,
        other,
        worded.make_storing_statement(TYPED_TEXT if name == "evidence" else STORED_TEXT),
    )


def test_another_persons_acknowledgement_ends_only_by_a_reopening(team_with_open_records: RequestingTeam) -> None:
    """The worker can withdraw lead-b's acknowledgement for op-a only after it has stored the step with which op-a
    reopens the incident. It can't do so while it executes another request, or together with a new note.
    """
    alert_id = 79
    team_with_open_records.execute_in_session(
        "owner",
        f"INSERT INTO alerts (id, rule_id, subject_kind, subject_id, observed, expected, detected_at)"
        f" VALUES ({alert_id}, 'seen', 'payment', {UNREFUNDED_PAYMENT_ID}, 'o', 'e', {SERVER_TIME_SQL})",
    )
    acknowledge = WordedRequest(
        "lead-b", "alerts ack", (None, None), lambda w: [alert_id, w], _make_acknowledge_update
    )
    statement = (
        _make_acknowledge_update(STORED_TEXT)[0].replace(str(ALERT_ID), str(alert_id)),
        {"who": "{lead-b}", "words": STORED_TEXT},
    )
    _execute_as_person(
        team_with_open_records,
        "worker",
        (
            *team_with_open_records.take_request(
                _store_request(team_with_open_records, acknowledge, [alert_id, STORED_TEXT])
            ),
            statement,
        ),
    )
    reopen = WordedRequest(
        "op-a", "incident reopen", ("incident", alert_id), lambda w: [alert_id, w], _make_incident_step_insert
    )
    step = _make_insert("incident_steps", {"incident_id": alert_id, "position": 1, "action": "reopen",
        "person": "{op-a}", "at": f"={SERVER_TIME_SQL}", "words": STORED_TEXT})  # fmt: skip
    withdraw = f"UPDATE alerts SET acknowledged_by = NULL, acknowledged_at = NULL, note = NULL WHERE id = {alert_id}"
    taken = team_with_open_records.take_request(
        _store_request(team_with_open_records, reopen, [alert_id, TYPED_TEXT])
    )
    assert _can_write(team_with_open_records, reopen, (*taken, step), (withdraw, {}))
    assert not _can_write(team_with_open_records, reopen, taken, (withdraw, {}))
    forged = withdraw.replace("note = NULL", "note = 'x'")
    assert not _can_write(team_with_open_records, reopen, (*taken, step), (forged, {}))
    _execute_as_person(team_with_open_records, "worker", (*taken, step))
    other = team_with_open_records.take_request(
        team_with_open_records.store_request("op-a", "probe", "payment", UNREFUNDED_PAYMENT_ID)
    )
    assert not _can_write(team_with_open_records, reopen, other, (withdraw, {}))
    undo = WordedRequest(
        "op-a", "alerts unack", ("alert", alert_id), lambda w: [alert_id], _make_incident_step_insert
    )
    assert not _can_write(
        team_with_open_records,
        undo,
        team_with_open_records.take_request(_store_request(team_with_open_records, undo, [alert_id])),
        (withdraw, {}),
    )


OTHER_ALERT_ID = 80
REFUND_ALERT_ID = 81
PAYMENT_ALERT_ID = 82
TASK_ALERT_ID = 83
OTHER_TASK_ALERT_ID = 84


@pytest.mark.parametrize(
    ("reopened_alert_id", "withdrawn_alert_id", "is_same_incident"),
    [
        (OTHER_ALERT_ID, OTHER_ALERT_ID, True), (REFUND_ALERT_ID, PAYMENT_ALERT_ID, True),
        (PAYMENT_ALERT_ID, REFUND_ALERT_ID, True),
        (TASK_ALERT_ID, OTHER_TASK_ALERT_ID, True), (OTHER_ALERT_ID, PAYMENT_ALERT_ID, False),
        (REFUND_ALERT_ID, OTHER_ALERT_ID, False),
        (TASK_ALERT_ID, PAYMENT_ALERT_ID, False), (OTHER_ALERT_ID, TASK_ALERT_ID, False),
    ],
)  # fmt: skip
def test_a_reopening_withdraws_only_acknowledgements_of_its_incident(
    team_with_open_records: RequestingTeam, reopened_alert_id: int, withdrawn_alert_id: int, is_same_incident: bool
) -> None:
    """All alerts about a payment and its refunds are one incident, and so are all alerts about tasks. While the
    worker executes the reopening of one incident, it can't withdraw the acknowledgement of an alert of another
    incident.
    """
    subjects = {OTHER_ALERT_ID: ("payment", UNREFUNDED_PAYMENT_ID), REFUND_ALERT_ID: ("refund", REFUND_ID),
        PAYMENT_ALERT_ID: ("payment", PAYMENT_ID),
                TASK_ALERT_ID: ("task", 1), OTHER_TASK_ALERT_ID: ("task", 2)}  # fmt: skip
    rows = ", ".join(
        f"({id}, 'again', '{kind}', {subject}, 'o', 'e', {SERVER_TIME_SQL}, '{{lead_b}}', {SERVER_TIME_SQL}, 'seen')"
        for id, (kind, subject) in subjects.items()
    )
    columns = "id, rule_id, subject_kind, subject_id, observed, expected, detected_at"
    team_with_open_records.execute_in_session(
        "owner", f"REPLACE INTO alerts ({columns}, acknowledged_by, acknowledged_at, note) VALUES {rows}",
    )  # fmt: skip
    reopen = WordedRequest(
        "op-a",
        "incident reopen",
        ("incident", reopened_alert_id),
        lambda w: [reopened_alert_id, w],
        _make_incident_step_insert,
    )
    step = _make_insert("incident_steps", {"incident_id": reopened_alert_id, "position": 1, "action": "reopen",
    "person": "{op-a}",
                                      "at": f"={SERVER_TIME_SQL}", "words": STORED_TEXT})  # fmt: skip
    taken = team_with_open_records.take_request(
        _store_request(team_with_open_records, reopen, [reopened_alert_id, TYPED_TEXT])
    )
    withdraw = (
        "UPDATE alerts SET acknowledged_by = NULL, acknowledged_at = NULL, note = NULL"
        f" WHERE id = {withdrawn_alert_id}"
    )
    assert _can_write(team_with_open_records, reopen, (*taken, step), (withdraw, {})) is is_same_incident


def test_a_refund_stores_only_the_comment_in_its_request(team_with_open_records: RequestingTeam) -> None:
    worded = WordedRequest("op-a", "refund request", ("payment", UNREFUNDED_PAYMENT_ID),
    _make_refund_arguments(answers=lambda w: (("r", w),)),
                           _make_refund_with_comment_insert, (RESERVE_STATEMENT,), amount=REFUND_YEN)  # fmt: skip
    taken = team_with_open_records.take_request(
        _store_request(team_with_open_records, worded, worded.make_arguments(STORED_TEXT))
    )
    assert _can_write(team_with_open_records, worded, taken, worded.make_storing_statement(STORED_TEXT))
    assert not _can_write(
        team_with_open_records, worded, taken, worded.make_storing_statement("the payer is known to me")
    )
    silent = team_with_open_records.take_request(
        _store_request(team_with_open_records, worded, _make_refund_arguments()(""))
    )
    assert not _can_write(team_with_open_records, worded, silent, worded.make_storing_statement(STORED_TEXT))


def test_the_worker_stores_only_the_makers_reason_code(team_with_open_records: RequestingTeam) -> None:
    worded = WordedRequest("op-a", "refund request", ("payment", UNREFUNDED_PAYMENT_ID),
    _make_refund_arguments(reason_code=RefundReason.OTHER),
                           _make_refund_with_reason_insert, (RESERVE_STATEMENT,), amount=REFUND_YEN)  # fmt: skip
    taken = team_with_open_records.take_request(
        _store_request(team_with_open_records, worded, worded.make_arguments(""))
    )
    row = REFUND_INSERT.replace("reason,", "reason, reason_code,").replace("{op_a}", "{op-a}")
    other = next(code for code in RefundReason if code is not RefundReason.OTHER)
    for code, is_right in ((RefundReason.OTHER, True), (other, False)):
        statement = (row.replace("'broken'", "'broken', %(code)s"), {"code": code.value})
        assert _can_write(team_with_open_records, worded, taken, statement) is is_right


@pytest.mark.parametrize(
    ("typed_id", "right_id", "wrong_id"), [("0012", "12", "13"), (" 12 ", "12", "1"), ("12", "12", "")]
)
def test_the_worker_stores_only_the_persons_id_of_a_purchase_in_evidence(
    team_with_open_records: RequestingTeam, typed_id: str, right_id: str, wrong_id: str
) -> None:
    """A person's evidence has typed words and the provider's id of a credit check. The worker can store it only with
    the typed words, after a first line that states this id (without spaces and leading zeros) or that there is none.
    """
    worded = WORDED_REQUESTS["evidence"]
    arguments: list[object] = ["credit-check", str(CHECK_ID), "success", "on the list", typed_id, None, REASON]
    taken = team_with_open_records.take_request(_store_request(team_with_open_records, worded, arguments))
    summary = "[not_listed] 20 purchases"
    assert _can_write(
        team_with_open_records, worded, taken, _make_evidence_insert(f"number {right_id}\non the list", summary)
    )
    assert _can_write(team_with_open_records, worded, taken, _make_evidence_insert("no number\non the list", summary))
    for body in (
        f"number {wrong_id}\non the list",
        f"number {right_id}\nnot on the list",
        "yes\non the list",
    ):
        assert not _can_write(team_with_open_records, worded, taken, _make_evidence_insert(body, summary)), body


def test_the_worker_stores_only_the_persons_file(team_with_open_records: RequestingTeam) -> None:
    worded, content = WORDED_REQUESTS["evidence"], "bill of November"
    arguments: list[object] = ["credit-check", str(CHECK_ID), "error", {"file": "bill.pdf"}, None, None, None]
    taken = team_with_open_records.take_request(
        _store_request(team_with_open_records, worded, arguments, hashlib.sha256(content.encode()).hexdigest())
    )
    assert _can_write(team_with_open_records, worded, taken, _make_evidence_insert(content, content))
    for body, summary in (("bill of May", "bill of May"), (content, "bill of May")):
        assert not _can_write(team_with_open_records, worded, taken, _make_evidence_insert(body, summary))


def make_audit_insert(detail: str, person: str, session: str) -> Statement:
    values = {"session": session, "seq": 1, "at": f"={SERVER_TIME_SQL}", "who": person, "desk": "d",
              "what": "record.note",
              "subject_kind": "payment", "subject_id": UNREFUNDED_PAYMENT_ID, "result": "done", "detail": detail,
              "prev_hash": "0" * 64, "hash": "a" * 64}  # fmt: skip
    return _make_insert("audit_log", values)


def test_a_workers_audit_entry_for_a_person_must_name_request_and_worker(
    team_with_open_records: RequestingTeam,
) -> None:
    """The worker's account can write an audit entry in a person's name only if the detail has the id of the person's
    request and the worker's own name.
    """
    worded = WORDED_REQUESTS["note"]
    request = _store_request(team_with_open_records, worded, worded.make_arguments(TYPED_TEXT))
    taken, session = team_with_open_records.take_request(request), str(uuid.uuid4())
    team_with_open_records.execute_in_session("worker", make_session_insert(session, "{worker}"))
    worker = team_with_open_records.team.names["worker"]
    honest = {"note": 1, "request": request, "worker": worker}
    assert _can_write(team_with_open_records, worded, taken, make_audit_insert(json.dumps(honest), "{op-a}", session))
    for detail in (
        {}, {"request": request}, {"worker": worker}, honest | {"worker": team_with_open_records.team.names["op-a"]},
        honest | {"request": str(uuid.uuid4())}, {"note": honest}, [request, worker], honest | {"request": [request]},
    ):  # fmt: skip
        assert not _can_write(
            team_with_open_records, worded, taken, make_audit_insert(json.dumps(detail), "{op-a}", session)
        ), detail
    for text in ("", "no JSON", f'{{"request":"{request}"'):
        assert not _can_write(team_with_open_records, worded, taken, make_audit_insert(text, "{op-a}", session)), text


@pytest.mark.parametrize("name", ["request", "\\u0072equest"])
def test_an_audit_detail_with_a_repeated_key_is_unreadable(name: str) -> None:
    """The program treats an audit detail that states one key twice as unreadable, because the server would read the
    first value and this program the last one.
    """
    text = f'{{"request":"a","worker":"w","{name}":"b"}}'
    assert parse_audit_detail(text) == {"unreadable": text}
    assert parse_audit_detail('{"map":{"a":1,"b":2},"a":3}') == {"map": {"a": 1, "b": 2}, "a": 3}
