"""The commands `sign-in`, `sign-out`, `whoami` and `forget-credentials`. A person signs in only to a database
server; the embedded database has no accounts.
"""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.cli.process.command import Command, open_console_with_passwords
from console.cli.process.output import AnswerWriter
from console.cli.process.password import ask_secret_at_terminal, is_stdin_terminal, read_stdin_line
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.domain.usage_problems import UsageProblem

if TYPE_CHECKING:
    from console.cli.json_output.results import JsonObject
    from console.domain.desk_requests.records import LeftoverCredentials
    from console.domain.service_results import Identity
    from console.settings.settings import Settings


class SignInCommand:
    """The command `sign-in`. It asks the person for the database account and its password, tries to connect with
    them, and stores them in the keyring."""

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Read account and password, sign in to the database, and write the person's name, roles and database as the
        answer. Raises ConsoleError `usage` if the database is embedded, if the URL or the environment already has an
        account and password, or if there is no terminal at which the person can type them. Raises `bad_profile` if
        the database refuses the password or the keyring can't store it.
        """
        settings = writer.read_settings()
        _require_keyring(settings)
        user = args.user or settings.sign_in.user or _ask_for_line(writer, "sign_in.field.user")
        settings.sign_in.set_entered_account(user, _read_password(writer, user))
        from console.app import open_console

        with open_console(settings) as console:
            if not console.sign_in_service.record_sign_in(must_store_password=True):
                raise _make_keyring_error(SettingProblem.KEYRING_FAILED)
            identity = console.sign_in_service.read_identity()
        answer_fields = {**_build_identity_json(identity), "kept": True}
        writer.write_answer(
            lambda: answer_fields,
            lambda: [writer.translator("sign_in.done", user=user, place=settings.sign_in.database_address)],
        )


class SignOutCommand:
    """The command `sign-out`. It deletes account and password from the keyring, even if the database can't be
    reached.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Sign out. The answer states if the program could write an audit entry about the sign-out. Raises
        ConsoleError `usage` if the database is embedded, because an embedded database has no accounts, and
        `bad_profile` if the keyring can't be read or changed: it may then still contain the password.
        """
        settings = writer.read_settings()
        _require_database_accounts(settings)
        user = settings.sign_in.find_stored_user()
        is_audited = user is not None and _try_sign_out_with_audit(settings)
        if user is not None and not is_audited:
            settings.sign_in.sign_out()
        answer_fields = {"signed_out": user is not None, "audited": is_audited}
        key = "sign_in.out.none" if user is None else "sign_in.out" if is_audited else "sign_in.out.unaudited"
        writer.write_answer(
            lambda: answer_fields,
            lambda: [writer.translator(key, user=user, place=settings.sign_in.database_address)],
        )


class WhoAmICommand:
    """The command `whoami`. It shows name, roles and database of the acting person."""

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        with open_console_with_passwords(writer) as console:
            identity = console.sign_in_service.read_identity()
        writer.write_answer(
            lambda: _build_identity_json(identity), lambda: _format_identity_lines(identity, writer.translator)
        )


class ForgetCredentialsCommand:
    """The command `forget-credentials`, for the desk of a person in team mode: a worker makes the person's calls to
    providers. The command deletes from the keyring the credentials of the providers and the store key, which this
    desk no longer needs.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Delete the credentials of the providers and the store key from the keyring. The answer names the deleted
        credentials, and the environment variables that contain credentials: only the person can remove these. Raises
        ConsoleError `usage` if no worker acts for the person of this desk, or if the spool of this desk has answers
        that are not yet in the database.
        """
        with open_console_with_passwords(writer) as console:
            deleted_credentials = console.desk_status.delete_unneeded_credentials()
        answer_fields: JsonObject = {
            "forgotten": list(deleted_credentials.keyring_entries),
            "environment": list(deleted_credentials.environment_variables),
        }
        writer.write_answer(
            lambda: answer_fields, lambda: _format_forgotten_credentials_lines(deleted_credentials, writer.translator)
        )


def _format_forgotten_credentials_lines(leftover_credentials: "LeftoverCredentials", translator: Translator) -> Lines:
    yield (
        translator("cli.forgotten", names=leftover_credentials.keyring_entries)
        if leftover_credentials.keyring_entries
        else translator("cli.forgotten.none")
    )
    if leftover_credentials.environment_variables:
        yield translator("cli.forgotten.given", names=leftover_credentials.environment_variables)


def _require_database_accounts(settings: "Settings") -> None:
    if not settings.sign_in.is_server:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_ACCOUNTS})


def _require_keyring(settings: "Settings") -> None:
    """Check that the database password can be stored, before the person types it. Raises ConsoleError `usage` if the
    database is embedded, or if the URL or the environment already has an account and a password: the program would
    use these and ignore the stored ones. Raises `bad_profile` if there is no keyring.
    """
    _require_database_accounts(settings)
    if settings.sign_in.has_configured_account():
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.SIGN_IN_IN_SETTINGS})
    if not settings.sign_in.can_store_password():
        raise _make_keyring_error(SettingProblem.NO_KEYRING)


def _make_keyring_error(problem: SettingProblem) -> ConsoleError:
    return ConsoleError(ErrorCode.BAD_PROFILE, {"variable": "CONSOLE_SECRET_DATABASE_PASSWORD", "problem": problem})


def _try_sign_out_with_audit(settings: "Settings") -> bool:
    """Sign out through the services, which also write an audit entry about the sign-out. Return True if this
    succeeded. Return False if the services can't be opened, the keyring fails or the entry can't be written.
    """
    from console.app import open_console

    try:
        with open_console(settings) as console:
            return console.sign_in_service.sign_out()
    except ConsoleError:
        return False


def _read_password(writer: AnswerWriter, user: str) -> str:
    """Return the password of the database account `user`: typed at the terminal without echo, or read from standard
    input if it is a pipe or the answer is JSON. Raises ConsoleError `usage` if there is none.
    """
    can_ask_person = is_stdin_terminal() and not writer.is_json
    password = (
        ask_secret_at_terminal(writer.translator, "sign_in.ask_password", user=user)
        if can_ask_person
        else read_stdin_line()
    )
    if password is None:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_PASSWORD})
    return password


def _ask_for_line(writer: AnswerWriter, wording_key: str) -> str:
    """Show the person the question of the wording key `wording_key`, and return the line that the person enters.
    Raises ConsoleError `usage` if there is no terminal (a calling program must pass the account as an argument), and
    if the line can't be read."""
    if writer.is_json or not is_stdin_terminal():
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_ACCOUNT_NAME})
    try:
        return input(f"{writer.translator(wording_key)}: ").strip()
    except (EOFError, OSError, UnicodeDecodeError) as error:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_ACCOUNT_NAME}) from error


def _build_identity_json(identity: "Identity") -> "JsonObject":
    person = identity.person
    return {
        "operator": person.name,
        "known": identity.is_known_operator,
        "roles": sorted(person.roles),
        "may_buy": person.may_buy,
        "database": identity.database_location,
        "source": identity.source,
        "kept": identity.is_account_stored,
    }


def _format_identity_lines(identity: "Identity", translator: Translator) -> Lines:
    person = identity.person
    key = (
        "sign_in.who"
        if person.roles
        else "sign_in.who.no_role"
        if identity.is_known_operator
        else "sign_in.who.unknown"
    )
    yield translator(key, name=person.name, roles=sorted(person.roles), place=identity.database_location)
    if identity.source is not None:
        yield translator(f"sign_in.source.{identity.source}")


COMMANDS: Mapping[str, Command] = {
    "sign-in": SignInCommand(),
    "sign-out": SignOutCommand(),
    "whoami": WhoAmICommand(),
    "forget-credentials": ForgetCredentialsCommand(),
}
