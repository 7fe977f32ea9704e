"""Payments and orders at the terminal, at the simulated gateways: every command with its successes and refusals, in
JSON and as text.
"""

import re
import sqlite3
from contextlib import closing

import pytest

from console.sandbox.server import Sandbox
from tests.cli.conftest import Terminal
from tests.cli.paying_terminal import (
    ATOM_ORDER_NUMBER,
    CHECKER,
    CORPORATION_NUMBER,
    MAKER,
    ORDER_NUMBER,
    PayingTerminal,
)
from tests.support.outside_days import read_today


def test_an_import_books_the_payment_of_the_provider_once(paying_terminal: PayingTerminal) -> None:
    """An import books the provider's payment once, also if it is repeated; `lookup`, `show` and `probe` then find
    it.
    """
    first = paying_terminal.make_booked_payment()
    again = paying_terminal.json("payment", "import", "paypay", ORDER_NUMBER).data
    assert (again["kind"], again["id"], again["state"], again["certainty"]) == (
        "payment",
        first,
        "completed",
        "known",
    )
    assert (again["captured_minor"], again["currency"], again["corporation_number"]) == (
        3300,
        "JPY",
        CORPORATION_NUMBER,
    )
    assert again["provider_payment_id"] == paying_terminal.money.read_payment("paypay", ORDER_NUMBER)["id"]
    records = paying_terminal.json("lookup", CORPORATION_NUMBER).data
    assert [one["id"] for one in records["payments"]] == [first]
    shown = paying_terminal.json("show", "payment", str(first)).data
    assert [side["name"] for side in shown["sides"]] == ["ours", "provider", "order"]
    assert shown["money"]["refundable"] == 3300
    assert shown["timeline"]
    assert shown["evidence"]
    assert shown["next_step"]["text"]
    assert paying_terminal.json("probe", "payment", str(first)).data["state"] == "completed"


def test_a_lookup_finds_what_the_search_finds(paying_terminal: PayingTerminal) -> None:
    """On a desk without a registry, `lookup` of the beginning of a number lists the records that `find` lists, and a
    condition that can't be used is reported. Only a text for which the search has no answer is refused.
    """
    payment = paying_terminal.make_booked_payment()
    for text in (ORDER_NUMBER[:-1], ORDER_NUMBER[:-1].lower()):
        found = paying_terminal.json("lookup", text).data
        assert found["payments"] == paying_terminal.json("find", text).data["payments"]
        assert [one["id"] for one in found["payments"]] == [payment]
    for text in ("amount:lots", "status:bogus"):
        assert [one["word"] for one in paying_terminal.json("lookup", text).data["problems"]] == [text]
    assert paying_terminal.json("lookup", "ZZZ").exit_status_and_code == (2, "invalid_corporation_number")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_command_show_prints_the_age_of_each_fact(paying_terminal: PayingTerminal, language: str) -> None:
    """`show` prints since when a payment, order or refund has been in its state, when the program last asked the
    provider about it, and whether that answer is old. For an order without a payment it says that there is no
    payment.
    """
    words = {
        "ja": ("からこの状態です（", "に確認・", "情報が古い", "この注文の決済はまだありません。"),
        "en": ("In this state since", "asked ", "· old", "This order has no payment yet."),
    }[language]
    paying_terminal.create_order("ORD-7", 500)
    text = paying_terminal("show", "order", "1", LANGUAGE=language).out.decode()
    assert words[0] in text
    assert words[3] in text
    paying_terminal.create_order(ORDER_NUMBER, 3300)
    payment = paying_terminal.make_booked_payment()
    refund = paying_terminal.json("refund", "request", str(payment), "--amount", "1000", "--reason", "twice").data[
        "id"
    ]
    for kind, id in (("payment", payment), ("order", 2), ("refund", refund)):
        text = paying_terminal("show", kind, str(id), LANGUAGE=language).out.decode()
        assert words[0] in text, kind
        assert words[2] not in text, kind
        assert (words[1] in text) is (kind != "refund"), kind  # the refund was not sent yet
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        conn.execute("UPDATE payments SET told_at = datetime(told_at, '-3 days'), version = version + 1")
    for kind, id in (("payment", payment), ("order", 2)):
        output = paying_terminal("show", kind, str(id), LANGUAGE=language).out.decode()
        assert words[2] in output, kind
        sides = paying_terminal.json("show", kind, str(id)).data["sides"]
        assert [(side["name"], side["old"]) for side in sides] == [
            ("ours", False),
            ("provider", True),
            ("order", False),
        ]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_command_show_adds_our_word_to_the_gateways_code(paying_terminal: PayingTerminal, language: str) -> None:
    """`show` prints the program's own word for a state before the gateway's state, which is a code at Atom and an
    English word at PayPay.
    """
    atom, paypay = (
        paying_terminal.make_booked_payment(ATOM_ORDER_NUMBER, 50_050, "atom"),
        paying_terminal.make_booked_payment(),
    )
    word = {"ja": "支払済・", "en": "Paid · "}[language]
    assert f"{word}OTS0000" in paying_terminal("show", "payment", str(atom), LANGUAGE=language).out.decode()
    assert f"{word}COMPLETED" in paying_terminal("show", "payment", str(paypay), LANGUAGE=language).out.decode()


