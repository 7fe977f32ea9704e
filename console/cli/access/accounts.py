"""The command `db accounts apply`: read the people and their rights from a file, and create them in the database.
With `--dry-run` the command only prints the SQL, with masked passwords.
"""

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.process.command import Command, open_console_with_passwords, watch_for_repeated_command
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.usage_problems import UsageProblem
from console.settings.private_files import is_folder, open_ordinary_file

if TYPE_CHECKING:
    from console.cli.json_output.results import JsonObject
    from console.domain.service_results import AppliedAccounts

MAX_ACCOUNTS_FILE_BYTES = 1024 * 1024


class ApplyAccountsCommand:
    """The command `db accounts apply`. It reads a list of people from a file and writes these people to the database:
    as rows of the table `operators` and, on a database server, also as database accounts. It reads passwords only
    from environment variables.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Read the file that lists the people and write them to the database; with `--dry-run`, only write the SQL as
        the answer.

        Raises ConsoleError `usage` for an invalid file, `bad_profile` for a missing password, `not_allowed` if the
        connected account may not create accounts, and the errors of `console.app.open_console` if the database can't
        be opened.
        """
        content = _read_accounts_file(Path(args.file))
        with watch_for_repeated_command(args, writer) as repeat_mark, open_console_with_passwords(writer) as console:
            applied_accounts = console.accounts.apply_account_file(
                content, os.environ.get, dry_run=args.dry_run, request_id=args.request_id
            )
        writer.write_answer(
            lambda: repeat_mark.mark_json(_build_applied_accounts_json(applied_accounts)),
            lambda: repeat_mark.add_repeated_command_note(
                _format_applied_accounts_lines(applied_accounts, writer.translator)
            ),
        )


def _read_accounts_file(file: Path) -> str:
    """Return the text of the file that lists the people.

    Raises ConsoleError `usage` if the file can't be read, is a folder, is too large or isn't UTF-8.
    """
    try:
        with open_ordinary_file(file) as opened_file:
            content = opened_file.read(MAX_ACCOUNTS_FILE_BYTES + 1)
        if len(content) > MAX_ACCOUNTS_FILE_BYTES:
            raise ValueError("larger than any team")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        problem = UsageProblem.FOLDER_FOR_FILE if is_folder(file) else UsageProblem.ACCOUNTS_UNREADABLE
        raise ConsoleError(ErrorCode.USAGE, {"problem": problem, "file": str(file)}) from error


def _build_applied_accounts_json(applied_accounts: "AppliedAccounts") -> "JsonObject":
    people: list[JsonObject] = [
        {
            "name": operator.person.name,
            "roles": sorted(operator.person.roles),
            "may_buy": operator.person.may_buy,
            "done": operator.done,
            "password": operator.password,
            "asks": operator.asks_worker,
            "moved": operator.has_changed_actor,
            "disabled_by": operator.disabled_by,
        }
        for operator in applied_accounts.operators
    ]
    answer: JsonObject = {
        "dry_run": applied_accounts.dry_run,
        "operators": people,
        "statements": len(applied_accounts.statements),
    }
    return answer | {"sql": list(applied_accounts.statements)} if applied_accounts.dry_run else answer


def _format_applied_accounts_lines(applied_accounts: "AppliedAccounts", translator: Translator) -> Lines:
    if applied_accounts.dry_run:
        yield from (f"{statement};" for statement in applied_accounts.statements)
    comment_mark = (
        "-- " if applied_accounts.dry_run else ""
    )  # sentences become SQL comments, so that the printed text is valid SQL
    for operator in applied_accounts.operators:
        roles = sorted(operator.person.roles)
        yield comment_mark + translator(f"cli.account.{operator.done}", name=operator.person.name, roles=roles)
        if operator.disabled_by is not None:
            yield comment_mark + translator(
                "cli.account.kept_disabled", name=operator.person.name, who=operator.disabled_by
            )
        if operator.has_changed_actor:
            is_refused = applied_accounts.dry_run and operator.uses_default_actor
            move = "unsaid" if is_refused else "asks" if operator.asks_worker else "acts"
            yield comment_mark + translator(f"cli.account.{move}", name=operator.person.name)
    key = "cli.accounts.dry_run" if applied_accounts.dry_run else "cli.accounts"
    yield comment_mark + translator(
        key, people=len(applied_accounts.operators), statements=len(applied_accounts.statements)
    )


COMMANDS: Mapping[str, Command] = {"db accounts apply": ApplyAccountsCommand()}
