"""Run every benchmark that needs no data of others, one after the other, and sum up.

Exit code 1 when any misses its limit. The others take a folder of public data or of peers as their
argument: ``classifier_quality.py``, ``minilm_quality.py``, ``framework_ids.py``,
``garak_guard.py``, ``refusal_quality.py``, ``load_public_sets.py``, ``national_checks.py``,
``pii_quality.py`` and ``runner_speed.py --inspect VENV``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = (
    "startup",
    "install_size",
    "guard_speed",
    "first_reading",
    "stream_redaction",
    "cost_to_decision",
    "groundedness_quality",
    "refusal_languages",
    "runner_speed",
    "ledger_speed",
    "field_cost",
    "telemetry_cost",
    "off_topic_quality",
    "override_quality",
    "prompt_leak_quality",
    "detector_cost",
    "rules_speed",
)


def main() -> int:
    """Run them; print one line each at the end."""
    codes = {}
    for name in NAMES:
        print(f"== {name}", flush=True)
        codes[name] = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")], check=False
        ).returncode
    print("== summary")
    for name, code in codes.items():
        print(f"{name:<18} {'within its limits' if code == 0 else 'MISSED A LIMIT'}")
    return max(codes.values())


if __name__ == "__main__":
    raise SystemExit(main())
