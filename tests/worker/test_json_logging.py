"""Tests of the worker's log: each line is a JSON object with its task, record and operation, and without secrets."""

import json
import logging
import sys
import threading
import warnings
from typing import Any

import pymysql
import pytest
from sqlalchemy.exc import OperationalError

from console.domain.error_reasons import DatabaseLockedProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import correlation as tracing
from console.worker.json_logging import MAX_MESSAGE_CHARACTERS, log_json_lines

TEST_LOGGER = logging.getLogger("console.test")
expects_test_log = pytest.mark.expects_log("the log itself is what is tested")


def parse_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@expects_test_log
def test_each_log_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """A line break, or a character that changes the reading order, is escaped in its log line. A long message is cut
    off.
    """
    with log_json_lines():
        TEST_LOGGER.info('a "quoted"\nsecond line\u202e %s', "x" * 5_000)
    text = capsys.readouterr().err
    (line,) = parse_lines(text)
    assert (line["level"], line["logger"], len(line["message"])) == ("info", "console.test", MAX_MESSAGE_CHARACTERS)
    assert text.isascii()
    assert line["at"].endswith("+00:00")


@expects_test_log
def test_a_log_line_names_its_task_record_and_operation(capsys: pytest.CaptureFixture[str]) -> None:
    """A log line has its task, record and operation, its own correlation id, and the correlation id of the run in
    which it was written.
    """
    with log_json_lines():
        TEST_LOGGER.info("before")
        with tracing.start_new_correlation(task="probes"):
            TEST_LOGGER.info("run")
            with (
                tracing.start_new_correlation(record="payment 17"),
                tracing.continue_or_start_correlation(),
                tracing.add_log_facts(operation="abc"),
            ):
                TEST_LOGGER.info("record")
    before, run, record = parse_lines(capsys.readouterr().err)
    assert "correlation" not in before
    assert run["task"] == "probes"
    assert (record["task"], record["record"], record["operation"]) == ("probes", "payment 17", "abc")
    assert record["run"] == run["correlation"] != record["correlation"]


@expects_test_log
def test_a_log_line_of_an_exception_omits_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    """For an exception the log has the class and the places in the code, and leaves out the message, which may
    contain values of a statement or an answer.
    """

    def raise_error() -> None:
        raise ValueError("canary")

    with log_json_lines():
        try:
            raise_error()
        except ValueError:
            TEST_LOGGER.exception("it failed")
        thread = threading.Thread(target=raise_error, name="doomed")
        thread.start()
        thread.join()
    text = capsys.readouterr().err
    exception_line, thread_line = parse_lines(text)
    assert exception_line["trouble"] == thread_line["trouble"] == "ValueError"
    assert exception_line["trace"][-1].startswith("test_json_logging.py:")
    assert exception_line["trace"][-1].endswith(" raise_error")
    assert thread_line["message"] == "thread doomed ended"
    assert "canary" not in text


@expects_test_log
def test_a_log_line_of_an_exception_has_its_error_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """A log line about an exception has the console's error code and the number of the causing database error,
    without any text.
    """
    lost = OperationalError("UPDATE canary", {}, pymysql.err.OperationalError(1205, "canary"))
    with log_json_lines():
        try:
            raise ConsoleError(
                ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.LOST_EVERY_RACE}
            ) from lost
        except ConsoleError:
            TEST_LOGGER.exception("it failed")
    text = capsys.readouterr().err
    (log_line,) = parse_lines(text)
    assert (log_line["trouble"], log_line["code"], log_line["number"]) == ("ConsoleError", "database_locked", 1205)
    assert "canary" not in text


@expects_test_log
def test_a_log_line_of_a_library_has_only_its_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    """For a log message of a library, only the pattern is written. Its values are left out, because they may contain
    an address with a token.
    """
    with log_json_lines():
        logging.getLogger("urllib3.test").warning("retrying %s", "/token?code=canary")
        logging.getLogger("urllib3.test").info("not at all")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("canary", stacklevel=1)
    library_line, warning_line = parse_lines(capsys.readouterr().err)
    assert (library_line["logger"], library_line["message"]) == ("urllib3.test", "retrying %s")
    assert warning_line["message"].startswith("test_json_logging.py:")
    assert warning_line["message"].endswith(": UserWarning")


@expects_test_log
def test_logging_is_restored_after_the_block(capsys: pytest.CaptureFixture[str]) -> None:
    """After the block, the logging handlers, levels and hooks are as before. Within the block, the earlier handlers
    write nothing to stderr.
    """
    root, plain = logging.getLogger(), logging.StreamHandler(sys.stderr)
    before = (list(root.handlers), logging.getLogger("console").level, threading.excepthook)
    root.addHandler(plain)
    try:
        with log_json_lines():
            TEST_LOGGER.warning("inside")
        TEST_LOGGER.warning("outside")
    finally:
        root.removeHandler(plain)
    inside, outside = capsys.readouterr().err.splitlines()
    assert (json.loads(inside)["message"], outside) == ("inside", "outside")
    assert (list(root.handlers), logging.getLogger("console").level, threading.excepthook) == before
