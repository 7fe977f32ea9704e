"""Commands that stay: the sandbox alone, the demo, and the window."""

import contextlib
import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.cli_parser import usage
from console.cli_writer import Writer

if TYPE_CHECKING:
    from console.app import Console

NO_DISPLAY = 6
"""Exit status: out of reach, and nothing was done."""


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
                writer.answer(lambda: ready, lambda: [writer.voice("cli.sandbox.ready", url=sandbox.url)])
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


def has_display() -> bool:
    """Whether a window can be shown: on Linux somebody has to name a display, or a platform that needs none."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(map(os.environ.get, named))


def open_window(writer: Writer) -> None:
    """The window of this desk, until it is closed."""
    if not has_display():
        writer.aside(writer.voice("cli.no_display"))
        writer.status = NO_DISPLAY
        return
    from console.cli_commands import opened

    with ended_politely(), opened(writer) as console:
        show_window(console)


def show_window(console: "Console") -> None:
    """Show the desk's window and stay until it is closed. Qt is imported here and nowhere earlier."""
    from console.views.main import run

    run(console)
