"""A guard in the OpenAI Agents SDK: ``Runner.run(agent, text, run_config=guard_run(guard))``."""

from railwright.guard.adapters._common import needs

with needs("openai-agents", "the guard's adapter for the OpenAI Agents SDK"):
    from railwright.guard.adapters._openai_agents import (
        InputBlockedError,
        OutputBlockedError,
        ToolGuardrails,
        guard_model,
        guard_run,
        input_guardrail,
        output_guardrail,
        tool_guardrails,
    )

__all__ = [
    "InputBlockedError",
    "OutputBlockedError",
    "ToolGuardrails",
    "guard_model",
    "guard_run",
    "input_guardrail",
    "output_guardrail",
    "tool_guardrails",
]
