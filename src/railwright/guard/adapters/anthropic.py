"""A guard in the Anthropic SDK: ``guard_client(Anthropic(), guard)``."""

from railwright.guard.adapters._common import needs

with needs("anthropic", "the guard's adapter for the Anthropic SDK"):
    from railwright.guard.adapters._anthropic import (
        AnthropicBlockedError,
        AnthropicGuardError,
        guard_client,
    )

__all__ = ["AnthropicBlockedError", "AnthropicGuardError", "guard_client"]
