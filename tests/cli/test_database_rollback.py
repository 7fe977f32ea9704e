"""A database that goes back to an earlier state. The tests run commands at two desks and a worker, and compare the
ledgers of the simulated providers.
"""

import os

import pytest

from console.sandbox.server import Sandbox
from tests.cli.conftest import CommandResult, Terminal
from tests.support import backups
from tests.support.forked_command import ForkedCommand
from tests.support.invented import invent_numbers
from tests.support.payment_desks import make_settings
from tests.support.places import Place
from tests.support.team_mode import pass_password
from tests.support.waiting import MAX_WAIT_SECONDS
from tests.support.worker_process import fork_worker

FIRST_NUMBER, LOST_NUMBER, OTHER_NUMBER = invent_numbers(3, seed=31)
ORDER_NUMBER = "ORD-1"
ALERT_RULE_ID = "database_went_back"
DESK_A = 0
DESK_B = 1
WORKER_DESK = 2
EXPECTED_REFUSALS = {(3, "already_purchased"), (3, "in_progress")}


class DeskCommands:
    """Runs commands at the desks of one database. A command that a failpoint kills runs in a process of its own.
    Other commands run in the test's process with a console of their own, because that is faster.
    """

    def __init__(self, place: Place, sandbox: Sandbox) -> None:
        self.place, self.sandbox = place, sandbox

    def __call__(self, desk: int, *words: str, person: str = "op-a", **more: str) -> CommandResult:
        gateways = make_settings(self.sandbox.url) | {"ALARMBOX_FIND_PURCHASES": "1"}
        env = self.place.make_environment(self.sandbox.url, person, desk, **gateways)
        if "FAILPOINT" not in more:
            return Terminal(env).json(*words, **more)
        env |= {f"CONSOLE_{name}": value for name, value in more.items()}
        with ForkedCommand("--json", *words, environment={**os.environ, **env}) as command:
            out = command.read_output(MAX_WAIT_SECONDS)
            return CommandResult(command.wait(), out, command.read_errors())

    def buy(self, desk: int, number: str = LOST_NUMBER, **more: str) -> CommandResult:
        return self(desk, "purchase", number, "--client", "1", **more)

    def request_and_approve_refund(self, desk: int, payment: int) -> CommandResult:
        """Let one person request a refund and another person approve it. Return the result of the request if it
        failed, otherwise the result of the approval.
        """
        words = ("refund", "request", str(payment), "--amount", "1000", "--reason", "sent back")
        request_result = self(desk, *words)
        if request_result.status:
            return request_result
        password = pass_password(self.place, "lead-b")
        return self(desk, "refund", "approve", str(request_result.data["id"]), person="lead-b", **password)

    def list_lost_operations(self, desk: int) -> dict[str, str]:
        """Return the state of each operation that `alerts lost` names at this desk, by the operation's id."""
        lost = self(desk, "alerts", "lost").data
        assert lost["count"] == len(lost["lost"])
        return {one["operation_id"]: one["state"] for one in lost["lost"]}

    def read_charges_and_refunds(self) -> tuple[int, int]:
        """Return how many charges AlarmBox's ledger has for LOST_NUMBER, and how many refunds PayPay's ledger has for
        the payment."""
        provider_payment = self.sandbox.control.payments_control.read_payment("paypay", ORDER_NUMBER)
        return self.sandbox.ledger.count_charges_of_number(LOST_NUMBER), len(provider_payment["refunds"])


@pytest.fixture
def desks(place: Place, sandbox: Sandbox) -> DeskCommands:
    return DeskCommands(place, sandbox)