def test_a_payment_at_atom_is_imported_by_its_amount_and_day(paying_terminal: PayingTerminal) -> None:
    """The command `payment import` imports a payment that was made at Atom. Atom finds a payment only if the payment
    number, the amount and the day are right: without amount and day the command is refused as wrong usage, with a
    wrong amount Atom doesn't find the payment.
    """
    payment = paying_terminal.make_booked_payment(ATOM_ORDER_NUMBER, 50_050, "atom")
    shown = paying_terminal.json("show", "payment", str(payment)).data
    assert (shown["provider"], shown["captured_minor"], shown["currency"]) == ("atom", 50_050, "INR")
    paying_terminal.money.register_payment("atom", "ORD2", 100)
    assert paying_terminal.json("payment", "import", "atom", "ORD2").status == 2
    other = ("payment", "import", "atom", "ORD2", "--amount", "9.99", "--date", "2026-11-20")
    refused = paying_terminal.json(*other, LANGUAGE="en")
    assert refused.exit_status_and_code == (5, "provider_refused")
    assert "this number, amount and day" in refused.error["message"]


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("paypay", "ORD-9"), (5, "provider_refused")),
        (("paypay", "ORD 9"), (2, "usage")),
        (("paypay", ORDER_NUMBER, "--corporation-number", "1180301018772"), (2, "invalid_corporation_number")),
        (("atom", ATOM_ORDER_NUMBER, "--amount", "x", "--date", "2026-11-20"), (2, "invalid_amount")),
        (("atom", ATOM_ORDER_NUMBER, "--amount", "0", "--date", "2026-11-20"), (2, "invalid_amount")),
        (("paypay", ORDER_NUMBER, "--amount", "0"), (2, "invalid_amount")),
        (("atom", ATOM_ORDER_NUMBER, "--amount", "1.00", "--date", "2026-11-31"), (2, "usage")),
        (("atom", ATOM_ORDER_NUMBER, "--amount", "1.00", "--date", "２０２６-11-20"), (2, "usage")),
        (("stripe", ORDER_NUMBER), (2, "usage")),
    ],
)
def test_an_invalid_import_is_refused(
    paying_terminal: PayingTerminal, words: tuple[str, ...], refusal: tuple[int, str]
) -> None:
    """The import refuses a payment that the provider does not have, and malformed arguments; it books nothing."""
    assert paying_terminal.json("payment", "import", *words).exit_status_and_code == refusal
    assert paying_terminal.json("lookup", CORPORATION_NUMBER).data["payments"] == []


@pytest.mark.expects_log("some endings are logged")
def test_an_import_without_an_answer_is_refused(paying_terminal: PayingTerminal, sandbox: Sandbox) -> None:
    """An import exits with 4 after an unusable answer, with 5 if the credentials or the number of calls are refused,
    and with 6 if the provider can't be reached."""
    paying_terminal.money.register_payment("paypay", ORDER_NUMBER, 3300)
    command = ("payment", "import", "paypay", ORDER_NUMBER)
    for fault, refused in (
        ("other_order", (4, "outcome_unknown")),
        ("result:UNAUTHORIZED", (5, "provider_auth")),
        ("result:RATE_LIMIT", (5, "rate_limited")),
    ):
        paying_terminal.control.add_fault(fault, call="paypay_payment")
        assert paying_terminal.json(*command).exit_status_and_code == refused, fault
    sandbox.stop()
    assert paying_terminal.json(*command).exit_status_and_code == (6, "provider_unreachable")


