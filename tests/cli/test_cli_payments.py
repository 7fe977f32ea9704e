"""Payments and refunds from the terminal: every command and ending, over the simulated providers."""

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.sandbox.server import Sandbox
from tests.cli.conftest import Ending, Terminal
from tests.support.desks import environment
from tests.support.payment_desks import told
from tests.support.quick_desks import template

NUMBER = "1180301018771"
ORDER, ATOM_ORDER = "ORD-1", "ORD1"
MAKER, CHECKER, SECOND = "op-a", "lead-b", "lead-c"


class Desk(Terminal):
    """A terminal on a desk with both payment providers; the shop's and the payers' hands beside it."""

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        super().__init__(environment(home, sandbox.url, **told(sandbox.url)))
        home.mkdir()
        shutil.copy(template(), home / "console.db")
        self.home, self.control, self.money = home, sandbox.control, sandbox.control.money

    def paid(
        self, number: str = ORDER, minor: int = 3300, provider: str = "paypay", at: datetime | None = None
    ) -> int:
        """A payment that somebody has made, booked here."""
        when = at or datetime.now(UTC)
        self.money.know(provider, number, minor, at=when.isoformat())
        asked = ["payment", "import", provider, number, "--corporation-number", NUMBER]
        if provider == "atom":
            day = when.astimezone().strftime("%Y-%m-%d")
            asked += ["--amount", f"{minor // 100}.{minor % 100:02}", "--date", day]
        return int(self.json(*asked).data["id"])

    def ask(self, payment: int, amount: str = "1000", *more: str, by: str = MAKER) -> Ending:
        words = ("refund", "request", str(payment), f"--amount={amount}", "--reason", "一部返金", *more)
        return self.json(*words, OPERATOR=by)

    def decide(self, what: str, refund: int, *more: str, by: str = CHECKER, **env: str) -> Ending:
        return self.json("refund", what, str(refund), *more, OPERATOR=by, **env)

    def order(self, number: str, minor: int) -> int:
        """An order as the shop writes it."""
        self.json("lookup", NUMBER)
        with sqlite3.connect(self.home / "console.db") as shop:
            columns = "merch_txn_id, total_amount, currency, corporation_number"
            made = shop.execute(
                f"INSERT INTO orders ({columns}) VALUES (?, ?, 'JPY', ?) RETURNING id", (number, minor, NUMBER)
            ).fetchone()
        return int(made[0])


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox) -> Desk:
    return Desk(tmp_path / "home", sandbox)


# ---- payments


def test_import_books_what_the_provider_has(desk: Desk) -> None:
    """Once, however often it is asked for; lookup, show and probe know it."""
    first = desk.paid()
    again = desk.json("payment", "import", "paypay", ORDER).data
    assert (again["kind"], again["id"], again["state"], again["certainty"]) == (
        "payment",
        first,
        "completed",
        "known",
    )
    assert (again["captured_minor"], again["currency"], again["corporation_number"]) == (3300, "JPY", NUMBER)
    assert again["provider_payment_id"] == desk.money.payment("paypay", ORDER)["id"]
    found = desk.json("lookup", NUMBER).data
    assert [one["id"] for one in found["payments"]] == [first]
    shown = desk.json("show", "payment", str(first)).data
    assert [side["name"] for side in shown["sides"]] == ["ours", "provider", "order"]
    assert shown["money"]["refundable"] == 3300
    assert shown["timeline"]
    assert shown["evidence"]
    assert shown["next_step"]["text"]
    assert desk.json("probe", "payment", str(first)).data["state"] == "completed"


def test_import_of_atoms(desk: Desk) -> None:
    """Found by its sum and day alone; without them the question can't be asked."""
    payment = desk.paid(ATOM_ORDER, 50_050, "atom")
    shown = desk.json("show", "payment", str(payment)).data
    assert (shown["provider"], shown["captured_minor"], shown["currency"]) == ("atom", 50_050, "INR")
    desk.money.know("atom", "ORD2", 100)
    assert desk.json("payment", "import", "atom", "ORD2").status == 2


