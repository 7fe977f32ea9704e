"""Change the limits of refunds (such as the largest amount of one refund). One administrator proposes a value; a
second administrator sets it by requesting the same value."""

from dataclasses import replace

from console.domain.access.permissions import is_same_person
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import AmountProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.limits import (
    LIMIT_KIND,
    LIMIT_NAMES,
    Limit,
    get_largest_limit,
    list_second_checker_condition_names,
    make_limit_subject,
)
from console.services.audit import refusals
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.operations.request_ids import RequestIdUse
from console.store.payments import limit_changes


class RefundLimitService:
    """Lists and changes the limits of refunds, for administrators."""

    def __init__(self, context: ServiceContext, request_ids: RequestIdService) -> None:
        self._context, self._request_ids = context, request_ids

    def list_limits(self) -> tuple[Limit, ...]:
        """Return the limits of all currencies, each with the value that an administrator has proposed, if any.
        Raises not_allowed if the acting person is not an administrator. A read-only switch doesn't stop reading.
        """
        self._context.require_right_despite_read_only("limits")
        with self._context.database.read() as conn:
            now = read_current_time(conn, self._context.now())
            return limit_changes.list_limits(
                conn, now, includes_unlisted_names=self._context.allows_names_without_operator_row
            )

    def set_limit(self, limit_name: str, currency: str, limit_value: int, *, request_id: str | None = None) -> Limit:
        """Propose `limit_value` for the limit or condition `limit_name` in this currency (a code such as JPY).
        `limit_value` is in the unit that `get_limit_unit` returns for the name: minor units, seconds, days or a
        number of refunds. If another administrator has proposed the same value within the last day, set the limit to
        this value. A proposal counts only as long as its proposer is an administrator, and until its proposer
        proposes another value for the limit. Nothing changes if the limit has this value already. Return the limit.

        Raises not_found for an unknown limit, invalid_amount for a value below 0 or above `get_largest_limit`,
        same_person if the acting person has made the open proposal, and not_allowed if the acting person is not an
        administrator. A call with the `request_id` of an earlier call changes nothing and returns the earlier call's
        result. With `request_id` None, a repeated call isn't recognised.
        """
        arguments = (limit_name, currency, limit_value)
        # Before a desk request is made, which has room for smaller numbers only.
        if not 0 <= limit_value <= get_largest_limit(limit_name):
            raise ConsoleError(
                ErrorCode.INVALID_AMOUNT,
                {"amount": str(limit_value)[:40], "currency": currency, "problem": AmountProblem.WRONG_FORM},
            )
        return self._request_ids.act_once(
            "limits set",
            request_id,
            arguments,
            lambda: self._set_limit(*arguments),
            lambda request_id_use: self._find_limit_of_earlier_call(request_id_use, *arguments),
        )

    def _find_limit_of_earlier_call(
        self, request_id_use: RequestIdUse, limit_name: str, currency: str, limit_value: int
    ) -> CallAnswer | None:
        """Return the limit that an earlier call with this request id proposed or set, in its present form; None if
        that call wrote nothing. While the acting person's proposal is open, the limit contains it. The transaction
        that writes a proposal or a limit also stores the limit in the request id's row, so this method finds the
        answer to a call whose process was killed before it could store the answer.
        """
        if request_id_use.subject_kind != LIMIT_KIND:
            return None
        context = self._context
        with context.database.read() as conn:
            limit = Limit(limit_name, currency, limit_changes.find_limit_value(conn, limit_name, currency))
            proposers = limit_changes.find_proposers(
                conn,
                make_limit_subject(limit_name, currency, limit.value),
                limit_value,
                read_current_time(conn, context.now()),
                includes_unlisted_names=context.allows_names_without_operator_row,
            )
        own_names = [proposer for proposer in proposers if is_same_person(proposer, context.operator or "")]
        return CallAnswer(replace(limit, proposed=limit_value, proposed_by=own_names[0]) if own_names else limit)

    def _set_limit(self, limit_name: str, currency: str, limit_value: int) -> Limit:
        context = self._context
        with refusals.audit_refusals(
            context, AuditAction.LIMIT_SET, f"{limit_name} {currency}"[:40], kind=LIMIT_KIND
        ):
            person = context.require_right("limits").name
            is_known = limit_name in (*LIMIT_NAMES, *list_second_checker_condition_names())
            if not is_known or len(currency) != 3 or not (currency.isascii() and currency.isupper()):
                raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": LIMIT_KIND, "id": f"{limit_name} {currency}"})
            return context.write(lambda tx: self._propose_or_set_limit(tx, limit_name, currency, limit_value, person))

    def _propose_or_set_limit(
        self, tx: Transaction, limit_name: str, currency: str, limit_value: int, person: str
    ) -> Limit:
        context, now = self._context, read_current_time(tx.conn, self._context.now())
        limit = Limit(limit_name, currency, limit_changes.find_limit_value(tx.conn, limit_name, currency))
        if limit.value == limit_value:
            return limit
        subject = make_limit_subject(limit_name, currency, limit.value)
        proposers = limit_changes.find_proposers(
            tx.conn, subject, limit_value, now, includes_unlisted_names=context.allows_names_without_operator_row
        )
        other_proposers = [proposer for proposer in proposers if not is_same_person(proposer, person)]
        facts: dict[str, object] = {"before": limit.value, "after": limit_value}
        if other_proposers:
            limit_changes.change_limit_value(tx.conn, limit, limit_value, now)
            facts |= {"proposed_by": other_proposers[0]}
            context.record_audit(tx, AuditAction.LIMIT_CHANGED, f"{limit_name} {currency}", facts, kind=LIMIT_KIND)
            return replace(limit, value=limit_value)
        if proposers:
            raise ConsoleError(ErrorCode.SAME_PERSON, {"first": proposers[0], "about": LIMIT_KIND})
        limit_changes.close_proposals_of_person(tx.conn, subject, person, now)
        limit_changes.insert_proposal(tx.conn, subject, limit_value, person, now)
        context.record_audit(tx, AuditAction.LIMIT_PROPOSED, f"{limit_name} {currency}", facts, kind=LIMIT_KIND)
        return replace(limit, proposed=limit_value, proposed_by=person)
