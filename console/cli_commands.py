"""What each command of the terminal does: arguments in, one call of a service, and how its value is told."""

import contextlib
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from console import cli_json, cli_text
from console.cli_accounts import ApplyAccounts
from console.cli_adoption import Adopt
from console.cli_json import Exported, Object, Say
from console.cli_servers import Demo, SandboxAlone
from console.cli_sign_in import SignIn, SignOut, WhoAmI
from console.cli_writer import Lines, Voice, Writer
from console.domain.errors import ConsoleError
from console.domain.records import AuditEntry, CreditCheck, Operation, PurchaseRequest
from console.domain.results import (
    CreditCheckView,
    HealthCheck,
    LookupResult,
    OperationView,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
)

if TYPE_CHECKING:
    from console.app import Console
    from console.services.health import Health

T = TypeVar("T")

WITH_EFFECTS = frozenset({"purchase", "refetch", "probe", "resolve", "worker"})
"""Commands whose interruption may have come after something was sent or written."""
_LONGEST_ROW_ID = 18  # digits
# What people attach as evidence; such a word that names no file is a slip, not a statement.
_ATTACHMENTS = frozenset((".pdf", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".eml", ".msg", ".txt", ".csv"))


class Command(Protocol):
    """Something that can be run once with the words that belong to it."""

    def run(self, args: Namespace, writer: Writer) -> None: ...


@dataclass(frozen=True, slots=True)
class OnService(Generic[T]):
    """A command that makes one call of a service and tells its value."""

    act: "Callable[[Console, Namespace, Writer], T]"
    data: Callable[[T, Say], Object]
    lines: Callable[[T, Voice], Lines]

    def run(self, args: Namespace, writer: Writer) -> None:
        with opened(writer) as console:
            value = self.act(console, args, writer)
            writer.answer(lambda: self.data(value, writer.voice), lambda: self.lines(value, writer.voice))


@contextlib.contextmanager
def opened(writer: Writer) -> "Iterator[Console]":
    """The services, for the length of one command."""
    settings = writer.read_settings()
    from console.app import open_console

    with open_console(settings) as console:
        yield console


def command_for(args: Namespace) -> Command:
    """The command that the words name; `audit`, `db` and their like have their action beside them."""
    action = getattr(args, "action", None)
    return COMMANDS[args.command if action is None else f"{args.command} {action}"]


# ---- looking


def _lookup(console: "Console", args: Namespace, _: Writer) -> LookupResult:
    return console.lookup.find(args.number)


def _queue(console: "Console", args: Namespace, _: Writer) -> QueuePage:
    if args.name == "refunds":  # refunds come with the payment providers: until then the queue is empty
        return QueuePage("refunds", (), None)
    return console.recovery.queue(args.name, args.limit, args.after)


def _show(console: "Console", args: Namespace, _: Writer) -> CreditCheckView | OperationView:
    return console.recovery.show(args.kind, args.id)


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
        _row_id(args), detail=detail, pdf=pdf, saw=args.saw, progress=writer.progress
    )


def _row_id(args: Namespace) -> int:
    """The number of a credit check; not_found for text that no record can have as its id."""
    text: str = args.id
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ROW_ID):
        raise ConsoleError("not_found", {"kind": "credit-check", "id": text[:40]})
    return int(text)


def _probe(console: "Console", args: Namespace, _: Writer) -> CreditCheck | Operation:
    return console.recovery.probe(args.kind, args.id)


def _resolve(console: "Console", args: Namespace, _: Writer) -> ResolveResult:
    proof = _evidence(args.evidence)
    return console.recovery.resolve(args.kind, args.id, args.as_state, proof, args.provider_id, args.saw)


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


def _audit_verify(console: "Console", _: Namespace, __: Writer) -> int:
    return console.audit.verify()


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
    "show": OnService(_show, cli_json.view, cli_text.view),
    "purchase": OnService(_purchase, cli_json.credit_check, cli_text.bought),
    "refetch": OnService(_refetch, cli_json.refetched, cli_text.refetched),
    "probe": OnService(_probe, cli_json.record, cli_text.probed),
    "resolve": OnService(_resolve, cli_json.resolved, cli_text.resolved),
    "audit list": OnService(_audit_list, cli_json.audit_page, cli_text.audit_page),
    "audit verify": OnService(_audit_verify, cli_json.verified, cli_text.verified),
    "audit export": OnService(_audit_export, cli_json.exported, cli_text.exported),
    "sign-in": SignIn(),
    "sign-out": SignOut(),
    "whoami": WhoAmI(),
    "db upgrade": Upgrade(),
    "db adopt": Adopt(),
    "db accounts apply": ApplyAccounts(),
    "db check": Examination(lambda health: health.check_database()),
    "doctor": Examination(lambda health: health.doctor()),
    "worker": OnService(_worker, cli_json.tasks, cli_text.tasks),
    "sandbox": SandboxAlone(),
    "demo": Demo(),
}
