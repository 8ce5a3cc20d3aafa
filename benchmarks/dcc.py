"""Measure dynamic conditional correlation: time and memory, next to pymgarch in the same run.

Run it in an environment in which the package is installed; pymgarch is optional::

    pip install pymgarch
    python benchmarks/dcc.py [--repeats 7] [--refits 1000] [--quick]

It prints a table and writes ``benchmarks/dcc_results.json``. The repeats of both packages are
interleaved after a warm-up of each, and the best and the median are kept. A trial (``--quick``)
takes small cases and writes nothing unless ``--out`` names a file. Nothing that names the machine
or the day is recorded.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import regimecorr as rc

RESULTS = Path(__file__).with_name("dcc_results.json")
LIBRARIES = ("regimecorr", "numpy", "scipy", "pandas", "numba", "arch", "scikit-learn")
OURS, THEIRS = "regimecorr", "pymgarch"
HAVE_PEER = importlib.util.find_spec(THEIRS) is not None
NO_PEER = "pymgarch is not installed, its numbers are left out; pip install pymgarch"
# Log-likelihoods of both packages on the same data may differ by this much.
AGREE = 0.01
# An action is not repeated any more once it has taken this many seconds in all.
BUDGET = 30.0
DCC_TRUTH = {"a": 0.03, "b": 0.95}
NU = 8
GARCH_TRUTH = (0.05, 0.08, 0.87)
# Rows of a moving block; and refits of pymgarch, which are only there to be compared with.
BLOCK = 50
PEER_REFITS = 20
# A slope is fitted through this many of the last points of a curve.
LAST_POINTS = 3

# A new process that does one estimation and tells its high-water mark of memory (Linux).
NEW_PROCESS = """
import pathlib, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
returns = pd.DataFrame(np.load(sys.argv[2])).add_prefix("asset")
if sys.argv[1] == "pymgarch":
    import pymgarch as mg
    mg.DCC().fit(returns, compute_se=False, method="composite")
else:
    import regimecorr as rc
    result = rc.DCC(likelihood="composite", shrinkage="ledoit-wolf").fit(returns)
    if sys.argv[1] == "with standard errors":
        result.std_errors
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(next(int(r.split()[1]) / 1024 for r in status.open() if r.startswith("VmHWM")))
"""


class Sizes(NamedTuple):
    """Shapes of the cases, and how often each is repeated."""

    repeats: int
    refits: int
    pair_rows: int | None
    thirty: tuple[int, int]
    hundred: tuple[int, int]
    refit_rows: int
    rows: tuple[int, ...]
    assets: tuple[int, ...]


def full_sizes(repeats: int, refits: int) -> Sizes:
    """Return the sizes of the record."""
    rows, assets = (500, 1000, 2000, 4000, 8000, 16000), (2, 5, 10, 20, 40, 80)
    return Sizes(repeats, refits, None, (30, 1141), (100, 1000), 2500, rows, assets)


def quick_sizes(refits: int) -> Sizes:
    """Return the sizes of a trial."""
    return Sizes(
        2, min(refits, 10), 1000, (6, 500), (12, 500), 1000, (500, 1000, 2000), (2, 5, 10, 20)
    )


# ---- data ---------------------------------------------------------------------------------------


def oil_and_stocks() -> pd.DataFrame:
    """Percent log returns of S&P 500 and WTI on common days, from the data sets of arch."""
    from arch.data import sp500, wti

    prices = pd.concat([sp500.load()["Close"], wti.load().iloc[:, 0]], axis=1, join="inner")
    prices.columns = ["sp500", "wti"]
    prices = prices.dropna()
    prices = prices[(prices > 0).all(axis=1)]
    return 100.0 * np.log(prices).diff().dropna()


def simulate(n_assets: int, n_obs: int, seed: int, *, margins: bool = True) -> pd.DataFrame:
    """Returns, or standardized shocks, of a DCC with t errors whose target has one factor."""
    rng = np.random.default_rng(seed)
    loadings = rng.uniform(0.3, 0.8, n_assets)
    target = np.outer(loadings, loadings)
    np.fill_diagonal(target, 1.0)
    a, b = DCC_TRUTH["a"], DCC_TRUTH["b"]
    omega, alpha, beta = GARCH_TRUTH
    burn = 500
    Q, h = target.copy(), np.ones(n_assets)
    z, returns = np.empty((n_obs + burn, n_assets)), np.empty((n_obs + burn, n_assets))
    for t in range(n_obs + burn):
        scale = 1.0 / np.sqrt(np.diag(Q))
        root = np.linalg.cholesky(Q * np.outer(scale, scale))
        z[t] = root @ rng.standard_normal(n_assets) * np.sqrt((NU - 2) / rng.chisquare(NU))
        returns[t] = np.sqrt(h) * z[t]
        h = omega + alpha * returns[t] ** 2 + beta * h
        Q = (1.0 - a - b) * target + a * np.outer(z[t], z[t]) + b * Q
    return pd.DataFrame((returns if margins else z)[burn:]).add_prefix("asset")


def moving_blocks(n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of a moving-block resample."""
    starts = rng.integers(0, n_rows - BLOCK + 1, math.ceil(n_rows / BLOCK))
    return (starts[:, None] + np.arange(BLOCK)).ravel()[:n_rows]


