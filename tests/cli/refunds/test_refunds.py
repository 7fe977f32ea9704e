"""Refunds at the terminal, at the simulated gateways: the request, the decision of another person, and every end of a
refund.
"""

from datetime import UTC, datetime, timedelta

import pytest

from console.domain.clock import SystemClock
from console.sandbox.server import Sandbox
from console.wording.sentences.catalogue import translate
from tests.cli.paying_terminal import (
    ATOM_ORDER_NUMBER,
    CHECKER,
    CORPORATION_NUMBER,
    MAKER,
    ORDER_NUMBER,
    SECOND_CHECKER,
    PayingTerminal,
)


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_refund_is_requested_approved_sent_and_completed(paying_terminal: PayingTerminal, provider: str) -> None:
    """One person requests a refund and another approves it. The provider's ledger has the refund once, under the
    idempotency key that was stored before the sending.
    """
    number = ORDER_NUMBER if provider == "paypay" else ATOM_ORDER_NUMBER
    payment = paying_terminal.make_booked_payment(number, 500_000, provider)
    amount = "1000" if provider == "paypay" else "1000.00"
    requested_refund = paying_terminal.request_refund(payment, amount).data
    assert (requested_refund["kind"], requested_refund["state"], requested_refund["certainty"]) == (
        "refund",
        "requested",
        "known",
    )
    assert (requested_refund["maker"], requested_refund["checkers"], requested_refund["provider_refund_key"]) == (
        MAKER,
        [],
        None,
    )
    assert [one["id"] for one in paying_terminal.json("queue", "refunds").data["items"]] == [requested_refund["id"]]
    sent = paying_terminal.decide_refund(
        "approve", requested_refund["id"], "--saw", str(requested_refund["version"])
    ).data
    assert (sent["state"], sent["checkers"]) == ("submitted", [CHECKER])
    assert paying_terminal.json("probe", "refund", str(requested_refund["id"])).data["state"] == "completed"
    shown = paying_terminal.json("show", "refund", str(requested_refund["id"])).data
    assert shown["payment"]["refunded_minor"] == requested_refund["amount_minor"]
    (provider_refund,) = paying_terminal.money.read_refunds()
    assert (provider_refund["key"], provider_refund["amount_minor"]) == (
        sent["provider_refund_key"],
        requested_refund["amount_minor"],
    )
    assert paying_terminal.json("queue", "refunds").data["items"] == []
    assert [one["state"] for one in paying_terminal.json("lookup", CORPORATION_NUMBER).data["refunds"]] == [
        "completed"
    ]


@pytest.mark.parametrize(("amount", "refusal"), [
    ("0", (2, "invalid_amount")), ("-5", (2, "invalid_amount")), ("1.5", (2, "invalid_amount")),
    ("１０００", (2, "invalid_amount")), ("", (2, "invalid_amount")), ("1e3", (2, "invalid_amount")),
    ("1000000000000000001", (2, "invalid_amount")), ("3301", (3, "exceeds_captured")),
])  # fmt: skip
def test_invalid_amounts_are_refused(paying_terminal: PayingTerminal, amount: str, refusal: tuple[int, str]) -> None:
    """An amount is refused with exit status 2 if it is zero, negative, too large, not in ASCII digits, or has too
    many decimals. An amount above the refundable part exits with 3. No refused amount is reserved.
    """
    payment = paying_terminal.make_booked_payment()
    assert paying_terminal.request_refund(payment, amount).exit_status_and_code == refusal
    assert paying_terminal.json("show", "payment", str(payment)).data["reserved_minor"] == 0


def test_the_reason_of_a_refund_request_is_a_code_or_a_text(paying_terminal: PayingTerminal) -> None:
    """A refund request needs a known reason code or a text as its reason; for the code `other` the text is required.
    The record has both values if both are given.
    """
    payment = str(paying_terminal.make_booked_payment())
    for words in ((), ("--reason-code", "other"), ("--reason", "  ")):
        assert paying_terminal.json(
            "refund", "request", payment, "--amount=1", *words, OPERATOR=MAKER
        ).exit_status_and_code == (
            2,
            "usage",
        )
    unknown = paying_terminal.json(
        "refund", "request", payment, "--amount=1", "--reason-code", "bored", OPERATOR=MAKER
    )
    assert unknown.exit_status_and_code == (2, "usage")
    coded = ("--reason-code", "returned")
    requested_refund = paying_terminal.json("refund", "request", payment, "--amount=7", *coded, OPERATOR=MAKER).data
    assert (requested_refund["reason"], requested_refund["reason_code"]) == ("", "returned")
    paying_terminal.decide_refund("withdraw", requested_refund["id"], person=MAKER)
    both = paying_terminal.json(
        "refund", "request", payment, "--amount=9", *coded, "--reason", "傷あり", OPERATOR=MAKER
    ).data
    assert (both["reason"], both["reason_code"]) == ("傷あり", "returned")
    assert paying_terminal.request_refund(paying_terminal.make_booked_payment("ORD-2")).data["reason_code"] is None


