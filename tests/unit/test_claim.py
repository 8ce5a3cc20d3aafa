"""The trial of a claim: reading of histories, contrast of worlds, verdict, and its pages."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import DataError, ModelError, WindowError
from regimecorr.events import DivergenceRule
from regimecorr.inference.contrast import (
    likelihood_ratios,
    rank_pvalue,
    record_pvalue,
    rejection_power,
)
from regimecorr.inference.judgement import judge
from regimecorr.inference.trial import Chart, Episodes, read_world

NULLS = ("independent", "constant", "break")


def episodes(resolved, matured, rows=20.0, years=5.0):
    """Episodes of histories with given numbers of resolved and matured episodes."""
    resolved, matured = np.asarray(resolved), np.asarray(matured)
    history = np.repeat(np.arange(matured.size), matured)
    rank = np.concatenate([np.arange(m) for m in matured]) if matured.sum() else np.empty(0)
    flag = rank < resolved[history] if matured.sum() else np.empty(0, dtype=bool)
    ones = np.ones(history.size, dtype=bool)
    return Episodes(history, rows * ones, ones, ones, flag, flag, ~ones, matured.size, years)


def world(share, seed, n=2000, k=5):
    rng = np.random.default_rng(seed)
    return episodes(rng.binomial(k, share, n), np.full(n, k))


class TestContrast:
    def test_rank(self):
        simulated = np.arange(99.0)
        assert rank_pvalue(200.0, simulated) == pytest.approx(0.02)
        assert rank_pvalue(-1.0, simulated) == pytest.approx(0.02)
        assert rank_pvalue(49.0, simulated) == 1.0
        assert np.isnan(rank_pvalue(np.nan, simulated))
        assert np.isnan(rank_pvalue(1.0, np.full(5, np.nan)))

    def test_rank_of_a_whole_record(self):
        """A record that is odd in one figure, in none, and where a figure is missing."""
        rng = np.random.default_rng(0)
        simulated = rng.standard_normal((999, 3))
        assert record_pvalue(np.array([5.0, 0.0, 0.0]), simulated) < 0.01
        assert record_pvalue(np.array([0.0, 0.05, -0.02]), simulated) > 0.8
        assert record_pvalue(np.array([np.nan, 5.0, np.nan]), simulated) < 0.01
        assert np.isnan(record_pvalue(np.full(3, np.nan), simulated))
        # Looking at three figures is paid for.
        alone = rank_pvalue(2.1, simulated[:, 0])
        together = record_pvalue(np.array([2.1, 0.0, 0.0]), simulated)
        assert 2.0 * alone < together < 4.0 * alone

    def test_size_of_a_whole_record(self):
        rng = np.random.default_rng(1)
        simulated = rng.poisson(2.0, (500, 3)).astype(float)
        simulated[rng.random(500) < 0.3, 1] = np.nan
        p = [record_pvalue(row, simulated) for row in rng.poisson(2.0, (400, 3)).astype(float)]
        assert np.mean(np.array(p) < 0.05) < 0.08
        assert np.mean(np.array(p) < 0.5) > 0.2

    def test_power_of_a_shift(self):
        """Normal against normal shifted by d: power is Phi(d - 1.645)."""
        rng = np.random.default_rng(0)
        null, truth = rng.standard_normal(40_000), rng.standard_normal(40_000)
        for shift, power in ((0.0, 0.05), (1.645, 0.5), (-3.0, 0.912)):
            assert rejection_power(null, truth + shift) == pytest.approx(power, abs=0.012)

    def test_no_power_where_the_most_extreme_value_is_common(self):
        null = np.ones(1000)
        null[:100] = 0.0
        truth = np.where(np.arange(1000) < 500, 0.0, 1.0)
        # Zero has a chance of 10 % already in the null world.
        assert rejection_power(null, truth) == 0.0
        null[40:] = 1.0
        assert rejection_power(null, truth) == 0.5

    def test_too_few_histories(self):
        assert np.isnan(rejection_power(np.ones(1000), np.r_[np.ones(20), np.full(980, np.nan)]))

    def test_likelihood_ratio_of_5_of_5(self):
        """METHODS 5.5: .974 in independent walks, at best 1 with any link: 1.14."""
        table = likelihood_ratios(
            5, 5, pd.Series({"link": 1e6, "none": 0.974e6}), pd.Series({"link": 1e6, "none": 1e6})
        )
        assert table.loc["link", "none"] == pytest.approx(1 / 0.974**5, rel=1e-4)
        assert table.loc["none", "link"] == pytest.approx(0.974**5, rel=1e-4)

    def test_likelihood_ratio_of_a_failure(self):
        table = likelihood_ratios(
            3, 4, pd.Series({"a": 900.0, "b": 500.0}), pd.Series({"a": 1000.0, "b": 1000.0})
        )
        a, b = 900.5 / 1001, 500.5 / 1001
        assert table.loc["a", "b"] == pytest.approx(a**3 * (1 - a) / (b**3 * (1 - b)))

    def test_a_world_without_episodes_has_no_likelihood(self):
        table = likelihood_ratios(
            1, 1, pd.Series({"a": 9.0, "b": 0.0}), pd.Series({"a": 10.0, "b": 0.0})
        )
        assert np.isnan(table.loc["a", "b"])


class TestVerdict:
    def trial(self, believed, rival, resolved=5, matured=5):
        observed = episodes([resolved], [matured])
        readings = {"constant": believed, "break": rival}
        return judge(observed, readings, "chart", ("constant", "break"), {"n_boot": 2000})

    def test_power_above_a_half(self):
        """98 % against 20 %: five of five is evidence."""
        trial = self.trial(world(0.98, 0), world(0.2, 1))
        assert trial.power.loc["break", "constant"] > 0.9
        assert trial.likelihood_ratios.loc["constant", "break"] > 100
        assert trial.verdict == "supported"

    def test_power_of_a_tenth(self):
        trial = self.trial(world(0.98, 0), world(0.93, 1))
        best = max(trial.power.loc["break", "constant"], trial.power.loc["constant", "break"])
        assert best < 0.2
        assert trial.verdict == "uninformative"
        assert "power" in trial.reason

    def test_the_count_fails(self):
        trial = self.trial(world(0.98, 0), world(0.2, 1), resolved=3)
        assert trial.verdict == "contradicted"
        assert "2 of 5" in trial.reason

    def test_its_world_is_rejected(self):
        """Everything resolves in both, but the claim's world has ten episodes where one was."""
        rng = np.random.default_rng(0)
        believed = episodes(np.full(2000, 10), np.full(2000, 10))
        rival = episodes(rng.binomial(1, 0.2, 2000), np.ones(2000, dtype=int))
        trial = self.trial(believed, rival, 1, 1)
        assert trial.likelihood_ratios.loc["constant", "break"] > 3
        assert trial.worlds.loc["constant", "p_episodes"] < 0.01
        assert trial.verdict == "contradicted"
        assert "hardly" in trial.reason

    def test_the_record_is_judged_as_one(self):
        """An odd number of episodes counts once where nothing else varies, less where all does."""
        rare = np.where(np.arange(2000) < 40, 1, 10)
        believed, rng = episodes(rare, rare), np.random.default_rng(0)
        rival = episodes(rng.binomial(1, 0.2, 2000), np.ones(2000, dtype=int))
        trial = self.trial(believed, rival, 1, 1)
        world = trial.worlds.loc["constant"]
        assert world["p_record"] == pytest.approx(41 / 2001)
        assert 0.025 < world["p_episodes"] < 0.05
        assert trial.verdict == "contradicted"
        # Where the time to the return varies too, some histories are as odd in that.
        varied = dataclasses.replace(believed, rows=rng.uniform(10, 30, 2000)[believed.history])
        trial = self.trial(varied, rival, 1, 1)
        world = trial.worlds.loc["constant"]
        assert world["p_episodes"] < 0.05 < world["p_record"] < 0.08
        assert trial.verdict == "supported"

    def test_ratio_between_a_third_and_three(self):
        """Many episodes in the worlds give power, one observed episode says little."""
        trial = self.trial(world(0.95, 0, k=40), world(0.6, 1, k=40), 1, 1)
        assert trial.power.loc["break", "constant"] > 0.9
        assert trial.verdict == "uninformative"
        assert "times as likely" in trial.reason

    def test_a_record_that_speaks_for_the_rival(self):
        """Its world gives five of five less often than the rival, though not rarely."""
        trial = self.trial(world(0.6, 0), world(0.98, 1))
        assert trial.likelihood_ratios.loc["constant", "break"] < 1 / 3
        assert 2 * trial.worlds.loc["constant", "p_resolved"] > 0.05
        assert trial.verdict == "contradicted"
        assert "only" in trial.reason

    def test_nothing_matured(self):
        trial = self.trial(world(0.9, 0), world(0.2, 1), 0, 0)
        assert trial.verdict == "uninformative"
        assert trial.record is None
        assert "no record" in trial.reason

    def test_no_episodes_in_a_world(self):
        trial = self.trial(world(0.9, 0), episodes(np.zeros(2000, int), np.zeros(2000, int)))
        assert trial.verdict == "uninformative"
        assert "no power that can be computed" in trial.reason
        assert trial.worlds.loc["break", "without"] == 1.0


