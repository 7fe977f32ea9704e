"""All commands of the terminal. Each command turns its arguments into a service call, and the result into text or
JSON.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.access.accounts import ApplyAccounts
from console.cli.access.read_only import READ_ONLY_COMMANDS
from console.cli.access.sign_in import ForgetCredentials, SignInCommand, SignOutCommand, WhoAmICommand
from console.cli.adoption import AdoptDatabase
from console.cli.alerts.alerts import ALERT_COMMANDS
from console.cli.alerts.incidents import INCIDENT_COMMANDS
from console.cli.evidence import SHOW_COMMAND, VerifyAudit
from console.cli.exports import EXPORT_COMMANDS
from console.cli.json_output import results as cli_json
from console.cli.json_output.records import AnyRecord
from console.cli.json_output.results import ExportResult, PurchaseAnswer
from console.cli.payments import PAYMENT_COMMANDS
from console.cli.process.command import Command, ServiceCommand, parse_provider_id, parse_row_id, watch_repetition
from console.cli.process.output import AnswerWriter
from console.cli.reconciliation import RECONCILE_COMMAND
from console.cli.recovery.queues import QUEUE_COMMAND
from console.cli.refunds.limits import LIMIT_COMMANDS
from console.cli.registry import REGISTRY_COMMANDS, show_advice
from console.cli.reports.commands import REPORT_COMMANDS
from console.cli.servers.commands import DemoCommand, SandboxCommand, WorkerCommand
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Lines, Translator
from console.cli.window.links import LINK_COMMANDS
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import AuditEntry, PurchaseRequest

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.service_results import HealthCheck, RefetchResult, TaskRun
    from console.domain.views.any_record import ResolveResult
    from console.services.monitoring.doctor import Health

COMMANDS_WITH_EFFECTS = frozenset(
    (
        "purchase", "refetch", "probe", "resolve", "refund", "payment", "reconcile", "alerts", "incidents", "limits",
        "read-only", "worker",
    )
)  # fmt: skip
"""Names of the commands that send or write something. After a first signal, such a command still runs to its end and
reports its result.
"""
_LONG_RUNNING_COMMANDS = frozenset({"sandbox", "demo", "open"})
# File suffixes of evidence. An argument with such a suffix must name an existing file; it is no written statement.
_EVIDENCE_SUFFIXES = frozenset(
    (".pdf", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".eml", ".msg", ".txt", ".csv")
)


def find_command(args: Namespace, run_command: Callable[[Sequence[str]], int]) -> Command:
    """Return the command object for these arguments; a command with subcommands is found by both words. `run_command`
    runs the command lines that a person enters at the prompt of the demo.
    """
    if args.command == "demo":
        return DemoCommand(run_command)
    action = getattr(args, "action", None)
    return COMMANDS[args.command if action is None else f"{args.command} {action}"]


def is_long_running(args: Namespace) -> bool:
    """Return True if the command runs until it is stopped (a server, the worker or the demo)."""
    return args.command in _LONG_RUNNING_COMMANDS or (args.command == "worker" and not args.once)


# -- reading


# -- purchase and repair


def _purchase_check(console: "Console", args: Namespace, writer: AnswerWriter) -> PurchaseAnswer:
    facts = show_advice(console, args.number, writer)
    request = PurchaseRequest(
        corporation_number=args.number,
        client_id=args.client,
        deal=args.deal,
        reasons=tuple(args.reason),
        comment=args.comment,
        renew=args.renew,
    )
    record = console.credit_checks.purchase(request, writer.show_progress, request_id=args.request_id)
    return PurchaseAnswer(record, facts)


def _purchase_lines(answer: PurchaseAnswer, translator: Translator) -> Lines:
    return cli_text.purchase_lines(answer.record, translator)


def _refetch_check(console: "Console", args: Namespace, writer: AnswerWriter) -> "RefetchResult":
    has_all_parts = args.detail == args.pdf
    detail, pdf = has_all_parts or args.detail, has_all_parts or args.pdf
    return console.credit_checks.refetch(
        parse_row_id("credit-check", args.id),
        detail=detail,
        pdf=pdf,
        expected_version=args.saw,
        progress=writer.show_progress,
        request_id=args.request_id,
    )


def _probe_record(console: "Console", args: Namespace, _: AnswerWriter) -> AnyRecord:
    return console.recovery.probe(args.kind, args.id, request_id=args.request_id)


def _resolve_record(console: "Console", args: Namespace, _: AnswerWriter) -> "ResolveResult":
    proof, provider_record_id = _parse_proof(args.evidence), parse_provider_id(args.kind, args.provider_id)
    arguments = (args.kind, args.id, args.as_state, proof, provider_record_id, args.saw)
    return console.recovery.resolve(*arguments, request_id=args.request_id)


def _parse_proof(argument: str) -> str | Path:
    """Return the argument as a path if it names a file; otherwise return it as text, which is a written statement.

    Raises ConsoleError `no_evidence` for a directory, and for a missing file whose name ends like a file of evidence.
    """
    path = Path(argument)
    try:
        if path.is_file():
            return path
        is_missing = path.is_dir() or (
            path.suffix.lower() in _EVIDENCE_SUFFIXES and not any(map(str.isspace, argument))
        )
    except (OSError, ValueError):  # too long for a path, or with a character that is not allowed in a path
        return argument
    if argument and is_missing:
        raise ConsoleError(ErrorCode.NO_EVIDENCE, {"reason": "no_such_file", "file": argument})
    return argument


# -- audit trail


def _list_audit_entries(console: "Console", args: Namespace, _: AnswerWriter) -> tuple[AuditEntry, ...]:
    return console.audit.list_entries(args.limit, args.before)


def _export_audit_trail(console: "Console", args: Namespace, _: AnswerWriter) -> ExportResult:
    file = Path(args.file).absolute()
    return ExportResult(str(file), console.audit.export_csv(file, request_id=args.request_id))


# -- worker and database


def _run_due_tasks(console: "Console", _: Namespace, __: AnswerWriter) -> "tuple[TaskRun, ...]":
    with console.acting_as("worker"):
        return console.recovery.run_due()


class UpgradeDatabase:
    """The command `db upgrade`. It upgrades the schema of the database without opening the services, because they
    refuse an old schema.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.app import act_once_by_request_id, open_health

        with watch_repetition(args, writer) as repeated:
            settings = writer.read_settings()
            health = open_health(settings)
            request = (settings, "db upgrade", args.request_id, (args.new,))
            revisions = act_once_by_request_id(*request, lambda: health.upgrade(accepts_new_database=args.new))
            lines = cli_text.upgrade_lines
            writer.write_answer(
                lambda: repeated.mark_json(dict(revisions)),
                lambda: repeated.add_note(lines(revisions, writer.translator)),
            )


