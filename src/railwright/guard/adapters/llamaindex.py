"""A guard in LlamaIndex: ``guard_llm(llm, guard)``, ``GuardPostprocessor(guard)``."""

from railwright.guard.adapters._common import needs

with needs("llamaindex", "the guard's adapter for LlamaIndex"):
    from railwright.guard.adapters._llamaindex import GuardPostprocessor, guard_llm

__all__ = ["GuardPostprocessor", "guard_llm"]
