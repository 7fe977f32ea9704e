"""Tests that the application is built again as soon as an input of the build has changed, and not after other
changes.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging import built_inputs


@pytest.fixture
def copied_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a copy of the build's inputs, which are recorded as those of a build that has passed."""
    for name in (*built_inputs._BUILD_FILES, "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built_inputs.ROOT / name, tmp_path / name)
    for folder, name in (("console/store", "a.py"), ("console/store", "alembic.ini"), ("resources/words", "en.json")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text("import json\n")
    (tmp_path / "licenses").mkdir()
    monkeypatch.setattr(built_inputs, "ROOT", tmp_path)
    monkeypatch.setattr(built_inputs, "DIGEST_FILE", tmp_path / "kept.txt")
    built_inputs.DIGEST_FILE.write_text(built_inputs.compute_digest())
    return tmp_path


def _make_appender(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text() + text)


CHANGE_BY_NAME: dict[str, Callable[[Path], object]] = {
    "how it is built": _make_appender("build_spec.py", "\n"),
    "a pin": _make_appender("requirements.lock", "\n"),
    "how it is packed": _make_appender("pyproject.toml", "[tool.setuptools.other]\n"),
    "another import": _make_appender("console/store/a.py", "import smtplib\n"),
    "an import inside a function": _make_appender("console/store/a.py", "def f():\n    from smtplib import SMTP\n"),
    "an import by name": _make_appender("console/store/a.py", "importlib.import_module(name)\n"),
    "another data file": lambda root: (root / "resources" / "words" / "fr.json").touch(),
    "another configuration": lambda root: (root / "console" / "store" / "b.mako").touch(),
    "another licence": lambda root: (root / "licenses" / "MIT").touch(),
}


@pytest.mark.parametrize("change_name", CHANGE_BY_NAME)
def test_a_change_of_a_build_input_requires_a_build(copied_inputs: Path, change_name: str) -> None:
    assert built_inputs.have_inputs_passed_build_tests()
    CHANGE_BY_NAME[change_name](copied_inputs)
    assert not built_inputs.have_inputs_passed_build_tests()


def test_a_change_of_code_or_words_alone_requires_no_build(copied_inputs: Path) -> None:
    _make_appender("console/store/a.py", "from console.domain import money\nx = 1\n")(copied_inputs)
    _make_appender("resources/words/en.json", "{}")(copied_inputs)
    _make_appender("pyproject.toml", "[tool.other]\n")(copied_inputs)
    assert built_inputs.have_inputs_passed_build_tests()
