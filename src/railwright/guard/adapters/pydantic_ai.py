"""A guard in pydantic-ai: ``Agent(model, capabilities=[GuardCapability(guard)])``."""

from railwright.guard.adapters._common import needs

with needs("pydantic-ai", "the guard's adapter for pydantic-ai"):
    from railwright.guard.adapters._pydantic_ai import (
        GuardCapability,
        PydanticAIBlockedError,
        guard_model,
    )

__all__ = ["GuardCapability", "PydanticAIBlockedError", "guard_model"]
