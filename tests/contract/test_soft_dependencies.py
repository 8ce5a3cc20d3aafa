"""The package works without the libraries that only its extras install."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, warnings

BLOCKED = ("yfinance", "pyarrow")

class Blocker:
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None

sys.meta_path.insert(0, Blocker())
import regimecorr as rc
import regimecorr.errors

world = rc.simulate("recurrent", n_obs=1200, rng=1)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", regimecorr.errors.RegimeCorrWarning)
    verdict = rc.assess(world.prices, calibration=None, n_paths=400)
assert not [m for m in sys.modules if m.partition(".")[0] in BLOCKED]
print(verdict.state)
"""


def test_assess_without_yfinance_and_pyarrow():
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"weak", "divergent", "strained", "aligned"}
