"""Values that no worker can read or no database can store: the desk refuses them itself, without a desk request."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.support.desks import MovedClock
from tests.support.places import Place, ServerPlace
from tests.support.refusals import call_for_refusal
from tests.support.team_mode import answer_password_prompts, keep_executing_desk_requests, start_team_mode
from tests.support.teams import apply_accounts

HUGE_INTEGER = 10**80
LONG_TEXT = "x" * 200
LONE_SURROGATE = "a\ud800b"
CallByName = Mapping[str, Callable[[], object]]


def list_unreadable_calls(desk: Console, lead: Console, admin: Console) -> CallByName:
    """Return calls with arguments that no worker can read: integers that don't fit the database, texts that can't
    be stored or are too long, and a time without a time zone. A desk that doesn't check them gets an error of the
    database's driver.
    """
    return {
        "approve a huge id": lambda: lead.refunds.approve(HUGE_INTEGER),
        "approve the first id that doesn't fit": lambda: lead.refunds.approve(2**63),
        "withdraw a huge id": lambda: desk.refunds.withdraw(HUGE_INTEGER),
        "submit a huge id": lambda: desk.refunds.submit(HUGE_INTEGER),
        "note with a lone surrogate": lambda: desk.recovery.add_note("payment", 1, LONE_SURROGATE),
        "note with NUL": lambda: desk.recovery.add_note("payment", 1, "a\0b"),
        "note of 27 KiB": lambda: desk.recovery.add_note("payment", 1, "あ" * 9000),
        "take a huge incident": lambda: desk.incidents.take(HUGE_INTEGER),
        "snooze until a time without a zone": lambda: desk.incidents.snooze(
            1, MovedClock().now().replace(tzinfo=None) + timedelta(hours=1), "n"
        ),
        "acknowledge a huge alert": lambda: desk.alerts.acknowledge(HUGE_INTEGER, "n"),
        "end a huge mention": lambda: desk.mentions.mark_done(HUGE_INTEGER),
        "start a payment of a huge order": lambda: desk.payments.start(HUGE_INTEGER, "paypay"),
        "refund a huge payment": lambda: desk.refunds.request(
            RefundRequest(HUGE_INTEGER, "1", "r", reason_code=RefundReason.RETURNED)
        ),
        "limit with a lone surrogate": lambda: admin.refund_limits.set_limit(LONE_SURROGATE, "JPY", 5),
        "an integer with more digits than Python converts": lambda: lead.refunds.approve(10**5000),
    }


def test_a_desk_refuses_values_that_no_worker_can_read(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """Each call with a value that no worker can read ends with `usage` and a sentence about the value, not about
    another version of the worker; no desk request is stored. A limit that is negative or too large is refused as
    an invalid amount, as at a desk that isn't in team mode.
    """
    assert isinstance(place, ServerPlace)
    start_team_mode(place, "op-a", "lead-b")
    people = [{"name": place.get_account_name("op-b"), "roles": ["admin"], "acts": False}]
    apply_accounts(place.database._team.owner, people, {})
    with (
        place.open_desk(sandbox, clock, person="worker", desk=1) as worker,
        keep_executing_desk_requests(worker),
        place.open_desk(sandbox, clock, person="op-a", desk=2) as desk,
        place.open_desk(sandbox, clock, person="lead-b", desk=3) as lead,
        place.open_desk(sandbox, clock, person="op-b", desk=4) as admin,
    ):
        refusals = {name: call_for_refusal(call) for name, call in list_unreadable_calls(desk, lead, admin).items()}
        for limit in (10**25, 2**63, -(10**25), -1):
            refusals[f"limit {limit}"] = call_for_refusal(admin.refund_limits.set_limit, "per_refund", "JPY", limit)
    for name, refusal in refusals.items():
        expected = "invalid_amount" if name.startswith("limit -") or name[6:].isdigit() else "usage"
        assert (refusal.code, refusal.exit_status) == (expected, 2), name
        assert expected != "usage" or refusal.detail["problem"] == "arguments", name
        assert all("{" not in format_error_message(refusal, language) for language in LANGUAGES), name
    assert "can't be stored" in format_error_message(refusals["note with NUL"], "en")
    assert "too long" in format_error_message(refusals["note of 27 KiB"], "en")
    assert place.sql("SELECT action FROM requests") == []


def test_long_texts_in_facts_of_a_request_are_cut(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """Names that are too long for the columns of a desk request are cut there; the worker refuses the whole name with
    the error of the command.
    """
    assert isinstance(place, ServerPlace)
    start_team_mode(place, "op-a", "lead-b")
    people = [{"name": place.get_account_name("op-b"), "roles": ["admin"], "acts": False}]
    apply_accounts(place.database._team.owner, people, {})
    with (
        place.open_desk(sandbox, clock, person="worker", desk=1) as worker,
        keep_executing_desk_requests(worker),
        place.open_desk(sandbox, clock, person="op-a", desk=2) as desk,
        place.open_desk(sandbox, clock, person="lead-b", desk=3) as lead,
        place.open_desk(sandbox, clock, person="op-b", desk=4) as admin,
    ):
        calls: dict[str, Callable[[], object]] = {
            "note": lambda: desk.recovery.add_note(LONG_TEXT, 1, "a"),
            "probe": lambda: desk.recovery.probe(LONG_TEXT, 1),
            "resolve": lambda: desk.recovery.resolve("refund", 1, LONG_TEXT, "proof"),
            "hand over": lambda: desk.incidents.hand_over(1, LONG_TEXT, "n"),
            "limit": lambda: admin.refund_limits.set_limit(LONG_TEXT, LONG_TEXT, 5),
            "switch": lambda: lead.read_only_switches.set_switch(LONG_TEXT, True, "a"),
            "purchase": lambda: desk.credit_checks.purchase(PurchaseRequest("9" * 300, "1")),
            "purchase of an emoji": lambda: desk.credit_checks.purchase(PurchaseRequest("😀" * 70, "1")),
        }
        with answer_password_prompts(place, "op-b"):
            refusals: dict[str, ConsoleError] = {name: call_for_refusal(call) for name, call in calls.items()}
    codes = {name: str(refusal.code) for name, refusal in refusals.items()}
    assert codes == {
        "note": "not_found", "probe": "not_found", "resolve": "usage", "hand over": "not_found", "limit": "not_found",
        "switch": "not_found", "purchase": "invalid_corporation_number",
        "purchase of an emoji": "invalid_corporation_number",
    }  # fmt: skip
    assert all(refusal.exit_status == 2 for refusal in refusals.values())
