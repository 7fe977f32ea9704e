"""Types of the commands that a desk can ask a worker to run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from console.services.guarded.operation import Progress
from console.services.process.context import ServiceContext

FILE = "file"
"""Key of the JSON object that stands for a file among the arguments. Its content travels with the request."""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """Facts of a command's arguments: its record, a refund's amount in minor units, the state that a decision
    proposes.
    """

    kind: str | None = None
    id: str | None = None
    amount_minor: int | None = None
    proposed: str | None = None


@dataclass(frozen=True, slots=True)
class CommandCall:
    """One call of a command at the worker: its arguments, where it reports its steps, and its request id."""

    arguments: tuple[Any, ...]
    progress: Progress
    request_id: str


Facts = Callable[[ServiceContext, tuple[Any, ...]], RequestFacts]
"""A function that reads the facts from the arguments of a command, at the desk."""


@dataclass(frozen=True, slots=True)
class CommandForm:
    """Form of a command's requests: the types of its arguments, and the facts of them that are stored beside them."""

    types: tuple[Any, ...]
    facts: Facts


Run = Callable[[CommandCall], object]
"""A function that runs a command at the worker."""
