"""Malformed and hostile messages to a receiver of notices, by kind, with the correct answer to each kind."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ANSWER_REFUSED, ANSWER_CHANNEL_END, ANSWER_ALIVE = "refused", "channel", "alive"
"""The three correct answers: the refusal; the end of a WebSocket without a valid token; the answer to the health
check.
"""
_BODY_OVER_LIMIT_BYTES = (1 << 20) + 1
_HEAD_FORMAT = b"%b %b HTTP/1.1\r\nhost: receiver.example\r\n"
_POST_HEAD = _HEAD_FORMAT % (b"POST", b"/notices/bank")
_SIGNATURE_HEADER = b"x-notice-signature: t=1790000000,v1=" + b"0" * 64 + b"\r\n"
_UPGRADE_REQUEST = (
    _HEAD_FORMAT % (b"GET", b"/live") + b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
_HEALTH_REQUEST = _HEAD_FORMAT % (b"GET", b"/healthz") + b"\r\n"
_WRONG_TOKEN = b"\x81\x85\0\0\0\0wrong"
"""A text frame of a WebSocket with a wrong token; its mask is zero."""


@dataclass(frozen=True, slots=True)
class MalformedMessage:
    """One malformed message: its kind, the bytes `sent_bytes` that are sent on a connection of their own, and the
    correct answer. With `closes_connection` the sender then closes its side of the connection.
    """

    kind: str
    sent_bytes: bytes
    answer: str = ANSWER_REFUSED
    closes_connection: bool = False


def _make_random_bytes(chance: random.Random, longest: int = 400) -> bytes:
    return chance.randbytes(chance.randint(1, longest))


def _make_path(chance: random.Random) -> bytes:
    return b"/" + b"/".join(b"%x" % chance.getrandbits(24) for _ in range(chance.randint(1, 4)))


def _make_request(body: bytes, *headers: bytes) -> bytes:
    return _POST_HEAD + b"".join(headers) + b"content-length: %d\r\n\r\n" % len(body) + body


def _make_chunks(*chunks: bytes) -> bytes:
    return (
        _POST_HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks)
    )


_MAKE_BYTES_BY_KIND: Mapping[str, Callable[[random.Random], bytes]] = {
    "path": lambda chance: _HEAD_FORMAT % (b"GET", _make_path(chance)) + b"\r\n",
    "method": lambda chance: _HEAD_FORMAT % (chance.choice((b"PUT", b"BREW", b"TRACE")), b"/notices/bank") + b"\r\n",
    "signature": lambda chance: _make_request(b'{"event_id": "%d"}' % chance.getrandbits(40), _SIGNATURE_HEADER),
    "no signature": lambda chance: _make_request(_make_random_bytes(chance)),
    "source": lambda chance: (_HEAD_FORMAT % (b"POST", b"/notices/%x" % chance.getrandbits(24))) + b"\r\n",
    "bad JSON": lambda chance: (
        (_HEAD_FORMAT % (b"POST", b"/webhooks/paypay")) + b'content-length: 9\r\n\r\n{"state":'
    ),
    "deep JSON": lambda chance: (
        (_HEAD_FORMAT % (b"POST", b"/webhooks/paypay")) + b"content-length: 20000\r\n\r\n" + b"[" * 20_000
    ),
    "seal": lambda chance: (
        (_HEAD_FORMAT % (b"POST", b"/callbacks/atom"))
        + b"content-length: 264\r\n\r\nencData="
        + chance.randbytes(128).hex().encode()
    ),
    "said to be large": lambda chance: (
        _POST_HEAD + b"content-length: %d\r\n\r\n" % chance.randint(_BODY_OVER_LIMIT_BYTES, 1 << 40)
    ),
    "large": lambda chance: _make_request(b"x" * (_BODY_OVER_LIMIT_BYTES + chance.randint(0, 4_096))),
    "large in chunks": lambda chance: _make_chunks(*[b"x" * 65_536] * 17),
    "bad chunks": lambda chance: (
        _POST_HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + _make_random_bytes(chance)
    ),
    "length and chunks": lambda chance: (
        _POST_HEAD + b"content-length: 4\r\n" + _make_chunks(b"abcd")[len(_POST_HEAD) :] + b"0\r\n\r\n"
    ),
    "two lengths": lambda chance: _POST_HEAD + b"content-length: 0\r\ncontent-length: 4\r\n\r\nabcd",
    "more than it said": lambda chance: _make_request(b"{}") + _make_random_bytes(chance),
    "pipelined": lambda chance: _make_request(b"{}", _SIGNATURE_HEADER) * chance.randint(2, 20),
    "HTTP/0.9": lambda chance: b"GET " + _make_path(chance) + b"\r\n\r\n",
    "HTTP/2": lambda chance: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
    "TLS": lambda chance: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(64) + b"\r\n\r\n",
    "many headers": lambda chance: _POST_HEAD + b"".join(b"x-%d: y\r\n" % n for n in range(4_000)) + b"\r\n",
    "long header": lambda chance: _POST_HEAD + b"x: " + b"y" * 20_000 + b"\r\n\r\n",
    "nulls in the head": lambda chance: _HEAD_FORMAT % (b"GET", b"/\0\0") + b"x\0: y\r\n\r\n",
    "nulls in the body": lambda chance: _make_request(b"\0" * 1_000, _SIGNATURE_HEADER),
    "packed": lambda chance: _make_request(_make_random_bytes(chance), b"content-encoding: gzip\r\n"),
    "noise": lambda chance: b"\xff" + _make_random_bytes(chance) + b"\r\n\r\n",
    "no handshake": lambda chance: _UPGRADE_REQUEST.replace(b"/live", b"/notices/bank") + b"\r\n",
}
_MAKE_MESSAGE_BY_OTHER_KIND: Mapping[str, Callable[[random.Random], MalformedMessage]] = {
    "less than it said": lambda chance: MalformedMessage(
        "less than it said", _make_request(b"{}" * 40)[:-3], closes_connection=True
    ),
    "wrong token": lambda chance: MalformedMessage(
        "wrong token",
        _UPGRADE_REQUEST + b"authorization: Bearer %x\r\n\r\n" % chance.getrandbits(99),
        ANSWER_CHANNEL_END,
    ),
    "token at once": lambda chance: MalformedMessage("token at once", _UPGRADE_REQUEST + b"\r\n" + _WRONG_TOKEN),
    "health": lambda chance: MalformedMessage(
        "health", _HEALTH_REQUEST * 3 + _HEALTH_REQUEST[:-2] + b"connection: close\r\n\r\n", ANSWER_ALIVE
    ),
}
KIND_NAMES = (*_MAKE_BYTES_BY_KIND, *_MAKE_MESSAGE_BY_OTHER_KIND)


def make_message(name: str, chance: random.Random) -> MalformedMessage:
    """Return a message of the kind `name`. The random generator `chance` chooses the random parts of the message."""
    return (
        MalformedMessage(name, _MAKE_BYTES_BY_KIND[name](chance))
        if name in _MAKE_BYTES_BY_KIND
        else _MAKE_MESSAGE_BY_OTHER_KIND[name](chance)
    )
