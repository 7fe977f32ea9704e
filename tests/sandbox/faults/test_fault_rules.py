"""Tests of the sandbox's rules, which decide which call gets which fault: how rules match and count calls, random
faults, and rules that are refused.
"""

from typing import Any

import pytest

from console.sandbox import Sandbox, SandboxControl
from console.sandbox.control.client import SandboxError
from tests.sandbox.caller import CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, Caller


def buy_and_list_statuses(caller: Caller, *numbers: str) -> list[int]:
    return [caller.buy_check(number).status for number in numbers]


def test_a_rule_matches_calls_by_corporation_number(caller: Caller, control: SandboxControl) -> None:
    """If a rule names a corporation number, only calls about that number get the fault."""
    control.add_fault("status:503", number=OTHER_CORPORATION_NUMBER)
    assert buy_and_list_statuses(caller, CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER) == [
        201,
        503,
        201,
    ]


def test_a_rule_matches_numbers_by_their_last_digits(caller: Caller, control: SandboxControl) -> None:
    """If a rule names last digits, every call about a corporation number with these last digits gets the fault."""
    control.add_fault("status:404", number_ends="71", times="always")
    assert buy_and_list_statuses(caller, CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, CORPORATION_NUMBER) == [
        404,
        201,
        404,
    ]


def test_a_rule_matches_calls_by_their_name(caller: Caller, control: SandboxControl) -> None:
    """If a rule names a call, only that call gets the fault."""
    check_id = caller.buy_check().credit_check["credit_check_id"]
    control.add_fault("status:500", call="pdf")
    assert [
        caller.read_detail(check_id).status,
        caller.read_pdf(check_id).status,
        caller.read_pdf(check_id).status,
    ] == [
        200,
        500,
        200,
    ]
    control.add_fault("status:500", call="token")
    assert caller.request_token().status == 500


def test_a_rule_counts_its_matching_calls(caller: Caller, control: SandboxControl) -> None:
    """The fields `nth` and `times` of a rule count the calls that match the rule. If a rule has several faults, they
    are used in turn.
    """
    control.add_fault("status:503", call="purchase", nth=2, times=2)
    assert buy_and_list_statuses(caller, *[CORPORATION_NUMBER] * 5) == [201, 503, 503, 201, 201]
    control.clear_faults()
    control.add_faults({"actions": ["status:500", "status:502"], "call": "purchase", "times": "always"})
    assert buy_and_list_statuses(caller, *[CORPORATION_NUMBER] * 3) == [500, 502, 500]


def test_a_fault_per_number_counts_each_number_separately(caller: Caller, control: SandboxControl) -> None:
    """If a rule has `per_number`, the first purchase of each corporation number gets the fault."""
    control.add_fault("status_after_charge:500", call="purchase", per_number=True)
    assert buy_and_list_statuses(
        caller, CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER
    ) == [
        500,
        500,
        201,
        201,
    ]


def test_the_oldest_matching_rule_is_used(caller: Caller, control: SandboxControl) -> None:
    """If several rules match a call, the oldest one is used. After its last use the next one is used."""
    control.add_faults({"action": "status:500", "call": "purchase"}, {"action": "status:502", "call": "purchase"})
    assert buy_and_list_statuses(caller, CORPORATION_NUMBER, CORPORATION_NUMBER, CORPORATION_NUMBER) == [
        500,
        502,
        201,
    ]


def test_a_refused_call_uses_no_rule(caller: Caller, control: SandboxControl) -> None:
    """A call without authorisation or with malformed contents isn't counted by any rule."""
    control.add_fault("status:503", call="purchase")
    assert caller.buy_check(access="none").status == 401
    assert caller.buy_check("12").status == 422
    assert caller.buy_check().status == 503