@pytest.mark.expects_log("some endings are logged")
def test_an_import_with_another_amount_reports_the_difference(paying_terminal: PayingTerminal) -> None:
    """If the gateway has the payment with another amount than the typed one, the import is refused as `other_amount`.
    The message says to check the amount, and doesn't advise to try again."""
    paying_terminal.money.register_payment("paypay", ORDER_NUMBER, 3300)
    ending = paying_terminal.json("payment", "import", "paypay", ORDER_NUMBER, "--amount", "3301", LANGUAGE="en")
    assert ending.exit_status_and_code == (4, "outcome_unknown")
    assert ending.error["detail"]["reason"] == "other_amount"
    assert "Check the amount" in ending.error["message"]
    assert "again" not in ending.error["message"]


def test_a_provider_without_settings_is_refused(terminal: Terminal) -> None:
    """For a provider without a URL or credentials, the refusal names the provider and the missing settings."""
    ending = terminal.json("payment", "import", "paypay", ORDER_NUMBER)
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["variable"] == "CONSOLE_PAYPAY_URL"


def test_an_order_is_shown_with_its_payment(paying_terminal: PayingTerminal) -> None:
    """`show order` prints an order with its payments. Probing or resolving an order that has no payment is refused as
    `nothing_to_resolve`.
    """
    order = paying_terminal.create_order("S-1", 3300)
    shown = paying_terminal.json("show", "order", str(order)).data
    assert (shown["kind"], shown["merch_txn_id"], shown["total_minor"]) == ("order", "S-1", 3300)
    assert (shown["payments"], shown["refunds"], shown["state"]) == ([], [], "pending")
    assert paying_terminal.json("lookup", CORPORATION_NUMBER).data["orders"][0]["id"] == order
    unpaid = paying_terminal.json("probe", "order", str(order))
    assert unpaid.exit_status_and_code == (3, "nothing_to_resolve")
    assert unpaid.error["detail"]["record"]["id"] == order
    assert "order" in unpaid.error["message"]
    resolved = paying_terminal.json("resolve", "order", str(order), "--as", "paid", "--evidence", "seen")
    assert resolved.exit_status_and_code == (3, "nothing_to_resolve")


@pytest.mark.expects_log("some endings are logged")
def test_a_probe_of_an_order_reports_about_the_order(paying_terminal: PayingTerminal) -> None:
    """`probe order` asks the provider about the order's payments, and answers with the order's record. If the
    provider refuses a question, the detail has the order's record and the payment.
    """
    order = paying_terminal.create_order("S-2", 3300)
    payment = paying_terminal.make_booked_payment("S-2")
    probed_order = paying_terminal.json("probe", "order", str(order)).data
    assert (probed_order["kind"], probed_order["id"], probed_order["payment_ids"]) == ("order", order, [payment])
    faults = {"result:UNAUTHORIZED": (5, "provider_auth"), "result:RATE_LIMIT": (5, "rate_limited")}
    for fault, refused in faults.items():
        paying_terminal.control.add_fault(fault, call="paypay_payment")
        result = paying_terminal.json("probe", "order", str(order))
        assert result.exit_status_and_code == refused
        detail = result.error["detail"]
        assert (detail["record"]["kind"], detail["record"]["id"]) == ("order", order)
        assert detail["payment"]["id"] == payment


@pytest.mark.parametrize("kind", ["payment", "order", "refund"])
@pytest.mark.parametrize("id", ["99", "x", "１", "9" * 30])
def test_a_missing_record_is_not_found_by_every_command(paying_terminal: PayingTerminal, kind: str, id: str) -> None:
    """`show`, `probe` and `resolve` refuse the id of a record that doesn't exist as `not_found`, also if the id is no
    number.
    """
    assert paying_terminal.json("show", kind, id).exit_status_and_code == (2, "not_found")
    assert paying_terminal.json("probe", kind, id).exit_status_and_code == (2, "not_found")
    state = {"refund": "failed"}.get(kind, "completed")
    assert paying_terminal.json("resolve", kind, id, "--as", state, "--evidence", "seen").exit_status_and_code == (
        2,
        "not_found",
    )