@pytest.fixture(scope="module")
def prices():
    return rc.simulate("recurrent", n_obs=1800, rng=2).prices


@pytest.fixture(scope="module")
def trial(prices):
    return rc.test_claim(prices, basis="levels", nulls=NULLS, n_boot=120, rng=1)


def test_observed_is_what_find_episodes_finds(prices, trial):
    table = rc.find_episodes(
        prices,
        basis="levels",
        short_window="90D",
        long_window="365D",
        reference="overlapping",
        merge=10,
    )
    table = table[~table["truncated"]]
    assert trial.observed["episodes"] == len(table) > 2
    known = table[table["outcome"] != "open"]
    assert trial.observed["matured"] == len(known)
    assert trial.observed["resolved_fresh"] == (known["outcome"] == "transient").sum()
    assert trial.observed["resolved_chart"] == (known["rows_back"] <= 252).sum()
    assert trial.record.trials == len(known)


def test_median_rows(prices, trial):
    table = rc.find_episodes(
        prices,
        basis="levels",
        short_window="90D",
        long_window="365D",
        reference="overlapping",
        merge=10,
    )
    rows = table.loc[~table["truncated"], "rows_back"].to_numpy()
    n = len(prices) - 1
    start = prices.index[1:].get_indexer(table.loc[~table["truncated"], "start"])
    rows = np.where(np.isnan(rows), n - 1 - start, rows)
    assert trial.observed["median_rows"] == np.median(rows)


