"""Detectors that ask a service or a large local model.

They are asked for by name with their options: ``detectors.get("openai_moderation", url=...)``.
Nothing is called that was not configured so, and keys come from the environment alone. Importing
this package costs next to nothing; each adapter is loaded when it is first asked for.
"""

from __future__ import annotations

from railwright.detectors.hosted._errors import (
    DetectorConfigError,
    DetectorTimeoutError,
    DetectorUnavailable,
)

#: Name to ``module:factory``; every factory takes the options of its adapter as keywords.
FACTORIES = {
    "azure_content_safety": "railwright.detectors.hosted._azure:AzureContentSafety",
    "azure_prompt_shield": "railwright.detectors.hosted._azure:AzurePromptShield",
    "bedrock_guardrails": "railwright.detectors.hosted._bedrock:BedrockGuardrails",
    "gliner": "railwright.detectors.hosted._gliner:Gliner",
    "granite_guardian": "railwright.detectors.hosted._granite_guardian:GraniteGuardian",
    "llama_guard": "railwright.detectors.hosted._llama_guard:LlamaGuard",
    "openai_moderation": "railwright.detectors.hosted._openai_moderation:OpenAIModeration",
    "perspective": "railwright.detectors.hosted._perspective:Perspective",
    "presidio": "railwright.detectors.hosted._presidio:Presidio",
    "presidio_http": "railwright.detectors.hosted._presidio_http:PresidioHttp",
    "prompt_guard": "railwright.detectors.hosted._prompt_guard:PromptGuard",
    "qwen3guard": "railwright.detectors.hosted._qwen3guard:Qwen3Guard",
    "shieldgemma": "railwright.detectors.hosted._shieldgemma:ShieldGemma",
}

__all__ = ["FACTORIES", "DetectorConfigError", "DetectorTimeoutError", "DetectorUnavailable"]
