"""What the chart's rule and the fresh rule say in worlds whose truth is known.

The simulations are those of benchmarks/claim_worlds.py; the wanted figures are METHODS 5.4 and 5.5.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Chart's rule within 126 rows, fresh rule, transient by the package's definition; and how near.
WANTED = {
    "break .5 to 0": ((0.92, 0.02), (0.04, 0.02), (0.01, 0.04)),
    "break .5 to 0, t5": ((0.894, 0.03), (0.10, 0.03), (0.07, 0.04)),
    "Markov .45/0": (None, (0.84, 0.05), (0.81, 0.04)),
    "DCC .4": (None, (0.77, 0.06), (0.74, 0.04)),
}


@pytest.fixture(scope="module")
def worlds():
    path = ROOT / "benchmarks" / "claim_worlds.py"
    spec = importlib.util.spec_from_file_location("claim_worlds", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(found: dict, wanted: tuple, slack: float = 0.0) -> None:
    names = ("chart within 126", "fresh", "transient by definition")
    for name, goal in zip(names, wanted, strict=True):
        if goal is not None:
            assert found[name] == pytest.approx(goal[0], abs=goal[1] + slack), name


@pytest.mark.parametrize("name", sorted(WANTED))
def test_recorded(name):
    record = json.loads((ROOT / "docs" / "_results" / "claim_worlds.json").read_text())
    assert record[name]["histories"] >= 2500
    check(record[name], WANTED[name])


def test_recorded_walks():
    record = json.loads((ROOT / "docs" / "_results" / "claim_worlds.json").read_text())
    walks = record["independent walks"]
    assert walks["histories"] >= 2500
    assert walks["matured a year"] == pytest.approx(0.37, abs=0.03)
    assert walks["resolved within 252"] == pytest.approx(0.97, abs=0.015)
    assert walks["likelihood ratio of 5 of 5, at most"] <= 1.15
    speed = record["speed"]
    assert (speed["histories"], speed["rows"], speed["jobs"]) == (1000, 2500, 2)
    assert max(speed["test_claim, s"], speed["test_claims, s"]) < 60.0


@pytest.mark.parametrize("name", ["break .5 to 0", "DCC .4"])
def test_reduced(worlds, name):
    """A tenth of the histories: the standard error of a share is about .03."""
    check(worlds.shares(worlds.WORLDS[name], 300, 7), WANTED[name], slack=0.09)


def test_walks_reduced(worlds):
    found = worlds.walks(300, 7)
    assert found["matured a year"] == pytest.approx(0.37, abs=0.08)
    assert found["resolved within 252"] > 0.94


def test_against_a_loop_with_pandas(worlds):
    """The chart's rule read day by day from pandas' rolling correlations."""
    n = worlds.N_OBS
    paths = worlds.WORLDS["break .5 to 0"].replicate(60, np.random.default_rng(3))
    chart = worlds.Chart.on(n, "returns", 90, 252, 252, 126, worlds.CHART)
    for path in paths:
        x, y = (pd.Series(path[:, leg]) for leg in range(2))
        short, long = (x.rolling(w).corr(y).to_numpy() for w in (90, 252))
        expected, t = [], 251
        while t < n:
            if short[t] <= 0 and long[t] >= 0.3 and t != 251:
                expected.append(t)
                t += 253
            else:
                t += 1
        found = chart.read(path)
        assert found[:, 0].astype(int).tolist() == expected
        for row, first in zip(found, expected, strict=True):
            later = np.flatnonzero(short[first:] > 0)
            assert row[2] == (first + later[0] if later.size else n)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WANTED))
def test_in_full(worlds, name):
    check(worlds.shares(worlds.WORLDS[name], 10_000, 3), WANTED[name])


@pytest.mark.slow
def test_walks_in_full(worlds):
    found = worlds.walks(5000, 3)
    assert found["matured a year"] == pytest.approx(0.37, abs=0.03)
