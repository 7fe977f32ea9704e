"""Signing in and out at a terminal, and who one is: for databases with accounts."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from console.cli_writer import Lines, Voice, Writer
from console.domain.errors import ConsoleError
from console.domain.results import Identity

if TYPE_CHECKING:
    from console.cli_json import Object
    from console.settings import Settings

_LONGEST_LINE = 4096


class SignIn:
    """Asks for account and password, has the database try them, and keeps them in the keyring."""

    def run(self, args: Namespace, writer: Writer) -> None:
        settings = writer.read_settings()
        _require_a_place_to_keep(settings)
        user = args.user or settings.sign_in.user or _line(writer, "sign_in.field.user")
        settings.sign_in.take(user, _password(writer, user))
        from console.app import open_console

        with open_console(settings) as console:
            if not console.sessions.signed_in(keep=True):
                raise _unkept("keyring_failed")
            identity = console.sessions.whoami()
        data = {**_identity(identity), "kept": True}
        writer.answer(lambda: data, lambda: [writer.voice("sign_in.done", user=user, place=settings.sign_in.place)])


class SignOut:
    """Takes the sign-in out of the keyring, whether the database answers or not."""

    def run(self, args: Namespace, writer: Writer) -> None:
        settings = writer.read_settings()
        _require_accounts(settings)
        kept = settings.sign_in.is_kept()
        audited = kept and _audited(settings)
        if kept and not audited:
            settings.sign_in.forget()
        data = {"signed_out": kept, "audited": audited}
        key = "sign_in.out.none" if not kept else "sign_in.out" if audited else "sign_in.out.unaudited"
        writer.answer(lambda: data, lambda: [writer.voice(key, place=settings.sign_in.place)])


class WhoAmI:
    """Account, roles and database of whoever acts here."""

    def run(self, args: Namespace, writer: Writer) -> None:
        from console.cli_service import opened

        with opened(writer) as console:
            identity = console.sessions.whoami()
        writer.answer(lambda: _identity(identity), lambda: _lines(identity, writer.voice))


def _require_accounts(settings: "Settings") -> None:
    if not settings.sign_in.is_server:
        raise ConsoleError("usage", {"problem": "no_accounts"})


def _require_a_place_to_keep(settings: "Settings") -> None:
    """Before anybody types a password: what the environment says would win, and without a keyring nothing stays."""
    _require_accounts(settings)
    if settings.sign_in.is_given():
        raise ConsoleError("usage", {"problem": "sign_in_given"})
    if not settings.sign_in.can_keep():
        raise _unkept("no_keyring")


def _unkept(problem: str) -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": "CONSOLE_SECRET_DATABASE_PASSWORD", "problem": problem})


def _audited(settings: "Settings") -> bool:
    """Sign out through the desk, so that the trail has it; False where the desk can't be opened."""
    from console.app import open_console

    try:
        with open_console(settings) as console:
            return console.sessions.sign_out()
    except ConsoleError:
        return False


def _password(writer: Writer, user: str) -> str:
    """From the terminal without an echo; from standard input for programs and pipes."""
    if writer.as_json or not _at_a_terminal():
        return _from_stdin()
    import getpass
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it would show what is typed
        try:
            return getpass.getpass(writer.voice("sign_in.ask_password", user=user))
        except (getpass.GetPassWarning, EOFError) as unseen:
            raise ConsoleError("usage", {"problem": "no_password"}) from unseen


def _line(writer: Writer, key: str) -> str:
    """A line that somebody types at the terminal; programs name the account themselves."""
    if writer.as_json or not _at_a_terminal():
        raise ConsoleError("usage", {"problem": "no_account_name"})
    try:
        return input(f"{writer.voice(key)}: ").strip()
    except EOFError as ended:
        raise ConsoleError("usage", {"problem": "no_account_name"}) from ended


def _at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _from_stdin() -> str:
    try:
        typed = sys.stdin.readline(_LONGEST_LINE) if sys.stdin is not None else ""
    except UnicodeDecodeError as unreadable:
        raise ConsoleError("usage", {"problem": "no_password"}) from unreadable
    password = typed.removesuffix("\n").removesuffix("\r")
    if not password:
        raise ConsoleError("usage", {"problem": "no_password"})
    return password


def _identity(identity: Identity) -> "Object":
    person = identity.person
    return {
        "operator": person.name,
        "known": identity.known,
        "roles": sorted(person.roles),
        "may_buy": person.may_buy,
        "database": identity.database,
        "source": identity.source,
        "kept": identity.kept,
    }


def _lines(identity: Identity, voice: Voice) -> Lines:
    person = identity.person
    key = "sign_in.who" if person.roles else "sign_in.who.no_role" if identity.known else "sign_in.who.unknown"
    yield voice(key, name=person.name, roles=sorted(person.roles), place=identity.database)
    if identity.source is not None:
        yield voice(f"sign_in.source.{identity.source}")
