"""Tests the profile's settings of payment providers, and the adapters that a desk opens with these settings."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console.app import open_health_checks
from console.domain.clock import SystemClock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.payments import provider_registry
from console.domain.payments.provider_messages import PaymentQuestion
from console.domain.provider_outcome import OutcomeClass
from console.providers.atom.client import Atom, AtomUrls
from console.providers.atom.plugin import PLUGIN as ATOM_PLUGIN
from console.providers.atom.plugin import make_merchant
from console.providers.atom.plugin import make_urls as atom_urls
from console.providers.atom.request_bodies import VerificationVersion
from console.providers.paypay.client import PRODUCTION_URL, STAGING_URL, PayPay
from console.providers.paypay.plugin import PLUGIN as PAYPAY_PLUGIN
from console.sandbox import Sandbox, start_sandbox
from console.sandbox.environment import credentials
from console.services.process.context import ServiceContext
from console.services.process.failpoints import Failpoints
from console.services.refunds.late_outcomes import apply_refund_report
from console.settings.settings import Settings, load_settings
from console.store.database.engine import Database
from console.store.documents.documents import open_documents
from console.store.migrations import upgrade as migrate
from console.store.spool.spool import Spool
from console.wiring import providers as payment_wiring

LOOPBACK_URL = "http://127.0.0.1:8080"
PAYPAY_SETTINGS = {f"CONSOLE_SECRET_PAYPAY_{name}": "x" for name in ("API_KEY", "API_SECRET", "MERCHANT_ID")}
ATOM_SETTING_NAMES = (
    "MERCH_ID",
    "PASSWORD",
    "REQUEST_KEY",
    "REQUEST_SALT",
    "RESPONSE_KEY",
    "RESPONSE_SALT",
    "REQUEST_HASH_KEY",
    "RESPONSE_HASH_KEY",
)
ATOM_SETTINGS = {f"CONSOLE_SECRET_ATOM_{name}": "x" for name in ATOM_SETTING_NAMES}


def load_profile_settings(home: Path, profile: str = "", env: Mapping[str, str] | None = None) -> Settings:
    (home / "profile.toml").write_text(profile, encoding="utf-8")
    return load_settings({"CONSOLE_HOME": str(home), **(env or {})}, find_keyring=lambda: None)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ServiceContext]:
    """Yield a service context of a desk with an empty database; tests replace its settings."""
    settings = load_profile_settings(tmp_path)
    database, spool = Database(settings.database_url), Spool(tmp_path, cipher=None)
    yield ServiceContext(
        settings=settings,
        database=database,
        database_id=migrate.ensure_schema(database)["database_id"],
        spool=spool,
        documents=open_documents(settings.documents_url, database),
        clock=SystemClock(),
        scale=TimeScale(1),
        failpoints=Failpoints(None),
        apply_refund_report=apply_refund_report,
    )
    spool.close()
    database.close()


def open_provider_adapter(
    context: ServiceContext, name: str, profile: str = "", env: Mapping[str, str] | None = None
) -> PayPay | Atom:
    context.settings = load_profile_settings(context.settings.home, profile, env)
    adapter = payment_wiring.make_payment_adapter(context, name)
    assert isinstance(adapter, PayPay | Atom)
    return adapter


def read_refusal_detail(
    context: ServiceContext, name: str, profile: str = "", env: Mapping[str, str] | None = None
) -> Mapping[str, object]:
    with pytest.raises(ConsoleError) as caught:
        open_provider_adapter(context, name, profile, env)
    assert caught.value.code == "bad_profile"
    return caught.value.detail


def test_default_settings_are_production_hosts_and_published_rates(tmp_path: Path) -> None:
    """Without a profile, providers have these settings: the production environment, repeated refunds allowed, and the
    published rates of three calls a second for PayPay and one for Atom.
    """
    settings = load_profile_settings(tmp_path)
    own = settings.get_provider_settings(PAYPAY_PLUGIN)
    assert (own.environment, own.repeated_refunds, own.spacing_seconds) == (
        "production",
        True,
        0.34,
    )
    atom = settings.get_provider_settings(ATOM_PLUGIN)
    assert (atom.environment, atom.verification, atom.amount_format) == (
        "production",
        "v1",
        "two_decimals",
    )
    assert (atom.product, atom.account, atom.spacing_seconds) == ("NSE", "", 1.0)
    here = load_profile_settings(tmp_path, env={"CONSOLE_PAYPAY_URL": LOOPBACK_URL, "CONSOLE_ATOM_URL": LOOPBACK_URL})
    assert (
        here.get_provider_settings(PAYPAY_PLUGIN).spacing_seconds,
        here.get_provider_settings(ATOM_PLUGIN).spacing_seconds,
    ) == (0.0, 0.0)


def test_each_key_of_the_provider_sections_is_read(tmp_path: Path) -> None:
    """The settings contain the value of every key of the profile's sections `paypay` and `atom`."""
    settings = load_profile_settings(
        tmp_path,
        """
        [paypay]
        environment = "staging"
        repeated_refunds = false
        spacing_seconds = 2
        [atom]
        environment = "uat"
        verification = "v2"
        amount_format = "shortest"
        product = "SHOP"
        account = "213232323"
        spacing_seconds = 0.5
        auth_url = "https://a.example/otsv2/aipay/auth"
        verification_url = "https://b.example/v"
        refund_url = "https://c.example:8443/paynetz/refund"
        refund_status_url = "http://127.0.0.1:9/s"
        """,
        {"CONSOLE_PROVIDER_HOSTS": "a.example,b.example,c.example"},
    )
    own = settings.get_provider_settings(PAYPAY_PLUGIN)
    assert (own.environment, own.repeated_refunds, own.spacing_seconds) == (
        "staging",
        False,
        2,
    )
    atom = settings.get_provider_settings(ATOM_PLUGIN)
    assert (atom.environment, atom.verification, atom.amount_format) == ("uat", "v2", "shortest")
    assert (atom.product, atom.account, atom.spacing_seconds) == ("SHOP", "213232323", 0.5)
    assert atom.urls == {
        "auth": "https://a.example/otsv2/aipay/auth",
        "verification": "https://b.example/v",
        "refund": "https://c.example:8443/paynetz/refund",
        "refund_status": "http://127.0.0.1:9/s",
    }


