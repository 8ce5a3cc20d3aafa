"""The engine of the Carrasco-Hu-Ploberger test on the published example, an AR(4) of US GNP growth.

Expected: Table III of Carrasco, Hu and Ploberger (2014), Econometrica 82, p. 782, as the tests of
the R package MSTest (roga11/MSTest, tests/testthat/test-chp.R) cite it. Series: ``data/README.md``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regimecorr.inference.chp_process import ConstancyProcess, constancy_process

LAGS = 4
PERSISTENCE = np.linspace(-0.7, 0.7, 141)
# The published program takes e to vanish below this mean square, of growth in percent.
FLOOR = 1e-5
SERIES = {"1951Q2-1984Q4": "gnp_hamilton_1989.csv", "1951Q2-2010Q4": "gnp_chp_2014.csv"}


def growth(name: str) -> np.ndarray:
    levels = pd.read_csv(Path(__file__).parent / "data" / SERIES[name])["gnp"].to_numpy()
    return 100.0 * np.diff(np.log(levels))


def derivatives(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores by (mu, phi, sigma^2) and second derivatives by (mu, sigma^2) of a normal AR(4).

    ``y_t - mu = sum_j phi_j (y_{t-j} - mu) + u_t``, at its conditional maximum likelihood.
    """
    n = y.size - LAGS
    past = np.column_stack([y[LAGS - j : y.size - j] for j in range(1, LAGS + 1)])
    design = np.column_stack([np.ones(n), past])
    beta = np.linalg.lstsq(design, y[LAGS:], rcond=None)[0]
    u = y[LAGS:] - design @ beta
    variance = u @ u / n
    one = 1.0 - beta[1:].sum()
    mu = beta[0] / one
    by_mu = u * one / variance
    by_phi = u[:, None] * (past - mu) / variance
    by_variance = 0.5 * u**2 / variance**2 - 0.5 / variance
    hessians = np.empty((n, 2, 2))
    hessians[:, 0, 0] = -(one**2) / variance
    hessians[:, 0, 1] = hessians[:, 1, 0] = -u * one / variance**2
    hessians[:, 1, 1] = 0.5 / variance**2 - u**2 / variance**3
    return np.column_stack([by_mu, by_phi, by_variance]), hessians


def mean_only(name: str, floor: float = FLOOR) -> ConstancyProcess:
    y = growth(name)
    scores, hessians = derivatives(y)
    return constancy_process(scores, hessians[:, :1, :1], PERSISTENCE, n_total=y.size, floor=floor)


def test_the_series_are_the_documented_ones():
    assert growth("1951Q2-1984Q4").size == 135
    assert growth("1951Q2-2010Q4").size == 239


@pytest.mark.parametrize(
    ("name", "sup_ts", "exp_ts"), [("1951Q2-1984Q4", 0.08, 0.66), ("1951Q2-2010Q4", 1.11, 1.00)]
)
def test_switching_mean(name, sup_ts, exp_ts):
    """All four published figures, to their last digit."""
    process = mean_only(name)
    assert round(process.sup_ts, 2) == sup_ts
    assert round(process.exp_ts, 2) == exp_ts
    assert np.isnan(process.standardized[0, 70])  # rho = 0: mu_2 is a multiple of a score


@pytest.mark.parametrize(
    ("name", "sup_ts", "exp_low", "exp_high"),
    [("1951Q2-1984Q4", 1.93, 0.9, 1.3), ("1951Q2-2010Q4", 14.34, 180.0, 290.0)],
)
def test_switching_mean_and_variance(name, sup_ts, exp_low, exp_high):
    """The published directions are 100 random ones (expTS 1.12 and 230.61), ours the half circle.

    The supremum hardly depends on them, the average does.
    """
    y = growth(name)
    scores, hessians = derivatives(y)
    angle = (np.arange(400) + 0.5) * np.pi / 400
    process = constancy_process(
        scores,
        hessians,
        PERSISTENCE,
        switching=(0, LAGS + 1),
        directions=np.column_stack([np.cos(angle), np.sin(angle)]),
        n_total=y.size,
        floor=FLOOR,
    )
    assert process.sup_ts == pytest.approx(sup_ts, abs=0.005)
    assert exp_low < process.exp_ts < exp_high


def test_published_average_within_the_scatter_of_random_directions():
    """Draws of 100 directions, as published, reach both published averages."""
    rng = np.random.default_rng(0)
    for name, published in (("1951Q2-1984Q4", 1.12), ("1951Q2-2010Q4", 230.61)):
        y = growth(name)
        scores, hessians = derivatives(y)
        averages = []
        for _ in range(20):
            h = rng.standard_normal((100, 2))
            options = {"switching": (0, LAGS + 1), "n_total": y.size, "floor": FLOOR}
            process = constancy_process(scores, hessians, PERSISTENCE, directions=h, **options)
            averages.append(process.exp_ts)
        assert min(averages) < published < max(averages)
