"""Simulation-based calibration of the Bayesian regime models (Talts et al. 2018).

Parameters are drawn from the prior, a sample from the parameters, and the posterior of the sample
is drawn by NUTS. If all is right the rank of every true parameter among its posterior draws is
uniform. The log-likelihood at the truth is ranked too: it finds errors that parameters miss
(Modrak et al. 2023). With joint margins the parameters of the GARCH margins are drawn and ranked
too, and the samples are returns. The model is compiled once, the samples are exchanged::

    python benchmarks/sbc.py [--simulations 200] [--others 100] [--out docs/_results/sbc.json]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from regimecorr.kernels.garch import garch_paths
from regimecorr.kernels.paths import correlate
from regimecorr.models.bayes import RegimePriors, arviz_adapter
from regimecorr.models.bayes.chains import make_chain
from regimecorr.models.bayes.joint import JointMargins
from regimecorr.models.bayes.parameters import ParameterSpace
from regimecorr.models.bayes.sampling import quiet

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "sbc.json"
N_OBS = 400
# Posterior draws that a truth is ranked among; ranks 0 to 63 fall into 8 bins evenly.
N_RANKED = 63
BINS = 8
# Draws are added until the worst parameter has this effective size, at most five times.
WANTED_ESS = 100.0
MOST_ROUNDS = 5

# Durations that a sample of 400 rows can hold, so that the data speak.
SHORT = RegimePriors(durations=60.0, break_duration=300.0)
UNEVEN = RegimePriors(durations=(30.0, 120.0))
ONE_BREAK = RegimePriors(durations=200.0)
# Units and first variances of the legs are given, and chains begin at one place: mean 0,
# unconditional variance of the sample, persistence .88, share of alpha .14.
MARGINS = JointMargins(
    names=("A", "B"),
    returns=np.empty((0, 2)),
    scale=np.array([0.01, 0.02]),
    backcast=np.array([1e-4, 6e-4]),
    centre=np.outer([0.0, 0.0, 2.0, -1.8], np.ones(2)),
    spread=np.outer([0.05, 0.3, 0.4, 0.3], np.ones(2)),
)
CASES = {
    "recurrent, t": ParameterSpace(make_chain("recurrent", 2), SHORT, "t"),
    "recurrent, normal": ParameterSpace(make_chain("recurrent", 2), UNEVEN, "normal"),
    "recurrent, normal, three regimes": ParameterSpace(make_chain("recurrent", 3), SHORT, "normal"),
    "change points, t": ParameterSpace(make_chain("change_point", 2), ONE_BREAK, "t"),
    "change points, t, joint margins": ParameterSpace(
        make_chain("change_point", 2), ONE_BREAK, "t", MARGINS
    ),
    "nesting, t": ParameterSpace(make_chain("nesting", 3), SHORT, "t"),
}


def holding(space: ParameterSpace, data: np.ndarray) -> ParameterSpace:
    """The space with these returns in its joint margins, if it has any."""
    if space.margins is None:
        return space
    return replace(space, margins=replace(space.margins, returns=np.ascontiguousarray(data)))


def simulate(space: ParameterSpace, values: Mapping[str, Any], n: int, rng: Any) -> np.ndarray:
    """Residuals (n, 2) at one set of values (1, *shape); returns where margins are joint."""
    draws = space.regimes(values)
    states = np.empty(n, dtype=np.int64)
    for t in range(n):
        p = draws.start[0] if t == 0 else draws.transition[0, states[t - 1]]
        states[t] = rng.choice(p.size, p=p / p.sum())
    shocks = rng.standard_normal((n, 2))
    nu = draws.nu[0]
    if np.isfinite(nu):
        shocks *= np.sqrt((nu - 2.0) / rng.chisquare(nu, n))[:, None]
    z = correlate(shocks[None], draws.rho[0][states][None])[0]
    if draws.margins is None:
        return z
    only = np.zeros(1, dtype=np.int64)
    legs = [
        garch_paths(np.ascontiguousarray(z[None, :, i]), only, *leg, False)[0]
        for i, leg in enumerate(draws.margins.first())
    ]
    return np.column_stack(legs)


class Sampler:
    """NUTS on one compiled model, for one sample after the other."""

    def __init__(self, space: ParameterSpace, n_obs: int = N_OBS) -> None:
        with quiet():
            import pymc as pm

            from regimecorr.models.bayes.graph import build_model

            self.space, self.n_obs = space, n_obs
            blank = np.zeros((n_obs, 2))
            self.model, self.data = build_model(holding(space, blank), blank)
            self.step = pm.NUTS(model=self.model, target_accept=0.9)
            self.start = self.model.initial_point()
            transformed = self.model.unobserved_value_vars
            wanted = [v for v in transformed if v.name in space.blocks]
            self.names = [v.name for v in wanted]
            self.back = self.model.compile_fn(wanted, on_unused_input="ignore")

    def draw(self, data: np.ndarray, rng: Any, tune: int, draws: int) -> tuple[dict, float]:
        """Values by block (n, *shape), and the worst effective size."""
        self.data.set_value(np.ascontiguousarray(data))
        chain_rng = np.random.default_rng(rng.integers(2**31))
        with quiet():
            if hasattr(self.step, "setup_chain"):  # PyMC 6
                self.step.setup_chain(chain_rng, tune, draws)
            else:
                self.step.set_rng(chain_rng)
            self.step.reset_tuning()
            point = {k: x + rng.uniform(-1.0, 1.0, np.shape(x)) for k, x in self.start.items()}
            for _ in range(tune):
                point, _ = self.step.step(point)
            self.step.stop_tuning()
            found: list[list[np.ndarray]] = []
            for _ in range(MOST_ROUNDS):
                for _ in range(draws):
                    point, _ = self.step.step(point)
                    found.append([np.asarray(x) for x in self.back(point)])
                values = {n: np.array([x[i] for x in found]) for i, n in enumerate(self.names)}
                size = min(
                    arviz_adapter.ess(column[None], "bulk")
                    for x in values.values()
                    for column in x.reshape(len(x), -1).T
                )
                if size >= WANTED_ESS:
                    break
        return values, size


def flat(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One column (n,) by scalar parameter."""
    out = {}
    for name, x in values.items():
        columns = x.reshape(len(x), -1)
        for i in range(columns.shape[1]):
            out[f"{name}[{i}]" if columns.shape[1] > 1 else name] = columns[:, i]
    return out


