"""Cointegration and half-life against statsmodels, published critical values and simulation."""

import inspect

import numpy as np
import pytest
from statsmodels.tsa.stattools import adfuller, coint
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from regimecorr.errors import DataError
from regimecorr.indicators.cointegration import engle_granger, gap_unit_root, johansen
from regimecorr.indicators.half_life import half_life


def walk(n: int, seed: int) -> np.ndarray:
    return np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(n))


def autoregression(n: int, phi: float, rng: np.random.Generator) -> np.ndarray:
    shocks = rng.standard_normal(n)
    out = np.empty(n)
    out[0] = shocks[0] / np.sqrt(1.0 - phi**2) if phi < 1.0 else shocks[0]
    for t in range(1, n):
        out[t] = phi * out[t - 1] + shocks[t]
    return out


def pair(n: int, seed: int, tied: bool) -> np.ndarray:
    benchmark = walk(n, seed)
    rng = np.random.default_rng(seed + 1)
    gap = 0.05 * autoregression(n, 0.9, rng) if tied else walk(n, seed + 1)
    return np.column_stack([0.5 + 1.4 * benchmark + gap, benchmark])


class TestAgainstStatsmodels:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize("tied", [True, False])
    def test_engle_granger(self, seed: int, tied: bool) -> None:
        values = pair(700, seed, tied)
        mine = engle_granger(values)
        statistic, pvalue, critical = coint(values[:, 0], values[:, 1], trend="c", autolag="aic")
        assert mine.statistic == pytest.approx(statistic, rel=1e-9)
        assert mine.pvalue == pytest.approx(pvalue, rel=1e-9)
        assert mine.critical_value == pytest.approx(critical[1], rel=1e-9)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_unit_root(self, seed: int) -> None:
        series = autoregression(500, 0.97, np.random.default_rng(seed))
        mine = gap_unit_root(series)
        plain = (
            {"result_object": False}
            if "result_object" in inspect.signature(adfuller).parameters
            else {}
        )
        theirs = adfuller(series, regression="c", autolag="AIC", **plain)
        assert mine.statistic == pytest.approx(theirs[0], rel=1e-9)
        assert mine.pvalue == pytest.approx(theirs[1], rel=1e-9)
        assert mine.lags == theirs[2]

    @pytest.mark.parametrize("lags", [1, 2, 5])  # without lags statsmodels takes today's level
    # Newer numpy makes its eigenvalues complex.
    @pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
    def test_trace(self, lags: int) -> None:
        for tied in (True, False):
            values = pair(600, 4, tied)
            theirs = coint_johansen(values, det_order=0, k_ar_diff=lags)
            mine = johansen(values, lags)
            assert mine.statistics == pytest.approx(np.real(theirs.lr1), rel=1e-8)
            assert mine.critical_values == pytest.approx(tuple(theirs.cvt[:, 1]))
            relation = np.real(theirs.evec[:, 0])
            assert mine.slope == pytest.approx(-relation[1] / relation[0], rel=1e-6)

    def test_trace_without_lags(self) -> None:
        values = pair(600, 4, True)
        x, y = np.diff(values, axis=0), values[:-1]
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        product = np.linalg.solve(x.T @ x, x.T @ y) @ np.linalg.solve(y.T @ y, y.T @ x)
        roots = np.sort(np.real(np.linalg.eigvals(product)))
        trace = -599 * np.log1p(-roots)
        assert johansen(values, 0).statistics == pytest.approx((trace.sum(), trace[0]))

    def test_published_critical_values(self) -> None:
        # MacKinnon (2010), table 2, constant, 5 %: -2.86154 - 2.8903/T - 4.234/T^2 - 40.04/T^3 for
        # one series, -3.33613 - 6.1101/T - 6.823/T^2 for two.
        t = 399.0
        one = -2.86154 - 2.8903 / t - 4.234 / t**2 - 40.04 / t**3
        two = -3.33613 - 6.1101 / t - 6.823 / t**2
        assert gap_unit_root(walk(400, 1)).critical_value == pytest.approx(one, abs=1e-6)
        assert engle_granger(pair(400, 1, False)).critical_value == pytest.approx(two, abs=1e-6)

    def test_trace_critical_values(self) -> None:
        # Osterwald-Lenum's case with an unrestricted constant, as MacKinnon, Haug and Michelis have
        # it: 15.4943 and 3.8415.
        found = johansen(pair(400, 1, True))
        assert found.critical_values == pytest.approx((15.4943, 3.8415))


