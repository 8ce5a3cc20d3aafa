"""Correlation by state: figures of plain loops, intervals, and the size and power of the test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import DataError, ModelError
from regimecorr.inference.context.conditional import (
    FEWEST_ROWS,
    _figures,
    _masks,
    _shifted_correlation,
    conditional_correlation,
    shift_test,
)

#: Residuals are wanted of samples without clusters of volatility, too.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The variance of:regimecorr.errors.ConvergenceWarning"
)


def chain(n: int, mean_rows: float, rng: np.random.Generator) -> np.ndarray:
    """States 0 and 1 in spells of a mean length."""
    return (np.cumsum(rng.random(n) < 1.0 / mean_rows) % 2).astype(float)


def pairs(rho: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    z = rng.standard_normal((len(rho), 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    return z


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(1)
    states = pd.DataFrame({"X": chain(900, 40, rng), "Y": chain(900, 15, rng)})
    states.iloc[:100, 1] = np.nan
    z = pairs(np.where(states["X"] == 1.0, 0.7, 0.1), rng)
    returns = pd.DataFrame(z * [0.02, 0.01], columns=["A", "B"])
    return returns, states


@pytest.fixture(scope="module")
def found(sample):
    return conditional_correlation(*sample, n_boot=300)


class TestFigures:
    def test_of_plain_selection(self, sample, found):
        returns, states = sample
        for name in states:
            for state, value in (("high", 1.0), ("low", 0.0)):
                rows = returns[states[name] == value]
                mine = found.by_state.loc[(name, state)]
                assert mine["rows"] == len(rows)
                assert mine["correlation"] == pytest.approx(rows.corr().iloc[0, 1], rel=1e-10)
                assert mine["beta"] == pytest.approx(np.polyfit(rows["B"], rows["A"], 1)[0])
                assert mine["asset_sd"] == pytest.approx(rows["A"].std())
                assert mine["benchmark_sd"] == pytest.approx(rows["B"].std())

    def test_residuals_are_those_of_garch(self, sample, found):
        returns, states = sample
        z = rc.GARCH().fit(returns).z
        for name in states:
            for state, value in (("high", 1.0), ("low", 0.0)):
                rows = z[(states[name] == value).to_numpy()]
                mine = found.by_state.loc[(name, state), "residual_correlation"]
                assert mine == pytest.approx(np.corrcoef(rows.T)[0, 1], rel=1e-9)

    def test_spells(self, sample, found):
        states = sample[1]["Y"].to_list()
        for state, value in (("high", 1.0), ("low", 0.0)):
            runs = sum(
                s == value and (i == 0 or states[i - 1] != value) for i, s in enumerate(states)
            )
            assert found.by_state.loc[("Y", state), "spells"] == runs

    def test_differences(self, found):
        high, low = (found.by_state.xs(state, level="state") for state in ("high", "low"))
        for column, of in (("difference", ""), ("residual_difference", "residual_")):
            expected = high[f"{of}correlation"] - low[f"{of}correlation"]
            np.testing.assert_allclose(found.contrasts[column], expected)

    def test_weighted_figures_are_those_of_repeated_rows(self, sample):
        returns, states = sample
        rows = np.random.default_rng(1).integers(0, 900, 900)
        weights = np.bincount(rows, minlength=900).astype(float)[None]
        drawn = _figures(returns.to_numpy(), _masks(returns, states), weights)
        again = _figures(
            returns.to_numpy()[rows], _masks(returns, states.iloc[rows]), np.ones((1, 900))
        )
        for one, other in zip(drawn, again, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9)


class TestIntervals:
    def test_hold_the_truth_here(self, found):
        for name, state, truth in (("X", "high", 0.7), ("X", "low", 0.1)):
            row = found.by_state.loc[(name, state)]
            assert row["lower"] < truth < row["upper"]
            assert row["residual_lower"] < truth < row["residual_upper"]
            assert row["upper"] - row["lower"] < 0.3
        assert 0.4 < found.contrasts.loc["X", "lower"] < 0.6 < found.contrasts.loc["X", "upper"]

    def test_coverage(self):
        """Independent t5 pairs: 95 % intervals hold 0.4 in most of 150 states."""
        hits = []
        for stream in np.random.default_rng(2).spawn(75):
            z = pairs(np.full(700, 0.4), stream)
            z *= np.sqrt(3.0 / stream.chisquare(5, (700, 1)))
            states = pd.DataFrame({"X": chain(700, 20, stream)})
            margins = rc.GARCH().fit(pd.DataFrame(z, columns=["A", "B"]))
            table = conditional_correlation(
                margins.returns, states, margins=margins, n_boot=200, rng=stream
            ).by_state
            hits += list((table["residual_lower"] < 0.4) & (table["residual_upper"] > 0.4))
        assert 0.87 <= np.mean(hits) <= 0.99

    def test_wider_with_more_mass(self, sample):
        narrow = conditional_correlation(*sample, n_boot=200, ci_prob=0.5).by_state
        wide = conditional_correlation(*sample, n_boot=200, ci_prob=0.99).by_state
        assert ((wide["upper"] - wide["lower"]) > 1.5 * (narrow["upper"] - narrow["lower"])).all()

    def test_few_rows_have_a_figure_and_no_interval(self, sample):
        returns, _ = sample
        rare = np.zeros(900)
        rare[: FEWEST_ROWS - 1] = 1.0
        unknown = np.full(900, np.nan)
        states = pd.DataFrame({"rare": rare, "unknown": unknown})
        by_state, contrasts = conditional_correlation(returns, states, n_boot=100)
        assert np.isfinite(by_state.loc[("rare", "high"), "correlation"])
        assert by_state.loc[("rare", "high"), ["lower", "upper"]].isna().all()
        assert np.isfinite(by_state.loc[("rare", "low"), "lower"])
        assert by_state.loc[("unknown", "high"), "rows"] == 0
        assert contrasts[["lower", "upper", "pvalue", "adjusted"]].isna().all().all()


class TestShiftTest:
    def test_shifted_correlations_of_a_loop(self, sample):
        returns, states = sample
        x, masks = returns.to_numpy(), _masks(returns, states)
        shifted = _shifted_correlation(x, masks)
        for by in (0, 1, 17, 450, 899):
            for j, mask in enumerate(masks.T):
                rows = np.roll(mask, by) == 1.0
                assert shifted[by, j] == pytest.approx(np.corrcoef(x[rows].T)[0, 1], rel=1e-8)

    def test_pvalue_of_a_loop(self):
        rng = np.random.default_rng(5)
        z, s = pairs(np.full(300, 0.3), rng), chain(300, 30, rng)
        masks = np.column_stack([s, 1.0 - s])
        pvalue, adjusted = shift_test(z, masks, np.array([True]))
        differences = []
        for by in range(300):
            rows = np.roll(s, by) == 1.0
            r = [np.corrcoef(z[k].T)[0, 1] for k in (rows, ~rows)]
            differences.append(abs(np.arctanh(r[0]) - np.arctanh(r[1])))
        expected = np.mean(np.array(differences) >= differences[0] - 1e-9)
        assert pvalue[0] == pytest.approx(expected, abs=0.0034)
        assert adjusted[0] == pytest.approx(pvalue[0])

    def test_periodic_states_cannot_be_told_from_their_shifts(self):
        z = pairs(np.full(400, 0.3), np.random.default_rng(6))
        s = np.tile(np.r_[np.ones(50), np.zeros(50)], 4)
        pvalue, _ = shift_test(z, np.column_stack([s, 1.0 - s]), np.array([True]))
        # Shifts by a whole or half period give the same difference: 8 of 400.
        assert pvalue[0] >= 8 / 400

    def test_size_where_correlation_drifts_on_its_own(self):
        """Slow correlation, slow states, no tie: intervals are fooled, the test is not."""
        pvalues, outside = [], []
        for stream in np.random.default_rng(3).spawn(250):
            rho = np.where(chain(1000, 150, stream) == 1.0, 0.8, 0.0)
            z, s = pairs(rho, stream), chain(1000, 100, stream)
            masks = np.column_stack([s, 1.0 - s])
            if masks.sum(axis=0).min() < FEWEST_ROWS:
                continue
            pvalues.append(shift_test(z, masks, np.array([True]))[0][0])
            r = _figures(z, masks, np.ones((1, 1000))).correlation[0]
            error = np.sqrt((1.0 / masks.sum(axis=0)).sum())
            outside.append(abs(np.diff(np.arctanh(r))[0]) > 1.96 * error)
        assert np.mean(outside) > 0.4  # what Fisher's z would find
        assert 0.01 <= np.mean(np.array(pvalues) < 0.05) <= 0.10
        assert 0.05 <= np.mean(np.array(pvalues) < 0.10) <= 0.16

    def test_size_where_states_are_volatility(self):
        rejected = []
        for stream in np.random.default_rng(4).spawn(100):
            volatility = np.exp(0.5 * chain(1000, 60, stream))
            z = pairs(np.full(1000, 0.4), stream)
            s = (volatility > 1.0).astype(float)
            masks = np.column_stack([s, 1.0 - s])
            rejected.append(shift_test(z, masks, np.array([True]))[0][0] < 0.05)
        assert np.mean(rejected) <= 0.11

    def test_power(self, found):
        assert found.contrasts.loc["X", "pvalue"] < 0.01
        assert found.contrasts.loc["Y", "pvalue"] > 0.05

    def test_adjusted_for_the_number_of_series(self, found):
        table = found.contrasts
        assert (table["adjusted"] >= table["pvalue"] - 1e-12).all()
        assert table.loc["X", "adjusted"] < 0.05


class TestProperties:
    def test_the_same_seed_gives_the_same_answer(self, sample, found):
        again = conditional_correlation(*sample, n_boot=300)
        pd.testing.assert_frame_equal(found.by_state, again.by_state)
        pd.testing.assert_frame_equal(found.contrasts, again.contrasts)

    def test_scale_does_not_matter(self, sample, found):
        returns, states = sample
        scaled = conditional_correlation(100.0 * returns, states, n_boot=300).by_state
        columns = ["correlation", "lower", "upper"]
        np.testing.assert_allclose(scaled[columns], found.by_state[columns], rtol=1e-8)
        np.testing.assert_allclose(scaled["asset_sd"], 100.0 * found.by_state["asset_sd"])

    def test_high_and_low_change_places(self, sample, found):
        returns, states = sample
        turned = conditional_correlation(returns, 1.0 - states, n_boot=300)
        np.testing.assert_allclose(
            turned.contrasts["difference"], -found.contrasts["difference"], atol=1e-12
        )
        np.testing.assert_allclose(turned.contrasts["pvalue"], found.contrasts["pvalue"], atol=0.01)


class TestBadInput:
    def test_states_of_other_rows(self, sample):
        with pytest.raises(DataError, match="900 returns and 899 rows"):
            conditional_correlation(sample[0], sample[1].iloc[1:])

    @pytest.mark.parametrize("value", [0.5, 2.0, np.inf])
    def test_other_values(self, sample, value):
        states = sample[1].copy()
        states.iloc[5, 0] = value
        with pytest.raises(DataError, match="must be 1"):
            conditional_correlation(sample[0], states)

    def test_mass(self, sample):
        with pytest.raises(DataError, match="ci_prob=1"):
            conditional_correlation(*sample, ci_prob=1.0)

    def test_few_samples(self, sample):
        with pytest.raises(ModelError, match="n_boot=99"):
            conditional_correlation(*sample, n_boot=99)
