"""The code or the error that a call was refused with."""

from collections.abc import Callable

import pytest

from console.domain.errors import ConsoleError


def refusal(call: Callable[..., object], *given: object) -> ConsoleError:
    """The error that ends this call; a test whose call isn't refused fails."""
    with pytest.raises(ConsoleError) as caught:
        call(*given)
    return caught.value


def code_of(call: Callable[[], object]) -> str:
    """That error's code."""
    return refusal(call).code
