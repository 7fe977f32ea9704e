"""Requests to Atom: each request is encrypted and sent as a form to the URL of its call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import urlencode, urlsplit

from console.domain.clock import Clock, TimeScale
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.provider_outcome import Outcome
from console.domain.setting_problems import SettingProblem
from console.providers.atom.aes import derive_key, encrypt_text
from console.providers.atom.request_bodies import AtomMerchant, VerificationVersion
from console.providers.atom.responses import AnswerReader, make_atom_converter
from console.providers.atom.status_codes import AtomCall
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, make_unsent_outcome, send_once
from console.providers.http.transport import HttpTransport

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 30.0
CALL_BUDGET_SECONDS = 45.0
_REQUEST_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
# `make_storable_text` masks the other secret fields when the answer is decrypted.
_FIELDS_HIDDEN_IN_LOG = ("password",)


@dataclass(frozen=True, slots=True)
class AtomUrls:
    """URL of each call to Atom: AUTH, TXNVERIFICATION, REFUNDINIT and REFUNDSTATUS. Each URL is a setting, because
    Atom gives different URLs to different merchants.
    """

    auth: str
    verification: str
    refund: str
    refund_status: str

    @classmethod
    def make_production_urls(cls, verification: VerificationVersion = VerificationVersion.V1) -> Self:
        """Return the URLs of Atom's production environment. `verification` is the version of the call
        TXNVERIFICATION.
        """
        main_origin = "https://payment1.atomtech.in"
        return cls._make_from_origins(main_origin, "https://payment.atomtech.in", main_origin, verification)

    @classmethod
    def make_uat_urls(cls, verification: VerificationVersion = VerificationVersion.V1) -> Self:
        """Return the URLs of Atom's test environment (UAT). `verification` is the version of the call
        TXNVERIFICATION.
        """
        return cls._make_from_origins(
            "https://paynetzuat.atomtech.in", *("https://caller.atomtech.in",) * 2, verification
        )

    @classmethod
    def make_urls_of_origin(cls, origin: str, verification: VerificationVersion = VerificationVersion.V1) -> Self:
        """Return URLs that have the same origin (`https://host[:port]`) for all calls. `verification` is the version
        of the call TXNVERIFICATION.
        """
        return cls._make_from_origins(*(origin.rstrip("/"),) * 3, verification)

    @classmethod
    def _make_from_origins(
        cls, main_origin: str, refund_origin: str, refund_status_origin: str, verification: VerificationVersion
    ) -> Self:
        """Return the URLs of all calls. Each origin is a text such as `https://host`: `main_origin` is used for the
        calls AUTH and TXNVERIFICATION, `refund_origin` for REFUNDINIT, `refund_status_origin` for REFUNDSTATUS.
        `verification` is the version of the call TXNVERIFICATION."""
        version = "/v2" if verification is VerificationVersion.V2 else ""
        return cls(
            auth=f"{main_origin}/ots/aipay/auth",
            verification=f"{main_origin}/ots{version}/payment/status",
            refund=f"{refund_origin}/ots/payment/refund",
            refund_status=f"{refund_status_origin}/ots/payment/status",
        )

    def get_urls_by_call(self) -> Mapping[AtomCall, str]:
        """Return a mapping from each call to Atom to its URL."""
        return {
            AtomCall.AUTH: self.auth,
            AtomCall.PAYMENT: self.verification,
            AtomCall.REFUND: self.refund,
            AtomCall.REFUND_STATUS: self.refund_status,
        }


class AtomRequestSender:
    """Encrypts each request to Atom and sends it once. Several threads may use the sender at the same time.

    Raises ConsoleError `bad_profile` for an invalid URL.
    """

    def __init__(
        self, urls: AtomUrls, merchant: AtomMerchant, *, rate_limiter: RateLimiter, clock: Clock, scale: TimeScale
    ) -> None:
        self.merchant = merchant
        self.clock = clock
        self.scale = scale
        self._rate_limiter = rate_limiter
        self._addresses = {call: _split_url(url) for call, url in urls.get_urls_by_call().items()}
        self._transports = {
            origin: HttpTransport(origin, clock=clock, scale=scale, connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS)
            for origin, _ in self._addresses.values()
        }

    def send(self, call: AtomCall, text: str, read_content: AnswerReader[T]) -> Outcome[T]:
        """Encrypt `text`, send it to the URL of `call`, and return the outcome; the function `read_content` reads the
        decrypted answer. Raises no `Exception`: an error becomes an outcome.
        """
        has_effect = call in (AtomCall.AUTH, AtomCall.REFUND)
        merchant = self.merchant
        origin, path = self._addresses[call]
        try:
            encrypted_text = encrypt_text(text, derive_key(merchant.request_key, merchant.request_salt))
            convert_answer = make_atom_converter(
                call, derive_key(merchant.response_key, merchant.response_salt), read_content
            )
            body = urlencode({"merchId": merchant.merch_id, "encData": encrypted_text}).encode()
        except Exception:  # the encryption failed: nothing was sent
            return make_unsent_outcome("not_prepared", has_effect=has_effect)
        return send_once(
            self._transports[origin],
            self._rate_limiter,
            SingleRequest("POST", path, READ_TIMEOUT_SECONDS, CALL_BUDGET_SECONDS, body=body, has_effect=has_effect),
            convert_answer,
            headers=_REQUEST_HEADERS,
            secrets=merchant.secrets,
            hidden_fields=_FIELDS_HIDDEN_IN_LOG,
        )


def _split_url(url: str) -> tuple[str, str]:
    """Return origin and path of a URL. Raises ConsoleError `bad_profile` for a URL without a host, with a query or
    with a fragment. The function doesn't check if the origin is allowed; the transport does that.
    """
    try:
        url_parts = urlsplit(url)
    except ValueError:
        url_parts = urlsplit("")
    if not url_parts.netloc or url_parts.query or url_parts.fragment:
        raise ConsoleError(ErrorCode.BAD_PROFILE, {"variable": "atom.url", "problem": SettingProblem.INVALID_URL})
    return f"{url_parts.scheme}://{url_parts.netloc}", url_parts.path or "/"
