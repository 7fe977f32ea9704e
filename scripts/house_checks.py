"""House rules that no linter knows; each says what to do instead. Part of `make check`.

    python -m scripts.house_checks [ROOT]

A call that is right all the same says why on its own line: `time.sleep(1)  # house: stands for a server that hangs`.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

MAX_LINES = 320
# A migration is written once and read as a whole; splitting it would hide what it does.
UNCOUNTED = "console/store/migrations/versions/"

# Modules that may be longer, each with its reason. `{"console/x.py": "one table that is read as one"}`
LONGER: dict[str, str] = {}

# Assembled from pieces, so that this file passes its own rule.
MACHINE_PATHS = ("/work" + "/", "/root" + "/", "/home" + "/", "../sha" + "red")
INDEX_HOSTS = (
    *("files.pythonhosted" + ".org", "pypi" + ".org"),
    *("--index" + "-url", "--extra-index" + "-url", "--trusted" + "-host", "--find" + "-links"),
)
BINARY = {".png", ".ttf", ".otf", ".pdf", ".ico", ".icns", ".db", ".qm", ".woff2", ".gz"}


class Finding(NamedTuple):
    """One broken rule: where, and what to do instead."""

    path: str
    line: int
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.advice}"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 all rules hold, 1 otherwise."""
    arguments = sys.argv[1:] if argv is None else argv
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    findings = list(check(root, tracked(root)))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def tracked(root: Path) -> list[str]:
    """Paths that git keeps or would keep, relative to the root; without git, every file."""
    listing = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(listing, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    return sorted(path for path in done.stdout.split("\0") if path and (root / path).is_file())


def check(root: Path, paths: Iterable[str]) -> Iterator[Finding]:
    """All findings of all rules over these files."""
    for path in paths:
        if Path(path).suffix in BINARY:
            continue
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        yield from words(path, text)
        if path.endswith(".py"):
            yield from length(path, text)
            yield from calls(path, text)


def words(path: str, text: str) -> Iterator[Finding]:
    """No path of one machine, no package index."""
    for number, line in enumerate(text.splitlines(), start=1):
        if any(word in line for word in MACHINE_PATHS):
            yield Finding(path, number, "a path of one machine; take it from a setting, tmp_path or __file__")
        if any(word in line for word in INDEX_HOSTS):
            yield Finding(path, number, "a package index; which one is used is pip's own configuration")


def length(path: str, text: str) -> Iterator[Finding]:
    """A file can be read in one go."""
    lines = text.count("\n")
    counted = path.startswith("console/") and not path.startswith(UNCOUNTED)
    if counted and lines > MAX_LINES and path not in LONGER:
        advice = f"{lines} lines; split it by what it does, or name it in LONGER with a reason"
        yield Finding(path, MAX_LINES, advice)


def calls(path: str, text: str) -> Iterator[Finding]:
    """Calls that are wrong in this room and don't say why they are right."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and not EXCUSED.search(lines[node.lineno - 1]):
            name = ast.unparse(node.func)
            for room, pattern, advice in CALLS:
                if re.match(room, path) and re.search(pattern, name):
                    yield Finding(path, node.lineno, advice)


EXCUSED = re.compile(r"#.*\bhouse: \w+")

# room (pattern of paths) · call (pattern of its name) · what to do instead
CALLS = (
    (
        r"tests/(?!soak|bench)",
        r"^(time\.)?sleep$",
        "a sleep in a test; wait for a signal, an event or a condition with a limit",
    ),
    (
        r"console/views/",
        r"(?<!^app)(?<!Application)\.exec_?$",  # the application's own loop is the one that has to run
        "exec() lets the world change in the middle of a function; use open() and the signal `finished`",
    ),
    (
        r"console/views/",
        r"processEvents$",
        "processEvents() re-enters the window; hand the work to the TaskRunner",
    ),
    (
        r"console/views/",
        r"((table|list|view|rows)\.selectAll|\.resizeRowsToContents)$",  # a field's text may well be selected
        "costs half a minute on a big table; hand the filter to the service",
    ),
    (
        r"console/",
        r"\.with_for_update$",
        "SQLite ignores it in silence; compare and swap on `version` in one conditional UPDATE",
    ),
)


if __name__ == "__main__":
    sys.exit(main())
