"""Read a person's password: from the terminal, or from a file descriptor that the calling program has opened for this
purpose.
"""

import os
import sys
from typing import TYPE_CHECKING

from console.cli.text_output.translator import Translator
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.settings.settings import Settings

PASSWORD_DESCRIPTOR_VARIABLE = "CONSOLE_OPERATOR_PASSWORD_FD"  # noqa: S105  # the name of an environment variable
_MAX_SECRET_LENGTH = 4096


def is_stdin_terminal() -> bool:
    """Return True if standard input is a terminal, so that the program can ask the person for an input."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask_secret_at_terminal(translator: Translator, question_key: str, **facts: object) -> str | None:
    """Show the question of the wording key `question_key`, filled with `facts`, and return the secret that the person
    types without echo. Return None if the terminal can't hide the input, if the input ends or the terminal is gone,
    or if the input isn't UTF-8, such as the input of a terminal with another encoding.
    """
    import getpass
    import warnings

    with warnings.catch_warnings():
        # getpass warns if it can't switch off the echo
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(translator(question_key, **facts))
        except (getpass.GetPassWarning, EOFError, OSError, UnicodeDecodeError):
            return None


def read_stdin_line() -> str | None:
    """Return the first line of standard input, on which a program passes a secret. Return None if there is no line,
    if the line isn't valid text, or if standard input can't be read, for example because it is a folder."""
    try:
        entered_line = sys.stdin.readline(_MAX_SECRET_LENGTH) if sys.stdin is not None else ""
    except (OSError, UnicodeDecodeError):
        return None
    return entered_line.removesuffix("\n").removesuffix("\r") or None


def protect_password_descriptor(settings: "Settings") -> None:
    """Prevent child processes from inheriting the file descriptor of the password. If the descriptor isn't open,
    remove the environment variable with its number, because another file could get this number later."""
    if settings.operator_password_fd is not None:
        try:
            os.set_inheritable(settings.operator_password_fd, False)
        except OSError:
            os.environ.pop(PASSWORD_DESCRIPTOR_VARIABLE, None)


def read_password(settings: "Settings", translator: Translator) -> str | None:
    """Return the password with which the person confirms a decision. If an environment variable names a file
    descriptor, read the password from it, close it and remove the variable. Otherwise the person types the password
    at the terminal. Return None if there is no password: the descriptor was already used or has none, or there is no
    terminal, or the person enters none.

    Raises Interrupted at the first signal (such as Ctrl+C) while the program waits for the password.
    """
    descriptor = settings.operator_password_fd
    if descriptor is not None and os.environ.pop(PASSWORD_DESCRIPTOR_VARIABLE, None) is None:
        return None
    if descriptor is None and not is_stdin_terminal():
        return None
    with interrupts.raise_at_signals():
        if descriptor is not None:
            return _read_secret_from_descriptor(descriptor)
        return ask_secret_at_terminal(translator, "password.ask", user=settings.sign_in.user or "")


def _read_secret_from_descriptor(descriptor: int) -> str | None:
    """Return the first line of the file descriptor, and close the descriptor. Return None if the line is empty or
    can't be read.
    """
    content = b""
    try:
        with open(descriptor, "rb", buffering=0) as file:
            while (
                b"\n" not in content
                and len(content) < _MAX_SECRET_LENGTH
                and (chunk := file.read(_MAX_SECRET_LENGTH))
            ):
                content += chunk
        return content.partition(b"\n")[0].removesuffix(b"\r").decode() or None
    except (OSError, UnicodeDecodeError):
        return None
