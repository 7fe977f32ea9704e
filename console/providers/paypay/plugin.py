"""Plugin of the payment provider PayPay, registered in `console.domain.payments.provider_registry`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Literal

from console.domain.calendar_days import JST
from console.domain.payments.provider_registry import HistoryKind, NoticeKind
from console.providers.payments.plugin import ProviderPlugin
from console.settings.provider_access import (
    ProviderAccess,
    SettingSource,
    choose_spacing_seconds,
    parse_origins,
    parse_seconds,
)
from console.settings.value_parsers import RawSetting, make_choice_parser

if TYPE_CHECKING:
    from console.domain.payments.states import PaymentState, RefundState
    from console.domain.provider_outcome import Outcome
    from console.domain.reconciliation.provider_rows import HistoryRow, RefusedRow
    from console.providers.payments.adapter_arguments import AdapterArguments
    from console.providers.payments.daily_files import DailyFileFunctions, HistoryRowIndex
    from console.providers.payments.notices import Hint, HintReader
    from console.providers.payments.provider import PaymentProvider

CALL_SPACING_SECONDS = 0.34
_LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")
_DAILY_FILE_HOST_DOMAIN = ".paypay.ne.jp"


@dataclass(frozen=True, slots=True)
class PayPaySettings:
    """Settings of PayPay from the profile. `environment` is one of PayPay's three environments.

    - `repeated_refunds`: the contract allows several refunds of one payment
    - `spacing_seconds`: real seconds between the starts of two calls
    - `recon_hosts`: origins from which the daily file may be downloaded
    - `webhook_sources`: networks (CIDR) from which notices are accepted
    """

    environment: Literal["production", "staging", "sandbox"] = "production"
    repeated_refunds: bool = True
    spacing_seconds: float = CALL_SPACING_SECONDS
    recon_hosts: tuple[str, ...] = ()
    webhook_sources: tuple[str, ...] = _LOOPBACK_NETWORKS


def _read_settings(sources: SettingSource, url: str | None, hosts: Collection[str]) -> PayPaySettings:
    """Return PayPay's settings from the profile and the environment variables. `url` is the configured origin (None:
    PayPay's own); `hosts` are the additional hosts that a profile file may name. Raises ConsoleError `bad_profile`
    for an invalid setting."""
    files = sources.get("paypay.recon_hosts", partial(parse_origins, hosts=hosts, domain=_DAILY_FILE_HOST_DOMAIN), ())
    return PayPaySettings(
        environment=sources.get(
            "paypay.environment", make_choice_parser("production", "staging", "sandbox"), "production"
        ),
        repeated_refunds=sources.get("paypay.repeated_refunds", RawSetting.parse_flag, True),
        spacing_seconds=sources.get(
            "paypay.spacing_seconds", parse_seconds, choose_spacing_seconds(url, CALL_SPACING_SECONDS)
        ),
        recon_hosts=(*files, *((url,) if url else ())),
        webhook_sources=sources.get("PAYPAY_WEBHOOK_SOURCES", RawSetting.parse_networks, _LOOPBACK_NETWORKS),
    )


def _make_adapter(arguments: "AdapterArguments[PayPaySettings]") -> "PaymentProvider":
    from console.providers.paypay.client import (
        PRODUCTION_URL,
        SANDBOX_URL,
        STAGING_URL,
        PayPayConfig,
        make_paypay_adapter,
    )
    from console.providers.paypay.signing import PayPayKey

    own_settings, secrets = arguments.own_settings, arguments.secrets
    hosts = {"production": PRODUCTION_URL, "staging": STAGING_URL, "sandbox": SANDBOX_URL}
    config = PayPayConfig(
        base_url=arguments.url or hosts[own_settings.environment],
        key=PayPayKey(secrets["API_KEY"], secrets["API_SECRET"]),
        merchant_id=secrets["MERCHANT_ID"],
        allows_repeated_refunds=own_settings.repeated_refunds,
    )
    return make_paypay_adapter(
        config, rate_limiter=arguments.rate_limiter, clock=arguments.clock, scale=arguments.scale
    )


def _find_payment_state(provider_word: str) -> "PaymentState | None":
    """Return our payment state for one of PayPay's words for states; None for an unknown word."""
    from console.providers.paypay.result_codes import PAYMENT_STATE_MEANINGS

    row = PAYMENT_STATE_MEANINGS.get(provider_word)
    return row.state if row else None


def _find_refund_state(provider_word: str) -> "RefundState | None":
    """Return our refund state for one of PayPay's words for states; None for an unknown word."""
    from console.providers.paypay.result_codes import REFUND_STATE_MEANINGS

    return REFUND_STATE_MEANINGS[provider_word][1] if provider_word in REFUND_STATE_MEANINGS else None


def _make_hint_reader() -> "HintReader[PayPaySettings]":
    from console.providers.payments.notices import HintReader

    return HintReader(
        list_networks=lambda own_settings: own_settings.webhook_sources,
        parse_notice=_read_hint,
        stored_fields=(
            "notification_type",
            "order_id",
            "merchant_order_id",
            "order_amount",
            "state",
            "authorized_at",
            "paid_at",
            "canceled_at",
            "expires_at",
        ),
    )


def _read_hint(body: bytes) -> "Hint":
    """Return the notice in the body of a PayPay webhook. Raises UnreadableJson if the body isn't a notice of
    PayPay."""
    from console.providers.paypay.webhooks import read_notice

    return read_notice(body)


