"""The command `demo`: a temporary home folder with simulated providers (reached over real HTTP), three people and
sample records.
"""

import contextlib
import io
import os
import secrets
import shlex
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.cli.process.output import AnswerWriter
from console.cli.process.password import is_stdin_terminal
from console.cli.process.stop_signals import wait_for_stop_signal
from console.cli.text_output.translator import Translator
from console.cli.window.open_window import has_display, show_window
from console.demo import payments as demo_payments
from console.demo import reconciliation as demo_reconcile
from console.demo import registry as demo_registry
from console.domain.access.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.calendar_days import JST
from console.domain.clock import SystemClock
from console.domain.corporation_number import compute_check_digit
from console.domain.records import CheckReport, Person
from console.settings.private_files import make_private_file
from console.settings.provider_access import get_access_by_provider

if TYPE_CHECKING:
    from console.app import Console
    from console.demo.samples import CheckSample, PaymentSample
    from console.sandbox import Sandbox

CommandLineRunner = Callable[[Sequence[str]], int]
"""Type of `console.cli.main.main`, which runs one command line and returns its exit status."""

SAMPLE_SEED = 20261120
"""Seed of the demo's sample records and daily files: every demo has the same records and files."""
FAST_TIME_SCALE = 20
"""Factor by which the demo shortens all waits with the option for a fast clock (CONSOLE_TIME_SCALE)."""
_MAX_LISTED_TRIAL_PURCHASES = 3
DEMO_PEOPLE = (
    Person("op-a", frozenset({OPERATOR}), may_buy=True),
    Person("lead-b", frozenset({APPROVER}), may_buy=True),
    Person("aud-e", frozenset({AUDITOR}), may_buy=False),
)


@dataclass(frozen=True, slots=True)
class TrialPurchase:
    """A corporation number that the person can purchase in the demo. `result_key` is the end of the wording key
    `cli.demo.fault.…`, whose text describes the result of this purchase; `fault_rule` is the fault rule of the
    sandbox that causes the result, None for a purchase without a fault.
    """

    result_key: str
    corporation_number: str
    fault_rule: dict[str, Any] | None = None


def _make_demo_corporation_number(serial: int) -> str:
    """Return a valid corporation number that no corporation has: the 12 digits after the check digit begin with 98,
    which is not the code of any registry office. `serial` is the number in the last 10 digits.
    """
    base = f"98{serial:010d}"
    return compute_check_digit(base) + base


TRIAL_PURCHASES = (
    TrialPurchase("ok", _make_demo_corporation_number(1)),
    TrialPurchase(
        "refuse", _make_demo_corporation_number(2), {"action": "status:422", "call": "purchase", "times": None}
    ),
    TrialPurchase(
        "no_answer",
        _make_demo_corporation_number(3),
        {"action": "reset_after_charge", "call": "purchase", "times": None},
    ),
    TrialPurchase(
        "pdf_later", _make_demo_corporation_number(4), {"action": "pdf_missing", "call": "pdf", "times": 1}
    ),
    TrialPurchase(
        "slow",
        _make_demo_corporation_number(5),
        {"action": "hang", "call": "purchase", "seconds": 10.0, "times": None},
    ),
)


def run_demo(writer: AnswerWriter, run_command: CommandLineRunner, *, has_fast_clock: bool) -> None:
    """Start the simulated providers, store the sample records, and print the answer of the command. Then show the
    window until it is closed.

    Without a display, run the command lines that a person types or that standard input contains, with `run_command`,
    until `exit` or the end of the input. If there is also no terminal and no piped input, run until the process is
    stopped. With `has_fast_clock`, time limits and intervals pass 20 times as fast.
    """
    from console.sandbox import start_sandbox

    home = tempfile.TemporaryDirectory(prefix="support-console-demo-", ignore_cleanup_errors=True)
    with (
        home as folder,
        start_sandbox() as sandbox,
        _replace_environment(_make_demo_variables(Path(folder), sandbox, has_fast_clock)),
    ):
        from console.cli.process.command import open_console_with_passwords

        with open_console_with_passwords(writer) as console:
            samples, payments = _write_sample_records(console, sandbox)
            answer_fields = _build_demo_answer_json(Path(folder), sandbox, samples, payments)
            writer.write_ready_answer(
                lambda: answer_fields, lambda: _format_demo_answer_lines(answer_fields, writer.translator)
            )
            registry = _publish_sample_registry(sandbox, samples)
            with (
                demo_registry.import_registry_in_background(
                    Path(folder),
                    registry,
                    lambda path, should_stop: console.registry.import_files([path], should_stop=should_stop),
                ),
                demo_payments.run_simulated_payer(sandbox, payments, has_fast_clock=has_fast_clock),
            ):
                _show_window_or_run_commands(console, writer, run_command)


# -- home and provider


