"""AlarmBox as its customers describe it: OAuth 2.0, buying a credit check, its detail, its PDF, a list."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from html import escape
from itertools import count
from threading import Lock
from urllib.parse import urlencode

from console.sandbox import content, pdf
from console.sandbox.calls import Call, Route, route
from console.sandbox.clock import a_year_after
from console.sandbox.credentials import OUT_OF_BAND
from console.sandbox.tokens import Pair, refusal
from console.sandbox.wire import JsonObject, Refused, Reply, Request, error_reply, json_reply
from console.sandbox.world import World

NAME = "alarmbox"
FIRST_ID = 100_001
DEALS = (1, 2, 9)
REASONS = (1, 2, 3, 4, 9)
COMMENT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Check:
    """One credit check that exists, bought here or told to the sandbox beforehand."""

    id: int
    number: str
    purchased: date
    expires: date
    name: str
    result: str | None
    revision: int = 1


class AlarmBox:
    """The provider's routes and what it has sold; safe to use from any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._ids = count(FIRST_ID)
            self._checks: dict[int, Check] = {}

    def routes(self) -> tuple[Route, ...]:
        return (
            route("GET", "/oauth/authorize", self._authorize),
            route("POST", "/oauth/token", self._token),
            route("POST", "/ps/v1/credit_checks", self._purchase),
            route("GET", "/ps/v1/credit_checks", self._list),
            route("GET", r"/ps/v1/credit_checks/([0-9]{1,18})", self._detail),
        )

    # What exists

    def know(self, given: JsonObject) -> Check:
        """Let a credit check exist that was not bought here; no charge. Raises `ValueError`, `KeyError`."""
        number = str(given["corporation_number"])
        purchased = date.fromisoformat(given.get("purchase_date") or self._world.clock.today().isoformat())
        expires = date.fromisoformat(given.get("expiration_date") or a_year_after(purchased).isoformat())
        name = given.get("corporation_name") or content.company_name(number)
        result = given.get("result", content.verdict(number))
        with self._lock:
            check_id = int(given.get("credit_check_id") or self._free_id())
            check = Check(check_id, number, purchased, expires, name, result, int(given.get("revision", 1)))
            self._checks[check_id] = check
        return check

    def _sell(self, number: str) -> Check:
        today = self._world.clock.today()
        with self._lock:
            check_id = self._free_id()
            check = Check(check_id, number, today, a_year_after(today), content.company_name(number),
                          content.verdict(number))  # fmt: skip
            self._checks[check_id] = check
        self._world.ledger.charge(check_id, NAME, number, self._world.clock.now())
        self._world.holds.ring()
        return check

    def _free_id(self) -> int:
        return next(number for number in self._ids if number not in self._checks)

    def of_number(self, number: str) -> list[Check]:
        """Newest first."""
        with self._lock:
            found = [check for check in self._checks.values() if check.number == number]
        return sorted(found, key=lambda check: (check.purchased, check.id), reverse=True)

    # Calls

    def _authorize(self, request: Request, _: re.Match[str]) -> Call | Reply:
        asked = request.query
        if asked.get("response_type") != "code":
            raise refusal(400, "unsupported_response_type")
        back = asked.get("redirect_uri", OUT_OF_BAND)

        def act() -> Reply:
            code = self._world.tokens.authorize(asked.get("client_id", ""), back, asked.get("scope", ""))
            return _code_answer(request, back, code)

        return Call(NAME, "authorize", act)

    def _token(self, request: Request, _: re.Match[str]) -> Call | Reply:
        if request.media_type() != "application/x-www-form-urlencoded":
            raise refusal(400, "invalid_request")
        form = request.form()

        def act() -> Reply:
            pair = self._world.tokens.exchange(form)
            return replace(json_reply(self._world.tokens.answer(pair)), headers=(("Cache-Control", "no-store"),))

        return Call(NAME, "token", act)

    def _purchase(self, request: Request, _: re.Match[str]) -> Call | Reply:
        pair = self._authorized(request)
        if "credit_check:create" not in pair.scope.split():
            raise Refused(error_reply(403, "the scope credit_check:create is missing"))
        number = _wanted_number(request)

        def act() -> Reply:
            check = self._sell(number)
            return json_reply(
                {"credit_check": purchase_answer(check)}, self._world.settings.purchase_status, check.id
            )

        return Call(NAME, "purchase", act, number, access=pair.access)

    def _detail(self, request: Request, match: re.Match[str]) -> Call | Reply:
        pair = self._authorized(request)
        with_pdf = request.query.get("with_pdf") == "true"
        check = self._checks.get(int(match[1]))
        number = check.number if check else None
        act = self._detail_of(check, with_pdf) if check else _missing
        return Call(NAME, "pdf" if with_pdf else "detail", act, number, int(match[1]), pair.access)

    def _detail_of(self, check: Check, with_pdf: bool) -> Callable[[], Reply]:
        def act() -> Reply:
            expired = self._world.clock.today() > check.expires
            if expired and self._world.settings.expired_is_forbidden:
                return error_reply(403, "閲覧期限が切れています")
            answer = purchase_answer(check) | {
                "expired": expired,
                "infos": content.infos(check.number, check.purchased),
            }
            if with_pdf:
                answer["pdf_file_data"] = base64.b64encode(_file(check)).decode("ascii")
            return json_reply({"credit_check": answer})

        return act

    def _list(self, request: Request, _: re.Match[str]) -> Call | Reply:
        pair = self._authorized(request)
        if not self._world.settings.list_call:
            raise Refused(error_reply(404, "no such address"))
        number = request.query.get("corporation_number", "")

        def act() -> Reply:
            return json_reply({"credit_checks": [purchase_answer(check) for check in self.of_number(number)]})

        return Call(NAME, "list", act, number, access=pair.access)

    def _authorized(self, request: Request) -> Pair:
        return self._world.tokens.check(request.headers.get("authorization", ""))