# ---- timing -------------------------------------------------------------------------------------


def summarise(values: list[float]) -> dict[str, float | int]:
    """Return the best and the median of the repeats."""
    return {
        "repeats": len(values),
        "best": round(min(values), 4),
        "median": round(statistics.median(values), 4),
    }


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


Action = Callable[[pd.DataFrame], Any]


def interleave(
    actions: dict[tuple[str, str], Action], returns: pd.DataFrame, repeats: int
) -> tuple[dict[tuple[str, str], list[float]], dict[tuple[str, str], Any]]:
    """Warm all actions up on a corner of the data, then run them in turn, round after round.

    Returns the seconds of every action, and what it returned last.
    """
    corner = returns.iloc[:400, :4]
    for action in actions.values():
        action(corner)
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in actions}
    results: dict[tuple[str, str], Any] = {}
    for _ in range(repeats):
        for key, action in actions.items():
            if sum(seconds[key]) < BUDGET:
                begun = time.perf_counter()
                results[key] = action(returns)
                seconds[key].append(time.perf_counter() - begun)
    return seconds, results


def row(
    case: int, what: str, wanted: str = "", unit: str = "s", **values: list[float]
) -> dict[str, Any]:
    """Return one row of the record."""
    out: dict[str, Any] = {"case": case, "what": what, "unit": unit, "wanted": wanted}
    return out | {name: summarise(found) for name, found in values.items() if found}


# ---- cases --------------------------------------------------------------------------------------

FIT, TWO, THREE = "", ", with standard errors (two-step)", ", with standard errors (three-stage)"