def _make_demo_variables(home: Path, sandbox: "Sandbox", has_fast_clock: bool) -> dict[str, str]:
    """Return the environment variables of the demo, whose home folder is `home`. Its secrets are created now and
    exist only in the environment of this process. With `has_fast_clock`, time limits and intervals pass 20 times as
    fast.
    """
    from console.demo.samples import CLIENT_IDS
    from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID

    client_id, client_secret, refresh_token = (f"demo-{secrets.token_urlsafe(16)}" for _ in range(3))
    sandbox.control.register_client(client_id, client_secret, refresh_token)
    urls = "".join(f'{name}.url = "{sandbox.url}"\n' for name in get_access_by_provider())
    profile = f'environment = "training"\noperator = "{DEMO_PEOPLE[0].name}"\n{urls}'
    make_private_file(home / "profile.toml")
    (home / "profile.toml").write_text(profile, encoding="utf-8")
    return {
        "CONSOLE_HOME": str(home),
        **{f"CONSOLE_{name.upper()}_URL": sandbox.url for name in get_access_by_provider()},
        "CONSOLE_CLIENTS": ",".join(CLIENT_IDS),
        "CONSOLE_OPERATOR": DEMO_PEOPLE[0].name,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_ID": client_id,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET": client_secret,
        "CONSOLE_SECRET_ALARMBOX_REFRESH_TOKEN": refresh_token,
        "CONSOLE_SECRET_REGISTRY_APPLICATION_ID": REGISTRY_APPLICATION_ID,
        "CONSOLE_SECRET_STORE_KEY": secrets.token_urlsafe(32),
        **demo_payments.register_merchant(sandbox),
        **({"CONSOLE_TIME_SCALE": str(FAST_TIME_SCALE)} if has_fast_clock else {}),
    }


@contextlib.contextmanager
def _replace_environment(variables: dict[str, str]) -> Iterator[None]:
    """During the block, replace the person's CONSOLE_ environment variables (except the language) by the variables
    of the demo."""
    variables_before = dict(os.environ)
    for name in variables_before:
        if name.startswith("CONSOLE_") and name != "CONSOLE_LANGUAGE":
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables_before)


def _write_sample_records(
    console: "Console", sandbox: "Sandbox"
) -> "tuple[Sequence[CheckSample], Sequence[PaymentSample]]":
    """Write the sample records to the database and register them at the simulated providers. Return the sample credit
    checks and payments.
    """
    from console.demo.samples import generate_credit_checks, generate_payments, write_samples
    from console.sandbox.alarmbox import companies as content

    now = SystemClock().now()
    samples = generate_credit_checks(
        SAMPLE_SEED, now, lambda number: (content.make_company_name(number), content.get_credit_verdict(number))
    )
    payments = generate_payments(SAMPLE_SEED, now, samples)
    write_samples(console._context, samples, DEMO_PEOPLE, render_sample_report_pdf, payments)
    control = sandbox.control
    demo_payments.register_payments(sandbox, payments)
    demo_reconcile.prepare_reconciliation_days(console, sandbox, SAMPLE_SEED, now, DEMO_PEOPLE[0].name)
    control.register_checks(
        *(build_sandbox_check_fields(s, s.report) for s in samples if s.report and not s.is_denied_by_provider)
    )
    control.change_settings(answers_403_after_expiration=True)
    control.add_faults(
        *({**trial.fault_rule, "number": trial.corporation_number} for trial in TRIAL_PURCHASES if trial.fault_rule)
    )
    return samples, payments


def _publish_sample_registry(sandbox: "Sandbox", samples: "Sequence[CheckSample]") -> demo_registry.DemoRegistry:
    """Publish a corporation registry at the simulated publisher, and return it. The registry contains the companies
    of the sample records and of the trial purchases, except those whose number isn't well-formed. Its difference file
    changes some of the companies that have a valid credit check, those with the newest checks first."""
    today = SystemClock().now().astimezone(JST).date()
    live_numbers = [
        sample.corporation_number
        for sample in reversed(samples)
        if sample.status == "success" and sample.report and (sample.report.expiration_date or today) > today
    ]
    numbers = [
        *(sample.corporation_number for sample in samples),
        *(trial.corporation_number for trial in TRIAL_PURCHASES),
    ]
    registry = demo_registry.plan_demo_registry(SAMPLE_SEED, today, numbers, live_numbers)
    demo_registry.publish_demo_registry(sandbox, registry)
    return registry


def render_sample_report_pdf(report: CheckReport, revision: int) -> bytes:
    """Return the PDF that the simulated provider would return for the report of a sample credit check; `revision`
    counts its versions from 1.
    """
    from console.sandbox.alarmbox import pdf

    purchase_day = report.purchase_date.isoformat() if report.purchase_date else ""
    return pdf.make_report_pdf(
        report.corporation_number or "", report.credit_check_id, revision, purchase_day, str(report.result)
    )


def build_sandbox_check_fields(sample: "CheckSample", report: CheckReport) -> dict[str, Any]:
    """Return the purchased credit check of the sample, with its report `report`, as the fields with which the sandbox
    registers a credit check (`register_checks`)."""
    return {
        "credit_check_id": report.credit_check_id,
        "corporation_number": report.corporation_number,
        "corporation_name": report.company_name,
        "result": report.result,
        "purchase_date": report.purchase_date.isoformat() if report.purchase_date else None,
        "expiration_date": report.expiration_date.isoformat() if report.expiration_date else None,
        "revision": sample.pdf_version_count,
    }


