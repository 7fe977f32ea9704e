"""Arguments of the functions with which the plugins of payment providers make their adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

from console.settings.provider_access import ProviderSettingsT

if TYPE_CHECKING:
    from console.domain.clock import Clock, TimeScale
    from console.providers.http.rate_limiter import RateLimiter


@dataclass(frozen=True, slots=True)
class AdapterArguments(Generic[ProviderSettingsT]):
    """Arguments with which a plugin makes its adapter. `own_settings`: the settings of this provider alone. `url`:
    origin that replaces the provider's real origin; None: no replacement. `rate_limiter` limits the rate of the
    provider's calls; `scale` divides the durations in tests.

    `secrets`: all secrets that the provider needs, by their name without the provider's prefix (`API_KEY`); they are
    hidden in `repr`.
    """

    own_settings: ProviderSettingsT
    url: str | None
    secrets: Mapping[str, str] = field(repr=False)
    rate_limiter: RateLimiter
    clock: Clock
    scale: TimeScale
