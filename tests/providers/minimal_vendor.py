"""A second vendor, as small as one can be: it searches by name, answers with a count, and has no file.

It shares nothing with AlarmBox but what every vendor may use; that it passes the same contract proves that
another vendor is one more module.
"""

import json
from collections.abc import Callable

from console.domain.outcomes import Outcome
from console.domain.records import CheckReport, PurchaseRequest
from console.providers.asking import Question, ask_once, never_sent
from console.providers.judging import PURCHASE, READ, Judge, Unusable, judge_by
from console.providers.protocol import Capabilities, PdfAnswer, RateGate
from console.providers.strict_json import parse_object
from console.providers.transport import HttpTransport


class ArticleCountReader:
    """Reads what was counted."""

    name = "article-count"
    capabilities = Capabilities(
        by_number=False, synchronous=True, verdict=False, pdf=False, idempotent=False, finds_purchases=False
    )

    def __init__(
        self, transport: HttpTransport, gate: RateGate, key: str, name_of: Callable[[str], str | None]
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._key = key
        self._name_of = name_of

    def detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        question = Question("GET", f"/api/searches/{credit_check_id}", read_timeout=10.0, budget=15.0)
        return self._ask(question, judge_by(READ, _report))

    def pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        return never_sent("not_supported", buys=False)

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        return never_sent("no_list_call", buys=False)

    def _ask(self, question: Question, judge: Judge[CheckReport]) -> Outcome[CheckReport]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        return ask_once(self._transport, self._gate, question, judge, headers=headers, secrets=(self._key,))


class ArticleCount(ArticleCountReader):
    """Counts articles about a company; every search is charged."""

    def check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        name = self._name_of(request.corporation_number)
        if name is None:
            return never_sent("no_name", buys=True)
        body = json.dumps({"keyword": name}).encode()
        question = Question("POST", "/api/searches", read_timeout=10.0, budget=15.0, body=body, buys=True)
        return self._ask(question, judge_by(PURCHASE, _report))

    def reader(self) -> ArticleCountReader:
        return ArticleCountReader(self._transport, self._gate, self._key, self._name_of)


def _report(body: bytes) -> CheckReport:
    """A search with its count; the count itself stays in the evidence, a verdict there is none."""
    found = parse_object(body)
    search, count = found.get("search_id"), found.get("count")
    if type(search) is not int or type(count) is not int:
        raise Unusable("bad_id")
    return CheckReport(credit_check_id=search)
