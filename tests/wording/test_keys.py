"""The program never asks for words that aren't there, and no family of words lies unused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import console
from console import wording
from console.domain.errors import EXIT_STATUS
from console.domain.records import TimelineEntry
from console.providers import failures
from console.wording import catalogue
from scripts import word_use

ROOT = Path(console.__file__).parent
WORDS = frozenset(catalogue("ja"))
FAMILIES = frozenset(key.split(".")[0] for key in WORDS)
# Where outcomes get their reason, and at which place.
OUTCOMES = {
    "Outcome": 1, "TransportFailure": 1, "_Unusable": 0, "PdfUnusable": 0, "TokenRefused": 0, "TokenUnavailable": 0,
    "_never_sent": 0, "_not_asked": 0,
}  # fmt: skip
# Facts of these codes are for programs and experts: the sentence stands without them.
UNTOLD = frozenset({"internal_error", "storage_full", "not_found"})


# Words of the window's pages and dialogs.
AWAITED = frozenset(
    {
        "action", "app", "command", "deal", "density", "dialog", "environment", "evidence", "home", "key", "language",
        "pdf", "provider_state", "purchase_reason", "result", "screen", "search", "status", "theme", "who",
    }
)  # fmt: skip


def test_every_key_that_the_program_asks_for_exists() -> None:
    """A literal key is in the catalogue; of a key with an open part at least one."""
    asked = word_use.keys(ROOT, FAMILIES)
    assert len(asked) > 50
    assert [key for key in asked if not any(key.covers(word) for word in WORDS)] == []


def test_no_family_of_words_lies_unused() -> None:
    """A family that no code and no sentence names is dead: it is removed, or somebody forgot to show it."""
    named = {key.text.split(".")[0] for key in word_use.keys(ROOT, FAMILIES)}
    sentences = "".join(catalogue("ja").values())
    assert {family for family in FAMILIES - named if f"@{family}" not in sentences} <= AWAITED


def test_everything_in_a_timeline_has_words() -> None:
    """Whatever is written to the audit trail can be told to a person."""
    codes = word_use.audit_codes(ROOT)
    assert len(codes) > 15
    timeline = [word.removeprefix("timeline.") for word in WORDS if word.startswith("timeline.")]
    assert [code for code in codes if not any(code.covers(word) for word in timeline)] == []


def test_every_error_raised_has_a_code_and_words() -> None:
    """Whatever code a refusal carries, there is a message for it."""
    raised = word_use.arguments(ROOT, {"ConsoleError": 0})
    assert len(raised) > 30
    assert [code for code in raised if f"error.{code.text}" not in WORDS] == []


@pytest.mark.parametrize("fact", ["reason", "problem"])
def test_every_reason_of_a_refusal_is_told(fact: str) -> None:
    """A reason is a sentence of its own, or a word within one."""
    told = [
        (code, reason)
        for code, reason in word_use.details(ROOT, fact)
        if code not in UNTOLD and not {f"error.{code}.{reason.text}", f"cause.{reason.text}"} & WORDS
    ]
    assert told == []


def test_every_problem_of_a_setting_is_told() -> None:
    """What is wrong with a setting is said in a sentence that shows how to write it."""
    problems = word_use.arguments(ROOT, {"bad": 0, "_bad": 1, "_refused": 1, "_Unfit": 0, "_unfit": 0})
    assert len(problems) > 20
    assert [code for code in problems if f"error.bad_profile.{code.text}" not in WORDS] == []


def test_every_reason_of_an_outcome_has_a_word() -> None:
    """What went wrong on the way to a provider can be named in a list and in a sentence."""
    reasons = {asked.text for asked in word_use.arguments(ROOT / "providers", OUTCOMES)}
    reasons |= {reason for reason, *_ in failures._rows()}
    assert {reason for reason in reasons if reason and f"cause.{reason}" not in WORDS} == set()


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_a_line_of_history_never_shows_a_code(language: str) -> None:
    """Whatever a service refuses with has a short word for the history of its record."""
    codes = set(EXIT_STATUS) - {"internal_error"}
    assert [code for code in codes if not (wording.has(f"refusal.{code}") or wording.has(f"cause.{code}"))] == []
    at, why = datetime(2026, 11, 20, tzinfo=UTC), {"reason": "exceeds_captured"}
    entry = TimelineEntry(at, "op-a", "refund.request", why, "refused")
    assert "exceeds" not in wording.timeline_line(entry, language)
