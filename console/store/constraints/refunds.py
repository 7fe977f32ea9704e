"""What the database refuses about refunds and about who decides them: nobody is maker and checker of one refund.

The order of statements that these rules expect, each time in one transaction:
request: the payment's reservation, then the refund · approve: the vote, then the refund · send: the refund, then the
journal · answer: evidence, the journal, the refund, then the payment · resolve by two: evidence, the refund.
"""

from collections.abc import Mapping

from console.domain.money import LARGEST_MINOR
from console.domain.outcomes import OutcomeClass
from console.domain.payment_records import RefundState
from console.domain.permissions import APPROVER, OPERATOR
from console.domain.records import Certainty
from console.domain.states import ENDED_REFUND, HOLDING_REFUND, REFUND
from console.store.guard_words import (
    ALWAYS,
    CERTAINTY,
    NEVER,
    PROVIDERS,
    RAISED,
    REFUSALS,
    UTC_NOW,
    WORK,
    Event,
    Rule,
    among,
    comes,
    counted,
    exactly,
    has_role,
    held,
    kept,
    other_than,
    said,
    same,
    steps,
    summed,
    there_is,
    two_people,
    unless,
    word,
)

_VOTE, _RESOLVE, _REFUND = "'refund.approve'", "'resolve'", "'refund'"
LARGEST_LAG_SECONDS = 2
"""How far a desk's clock may be beside the server's without being refused."""
SUBMIT_CALL = "refund"
"""The call that gives money back, as evidence names it: `paypay.refund`."""

_R = RefundState
_SENDING = "(OLD.status = 'approved' AND NEW.status = 'submitting')"
_APPROVING = "(OLD.status = 'requested' AND NEW.status = 'approved')"
_PUT_BACK = "(OLD.status = 'submitting' AND NEW.status = 'approved')"
_HELD = summed(
    "r.refund_amount", f"refunds r WHERE r.payment_id = NEW.payment_id AND r.status IN {among(HOLDING_REFUND)}"
)
"""SQL: what the other refunds of this payment hold."""
_VOTE_OF = (
    f"a.subject_kind = 'refund' AND a.subject_id = CAST(OLD.id AS CHAR) AND a.action = {_VOTE}"
    " AND a.proposed = 'approved'"
)
_ENOUGH = counted(
    "COUNT(DISTINCT a.person) >= OLD.checkers_needed AND SUM(CAST(a.person AS BINARY) = me) = 1",
    f"approvals a JOIN operators p ON p.name = a.person WHERE {_VOTE_OF} AND {other_than('a.person', 'OLD.maker')}"
    f" AND p.disabled_at IS NULL AND ({held(APPROVER)})",
)
"""SQL: so many people who are approvers now have voted for it, I among them, and none of them is its maker."""


def _late(instant: str) -> str:
    return f"{instant} + INTERVAL {LARGEST_LAG_SECONDS} SECOND"


def _still_here(maker: str) -> str:
    return there_is(f"operators p WHERE p.name = {maker} AND p.disabled_at IS NULL")


def _told(*kinds: OutcomeClass, more: str = "TRUE") -> str:
    """SQL: its payment's provider has said so of this refund."""
    return there_is(
        "evidence e JOIN payments p ON p.id = OLD.payment_id WHERE e.subject_kind = 'refund'"
        f" AND e.subject_id = OLD.id AND LEFT(e.source, CHAR_LENGTH(p.provider) + 1) = CONCAT(p.provider, '.')"
        f" AND {said(*kinds)} AND {more}"
    )


def _two_people(proposed: RefundState) -> str:
    return two_people("OLD.id", "refund", proposed.value)


_OF_THIS_SENDING = "e.operation_id = OLD.operation_id"
_NOT_THERE = counted(
    "COUNT(*)",
    f"evidence e WHERE e.subject_kind = 'refund' AND e.subject_id = OLD.id AND {PROVIDERS}"
    f" AND {said(OutcomeClass.NOT_FOUND)} AND {_OF_THIS_SENDING}",
)
_REFUSED = _told(*REFUSALS, more=f"{_OF_THIS_SENDING} AND SUBSTRING_INDEX(e.source, '.', -1) = '{SUBMIT_CALL}'")

