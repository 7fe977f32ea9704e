"""Client of AlarmBox: buys credit checks by corporation number, one at a time, and reads them again by id."""

import json
from urllib.parse import quote

from console.domain.clock import Clock, TimeScale
from console.domain.provider_outcome import Outcome
from console.domain.records import CheckReport, PurchaseRequest, is_valid_credit_check_id
from console.providers.alarmbox.authorized_requests import AlarmBoxRequestSender
from console.providers.alarmbox.oauth import AlarmBoxConfig, AlarmBoxOAuth
from console.providers.alarmbox.pdf_extraction import LARGEST_PDF_BYTES
from console.providers.alarmbox.responses import (
    make_detail_converter,
    make_list_converter,
    make_pdf_converter,
    make_purchase_converter,
)
from console.providers.credit_checks.provider import CreditCheckCapabilities, PdfAnswer
from console.providers.credit_checks.tokens import TokenStore
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, make_unsent_outcome
from console.providers.http.transport import MEBIBYTE, HttpTransport

__all__ = ["PRODUCTION_URL", "AlarmBox", "AlarmBoxConfig", "AlarmBoxReader", "make_alarmbox_adapter"]

PRODUCTION_URL = "https://api.alarmbox.jp"
PURCHASE_READ_TIMEOUT_SECONDS = 30.0
PURCHASE_BUDGET_SECONDS = 45.0
"""Longest duration of the whole call of a purchase."""
READ_TIMEOUT_SECONDS = 60.0
READ_BUDGET_SECONDS = 90.0
"""Longest duration of a whole call that only reads."""
PDF_BUDGET_SECONDS = 120.0
"""Longest duration of the whole call that fetches a PDF."""
_CREDIT_CHECKS_PATH = "/ps/v1/credit_checks"
# Base64 needs 4/3 of the size; the rest is for the report fields and for a server that escapes each `/`.
_LARGEST_PDF_ANSWER_BYTES = LARGEST_PDF_BYTES * 4 // 3 + 5 * MEBIBYTE


class AlarmBoxReader:
    """Read-only calls to AlarmBox; this class has no call that buys. `finds_purchases` is True if, by the settings,
    AlarmBox offers a list of purchases."""

    name = "alarmbox"

    def __init__(self, sender: AlarmBoxRequestSender, *, finds_purchases: bool) -> None:
        self._sender = sender
        self._has_list_call = finds_purchases

    @property
    def capabilities(self) -> CreditCheckCapabilities:
        """The features of AlarmBox as a provider of credit checks, such as a report in PDF."""
        return CreditCheckCapabilities(
            identifies_by_number=True,
            gives_verdict=True,
            has_pdf=True,
            finds_purchases=self._has_list_call,
        )

    @property
    def oauth_calls(self) -> AlarmBoxOAuth:
        """The OAuth calls with which a person authorises this console at AlarmBox for the first time."""
        return self._sender.oauth

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        """Read the current report of a credit check by AlarmBox's id, and return the outcome with the report. If
        `credit_check_id` can't be an id of AlarmBox (it isn't from 1 to LARGEST_CREDIT_CHECK_ID), nothing is sent and
        the outcome has the reason `bad_id`."""
        if not is_valid_credit_check_id(credit_check_id):
            return make_unsent_outcome("bad_id", has_effect=False)
        request = _make_read_request(f"{_CREDIT_CHECKS_PATH}/{credit_check_id}", READ_BUDGET_SECONDS, MEBIBYTE)
        return self._sender.send(request, make_detail_converter(credit_check_id))

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        """Read the current report of a credit check together with its PDF, by AlarmBox's id. Return the outcome with
        the report and the PDF. If `credit_check_id` can't be an id of AlarmBox (it isn't from 1 to
        LARGEST_CREDIT_CHECK_ID), nothing is sent and the outcome has the reason `bad_id`."""
        if not is_valid_credit_check_id(credit_check_id):
            return make_unsent_outcome("bad_id", has_effect=False)
        path = f"{_CREDIT_CHECKS_PATH}/{credit_check_id}?with_pdf=true"
        request = _make_read_request(path, PDF_BUDGET_SECONDS, _LARGEST_PDF_ANSWER_BYTES)
        return self._sender.send(request, make_pdf_converter(credit_check_id))

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        """Read the list of purchases for a corporation number, and return the outcome with their reports. If the
        settings say that AlarmBox offers no list call, nothing is sent and the outcome has the reason `no_list_call`.
        """
        if not self._has_list_call:
            return make_unsent_outcome("no_list_call", has_effect=False)
        path = f"{_CREDIT_CHECKS_PATH}?corporation_number={quote(corporation_number, safe='')}"
        return self._sender.send(
            _make_read_request(path, READ_BUDGET_SECONDS, MEBIBYTE), make_list_converter(corporation_number)
        )


class AlarmBox(AlarmBoxReader):
    """All calls to AlarmBox, including the purchase. AlarmBox would charge a repeated purchase a second time. So
    `buy_check` repeats a request only if AlarmBox has answered it with status 401.
    """

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        """Buy a credit check and return the outcome. Raises no `Exception`: an error becomes an outcome."""
        try:
            http_request = _make_purchase_request(request)
        except Exception:  # the request couldn't be built, so nothing was sent
            return make_unsent_outcome("bad_request", has_effect=True)
        return self._sender.send(http_request, make_purchase_converter(request.corporation_number))

    def make_reader(self) -> AlarmBoxReader:
        """Return an adapter of AlarmBox without the call that buys."""
        return AlarmBoxReader(self._sender, finds_purchases=self._has_list_call)


def make_alarmbox_adapter(
    config: AlarmBoxConfig, *, tokens: TokenStore, rate_limiter: RateLimiter, clock: Clock, scale: TimeScale
) -> AlarmBox:
    """Return the adapter of AlarmBox for this configuration, without sending a request. `tokens` stores the adapter's
    access and refresh token. `rate_limiter` keeps the minimum time between two calls, `scale` divides the durations
    in tests. Raises ConsoleError `bad_profile` for an invalid URL.
    """
    transport = HttpTransport(config.base_url, clock=clock, scale=scale)
    sender = AlarmBoxRequestSender(config, tokens=tokens, rate_limiter=rate_limiter, transport=transport, clock=clock)
    return AlarmBox(sender, finds_purchases=config.finds_purchases)


def _make_purchase_request(request: PurchaseRequest) -> SingleRequest:
    """Return the HTTP request of a purchase. Fields without a value are left out; AlarmBox uses its defaults for
    them."""
    fields = {
        "corporation_number": request.corporation_number,
        "deal": request.deal,
        "purchase_reasons": list(request.reasons) or None,
        "purchase_reason_comment": request.comment or None,
    }
    body = json.dumps({k: v for k, v in fields.items() if v is not None}, ensure_ascii=False).encode("utf-8")
    return SingleRequest(
        "POST",
        _CREDIT_CHECKS_PATH,
        PURCHASE_READ_TIMEOUT_SECONDS,
        PURCHASE_BUDGET_SECONDS,
        MEBIBYTE,
        body=body,
        has_effect=True,
    )


def _make_read_request(path: str, budget_seconds: float, largest_answer_bytes: int) -> SingleRequest:
    """Return the HTTP request of a read. `budget_seconds` is the time budget of the whole call,
    `largest_answer_bytes` the size limit of the answer."""
    return SingleRequest("GET", path, READ_TIMEOUT_SECONDS, budget_seconds, largest_answer_bytes)