def purchase_answer(check: Check) -> JsonObject:
    return {
        "credit_check_id": check.id,
        "purchase_date": check.purchased.isoformat(),
        "expiration_date": check.expires.isoformat(),
        "corporation_name": check.name,
        "corporation_number": check.number,
        "result": check.result,
    }


def _file(check: Check) -> bytes:
    return pdf.report(check.number, check.id, check.revision, check.purchased.isoformat(), str(check.result))


def _missing() -> Reply:
    return error_reply(404, "no such credit check")


def _wanted_number(request: Request) -> str:
    """The corporation number of a purchase. Raises `Refused` for what AlarmBox would call invalid."""
    if request.media_type() != "application/json":
        raise Refused(error_reply(400, "Content-Type must be application/json"))
    wanted = request.json()
    number = wanted.get("corporation_number")
    reasons = wanted.get("purchase_reasons", [])
    comment = wanted.get("purchase_reason_comment", "")
    if not isinstance(number, str) or not re.fullmatch("[0-9]{13}", number):
        raise Refused(error_reply(422, "corporation_number must be 13 digits"))
    if (
        wanted.get("deal", 1) not in DEALS
        or not isinstance(reasons, list)
        or not all(reason in REASONS for reason in reasons)
    ):
        raise Refused(error_reply(422, "deal or purchase_reasons is not in the table"))
    if not isinstance(comment, str) or len(comment) > COMMENT_LIMIT:
        raise Refused(error_reply(422, "purchase_reason_comment has at most 500 characters"))
    return number


def _code_answer(request: Request, back: str, code: str) -> Reply:
    """Out of band the code is shown (as JSON where that is asked for); otherwise it travels in a redirect."""
    if back != OUT_OF_BAND:
        answer = {"code": code} | ({"state": request.query["state"]} if "state" in request.query else {})
        return Reply(302, headers=(("Location", f"{back}{'&' if '?' in back else '?'}{urlencode(answer)}"),))
    if "json" in request.headers.get("accept", ""):
        return json_reply({"code": code})
    page = f"<!doctype html><title>AlarmBox (sandbox)</title><code id=authorization_code>{escape(code)}</code>"
    return Reply(200, page.encode(), "text/html; charset=utf-8")