def test_only_other_people_decide_about_a_refund(paying_terminal: PayingTerminal) -> None:
    """A person can't decide about their own refund, also under another spelling of the name. A decided refund can't
    be decided again. Only the requester can withdraw a refund.
    """
    payment = paying_terminal.make_booked_payment()
    refund = paying_terminal.request_refund(payment).data["id"]
    assert paying_terminal.decide_refund("approve", refund, person="OP-A").exit_status_and_code == (3, "same_person")
    assert paying_terminal.decide_refund("reject", refund, "--reason", "no", person=MAKER).exit_status_and_code == (
        3,
        "same_person",
    )
    assert paying_terminal.decide_refund("withdraw", refund, person=CHECKER).exit_status_and_code == (
        3,
        "not_allowed",
    )
    rejected = paying_terminal.decide_refund("reject", refund, "--reason", "納品済みです").data
    assert (rejected["state"], rejected["declined_because"]) == ("rejected", "納品済みです")
    assert paying_terminal.decide_refund("approve", refund).exit_status_and_code == (3, "already_decided")
    assert paying_terminal.decide_refund("withdraw", refund, person=MAKER).exit_status_and_code == (
        3,
        "already_decided",
    )
    another = paying_terminal.request_refund(payment).data["id"]
    assert paying_terminal.decide_refund("withdraw", another, person=MAKER).data["state"] == "withdrawn"
    assert paying_terminal.decide_refund("reject", another, "--reason", "late").exit_status_and_code == (
        3,
        "already_decided",
    )
    assert paying_terminal.money.read_refunds() == []
    assert paying_terminal.json("show", "payment", str(payment)).data["left_minor"] == 3300


def test_a_second_open_request_and_an_unmarked_repeat_are_refused(paying_terminal: PayingTerminal) -> None:
    """While a refund of a payment is open, a second request is refused. After that, a request for the same amount is
    refused unless it has the option `--intended-repeat`.
    """
    payment = paying_terminal.make_booked_payment()
    first = paying_terminal.request_refund(payment).data["id"]
    assert paying_terminal.request_refund(payment, "7").exit_status_and_code == (3, "in_progress")
    paying_terminal.decide_refund("approve", first)
    again = paying_terminal.request_refund(payment)
    assert again.exit_status_and_code == (3, "possible_repeat")
    assert again.error["detail"]["record"]["id"] == first
    assert paying_terminal.request_refund(payment, "1000", "--intended-repeat").data["state"] == "requested"


def test_a_decision_on_an_old_version_changes_nothing(paying_terminal: PayingTerminal) -> None:
    """A refund request or decision that names another version than the record's present one is refused as
    `stale_view`. The refusal of the request names the changed fields.
    """
    payment = paying_terminal.make_booked_payment()
    stale = paying_terminal.request_refund(payment, "1000", "--saw", "0")
    assert stale.exit_status_and_code == (3, "stale_view")
    assert stale.error["detail"]["changed"]
    refund = paying_terminal.request_refund(payment).data
    for what, more in (("approve", ()), ("reject", ("--reason", "no"))):
        assert paying_terminal.decide_refund(
            what, refund["id"], *more, "--saw", str(refund["version"] + 1)
        ).exit_status_and_code == (
            3,
            "stale_view",
        )


def test_a_refund_beyond_limit_or_period_is_refused(paying_terminal: PayingTerminal) -> None:
    """A refund of more than the limit for one refund, or after the provider's period for refunds, is refused."""
    large = paying_terminal.make_booked_payment("ORD-L", 2_000_000)
    assert paying_terminal.request_refund(large, "1000001").exit_status_and_code == (3, "over_limit")
    old = paying_terminal.make_booked_payment("ORD-O", 3300, at=datetime.now(UTC) - timedelta(days=367))
    assert paying_terminal.request_refund(old).exit_status_and_code == (3, "outside_window")


