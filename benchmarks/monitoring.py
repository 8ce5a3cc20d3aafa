"""False alarms and delays of `monitor`, and of two rules read off a chart, by simulation.

Run it in an environment in which the package is installed::

    python benchmarks/monitoring.py [--n 1000] [--n-jobs 1] [--out docs/_results/...json]

Four parts; a history of m rows, then a period of B m rows:

quiet
    Nothing changes: returns with GARCH(1,1) volatility, a correlation of .4 and t(5) or normal
    shocks, and, where the level is not meant to hold, a DCC about .4. Share of periods with an
    alarm.
breaks
    t(5) shocks, one break after k rows of a period as long as the history, half as many samples.
    Alarms before it, alarms after it, their delay and the error of the estimated date.
published
    Sizes of the textbook form on the design of Wied and Galeano (2013), Table 2: two independent
    GARCH(1,1) series with normal shocks times the symmetric square root of a correlation of .5.
    Beside it the same with the more persistent GARCH parameters of `simulate` ("persistent"), and
    with these and only the second series mixed ("one-sided"). Table and design as quoted by
    polars-online, docs/REGIMES.md and scripts/regime_experiments.py
    (github.com/hgilde/polars-online).
critical values
    Table 1 of the paper, as quoted there (crates/online-core/src/boundary.rs), beside ours.

Every sample is seeded on its own; figures do not depend on the number of processes. A sample of
every cell, breaks by half, takes about three seconds of one core.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# One thread a process, before the libraries are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from constancy_size import Rng, along, dcc, parallel

import regimecorr as rc
from regimecorr.inference.monitoring import Monitor
from regimecorr.inference.monitoring.boundary import critical_value
from regimecorr.inference.monitoring.online import run_lengths
from regimecorr.inference.monitoring.options import make_options
from regimecorr.kernels.garch import garch_path
from regimecorr.kernels.rolling import rolling_pearson
from regimecorr.models.base import Array
from regimecorr.worlds import _BURN, _innovations

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "monitoring.json"
#: Histories of each quiet world.
QUIET = {"GARCH-t5": (500, 1000), "GARCH-normal": (500,), "DCC a .03, b .95": (500,)}
LENGTHS = (0.5, 1.0)
BREAKS = ((0.6, 0.0), (0.5, 0.25))
#: Rows from the start to the break, by history.
AFTER = {500: (0, 125, 250), 1000: (125,)}
WINDOW = 90
ALPHA = 0.05
THRESHOLDS = (0.8, 0.9, 0.95, 0.99)
#: Detectors of sums: options of `monitor`, and whether it is given the residuals.
SUMS: dict[str, tuple[dict[str, Any], bool]] = {
    "page": ({"method": "page"}, False),
    "page, gamma 0": ({"method": "page", "gamma": 0.0}, False),
    "page, gamma .45": ({"method": "page", "gamma": 0.45}, False),
    "cusum": ({"method": "cusum"}, False),
    "cusum, textbook": ({"method": "cusum", "robust": False}, False),
    "cusum, correlations of residuals": ({"method": "cusum", "robust": False}, True),
}
PAPER_LENGTHS = (0.5, 1.0, 2.0, 4.0)
#: Wied and Galeano's critical values at 5 % by gamma (the lengths above), their Table 1.
PAPER_VALUES = {
    0.0: (1.2870, 1.5578, 1.8158, 1.9980),
    0.25: (1.8001, 1.9924, 2.1684, 2.2467),
    0.45: (2.6282, 2.6844, 2.7215, 2.7660),
}
#: Their sizes by history and gamma (the lengths above), their Table 2.
PAPER_SIZES = {
    250: {
        0.0: (0.059, 0.077, 0.066, 0.063),
        0.25: (0.075, 0.075, 0.087, 0.073),
        0.45: (0.169, 0.174, 0.164, 0.161),
    },
    500: {
        0.0: (0.058, 0.069, 0.054, 0.071),
        0.25: (0.079, 0.064, 0.063, 0.077),
        0.45: (0.125, 0.136, 0.138, 0.128),
    },
}
#: ARCH and GARCH coefficients of the two series of their design.
PAPER_GARCH = ((0.05, 0.80), (0.10, 0.75))

#: Rows from the start to the alarm and to the estimated change, each None if there is none.
Alarm = tuple[int | None, int | None]
NONE: Alarm = (None, None)


# ------------------------------------------------------------------------------- alarms
def first(condition: Any) -> Alarm:
    """First row at which a condition holds, without a date."""
    rows = np.flatnonzero(condition)
    return (int(rows[0]), None) if rows.size else NONE


def crossings(watch: Monitor, lengths: tuple[float, ...]) -> list[Alarm]:
    """Alarms of a detector of sums by length of the period, the last of them that of the monitor.

    A shorter period has the same detector and a lower critical value; its alarm is not dated.
    """
    m, gamma = watch.n_history, float(watch.settings["gamma"])
    values = [critical_value(watch.method, gamma, length, ALPHA) for length in lengths]
    ratio = (watch.path["detector"] / watch.path["boundary"]).to_numpy() * values[-1]
    found = [
        first(ratio[: round(length * m)] > value)
        for length, value in zip(lengths, values, strict=True)
    ]
    own = NONE if watch.alarm is None else (watch.alarm - m, watch.change - m)
    return [*found[:-1], own]


def chart_alarms(returns: pd.DataFrame, m: int, stop: int) -> dict[str, Alarm]:
    """Rules of a chart: the 90-row correlation below zero, or below half that of the history."""
    x, y = np.ascontiguousarray(returns.to_numpy().T)
    reference = float(np.corrcoef(x[:m], y[:m])[0, 1])
    rolling = rolling_pearson(x, y, WINDOW)[m : m + stop]
    return {
        "chart: 90 rows below zero": first(rolling < 0.0),
        "chart: 90 rows below half": first(rolling < 0.5 * reference),
    }


def alarms(returns: pd.DataFrame, m: int, lengths: tuple[float, ...]) -> dict[str, list[Alarm]]:
    """Alarms of every rule by length of the period; the sample ends with the longest."""
    margins = rc.GARCH().fit(returns.iloc[:m])
    residuals = margins.append(returns.iloc[m:]).std_resid
    longest = round(lengths[-1] * m)
    out: dict[str, list[Alarm]] = {}
    for name, (options, ready) in SUMS.items():
        sample, own = (residuals, None) if ready else (returns, margins)
        watch = rc.monitor(sample, start=m, margins=own, horizon=longest, alpha=ALPHA, **options)
        out[name] = crossings(watch, lengths)
    for threshold, found in bayes_alarms(returns, m, margins).items():
        out[f"bayes, above {threshold:g}"] = [
            found if found[0] is not None and found[0] < round(length * m) else NONE
            for length in lengths
        ]
    for length in lengths:
        for name, alarm in chart_alarms(returns, m, round(length * m)).items():
            out.setdefault(name, []).append(alarm)
    return out


def bayes_alarms(returns: pd.DataFrame, m: int, margins: rc.MarginsResult) -> dict[float, Alarm]:
    """Alarms by threshold; one filter serves all."""
    options = make_options("bayes", {})
    posterior = run_lengths(np.ascontiguousarray(margins.append(returns.iloc[m:]).z), m, options)
    out = {}
    for threshold in THRESHOLDS:
        row, _ = first(posterior.changed > threshold)
        out[threshold] = NONE if row is None else (row, int(posterior.change[row]) - m)
    return out


# ------------------------------------------------------------------------------- worlds
def broken(m: int, rows: int, before: float, after: float, k: int) -> Callable[[Rng], Array]:
    """One break k rows after the start."""
    return lambda rng: np.where(np.arange(m + rows) < m + k, before, after)


def quiet_worlds(m: int) -> dict[str, Callable[[Rng], pd.DataFrame]]:
    """Worlds in which nothing changes for good."""
    flat = broken(m, m, 0.4, 0.4, 0)
    return {
        "GARCH-t5": along(flat),
        "GARCH-normal": along(flat, np.inf),
        "DCC a .03, b .95": partial(dcc, a=0.03, b=0.95, n=2 * m),
    }


def share(hits: Array, n: int) -> dict[str, float]:
    """Share with its standard error."""
    p = float(np.mean(hits))
    error = float(np.sqrt(max(p * (1.0 - p), 0.05 * 0.95) / n))
    return {"share": round(p, 4), "s.e.": round(error, 4)}


def quiet(n: int, n_jobs: int) -> dict[str, Any]:
    """Shares of periods with an alarm, by world, history, rule and length."""
    out: dict[str, Any] = {}
    for number, (name, histories) in enumerate(QUIET.items()):
        for m in histories:
            world = quiet_worlds(m)[name]
            job = partial(lambda rng, w, rows: alarms(w(rng), rows, LENGTHS), w=world, rows=m)
            found = parallel(job, n, [0, m, number], n_jobs)
            out.setdefault(name, {})[str(m)] = {
                rule: {
                    f"{length:g}": share(np.array([f[rule][i][0] is not None for f in found]), n)
                    for i, length in enumerate(LENGTHS)
                }
                for rule in found[0]
            }
    return out


def outcome(found: list[Alarm], k: int) -> dict[str, float | None]:
    """Early alarms, detections, delays (both rows counted) and date errors of one rule.

    The median delay is over all samples without an early alarm, infinite (None) if fewer than half
    of them alarm.
    """
    rows, dates = np.array(found, dtype=float).T
    early, hit = rows < k, rows >= k
    delays = rows[hit] - k + 1.0
    waits = np.where(hit, rows - k + 1.0, np.inf)[~early]
    median = float(np.median(waits)) if waits.size else np.inf
    dated = hit & np.isfinite(dates)
    return {
        "early": round(float(early.mean()), 4),
        "detected": round(float(hit.mean()), 4),
        "mean delay": round(float(delays.mean()), 1) if delays.size else None,
        "s.e. of delay": round(float(delays.std() / np.sqrt(delays.size)), 1)
        if hit.any()
        else None,
        "median delay": median if np.isfinite(median) else None,
        "date error": (round(float(np.abs(dates[dated] - k).mean()), 1) if dated.any() else None),
    }


def breaks(n: int, n_jobs: int) -> dict[str, Any]:
    """Outcomes by history, break, row of the break and rule."""
    out: dict[str, Any] = {}
    for m, rows_to_break in AFTER.items():
        for number, (before, after) in enumerate(BREAKS):
            for k in rows_to_break:
                world = along(broken(m, m, before, after, k))
                job = partial(lambda rng, w, rows: alarms(w(rng), rows, (1.0,)), w=world, rows=m)
                found = parallel(job, n, [1, m, number, k], n_jobs)
                block = out.setdefault(str(m), {}).setdefault(f"{before:g} to {after:g}", {})
                block[str(k)] = {rule: outcome([f[rule][0] for f in found], k) for rule in found[0]}
    return out


# ---------------------------------------------------------------------------- published
def paper_pair(n: int, rng: Rng) -> Array:
    """Returns (n, 2) of Wied and Galeano's design."""
    z = rng.standard_normal((n + _BURN, 2))
    out = np.empty_like(z)
    for leg, (alpha, beta) in enumerate(PAPER_GARCH):
        variance = 0.01 / (1.0 - alpha - beta)
        garch_path(z[:, leg], 0.0, 0.01, alpha, 0.0, beta, variance, False, out[:, leg])
    return mix(out[_BURN:])


