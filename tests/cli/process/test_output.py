"""The writer of answers: each command prints exactly one answer."""

import io
import json
import sys

import pytest

from console.cli.process.output import AnswerWriter, write_pipes_in_utf8
from console.cli.text_output.translator import Translator
from console.domain.errors import ConsoleError, ErrorCode


def write_both_answers(writer: AnswerWriter) -> None:
    writer.write_answer(lambda: {"n": 1}, lambda: ["one"])


@pytest.mark.expects_log("a second answer is our bug")
def test_only_the_first_answer_is_written() -> None:
    """The writer writes the first answer and its exit status; it ignores each later answer."""
    out = io.StringIO()
    writer = AnswerWriter(out, Translator(), is_json=True)
    write_both_answers(writer)
    write_both_answers(writer)
    writer.write_error(ConsoleError(ErrorCode.NOT_FOUND))
    assert json.loads(out.getvalue()) == {"ok": True, "data": {"n": 1}}
    assert writer.exit_status == 0


def test_a_running_command_reports_a_late_failure_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that keeps running has already printed that it is ready; a later failure is reported on stderr and by
    the exit status.
    """
    out = io.StringIO()
    writer = AnswerWriter(out, Translator(), is_json=True)
    writer.write_ready_answer(lambda: {"url": "u"}, list)
    writer.write_error(ConsoleError(ErrorCode.INTERNAL_ERROR, {"support_code": "ABC"}))
    assert (writer.exit_status, len(out.getvalue().splitlines())) == (70, 1)
    assert "ABC" in capsys.readouterr().err


@pytest.mark.expects_log("the missing sentence is our bug")
def test_a_refusal_with_missing_words_has_its_error_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the word catalogue can't be read, a refusal is still a JSON object with its error code and a message."""

    def raise_file_not_found(_: ConsoleError) -> str:
        raise FileNotFoundError("words")

    out, translator = io.StringIO(), Translator()
    monkeypatch.setattr(translator, "format_error_message", raise_file_not_found)
    AnswerWriter(out, translator, is_json=True).write_error(ConsoleError(ErrorCode.NOT_FOUND))
    assert json.loads(out.getvalue())["error"]["message"] == "not_found"


def test_a_command_without_standard_streams_completes() -> None:
    """A command whose process was started without stdin, stdout and stderr completes its work. It claims no success,
    because nobody has got its answer.
    """
    writer = AnswerWriter(None, Translator(), is_json=True)
    write_both_answers(writer)
    assert writer.exit_status == 6


def test_escape_sequences_are_printed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and marks of the reading direction in a provider's names are printed as text and have no
    effect on the terminal.
    """
    hostile = "\x1b[2J株式会社\u202eA\x00\r\x9b1m\u2066"
    shown = "\\x1b[2J株式会社\\u202eA\\x00\\x0d\\x9b1m\\u2066"
    out = io.StringIO()
    writer = AnswerWriter(out, Translator(), is_json=False)
    writer.write_answer(dict, lambda: [hostile, "two\nlines"])
    writer.write_to_stderr(hostile)
    assert out.getvalue() == f"{shown}\ntwo\nlines\n"
    assert capsys.readouterr().err == f"{shown}\n"


@pytest.mark.parametrize(
    ("platform", "encoding", "chosen_encoding", "expected"),
    [
        ("win32", "cp1252", "", "株式会社 é".encode()),
        ("win32", "cp932", "", "株式会社 ".encode("cp932") + b"\\xe9"),
        ("win32", "cp1252", "cp1252", b"\\u682a\\u5f0f\\u4f1a\\u793e \xe9"),
        ("linux", "iso8859-1", "", b"\\u682a\\u5f0f\\u4f1a\\u793e \xe9"),
    ],
)
def test_a_pipe_on_an_english_windows_gets_utf8(
    monkeypatch: pytest.MonkeyPatch, platform: str, encoding: str, chosen_encoding: str, expected: bytes
) -> None:
    """On Windows a pipe whose encoding lacks Japanese gets UTF-8. A Japanese Windows, another system, and an encoding
    that the person has chosen are left as they are.
    """
    monkeypatch.setenv("PYTHONIOENCODING", chosen_encoding)
    pipes = [io.BytesIO(), io.BytesIO()]
    out = io.TextIOWrapper(pipes[0], encoding, "strict")
    err = io.TextIOWrapper(pipes[1], encoding, "backslashreplace", newline="\n")
    writer = AnswerWriter(out, Translator(), is_json=False)
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", platform)
        windows.setattr(sys, "stdout", out)
        windows.setattr(sys, "stderr", err)
        write_pipes_in_utf8()
        writer.write_answer(dict, lambda: ["株式会社 é"])
        writer.write_to_stderr("株式会社 é")
    assert [pipe.getvalue() for pipe in pipes] == [expected + b"\n"] * 2
