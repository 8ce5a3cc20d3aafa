"""What the panel forecaster knows of a pair at a date: its own correlations, near and far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regimecorr.data.windows import first_rows
from regimecorr.errors import WindowError
from regimecorr.events import Array, midpoint_of
from regimecorr.kernels.rolling import rolling_pearson, rolling_pearson_from

BoolArray = npt.NDArray[np.bool_]

#: Features of the mean of the fresh correlation, in Fisher z unless said otherwise.
MEAN_FEATURES = (
    "short",
    "reference",
    "long",
    "recent",
    "whole",
    "past",
    "year_before",
    "past_sd",
    "past_sd_x_past",
    "sign_short",
    "sign_long",
)
#: Features of the mean that a panel has on that day, see `PanelState`.
STATE_FEATURES = ("concentration", "decoupling")
#: Features of the logarithm of its standard deviation.
SPREAD_FEATURES = (
    "past_sd",
    "short_sd",
    "abs_long",
    "abs_past",
    "abs_short_less_long",
    "volatility",
)
_CLIP = 0.98
_CLIP_VOLATILITY = 2.0


@dataclass(frozen=True, slots=True)
class FeatureWindows:
    """Windows of the features, in rows.

    Attributes
    ----------
    short, long, horizon : int
        Those of the definitions: short correlation, reference, and rows to the outcome.
    recent : int
        The shortest correlation.
    spread : int
        Over which the standard deviation of the short correlation is taken.
    volatility : int
        Of recent volatility, which is held against that of the whole history.
    """

    short: int = 90
    long: int = 252
    horizon: int = 252
    recent: int = 42
    spread: int = 504
    volatility: int = 60

    def __post_init__(self) -> None:
        for name, least in (
            ("short", 10),
            ("long", 20),
            ("horizon", 40),
            ("recent", 10),
            ("spread", 20),
            ("volatility", 10),
        ):
            rows = getattr(self, name)
            if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < least:
                raise WindowError(f"{name}={rows!r} must be a number of rows, at least {least}.")
            object.__setattr__(self, name, int(rows))  # JSON knows no NumPy numbers
        if self.short >= self.long:
            raise WindowError(f"short={self.short} must be shorter than long={self.long}.")

    @property
    def needed(self) -> int:
        """Returns that the features need, their last row included."""
        return max(self.short + 2 * self.long, self.short + self.spread - 1)


@dataclass(frozen=True, slots=True, eq=False)
class PairFeatures:
    """Features of one pair at every row; those of row t use rows to t only.

    Attributes
    ----------
    r_short, r_long, reference, midpoint : ndarray of shape (n_rows,)
        As DESIGN defines them, raw; NaN before the first full window.
    sign : ndarray of shape (n_rows,)
        Sign of the reference, 1 or -1; 0 where there is none.
    mean : ndarray of shape (n_rows, 11)
        `MEAN_FEATURES`, on correlations multiplied by ``sign``.
    spread : ndarray of shape (n_rows, 6)
        `SPREAD_FEATURES`, which no sign changes.
    """

    r_short: Array
    r_long: Array
    reference: Array
    midpoint: Array
    sign: Array
    mean: Array
    spread: Array

    @property
    def ready(self) -> BoolArray:
        """Whether every feature of a row exists, (n_rows,)."""
        known = np.isfinite(self.mean).all(axis=1) & np.isfinite(self.spread).all(axis=1)
        return np.asarray(known, dtype=bool)


def fisher(r: Array) -> Array:
    """Fisher z of correlations clipped at 0.98 in size."""
    return np.asarray(np.arctanh(np.clip(r, -_CLIP, _CLIP)), dtype=float)


def pair_features(returns: Array, windows: FeatureWindows | None = None) -> PairFeatures:
    """Read the features of a pair at every row.

    Parameters
    ----------
    returns : ndarray of shape (n_rows, 2)
        Log returns on common days.
    windows : FeatureWindows, optional
        Default: those of the package's definitions.

    Returns
    -------
    PairFeatures
        With, at row t, s the short and l the long correlation that end with t and L their window
        lengths: ``reference`` l at t - S; ``year_before`` l at t - S - L; ``recent`` the
        correlation of the last 42 rows; ``whole`` that of rows 0 to t - S; ``past`` the mean and
        ``past_sd`` the standard deviation of all full l to t; ``sign_short`` and ``sign_long``
        ``sin(pi/2 c)``, c the correlation of the signs of the returns over S and L rows, which for
        elliptical returns estimates their correlation without regard to size (Lindskog, McNeil and
        Schmock 2003); ``short_sd`` the standard deviation of z(s) over 504 rows; ``volatility`` the
        mean over the legs of the log of 60-row volatility over that of all rows to t. NaN where a
        window is not full, or a leg did not move in it.

    Examples
    --------
    >>> import numpy as np
    >>> features = pair_features(np.random.default_rng(0).standard_normal((800, 2)))
    >>> features.mean.shape, int(features.ready.argmax())
    ((800, 11), 593)
    """
    w = FeatureWindows() if windows is None else windows
    x, y = np.ascontiguousarray(returns[:, 0]), np.ascontiguousarray(returns[:, 1])
    r_short, r_long = rolling_pearson(x, y, w.short), rolling_pearson(x, y, w.long)
    reference = _lag(r_long, w.short)
    sign = np.where(np.isnan(reference), 0.0, np.where(reference < 0.0, -1.0, 1.0))
    past, past_sd = _running_moments(r_long)
    up, down = np.sign(x), np.sign(y)
    raw = {
        "short": r_short,
        "reference": reference,
        "long": r_long,
        "recent": rolling_pearson(x, y, w.recent),
        "whole": _lag(_expanding_pearson(x, y, w.long), w.short),
        "past": past,
        "year_before": _lag(r_long, w.short + w.long),
        "sign_short": _sign_correlation(up, down, w.short),
        "sign_long": _sign_correlation(up, down, w.long),
    }
    mean = {name: sign * fisher(r) for name, r in raw.items()}
    mean["past_sd"] = past_sd
    mean["past_sd_x_past"] = past_sd * mean["past"]
    spread = {
        "past_sd": past_sd,
        "short_sd": _rolling_sd(fisher(r_short), w.spread),
        "abs_long": np.abs(mean["long"]),
        "abs_past": np.abs(mean["past"]),
        "abs_short_less_long": np.abs(mean["short"] - mean["long"]),
        "volatility": (_volatility(x, w.volatility) + _volatility(y, w.volatility)) / 2.0,
    }
    return PairFeatures(
        r_short,
        r_long,
        reference,
        np.asarray(midpoint_of(r_short, reference), dtype=float),
        sign,
        np.column_stack([mean[name] for name in MEAN_FEATURES]),
        np.column_stack([spread[name] for name in SPREAD_FEATURES]),
    )


def _lag(values: Array, rows: int) -> Array:
    out = np.full(len(values), np.nan)
    out[rows:] = values[: max(len(values) - rows, 0)]
    return out


def _expanding_pearson(x: Array, y: Array, least: int) -> Array:
    """Correlation of all rows to t; NaN before ``least`` rows."""
    first = np.where(first_rows(len(x), least) < 0, -1, 0)
    return np.asarray(rolling_pearson_from(x, y, first), dtype=float)


def _sign_correlation(up: Array, down: Array, rows: int) -> Array:
    return np.asarray(np.sin(np.pi / 2.0 * rolling_pearson(up, down, rows)), dtype=float)


def _running_moments(r: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of all values to t; a value that is NaN is skipped."""
    known = np.isfinite(r)
    count = np.cumsum(known)
    values = np.where(known, r, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.cumsum(values) / count
        variance = (np.cumsum(values**2) - count * mean**2) / (count - 1)
    enough = count > 1
    mean = np.where(enough, mean, np.nan)
    return mean, np.where(enough, np.sqrt(np.maximum(variance, 0.0)), np.nan)


def _rolling_sd(z: Array, rows: int) -> Array:
    """Standard deviation of the last ``rows`` values, NaN unless all exist."""
    out = np.full(len(z), np.nan)
    if len(z) < rows:
        return out
    known = np.isfinite(z)
    values = np.where(known, z, 0.0)
    total, squares, count = (
        np.cumsum(np.r_[0.0, v]) for v in (values, values**2, known.astype(float))
    )
    n = float(rows)
    mean = (total[rows:] - total[:-rows]) / n
    variance = (squares[rows:] - squares[:-rows] - n * mean**2) / (n - 1.0)
    full = count[rows:] - count[:-rows] == n
    out[rows - 1 :] = np.where(full, np.sqrt(np.maximum(variance, 0.0)), np.nan)
    return out


def _volatility(x: Array, rows: int) -> Array:
    """Log of recent over historical volatility, clipped at 2 in size."""
    recent = _rolling_sd(x, rows)
    _, whole = _running_moments(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(recent / whole)
    return np.asarray(np.clip(ratio, -_CLIP_VOLATILITY, _CLIP_VOLATILITY), dtype=float)
