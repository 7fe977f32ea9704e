"""Plugin of the payment provider Atom, registered in `console.domain.payments.provider_registry`."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from console.domain.calendar_days import IST
from console.domain.payments.provider_registry import HistoryKind, NoticeKind
from console.providers.payments.plugin import ProviderPlugin
from console.settings.provider_access import (
    ProviderAccess,
    SettingSource,
    choose_spacing_seconds,
    find_provider_environment,
    make_pattern_parser,
    parse_call_url,
    parse_seconds,
)
from console.settings.urls import require_known_host
from console.settings.value_parsers import make_choice_parser

if TYPE_CHECKING:
    from console.domain.payments.states import PaymentState, RefundState
    from console.providers.atom.client import AtomMerchant, AtomUrls
    from console.providers.payments.adapter_arguments import AdapterArguments
    from console.providers.payments.provider import PaymentProvider

CALL_SPACING_SECONDS = 1.0
ATOM_CALL_NAMES = ("auth", "verification", "refund", "refund_status")
"""Calls to Atom whose URL the profile may set, for example `auth` by the key `atom.auth_url`. The names are the
fields of AtomUrls.
"""
ATOM_HOSTS: Mapping[str, str] = {
    "payment1.atomtech.in": "production",
    "payment.atomtech.in": "production",
    "paynetzuat.atomtech.in": "uat",
    "caller.atomtech.in": "uat",
}

_PROVIDER_ACCESS = ProviderAccess(
    environment_by_host=ATOM_HOSTS,
    credential_names=("MERCH_ID", "PASSWORD"),
    additional_secret_names=(
        "REQUEST_KEY",
        "REQUEST_SALT",
        "RESPONSE_KEY",
        "RESPONSE_SALT",
        "REQUEST_HASH_KEY",
        "RESPONSE_HASH_KEY",
    ),
    merchant_credential_name="MERCH_ID",
    profile_keys=(
        "environment",
        "verification",
        "amount_format",
        "product",
        "account",
        "spacing_seconds",
        *(f"{call}_url" for call in ATOM_CALL_NAMES),
    ),
)
_PRODUCT_PATTERN = r"[A-Za-z0-9_-]{1,50}"
_ACCOUNT_PATTERN = r"[A-Za-z0-9]{1,45}"


@dataclass(frozen=True, slots=True)
class AtomSettings:
    """Settings of Atom from the profile. `environment`: Atom's production or its test environment. `urls`: URLs that
    the profile sets, by call. `spacing_seconds`: real seconds between the starts of two calls. `verification`:
    version of the call TXNVERIFICATION. `amount_format`: form of the amounts in requests (see AmountFormat).

    `product` is Atom's name of the merchant's product; `account` is Atom's name of the bank account that receives the
    money (`custAccNo`).
    """

    environment: Literal["production", "uat"] = "production"
    urls: Mapping[str, str] = field(default_factory=dict)
    verification: Literal["v1", "v2"] = "v1"
    amount_format: Literal["two_decimals", "shortest"] = "two_decimals"
    product: str = "NSE"
    account: str = ""
    spacing_seconds: float = CALL_SPACING_SECONDS


def _read_settings(sources: SettingSource, url: str | None, hosts: Collection[str]) -> AtomSettings:
    """Return Atom's settings from the profile and the environment variables. `url` is the configured origin (None:
    Atom's own); `hosts` are the additional hosts that a profile file may name. Raises ConsoleError `bad_profile` for
    an invalid setting."""
    known_hosts = {*ATOM_HOSTS, *hosts}
    urls = {
        call: sources.get(
            f"atom.{call}_url",
            lambda address: require_known_host(address, parse_call_url(address), known_hosts),
            None,
        )
        for call in ATOM_CALL_NAMES
    }
    return AtomSettings(
        environment=sources.get("atom.environment", make_choice_parser("production", "uat"), "production"),
        urls={call: address for call, address in urls.items() if address},
        verification=sources.get("atom.verification", make_choice_parser("v1", "v2"), "v1"),
        amount_format=sources.get(
            "atom.amount_format", make_choice_parser("two_decimals", "shortest"), "two_decimals"
        ),
        product=sources.get("atom.product", make_pattern_parser(_PRODUCT_PATTERN), "NSE"),
        account=sources.get("atom.account", make_pattern_parser(_ACCOUNT_PATTERN), ""),
        spacing_seconds=sources.get(
            "atom.spacing_seconds", parse_seconds, choose_spacing_seconds(url, CALL_SPACING_SECONDS)
        ),
    )


def _make_adapter(arguments: "AdapterArguments[AtomSettings]") -> "PaymentProvider":
    from console.providers.atom.client import AtomConfig, make_atom_adapter

    own_merchant = make_merchant(arguments.own_settings, arguments.secrets)
    config = AtomConfig(make_urls(arguments.own_settings, own_merchant, arguments.url), own_merchant)
    return make_atom_adapter(
        config, rate_limiter=arguments.rate_limiter, clock=arguments.clock, scale=arguments.scale
    )


def make_merchant(own_settings: AtomSettings, secrets: Mapping[str, str]) -> "AtomMerchant":
    """Return our merchant's credentials and settings at Atom, made from the profile's settings and from `secrets`,
    which has all secrets of Atom by name, such as `PASSWORD`."""
    from console.providers.atom.client import AtomMerchant
    from console.providers.atom.request_bodies import VerificationVersion
    from console.providers.atom.signing import AmountFormat

    return AtomMerchant(
        **{name.lower(): text for name, text in secrets.items()},
        product=own_settings.product,
        account=own_settings.account,
        amount_format=AmountFormat(own_settings.amount_format),
        verification=VerificationVersion(own_settings.verification),
    )


def make_urls(own_settings: AtomSettings, merchant: "AtomMerchant", origin: str | None) -> "AtomUrls":
    """Return the URLs of all calls to Atom: those of the environment (production or test), or the URL that the
    profile sets for a call. If `origin` is given, it replaces the origin of each URL."""
    from console.providers.atom.client import AtomUrls

    form = merchant.verification
    environment = (
        AtomUrls.make_uat_urls(form) if own_settings.environment == "uat" else AtomUrls.make_production_urls(form)
    )
    addresses: Mapping[str, str] = asdict(environment) | dict(own_settings.urls)
    if origin:
        addresses = {call: origin + urlsplit(url).path for call, url in addresses.items()}
    return AtomUrls(**addresses)


def _list_environments(own_settings: AtomSettings) -> Collection[str]:
    """Return the names of Atom's environments (production or test) to which the calls go. These are the environments
    of the URLs in the profile and, except if the profile sets the URL of every call, the environment of the setting.
    """
    is_each_call_set = len(own_settings.urls) == len(ATOM_CALL_NAMES)
    urls = own_settings.urls.values()
    return {
        *(() if is_each_call_set else (own_settings.environment,)),
        *(find_provider_environment(url, _PROVIDER_ACCESS) for url in urls),
    }


def _find_payment_state(provider_word: str) -> "PaymentState | None":
    """Return our payment state for one of Atom's status codes; None for an unknown code."""
    from console.providers.atom.status_codes import PAYMENT_CODE_MEANINGS

    row = PAYMENT_CODE_MEANINGS.get(provider_word)
    return row.state if row else None


