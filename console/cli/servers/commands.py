"""The commands that run until they are stopped: `sandbox`, `worker` and `demo`."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.cli.json_output.results import JsonObject
from console.cli.parser import usage_error
from console.cli.process.command import Command
from console.cli.process.output import AnswerWriter
from console.cli.process.stop_signals import sigterm_as_interrupt, wait_for_stop


class SandboxCommand:
    """The command `sandbox`. It runs the simulated providers on one port until it is stopped."""

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Run the simulated providers until Ctrl+C or SIGTERM.

        Raises ConsoleError `usage` if the port is in use.
        """
        from console.sandbox import start_sandbox

        with sigterm_as_interrupt():
            try:
                sandbox = start_sandbox(port=args.port)
            except OSError as error:
                raise usage_error(writer.translator("cli.port_taken", port=args.port)) from error
            with sandbox:
                ready = {"url": sandbox.url, "port": sandbox.port}
                writer.write_ready_answer(
                    lambda: ready, lambda: [writer.translator("cli.sandbox.ready", url=sandbox.url)]
                )
                wait_for_stop()


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """The command `worker`. It runs the due tasks and receives notices until it is stopped. With `--once` it runs
    `once_command` instead, which runs every due task once.
    """

    once_command: Command

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Run the worker until it is stopped, or run every due task once. For the errors see
        `console.worker.main.run_worker`.
        """
        if args.once:
            self.once_command.run(args, writer)
            return
        from console.app import open_console
        from console.worker import main as process
        from console.worker.json_logging import log_json_lines

        def ready(worker: process.ReadyWorker) -> None:
            facts: JsonObject = {"url": worker.url, "port": worker.port, "tasks": list(worker.tasks)}
            writer.write_ready_answer(
                lambda: facts, lambda: [writer.translator("cli.worker.ready", url=worker.url, n=len(worker.tasks))]
            )

        settings = writer.read_settings()
        with log_json_lines(), open_console(settings, program="worker") as console:
            process.run_worker(console, ready)


@dataclass(frozen=True, slots=True)
class DemoCommand:
    """The command `demo`. It opens the window with a temporary home folder, simulated providers and sample records.
    `run_command` runs the command lines that a person enters at the demo's prompt.
    """

    run_command: Callable[[Sequence[str]], int]

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.cli.servers.demo import run_demo

        with sigterm_as_interrupt():
            run_demo(writer, self.run_command, has_fast_clock=args.fast_clock)
