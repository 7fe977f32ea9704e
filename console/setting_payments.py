"""What differs between merchants of the payment providers: environments, addresses of calls, forms, pace."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from console.setting_urls import is_loopback, provider_url
from console.setting_values import Given

PAYPAY_SPACING_SECONDS = 0.34
ATOM_SPACING_SECONDS = 1.0
ATOM_CALLS = ("auth", "verification", "refund", "refund_status")
"""The calls whose address a profile may give (`atom.auth_url`, …); the same words as the adapter's."""

_PATH = re.compile(r"/[A-Za-z0-9/._~-]{0,200}")
_PRODUCT = re.compile(r"[A-Za-z0-9_-]{1,50}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,45}")

T = TypeVar("T")
D = TypeVar("D")


class Sources(Protocol):
    """Settings by name as they were written."""

    def get(self, name: str, parse: Callable[[Given], T], default: D) -> T | D: ...


@dataclass(frozen=True, slots=True)
class PayPaySettings:
    """`repeated_refunds`: the contract allows several of one payment. Seconds lie between the starts of calls.
    `recon_hosts`: origins from which the daily file may be fetched.
    """

    environment: Literal["production", "staging", "sandbox"] = "production"
    repeated_refunds: bool = True
    spacing_seconds: float = PAYPAY_SPACING_SECONDS
    recon_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AtomSettings:
    """`urls` holds the addresses that the profile gives, by call. `verification`: the form of TXNVERIFICATION.

    `product` and `account` are the merchant's names for what is sold and where the money goes (custAccNo).
    """

    environment: Literal["production", "uat"] = "production"
    urls: Mapping[str, str] = field(default_factory=dict)
    verification: Literal["v1", "v2"] = "v1"
    amount_format: Literal["two_decimals", "shortest"] = "two_decimals"
    product: str = "NSE"
    account: str = ""
    spacing_seconds: float = ATOM_SPACING_SECONDS


def paypay_settings(given: Sources, url: str | None) -> PayPaySettings:
    """Of the section `paypay`; `url` is PayPay's address where it is another."""
    return PayPaySettings(
        environment=given.get("paypay.environment", _paypay_environment, "production"),
        repeated_refunds=given.get("paypay.repeated_refunds", Given.flag, True),
        spacing_seconds=given.get("paypay.spacing_seconds", _seconds, spacing(url, PAYPAY_SPACING_SECONDS)),
        recon_hosts=(*given.get("paypay.recon_hosts", _origins, ()), *((url,) if url else ())),
    )


def atom_settings(given: Sources, url: str | None) -> AtomSettings:
    """Of the section `atom`; `url` is Atom's address where it is another."""
    urls = {call: given.get(f"atom.{call}_url", call_url, None) for call in ATOM_CALLS}
    return AtomSettings(
        environment=given.get("atom.environment", _atom_environment, "production"),
        urls={call: address for call, address in urls.items() if address},
        verification=given.get("atom.verification", _version, "v1"),
        amount_format=given.get("atom.amount_format", _amount_format, "two_decimals"),
        product=given.get("atom.product", lambda it: _text(it, _PRODUCT), "NSE"),
        account=given.get("atom.account", lambda it: _text(it, _ACCOUNT), ""),
        spacing_seconds=given.get("atom.spacing_seconds", _seconds, spacing(url, ATOM_SPACING_SECONDS)),
    )


def spacing(url: str | None, seconds: float) -> float:
    """No pause towards a provider on this machine."""
    return 0.0 if url is not None and is_loopback(url) else seconds


def call_url(given: Given, private: Sequence[str] = ()) -> str:
    """The address of one call: an origin as providers may have (`private`: or in these networks), and a path."""
    origin, path = _split(given)
    if not _PATH.fullmatch(path):
        raise given.bad("call_url_form")
    return provider_url(Given(given.name, origin, given.file), private) + path


def _split(given: Given) -> tuple[str, str]:
    try:
        parts = urlsplit(given.text)
    except ValueError:
        raise given.bad("call_url_form") from None
    if parts.query or parts.fragment or "?" in given.text or "#" in given.text:
        raise given.bad("call_url_form")
    return f"{parts.scheme}://{parts.netloc}", parts.path


def _origins(given: Given) -> tuple[str, ...]:
    """Addresses as providers may have, separated by commas."""
    return tuple(provider_url(Given(given.name, part.strip(), given.file)) for part in given.text.split(","))


def _seconds(given: Given) -> float:
    return given.number(0, 3600)


def _paypay_environment(given: Given) -> Literal["production", "staging", "sandbox"]:
    word = given.one_of("production", "staging", "sandbox")
    return "production" if word == "production" else "staging" if word == "staging" else "sandbox"


def _atom_environment(given: Given) -> Literal["production", "uat"]:
    return "uat" if given.one_of("production", "uat") == "uat" else "production"


def _version(given: Given) -> Literal["v1", "v2"]:
    return "v2" if given.one_of("v1", "v2") == "v2" else "v1"


def _amount_format(given: Given) -> Literal["two_decimals", "shortest"]:
    return "shortest" if given.one_of("two_decimals", "shortest") == "shortest" else "two_decimals"


def _text(given: Given, form: re.Pattern[str]) -> str:
    if not form.fullmatch(given.text):
        raise given.bad("bad_word")
    return given.text
