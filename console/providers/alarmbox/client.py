"""AlarmBox: credit checks by corporation number, bought one by one, read again by id."""

import json
from urllib.parse import quote

from console.domain.clock import Clock, TimeScale
from console.domain.outcomes import Outcome
from console.domain.records import CheckReport, PurchaseRequest
from console.providers.alarmbox_answers import LARGEST_ID, judge_detail, judge_list, judge_pdf, judge_purchase
from console.providers.alarmbox_line import AlarmBoxLine
from console.providers.alarmbox_oauth import AlarmBoxConfig, AlarmBoxOAuth
from console.providers.asking import Question, never_sent
from console.providers.pdf_field import LARGEST_PDF_BYTES
from console.providers.protocol import Capabilities, PdfAnswer, RateGate, TokenKeeper
from console.providers.transport import MEBIBYTE, HttpTransport

__all__ = ["PRODUCTION_URL", "AlarmBox", "AlarmBoxConfig", "AlarmBoxReader", "open_alarmbox"]

PRODUCTION_URL = "https://api.alarmbox.jp"
PURCHASE_READ_TIMEOUT_SECONDS = 30.0
PURCHASE_BUDGET_SECONDS = 45.0
READ_TIMEOUT_SECONDS = 60.0
READ_BUDGET_SECONDS = 90.0
PDF_BUDGET_SECONDS = 120.0
_CHECKS = "/ps/v1/credit_checks"
# Base64 takes 4/3; the rest is for the report around the file and for a server that escapes `/`.
_LARGEST_PDF_ANSWER_BYTES = LARGEST_PDF_BYTES * 4 // 3 + 5 * MEBIBYTE


class AlarmBoxReader:
    """The reading half; it has no way to buy."""

    name = "alarmbox"

    def __init__(self, line: AlarmBoxLine, *, find_purchases: bool) -> None:
        self._line = line
        self._finds = find_purchases

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            by_number=True,
            synchronous=True,
            verdict=True,
            pdf=True,
            idempotent=False,
            finds_purchases=self._finds,
        )

    @property
    def oauth(self) -> AlarmBoxOAuth:
        """For the first authorisation, by a person."""
        return self._line.oauth

    def detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        """The report as it is now."""
        if not _fits(credit_check_id):
            return never_sent("bad_id", buys=False)
        question = _read(f"{_CHECKS}/{credit_check_id}", READ_BUDGET_SECONDS, MEBIBYTE)
        return self._line.ask(question, judge_detail(credit_check_id))

    def pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        """The report with its file."""
        if not _fits(credit_check_id):
            return never_sent("bad_id", buys=False)
        path = f"{_CHECKS}/{credit_check_id}?with_pdf=true"
        question = _read(path, PDF_BUDGET_SECONDS, _LARGEST_PDF_ANSWER_BYTES)
        return self._line.ask(question, judge_pdf(credit_check_id))

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        """What was bought for this number, if the deployment has the list call."""
        if not self._finds:
            return never_sent("no_list_call", buys=False)
        path = f"{_CHECKS}?corporation_number={quote(corporation_number, safe='')}"
        return self._line.ask(_read(path, READ_BUDGET_SECONDS, MEBIBYTE), judge_list(corporation_number))


class AlarmBox(AlarmBoxReader):
    """The whole vendor. A repeat would be a second purchase: `check` sends at most one that can count."""

    def check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        """Buy; never raises an Exception."""
        try:
            question = _purchase(request)
        except Exception:  # whatever is wrong with a request that was never made, nothing was bought
            return never_sent("bad_request", buys=True)
        return self._line.ask(question, judge_purchase(request.corporation_number))

    def reader(self) -> AlarmBoxReader:
        """The same vendor, unable to buy."""
        return AlarmBoxReader(self._line, find_purchases=self._finds)


def open_alarmbox(
    config: AlarmBoxConfig, *, tokens: TokenKeeper, gate: RateGate, clock: Clock, scale: TimeScale
) -> AlarmBox:
    """AlarmBox as configured; raises ConsoleError `bad_profile` for an unfit URL. Nothing is sent yet."""
    transport = HttpTransport(config.base_url, clock=clock, scale=scale)
    line = AlarmBoxLine(config, tokens=tokens, gate=gate, transport=transport, clock=clock)
    return AlarmBox(line, find_purchases=config.find_purchases)


def _purchase(request: PurchaseRequest) -> Question:
    """Only what was given is sent: the provider has defaults of its own."""
    asked = {
        "corporation_number": request.corporation_number,
        "deal": request.deal,
        "purchase_reasons": list(request.reasons) or None,
        "purchase_reason_comment": request.comment or None,
    }
    body = json.dumps({k: v for k, v in asked.items() if v is not None}, ensure_ascii=False).encode("utf-8")
    return Question(
        "POST",
        _CHECKS,
        PURCHASE_READ_TIMEOUT_SECONDS,
        PURCHASE_BUDGET_SECONDS,
        MEBIBYTE,
        body=body,
        buys=True,
    )


def _read(path: str, budget: float, limit: int) -> Question:
    return Question("GET", path, READ_TIMEOUT_SECONDS, budget, limit)


def _fits(credit_check_id: int) -> bool:
    return not isinstance(credit_check_id, bool) and 1 <= credit_check_id <= LARGEST_ID