# -- answer and main loop


def _build_demo_answer_json(
    home: Path, sandbox: "Sandbox", samples: "Sequence[CheckSample]", payments: "Sequence[PaymentSample]"
) -> dict[str, Any]:
    """Return the JSON object of the answer of `demo`. `provider_screen` lists the purchases whose outcome is
    unknown in the demo's database, and which AlarmBox's own screen would show."""
    unknown_checks = (s for s in samples if s.status == "pending" and s.report and s.journal_state)
    screen_rows = [
        {"id": s.id, "corporation_number": s.corporation_number, "credit_check_id": s.report.credit_check_id}
        for s in unknown_checks
        if s.report
    ]
    return {
        "url": sandbox.url,
        "port": sandbox.port,
        "home": str(home),
        "operators": [person.name for person in DEMO_PEOPLE],
        "records": len(samples),
        "payments": len(payments),
        "try_payments": demo_payments.build_listed_payments_json(payments),
        "try": [
            {"corporation_number": trial.corporation_number, "what": trial.result_key} for trial in TRIAL_PURCHASES
        ],
        "provider_screen": screen_rows,
    }


def _format_demo_answer_lines(answer: dict[str, Any], translator: Translator) -> Iterator[str]:
    yield translator("cli.demo.ready", home=answer["home"])
    yield translator("cli.sandbox.ready", url=answer["url"])
    yield translator("cli.demo.people", names=answer["operators"])
    for trial in TRIAL_PURCHASES:
        yield translator(
            "cli.demo.try", number=trial.corporation_number, what=translator(f"cli.demo.fault.{trial.result_key}")
        )
    for payment in answer["try_payments"]:
        yield translator("cli.demo.payment", **payment, words=translator(f"cli.demo.payment.{payment['what']}"))
    for purchase in answer["provider_screen"][:_MAX_LISTED_TRIAL_PURCHASES]:
        facts = {**purchase, "number": purchase["corporation_number"]}
        yield translator("cli.demo.screen", **facts)


def _show_window_or_run_commands(console: "Console", writer: AnswerWriter, run_command: CommandLineRunner) -> None:
    """Show the window until it is closed. Without a display, show a prompt if a person can type at standard input (a
    terminal). With neither of them, run the command lines that standard input contains (a pipe or a file), except
    with `--json`. In every other case keep the simulated providers running until the process is stopped."""
    if has_display():
        show_window(console)
    elif is_stdin_terminal() and writer.stream is not None:
        _run_prompt(writer, run_command)
    elif not writer.is_json and _has_piped_input():
        _run_piped_commands(writer, run_command)
    else:
        writer.write_to_stderr(writer.translator("cli.demo.serving", home=os.environ["CONSOLE_HOME"]))
        wait_for_stop_signal()


def _run_prompt(writer: AnswerWriter, run_command: CommandLineRunner) -> None:
    """Read command lines from the terminal and run them, until `exit`, the end of the input or Ctrl+C."""
    writer.write_to_stderr(writer.translator("cli.demo.terminal", number=TRIAL_PURCHASES[0].corporation_number))
    _accept_any_bytes_as_input()
    with contextlib.redirect_stdout(writer.stream), contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while (arguments := _split_command_line(input("support-console> "))) != ["exit"]:
            _run_command_line(arguments, run_command)


def _has_piped_input() -> bool:
    """Return True if the standard input is a pipe or a file, which may contain command lines."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin is not None else 0
    except (OSError, ValueError):  # it is closed, or no file
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _run_piped_commands(writer: AnswerWriter, run_command: CommandLineRunner) -> None:
    """Run each line of the standard input as a command line, until the input ends or a line is `exit`. The exit
    status of the demo is that of the last command line."""
    writer.write_to_stderr(writer.translator("cli.demo.piped"))
    _accept_any_bytes_as_input()
    with contextlib.redirect_stdout(writer.stream), contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin:
            arguments = _split_command_line(line)
            if arguments == ["exit"]:
                break
            status = _run_command_line(arguments, run_command)
            writer.exit_status = writer.exit_status if status is None else status


def _accept_any_bytes_as_input() -> None:
    """Let lines of standard input contain bytes that aren't valid text. As on a command line, the command that gets
    them refuses them; the demo doesn't end."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")


def _run_command_line(arguments: list[str], run_command: CommandLineRunner) -> int | None:
    """Run one command line, and return its exit status. The line `as NAME` changes the acting person. For this line
    and for an empty line, return None."""
    if arguments[:1] == ["as"] and len(arguments) == 2:
        os.environ["CONSOLE_OPERATOR"] = arguments[1]
        return None
    return run_command(arguments) if arguments else None


def _split_command_line(line: str) -> list[str]:
    """Return the words of a command line, split as a shell splits it. A line with an unfinished quotation is split at
    blanks."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()
