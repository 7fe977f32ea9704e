"""Tests of the sentences about a changed company: each sentence states the change, and no other one."""

from dataclasses import replace
from datetime import date

import pytest

from console.domain.explanations.companies import explain_company_change
from console.domain.registry.corporations import CloseCause, Closure
from console.domain.registry.watched_facts import CompanyChange, WatchedFacts, format_observed_change
from console.wording.sentences import catalogue as wording

CLOSURE_DAY = date(2026, 11, 20)
OPEN_COMPANY = WatchedFacts("株式会社見本", "東京都千代田区")
CLOSED_COMPANY = WatchedFacts("株式会社見本", "東京都千代田区", Closure(CLOSURE_DAY, CloseCause.BY_REGISTRAR))
MERGED_COMPANY = WatchedFacts(
    "株式会社見本", "東京都千代田区", Closure(CLOSURE_DAY, CloseCause.MERGER), "8700110005901"
)
DELETED_COMPANY = WatchedFacts("株式会社見本", "東京都千代田区", is_deleted=True)
CHANGE_CASES = {
    "closed": (OPEN_COMPANY, CLOSED_COMPANY, "Closed on 2026-11-20 (by the registrar)", "_closed"),
    "merged": (OPEN_COMPANY, MERGED_COMPANY, "Merged into", "_merged"),
    "deleted": (OPEN_COMPANY, DELETED_COMPANY, "Removed from the corporation registry", "_deleted"),
    "reopened": (CLOSED_COMPANY, OPEN_COMPANY, "Registration restored", ""),
    "merger void": (MERGED_COMPANY, OPEN_COMPANY, "Registration restored", ""),
    "published again": (DELETED_COMPANY, OPEN_COMPANY, "Registration restored", ""),
    "published again, closed": (
        DELETED_COMPANY,
        CLOSED_COMPANY,
        "Closed on 2026-11-20 (by the registrar)",
        "_closed",
    ),
    "published again, closed as before": (
        replace(CLOSED_COMPANY, is_deleted=True),
        CLOSED_COMPANY,
        "Closed on 2026-11-20 (by the registrar)",
        "_closed",
    ),
    "published again, merged as before": (
        replace(MERGED_COMPANY, is_deleted=True),
        MERGED_COMPANY,
        "Merged into",
        "_merged",
    ),
}


@pytest.mark.parametrize("name", CHANGE_CASES)
def test_the_next_step_fits_the_company(name: str) -> None:
    """The next step says that a company is closed only if it is. It doesn't say so if the company's merger is void,
    or if the publisher has only removed the company's entry.
    """
    before, after, what_changed, suffix = CHANGE_CASES[name]
    change = CompanyChange("1180301018771", 5, before, after, CLOSURE_DAY)
    explanation = explain_company_change(change, format_observed_change(before, after))
    assert wording.translate(explanation.why, "en", **explanation.facts).startswith(what_changed)
    assert explanation.next_step.code == f"next.company_changed{suffix}"
    for language in ("en", "ja"):
        step = wording.translate(explanation.next_step.code, language, **explanation.next_step.facts)
        assert ("閉鎖" in step or "closed" in step) == (suffix == "_closed")
