"""The log that commands and the window write to stderr."""

import io
import logging
import sys
from functools import partial

import pytest

from console.cli.process.stderr_log import LOG_ATTRIBUTES_OF_BUG, log_on_stderr

TEST_LOGGER = logging.getLogger("console.test")
expects_test_log = pytest.mark.expects_log("the log itself is what is tested")


def log_failure_and_read_stderr(
    monkeypatch: pytest.MonkeyPatch, *, shows_tracebacks: bool = False, extra: dict[str, bool] | None = None
) -> str:
    """Log a failure with a secret in it, and return the text on stderr. `extra` has the additional attributes of the
    log record.
    """
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    block = partial(log_on_stderr, shows_tracebacks=shows_tracebacks, writes_events=False)
    with block(), block():
        try:
            raise ValueError("canary")
        except ValueError:
            TEST_LOGGER.exception("tolerated: %s", "a\nforged\u202eline", extra=extra)
    TEST_LOGGER.error("after the block")
    return err.getvalue()


@expects_test_log
def test_a_handled_failure_is_logged_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handled failure is logged once, in one line with its kind and place: without a traceback, secrets or forged
    lines.
    """
    text = log_failure_and_read_stderr(monkeypatch)
    assert text.startswith("ERROR console.test: tolerated: a\\nforged\\u202eline (ValueError at test_stderr_log.py:")
    assert text.count("\n") == 1
    assert "canary" not in text
    assert "Traceback" not in text


@expects_test_log
@pytest.mark.parametrize(("shows_tracebacks", "extra"), [(False, LOG_ATTRIBUTES_OF_BUG), (True, None)])
def test_a_bug_is_logged_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, shows_tracebacks: bool, extra: dict[str, bool] | None
) -> None:
    """A bug in a command is logged with its traceback. In a window every failure is logged with its traceback,
    because the process continues after it.
    """
    assert "Traceback" in log_failure_and_read_stderr(monkeypatch, shows_tracebacks=shows_tracebacks, extra=extra)
