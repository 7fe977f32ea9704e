"""The table of the terminal's commands: the module of each command, and functions that say if a command line has
effects or runs until it is stopped. Each command turns its arguments into a service call, and the result into text or
JSON."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.cli.process.command import Command

# Modules are named by strings, because a process runs one command and needs the module of this command only.
MODULE_BY_COMMAND_WORDS: Mapping[str, str] = {
    "lookup": "console.cli.lookup.commands",
    "find": "console.cli.lookup.commands",
    "registry": "console.cli.registry",
    "queue": "console.cli.recovery.queues",
    "show": "console.cli.evidence.show",
    "evidence": "console.cli.evidence.bundles",
    "unfinished": "console.cli.recovery.left_open",
    "mentions": "console.cli.recovery.mentions",
    "purchase": "console.cli.credit_checks",
    "refetch": "console.cli.credit_checks",
    "probe": "console.cli.recovery.outcomes",
    "resolve": "console.cli.recovery.outcomes",
    "audit": "console.cli.audit",
    "export": "console.cli.exports",
    "payment": "console.cli.payments",
    "refund": "console.cli.refunds.refunds",
    "alerts": "console.cli.alerts.alerts",
    "incidents": "console.cli.alerts.incidents",
    "open": "console.cli.window.links",
    "views": "console.cli.recovery.saved_views",
    "limits": "console.cli.refunds.limits",
    "read-only": "console.cli.access.read_only",
    "people": "console.cli.access.people",
    "provider": "console.cli.access.authorisation",
    "reports": "console.cli.reports.commands",
    "documents": "console.cli.documents",
    "reconcile": "console.cli.reconciliation",
    "sign-in": "console.cli.access.sign_in",
    "sign-out": "console.cli.access.sign_in",
    "whoami": "console.cli.access.sign_in",
    "forget-credentials": "console.cli.access.sign_in",
    "db upgrade": "console.cli.monitoring",
    "db check": "console.cli.monitoring",
    "doctor": "console.cli.monitoring",
    "db adopt": "console.cli.adoption",
    "db backup": "console.cli.backup",
    "db restore": "console.cli.backup",
    "db accounts apply": "console.cli.access.accounts",
    "db merchant": "console.cli.access.merchants",
    "replay": "console.cli.replay",
    "worker": "console.cli.servers.commands",
    "sandbox": "console.cli.servers.commands",
    "training": "console.cli.servers.training",
}
"""The module of each command except `demo`, by the command's words, or by its first word if all commands with this
first word are in one module. The module has a table `COMMANDS` of its commands by all their words.
"""
COMMANDS_WITH_EFFECTS = frozenset(
    (
        "purchase", "refetch", "probe", "resolve", "refund", "payment", "reconcile", "alerts", "incidents", "limits",
        "mentions", "people", "provider", "read-only", "views", "worker",
    )
)  # fmt: skip
"""First words of the commands that send something or change records; some commands with these words only read, such
as `alerts list`. Other commands that write, such as `db upgrade` or `export`, aren't named here. After a first
signal, a command with one of these words still runs to its end and reports its result.
"""
_COMMANDS_WITH_EFFECTS_AND_NO_REQUEST_ID = frozenset(
    {"provider", "worker", "export", "evidence", "sign-in", "sign-out", "forget-credentials"}
)
_LONG_RUNNING_COMMANDS = frozenset({"sandbox", "demo", "open"})
"""First words of the commands that always run until they are stopped."""


def make_command(args: Namespace, run_command: Callable[[Sequence[str]], int]) -> "Command":
    """Return the command object for parsed arguments, from the module of this command. A command with a subcommand is
    found by its words, such as `alerts ack`. `run_command` is the function that runs a command line which a person
    enters at the prompt of the demo."""
    if args.command == "demo":
        from console.cli.servers.commands import DemoCommand  # only for this command, like the modules of the table

        return DemoCommand(run_command)
    action = getattr(args, "action", None)
    words: str = args.command if action is None else f"{args.command} {action}"
    module = MODULE_BY_COMMAND_WORDS.get(args.command) or MODULE_BY_COMMAND_WORDS[words]
    command: Command = import_module(module).COMMANDS[words]
    return command


def has_effects(args: Namespace) -> bool:
    """Return True if the command changes or sends something, or writes a file or the keyring. Return False for a
    command that only reads, also if its first word is one of COMMANDS_WITH_EFFECTS, as in `alerts list`, and for a
    dry run (`--dry-run`)."""
    if getattr(args, "dry_run", False):
        return False
    words = f"{args.command} {getattr(args, 'action', '')}".strip()
    return (
        hasattr(args, "request_id")
        or args.command in _COMMANDS_WITH_EFFECTS_AND_NO_REQUEST_ID
        or words in ("db backup", "documents save")
        or (words == "reports close" and args.out is not None)
        or (words == "show" and args.pack is not None)
    )


def is_long_running_command(args: Namespace) -> bool:
    """Return True if the command runs until it is stopped: a server, the worker, the demo, or a window."""
    if args.command == "training":
        return not (args.list or args.check)
    return args.command in _LONG_RUNNING_COMMANDS or (args.command == "worker" and not args.once)
