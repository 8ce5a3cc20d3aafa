"""Fit the panel forecaster's two equations on rows, and forecast rows by calendar block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regimecorr.errors import EstimationError, ModelError
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.features import MEAN_FEATURES, SPREAD_FEATURES, STATE_FEATURES
from regimecorr.evaluation.fresh_forecast import share_below
from regimecorr.evaluation.regression import (
    Linear,
    log_scale,
    log_scale_covariance,
    ridge,
    ridge_covariance,
)
from regimecorr.evaluation.samples import PanelRows, calendar_folds
from regimecorr.events import Array

#: The residual distribution is kept as this many quantiles.
N_QUANTILES = 400
_LEAST_ROWS_PER_FEATURE = 20
_BINS = 10
_BLOCK_YEARS = 2
_MEAN = (*MEAN_FEATURES, *STATE_FEATURES)


@dataclass(frozen=True, slots=True)
class Equations:
    """What enters mean and standard deviation, and how much it is shrunk.

    Attributes
    ----------
    mean, spread : tuple of str
        Some of `MEAN_FEATURES` and `STATE_FEATURES`, and of `SPREAD_FEATURES`.
    penalty : float
        See `ridge`.
    """

    mean: tuple[str, ...]
    spread: tuple[str, ...]
    penalty: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.penalty) or self.penalty < 0.0:
            raise ModelError(f"penalty={self.penalty} must be 0 or more.")
        if not self.mean:
            raise ModelError("mean is empty; the mean needs at least one feature.")
        for kind, known in (("mean", _MEAN), ("spread", SPREAD_FEATURES)):
            chosen = getattr(self, kind)
            if set(chosen) - set(known) or len(set(chosen)) < len(chosen):
                raise ModelError(
                    f"{kind}={chosen!r} must name some of {', '.join(known)}, each once."
                )

    @property
    def uses_state(self) -> bool:
        """Whether the panel's state is a feature."""
        return bool(set(self.mean) & set(STATE_FEATURES))

    def covariances(
        self, rows: PanelRows, fitted: Fitted, *, by_calendar: bool = True
    ) -> tuple[Array, Array]:
        """Covariances of intercept and slopes of both equations, clustered by two calendar years.

        A horizon reaches into the next year, so one year alone would count shocks twice.
        Simulated pairs share no years: without ``by_calendar`` the clusters are the pairs.
        """
        x, h = self.columns(rows.mean, rows.spread)
        blocks = calendar_blocks(rows.date, _BLOCK_YEARS) if by_calendar else rows.pair
        residual = rows.target - fitted.mean.at(x)
        return (
            ridge_covariance(x, rows.target, fitted.mean, self.penalty, blocks),
            log_scale_covariance(h, residual, fitted.log_sd, self.penalty, blocks),
        )

    def columns(self, mean: Array, spread: Array) -> tuple[Array, Array]:
        """Columns of all features that these equations use."""
        x = [_MEAN.index(name) for name in self.mean]
        h = [SPREAD_FEATURES.index(name) for name in self.spread]
        return mean[:, x], spread[:, h]

    def fit(self, rows: PanelRows) -> Fitted:
        """Fit the mean by ridge, then the standard deviation of its residuals.

        Raises
        ------
        EstimationError
            If there are fewer than 20 rows a feature.
        """
        least = _LEAST_ROWS_PER_FEATURE * (len(self.mean) + len(self.spread))
        if len(rows) < least:
            raise EstimationError(
                f"The panel has {len(rows)} rows to learn from; {least} are needed. Add pairs or "
                "longer histories, or use fewer features."
            )
        x, h = self.columns(rows.mean, rows.spread)
        mean = ridge(x, rows.target, self.penalty)
        residual = rows.target - mean.at(x)
        log_sd = log_scale(h, residual, self.penalty)
        chances = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
        quantiles = np.quantile(residual / np.exp(log_sd.at(h)), chances)
        return Fitted(self, mean, log_sd, tuple(quantiles.tolist()))


