"""Do hyper-priors learned from the panel improve the raw pool? Empirical Bayes, by calendar block.

    python benchmarks/hyper_priors.py ../shared/data

Hazard of breaks and spread of new levels; half-life and spread of mean reversion; size of drift:
their priors are equal by default. Here they maximise the marginal likelihood of the pairs outside
each block of the calendar (EM), and the members' probabilities are averaged anew. Writes
docs/_results/hyper_priors.json; about ten minutes on one core.
"""

from __future__ import annotations

import argparse
import copy
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import logsumexp

from regimecorr.data.alignment import align
from regimecorr.errors import RegimeCorrWarning
from regimecorr.evaluation.backtest import HORIZON, SHORT_WINDOW, backtest
from regimecorr.evaluation.panel import read_panel
from regimecorr.evaluation.pool import SPECS
from regimecorr.evaluation.readings import Events
from regimecorr.evaluation.samples import calendar_folds
from regimecorr.evaluation.scorecard import score_table
from regimecorr.events import situation
from regimecorr.formatting import plain
from regimecorr.models.margins import GARCH

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results"
CELLS = {
    "break": ["hazard", "level_sd"],
    "reverting": ["phi", "spread"],
    "drift": ["sigma"],
}
N_PATHS = 400


def cells(prices: pd.DataFrame, seed: int) -> dict[str, dict[tuple[float, ...], Any]]:
    """Log marginal likelihood and probability of every cell of hyper-parameters, by member."""
    warnings.simplefilter("ignore", RegimeCorrWarning)
    pair = align(prices)
    here = situation(np.ascontiguousarray(pair.returns.to_numpy()), SHORT_WINDOW, 252)
    events = Events(pair, "returns", here, SHORT_WINDOW, HORIZON)
    rise = -1.0 if pair.returns.iloc[:, 1].sum() < 0 else 1.0
    flip = np.array([here.sign * rise, rise])
    oriented = pair.returns * flip
    margins = GARCH().fit(oriented)
    found: dict[str, dict[tuple[float, ...], Any]] = {}
    for name, columns in CELLS.items():
        fit = SPECS[name].fit(oriented, margins=margins)
        table, posterior = fit._settings.table[columns].round(10), fit._posterior
        found[name] = {}
        for cell, group in table.groupby(columns).groups.items():
            mine = table.index.isin(group)
            mass = posterior[mine].sum()
            prior = logsumexp(fit._settings.log_prior[mine])
            p = np.nan
            if mass > 1e-12:
                part = copy.copy(fit)
                part.__dict__["_posterior"] = np.where(mine[:, None], posterior, 0.0) / mass
                futures = part.simulate(
                    N_PATHS,
                    HORIZON,
                    np.random.default_rng([7, seed]),
                    n_draws=100,
                    recent=SHORT_WINDOW,
                )
                futures.returns[:] *= flip
                futures.correlation[:] *= flip.prod()
                p = float(events.chance(futures).mean())
            key = cell if isinstance(cell, tuple) else (cell,)
            found[name][key] = (fit.score + np.log(max(mass, 1e-300)) - prior, p)
    return found


def averaged(found: list[Any], name: str, frame: pd.DataFrame) -> tuple[Any, Any, Any]:
    """A member's probabilities under equal and under learned priors; the last priors learned."""
    keys = sorted(found[0][name])
    log = np.array([[one[name][k][0] for k in keys] for one in found])
    p = np.nan_to_num(np.array([[one[name][k][1] for k in keys] for one in found]), nan=0.5)
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))

    def weights(prior: Any, rows: Any) -> Any:
        w = likelihood[rows] * prior
        return w / w.sum(axis=1, keepdims=True)

    equal = np.full(len(keys), 1.0 / len(keys))
    everything = np.arange(len(found))
    flat = (weights(equal, everything) * p).sum(axis=1)
    learned, prior = np.full(len(found), np.nan), equal
    dates, matured = (pd.DatetimeIndex(frame[c]) for c in ("date", "matured"))
    for fold in calendar_folds(dates, 5, 400):
        outside = np.flatnonzero(fold.outside(dates, matured))
        inside = np.flatnonzero(fold.inside(dates))
        prior = equal
        for _ in range(300):
            prior = weights(prior, outside).mean(axis=0)
        learned[inside] = (weights(prior, inside) * p[inside]).sum(axis=1)
    return flat, learned, {str(k): round(float(v), 3) for k, v in zip(keys, prior, strict=True)}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", type=Path, default=RESULTS / "backtest.jsonl")
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    prices = pd.read_csv(arguments.folder / "panel_daily.csv", index_col=0, parse_dates=True)
    panel = read_panel(prices)
    raw = backtest(panel, ages=(0,), store=arguments.store, calibration=None)
    frame = raw.matured.reset_index(drop=True)
    found = Parallel(n_jobs=arguments.n_jobs, verbose=1)(
        delayed(cells)(panel.table.loc[: r.date, [r.asset, r.benchmark]].dropna(), i)
        for i, r in enumerate(frame.itertuples())
    )
    members = frame[[f"p_{m}" for m in SPECS]].to_numpy(dtype=float)
    weights = frame[[f"weight_{m}" for m in SPECS]].to_numpy(dtype=float)
    columns, priors = {}, {}
    for name in CELLS:
        columns[f"{name}, equal"], columns[f"{name}, learned"], priors[name] = averaged(
            found, name, frame
        )
        members[:, list(SPECS).index(name)] = columns[f"{name}, learned"]
    columns["pool, equal"] = frame["p_raw"].to_numpy(dtype=float)
    columns["pool, learned"] = (weights * members).sum(axis=1)
    table = frame.assign(**columns)
    names = list(columns)
    scored = score_table(table[table["sign"] > 0], names, references=("in_sample",))
    record = {"scores": plain(scored), "priors": priors, "n_paths": N_PATHS}
    (RESULTS / "hyper_priors.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
