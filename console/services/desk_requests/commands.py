"""Types that describe the commands that a worker runs for desks: the arguments of a command, the facts of these
arguments that a desk request also has in separate columns, and the function that runs the command."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from console.domain.audit.actions import AuditAction
from console.services.guarded.operation import StepReporter
from console.services.process.context import ServiceContext

FILE_PLACEHOLDER_KEY = "file"
"""Key of the JSON object that stands for a file among the arguments of a request. The file's content is stored with
the request.
"""

LONG_LIST_PLACEHOLDER_KEY = "long_list"
"""Key of the JSON object that stands for a list among the arguments of a request, such as the selected records of a
bulk run, if the list is too long for the arguments. The list is stored as JSON in place of the request's file.
"""
LARGEST_LIST_BYTES = 4 * 1024 * 1024
"""Largest size (bytes), as JSON, of a list of arguments that is stored in place of the request's file. The largest
number of records of a bulk run needs less.
"""


@dataclass(frozen=True, slots=True)
class DeskRequestFacts:
    """The facts of a command's arguments that a desk request also has in separate columns: kind and id of the record,
    the amount of a refund in minor units (`amount_minor`), and the state, limit or other value that
    the command sets or proposes (`proposed_value`). A field is None if the command has no such fact.
    """

    kind: str | None = None
    id: str | None = None
    amount_minor: int | None = None
    proposed_value: str | None = None


@dataclass(frozen=True, slots=True)
class CommandCall:
    """One call of a command at the worker. `arguments`: the arguments of the desk request; `progress`: the command
    calls this function with the name of each step; `request_id`: the request id of the call."""

    arguments: tuple[Any, ...]
    progress: StepReporter
    request_id: str


DeskRequestFactsReader = Callable[[ServiceContext, tuple[Any, ...]], DeskRequestFacts]
"""Type of a function that returns the facts of a command's arguments. The desk stores them, and the worker compares
them.
"""


@dataclass(frozen=True, slots=True)
class DeskRequestForm:
    """The required content of a desk request for one command. `argument_types`: the types of the command's arguments;
    `read_facts`: the function that takes from the arguments the facts which the request stores in separate columns;
    `typed_text_index`: the index of the argument with the person's words, None if the command has none.
    `has_changing_facts`: the facts depend also on a record that may change after the request was stored.
    `audit_action_of_refusal`: the action of the audit entry if the worker refuses the request before it calls the
    command's service; None if only the service refuses it.
    """

    argument_types: tuple[Any, ...]
    read_facts: DeskRequestFactsReader
    typed_text_index: int | None = None
    has_changing_facts: bool = False
    audit_action_of_refusal: AuditAction | None = None


CommandRunner = Callable[[CommandCall], object]
"""Type of a function that runs a command at the worker and returns its answer."""
