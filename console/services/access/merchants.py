"""The service of the command `db merchant`: it stores that the database belongs to another merchant of a provider
(see `services/process/merchants.py`).
"""

from dataclasses import dataclass

from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import WORKER, ServiceContext
from console.services.process.merchants import (
    PROVIDER_KIND,
    StoredMerchant,
    list_providers_with_merchant,
    make_stored_merchant,
)
from console.store.access.open_provider_work import count_open_records
from console.store.database.engine import Transaction
from console.store.migrations import upgrade as migrate

LONGEST_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class MerchantChange:
    """Result of `db merchant` for the provider `provider`. The database now belongs to the merchant with the id
    `merchant` in the provider's environment `environment` (such as `production`). `environment_before` and
    `merchant_before` name the merchant to which it belonged before; they are None if it belonged to no merchant.
    `is_changed` is False if the database already belonged to this merchant. The two merchant ids are masked.
    """

    provider: str
    environment: str
    merchant: str
    environment_before: str | None
    merchant_before: str | None
    is_changed: bool


class MerchantService:
    """Stores that the database belongs to the merchant which the settings of this process name. On a server only the
    schema account may replace a stored merchant: the database refuses the change by every other account.
    """

    def __init__(self, context: ServiceContext, request_ids: RequestIdService) -> None:
        self._context, self._request_ids = context, request_ids

    def store_merchant_of_settings(
        self, provider: str, reason: str, *, request_id: str | None = None
    ) -> MerchantChange:
        """Store that the database belongs to the merchant of `provider` which this process's settings name, and
        return the change. `reason` is the person's text for the audit trail. From then on, processes with the former
        merchant's settings are refused.

        Raises not_found for an unknown provider; usage for a reason that is empty or longer than
        LONGEST_REASON_CHARACTERS; bad_profile if the settings name no merchant; in_progress if the database belongs
        to another merchant and records of the provider are not settled, because the provider would not find them
        under the new merchant; not_allowed if the connected account may not change the merchant, or, on SQLite, if
        the acting person has no right to change the schema.
        """
        return self._request_ids.act_once(
            "db merchant",
            request_id,
            (provider, reason),
            lambda: self._store_merchant_of_settings(provider, strip_invisible_characters(reason)),
        )

    def _store_merchant_of_settings(self, provider: str, reason: str) -> MerchantChange:
        context = self._context
        with refusals.audit_refusals(context, AuditAction.MERCHANT_CHANGE, provider[:40], kind=PROVIDER_KIND):
            if not context.database.is_server and context.operator is not None:
                context.require_right_despite_read_only("schema")
            if provider not in list_providers_with_merchant():
                raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": PROVIDER_KIND, "id": provider[:40]})
            if not 0 < len(reason) <= LONGEST_REASON_CHARACTERS:
                raise ConsoleError(
                    ErrorCode.USAGE,
                    {"problem": UsageProblem.INVALID_SWITCH_REASON, "longest": LONGEST_REASON_CHARACTERS},
                )
            merchant = context.settings.read_merchant(provider)
            if not merchant.merchant_id:
                raise ConsoleError(
                    ErrorCode.BAD_PROFILE,
                    {
                        "variable": context.settings.get_merchant_variable(provider),
                        "problem": SettingProblem.SETTING_MISSING,
                    },
                )
            account = context.database.account_name or context.operator or WORKER
            own_merchant = make_stored_merchant(context.database_id, provider, merchant, account)
            return context.write(lambda tx: self._store_merchant(tx, provider, own_merchant, reason))

    def _store_merchant(
        self, tx: Transaction, provider: str, own_merchant: StoredMerchant, reason: str
    ) -> MerchantChange:
        name = migrate.MERCHANT_NAME_PREFIX + provider
        value_before = migrate.read_meta(tx.conn, name)
        before = None if value_before is None else StoredMerchant.parse(value_before)
        is_changed = before is None or before.digest != own_merchant.digest
        change = MerchantChange(
            provider,
            own_merchant.environment,
            own_merchant.masked_id,
            before.environment if before else None,
            before.masked_id if before else None,
            is_changed,
        )
        if not is_changed:
            return change
        if before is not None and (count := count_open_records(tx.conn, provider)):
            raise ConsoleError(
                ErrorCode.IN_PROGRESS,
                {"reason": InProgressReason.PROVIDER_WORK_OPEN, "provider": provider, "count": count},
            )
        facts = {
            "environment": own_merchant.environment,
            "merchant": own_merchant.masked_id,
            "environment_before": change.environment_before or "-",
            "merchant_before": change.merchant_before or "-",
            "note": reason,
        }
        self._context.record_audit(tx, AuditAction.MERCHANT_CHANGED, provider, facts, kind=PROVIDER_KIND)
        if value_before is None:
            migrate.store_meta_if_missing(tx.conn, name, own_merchant.stored_text)
        else:
            migrate.replace_meta(tx.conn, name, value_before, own_merchant.stored_text)
        return change
