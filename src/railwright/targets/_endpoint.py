"""What all targets behind an HTTP address share: keys, headers, errors."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from railwright.targets._config import DEFAULT_KEY_ENV, TargetConfig
from railwright.targets.interface import Request, TargetError
from railwright.transport import HttpClient, TransportError, error_for_status

if TYPE_CHECKING:
    from railwright.transport import Reply

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_NAME: Final = re.compile(
    r"auth|key|token|secret|cookie|password|credential|\bsig", re.IGNORECASE
)
_ONLY_VARIABLE: Final = re.compile(rf"(\w+ )?{_VARIABLE.pattern}")
_HIDDEN: Final = "(hidden)"


class Endpoint:
    """An HTTP address with its headers and its client.

    The key and ``${NAME}`` headers are read from the environment at the first call, so that
    answers can be planned, replayed and looked up in a cache without them.
    """

    def __init__(self, url: str, config: TargetConfig) -> None:
        self.url = url
        self.shown = shown_url(url)
        self.client = HttpClient(ca_file=config.ca_file, trust_env=config.trust_env)
        self._config = config
        self._headers: dict[str, str] | None = None
        self._secrets: tuple[str, ...] = ()
        self._answered = False

    def headers(self, request: Request) -> dict[str, str]:
        """Headers of one call.

        Raises:
            TargetError: kind ``auth`` and fatal when an environment variable is missing.
        """
        if self._headers is None:
            self._headers = self._resolve()
        tenant = self.tenant(request)
        return {**self._headers, **tenant} if tenant else self._headers

    def tenant(self, request: Request) -> dict[str, str]:
        """The header that carries the tenant; empty when there is none to carry."""
        if not (self._config.tenant_header and request.tenant):
            return {}
        if not (request.tenant.isascii() and request.tenant.isprintable()):
            raise TargetError("config", f"tenant {request.tenant!r} cannot stand in a header")
        return {self._config.tenant_header: request.tenant}

    def check(self, reply: Reply) -> None:
        """Raise what the status means; remember that the endpoint answers when it does."""
        if 200 <= reply.status < 300:
            self._answered = True
            return
        error = error_for_status(
            reply.status, reply.headers, reply.body, where=self.shown, key_hint=self._key_hint()
        )
        if error is None:
            return
        if error.status == 403 and self._answered:
            # The key is good: something in front of the system turned this one input away.
            message = f"{error} (earlier calls were let through, so a filter refused this input)"
            raise TargetError("application", self._hide(message), status=403)
        raise self.convert(error)

    def convert(self, error: TransportError) -> TargetError:
        """The same error as a ``TargetError``, without secrets in its message."""
        return TargetError(
            error.kind,
            self._hide(str(error)),
            retryable=error.retryable,
            fatal=error.fatal,
            retry_after=error.retry_after,
            status=error.status,
        )

    def shown_headers(self) -> dict[str, str]:
        """Configured headers as they may be recorded: values that may be secret are left out."""
        return {
            k: _HIDDEN if _SECRET_NAME.search(k) and not _ONLY_VARIABLE.fullmatch(v) else v
            for k, v in sorted(self._config.headers.items())
        }

    def _resolve(self) -> dict[str, str]:
        config = self._config
        headers: dict[str, str] = {}
        secrets: list[str] = []
        key = os.environ.get(config.key_env or DEFAULT_KEY_ENV, "").strip()
        if config.key_env and not key:
            raise _missing(config.key_env, "target.key_env names it as the place of the key")
        if key:
            headers["Authorization"] = f"Bearer {key}"
            secrets.append(key)
        for name, written in config.headers.items():
            value = written
            for variable in _VARIABLE.findall(value):
                found = _variable(variable, name)
                secrets.append(found)
                value = value.replace(f"${{{variable}}}", found)
            headers[name] = value
            if _SECRET_NAME.search(name):
                secrets.append(headers[name])
        self._secrets = tuple(sorted((s for s in secrets if len(s) > 3), key=len, reverse=True))
        return headers

    def _key_hint(self) -> str:
        if self._config.key_env:
            return f"set {self._config.key_env} to a key that the endpoint accepts"
        return (
            f"set {DEFAULT_KEY_ENV} to a key that the endpoint accepts, or name the variable that "
            "holds it as target.key_env"
        )

    def _hide(self, message: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, _HIDDEN)
        return message


def _variable(name: str, header: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise _missing(name, f"the header {header} takes its value from it")
    return value


def _missing(name: str, why: str) -> TargetError:
    message = f"the environment variable {name} is not set; {why}: export {name}=..."
    return TargetError("auth", message, fatal=True)


def shown_url(url: str) -> str:
    """``url`` as it may be recorded: query values that may be secret are left out."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(k, _HIDDEN if _SECRET_NAME.search(k) else v) for k, v in pairs])
    return urlunsplit(parts._replace(query=query))


def tenant_line(headers: Mapping[str, str]) -> bytes:
    """Headers that change the answer, as part of the canonical bytes of a call."""
    return b"".join(f"{k}: {v}\n".encode() for k, v in sorted(headers.items()))
