"""Simulated worlds with a known correlation path: `simulate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.kernels.garch import garch_path
from regimecorr.kernels.paths import correlate

Array: TypeAlias = npt.NDArray[np.float64]
World: TypeAlias = Literal[
    "constant",
    "mean_reverting",
    "recurrent",
    "one_break",
    "partial_break",
    "drift",
    "several_breaks",
    "random_walk",
]
_Rng: TypeAlias = np.random.Generator
_BURN = 250
_Z_CAP = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPair:
    """A simulated pair and its truth.

    Attributes
    ----------
    prices : DataFrame of shape (n_obs + 1, 2)
        Prices ``A`` and ``B`` on business days from 2000-01-03, starting at 100.
    returns, std_resid : DataFrame of shape (n_obs, 2)
        Log returns and the shocks behind them (unit variance).
    correlation : Series
        True conditional correlation of each return.
    world : str
        Name of the world.
    parameters : dict
        What was drawn for it.
    """

    prices: pd.DataFrame
    returns: pd.DataFrame
    std_resid: pd.DataFrame
    correlation: pd.Series
    world: str
    parameters: dict[str, float]


def _base(rng: _Rng) -> float:
    return float(rng.uniform(0.3, 0.7))


def _constant(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    level = float(rng.uniform(0.25, 0.6))
    return np.full(n, level), {"rho": level}


def _autoregressive(
    n: int, rng: _Rng, mean: float, phi: float, sigma: float, start: float
) -> Array:
    level, out = start, np.empty(n)
    for t, shock in enumerate(rng.standard_normal(n)):
        out[t] = level
        level = float(np.clip(mean + phi * (level - mean) + sigma * shock, -_Z_CAP, _Z_CAP))
    return np.asarray(np.tanh(out), dtype=float)


def _mean_reverting(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    mean = float(np.arctanh(rng.uniform(0.25, 0.55)))
    half_life, spread = float(rng.uniform(20.0, 120.0)), float(rng.uniform(0.2, 0.4))
    phi = 0.5 ** (1.0 / half_life)
    path = _autoregressive(
        n, rng, mean, phi, spread * np.sqrt(1 - phi**2), mean + spread * rng.standard_normal()
    )
    return path, {"mean": mean, "half_life": half_life, "spread": spread}


def _recurrent(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    high, low = float(rng.uniform(0.4, 0.7)), float(rng.uniform(-0.15, 0.1))
    stay = {"high": float(rng.uniform(300, 900)), "low": float(rng.uniform(60, 250))}
    regime = "high" if rng.random() < stay["high"] / sum(stay.values()) else "low"
    out, t = np.empty(n), 0
    while t < n:
        length = int(rng.geometric(1.0 / stay[regime]))
        out[t : t + length] = high if regime == "high" else low
        t += length
        regime = "low" if regime == "high" else "high"
    return out, {"high": high, "low": low, "stay_high": stay["high"], "stay_low": stay["low"]}


def _break_to(n: int, rng: _Rng, after: Callable[[float], float]) -> tuple[Array, dict[str, float]]:
    before, row = _base(rng), int(rng.uniform(0.35, 0.9) * n)
    level = after(before)
    out = np.where(np.arange(n) < row, before, level)
    return out, {"before": before, "after": level, "row": row}


def _one_break(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    return _break_to(n, rng, lambda before: float(rng.uniform(-0.2, 0.1)))


def _partial_break(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    return _break_to(n, rng, lambda before: before * float(rng.uniform(0.2, 0.6)))


def _drift(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    before, after = _base(rng), float(rng.uniform(-0.2, 0.1))
    row, length = int(rng.uniform(0.25, 0.75) * n), float(rng.uniform(250, 1000))
    share = np.clip((np.arange(n) - row) / length, 0.0, 1.0)
    out = np.tanh(np.arctanh(before) + share * (np.arctanh(after) - np.arctanh(before)))
    return out, {"before": before, "after": after, "row": row, "length": length}


def _several_breaks(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    duration = float(rng.uniform(300, 900))
    mean, spread = float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.25, 0.45))
    out, t = np.empty(n), 0
    while t < n:
        length = int(rng.geometric(1.0 / duration))
        out[t : t + length] = np.tanh(
            np.clip(mean + spread * rng.standard_normal(), -_Z_CAP, _Z_CAP)
        )
        t += length
    return out, {"duration": duration, "mean": mean, "spread": spread}


def _random_walk(n: int, rng: _Rng) -> tuple[Array, dict[str, float]]:
    annual, start = float(rng.uniform(0.15, 0.5)), float(np.arctanh(_base(rng)))
    path = _autoregressive(n, rng, 0.0, 1.0, annual / np.sqrt(252.0), start)
    return path, {"annual_sd": annual, "start": start}


_PATHS: dict[str, Callable[[int, _Rng], tuple[Array, dict[str, float]]]] = {
    "constant": _constant,
    "mean_reverting": _mean_reverting,
    "recurrent": _recurrent,
    "one_break": _one_break,
    "partial_break": _partial_break,
    "drift": _drift,
    "several_breaks": _several_breaks,
    "random_walk": _random_walk,
}


def simulate(
    world: World = "recurrent",
    *,
    n_obs: int = 2500,
    nu: float | None = None,
    rng: int | np.random.Generator | None = None,
) -> SimulatedPair:
    """Simulate a pair of assets whose correlation path is known.

    The parameters of the world are drawn from declared ranges (``SimulatedPair.parameters`` tells
    them); both legs follow GARCH(1,1) with a daily volatility near 3 % and 1.2 %.

    Parameters
    ----------
    world : str, default "recurrent"
        ``constant``; ``mean_reverting`` (Fisher z AR(1), half-life 20 to 120 rows); ``recurrent``
        (two Markov regimes); ``one_break`` (to about zero); ``partial_break`` (to 20 to 60 % of
        the level); ``drift`` (to about zero over 250 to 1,000 rows); ``several_breaks`` (levels
        redrawn every 300 to 900 rows); ``random_walk``.
    n_obs : int, default 2500
        Number of returns, at least 2.
    nu : float, optional
        Degrees of freedom of the bivariate t shocks, above 2, infinite for normal ones; drawn
        between 5 and normal when omitted.
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    SimulatedPair

    Raises
    ------
    ModelError
        For an unknown world, too few rows or ``nu`` not above 2.

    Examples
    --------
    >>> import regimecorr as rc
    >>> pair = rc.simulate("one_break", n_obs=1000, rng=0)
    >>> pair.prices.shape
    (1001, 2)
    """
    if world not in _PATHS:
        raise ModelError(f"world={world!r} is unknown; choose one of {', '.join(get_args(World))}.")
    if n_obs < 2:
        raise ModelError(f"n_obs={n_obs} must be at least 2.")
    generator = np.random.default_rng(rng)
    if nu is None:
        nu = float(1.0 / generator.uniform(0.0, 0.2))
    if not nu > 2:
        raise ModelError(f"nu={nu} must be above 2: the shocks need a variance.")
    path, parameters = _PATHS[world](n_obs, generator)
    rho = np.concatenate([np.full(_BURN, path[0]), path])
    shocks = generator.standard_normal((rho.size, 2))
    if np.isfinite(nu):
        mixing = generator.chisquare(nu, rho.size)
        shocks *= np.sqrt((nu - 2.0) / mixing)[:, None]
    z = correlate(shocks[None], rho[None])[0]
    out = np.empty_like(z)
    for leg, daily in enumerate((0.03, 0.012)):
        alpha, beta = generator.uniform(0.04, 0.09), generator.uniform(0.87, 0.90)
        variance = daily**2
        garch_path(
            z[:, leg],
            0.0002,
            (1 - alpha - beta) * variance,
            alpha,
            0.0,
            beta,
            variance,
            False,
            out[:, leg],
        )
    dates = pd.bdate_range("2000-01-03", periods=n_obs + 1, name="date")
    columns = ["A", "B"]
    returns = pd.DataFrame(out[_BURN:], index=dates[1:], columns=columns)
    logs = np.vstack([np.zeros(2), np.cumsum(out[_BURN:], axis=0)])
    prices = pd.DataFrame(100.0 * np.exp(logs), index=dates, columns=columns)
    prices.attrs["provenance"] = {"source": f"regimecorr.simulate({world!r})", "simulated": True}
    return SimulatedPair(
        prices=prices,
        returns=returns,
        std_resid=pd.DataFrame(z[_BURN:], index=dates[1:], columns=columns),
        correlation=pd.Series(path, index=dates[1:], name="correlation"),
        world=world,
        parameters={**parameters, "nu": nu},
    )
