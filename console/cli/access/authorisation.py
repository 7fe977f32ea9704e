"""The command `provider authorise`: a person authorises this console at the provider of credit checks."""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, open_console_with_passwords
from console.cli.process.output import AnswerWriter
from console.cli.process.password import ask_secret_at_terminal, is_stdin_terminal, read_stdin_line
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import interrupts
from console.domain.usage_problems import UsageProblem

if TYPE_CHECKING:
    from console.services.credit_checks.authorisation import CompletedAuthorisation

_AUTHORISATION_FIELDS = ("provider", "access_expires_at", "version")


class AuthoriseProviderCommand:
    """The command `provider authorise`. It shows the URL that the person opens in a browser, reads the code that
    the provider shows there, and exchanges the code for the first access token and refresh token.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Authorise the console. If the database could not store the tokens of an earlier call at this desk, store
        them and ask for nothing. The command writes the URL to stderr, because stdout has only the answer. It does
        not accept the code as a command-line argument, because other users of the machine could read the code in the
        list of processes.

        Raises ConsoleError `not_allowed` if the person may not authorise the console; `bad_profile` if the provider's
        settings are incomplete; `usage` if no code is entered; `provider_auth` if the provider refuses the code;
        `outcome_unknown` if the provider's answer or the new token pair was lost; and the other errors of
        `ProviderAuthorisation.complete`.
        """
        with open_console_with_passwords(writer) as console:
            authorisation = console.provider_authorisation.complete_earlier_authorisation()
            if authorisation is not None:
                writer.write_to_stderr(writer.translator("authorisation.earlier", provider=args.provider))
            else:
                request = console.provider_authorisation.begin()
                writer.write_to_stderr(writer.translator("authorisation.open", provider=args.provider))
                writer.write_to_stderr(request.url)
                authorisation = console.provider_authorisation.complete(request, _read_authorisation_code(writer))
        writer.write_answer(
            lambda: build_authorisation_json(authorisation, writer.translator),
            lambda: format_authorisation_lines(authorisation, writer.translator),
        )


def build_authorisation_json(authorisation: "CompletedAuthorisation", translate: TranslateFunction) -> JsonObject:
    """Return the answer of `provider authorise` as a JSON object: the provider, the time at which the access token
    expires, and the number of token pairs stored so far. It contains no token.
    """
    return build_attributes_json(authorisation, _AUTHORISATION_FIELDS, translate)


def format_authorisation_lines(authorisation: "CompletedAuthorisation", translator: Translator) -> Lines:
    """Yield the answer of `provider authorise` as text."""
    yield translator("authorisation.done", provider=authorisation.provider, at=authorisation.access_expires_at)


def _read_authorisation_code(writer: AnswerWriter) -> str:
    """Return the authorisation code, or the whole URL to which the provider has redirected the browser. The person
    types the text at the terminal without echo; without a terminal, it is the first line of standard input. Raises
    ConsoleError `usage` if nothing is entered, and InterruptedBeforeAction if the person presses Ctrl+C while the
    program waits for the text.
    """
    with interrupts.raise_at_signals():
        typed_text = (
            ask_secret_at_terminal(writer.translator, "authorisation.ask")
            if is_stdin_terminal()
            else read_stdin_line()
        )
    if not typed_text:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_CODE})
    return typed_text


COMMANDS: Mapping[str, Command] = {"provider authorise": AuthoriseProviderCommand()}