@pytest.mark.expects_log("some endings are logged")
def test_a_failed_probe_changes_no_payment(paying_terminal: PayingTerminal) -> None:
    """A probe exits with 5 if the gateway refuses the credentials or the number of calls, and with 6 if the gateway
    can't be reached. In each case the payment stays unchanged.
    """
    payment = str(paying_terminal.make_booked_payment())
    before = paying_terminal.json("show", "payment", payment).data["version"]
    for fault, refused in (
        ("result:UNAUTHORIZED", (5, "provider_auth")),
        ("result:RATE_LIMIT", (5, "rate_limited")),
    ):
        paying_terminal.control.add_fault(fault, call="paypay_payment")
        assert paying_terminal.json("probe", "payment", payment).exit_status_and_code == refused
    with paying_terminal.control.cause_outage():
        assert paying_terminal.json("probe", "payment", payment).exit_status_and_code == (6, "provider_unreachable")
    assert paying_terminal.json("show", "payment", payment).data["version"] == before


def test_a_probe_lists_the_changed_fields(paying_terminal: PayingTerminal) -> None:
    """The text of a probe names the changed fields with their values before and after the probe. If no field has
    changed, it says so with the time.
    """
    payment = str(paying_terminal.make_booked_payment(ATOM_ORDER_NUMBER, 50_000, "atom"))
    unchanged = paying_terminal("probe", "payment", payment)
    assert unchanged.status == 0
    assert re.match(rb"No change at \d\d:\d\d:\d\d\.\n", unchanged.out)
    order = paying_terminal.create_order("S-3", 3300)
    paying_terminal.make_booked_payment("S-3")
    assert re.match(rb"(No change at |State: )", paying_terminal("probe", "order", str(order)).out)
    paying_terminal.money.change_payment_state("atom", ATOM_ORDER_NUMBER, "reversed")
    first_line = paying_terminal("probe", "payment", payment).out.decode().partition("\n")[0]
    assert first_line.startswith("State: Completed → Reversed")


def test_the_probe_of_an_unsent_refund_says_that_nobody_was_asked(paying_terminal: PayingTerminal) -> None:
    """The text of the probe of a refund that was not sent doesn't say that the provider was asked."""
    refund = paying_terminal.request_refund(paying_terminal.make_booked_payment()).data["id"]
    lines = paying_terminal("probe", "refund", str(refund), LANGUAGE="en").out.decode().splitlines()
    assert lines[0] == "Nothing was sent to the gateway, so it was not asked."
    assert "The provider was asked. The record now:" not in lines


def test_a_refund_done_outside_is_recorded_by_two_people(paying_terminal: PayingTerminal) -> None:
    """Both people state the amount in the payment's currency and the day. Afterwards `show` lists the amount, and no
    refund can contain it. A missing or wrong amount or day is refused.
    """
    today = read_today()
    payment = str(paying_terminal.make_booked_payment(ATOM_ORDER_NUMBER, 50_000, "atom"))
    words = ("resolve", "payment", payment, "--as", "done_outside", "--evidence", "letter 114")
    for more, refused in (
        ((), (2, "usage")),
        (("--day", today), (2, "invalid_amount")),
        (("--amount", "150.50"), (2, "usage")),
        (("--amount", "150.505", "--day", today), (2, "invalid_amount")),
        (("--amount", "150.50", "--day", "2036-11-01"), (2, "usage")),
        (("--amount", "150.50", "--day", "2025-11-01"), (2, "usage")),
        (("--amount", "150.50", "--day", today, "--provider-id", "BANK-7"), (2, "usage")),  # never ignored
        (("--amount", "500.01", "--day", today), (3, "exceeds_captured")),
    ):
        assert paying_terminal.json(*words, *more).exit_status_and_code == refused, more
    order = paying_terminal.create_order("S-9", 3300)
    on_order = ("resolve", "order", str(order), *words[3:], "--amount", "1", "--day", today)
    assert paying_terminal.json(*on_order).exit_status_and_code == (3, "nothing_to_resolve")
    for option in (("--amount", "150.50"), ("--day", today)):  # never ignored: the person means a part
        other_decision = paying_terminal.json(*words[:4], "reversed", *words[5:], *option)
        assert other_decision.exit_status_and_code == (2, "usage"), option
        assert "done_outside" in paying_terminal(*words[:4], "reversed", *words[5:], *option).err
    stated = (*words, "--amount", "150.50", "--day", today)
    assert paying_terminal.json(*stated).data["awaiting"] == "second_person"
    other = paying_terminal.json(*words, "--amount", "150.51", "--day", today, OPERATOR="lead-b")
    assert other.exit_status_and_code == (3, "evidence_mismatch")
    recorded = paying_terminal.json(*stated, OPERATOR="lead-b").data
    assert (recorded["awaiting"], recorded["outside_minor"], recorded["left_minor"]) == (None, 15_050, 34_950)
    assert re.search(r"Given back outside +₹150.50", paying_terminal("show", "payment", payment).out.decode())
    assert paying_terminal.request_refund(int(payment), "349.51").exit_status_and_code == (3, "exceeds_captured")


