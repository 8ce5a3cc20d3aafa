"""Size and power of the tests of a constant correlation, and published figures, by simulation.

Run it in an environment in which the package is installed::

    python benchmarks/constancy_size.py [--n 2000] [--n-jobs 1] [--out docs/_results/...json]

Three parts, all at 1,000 rows and 5 % unless told otherwise:

size
    Returns with GARCH(1,1) volatility and t(5) or normal shocks of a constant correlation between
    .25 and .6, margins fitted: every method, default and textbook form. "not elliptical": residuals
    mixed from independent t(5) shocks, which no margin is fitted to.
power
    The same returns with t(5) shocks along correlations that change, default forms.
published
    Figures of papers and of the project's notes, each beside ours; see `PUBLISHED`.

Every sample is seeded on its own; figures do not depend on the number of processes. Beside every
share stands its Monte-Carlo standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

# One thread a process, before the libraries are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning
from regimecorr.inference.constancy import test_constancy
from regimecorr.inference.constancy.fluctuation import fluctuation_path, long_run_sd, psi_values
from regimecorr.inference.constancy.products import regression_statistic, whitened_products
from regimecorr.inference.constancy.result import Method
from regimecorr.kernels.paths import correlate
from regimecorr.models.base import Array
from regimecorr.worlds import _BURN, _innovations, _shocks

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "constancy_size.json"
N_OBS = 1000
LEVELS = (0.10, 0.05, 0.01)
CHUNK = 20
Rng = np.random.Generator
#: Rows before the known date: 500, 250 and 90 rows after it.
KNOWN = (500, 750, 910)
#: Column: options of `test_constancy`.
METHODS: dict[str, dict[str, Any]] = {
    **{m: {"method": m} for m in get_args(Method) if m not in ("known_date", "forbes_rigobon")},
    **{f"known_date, {N_OBS - k} after": {"method": "known_date", "row": k} for k in KNOWN},
}


def shares(pvalues: Array) -> dict[str, float]:
    """Shares of rejections with their standard errors."""
    out: dict[str, float] = {"n": len(pvalues)}
    for level in LEVELS:
        share = float(np.mean(pvalues <= level + 1e-12))
        error = np.sqrt(max(share * (1.0 - share), level * (1.0 - level)) / len(pvalues))
        out[f"{level:.0%}"], out[f"{level:.0%}, s.e."] = round(share, 4), round(float(error), 4)
    return out


def parallel(job: Callable[[Rng], Any], n: int, seed: int | list[int], n_jobs: int) -> list[Any]:
    """Results of a job on n streams."""
    streams = np.random.default_rng(seed).spawn(n)
    chunks = [streams[i : i + CHUNK] for i in range(0, n, CHUNK)]

    def run(part: list[Rng]) -> list[Any]:
        with warnings.catch_warnings():
            # A margin of integrated variance is part of what is measured.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return [job(rng) for rng in part]

    done = Parallel(n_jobs=n_jobs)(delayed(run)(part) for part in chunks)
    return [item for part in done for item in part]


# ------------------------------------------------------------------------------- worlds
def correlated(path: Array, nu: float, rng: Rng) -> Array:
    """Elliptical residuals (n, 2) of unit variance along a correlation path."""
    z = correlate(rng.standard_normal((1, len(path), 2)), path[None])[0]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, len(path)))[:, None]
    return np.asarray(z)


def returns(z: Array, rng: Rng) -> pd.DataFrame:
    """GARCH(1,1) returns as `simulate` makes them, from residuals with a burn-in."""
    return pd.DataFrame(_innovations(z, rng)[_BURN:], columns=["A", "B"])


def along(path: Callable[[Rng], Array], nu: float = 5.0) -> Callable[[Rng], pd.DataFrame]:
    """Returns along a path."""
    return lambda rng: returns(_shocks(path(rng), nu, rng), rng)


def constant(rng: Rng) -> Array:
    return np.full(N_OBS, rng.uniform(0.25, 0.6))


def broken(before: float, after: float, share: float) -> Callable[[Rng], Array]:
    """One break."""
    return lambda rng: np.where(np.arange(N_OBS) < share * N_OBS, before, after)


def regimes(rng: Rng) -> Array:
    """Correlation .7 and .1 in turn, 50 rows each on average."""
    switches = rng.random(N_OBS) < 0.02
    return np.where((np.cumsum(switches) + rng.integers(2)) % 2 == 0, 0.7, 0.1)


def daily(rng: Rng) -> Array:
    """Correlation 0 or .8, by the toss of a coin every day."""
    return np.where(rng.random(N_OBS) < 0.5, 0.0, 0.8)


def drift(rng: Rng) -> Array:
    """From .6 to .2 in a straight line."""
    return np.linspace(0.6, 0.2, N_OBS)


def dcc(
    rng: Rng, a: float = 0.05, b: float = 0.90, nu: float = 5.0, n: int = N_OBS
) -> pd.DataFrame:
    """Engle's DCC about a correlation of .4."""
    shocks = correlated(np.zeros(n + _BURN), nu, rng)
    q11 = q22 = 1.0
    q12, out = 0.4, np.empty_like(shocks)
    for t, (e1, e2) in enumerate(shocks):
        r = q12 / np.sqrt(q11 * q22)
        z1, z2 = e1, r * e1 + np.sqrt(1.0 - r * r) * e2
        out[t] = z1, z2
        q11 = (1 - a - b) + a * z1 * z1 + b * q11
        q22 = (1 - a - b) + a * z2 * z2 + b * q22
        q12 = (1 - a - b) * 0.4 + a * z1 * z2 + b * q12
    return returns(out, rng)