@dataclass(frozen=True, slots=True)
class HealthCommand:
    """The commands `db check` (checks of the database) and `doctor` (checks of the whole installation). Each problem
    is part of the answer, even a profile file that can't be read.
    """

    run_checks: "Callable[[Health], tuple[HealthCheck, ...]]"

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.app import open_health

        try:
            checks = self.run_checks(open_health(writer.read_settings()))
        except ConsoleError as error:
            from console.domain.service_results import HealthCheck

            facts = {"code": error.code, **error.detail}
            checks = (HealthCheck("profile", False, "doctor.profile.bad", "doctor.profile.next", facts),)
        translator = writer.translator
        writer.write_answer(
            lambda: cli_json.health_json(checks, translator), lambda: cli_text.health_lines(checks, translator)
        )


COMMANDS: Mapping[str, Command] = {
    **REGISTRY_COMMANDS,
    "queue": QUEUE_COMMAND,
    "show": SHOW_COMMAND,
    "purchase": ServiceCommand(_purchase_check, cli_json.purchase_json, _purchase_lines),
    "refetch": ServiceCommand(_refetch_check, cli_json.refetch_json, cli_text.refetch_lines),
    "probe": ServiceCommand(_probe_record, cli_json.record_json, cli_text.probe_lines),
    "resolve": ServiceCommand(_resolve_record, cli_json.resolution_json, cli_text.resolution_lines),
    "audit list": ServiceCommand(_list_audit_entries, cli_json.audit_page_json, cli_text.audit_page_lines),
    "audit verify": VerifyAudit(),
    "audit export": ServiceCommand(_export_audit_trail, cli_json.export_json, cli_text.export_lines),
    **EXPORT_COMMANDS,
    **PAYMENT_COMMANDS,
    **ALERT_COMMANDS,
    **INCIDENT_COMMANDS,
    **LINK_COMMANDS,
    **LIMIT_COMMANDS,
    **READ_ONLY_COMMANDS,
    **REPORT_COMMANDS,
    "reconcile": RECONCILE_COMMAND,
    "sign-in": SignInCommand(),
    "sign-out": SignOutCommand(),
    "whoami": WhoAmICommand(),
    "forget-credentials": ForgetCredentials(),
    "db upgrade": UpgradeDatabase(),
    "db adopt": AdoptDatabase(),
    "db accounts apply": ApplyAccounts(),
    "db check": HealthCommand(lambda health: health.check_database()),
    "doctor": HealthCommand(lambda health: health.run_all_checks()),
    "worker": WorkerCommand(ServiceCommand(_run_due_tasks, cli_json.task_runs_json, cli_text.task_run_lines)),
    "sandbox": SandboxCommand(),
}
