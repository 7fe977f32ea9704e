"""The JSON objects of credit checks, operations and their answers, on which other programs rely."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from console.cli.json_output import results as cli_json
from console.cli.json_output.values import format_json_line
from console.domain import records as r
from console.domain import service_results as results
from console.domain.lookup.lookup_result import LookupResult
from console.domain.views.any_record import CreditCheckDetails, QueueItem, QueuePage, ResolveResult

INSTANT = datetime(2026, 11, 20, 3, 20, 1, 999_999, UTC)
INSTANT_TEXT = "2026-11-20T03:20:01Z"


def translate(key: str, **facts: object) -> str:
    return f"{key}{sorted(facts)}" if facts else key


CHECK = r.CreditCheck(
    id=17,
    corporation_number="1180301018771",
    client_id="1",
    state=r.CheckState.SUCCESS,
    certainty=r.Certainty.KNOWN,
    work=r.Work(r.WorkState.SCHEDULED, INSTANT, "pdf_missing", 2),
    credit_check_id=12345,
    company_name="架空商事",
    result="hold",
    purchased_at=INSTANT,
    expired_at=INSTANT.astimezone(timezone(timedelta(hours=9))),
    pdf_file_path=None,
    incomplete=("pdf",),
    superseded_by=None,
    operation_id="op-1",
    version=3,
)
OPERATION = r.Operation(
    "op-1", "credit-check.purchase", "credit-check", 17, r.OperationState.CALLING, "op-a", "desk-1", INSTANT, None
)
NEXT_STEP = results.NextStep("next.c", {"at": INSTANT}, "show credit-check 17")
EXPLANATION = results.Explanation("verdict.a", "why.b", NEXT_STEP, {"n": 1})


def convert_by_json(value: dict[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(format_json_line(value))
    return loaded


def test_a_credit_check_has_the_promised_fields() -> None:
    """The JSON of a credit check has the names, types and times on which other programs rely."""
    encoded = convert_by_json(cli_json.build_record_json(CHECK, translate))
    expected = {
        "kind": "credit-check", "id": 17, "corporation_number": "1180301018771", "client_id": "1",
        "state": "success", "certainty": "known", "credit_check_id": 12345, "company_name": "架空商事",
        "result": "hold", "purchased_at": INSTANT_TEXT, "expired_at": INSTANT_TEXT, "pdf_file_path": None,
        "incomplete": ["pdf"], "superseded_by": None, "operation_id": "op-1", "version": 3,
    }  # fmt: skip
    assert {key: encoded[key] for key in expected} == expected
    work = encoded["work"]
    assert (work["state"], work["at"], work["reason_code"]) == ("scheduled", INSTANT_TEXT, "pdf_missing")
    assert work["reason"] == "work.reason.pdf_missing"


def test_work_without_a_reason_says_null() -> None:
    """If the work of a record has no reason, its JSON has null as the reason, not an empty text."""
    assert cli_json.build_work_json(r.Work(), translate)["reason"] is None


def test_an_operation_has_the_promised_fields() -> None:
    """The JSON of an operation has the fields on which other programs rely; its subject is an object with kind and
    id.
    """
    encoded = convert_by_json(cli_json.build_record_json(OPERATION, translate))
    expected = {
        "kind": "operation",
        "id": "op-1",
        "action": "credit-check.purchase",
        "subject": {"kind": "credit-check", "id": 17},
        "state": "calling",
        "operator": "op-a",
        "desk": "desk-1",
        "started_at": INSTANT_TEXT,
        "ended_at": None,
    }
    assert {key: encoded[key] for key in expected} == expected


def test_the_answer_of_show_has_history_and_next_step() -> None:
    """The JSON of `show` is the record with its timeline, its evidence, and its next step as text."""
    details = CreditCheckDetails(
        CHECK,
        EXPLANATION,
        (r.TimelineEntry(INSTANT, "op-a", "purchase", {"before": None, "at": INSTANT}),),
        (r.EvidenceItem(1, INSTANT, "alarmbox", "ab" * 32, "HTTP 200", body="secret", who="op-a"),),
        (r.Document("ab/cd.pdf", "cd" * 32, 700, INSTANT, True),),
        (results.AllowedAction("refetch", False, "role", {"needs": ["operator"]}),),
        r.LeaseHolder("credit_check_17", "lead-b", "desk-2", "host", 9, INSTANT, INSTANT),
        history=(CHECK,),
    )
    encoded = convert_by_json(cli_json.build_record_details_json(details, translate))
    assert encoded["id"] == 17
    assert encoded["timeline"][0]["detail"] == {"before": None, "at": INSTANT_TEXT}
    assert {"at", "who", "what", "detail"} <= encoded["timeline"][0].keys()
    assert {"id", "at", "source", "sha256", "summary"} <= encoded["evidence"][0].keys()
    assert "secret" not in json.dumps(encoded)
    assert encoded["next_step"]["text"] == "next.c['at']"
    assert encoded["next_step"]["command"] == "show credit-check 17"
    assert encoded["holder"]["operator"] == "lead-b"


def test_the_json_of_a_lookup_has_a_list_of_each_kind() -> None:
    """If a lookup finds only credit checks, its JSON still has empty lists for orders, payments and refunds."""
    encoded = convert_by_json(cli_json.build_lookup_json(LookupResult("1180301018771", (CHECK,)), translate))
    assert encoded["corporation_number"] == "1180301018771"
    assert [record["id"] for record in encoded["credit_checks"]] == [17]
    assert (encoded["orders"], encoded["payments"], encoded["refunds"]) == ([], [], [])


def test_a_queue_page_says_why_and_since_when() -> None:
    """In the JSON of a queue page, each item is a record with its reason (`why`), its next step and the time since
    when it waits (`since`). The cursor is null on the last page.
    """
    page = QueuePage("incomplete", (QueueItem(CHECK, EXPLANATION, INSTANT),), None)
    encoded = convert_by_json(cli_json.build_queue_page_json(page, translate))
    (item,) = encoded["items"]
    assert (encoded["queue"], encoded["next_cursor"]) == ("incomplete", None)
    assert (item["kind"], item["why"], item["since"]) == ("credit-check", "why.b['n']", INSTANT_TEXT)
    assert item["next_step"]["text"]


def test_answers_of_refetch_and_resolve_are_the_record_with_further_fields() -> None:
    """The JSON of a re-fetch is the record with the additional fields `changed` and `documents`. The JSON of a
    decision is the record with the additional field `awaiting`.
    """
    document = r.Document("ab/cd.pdf", "cd" * 32, 700, INSTANT, True)
    refetched = convert_by_json(
        cli_json.build_refetch_json(results.RefetchResult(CHECK, ("pdf",), (document,)), translate)
    )
    assert (refetched["id"], refetched["changed"]) == (17, ["pdf"])
    stored = refetched["documents"][0]
    assert (stored["path"], stored["sha256"], stored["bytes"], stored["current"]) == (
        "ab/cd.pdf",
        "cd" * 32,
        700,
        True,
    )
    resolved = convert_by_json(cli_json.build_resolution_json(ResolveResult(CHECK, "second_person"), translate))
    assert resolved["awaiting"] == "second_person"


def test_facts_of_an_error_are_plain_values() -> None:
    """Records, times, sets and unknown objects in the detail of an error become plain JSON values. A record has the
    same JSON there as in every other answer.
    """
    encoded = convert_by_json(
        cli_json.build_any_value_json(
            {"record": CHECK, "since": INSTANT, "clients": {"1"}, "state": r.CheckState.ERROR, "x": object}, translate
        )
    )
    assert encoded["record"] == convert_by_json(cli_json.build_record_json(CHECK, translate))
    assert (encoded["since"], encoded["clients"], encoded["state"]) == (INSTANT_TEXT, ["1"], "error")


def test_long_facts_are_cut() -> None:
    """A text of ten megabytes in the detail of an error is shortened, so that the answer has fewer than 3,000
    characters.
    """
    assert len(cli_json.build_any_value_json("9" * 10_000_000, translate)) < 3_000


def test_an_answer_is_one_line_of_utf8_for_any_typed_text() -> None:
    """An answer is one line of UTF-8: lone surrogates become U+FFFD, Japanese is not escaped, and line breaks are
    escaped.
    """
    line = format_json_line({"text": "\udcff 与信\n🦊"})
    assert line.count(b"\n") == 1
    assert json.loads(line.decode()) == {"text": "\ufffd 与信\n🦊"}
    assert "与信".encode() in line
