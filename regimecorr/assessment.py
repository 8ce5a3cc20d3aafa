"""`assess`: from prices to a verdict, told from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.defaults import default_pair
from regimecorr.data.windows import resolve
from regimecorr.episodes.detect import episodes_of
from regimecorr.evaluation.outlook import (
    Outlook,
    OutlookOptions,
    look_ahead,
    question_of,
    streams_of,
    warn_uncalibrated,
)
from regimecorr.evaluation.readings import sensitivity_table
from regimecorr.evaluation.tables import (
    correlation_table,
    forecast_table,
    gap_table,
    regime_table,
)
from regimecorr.evaluation.track_record import no_record, track_record
from regimecorr.evaluation.vintages import Calibration, CalibrationName
from regimecorr.events import Basis, DivergenceRule
from regimecorr.inference.levels import audit_of
from regimecorr.models.base import check_count
from regimecorr.progress import LateProgress
from regimecorr.verdict import Verdict


def assess(
    prices: Any = None,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    basis: Basis = "returns",
    short_window: int = 90,
    long_window: int = 252,
    horizon: int = 252,
    method: Literal["pool", "bayes"] = "pool",
    calibration: CalibrationName | Calibration | None = "market",
    family_prior: Mapping[str, float] | None = None,
    thresholds: tuple[float, float] = (1 / 3, 2 / 3),
    n_paths: int = 4000,
    rng: int | np.random.Generator | None = 0,
    n_jobs: int = 1,
) -> Verdict:
    """Estimate the probability that the current divergence of a pair is structural.

    Five families of models (constant, mean-reverting, recurrent regimes, permanent breaks, drift)
    are fitted on the pair's own history to ``as_of``, simulated ``horizon`` rows ahead with
    parameter and state uncertainty, weighted by their likelihood, and the event is counted:
    *structural* when the correlation of the fresh second half of the horizon lies on the diverged
    side of the midpoint that is frozen today. That count is pooled with the forecast of a
    regression over many pairs, by coefficients that past divergences have taught.

    Parameters
    ----------
    prices : DataFrame, dict of Series, path or None
        Prices; anything `load_prices` takes. None: Ethereum and the Russell 2000 from the cache or
        a download, and without a network their bundled simulated twin, with a
        `BundledDataWarning`.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two. Without prices: ETH and RUT or IWM.
    as_of : str, date or Timestamp, optional
        The day of the verdict; later rows are not used. Default: the last row.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        What is correlated; the level bases replay published charts and are never calibrated.
    short_window, long_window, horizon : int, default 90, 252 and 252
        Rows; the horizon at least 40. Other choices than the default are never calibrated.
    method : {"pool", "bayes"}, default "pool"
        How models become a probability. "pool": estimates with their likelihoods, in seconds.
        "bayes": posteriors with their marginal likelihoods, regimes, change points and the nesting
        chain {transient low, normal, new normal} sampled by PyMC, in minutes; their ArviZ data are
        in ``verdict.idata``. Never calibrated.
    calibration : {"market", "simulated"}, Calibration or None, default "market"
        What past outcomes have taught: the vintage in force on the day, learned from a panel of
        real markets ("market"), from simulated worlds ("simulated", to validate the engine, not
        dated) or from a panel of your own (`calibrate`). Where there is none, the raw pool is
        given with an `UncalibratedWarning`; ``None`` asks for the raw pool.
    family_prior : mapping, optional
        Prior weight by family (``constant``, ``mean_reverting``, ``recurrent``, ``break``,
        ``drift``, with "bayes" also ``nesting``); default: alike. Never calibrated.
    thresholds : tuple of float, default (1/3, 2/3)
        The label is ``transient`` below the first and ``structural`` above the second.
    n_paths : int, default 4000
        Simulated futures of each model, at least 400.
    rng : int, Generator or None, default 0
        Seed or generator; the same seed gives the same verdict whatever ``n_jobs``.
    n_jobs : int, default 1
        Threads ("bayes": processes of the sampler).

    Returns
    -------
    Verdict

    Raises
    ------
    DataError
        If prices, dates or windows cannot be used.
    ModelError
        If an option is unknown.
    EstimationError
        If two models fail.
    SamplingError
        If a posterior's chains did not converge ("bayes").

    Warns
    -----
    UncalibratedWarning, LevelBasisWarning, BundledDataWarning

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("recurrent", n_obs=1500, rng=1)
    >>> verdict = rc.assess(world.prices, calibration=None, n_paths=400)
    >>> bool(abs(verdict.p_structural + verdict.p_transient - 1) < 1e-9)
    True
    """
    options = OutlookOptions(
        basis=basis,
        short_window=short_window,
        long_window=long_window,
        horizon=horizon,
        method=method,
        calibration=calibration,
        family_prior=family_prior,
        thresholds=thresholds,
        n_paths=n_paths,
    )
    if n_jobs != -1:
        check_count("n_jobs", n_jobs)
    used = options.learned_from
    if prices is None:
        prices, asset, benchmark = default_pair(asset, benchmark)
    pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of)
    question = question_of(pair, options)
    uncalibrated = question.uncalibrated
    if uncalibrated and (used is not None or basis != "returns"):
        warn_uncalibrated(basis, uncalibrated)

    streams = streams_of(rng)
    steps = len(options.specs()) + 1
    with LateProgress(f"{pair.asset} / {pair.benchmark}", steps) as progress:
        outlook = look_ahead(question, streams, n_jobs=n_jobs, done=progress.advance)

    pool, events, values = outlook.pool, question.events, question.values
    here, p = events.here, outlook.final.p_structural
    return Verdict(
        **outlook.figures(),
        basis=basis,
        models=_model_table(outlook),
        regimes=regime_table(pool, here.sign, streams.regimes),
        correlation=correlation_table(pair, values, pool, here.sign, short_window, long_window),
        forecast=forecast_table(pool, events, n_paths),
        episodes=episodes_of(
            pair,
            basis,
            resolve(pair.dates, short_window, long_window, horizon),
            DivergenceRule(merge=short_window // 2),
        ),
        levels=audit_of(pair, short_window, long_window, horizon, streams.audit),
        gap=gap_table(pair, pool, long_window, n_paths, horizon, streams.walks),
        sensitivity=sensitivity_table(pair, basis, pool, short_window, long_window, horizon),
        track_record=track_record(used, p, pair.dates[-1], _names(pair))
        if used is not None and question.learned is not None and here.state == "divergent"
        else no_record(outlook.reason or uncalibrated or _no_record_of(here.state)),
        data=_data(pair),
        settings=options.to_dict()
        | {"rng": int(rng) if isinstance(rng, int | np.integer) else None},
        prices=pair.prices,
        idata=pool.idata,
    )


def _model_table(outlook: Outlook) -> pd.DataFrame:
    question, pool, final = outlook.question, outlook.pool, outlook.final
    events, learned, priors = question.events, question.learned, question.options.priors
    rows: list[dict[str, Any]] = []
    for family, names in question.options.families.items():
        for name in names:
            member = pool.members[name]
            futures = member.futures if events.here.state != "weak" else None
            rows.append(
                {
                    "member": name,
                    "family": family,
                    "prior": priors[name],
                    "weight": pool.weights[name],
                    "p_structural": np.nan
                    if futures is None
                    else events.structural(futures).mean(),
                    "p_unchanged": np.nan if futures is None else events.unchanged(futures).mean(),
                    "score": member.score,
                    "converged": member.fit is not None and member.fit.converged,
                    "reason": member.reason,
                    "note": member.note,
                }
            )
    panel: dict[str, Any] = {"member": "panel", "family": "", "note": ""}
    panel["reason"] = question.uncalibrated
    note = "raw pool"
    if learned is not None:
        before = learned.vintage.before
        panel["p_structural"] = learned.panel.p_structural
        panel["note"] = "simulated worlds" if before is None else f"prices before {before}"
        c0, c1, c2 = learned.vintage.coefficients.coefficients
        note = f"logit = {c0:.2f} {_signed(c1)} logit(pool) {_signed(c2)} logit(panel)"
    rows.append(panel)
    last: dict[str, Any] = {"member": "final", "family": "", "prior": 1.0, "weight": 1.0}
    last |= {"p_structural": final.p_structural, "p_unchanged": final.p_unchanged}
    last |= {"reason": "", "note": note}
    last["converged"] = all(m.fit.converged for m in pool.alive() if m.fit is not None)
    rows.append(last)
    return pd.DataFrame(rows).set_index("member")


def _signed(number: float) -> str:
    """A term of a sum with its sign apart, such as "- 0.25"."""
    return f"{'-' if number < 0.0 else '+'} {abs(number):.2f}"


def _no_record_of(state: str) -> str:
    return f"forecasts are on record for divergences; today the pair is {state}"


def _names(pair: AlignedPair) -> tuple[str, ...]:
    """Names by which the pair may stand on record; simulated prices only borrow theirs."""
    return () if pair.provenance.get("simulated", False) else (pair.asset, pair.benchmark)


def _data(pair: AlignedPair) -> dict[str, Any]:
    return {
        "provenance": pair.provenance,
        "alignment": pair.report.to_dict(),
        "simulated": bool(pair.provenance.get("simulated", False)),
        "n_returns": len(pair.prices) - 1,
    }
