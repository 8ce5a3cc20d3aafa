"""Is the false discovery rate of a scan what it promises? By simulation, and on the record.

Run it in an environment in which the package is installed::

    python benchmarks/scan_fdr.py [--n 1000] [--n-jobs 1] [--out docs/_results/scan_fdr.json]

tests
    Panels of 10 assets, 45 pairs, with one factor, GARCH volatility and t(5) shocks, 1,000 returns.
    In the last 90 rows none, one, or three of the assets lose their correlation with the factor;
    every pair with one of them changes, the others do not. Margins are fitted, each pair is tested
    as `scan` tests it, and the pairs are adjusted together by Benjamini-Hochberg and
    Benjamini-Yekutieli. Written are the realised false discovery rate, the power (share of the
    changed pairs that are found) and the size of the single test, far into the tail, on which
    adjusted p-values live. Where nothing has changed, the rate is the chance of any discovery.
posterior
    The divergences on record of the shipped calibration, whose probabilities were given before
    their outcomes: the expected share of false calls among the likeliest of them, mean of 1 - p,
    beside the realised one; errors by resampling calendar years. And in how many months of the
    record ``control="posterior"`` would have called any of that month's divergences.

Every sample is seeded on its own; figures do not depend on the number of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

# One thread a process, before the libraries are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scan import factor_panel

from regimecorr.data.alignment import align
from regimecorr.errors import ConvergenceWarning
from regimecorr.evaluation.vintages import shipped
from regimecorr.models.margins import GARCH
from regimecorr.scanning.discoveries import false_share, q_values
from regimecorr.scanning.pair import short_window_test, windows_test

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "scan_fdr.json"
N_ASSETS, N_OBS, SHORT, LONG = 10, 1000, 90, 252
RATES = (0.05, 0.10, 0.20)
SIZES = (0.05, 0.01, 0.002, 0.0005)
LISTS = (0.1, 0.2, 0.3, 0.4)
CHANGED = (0, 1, 3)
TOPS = (0.1, 0.2, 0.3, 0.5, 1.0)
N_BOOT = 2000


def sample(changed: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """P-values of all pairs of a panel, and which of them have changed."""
    rng = np.random.default_rng([changed, seed])
    loading = np.tile(rng.uniform(0.5, 0.9, N_ASSETS), (N_OBS, 1))
    loading[-SHORT:, :changed] = 0.0
    prices = factor_panel(N_ASSETS, loading, rng)
    pvalues, moved = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # All pairs have all days here, so an asset's margin is the same in each of them.
        z = np.asarray(GARCH().fit(np.log(prices).diff().iloc[1:]).z)
        for i, j in combinations(range(N_ASSETS), 2):
            pvalue = windows_test(z[:, [i, j]], SHORT, LONG).pvalue
            assert pvalue is not None
            pvalues.append(pvalue)
            moved.append(i < changed)
        one = short_window_test(align(prices.iloc[:, [0, 1]]), SHORT, LONG)
    assert one is not None
    assert one.pvalue is not None
    assert abs(one.pvalue - pvalues[0]) < 1e-9
    return np.array(pvalues), np.array(moved)


def rates(changed: int, n: int, n_jobs: int) -> dict[str, Any]:
    """Realised rates of one kind of panel."""
    work = Parallel(n_jobs=n_jobs)
    found = work(delayed(sample)(changed, seed) for seed in range(n))
    out: dict[str, Any] = {"n": n, "changed pairs": int(found[0][1].sum()), "pairs": 45}
    out["size"] = {
        f"{level:g}": mean_of([(p[~moved] <= level).mean() for p, moved in found], 6)
        for level in SIZES
    }
    for method in ("bh", "by"):
        for q in RATES:
            wrong, power = [], []
            for p, moved in found:
                called = q_values(p, method) <= q
                wrong.append((called & ~moved).sum() / max(called.sum(), 1))
                if changed:
                    power.append(called[moved].mean())
            out[f"{method}, {q:g}"] = {"rate": mean_of(wrong)}
            if changed:
                out[f"{method}, {q:g}"]["power"] = mean_of(power)
    return out


def mean_of(values: list[float], digits: int = 4) -> dict[str, float]:
    """Mean and its Monte-Carlo error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return {"mean": round(float(np.mean(values)), digits), "s.e.": round(float(error), digits)}


def known_record() -> pd.DataFrame:
    """Divergences on record whose outcome is known."""
    return shipped("market").record.dropna(subset=["structural"])


def lists_on_record() -> dict[str, Any]:
    """Share of months in which the divergences of the month hold a list at each rate."""
    record = known_record()
    months = [
        false_share(np.sort(month.to_numpy(dtype=float))[::-1]).min()
        for _, month in record.groupby(record["date"].dt.to_period("M"))["p_structural"]
    ]
    return {
        "months": len(months),
        "largest p": round(float(record["p_structural"].max()), 4),
        "called": {f"{q:g}": int(np.sum(np.array(months) <= q)) for q in LISTS},
    }


def on_record() -> list[dict[str, Any]]:
    """Expected and realised share of false calls among the likeliest divergences on record."""
    record = known_record().sort_values("p_structural", ascending=False, kind="stable")
    return [_top(record.iloc[: int(np.ceil(share * len(record)))], share) for share in TOPS]


def _top(top: pd.DataFrame, share: float) -> dict[str, Any]:
    wrong = 1.0 - top["structural"].to_numpy(dtype=float)
    expected = 1.0 - top["p_structural"].to_numpy(dtype=float)
    year = top["date"].dt.year.to_numpy()
    years = np.unique(year)
    rows = [np.flatnonzero(year == y) for y in years]
    rng, gaps = np.random.default_rng(0), []
    for _ in range(N_BOOT):
        drawn = np.concatenate([rows[k] for k in rng.integers(0, len(years), len(years))])
        gaps.append((wrong[drawn] - expected[drawn]).mean())
    return {
        "share": share,
        "n": len(top),
        "years": len(years),
        "expected": round(float(expected.mean()), 4),
        "realised": round(float(wrong.mean()), 4),
        "s.e. of the difference": round(float(np.std(gaps, ddof=1)), 4),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    found = {
        "n_obs": N_OBS,
        "tests": {f"{k} changed": rates(k, options.n, options.n_jobs) for k in CHANGED},
        "posterior": on_record(),
        "posterior lists": lists_on_record(),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
