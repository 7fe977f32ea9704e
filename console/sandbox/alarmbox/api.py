"""The HTTP API of the simulated AlarmBox, as AlarmBox describes it to its customers: OAuth 2.0, and purchase, detail,
PDF and list of credit checks.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from html import escape
from itertools import count
from threading import Lock
from typing import Protocol
from urllib.parse import urlencode

from console.sandbox.alarmbox import companies as content
from console.sandbox.alarmbox import pdf
from console.sandbox.alarmbox.ledger import ChargeLedger
from console.sandbox.alarmbox.oauth import TokenIssuer, TokenPair, make_oauth_refusal
from console.sandbox.environment.clock import SandboxClock, add_one_year
from console.sandbox.environment.credentials import OUT_OF_BAND_REDIRECT_URI
from console.sandbox.environment.settings import SandboxSettings
from console.sandbox.http.calls import ProviderCall, ProviderRoute, make_route
from console.sandbox.http.messages import (
    HttpReply,
    HttpRequest,
    JsonObject,
    RequestRefused,
    make_error_reply,
    make_json_reply,
)
from console.sandbox.rules.held_calls import HeldCalls

PROVIDER_NAME = "alarmbox"
FIRST_CREDIT_CHECK_ID = 100_001
PURCHASE_DEAL_CODES = (1, 2, 9)
PURCHASE_REASON_CODES = (1, 2, 3, 4, 9)
MAX_PURCHASE_COMMENT_LENGTH = 500


@dataclass(frozen=True, slots=True)
class StoredCreditCheck:
    """One credit check of the simulated AlarmBox, purchased by a request or registered through the control API.
    `revision` is the version number of its PDF. `corporation_number` is the corporation number, `company_name` the
    company's name; `result` is ok, hold or ng, None without a result. `purchase_day` and `last_valid_day` are days in
    Japan.
    """

    id: int
    corporation_number: str
    purchase_day: date
    last_valid_day: date
    company_name: str
    result: str | None
    revision: int = 1


class AlarmBoxState(Protocol):
    """The part of `SandboxState` that the simulated AlarmBox reads and changes."""

    clock: SandboxClock
    settings: SandboxSettings
    ledger: ChargeLedger
    tokens: TokenIssuer
    held_calls: HeldCalls


class SimulatedAlarmBox:
    """Routes and credit checks of the simulated AlarmBox. Several threads may use this object at the same time."""

    def __init__(self, state: AlarmBoxState) -> None:
        self._state = state
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Delete all credit checks; the next one gets the first id again."""
        with self._lock:
            self._check_ids = count(FIRST_CREDIT_CHECK_ID)
            self._checks: dict[int, StoredCreditCheck] = {}

    def list_routes(self) -> tuple[ProviderRoute, ...]:
        """Return the HTTP routes of the simulated AlarmBox."""
        return (
            make_route("GET", "/oauth/authorize", self._parse_authorize_call),
            make_route("POST", "/oauth/token", self._parse_token_call),
            make_route("POST", "/ps/v1/credit_checks", self._parse_purchase_call),
            make_route("GET", "/ps/v1/credit_checks", self._parse_list_call),
            make_route("GET", r"/ps/v1/credit_checks/([0-9]{1,18})", self._parse_detail_call),
        )

    # -- credit checks

    def register_check(self, fields: JsonObject) -> StoredCreditCheck:
        """Add a credit check as if another program had purchased it, and return it. The ledger records no charge. A
        credit check with the same id is replaced.

        Raises `KeyError` for a missing field, `ValueError` for an invalid field.
        """
        number = str(fields["corporation_number"])
        purchase_day = date.fromisoformat(fields.get("purchase_date") or self._state.clock.today().isoformat())
        expires = date.fromisoformat(fields.get("expiration_date") or add_one_year(purchase_day).isoformat())
        name = fields.get("corporation_name") or content.make_company_name(number)
        result = fields.get("result", content.get_credit_verdict(number))
        with self._lock:
            check_id = int(fields.get("credit_check_id") or self._find_next_free_check_id())
            check = StoredCreditCheck(
                check_id, number, purchase_day, expires, name, result, int(fields.get("revision", 1))
            )
            self._checks[check_id] = check
        return check

    def _purchase_check(self, corporation_number: str) -> StoredCreditCheck:
        """Create a credit check of the corporation number, record its charge in the ledger, and return it."""
        today = self._state.clock.today()
        with self._lock:
            check_id = self._find_next_free_check_id()
            check = StoredCreditCheck(
                check_id,
                corporation_number,
                today,
                add_one_year(today),
                content.make_company_name(corporation_number),
                content.get_credit_verdict(corporation_number),
            )
            self._checks[check_id] = check
        self._state.ledger.add_charge(check_id, PROVIDER_NAME, corporation_number, self._state.clock.now())
        self._state.held_calls.notify_waiters()
        return check

    def _find_next_free_check_id(self) -> int:
        return next(number for number in self._check_ids if number not in self._checks)

    def list_checks_of_number(self, corporation_number: str) -> list[StoredCreditCheck]:
        """Return the credit checks of a corporation number, newest first."""
        with self._lock:
            matching_checks = [
                check for check in self._checks.values() if check.corporation_number == corporation_number
            ]
        return sorted(matching_checks, key=lambda check: (check.purchase_day, check.id), reverse=True)

    # -- calls

    def _parse_authorize_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        query = request.query
        if query.get("response_type") != "code":
            raise make_oauth_refusal(400, "unsupported_response_type")
        redirect_uri = query.get("redirect_uri", OUT_OF_BAND_REDIRECT_URI)

        def redirect_to_caller() -> HttpReply:
            code = self._state.tokens.issue_code(query.get("client_id", ""), redirect_uri, query.get("scope", ""))
            return _make_authorization_code_reply(request, redirect_uri, code)

        return ProviderCall(PROVIDER_NAME, "authorize", redirect_to_caller)

    def _parse_token_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        if request.read_media_type() != "application/x-www-form-urlencoded":
            raise make_oauth_refusal(400, "invalid_request")
        token_request = request.read_form()

        def issue_tokens() -> HttpReply:
            token_pair = self._state.tokens.issue_token_pair(token_request)
            return replace(
                make_json_reply(self._state.tokens.make_token_answer(token_pair)),
                headers=(("Cache-Control", "no-store"),),
            )

        return ProviderCall(PROVIDER_NAME, "token", issue_tokens)

    def _parse_purchase_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        token_pair = self._require_token_pair(request)
        if "credit_check:create" not in token_pair.scope.split():
            raise RequestRefused(make_error_reply(403, "the scope credit_check:create is missing"))
        number = _read_requested_corporation_number(request)

        def purchase_check() -> HttpReply:
            check = self._purchase_check(number)
            return make_json_reply(
                {"credit_check": make_credit_check_fields(check)}, self._state.settings.purchase_status, check.id
            )

        return ProviderCall(PROVIDER_NAME, "purchase", purchase_check, number, access_token=token_pair.access_token)

    def _parse_detail_call(self, request: HttpRequest, match: re.Match[str]) -> ProviderCall | HttpReply:
        token_pair = self._require_token_pair(request)
        has_pdf = request.query.get("with_pdf") == "true"
        check = self._checks.get(int(match[1]))
        number = check.corporation_number if check else None
        act = self._make_detail_answer(check, has_pdf) if check else _make_not_found_reply
        return ProviderCall(
            PROVIDER_NAME, "pdf" if has_pdf else "detail", act, number, int(match[1]), token_pair.access_token
        )

    def _make_detail_answer(self, check: StoredCreditCheck, has_pdf: bool) -> Callable[[], HttpReply]:
        """Return the function that makes the answer with a credit check, with its PDF if `has_pdf`."""

        def answer_with_detail() -> HttpReply:
            is_expired = self._state.clock.today() > check.last_valid_day
            if is_expired and self._state.settings.answers_403_after_expiration:
                return make_error_reply(403, "閲覧期限が切れています")
            answer = make_credit_check_fields(check) | {
                "expired": is_expired,
                "infos": content.make_news_items(check.corporation_number, check.purchase_day),
            }
            if has_pdf:
                answer["pdf_file_data"] = base64.b64encode(_make_pdf_content(check)).decode("ascii")
            return make_json_reply({"credit_check": answer})

        return answer_with_detail

    def _parse_list_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        token_pair = self._require_token_pair(request)
        if not self._state.settings.offers_purchase_list:
            raise RequestRefused(make_error_reply(404, "no such address"))
        number = request.query.get("corporation_number", "")

        def answer_with_list() -> HttpReply:
            return make_json_reply(
                {"credit_checks": [make_credit_check_fields(check) for check in self.list_checks_of_number(number)]}
            )

        return ProviderCall(PROVIDER_NAME, "list", answer_with_list, number, access_token=token_pair.access_token)

    def _require_token_pair(self, request: HttpRequest) -> TokenPair:
        """Return the token pair of the request's access token. Raises `RequestRefused`, 401, without a valid
        token."""
        return self._state.tokens.require_valid_token(request.headers.get("authorization", ""))