def test_a_payment_is_resolved_by_people(paying_terminal: PayingTerminal) -> None:
    """One person can resolve a payment as reversed if the gateway reports the same state. No person can resolve a
    payment as a state that the gateway denies.
    """
    payment = str(paying_terminal.make_booked_payment(ATOM_ORDER_NUMBER, 50_000, "atom"))
    words = ("resolve", "payment", payment, "--as", "reversed", "--evidence", "their settlement list")
    assert paying_terminal.json(
        "resolve", "payment", payment, "--as", "completed", "--evidence", "seen"
    ).exit_status_and_code == (
        3,
        "nothing_to_resolve",
    )
    assert paying_terminal.json(*words).exit_status_and_code == (3, "evidence_mismatch")
    paying_terminal.money.change_payment_state("atom", ATOM_ORDER_NUMBER, "reversed")
    taken_back = paying_terminal.json(*words).data
    assert (taken_back["state"], taken_back["certainty"], taken_back["awaiting"]) == ("reversed", "known", None)
    assert paying_terminal.request_refund(int(payment), "1.00").exit_status_and_code == (3, "exceeds_captured")
    refused = paying_terminal.json("resolve", "payment", payment, "--as", "lost", "--evidence", "x")
    assert refused.exit_status_and_code == (2, "usage")
    assert ", ".join(refused.error["detail"]["allowed"]) in refused.error["message"]
    assert paying_terminal.json("resolve", "payment", payment, "--as", "completed").exit_status_and_code == (
        2,
        "no_evidence",
    )


# ---- in words


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_payment_command_prints_text_without_wording_keys(
    paying_terminal: PayingTerminal, language: str
) -> None:
    """Each command about payments prints text; a missing wording key would be logged and fail this test."""
    paying_terminal.env |= {"CONSOLE_LANGUAGE": language}
    payment = paying_terminal.make_booked_payment()
    refund = paying_terminal.request_refund(payment).data["id"]
    order = paying_terminal.create_order("S-1", 3300)
    for words, person in (
        (("payment", "import", "paypay", ORDER_NUMBER), MAKER),
        (("show", "payment", str(payment)), MAKER),
        (("show", "refund", str(refund)), CHECKER),
        (("show", "order", str(order)), MAKER),
        (("lookup", CORPORATION_NUMBER), MAKER),
        (("queue", "refunds"), MAKER),
        (("refund", "approve", str(refund)), CHECKER),
        (("probe", "refund", str(refund)), CHECKER),
        (("refund", "request", str(payment), "--amount", "300", "--reason", "x"), MAKER),
        (("refund", "withdraw", str(refund + 1)), MAKER),
        (("refund", "request", str(payment), "--amount", "301", "--reason", "x"), MAKER),
        (("refund", "reject", str(refund + 2), "--reason", "no"), CHECKER),
    ):
        ending = paying_terminal(*words, OPERATOR=person)
        assert (ending.status, bool(ending.out)) == (0, True), (words, ending.err)
        assert "None" not in ending.out.decode().split(), words