def test_rules_are_listed_and_removed(caller: Caller, control: SandboxControl) -> None:
    """The control API lists the fault rules, and removes one rule or all rules."""
    first = control.add_fault("status:500", call="purchase")
    control.add_fault("status:502", call="purchase")
    assert [rule["action"] for rule in control.read_state()["rules"]] == ["status:500", "status:502"]
    assert control.clear_faults(first) == 1
    assert caller.buy_check().status == 502
    assert control.clear_faults() == 1
    assert caller.buy_check().status == 201


def test_random_faults_depend_on_seed_and_number_alone(caller: Caller, control: SandboxControl) -> None:
    """The seed and the corporation number decide whether a call gets a random fault; the order of the calls doesn't
    matter.
    """
    numbers = [f"{n:013d}" for n in range(60)]

    def draw_statuses(seed: int, order: list[str]) -> dict[str, int]:
        """Buy a credit check for each number, in this order, with random faults of this seed. Return the HTTP status
        of each answer, by number.
        """
        control.reset(must_keep_tokens=True)
        control.add_random_faults("status:500", "status:502", seed=seed, rate=0.4, call="purchase")
        return {number: caller.buy_check(number).status for number in order}

    first = draw_statuses(7, numbers)
    assert draw_statuses(7, numbers[::-1]) == first
    assert draw_statuses(8, numbers) != first
    assert set(first.values()) == {201, 500, 502}
    assert 10 < sum(status != 201 for status in first.values()) < 40


def test_random_faults_hit_a_limited_number_of_calls(caller: Caller, control: SandboxControl) -> None:
    """If a rule of random faults has `times`, at most that many calls get a fault."""
    control.add_random_faults("status:500", seed=1, rate=1.0, times=2)
    assert buy_and_list_statuses(caller, CORPORATION_NUMBER, CORPORATION_NUMBER, CORPORATION_NUMBER) == [
        500,
        500,
        201,
    ]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("status:503", 503),
        ('{"action":"status:502"}', 502),
        ("pdf_missing", 201),
        ("nonsense", 400),
        ("{", 400),
    ],
)
def test_a_request_header_chooses_a_fault(caller: Caller, header: str, status: int) -> None:
    """A client can order a fault by a header of its request. The sandbox ignores a fault that doesn't apply to the
    call, and refuses a call with an unreadable fault.
    """
    answer = caller.send_request(
        "POST",
        "/ps/v1/credit_checks",
        f'{{"corporation_number":"{CORPORATION_NUMBER}"}}',
        Authorization=f"Bearer {caller.access}",
        Content_Type="application/json",
        X_Sandbox_Fault=header,
    )
    assert answer.status == status


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "explode"},
        {"action": "status"},
        {"action": "status:abc"},
        {"action": "reset:5"},
        {"action": "reset", "call": "refund"},
        {"action": "pdf_missing", "call": "token"},
        {"actions": ["reset", 5]},
        {"action": "reset", "times": 0},
        {"action": "reset", "nth": "2"},
        {"action": "reset", "number": 1180301018771},
        {"action": "reset", "often": True},
        {"action": "reset", "mode": "random", "rate": 2},
        {"action": "reset", "mode": "sometimes"},
        {},
    ],
)
def test_contradictory_rules_are_refused(control: SandboxControl, rule: dict[str, Any]) -> None:
    """The sandbox refuses a contradictory rule with a reason, and then also refuses all other rules of the same
    request.
    """
    with pytest.raises(SandboxError):
        control.add_faults({"action": "reset"}, rule)
    assert control.read_state()["rules"] == []


def test_two_sandboxes_have_separate_rules_and_ledgers(sandbox: Sandbox, control: SandboxControl) -> None:
    """Two sandboxes in one process have separate rules and ledgers."""
    from console.sandbox import start_sandbox

    with start_sandbox() as other:
        control.add_fault("status:500")
        assert Caller(other).authorize().buy_check().status == 201
        assert (sandbox.ledger.charge_count, other.ledger.charge_count) == (0, 1)
