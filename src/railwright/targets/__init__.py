"""Targets: ways to call a system, and what came back."""

from railwright.targets._config import Price, TargetConfig, config_from, cost_of
from railwright.targets._local_model import (
    KnownModel,
    ModelNotFoundError,
    find_model,
    known_model,
    known_models,
)
from railwright.targets._local_server import (
    ModelServer,
    ModelServerError,
    default_threads,
    serve_model,
)
from railwright.targets._messages import chat_messages, request_digest
from railwright.targets._open import open_target
from railwright.targets._scripted import CONTROLS, ScriptedTarget, from_cases
from railwright.targets.interface import (
    Passage,
    Request,
    Response,
    Target,
    TargetError,
    Usage,
)

__all__ = [
    "CONTROLS",
    "KnownModel",
    "ModelNotFoundError",
    "ModelServer",
    "ModelServerError",
    "Passage",
    "Price",
    "Request",
    "Response",
    "ScriptedTarget",
    "Target",
    "TargetConfig",
    "TargetError",
    "Usage",
    "chat_messages",
    "config_from",
    "cost_of",
    "default_threads",
    "find_model",
    "from_cases",
    "known_model",
    "known_models",
    "open_target",
    "request_digest",
    "serve_model",
]
