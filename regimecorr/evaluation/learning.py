"""Learn vintages from the past divergences of a panel: `calibrate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from regimecorr.data.prices import PriceSource
from regimecorr.errors import EstimationError, ModelError, TooFewRowsError
from regimecorr.evaluation.backtest import (
    HORIZON,
    LONG_WINDOW,
    N_PATHS,
    SHORT_WINDOW,
    backtest,
    chosen,
)
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.calibration import Recalibration, recalibrate
from regimecorr.evaluation.forecaster import PanelForecaster
from regimecorr.evaluation.panel import Pairs, Panel
from regimecorr.evaluation.panel_fit import Equations, out_of_fold
from regimecorr.evaluation.samples import PanelRows, rows_of, training_rows
from regimecorr.evaluation.vintages import OTHER_STATES, RECORD, Calibration, Vintage, said_by
from regimecorr.events import Array

#: A vintage needs this many outcomes that have matured.
LEAST_OUTCOMES = 100
INNER_FOLDS = 4
EMBARGO_DAYS = 400


def calibrate(
    panel: PriceSource | Panel,
    *,
    pairs: Pairs = "all",
    forecaster: PanelForecaster | None = None,
    store: str | Path | None = None,
    n_paths: int = N_PATHS,
    rng: int = 0,
    n_jobs: int = 1,
) -> Calibration:
    """Learn from the past divergences of a panel how much a forecast is worth.

    Every divergence is forecast by the raw pool from data to its day (`backtest`). At each year
    end the panel forecaster is fitted to all rows whose horizon had passed by then, and the
    coefficients that pool it with the raw pool to the divergences that had matured, of which its
    forecasts are out of fold. The record is what each vintage says of the divergences that begin
    while it is in force.

    Parameters
    ----------
    panel : DataFrame, dict of Series, path or Panel
        Prices of many assets; see `read_panel`.
    pairs : "all" or sequence of (asset, benchmark), default "all"
        Pairs; "all" takes those of distinct underlyings.
    forecaster : PanelForecaster, optional
        Default ``PanelForecaster()``. It may not use the panel's state: a verdict has one pair.
    store : path, optional
        File of raw forecasts, see `backtest`; what stands there is not made again.
    n_paths : int, default 2000
        Simulated paths of each model, at least 400.
    rng : int, default 0
        Seed.
    n_jobs : int, default 1
        Processes.

    Returns
    -------
    Calibration
        To be passed to ``assess(calibration=...)``, which takes the last vintage before its day.

    Raises
    ------
    TooFewRowsError
        If no year end has 100 matured divergences.
    DataError
        If the prices cannot be used.
    ModelError
        If the forecaster uses the panel's state.

    Examples
    --------
    >>> import pandas as pd, regimecorr as rc
    >>> from regimecorr.errors import TooFewRowsError
    >>> few = rc.simulate("recurrent", n_obs=1600, rng=5).prices
    >>> try:
    ...     rc.calibrate(few, n_paths=400)
    ... except TooFewRowsError as error:
    ...     print("more pairs are needed")
    more pairs are needed
    """
    spec = PanelForecaster() if forecaster is None else forecaster
    if spec.equations.uses_state:
        raise ModelError("A calibration's forecaster may not use the panel's state; leave it out.")
    windows = spec.windows.short, spec.windows.long, spec.windows.horizon
    if windows != (SHORT_WINDOW, LONG_WINDOW, HORIZON):
        raise ModelError(
            f"The forecaster's windows {windows} forecast another event than a verdict's; leave "
            f"them at {(SHORT_WINDOW, LONG_WINDOW, HORIZON)}."
        )
    whole = chosen(panel, pairs)
    raw = backtest(
        whole, ages=(0,), store=store, calibration=None, n_paths=n_paths, rng=rng, n_jobs=n_jobs
    )
    known = raw.frame[raw.frame["p_raw"].notna()].reset_index(drop=True)
    rows = rows_of(whole, known, spec.windows)
    training = training_rows(whole, spec.windows, spec.every)
    vintages = _year_ends(known, rows, training, spec, whole.table.index[-1].year)
    source = {
        "made": raw.made,
        "n_assets": len({name for pair in whole.pairs for name in pair.names}),
        "n_pairs": len(whole.pairs),
        "skipped": len(whole.skipped),
        "first": f"{whole.table.index[0]:%Y-%m-%d}",
        "last": f"{whole.table.index[-1]:%Y-%m-%d}",
        **raw.options,
    }
    said = said_by(vintages, known["p_raw"].to_numpy(), rows)
    record = known.join(said[["p_structural", "base_rate"]])
    record = record.loc[record["p_structural"].notna(), list(RECORD)].reset_index(drop=True)
    return Calibration("own", vintages, record, source)


def _year_ends(
    known: pd.DataFrame, rows: PanelRows, training: PanelRows, spec: PanelForecaster, last: int
) -> tuple[Vintage, ...]:
    """Vintages of every year end with enough outcomes, up to the beginning of the last year.

    The last year is that of the prices: whether a vintage exists must not hang on a divergence or
    an outcome that comes after it.
    """
    matured = rows.matured[rows.usable(state=False)]
    if len(matured) < LEAST_OUTCOMES:
        raise TooFewRowsError(
            f"The panel has {len(matured)} divergences that have matured; a calibration needs "
            f"{LEAST_OUTCOMES}. Add pairs or longer histories."
        )
    out, reason = [], ""
    for year in range(matured.min().year + 1, last + 1):
        begin = pd.Timestamp(year, 1, 1)
        if np.sum(matured < begin) < LEAST_OUTCOMES:
            continue
        try:
            out.append(fit_vintage(known, rows, training, spec, begin))
        except EstimationError as error:  # too few years for inner folds; later ones have more
            reason = f" ({error})"
    if not out:
        raise TooFewRowsError(
            f"{len(matured)} divergences of the panel have matured, but no year end has "
            f"{LEAST_OUTCOMES} of them in enough years{reason}. Add pairs or longer histories."
        )
    return tuple(out)


def fit_vintage(
    known: pd.DataFrame,
    rows: PanelRows,
    training: PanelRows,
    spec: PanelForecaster,
    before: pd.Timestamp | None,
) -> Vintage:
    """Learn from what had matured before a day; None: from all, and the vintage is not dated."""
    # A leg that did not move leaves a divergence without a feature, or without its outcome.
    past, learn = rows.usable(state=False), np.isfinite(training.target)
    if before is not None:
        past, learn = past & (rows.matured < before), learn & (training.matured < before)
    outcome = known["structural"].to_numpy(dtype=float)[past]
    left = training.take(learn)
    states, below = left.states(), left.target < left.middle
    if not set(OTHER_STATES) <= set(states):
        raise EstimationError(f"There are no rows of each of the states {OTHER_STATES}.")
    coefficients = learned(
        known["p_raw"].to_numpy(dtype=float)[past],
        outcome,
        rows.take(past),
        left,
        spec.equations,
        by_calendar=before is not None,
    )
    return Vintage(
        None if before is None else f"{before:%Y-%m-%d}",
        spec.fit_rows(left, before=before, by_calendar=before is not None),
        coefficients,
        len(outcome),
        int(outcome.sum()),
        {state: float(below[states == state].mean()) for state in OTHER_STATES},
    )


def learned(
    p_raw: Array,
    outcome: Array,
    rows: PanelRows,
    training: PanelRows,
    equations: Equations,
    *,
    by_calendar: bool = True,
) -> Recalibration:
    """Fit the coefficients to past divergences; their panel forecasts are out of fold as well.

    ``by_calendar``: outcomes of one year share its shocks. Simulated ones share nothing.
    """
    inner = out_of_fold(
        equations, training, rows, n_folds=INNER_FOLDS, embargo_days=EMBARGO_DAYS
    ).p_structural
    blocks = calendar_blocks(rows.date) if by_calendar else None
    return recalibrate(p_raw, outcome, inner, blocks=blocks)
