"""Each reason that a row of a bulk run can have is told in words, in both languages."""

import inspect
import re

import pytest

from console.domain import recovery_choices
from console.domain.recovery_choices import TABLE
from console.domain.worker_records import BulkAction
from console.services import bulk_acts, bulk_judging
from console.views import bulk_words


def reasons() -> set[str]:
    """What the rules of the table and the service's own judgement can answer."""
    rules = {rule for rows in TABLE.values() for row in rows if row.what in set(BulkAction) for rule in row.rules}
    sources = [inspect.getsource(rule) for rule in rules if rule.__name__ != "<lambda>"]
    sources += [inspect.getsource(getattr(recovery_choices, name)) for name in ("_busy", "_running")]
    codes = {
        code
        for source in sources
        for code in re.findall(r'return "([a-z_]+)"|"([a-z_]+)" if', source)
        for code in code
    }
    own = set(re.findall(r'Verdict\.[A-Z]+, "([a-z_]+)"', inspect.getsource(bulk_judging))) | {bulk_judging.ALREADY}
    return {code for code in codes if code} | own | bulk_acts.PROVIDERS_REFUSALS | {"still_unknown", "internal_error"}


@pytest.mark.parametrize("code", sorted(reasons()))
def test_each_reason_has_words(code: str) -> None:
    """In one of the families that a row looks into."""
    assert bulk_words.key_of(code), code


def test_the_reasons_are_found() -> None:
    """The search above finds what is known to be there."""
    assert {"changed", "not_found", "not_for_kind", "no_list_call", "not_bought", "viewing_over"} <= reasons()
