"""The verdict ranks simulated divergences with a known outcome; see
benchmarks/simulated_divergences.py.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "simulated_divergences.py"


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("simulated_divergences", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_ranks_structural_above_transient(study):
    """Forty divergences: too few for the full bar of .68, enough to see a ranking that is lost."""
    out, _ = study.run(40, seed=11, n_paths=400, at_entry=False)
    assert out["failed_calls"] == 0
    assert out["day"]["failed_members_share"] <= 0.02
    assert out["day"]["auc"] >= 0.6


@pytest.mark.slow
def test_ranks_structural_above_transient_at_full_size(study):
    """Six hundred divergences; the recorded result is docs/_results/simulated_divergences.json."""
    out, _ = study.run(600, seed=1, n_paths=1000, at_entry=False)
    assert out["failed_calls"] == 0
    assert out["day"]["failed_members_share"] <= 0.02
    assert out["day"]["auc"] >= 0.68
