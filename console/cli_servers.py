"""Commands that stay until they are told to end: the sandbox alone, and the demo."""

import contextlib
import signal
import threading
from argparse import Namespace
from collections.abc import Iterator

from console.cli_parser import usage
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