@pytest.mark.expects_log("each command that finds the database older than the desk says so")
@pytest.mark.parametrize("is_killed", [False, True], ids=["ended", "killed"])
def test_a_rolled_back_database_causes_no_second_charge_or_refund(desks: DeskCommands, is_killed: bool) -> None:
    """One desk buys and refunds, then the database goes back to an earlier state. Another desk can't repeat the
    purchase and the refund, also after a person has acknowledged the alert. A probe restores the refund, and the
    purchase unless its process was killed before the answer; people must then decide about it. The ledgers have one
    charge and one refund.
    """
    place, url = desks.place, desks.sandbox.url
    desks.sandbox.control.payments_control.register_payment("paypay", ORDER_NUMBER, 3300)
    payment = int(desks(DESK_A, "payment", "import", "paypay", ORDER_NUMBER).data["id"])
    assert desks(DESK_B, "lookup", LOST_NUMBER).data["credit_checks"] == []
    assert desks.buy(DESK_A, FIRST_NUMBER).data["state"] == "success"  # and a pair of tokens is stored
    put_back = backups.take_backup(place)
    with fork_worker(place, url, desk=WORKER_DESK, person=place.notice_account_name):
        if is_killed:
            assert desks.buy(DESK_A, FAILPOINT="after_send:1:kill").status == -9
        else:
            assert desks.buy(DESK_A).data["state"] == "success"
        assert desks.request_and_approve_refund(DESK_A, payment).data["state"] in ("submitted", "completed")
    assert desks.read_charges_and_refunds() == (1, 1)
    put_back()

    with fork_worker(place, url, desk=WORKER_DESK, person=place.notice_account_name):
        assert desks(DESK_A, "lookup", LOST_NUMBER).data["credit_checks"] == []
        refused = desks.buy(DESK_B)
        assert refused.exit_status_and_code == (3, ALERT_RULE_ID)
        missing = {one["kind"]: one["operation_id"] for one in refused.error["detail"]["missing"]}
        assert set(missing) == {"credit-check", "refund"}
        assert desks.buy(DESK_A, OTHER_NUMBER).exit_status_and_code == (3, ALERT_RULE_ID)
        assert desks.request_and_approve_refund(DESK_B, payment).exit_status_and_code in {
            (3, ALERT_RULE_ID),
            *EXPECTED_REFUSALS,
        }
        assert desks.read_charges_and_refunds() == (1, 1)

        (alert,) = [one for one in desks(DESK_B, "alerts", "list").data["alerts"] if one["rule_id"] == ALERT_RULE_ID]
        assert desks(DESK_B, "alerts", "ack", str(alert["id"]), "--note", "an old copy of the disk").status == 0
        assert desks.list_lost_operations(DESK_B) == dict.fromkeys(missing.values(), "open")
        again = desks.buy(DESK_B)
        assert again.exit_status_and_code == (3, "already_purchased"), again.error["detail"]
        assert desks.request_and_approve_refund(DESK_B, payment).exit_status_and_code in EXPECTED_REFUSALS
        assert desks.buy(DESK_B, OTHER_NUMBER).data["state"] == "success"
        assert desks.read_charges_and_refunds() == (1, 1)

        assert desks(DESK_B, "probe", "operation", missing["refund"]).status == 0
        # Nobody has the provider's id of a purchase whose process was killed before the answer: people resolve it.
        assert desks(DESK_B, "probe", "operation", missing["credit-check"]).status == (4 if is_killed else 0)
        assert desks.list_lost_operations(DESK_B)[missing["credit-check"]] == ("open" if is_killed else "restored")
        states = [
            (one["state"], one["certainty"]) for one in desks(DESK_B, "lookup", LOST_NUMBER).data["credit_checks"]
        ]
        assert states == ([] if is_killed else [("success", "known")])
        assert desks.buy(DESK_B).exit_status_and_code == (3, "already_purchased")
    assert desks.read_charges_and_refunds() == (1, 1)
    assert desks.sandbox.ledger.count_charges_of_number(OTHER_NUMBER) == 1


@pytest.mark.engines("sqlite")
def test_no_folder_is_made_for_a_database(desks: DeskCommands) -> None:
    """If the folder of the database file doesn't exist, because its volume isn't mounted, the database counts as
    unreachable and the folder isn't created.
    """
    away = desks.place.folder / "away"
    for words in (
        ("lookup", LOST_NUMBER),
        ("purchase", LOST_NUMBER, "--client", "1"),
        ("db", "upgrade"),
        ("worker", "--once"),
    ):
        ended = desks(DESK_A, *words, DATABASE_URL=f"sqlite:///{away / 'console.db'}")
        assert ended.exit_status_and_code == (6, "database_unreachable")
        assert not away.exists()
    assert desks.sandbox.ledger.charge_count == 0