@dataclass(frozen=True, slots=True)
class Fitted:
    """Parameters of one fit.

    Attributes
    ----------
    equations : Equations
        What was fitted.
    mean, log_sd : Linear
        Mean and logarithm of the standard deviation of the oriented Fisher z.
    quantiles : tuple of float
        Quantiles of the standardised residuals at (i + 0.5) / 400.
    """

    equations: Equations
    mean: Linear
    log_sd: Linear
    quantiles: tuple[float, ...]

    def moments(self, mean: Array, spread: Array) -> tuple[Array, Array]:
        """Mean and standard deviation (n,) of the oriented Fisher z at features of rows."""
        x, h = self.equations.columns(mean, spread)
        return self.mean.at(x), np.exp(self.log_sd.at(h))

    def chances(self, rows: PanelRows) -> Array:
        """Probability (n,) of structural by row; NaN where a feature is missing."""
        mu, sd = self.moments(rows.mean, rows.spread)
        return share_below(self.quantiles, (rows.middle - mu) / sd)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Forecasts of rows by fits that have seen nothing near them.

    Attributes
    ----------
    mean_z, sd_z : ndarray of shape (n,)
        Mean and standard deviation of the oriented Fisher z of the fresh correlation.
    p_structural : ndarray of shape (n,)
        Probability of structural.
    pit : ndarray of shape (n,)
        Where the outcome came to lie in its forecast distribution; NaN if it is not known.
    fold : ndarray of shape (n,)
        Number of the calendar block.
    """

    mean_z: Array
    sd_z: Array
    p_structural: Array
    pit: Array
    fold: Array


def out_of_fold(
    equations: Equations,
    training: PanelRows,
    rows: PanelRows,
    *,
    n_folds: int = 5,
    embargo_days: int = 400,
) -> OutOfFold:
    """Forecast rows by calendar block.

    Parameters
    ----------
    equations : Equations
        What is fitted for each block.
    training, rows : PanelRows
        What is learned from, and what is forecast (which may be the same).
    n_folds : int, default 5
        Contiguous blocks with about the same number of ``rows``.
    embargo_days : int, default 400
        Days on either side of a block that are not learned from.

    Returns
    -------
    OutOfFold

    Raises
    ------
    EstimationError
        If too few rows are left to learn from for a block.
    """
    out = np.full((5, len(rows)), np.nan)
    for number, fold in enumerate(calendar_folds(rows.date, n_folds, embargo_days)):
        inside = fold.inside(rows.date)
        left = training.take(fold.outside(training.date, training.matured))
        try:
            fitted = equations.fit(left)
        except EstimationError as error:
            raise EstimationError(
                f"Without the block {fold.first:%Y-%m-%d} to {fold.last:%Y-%m-%d} and "
                f"{embargo_days} days on either side: {error} Or use n_folds=0: no diagnostics."
            ) from error
        here = rows.take(inside)
        mu, sd = fitted.moments(here.mean, here.spread)
        pit = share_below(fitted.quantiles, (here.target - mu) / sd)
        out[:, inside] = mu, sd, fitted.chances(here), pit, np.full(len(mu), number)
    return OutOfFold(*out)


@dataclass(frozen=True, slots=True)
class ForecastDiagnostics:
    """How well the fresh correlation is forecast, on rows of all states.

    Attributes
    ----------
    n_rows, n_pairs : int
        What was learned from. Rows overlap and pairs share assets: they are far from independent.
    r2, r2_out_of_fold : float
        Share of the variance of Fisher z explained, in the sample and by calendar block with the
        embargo; None without folds.
    pit : tuple of float
        Out-of-fold shares of outcomes by tenth of their forecast distribution; 0.1 each is
        calibrated. Empty without folds.
    pit_distance : float
        Largest distance of the distribution of these from the uniform one, or None.
    """

    n_rows: int
    n_pairs: int
    r2: float
    r2_out_of_fold: float | None
    pit: tuple[float, ...]
    pit_distance: float | None


def diagnostics(
    fitted: Fitted, rows: PanelRows, n_folds: int, embargo_days: int
) -> ForecastDiagnostics:
    """Measure a fit on its own rows, in the sample and by calendar block."""
    n_pairs = len(np.unique(rows.pair))
    r2 = _explained(rows.target, fitted.moments(rows.mean, rows.spread)[0])
    if not n_folds:
        return ForecastDiagnostics(len(rows), n_pairs, r2, None, (), None)
    later = out_of_fold(fitted.equations, rows, rows, n_folds=n_folds, embargo_days=embargo_days)
    counts, _ = np.histogram(later.pit, bins=_BINS, range=(0.0, 1.0))
    u, n = np.sort(later.pit), len(rows)
    distance = max(np.max(np.arange(1, n + 1) / n - u), np.max(u - np.arange(n) / n))
    return ForecastDiagnostics(
        n,
        n_pairs,
        r2,
        _explained(rows.target, later.mean_z),
        tuple((counts / n).tolist()),
        float(distance),
    )


def _explained(target: Array, forecast: Array) -> float:
    return float(1.0 - np.mean((target - forecast) ** 2) / np.var(target))
