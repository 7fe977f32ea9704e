"""Reads the instructions of the worker's Containerfile."""

import re
from dataclasses import dataclass
from pathlib import Path

CONTAINERFILE = Path(__file__).resolve().parents[2] / "resources" / "worker" / "Containerfile"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, such as RUN, with its arguments in one line."""

    name: str
    arguments: str


def read_instructions(text: str) -> list[Instruction]:
    """Return the instructions of a Containerfile, without comments; continued lines are joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        Instruction(name.upper(), rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())
    ]
