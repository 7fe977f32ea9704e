"""The JSON objects of orders, payments and refunds, on which other programs rely."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.cli.json_output import results as cli_json
from console.cli.json_output.values import format_json_line
from console.cli.process.command import parse_id_at_provider, parse_row_id
from console.cli.text_output import record_details as cli_text_details
from console.cli.text_output.translator import Translator
from console.domain.allowed_action import AllowedAction
from console.domain.error_reasons import RefundWindowReason
from console.domain.errors import ConsoleError
from console.domain.explained_state import Explanation, NextStep
from console.domain.lookup.lookup_result import LookupResult
from console.domain.payments import records as o
from console.domain.payments import service_results as views
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work, WorkState
from console.domain.tasks.records import Saga
from console.domain.tasks.saga_progress import make_saga_progress
from console.domain.tasks.states import SagaState

INSTANT = datetime(2026, 11, 20, 3, 20, 1, tzinfo=UTC)
INSTANT_TEXT = "2026-11-20T03:20:01Z"
PAYER_NAME = "canary-payer-1234"

ORDER = o.Order(3, "ORD-1", "1180301018771", o.OrderState.PENDING, "JPY", 3300, (5,), 1)
PAYMENT = o.Payment(
    id=5, order_id=3, provider="paypay", merchant_payment_id="ORD-1", provider_payment_id="0421",
    corporation_number="1180301018771", payer=PAYER_NAME, state=PaymentState.COMPLETED, certainty=Certainty.KNOWN,
    work=Work(), currency="JPY", asked_minor=3300, captured_minor=3300, reserved_minor=1000, refunded_minor=0,
    set_aside_minor=300, version=2, paid_at=INSTANT,
)  # fmt: skip
REFUND = o.Refund(
    id=9, payment_id=5, order_id=3, amount_minor=1000, currency="JPY", state=RefundState.REQUESTED,
    certainty=Certainty.UNKNOWN, work=Work(WorkState.NEEDS_REVIEW, None, "probes_ended"), maker="op-a",
    checkers=("lead-b",), provider_refund_key=None, provider_refund_id=None, version=1,
)  # fmt: skip
REFUND_EXPLANATION = Explanation("verdict.a", "why.b", NextStep("next.c", {"at": INSTANT}, "show refund 9"))
SIDES = (
    views.ComparedSide("ours", state="completed", minor=3300, currency="JPY", since=INSTANT),
    views.ComparedSide("provider", word="COMPLETED", minor=3301, currency="JPY", asked=INSTANT, differs=("amount",)),
    views.ComparedSide("order", there=False),
)
MONEY = views.MoneyParts("JPY", 3300, 0, 0, 1000, 0, 300, 2000)


def translate(key: str, **facts: object) -> str:
    return key


def convert_by_json(value: dict[str, Any]) -> dict[str, Any]:
    encoded = format_json_line(value).decode()
    assert PAYER_NAME not in encoded
    loaded: dict[str, Any] = json.loads(encoded)
    return loaded


def test_an_order_has_the_promised_fields() -> None:
    """The JSON of an order has the fields on which other programs rely."""
    expected = {
        "kind": "order", "id": 3, "merch_txn_id": "ORD-1", "corporation_number": "1180301018771", "state": "pending",
        "currency": "JPY", "total_minor": 3300, "payment_ids": [5], "version": 1,
    }  # fmt: skip
    assert expected.items() <= convert_by_json(cli_json.build_record_json(ORDER, translate)).items()


def test_a_payment_has_the_promised_fields() -> None:
    """The JSON of a payment has the fields on which other programs rely; the payer is masked."""
    encoded = convert_by_json(cli_json.build_record_json(PAYMENT, translate))
    expected = {
        "kind": "payment", "id": 5, "order_id": 3, "provider": "paypay", "merchant_payment_id": "ORD-1",
        "provider_payment_id": "0421", "corporation_number": "1180301018771", "payer": "****1234",
        "state": "completed", "certainty": "known", "currency": "JPY", "captured_minor": 3300,
        "reserved_minor": 1000, "refunded_minor": 0, "version": 2,
    }  # fmt: skip
    assert expected.items() <= encoded.items()
    assert (encoded["work"]["state"], encoded["left_minor"], encoded["paid_at"]) == ("none", 2000, INSTANT_TEXT)


@pytest.mark.parametrize(
    ("payer", "shown"), [(None, None), ("", None), ("abc", "****"), ("1234567", "****"), ("12345678", "****5678")]
)
def test_a_payer_is_masked(payer: str | None, shown: str | None) -> None:
    """A masked payer shows the last four characters of a text of at least eight characters, and no character of a
    shorter text.
    """
    assert o.mask_payer(payer) == shown


def test_a_refund_has_the_promised_fields() -> None:
    """The JSON of a refund has the fields on which other programs rely; the provider's key and id are null before it
    is sent.
    """
    encoded = convert_by_json(cli_json.build_record_json(REFUND, translate))
    expected = {
        "kind": "refund", "id": 9, "payment_id": 5, "amount_minor": 1000, "currency": "JPY", "state": "requested",
        "certainty": "unknown", "maker": "op-a", "checkers": ["lead-b"], "provider_refund_key": None,
        "provider_refund_id": None, "version": 1,
    }  # fmt: skip
    assert expected.items() <= encoded.items()
    assert encoded["work"]["reason"] == "work.reason.probes_ended"


def test_the_json_of_a_lookup_has_a_list_of_each_kind() -> None:
    """The JSON of a lookup has orders, payments and refunds each under its own field."""
    result = LookupResult("1180301018771", (), orders=(ORDER,), payments=(PAYMENT,), refunds=(REFUND,))
    encoded = convert_by_json(cli_json.build_lookup_json(result, translate))
    kinds = {name: [one["kind"] for one in encoded[name]] for name in ("orders", "payments", "refunds")}
    assert kinds == {"orders": ["order"], "payments": ["payment"], "refunds": ["refund"]}


def test_the_json_of_a_payment_has_sides_and_money() -> None:
    """The JSON of a payment's details has its sides, its money, its order and refunds, the next step and the
    timeline.
    """
    action = AllowedAction("refund", False, "off.role", {"needs": ["approver"]})
    view = views.PaymentDetails(
        PAYMENT, REFUND_EXPLANATION, SIDES, MONEY, ORDER, (REFUND,), (), (), (), (action,), awaiting="second_person"
    )
    encoded = convert_by_json(cli_json.build_record_details_json(view, translate))
    assert (encoded["kind"], encoded["payer"], encoded["awaiting"]) == ("payment", "****1234", "second_person")
    assert encoded["next_step"] == {"text": "next.c", "command": "show refund 9", "code": "next.c"}
    assert [(side["name"], side["differs"]) for side in encoded["sides"]] == [
        ("ours", []),
        ("provider", ["amount"]),
        ("order", []),
    ]
    assert encoded["money"]["refundable"] == 2000
    assert (encoded["order"]["kind"], encoded["refunds"][0]["kind"]) == ("order", "refund")
    assert (encoded["timeline"], encoded["evidence"]) == ([], [])


def test_the_json_of_a_refund_has_risk_signals_and_checks() -> None:
    """The JSON of a refund's details has its risk signals, the rules that were checked, the values of the payment
    that have changed since the request, and the payment with a masked payer.
    """
    hit = views.RiskSignal("lookalike", {"n": 1}, "refund", 8, "asked twice")
    view = views.RefundDetails(
        REFUND, REFUND_EXPLANATION, PAYMENT, ORDER, SIDES, MONEY, (hit,),
        (views.RuleCheck(RefundWindowReason.REFUND_PERIOD_OVER, True),),
        {"captured_minor": (3300, 3000)}, (), (), (), (),
    )  # fmt: skip
    encoded = convert_by_json(cli_json.build_record_details_json(view, translate))
    assert (encoded["kind"], encoded["payment"]["payer"], encoded["awaiting"]) == ("refund", "****1234", None)
    assert encoded["against"][0]["rule"] == "lookalike"
    assert encoded["checks"] == [{"rule": "window", "holds": True, "facts": {}}]
    assert encoded["changed"] == {"captured_minor": [3300, 3000]}


def test_the_json_of_an_order_has_its_payments() -> None:
    """The JSON of an order's details has its payments and refunds; `awaiting` is null."""
    view = views.OrderDetails(ORDER, REFUND_EXPLANATION, (PAYMENT,), (REFUND,), ())
    encoded = convert_by_json(cli_json.build_record_details_json(view, translate))
    assert (encoded["kind"], encoded["awaiting"]) == ("order", None)
    assert (encoded["payments"][0]["id"], encoded["refunds"][0]["id"]) == (5, 9)
    assert encoded["timeouts"] == []


