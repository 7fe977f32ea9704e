"""Check that a process calls a provider only under the merchant to which the records of the database belong.

The first process that may call a provider stores in `console_meta` the merchant that its settings name, together with
the environment of the provider. A process whose settings name another merchant or environment is refused before it
sends anything. Under another merchant, the provider does not find our payments, and a purchase would cost the wrong
client money. The provider's keys are not compared, because a merchant may replace them. Only `db merchant` makes the
database belong to another merchant (`services/access/merchants.py`).

The check needs no additional query: `open_console` reads `console_meta` anyway, and the periodic check of the schema
version reads the stored merchants together with the version.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER, list_provider_names
from console.domain.setting_problems import SettingProblem
from console.services.process.context import WORKER, ServiceContext
from console.settings.provider_merchant import ProviderMerchant
from console.store.database.engine import Transaction
from console.store.migrations import upgrade as migrate

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail
    from console.settings.settings import Settings

PROVIDER_KIND = "provider"
_LONGEST_ENVIRONMENT_CHARACTERS = 100
_DIGEST_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class StoredMerchant:
    """The merchant of one provider that a database has stored: the environment, such as `production`; the masked id;
    a digest of the environment and the id; and the account or person whose process stored it."""

    environment: str
    masked_id: str
    digest: str
    stored_by: str

    @staticmethod
    def parse(stored_text: str) -> "StoredMerchant":
        """Parse a value of `console_meta` and return the stored merchant. Missing parts of a damaged value become
        ""."""
        return StoredMerchant(*[*stored_text.split(" ", 3), "", "", ""][:4])

    @property
    def stored_text(self) -> str:
        """The stored merchant as the text that is written to `console_meta`."""
        return f"{self.environment} {self.masked_id} {self.digest} {self.stored_by}"


def list_providers_with_merchant() -> tuple[str, ...]:
    """Return the names of the providers for which a database stores a merchant: the provider of credit checks, and
    all payment providers."""
    return (CREDIT_CHECK_PROVIDER, *list_provider_names())


def make_stored_merchant(
    database_id: str, provider: str, merchant: ProviderMerchant, stored_by: str
) -> StoredMerchant:
    """Return the merchant in the form in which a database stores it; `stored_by` is the account or person whose
    process stores it. The form contains a masked id and a digest instead of the merchant's id.

    The digest is computed from the merchant, the provider and the id of the database. A copy of the database has the
    same database id, so it belongs to the same merchant.
    """
    identity = f"{database_id}\n{provider}\n{merchant.environment}\n{merchant.merchant_id}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    environment = merchant.environment[:_LONGEST_ENVIRONMENT_CHARACTERS]
    return StoredMerchant(environment, merchant.masked_id, digest, stored_by)


def require_own_merchant(context: ServiceContext, provider: str) -> None:
    """Refuse to call a provider if the settings of this desk name a merchant other than that of the database. If the
    database has no merchant of this provider yet, store the merchant of this desk's settings.

    Do nothing if this desk lacks the secret that names the merchant, because no call is possible then, or if the
    merchant would have to be stored and the database account may not do this. Raises bad_profile (detail.problem
    other_merchant) for another merchant. This function may read the keyring but sends nothing.
    """
    if provider in context.accepted_merchants:
        return
    merchant = context.settings.read_merchant(provider)
    if not merchant.merchant_id:
        return
    own_merchant = make_stored_merchant(
        context.database_id, provider, merchant, context.database.account_name or context.operator or WORKER
    )
    name = migrate.MERCHANT_NAME_PREFIX + provider
    stored_value = context.stored_facts.get(name)
    if stored_value is None:
        try:
            stored_value = context.write(lambda tx: _store_first_merchant(context, tx, provider, own_merchant))
        except ConsoleError as refusal:
            # An account that only reads builds an adapter, too, to show what the provider can do.
            if refusal.detail.get("reason") != NotAllowedReason.NO_GRANT:
                raise
            return
    stored = StoredMerchant.parse(stored_value)
    if stored.digest != own_merchant.digest:
        raise make_other_merchant_error(context.settings, provider, merchant, stored)
    context.accepted_merchants[provider] = stored.digest


def _store_first_merchant(
    context: ServiceContext, tx: Transaction, provider: str, own_merchant: StoredMerchant
) -> str:
    """Store `own_merchant`, the merchant that this desk's settings name, as the database's merchant of the provider,
    and return the stored text. If the database already has a merchant of this provider, change nothing and return the
    text of that merchant."""
    name = migrate.MERCHANT_NAME_PREFIX + provider
    if (stored_value := migrate.read_meta(tx.conn, name)) is not None:
        return stored_value
    facts = {"environment": own_merchant.environment, "merchant": own_merchant.masked_id}
    context.record_audit(tx, AuditAction.MERCHANT_STORED, provider, facts, kind=PROVIDER_KIND)
    return migrate.store_meta_if_missing(tx.conn, name, own_merchant.stored_text)


def refuse_changed_merchants(context: ServiceContext, stored_facts: Mapping[str, str]) -> None:
    """Raise bad_profile (detail.problem other_merchant) if the settings of this process name a merchant to which the
    database no longer belongs. An administrator may have changed the database's merchant while the process was
    running. `stored_facts` are the values of `console_meta` by name.
    """
    for provider, digest in list(context.accepted_merchants.items()):
        stored = StoredMerchant.parse(stored_facts.get(migrate.MERCHANT_NAME_PREFIX + provider, ""))
        if stored.digest != digest:
            merchant = context.settings.read_merchant(provider)
            raise make_other_merchant_error(context.settings, provider, merchant, stored)


def make_other_merchant_error(
    settings: "Settings", provider: str, merchant: ProviderMerchant, stored_merchant: StoredMerchant
) -> ConsoleError:
    """Return the error for settings that name `merchant`, while the database belongs to `stored_merchant`."""
    facts: BadProfileDetail = {
        "variable": settings.get_merchant_variable(provider),
        "problem": SettingProblem.OTHER_MERCHANT,
        "provider": provider,
        "environment": merchant.environment[:_LONGEST_ENVIRONMENT_CHARACTERS],
        "merchant": merchant.masked_id,
        "stored_environment": stored_merchant.environment or "-",
        "stored_merchant": stored_merchant.masked_id or "-",
    }
    return ConsoleError(ErrorCode.BAD_PROFILE, facts)