@pytest.mark.parametrize(("key", "value"), [
    ("paypay.environment", "uat"), ("paypay.repeated_refunds", "yes"), ("paypay.spacing_seconds", "-1"),
    ("atom.environment", "staging"), ("atom.verification", "v3"), ("atom.amount_format", "float"),
    ("atom.product", "a b"), ("atom.product", "商品"), ("atom.account", "1-2"), ("atom.spacing_seconds", "3601"),
    ("atom.auth_url", "http://atom.example/ots"), ("atom.auth_url", "https://atom.example"),
    ("atom.refund_url", "https://u:canary-9@atom.example/x"), ("atom.refund_url", "https://atom.example/x?a=1"),
    ("atom.refund_url", "https://atom.example/x#a"), ("atom.verification_url", "https://[::1/x"),
    ("atom.refund_status_url", "https://atom.example/決済"),
])  # fmt: skip
def test_a_wrong_profile_value_is_reported_with_its_key(tmp_path: Path, key: str, value: str) -> None:
    """A wrong value in the profile is refused with its key and file; the message doesn't contain the value."""
    section, _, name = key.partition(".")
    with pytest.raises(ConsoleError) as caught:
        load_profile_settings(tmp_path, f'[{section}]\n{name} = "{value}"\n')
    assert caught.value.code == "bad_profile"
    assert (caught.value.detail["variable"], "canary" in repr(caught.value.detail)) == (key, False)


def test_a_provider_without_url_and_credentials_is_disabled(tmp_path: Path) -> None:
    """A provider with neither a URL nor credentials is disabled."""
    assert payment_wiring.list_enabled_payment_providers(load_profile_settings(tmp_path)) == ()
    assert payment_wiring.list_enabled_payment_providers(
        load_profile_settings(tmp_path, env={"CONSOLE_PAYPAY_URL": LOOPBACK_URL})
    ) == ("paypay",)
    assert payment_wiring.list_enabled_payment_providers(
        load_profile_settings(tmp_path, env=PAYPAY_SETTINGS | ATOM_SETTINGS)
    ) == (
        "paypay",
        "atom",
    )
    assert (
        payment_wiring.list_enabled_payment_providers(
            load_profile_settings(tmp_path, "[atom]\nenvironment = 'uat'\n")
        )
        == ()
    )


def test_the_missing_setting_of_a_provider_is_named(context: ServiceContext) -> None:
    """Opening a provider that isn't set up is refused with the variable of its URL. Opening a provider without a
    secret is refused with the variable of that secret.
    """
    for name in provider_registry.list_provider_names():
        detail = read_refusal_detail(context, name)
        assert (detail["variable"], detail["problem"]) == (f"CONSOLE_{name.upper()}_URL", "provider_disabled")
    for secrets, name in ((PAYPAY_SETTINGS, "paypay"), (ATOM_SETTINGS, "atom")):
        for missing in secrets:
            env = {k: v for k, v in secrets.items() if k != missing} | {f"CONSOLE_{name.upper()}_URL": LOOPBACK_URL}
            assert read_refusal_detail(context, name, env=env) == {"variable": missing, "problem": "missing"}
    with pytest.raises(ConsoleError) as caught:
        open_provider_adapter(context, "stripe")
    assert caught.value.code == "not_found"


