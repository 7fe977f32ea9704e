"""HTTP messages of the sandbox: a received request, and an answer before it is written."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl

JsonObject = dict[str, Any]


def encode_json(data: object) -> bytes:
    """Return the data as JSON without blanks, in UTF-8."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


class RequestRefused(Exception):
    """The simulated provider refuses the request: the request has no effect and is answered with `reply`."""

    def __init__(self, reply: "HttpReply") -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One received HTTP request; `query` has the parameters of its URL, and header names are in lower case.
    `connection_number` is the number of the connection, `request_number` the number of the request within the
    connection.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection_number: int = 0
    request_number: int = 1

    def read_json(self) -> JsonObject:
        """Return the body as a JSON object; an empty body is an empty object.

        Raises `RequestRefused`, 400, for any other body.
        """
        try:
            json_value = json.loads(self.body or b"{}")
        except ValueError:
            json_value = None
        if not isinstance(json_value, dict):
            raise RequestRefused(make_error_reply(400, "the body is not a JSON object"))
        return json_value

    def read_form(self) -> dict[str, str]:
        """Return the fields of a body that is a form. Fields with an empty value are included, so that they differ
        from missing ones.

        Raises `RequestRefused`, 400, for a body that isn't a form.
        """
        try:
            return dict(parse_qsl(self.body.decode("utf-8"), keep_blank_values=True))
        except ValueError:
            raise RequestRefused(make_error_reply(400, "the body is not a form")) from None

    def read_media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One HTTP answer. `data` is the content of `body` before encoding; `encoder` encodes it again after a fault has
    changed it. `ledger_entry_id` is the id of the charge or refund in the sandbox's ledger that the answer reports.
    It is None if the answer reports none, or if a simulated fault has changed the answer.
    """

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    data: JsonObject = field(default_factory=dict)
    ledger_entry_id: int | None = None
    encoder: Callable[[JsonObject], bytes] = encode_json

    def make_head_bytes(
        self, content_length: int | None = None, *, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> bytes:
        """Return the status line and the headers, with the headers `extra_headers` at the end. `content_length` is
        the Content-Length in bytes; None: the body's length. Some faults pass another length; with a negative length
        there is no Content-Length.
        """
        size = len(self.body) if content_length is None else content_length
        lines = [
            f"HTTP/1.1 {self.status} {_get_status_phrase(self.status)}",
            f"Content-Type: {self.media_type}",
            *([f"Content-Length: {size}"] if size >= 0 else []),
            *(f"{name}: {value}" for name, value in (*self.headers, *extra_headers)),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def change_data(self, change: Callable[[JsonObject], None]) -> "HttpReply":
        """Return this answer with its data changed by `change`, as a simulated fault. The result has no
        `ledger_entry_id`, because the answer no longer reports the ledger entry correctly."""
        data = deepcopy(self.data)
        change(data)
        return replace(self, data=data, body=self.encoder(data), ledger_entry_id=None)

    def replace_body(self, body: bytes) -> "HttpReply":
        """Return this answer with `body` as its body, as a simulated fault. The result has no `ledger_entry_id`,
        because the answer no longer reports the ledger entry correctly."""
        return replace(self, body=body, ledger_entry_id=None)


class CallerConnection(Protocol):
    """The connection to the caller, with the methods that faults use."""

    def write(self, data: bytes) -> bool:
        """Write these bytes unchanged to the caller. Return False if the caller has disconnected."""
        ...

    def close(self) -> None:
        """Close the connection after the written bytes were sent."""
        ...

    def reset(self) -> None:
        """Reset the connection (TCP RST)."""
        ...

    def is_caller_disconnected(self) -> bool:
        """Return True if the caller has closed its side of the connection."""
        ...


def make_json_reply(data: JsonObject, status: int = 200, ledger_entry_id: int | None = None) -> HttpReply:
    """Return an answer with the HTTP status `status` and the value `data` as JSON; `ledger_entry_id` is the id of the
    ledger entry that the answer reports."""
    return HttpReply(status, encode_json(data), data=data, ledger_entry_id=ledger_entry_id)


def make_error_reply(status: int, message: str, **more_fields: object) -> HttpReply:
    """Return an error answer with this HTTP status: JSON with `message` and the fields of `more_fields`."""
    return make_json_reply({"message": message, **more_fields}, status)


def _get_status_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