def test_answer_does_not_depend_on_jobs(prices, trial):
    again = rc.test_claim(prices, basis="levels", nulls=NULLS, n_boot=120, rng=1, n_jobs=2)
    pd.testing.assert_frame_equal(trial.worlds, again.worlds)
    other = rc.test_claim(prices, basis="levels", nulls=NULLS, n_boot=120, rng=2)
    assert not trial.worlds.equals(other.worlds)


def test_a_level_claim_is_true_whatever_the_truth_is(trial):
    assert trial.verdict == "uninformative"
    assert trial.worlds.loc["independent", "episodes_per_year"] > 0.5
    assert (trial.worlds["resolved_chart"] > 0.9).all()
    text = trial.summary()
    assert "Verdict: uninformative" in text
    for name in NULLS:
        assert name in text


def test_levels_and_log_levels_and_returns_differ(prices):
    found = {
        basis: rc.test_claim(prices, basis=basis, nulls=NULLS, n_boot=60).worlds.loc["independent"]
        for basis in ("levels", "log_levels", "returns")
    }
    assert found["returns"]["episodes_per_year"] < 0.1 < found["levels"]["episodes_per_year"]
    assert found["log_levels"]["episodes_per_year"] > 0.5


def test_the_fresh_criterion_is_stricter(prices):
    chart = rc.test_claim(prices, basis="levels", nulls=NULLS, n_boot=60)
    fresh = rc.test_claim(prices, basis="levels", nulls=NULLS, n_boot=60, criterion="fresh")
    assert (
        fresh.observed["share_resolved"]
        == chart.observed["resolved_fresh"] / chart.observed["matured"]
    )
    pd.testing.assert_series_equal(fresh.worlds["resolved_fresh"], chart.worlds["resolved_fresh"])
    assert (fresh.worlds["resolved_fresh"] < fresh.worlds["resolved_chart"]).all()


