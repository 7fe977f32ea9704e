"""Types for the commands that a desk can ask a worker to run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from console.services.guarded.operation import Progress
from console.services.process.context import ServiceContext

FILE_KEY = "file"
"""Key of the JSON object that stands for a file among the arguments of a request. The file's content is stored with
the request.
"""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """Facts of a command's arguments that are stored in columns of the request: kind and id of the record, the amount
    of a refund in minor units (`amount_minor`), and the state or value that a decision proposes (`proposed`). None:
    no such fact.
    """

    kind: str | None = None
    id: str | None = None
    amount_minor: int | None = None
    proposed: str | None = None


@dataclass(frozen=True, slots=True)
class CommandCall:
    """One call of a command at the worker: its arguments, the function to which it reports its progress steps, and
    its request id.
    """

    arguments: tuple[Any, ...]
    progress: Progress
    request_id: str


FactsReader = Callable[[ServiceContext, tuple[Any, ...]], RequestFacts]
"""Type of a function that returns the facts of a command's arguments. The desk stores them, and the worker compares
them.
"""


@dataclass(frozen=True, slots=True)
class CommandForm:
    """The form of a command's requests: the types of its arguments, and the function that returns the facts which are
    stored in columns of the request.
    """

    types: tuple[Any, ...]
    facts: FactsReader


CommandRunner = Callable[[CommandCall], object]
"""Type of a function that runs a command at the worker and returns its answer."""