def _find_refund_state(provider_word: str) -> "RefundState | None":
    """Return our refund state for one of Atom's remarks; None for an unknown remark."""
    from console.providers.atom.status_codes import REFUND_REMARK_MEANINGS

    return REFUND_REMARK_MEANINGS[provider_word][1] if provider_word in REFUND_REMARK_MEANINGS else None


_WORDS_ON_SCREEN = {
    "dialog.reconcile.about.atom": {
        "ja": "Atom にはファイルがないため、対象日に開始した決済を 1 件ずつ状態確認します。日付はインド時間です。",
        "en": "Atom has no history file. "
        "It is asked about each payment that started on these days. Days are in India time (IST).",
    },
    "provider.atom": {"ja": "Atom", "en": "Atom"},
    "provider_state.atom-payment.OTS0000": {"ja": "支払い完了", "en": "Paid"},
    "provider_state.atom-payment.OTS0001": {"ja": "自動取消", "en": "Reversed automatically"},
    "provider_state.atom-payment.OTS0002": {"ja": "支払い完了（強制確定）", "en": "Paid (forced)"},
    "provider_state.atom-payment.OTS0101": {"ja": "利用者取消", "en": "Cancelled by the customer"},
    "provider_state.atom-payment.OTS0201": {"ja": "タイムアウト（未確定）", "en": "Timed out (not final)"},
    "provider_state.atom-payment.OTS0301": {"ja": "開始前", "en": "Not started"},
    "provider_state.atom-payment.OTS0351": {"ja": "支払い手続き中", "en": "Customer is paying"},
    "provider_state.atom-payment.OTS0551": {"ja": "銀行確認待ち", "en": "Pending at the bank"},
    "provider_state.atom-payment.OTS0600": {"ja": "失敗", "en": "Failed"},
    "provider_state.atom-refund.REFUND_FAILED": {"ja": "返金失敗", "en": "Refund failed"},
    "provider_state.atom-refund.REFUND_INITIATED": {
        "ja": "返金受付済み（処理中）",
        "en": "Refund accepted, in progress",
    },
    "provider_state.atom-refund.REFUND_PENDING": {"ja": "返金処理中", "en": "Refund in progress"},
    "provider_state.atom-refund.REFUND_PROCESSED": {"ja": "返金完了", "en": "Refunded"},
    "provider_state.atom-refund.REFUND_REJECTED": {"ja": "返金拒否", "en": "Refund rejected"},
}

PLUGIN = ProviderPlugin(
    name="atom",
    time_zone=IST,
    history_source=HistoryKind.EACH_PAYMENT,
    reversible_days=2,
    notice_source=NoticeKind.CALLBACKS,
    notice_path="/callbacks/atom",
    order_handle_column="atom_token_id",
    order_payment_column="atom_txn_id",
    sentences_by_key=_WORDS_ON_SCREEN,
    access=_PROVIDER_ACCESS,
    read_settings=_read_settings,
    list_environments=_list_environments,
    make_adapter=_make_adapter,
    find_payment_state=_find_payment_state,
    find_refund_state=_find_refund_state,
)