def test_an_order_shows_the_steps_after_its_payments_deadline() -> None:
    """After the deadline of a payment, the JSON and the text of its order have the saga that ends the payment: the
    present step, the reason for the wait, and the state of each step.
    """
    names = ("ask_provider", "expire_payment")
    facts = {"done": {"ask_provider": INSTANT.isoformat()}}
    saga = Saga(
        3, "payment_timeout", "payment", 5, SagaState.RUNNING, "expire_payment", facts, INSTANT, INSTANT, "unknown",
        INSTANT + timedelta(minutes=5), 2,
    )  # fmt: skip
    view = views.OrderDetails(
        ORDER, REFUND_EXPLANATION, (PAYMENT,), (), (), sagas=(make_saga_progress(saga, names, INSTANT),)
    )
    (one,) = convert_by_json(cli_json.build_record_details_json(view, translate))["timeouts"]
    assert (one["payment_id"], one["state"], one["step"]) == (5, "running", "expire_payment")
    assert (one["reason"], one["attempts"]) == ("unknown", 2)
    assert [(step["name"], step["state"]) for step in one["steps"]] == [
        ("ask_provider", "done"),
        ("expire_payment", "waiting"),
    ]
    _, first, second = cli_text_details._format_saga_lines(view.sagas, Translator())
    assert first.strip().startswith("✓")
    assert second.strip().startswith("…")


