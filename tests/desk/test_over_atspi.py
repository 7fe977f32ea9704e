"""The window of the demo over AT-SPI, the interface of screen readers on Linux: the roles, the names, a single focus,
and the announcements.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import atspi, server_fixtures

_GONE_NODE_WARNING = "qt.accessibility.atspi: Could not find accessible on path"
_DEMO_PROGRAM = """
from console.cli.main import main
from console.demo import registry

registry.REGISTRY_ROW_COUNT = 5_000
raise SystemExit(main(["demo"]))
"""
"""Program that runs the demo with fewer rows in its corporation registry. The test shows none of them, and importing
all rows took half of the processor time.
"""
WORDS_OF_STATES = {"Unknown", "In progress", "Needs a person"}


@pytest.fixture
def demo_stderr_file(tmp_path: Path) -> Path:
    """Return the path of the file that receives the demo's stderr."""
    return tmp_path / "stderr"


@pytest.fixture
def screen_reader(tmp_path: Path, demo_stderr_file: Path) -> Iterator[atspi.ScreenReader]:
    """Yield a simulated screen reader that reads the window of the demo."""
    reason = atspi.find_missing_programs()
    if reason and server_fixtures.are_servers_required():
        pytest.fail(f"required here: {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)
    with atspi.start_screen_reader(tmp_path) as (made, env):
        with demo_stderr_file.open("w", encoding="utf-8") as stderr:
            made.program = demo = subprocess.Popen(
                [sys.executable, "-c", _DEMO_PROGRAM],
                env={**env, "CONSOLE_LANGUAGE": "en"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            yield made
        finally:
            demo.terminate()
            demo.wait(atspi.ANSWER_WAIT_SECONDS)


@pytest.mark.nightly("test_day_aloud.py and test_whole_job.py use the same tree of the window, without a bus")
def test_a_screen_reader_operates_the_window_over_atspi(
    screen_reader: atspi.ScreenReader, demo_stderr_file: Path
) -> None:
    """A simulated screen reader gets from Home to a queue by press actions alone. A copied number is announced with
    the sentence of its toast. The demo writes to stderr only its log and warnings about nodes that no longer exist.
    """
    queue = screen_reader.wait_for_node("push button", "Unknown, oldest")
    assert screen_reader.wait_for_node("label", "TRAINING").is_showing
    screen_reader.press_node(queue)
    politeness, sentence = screen_reader.press_and_wait_for_announcement(
        "push button", "Copy: Corporation number", "Copied"
    )
    assert sentence in screen_reader.list_toasts()
    nodes = screen_reader.list_nodes()
    assert politeness == "polite"
    assert [node for node in nodes if node.role == "filler" and node.name] == []
    assert {node.name for node in nodes if node.role == "label"} >= WORDS_OF_STATES
    heading = next(node for node in nodes if node.role == "heading")
    assert (heading.name, screen_reader.read_attributes(heading).get("level")) == ("Queues", "1")
    assert screen_reader.read_locale(heading) == "en_US"
    assert [node for node in nodes if node.role == "push button" and not node.name] == []
    frame = next(node for node in nodes if node.role == "frame")
    assert frame.name == "Queues · Support console (TRAINING)"
    focused = [(node.role, node.name) for node in nodes if node.is_focused and node.is_showing]
    assert len([role for role, _ in focused if role == "table cell"]) <= 1
    # Qt says of the current item of each closed list of choices that it has the focus.
    assert {role for role, _ in focused} <= {"table", "table cell", "list item"}, focused
    lines = demo_stderr_file.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith(("{", _GONE_NODE_WARNING))] == []
