"""Railwright: declare an AI system, test it, decide with error control, prove it.

The rooms are sub-packages and are imported by name (``from railwright import stats``); nothing
heavy is imported here, so that the command line starts fast.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
