"""Targets of child processes that execute one action on a credit check at a desk, until a failpoint kills them, lets
them hang or raises an error in them."""

from collections.abc import Mapping

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.settings.settings import Settings
from tests.support.children import Pipe

CLIENT_ID = "1"


def execute_action(
    pipe: Pipe, environment: Mapping[str, str], action: str, subject: str, client: str = CLIENT_ID
) -> None:
    """Target of a child process: open the desk, execute the action `action`, and send first "open" and then "done" or
    the error code. `subject` is the corporation number or the record id. For "resolve" it is "RECORD ID:PROVIDER'S ID
    OF THE CHARGE".
    """
    with open_console(Settings.load(dict(environment))) as console:
        pipe.send("open")
        pipe.send(execute_and_get_ending_code(console, action, subject, client))


def pause_when_answered(pipe: Pipe, environment: Mapping[str, str], number: str) -> None:
    """Target of a child process: buy the number, and pause between the provider's answer and the write of the
    outcome, until the parent process sends a message. Send "answered" at the pause, and at the end "bought" or the
    error code.
    """
    _pause_at("answered", pipe, environment, number)


def pause_before_sending(pipe: Pipe, environment: Mapping[str, str], number: str) -> None:
    """Target of a child process: buy the number, and pause between the claim and the request to the provider, until
    the parent process sends a message. Send "asking" at the pause, and at the end "bought" or the error code.
    """
    _pause_at("asking", pipe, environment, number)


def _pause_at(paused_step: str, pipe: Pipe, environment: Mapping[str, str], number: str) -> None:
    """Buy the number, and pause at the step `paused_step` of the purchase, until the parent process sends a
    message.
    """

    def pause_at_step(step: str) -> None:
        if step == paused_step:
            pipe.send(step)
            pipe.recv()

    with open_console(Settings.load(dict(environment))) as console:
        try:
            console.credit_checks.purchase(PurchaseRequest(number, CLIENT_ID), pause_at_step)
            pipe.send("bought")
        except ConsoleError as refusal:
            pipe.send(refusal.code)


def execute_and_get_ending_code(console: Console, action: str, subject: str, client: str) -> str:
    """Execute the action. Return "done", or the error code if the action is refused."""
    try:
        if action in ("purchase", "renewal"):
            console.credit_checks.purchase(PurchaseRequest(subject, client, renew=action == "renewal"))
        elif action == "refetch":
            console.credit_checks.refetch(int(subject))
        elif action == "probe":
            console.credit_checks.probe(int(subject))
        elif action == "resolve":
            record, _, id_at_provider = subject.partition(":")
            console.recovery.resolve("credit-check", record, "success", "seen on their screen", int(id_at_provider))
        else:
            console.recovery.run_all_tasks()
    except ConsoleError as refusal:
        return refusal.code
    return "done"
