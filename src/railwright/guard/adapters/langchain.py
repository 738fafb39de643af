"""A guard in LangChain: ``guard_model(model, guard)``, ``retriever | guard_documents(guard)``."""

from railwright.guard.adapters._common import needs

with needs("langchain", "the guard's adapter for LangChain"):
    from railwright.guard.adapters._langchain import guard_documents, guard_model

__all__ = ["guard_documents", "guard_model"]
