"""House rules that no linter checks. The message of each rule names the right form. Part of `make check`.

    python -m scripts.house_checks [ROOT]

A call that breaks a rule for a good reason has this reason as a comment on its own line: `time.sleep(1)  # house:
stands for a server that hangs`.

Each function `check_…` checks one file: `path` is its path relative to the root, `text` its text, `lines` the lines
of this text, and `nodes` the nodes of its syntax tree. SYNTAX_RULES has the files that each rule applies to.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeGuard

from console.domain.errors import ErrorCode
from console.domain.records import WorkReason

# Two letters before the first slash, because one may belong to an escape or an option: "\n/…", "-I/…".
PATH_OF_ONE_MACHINE = re.compile(r"(?<!\w\w)/(work|root|home)/|\.\./shared")
# Assembled from pieces, so that this file passes its own rule.
PACKAGE_INDEX_HOSTS = (
    *("files.pythonhosted" + ".org", "pypi" + ".org"),
    *("--index" + "-url", "--extra-index" + "-url", "--trusted" + "-host", "--find" + "-links"),
)
BINARY_SUFFIXES = {".png", ".ttf", ".otf", ".pdf", ".ico", ".icns", ".db", ".qm", ".woff2", ".gz"}


class Finding(NamedTuple):
    """One broken rule: the path and line of the code, and a sentence with the right form (`advice`)."""

    path: str
    line: int
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.advice}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print each broken rule. Return the exit status: 0 if no rule is broken, otherwise 1."""
    arguments = sys.argv[1:] if argv is None else argv
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    findings = list(check_files(root, list_tracked_files(root)))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def list_tracked_files(root: Path) -> list[str]:
    """Return the paths, relative to the root, of the files that git tracks or would add; without git, all files."""
    listing = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(listing, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    return sorted(path for path in done.stdout.split("\0") if path and (root / path).is_file())


def check_files(root: Path, paths: Iterable[str]) -> Iterator[Finding]:
    """Yield the broken rules in these files."""
    for path in paths:
        if Path(path).suffix in BINARY_SUFFIXES:
            continue
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        yield from check_machine_paths(path, text)
        if path.endswith(".py"):
            checks = {
                check: None  # one rule can have several patterns
                for check, paths_pattern, text_pattern in SYNTAX_RULES
                if re.match(paths_pattern, path) and re.search(text_pattern, text)
            }
            nodes = list(ast.walk(ast.parse(text))) if checks else []  # most of the time would go into the trees
            for check in checks:
                yield from check(path, nodes, text.splitlines())


def check_machine_paths(path: str, text: str) -> Iterator[Finding]:
    """Yield a finding for each line with an absolute path of one machine, or with the address of a package index."""
    if not PATH_OF_ONE_MACHINE.search(text) and not any(word in text for word in PACKAGE_INDEX_HOSTS):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if PATH_OF_ONE_MACHINE.search(line):
            yield Finding(path, number, "a path of one machine; take it from a setting, tmp_path or __file__")
        if any(word in line for word in PACKAGE_INDEX_HOSTS):
            yield Finding(path, number, "a package index; which one is used is pip's own configuration")


def check_forbidden_calls(path: str, nodes: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each call that is forbidden in the file's folder and whose line has no comment with a
    reason.
    """
    forbidden = [(pattern, advice) for room, pattern, advice in FORBIDDEN_CALLS if re.match(room, path)]
    for node in nodes:
        if isinstance(node, ast.Call) and not EXCUSED_LINE_PATTERN.search(lines[node.lineno - 1]):
            name = ast.unparse(node.func)
            for pattern, advice in forbidden:
                if re.search(pattern, name):
                    yield Finding(path, node.lineno, advice)


def check_bare_codes(path: str, nodes: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each string literal of the program that equals an ErrorCode or a WorkReason, because the
    enum member must be used.
    """
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            member = ENUM_MEMBER_BY_VALUE.get(node.value)
            if member is not None and not EXCUSED_LINE_PATTERN.search(lines[node.lineno - 1]):
                yield Finding(path, node.lineno, f"a bare string; say {member}")


def check_function_names(path: str, nodes: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each function of the program whose name begins with a preposition. Properties and
    constructors named `from_…` are allowed.
    """
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not EXCUSED_LINE_PATTERN.search(
            lines[node.lineno - 1]
        ):
            first, _, _ = node.name.strip("_").partition("_")
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            is_constructor = first == "from" and not decorators.isdisjoint({"classmethod", "staticmethod"})
            if first in PREPOSITIONS and "property" not in decorators and not is_constructor:
                yield Finding(path, node.lineno, f"`{node.name}` begins with a preposition; begin with a verb")


def check_hasattr_names(path: str, nodes: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each `hasattr(self, "name")` about an attribute that the module never sets. Such a test is
    always false; a rename of the attribute misses the string.
    """
    stored = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "hasattr" and ast.unparse(node.args[0]) == "self":
            name = node.args[1]
            is_known = isinstance(name, ast.Constant) and name.value in stored
            if not is_known and not EXCUSED_LINE_PATTERN.search(lines[node.lineno - 1]):
                yield Finding(path, node.lineno, f"{ast.unparse(name)} is set nowhere in this module")


def check_who_or_what_clauses(path: str, nodes: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each docstring, text below a constant, or comment that begins with a clause in place of a
    noun, such as "What was sent stays sent" or "Who is refused may try again". A text that ends with a question mark
    is allowed.
    """
    texts = [
        (node.lineno, node.value.value)
        for node in nodes
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline)
    texts += [(token.start[0], token.string.lstrip("#")) for token in tokens if token.type == tokenize.COMMENT]
    for line, content in texts:
        if WHO_OR_WHAT_CLAUSE_PATTERN.match(content):
            yield Finding(path, line, "begins with a clause; name the actor, the state, the column or the lock")


def check_measured_times(path: str, nodes: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each assertion of a test that compares a measured duration with a bound, because such a
    test fails on a busy machine. A measured duration is the difference of two times of a clock, or a value with a
    name of DURATION_NAME_PATTERN. `make bench` compares durations.
    """
    for function in nodes:
        if isinstance(function, ast.FunctionDef):
            measured = {
                ast.unparse(target)
                for node in ast.walk(function)
                if isinstance(node, ast.Assign) and _is_time_difference(node.value)
                for target in node.targets
            }
            for node in ast.walk(function):
                if isinstance(node, ast.Assert) and not EXCUSED_LINE_PATTERN.search(lines[node.lineno - 1]):
                    orders = (part for part in ast.walk(node.test) if _is_ordering_comparison(part))
                    sides = [side for part in orders for side in (part.left, *part.comparators)]
                    if any(
                        _is_time_difference(side) or ast.unparse(side) in measured or _uses_duration_name(side)
                        for side in sides
                    ):
                        yield Finding(path, node.lineno, "a time is asserted; make the wrong behaviour never end")


def _is_ordering_comparison(node: ast.AST) -> TypeGuard[ast.Compare]:
    """True for a comparison by <, <=, > or >=."""
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE))


def _uses_duration_name(value: ast.expr) -> bool:
    """True if the expression contains a variable or attribute whose name matches the pattern
    DURATION_NAME_PATTERN."""
    return any(
        DURATION_NAME_PATTERN.search(part.id if isinstance(part, ast.Name) else part.attr)
        for part in ast.walk(value)
        if isinstance(part, (ast.Name, ast.Attribute))
    )


def _is_time_difference(value: ast.expr) -> bool:
    """True for a measured duration: the difference of a clock's present time and an earlier time, such as
    `time.monotonic() - began`.
    """
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Sub):
        return False
    clock = value.left
    return isinstance(clock, ast.Call) and CLOCK_NAME_PATTERN.fullmatch(ast.unparse(clock.func)) is not None


def check_short_time_limits(path: str, nodes: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each call of a test that waits for an expected event with a time limit that is too short
    for a busy machine. Limits below SHORTEST_CHECKED_WAIT_SECONDS are allowed: they are pauses between two checks of
    a condition.
    """
    for node in nodes:
        if isinstance(node, ast.Call) and not EXCUSED_LINE_PATTERN.search(lines[node.lineno - 1]):
            limits = [keyword.value for keyword in node.keywords if keyword.arg in TIME_LIMIT_KEYWORDS]
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if method in WAITING_METHODS:
                limits += node.args[:1]
            if isinstance(node.func, ast.Name) and node.func.id == "until":
                limits += node.args[2:3]
            if any(_is_too_short_limit(limit) for limit in limits):
                yield Finding(path, node.lineno, "a busy machine needs longer; wait MAX_WAIT_SECONDS")


def _is_too_short_limit(limit: ast.expr) -> bool:
    value = limit.value if isinstance(limit, ast.Constant) else None
    return isinstance(value, int | float) and SHORTEST_CHECKED_WAIT_SECONDS <= value < MAX_WAIT_SECONDS


SHORTEST_CHECKED_WAIT_SECONDS = 2
"""Smallest time limit (seconds) in a test that counts as too short."""
MAX_WAIT_SECONDS = 300
"""Time limit (seconds) of `tests/support/waiting.py`; a smaller time limit in a test is too short."""
TIME_LIMIT_KEYWORDS = {"timeout", "connect_timeout", "open_timeout", "socket_timeout"}
WAITING_METHODS = {"acquire", "communicate", "join", "result", "settimeout", "wait", "wait_until_idle"}

PREPOSITIONS = {
    *("about", "after", "among", "as", "at", "before", "behind", "beside", "between", "by", "during", "for", "from"),
    *("in", "into", "of", "off", "on", "out", "over", "per", "since", "through", "to", "under", "until", "via"),
    *("with", "within", "without"),
}

# Outcomes of providers, names of samples and of events in a timeline are sets of words of their own.
PATHS_OF_OTHER_VOCABULARIES_PATTERN = (
    r"(providers|sandbox|demo|store/migrations)/|domain/(errors/__init__|error_reasons|records|\w+_problems)\.py"
    r"|views/presenters/credit_checks\.py"
)
# Words that are also a queue, a column, an action, a tone, an outcome's reason or an event.
WORDS_OF_SEVERAL_VOCABULARIES = {
    *("duplicate", "incomplete", "lapsed", "move_order", "not_found", "other_payment"),
    *("poll", "reversed", "set_aside", "unknown", "waiting"),
}
ENUM_MEMBER_BY_VALUE = {
    one.value: f"{type(one).__name__}.{one.name}"
    for one in (*WorkReason, *ErrorCode)
    if one.value not in WORDS_OF_SEVERAL_VOCABULARIES
}


WHO_OR_WHAT_CLAUSE_PATTERN = re.compile(r"\s*(Who|Whom|Whose|Whoever|What|Whatever)\b(?![^.:;]*\?)")
EXCUSED_LINE_PATTERN = re.compile(r"#.*\bhouse: \w+")
CLOCK_NAME_PATTERN = re.compile(r"time\.(monotonic|perf_counter)")
DURATION_NAME_PATTERN = re.compile(r"(\b|_)(longest|slowest|lasted|elapsed|took|p9[059])(_ms|_seconds)?\b")
"""Names of measured durations in tests."""

# room (pattern of paths) · call (pattern of its name) · what to do instead
FORBIDDEN_CALLS = (
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

# rule · pattern of the paths that it applies to · pattern of a text that each file which breaks the rule contains
SYNTAX_RULES: tuple[tuple[Callable[[str, Sequence[ast.AST], Sequence[str]], Iterator[Finding]], str, str], ...] = (
    *((check_forbidden_calls, room, name_pattern.strip("^$") + r"\(") for room, name_pattern, _ in FORBIDDEN_CALLS),
    (
        check_bare_codes,
        f"console/(?!{PATHS_OF_OTHER_VOCABULARIES_PATTERN})",
        f"""["']({"|".join(ENUM_MEMBER_BY_VALUE)})["']""",
    ),
    (check_function_names, "console/", rf"def _*({'|'.join(PREPOSITIONS)})(_|\b)"),
    (check_measured_times, r"tests/(?!soak|bench)", f"{CLOCK_NAME_PATTERN.pattern}|{DURATION_NAME_PATTERN.pattern}"),
    (
        check_short_time_limits,
        r"tests/(?!soak|bench)",
        rf"({'|'.join(TIME_LIMIT_KEYWORDS)})=\d|\.({'|'.join(WAITING_METHODS)})\(\s*\d|\buntil\(",
    ),
    (check_hasattr_names, "console/", r"\bhasattr\("),
    (check_who_or_what_clauses, "", r"""["'#]\s*(Who|Whom|Whose|Whoever|What|Whatever)\b"""),
)


if __name__ == "__main__":
    sys.exit(main())
