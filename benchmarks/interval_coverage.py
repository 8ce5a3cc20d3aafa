"""Does the interval of a verdict contain the probability computed under the true parameters?

Run it in an environment in which the package is installed::

    python benchmarks/interval_coverage.py [--n 200] [--n-jobs 1] [--out FILE]

Every world is drawn from one of the pool's own members (in turn), its parameters evenly from
`RANGES`, and has GARCH(1,1) margins with bivariate t shocks. It is drawn anew until its last row is
in state divergent or strained: the day is a random one of those, chosen by the past alone.

The truth is the probability of a structural divergence given the returns to the day under the true
model, at its true parameters and margins: the state is drawn from its filtering distribution, and
futures are simulated. Constant correlation and DCC have no hidden state, Hamilton's filter is exact
for two regimes. Breaks are filtered on a fine grid; Fisher z that follows an AR(1) or a random walk
on a grid no coarser than a step's standard deviation, with the steps' own normal law (the package's
grid takes a birth-death chain; ``p_package`` is what that makes of the same truth).

Intervals are those of ``assess(calibration=None)``: of the full pool, of the pool with all prior
weight on the true family, and on the true member (parameters' uncertainty only).
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One thread a process, before the libraries are loaded: the matrices are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.sparse import csr_array

from regimecorr.data.alignment import align
from regimecorr.errors import ConvergenceWarning
from regimecorr.evaluation.backtest import HORIZON, LONG_WINDOW, SHORT_WINDOW
from regimecorr.evaluation.final import final_probability
from regimecorr.evaluation.pair_pool import pool_of
from regimecorr.evaluation.pool import OUTER_DRAWS, SPECS, Pool
from regimecorr.evaluation.pooling import (
    FAMILIES,
    member_priors,
    pool_weights,
    probability_interval,
    without_noise,
)
from regimecorr.evaluation.readings import Events
from regimecorr.events import series_on_basis, situation
from regimecorr.kernels.density import density_table
from regimecorr.kernels.garch import garch_path
from regimecorr.kernels.grid import grid_filter
from regimecorr.kernels.paths import autoregressive_paths, break_paths, correlate
from regimecorr.models._garch_fit import Margin
from regimecorr.models.base import Array, Futures, Noise
from regimecorr.models.grid import Z_LIMIT, fisher_grid, normal_weights
from regimecorr.models.margins import MarginsResult, identity_margins

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "interval_coverage.json"
N_OBS = (1750, 2250)
N_PATHS = 1000
N_TRUE = 40_000
STATES = ("divergent", "strained")
MEMBERS = tuple(SPECS)
FAMILY_OF = {member: family for family, members in FAMILIES.items() for member in members}
#: Members that are given with their state: nothing is hidden, or a finite chain is.
EXACT = ("constant", "dcc", "switching")
#: Ranges of the true parameters; those of `LOGARITHMIC` are even in logarithms. ``target``,
#: ``mean``, ``start`` and the levels are correlations but ``level_mean`` (Fisher z, as the spreads
#: are); stays, durations and half-lives are in rows; ``annual_sd`` is that of a year's drift.
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "constant": {"rho": (0.25, 0.6)},
    "dcc": {"target": (0.25, 0.6), "a": (0.015, 0.06), "half_life": (20.0, 200.0)},
    "reverting": {"mean": (0.2, 0.6), "half_life": (20.0, 200.0), "spread": (0.1, 0.4)},
    "switching": {
        "high": (0.4, 0.7),
        "low": (-0.15, 0.15),
        "stay_high": (250.0, 1000.0),
        "stay_low": (60.0, 300.0),
    },
    "break": {"duration": (200.0, 2000.0), "level_mean": (0.1, 0.5), "level_sd": (0.25, 0.5)},
    "drift": {"start": (0.2, 0.6), "annual_sd": (0.1, 0.6)},
}
LOGARITHMIC = ("half_life", "stay_high", "stay_low", "duration", "annual_sd")
#: Spread of the random walk's first state around ``start``, in Fisher z.
START_SPREAD = 0.25
#: Range of 1 / nu.
TAILS = (0.02, 0.2)
#: Daily volatility of the legs in the long run, and the ranges of their GARCH parameters.
DAILY, ALPHA, BETA, MU = (0.03, 0.012), (0.04, 0.09), (0.87, 0.90), 0.0002
#: Concentrations of the weights tried beside that of the package.
CONCENTRATIONS = (float("inf"), 5.0, 3.0, 2.0, 1.0, 0.5, 0.0)
_CELLS = 531
_CHUNK = 10_000
#: Standard deviations at which the law of a step is cut off.
_REACH = 8.0


@dataclass(frozen=True)
class World:
    """A member of the pool at its true parameters, as ``spec.filter`` takes them, and margins."""

    member: str
    params: dict[str, float]
    garch: tuple[Array, Array]  # mu, omega, alpha, gamma, beta, nu
    options: dict[str, float]

    def daily_variance(self, leg: int) -> float:
        """Variance in the long run, with which a history begins."""
        _, omega, alpha, _, beta, _ = self.garch[leg]
        return float(omega / (1.0 - alpha - beta))

    def margins(self, returns: pd.DataFrame) -> MarginsResult:
        """Take the true margins of returns; nothing in them is estimated."""
        legs = tuple(
            Margin(
                str(name),
                "GARCH",
                np.ascontiguousarray(returns[name].to_numpy()),
                theta,
                (),
                np.empty((0, 0)),
                self.daily_variance(leg),
            )
            for leg, (name, theta) in enumerate(zip(returns.columns, self.garch, strict=True))
        )
        return MarginsResult(returns, legs)


@dataclass(frozen=True)
class Case:
    """One world: truth, verdicts, and what the intervals are made of."""

    number: int
    world: World
    tries: int
    n_obs: int
    state: str
    p_true: float
    p_package: float
    verdicts: dict[str, tuple[float, float, float]]  # p, low, high
    weights: dict[str, float]
    outer: dict[str, Array]  # by member, as `Member.outer`


# ---- worlds --------------------------------------------------------------------------------------


def draw_world(member: str, rng: np.random.Generator) -> World:
    """Draw the parameters of a world."""
    drawn = {}
    for name, (low, high) in RANGES[member].items():
        if name in LOGARITHMIC:
            drawn[name] = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        else:
            drawn[name] = float(rng.uniform(low, high))
    options = {"target": drawn["target"]} if member == "dcc" else {}
    params = _as_filtered(member, drawn) | {"nu": float(1.0 / rng.uniform(*TAILS))}
    legs = []
    for daily in DAILY:
        alpha, beta = rng.uniform(*ALPHA), rng.uniform(*BETA)
        omega = (1.0 - alpha - beta) * daily**2
        legs.append(np.array([MU, omega, alpha, 0.0, beta, np.inf]))
    return World(member, params, (legs[0], legs[1]), options)


def _as_filtered(member: str, drawn: dict[str, float]) -> dict[str, float]:
    """Parameters under the names that ``spec.filter`` knows."""
    if member == "dcc":
        return {"a": drawn["a"], "b": 0.5 ** (1.0 / drawn["half_life"]) - drawn["a"]}
    if member == "reverting":
        phi, spread = 0.5 ** (1.0 / drawn["half_life"]), drawn["spread"]
        sigma = spread * float(np.sqrt(1.0 - phi**2))
        mean = float(np.arctanh(drawn["mean"]))
        return {"mean": mean, "phi": phi, "sigma": sigma, "spread": spread}
    if member == "switching":
        stay = {f"p_{name}": 1.0 - 1.0 / drawn[f"stay_{name}"] for name in ("low", "high")}
        return {"rho_low": drawn["low"], "rho_high": drawn["high"], **stay}
    if member == "break":
        hazard = 1.0 / drawn.pop("duration")
        return {"hazard": hazard, **drawn}
    if member == "drift":
        sigma = drawn["annual_sd"] / float(np.sqrt(252.0))
        mean = float(np.arctanh(drawn["start"]))
        return {"mean": mean, "phi": 1.0, "sigma": sigma, "spread": START_SPREAD}
    return drawn


def latent_paths(world: World, start: Array, horizon: int, noise: Noise) -> Array:
    """Correlations (n_paths, horizon) that follow Fisher z ``start`` (n_paths,)."""
    p = {name: np.array([value]) for name, value in world.params.items()}
    one = np.zeros(start.size, dtype=np.int64)
    normals = noise.normal(horizon)
    if world.member == "break":
        levels = p["level_mean"], p["level_sd"]
        uniforms = noise.uniform(horizon)
        out = break_paths(start, one, p["hazard"], *levels, uniforms, normals, Z_LIMIT)
    else:
        step = p["mean"], p["phi"], p["sigma"]
        out = autoregressive_paths(start, one, *step, normals, Z_LIMIT)
    return np.asarray(out)


def history(world: World, n_obs: int, rng: np.random.Generator) -> pd.DataFrame:
    """Simulate the prices of a world, from the first row of its model's own law."""
    if world.member in EXACT:
        some = identity_margins(rng.standard_normal((250, 2)))  # a carrier of the parameters
        spec = SPECS[world.member]
        carrier = spec.filter(some.returns, world.params, margins=some, **world.options)
        z = carrier.replicate(1, rng, n_obs=n_obs).returns[0]
    else:
        noise = Noise(1, 1, rng)
        mean, spread = _first_law(world)
        first = np.clip(mean + spread * noise.normal(), -Z_LIMIT, Z_LIMIT)
        rho = np.tanh(first)[:, None]
        rho = np.hstack([rho, latent_paths(world, first, n_obs - 1, noise)])
        z = correlate(noise.shocks(np.array([world.params["nu"]]), n_obs), rho)[0]
    out = np.empty_like(z)
    for leg, (mu, omega, alpha, gamma, beta, _) in enumerate(world.garch):
        begin = world.daily_variance(leg)
        shocks = np.ascontiguousarray(z[:, leg])
        garch_path(shocks, mu, omega, alpha, gamma, beta, begin, False, out[:, leg])
    dates = pd.bdate_range("2000-01-03", periods=n_obs + 1, name="date")
    logs = np.vstack([np.zeros(2), np.cumsum(out, axis=0)])
    return pd.DataFrame(100.0 * np.exp(logs), index=dates, columns=["A", "B"])