@pytest.mark.parametrize(("words", "refused"), [
    (("paypay", "ORD-9"), (5, "provider_refused")),
    (("paypay", "ORD 9"), (2, "usage")),
    (("paypay", ORDER, "--corporation-number", "1180301018772"), (2, "invalid_corporation_number")),
    (("atom", ATOM_ORDER, "--amount", "x", "--date", "2026-11-20"), (2, "invalid_amount")),
    (("atom", ATOM_ORDER, "--amount", "1.00", "--date", "2026-11-31"), (2, "usage")),
    (("atom", ATOM_ORDER, "--amount", "1.00", "--date", "２０２６-11-20"), (2, "usage")),
    (("stripe", ORDER), (2, "usage")),
])  # fmt: skip
def test_import_is_refused(desk: Desk, words: tuple[str, ...], refused: tuple[int, str]) -> None:
    """What the provider doesn't have, and what is no question; nothing is booked."""
    assert desk.json("payment", "import", *words).refused == refused
    assert desk.json("lookup", NUMBER).data["payments"] == []


@pytest.mark.expects_log("some endings are logged")
def test_import_without_an_answer(desk: Desk, sandbox: Sandbox) -> None:
    """Unusable answers are 4, refused credentials 5, a provider out of reach 6."""
    desk.money.know("paypay", ORDER, 3300)
    asked = ("payment", "import", "paypay", ORDER)
    for fault, refused in (
        ("other_order", (4, "outcome_unknown")),
        ("result:UNAUTHORIZED", (5, "provider_auth")),
        ("result:RATE_LIMIT", (5, "rate_limited")),
    ):
        desk.control.fault(fault, call="paypay_payment")
        assert desk.json(*asked).refused == refused, fault
    sandbox.stop()
    assert desk.json(*asked).refused == (6, "provider_unreachable")


def test_a_provider_that_is_not_set_up(terminal: Terminal) -> None:
    """Neither a URL nor credentials: named, and what would help."""
    ending = terminal.json("payment", "import", "paypay", ORDER)
    assert ending.refused == (2, "bad_profile")
    assert ending.error["detail"]["variable"] == "CONSOLE_PAYPAY_URL"


def test_an_order_and_its_payment(desk: Desk) -> None:
    """Orders are shown with their payments; asking about one asks about its payment."""
    order = desk.order("S-1", 3300)
    shown = desk.json("show", "order", str(order)).data
    assert (shown["kind"], shown["merch_txn_id"], shown["total_minor"]) == ("order", "S-1", 3300)
    assert (shown["payments"], shown["refunds"], shown["state"]) == ([], [], "pending")
    assert desk.json("lookup", NUMBER).data["orders"][0]["id"] == order
    assert desk.json("probe", "order", str(order)).refused == (3, "nothing_to_resolve")
    resolved = desk.json("resolve", "order", str(order), "--as", "paid", "--evidence", "seen")
    assert resolved.refused == (3, "nothing_to_resolve")


@pytest.mark.parametrize("kind", ["payment", "order", "refund"])
@pytest.mark.parametrize("id", ["99", "x", "１", "9" * 30])
def test_records_that_are_not_there(desk: Desk, kind: str, id: str) -> None:
    """No such record, for every command that takes one."""
    assert desk.json("show", kind, id).refused == (2, "not_found")
    assert desk.json("probe", kind, id).refused == (2, "not_found")
    state = {"refund": "failed"}.get(kind, "completed")
    assert desk.json("resolve", kind, id, "--as", state, "--evidence", "seen").refused == (2, "not_found")