def test_the_environment_sets_the_address_of_paypay(context: ServiceContext) -> None:
    """PayPay's address is the one of the configured PayPay environment, unless the settings have a URL."""
    assert get_paypay_url(open_provider_adapter(context, "paypay", env=PAYPAY_SETTINGS)) == PRODUCTION_URL
    assert (
        get_paypay_url(
            open_provider_adapter(context, "paypay", "[paypay]\nenvironment = 'staging'\n", PAYPAY_SETTINGS)
        )
        == STAGING_URL
    )
    assert (
        get_paypay_url(
            open_provider_adapter(context, "paypay", env=PAYPAY_SETTINGS | {"CONSOLE_PAYPAY_URL": LOOPBACK_URL})
        )
        == LOOPBACK_URL
    )
    many = open_provider_adapter(context, "paypay", env=PAYPAY_SETTINGS).capabilities
    assert (many.allows_repeated_refunds, many.max_refund_count) == (True, 50)
    one = open_provider_adapter(
        context, "paypay", "[paypay]\nrepeated_refunds = false\n", PAYPAY_SETTINGS
    ).capabilities
    assert (one.allows_repeated_refunds, one.max_refund_count) == (False, 1)


def get_paypay_url(paypay: PayPay | Atom) -> str:
    assert isinstance(paypay, PayPay)
    return paypay._sender.config.base_url


def test_environment_and_version_set_the_addresses_of_atom(tmp_path: Path) -> None:
    """Atom's addresses follow from its environment and version. The profile can replace the address of one call. A
    URL replaces the origin of all calls and does not change their paths.
    """

    def read_atom_urls(profile: str, env: Mapping[str, str] | None = None) -> AtomUrls:
        settings = load_profile_settings(
            tmp_path, profile, ATOM_SETTINGS | {"CONSOLE_PROVIDER_HOSTS": "a.example"} | dict(env or {})
        )
        own = settings.get_provider_settings(ATOM_PLUGIN)
        return atom_urls(own, make_merchant(own, settings.read_secrets("atom")), settings.get_provider_url("atom"))

    assert read_atom_urls("") == AtomUrls.make_production_urls()
    assert read_atom_urls("[atom]\nenvironment='uat'\nverification='v2'\n") == AtomUrls.make_uat_urls(
        VerificationVersion.V2
    )
    own = "[atom]\nauth_url='https://a.example/otsv2/aipay/auth'\n"
    assert read_atom_urls(own).auth == "https://a.example/otsv2/aipay/auth"
    assert read_atom_urls(own).refund == AtomUrls.make_production_urls().refund
    here = read_atom_urls(own, {"CONSOLE_ATOM_URL": LOOPBACK_URL})
    assert here.auth == f"{LOOPBACK_URL}/otsv2/aipay/auth"
    assert here.refund_status == f"{LOOPBACK_URL}/ots/payment/status"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox() as running:
        yield running


def test_the_documented_variables_open_both_providers(context: ServiceContext, sandbox: Sandbox) -> None:
    """The environment variables that the documentation of the sandbox lists are enough to open PayPay and Atom."""
    env = {"CONSOLE_PAYPAY_URL": sandbox.url, "CONSOLE_ATOM_URL": sandbox.url}
    names = [f"ATOM_{name}" for name in ATOM_SETTING_NAMES] + [
        "PAYPAY_API_KEY",
        "PAYPAY_API_SECRET",
        "PAYPAY_MERCHANT_ID",
    ]
    env |= {f"CONSOLE_SECRET_{name}": getattr(credentials, name) for name in names}
    for name in provider_registry.list_provider_names():
        sandbox.control.payments_control.register_payment(name, "ORD-1", 3300)
        adapter = open_provider_adapter(context, name, env=env)
        question = PaymentQuestion("ORD-1", amount=Money(3300, adapter.capabilities.currency), begun_at=context.now())
        assert adapter.read_payment(question).kind is OutcomeClass.SUCCEEDED


def test_the_doctor_names_missing_settings_of_a_gateway(tmp_path: Path) -> None:
    """The command `doctor` reports a gateway without settings as not set up, which is no failure. A gateway with an
    address or with some of its secrets is reported as failed, with the names of the missing secrets.
    """

    def read_health_checks(env: Mapping[str, str]) -> dict[str, tuple[bool, str, object]]:
        """Return by name of each health check: if it succeeds, the key of its sentence, and the missing settings
        (None: it reports none).
        """
        looked = open_health_checks(load_profile_settings(tmp_path, env=env)).run_all_checks()
        return {one.name: (one.ok, one.message, one.facts.get("missing")) for one in looked}

    assert read_health_checks({})["paypay"] == (True, "doctor.gateway.off", None)
    assert read_health_checks(PAYPAY_SETTINGS)["paypay"] == (True, "doctor.gateway.ok", None)
    lacking = {name: text for name, text in ATOM_SETTINGS.items() if "SALT" not in name} | {
        "CONSOLE_ATOM_URL": LOOPBACK_URL
    }
    salts = ("CONSOLE_SECRET_ATOM_REQUEST_SALT", "CONSOLE_SECRET_ATOM_RESPONSE_SALT")
    assert read_health_checks(lacking)["atom"] == (False, "doctor.gateway.bad", salts)
    key_alone = {"CONSOLE_SECRET_PAYPAY_API_KEY": "key"}
    others = ("CONSOLE_SECRET_PAYPAY_API_SECRET", "CONSOLE_SECRET_PAYPAY_MERCHANT_ID")
    assert read_health_checks(key_alone)["paypay"] == (False, "doctor.gateway.bad", others)
