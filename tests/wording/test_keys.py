"""Tests that every wording key that the program uses exists, and that every family of words is used."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import EnumType
from pathlib import Path
from types import UnionType
from typing import Literal, Union, cast, get_args, get_origin, get_overloads, get_type_hints

import pytest

import console
from console.domain import error_reasons, file_problems, setting_problems, usage_problems
from console.domain.audit.actions import AuditAction
from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode, details
from console.domain.reason import Reason
from console.domain.records import TimelineEntry, WorkReason
from console.domain.setting_problems import SettingProblem
from console.providers.http import failure_outcomes as failures
from console.services.refunds import late_outcomes
from console.wording.sentences import catalogue as wording
from console.wording.sentences.catalogue import read_sentences
from scripts import word_use

ROOT = Path(console.__file__).parent
WORDING_KEYS = frozenset(read_sentences("ja"))
KEY_FAMILIES = frozenset(key.split(".")[0] for key in WORDING_KEYS)
# Where outcomes get their reason, and at which place.
REASON_POSITION_BY_CLASS = {
    "Outcome": 1,
    "TransportFailure": 1,
    "UnusableAnswer": 0,
    "CredentialsRefused": 0,
    "TokenUnavailable": 0,
    "make_unsent_outcome": 0,
}
# Facts of these codes are for programs and experts: the sentence stands without them.
CODES_WITHOUT_SHOWN_FACTS = frozenset({"internal_error", "storage_full"})


# Words of the window's pages and dialogs.
FAMILIES_OF_WINDOW_WORDS = frozenset(
    {
        "action", "app", "command", "deal", "density", "dialog", "environment", "evidence", "home", "key", "language",
        "pdf", "provider_state", "purchase_reason", "result", "screen", "search", "status", "theme", "who",
    }
)  # fmt: skip


def test_every_key_that_the_program_asks_for_exists() -> None:
    """Each wording key in the code is in the catalogue. If a part of the key is variable, at least one key of the
    catalogue matches it.
    """
    used_keys = word_use.find_keys(ROOT, KEY_FAMILIES)
    assert len(used_keys) > 50
    open_ones = [key for key in used_keys if key.text not in WORDING_KEYS]
    assert [key for key in open_ones if not any(key.covers_key(word) for word in WORDING_KEYS)] == []


def test_no_group_of_wording_keys_is_unused() -> None:
    """Code or a sentence uses every group of wording keys (the keys with one first word, such as `error`), except the
    groups in FAMILIES_OF_WINDOW_WORDS."""
    named = {key.text.split(".")[0] for key in word_use.find_keys(ROOT, KEY_FAMILIES)}
    sentences = "".join(read_sentences("ja").values())
    assert {family for family in KEY_FAMILIES - named if f"@{family}" not in sentences} <= FAMILIES_OF_WINDOW_WORDS


def test_every_sentence_is_used() -> None:
    """Code or another sentence uses every wording key, by its name or by a pattern."""
    texts = {key.text for key in word_use.find_keys(ROOT, KEY_FAMILIES)}
    pattern = "|".join(re.escape(text).replace(r"\*", ".*") for text in texts if "*" in text)
    families = set(re.findall(r"@([a-z_.]+)", "".join(read_sentences("ja").values())))
    plain = {
        word.removesuffix(".full") for word in WORDING_KEYS
    }  # the catalogue itself takes the full form of a sentence
    unused = [
        word for word in plain - texts if not re.fullmatch(pattern, word) and word.rpartition(".")[0] not in families
    ]
    assert sorted(unused) == []


def test_every_timeline_action_has_words() -> None:
    """The catalogue has a sentence for each action of the audit trail."""
    actions = word_use.find_audit_actions(ROOT)
    assert len(actions) > 15
    timeline = [word.removeprefix("timeline.") for word in WORDING_KEYS if word.startswith("timeline.")]
    assert [action for action in actions if not any(action.covers_key(word) for word in timeline)] == []


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_audit_actions_and_their_wording_keys_are_the_same(language: str) -> None:
    """The members of AuditAction equal the keys of the word family `timeline`. Keys for results, and keys that end in
    `.full`, are only other forms of such a key.
    """
    worded_actions = {
        key.removeprefix("timeline.") for key in read_sentences(language) if key.startswith("timeline.")
    } - {"other"}
    forms = {
        action: {
            f"{action}{result}{full}" for result in ("", ".done", ".refused", ".failed") for full in ("", ".full")
        }
        for action in AuditAction
    }
    assert [action for action, known in forms.items() if not known & worded_actions] == []
    assert worded_actions - set().union(*forms.values()) == set()


def test_every_audit_action_is_used_in_the_code() -> None:
    """Code uses every member of AuditAction, by its name or by a text that is converted to it. The name of a member
    is its value in capitals, with underscores."""
    named = word_use.find_audit_actions(ROOT)
    assert [action for action in AuditAction if not any(one.covers_key(action) for one in named)] == []
    assert [action.name for action in AuditAction if action.name != re.sub(r"[.-]", "_", action).upper()] == []


def test_audit_calls_use_members_of_audit_action() -> None:
    """A call that writes the audit trail passes a member of AuditAction, and not its text."""
    actions = set(AuditAction)
    texts = [
        one for one in word_use.find_literals(ROOT, word_use.ARGUMENT_INDEX_BY_AUDIT_FUNCTION) if one.text in actions
    ]
    assert texts == []


def test_an_audit_action_of_another_version_is_shown_as_stored() -> None:
    """An audit action that this program doesn't know stays a text and is shown unchanged."""
    other = AuditAction("gift.send.lapsed")
    assert (other, str(other), f"{other}", other.value) == ("gift.send.lapsed",) * 4
    assert other not in set(AuditAction)
    with pytest.raises(ValueError, match="7"):
        AuditAction(cast("str", 7))


