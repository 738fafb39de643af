"""What can go wrong with a detector that lives elsewhere."""

from __future__ import annotations


class DetectorUnavailable(Exception):  # noqa: N818 - it names a state that policies decide on
    """A detector gave no answer; the text is unchecked.

    The message quotes neither the text nor a key.

    Attributes:
        kind: auth, connect, timeout, rate_limit, server, protocol (the answer could not be read),
            application (this input was refused) or config.
        retry_after: seconds that the service asks to wait, where it said so.
        status: the HTTP status, where there was one.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after
        self.status = status

    def __str__(self) -> str:
        return self.message


class DetectorTimeoutError(DetectorUnavailable, TimeoutError):
    """The answer did not come in time; a ``TimeoutError`` too, so that policies tell it apart."""


class DetectorConfigError(ValueError):
    """A detector was asked for with options that cannot work; the message names the mend."""


def unavailable(
    kind: str, message: str, retry_after: float | None = None, status: int | None = None
) -> DetectorUnavailable:
    """Return the exception for a kind of failure."""
    made = DetectorTimeoutError if kind == "timeout" else DetectorUnavailable
    return made(kind, message, retry_after, status)
