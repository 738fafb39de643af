"""A guard in the OpenAI SDK: ``guard_client(OpenAI(), guard)``."""

from railwright.guard.adapters._common import needs

with needs("openai", "the guard's adapter for the OpenAI SDK"):
    from railwright.guard.adapters._openai import (
        OpenAIBlockedError,
        OpenAIGuardError,
        guard_client,
    )

__all__ = ["OpenAIBlockedError", "OpenAIGuardError", "guard_client"]
