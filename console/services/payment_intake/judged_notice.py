"""A notice that was judged, and the two steps that are left of it: keeping, which it is answered by, and asking."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from console.domain import tracing
from console.domain.payment_results import NoticeResult
from console.services import notice_parts as parts
from console.services.desk import WORKER, acting
from console.services.notice_parts import Taken
from console.services.settling import tolerated
from console.store.payment_events import PaymentEvent


@dataclass(slots=True)
class Heard:
    """Keep it first; then, where `asks` says so, ask. All that is done for it carries one correlation id.

    `refused`: it gets the one refusal, and `keep` tells the trail, where there is anything to write (`writes`).
    `matters`: it may hide a true notice, and has to be written before it is answered.
    """

    correlation: str
    work: Callable[[], Taken] | None = field(repr=False)
    question: Callable[[PaymentEvent], str] = field(repr=False)
    refused: bool = False
    matters: bool = False
    _taken: Taken | None = field(default=None, init=False)

    @property
    def writes(self) -> bool:
        """Whether `keep` has anything to do; it hasn't for a refusal in a flood of them."""
        return self.work is not None

    @property
    def asks(self) -> bool:
        """Whether the provider is still to be asked. Should nobody do so, a due task will: the event waits for it."""
        return self._taken is not None and self._taken.to_ask is not None

    def keep(self) -> NoticeResult:
        """Durably, and booked as far as it proves anything. Raises ConsoleError where the database is in trouble."""
        with self._at_work():
            self._taken = self.work() if self.work is not None else None
        if self.refused or self._taken is None:
            return NoticeResult(refused=True)
        return self._taken.result

    def ask(self) -> NoticeResult:
        """What the provider's answer made of it; what fails here, a due task does."""
        taken = self._taken
        if taken is None or taken.to_ask is None:
            raise ValueError("nothing to ask about")
        with self._at_work(), tolerated(f"asking about payment {taken.payment_id}"):
            done = self.question(taken.to_ask)
            if taken.done == parts.QUEUED:
                return replace(taken.result, done=done)
        return taken.result

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with acting(WORKER), tracing.within(correlation=self.correlation):
            yield