def mix(legs: Array) -> Array:
    """Independent series (n, 2) times the symmetric square root of a correlation of .5."""
    a, b = np.sqrt(1.5), np.sqrt(0.5)
    return np.asarray(legs @ np.array([[a + b, a - b], [a - b, a + b]]) / 2.0)


def persistent_pair(n: int, rng: Rng) -> Array:
    """Returns (n, 2) of the same design with the GARCH parameters of `simulate`."""
    return mix(persistent_legs(n, rng))


def one_sided_pair(n: int, rng: Rng) -> Array:
    """The same with the second series alone mixed: it moves with the ratio of the volatilities."""
    x, e = persistent_legs(n, rng).T
    return np.column_stack([x, 0.5 * x + np.sqrt(0.75) * e])


def persistent_legs(n: int, rng: Rng) -> Array:
    """Independent GARCH series (n, 2) of unit variance with the parameters of `simulate`."""
    return _innovations(rng.standard_normal((n + _BURN, 2)), rng)[_BURN:] / (0.03, 0.012)


#: Design by column of the record.
DESIGNS = {"share": paper_pair, "persistent": persistent_pair, "one-sided": one_sided_pair}


def textbook_alarms(m: int, rng: Rng) -> dict[str, dict[float, list[bool]]]:
    """Alarms of the textbook form by design, gamma and length."""
    out: dict[str, dict[float, list[bool]]] = {}
    for name, pair in DESIGNS.items():
        sample = pair(m + round(PAPER_LENGTHS[-1] * m), rng)
        out[name] = {}
        for gamma in PAPER_VALUES:
            options = {"method": "cusum", "gamma": gamma, "robust": False, "alpha": ALPHA}
            watch = rc.monitor(sample, start=m, horizon=len(sample) - m, **options)
            found = crossings(watch, PAPER_LENGTHS)
            out[name][gamma] = [row is not None for row, _ in found]
    return out


