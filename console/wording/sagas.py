"""What follows when a payment's time has passed, in words: for the window, the terminal and exports."""

from console import wording
from console.domain.saga_steps import SagaStep, SagaView, StepState
from console.domain.worker_records import SagaState

_MARKS = {
    StepState.DONE: "✓",
    StepState.CURRENT: "▶",
    StepState.WAITING: "…",
    StepState.STUCK: "!",
    StepState.OPEN: "○",
    StepState.SKIPPED: "–",
    StepState.UNDONE: "↩",
}


def mark(step: SagaStep) -> str:
    """One character for how a step stands."""
    return _MARKS[step.state]


def title(seen: SagaView, language: str) -> str:
    return wording.say("saga.title", language, payment=seen.record.subject_id)


def standing(seen: SagaView, language: str) -> str:
    """How it stands as a whole; why it ended before its last step, or stopped."""
    word = wording.say(f"state.saga.{seen.record.state.value}", language)
    tells = seen.record.state is not SagaState.RUNNING
    return _joined(word, reason(seen.record.reason, language) if tells else "")


def dated(seen: SagaView, language: str) -> str:
    """When it began; of one that has ended, when it did."""
    record = seen.record
    key, at = ("saga.ended", record.ended_at) if record.ended_at else ("saga.begun", record.begun_at)
    return wording.say(key, language, at=wording.format_instant(at, "short"))


def step_name(step: SagaStep, language: str) -> str:
    return wording.say(f"saga.step.{step.name}", language)


def step_word(step: SagaStep, language: str) -> str:
    return wording.say(f"saga.at.{step.state.value}", language)


def step_detail(step: SagaStep, language: str) -> str:
    """When it was done; why it waits, and when it is tried again."""
    at = wording.format_instant(step.at, "short") if step.at else ""
    if step.state is StepState.WAITING and at:
        at = wording.say("saga.again", language, at=at)
    return _joined(reason(step.reason, language), at)


def reason(code: str | None, language: str) -> str:
    """Why it waits or ended; whatever has no word of its own is named as a refusal is."""
    if code is None:
        return ""
    keys = (f"saga.reason.{code}", f"refusal.{code}", f"cause.{code}")
    return wording.say(next(filter(wording.has, keys), "saga.reason.trouble"), language)


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
