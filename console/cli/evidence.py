"""`show --pack`: one record whole, and all that proves it in a file; `audit verify --pack`: is that file whole?"""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console import cli_json, cli_text
from console.cli_service import OnService
from console.cli_writer import Voice, Writer
from console.domain.errors import ConsoleError

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.views import AnyView
    from console.services.evidence_pack import PackWritten
    from console.services.pack_check import PackVerdict


@dataclass(frozen=True, slots=True)
class Shown:
    """A record with its history, and its evidence pack where one was asked for."""

    view: "AnyView"
    pack: "PackWritten | None"


def _show(console: "Console", args: Namespace, _: Writer) -> Shown:
    view = console.recovery.show(args.kind, args.id)
    if args.pack is None:
        return Shown(view, None)
    return Shown(view, console.recovery.evidence_pack(args.kind, args.id, Path(args.pack).absolute()))


def _data(shown: Shown, say: cli_json.Say) -> cli_json.Object:
    data = cli_json.view(shown.view, say)
    return data if shown.pack is None else {**data, "pack": cli_json.fact(shown.pack, say)}


def _lines(shown: Shown, voice: Voice) -> Iterator[str]:
    yield from cli_text.view(shown.view, voice)
    pack = shown.pack
    if pack is not None:
        yield ""
        yield voice("pack.written", file=pack.file, size=pack.bytes, n=pack.files)
        yield voice("pack.sha256", sha256=pack.sha256)
        yield from (voice("pack.left_out", name=name) for name in pack.left_out)


SHOW = OnService(_show, _data, _lines)


class VerifyAudit:
    """The trail of the database, or (`--pack`) a pack by itself, for which no desk is opened."""

    def run(self, args: Namespace, writer: Writer) -> None:
        if args.pack is None:
            OnService(lambda console, _, __: console.audit.verify(), cli_json.verified, cli_text.verified).run(
                args, writer
            )
            return
        from console.services.pack_check import verify_pack

        writer.read_settings()
        verdict = verify_pack(Path(args.pack))
        if not verdict.whole:
            raise _broken(verdict, args.pack)
        facts = {"rows": verdict.rows, "first_bad": None, "files": verdict.files}
        line = writer.voice("pack.whole", rows=verdict.rows, n=verdict.files)
        writer.answer(lambda: facts, lambda: [line])


def _broken(verdict: "PackVerdict", file: str) -> ConsoleError:
    """The first problem in words, all of them as facts."""
    first = verdict.problems[0]
    problems = [{"file": one.file, "why": one.why, "row": one.row} for one in verdict.problems]
    bad = next((one.row for one in verdict.problems if one.row is not None), None)
    detail = {"problem": "pack", "file": file, "part": first.file, "why": first.why, "rows": verdict.rows}
    return ConsoleError("audit_broken", {**detail, "first_bad": bad, "problems": problems})
