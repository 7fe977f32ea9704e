"""Tests of the sentences about a changed company: each sentence states the change, and no other one."""

from datetime import date

import pytest

from console.domain.explanations.companies import explain_company_change
from console.domain.registry.corporations import CloseCause, Closure
from console.domain.registry.watched_facts import CompanyChange, WatchedFacts, format_observed_change
from console.wording.sentences import catalogue as wording

DAY = date(2026, 11, 20)
OPEN = WatchedFacts("株式会社見本", "東京都千代田区")
CLOSED = WatchedFacts("株式会社見本", "東京都千代田区", Closure(DAY, CloseCause.BY_REGISTRAR))
MERGED = WatchedFacts("株式会社見本", "東京都千代田区", Closure(DAY, CloseCause.MERGER), "8700110005901")
DELETED = WatchedFacts("株式会社見本", "東京都千代田区", is_deleted=True)
CASES = {
    "closed": (OPEN, CLOSED, "Closed on 2026-11-20 (by the registrar)", "_closed"),
    "merged": (OPEN, MERGED, "Merged into", "_merged"),
    "deleted": (OPEN, DELETED, "Removed from the corporation registry", "_deleted"),
    "reopened": (CLOSED, OPEN, "Registration restored", ""),
    "merger void": (MERGED, OPEN, "Registration restored", ""),
    "published again": (DELETED, OPEN, "Registration restored", ""),
    "published again, closed": (DELETED, CLOSED, "Closed on 2026-11-20 (by the registrar)", "_closed"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_next_step_fits_the_company(name: str) -> None:
    """The next step says that a company is closed only if it is. It doesn't say so if the company's merger is void,
    or if the publisher has only removed the company's entry.
    """
    before, after, what_changed, suffix = CASES[name]
    change = CompanyChange("1180301018771", 5, before, after, DAY)
    explanation = explain_company_change(change, format_observed_change(before, after))
    assert wording.translate(explanation.why, "en", **explanation.facts).startswith(what_changed)
    assert explanation.next_step.code == f"next.company_changed{suffix}"
    for language in ("en", "ja"):
        step = wording.translate(explanation.next_step.code, language, **explanation.next_step.facts)
        assert ("閉鎖" in step or "closed" in step) == (suffix == "_closed")
