"""What programs outside this repository rely on is as it was written down, to the character."""

import json
from pathlib import Path

import pytest

from tests.cli.interface_list import collect

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "interfaces.json"


def test_nothing_that_programs_rely_on_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, options, exit statuses, variables, columns, and each JSON field with its types."""
    monkeypatch.setenv("CONSOLE_LANGUAGE", "en")
    written, found = json.loads(VECTORS.read_text("utf-8")), collect(tmp_path)
    assert found.keys() == written.keys()
    for part, expected in written.items():
        assert found[part] == expected, part
