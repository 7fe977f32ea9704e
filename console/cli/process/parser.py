"""Parse the command line, and report its errors as ConsoleError."""

import argparse
from collections.abc import Callable, Sequence
from datetime import date
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from console.cli.process.command_words import find_command_position, find_command_word
from console.cli.process.help_pages import HelpPageFormatter, TranslateFunction
from console.domain import calendar_days
from console.domain.annotations.person_texts import is_blank
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.refund_reasons import RefundReason
from console.domain.queue_names import QUEUE_NAMES, QUEUES_WITHOUT_RECORDS
from console.domain.reason import ForeignText
from console.domain.record_kinds import RECORD_KINDS

if TYPE_CHECKING:
    from console.domain.errors.details import UsageDetail

PROGRAM_NAME = "support-console"
LOOKUP_EXPORT_PARTS = ("payments", "refunds", "orders", "checks")
BULK_EXPORT_PARTS = ("not_done",)
RECONCILIATION_EXPORT_PARTS = ("all", "differ", "only_ours", "only_theirs", "refused")
REPORT_NAMES = ("success", "queue_ages", "refund_funnel", "settlement", "time_to_truth")
RECORD_AND_OPERATION_KINDS = (*RECORD_KINDS, "operation")
MAX_LISTED_ROWS = 10_000
_LARGEST_ROW_ID = 10**18 - 1
_MAX_USAGE_PROBLEM_CHARACTERS = 300
MAX_ROW_ID_DIGITS = 18  # digits
_PATH_ARGUMENTS = frozenset({"file", "files", "folder", "out", "pack"})
"""Names of the arguments that are always the path of a file or folder. The argument `to` is a path, too, except in
`incidents hand-over`, where it is a person."""

_HELP_KEY_BY_COMMAND_NAME = {
    "evidence": "evidence_packs",
    "read-only": "switches",
    "sign-in": "sign_in",
    "sign-out": "sign_out",
    "forget-credentials": "forget_credentials",
}
"""Last part of the help's wording key `cli.help.…`, for commands for which it differs from the command's name."""

SubcommandGroup: TypeAlias = "argparse._SubParsersAction[_CommandLineParser]"


class HelpRequest(Exception):
    """Raised if the command line requests help. `text` is the help page without a newline at its end."""

    def __init__(self, text: str) -> None:
        super().__init__("help")
        self.text = text


class VersionRequest(Exception):
    """Raised if the command line requests the version of the program."""


class _VersionAction(argparse.Action):
    """The option `--version`. It raises VersionRequest, because only AnswerWriter writes answers."""

    def __call__(self, *_: object) -> NoReturn:
        raise VersionRequest


class _SingleValueAction(argparse.Action):
    """Stores the value of an option or argument. An option that is given twice with two different values is refused,
    because argparse would use the last value without a message: `--amount 100 --amount 900` would request 900.
    """

    _was_given = False

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        value: object,
        option_string: str | None = None,
    ) -> None:
        if self._was_given and option_string and getattr(namespace, self.dest) != value:
            raise argparse.ArgumentError(self, "given twice with different values")
        self._was_given = True
        setattr(namespace, self.dest, value)


class _CommandLineParser(argparse.ArgumentParser):
    """An argparse parser that raises exceptions instead of printing or exiting, because only AnswerWriter writes
    answers. The words that argparse itself adds to a help page are replaced by those of the reader's language.
    """

    def __init__(self, *, translate: TranslateFunction, **options: Any) -> None:
        super().__init__(
            add_help=False,
            allow_abbrev=False,
            formatter_class=partial(HelpPageFormatter, translate=translate),
            **options,
        )
        self.register("action", None, _SingleValueAction)
        self.register("action", "store", _SingleValueAction)
        self.color = False  # from Python 3.14 on, argparse colours its texts, and the writer escapes the colours
        self._positionals.title = translate("cli.help.title.arguments")
        self._optionals.title = translate("cli.help.title.options")
        self.add_argument("-h", "--help", action="help", help=translate("cli.help.help"))

    def error(self, message: str) -> NoReturn:
        """Raise ConsoleError `usage` with the message and the synopsis of the command."""
        raise make_usage_error(message, self.format_synopsis())

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Return the value of an option or argument. Refuse `--provider=--`, for which argparse before Python 3.13
        would store an empty list, so that the option would count as absent. After an earlier `--`, the text `--` is
        the value of an argument such as ID; argparse would store an empty list for it, too."""
        if action.nargs is None and arg_strings == ["--"]:
            if action.option_strings:
                raise argparse.ArgumentError(action, "expected one argument")
            value = self._get_value(action, "--")
            self._check_value(action, value)
            return value
        return super()._get_values(action, arg_strings)

    def format_synopsis(self) -> str:
        """Return the synopsis of the command without a heading."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups, prefix="")
        return formatter.format_help()

    def print_help(self, file: object = None) -> NoReturn:
        """Raise HelpRequest with the help page."""
        raise HelpRequest(self.format_help().rstrip())


