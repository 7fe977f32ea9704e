"""Refusals and failures that a person can act on.

ConsoleError (code, facts)
├── exit 2  bad input, nothing written
├── exit 3  refused by a guard
├── exit 4  outcome unknown
├── exit 5  the provider refused, or its answer is unusable
├── exit 6  out of reach or out of room before anything was sent
└── exit 70 a bug of ours

Sentences for the codes live in `console.wording`; here are only codes and facts.
"""

from collections.abc import Mapping

EXIT_STATUS: Mapping[str, int] = {
    **dict.fromkeys(
        (
            "invalid_corporation_number",
            "invalid_amount",
            "unknown_client",
            "not_found",
            "no_operator",
            "no_evidence",
            "usage",
            "bad_profile",
        ),
        2,
    ),
    **dict.fromkeys(
        (
            "already_purchased",
            "not_expired",
            "lease_timeout",
            "in_progress",
            "not_refetchable",
            "nothing_to_resolve",
            "evidence_mismatch",
            "same_person",
            "already_decided",
            "not_allowed",
            "exceeds_captured",
            "over_limit",
            "possible_repeat",
            "outside_window",
            "stale_view",
            "read_only",
            "schema_mismatch",
            "not_our_database",
            "audit_broken",
        ),
        3,
    ),
    "outcome_unknown": 4,
    **dict.fromkeys(("provider_refused", "provider_auth", "rate_limited", "provider_answer_unusable"), 5),
    **dict.fromkeys(
        ("provider_unreachable", "database_unreachable", "database_locked", "documents_unreachable", "storage_full"),
        6,
    ),
    "internal_error": 70,
}


class ConsoleError(Exception):
    """A refusal or failure with a stable code and facts; `detail` may hold frozen records under "record".

    `exit_status` follows from the code. `viewing_period_over` exists under two statuses (5 when the provider
    has just said so, 3 when we already knew and asked nothing), so it names its own.
    """

    def __init__(
        self, code: str, detail: Mapping[str, object] | None = None, *, exit_status: int | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail: dict[str, object] = dict(detail or {})
        self.exit_status = EXIT_STATUS[code] if exit_status is None else exit_status
