"""The demo: a temporary desk with a sandbox provider over real HTTP, three people and invented records."""

import contextlib
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console import demo_payments, demo_reconcile
from console.cli_servers import until_told
from console.cli_window import has_display, show_open_desk
from console.cli_writer import Voice, Writer
from console.domain.clock import SystemClock
from console.domain.corporation_number import check_digit
from console.domain.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.records import CheckReport, Person
from console.settings import PROVIDERS

if TYPE_CHECKING:
    from console.app import Console
    from console.sandbox import Sandbox
    from console.services.samples import PaymentSample, Sample

SEED = 20261120
FAST = 20
_SHOWN = 3
TEAM = (
    Person("op-a", frozenset({OPERATOR}), may_buy=True),
    Person("lead-b", frozenset({APPROVER}), may_buy=True),
    Person("aud-e", frozenset({AUDITOR}), may_buy=False),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """A number that is worth buying in the demo: what happens then, and the sandbox's rule for it."""

    key: str
    number: str
    rule: dict[str, Any] | None = None


def _number(serial: int) -> str:
    """Well-formed, and no corporation's: no registry office's code begins with 98."""
    base = f"98{serial:010d}"
    return check_digit(base) + base


TRIALS = (
    Trial("ok", _number(1)),
    Trial("refuse", _number(2), {"action": "status:422", "call": "purchase", "times": None}),
    Trial("no_answer", _number(3), {"action": "reset_after_charge", "call": "purchase", "times": None}),
    Trial("pdf_later", _number(4), {"action": "pdf_missing", "call": "pdf", "times": 1}),
    Trial("slow", _number(5), {"action": "hang", "call": "purchase", "seconds": 10.0, "times": None}),
)


def run_demo(writer: Writer, *, fast: bool) -> None:
    """Set the demo up, tell where it is, and stay until the window closes or somebody ends it."""
    from console.sandbox import start

    home = tempfile.TemporaryDirectory(prefix="support-console-demo-", ignore_cleanup_errors=True)
    with home as folder, start() as sandbox, _environment(_variables(Path(folder), sandbox, fast)):
        from console.cli_service import opened

        with opened(writer) as console:
            samples, payments = _furnish(console, sandbox)
            ready = _ready(Path(folder), sandbox, samples, payments)
            writer.ready(lambda: ready, lambda: _lines(ready, writer.voice))
            with demo_payments.payer(sandbox, payments, fast=fast):
                _stay(console, writer)


# ---- the desk and its provider


def _variables(home: Path, sandbox: "Sandbox", fast: bool) -> dict[str, str]:
    """What the desk is told; its secrets are made up now and live in this process's environment alone."""
    from console.services.samples import CLIENTS

    client, secret, refresh = (f"demo-{secrets.token_urlsafe(16)}" for _ in range(3))
    sandbox.control.accept(client, secret, refresh)
    urls = "".join(f'{name}.url = "{sandbox.url}"\n' for name in PROVIDERS)
    profile = f'environment = "training"\noperator = "{TEAM[0].name}"\n{urls}'
    (home / "profile.toml").write_text(profile, encoding="utf-8")
    return {
        "CONSOLE_HOME": str(home),
        **{f"CONSOLE_{name.upper()}_URL": sandbox.url for name in PROVIDERS},
        "CONSOLE_CLIENTS": ",".join(CLIENTS),
        "CONSOLE_OPERATOR": TEAM[0].name,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_ID": client,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET": secret,
        "CONSOLE_SECRET_ALARMBOX_REFRESH_TOKEN": refresh,
        "CONSOLE_SECRET_STORE_KEY": secrets.token_urlsafe(32),
        **demo_payments.merchant(sandbox),
        **({"CONSOLE_TIME_SCALE": str(FAST)} if fast else {}),
    }


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Nothing of the person's own desk but the language; everything as before afterwards."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("CONSOLE_") and name != "CONSOLE_LANGUAGE":
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _furnish(console: "Console", sandbox: "Sandbox") -> "tuple[Sequence[Sample], Sequence[PaymentSample]]":
    """Records here, and what the provider has of them there."""
    from console.sandbox import content
    from console.services.samples import generate, generate_payments

    now = SystemClock().now()
    samples = generate(SEED, now, lambda number: (content.company_name(number), content.verdict(number)))
    payments = generate_payments(SEED, now, samples)
    console.add_samples(samples, TEAM, render, payments)
    control = sandbox.control
    demo_payments.tell(sandbox, payments)
    demo_reconcile.history(console, sandbox, SEED, now, TEAM[0].name)
    control.know(*(known(s, s.report) for s in samples if s.report and not s.forgotten))
    control.config(expired_is_forbidden=True)
    control.faults(*({**trial.rule, "number": trial.number} for trial in TRIALS if trial.rule))
    return samples, payments


def render(report: CheckReport, revision: int) -> bytes:
    """The PDF of an invented record."""
    from console.sandbox import pdf

    bought = report.purchase_date.isoformat() if report.purchase_date else ""
    return pdf.report(report.corporation_number or "", report.credit_check_id, revision, bought, str(report.result))


def known(sample: "Sample", report: CheckReport) -> dict[str, Any]:
    """A bought check as the sandbox takes it."""
    return {
        "credit_check_id": report.credit_check_id,
        "corporation_number": report.corporation_number,
        "corporation_name": report.company_name,
        "result": report.result,
        "purchase_date": report.purchase_date.isoformat() if report.purchase_date else None,
        "expiration_date": report.expiration_date.isoformat() if report.expiration_date else None,
        "revision": sample.revisions,
    }


# ---- what is told, and what happens then


def _ready(
    home: Path, sandbox: "Sandbox", samples: "Sequence[Sample]", payments: "Sequence[PaymentSample]"
) -> dict[str, Any]:
    """`provider_screen`: what a person would find on AlarmBox's own screen about purchases unknown here."""
    unknown = (s for s in samples if s.status == "pending" and s.report and s.journal)
    screen = [
        {"id": s.id, "corporation_number": s.number, "credit_check_id": s.report.credit_check_id}
        for s in unknown
        if s.report
    ]
    return {
        "url": sandbox.url,
        "port": sandbox.port,
        "home": str(home),
        "operators": [person.name for person in TEAM],
        "records": len(samples),
        "payments": len(payments),
        "try_payments": demo_payments.shown(payments),
        "try": [{"corporation_number": trial.number, "what": trial.key} for trial in TRIALS],
        "provider_screen": screen,
    }


def _lines(ready: dict[str, Any], voice: Voice) -> Iterator[str]:
    yield voice("cli.demo.ready", home=ready["home"])
    yield voice("cli.sandbox.ready", url=ready["url"])
    yield voice("cli.demo.people", names=ready["operators"])
    for trial in TRIALS:
        yield voice("cli.demo.try", number=trial.number, what=voice(f"cli.demo.fault.{trial.key}"))
    for shown in ready["try_payments"]:
        yield voice("cli.demo.payment", **shown, words=voice(f"cli.demo.payment.{shown['what']}"))
    for there in ready["provider_screen"][:_SHOWN]:
        facts = {**there, "number": there["corporation_number"]}
        yield voice("cli.demo.screen", **facts)


def _stay(console: "Console", writer: Writer) -> None:
    """The window where one can be shown, else a prompt, else the provider alone for other terminals."""
    if has_display():
        show_open_desk(console)
    elif sys.stdin is not None and sys.stdin.isatty():
        _prompt(writer)
    else:
        writer.aside(writer.voice("cli.demo.serving", home=os.environ["CONSOLE_HOME"]))
        until_told()


def _prompt(writer: Writer) -> None:
    """Commands of this demo, one a line; `as NAME` changes who acts."""
    from console.cli import main

    writer.aside(writer.voice("cli.demo.terminal", number=TRIALS[0].number))
    with contextlib.redirect_stdout(writer.stream), contextlib.suppress(EOFError, KeyboardInterrupt):
        while (words := _words(input("support-console> "))) != ["exit"]:
            if words[:1] == ["as"] and len(words) == 2:
                os.environ["CONSOLE_OPERATOR"] = words[1]
            elif words:
                main(words)


def _words(line: str) -> list[str]:
    """A line as a shell would split it; an unfinished quotation is taken as it is."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()