ASKED = (
    Rule(has_role(OPERATOR, APPROVER), "this role asks for no refund"),
    Rule(exactly("NEW.maker", "me"), "nobody asks for a refund in the name of somebody else"),
    Rule(
        f"{word('NEW.status', (_R.REQUESTED,))} AND {word('NEW.certainty', (Certainty.KNOWN,))}"
        " AND NEW.version = 1 AND NEW.sent_count = 0 AND NEW.not_found = 0 AND COALESCE(NEW.provider_refund_key,"
        " NEW.refund_txn_id, NEW.declined_because, NEW.provider_state, NEW.told_at, NEW.first_sent_at,"
        " NEW.last_sent_at, NEW.first_not_found_at, NEW.error_code, NEW.operation_id) IS NULL",
        "a refund begins as a request, undecided and unsent",
    ),
    WORK,
    Rule(f"NEW.refund_amount BETWEEN 1 AND {LARGEST_MINOR}", "a refund is of one minor unit to 10^15"),
    Rule("NEW.checkers_needed BETWEEN 1 AND 2", "a refund needs one or two checkers"),
    Rule(
        counted(
            "COUNT(*)",
            "limits l WHERE l.currency = NEW.currency AND ("
            "(l.name = 'per_refund' AND l.value >= NEW.refund_amount) OR (l.name = 'second_checker_above'"
            " AND (l.value >= NEW.refund_amount OR NEW.checkers_needed > 1)) OR (l.name = 'cooling_off_above'"
            " AND (l.value >= NEW.refund_amount OR NEW.sends_after IS NOT NULL)))",
        )
        + " = 3",
        "beyond the limits: the sum, a second checker, or the cooling-off",
    ),
    Rule(
        there_is(
            f"payments p WHERE p.id = NEW.payment_id AND {exactly('p.currency', 'CAST(NEW.currency AS BINARY)')}"
            f" AND p.order_id <=> NEW.order_id AND p.reserved_minor = NEW.refund_amount + {_HELD}"
        ),
        "a refund has its own sum reserved of its own payment before",
    ),
    Rule(
        "NEW.set_aside_id IS NULL OR "
        + there_is(
            "set_asides s WHERE s.id = NEW.set_aside_id AND s.payment_id = NEW.payment_id"
            " AND s.amount_minor >= NEW.refund_amount"
            " AND (s.status = 'open' OR (s.status = 'refunding' AND s.refund_id IS NULL))"
        ),
        "what was set aside is of the same payment, and still there",
    ),
)

_SAME_REQUEST = Rule(
    same(
        "id", "order_id", "payment_id", "refund_amount", "currency", "maker", "reason", "ticket", "intended_repeat",
        "set_aside_id", "saw", "radar", "checkers_needed", "sends_after", "decide_by", "created_at",
    ),
    "what was asked for never changes: ask anew",
)  # fmt: skip
_ENDED_STAYS = Rule(
    f"OLD.status NOT IN {among(ENDED_REFUND)} OR "
    + same(
        "status", "certainty", "refund_txn_id", "declined_because", "first_sent_at", "not_found",
        "first_not_found_at", "error_code", "operation_id",
    ),
    "a refund that was decided stays as it was decided",
)  # fmt: skip
_DECIDED = (
    Rule(unless(_APPROVING, other_than("me", "OLD.maker")), "nobody approves a refund of their own"),
    Rule(unless(_APPROVING, _ENOUGH), "as many approvers as needed, oneself with a vote, none the maker"),
    Rule(unless(_APPROVING, _still_here("OLD.maker")), "who asked for it may not act any more"),
    Rule(unless(_APPROVING, f"{UTC_NOW} <= {_late('OLD.decide_by')}"), "the time to decide is over"),
    Rule(
        unless(
            comes(_R.REJECTED),
            f"{has_role(APPROVER)} AND {other_than('me', 'OLD.maker')}"
            " AND CHAR_LENGTH(TRIM(NEW.declined_because)) > 0",
        ),
        "an approver declines, never one's own, and says why",
    ),
    Rule(
        f"{same('declined_because')} OR {comes(_R.REJECTED)}", "an approver declines, never one's own, and says why"
    ),
    Rule(unless(comes(_R.WITHDRAWN), exactly("OLD.maker", "me")), "only who asked for it withdraws it"),
    Rule(unless(comes(_R.EXPIRED), f"OLD.decide_by < {_late(UTC_NOW)}"), "it has not expired by the server's clock"),
)
_SENT = (
    Rule(
        unless(
            _SENDING,
            f"OLD.sends_after IS NULL OR OLD.sends_after <= {_late(UTC_NOW)}",
        ),
        "not before the cooling-off is over by the server's clock",
    ),
    Rule(
        unless(
            _SENDING,
            "NEW.provider_refund_key IS NOT NULL AND NOT NEW.provider_refund_key REGEXP '[^A-Za-z0-9-]'"
            " AND NEW.sent_count = OLD.sent_count + 1 AND NEW.first_sent_at IS NOT NULL"
            " AND NEW.last_sent_at IS NOT NULL AND NEW.operation_id IS NOT NULL"
            f" AND NOT ({same('operation_id')})",
        ),
        "before it is sent: our key for life, the time, one more sending, its operation",
    ),
    Rule(f"{same('sent_count', 'last_sent_at', 'operation_id')} OR {_SENDING}", "sendings are counted as they begin"),
    Rule(
        f"{same('provider_refund_key')} OR (OLD.provider_refund_key IS NULL AND {_SENDING})",
        "the key towards the provider is for life",
    ),
    Rule(f"{same('first_sent_at')} OR (OLD.first_sent_at IS NULL AND {_SENDING})", "it was first sent once"),
)
_ANSWERED = (
    Rule(
        f"{same('refund_txn_id')} OR (OLD.refund_txn_id IS NULL"
        f" AND ({comes(_R.SUBMITTED)} OR {comes(_R.COMPLETED)}))",
        "the provider's number is set once, by its answer",
    ),
    Rule(
        unless(comes(_R.COMPLETED), "CHAR_LENGTH(TRIM(NEW.refund_txn_id)) > 0"),
        "a completed refund has the provider's number",
    ),
    Rule(
        unless(
            comes(_R.COMPLETED),
            f"{_told(OutcomeClass.SUCCEEDED)} OR {_two_people(_R.COMPLETED)}",
        ),
        "refunded: only the provider's answer or two people say so",
    ),
    Rule(
        unless(
            comes(_R.FAILED),
            f"{_told(OutcomeClass.FAILED_DEFINITE)} OR {_two_people(_R.FAILED)}",
        ),
        "not refunded: only the provider's answer or two people say so",
    ),
    Rule(
        unless(comes(_R.SUBMITTED), _told(OutcomeClass.PENDING, OutcomeClass.SUCCEEDED)),
        "accepted: only the provider's answer says so",
    ),
    Rule(
        unless(_PUT_BACK, f"{_REFUSED} OR {_NOT_THERE} > 1"),
        "never sent, or not there: only an answer about this sending says so",
    ),
    CERTAINTY,
    Rule("NEW.certainty = 'known' OR NEW.status = 'submitting'", "only what is being sent can be unknown"),
    Rule(
        "OLD.certainty = 'known' OR NEW.certainty = 'unknown' OR NEW.status <> 'submitting'",
        "unknown ends with an outcome alone",
    ),
)
_STEPS = Rule(steps(REFUND, "status"), "no such step of a refund")
CHANGED = (RAISED, _SAME_REQUEST, _STEPS, _ENDED_STAYS, WORK, *_DECIDED, *_SENT, *_ANSWERED)

