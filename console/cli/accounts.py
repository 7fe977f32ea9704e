"""`db accounts apply`: people and their rights from a file; with `--dry-run` only the SQL, passwords masked."""

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli_writer import Lines, Voice, Writer
from console.domain.errors import ConsoleError
from console.domain.results import AccountsApplied

if TYPE_CHECKING:
    from console.cli_json import Object

LARGEST_FILE_BYTES = 1024 * 1024


class ApplyAccounts:
    """Makes the database know the people of a file. Passwords come from the environment alone."""

    def run(self, args: Namespace, writer: Writer) -> None:
        from console.cli_service import opened

        content = _content(Path(args.file))
        with opened(writer) as console:
            applied = console.accounts.apply(content, os.environ.get, dry_run=args.dry_run)
        writer.answer(lambda: _data(applied), lambda: _lines(applied, writer.voice))


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened_file:
            content = opened_file.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise ValueError("larger than any team")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as trouble:
        raise ConsoleError("usage", {"problem": "accounts_unreadable", "file": str(file)}) from trouble


def _data(applied: AccountsApplied) -> "Object":
    people: list[Object] = [
        {
            "name": one.person.name,
            "roles": sorted(one.person.roles),
            "may_buy": one.person.may_buy,
            "done": one.done,
            "password": one.password,
        }
        for one in applied.operators
    ]
    told: Object = {"dry_run": applied.dry_run, "operators": people, "statements": len(applied.statements)}
    return told | {"sql": list(applied.statements)} if applied.dry_run else told


def _lines(applied: AccountsApplied, voice: Voice) -> Lines:
    if applied.dry_run:
        yield from (f"{statement};" for statement in applied.statements)
    aside = "-- " if applied.dry_run else ""  # what is printed stays SQL
    for one in applied.operators:
        roles = sorted(one.person.roles)
        yield aside + voice(f"cli.account.{one.done}", name=one.person.name, roles=roles)
    key = "cli.accounts.dry_run" if applied.dry_run else "cli.accounts"
    yield aside + voice(key, people=len(applied.operators), statements=len(applied.statements))
