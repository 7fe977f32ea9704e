"""A second, minimal provider of credit checks for tests: it searches by company name, answers with a number of
articles, and has no PDF.

It shares no code with AlarmBox's adapter but fulfils the same contract, which shows that a new provider needs only
one new module.
"""

import json
from collections.abc import Callable

from console.domain.provider_outcome import Outcome
from console.domain.records import CheckReport, PurchaseRequest
from console.providers.credit_checks.provider import CreditCheckCapabilities, PdfAnswer
from console.providers.http.answer_outcomes import (
    PURCHASE_STATUS_CLASSES,
    READ_STATUS_CLASSES,
    AnswerConverter,
    UnusableAnswer,
    make_answer_converter,
)
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, make_unsent_outcome, send_once
from console.providers.http.strict_json import parse_json_object
from console.providers.http.transport import HttpTransport


class ArticleCountReader:
    """The reading part of the provider ArticleCountProvider; it can't buy."""

    name = "article-count"
    capabilities = CreditCheckCapabilities(
        identifies_by_number=False, gives_verdict=False, has_pdf=False, finds_purchases=False
    )

    def __init__(
        self, transport: HttpTransport, rate_limiter: RateLimiter, key: str, name_of: Callable[[str], str | None]
    ) -> None:
        self._transport = transport
        self._rate_limiter = rate_limiter
        self._key = key
        self._name_of = name_of

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        question = SingleRequest(
            "GET", f"/api/searches/{credit_check_id}", read_timeout_seconds=10.0, budget_seconds=15.0
        )
        return self._send_question(question, make_answer_converter(READ_STATUS_CLASSES, _read_report))

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        return make_unsent_outcome("not_supported", has_effect=False)

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        return make_unsent_outcome("no_list_call", has_effect=False)

    def _send_question(self, question: SingleRequest, judge: AnswerConverter[CheckReport]) -> Outcome[CheckReport]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        return send_once(self._transport, self._rate_limiter, question, judge, headers=headers, secrets=(self._key,))


class ArticleCountProvider(ArticleCountReader):
    """The adapter of the minimal provider: it counts articles about a company, and each search is charged."""

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        name = self._name_of(request.corporation_number)
        if name is None:
            return make_unsent_outcome("no_name", has_effect=True)
        body = json.dumps({"keyword": name}).encode()
        question = SingleRequest(
            "POST", "/api/searches", read_timeout_seconds=10.0, budget_seconds=15.0, body=body, has_effect=True
        )
        return self._send_question(question, make_answer_converter(PURCHASE_STATUS_CLASSES, _read_report))

    def make_reader(self) -> ArticleCountReader:
        return ArticleCountReader(self._transport, self._rate_limiter, self._key, self._name_of)


def _read_report(body: bytes) -> CheckReport:
    """Return the report of a provider's answer. The report has no result; the number of articles is only in the
    evidence.
    """
    answer = parse_json_object(body)
    search, count = answer.get("search_id"), answer.get("count")
    if type(search) is not int or type(count) is not int:
        raise UnusableAnswer("bad_id")
    return CheckReport(credit_check_id=search)
