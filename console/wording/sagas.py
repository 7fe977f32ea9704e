"""Texts about a saga (the steps that follow an expired payment), for the window, the terminal and exports."""

from console.domain.tasks.saga_progress import SagaProgress, SagaStep, StepState
from console.domain.tasks.states import SagaState
from console.wording.sentences import catalogue as wording

_CHARACTER_BY_STEP_STATE = {
    StepState.DONE: "✓",
    StepState.CURRENT: "▶",
    StepState.WAITING: "…",
    StepState.STUCK: "!",
    StepState.OPEN: "○",
    StepState.SKIPPED: "–",
    StepState.UNDONE: "↩",
}


def get_step_state_character(step: SagaStep) -> str:
    """Return the character that marks the state of a saga's step in a plain text, such as ✓ for done."""
    return _CHARACTER_BY_STEP_STATE[step.state]


def get_saga_title(language: str) -> str:
    """Return the title of a saga. All sagas have the same title, which names no order or payment, because it is shown
    on the page of the saga's order or payment.
    """
    return wording.translate("saga.title", language)


def format_saga_state(saga_progress: SagaProgress, language: str) -> str:
    """Return the state of a saga as text, with the reason if the saga isn't running."""
    word = wording.translate(f"state.saga.{saga_progress.record.state.value}", language)
    has_reason = saga_progress.record.state is not SagaState.RUNNING
    return _join_nonempty_texts(
        language, word, format_saga_reason(saga_progress.record.reason, language) if has_reason else ""
    )


def format_saga_time(saga_progress: SagaProgress, language: str) -> str:
    """Return a text with the time at which the saga ended. If the saga hasn't ended, the text has the time at which
    it began."""
    record = saga_progress.record
    key, at = ("saga.ended", record.ended_at) if record.ended_at else ("saga.begun", record.begun_at)
    return wording.translate(key, language, at=wording.format_instant(at, "short"))


def get_step_name(step: SagaStep, language: str) -> str:
    """Return the name of a saga's step."""
    return wording.translate(f"saga.step.{step.name}", language)


def get_step_state_word(step: SagaStep, language: str) -> str:
    """Return the word for the state of a saga's step."""
    return wording.translate(f"saga.at.{step.state.value}", language)


def format_step_detail(step: SagaStep, language: str) -> str:
    """Return a text with the time at which a saga's step was done. For a waiting step, the text has the reason and
    the time of the next attempt."""
    at = wording.format_instant(step.at, "short") if step.at else ""
    if step.state is StepState.WAITING and at:
        at = wording.translate("saga.again", language, at=at)
    return wording.capitalize_first_letter(
        _join_nonempty_texts(language, format_saga_reason(step.reason, language), at)
    )


def format_saga_reason(code: str | None, language: str) -> str:
    """Return the text for the code of the reason why a saga's step waits or the saga has ended; "" for None. If there
    is no text for sagas with this code, return the text of a refusal or a cause with this code, otherwise a general
    text.
    """
    if code is None:
        return ""
    keys = (f"saga.reason.{code}", f"refusal.{code}", f"cause.{code}")
    return wording.translate(next(filter(wording.has_sentence, keys), "saga.reason.trouble"), language)


def _join_nonempty_texts(language: str, *parts: str) -> str:
    return wording.translate("list.fact_separator", language).join(filter(None, parts))
