"""Compares the command line, the columns and the JSON fields on which other programs rely with the recorded list;
every character counts.
"""

import collections
import json
from pathlib import Path

import pytest

from scripts.reference.json_schema import make_definition_name
from tests.cli.interface_list import collect_interfaces
from tests.support.json_answers import VALIDATED_COMMANDS

INTERFACES_FILE = Path(__file__).resolve().parents[1] / "vectors" / "interfaces.json"


def test_the_interface_of_programs_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, the exit statuses, the variables, the columns and the types of all JSON fields are the
    recorded ones.
    """
    monkeypatch.setenv("CONSOLE_LANGUAGE", "en")
    written, collected = json.loads(INTERFACES_FILE.read_text("utf-8")), collect_interfaces(tmp_path)
    assert collected.keys() == written.keys()
    for part, expected in written.items():
        assert collected[part] == expected, part
    endings = collections.Counter(ending for _, ending in VALIDATED_COMMANDS)
    print(
        f"validated by docs/reference/json.schema.json: {len({name for name, _ in VALIDATED_COMMANDS})} commands,"
        f" {endings}"
    )
    assert {"ok", "usage", "already_purchased", "outcome_unknown", "possible_repeat", "not_found"} <= endings.keys()
    named = {make_definition_name(command) for command in collected["commands"]}
    assert named - {name for name, _ in VALIDATED_COMMANDS} <= {"sandbox", "demo"}, "not one ending validated"