def make_usage_error(problem: str, synopsis: str = "") -> ConsoleError:
    """Return the error `usage` about the problem; `synopsis` is the synopsis of the command. The text of the problem
    is cut to 300 characters, because it may contain long arguments.
    """
    detail: UsageDetail = {"problem": ForeignText(problem[:_MAX_USAGE_PROBLEM_CHARACTERS])}
    if synopsis:
        detail["usage"] = " ".join(synopsis.split())  # house: a key of the detail
    return ConsoleError(ErrorCode.USAGE, detail)


def parse_day(text: str | None, option: str) -> date | None:
    """Return the day of a text such as `2026-11-20`; None if `text` is None.

    Raises ConsoleError `usage`, which names `option`, if the text has another form.
    """
    if text is None:
        return None
    try:
        return calendar_days.parse_day(text)
    except ValueError:
        raise make_usage_error(f"{option}: a day is needed, like 2026-11-20") from None


def parse_required_day(text: str | None, option: str) -> date:
    """Return the day of a text such as `2026-11-20`. Raises ConsoleError `usage`, which names `option`, for another
    text and for None.
    """
    day = parse_day(text, option)
    if day is None:
        raise make_usage_error(f"{option}: a day is needed, like 2026-11-20")
    return day


def parse_arguments(arguments: Sequence[str], translate: TranslateFunction) -> argparse.Namespace:
    """Parse the words of a command line and return the arguments; their attribute `command` is the name of the
    command.

    `translate` returns the sentence of a wording key; it is called only for a help page. Raises ConsoleError `usage`
    if the words are no valid command line; HelpRequest for `--help`; VersionRequest for `--version`.
    """
    arguments = _replace_help_word(arguments)
    wants_help = any(word in ("-h", "--help") for word in arguments)
    parser = _build_parser(translate if wants_help else _omit_help_text, arguments)
    args = parser.parse_args(_repeat_purchase_reason_option(arguments))
    if args.command is None:
        raise make_usage_error("a command is needed", parser.format_synopsis())
    _refuse_unusable_texts(args)
    if (args.command, getattr(args, "action", "")) == ("refund", "request"):
        _require_refund_reason(args)
    return args


