"""Reliability diagram, its bands and picture; transforms of the fresh correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from regimecorr.errors import ModelError
from regimecorr.evaluation.pit import pit_from_draws, pit_histogram, pit_uniformity
from regimecorr.evaluation.reliability import forecast_histogram, reliability_curve
from regimecorr.evaluation.scores import corp_decomposition, recalibrated
from regimecorr.plotting.reliability import plot_reliability
from regimecorr.plotting.style import save


def calibrated_panel(rng, years=15, n=300, common=0.0, decimals=3):
    """Calibrated forecasts; outcomes of one year share a shock."""
    year = rng.choice(years, n, p=rng.dirichlet(np.full(years, 2.0)))
    p = rng.beta(5.0, 6.0, n).round(decimals)
    shock = np.sqrt(common) * rng.standard_normal(years)[year]
    own = np.sqrt(1.0 - common) * rng.standard_normal(n)
    return p, (shock + own < stats.norm.ppf(p)).astype(float), year


def coverage(seed, n_sim, common, **options):
    rng = np.random.default_rng(seed)
    inside = []
    for i in range(n_sim):
        p, y, year = calibrated_panel(rng, common=common)
        blocks = year if options.get("clustered") else None
        band = options.get("band", "consistency")
        curve = reliability_curve(p, y, blocks=blocks, band=band, n_boot=99, rng=i)
        target = curve["p"] if band == "confidence" else curve["calibrated"]
        middle = curve["p"].between(0.3, 0.6)
        low, high = curve["lower"] - 1e-12, curve["upper"] + 1e-12
        inside.append(target.between(low, high)[middle].mean())
    return np.mean(inside)


class TestCurve:
    def test_by_hand(self):
        # .2 and .4 violate the order and are pooled: 3 of 4; equal forecasts are one point
        curve = reliability_curve([0.2, 0.4, 0.4, 0.4, 0.8], [1, 1, 1, 0, 1], n_boot=99)
        assert curve["p"].tolist() == [0.2, 0.4, 0.8]
        assert curve["count"].tolist() == [1, 3, 1]
        assert curve["observed"].tolist() == pytest.approx([1.0, 2 / 3, 1.0])
        assert curve["calibrated"].tolist() == pytest.approx([0.75, 0.75, 1.0])

    def test_agrees_with_the_decomposition(self):
        p, y, year = calibrated_panel(np.random.default_rng(0))
        curve = reliability_curve(p, y, blocks=year, n_boot=99)
        expanded = curve.set_index("p").loc[p, "calibrated"].to_numpy()
        np.testing.assert_allclose(expanded, recalibrated(p, y))
        parts = corp_decomposition(p, y)
        assert curve.attrs["miscalibration"] == parts.miscalibration
        assert np.mean((expanded - y) ** 2) == pytest.approx(parts.brier - parts.miscalibration)
        assert curve.attrs["n_blocks"] == np.unique(year).size
        assert curve["count"].sum() == curve.attrs["n_obs"] == 300

    @pytest.mark.parametrize("clustered", [False, True])
    @pytest.mark.parametrize("band", ["consistency", "confidence"])
    def test_monotone_ordered_and_seeded(self, band, clustered):
        p, y, year = calibrated_panel(np.random.default_rng(1))
        options = {"blocks": year if clustered else None, "band": band, "n_boot": 99}
        curve = reliability_curve(p, y, rng=3, **options)
        for column in ("calibrated", "lower", "upper"):
            assert (curve[column].diff().dropna() >= -1e-12).all()
            assert curve[column].between(0.0, 1.0).all()
        assert (curve["lower"] <= curve["upper"]).all()
        assert curve.equals(reliability_curve(p, y, rng=3, **options))
        assert not curve.equals(reliability_curve(p, y, rng=4, **options))

    def test_certain_forecasts(self):
        curve = reliability_curve([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 0], n_boot=99)
        assert curve["calibrated"].tolist() == [0.0, 0.5]
        # a calibrated forecaster who says 0 and 1 is never wrong
        assert curve[["lower", "upper"]].to_numpy().tolist() == [[0.0, 0.0], [1.0, 1.0]]

    def test_one_class(self):
        curve = reliability_curve([0.2, 0.4, 0.6], [1, 1, 1], blocks=[1, 2, 3], n_boot=99)
        assert curve["calibrated"].tolist() == [1.0, 1.0, 1.0]

    def test_few_blocks_have_no_band(self):
        curve = reliability_curve([0.2, 0.4, 0.6], [0, 1, 1], blocks=[1, 2, 2], n_boot=99)
        assert curve[["lower", "upper"]].isna().all(axis=None)
        assert "2 calendar blocks" in curve.attrs["reason"]

    def test_bad_options(self):
        with pytest.raises(ModelError, match="band='other'"):
            reliability_curve([0.2], [0], band="other")
        with pytest.raises(ModelError, match="2 blocks for 1"):
            reliability_curve([0.2], [0], blocks=[1, 2])


class TestBands:
    def test_calendar_blocks_cover_where_independence_does_not(self):
        clustered = coverage(2, 60, 0.2, clustered=True)
        independent = coverage(2, 60, 0.2)
        assert 0.84 <= clustered <= 0.95
        assert independent < 0.78

    def test_independent_outcomes(self):
        assert 0.84 <= coverage(3, 60, 0.0) <= 0.95
        assert 0.84 <= coverage(3, 60, 0.0, clustered=True) <= 0.95

    def test_confidence_band_covers_the_truth(self):
        assert 0.80 <= coverage(4, 60, 0.1, clustered=True, band="confidence") <= 0.96

    def test_over_confidence_leaves_the_band(self):
        rng = np.random.default_rng(5)
        p, y, year = calibrated_panel(rng, n=600)
        curve = reliability_curve(np.clip(0.5 + 2.5 * (p - 0.5), 0, 1), y, blocks=year, n_boot=199)
        beyond = (curve["calibrated"] < curve["lower"]) | (curve["calibrated"] > curve["upper"])
        assert np.average(beyond, weights=curve["count"]) > 0.3


class TestHistogram:
    def test_counts_by_outcome(self):
        table = forecast_histogram([0.04, 0.04, 0.05, 1.0], [1, 0, 0, 1])
        assert len(table) == 20
        assert table.loc[0, ["count", "ones", "zeros"]].tolist() == [2, 1, 1]
        assert table.loc[1, ["count", "ones", "zeros"]].tolist() == [1, 0, 1]
        assert table.loc[19, ["count", "ones", "zeros"]].tolist() == [1, 1, 0]


class TestPicture:
    def test_drawn_from_the_frames(self, tmp_path):
        p, y, year = calibrated_panel(np.random.default_rng(6))
        curve = reliability_curve(p, y, blocks=year, n_boot=99)
        ax = plot_reliability(curve, histogram=forecast_histogram(p, y), title="Panel")
        assert isinstance(ax.figure, Figure)
        assert ax.get_title(loc="left") == "Panel"
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["90% consistency", "recalibrated"]
        line = next(each for each in ax.lines if each.get_label() == "recalibrated")
        np.testing.assert_array_equal(line.get_xdata(), curve["p"])
        np.testing.assert_array_equal(line.get_ydata(), curve["calibrated"])
        (strip,) = ax.child_axes
        assert sum(bar.get_height() for bar in strip.patches) == 300
        assert f"n = 300, {np.unique(year).size} calendar blocks" in ax.texts[0].get_text()
        save(ax.figure, tmp_path / "reliability.png")
        assert (tmp_path / "reliability.png").stat().st_size > 10_000

    def test_without_band_or_counts_on_own_axes(self):
        curve = reliability_curve([0.2, 0.4, 0.6], [0, 1, 1], blocks=[1, 2, 2], n_boot=99)
        own = Figure().subplots()
        ax = plot_reliability(curve, ax=own)
        assert ax is own
        assert not ax.collections
        assert not ax.child_axes
        assert "no band" in ax.texts[0].get_text()


class TestTransforms:
    def test_draws_of_the_same_law_are_uniform(self):
        rng = np.random.default_rng(7)
        u = pit_from_draws(rng.standard_normal((2000, 9)), rng.standard_normal(2000), rng=1)
        assert stats.kstest(u, "uniform").pvalue > 0.01
        # ties, too: few different values
        u = pit_from_draws(rng.integers(0, 3, (2000, 9)), rng.integers(0, 3, 2000), rng=1)
        assert stats.kstest(u, "uniform").pvalue > 0.01

    def test_place_among_draws(self):
        u = pit_from_draws([[1.0, 2.0, 3.0]] * 3, [2.5, 0.0, np.nan])
        assert 0.5 <= u[0] < 0.75
        assert 0.0 <= u[1] < 0.25
        assert math.isnan(u[2])

    def test_histogram(self):
        table = pit_histogram([0.0, 0.1, 0.15, 1.0, np.nan], bins=10)
        assert table["count"].tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
        assert table["density"].mean() == pytest.approx(1.0)

    @pytest.mark.parametrize("common", [0.0, 0.3])
    def test_size_under_shared_shocks(self, common):
        rng = np.random.default_rng([8, round(10 * common)])
        p = []
        for i in range(400):
            year = rng.choice(16, 200, p=rng.dirichlet(np.full(16, 2.0)))
            shock = np.sqrt(common) * rng.standard_normal(16)[year]
            u = stats.norm.cdf(shock + np.sqrt(1 - common) * rng.standard_normal(200))
            p.append(pit_uniformity(u, year, n_boot=199, rng=i).pvalue)
        assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08

    def test_statistic_is_that_of_cramer_and_von_mises(self):
        u = np.random.default_rng(9).random(500) ** 1.3
        found = pit_uniformity(u, np.arange(500) // 25, n_boot=99)
        exact = stats.cramervonmises(u, "uniform").statistic
        assert found.statistic == pytest.approx(exact, rel=0.02)

    def test_wrong_laws_are_seen(self):
        rng = np.random.default_rng(10)
        year = np.arange(400) // 20
        for u in (rng.beta(0.6, 0.6, 400), rng.beta(1.5, 1.0, 400)):
            assert pit_uniformity(u, year, n_boot=499).pvalue < 0.05
        narrow = pit_uniformity(rng.beta(0.6, 0.6, 400), year)
        assert narrow.variance > 1 / 12

    def test_few_blocks_and_bad_values(self):
        few = pit_uniformity([0.2, 0.4, np.nan], [1, 2, 3])
        assert math.isnan(few.pvalue)
        assert few.n_obs == 2
        assert "2 calendar blocks" in few.reason
        with pytest.raises(ModelError, match=r"\[0, 1\]"):
            pit_uniformity([0.2, 1.4, 0.3], [1, 2, 3])
        with pytest.raises(ModelError, match="No transform"):
            pit_histogram([np.nan])
        with pytest.raises(ModelError, match="one row per outcome"):
            pit_from_draws([[1.0, 2.0]], [1.0, 2.0])
