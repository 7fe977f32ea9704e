"""The commands that run until they are stopped: `sandbox`, `worker` and `demo`."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.json_output.results import JsonObject
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import make_usage_error
from console.cli.process.stop_signals import handle_stop_signals_as_interrupt, wait_for_stop_signal
from console.cli.text_output import results as cli_text
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.service_results import DueTasksResult


class SandboxCommand:
    """The command `sandbox`. It runs the simulated providers on one port until it is stopped."""

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Run the simulated providers until Ctrl+C or SIGTERM.

        Raises ConsoleError `usage` if the port can't be used.
        """
        from console.sandbox import start_sandbox

        with handle_stop_signals_as_interrupt():
            try:
                sandbox = start_sandbox(port=args.port)
            except OSError as error:
                raise make_usage_error(writer.translator("cli.port_taken", port=args.port)) from error
            with sandbox:
                answer_fields = {"url": sandbox.url, "port": sandbox.port}
                writer.write_ready_answer(
                    lambda: answer_fields, lambda: [writer.translator("cli.sandbox.ready", url=sandbox.url)]
                )
                wait_for_stop_signal()


class WorkerCommand:
    """The command `worker`. It runs the due tasks and receives notices until it is stopped. With `--once` it runs
    every due task once, and ends.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Run the worker until it is stopped or, with `--once`, run every due task once. Raises ConsoleError
        `not_allowed` if the database account may not run due tasks; `bad_profile` if a setting is missing or the
        receiver of notices can't use its address; and the errors of `console.app.open_console` if the database can't
        be opened."""
        if args.once:
            ServiceCommand(_run_due_tasks, cli_json.build_due_tasks_json, cli_text.format_due_tasks_lines).run(
                args, writer
            )
            return
        from console.app import open_console
        from console.worker import main as process
        from console.worker.json_logging import log_json_lines

        def write_ready_answer(worker: process.ReadyWorker) -> None:
            facts: JsonObject = {"url": worker.url, "port": worker.port, "tasks": list(worker.task_names)}
            writer.write_ready_answer(
                lambda: facts,
                lambda: [writer.translator("cli.worker.ready", url=worker.url, n=len(worker.task_names))],
            )

        settings = writer.read_settings()
        with log_json_lines(), open_console(settings, program="worker") as console:
            process.run_worker(console, write_ready_answer)


def _run_due_tasks(console: "Console", _: Namespace, __: AnswerWriter) -> "DueTasksResult":
    from console.domain.service_results import DueTasksResult

    with console.acting_as("worker"):
        console.require_own_merchants()
        runs = console.recovery.run_all_tasks()
    was_ended = interrupts.has_received_signal()
    begun = {run.task for run in runs}
    unbegun_tasks = [name for name in console.recovery.due_task_names if name not in begun] if was_ended else []
    return DueTasksResult(runs, tuple(unbegun_tasks))


@dataclass(frozen=True, slots=True)
class DemoCommand:
    """The command `demo`. It opens the window with a temporary home folder, simulated providers and sample records.
    `run_command` runs the command lines that a person enters at the demo's prompt.
    """

    run_command: Callable[[Sequence[str]], int]

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.cli.servers.demo import run_demo

        with handle_stop_signals_as_interrupt():
            run_demo(writer, self.run_command, has_fast_clock=args.fast_clock)


COMMANDS: Mapping[str, Command] = {
    "worker": WorkerCommand(),
    "sandbox": SandboxCommand(),
}