def _replace_help_word(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments with the word `help` rewritten as the option `--help`, if `help` is in the place of the
    command: `help refund approve` becomes `refund approve --help`."""
    position = find_command_position(arguments)
    if position is None or arguments[position] != "help":
        return arguments
    return (*arguments[:position], *arguments[position + 1 :], "--help")


def _omit_help_text(_: str) -> str:
    """Return an empty help text for any wording key. The parser uses this function in place of the translator if no
    help page is requested, so that the program does not read the file of texts."""
    return ""


def _require_refund_reason(args: argparse.Namespace) -> None:
    """Raise ConsoleError `usage` for a refund request that has neither `--reason` nor `--reason-code`."""
    if args.reason is None and args.reason_code is None:
        raise make_usage_error("one of these arguments is required: --reason, --reason-code")


def _repeat_purchase_reason_option(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--reason 1 4 NUMBER` of the command `purchase` rewritten as `--reason 1 --reason 4
    NUMBER`, which argparse can parse. Only single digits count as reasons.
    """
    if find_command_word(arguments) != "purchase":
        return list(arguments)  # in other commands a reason is a sentence
    separated_words: list[str] = []
    for word in arguments:
        if separated_words[-2:-1] == ["--reason"] and len(word) == 1 and _has_only_ascii_digits(word):
            separated_words.append("--reason")
        separated_words.append(word)
    return separated_words


def _refuse_unusable_texts(args: argparse.Namespace) -> None:
    """Raise ConsoleError `usage` if an argument is not UTF-8 or has a null character, or if the name of a file or
    folder is blank.

    Python passes bytes that are not UTF-8 as lone surrogates, which no database or file accepts. An empty name, for
    example from an unset shell variable, would mean the current folder; a file whose name is blank is hard to find
    again. The argument `number` is not checked here, because the check of corporation numbers gives a more exact
    reason. A null character is allowed in the argument `text`, the words of a search: the search ignores it.
    """
    for name, value in vars(args).items():
        texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        if name == "number":
            continue
        if not all(map(_is_utf8, texts)):
            raise make_usage_error(f"{name}: the text is not UTF-8")
        is_path = name in _PATH_ARGUMENTS or (name == "to" and args.command != "incidents")
        if name != "text" and any("\0" in text for text in texts):
            raise make_usage_error(f"{name}: the text contains a null character")
        if is_path and any(map(_is_blank_utf8, texts)):
            raise make_usage_error(f"{name}: a name of a file or folder is needed")


def _is_blank_utf8(text: str) -> bool:
    """Return True if the text has no visible character. Bytes that are not UTF-8 count as visible, because another
    check refuses them."""
    return _is_utf8(text) and is_blank(text)


def _parse_identifier(text: str) -> str:
    """Return the text: an id, a name or another text by which the command finds a record. Raises ArgumentTypeError
    for a blank text, such as the value of an unset shell variable: an error message that quotes a blank text would be
    hard to understand."""
    if _is_blank_utf8(text):
        raise argparse.ArgumentTypeError("a value is needed")
    return text


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_only_ascii_digits(text: str) -> bool:
    """Return True if the text is not empty and consists of ASCII digits only. (`str.isdecimal` alone would also
    accept full-width digits such as `１２`.)
    """
    return text.isascii() and text.isdecimal()


def _make_integer_parser(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a function that converts text to a whole number from `minimum` to `maximum`. The function raises
    ArgumentTypeError; it also refuses `１２`, `1_0` and blanks, which `int` would accept.
    """

    def convert_to_integer(text: str) -> int:
        if len(text) > MAX_ROW_ID_DIGITS or not _has_only_ascii_digits(text) or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(f"a whole number from {minimum} to {maximum} is needed")
        return int(text)

    return convert_to_integer


def _parse_prefecture(text: str) -> str:
    """Return the text if it names a prefecture of Japan. Raises ArgumentTypeError for any other text: a search in an
    unknown prefecture would find nothing, and the answer would look as if no corporation had the searched name.
    """
    from console.domain.registry.prefectures import find_prefecture_code

    if find_prefecture_code(text) is None:
        raise argparse.ArgumentTypeError("a prefecture is needed, like 東京都 or 13")
    return text


def _build_parser(translate: TranslateFunction, arguments: Sequence[str]) -> _CommandLineParser:
    """Return the parser. It has only the group of commands to which the command in `arguments` belongs, because
    building all groups takes noticeable time. If there is no such group, the parser has the names of all commands,
    without their arguments: it can only write the help page of the program or refuse the command line.
    """
    parser = _CommandLineParser(prog=PROGRAM_NAME, description=translate("cli.help"), translate=translate)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=translate("cli.help.json"))
    version_help = translate("cli.help.program_version")
    parser.add_argument("--version", action=_VersionAction, nargs=0, dest=argparse.SUPPRESS, help=version_help)
    parser.set_defaults(json=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_CommandLineParser)
    command_name = find_command_word(arguments)
    for names, add_commands in _PARSER_BUILDERS_BY_COMMAND_NAMES:
        if command_name in names:
            add_commands(commands, translate)
            return parser
    for names, _ in _PARSER_BUILDERS_BY_COMMAND_NAMES:
        for name in names:
            _add_command(commands, name, translate)
    return parser


def _add_command(
    commands: SubcommandGroup, name: str, translate: TranslateFunction, help_key: str | None = None
) -> _CommandLineParser:
    text = translate(f"cli.help.{help_key or _HELP_KEY_BY_COMMAND_NAME.get(name, name)}")
    parser = commands.add_parser(name, help=text, description=text, translate=translate)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=translate("cli.help.json"))
    return parser


def _add_changing_command(
    commands: SubcommandGroup, name: str, translate: TranslateFunction, help_key: str | None = None
) -> _CommandLineParser:
    """Add a command that changes data, and return its parser. It has the option `--request-id`: a second call with
    the same id changes nothing and returns the first answer. `help_key` is the last part of the help's wording key
    `cli.help.…`; None means `name`."""
    parser = _add_command(commands, name, translate, help_key)
    parser.add_argument("--request-id", metavar="ID", help=translate("cli.help.request_id"))
    return parser


def _add_reading_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    """Add the commands `lookup`, `queue`, `show`, `evidence` and `unfinished`, which change no record."""
    lookup_parser = _add_command(commands, "lookup", translate)
    lookup_parser.add_argument("number", metavar="NUMBER", help=translate("cli.help.lookup_number"))
    queue_parser = _add_command(commands, "queue", translate)
    queue_names = (*QUEUE_NAMES, "views")
    queue_parser.add_argument("name", nargs="?", choices=queue_names, metavar="NAME", help=", ".join(queue_names))
    queue_parser.add_argument("--view", type=_parse_identifier, metavar="VIEW", help=translate("cli.help.queue_view"))
    _add_limit_option(queue_parser, translate)
    queue_parser.add_argument("--after", type=_parse_identifier, metavar="CURSOR", help=translate("cli.help.after"))
    queue_parser.add_argument("--filter", metavar="TEXT", default="", help=translate("cli.help.queue_filter"))
    queue_parser.add_argument("--sort", metavar="COLUMN", default="", help=translate("cli.help.queue_sort"))
    queue_parser.add_argument("--by-cause", action="store_true", help=translate("cli.help.queue_by_cause"))
    show_parser = _add_command(commands, "show", translate)
    _add_record_kind_and_id_arguments(show_parser, translate)
    show_parser.add_argument("--pack", metavar="FILE", help=translate("cli.help.pack"))
    evidence_parser = _add_command(commands, "evidence", translate)
    evidence_parser.add_argument(
        "records", nargs="*", type=_parse_identifier, metavar="RECORD", help=translate("cli.help.evidence_records")
    )
    record_queue_names = [name for name in QUEUE_NAMES if name not in QUEUES_WITHOUT_RECORDS]
    evidence_parser.add_argument(
        "--queue", choices=record_queue_names, metavar="NAME", help=", ".join(record_queue_names)
    )
    evidence_parser.add_argument("--filter", metavar="TEXT", default="", help=translate("cli.help.queue_filter"))
    evidence_parser.add_argument(
        "--find", type=_parse_identifier, metavar="TEXT", help=translate("cli.help.evidence_find")
    )
    evidence_parser.add_argument("--to", required=True, metavar="FILE", help=translate("cli.help.evidence_file"))
    _add_command(commands, "unfinished", translate)


def _add_record_kind_and_id_arguments(parser: _CommandLineParser, translate: TranslateFunction) -> None:
    parser.add_argument(
        "kind", choices=RECORD_AND_OPERATION_KINDS, metavar="KIND", help=", ".join(RECORD_AND_OPERATION_KINDS)
    )
    parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.record_id"))


def _add_purchase_command(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    parser = _add_changing_command(commands, "purchase", translate)
    parser.add_argument("number", metavar="NUMBER", help=translate("cli.help.number"))
    parser.add_argument("--client", required=True, metavar="ID", help=translate("cli.help.client"))
    parser.add_argument(
        "--deal", type=_make_integer_parser(1, 9), choices=(1, 2, 9), metavar="N", help=translate("cli.help.deal")
    )
    parser.add_argument(
        "--reason",
        type=_make_integer_parser(1, 9),
        choices=(1, 2, 3, 4, 9),
        action="append",
        default=[],
        metavar="N",
        help=translate("cli.help.reason"),
    )
    parser.add_argument("--comment", metavar="T", help=translate("cli.help.comment"))
    parser.add_argument("--renew", action="store_true", help=translate("cli.help.renew"))


def _add_recovery_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    from console.domain.recovery.decision_reasons import DecisionReason  # only for the arguments of these commands

    refetch_parser = _add_changing_command(commands, "refetch", translate)
    refetch_parser.add_argument(
        "id", type=_parse_identifier, metavar="ID", help=translate("cli.help.credit_check_id")
    )
    refetch_parser.add_argument("--detail", action="store_true", help=translate("cli.help.only_detail"))
    refetch_parser.add_argument("--pdf", action="store_true", help=translate("cli.help.only_pdf"))
    _add_expected_version_option(refetch_parser, translate)
    _add_record_kind_and_id_arguments(_add_changing_command(commands, "probe", translate), translate)
    resolve_parser = _add_changing_command(commands, "resolve", translate)
    _add_record_kind_and_id_arguments(resolve_parser, translate)
    resolve_parser.add_argument(
        "--as",
        dest="as_state",
        required=True,
        type=_parse_identifier,
        metavar="STATE",
        help=translate("cli.help.as_state"),
    )
    resolve_parser.add_argument("--evidence", default="", metavar="FILE|TEXT", help=translate("cli.help.evidence"))
    resolve_parser.add_argument("--provider-id", metavar="ID", help=translate("cli.help.provider_id"))
    resolve_parser.add_argument("--amount", metavar="N", help=translate("cli.help.outside_amount"))
    resolve_parser.add_argument("--day", metavar="D", help=translate("cli.help.outside_day"))
    _add_reason_code_option(resolve_parser, translate, DecisionReason)
    resolve_parser.add_argument("--reason", metavar="T", help=translate("cli.help.decision_reason"))
    _add_expected_version_option(resolve_parser, translate)


def _add_expected_version_option(parser: _CommandLineParser, translate: TranslateFunction) -> None:
    """Add the option by which the caller names the version of the record that the caller has read. The command is
    refused if the record has another version when the command runs."""
    parser.add_argument(
        "--saw", type=_make_integer_parser(0, _LARGEST_ROW_ID), metavar="VERSION", help=translate("cli.help.saw")
    )


def _add_payment_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands, provider_names = (
        _add_command_group(commands, "payment", translate),
        provider_registry.list_provider_names(),
    )
    import_parser = _add_changing_command(subcommands, "import", translate, "payment.import")
    import_parser.add_argument("provider", choices=provider_names, metavar="PROVIDER", help=", ".join(provider_names))
    import_parser.add_argument(
        "merchant_payment_id",
        type=_parse_identifier,
        metavar="MERCHANT_PAYMENT_ID",
        help=translate("cli.help.merchant_payment_id"),
    )
    import_parser.add_argument("--corporation-number", metavar="N", help=translate("cli.help.payer_number"))
    import_parser.add_argument("--amount", metavar="A", help=translate("cli.help.amount"))
    import_parser.add_argument("--date", metavar="D", help=translate("cli.help.payment_date"))
    move_parser = _add_changing_command(subcommands, "move-order", translate, "payment.move_order")
    move_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.payment_id"))


def _add_reconcile_command(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    parser = _add_changing_command(commands, "reconcile", translate)
    provider_help = ", ".join((*provider_registry.list_provider_names(), translate("cli.help.reconcile_provider")))
    parser.add_argument("provider", type=_parse_identifier, metavar="PROVIDER", help=provider_help)
    for name in ("from", "to"):
        parser.add_argument(
            f"--{name}", dest=f"{name}_day", required=True, metavar="D", help=translate("cli.help.day")
        )
    parser.add_argument("--dry-run", action="store_true", help=translate("cli.help.dry_run"))


def _add_reason_code_option(
    parser: argparse.ArgumentParser, translate: TranslateFunction, codes: type[StrEnum]
) -> None:
    """Add the option `--reason-code`, whose allowed values are the members of `codes`."""
    code_names = tuple(code.value for code in codes)
    code_help = f"{translate('cli.help.reason_code')}: {', '.join(code_names)}"
    parser.add_argument("--reason-code", choices=code_names, metavar="CODE", help=code_help)


def _add_refund_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "refund", translate)
    request_parser = _add_changing_command(subcommands, "request", translate, "refund.request")
    request_parser.add_argument(
        "payment", type=_parse_identifier, metavar="PAYMENT", help=translate("cli.help.payment_id")
    )
    request_parser.add_argument("--amount", required=True, metavar="N", help=translate("cli.help.amount"))
    request_parser.add_argument("--reason", metavar="T", help=translate("cli.help.reason_words"))
    _add_reason_code_option(request_parser, translate, RefundReason)
    request_parser.add_argument("--intended-repeat", action="store_true", help=translate("cli.help.intended_repeat"))
    request_parser.add_argument("--ticket", metavar="T", help=translate("cli.help.ticket"))
    _add_expected_version_option(request_parser, translate)
    for name in ("approve", "reject", "withdraw"):
        decision_parser = _add_changing_command(subcommands, name, translate, f"refund.{name}")
        decision_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.refund_id"))
        if name == "reject":
            decision_parser.add_argument(
                "--reason", required=True, metavar="T", help=translate("cli.help.reason_words")
            )
        if name != "withdraw":
            _add_expected_version_option(decision_parser, translate)


def _add_alert_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "alerts", translate)
    _add_command(subcommands, "list", translate, "alerts.list")
    _add_command(subcommands, "lost", translate, "alerts.lost")
    acknowledge_parser = _add_changing_command(subcommands, "ack", translate, "alerts.ack")
    acknowledge_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.alert_id"))
    acknowledge_parser.add_argument("--note", metavar="T", help=translate("cli.help.note"))
    withdraw_parser = _add_changing_command(subcommands, "unack", translate, "alerts.unack")
    withdraw_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.alert_id"))


def _add_mention_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "mentions", translate)
    _add_command(subcommands, "list", translate, "mentions.list")
    done_parser = _add_changing_command(subcommands, "done", translate, "mentions.done")
    done_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.mention_id"))


def _add_saved_view_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "views", translate)
    _add_command(subcommands, "list", translate, "views.list")
    save_parser = _add_changing_command(subcommands, "save", translate, "views.save")
    save_parser.add_argument("name", metavar="NAME", help=translate("cli.help.views.name"))
    save_parser.add_argument("queue", type=_parse_identifier, metavar="QUEUE", help=", ".join(QUEUE_NAMES))
    save_parser.add_argument("--filter", metavar="TEXT", default="", help=translate("cli.help.queue_filter"))
    save_parser.add_argument("--sort", metavar="COLUMN", default="", help=translate("cli.help.queue_sort"))
    save_parser.add_argument("--columns", metavar="KEYS", default="", help=translate("cli.help.views.columns"))
    save_parser.add_argument("--by-cause", action="store_true", help=translate("cli.help.queue_by_cause"))
    save_parser.add_argument("--team", action="store_true", help=translate("cli.help.views.team"))
    save_parser.add_argument("--replace", action="store_true", help=translate("cli.help.views.replace"))
    for name in ("rename", "delete", "restore"):
        parser = _add_changing_command(subcommands, name, translate, f"views.{name}")
        parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.views.id"))
        if name == "rename":
            parser.add_argument("name", metavar="NAME", help=translate("cli.help.views.new_name"))


def _add_open_command(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    parser = _add_command(commands, "open", translate, "open")
    parser.add_argument("link", metavar="LINK", help=translate("cli.help.link"))


def _add_incident_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "incidents", translate)
    list_parser = _add_command(subcommands, "list", translate, "incidents.list")
    list_parser.add_argument("--closed", action="store_true", help=translate("cli.help.incidents.closed"))
    show_parser = _add_command(subcommands, "show", translate, "incidents.show")
    show_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.incidents.id"))
    for name in ("take", "release", "hand-over", "snooze", "wake", "resolve", "reopen"):
        parser = _add_changing_command(subcommands, name, translate, f"incidents.{name.replace('-', '_')}")
        parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.incidents.id"))
        if name == "hand-over":
            parser.add_argument(
                "--to", required=True, type=_parse_identifier, metavar="NAME", help=translate("cli.help.incidents.to")
            )
        if name == "snooze":
            parser.add_argument("--until", required=True, metavar="T", help=translate("cli.help.incidents.until"))
        if name in ("hand-over", "snooze"):
            parser.add_argument("--note", required=name == "hand-over", metavar="T", help=translate("cli.help.note"))
        if name in ("resolve", "reopen"):
            parser.add_argument("--reason", required=True, metavar="T", help=translate("cli.help.reason_words"))


def _add_registry_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "registry", translate)
    _add_changing_command(subcommands, "import", translate, "registry.import").add_argument(
        "files", nargs="+", metavar="FILE", help=translate("cli.help.registry.files")
    )
    _add_command(subcommands, "status", translate, "registry.status")
    _add_find_options(_add_command(subcommands, "find", translate, "registry.find"), translate)
    changes_parser = _add_command(subcommands, "changes", translate, "registry.changes")
    changes_parser.add_argument("--since", required=True, metavar="D", help=translate("cli.help.day"))
    changes_parser.add_argument("--all", action="store_true", help=translate("cli.help.all_corporations"))


def _add_find_command(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    _add_find_options(_add_command(commands, "find", translate), translate)


def _add_limit_option(parser: _CommandLineParser, translate: TranslateFunction) -> None:
    """Add the option `--limit`: the largest number of rows of the answer."""
    parser.add_argument(
        "--limit",
        type=_make_integer_parser(1, MAX_LISTED_ROWS),
        default=50,
        metavar="N",
        help=translate("cli.help.limit"),
    )


def _add_find_options(parser: _CommandLineParser, translate: TranslateFunction) -> None:
    parser.add_argument("text", nargs="+", metavar="TEXT", help=translate("cli.help.search_text"))
    parser.add_argument("--prefecture", type=_parse_prefecture, metavar="P", help=translate("cli.help.prefecture"))
    _add_limit_option(parser, translate)


def _add_refund_limit_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "limits", translate)
    _add_command(subcommands, "list", translate, "limits.list")
    from console.domain.payments.limits import LARGEST_LIMIT  # only for the arguments of this command

    set_parser = _add_changing_command(subcommands, "set", translate, "limits.set")
    set_parser.add_argument("name", type=_parse_identifier, metavar="NAME", help=translate("cli.help.limits.name"))
    set_parser.add_argument(
        "currency", type=_parse_identifier, metavar="CURRENCY", help=translate("cli.help.currency")
    )
    set_parser.add_argument(
        "value", type=_make_integer_parser(0, LARGEST_LIMIT), metavar="N", help=translate("cli.help.limits.value")
    )


def _add_read_only_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "read-only", translate)
    _add_command(subcommands, "list", translate, "switches.list")
    provider_names = (CREDIT_CHECK_PROVIDER, *provider_registry.list_provider_names())
    for word in ("on", "off"):
        parser = _add_changing_command(subcommands, word, translate, f"switches.{word}")
        parser.add_argument("--provider", choices=provider_names, metavar="PROVIDER", help=", ".join(provider_names))
        parser.add_argument("--reason", required=True, metavar="T", help=translate("cli.help.reason_words"))


def _add_people_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "people", translate)
    _add_command(subcommands, "list", translate, "people.list")
    for word in ("disable", "enable"):
        parser = _add_changing_command(subcommands, word, translate, f"people.{word}")
        parser.add_argument("name", type=_parse_identifier, metavar="NAME", help=translate("cli.help.people.name"))
        if word == "disable":
            parser.add_argument("--reason", required=True, metavar="T", help=translate("cli.help.reason_words"))


def _add_provider_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "provider", translate)
    authorise_parser = _add_command(subcommands, "authorise", translate)
    authorise_parser.add_argument(
        "provider", choices=(CREDIT_CHECK_PROVIDER,), metavar="PROVIDER", help=CREDIT_CHECK_PROVIDER
    )


def _add_report_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "reports", translate)
    _add_command(subcommands, "figures", translate, "report_figures")
    close_parser = _add_command(subcommands, "close", translate, "report_close")
    close_parser.add_argument("--day", required=True, metavar="D", help=translate("cli.help.day"))
    close_parser.add_argument(
        "--provider",
        required=True,
        type=_parse_identifier,
        metavar="PROVIDER",
        help=translate("cli.help.close_provider"),
    )
    close_parser.add_argument("--out", metavar="FILE", help=translate("cli.help.close_file"))


def _add_document_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "documents", translate)
    list_parser = _add_command(subcommands, "list", translate, "documents.list")
    list_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.credit_check_id"))
    save_parser = _add_command(subcommands, "save", translate, "documents.save")
    save_parser.add_argument("id", type=_parse_identifier, metavar="ID", help=translate("cli.help.credit_check_id"))
    save_parser.add_argument("--to", required=True, metavar="FILE", help=translate("cli.help.pdf_file"))
    save_parser.add_argument("--sha256", type=_parse_identifier, metavar="SHA256", help=translate("cli.help.version"))
    compare_parser = _add_command(subcommands, "compare", translate, "documents.compare")
    compare_parser.add_argument(
        "id", type=_parse_identifier, metavar="ID", help=translate("cli.help.credit_check_id")
    )
    compare_parser.add_argument(
        "--old", type=_parse_identifier, metavar="SHA256", help=translate("cli.help.old_version")
    )
    compare_parser.add_argument(
        "--new", type=_parse_identifier, metavar="SHA256", help=translate("cli.help.new_version")
    )


def _add_audit_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "audit", translate)
    list_parser = _add_command(subcommands, "list", translate, "audit.list")
    _add_limit_option(list_parser, translate)
    list_parser.add_argument(
        "--before",
        type=_make_integer_parser(1, _LARGEST_ROW_ID),
        metavar="ID",
        help=translate("cli.help.audit.before"),
    )
    verify_parser = _add_command(subcommands, "verify", translate, "audit.verify")
    verify_parser.add_argument("--pack", metavar="FILE", help=translate("cli.help.verify_pack"))
    export_parser = _add_changing_command(subcommands, "export", translate, "audit.export")
    export_parser.add_argument("file", metavar="FILE", help=translate("cli.help.audit.file"))


def _add_export_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    subcommands = _add_command_group(commands, "export", translate)

    def add_command(name: str) -> _CommandLineParser:
        parser = _add_command(subcommands, name, translate, f"export.{name}")
        parser.add_argument("--to", required=True, metavar="FILE", help=translate("cli.help.export_file"))
        return parser

    for name in ("approvals", "alerts", "audit", "set-asides"):
        add_command(name)
    add_command("queue").add_argument("subject", choices=QUEUE_NAMES, metavar="NAME", help=", ".join(QUEUE_NAMES))
    add_command("report").add_argument("subject", choices=REPORT_NAMES, metavar="NAME", help=", ".join(REPORT_NAMES))
    lookup_parser = add_command("lookup")
    lookup_parser.add_argument("subject", metavar="NUMBER", help=translate("cli.help.number"))
    lookup_parser.add_argument(
        "--part", choices=LOOKUP_EXPORT_PARTS, metavar="PART", help=", ".join(LOOKUP_EXPORT_PARTS)
    )
    add_command("search").add_argument("subject", metavar="TEXT", help=translate("cli.help.search_text"))
    find_parser = add_command("find")
    find_parser.add_argument("subject", metavar="TEXT", help=translate("cli.help.search_text"))
    find_parser.add_argument(
        "--prefecture", dest="part", type=_parse_prefecture, metavar="P", help=translate("cli.help.prefecture")
    )
    bulk_parser = add_command("bulk")
    bulk_parser.add_argument("subject", type=_parse_identifier, metavar="ID", help=translate("cli.help.bulk_id"))
    bulk_parser.add_argument("--part", choices=BULK_EXPORT_PARTS, metavar="PART", help=", ".join(BULK_EXPORT_PARTS))
    add_command("runs").add_argument(
        "subject", nargs="?", type=_parse_identifier, metavar="PROVIDER", help=translate("cli.help.runs_provider")
    )
    reconciliation_parser = add_command("reconciliation")
    reconciliation_parser.add_argument(
        "subject", type=_parse_identifier, metavar="RUN", help=translate("cli.help.run_id")
    )
    reconciliation_parser.add_argument(
        "--part", choices=RECONCILIATION_EXPORT_PARTS, metavar="PART", help=", ".join(RECONCILIATION_EXPORT_PARTS)
    )


def _add_command_group(
    commands: SubcommandGroup, name: str, translate: TranslateFunction, help_key: str | None = None
) -> SubcommandGroup:
    """Add a command that has subcommands, and return the object to which the caller adds these. The name of the
    chosen subcommand is stored in the argument `action`. `help_key` is the last part of the help's wording key
    `cli.help.…`; None means `name`."""
    return _add_command(commands, name, translate, help_key).add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_CommandLineParser
    )


def _add_system_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    """Add the commands for the installation itself: `db …`, `worker`, `sandbox`, `demo`, `training`, `doctor` and
    `replay`."""
    database_subcommands = _add_command_group(commands, "db", translate)
    upgrade_parser = _add_changing_command(database_subcommands, "upgrade", translate, "db.upgrade")
    upgrade_parser.add_argument("--new", action="store_true", help=translate("cli.help.anew"))
    _add_command(database_subcommands, "check", translate, "db.check")
    backup_parser = _add_command(database_subcommands, "backup", translate, "db.backup")
    backup_parser.add_argument("folder", metavar="DIR", help=translate("cli.help.backup_folder"))
    restore_parser = _add_changing_command(database_subcommands, "restore", translate, "db.restore")
    restore_parser.add_argument("folder", metavar="DIR", help=translate("cli.help.restore_folder"))
    restore_parser.add_argument("--check", action="store_true", help=translate("cli.help.restore_check"))
    _add_accounts_command(database_subcommands, translate)
    merchant_parser = _add_changing_command(database_subcommands, "merchant", translate, "db.merchant")
    provider_names = (CREDIT_CHECK_PROVIDER, *provider_registry.list_provider_names())
    merchant_parser.add_argument(
        "provider", choices=provider_names, metavar="PROVIDER", help=", ".join(provider_names)
    )
    merchant_parser.add_argument("--reason", required=True, metavar="TEXT", help=translate("cli.help.reason_words"))
    adopt_parser = _add_changing_command(database_subcommands, "adopt", translate, "db.adopt")
    adopt_parser.add_argument("--dry-run", action="store_true", help=translate("cli.help.dry_run"))
    adopt_parser.add_argument(
        "--timezone", type=_parse_identifier, metavar="ZONE", help=translate("cli.help.timezone")
    )
    adopt_parser.add_argument("--convert", action="store_true", help=translate("cli.help.convert"))
    adopt_parser.add_argument(
        "--accept-incomplete", action="store_true", help=translate("cli.help.accept_incomplete")
    )
    _add_command(commands, "worker", translate).add_argument(
        "--once", action="store_true", help=translate("cli.help.once")
    )
    sandbox_parser = _add_command(commands, "sandbox", translate)
    sandbox_parser.add_argument(
        "--port", type=_make_integer_parser(0, 65535), default=0, metavar="N", help=translate("cli.help.port")
    )
    demo_parser = _add_command(commands, "demo", translate)
    demo_parser.add_argument("--fast-clock", action="store_true", help=translate("cli.help.fast_clock"))
    training_options = _add_command(commands, "training", translate).add_mutually_exclusive_group()
    training_options.add_argument("--list", action="store_true", help=translate("cli.help.training.list"))
    training_options.add_argument("--check", action="store_true", help=translate("cli.help.training.check"))
    _add_command(commands, "doctor", translate)
    _add_command(commands, "replay", translate).add_argument(
        "pack", metavar="PACK", help=translate("cli.help.pack_file")
    )


def _add_accounts_command(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    """Add the command `db accounts apply`. Its name has three words, so its argument `action` is `accounts apply`."""
    subcommands = _add_command_group(commands, "accounts", translate, "db.accounts")
    apply_parser = _add_changing_command(subcommands, "apply", translate, "db.accounts.apply")
    apply_parser.set_defaults(action="accounts apply")
    apply_parser.add_argument("file", metavar="FILE", help=translate("cli.help.accounts_file"))
    apply_parser.add_argument("--dry-run", action="store_true", help=translate("cli.help.dry_run"))


def _add_sign_in_commands(commands: SubcommandGroup, translate: TranslateFunction) -> None:
    sign_in_parser = _add_command(commands, "sign-in", translate)
    sign_in_parser.add_argument(
        "--user", type=_parse_identifier, metavar="NAME", help=translate("cli.help.account_name")
    )
    _add_command(commands, "sign-out", translate)
    _add_command(commands, "whoami", translate)
    _add_command(commands, "forget-credentials", translate)


_PARSER_BUILDERS_BY_COMMAND_NAMES = (
    (("lookup", "queue", "show", "evidence", "unfinished"), _add_reading_commands),
    (("purchase",), _add_purchase_command),
    (("refetch", "probe", "resolve"), _add_recovery_commands),
    (("payment",), _add_payment_commands),
    (("reconcile",), _add_reconcile_command),
    (("refund",), _add_refund_commands),
    (("alerts",), _add_alert_commands),
    (("incidents",), _add_incident_commands),
    (("mentions",), _add_mention_commands),
    (("views",), _add_saved_view_commands),
    (("open",), _add_open_command),
    (("registry",), _add_registry_commands),
    (("find",), _add_find_command),
    (("limits",), _add_refund_limit_commands),
    (("read-only",), _add_read_only_commands),
    (("people",), _add_people_commands),
    (("provider",), _add_provider_commands),
    (("audit",), _add_audit_commands),
    (("export",), _add_export_commands),
    (("reports",), _add_report_commands),
    (("documents",), _add_document_commands),
    (("sign-in", "sign-out", "whoami", "forget-credentials"), _add_sign_in_commands),
    (("db", "worker", "sandbox", "demo", "training", "doctor", "replay"), _add_system_commands),
)
