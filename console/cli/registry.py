"""What each command of the terminal does: arguments in, one call of a service, and how its value is told."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console import cli_json, cli_text
from console.cli_accounts import ApplyAccounts
from console.cli_adoption import Adopt
from console.cli_alerts import ALERT_COMMANDS
from console.cli_evidence import SHOW, VerifyAudit
from console.cli_json import Exported
from console.cli_json_records import AnyRecord
from console.cli_payments import PAYMENT_COMMANDS
from console.cli_reconcile import RECONCILE
from console.cli_servers import Demo, SandboxAlone, Worker
from console.cli_service import Command, OnService, provider_id, row_id
from console.cli_sign_in import SignIn, SignOut, WhoAmI
from console.cli_writer import Writer
from console.domain.errors import ConsoleError
from console.domain.records import AuditEntry, CreditCheck, PurchaseRequest
from console.domain.results import HealthCheck, LookupResult, QueuePage, RefetchResult, ResolveResult, TaskRun

if TYPE_CHECKING:
    from console.app import Console
    from console.services.health import Health

WITH_EFFECTS = frozenset({"purchase", "refetch", "probe", "resolve", "refund", "payment", "worker"})
"""Commands whose interruption may have come after something was sent or written."""
# What people attach as evidence; such a word that names no file is a slip, not a statement.
_ATTACHMENTS = frozenset((".pdf", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".eml", ".msg", ".txt", ".csv"))


def command_for(args: Namespace) -> Command:
    """The command that the words name; `audit`, `db` and their like have their action beside them."""
    action = getattr(args, "action", None)
    return COMMANDS[args.command if action is None else f"{args.command} {action}"]


# ---- looking


def _lookup(console: "Console", args: Namespace, _: Writer) -> LookupResult:
    return console.lookup.find(args.number)


def _queue(console: "Console", args: Namespace, _: Writer) -> QueuePage:
    return console.recovery.queue(args.name, args.limit, args.after)


# ---- buying and repairing


def _purchase(console: "Console", args: Namespace, writer: Writer) -> CreditCheck:
    request = PurchaseRequest(
        corporation_number=args.number,
        client_id=args.client,
        deal=args.deal,
        reasons=tuple(args.reason),
        comment=args.comment,
        renew=args.renew,
    )
    return console.credit_checks.purchase(request, writer.progress)


def _refetch(console: "Console", args: Namespace, writer: Writer) -> RefetchResult:
    both = args.detail == args.pdf
    detail, pdf = both or args.detail, both or args.pdf
    return console.credit_checks.refetch(
        row_id("credit-check", args.id), detail=detail, pdf=pdf, saw=args.saw, progress=writer.progress
    )


def _probe(console: "Console", args: Namespace, _: Writer) -> AnyRecord:
    return console.recovery.probe(args.kind, args.id)


def _resolve(console: "Console", args: Namespace, _: Writer) -> ResolveResult:
    proof, theirs = _evidence(args.evidence), provider_id(args.kind, args.provider_id)
    return console.recovery.resolve(args.kind, args.id, args.as_state, proof, theirs, args.saw)


def _evidence(given: str) -> str | Path:
    """A file where the words name one, otherwise a statement."""
    path = Path(given)
    try:
        if path.is_file():
            return path
        missing = path.is_dir() or (path.suffix.lower() in _ATTACHMENTS and not any(map(str.isspace, given)))
    except (OSError, ValueError):  # too long for a path, or with a character that none can have
        return given
    if given and missing:
        raise ConsoleError("no_evidence", {"reason": "no_such_file", "file": given})
    return given


# ---- the audit trail


def _audit_list(console: "Console", args: Namespace, _: Writer) -> tuple[AuditEntry, ...]:
    return console.audit.list(args.limit, args.before)


def _audit_export(console: "Console", args: Namespace, _: Writer) -> Exported:
    file = Path(args.file).absolute()
    return Exported(str(file), console.audit.export(file))


# ---- keeping the desk


def _worker(console: "Console", _: Namespace, __: Writer) -> tuple[TaskRun, ...]:
    with console.acting("worker"):
        return console.recovery.run_due()


class Upgrade:
    """Brings the schema up to this program: on the way to a desk that can be opened, so it opens none."""

    def run(self, args: Namespace, writer: Writer) -> None:
        from console.app import open_health

        done = open_health(writer.read_settings()).upgrade()
        writer.answer(lambda: done, lambda: cli_text.upgraded(done, writer.voice))


@dataclass(frozen=True, slots=True)
class Examination:
    """A look at the desk: whatever is wrong is a finding, a profile that can't be read included."""

    look: "Callable[[Health], tuple[HealthCheck, ...]]"

    def run(self, args: Namespace, writer: Writer) -> None:
        from console.app import open_health

        try:
            checks = self.look(open_health(writer.read_settings()))
        except ConsoleError as error:
            facts = {"code": error.code, **error.detail}
            checks = (HealthCheck("profile", False, "doctor.profile.bad", "doctor.profile.next", facts),)
        voice = writer.voice
        writer.answer(lambda: cli_json.health(checks, voice), lambda: cli_text.health(checks, voice))


COMMANDS: Mapping[str, Command] = {
    "lookup": OnService(_lookup, cli_json.lookup, cli_text.lookup),
    "queue": OnService(_queue, cli_json.queue_page, cli_text.queue_page),
    "show": SHOW,
    "purchase": OnService(_purchase, cli_json.credit_check, cli_text.bought),
    "refetch": OnService(_refetch, cli_json.refetched, cli_text.refetched),
    "probe": OnService(_probe, cli_json.record, cli_text.probed),
    "resolve": OnService(_resolve, cli_json.resolved, cli_text.resolved),
    "audit list": OnService(_audit_list, cli_json.audit_page, cli_text.audit_page),
    "audit verify": VerifyAudit(),
    "audit export": OnService(_audit_export, cli_json.exported, cli_text.exported),
    **PAYMENT_COMMANDS,
    **ALERT_COMMANDS,
    "reconcile": RECONCILE,
    "sign-in": SignIn(),
    "sign-out": SignOut(),
    "whoami": WhoAmI(),
    "db upgrade": Upgrade(),
    "db adopt": Adopt(),
    "db accounts apply": ApplyAccounts(),
    "db check": Examination(lambda health: health.check_database()),
    "doctor": Examination(lambda health: health.doctor()),
    "worker": Worker(OnService(_worker, cli_json.tasks, cli_text.tasks)),
    "sandbox": SandboxAlone(),
    "demo": Demo(),
}
