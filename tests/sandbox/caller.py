"""A plain HTTP client for tests of the sandbox: it opens a connection for each call, follows no redirect and repeats
no request.
"""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from console.sandbox import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Sandbox
from console.sandbox.http.messages import JsonObject

CORPORATION_NUMBER = "1180301018771"
OTHER_CORPORATION_NUMBER = "7123456789012"
FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer of the sandbox."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.body)
        return fields

    @property
    def credit_check(self) -> dict[str, Any]:
        """The JSON fields of the credit check in the answer."""
        fields: dict[str, Any] = self.data["credit_check"]
        return fields


class Caller:
    """An HTTP client of one sandbox; `timeout_seconds` is the timeout of each read, in seconds."""

    def __init__(self, sandbox: Sandbox, timeout_seconds: float = 60.0) -> None:
        self.port = sandbox.port
        self.timeout_seconds = timeout_seconds
        self.access = ""

    def call_by_name(self, call: str, check_id: int) -> Answer:
        """Make the call with this name, about the default corporation number of the tests or about the credit check
        `check_id`."""
        method_by_call: dict[str, Callable[[], Answer]] = {
            "token": self.request_token,
            "purchase": self.buy_check,
            "detail": lambda: self.read_detail(check_id),
            "pdf": lambda: self.read_pdf(check_id),
            "list": self.list_checks,
        }
        return method_by_call[call]()

    def send_request(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_seconds)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            with connection.getresponse() as answer:
                named = {name.lower(): text for name, text in answer.getheaders()}
                return Answer(answer.status, named, answer.read())
        finally:
            connection.close()

    def request_token(self, refresh_token: str = REFRESH_TOKEN, **form: str) -> Answer:
        default_fields = {
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": refresh_token,
        }
        return self.send_request(
            "POST", "/oauth/token", urlencode(default_fields | form), Content_Type=FORM_CONTENT_TYPE
        )

    def authorize(self) -> "Caller":
        """Get an access token for this client, and return the client."""
        self.access = self.request_token().data["access_token"]
        return self

    def buy_check(
        self, number: str = CORPORATION_NUMBER, *, access: str | None = None, fields: JsonObject | None = None
    ) -> Answer:
        body = json.dumps({"corporation_number": number, **(fields or {})})
        return self.send_request(
            "POST",
            "/ps/v1/credit_checks",
            body,
            Authorization=f"Bearer {access or self.access}",
            Content_Type="application/json",
        )

    def read_checks(self, path: str, access: str | None = None, **headers: str) -> Answer:
        bearer = f"Bearer {access or self.access}"
        return self.send_request("GET", f"/ps/v1/credit_checks{path}", Authorization=bearer, **headers)

    def read_detail(self, check_id: int) -> Answer:
        return self.read_checks(f"/{check_id}")

    def read_pdf(self, check_id: int) -> Answer:
        return self.read_checks(f"/{check_id}?with_pdf=true")

    def list_checks(self, number: str = CORPORATION_NUMBER) -> Answer:
        return self.read_checks(f"?corporation_number={number}")