def find_day(
    member: str, rng: np.random.Generator, n_obs: tuple[int, int] = N_OBS
) -> tuple[World, pd.DataFrame, int]:
    """Draw worlds until the last row of one is divergent or strained; how many it took."""
    tries = 0
    while True:
        tries += 1
        world = draw_world(member, rng)
        prices = history(world, int(rng.integers(n_obs[0], n_obs[1] + 1)), rng)
        returns = np.diff(np.log(prices.to_numpy()), axis=0)
        if situation(returns, SHORT_WINDOW, LONG_WINDOW).state in STATES:
            return world, prices, tries


# ---- the true probability ------------------------------------------------------------------------


def _first_law(world: World) -> tuple[float, float]:
    """Mean and standard deviation of the first Fisher z."""
    p = world.params
    return (p["level_mean"], p["level_sd"]) if world.member == "break" else (p["mean"], p["spread"])


def filtered_state(world: World, z: Array) -> tuple[Array, Array]:
    """Fisher z grid and its probabilities after the last row of the true residuals (n_obs, 2)."""
    p = world.params
    size = _CELLS
    if world.member != "break":
        size = max(size, int(np.ceil(2.0 * Z_LIMIT / p["sigma"])) + 1)
    grid = fisher_grid(size)
    rho = np.tanh(grid)
    start = normal_weights(grid, *_first_law(world))
    table, top = density_table(z, rho, p["nu"])
    if world.member == "break":
        still = np.zeros(size)
        moves = p["hazard"], start, still, still
        return grid, grid_filter(z, table, top, rho, p["nu"], start, *moves, 1, 0)[2][0]
    step = _normal_steps(grid, p["mean"] + p["phi"] * (grid - p["mean"]), p["sigma"])
    state = start
    for t, row in enumerate(table):
        state = row * (state if t == 0 else step @ state)
        state = state / state.sum()
    return grid, state


