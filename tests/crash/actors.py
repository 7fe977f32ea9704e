"""The acts of a child process at a desk, until it is killed, breaks or hangs at a failpoint."""

from collections.abc import Mapping

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.settings.settings import Settings
from tests.support.children import Pipe

CLIENT = "1"


def act(pipe: Pipe, told: Mapping[str, str], what: str, subject: str, client: str = CLIENT) -> None:
    """Open the desk, do one thing, say how it ended."""
    with open_console(Settings.load(dict(told))) as console:
        pipe.send("open")
        pipe.send(_ending(console, what, subject, client))


def pause_when_answered(pipe: Pipe, told: Mapping[str, str], number: str) -> None:
    """Buy, and stop between the provider's answer and its record until the parent says a word."""
    _pause_at("answered", pipe, told, number)


def pause_before_sending(pipe: Pipe, told: Mapping[str, str], number: str) -> None:
    """Buy, and stop between the claim and the request until the parent says a word."""
    _pause_at("asking", pipe, told, number)


def _pause_at(paused_step: str, pipe: Pipe, told: Mapping[str, str], number: str) -> None:
    def progress(step: str) -> None:
        if step == paused_step:
            pipe.send(step)
            pipe.recv()

    with open_console(Settings.load(dict(told))) as console:
        try:
            console.credit_checks.purchase(PurchaseRequest(number, CLIENT), progress)
            pipe.send("bought")
        except ConsoleError as refusal:
            pipe.send(refusal.code)


def _ending(console: Console, what: str, subject: str, client: str) -> str:
    try:
        if what in ("purchase", "renewal"):
            console.credit_checks.purchase(PurchaseRequest(subject, client, renew=what == "renewal"))
        elif what == "refetch":
            console.credit_checks.refetch(int(subject))
        elif what == "probe":
            console.credit_checks.probe(int(subject))
        elif what == "resolve":
            record, _, provider_id = subject.partition(":")
            console.recovery.resolve("credit-check", record, "success", "seen on their screen", int(provider_id))
        else:
            console.recovery.run_due()
    except ConsoleError as refusal:
        return refusal.code
    return "done"
