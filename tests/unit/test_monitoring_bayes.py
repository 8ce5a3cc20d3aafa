"""Run lengths: against brute force, against the break model, and what is read off them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.inference.monitoring.online import run_lengths, smallest_set
from regimecorr.inference.monitoring.options import make_options
from regimecorr.kernels.density import density_table, log_density
from regimecorr.kernels.grid import grid_filter
from regimecorr.kernels.monitoring import merge_runs, run_length_filter
from regimecorr.models.grid import fisher_grid, normal_weights

WINDOWS = np.array([2, 5])
TAILS = np.array([0.05, 0.95])
GRID = fisher_grid(41)
RHO = np.tanh(GRID)
PRIOR = normal_weights(GRID, 0.1, 0.5)


def residuals(n, seed, split=None, nu=6.0):
    rng = np.random.default_rng(seed)
    path = np.where(np.arange(n) < (n if split is None else split), 0.7, -0.2)
    x, e = rng.standard_normal((2, n))
    z = np.column_stack([x, path * x + np.sqrt(1 - path**2) * e])
    return z * np.sqrt((nu - 2) / rng.chisquare(nu, n))[:, None]


def filtered(z, hazard=0.02, watch=4, tiny=0.0, nu=6.0):
    table, top = density_table(z, RHO, nu)
    return run_length_filter(z, table, top, RHO, nu, PRIOR, hazard, watch, WINDOWS, TAILS, tiny)


class TestBruteForce:
    @pytest.mark.parametrize("hazard", [0.05, 0.4])
    def test_all_segmentations_of_eight_rows(self, hazard):
        """2^7 patterns of breaks, each segment integrated over the grid by itself."""
        z, n, nu = residuals(8, 0, 5), 8, 6.0
        dens = np.array([[np.exp(log_density(x, y, r, nu)) for r in RHO] for x, y in z])
        began = np.zeros(n)
        for breaks in product((False, True), repeat=n - 1):
            starts = [0, *(t + 1 for t, broken in enumerate(breaks) if broken)]
            weight = hazard ** sum(breaks) * (1 - hazard) ** (n - 1 - sum(breaks))
            for first, stop in zip(starts, [*starts[1:], n], strict=True):
                weight *= PRIOR @ dens[first:stop].prod(axis=0)
            began[starts[-1]] += weight
        loglik, since, within, likeliest, bounds, rows, mass = filtered(z, hazard)
        assert loglik.sum() == pytest.approx(np.log(began.sum()), abs=1e-12)
        began /= began.sum()
        np.testing.assert_allclose(mass, began, rtol=1e-10)
        assert rows.tolist() == list(range(n))
        assert since[-1] == pytest.approx(began[4:].sum())
        assert within[-1] == pytest.approx([began[6:].sum(), began[3:].sum()])
        assert likeliest[-1].tolist() == [began.argmax(), 4 + began[4:].argmax()]
        assert likeliest[:4, 1].tolist() == [-1, -1, -1, -1]
        total = began.cumsum()
        assert bounds[-1].tolist() == [int((total >= 0.05).argmax()), int((total >= 0.95).argmax())]


class TestSameModel:
    @pytest.mark.parametrize("split", [None, 250])
    def test_evidence_and_mean_are_those_of_the_break_model(self, split):
        z = residuals(600, 1, split)
        options = make_options(
            "bayes", {"expected_duration": 300.0, "level_mean": 0.2, "level_sd": 0.4}
        )
        own = run_lengths(z, 300, options)
        params = {"hazard": 1 / 300, "level_mean": 0.2, "level_sd": 0.4, "nu": own.nu}
        model = rc.BreakCorrelation(margins=None).filter(z, params)
        assert own.evidence == pytest.approx(model.correlation_loglikelihood, abs=1e-8)
        np.testing.assert_allclose(own.mean, model.filtered.to_numpy()[300:], atol=1e-10)
        assert own.level == pytest.approx(float(model.filtered.iloc[299]), abs=1e-10)

    def test_rows_whose_densities_underflow(self):
        """A row of 60 and -60 is impossible under every correlation that has any mass."""
        z = residuals(120, 2, nu=30.0)
        z[70] = [60.0, -60.0]
        still, prior = np.zeros(RHO.size), normal_weights(GRID, 1.2, 0.05)
        table, top = density_table(z, RHO, np.inf)
        args = (z, table, top, RHO, np.inf)
        plain, _, _ = grid_filter(*args, prior, 0.02, prior, still, still, 1, 0)
        own = run_length_filter(*args, prior, 0.02, 4, WINDOWS, TAILS, 0.0)
        np.testing.assert_allclose(own[0], plain, rtol=1e-9)
        assert own[6].sum() == pytest.approx(1.0)


class TestJoinedRuns:
    def test_nothing_but_dates_depends_on_it(self):
        z = residuals(700, 3, 350)
        whole, joined = filtered(z, watch=500), filtered(z, watch=500, tiny=1e-4)
        assert len(joined[5]) < 0.6 * len(whole[5])
        for a, b in zip(whole[:3], joined[:3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
        assert abs(whole[3] - joined[3])[360:].max() <= 3

    def test_at_the_size_in_use_dates_do_not_move_either(self):
        z = residuals(700, 3, 350)
        whole, joined = filtered(z, watch=500), filtered(z, watch=500, tiny=1e-10)
        assert len(joined[5]) < len(whole[5])
        by_row = pd.Series(joined[6], joined[5]).reindex(whole[5], fill_value=0.0)
        assert np.abs(by_row.to_numpy() - whole[6]).max() < 1e-6
        assert (whole[3] == joined[3]).all()
        assert (whole[4] == joined[4]).all()

    def test_the_start_young_runs_and_no_change_are_kept_apart(self):
        mass = np.full(8, 1e-6)
        state, began = np.ones((8, 3)) * mass[:, None] / 3, np.arange(8)
        kept = merge_runs(state, mass, began, 8, 6, 4, 1e-3)
        assert kept == 4
        assert [b < 4 for b in began[:kept]] == [True, True, False, False]
        assert began[0] == 0
        assert began[3] == 7
        np.testing.assert_allclose(mass[:kept], [1e-6, 3e-6, 3e-6, 1e-6])
        np.testing.assert_allclose(state[:kept].sum(axis=1), mass[:kept])


@pytest.fixture(scope="module")
def found():
    return rc.monitor(residuals(700, 4, 560), start=500, margins=None, method="bayes")


class TestReadings:
    def test_probabilities(self, found):
        columns = ["changed", "below", "within_21", "within_63", "within_90"]
        values = found.path[columns].to_numpy()
        assert values.min() >= 0.0
        assert values.max() <= 1.0
        assert (found.path["within_21"] <= found.path["within_63"] + 1e-12).all()
        assert (found.path["within_63"] <= found.path["within_90"] + 1e-12).all()
        before = found.path.iloc[:60]
        assert (before["within_90"].iloc[:27] >= before["changed"].iloc[:27] - 1e-12).all()
        last = found.path.iloc[-1]
        assert last["below"] > 0.9
        assert last["correlation"] < 0.2 < last["before"]

    def test_the_last_change(self, found):
        dates = found.dates
        assert dates["probability"].sum() == pytest.approx(1.0)
        assert abs(dates["probability"].idxmax() - 560) < 15
        assert dates["probability"].idxmax() == found.path["change"].iloc[-1]
        inside = dates[dates["in_set"]]
        assert 0.90 <= inside["probability"].sum() < 0.90 + inside["probability"].min() + 1e-12
        assert inside["probability"].min() >= dates.loc[~dates["in_set"], "probability"].max()

    def test_the_alarm_is_the_threshold(self, found):
        over = found.path["changed"] > 0.95
        assert found.alarm == over.index[over][0]
        lower = rc.monitor(
            residuals(700, 4, 560), start=500, margins=None, method="bayes", threshold=0.5
        )
        assert lower.alarm <= found.alarm
        pd.testing.assert_frame_equal(lower.path, found.path)

    def test_below_is_beyond_the_midpoint_whatever_the_sign(self, found):
        z = residuals(700, 4, 560) * [1.0, -1.0]
        turned = rc.monitor(z, start=500, margins=None, method="bayes")
        np.testing.assert_allclose(turned.path["below"], found.path["below"], atol=1e-5)
        np.testing.assert_allclose(
            turned.path["correlation"], -found.path["correlation"], atol=1e-5
        )

    def test_a_quiet_pair_says_no_change(self):
        found = rc.monitor(residuals(700, 5), start=500, margins=None, method="bayes")
        assert found.alarm is None
        assert found.path["change"].iloc[-1] == 0
        assert found.path["changed"].iloc[-1] < 0.5


class TestGrace:
    """Changes dated a little before the start count."""

    @staticmethod
    def watch(z, **options):
        return rc.monitor(z, start=500, margins=None, method="bayes", **options)

    def test_it_moves_the_row_from_which_changes_count(self):
        z = residuals(640, 6, 495)
        dates = self.watch(z, grace=0).dates["probability"]
        for grace in (0, 1, 21, 100):
            found = self.watch(z, grace=grace)
            expected = dates[dates.index >= 500 - grace].sum()
            assert found.path["changed"].iloc[-1] == pytest.approx(expected, abs=1e-6)
            assert found.settings["grace"] == grace
            pd.testing.assert_series_equal(
                found.path["correlation"], self.watch(z).path["correlation"]
            )
        assert self.watch(z).settings["grace"] == 63

    def test_breaks_at_the_start_are_found(self):
        """Eight breaks from .7 to -.2 at the start itself: all, against half without grace."""
        kept, bare = (
            [self.watch(residuals(620, seed, 500), **options) for seed in range(8)]
            for options in ({}, {"grace": 0})
        )
        assert all(found.alarm is not None for found in kept)
        assert sum(found.alarm is not None for found in bare) <= 5
        assert np.median([abs(found.change - 500) for found in kept]) < 12
        assert min(found.change for found in kept) < 500
        for found in kept:
            assert found.delay == found.alarm - found.change + 1

    def test_the_change_at_an_alarm_is_one_that_counts(self):
        """With a low threshold the likeliest row of all is often no change at all."""
        early = 0
        for seed in range(6):
            found = self.watch(residuals(640, seed), threshold=0.05, grace=10)
            if found.alarm is not None:
                assert found.change >= 490
                early += found.path["change"].loc[found.alarm] == 0
        assert early > 0


def test_smallest_set():
    inside = smallest_set(np.array([0.1, 0.5, 0.05, 0.35]), 0.9)
    assert inside.tolist() == [True, True, False, True]
    assert smallest_set(np.array([0.95, 0.05])).tolist() == [True, False]