def test_every_error_raised_has_a_code_and_words() -> None:
    """Each error code that the code raises has a message."""
    raised = word_use.find_arguments(ROOT, {"ConsoleError": 0})
    assert len(raised) > 30
    assert [code for code in raised if f"error.{code.text}" not in WORDING_KEYS] == []


def test_every_error_code_has_words_and_is_raised() -> None:
    """The enumeration of error codes and the catalogue have the same codes, and code raises or returns each of
    them.
    """
    assert {f"error.{code}" for code in ErrorCode} - WORDING_KEYS == set()
    source = "".join(file.read_text(encoding="utf-8") for file in ROOT.rglob("*.py") if file.name != "errors.py")
    assert [code for code in ErrorCode if f"ErrorCode.{code.name}" not in source] == []


def test_every_reason_of_work_has_words() -> None:
    """The members of WorkReason equal the reasons in the wording keys `work.reason.…`."""
    assert {f"work.reason.{reason}" for reason in WorkReason} == {
        key for key in WORDING_KEYS if key.startswith("work.reason.")
    }


def _iterate_reasons() -> Iterator[tuple[str, str]]:
    """Yield each error code with each reason or problem that the constructors of ConsoleError allow for it."""
    for constructor in get_overloads(ConsoleError.__init__):
        hints = get_type_hints(constructor, localns={"_d": details})
        shape = get_type_hints(hints["detail"]) if "detail" in hints else {}
        for kind in (part for fact in ("reason", "problem") for part in _get_union_members(shape.get(fact))):
            values = get_args(kind) if get_origin(kind) is Literal else kind if isinstance(kind, EnumType) else ()
            yield from ((get_args(hints["code"])[0], str(value)) for value in values)


def _get_union_members(declared: object) -> tuple[object, ...]:
    return get_args(declared) if isinstance(declared, UnionType) or get_origin(declared) is Union else (declared,)


@pytest.mark.parametrize("code", sorted({code for code, _ in _iterate_reasons()} - CODES_WITHOUT_SHOWN_FACTS))
def test_every_reason_of_a_refusal_has_words(code: str) -> None:
    """Each reason of an error code has either a message of its own, or a word that a message contains."""
    reasons = {reason for error_code, reason in _iterate_reasons() if error_code == code}
    assert {reason for reason in reasons if not {f"error.{code}.{reason}", f"cause.{reason}"} & WORDING_KEYS} == set()