def _make_daily_file_functions() -> "DailyFileFunctions[PayPaySettings]":
    from console.providers.payments.daily_files import DailyFileFunctions

    return DailyFileFunctions(
        merchant_id_credential="MERCHANT_ID",
        find_day=_parse_file_day,
        download_file=_fetch_file,
        read_rows=_read_rows,
    )


def _parse_file_day(url: str, merchant_id: str) -> date | None:
    """Return the day of the daily file at this URL, as the file name in the URL states it. Return None if the URL has
    no such file name, or if the name states another merchant than `merchant_id` or more than one day."""
    from console.providers.paypay.reconciliation_file import parse_file_name

    name = parse_file_name(url)
    return name.first_day if name and name.merchant_id == merchant_id and name.first_day == name.last_day else None


def _fetch_file(url: str, arguments: "AdapterArguments[PayPaySettings]") -> "Outcome[bytes]":
    """Download a daily file from the URL of a notice, with the rate limiter and the clock in `arguments`, and return
    the outcome with the bytes of the file."""
    from console.providers.paypay.reconciliation_file import fetch_daily_file

    hosts = arguments.own_settings.recon_hosts
    return fetch_daily_file(
        url, hosts=hosts, rate_limiter=arguments.rate_limiter, clock=arguments.clock, scale=arguments.scale
    )


def _read_rows(
    stream: BinaryIO, merchant_id: str, day: date, index: "HistoryRowIndex"
) -> "Iterable[HistoryRow | RefusedRow]":
    """Yield the accepted and the refused rows of the merchant's daily file in `stream`, which is of the day `day`.
    `index` finds repeated rows."""
    from console.providers.paypay.reconciliation_file import DailyFileReader

    return DailyFileReader(stream, merchant_id, day, index)


_WORDS_ON_SCREEN = {
    "daily_file.gone.paypay": {
        "ja": "照合ファイルの受信期限（2 時間）を過ぎています。",
        "en": "The history file can't be fetched any more because its address works for only two hours.",
    },
    "daily_file.late.paypay": {
        "ja": "通知は翌日の 1:30〜10:00 に届きます。届かない場合は、1 週間以内に PayPay へ再送を依頼してください。",
        "en": "It normally arrives between 1:30 and 10:00 JST on the next day. "
        "If it doesn't, ask PayPay within a week to send it again.",
    },
    "dialog.reconcile.about.paypay": {
        "ja": "PayPay が通知した日次ファイルを読み取ります。日付は日本時間です。通知がない日は照合できません。",
        "en": "Uses the daily history file that PayPay announces. Days are in Japan time (JST). "
        "A day that was not announced can't be reconciled.",
    },
    "history_state.paypay.取引完了": {"ja": "取引完了", "en": "Paid"},
    "history_state.paypay.取引失敗": {"ja": "取引失敗", "en": "Payment failed"},
    "history_state.paypay.返金完了": {"ja": "返金完了", "en": "Refunded"},
    "history_state.paypay.返金失敗": {"ja": "返金失敗", "en": "Refund failed"},
    "provider.paypay": {"ja": "PayPay", "en": "PayPay"},
    "provider_state.paypay-payment.AUTHORIZED": {"ja": "与信確保済み", "en": "Authorised, not captured"},
    "provider_state.paypay-payment.CANCELED": {"ja": "与信取消", "en": "Authorisation cancelled"},
    "provider_state.paypay-payment.COMPLETED": {"ja": "支払い完了", "en": "Paid"},
    "provider_state.paypay-payment.CREATED": {"ja": "未払い（コード発行済み）", "en": "Not paid yet (code made)"},
    "provider_state.paypay-payment.EXPIRED": {"ja": "与信期限切れ", "en": "Authorisation expired"},
    "provider_state.paypay-payment.FAILED": {"ja": "失敗または取消済み", "en": "Failed or cancelled"},
    "provider_state.paypay-payment.REAUTHORIZING": {"ja": "与信変更中", "en": "Authorisation changing"},
    "provider_state.paypay-payment.REFUNDED": {"ja": "支払い完了（返金あり）", "en": "Paid (with a refund)"},
    "provider_state.paypay-refund.CREATED": {"ja": "返金受付済み（処理中）", "en": "Refund accepted, in progress"},
    "provider_state.paypay-refund.REFUNDED": {"ja": "返金完了", "en": "Refunded"},
    "provider_state.paypay-refund.REFUND_FAILED": {
        "ja": "返金処理中（PayPay側で再試行中）",
        "en": "Refund in progress (PayPay is trying again)",
    },
}

PLUGIN = ProviderPlugin(
    name="paypay",
    time_zone=JST,
    history_source=HistoryKind.DAILY_FILES,
    notice_source=NoticeKind.HINTS,
    notice_path="/webhooks/paypay",
    sentences_by_key=_WORDS_ON_SCREEN,
    access=ProviderAccess(
        environment_by_host={
            "apigw.paypay.ne.jp": "production",
            "apigw.stg.paypay.ne.jp": "staging",
            "apigw.sandbox.paypay.ne.jp": "sandbox",
        },
        credential_names=("API_KEY", "API_SECRET", "MERCHANT_ID"),
        merchant_credential_name="MERCHANT_ID",
        profile_keys=("environment", "recon_hosts", "repeated_refunds", "spacing_seconds"),
        variable_by_profile_key={"receiver.paypay_webhook_sources": "PAYPAY_WEBHOOK_SOURCES"},
    ),
    read_settings=_read_settings,
    list_environments=lambda own_settings: (own_settings.environment,),
    make_adapter=_make_adapter,
    find_payment_state=_find_payment_state,
    find_refund_state=_find_refund_state,
    make_hint_reader=_make_hint_reader,
    make_daily_file_functions=_make_daily_file_functions,
)
