"""Tests of the repository's own source checks ("house checks"): they report each forbidden text and accept allowed
code.
"""

from pathlib import Path

import pytest

from scripts.house_checks import check_files, main


def list_advice_for_text(root: Path, path: str, text: str) -> list[str]:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return [finding.advice for finding in check_files(root, [path])]


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        ("tests/services/test_x.py", "import time\ntime.sleep(1)\n", "sleep"),
        ("tests/services/test_x.py", "import time\ntime.sleep(1)  # house:\n", "sleep"),
        ("tests/services/test_x.py", "from time import sleep\nsleep(1)\n", "sleep"),
        ("console/views/page.py", "dialog.exec()\n", "open()"),
        ("console/views/page.py", "QApplication.processEvents()\n", "TaskRunner"),
        ("console/views/page.py", "self.table.selectAll()\n", "filter"),
        ("console/store/rows.py", "query.with_for_update()\n", "compare and swap"),
        ("console/services/x.py", "held = code == 'in_progress'\n", "ErrorCode.IN_PROGRESS"),
        ("console/services/x.py", "work(reason='paid_twice')\n", "WorkReason.PAID_TWICE"),
        ("console/store/x.py", "def by_ids(conn):\n    return ()\n", "begin with a verb"),
        ("console/store/x.py", "class A:\n    async def _of_order(self):\n        return ()\n", "begin with a verb"),
        ("tests/x/test_x.py", "def test_x():\n    assert time.monotonic() - began < 3\n", "never end"),
        (
            "tests/x/test_x.py",
            "def test_x():\n    took = time.perf_counter() - began\n    assert took < 3\n",
            "never end",
        ),
        ("tests/x/test_x.py", "def test_x():\n    assert lasted(call) < 3\n", "never end"),
        ("tests/x/test_x.py", "def test_x():\n    assert visitor.longest < 3\n", "never end"),
        ("tests/x/test_x.py", "def test_x():\n    assert heard.p95_ms - usual.p95_ms <= 50\n", "never end"),
        ("tests/x/test_x.py", "until(has_come, 'it to come', 30)\n", "MAX_WAIT_SECONDS"),
        ("tests/x/test_x.py", "assert has_come.wait(60)\n", "MAX_WAIT_SECONDS"),
        ("tests/x/test_x.py", "subprocess.run(command, timeout=120.0)\n", "MAX_WAIT_SECONDS"),
        ("console/views/x.py", "def f(self):\n    return hasattr(self, '_drop')\n", "is set nowhere"),
        ("tests/x/test_x.py", 'def test_x():\n    """Whoever is refused may try again."""\n', "name the actor"),
        ("console/x.py", 'A = 1\n"""What a row may hold."""\n', "name the actor"),
        ("console/x.py", "A = 1  # Who holds the lease\n", "name the actor"),
        ("docs/index.md", "see /ho" + "me/somebody/notes\n", "path of one machine"),
        ("tests/x/test_x.py", "A = 'x\\n/ro" + "ot/x'\n", "path of one machine"),
        ("docs/index.md", "cc -I/ho" + "me/somebody/include\n", "path of one machine"),
        ("requirements.lock", "--extra-index" + "-url x\n", "package index"),
    ],
)
def test_each_broken_rule_has_one_finding(tmp_path: Path, path: str, text: str, word: str) -> None:
    """A source text that breaks one rule of the house checks gives one finding, which states the right form."""
    (advice,) = list_advice_for_text(tmp_path, path, text)
    assert word in advice


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docs/index.md", "see tests/views/home/test_page.py\n"),
        ("console/sandbox/server.py", "import time\ntime.sleep(1)\n"),
        ("console/views/page.py", "self.filter.selectAll()\n"),
        ("console/views/app/main.py", "app.exec()\nQApplication.exec()\nsqlite.executemany()\n"),
        ("tests/services/test_x.py", "import time\ntime.sleep(1)  # house: stands for a server that hangs\n"),
        ("console/store/long.py", "x = 1\n" * 400),
        ("console/providers/x.py", "reason = 'internal_error'\n"),
        ("console/services/x.py", "queue = 'unknown'\n"),
        ("console/services/x.py", "key = 'usage'  # house: a key of the detail\n"),
        ("console/views/x.py", "def f(self):\n    self.a = hasattr(self, 'a')\n"),
        ("console/store/x.py", "def find_by_ids(conn):\n    return ()\n"),
        ("console/store/x.py", "class A:\n    @property\n    def since(self):\n        return None\n"),
        ("console/store/x.py", "class A:\n    @classmethod\n    def from_row(cls, row):\n        return cls(row)\n"),
        ("tests/store/test_x.py", "def of_order(conn):\n    return ()\n"),
        ("tests/bench/x.py", "def run():\n    assert time.monotonic() - began < 3\n"),
        ("tests/x/test_x.py", "def test_x():\n    took = time.perf_counter() - began\n    print(took)\n"),
        ("tests/x/test_x.py", "over.wait(0.05)\nthread.join()\nassert has_come.wait(MAX_WAIT_SECONDS)\n"),
        ("tests/x/test_x.py", "process.wait(10)  # house: it is killed then\n"),
        ("tests/soak/x.py", "until(has_come, 'it to come', 30)\n"),
        ("tests/x/test_x.py", "# Who holds the lease?\nA = 'What is a value'  # Whole\n"),
        ("resources/fonts/a.ttf", "/ho" + "me/"),
    ],
)
def test_allowed_code_has_no_finding(tmp_path: Path, path: str, text: str) -> None:
    """The house checks report nothing for code that the rules of its folder allow."""
    assert list_advice_for_text(tmp_path, path, text) == []


def test_a_broken_house_rule_makes_the_house_check_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If a source file breaks a rule, the house check exits with 1 and prints the place in the file."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("import time\n\ntime.sleep(1)\n")
    assert main([str(tmp_path)]) == 1
    assert "tests/test_x.py:3:" in capsys.readouterr().out
