"""Sizes on record are right, and the simulation that made them runs.

The simulation is benchmarks/constancy_size.py.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def record():
    path = ROOT / "docs" / "_results" / "constancy_size.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def simulation():
    path = ROOT / "benchmarks" / "constancy_size.py"
    spec = importlib.util.spec_from_file_location("constancy_size", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "constancy_size", module)
        patch.syspath_prepend(path.parent)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.slow
class TestRecord:
    def test_default_forms_have_the_right_size(self, record):
        """3 to 7 % at 5 % on GARCH-t5 returns of 1,000 rows, margins fitted, 1,000 runs or more."""
        for method, row in record["size"]["GARCH-t5"]["default"].items():
            assert row["n"] >= 1000, method
            assert 0.03 <= row["5%"] <= 0.07, method

    def test_textbook_forms_are_off_where_they_are_said_to_be(self, record):
        textbook = record["size"]["GARCH-t5"]["textbook"]
        assert textbook["bera_kim"]["5%"] > 0.95
        assert textbook["sup_lm"]["5%"] > 0.2
        assert textbook["sup_wald"]["5%"] > 0.2
        assert textbook["known_date, 250 after"]["5%"] > 0.12
        assert record["size"]["not elliptical"]["default"]["bera_kim"]["5%"] > 0.5

    def test_published_figures(self, record):
        for name, row in record["published"].items():
            allowed = 4.0 * row["s.e."] + 0.1 * row["published"]
            assert row["ours"] == pytest.approx(row["published"], abs=allowed), name

    def test_methods_see_what_they_are_for(self, record):
        power = {
            world: {m: row["5%"] for m, row in block["default"].items()}
            for world, block in record["power"].items()
        }
        middle = power["break .5 to .7 in the middle"]
        assert min(middle[m] for m in ("fluctuation", "spearman", "sup_lm", "sup_wald")) > 0.7
        moving = power["DCC a .05, b .90 about .4"]
        assert moving["engle_sheppard"] > moving["fluctuation"]
        assert power["0 or .8 anew every day"]["bera_kim"] > 0.95


@pytest.mark.slow
class TestSimulation:
    """What the record says is what the code does today: the tests are run again."""

    def agree(self, found, recorded):
        for method, row in found.items():
            share, noted = row["5%"], recorded[method]
            error = np.hypot(row["5%, s.e."], noted["5%, s.e."])
            assert share == pytest.approx(noted["5%"], abs=4.0 * error), method

    def test_sizes(self, simulation, record):
        """1,000 samples; 3 to 7 %, and two standard errors of the simulation."""
        found = simulation.by_method(simulation.along(simulation.constant), (True,), 1000, 1)
        self.agree(found["default"], record["size"]["GARCH-t5"]["default"])
        for method, row in found["default"].items():
            error = row["5%, s.e."]
            assert 0.03 - 2.0 * error <= row["5%"] <= 0.07 + 2.0 * error, method

    @pytest.mark.parametrize("world", ["break .5 to .7 in the middle", "DCC a .05, b .90 about .4"])
    def test_powers(self, world, simulation, record):
        found = simulation.by_method(simulation.POWER[world], (True,), 200, 1)
        self.agree(found["default"], record["power"][world]["default"])


def test_the_simulation_runs_and_does_not_depend_on_the_processes(simulation):
    one, two = (
        simulation.by_method(simulation.along(simulation.constant), (True,), 2, n_jobs)
        for n_jobs in (1, 2)
    )
    assert one == two
    assert set(one["default"]) == set(simulation.METHODS)


def test_worlds_have_the_correlations_they_say(simulation):
    rng = np.random.default_rng(0)
    assert simulation.drift(rng)[[0, -1]].tolist() == [0.6, 0.2]
    assert 0.35 < simulation.daily(rng).mean() < 0.45
    assert set(simulation.regimes(rng)) == {0.7, 0.1}
    z = np.concatenate([simulation.not_elliptical(rng) for _ in range(20)])
    assert np.corrcoef(z.T)[0, 1] == pytest.approx(0.45, abs=0.03)
    dcc = np.corrcoef(simulation.dcc(rng).to_numpy().T)[0, 1]
    assert 0.2 < dcc < 0.6