def ranks(
    sampler: Sampler,
    simulations: int,
    *,
    truth: ParameterSpace | None = None,
    tune: int = 300,
    draws: int = 400,
    seed: int = 0,
) -> tuple[dict[str, list[int]], int]:
    """Ranks by parameter, and how many simulations fell short of the effective size.

    Parameters are drawn from ``truth``, by default from the prior that the sampler has.
    """
    rng = np.random.default_rng(seed)
    space = sampler.space
    source = space if truth is None else truth
    out: dict[str, list[int]] = {}
    short = 0
    for _ in range(simulations):
        true = source.sample(1, rng)
        data = simulate(source, true, sampler.n_obs, rng)
        values, size = sampler.draw(data, rng, tune, draws)
        short += size < WANTED_ESS
        total = len(next(iter(values.values())))
        keep = np.linspace(0, total - 1, N_RANKED).astype(int)
        some = {name: x[keep] for name, x in values.items()}
        ours, theirs = flat(some), flat(true)
        own = holding(space, data)
        ours["log_likelihood"] = own.regimes(some).log_likelihood(data)
        theirs["log_likelihood"] = own.regimes(true).log_likelihood(data)
        for name, column in ours.items():
            out.setdefault(name, []).append(int((column < theirs[name][0]).sum()))
    return out, short


def judge(found: Mapping[str, list[int]]) -> dict[str, Any]:
    """Chi-square p-values of uniformity by parameter, and the smallest, by Bonferroni."""
    table = {}
    for name, values in found.items():
        counts = np.bincount(np.array(values) * BINS // (N_RANKED + 1), minlength=BINS)
        table[name] = {
            "counts": counts.tolist(),
            "mean_rank": float(np.mean(values) / N_RANKED),
            "p_value": float(stats.chisquare(counts).pvalue),
        }
    least = min(row["p_value"] for row in table.values())
    return {"parameters": table, "p_bonferroni": min(1.0, least * len(table))}


def study(case: str, simulations: int, **options: Any) -> dict[str, Any]:
    """Calibration of one case."""
    found, short = ranks(Sampler(CASES[case]), simulations, **options)
    return {"simulations": simulations, "short_of_ess": short} | judge(found)


def write(path: Path, case: str, found: Mapping[str, Any]) -> None:
    """Put one case into the record; runs of other cases may write beside it."""
    record: dict[str, Any] = {"n_obs": N_OBS, "draws_ranked": N_RANKED, "bins": BINS, "cases": {}}
    if path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
    record["cases"][case] = found
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--simulations", type=int, default=200, help="of the recurrent chains")
    parser.add_argument("--others", type=int, default=100, help="of the other chains")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for case in arguments.cases:
        count = arguments.simulations if case.startswith("recurrent, ") else arguments.others
        found = study(case, count)
        p = found["p_bonferroni"]
        assert math.isfinite(p)
        print(f"{case}: p {p:.3f}, {found['short_of_ess']} short", flush=True)
        write(arguments.out, case, found)


if __name__ == "__main__":
    main()