def test_records_in_a_refusal_are_masked_too() -> None:
    """A record in the detail of a refusal has a masked payer, as in every other answer."""
    assert (
        convert_by_json(cli_json.build_any_value_json({"record": PAYMENT}, translate))["record"]["payer"]
        == "****1234"
    )


def test_record_ids_are_numbers_and_ids_at_payment_providers_are_texts() -> None:
    """The commands read the id of a record in the database as a number, and AlarmBox's id of a credit check also.
    The id that a payment provider has given to a payment or refund stays a text. An invalid id is refused.
    """
    assert (parse_row_id("refund", "017"), parse_id_at_provider("credit-check", "12345")) == (17, 12345)
    assert parse_id_at_provider("operation", "0421") == "0421"
    assert (
        parse_id_at_provider("refund", " RFD-1 "),
        parse_id_at_provider("payment", "0421"),
        parse_id_at_provider("refund", None),
    ) == (
        "RFD-1",
        "0421",
        None,
    )
    for text in ("", "x", "１", "-1", "9" * 19, "1_0"):
        with pytest.raises(ConsoleError) as missing:
            parse_row_id("refund", text)
        assert missing.value.code == "not_found"
        with pytest.raises(ConsoleError) as wrong:
            parse_id_at_provider("credit-check", text)
        assert wrong.value.code == "usage"
    for text in ("", " ", "返金", "a\nb", "x" * 65):
        with pytest.raises(ConsoleError):
            parse_id_at_provider("refund", text)
