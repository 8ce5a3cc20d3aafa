"""False alarms and delays of `monitor`, and of two rules read off a chart, by simulation.

Run it in an environment in which the package is installed::

    python benchmarks/monitoring.py [--n 1000] [--n-jobs 1] [--out docs/_results/...json]

Four parts; a history of m rows, then a period of B m rows:

quiet
    Nothing changes: returns with GARCH(1,1) volatility, a correlation of .4 and t(5) or normal
    shocks, and, where the level is not meant to hold, a DCC about .4. Share of periods with an
    alarm.
breaks
    t(5) shocks, one break after k rows of a period as long as the history. Alarms before it, alarms
    after it, their delay and the error of the estimated date.
published
    Sizes of the textbook form on the design of Wied and Galeano (2013), Table 2: two independent
    GARCH(1,1) series with normal shocks, mixed to a correlation of .5. Our GARCH parameters are
    those of `simulate`; theirs are not known to us.
critical values
    Table 1 of the paper beside ours.

Every sample is seeded on its own; figures do not depend on the number of processes. A normal
machine takes about 0.6 s a sample of the quiet and the break parts together, each of 15 settings.
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
from regimecorr.kernels.rolling import rolling_pearson
from regimecorr.models.base import Array
from regimecorr.worlds import _BURN, _innovations

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "monitoring.json"
HISTORIES = (500, 1000)
LENGTHS = (0.5, 1.0)
BREAKS = ((0.6, 0.0), (0.5, 0.25))
AFTER = (0, 125, 250)
WINDOW = 90
THRESHOLDS = (0.8, 0.9, 0.95, 0.99)
#: Detectors of sums: options of `monitor`, and whether it is given the residuals.
SUMS: dict[str, tuple[dict[str, Any], bool]] = {
    "page": ({"method": "page"}, False),
    "page, gamma 0": ({"method": "page", "gamma": 0.0}, False),
    "page, gamma .45": ({"method": "page", "gamma": 0.45}, False),
    "cusum": ({"method": "cusum"}, False),
    "cusum, gamma 0": ({"method": "cusum", "gamma": 0.0}, False),
    "cusum, textbook": ({"method": "cusum", "robust": False}, False),
    "cusum, textbook, gamma 0": ({"method": "cusum", "robust": False, "gamma": 0.0}, False),
    "cusum, correlations of residuals": ({"method": "cusum", "robust": False}, True),
    "page, textbook": ({"method": "page", "robust": False}, False),
}
#: Wied and Galeano's critical values at 5 % by gamma (B = .5, 1, 2, 4), their Table 1, and sizes by
#: gamma, B and m, their Table 2, as quoted in the documentation of polars-online.
PAPER_LENGTHS = (0.5, 1.0, 2.0, 4.0)
PAPER_VALUES = {
    0.0: (1.2870, 1.5578, 1.8158, 1.9980),
    0.25: (1.8001, 1.9924, 2.1684, 2.2467),
    0.45: (2.6282, 2.6844, 2.7215, 2.7660),
}
PAPER_SIZES = {
    (0.0, 0.5): (0.059, 0.058),
    (0.0, 1.0): (0.077, 0.069),
    (0.0, 2.0): (0.066, 0.054),
    (0.25, 0.5): (0.075, 0.079),
    (0.25, 1.0): (0.075, 0.064),
    (0.25, 2.0): (0.087, 0.063),
    (0.45, 0.5): (0.169, 0.125),
    (0.45, 1.0): (0.174, 0.136),
    (0.45, 2.0): (0.164, 0.138),
}
PAPER_HISTORIES = (250, 500)

#: Rows from the start to the alarm and to the estimated change, each -1 if there is none.
Alarm = tuple[int, int]
NONE: Alarm = (-1, -1)


# ------------------------------------------------------------------------------- alarms
def first(condition: Any) -> Alarm:
    """First row at which a condition holds, without a date."""
    rows = np.flatnonzero(condition)
    return (int(rows[0]), -1) if rows.size else NONE


def rows_of(watch: Monitor, m: int) -> Alarm:
    """Alarm of a monitor."""
    return NONE if watch.alarm is None else (watch.alarm - m, watch.change - m)


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
    bayes = rc.monitor(returns, start=m, method="bayes", margins=margins).path
    out: dict[str, list[Alarm]] = {}
    for length in lengths:
        stop = round(length * m)
        found = {}
        for name, (options, ready) in SUMS.items():
            sample, own = (residuals, None) if ready else (returns, margins)
            watch = rc.monitor(sample, start=m, margins=own, horizon=stop, **options)
            found[name] = rows_of(watch, m)
        for threshold in THRESHOLDS:
            row, _ = first(bayes["changed"].iloc[:stop] > threshold)
            date = -1 if row < 0 else max(int(bayes["change"].iloc[row]) - m, 0)
            found[f"bayes, above {threshold:g}"] = (row, date)
        found |= chart_alarms(returns, m, stop)
        for name, alarm in found.items():
            out.setdefault(name, []).append(alarm)
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
    for m in HISTORIES:
        for number, (name, world) in enumerate(quiet_worlds(m).items()):
            job = partial(lambda rng, w, rows: alarms(w(rng), rows, LENGTHS), w=world, rows=m)
            found = parallel(job, n, [0, m, number], n_jobs)
            out.setdefault(name, {})[str(m)] = {
                rule: {
                    f"{length:g}": share(np.array([f[rule][i][0] >= 0 for f in found]), n)
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
    rows, dates = np.array(found).T
    early = (rows >= 0) & (rows < k)
    hit = rows >= k
    delays = (rows[hit] - k + 1).astype(float)
    waits = np.where(hit, rows - k + 1.0, np.inf)[~early]
    median = float(np.median(waits)) if waits.size else np.inf
    dated = hit & (dates >= 0)
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
    for m in HISTORIES:
        for number, (before, after) in enumerate(BREAKS):
            for k in AFTER:
                world = along(broken(m, m, before, after, k))
                job = partial(lambda rng, w, rows: alarms(w(rng), rows, (1.0,)), w=world, rows=m)
                found = parallel(job, n, [1, m, number, k], n_jobs)
                block = out.setdefault(str(m), {}).setdefault(f"{before:g} to {after:g}", {})
                block[str(k)] = {rule: outcome([f[rule][0] for f in found], k) for rule in found[0]}
    return out


# ---------------------------------------------------------------------------- published
def textbook_alarms(m: int, rng: Rng) -> dict[str, bool]:
    """Alarms of the textbook form on two independent GARCH series, mixed to .5."""
    longest = max(length for _, length in PAPER_SIZES)
    z = rng.standard_normal((m + round(longest * m) + _BURN, 2))
    legs = _innovations(z, rng)[_BURN:] / (0.03, 0.012)
    mixed = np.column_stack([legs[:, 0], 0.5 * legs[:, 0] + np.sqrt(0.75) * legs[:, 1]])
    out = {}
    for gamma, length in PAPER_SIZES:
        watch = rc.monitor(
            mixed[: m + round(length * m)],
            start=m,
            method="cusum",
            gamma=gamma,
            horizon=round(length * m),
            robust=False,
        )
        out[f"{gamma:g}, {length:g}"] = watch.alarm is not None
    return out


def published(n: int, n_jobs: int) -> list[dict[str, Any]]:
    """Sizes of the paper and ours."""
    rows = []
    for i, m in enumerate(PAPER_HISTORIES):
        found = parallel(partial(textbook_alarms, m), n, [2, m], n_jobs)
        for (gamma, length), sizes in PAPER_SIZES.items():
            ours = share(np.array([f[f"{gamma:g}, {length:g}"] for f in found]), n)
            rows.append({"gamma": gamma, "B": length, "m": m, "paper": sizes[i], **ours})
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
