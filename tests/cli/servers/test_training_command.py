"""The command `training` at the terminal: its list for a script, and the refusal where credentials are."""

from console.demo.training.session import open_training
from console.settings.settings import Settings
from tests.cli.conftest import Terminal

_NEVER = 3_600.0


def test_the_list_and_the_check_tell_incidents_and_score(unopened: Terminal) -> None:
    """Nothing is opened for the list; a training that runs elsewhere is judged by `--check` alone."""
    told = unopened.json("training", "--list").data
    assert (told["running"], told["score"]["total"], len(told["incidents"])) == (False, 12, 12)
    assert {each["state"] for each in told["incidents"]} == {"not_begun"}
    home, person = unopened.env["CONSOLE_HOME"], unopened.env["CONSOLE_OPERATOR"]
    desk = Settings.load({"CONSOLE_HOME": home, "CONSOLE_OPERATOR": person})
    with open_training(desk, approver_pause_seconds=_NEVER) as console:
        assert console.training is not None
        console.training.begin_incident("missing_pdf")
        begun = {each["key"]: each for each in unopened.json("training", "--list").data["incidents"]}["missing_pdf"]
        assert (begun["state"], begun["verdict"], begun["attempts"]) == ("open", None, 1)
        assert begun["facts"]["number"] in begun["situation"]
        console.credit_checks.refetch(int(begun["facts"]["record"]))
        told = unopened.json("training", "--check").data
    checked = {each["key"]: each for each in told["incidents"]}["missing_pdf"]
    assert (told["running"], checked["state"], checked["verdict"], checked["solved"]) == (
        True,
        "right",
        "right",
        True,
    )
    assert told["score"] == {"person": person, "solved": 1, "at_first_attempt": 1, "attempts": 1, "total": 12}
    assert unopened.json("training", "--check").data["running"] is False
    words = unopened("training", "--list", LANGUAGE="en").out.decode()
    assert "Credit check without its PDF: Right" in words
    assert "1 of 12 right" in words
