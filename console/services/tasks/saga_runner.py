"""Sagas: what is done in several steps, each in a transaction of its own together with the journal's advance.

A process may die anywhere: the next one finds in the journal which step comes next, and nothing is done twice, as a
step's effect and the journal's word for it are committed together or not at all. What has to be asked of a provider
is a read, made with no transaction open, and is simply asked again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from console.domain.errors import EXIT_STATUS, ConsoleError
from console.domain.saga_steps import DONE, UNDOING, UNDONE
from console.domain.schedules import next_of_endless
from console.domain.worker_records import Saga, SagaState
from console.services.desk import Desk
from console.store import sagas
from console.store.engine import Transaction

LONGEST_REASON = 64
TROUBLE, FAULTS = "trouble", "faults"
"""Why a step waits that failed by a fault of ours; the fact that counts how often that was so."""
MOST_FAULTS = 4
"""So often a saga may fail by a fault of ours; then it is left to a person."""
_PASSING = frozenset(code for code, status in EXIT_STATUS.items() if 4 <= status <= 6) | {
    "bad_profile", "in_progress", "lease_timeout", "read_only", "schema_mismatch",
}  # fmt: skip
"""What passes by itself, or is so at this desk alone: a provider or a database out of reach, somebody else at it."""
_log = logging.getLogger("console.worker")


@dataclass(frozen=True, slots=True)
class Onward:
    """The step is done. `facts` are kept for those after it."""

    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """It can't be done now. Once more at `until`, or else when the schedule says."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """What an earlier step found out is too old: from there again."""

    step: str


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more is needed, and what was done is as it should be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undo:
    """What was done must not have been: it is compensated, the newest first."""

    reason: str


Verdict: TypeAlias = Onward | Wait | Back | Over | Undo
Do: TypeAlias = Callable[[Transaction, Saga], Verdict]