# ---- the life of a refund


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_asked_for_approved_sent_and_done(desk: Desk, provider: str) -> None:
    """By two people; the provider's ledger has it once, under the key that was stored before."""
    number = ORDER if provider == "paypay" else ATOM_ORDER
    payment = desk.paid(number, 500_000, provider)
    amount = "1000" if provider == "paypay" else "1000.00"
    asked = desk.ask(payment, amount).data
    assert (asked["kind"], asked["state"], asked["certainty"]) == ("refund", "requested", "known")
    assert (asked["maker"], asked["checkers"], asked["provider_refund_key"]) == (MAKER, [], None)
    assert [one["id"] for one in desk.json("queue", "refunds").data["items"]] == [asked["id"]]
    sent = desk.decide("approve", asked["id"], "--saw", str(asked["version"])).data
    assert (sent["state"], sent["checkers"]) == ("submitted", [CHECKER])
    assert desk.json("probe", "refund", str(asked["id"])).data["state"] == "completed"
    shown = desk.json("show", "refund", str(asked["id"])).data
    assert shown["payment"]["refunded_minor"] == asked["amount_minor"]
    (there,) = desk.money.refunds()
    assert (there["key"], there["amount_minor"]) == (sent["provider_refund_key"], asked["amount_minor"])
    assert desk.json("queue", "refunds").data["items"] == []
    assert [one["state"] for one in desk.json("lookup", NUMBER).data["refunds"]] == ["completed"]


@pytest.mark.parametrize(("amount", "refused"), [
    ("0", (2, "invalid_amount")), ("-5", (2, "invalid_amount")), ("1.5", (2, "invalid_amount")),
    ("１０００", (2, "invalid_amount")), ("", (2, "invalid_amount")), ("1e3", (2, "invalid_amount")),
    ("1000000000000000001", (2, "invalid_amount")), ("3301", (3, "exceeds_captured")),
])  # fmt: skip
def test_amounts(desk: Desk, amount: str, refused: tuple[int, str]) -> None:
    """Zero, negative, too fine, not ASCII, too large: 2; more than is left: 3. Nothing is reserved."""
    payment = desk.paid()
    assert desk.ask(payment, amount).refused == refused
    assert desk.json("show", "payment", str(payment)).data["reserved_minor"] == 0


def test_who_may_decide(desk: Desk) -> None:
    """Nobody about their own, however it is spelled; what is decided stays so; only the maker withdraws."""
    payment = desk.paid()
    refund = desk.ask(payment).data["id"]
    assert desk.decide("approve", refund, by="OP-A").refused == (3, "same_person")
    assert desk.decide("reject", refund, "--reason", "no", by=MAKER).refused == (3, "same_person")
    assert desk.decide("withdraw", refund, by=CHECKER).refused == (3, "not_allowed")
    rejected = desk.decide("reject", refund, "--reason", "納品済みです").data
    assert (rejected["state"], rejected["declined_because"]) == ("rejected", "納品済みです")
    assert desk.decide("approve", refund).refused == (3, "already_decided")
    assert desk.decide("withdraw", refund, by=MAKER).refused == (3, "already_decided")
    another = desk.ask(payment).data["id"]
    assert desk.decide("withdraw", another, by=MAKER).data["state"] == "withdrawn"
    assert desk.decide("reject", another, "--reason", "late").refused == (3, "already_decided")
    assert desk.money.refunds() == []
    assert desk.json("show", "payment", str(payment)).data["left_minor"] == 3300


def test_one_open_request_and_look_alikes(desk: Desk) -> None:
    """A second request waits for the first; the same sum again takes an intention."""
    payment = desk.paid()
    first = desk.ask(payment).data["id"]
    assert desk.ask(payment, "7").refused == (3, "in_progress")
    desk.decide("approve", first)
    again = desk.ask(payment)
    assert again.refused == (3, "possible_repeat")
    assert again.error["detail"]["record"]["id"] == first
    assert desk.ask(payment, "1000", "--intended-repeat").data["state"] == "requested"