def published(n: int, n_jobs: int) -> list[dict[str, Any]]:
    """Sizes of the paper and ours on its design, and on the two others."""
    rows = []
    for m, table in PAPER_SIZES.items():
        found = parallel(partial(textbook_alarms, m), n, [2, m], n_jobs)
        for gamma, sizes in table.items():
            for i, (length, size) in enumerate(zip(PAPER_LENGTHS, sizes, strict=True)):
                ours = {
                    name: share(np.array([f[name][gamma][i] for f in found]), n) for name in DESIGNS
                }
                row = {"gamma": gamma, "B": length, "m": m, "paper": size, **ours.pop("share")}
                rows.append({**row, **{name: cell["share"] for name, cell in ours.items()}})
    return rows


def critical_values() -> list[dict[str, float]]:
    """Critical values of the paper and ours, with those of Page's form."""
    return [
        {
            "gamma": gamma,
            "B": length,
            "paper": value,
            "cusum": round(critical_value("cusum", gamma, length, 0.05), 3),
            "page": round(critical_value("page", gamma, length, 0.05), 3),
        }
        for gamma, values in PAPER_VALUES.items()
        for length, value in zip(PAPER_LENGTHS, values, strict=True)
    ]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    n, n_jobs = options.n, options.n_jobs
    found = {
        "n": n,
        "quiet": quiet(n, n_jobs),
        "breaks": breaks(max(n // 2, 1), n_jobs),
        "published": published(n, n_jobs),
        "critical values": critical_values(),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