def _normal_steps(grid: Array, centre: Array, sigma: float) -> csr_array:
    """Transition (to, from) of ``clip(N(centre, sigma^2))``; what is beyond the grid is its end.

    The cells are no wider than sigma, so point values of the density make sums as good as
    integrals.
    """
    cell = grid[1] - grid[0]
    reach = int(np.ceil(_REACH * sigma / cell)) + 1
    nearest = np.rint((centre - grid[0]) / cell).astype(np.int64)
    to = nearest[:, None] + np.arange(-reach, reach + 1)
    value = np.exp(-0.5 * ((grid[0] + to * cell - centre[:, None]) / sigma) ** 2)
    value /= value.sum(axis=1, keepdims=True)
    came = np.repeat(np.arange(grid.size), to.shape[1])
    went = np.clip(to, 0, grid.size - 1).ravel()
    return csr_array((value.ravel(), (went, came)), shape=(grid.size, grid.size))


def true_probability(
    world: World, returns: pd.DataFrame, events: Events, n_paths: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Share of structural futures under the true world, exact and by the package's own filter."""
    margins = world.margins(returns)
    spec = SPECS[world.member]
    package = spec.filter(returns, world.params, margins=margins, **world.options)
    law = None if world.member in EXACT else filtered_state(world, np.ascontiguousarray(margins.z))
    sizes = [min(_CHUNK, n_paths - done) for done in range(0, n_paths, _CHUNK)]
    exact, own = 0.0, 0.0
    for size in sizes:
        futures = package.simulate(size, events.horizon, rng.spawn(1)[0], n_draws=1)
        own += float(events.structural(futures).sum())
        if law is not None:
            futures = _futures(world, margins, *law, size, events.horizon, rng.spawn(1)[0])
            exact += float(events.structural(futures).sum())
    return (own if law is None else exact) / n_paths, own / n_paths


def _futures(
    world: World,
    margins: MarginsResult,
    grid: Array,
    state: Array,
    n_paths: int,
    horizon: int,
    rng: np.random.Generator,
) -> Futures:
    """Futures of a world with a hidden state, from its filtering distribution."""
    noise = Noise(n_paths, 1, rng)
    cells = np.searchsorted(np.cumsum(state), noise.uniform() * state.sum(), side="right")
    start = grid[np.minimum(cells, grid.size - 1)] + (noise.uniform() - 0.5) * (grid[1] - grid[0])
    rho = latent_paths(world, start, horizon, noise)
    z = correlate(noise.shocks(np.array([world.params["nu"]]), horizon), rho)
    returns = margins.paths(z, noise.draw, margins.draw(1, rng))
    return Futures(returns, rho, np.full(n_paths, np.nan), noise.draw)


# ---- verdicts and their coverage -----------------------------------------------------------------


def judge(
    number: int,
    seed: int = 0,
    n_paths: int = N_PATHS,
    n_true: int = N_TRUE,
    n_obs: tuple[int, int] = N_OBS,
) -> Case:
    """Make one world, its true probability and the verdicts' intervals."""
    member = MEMBERS[number % len(MEMBERS)]
    rng = np.random.default_rng([seed, number])
    world, prices, tries = find_day(member, rng, n_obs)
    pair = align(prices)
    here = situation(series_on_basis(pair, "returns"), SHORT_WINDOW, LONG_WINDOW)
    events = Events(pair, "returns", here, SHORT_WINDOW, HORIZON)
    p_true, p_package = true_probability(world, pair.returns, events, n_true, rng)
    # The streams of `assess(prices, calibration=None, n_paths=n_paths, rng=number)`.
    for_pool, _ = np.random.default_rng(number).spawn(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        pool = pool_of(
            pair.returns, events, SPECS, member_priors(None), n_paths=n_paths, rng=for_pool
        )
    scores = {name: m.score for name, m in pool.members.items()}
    priors = {
        "pool": member_priors(None),
        "family": member_priors({FAMILY_OF[member]: 1.0}),
        "member": {name: float(name == member) for name in MEMBERS},
    }
    found = {}
    for which, prior in priors.items():
        _, for_weights = np.random.default_rng(number).spawn(2)
        weighted = Pool(pool.members, pool_weights(scores, prior))
        final = final_probability(weighted, events, None, for_weights)
        found[which] = (final.p_raw, *final.interval)
    return Case(
        number=number,
        world=world,
        tries=tries,
        n_obs=len(pair.returns),
        state=here.state,
        p_true=p_true,
        p_package=p_package,
        verdicts=found,
        weights=pool.weights,
        outer={m.name: m.outer for m in pool.alive()},
    )


def cases(
    n: int,
    seed: int = 0,
    n_paths: int = N_PATHS,
    n_true: int = N_TRUE,
    n_obs: tuple[int, int] = N_OBS,
    n_jobs: int = 1,
) -> list[Case]:
    """Judge worlds 0 to n - 1; world i has the seed ``[seed, i]``, whatever ``n_jobs``."""
    work = Parallel(n_jobs=n_jobs)
    return list(work(delayed(judge)(i, seed, n_paths, n_true, n_obs) for i in range(n)))


def figures(intervals: Sequence[tuple[float, float, float]], true: Array) -> dict[str, Any]:
    """Coverage of true probabilities by intervals (p, low, high), with its binomial error."""
    p, low, high = np.array(intervals).T
    share = float(np.mean((low <= true) & (true <= high)))
    varied = len(true) > 1 and p.std() > 0 and true.std() > 0
    return {
        "n": len(true),
        "covered": round(share * len(true)),
        "coverage": round(share, 4),
        "error": round(float(np.sqrt(share * (1.0 - share) / len(true))), 4),
        "true above": int((true > high).sum()),
        "true below": int((true < low).sum()),
        "mean width": round(float((high - low).mean()), 4),
        "mean p": round(float(p.mean()), 4),
        "mean true p": round(float(true.mean()), 4),
        "mean |p - true p|": round(float(np.abs(p - true).mean()), 4),
        "correlation": round(float(np.corrcoef(p, true)[0, 1]), 4) if varied else None,
    }


def with_concentration(case: Case, concentration: float) -> tuple[float, float, float]:
    """Return the full pool's interval with another concentration of the drawn weights.

    Infinite: the weights themselves. 0: one member at a time, drawn by its weight.
    """
    names = list(case.outer)
    weights = np.array([case.weights[name] for name in names])
    rng = np.random.default_rng(case.number)
    shape = (OUTER_DRAWS, len(names))
    if np.isinf(concentration):
        drawn = np.broadcast_to(weights, shape)
    elif concentration == 0.0:
        drawn = np.eye(len(names))[rng.choice(len(names), OUTER_DRAWS, p=weights)]
    else:
        gammas = rng.standard_gamma(concentration * np.maximum(weights, 1e-12), shape)
        drawn = gammas / gammas.sum(axis=1, keepdims=True)
    halves = np.einsum("dm,mdh->dh", drawn, np.array([case.outer[name] for name in names]))
    p = case.verdicts["pool"][0]
    return (p, *probability_interval(without_noise(halves[:, 0], halves[:, 1], p), p))


def summarise(found: Sequence[Case]) -> dict[str, Any]:
    """Figures of all worlds and by member, and by the concentration of the weights."""
    true = np.array([c.p_true for c in found])
    member = np.array([c.world.member for c in found])
    tries = {m: float(np.mean([c.tries for c in found if c.world.member == m])) for m in MEMBERS}
    # The members as they would be met on such days: by prior, and by how often they lead to them.
    met = np.array([member_priors(None)[m] / tries[m] / np.mean(member == m) for m in member])
    out: dict[str, Any] = {"worlds a day takes": {m: round(t, 1) for m, t in tries.items()}}
    for which in ("pool", "family", "member"):
        intervals = [c.verdicts[which] for c in found]
        _, low, high = np.array(intervals).T
        inside = (low <= true) & (true <= high)
        out[which] = figures(intervals, true)
        out[which]["coverage as met"] = round(float(np.average(inside, weights=met)), 4)
        out[which]["by member"] = {
            m: figures([c.verdicts[which] for c in found if c.world.member == m], true[member == m])
            for m in MEMBERS
        }
    out["by concentration of the weights"] = {
        str(c): figures([with_concentration(case, c) for case in found], true)
        for c in CONCENTRATIONS
    }
    hidden = [c.p_true - c.p_package for c in found if c.world.member not in EXACT]
    out["exact less package filter"] = {
        "mean": round(float(np.mean(hidden)), 4),
        "root mean square": round(float(np.sqrt(np.mean(np.square(hidden)))), 4),
        "largest": round(float(np.max(np.abs(hidden))), 4),
    }
    out["mean weights"] = {
        m: {
            k: round(float(np.mean([c.weights[k] for c in found if c.world.member == m])), 3)
            for k in MEMBERS
        }
        for m in MEMBERS
    }
    return out


def row(case: Case) -> dict[str, Any]:
    """One world in the record."""
    values = {k: float(f"{v:.5g}") for k, v in (case.world.params | case.world.options).items()}
    return {
        "number": case.number,
        "truth": case.world.member,
        "params": values,
        "n_obs": case.n_obs,
        "state": case.state,
        "true p": round(case.p_true, 4),
        "weight": round(case.weights[case.world.member], 4),
        **{which: [round(v, 4) for v in three] for which, three in case.verdicts.items()},
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-paths", type=int, default=N_PATHS)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    if given.n < len(MEMBERS):
        parser.error(f"--n={given.n} must be at least {len(MEMBERS)}: one world of every member")
    found = cases(given.n, given.seed, given.n_paths, n_jobs=given.n_jobs)
    record = {"n": given.n, "seed": given.seed, "n_paths": given.n_paths, "n_true": N_TRUE}
    record |= {"n_obs": N_OBS, "ranges": RANGES} | summarise(found)
    print(json.dumps(record, indent=1))
    rows = ",\n  ".join(json.dumps(row(case)) for case in found)
    text = json.dumps(record, indent=1).removesuffix("\n}")
    given.out.write_text(f'{text},\n "worlds": [\n  {rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()
