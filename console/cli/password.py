"""Ask the person for a password: at the terminal, or from the file descriptor that a program names for it."""

import os
import sys
from typing import TYPE_CHECKING

from console.cli.text_output.translator import Translator
from console.domain import interrupts

if TYPE_CHECKING:
    from console.settings.settings import Settings

DESCRIPTOR = "CONSOLE_OPERATOR_PASSWORD_FD"
_MAX_LENGTH = 4096


def is_terminal() -> bool:
    """Return True if a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask_at_terminal(translator: Translator, key: str, **facts: object) -> str | None:
    """Return the password that the person types without echo; None if the terminal can't hide it or ends."""
    import getpass
    import warnings

    with warnings.catch_warnings():
        # getpass warns if it can't switch off the echo
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(translator(key, **facts))
        except (getpass.GetPassWarning, EOFError):
            return None


def keep_descriptor_private(settings: "Settings") -> None:
    """Keep the descriptor of the password from child processes. Forget one that isn't open: another file could get
    its number.
    """
    if settings.operator_password_fd is not None:
        try:
            os.set_inheritable(settings.operator_password_fd, False)
        except OSError:
            os.environ.pop(DESCRIPTOR, None)


def read_password(settings: "Settings", translator: Translator) -> str | None:
    """Return the password for a decision: from the descriptor that the environment names, which is closed and
    forgotten then, or from the person at the terminal. Return None if there is neither.

    Raises Interrupted for Ctrl+C at the question.
    """
    descriptor = settings.operator_password_fd
    if descriptor is not None:
        return None if os.environ.pop(DESCRIPTOR, None) is None else _read_descriptor(descriptor)
    if not is_terminal():
        return None
    with interrupts.raise_at_signals():
        return ask_at_terminal(translator, "password.ask", user=settings.sign_in.user or "")


def _read_descriptor(descriptor: int) -> str | None:
    """Return the first line, and close the descriptor; None if it can't be read."""
    content = b""
    try:
        with open(descriptor, "rb", buffering=0) as file:
            while b"\n" not in content and len(content) < _MAX_LENGTH and (part := file.read(_MAX_LENGTH)):
                content += part
        return content.partition(b"\n")[0].removesuffix(b"\r").decode() or None
    except (OSError, UnicodeDecodeError):
        return None