def test_time_allowed_to_the_chart(prices):
    short = rc.test_claim(prices, basis="levels", nulls=NULLS, n_boot=60, within=20)
    long = rc.test_claim(prices, basis="levels", nulls=NULLS, n_boot=60, within=200)
    assert (short.worlds["resolved_chart"] < long.worlds["resolved_chart"]).all()
    pd.testing.assert_series_equal(short.worlds["resolved_fresh"], long.worlds["resolved_fresh"])


def test_grid_repeats_the_choice_in_every_history(prices):
    grid = {"elevated": [0.2, 0.5], "threshold": [-0.2, 0.0]}
    trial = rc.test_claim(
        prices, basis="levels", nulls=NULLS, n_boot=60, within=30, grid=grid, criterion="chart"
    )
    table = trial.grid
    assert len(table) == 5
    assert table["elevated"].tolist() == [0.2, 0.2, 0.5, 0.5, "best"]
    cells, best = table.iloc[:-1], table.iloc[-1]
    share = cells["resolved"].astype(float) / cells["matured"].astype(float)
    assert best["resolved"] / best["matured"] == pytest.approx(share.max())
    for name in NULLS:
        # The best of four choices looks better than any one of them.
        assert best[name] > cells[name].max()
    # Each cell is the trial that chooses it.
    one = rc.test_claim(
        prices, basis="levels", nulls=NULLS, n_boot=60, within=30, elevated=0.5, threshold=-0.2
    )
    row = cells.iloc[2]
    assert (row["matured"], row["resolved"]) == (one.observed["matured"], one.observed["resolved"])
    assert row["constant"] == pytest.approx(one.worlds.loc["constant", "resolved_chart"])


def test_truncated_episodes_do_not_count():
    """A history that begins divergent: the episode's age is not known."""
    rng = np.random.default_rng(0)
    n = 800
    rho = np.where(np.arange(n) < 300, 0.9, np.where(np.arange(n) < 500, -0.9, 0.9))
    e = rng.standard_normal((n, 2))
    e[:, 1] = rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]
    chart = Chart.on(n, "returns", 60, 200, 100, None, DivergenceRule(elevated=0.3))
    assert len(chart.read(e)) >= 1
    cut = e[200:]
    chart = Chart.on(
        len(cut), "returns", 60, 200, 100, None, DivergenceRule(elevated=0.0, threshold=0.99)
    )
    assert len(chart.read(cut)) == 0


def test_read_world_counts_histories():
    class Noise:
        def replicate(self, n_paths, rng):
            return rng.standard_normal((n_paths, 600, 2))

    rule = DivergenceRule(reference="overlapping", elevated=0.0)
    chart = Chart.on(600, "returns", 20, 60, 40, None, rule)
    (found,) = read_world(Noise(), [chart], 130, np.random.default_rng(0))
    assert found.n_histories == 130
    assert found.years == pytest.approx((600 - 59) / 252)
    assert set(found.history) <= set(range(130))
    matured, resolved = found.counts("chart")
    assert matured.sum() == found.matured.sum()
    share = found.shares("chart")
    some = matured > 0
    np.testing.assert_allclose(share[some], resolved[some] / matured[some])
    assert np.isnan(share[~some]).all()
    medians = found.medians()
    for h in range(0, 130, 17):
        mine = found.rows[found.history == h]
        assert medians[h] == np.median(mine) if mine.size else np.isnan(medians[h])


