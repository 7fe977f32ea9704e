"""The providers as subjects of alerts, and the rule about a provider that must be authorised again. No I/O."""

from zlib import crc32

from console.domain.payments import provider_registry

PROVIDER_KIND = "provider"
AUTHORISATION_RULE = "authorise_again"
"""Rule of the case about a provider that no longer accepts the stored tokens: a person must authorise it again."""
AUTHORISATION_OBSERVED = "authorise_again"
"""The text `observed` of the case about a provider that must be authorised again."""
AUTHORISATION_EXPECTED = "answers"
"""The text `expected` of the case about a provider that must be authorised again."""


def compute_provider_subject_id(provider: str) -> int:
    """Return the number that stands for a provider in the column `subject_id` of its alerts, which holds only
    numbers: the CRC-32 of the provider's name, the same on every desk."""
    return crc32(provider.encode())


def find_provider_of_subject(subject_id: int) -> str | None:
    """Return the name of the provider that the number `subject_id` stands for in an alert; None for a number of no
    provider of this version."""
    names = (provider_registry.CREDIT_CHECK_PROVIDER, *provider_registry.list_provider_names())
    return next((name for name in names if compute_provider_subject_id(name) == subject_id), None)