def estimation(
    case: int,
    name: str,
    returns: pd.DataFrame,
    repeats: int,
    wanted: dict[str, str],
    *,
    dist: str = "normal",
    composite: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Time an estimation, margins included, without and with standard errors; compare results."""
    options = {"likelihood": "composite", "shrinkage": "ledoit-wolf"} if composite else {}
    spec = rc.DCC(dist=dist, **options)
    actions: dict[tuple[str, str], Action] = {
        (FIT, OURS): spec.fit,
        (TWO, OURS): lambda r: spec.fit(r).standard_errors("two-step"),
        (THREE, OURS): lambda r: spec.fit(r).std_errors,
    }
    if HAVE_PEER:
        import pymgarch as mg

        method = "composite" if composite else "full"

        def peer(r: pd.DataFrame, compute_se: bool) -> Any:
            return mg.DCC(dist=dist).fit(r, compute_se=compute_se, method=method)

        actions[FIT, THEIRS] = lambda r: peer(r, False)
        actions[TWO, THEIRS] = lambda r: peer(r, True)
    # ours, theirs, ours, theirs, ...
    order = sorted(actions, key=lambda key: (len(key[0]), key[0], key[1] != OURS))
    seconds, results = interleave({key: actions[key] for key in order}, returns, repeats)
    shape = f"{returns.shape[1]} assets, {len(returns):,} rows, {name}"
    rows = []
    for stage in (FIT, TWO, THREE):
        found = {package: seconds.get((stage, package), []) for package in (OURS, THEIRS)}
        rows.append(row(case, shape + stage, wanted.get(stage, ""), **found))

    ours = results[FIT, OURS]
    check: dict[str, Any] = {
        OURS: {
            "loglikelihood": round(float(ours.loglikelihood), 4),
            "converged": bool(ours.converged),
            "params": rounded(ours.params),
            "std_errors, three-stage": rounded(results[THREE, OURS]),
            "std_errors, two-step": rounded(results[TWO, OURS]),
            "std_errors, two-step without lags": rounded(ours.standard_errors("two-step", lags=0)),
        }
    }
    if HAVE_PEER:
        theirs = results[TWO, THEIRS]
        check[THEIRS] = {
            "loglikelihood": round(float(theirs.loglikelihood), 4),
            "converged": bool(theirs.converged),
            "params": rounded(dict(zip(theirs.psi_names, theirs.psi, strict=True))),
            "std_errors, two-step without lags": rounded(
                dict(zip(theirs.psi_names, theirs.se, strict=True))
            ),
        }
        if not composite:  # there the target is shrunk in one package only
            gap = abs(float(ours.loglikelihood) - float(theirs.loglikelihood))
            check["loglikelihoods_agree"] = gap < AGREE
            check["loglikelihood_gap"] = round(gap, 5)
    return rows, {shape: check}


def rounded(values: Any) -> dict[str, float]:
    """Return named numbers with seven significant digits."""
    return {str(k): float(f"{v:.7g}") for k, v in dict(values).items()}


def memory(case: int, returns: pd.DataFrame) -> list[dict[str, Any]]:
    """Peak memory of a new process that only estimates."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "returns.npy"
        np.save(path, np.ascontiguousarray(returns.to_numpy()))
        for what in (OURS, "with standard errors", *((THEIRS,) if HAVE_PEER else ())):
            command = [sys.executable, "-P", "-c", NEW_PROCESS, what, str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[what] = [float(done.stdout)] if done.stdout.strip() else []
    if not found[OURS]:
        return []
    shape = f"{returns.shape[1]} assets, {len(returns):,} rows, composite: peak memory"
    peer = {THEIRS: found[THEIRS]} if HAVE_PEER else {}
    extra = {OURS: found["with standard errors"]}
    return [
        row(case, shape, "at most 1024", "MiB", **{OURS: found[OURS]}, **peer),
        row(case, shape + THREE, "", "MiB", **extra),
    ]


def simulation(case: int, returns: pd.DataFrame, repeats: int) -> list[dict[str, Any]]:
    """Time 1,000 paths of 252 rows: the first call on a new result, and the calls after it."""
    first, later = [], []
    rc.DCC().fit(returns).simulate(1000, 252, rng=1)
    for _ in range(repeats):
        result = rc.DCC().fit(returns)
        first.append(timed(lambda result=result: result.simulate(1000, 252, rng=1)))
        later.append(timed(lambda result=result: result.simulate(1000, 252, rng=1)))
    name = f"simulate(1000, 252), 2 assets, {len(returns):,} rows"
    return [
        row(case, f"{name}: first call", "at most 0.2", **{OURS: first}),
        row(case, f"{name}: later calls", "at most 0.2", **{OURS: later}),
    ]


def bootstrap(
    case: int, returns: pd.DataFrame, refits: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Refit resamples of moving blocks on one thread, margins included."""
    rng = np.random.default_rng(6)
    spec = rc.DCC()
    seconds: dict[str, list[float]] = {OURS: [], THEIRS: []}
    processor = {OURS: 0.0, THEIRS: 0.0}
    converged: dict[str, list[bool]] = {OURS: [], THEIRS: []}
    failed = Counter()
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    with threadpool_limits(limits=1):
        spec.fit(returns)
        for i in range(refits):
            rows = moving_blocks(len(returns), rng)
            sample = pd.DataFrame(returns.to_numpy()[rows]).set_axis(returns.columns, axis=1)
            fits: dict[str, Callable[[], Any]] = {OURS: lambda sample=sample: spec.fit(sample)}
            if HAVE_PEER and i < PEER_REFITS:
                import pymgarch as mg

                fits[THEIRS] = lambda sample=sample: mg.DCC().fit(sample, compute_se=False)
            for package, fit in fits.items():
                begun, used = time.perf_counter(), time.process_time()
                try:
                    fine = bool(fit().converged)
                except Exception as error:  # told in the record
                    fine = False
                    failed[f"{package}: {error!r}"] += 1
                seconds[package].append(time.perf_counter() - begun)
                processor[package] += time.process_time() - used
                converged[package].append(fine)
    numba.set_num_threads(threads)
    name = f"bootstrap, 2 assets, {len(returns):,} rows, one thread"
    details: dict[str, Any] = {"block": BLOCK, "failed": dict(failed)}
    for package in (OURS, THEIRS):
        n = len(seconds[package])
        if n:
            details[package] = {
                "refits": n,
                "total_seconds": round(sum(seconds[package]), 3),
                "ms_per_refit": round(1000.0 * statistics.mean(seconds[package]), 2),
                "median_ms_per_refit": round(1000.0 * statistics.median(seconds[package]), 2),
                "processor_ms_per_refit": round(1000.0 * processor[package] / n, 2),
                "share_converged": round(statistics.mean(converged[package]), 4),
            }
    # the mean of a refit in milliseconds is the seconds of 1,000
    thousand = {p: [details[p]["ms_per_refit"]] for p in (OURS, THEIRS) if p in details}
    found = row(case, f"{name}, margins included: 1,000 refits", "at most 25", **thousand)
    return [found], {name: details}


# ---- cost curves --------------------------------------------------------------------------------


def one_call(action: Callable[[], object], repeats: int) -> float:
    """Return the best seconds of one call, over repeats of some 20 milliseconds each."""
    action()
    loops = max(1, math.ceil(0.02 / max(timed(action), 1e-7)))

    def several() -> None:
        for _ in range(loops):
            action()

    return min(timed(several) for _ in range(repeats)) / loops


def curve(name: str, x: str, points: dict[int, float], order: int) -> dict[str, Any]:
    """Return a cost curve with the log-log slope over its last points."""
    sizes, seconds = np.array(list(points)), np.array(list(points.values()))
    last = slice(-LAST_POINTS, None)
    slope = np.polyfit(np.log(sizes[last]), np.log(seconds[last]), 1)[0]
    return {
        "what": name,
        "x": x,
        "values": sizes.tolist(),
        "ms": [float(f"{1000.0 * s:.4g}") for s in seconds],
        "slope": round(float(slope), 2),
        "slope_over": sizes[last].tolist(),
        "order": order,
    }


def curves(sizes: Sizes) -> list[dict[str, Any]]:
    """Time one likelihood with its gradient, along the rows and along the assets."""

    def cost(z: pd.DataFrame, **options: Any) -> float:
        result = rc.DCC(margins=None, **options).filter(z, DCC_TRUTH)
        dynamics, theta = result.dynamics, result.params.to_numpy()
        return one_call(lambda: dynamics.total(theta), max(3, 2 * sizes.repeats))

    long = simulate(2, max(sizes.rows), 7, margins=False)
    wide = simulate(max(sizes.assets), 500, 8, margins=False)
    many = [n for n in sizes.assets if n >= 5]
    pairs = {"likelihood": "composite"}
    out = [
        curve("2 assets", "rows", {t: cost(long.iloc[:t]) for t in sizes.rows}, 1),
        curve("500 rows, full", "assets", {n: cost(wide.iloc[:, :n]) for n in sizes.assets}, 3),
    ]
    for kind, order in (("contiguous", 1), ("all", 2)):
        points = {n: cost(wide.iloc[:, :n], pairs=kind, **pairs) for n in many}
        out.append(curve(f"500 rows, composite, {kind} pairs", "assets", points, order))
    return out


# ---- the run ------------------------------------------------------------------------------------


def measure(sizes: Sizes) -> dict[str, Any]:
    """Run every case."""
    rows: list[dict[str, Any]] = []
    checks: dict[str, Any] = {}

    def add(found: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
        rows.extend(found[0])
        checks.update(found[1])
        show(found[0])

    pair = oil_and_stocks().iloc[: sizes.pair_rows]
    thirty = simulate(*sizes.thirty, seed=3)
    hundred = simulate(*sizes.hundred, seed=4)
    faster, half = "below pymgarch, at best half of it", "half of pymgarch"
    repeats, fewer = sizes.repeats, max(2, sizes.repeats // 2)
    header()
    add(estimation(1, "normal", pair, repeats, {FIT: faster, TWO: faster}))
    add(estimation(2, "t", pair, repeats, {FIT: half, TWO: half}, dist="t"))
    for dist in ("normal", "t"):
        limits = {FIT: "at most 1.5", TWO: "at most 3", THREE: "at most 3"}
        add(estimation(3, dist, thirty, fewer, limits, dist=dist))
    limits = {FIT: "at most 2"}
    add(estimation(4, "composite, shrunk target", hundred, fewer, limits, composite=True))
    add((memory(4, hundred), {}))
    add((simulation(5, pair, repeats), {}))
    add(bootstrap(6, pair.iloc[-sizes.refit_rows :], sizes.refits))
    found = curves(sizes)
    for line in found:
        costs = ", ".join(f"{x}: {ms:g}" for x, ms in zip(line["values"], line["ms"], strict=True))
        print(f"7  {line['what']}, ms by {line['x']}: {costs}; slope {line['slope']}")
    return {"results": rows, "checks": checks, "curves": found}


def header() -> None:
    """Print the heads of the columns."""
    print(f"{'':<90}{OURS:>22}{THEIRS:>22}")
    print(f"{'':<90}" + f"{'best':>11}{'median':>11}" * 2)


def show(rows: list[dict[str, Any]]) -> None:
    """Print rows of the record."""
    for found in rows:
        text = f"{found['case']}  {found['what']:<87}"
        for package in (OURS, THEIRS):
            values = found.get(package)
            text += f"{values['best']:>11.3f}{values['median']:>11.3f}" if values else " " * 22
        print(f"{text} {found['unit']:<4}{found['wanted']}", flush=True)


def peer_is_compiled() -> bool:
    """Whether pymgarch ran compiled: its recursion has a compiled signature after the run."""
    from pymgarch import _kernels

    return bool(_kernels.HAVE_NUMBA and _kernels.dcc_recursion.signatures)


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7, help="runs of each (default 7)")
    parser.add_argument("--refits", type=int, default=100, help="bootstrap refits (default 100)")
    parser.add_argument("--quick", action="store_true", help="small cases, for a trial")
    parser.add_argument("--out", type=Path, help=f"result (default {RESULTS.name})")
    arguments = parser.parse_args()

    refits = arguments.refits
    sizes = quick_sizes(refits) if arguments.quick else full_sizes(arguments.repeats, refits)
    if not HAVE_PEER:
        print(NO_PEER)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        measured = measure(sizes)
    # one entry for a message, whatever numbers it tells
    told = Counter(
        f"{w.category.__name__}: {re.sub(r'[-+]?[0-9][0-9.e+-]*', '#', str(w.message))}"
        for w in caught
    )
    record = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "libraries": {k: version(k) for k in (*LIBRARIES, *((THEIRS,) if HAVE_PEER else ()))},
        "pymgarch_compiled_by_numba": peer_is_compiled() if HAVE_PEER else None,
        **measured,
        "warnings": dict(told.most_common()),
    }
    for text, count in told.most_common():
        print(f"warned {count} times: {text}")
    if HAVE_PEER:
        print(f"pymgarch compiled by numba: {record['pymgarch_compiled_by_numba']}")
    for name, check in measured["checks"].items():
        if "share_converged" in check.get(OURS, {}):
            print(f"{name}: {check}")
        if not check.get("loglikelihoods_agree", True):
            print(f"log-likelihoods differ by {check['loglikelihood_gap']}: {name}")
    out = arguments.out or (None if arguments.quick else RESULTS)
    if out:
        out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
