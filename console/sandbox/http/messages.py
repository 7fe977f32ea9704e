"""What crosses the wire: a request as it was read, and a reply before it is written."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl

JsonObject = dict[str, Any]


def encode(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


class Refused(Exception):
    """The request is answered with this reply, without any effect."""

    def __init__(self, reply: "Reply") -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case, `connection` and `turn` say which one on which connection."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int = 0
    turn: int = 1

    def json(self) -> JsonObject:
        """The body as a JSON object; no body at all is an empty one."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refused(error_reply(400, "the body is not a JSON object"))
        return value

    def form(self) -> dict[str, str]:
        """The body as a form; `keep_blank_values`, so that an empty field is not taken for a missing one."""
        try:
            return dict(parse_qsl(self.body.decode("utf-8"), keep_blank_values=True))
        except ValueError:
            raise Refused(error_reply(400, "the body is not a form")) from None

    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `data` is what `encoder` made `body` from; `charge` names the ledger entry it tells about."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    data: JsonObject = field(default_factory=dict)
    charge: int | None = None
    encoder: Callable[[JsonObject], bytes] = encode

    def head(self, length: int | None = None, *, extra: tuple[tuple[str, str], ...] = ()) -> bytes:
        """Status line and headers; `length` other than the body's own is a lie that some faults tell."""
        size = len(self.body) if length is None else length
        lines = [
            f"HTTP/1.1 {self.status} {_phrase(self.status)}",
            f"Content-Type: {self.media_type}",
            *([f"Content-Length: {size}"] if size >= 0 else []),
            *(f"{name}: {value}" for name, value in (*self.headers, *extra)),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def altered(self, change: Callable[[JsonObject], None]) -> "Reply":
        """The same answer with changed contents; it no longer counts as the delivery of its charge."""
        data = deepcopy(self.data)
        change(data)
        return replace(self, data=data, body=self.encoder(data), charge=None)

    def with_body(self, body: bytes) -> "Reply":
        """The same answer with other bytes; it no longer counts as the delivery of its charge."""
        return replace(self, body=body, charge=None)


class Wire(Protocol):
    """The caller's connection, as a fault sees it."""

    def write(self, data: bytes) -> bool:
        """Send bytes as they are; False when the caller has gone."""
        ...

    def close(self) -> None:
        """Close the connection in good order after what was written."""
        ...

    def reset(self) -> None:
        """Tear the connection down: the caller sees it reset."""
        ...

    def caller_gone(self) -> bool:
        """Whether the caller has closed its side."""
        ...


def json_reply(data: JsonObject, status: int = 200, charge: int | None = None) -> Reply:
    return Reply(status, encode(data), data=data, charge=charge)


def error_reply(status: int, message: str, **more: object) -> Reply:
    return json_reply({"message": message, **more}, status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
