"""HTTP messages: a received request, and an answer before it is written."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl

JsonObject = dict[str, Any]


def encode_json(data: object) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


class RequestRefused(Exception):
    """The provider refuses the request: it has no effect and is answered with `reply`."""

    def __init__(self, reply: "HttpReply") -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; header names are in lower case. `connection` numbers the connections, `turn` the requests of a
    connection.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int = 0
    turn: int = 1

    def read_json(self) -> JsonObject:
        """Return the body as a JSON object; an empty body is an empty object.

        Raises `RequestRefused`.
        """
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise RequestRefused(error_reply(400, "the body is not a JSON object"))
        return value

    def read_form(self) -> dict[str, str]:
        """Return the body as a form. A field that is empty stays in it, to distinguish it from a missing one.

        Raises `RequestRefused`.
        """
        try:
            return dict(parse_qsl(self.body.decode("utf-8"), keep_blank_values=True))
        except ValueError:
            raise RequestRefused(error_reply(400, "the body is not a form")) from None

    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer. `encoder` has made `body` from `data`. `charge` is the ledger entry that the answer reports; None
    if it reports none or isn't the correct answer.
    """

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    data: JsonObject = field(default_factory=dict)
    charge: int | None = None
    encoder: Callable[[JsonObject], bytes] = encode_json

    def head_bytes(self, length: int | None = None, *, extra: tuple[tuple[str, str], ...] = ()) -> bytes:
        """Return status line and headers. Some faults pass a `length` (bytes) other than the body's; with a negative
        one there is no Content-Length.
        """
        size = len(self.body) if length is None else length
        lines = [
            f"HTTP/1.1 {self.status} {_status_phrase(self.status)}",
            f"Content-Type: {self.media_type}",
            *([f"Content-Length: {size}"] if size >= 0 else []),
            *(f"{name}: {value}" for name, value in (*self.headers, *extra)),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def with_changed_data(self, change: Callable[[JsonObject], None]) -> "HttpReply":
        """Return the answer with contents that `change` has changed. It isn't the correct answer any more, so it has
        no `charge`.
        """
        data = deepcopy(self.data)
        change(data)
        return replace(self, data=data, body=self.encoder(data), charge=None)

    def with_body(self, body: bytes) -> "HttpReply":
        """Return the answer with another body. It isn't the correct answer any more, so it has no `charge`."""
        return replace(self, body=body, charge=None)


class ReplyWire(Protocol):
    """The connection to the caller, as faults use it."""

    def write(self, data: bytes) -> bool:
        """Write bytes unchanged. Return False if the caller has disconnected."""
        ...

    def close(self) -> None:
        """Close the connection after the written bytes are sent."""
        ...

    def reset(self) -> None:
        """Reset the connection (TCP RST)."""
        ...

    def is_caller_disconnected(self) -> bool:
        """Return True if the caller has closed its side."""
        ...


def json_reply(data: JsonObject, status: int = 200, charge: int | None = None) -> HttpReply:
    """Return a JSON answer; `charge` is the ledger entry that it reports."""
    return HttpReply(status, encode_json(data), data=data, charge=charge)


def error_reply(status: int, message: str, **more: object) -> HttpReply:
    """Return an error answer of this HTTP status: JSON with `message` and the fields of `more`."""
    return json_reply({"message": message, **more}, status)


def _status_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
