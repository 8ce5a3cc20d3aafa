"""The predictive distribution of a pair's fresh correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.events import Array, State


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshForecast:
    """Forecast of the correlation of a pair over the second half of the horizon.

    Attributes
    ----------
    asset, benchmark : str
        The pair.
    as_of : Timestamp
        Day of the forecast, the last row used.
    state : {"weak", "divergent", "strained", "aligned"}
        State on that day.
    r_short, reference, midpoint : float
        Raw correlations on that day.
    sign : int
        1 or -1, the sign of the reference.
    mean_z, sd_z : float
        Mean and standard deviation of Fisher z of the fresh correlation times ``sign``.
    mean_error, log_sd_error : float
        Standard errors of ``mean_z`` and of the logarithm of ``sd_z``: what is not known of the
        parameters.
    residuals : tuple of float
        Quantiles of the standardised residuals.
    """

    asset: str
    benchmark: str
    as_of: pd.Timestamp
    state: State
    r_short: float
    reference: float
    midpoint: float
    sign: int
    mean_z: float
    sd_z: float
    mean_error: float
    log_sd_error: float
    residuals: tuple[float, ...]

    @property
    def p_structural(self) -> float:
        """Probability that the fresh correlation lies on the diverged side of the midpoint.

        NaN in state weak, where nothing was established that could break.
        """
        return float("nan") if self.state == "weak" else self._below(self.sign * self.midpoint)

    def draw_structural(self, n_draws: int, rng: np.random.Generator) -> Array:
        """Probabilities (n_draws,) of structural under draws of the parameters."""
        shift, stretch = rng.standard_normal((2, n_draws))
        mean = self.mean_z + self.mean_error * shift
        sd = self.sd_z * np.exp(self.log_sd_error * stretch)
        middle = np.arctanh(self.sign * self.midpoint)
        return share_below(self.residuals, (middle - mean) / sd)

    @property
    def median(self) -> float:
        """Median of the fresh correlation."""
        return self.quantile(0.5)

    def cdf(self, r: float) -> float:
        """Probability that the fresh correlation is below ``r``."""
        if not -1.0 <= r <= 1.0:
            raise ModelError(f"r={r} must be a correlation, -1 to 1.")
        return self._below(r) if self.sign > 0 else 1.0 - self._below(-r)

    def quantile(self, q: float) -> float:
        """Quantile of the fresh correlation at a probability between 0 and 1."""
        if not 0.0 < q < 1.0:
            raise ModelError(f"q={q} must lie between 0 and 1.")
        chances = _chances(len(self.residuals))
        u = np.interp(q if self.sign > 0 else 1.0 - q, chances, self.residuals)
        return float(self.sign * np.tanh(self.mean_z + self.sd_z * u))

    def _below(self, oriented: float) -> float:
        with np.errstate(divide="ignore"):
            z = np.arctanh(np.array([oriented]))
        return float(share_below(self.residuals, (z - self.mean_z) / self.sd_z)[0])


def share_below(quantiles: Sequence[float], values: Array) -> Array:
    """Distribution function (n,) that has these quantiles at (i + 0.5) / n_quantiles.

    Between them it is linear; beyond the outermost it stays at theirs, never 0 or 1.
    """
    return np.asarray(np.interp(values, quantiles, _chances(len(quantiles))), dtype=float)


def _chances(n: int) -> Array:
    return np.asarray((np.arange(n) + 0.5) / n, dtype=float)