@dataclass(frozen=True, slots=True)
class Effect:
    """A step: `do` writes it, `undo` compensates it where it has been done; None: there is nothing to take back."""

    name: str
    do: Do
    undo: Callable[[Transaction, Saga], None] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A step that asks, outside of every transaction, and says how to write what it was told."""

    name: str
    ask: Callable[[Saga], Do]


Step: TypeAlias = Effect | Question


@dataclass(frozen=True, slots=True)
class Plan:
    """A saga, declared: its steps in their order, when one that could not be done is tried again, and what tells
    people that it has stopped.
    """

    kind: str
    subject_kind: str
    steps: tuple[Step, ...]
    schedule: Sequence[timedelta]
    stopped: Callable[[Transaction, Saga], None] = lambda _tx, _saga: None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)

    def step(self, name: str) -> Step:
        return self.steps[self.names.index(name)]

    def after(self, name: str) -> str | None:
        return next(iter(self.names[self.names.index(name) + 1 :]), None)

    def before(self, name: str) -> str | None:
        return next(reversed(self.names[: self.names.index(name)]), None)


class Overtaken(Exception):
    """Another process has taken the step meanwhile."""


class SagaRunner:
    """Runs the sagas of one plan. Whoever runs one needs no lease: of two who take a step at once one commits."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        self._desk = desk
        self._plan = plan

    def run(self, saga: Saga) -> Saga:
        """As many steps as can be taken now; the saga as it is then. A step that fails is tried again later."""
        try:
            while saga.state is SagaState.RUNNING and (saga.next_at is None or saga.next_at <= self._desk.now()):
                saga = self._backwards(saga) if UNDOING in saga.facts else self._forwards(saga)
        except Overtaken:
            return self._fresh(saga)
        except Exception as trouble:
            code = trouble.code if isinstance(trouble, ConsoleError) else TROUBLE
            _log.warning("saga %s stays at %s: %s", saga.id, saga.step, code, exc_info=code == TROUBLE)
            return self.postpone(saga, code) if code in _PASSING else self._failed(saga, code)
        return saga

    def postpone(self, saga: Saga, reason: str) -> Saga:
        """It was tried: once more when the schedule says; as it is then."""
        return self._noted_later(saga, lambda tx, fresh: self._journal(tx, fresh, Wait(reason)))

    def pass_over(self, saga: Saga, reason: str, wait: timedelta) -> Saga:
        """Leave it for later, without trying: that was no attempt of its own. As it is then."""
        now, at = self._desk.now(), self._desk.now() + self._desk.scale.delta(wait)
        return self._noted_later(saga, lambda tx, fresh: sagas.postpone(tx.conn, fresh, now, at, reason, tried=False))

    def resume(self, saga: Saga, settled: Callable[[Transaction], None]) -> Saga:
        """A person says that what was stuck may go on; `settled` is written with it. As it is then."""

        def change(tx: Transaction, fresh: Saga) -> Saga:
            settled(tx)
            return sagas.resume(tx.conn, fresh, self._desk.now(), {FAULTS: 0})

        return self._noted_later(saga, change)

    def _failed(self, saga: Saga, code: str) -> Saga:
        """Once more later; after some such failures it stops, and people are told in the same transaction."""

        def change(tx: Transaction, fresh: Saga) -> Saga:
            now, faults = self._desk.now(), int(str(fresh.facts.get(FAULTS, 0))) + 1
            if faults < MOST_FAULTS:
                at = next_of_endless(self._plan.schedule, fresh.attempts, now, self._desk.scale)
                return sagas.postpone(tx.conn, fresh, now, at, code, {FAULTS: faults})
            halted = sagas.halt(tx.conn, fresh, now, code, {FAULTS: faults})
            self._plan.stopped(tx, halted)
            return halted

        return self._noted_later(saga, change)

    def _noted_later(self, saga: Saga, change: Callable[[Transaction, Saga], Saga]) -> Saga:
        """Whoever was faster has said what is next."""
        try:
            return self._write(saga, change)
        except Overtaken:
            return self._fresh(saga)

    def _fresh(self, saga: Saga) -> Saga:
        with self._desk.database.read() as conn:
            return sagas.find(conn, saga.id) or saga

    # Forwards

    def _forwards(self, saga: Saga) -> Saga:
        step, reach = self._plan.step(saga.step), self._desk.failpoints.reach
        reach(f"before_{step.name}")
        do = step.ask(saga) if isinstance(step, Question) else step.do
        if isinstance(step, Question):
            reach(f"answered_{step.name}")
        after = self._write(saga, lambda tx, fresh: self._journal(tx, fresh, do(tx, fresh)))
        reach(f"after_{step.name}")
        return after

    def _write(self, saga: Saga, change: Callable[[Transaction, Saga], Saga]) -> Saga:
        """The step's effect and the journal's advance: both or neither. Raises Overtaken."""

        def work(tx: Transaction) -> Saga:
            fresh = sagas.find(tx.conn, saga.id)
            if fresh is None or fresh.version != saga.version:
                raise Overtaken
            return change(tx, fresh)

        try:
            return self._desk.write(work)
        except sagas.Stale:
            raise Overtaken from None

    def _journal(self, tx: Transaction, saga: Saga, verdict: Verdict) -> Saga:
        now = self._desk.now()
        match verdict:
            case Onward(facts):
                return self._onward(tx, saga, facts)
            case Wait(reason, until):
                at = until or next_of_endless(self._plan.schedule, saga.attempts, now, self._desk.scale)
                return sagas.postpone(tx.conn, saga, now, at, reason[:LONGEST_REASON])
            case Back(step):
                return sagas.advance(tx.conn, saga, now, step)
            case Over(reason):
                if isinstance(self._plan.step(saga.step), Question):  # it was asked, and this is what was learned
                    saga = sagas.advance(tx.conn, saga, now, saga.step, {DONE: self._noted(saga, DONE)})
                return sagas.end(tx.conn, saga, now, SagaState.DONE, reason[:LONGEST_REASON])
            case Undo(reason):
                return self._undone_to(tx, saga, {UNDOING: reason[:LONGEST_REASON]})

    def _onward(self, tx: Transaction, saga: Saga, facts: Mapping[str, object]) -> Saga:
        following = self._plan.after(saga.step)
        if following is None:
            return sagas.end(tx.conn, saga, self._desk.now(), SagaState.DONE)
        told = {**facts, DONE: self._noted(saga, DONE)}
        return sagas.advance(tx.conn, saga, self._desk.now(), following, told)

    def _noted(self, saga: Saga, which: str) -> dict[str, object]:
        """The instants that are kept of steps, and now that of this one."""
        kept = saga.facts.get(which)
        return {**(kept if isinstance(kept, dict) else {}), saga.step: self._desk.now().isoformat()}

    # Backwards

    def _backwards(self, saga: Saga) -> Saga:
        """Compensate the step that the journal names, if it was done."""
        step, reach = self._plan.step(saga.step), self._desk.failpoints.reach
        reach(f"before_undo_{step.name}")
        after = self._write(saga, lambda tx, fresh: self._undo(tx, fresh, step))
        reach(f"after_undo_{step.name}")
        return after

    def _undo(self, tx: Transaction, saga: Saga, step: Step) -> Saga:
        done = saga.facts.get(DONE)
        if not isinstance(step, Effect) or step.undo is None or not isinstance(done, dict) or step.name not in done:
            return self._undone_to(tx, saga, {})
        step.undo(tx, saga)
        return self._undone_to(tx, saga, {UNDONE: self._noted(saga, UNDONE)})

    def _undone_to(self, tx: Transaction, saga: Saga, facts: Mapping[str, object]) -> Saga:
        """The step before this one is compensated next; before the first one all is undone."""
        now, previous = self._desk.now(), self._plan.before(saga.step)
        reason = str(facts.get(UNDOING) or saga.facts.get(UNDOING))
        told = sagas.advance(tx.conn, saga, now, previous or saga.step, facts, reason=reason)
        if previous is not None:
            return told
        return sagas.end(tx.conn, told, now, SagaState.COMPENSATED, reason)
