"""Faults of the connection: the connection breaks, an answer ends early, or a charge is never reported to the
caller.
"""

from console.sandbox.faults.exchange import CallInProgress
from console.sandbox.http.messages import HttpReply, make_error_reply
from console.sandbox.rules.holds import HoldEnding
from console.sandbox.rules.registry import TOKEN_CALLS, register_fault

REDIRECT_TARGET_PATH = "/elsewhere"
SECONDS_OPTION_NAMES = ("seconds",)


@register_fault("refuse", "the connection closes without a byte", "nothing")
def close_connection(exchange: CallInProgress) -> None:
    exchange.caller_connection.close()


@register_fault("close_after_charge", "the connection closes without a byte", "happens")
def close_connection_after_charge(exchange: CallInProgress) -> None:
    exchange.execute_call()
    exchange.caller_connection.close()


@register_fault("reset", "connection reset", "nothing")
def reset_connection(exchange: CallInProgress) -> None:
    exchange.caller_connection.reset()


@register_fault("reset_after_charge", "connection reset", "happens")
def reset_connection_after_charge(exchange: CallInProgress) -> None:
    exchange.execute_call()
    exchange.caller_connection.reset()


@register_fault("reset_mid_body", "status, half of the body, then connection reset", "happens")
def reset_connection_in_body(exchange: CallInProgress) -> None:
    reply = exchange.execute_call()
    exchange.caller_connection.write(reply.make_head_bytes() + reply.body[: len(reply.body) // 2])
    # A reset discards bytes that the caller has not read yet; it should receive the half first.
    exchange.pause(0.05)
    exchange.caller_connection.reset()


@register_fault(
    "status",
    "that status; 400, 401, 403, 404, 422, 429, 500, 502, 503 …",
    "nothing",
    argument_rule="required",
    option_names=("body", "seconds"),
)
def answer_status(exchange: CallInProgress) -> None:
    exchange.pause(exchange.instruction.seconds or 0.0)
    exchange.send_reply(_make_status_reply(exchange))


@register_fault("status_after_charge", "that status", "happens", argument_rule="required", option_names=("body",))
def answer_status_after_charge(exchange: CallInProgress) -> None:
    exchange.execute_call()
    exchange.send_reply(_make_status_reply(exchange))


@register_fault(
    "hang",
    "no answer; after a release, or `seconds`, the ordinary one",
    "when released",
    option_names=SECONDS_OPTION_NAMES,
)
def hold_back_call(exchange: CallInProgress) -> None:
    if (
        exchange.hold_call(exchange.instruction.seconds) is HoldEnding.DROPPED
        or exchange.caller_connection.is_caller_disconnected()
    ):
        exchange.caller_connection.close()
    else:
        exchange.send_reply(exchange.execute_call())


@register_fault(
    "hang_after_charge",
    "no answer; after a release, or `seconds`, the ordinary one",
    "happens",
    option_names=SECONDS_OPTION_NAMES,
)
def hold_back_answer(exchange: CallInProgress) -> None:
    reply = exchange.execute_call()
    if exchange.hold_call(exchange.instruction.seconds) is HoldEnding.DROPPED:
        exchange.caller_connection.close()
    else:
        exchange.send_reply(reply)


@register_fault(
    "late_charge",
    "no answer, or that status at once; charged after `seconds` or a release",
    "late",
    argument_rule="optional",
    option_names=SECONDS_OPTION_NAMES,
)
def charge_late(exchange: CallInProgress) -> None:
    if exchange.instruction.argument:
        failure = _make_status_reply(exchange)
        exchange.send_and_close(failure.make_head_bytes(extra_headers=(("Connection", "close"),)) + failure.body)
    if exchange.hold_call(exchange.instruction.seconds) is not HoldEnding.DROPPED:
        exchange.execute_call()
    exchange.caller_connection.close()


@register_fault(
    "slow", "the ordinary answer, one byte every `seconds` (default 1)", "happens", option_names=SECONDS_OPTION_NAMES
)
def answer_slowly(exchange: CallInProgress) -> None:
    reply = exchange.execute_call()
    pause = 1.0 if exchange.instruction.seconds is None else exchange.instruction.seconds
    exchange.caller_connection.write(reply.make_head_bytes())
    for n in range(len(reply.body)):
        if not exchange.caller_connection.write(reply.body[n : n + 1]) or not exchange.pause(pause):
            break
    exchange.caller_connection.close()


@register_fault("truncate", "a body shorter than its Content-Length", "happens")
def answer_truncated_body(exchange: CallInProgress) -> None:
    reply = exchange.execute_call()
    exchange.send_and_close(reply.make_head_bytes(), reply.body[: len(reply.body) // 2])


@register_fault("chunked_cut", "a chunked body that ends in the middle of a chunk", "happens")
def answer_cut_chunk(exchange: CallInProgress) -> None:
    reply = exchange.execute_call()
    first_half = reply.body[: len(reply.body) // 2]
    exchange.send_and_close(
        reply.make_head_bytes(-1, extra_headers=(("Transfer-Encoding", "chunked"),)),
        b"%x\r\n" % len(reply.body),
        first_half,
    )


@register_fault("answer_twice", "the ordinary answer two times over", "happens")
def answer_twice(exchange: CallInProgress) -> None:
    reply = exchange.execute_call()
    exchange.send_reply(reply)
    exchange.send_and_close(reply.make_head_bytes(), reply.body)


@register_fault("garbage", "bytes that are no HTTP", "happens")
def answer_garbage(exchange: CallInProgress) -> None:
    exchange.execute_call()
    exchange.send_and_close(b"\x15\x03\x01\x00\x02\x02\x0a this is not HTTP\r\n\r\n")


@register_fault("redirect", "302 to another address (`to`)", "nothing", option_names=("to",))
def answer_redirect(exchange: CallInProgress) -> None:
    exchange.send_reply(_make_redirect_reply(exchange))


@register_fault("redirect_after_charge", "302 to another address (`to`)", "happens", option_names=("to",))
def answer_redirect_after_charge(exchange: CallInProgress) -> None:
    exchange.execute_call()
    exchange.send_reply(_make_redirect_reply(exchange))


@register_fault(
    "refresh_lost", "the connection closes without a byte, although the tokens have rotated", "happens", TOKEN_CALLS
)
def lose_token_answer(exchange: CallInProgress) -> None:
    exchange.execute_call()
    exchange.caller_connection.close()


def _make_status_reply(exchange: CallInProgress) -> HttpReply:
    code = int(exchange.instruction.argument)
    reply = make_error_reply(code, f"simulated failure {code}")
    return reply if exchange.instruction.body is None else reply.replace_body(exchange.instruction.body.encode())


def _make_redirect_reply(exchange: CallInProgress) -> HttpReply:
    return HttpReply(302, headers=(("Location", exchange.instruction.redirect_target or REDIRECT_TARGET_PATH),))
