"""Target of child processes that execute one action on a payment, a refund or a notice until a failpoint kills the
process."""

from collections.abc import Callable, Mapping

from console.app import Console, open_console
from console.settings.settings import Settings
from tests.support.children import Pipe
from tests.support.money_desks import request_refund
from tests.support.refusals import call_and_get_code


def execute_money_action(pipe: Pipe, environment: Mapping[str, str], action: str, subject: object) -> None:
    """Open the desk, execute the action `action`, and send first "open" and then how the action ended. `subject` is
    the argument of the action: an id or a notice."""
    with open_console(Settings.load(dict(environment))) as console:
        pipe.send("open")
        pipe.send(call_and_get_code(lambda: _FUNCTION_BY_ACTION[action](console, subject)))


def _resolve_refund(console: Console, refund: int) -> object:
    """Resolve the refund as completed, with its idempotency key as evidence; return the result of the decision."""
    key = console.refunds.read_refund(refund).record.provider_refund_key
    return console.refunds.resolve(refund, "completed", "seen on their screen", key)


_FUNCTION_BY_ACTION: Mapping[str, Callable[..., object]] = {
    "ask": request_refund,
    "approve": lambda console, refund: console.refunds.approve(refund),
    "reject": lambda console, refund: console.refunds.reject(refund, "not ours"),
    "withdraw": lambda console, refund: console.refunds.withdraw(refund),
    "submit": lambda console, refund: console.refunds.submit(refund),
    "probe": lambda console, refund: console.refunds.probe(refund),
    "resolve": _resolve_refund,
    "due": lambda console, _subject: console.recovery.run_all_tasks(),
    "time_out": lambda console, payment: console._action_builders.payments.timeouts.run_saga_now(payment),
    "notice": lambda console, post: console.payments.receive_notice(post),
}
