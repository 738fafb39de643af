"""What reading cases must not load: the models that only configuration files need."""

from __future__ import annotations

import subprocess
import sys


def test_reading_cases_loads_no_pydantic() -> None:
    code = "import sys, railwright.cases; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