def test_views_that_are_old(desk: Desk) -> None:
    """Who saw another version decides nothing, and is told what changed."""
    payment = desk.paid()
    stale = desk.ask(payment, "1000", "--saw", "0")
    assert stale.refused == (3, "stale_view")
    assert stale.error["detail"]["changed"]
    refund = desk.ask(payment).data
    for what, more in (("approve", ()), ("reject", ("--reason", "no"))):
        assert desk.decide(what, refund["id"], *more, "--saw", str(refund["version"] + 1)).refused == (
            3,
            "stale_view",
        )


def test_limits_and_windows(desk: Desk) -> None:
    """Beyond the table of limits, and beyond the provider's days."""
    large = desk.paid("ORD-L", 2_000_000)
    assert desk.ask(large, "1000001").refused == (3, "over_limit")
    old = desk.paid("ORD-O", 3300, at=datetime.now(UTC) - timedelta(days=367))
    assert desk.ask(old).refused == (3, "outside_window")


def test_a_large_one_takes_two_and_cools_off(desk: Desk) -> None:
    """The first approver leaves it requested, the same one again is refused, the second starts the cooling-off."""
    payment = desk.paid(minor=900_000)
    refund = desk.ask(payment, "600000").data["id"]
    half = desk.decide("approve", refund).data
    assert (half["state"], half["checkers"]) == ("requested", [CHECKER])
    assert desk.decide("approve", refund).refused == (3, "same_person")
    whole = desk.decide("approve", refund, by=SECOND).data
    assert (whole["state"], whole["checkers"]) == ("approved", [CHECKER, SECOND])
    assert desk.money.refunds() == []


def test_a_cooling_off_by_setting(desk: Desk) -> None:
    """For every refund on loopback; then its checker, or the worker, sends it."""
    desk.env |= {"CONSOLE_REFUND_COOLING_OFF_SECONDS": "3600"}
    refund = desk.ask(desk.paid()).data["id"]
    assert desk.decide("approve", refund).data["state"] == "approved"
    assert desk.money.refunds() == []


@pytest.mark.expects_log("some endings are logged")
@pytest.mark.parametrize(("fault", "refused", "known"), [
    ("result:CANCELED_USER", (5, "provider_refused"), ("failed", "known")),
    ("result:UNAUTHORIZED", (5, "provider_auth"), ("approved", "known")),
    ("result:RATE_LIMIT", (5, "rate_limited"), ("approved", "known")),
    ("result:SERVICE_ERROR", (4, "outcome_unknown"), ("submitting", "unknown")),
    ("reset_after_charge", (4, "outcome_unknown"), ("submitting", "unknown")),
])  # fmt: skip
def test_each_ending_has_its_status(desk: Desk, fault: str, refused: tuple[int, str], known: tuple[str, str]) -> None:
    """Refused, not sent or unknown, with the record as it is then."""
    refund = desk.ask(desk.paid()).data["id"]
    desk.control.fault(fault, call="paypay_refund")
    ending = desk.decide("approve", refund)
    assert ending.refused == refused
    record = ending.error["detail"]["record"]
    assert (record["kind"], record["id"], record["state"], record["certainty"]) == ("refund", refund, *known)


@pytest.mark.expects_log("some endings are logged")
def test_an_unknown_one_is_asked_about(desk: Desk) -> None:
    """The answer was lost; a probe finds it under its key. Nothing else of the payment is asked for meanwhile."""
    payment = desk.paid()
    refund = desk.ask(payment).data["id"]
    desk.control.fault("reset_after_charge", call="paypay_refund")
    assert desk.decide("approve", refund).status == 4
    assert [one["id"] for one in desk.json("queue", "unknown").data["items"]] == [refund]
    assert desk.ask(payment, "7").refused == (3, "in_progress")
    assert desk.json("show", "refund", str(refund)).data["next_step"]["text"]
    assert desk.json("probe", "refund", str(refund)).data["state"] == "completed"
    assert len(desk.money.refunds()) == 1