def test_every_reason_is_given_by_some_refusal() -> None:
    """Code uses each member of the enumerations of reasons and problems."""
    modules = (error_reasons, file_problems, setting_problems, usage_problems)
    declaring_files = {Path(module.__file__ or "").name for module in modules}
    source = "".join(
        file.read_text(encoding="utf-8") for file in ROOT.rglob("*.py") if file.name not in declaring_files
    )
    declared = [value for module in modules for value in vars(module).values()]
    kinds = [kind for kind in declared if isinstance(kind, EnumType) and issubclass(kind, Reason)]
    assert len(kinds) > 20
    named = {f"{kind.__name__}.{name}" for kind in kinds for name in kind.__members__}
    used = set(re.findall(rf"\b(?:{'|'.join(kind.__name__ for kind in kinds)})\.\w+", source))
    assert named - used == set()


def test_every_problem_of_a_setting_has_a_sentence() -> None:
    """Each problem of a setting has a sentence that shows the right form of the setting."""
    assert len(SettingProblem) > 20
    assert {problem for problem in SettingProblem if f"error.bad_profile.{problem}" not in WORDING_KEYS} == set()


def test_every_reason_of_an_outcome_has_a_word() -> None:
    """Each reason of an outcome that the code of the providers' adapters names has a word (`cause.…`)."""
    reasons = {argument.text for argument in word_use.find_arguments(ROOT / "providers", REASON_POSITION_BY_CLASS)}
    reasons |= {reason for reason, *_ in failures._make_failure_rows()}
    assert {reason for reason in reasons if reason and f"cause.{reason}" not in WORDING_KEYS} == set()


def test_every_reported_state_of_a_refund_has_words() -> None:
    """The reason of an outcome that comes from the provider's report about a refund has a text for each state that
    the provider reports.
    """
    reasons = {f"seen_{state.value}" for state in late_outcomes._OUTCOME_CLASS_OF_STATE}
    assert len(reasons) == 3
    assert {reason for reason in reasons if f"cause.{reason}" not in WORDING_KEYS} == set()


CODES_WITHOUT_RECORD = ("audit_broken", "database_went_back", "not_our_database", "registry_order", "schema_mismatch")


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_a_line_of_a_timeline_names_the_rule_that_refused(language: str) -> None:
    """In the timeline of a record, the sentence about a refused action contains words for the reason of the
    refusal.
    """
    at, refused_status, untold = datetime(2026, 11, 20, tzinfo=UTC), 3, []
    for code, reason in _iterate_reasons():
        if EXIT_STATUS[code] != refused_status or code in CODES_WITHOUT_RECORD:
            continue
        entry = TimelineEntry(at, "op-a", "refund.request", {"reason": code, "refusal": reason}, "refused")
        words = read_sentences(language).get(f"refusal.{code}.{reason}")
        if words is None or words not in wording.format_audit_entry(entry, language):
            untold.append(f"{code}.{reason}")
    assert untold == []
    earlier = {"reason": "evidence_mismatch", "refusal": "other_proposal"}  # no longer refused; old entries have it
    words = read_sentences(language)["refusal.evidence_mismatch.other_proposal"]
    old_entry = TimelineEntry(at, "op-a", "refund.request", earlier, "refused")
    assert words in wording.format_audit_entry(old_entry, language)


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_a_line_of_a_timeline_never_shows_a_code(language: str) -> None:
    """Each error code of a refusal has short words for the timeline of its record."""
    codes = set(EXIT_STATUS) - {"internal_error"}
    assert [
        code
        for code in codes
        if not (wording.has_sentence(f"refusal.{code}") or wording.has_sentence(f"cause.{code}"))
    ] == []
    at, why = datetime(2026, 11, 20, tzinfo=UTC), {"reason": "exceeds_captured"}
    entry = TimelineEntry(at, "op-a", "refund.request", why, "refused")
    assert "exceeds" not in wording.format_audit_entry(entry, language)
