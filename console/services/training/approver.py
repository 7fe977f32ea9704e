"""The second person of the training: an invented approver, who decides about the requests of the person in
training."""

import logging
from collections.abc import Callable

from console.domain.errors import ConsoleError
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.services.process.context import ServiceContext
from console.services.training.exercises import EXERCISE_DECLARATION_BY_KEY
from console.services.training.protocols import TrainingActors
from console.services.training.score_file import ScoreFile
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments
from console.store.refunds import approvals, refunds

_MAX_APPROVER_DECISIONS = 100
_log = logging.getLogger(__name__)


class InventedApprover:
    """Decides about the refund requests and proposals of the person in training.

    If an exercise has `is_first_request_rejected`, the approver rejects the first refund request and asks a
    question, as a real approver may do. The person must answer the question in the reason of the next request; a
    request with an earlier reason is rejected again. The approver approves everything else, even if it is wrong,
    because the provider's ledger shows the mistake.
    """

    def __init__(self, context: ServiceContext, actors: TrainingActors, score_file: ScoreFile) -> None:
        self._context, self._actors, self._scores = context, actors, score_file

    def decide_waiting_requests(self) -> None:
        """Decide about the requests and proposals of the person in training that wait now. Of the waiting requests of
        all people, at most _MAX_APPROVER_DECISIONS are read, and as many proposals. If a service refuses a decision,
        log this; the next call tries again."""
        person = self._scores.person
        with self._context.database.read() as conn:
            now = read_current_time(conn, self._context.now())
            requests = [
                (refund.id, self._must_reject_refund(conn, refund))
                for refund in refunds.list_refunds_waiting_for_decision(conn, now, _MAX_APPROVER_DECISIONS)
                if refund.maker == person
            ]
            proposals = [
                proposal
                for proposal in approvals.list_open_proposals(conn, _MAX_APPROVER_DECISIONS)
                if proposal.person == person
            ]
        for refund_id, must_reject in requests:
            self._decide_or_log_refusal(
                self._actors.reject_refund if must_reject else self._actors.approve_refund, refund_id
            )
        for proposal in proposals:
            self._decide_or_log_refusal(
                self._actors.confirm_decision, proposal.kind, int(proposal.record_id), proposal.state
            )

    def _decide_or_log_refusal(self, decide: Callable[..., None], *arguments: object) -> None:
        try:
            decide(*arguments)
        except ConsoleError as refusal:
            _log.info("the invented approver was refused: %s", refusal.code)

    def _must_reject_refund(self, conn: Connection, refund: Refund) -> bool:
        payment = payments.find(conn, refund.payment_id)
        attempts = self._scores.read_attempts().items()
        keys_of_payment = {
            key for key, attempt in attempts if payment and attempt.facts.get("order") == payment.merchant_payment_id
        }
        if not any(EXERCISE_DECLARATION_BY_KEY[key].is_first_request_rejected for key in keys_of_payment):
            return False
        rejected_refunds = [
            (other_refund.reason_code, other_refund.reason.strip())
            for other_refund in refunds.find_by_payment(conn, refund.payment_id)
            if other_refund.state is RefundState.REJECTED and other_refund.maker == refund.maker
        ]
        return not rejected_refunds or (refund.reason_code, refund.reason.strip()) in rejected_refunds
