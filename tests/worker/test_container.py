"""Checks the rules of the worker's Containerfile. `tests/packaging/test_bare_debian.py` runs its steps."""

import re

import pytest

from tests.support.containerfile import CONTAINERFILE, Instruction, read_instructions

_SECRET_PATTERN = re.compile(r"(SECRET|PASSWORD|TOKEN|_KEY)\w*\s*=", re.IGNORECASE)


def find_problems(text: str) -> list[str]:
    """Return one sentence for each broken rule."""
    instructions = read_instructions(text)
    stages: set[str] = set()
    problems: list[str] = []
    for one in instructions:
        match one:
            case Instruction("FROM", words):
                image, _, stage = words.partition(" AS ")
                if image not in stages and not re.search(r":\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$", image):
                    problems.append(f"{image} has no fixed version")
                stages.add(stage)
            case Instruction("ENV" | "ARG", words) if _SECRET_PATTERN.search(words):
                problems.append("a secret stays in the image")
            case Instruction("ADD", _):
                problems.append("ADD also downloads and unpacks: use COPY")
            case Instruction("COPY", words) if words.split()[0] in (".", "./"):
                problems.append("COPY of the whole folder takes .git and secrets along")
            case Instruction("RUN", words):
                problems += _find_problems_of_step(words)
    last_stage = instructions[max(i for i, one in enumerate(instructions) if one.name == "FROM") :]
    users = [one.arguments for one in last_stage if one.name == "USER"]
    if not users or users[-1].partition(":")[0] in ("root", "0"):
        problems.append("the worker runs as root")
    if not any(one.name == "HEALTHCHECK" and one.arguments != "NONE" for one in last_stage):
        problems.append("there is no health check")
    if not any(one.name == "ENTRYPOINT" and one.arguments.startswith("[") for one in last_stage):
        problems.append("the program isn't process 1, so it gets no SIGTERM")
    return problems


def _find_problems_of_step(step: str) -> list[str]:
    problems = []
    for command in re.findall(r"pip install[^&;]*", step):
        if "--no-cache-dir" not in command:
            problems.append("pip leaves its cache in the image")
        if "--require-hashes" not in command and not command.rstrip().endswith(" --no-deps ."):
            problems.append("pip installs packages without hashes")
    return problems + (["a step uses sudo"] if re.search(r"\bsudo\b", step) else [])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("python:3.11-slim-bookworm", "python:latest", "no fixed version"),
        ("python:3.11-slim-bookworm", "python", "no fixed version"),
        ("USER 10001", "USER root", "runs as root"),
        ("USER 10001\n", "", "runs as root"),
        ("PYTHONUTF8=1", "CONSOLE_SECRET_LIVE_TOKEN=abc", "a secret"),
        ("VOLUME", "ARG ALARMBOX_PASSWORD=abc\nVOLUME", "a secret"),
        ("COPY console console", "ADD console console", "ADD"),
        ("COPY console console", "COPY . .", "whole folder"),
        ("HEALTHCHECK", "#", "no health check"),
        ('ENTRYPOINT ["support-console"]', "ENTRYPOINT support-console", "no SIGTERM"),
        ("--no-cache-dir", "", "cache"),
        ("--require-hashes", "", "without hashes"),
    ],
)
def test_the_containerfile_keeps_each_rule(old: str, new: str, problem: str) -> None:
    """The Containerfile breaks no rule. If this part of it is changed, the broken rule is named."""
    text = CONTAINERFILE.read_text(encoding="utf-8")
    assert find_problems(text) == []
    assert old in text
    assert any(problem in found for found in find_problems(text.replace(old, new)))


def test_the_packages_are_installed_before_the_sources_change() -> None:
    """The layer with the packages is made before the sources are copied, so that a change of the sources doesn't
    install all packages again.
    """
    instructions = read_instructions(CONTAINERFILE.read_text(encoding="utf-8"))
    locked = next(i for i, one in enumerate(instructions) if "-r runtime.lock" in one.arguments)
    copied = next(i for i, one in enumerate(instructions) if one == Instruction("COPY", "console console"))
    assert locked < copied