def not_elliptical(rng: Rng) -> Array:
    """Two independent t5 shocks, mixed to a correlation of .45."""
    shocks = rng.standard_t(5.0, (1, N_OBS, 2)) * np.sqrt(0.6)
    return np.asarray(correlate(shocks, np.full((1, N_OBS), 0.45))[0])


POWER: dict[str, Callable[[Rng], pd.DataFrame]] = {
    "break .5 to .7 in the middle": along(broken(0.5, 0.7, 0.5)),
    "break .6 to .2, 150 rows from the end": along(broken(0.6, 0.2, 0.85)),
    "drift .6 to .2": along(drift),
    "regimes .7 and .1, 50 rows each": along(regimes),
    "DCC a .05, b .90 about .4": dcc,
    "0 or .8 anew every day": along(daily),
}


def pvalues(sample: pd.DataFrame | Array, rng: Rng, forms: tuple[bool, ...]) -> list[float]:
    """P-values of every method and form; residuals (an array) are taken as they are."""
    margins = rc.GARCH().fit(sample) if isinstance(sample, pd.DataFrame) else None
    out = []
    for robust in forms:
        for options in METHODS.values():
            chosen = dict(options)
            if "row" in chosen:
                chosen["date"] = chosen.pop("row")
            test = test_constancy(sample, margins=margins, robust=robust, rng=rng, **chosen)
            assert test.pvalue is not None
            out.append(test.pvalue)
    return out


def by_method(
    world: Callable[[Rng], pd.DataFrame | Array], forms: tuple[bool, ...], n: int, n_jobs: int
) -> dict[str, Any]:
    """Shares of rejections by form and method."""
    found = np.array(parallel(lambda rng: pvalues(world(rng), rng, forms), n, 0, n_jobs))
    out: dict[str, Any] = {}
    for robust, block in zip(forms, np.split(found, len(forms), axis=1), strict=True):
        form = "default" if robust else "textbook"
        out[form] = {m: shares(block[:, i]) for i, m in enumerate(METHODS)}
    return out


