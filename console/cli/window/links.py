"""The command `open LINK`: show the page of a link in the running window of this person, or in a new window."""

from argparse import Namespace
from collections.abc import Mapping

from console.cli.process.command import Command
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import make_usage_error
from console.domain.links.link import parse_link
from console.settings.window_socket import send_link


class OpenLinkCommand:
    """The command `open LINK`. It shows the page of the link in the running window of this person, or in a new
    window. If the argument isn't a link, or if no window is running and there is no display, the command raises
    ConsoleError `usage` and opens no window.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        link = parse_link(args.link)
        if link is None:
            raise make_usage_error(writer.translator("cli.open.no_link"))
        settings = writer.read_settings()
        is_shown = send_link(settings.home, args.link)
        from console.cli.window.open_window import has_display, open_window

        if not is_shown and not has_display():
            raise make_usage_error(writer.translator("cli.no_display"))
        shown_by = "running" if is_shown else "new"
        writer.write_answer(
            lambda: {"link": args.link, "shown_by": shown_by}, lambda: [writer.translator(f"cli.open.{shown_by}")]
        )
        if not is_shown:
            open_window(writer, link)


COMMANDS: Mapping[str, Command] = {"open": OpenLinkCommand()}
