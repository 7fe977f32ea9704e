"""The command `training`: open the window with invented exercises, list the exercises and the score, or judge the
exercises that a person has worked on.
"""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.cli.json_output.records import format_instant_for_json
from console.cli.json_output.results import JsonObject
from console.cli.process.command import Command
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import make_usage_error
from console.cli.process.stop_signals import handle_stop_signals_as_interrupt
from console.cli.text_output.translator import Lines, Translator
from console.cli.window.open_window import NO_DISPLAY_EXIT_STATUS, has_display, show_window
from console.wording.training import (
    format_training_exercise_title,
    format_training_score,
    format_training_situation,
    format_training_verdict,
)

if TYPE_CHECKING:
    from console.domain.training.results import TrainingExercise, TrainingOverview


class TrainingCommand:
    """The command `training`. Without an option it opens the window and runs until the window is closed. `--list` and
    `--check` write one answer; `--check` judges the exercises of a training that runs in another process.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Run the training, or write the list of its exercises. Raises ConsoleError `bad_profile` if the operator has
        the name of an invented person; with `--json` `usage` if there is no display. Without `--json`, a missing
        display is reported on stderr, and the exit status is NO_DISPLAY_EXIT_STATUS.
        """
        from console.demo.training.session import open_training, read_stored_overview

        settings = writer.read_settings()
        if args.list or args.check:
            overview = read_stored_overview(settings, must_check=args.check)
            writer.write_answer(
                lambda: build_training_json(overview, writer.translator.language),
                lambda: _format_training_lines(overview, writer.translator),
            )
            return
        if not has_display():
            if writer.is_json:
                raise make_usage_error(writer.translator("cli.no_display"))
            writer.write_to_stderr(writer.translator("cli.no_display"))
            writer.exit_status = NO_DISPLAY_EXIT_STATUS
            return
        with handle_stop_signals_as_interrupt(), open_training(settings) as console:
            training = console.training
            assert training is not None  # noqa: S101 - for the type checker
            writer.write_ready_answer(
                lambda: build_training_json(training.read_overview(), writer.translator.language),
                lambda: [writer.translator("cli.training.prompt")],
            )
            show_window(console)


def build_training_json(overview: "TrainingOverview", language: str) -> JsonObject:
    """Return the exercises of the training and the person's score as a JSON object. `language` is the language of
    the sentences.
    """
    score = overview.score
    return {
        "running": overview.is_running,
        "score": {
            "person": score.person,
            "solved": score.solved_count,
            "at_first_attempt": score.solved_at_first_attempt_count,
            "attempts": score.attempt_count,
            "total": score.exercise_count,
        },
        "incidents": [_build_training_exercise_json(exercise, language) for exercise in overview.exercises],
    }


def _build_training_exercise_json(exercise: "TrainingExercise", language: str) -> JsonObject:
    return {
        "key": exercise.key,
        "title": format_training_exercise_title(exercise, language),
        "state": exercise.state.value,
        "verdict": exercise.verdict.value if exercise.verdict else None,
        "situation": format_training_situation(exercise, language),
        "why": format_training_verdict(exercise, language) or None,
        "facts": dict(exercise.facts),
        "attempts": exercise.attempt_count,
        "solved": exercise.is_solved,
        "checked_at": format_instant_for_json(exercise.checked_at),
    }


def _format_training_lines(overview: "TrainingOverview", translator: Translator) -> Lines:
    language = translator.language
    for exercise in overview.exercises:
        state = translator(f"training.state.{exercise.state}")
        yield translator(
            "cli.training.incident", title=format_training_exercise_title(exercise, language), state=state
        )
        yield from (
            f"  {text}"
            for text in (format_training_situation(exercise, language), format_training_verdict(exercise, language))
            if text
        )
    yield format_training_score(overview.score, language)


COMMANDS: Mapping[str, Command] = {"training": TrainingCommand()}
