"""The command `training` at the terminal: the list of its exercises for a script, and its refusal at a desk with real
credentials.
"""

import pytest

from console.demo.training.session import open_training
from console.settings.settings import Settings
from console.wording.sentences import catalogue as wording
from tests.cli.conftest import Terminal

_APPROVER_PAUSE_SECONDS = 3_600.0


def test_training_list_and_check_print_exercises_and_score(unopened_terminal: Terminal) -> None:
    """`training --list` prints all exercises without opening a database. While a training runs in another process,
    `training --check` judges the begun exercise and counts the score.
    """
    training = unopened_terminal.json("training", "--list").data
    assert (training["running"], training["score"]["total"], len(training["incidents"])) == (False, 12, 12)
    assert {each["state"] for each in training["incidents"]} == {"not_begun"}
    home, person = unopened_terminal.env["CONSOLE_HOME"], unopened_terminal.env["CONSOLE_OPERATOR"]
    desk = Settings.load({"CONSOLE_HOME": home, "CONSOLE_OPERATOR": person})
    with open_training(desk, approver_pause_seconds=_APPROVER_PAUSE_SECONDS) as console:
        assert console.training is not None
        console.training.begin_exercise("missing_pdf")
        begun = {each["key"]: each for each in unopened_terminal.json("training", "--list").data["incidents"]}[
            "missing_pdf"
        ]
        assert (begun["state"], begun["verdict"], begun["attempts"]) == ("open", None, 1)
        assert wording.format_corporation_number(begun["facts"]["number"]) in begun["situation"]
        console.credit_checks.refetch(int(begun["facts"]["record"]))
        training = unopened_terminal.json("training", "--check").data
    checked = {each["key"]: each for each in training["incidents"]}["missing_pdf"]
    assert (training["running"], checked["state"], checked["verdict"], checked["solved"]) == (
        True,
        "right",
        "right",
        True,
    )
    assert training["score"] == {"person": person, "solved": 1, "at_first_attempt": 1, "attempts": 1, "total": 12}
    assert unopened_terminal.json("training", "--check").data["running"] is False
    words = unopened_terminal("training", "--list", LANGUAGE="en").out.decode()
    assert "Credit check without its PDF: Right" in words
    assert "1 of 12 right" in words


def test_training_without_a_display_answers_a_program(
    unopened_terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `--json` `training` prints one JSON object also if it can't open a window."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert unopened_terminal.json("training").exit_status_and_code == (2, "usage")
