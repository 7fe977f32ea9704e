"""Faults of the line: connections that break, answers that stop, and charges that nobody hears of."""

from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import TOKEN, fault
from console.sandbox.holds import Ending
from console.sandbox.wire import Reply, error_reply

ELSEWHERE = "/elsewhere"
LATE = ("seconds",)


@fault("refuse", "the connection closes without a byte", "nothing")
def refuse(x: Exchange) -> None:
    x.wire.close()


@fault("close_after_charge", "the connection closes without a byte", "happens")
def close_after_charge(x: Exchange) -> None:
    x.act()
    x.wire.close()


@fault("reset", "connection reset", "nothing")
def reset(x: Exchange) -> None:
    x.wire.reset()


@fault("reset_after_charge", "connection reset", "happens")
def reset_after_charge(x: Exchange) -> None:
    x.act()
    x.wire.reset()


@fault("reset_mid_body", "status, half of the body, then connection reset", "happens")
def reset_mid_body(x: Exchange) -> None:
    reply = x.act()
    x.wire.write(reply.head() + reply.body[: len(reply.body) // 2])
    # A reset overtakes what the caller has not read yet; it should see the half first.
    x.pause(0.05)
    x.wire.reset()


@fault("status", "that status; 400, 401, 403, 404, 422, 429, 500, 502, 503 …", "nothing",
       argument="required", options=("body", "seconds"))  # fmt: skip
def status(x: Exchange) -> None:
    x.pause(x.order.seconds or 0.0)
    x.send(_failure(x))


@fault("status_after_charge", "that status", "happens", argument="required", options=("body",))
def status_after_charge(x: Exchange) -> None:
    x.act()
    x.send(_failure(x))


@fault("hang", "no answer; after a release, or `seconds`, the ordinary one", "when released", options=LATE)
def hang(x: Exchange) -> None:
    if x.hold(x.order.seconds) is Ending.DROPPED or x.wire.caller_gone():
        x.wire.close()
    else:
        x.send(x.act())


@fault("hang_after_charge", "no answer; after a release, or `seconds`, the ordinary one", "happens", options=LATE)
def hang_after_charge(x: Exchange) -> None:
    reply = x.act()
    if x.hold(x.order.seconds) is Ending.DROPPED:
        x.wire.close()
    else:
        x.send(reply)


@fault("late_charge", "no answer, or that status at once; charged after `seconds` or a release", "late",
       argument="optional", options=LATE)  # fmt: skip
def late_charge(x: Exchange) -> None:
    if x.order.argument:
        failure = _failure(x)
        x.send_and_close(failure.head(extra=(("Connection", "close"),)) + failure.body)
    if x.hold(x.order.seconds) is not Ending.DROPPED:
        x.act()
    x.wire.close()


@fault("slow", "the ordinary answer, one byte every `seconds` (default 1)", "happens", options=LATE)
def slow(x: Exchange) -> None:
    reply = x.act()
    pause = 1.0 if x.order.seconds is None else x.order.seconds
    x.wire.write(reply.head())
    for n in range(len(reply.body)):
        if not x.wire.write(reply.body[n : n + 1]) or not x.pause(pause):
            break
    x.wire.close()


@fault("truncate", "a body shorter than its Content-Length", "happens")
def truncate(x: Exchange) -> None:
    reply = x.act()
    x.send_and_close(reply.head(), reply.body[: len(reply.body) // 2])


@fault("chunked_cut", "a chunked body that ends in the middle of a chunk", "happens")
def chunked_cut(x: Exchange) -> None:
    reply = x.act()
    half = reply.body[: len(reply.body) // 2]
    x.send_and_close(reply.head(-1, extra=(("Transfer-Encoding", "chunked"),)), b"%x\r\n" % len(reply.body), half)


@fault("answer_twice", "the ordinary answer two times over", "happens")
def answer_twice(x: Exchange) -> None:
    reply = x.act()
    x.send(reply)
    x.send_and_close(reply.head(), reply.body)


@fault("garbage", "bytes that are no HTTP", "happens")
def garbage(x: Exchange) -> None:
    x.act()
    x.send_and_close(b"\x15\x03\x01\x00\x02\x02\x0a this is not HTTP\r\n\r\n")


@fault("redirect", "302 to another address (`to`)", "nothing", options=("to",))
def redirect(x: Exchange) -> None:
    x.send(_moved(x))


@fault("redirect_after_charge", "302 to another address (`to`)", "happens", options=("to",))
def redirect_after_charge(x: Exchange) -> None:
    x.act()
    x.send(_moved(x))


@fault("refresh_lost", "the connection closes without a byte, although the tokens have rotated", "happens", TOKEN)
def refresh_lost(x: Exchange) -> None:
    x.act()
    x.wire.close()


def _failure(x: Exchange) -> Reply:
    code = int(x.order.argument)
    reply = error_reply(code, f"simulated failure {code}")
    return reply if x.order.body is None else reply.with_body(x.order.body.encode())


def _moved(x: Exchange) -> Reply:
    return Reply(302, headers=(("Location", x.order.to or ELSEWHERE),))
