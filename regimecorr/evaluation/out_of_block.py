"""Calibrated forecasts of past divergences that never saw their own block of the calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.calibration import recalibrate
from regimecorr.evaluation.learning import EMBARGO_DAYS, learned
from regimecorr.evaluation.panel_fit import Equations
from regimecorr.evaluation.samples import PanelRows, calendar_folds


def calibrated_by_block(
    frame: pd.DataFrame,
    rows: PanelRows,
    training: PanelRows,
    equations: Equations,
    *,
    past: tuple[pd.DataFrame, PanelRows] | None = None,
    n_folds: int = 5,
    embargo_days: int = EMBARGO_DAYS,
) -> pd.DataFrame:
    """Forecast past divergences by calendar block: panel forecaster and coefficients from outside.

    Parameters
    ----------
    frame : DataFrame
        Matured divergences with ``p_raw`` and ``structural``, one row for each of ``rows``.
    rows : PanelRows
        Their features.
    training : PanelRows
        Rows that the panel forecaster learns from.
    equations : Equations
        Its equations.
    past : (DataFrame, PanelRows), optional
        Divergences that the coefficients are learned from; default: those that are forecast. Later
        ages of a spell are forecast by coefficients of the entries.
    n_folds : int, default 5
        Contiguous blocks with about the same number of divergences.
    embargo_days : int, default 400
        Days on either side of a block that are not learned from.

    Returns
    -------
    DataFrame
        Index of ``frame``: ``fold``; ``p_panel``; ``p_pool`` (the pool alone, calibrated) and
        ``p_structural`` (pool and panel); the coefficients ``c0``, ``c1``, ``c2`` of its block
        and the spread of their prior, ``prior_sd``.

    Raises
    ------
    EstimationError
        If too little is left outside a block.
    """
    known, known_rows = (frame, rows) if past is None else past
    for table, features in ((frame, rows), (known, known_rows)):
        if len(table) != len(features):
            raise ModelError(
                f"{len(table)} divergences do not match {len(features)} rows of features."
            )
    p_raw, p_known = (t["p_raw"].to_numpy(dtype=float) for t in (frame, known))
    outcome = known["structural"].to_numpy(dtype=float)
    names = ["fold", "p_panel", "p_pool", "p_structural", "c0", "c1", "c2", "prior_sd"]
    out = pd.DataFrame(np.nan, index=frame.index, columns=names)
    for number, fold in enumerate(calendar_folds(rows.date, n_folds, embargo_days)):
        inside = fold.inside(rows.date)
        outside = fold.outside(known_rows.date, known_rows.matured)
        left = training.take(fold.outside(training.date, training.matured))
        there = known_rows.take(outside)
        both = learned(p_known[outside], outcome[outside], there, left, equations)
        blocks = calendar_blocks(there.date)
        alone = recalibrate(p_known[outside], outcome[outside], blocks=blocks)
        panel = equations.fit(left).chances(rows.take(inside))
        out.loc[inside, "fold"] = number
        out.loc[inside, "p_panel"] = panel
        out.loc[inside, "p_pool"] = alone.apply(p_raw[inside])
        out.loc[inside, "p_structural"] = both.apply(p_raw[inside], panel)
        out.loc[inside, ["c0", "c1", "c2", "prior_sd"]] = [*both.coefficients, both.prior_sd]
    return out
