"""A checked notice and the two steps that remain after the check. The first step stores the notice, and then the
sender gets the reply. The second step asks the provider about the payment.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from console.domain.payments.service_results import NoticeResult
from console.domain.process import correlation as tracing
from console.services.payment_intake import notices
from console.services.payment_intake.notices import NoticeEffect
from console.services.process.context import WORKER, act_as
from console.services.process.failure_suppression import log_and_suppress
from console.store.payments.events import PaymentEvent


@dataclass(slots=True)
class CheckedNotice:
    """A checked notice. The caller first calls `store_notice`, then `ask_provider` if `must_ask_provider` is True.

    `is_refused` is True if the notice is refused; `store_notice` then writes only the audit entry and the event of
    the refusal, if `writes_database` is True. `must_store_before_reply` is True for a refused notice that must be
    stored before the sender gets the reply, because it may be a damaged genuine notice. `correlation_id` is the id by
    which the log and audit entries of `store_notice` and `ask_provider` can be found. `write_effect` is the function
    by which `store_notice` writes to the database; it returns the effect of the notice. The field is None if nothing
    must be written. `ask_about_event` asks the provider about a stored event and returns the event's new state.
    """

    correlation_id: str
    write_effect: Callable[[], NoticeEffect] | None = field(repr=False)
    ask_about_event: Callable[[PaymentEvent], str] = field(repr=False)
    is_refused: bool = False
    must_store_before_reply: bool = False
    _effect: NoticeEffect | None = field(default=None, init=False)

    @property
    def writes_database(self) -> bool:
        """True if `store_notice` writes to the database. False for a refusal that exceeds the rate limit of
        refusals.
        """
        return self.write_effect is not None

    @property
    def must_ask_provider(self) -> bool:
        """True if the provider must still be asked about the stored notice. If this process doesn't ask, a due task
        asks.
        """
        return self._effect is not None and self._effect.event_to_confirm is not None

    def store_notice(self) -> NoticeResult:
        """Store the notice and apply its report to the payment. Return the result for the sender. Raises ConsoleError
        if the database fails.
        """
        with self._act_as_worker():
            self._effect = self.write_effect() if self.write_effect is not None else None
        if self.is_refused or self._effect is None:
            return NoticeResult(is_refused=True)
        return self._effect.result

    def ask_provider(self) -> NoticeResult:
        """Ask the provider about the notice's payment, and return the result for the sender. A failure is only
        logged; a due task asks again later. Raises ValueError unless `must_ask_provider` is True.
        """
        effect = self._effect
        if effect is None or effect.event_to_confirm is None:
            raise ValueError("nothing to ask about")
        with self._act_as_worker(), log_and_suppress(f"asking about payment {effect.payment_id}"):
            event_state = self.ask_about_event(effect.event_to_confirm)
            if effect.event_state == notices.EVENT_QUEUED:
                return replace(effect.result, done=event_state)
        return effect.result

    @contextmanager
    def _act_as_worker(self) -> Iterator[None]:
        """Context manager: within the block, this thread acts as the worker, and its log lines have the notice's
        correlation id."""
        with act_as(WORKER), tracing.add_log_facts(correlation=self.correlation_id):
            yield
