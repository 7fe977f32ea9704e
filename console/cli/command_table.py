"""All commands of the terminal. Each command turns its arguments into a service call, and the result into text or
JSON.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence

from console.cli.access.accounts import ApplyAccountsCommand
from console.cli.access.authorisation import AUTHORISATION_COMMANDS
from console.cli.access.merchants import MERCHANT_COMMAND
from console.cli.access.read_only import READ_ONLY_COMMANDS
from console.cli.access.sign_in import ForgetCredentialsCommand, SignInCommand, SignOutCommand, WhoAmICommand
from console.cli.adoption import AdoptDatabaseCommand
from console.cli.alerts.alerts import ALERT_COMMANDS
from console.cli.alerts.incidents import INCIDENT_COMMANDS
from console.cli.audit import AUDIT_COMMANDS
from console.cli.backup import BackUpDatabaseCommand, RestoreDatabaseCommand
from console.cli.credit_checks import CREDIT_CHECK_COMMANDS
from console.cli.documents import DOCUMENT_COMMANDS
from console.cli.evidence import EVIDENCE_COMMAND, SHOW_COMMAND
from console.cli.exports import EXPORT_COMMANDS
from console.cli.lookup.commands import LOOKUP_COMMANDS
from console.cli.monitoring import HEALTH_COMMANDS
from console.cli.payments import PAYMENT_COMMANDS
from console.cli.process.command import Command
from console.cli.reconciliation import RECONCILE_COMMAND
from console.cli.recovery.left_open import LEFT_OPEN_COMMAND
from console.cli.recovery.mentions import MENTION_COMMANDS
from console.cli.recovery.outcomes import OUTCOME_COMMANDS
from console.cli.recovery.queues import QUEUE_COMMAND
from console.cli.recovery.saved_views import VIEW_COMMANDS
from console.cli.refunds.limits import LIMIT_COMMANDS
from console.cli.refunds.refunds import REFUND_COMMANDS
from console.cli.registry import REGISTRY_COMMANDS
from console.cli.replay import ReplayPackCommand
from console.cli.reports.commands import REPORT_COMMANDS
from console.cli.servers.commands import DemoCommand, SandboxCommand, WorkerCommand
from console.cli.servers.training import TrainingCommand
from console.cli.window.links import LINK_COMMANDS

COMMANDS_WITH_EFFECTS = frozenset(
    (
        "purchase", "refetch", "probe", "resolve", "refund", "payment", "reconcile", "alerts", "incidents", "limits",
        "mentions", "provider", "read-only", "views", "worker",
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


def make_command(args: Namespace, run_command: Callable[[Sequence[str]], int]) -> Command:
    """Return the command object for parsed arguments. A command with a subcommand is found by its two words, such as
    `alerts ack`. `run_command` is the function that runs a command line which a person enters at the prompt of the
    demo."""
    if args.command == "demo":
        return DemoCommand(run_command)
    action = getattr(args, "action", None)
    return COMMANDS[args.command if action is None else f"{args.command} {action}"]


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


COMMANDS: Mapping[str, Command] = {
    **LOOKUP_COMMANDS,
    **REGISTRY_COMMANDS,
    "queue": QUEUE_COMMAND,
    "show": SHOW_COMMAND,
    "evidence": EVIDENCE_COMMAND,
    "unfinished": LEFT_OPEN_COMMAND,
    **MENTION_COMMANDS,
    **CREDIT_CHECK_COMMANDS,
    **OUTCOME_COMMANDS,
    **AUDIT_COMMANDS,
    **EXPORT_COMMANDS,
    **PAYMENT_COMMANDS,
    **REFUND_COMMANDS,
    **ALERT_COMMANDS,
    **INCIDENT_COMMANDS,
    **LINK_COMMANDS,
    **VIEW_COMMANDS,
    **LIMIT_COMMANDS,
    **READ_ONLY_COMMANDS,
    **AUTHORISATION_COMMANDS,
    **REPORT_COMMANDS,
    **DOCUMENT_COMMANDS,
    "reconcile": RECONCILE_COMMAND,
    "sign-in": SignInCommand(),
    "sign-out": SignOutCommand(),
    "whoami": WhoAmICommand(),
    "forget-credentials": ForgetCredentialsCommand(),
    **HEALTH_COMMANDS,
    "db adopt": AdoptDatabaseCommand(),
    "db backup": BackUpDatabaseCommand(),
    "db restore": RestoreDatabaseCommand(),
    "replay": ReplayPackCommand(),
    "db accounts apply": ApplyAccountsCommand(),
    "db merchant": MERCHANT_COMMAND,
    "worker": WorkerCommand(),
    "sandbox": SandboxCommand(),
    "training": TrainingCommand(),
}
