"""Commands that stay until they are told to end: the sandbox alone, and the demo."""

import contextlib
import signal
import threading
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from console.cli_json import Object
from console.cli_parser import usage
from console.cli_service import Command
from console.cli_writer import Writer


class SandboxAlone:
    """The provider simulators on one port, until they are told to end."""

    def run(self, args: Namespace, writer: Writer) -> None:
        from console.sandbox import start

        with ended_politely():
            try:
                sandbox = start(port=args.port)
            except OSError as trouble:
                raise usage(writer.voice("cli.port_taken", port=args.port)) from trouble
            with sandbox:
                ready = {"url": sandbox.url, "port": sandbox.port}
                writer.ready(lambda: ready, lambda: [writer.voice("cli.sandbox.ready", url=sandbox.url)])
                until_told()


@dataclass(frozen=True, slots=True)
class Worker:
    """Due tasks and the receiver until it is told to end; with `--once` every due task and no more, by `once`."""

    once: Command

    def run(self, args: Namespace, writer: Writer) -> None:
        if args.once:
            self.once.run(args, writer)
            return
        from console.app import open_console
        from console.worker import process
        from console.worker.logs import json_lines

        def ready(told: process.Ready) -> None:
            facts: Object = {"url": told.url, "port": told.port, "tasks": list(told.tasks)}
            writer.ready(lambda: facts, lambda: [writer.voice("cli.worker.ready", url=told.url, n=len(told.tasks))])

        settings = writer.read_settings()
        with json_lines(), open_console(settings, program="worker") as console:
            process.run(console, ready)


class Demo:
    """The window on a temporary desk, with a sandbox provider and invented records."""

    def run(self, args: Namespace, writer: Writer) -> None:
        from console.demo import run_demo

        with ended_politely():
            run_demo(writer, fast=args.fast_clock)


@contextlib.contextmanager
def ended_politely() -> Iterator[None]:
    """A request to end (SIGTERM) is taken like Ctrl+C, so that servers stop and temporary folders go."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def until_told() -> None:
    """Wait for Ctrl+C or its like."""
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