def test_tied_legs_are_found_and_loose_ones_are_not() -> None:
    tied = [pair(800, seed, True) for seed in range(8)]
    loose = [pair(800, seed, False) for seed in range(100, 140)]
    assert all(engle_granger(v).pvalue < 0.01 and johansen(v).rank >= 1 for v in tied)
    assert engle_granger(tied[0]).beta == pytest.approx(1.4, abs=0.15)
    assert sum(engle_granger(v).pvalue < 0.05 for v in loose) <= 6  # 2 expected


class TestHalfLife:
    def test_hand_values(self) -> None:
        series = autoregression(500, 0.95, np.random.default_rng(3))
        found = half_life(series, n_sim=100)
        x, y = series[:-1], series[1:]
        phi = np.polyfit(x, y, 1)[0]
        assert found.phi == pytest.approx(phi)
        assert found.least_squares == pytest.approx(np.log(0.5) / np.log(phi))
        corrected = phi + (1.0 + 3.0 * phi) / 500
        assert found.corrected == pytest.approx(np.log(0.5) / np.log(corrected))

    @pytest.mark.parametrize(("phi", "truth"), [(0.97, np.log(0.5) / np.log(0.97)), (1.0, np.inf)])
    def test_coverage(self, phi: float, truth: float) -> None:
        rng = np.random.default_rng(5)
        covered = 0
        for seed in range(60):
            found = half_life(autoregression(300, phi, rng), n_sim=200, rng=seed)
            assert found.lower <= found.median <= found.upper
            covered += found.lower <= truth <= found.upper
        assert covered >= 52  # 57 expected

    def test_median_is_unbiased_where_least_squares_is_not(self) -> None:
        rng = np.random.default_rng(6)
        truth = np.log(0.5) / np.log(0.995)
        found = [half_life(autoregression(300, 0.995, rng), n_sim=200) for _ in range(60)]
        below = np.mean([f.median < truth for f in found])
        biased = np.mean([f.least_squares < truth for f in found])
        assert 0.3 <= below <= 0.7
        assert biased >= 0.75

    def test_units_do_not_matter(self) -> None:
        series = autoregression(200, 0.9, np.random.default_rng(1))
        one, other = half_life(series, n_sim=100), half_life(50.0 - 3.0 * series, n_sim=100)
        assert one.median == pytest.approx(other.median)
        assert one.upper == pytest.approx(other.upper)

    def test_oscillation_has_no_half_life(self) -> None:
        series = np.random.default_rng(1).standard_normal(200)
        assert half_life(np.diff(series), n_sim=100).least_squares == 0.0


class TestBadInput:
    def test_shape(self) -> None:
        with pytest.raises(DataError, match=r"must have shape \(n_rows, 2\)"):
            engle_granger(np.zeros(100))

    def test_too_few(self) -> None:
        with pytest.raises(DataError, match="at least 60"):
            gap_unit_root(np.arange(30.0))

    def test_missing(self) -> None:
        values = walk(100, 1)
        values[3] = np.nan
        with pytest.raises(DataError, match="finite"):
            gap_unit_root(values)

    def test_constant(self) -> None:
        with pytest.raises(DataError, match="does not move"):
            half_life(np.full(100, 3.1))

    def test_one_leg_is_the_other(self) -> None:
        leg = walk(100, 1)
        with pytest.raises(DataError, match="one series up to scale"):
            engle_granger(np.column_stack([leg, leg]))

    def test_lags(self) -> None:
        with pytest.raises(DataError, match="lags=50 must be 0 to 10"):
            johansen(pair(100, 1, True), lags=50)

    @pytest.mark.parametrize("options", [{"ci_prob": 1.0}, {"n_sim": 10}])
    def test_options(self, options: dict[str, float]) -> None:
        with pytest.raises(DataError):
            half_life(walk(100, 1), **options)  # type: ignore[arg-type]
