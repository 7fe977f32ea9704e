"""A desk with many invented records, and a sandbox with the same records, for tests and pictures of whole windows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from console.app import Console, open_console
from console.cli.servers.demo import SAMPLE_SEED, build_sandbox_check_fields, render_sample_report_pdf
from console.demo import payments as demo_payments
from console.demo.samples import (
    CLIENT_IDS,
    CheckSample,
    PaymentSample,
    generate_credit_checks,
    generate_payments,
    write_samples,
)
from console.domain.access.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.clock import SystemClock
from console.domain.records import Person
from console.sandbox.alarmbox import companies as content
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.support.desks import copy_empty_database, make_environment
from tests.support.payment_desks import BANK_KEY

TEAM = (
    Person("op-a", frozenset({OPERATOR}), may_buy=True),
    Person("op-c", frozenset({OPERATOR}), may_buy=False),
    Person("lead-b", frozenset({APPROVER}), may_buy=True),
    Person("aud-e", frozenset({AUDITOR}), may_buy=False),
)


@dataclass(frozen=True, slots=True)
class SampleDesk:
    """An open console, its sandbox, the samples that both contain, and the environment variables of the desk
    (`environment`).
    """

    console: Console
    sandbox: Sandbox
    samples: tuple[CheckSample, ...]
    payments: tuple[PaymentSample, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def list_payments(self, kind: str) -> list[PaymentSample]:
        """Return the sample payments of one kind, from the oldest to the newest."""
        return [payment for payment in self.payments if payment.sample_kind == kind]

    def list_checks(self, kind: str) -> list[CheckSample]:
        """Return the sample credit checks of one kind, from the oldest to the newest."""
        return [sample for sample in self.samples if sample.sample_kind == kind]


def make_desk_environment(home: Path, sandbox: Sandbox, **extra: str) -> dict[str, str]:
    """Return the environment variables of a desk. They name a new merchant that is registered at the sandbox's
    payment providers. `extra` are further settings, without their prefix `CONSOLE_`.
    """
    urls = {"PAYPAY_URL": sandbox.url, "ATOM_URL": sandbox.url, "SECRET_NOTICE_BANK_KEY": BANK_KEY}
    merchant = {
        name.removeprefix("CONSOLE_"): value for name, value in demo_payments.register_merchant(sandbox).items()
    }
    return make_environment(home, sandbox.url, **{"CLIENTS": ",".join(CLIENT_IDS), **urls, **merchant, **extra})


@contextmanager
def open_sample_desk(
    home: Path, *, count: int = 240, clock: SystemClock | None = None, **extra: str
) -> Iterator[SampleDesk]:
    """Yield a desk with the home folder `home` and `count` sample credit checks, and close it at the end of the
    block. `extra` are further settings without their prefix `CONSOLE_`.
    """
    with Sandbox() as sandbox:
        environment = make_desk_environment(home, sandbox, **extra)
        used = clock or SystemClock()
        if "DATABASE_URL" not in extra:
            copy_empty_database(home)
        with open_console(Settings.load(environment), used) as console:
            samples, payments = _insert_samples(console, sandbox, used.now(), count)
            yield SampleDesk(console, sandbox, samples, payments, environment)


def _insert_samples(
    console: Console, sandbox: Sandbox, now: datetime, count: int
) -> tuple[tuple[CheckSample, ...], tuple[PaymentSample, ...]]:
    samples = generate_credit_checks(
        SAMPLE_SEED,
        now,
        lambda number: (content.make_company_name(number), content.get_credit_verdict(number)),
        count,
    )
    payments = tuple(generate_payments(SAMPLE_SEED, now, samples))
    write_samples(console._context, samples, TEAM, render_sample_report_pdf, payments)
    demo_payments.register_payments(sandbox, payments)
    sandbox.control.register_checks(
        *(build_sandbox_check_fields(sample, sample.report) for sample in samples if sample.report)
    )
    return samples, payments