def test_pictures(trial, tmp_path):
    for draw in (trial.plot, trial.plot_worlds):
        ax = draw()
        ax.figure.savefig(tmp_path / "claim.png")
        text = " ".join(t.get_text() for t in ax.figure.findobj(lambda o: hasattr(o, "get_text")))
        assert "independent" in text
    curve = trial.plot().lines[0]
    np.testing.assert_allclose(
        np.unique(curve.get_ydata()),
        np.unique([1.0, *trial.survival["independent"]["survival"]]),
    )


def test_the_picture_counts_by_the_chart_whatever_the_criterion(trial):
    """The worlds' shares beside the observed count are the chart's."""
    told = replace(trial, observed=trial.observed.copy())
    told.observed["resolved"] = -1.0
    labels = told.plot().get_legend_handles_labels()[1]
    chart, matured = trial.observed["resolved_chart"], trial.observed["matured"]
    assert f"observed ({chart:.0f} of {matured:.0f})" in labels


def test_replay_is_the_trial_with_the_other_windows(prices, trial):
    other = rc.test_claim(
        prices,
        basis="levels",
        short_window=90,
        long_window=252,
        nulls=NULLS,
        n_boot=120,
        rng=1,
        replay=None,
    )
    assert other.replayed is None
    pd.testing.assert_series_equal(trial.replayed.observed, other.observed)
    pd.testing.assert_frame_equal(trial.replayed.worlds, other.worlds)
    assert trial.replayed.options == other.options
    assert "With 90-row and 252-row windows" in trial.summary()


def test_bad_options(prices):
    with pytest.raises(DataError, match="criterion='colour'"):
        rc.test_claim(prices, criterion="colour")
    with pytest.raises(ModelError, match="contrast"):
        rc.test_claim(prices, nulls=("constant",))
    with pytest.raises(ModelError, match="n_boot"):
        rc.test_claim(prices, n_boot=10)
    with pytest.raises(DataError, match="basis='prices'"):
        rc.test_claim(prices, basis="prices")
    with pytest.raises(DataError, match="grid"):
        rc.test_claim(prices, grid={"horizon": [100]})
    with pytest.raises(WindowError, match="do not fit"):
        rc.test_claim(prices, short_window=1000, long_window=1900)
    with pytest.raises(WindowError, match="shorter than"):
        rc.test_claim(prices, replay=(90, 60))
    for windows in ((90,), 90, (90, 252, 252)):
        with pytest.raises(DataError, match="replay="):
            rc.test_claim(prices, replay=windows)
    with pytest.raises(DataError, match="lists of choices"):
        rc.test_claim(prices, grid={"threshold": 0.1})
    with pytest.raises(ModelError, match="contrast=None"):
        rc.test_claim(prices, contrast=None)
    with pytest.raises(ModelError, match="are constant"):
        rc.test_claim(prices, nulls="constant")
    with pytest.raises(ModelError, match="'maybe'"):
        rc.test_claim(prices, nulls=("constant", "break", "maybe"))


def test_published_chart(eth_iwm):
    """ETH and IWM to the day of the article, price levels, calendar windows."""
    trial = rc.test_claim(eth_iwm, basis="levels", as_of="2026-01-15", n_boot=200)
    assert trial.verdict == "uninformative"
    assert trial.observed["matured"] == trial.observed["resolved"] >= 5
    assert trial.worlds.loc["independent", "resolved_chart"] > 0.95
    believed, rival = trial.contrast
    assert trial.power.loc[rival, believed] < 0.2
    assert 0.8 < trial.likelihood_ratios.loc["constant", "independent"] < 1.3