_IS_VOTE = f"(NEW.action = {_VOTE})"
_MAY_VOTE = there_is(
    "refunds r JOIN operators p ON p.name = r.maker WHERE r.id = CAST(NEW.subject_id AS UNSIGNED)"
    " AND CAST(r.id AS CHAR) = NEW.subject_id AND r.status = 'requested' AND p.disabled_at IS NULL"
    f" AND {other_than('me', 'r.maker')} AND {UTC_NOW} <= {_late('r.decide_by')}"
)
_DECIDED_ONCE = (
    Rule(f"{_IS_VOTE} OR {has_role(OPERATOR, APPROVER)}", "this role decides nothing"),
    Rule(exactly("NEW.person", "me"), "nobody decides in the name of somebody else"),
    Rule("NEW.closed_at IS NULL", "a decision begins open"),
    Rule(
        f"{exactly('NEW.action', _RESOLVE)} OR ({exactly('NEW.action', _VOTE)} AND NEW.evidence_id IS NULL"
        f" AND {word('NEW.proposed', (_R.APPROVED,))} AND {exactly('NEW.subject_kind', _REFUND)})",
        "no such decision",
    ),
    Rule(unless(_IS_VOTE, has_role(APPROVER)), "only an approver approves"),
    Rule(
        unless(_IS_VOTE, f"NOT NEW.subject_id REGEXP '[^0-9]' AND {_MAY_VOTE}"),
        "an approval is for a request that waits, of somebody else who still may act",
    ),
    Rule(
        f"{_IS_VOTE} OR "
        + there_is(
            "evidence e WHERE e.id = NEW.evidence_id AND e.source = 'person'"
            " AND CAST(e.who AS BINARY) = me AND e.subject_kind = NEW.subject_kind"
            " AND NEW.subject_id IN (CAST(e.subject_id AS CHAR), e.operation_id)"
        ),
        "who decides brings evidence of their own",
    ),
)
_CLOSED = (
    Rule(
        same("id", "subject_kind", "subject_id", "action", "proposed", "person", "evidence_id", "at"),
        "what somebody decided is never changed",
        ALWAYS,
    ),
    Rule("OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL", "what is closed stays closed", ALWAYS),
    Rule(f"OLD.action <> {_VOTE}", "an approval of a refund stands"),
)

RULES: Mapping[tuple[str, Event], tuple[Rule, ...]] = {
    ("refunds", "INSERT"): ASKED,
    ("refunds", "UPDATE"): CHANGED,
    ("refunds", "DELETE"): (Rule(NEVER, "refunds are never deleted"),),
    ("approvals", "INSERT"): _DECIDED_ONCE,
    ("approvals", "UPDATE"): _CLOSED,
    ("approvals", "DELETE"): kept("decisions are never deleted"),
}
