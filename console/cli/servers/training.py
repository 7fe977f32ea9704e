"""The command `training`: open the window with invented incidents, list the incidents and the score, or judge the
incidents that a person has settled.
"""

from argparse import Namespace
from typing import TYPE_CHECKING

from console.cli.json_output.records import format_instant_for_json
from console.cli.json_output.results import JsonObject
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import make_usage_error
from console.cli.process.stop_signals import handle_stop_signals_as_interrupt
from console.cli.text_output.translator import Lines, Translator
from console.cli.window.open_window import NO_DISPLAY_EXIT_STATUS, has_display, show_window
from console.wording.training import (
    format_training_incident_title,
    format_training_score,
    format_training_situation,
    format_training_verdict,
)

if TYPE_CHECKING:
    from console.domain.training.results import TrainingIncident, TrainingOverview


class TrainingCommand:
    """The command `training`. Without an option it opens the window and runs until the window is closed. `--list` and
    `--check` write one answer; `--check` judges the incidents of a training that runs in another process.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Run the training, or write the list of its incidents. Raises ConsoleError `bad_profile` if the operator
        has the name of an invented person; with `--json` `usage` if there is no display.
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
    """Return the incidents of the training and the person's score as a JSON object. `language` is the language of
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
            "total": score.incident_count,
        },
        "incidents": [_build_training_incident_json(incident, language) for incident in overview.incidents],
    }


def _build_training_incident_json(incident: "TrainingIncident", language: str) -> JsonObject:
    return {
        "key": incident.key,
        "title": format_training_incident_title(incident, language),
        "state": incident.state.value,
        "verdict": incident.verdict.value if incident.verdict else None,
        "situation": format_training_situation(incident, language),
        "why": format_training_verdict(incident, language) or None,
        "facts": dict(incident.facts),
        "attempts": incident.attempt_count,
        "solved": incident.is_solved,
        "checked_at": format_instant_for_json(incident.checked_at),
    }


def _format_training_lines(overview: "TrainingOverview", translator: Translator) -> Lines:
    language = translator.language
    for incident in overview.incidents:
        state = translator(f"training.state.{incident.state}")
        yield translator(
            "cli.training.incident", title=format_training_incident_title(incident, language), state=state
        )
        yield from (
            f"  {text}"
            for text in (format_training_situation(incident, language), format_training_verdict(incident, language))
            if text
        )
    yield format_training_score(overview.score, language)
