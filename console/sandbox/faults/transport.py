"""Faults of the connection: the connection breaks, an answer ends early, or a charge is never reported to the
caller.
"""

from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.http.messages import HttpReply, make_error_reply
from console.sandbox.rules.fault_table import TOKEN_CALLS, register_fault
from console.sandbox.rules.held_calls import HoldEnding

REDIRECT_TARGET_PATH = "/elsewhere"
SECONDS_OPTION_NAMES = ("seconds",)


@register_fault("refuse", "the connection closes without a byte", "nothing")
def close_connection(call_in_progress: CallInProgress) -> None:
    call_in_progress.caller_connection.close()


@register_fault("close_after_charge", "the connection closes without a byte", "happens")
def close_connection_after_charge(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.caller_connection.close()


@register_fault("reset", "connection reset", "nothing")
def reset_connection(call_in_progress: CallInProgress) -> None:
    call_in_progress.caller_connection.reset()


@register_fault("reset_after_charge", "connection reset", "happens")
def reset_connection_after_charge(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.caller_connection.reset()


@register_fault("reset_mid_body", "status, half of the body, then connection reset", "happens")
def reset_connection_in_body(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.caller_connection.write(reply.make_head_bytes() + reply.body[: len(reply.body) // 2])
    # A reset discards bytes that the caller has not read yet; it should receive the half first.
    call_in_progress.pause(0.05)
    call_in_progress.caller_connection.reset()


@register_fault(
    "status",
    "that status; 400, 401, 403, 404, 422, 429, 500, 502, 503 …",
    "nothing",
    argument_rule="required",
    option_names=("body", "seconds"),
)
def answer_status(call_in_progress: CallInProgress) -> None:
    call_in_progress.pause(call_in_progress.instruction.seconds or 0.0)
    call_in_progress.send_reply(_make_status_reply(call_in_progress))


@register_fault("status_after_charge", "that status", "happens", argument_rule="required", option_names=("body",))
def answer_status_after_charge(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.send_reply(_make_status_reply(call_in_progress))


@register_fault(
    "hang",
    "no answer; after a release, or `seconds`, the ordinary one",
    "when released",
    option_names=SECONDS_OPTION_NAMES,
)
def hold_back_call(call_in_progress: CallInProgress) -> None:
    if (
        call_in_progress.hold_call(call_in_progress.instruction.seconds) is HoldEnding.DROPPED
        or call_in_progress.caller_connection.is_caller_disconnected()
    ):
        call_in_progress.caller_connection.close()
    else:
        call_in_progress.send_reply(call_in_progress.execute_call())


@register_fault(
    "hang_after_charge",
    "no answer; after a release, or `seconds`, the ordinary one",
    "happens",
    option_names=SECONDS_OPTION_NAMES,
)
def hold_back_answer(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    if call_in_progress.hold_call(call_in_progress.instruction.seconds) is HoldEnding.DROPPED:
        call_in_progress.caller_connection.close()
    else:
        call_in_progress.send_reply(reply)


@register_fault(
    "late_charge",
    "no answer, or that status at once; charged after `seconds` or a release",
    "late",
    argument_rule="optional",
    option_names=SECONDS_OPTION_NAMES,
)
def charge_late(call_in_progress: CallInProgress) -> None:
    if call_in_progress.instruction.argument:
        failure = _make_status_reply(call_in_progress)
        call_in_progress.send_and_close(
            failure.make_head_bytes(extra_headers=(("Connection", "close"),)) + failure.body
        )
    if call_in_progress.hold_call(call_in_progress.instruction.seconds) is not HoldEnding.DROPPED:
        call_in_progress.execute_call()
    call_in_progress.caller_connection.close()


@register_fault(
    "slow", "the ordinary answer, one byte every `seconds` (default 1)", "happens", option_names=SECONDS_OPTION_NAMES
)
def answer_slowly(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    pause = 1.0 if call_in_progress.instruction.seconds is None else call_in_progress.instruction.seconds
    call_in_progress.caller_connection.write(reply.make_head_bytes())
    for n in range(len(reply.body)):
        if not call_in_progress.caller_connection.write(reply.body[n : n + 1]) or not call_in_progress.pause(pause):
            break
    call_in_progress.caller_connection.close()


@register_fault("truncate", "a body shorter than its Content-Length", "happens")
def answer_truncated_body(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.send_and_close(reply.make_head_bytes(), reply.body[: len(reply.body) // 2])


@register_fault("chunked_cut", "a chunked body that ends in the middle of a chunk", "happens")
def answer_with_cut_chunk(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    first_half = reply.body[: len(reply.body) // 2]
    call_in_progress.send_and_close(
        reply.make_head_bytes(-1, extra_headers=(("Transfer-Encoding", "chunked"),)),
        b"%x\r\n" % len(reply.body),
        first_half,
    )


@register_fault("answer_twice", "the ordinary answer two times over", "happens")
def answer_twice(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.send_reply(reply)
    call_in_progress.send_and_close(reply.make_head_bytes(), reply.body)


@register_fault("garbage", "bytes that are no HTTP", "happens")
def answer_with_garbage(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.send_and_close(b"\x15\x03\x01\x00\x02\x02\x0a this is not HTTP\r\n\r\n")


@register_fault("redirect", "302 to another address (`to`)", "nothing", option_names=("to",))
def answer_redirect(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(_make_redirect_reply(call_in_progress))


@register_fault("redirect_after_charge", "302 to another address (`to`)", "happens", option_names=("to",))
def answer_redirect_after_charge(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.send_reply(_make_redirect_reply(call_in_progress))


@register_fault(
    "refresh_lost", "the connection closes without a byte, although the tokens have rotated", "happens", TOKEN_CALLS
)
def lose_token_answer(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.caller_connection.close()


def _make_status_reply(call_in_progress: CallInProgress) -> HttpReply:
    code = int(call_in_progress.instruction.argument)
    reply = make_error_reply(code, f"simulated failure {code}")
    return (
        reply
        if call_in_progress.instruction.body is None
        else reply.replace_body(call_in_progress.instruction.body.encode())
    )


def _make_redirect_reply(call_in_progress: CallInProgress) -> HttpReply:
    return HttpReply(
        302, headers=(("Location", call_in_progress.instruction.redirect_target or REDIRECT_TARGET_PATH),)
    )