def make_credit_check_fields(check: StoredCreditCheck) -> JsonObject:
    """Return the JSON fields of a credit check, as AlarmBox's answer to a purchase has them."""
    return {
        "credit_check_id": check.id,
        "purchase_date": check.purchase_day.isoformat(),
        "expiration_date": check.last_valid_day.isoformat(),
        "corporation_name": check.company_name,
        "corporation_number": check.corporation_number,
        "result": check.result,
    }


def _make_pdf_content(check: StoredCreditCheck) -> bytes:
    return pdf.make_report_pdf(
        check.corporation_number, check.id, check.revision, check.purchase_day.isoformat(), str(check.result)
    )


def _make_not_found_reply() -> HttpReply:
    return make_error_reply(404, "no such credit check")


def _read_requested_corporation_number(request: HttpRequest) -> str:
    """Return the corporation number of a purchase request.

    Raises `RequestRefused`, 400 or 422, for a request that AlarmBox would refuse.
    """
    if request.read_media_type() != "application/json":
        raise RequestRefused(make_error_reply(400, "Content-Type must be application/json"))
    body = request.read_json()
    number = body.get("corporation_number")
    reasons = body.get("purchase_reasons", [])
    comment = body.get("purchase_reason_comment", "")
    if not isinstance(number, str) or not re.fullmatch("[0-9]{13}", number):
        raise RequestRefused(make_error_reply(422, "corporation_number must be 13 digits"))
    if (
        body.get("deal", 1) not in PURCHASE_DEAL_CODES
        or not isinstance(reasons, list)
        or not all(reason in PURCHASE_REASON_CODES for reason in reasons)
    ):
        raise RequestRefused(make_error_reply(422, "deal or purchase_reasons is not in the table"))
    if not isinstance(comment, str) or len(comment) > MAX_PURCHASE_COMMENT_LENGTH:
        raise RequestRefused(make_error_reply(422, "purchase_reason_comment has at most 500 characters"))
    return number


def _make_authorization_code_reply(request: HttpRequest, redirect_uri: str, code: str) -> HttpReply:
    """Return the answer with the authorization code. For the redirect URI `OUT_OF_BAND_REDIRECT_URI` the answer is a
    page (JSON if the caller accepts JSON); for every other URI it is a redirect to `redirect_uri`.
    """
    if redirect_uri != OUT_OF_BAND_REDIRECT_URI:
        answer = {"code": code} | ({"state": request.query["state"]} if "state" in request.query else {})
        return HttpReply(
            302, headers=(("Location", f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"),)
        )
    if "json" in request.headers.get("accept", ""):
        return make_json_reply({"code": code})
    page = f"<!doctype html><title>AlarmBox (sandbox)</title><code id=authorization_code>{escape(code)}</code>"
    return HttpReply(200, page.encode(), "text/html; charset=utf-8")