@pytest.mark.expects_log("some endings are logged")
def test_two_people_say_that_it_failed(desk: Desk) -> None:
    """Atom can't prove that a refund did not happen: two people can, with evidence, the second an approver."""
    payment = desk.paid(ATOM_ORDER, 50_000, "atom")
    refund = desk.ask(payment, "100.00").data["id"]
    desk.control.fault("status:503", call="atom_refund")
    assert desk.decide("approve", refund).status == 4
    words = ("resolve", "refund", str(refund), "--as", "failed", "--evidence", "not on their settlement list")
    first = desk.json(*words, OPERATOR=MAKER).data
    assert (first["certainty"], first["awaiting"]) == ("unknown", "second_person")
    assert desk.json(*words, OPERATOR=MAKER).refused == (3, "same_person")
    settled = desk.json(*words, OPERATOR=CHECKER).data
    assert (settled["state"], settled["certainty"], settled["awaiting"]) == ("failed", "known", None)
    assert desk.json(*words, OPERATOR=CHECKER).refused == (3, "nothing_to_resolve")
    empty = desk.json("resolve", "refund", str(refund), "--as", "failed", OPERATOR=CHECKER)
    assert empty.refused == (2, "no_evidence")


@pytest.mark.expects_log("some endings are logged")
def test_out_of_reach_is_sent_again_with_its_key(desk: Desk, sandbox: Sandbox) -> None:
    """Never sent: 6, approved, the same key the next time."""
    refund = desk.ask(desk.paid()).data["id"]
    with desk.control.down():
        ending = desk.decide("approve", refund)
    assert ending.refused == (6, "provider_unreachable")
    record = ending.error["detail"]["record"]
    assert (record["state"], record["certainty"], record["work"]["state"]) == ("approved", "known", "scheduled")
    key = record["provider_refund_key"]
    assert key is not None
    sent = desk.decide("approve", refund).data
    assert (sent["state"], sent["provider_refund_key"]) == ("submitted", key)
    assert [one["key"] for one in desk.money.refunds()] == [key]


def test_sqlite_refunds_on_loopback_only(desk: Desk) -> None:
    """Nothing there can enforce two people, so no real provider is reached."""
    payment = desk.paid()
    real = {"TIME_SCALE": "1", "PAYPAY_URL": "https://paypay.example", "OPERATOR": MAKER}
    words = ("refund", "request", str(payment), "--amount", "1000", "--reason", "x")
    assert desk.json(*words, **real).refused == (3, "not_allowed")


def test_nobody_acts_without_a_name(desk: Desk) -> None:
    """Commands that change a record need a person."""
    payment = desk.paid()
    words = ("refund", "request", str(payment), "--amount", "1000", "--reason", "x")
    assert desk.json(*words, OPERATOR="").refused == (2, "no_operator")


# ---- in words


@pytest.mark.parametrize("language", ["ja", "en"])
def test_everything_is_told_in_words(desk: Desk, language: str) -> None:
    """Each command speaks to people too; a key without words would be logged, and fail here."""
    desk.env |= {"CONSOLE_LANGUAGE": language}
    payment = desk.paid()
    refund = desk.ask(payment).data["id"]
    order = desk.order("S-1", 3300)
    for words, who in (
        (("payment", "import", "paypay", ORDER), MAKER),
        (("show", "payment", str(payment)), MAKER),
        (("show", "refund", str(refund)), CHECKER),
        (("show", "order", str(order)), MAKER),
        (("lookup", NUMBER), MAKER),
        (("queue", "refunds"), MAKER),
        (("refund", "approve", str(refund)), CHECKER),
        (("probe", "refund", str(refund)), CHECKER),
        (("refund", "request", str(payment), "--amount", "300", "--reason", "x"), MAKER),
        (("refund", "withdraw", str(refund + 1)), MAKER),
        (("refund", "request", str(payment), "--amount", "301", "--reason", "x"), MAKER),
        (("refund", "reject", str(refund + 2), "--reason", "no"), CHECKER),
    ):
        ending = desk(*words, OPERATOR=who)
        assert (ending.status, bool(ending.out)) == (0, True), (words, ending.err)
        assert "None" not in ending.out.decode().split(), words
