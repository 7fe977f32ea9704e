"""The payment providers as a desk's settings say: part of the composition root, made when first asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from console.domain.errors import ConsoleError
from console.settings import NEEDED, Settings

if TYPE_CHECKING:
    from console.providers.atom import AtomMerchant, AtomUrls
    from console.providers.payment_protocol import PaymentVendor
    from console.providers.protocol import RateGate
    from console.services.desk import Desk

NAMES = ("paypay", "atom")


def configured(settings: Settings) -> tuple[str, ...]:
    """The payment providers that are not disabled here. May ask the keyring."""
    return tuple(name for name in NAMES if settings.enabled(name))


def open_vendor(desk: "Desk", name: str) -> "PaymentVendor":
    """A provider as configured. Nothing is sent.

    Raises ConsoleError not_found for a name that is no provider's, bad_profile naming what is missing or unfit.
    """
    if name not in NAMES:
        raise ConsoleError("not_found", {"kind": "provider", "id": name[:40]})
    if not desk.settings.enabled(name):
        raise ConsoleError("bad_profile", _problem(f"{name.upper()}_URL", "provider_disabled", provider=name))
    return _paypay(desk) if name == "paypay" else _atom(desk)


def _paypay(desk: "Desk") -> "PaymentVendor":
    from console.providers.paypay import PRODUCTION_URL, SANDBOX_URL, STAGING_URL, PayPayConfig, open_paypay
    from console.providers.paypay_signing import PayPayKey

    settings, own = desk.settings, desk.settings.paypay
    known = _secrets(settings, "paypay")
    hosts = {"production": PRODUCTION_URL, "staging": STAGING_URL, "sandbox": SANDBOX_URL}
    config = PayPayConfig(
        base_url=settings.paypay_url or hosts[own.environment],
        key=PayPayKey(known["PAYPAY_API_KEY"], known["PAYPAY_API_SECRET"]),
        merchant_id=known["PAYPAY_MERCHANT_ID"],
        repeated_refunds=own.repeated_refunds,
    )
    gate = _gate(desk, "paypay", own.spacing_seconds)
    return open_paypay(config, gate=gate, clock=desk.clock, scale=desk.scale)


def _atom(desk: "Desk") -> "PaymentVendor":
    from console.providers.atom import AtomConfig, open_atom

    settings = desk.settings
    merchant = _merchant(settings)
    config = AtomConfig(_urls(settings, merchant), merchant)
    gate = _gate(desk, "atom", settings.atom.spacing_seconds)
    return open_atom(config, gate=gate, clock=desk.clock, scale=desk.scale)


def _merchant(settings: Settings) -> "AtomMerchant":
    from console.providers.atom import AtomMerchant
    from console.providers.atom_messages import Verification
    from console.providers.atom_signing import AmountFormat

    own = settings.atom
    return AtomMerchant(
        **{name.removeprefix("ATOM_").lower(): text for name, text in _secrets(settings, "atom").items()},
        product=own.product,
        account=own.account,
        amounts=AmountFormat(own.amount_format),
        verification=Verification(own.verification),
    )


def _urls(settings: Settings, merchant: "AtomMerchant") -> "AtomUrls":
    """By environment, a call's own address over it, and another origin over both."""
    from dataclasses import asdict

    from console.providers.atom import AtomUrls

    form = merchant.verification
    environment = AtomUrls.uat(form) if settings.atom.environment == "uat" else AtomUrls.production(form)
    urls: Mapping[str, str] = asdict(environment) | dict(settings.atom.urls)
    if origin := settings.atom_url:
        urls = {call: origin + urlsplit(url).path for call, url in urls.items()}
    return AtomUrls(**urls)


def _gate(desk: "Desk", name: str, seconds: float) -> "RateGate":
    from console.services.tokens import SpacedCalls

    return SpacedCalls(desk, name, seconds)


def _secrets(settings: Settings, provider: str) -> dict[str, str]:
    """All that a provider needs, by name. Raises bad_profile for the first that is missing."""
    for variable in settings.missing(provider):
        raise ConsoleError("bad_profile", {"variable": variable, "problem": "missing"})
    return {name: settings.secret(name) or "" for name in NEEDED[provider]}


def _problem(variable: str, problem: str, **facts: object) -> dict[str, object]:
    return {"variable": f"CONSOLE_{variable}", "problem": problem} | facts
