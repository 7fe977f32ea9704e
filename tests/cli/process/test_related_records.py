"""The commands that probe or change a record explain the record in their answer in the same way as `show` and
`lookup` do.
"""

from typing import Any

import pytest

from tests.cli.paying_terminal import CHECKER, CORPORATION_NUMBER, MAKER, PayingTerminal

EXPLANATION_FIELDS = ("verdict", "why", "why_code", "next_step", "may_act", "badges")
REQUEST_ID_ARGUMENTS = ("--request-id", "R-1")


def select_explanation(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in EXPLANATION_FIELDS}


def read_shown_explanation(paying_terminal: PayingTerminal, kind: str, record_id: int) -> dict[str, Any]:
    return select_explanation(paying_terminal.json("show", kind, str(record_id)).data)


def find_listed_explanation(paying_terminal: PayingTerminal, kind: str, record_id: int) -> dict[str, Any]:
    records = paying_terminal.json("lookup", CORPORATION_NUMBER).data[f"{kind}s"]
    return next(select_explanation(record) for record in records if record["id"] == record_id)


def test_a_probed_payment_is_shown_with_its_refund(paying_terminal: PayingTerminal) -> None:
    """The answers of a refund request and of a payment's probe have the same explanations as `show` and `lookup`: the
    payment's refund waits for approval.
    """
    payment = paying_terminal.make_booked_payment()
    requested_refund = paying_terminal.request_refund(payment).data
    assert (
        select_explanation(requested_refund)
        == read_shown_explanation(paying_terminal, "refund", requested_refund["id"])
        == find_listed_explanation(paying_terminal, "refund", requested_refund["id"])
    )
    probed = paying_terminal.json("probe", "payment", str(payment)).data
    assert probed["badges"]["work"]["code"] == "waiting_for_approval"
    assert (
        select_explanation(probed)
        == read_shown_explanation(paying_terminal, "payment", payment)
        == find_listed_explanation(paying_terminal, "payment", payment)
    )
    for text in (
        paying_terminal("probe", "payment", str(payment), LANGUAGE="en").out,
        paying_terminal("lookup", CORPORATION_NUMBER, LANGUAGE="en").out,
    ):
        assert "Waiting for approval" in text.decode()
    lines = paying_terminal("probe", "payment", str(payment), LANGUAGE="en").out.decode().splitlines()
    assert lines[0].startswith("No change at ")
    assert lines[1] == "The provider was asked. The record now:"
    assert paying_terminal("show", "payment", str(payment), LANGUAGE="en").out.decode().splitlines()[:6] == lines[2:8]


def test_a_refusal_names_the_record_that_prevents_the_request(paying_terminal: PayingTerminal) -> None:
    """A second refund request is refused because the first refund is open. The detail of the JSON answer has the
    first refund's record. The text has its verdict and a command, below the sentence of the refusal.
    """
    payment = paying_terminal.make_booked_payment()
    requested_refund = paying_terminal.request_refund(payment).data
    refused = paying_terminal.request_refund(payment, "900")
    assert refused.exit_status_and_code == (3, "in_progress")
    assert select_explanation(refused.error["detail"]["record"]) == read_shown_explanation(
        paying_terminal, "refund", requested_refund["id"]
    )
    words = ("refund", "request", str(payment), "--amount=900", "--reason", "again")
    error_text = paying_terminal(*words, OPERATOR=MAKER, LANGUAGE="en").err
    assert (
        paying_terminal.json("show", "refund", str(requested_refund["id"]), LANGUAGE="en").data["verdict"]
        in error_text
    )
    assert "Command: support-console" in error_text


def test_an_outdated_first_answer_has_no_explanation(paying_terminal: PayingTerminal) -> None:
    """A repeated request gets its first answer. If the record has changed since, the answer has no explanation,
    because a present explanation would not fit the earlier record.
    """
    payment = paying_terminal.make_booked_payment()
    words = ("refund", "request", str(payment), "--amount=1000", "--reason", "part", *REQUEST_ID_ARGUMENTS)
    requested_refund = paying_terminal.json(*words, OPERATOR=MAKER).data
    assert paying_terminal.json(*words, OPERATOR=MAKER).data == {**requested_refund, "duplicate": True}
    paying_terminal.decide_refund("reject", requested_refund["id"], "--reason", "no", person=CHECKER)
    again = paying_terminal.json(*words, OPERATOR=MAKER).data
    assert (again["state"], set(select_explanation(again).values())) == ("requested", {None})
    text = paying_terminal(*words, OPERATOR=MAKER, LANGUAGE="en").out.decode()
    assert f"support-console show refund {requested_refund['id']}" in text


@pytest.mark.expects_log("the reading of relations breaks")
def test_a_request_succeeds_although_its_explanation_fails(
    paying_terminal: PayingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a refund is requested but reading its explanation fails, the command exits with 0 and prints the record
    without an explanation.
    """

    def raise_no_relations(*_: object) -> None:
        raise RuntimeError("no relations")

    payment = paying_terminal.make_booked_payment()
    monkeypatch.setattr("console.services.lookup.record_search.Lookup.complete_record", raise_no_relations)
    requested_refund = paying_terminal.request_refund(payment).data
    assert (requested_refund["state"], requested_refund["verdict"], requested_refund["badges"]) == (
        "requested",
        None,
        None,
    )
