"""Tests that the verification of the audit trail states the first and the last entry: in the returned result, in JSON
and in both languages.
"""

from datetime import UTC, datetime

from console.cli.json_output.audit import build_audit_verification_json
from console.domain.audit.verification import AuditEntryPosition, VerifiedTrail
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.wording.audit_words import format_verified_trail
from tests.support.invented import invent_numbers
from tests.support.places import Place


def test_first_and_last_entry_cover_all_chains(place: Place, sandbox: Sandbox) -> None:
    """Two desks write two chains: the first entry of the verification is the one with the smallest id over all
    chains. The last entry comes after it and has the id of a stored row, or a smaller one.
    """
    first_number, second_number = invent_numbers(2, seed=7)
    with place.open_desk(sandbox) as desk, place.open_desk(sandbox, person="lead-b", desk=1) as other:
        desk.credit_checks.purchase(PurchaseRequest(first_number, "1"))
        other.credit_checks.purchase(PurchaseRequest(second_number, "1"))
        desk.credit_checks.purchase(PurchaseRequest(first_number, "2"))
        trail = desk.audit.verify_trail()
    ((rows, first, last),) = place.sql("SELECT COUNT(*), MIN(id), MAX(id) FROM audit_log")
    assert trail.first is not None
    assert trail.last is not None
    assert trail.rows <= rows
    assert (trail.first.id, trail.first.at.tzinfo) == (first, UTC)
    assert first < trail.last.id <= last
    assert trail.first.at <= trail.last.at


def test_a_verified_trail_has_a_sentence_and_json() -> None:
    """The result of a verified trail is formatted as a sentence and as JSON, with the first and the last entry. The
    result of an empty trail has no first entry.
    """
    at = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
    trail = VerifiedTrail(1_204, AuditEntryPosition(3, at), AuditEntryPosition(1_210, at))
    english = format_verified_trail(trail, "en")
    assert english == (
        "1,204 entries without a gap: from entry 3 (2026-11-20 15:04:05 JST) to entry 1210 (2026-11-20 15:04:05 JST)."
    )
    assert all(part in format_verified_trail(trail, "ja") for part in ("1,204", "2026-11-20 15:04:05 JST", "1210"))
    json = build_audit_verification_json(trail, lambda key, **_: key)
    assert json == {
        "rows": 1_204,
        "first_bad": None,
        "first": {"id": 3, "at": "2026-11-20T06:04:05Z"},
        "last": {"id": 1_210, "at": "2026-11-20T06:04:05Z"},
    }
    empty = VerifiedTrail(0)
    assert build_audit_verification_json(empty, lambda key, **_: key)["first"] is None
    assert format_verified_trail(empty, "en").startswith("0 entries verified")