# ---------------------------------------------------------------------------- published
def fluctuation_rejects(rho: tuple[float, float], n: int, nu: float, garch: bool, rng: Rng) -> bool:
    """WKD at 5 % on independent residuals, or on GARCH(.08, .90) returns as they are."""
    path = np.where(np.arange(n) < n // 2, *rho)
    if not garch:
        return bool(np.abs(fluctuation_path(correlated(path, nu, rng))).max() > 1.3581)
    z = correlated(np.full(n + _BURN, rho[0]), nu, rng)
    h, x = np.ones(2), np.empty_like(z)
    for t, shock in enumerate(z):
        x[t] = np.sqrt(h) * shock
        h = 0.02 + 0.08 * x[t] ** 2 + 0.90 * h
    return bool(np.abs(fluctuation_path(x[_BURN:])).max() > 1.3581)


def engle_sheppard_rejects(nu: float, lags: int, df: int, power: float, rng: Rng) -> bool:
    """Regression statistic against chi-squared(df), s2 to a power (rmgarch: 1/2)."""
    from scipy.special import chdtri

    products = whitened_products(correlated(np.full(N_OBS, 0.4), nu, rng))
    statistic = regression_statistic(products, lags)
    if power != 1.0:
        # d'X'Xd / s2 to d'X'Xd / sqrt(s2): s2 of the same regression.
        n = N_OBS - lags
        ratio = statistic / (n - lags - 1)
        total = float((products[lags:] ** 2).sum())
        statistic *= (total / (1.0 + ratio) / (n - lags - 1)) ** (1.0 - power)
    return bool(statistic > chdtri(df, 0.05))


def known_rejects(nu: float, after: int, fisher: bool, rng: Rng) -> bool:
    """Fisher's z at a known date against its own error, or that of the influence function."""
    z = correlated(np.full(N_OBS + after, 0.4), nu, rng)
    z0, z1 = (np.arctanh(np.corrcoef(part.T)[0, 1]) for part in np.split(z, [N_OBS]))
    if fisher:
        error = np.sqrt(1.0 / (N_OBS - 3) + 1.0 / (after - 3))
    else:
        r = np.corrcoef(z.T)[0, 1]
        error = float(long_run_sd(psi_values(z))) / (1.0 - r * r)
        error *= np.sqrt(1.0 / N_OBS + 1.0 / after)
    return bool(abs(z1 - z0) > 1.959964 * error)


def tse_rejects(nu: float, rng: Rng) -> bool:
    """Textbook form on residuals, variances estimated as constants."""
    z = correlated(np.full(N_OBS, 0.4), nu, rng)
    test = test_constancy(z, method="tse", margins=None, robust=False)
    return bool(test.pvalue is not None and test.pvalue <= 0.05)


INF = np.inf
#: What is simulated: (published share, where from, job and its arguments).
PUBLISHED: dict[str, tuple[float, str, Callable[..., bool], tuple[Any, ...]]] = {}
for _n, _row in ((500, (0.040, 0.035, 0.041)), (1000, (0.038, 0.034, 0.039))):
    for _rho, _value in zip((-0.5, 0.0, 0.5), _row, strict=True):
        PUBLISHED[f"fluctuation, t5, {_n} rows, correlation {_rho:g}"] = (
            _value,
            "Wied et al. (2012), Table 1",
            fluctuation_rejects,
            ((_rho, _rho), _n, 5.0, False),
        )
for _n, _row in ((500, (0.081, 0.067, 0.082)), (1000, (0.088, 0.063, 0.089))):
    for _rho, _value in zip((-0.5, 0.0, 0.5), _row, strict=True):
        PUBLISHED[f"fluctuation, raw GARCH(.08, .90), {_n} rows, correlation {_rho:g}"] = (
            _value,
            "project notes",
            fluctuation_rejects,
            ((_rho, _rho), _n, INF, True),
        )
for _n, _value in ((500, 0.587), (1000, 0.830)):
    PUBLISHED[f"fluctuation, power, .5 to .7, t5, {_n} rows"] = (
        _value,
        "Wied et al. (2012), Table 2",
        fluctuation_rejects,
        ((0.5, 0.7), _n, 5.0, False),
    )
for _n, _value in ((500, 0.862), (1000, 0.995)):
    PUBLISHED[f"fluctuation, power, .5 to .7, normal, {_n} rows"] = (
        _value,
        "project notes",
        fluctuation_rejects,
        ((0.5, 0.7), _n, INF, False),
    )
for _nu, _lags, _df, _power, _value in (
    (INF, 1, 2, 1.0, 0.013),
    (INF, 1, 1, 1.0, 0.048),
    (INF, 5, 6, 1.0, 0.027),
    (INF, 5, 5, 1.0, 0.055),
    (5.0, 5, 6, 1.0, 0.047),
    (5.0, 5, 5, 1.0, 0.063),
    (5.0, 5, 6, 0.5, 0.109),
):
    _law = "normal" if _nu == INF else "t5"
    _bug = ", divided by sqrt(s2)" if _power < 1.0 else ""
    PUBLISHED[f"Engle-Sheppard, {_law}, {_lags} lags, df {_df}{_bug}"] = (
        _value,
        "project notes",
        engle_sheppard_rejects,
        (_nu, _lags, _df, _power),
    )
for _nu, _value in ((INF, 0.056), (5.0, 0.075)):
    PUBLISHED[f"Tse, constant variances, {'normal' if _nu == INF else 't5'}"] = (
        _value,
        "project notes",
        tse_rejects,
        (_nu,),
    )
for _nu, _after, _fisher, _value in (
    (INF, 90, True, 0.054),
    (INF, 250, True, 0.055),
    (5.0, 90, True, 0.162),
    (5.0, 250, True, 0.192),
    (5.0, 90, False, 0.042),
    (5.0, 250, False, 0.048),
):
    _law = "normal" if _nu == INF else "t5"
    _kind = "Fisher's error" if _fisher else "influence function"
    PUBLISHED[f"known date, {_law}, 1000 rows against {_after}, {_kind}"] = (
        _value,
        "project notes",
        known_rejects,
        (_nu, _after, _fisher),
    )


def published(name: str, n: int, n_jobs: int) -> dict[str, Any]:
    """A published share and ours."""
    value, source, job, arguments = PUBLISHED[name]
    seed = [1, list(PUBLISHED).index(name)]
    found = np.mean(parallel(lambda rng: job(*arguments, rng), n, seed, n_jobs))
    error = np.sqrt(max(found * (1.0 - found), 0.02) / n)
    return {
        "published": value,
        "source": source,
        "ours": round(float(found), 4),
        "s.e.": round(float(error), 4),
        "n": n,
    }


def updated(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old record with the figures of the new one in their places."""
    for key, value in new.items():
        old[key] = updated(old[key], value) if isinstance(value, dict) else value
    return old


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", help="make one method's figures anew, keep the record's others")
    options = parser.parse_args()
    n, n_jobs = options.n, options.n_jobs
    both = (True, False)
    if options.only is not None:
        for name in [name for name in METHODS if name.partition(",")[0] != options.only]:
            del METHODS[name]
        PUBLISHED.clear()
    found = {
        "n_obs": N_OBS,
        "size": {
            "GARCH-t5": by_method(along(constant), both, n, n_jobs),
            "GARCH-normal": by_method(along(constant, INF), both, n, n_jobs),
            "not elliptical": by_method(not_elliptical, (True,), n, n_jobs),
        },
        "power": {
            name: by_method(world, (True,), max(n // 2, 1), n_jobs) for name, world in POWER.items()
        },
        "published": {name: published(name, 2 * n, n_jobs) for name in PUBLISHED},
    }
    if options.only is not None:
        found = updated(json.loads(options.out.read_text(encoding="utf-8")), found)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
