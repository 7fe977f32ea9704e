"""Each reason that a row of a bulk run can have is told in words, in both languages."""

import inspect
import re

import pytest

from console.domain.error_reasons import UnknownReason
from console.domain.errors import ErrorCode
from console.domain.recovery import decision_table as recovery_choices
from console.domain.recovery.decision_table import RULES_OF_KIND
from console.domain.tasks.records import BulkAction
from console.services.bulk import actions as bulk_acts
from console.services.bulk import eligibility as bulk_judging
from console.views.presenters import bulk as bulk_words


def reasons() -> set[str]:
    """What the rules of the table and the service's own judgement can answer."""
    rules = {
        rule for rows in RULES_OF_KIND.values() for row in rows if row.what in set(BulkAction) for rule in row.rules
    }
    sources = [inspect.getsource(rule) for rule in rules if rule.__name__ != "<lambda>"]
    sources += [
        inspect.getsource(getattr(recovery_choices, name)) for name in ("_in_progress_reason", "_running_reason")
    ]
    codes = {
        code
        for source in sources
        for code in re.findall(r'return "([a-z_]+)"|"([a-z_]+)" if', source)
        for code in code
    }
    codes |= {UnknownReason[name].value for source in sources for name in re.findall(r"UnknownReason\.(\w+)", source)}
    judging = inspect.getsource(bulk_judging)
    own = set(re.findall(r'ForecastKind\.[A-Z]+, "([a-z_]+)"', judging)) | {bulk_judging.ALREADY_DONE_REASON}
    own |= {ErrorCode[name].value for name in re.findall(r"ForecastKind\.[A-Z]+, ErrorCode\.([A-Z_]+)", judging)}
    return (
        {code for code in codes if code}
        | own
        | bulk_acts.PROVIDER_REFUSAL_CODES
        | {"still_unknown", "internal_error"}
    )


@pytest.mark.parametrize("code", sorted(reasons()))
def test_each_reason_has_words(code: str) -> None:
    """In one of the families that a row looks into."""
    assert bulk_words.reason_key(code), code


def test_the_reasons_are_found() -> None:
    """The search above finds what is known to be there."""
    assert {"changed", "not_found", "not_for_kind", "no_list_call", "not_bought", "viewing_over"} <= reasons()
