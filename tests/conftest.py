"""Settings for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# On a developer's machine hypothesis looks for new counterexamples; in CI a change is judged by the
# same examples each time, so that a red run is about the change.
settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