def test_a_large_refund_needs_two_approvers_and_cools_off(paying_terminal: PayingTerminal) -> None:
    """After the first approval a large refund is still in the state requested. A second approval by the same person
    is refused. An approval by another person starts the cooling-off period.
    """
    payment = paying_terminal.make_booked_payment(minor=900_000)
    refund = paying_terminal.request_refund(payment, "600000").data["id"]
    half_approved = paying_terminal.decide_refund("approve", refund).data
    assert (half_approved["state"], half_approved["checkers"]) == ("requested", [CHECKER])
    assert paying_terminal.decide_refund("approve", refund).exit_status_and_code == (3, "same_person")
    whole = paying_terminal.decide_refund("approve", refund, person=SECOND_CHECKER).data
    assert (whole["state"], whole["checkers"]) == ("approved", [CHECKER, SECOND_CHECKER])
    assert paying_terminal.money.read_refunds() == []


def test_a_setting_gives_every_refund_a_cooling_off_period(
    paying_terminal: PayingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With providers on this machine (loopback), a setting can give every refund a cooling-off period: neither an
    approval nor the worker sends the refund before the end of the period. After it, the worker sends the refund.
    """
    paying_terminal.env |= {"CONSOLE_REFUND_COOLING_OFF_SECONDS": "3600", "CONSOLE_TIME_SCALE": "1"}
    refund = paying_terminal.request_refund(paying_terminal.make_booked_payment()).data["id"]
    assert paying_terminal.decide_refund("approve", refund).data["state"] == "approved"
    assert paying_terminal.money.read_refunds() == []
    ahead = timedelta()
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + ahead)
    for step, sent_amounts, state in (
        (timedelta(minutes=30), [], "approved"),
        (timedelta(minutes=31), [1000], "submitted"),
    ):
        ahead += step
        paying_terminal.control.change_settings(advance_seconds=step.total_seconds())
        paying_terminal.json("worker", "--once")
        assert [one["amount_minor"] for one in paying_terminal.money.read_refunds()] == sent_amounts
        assert paying_terminal.json("show", "refund", str(refund)).data["state"] == state


@pytest.mark.parametrize("state", ["rejected", "withdrawn", "expired", "failed"])
def test_the_answer_about_an_ended_refund_fits_money_set_aside(state: str) -> None:
    """The amount of an ended refund is refundable again, is set aside again, or was taken back with the payment. The
    answer states only the fact that all cases have in common: the amount is no longer reserved."""
    sentence = translate(f"cli.refund.{state}", "en", id=7)
    assert "no longer reserved" in sentence
    assert "refundable" not in sentence


def test_a_cooling_off_period_that_began_after_the_request_is_named(paying_terminal: PayingTerminal) -> None:
    """If the limits give a refund a cooling-off period only after its request, the answer of the approval names the
    end of the period, and the queue and the page advise to wait for it."""
    refund = paying_terminal.request_refund(paying_terminal.make_booked_payment()).data["id"]
    paying_terminal.env |= {"CONSOLE_REFUND_COOLING_OFF_SECONDS": "3600", "CONSOLE_TIME_SCALE": "1"}
    answer = paying_terminal("refund", "approve", str(refund), OPERATOR=CHECKER, LANGUAGE="en").out.decode()
    assert "The refund is sent after " in answer
    shown = paying_terminal.json("show", "refund", str(refund)).data
    (listed,) = paying_terminal.json("queue", "refunds").data["items"]
    assert listed["next_step"]["code"] == shown["next_step"]["code"] == "next.refund_cooling_off"


@pytest.mark.expects_log("some endings are logged")
@pytest.mark.parametrize(
    ("fault", "refusal", "known_state"),
    [
        ("result:CANCELED_USER", (5, "provider_refused"), ("failed", "known")),
        ("result:UNAUTHORIZED", (5, "provider_auth"), ("approved", "known")),
        ("result:RATE_LIMIT", (5, "rate_limited"), ("approved", "known")),
        ("result:SERVICE_ERROR", (4, "outcome_unknown"), ("submitting", "unknown")),
        ("reset_after_charge", (4, "outcome_unknown"), ("submitting", "unknown")),
    ],
)
def test_each_end_of_a_refund_has_its_exit_status(
    paying_terminal: PayingTerminal, fault: str, refusal: tuple[int, str], known_state: tuple[str, str]
) -> None:
    """Approving a refund exits with 5 if the provider refuses the refund, the credentials or the number of calls, and
    with 4 if the outcome is unknown. The detail of the answer has the present record of the refund.
    """
    refund = paying_terminal.request_refund(paying_terminal.make_booked_payment()).data["id"]
    paying_terminal.control.add_fault(fault, call="paypay_refund")
    ending = paying_terminal.decide_refund("approve", refund)
    assert ending.exit_status_and_code == refusal
    record = ending.error["detail"]["record"]
    assert (record["kind"], record["id"], record["state"], record["certainty"]) == ("refund", refund, *known_state)


@pytest.mark.expects_log("some endings are logged")
def test_a_probe_finds_a_refund_with_a_lost_answer(paying_terminal: PayingTerminal) -> None:
    """If the provider's answer to a refund is lost, a probe finds the refund by its idempotency key. Until then no
    other refund of the payment can be requested.
    """
    payment = paying_terminal.make_booked_payment()
    refund = paying_terminal.request_refund(payment).data["id"]
    paying_terminal.control.add_fault("reset_after_charge", call="paypay_refund")
    assert paying_terminal.decide_refund("approve", refund).status == 4
    assert [one["id"] for one in paying_terminal.json("queue", "unknown").data["items"]] == [refund]
    assert paying_terminal.request_refund(payment, "7").exit_status_and_code == (3, "in_progress")
    assert paying_terminal.json("show", "refund", str(refund)).data["next_step"]["text"]
    assert paying_terminal.json("probe", "refund", str(refund)).data["state"] == "completed"
    assert len(paying_terminal.money.read_refunds()) == 1


@pytest.mark.expects_log("some endings are logged")
def test_two_people_decide_that_a_refund_at_atom_failed(paying_terminal: PayingTerminal) -> None:
    """Atom can't prove that a refund did not happen. So two people, of whom the second is an approver, can decide
    this with evidence.
    """
    payment = paying_terminal.make_booked_payment(ATOM_ORDER_NUMBER, 50_000, "atom")
    refund = paying_terminal.request_refund(payment, "100.00").data["id"]
    paying_terminal.control.add_fault("status:503", call="atom_refund")
    assert paying_terminal.decide_refund("approve", refund).status == 4
    words = ("resolve", "refund", str(refund), "--as", "failed", "--evidence", "not on their settlement list")
    first = paying_terminal.json(*words, OPERATOR=MAKER).data
    assert (first["certainty"], first["awaiting"]) == ("unknown", "second_person")
    assert paying_terminal.json(*words, OPERATOR=MAKER).exit_status_and_code == (3, "same_person")
    settled = paying_terminal.json(*words, OPERATOR=CHECKER).data
    assert (settled["state"], settled["certainty"], settled["awaiting"]) == ("failed", "known", None)
    assert paying_terminal.json(*words, OPERATOR=CHECKER).exit_status_and_code == (3, "nothing_to_resolve")
    empty = paying_terminal.json("resolve", "refund", str(refund), "--as", "failed", OPERATOR=CHECKER)
    assert empty.exit_status_and_code == (2, "no_evidence")


@pytest.mark.expects_log("some endings are logged")
def test_an_unsent_refund_is_sent_again_under_its_key(paying_terminal: PayingTerminal, sandbox: Sandbox) -> None:
    """If the provider can't be reached, nothing is sent: the command exits with 6 and the refund stays approved.
    Later the refund is sent with the same key.
    """
    refund = paying_terminal.request_refund(paying_terminal.make_booked_payment()).data["id"]
    with paying_terminal.control.cause_outage():
        ending = paying_terminal.decide_refund("approve", refund)
    assert ending.exit_status_and_code == (6, "provider_unreachable")
    record = ending.error["detail"]["record"]
    assert (record["state"], record["certainty"], record["work"]["state"]) == ("approved", "known", "scheduled")
    key = record["provider_refund_key"]
    assert key is not None
    text = paying_terminal("show", "refund", str(refund), OPERATOR=MAKER, LANGUAGE="en").out.decode()
    assert [line.split()[2:5] for line in text.splitlines() if "GATEWAY (PayPay)" in line] == [["Not", "sent", "yet"]]
    sent = paying_terminal.decide_refund("approve", refund).data
    assert (sent["state"], sent["provider_refund_key"]) == ("submitted", key)
    assert [one["key"] for one in paying_terminal.money.read_refunds()] == [key]


def test_a_refund_on_sqlite_at_a_provider_beyond_loopback_is_refused(paying_terminal: PayingTerminal) -> None:
    """On SQLite, which can't enforce that two people decide, refunds are possible only with providers on loopback."""
    payment = paying_terminal.make_booked_payment()
    real = {"TIME_SCALE": "1", "PAYPAY_URL": "https://paypay.example", "OPERATOR": MAKER}
    words = ("refund", "request", str(payment), "--amount", "1000", "--reason", "x")
    assert paying_terminal.json(*words, **real).exit_status_and_code == (3, "not_allowed")


def test_a_change_without_an_operator_is_refused(paying_terminal: PayingTerminal) -> None:
    """A refund request without the name of a person is refused."""
    payment = paying_terminal.make_booked_payment()
    words = ("refund", "request", str(payment), "--amount", "1000", "--reason", "x")
    assert paying_terminal.json(*words, OPERATOR="").exit_status_and_code == (2, "no_operator")
