"""The words of the command line: what may be typed, and how a mistake in it is told."""

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeAlias

from console.domain.errors import ConsoleError

PROGRAM = "support-console"
QUEUES = ("pending", "error", "incomplete", "unknown", "review", "refunds")
PROVIDERS = ("paypay", "atom")
KINDS = ("credit-check", "payment", "order", "refund", "operation")
LARGEST_LIMIT = 10_000
_LARGEST = 10**18 - 1
_LONGEST_PROBLEM = 300
LONGEST_NUMBER = 18  # digits

Say = Callable[[str], str]
Group: TypeAlias = "argparse._SubParsersAction[_Parser]"


class HelpWanted(Exception):
    """The words asked for help; `text` is the page, without a line end."""

    def __init__(self, text: str) -> None:
        super().__init__("help")
        self.text = text


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing and leaving, so that every ending goes through one writer."""

    def error(self, message: str) -> NoReturn:
        raise usage(message, self.format_usage())

    def print_help(self, file: object = None) -> NoReturn:
        raise HelpWanted(self.format_help().rstrip())


def usage(problem: str, synopsis: str = "") -> ConsoleError:
    """The refusal of words that are no command; what was typed is cut, it may be a pasted book."""
    detail: dict[str, object] = {"problem": problem[:_LONGEST_PROBLEM]}
    if synopsis:
        detail["usage"] = " ".join(synopsis.split()).removeprefix("usage: ")
    return ConsoleError("usage", detail)


def parse(words: Sequence[str], say: Say) -> argparse.Namespace:
    """The command in `command` and what belongs to it beside it; raises ConsoleError `usage`, or HelpWanted.

    `say` gives the sentence for a key; it is only asked when help is wanted.
    """
    helping = any(word in ("-h", "--help") for word in words)
    parser = _parser(say if helping else _silent, words)
    args = parser.parse_args(_reasons_apart(words))
    if args.command is None:
        raise usage("a command is needed", parser.format_usage())
    _refuse_unreadable(args)
    return args


def _silent(_: str) -> str:
    return ""


def _reasons_apart(words: Sequence[str]) -> list[str]:
    """`--reason 1 4 NUMBER` as `--reason 1 --reason 4 NUMBER`: only single digits belong to the option."""
    if next((word for word in words if not word.startswith("-")), "") != "purchase":
        return list(words)  # elsewhere a reason is a sentence
    apart: list[str] = []
    for word in words:
        if apart[-2:-1] == ["--reason"] and len(word) == 1 and _is_digits(word):
            apart.append("--reason")
        apart.append(word)
    return apart


def _refuse_unreadable(args: argparse.Namespace) -> None:
    """Bytes that are no UTF-8 arrive as lone surrogates; no database and no file takes them.

    A corporation number is left to its own rules, which name the reason.
    """
    for name, value in vars(args).items():
        if name != "number" and isinstance(value, str) and not _is_utf8(value):
            raise usage(f"{name}: the text is not UTF-8")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_digits(text: str) -> bool:
    """ASCII digits alone; `isdecimal` by itself would take `１２` too."""
    return text.isascii() and text.isdecimal()


def _whole(low: int, high: int) -> Callable[[str], int]:
    """Reads ASCII digits within limits; `int` would also take `１２`, `1_0` and blanks."""

    def convert(text: str) -> int:
        if len(text) > LONGEST_NUMBER or not _is_digits(text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a whole number from {low} to {high} is needed")
        return int(text)

    return convert


def _parser(say: Say, words: Sequence[str]) -> _Parser:
    """All commands, or only the group of the one that is named first: the others would cost a start time."""
    parser = _Parser(prog=PROGRAM, description=say("cli.help"), allow_abbrev=False)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=say("cli.help.json"))
    parser.set_defaults(json=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    named = next((word for word in words if not word.startswith("-")), "")
    wanted = [add for names, add in _GROUPS if named in names]
    for add in wanted or [add for _, add in _GROUPS]:
        add(commands, say)
    return parser


def _command(commands: Group, name: str, say: Say, key: str | None = None) -> _Parser:
    text = say(f"cli.help.{key or name}")
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=say("cli.help.json"))
    return parser


def _looking(commands: Group, say: Say) -> None:
    lookup = _command(commands, "lookup", say)
    lookup.add_argument("number", metavar="NUMBER")
    queue = _command(commands, "queue", say)
    queue.add_argument("name", choices=QUEUES, metavar="NAME", help=", ".join(QUEUES))
    queue.add_argument("--limit", type=_whole(1, LARGEST_LIMIT), default=50, metavar="N")
    queue.add_argument("--after", metavar="CURSOR")
    show = _command(commands, "show", say)
    _of_kind(show)
    show.add_argument("--pack", metavar="FILE", help=say("cli.help.pack"))


def _of_kind(parser: _Parser) -> None:
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("id", metavar="ID")


def _buying(commands: Group, say: Say) -> None:
    purchase = _command(commands, "purchase", say)
    purchase.add_argument("number", metavar="NUMBER")
    purchase.add_argument("--client", required=True, metavar="ID")
    purchase.add_argument("--deal", type=int, choices=(1, 2, 9), metavar="N", help=say("cli.help.deal"))
    purchase.add_argument(
        "--reason", type=int, choices=(1, 2, 3, 4, 9), action="append", default=[], metavar="N",
        help=say("cli.help.reason"),
    )  # fmt: skip
    purchase.add_argument("--comment", metavar="T")
    purchase.add_argument("--renew", action="store_true", help=say("cli.help.renew"))


def _repairing(commands: Group, say: Say) -> None:
    refetch = _command(commands, "refetch", say)
    refetch.add_argument("id", metavar="ID")
    refetch.add_argument("--detail", action="store_true")
    refetch.add_argument("--pdf", action="store_true")
    _saw(refetch, say)
    _of_kind(_command(commands, "probe", say))
    resolve = _command(commands, "resolve", say)
    _of_kind(resolve)
    resolve.add_argument("--as", dest="as_state", required=True, metavar="STATE")
    resolve.add_argument("--evidence", default="", metavar="FILE|TEXT", help=say("cli.help.evidence"))
    resolve.add_argument("--provider-id", metavar="ID")
    _saw(resolve, say)


def _saw(parser: _Parser, say: Say) -> None:
    parser.add_argument("--saw", type=_whole(0, _LARGEST), metavar="VERSION", help=say("cli.help.saw"))


def _paying(commands: Group, say: Say) -> None:
    actions = _group(commands, "payment", say)
    taken = _command(actions, "import", say, "payment.import")
    taken.add_argument("provider", choices=PROVIDERS, metavar="PROVIDER", help=", ".join(PROVIDERS))
    taken.add_argument("merchant_payment_id", metavar="MERCHANT_PAYMENT_ID")
    taken.add_argument("--corporation-number", metavar="N")
    taken.add_argument("--amount", metavar="A", help=say("cli.help.amount"))
    taken.add_argument("--date", metavar="D", help=say("cli.help.payment_date"))


def _reconciling(commands: Group, say: Say) -> None:
    reconcile = _command(commands, "reconcile", say)
    reconcile.add_argument("provider", metavar="PROVIDER", help=say("cli.help.reconcile_provider"))
    for name in ("from", "to"):
        reconcile.add_argument(f"--{name}", dest=f"{name}_day", required=True, metavar="D", help=say("cli.help.day"))
    reconcile.add_argument("--dry-run", action="store_true", help=say("cli.help.dry_run"))


def _refunding(commands: Group, say: Say) -> None:
    actions = _group(commands, "refund", say)
    request = _command(actions, "request", say, "refund.request")
    request.add_argument("payment", metavar="PAYMENT")
    request.add_argument("--amount", required=True, metavar="N", help=say("cli.help.amount"))
    request.add_argument("--reason", required=True, metavar="T")
    request.add_argument("--intended-repeat", action="store_true", help=say("cli.help.intended_repeat"))
    request.add_argument("--ticket", metavar="T", help=say("cli.help.ticket"))
    _saw(request, say)
    for name in ("approve", "reject", "withdraw"):
        decided = _command(actions, name, say, f"refund.{name}")
        decided.add_argument("id", metavar="ID")
        if name == "reject":
            decided.add_argument("--reason", required=True, metavar="T")
        if name != "withdraw":
            _saw(decided, say)


def _alerting(commands: Group, say: Say) -> None:
    actions = _group(commands, "alerts", say)
    _command(actions, "list", say, "alerts.list")
    seen = _command(actions, "ack", say, "alerts.ack")
    seen.add_argument("id", metavar="ID")
    seen.add_argument("--note", required=True, metavar="T")


def _auditing(commands: Group, say: Say) -> None:
    actions = _group(commands, "audit", say)
    listing = _command(actions, "list", say, "audit.list")
    listing.add_argument("--limit", type=_whole(1, LARGEST_LIMIT), default=50, metavar="N")
    listing.add_argument("--before", type=_whole(1, _LARGEST), metavar="ID")
    verify = _command(actions, "verify", say, "audit.verify")
    verify.add_argument("--pack", metavar="FILE", help=say("cli.help.verify_pack"))
    _command(actions, "export", say, "audit.export").add_argument("file", metavar="FILE")


def _group(commands: Group, name: str, say: Say, key: str | None = None) -> Group:
    """A command whose next word says which; `action` holds it."""
    return _command(commands, name, say, key).add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )


def _keeping(commands: Group, say: Say) -> None:
    database = _group(commands, "db", say)
    _command(database, "upgrade", say, "db.upgrade")
    _command(database, "check", say, "db.check")
    _accounts(database, say)
    adopt = _command(database, "adopt", say, "db.adopt")
    adopt.add_argument("--dry-run", action="store_true", help=say("cli.help.dry_run"))
    adopt.add_argument("--timezone", metavar="ZONE", help=say("cli.help.timezone"))
    adopt.add_argument("--convert", action="store_true", help=say("cli.help.convert"))
    _command(commands, "worker", say).add_argument("--once", action="store_true", help=say("cli.help.once"))
    sandbox = _command(commands, "sandbox", say)
    sandbox.add_argument("--port", type=_whole(0, 65535), default=0, metavar="N")
    _command(commands, "demo", say).add_argument("--fast-clock", action="store_true")
    _command(commands, "doctor", say)


def _accounts(commands: Group, say: Say) -> None:
    """`db accounts apply`: three words name the command."""
    accounts = _group(commands, "accounts", say, "db.accounts")
    apply = _command(accounts, "apply", say, "db.accounts.apply")
    apply.set_defaults(action="accounts apply")
    apply.add_argument("file", metavar="FILE")
    apply.add_argument("--dry-run", action="store_true", help=say("cli.help.dry_run"))


def _signing(commands: Group, say: Say) -> None:
    _command(commands, "sign-in", say, "sign_in").add_argument("--user", metavar="NAME")
    _command(commands, "sign-out", say, "sign_out")
    _command(commands, "whoami", say)


_GROUPS = (
    (("lookup", "queue", "show"), _looking),
    (("purchase",), _buying),
    (("refetch", "probe", "resolve"), _repairing),
    (("payment",), _paying),
    (("reconcile",), _reconciling),
    (("refund",), _refunding),
    (("alerts",), _alerting),
    (("audit",), _auditing),
    (("sign-in", "sign-out", "whoami"), _signing),
    (("db", "worker", "sandbox", "demo", "doctor"), _keeping),
)
