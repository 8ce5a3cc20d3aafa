"""`monitor`: the door, what is known at t, the sums and their boundary, results."""

from __future__ import annotations

import dataclasses
import inspect
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as t_law

import regimecorr as rc
from regimecorr.errors import DateColumnError, ModelError
from regimecorr.inference.constancy.fluctuation import long_run_sd
from regimecorr.inference.monitoring import Monitor
from regimecorr.inference.monitoring.boundary import critical_value, weight
from regimecorr.inference.monitoring.detectors import (
    change_row,
    correlation_sums,
    page,
    score_sums,
)
from regimecorr.models.grid import fit_constant

M = 500
METHODS = ("page", "cusum", "bayes")
FORMS = [
    {"method": "page"},
    {"method": "cusum"},
    {"method": "cusum", "robust": False},
    {"method": "bayes"},
]
NAMES = ["page", "cusum", "textbook", "bayes"]


def pair(path, rng, nu=5.0):
    """Elliptical t residuals (n, 2) of unit variance along a correlation path."""
    path = np.asarray(path, dtype=float)
    x, e = rng.standard_normal((2, len(path)))
    z = np.column_stack([x, path * x + np.sqrt(1.0 - path**2) * e])
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, len(path)))[:, None]
    return z


@pytest.fixture(scope="module")
def returns():
    """700 returns with a break 60 rows after row 500."""
    path = np.where(np.arange(700) < 560, 0.6, -0.1)
    index = pd.bdate_range("2015-01-01", periods=700, name="date")
    return pd.DataFrame(0.02 * pair(path, np.random.default_rng(3)), index, ["A", "B"])


@pytest.fixture(scope="module")
def margins(returns):
    return rc.GARCH().fit(returns.iloc[:M])


def watch(returns, margins=None, **options):
    given = {} if margins is None else {"margins": margins}
    return rc.monitor(returns, start=returns.index[M], **given, **options)


class TestWhatIsKnown:
    @pytest.mark.parametrize("form", FORMS, ids=NAMES)
    def test_data_after_t_do_not_change_the_path_to_t(self, returns, form):
        changed = returns.copy()
        changed.iloc[620:] = 0.05 * np.random.default_rng(0).standard_normal((80, 2))
        one, two = watch(returns, **form), watch(changed, **form)
        pd.testing.assert_frame_equal(one.path.iloc[:120], two.path.iloc[:120])
        last = -1 if form["method"] == "bayes" else "detector"
        column = one.path.columns[0] if last == -1 else last
        assert not np.allclose(one.path[column].iloc[120:], two.path[column].iloc[120:])

    @pytest.mark.parametrize("form", FORMS, ids=NAMES)
    def test_a_shorter_sample_gives_the_same_rows(self, returns, form):
        whole, part = watch(returns, **form), watch(returns.iloc[:640], **form)
        pd.testing.assert_frame_equal(whole.path.iloc[:140], part.path)

    @pytest.mark.parametrize("form", FORMS, ids=NAMES)
    def test_update_is_a_new_run_on_the_longer_sample(self, returns, form):
        whole = watch(returns, **form)
        grown = watch(returns.iloc[:530], **form)
        for rows in (slice(530, 531), slice(531, 700)):
            grown = grown.update(returns.iloc[rows])
        pd.testing.assert_frame_equal(grown.path, whole.path)
        assert (grown.alarm, grown.change, grown.delay) == (whole.alarm, whole.change, whole.delay)
        assert grown.summary() == whole.summary()

    def test_margins_are_those_of_the_history(self, returns, margins):
        given = watch(returns, margins)
        own = watch(returns)
        pd.testing.assert_frame_equal(given.path, own.path)
        assert own.margins.params.equals(margins.params)
        np.testing.assert_allclose(own.margins.z[:M], margins.z, rtol=1e-12)

    def test_margins_of_the_whole_sample_are_refused(self, returns):
        with pytest.raises(ModelError, match="belong to other returns"):
            watch(returns, rc.GARCH().fit(returns))

    def test_residuals_with_no_margins_are_the_same(self, returns, margins):
        residuals = margins.append(returns.iloc[M:]).std_resid
        for method in METHODS:
            ready = rc.monitor(residuals, start=residuals.index[M], margins=None, method=method)
            np.testing.assert_allclose(
                ready.path.iloc[:, 0], watch(returns, margins, method=method).path.iloc[:, 0]
            )


class TestSums:
    def test_score_path_is_that_of_a_plain_loop(self):
        z = pair(np.full(330, 0.5), np.random.default_rng(1))
        m, found = 300, score_sums(z, 300)
        u = [(row - z[:m].mean(axis=0)) / z[:m].std(axis=0) for row in z]
        fit = fit_constant(np.array(u)[:m], "t")
        r, nu = math.tanh(fit.fisher), fit.nu
        scores = []
        for a, b in u:
            q = np.array([a, b]) @ np.linalg.inv([[1.0, r], [r, 1.0]]) @ np.array([a, b])
            scores.append((nu + 2) / (nu - 2 + q) * (a * b - r * (a * a + b * b) / 2))
        mean = sum(scores[:m]) / m
        dev = [s - mean for s in scores[:m]]
        b = int(math.log(m))
        variance = sum(d * d for d in dev)
        for lag in range(1, b):
            variance += 2 * (1 - lag / b) * sum(dev[t] * dev[t - lag] for t in range(lag, m))
        sd = math.sqrt(variance / m)
        path = [sum(scores[m : m + k]) - k * mean for k in range(1, 31)]
        np.testing.assert_allclose(found.path, np.array(path) / (sd * math.sqrt(m)), rtol=1e-9)
        assert found.nu == pytest.approx(5.0, abs=3.0)

    def test_score_is_the_slope_of_the_density_free_of_scales(self):
        """It is the density's slope by rho less its projection on those by the two scales."""
        rng = np.random.default_rng(2)
        z = pair(np.full(400_000, 0.5), rng)
        r, nu = 0.5, 5.0

        def density(rho, a, b):
            u, v = z[:, 0] / a, z[:, 1] / b
            q = (u * u + v * v - 2 * rho * u * v) / (1 - rho * rho)
            return -np.log(a * b) - 0.5 * np.log(1 - rho**2) - 3.5 * np.log1p(q / 3)

        h = 1e-4
        by_rho = (density(r + h, 1, 1) - density(r - h, 1, 1)) / (2 * h)
        scales = np.column_stack(
            [
                (density(r, 1 + h, 1) - density(r, 1 - h, 1)) / (2 * h),
                (density(r, 1, 1 + h) - density(r, 1, 1 - h)) / (2 * h),
            ]
        )
        efficient = by_rho - scales @ np.linalg.lstsq(scales, by_rho, rcond=None)[0]
        squares = (z**2).sum(axis=1)
        q = (squares - 2 * r * z[:, 0] * z[:, 1]) / (1 - r * r)
        score = (nu + 2) / (nu - 2 + q) * (z[:, 0] * z[:, 1] - 0.5 * r * squares)
        assert np.corrcoef(efficient, score)[0, 1] > 0.999

    def test_textbook_path_is_that_of_a_plain_loop(self):
        z = pair(np.full(260, 0.3), np.random.default_rng(4))
        m, found = 200, correlation_sums(z, 200)
        u, v = ((z[:m] - z[:m].mean(axis=0)) / z[:m].std(axis=0)).T
        r = float(np.mean(u * v))
        psi = u * v - 0.5 * r * (u * u + v * v)
        b = int(math.log(m))
        acov = [np.sum(psi[lag:] * psi[: m - lag]) / m for lag in range(b)]
        d = math.sqrt(acov[0] + 2 * sum((1 - lag / b) * acov[lag] for lag in range(1, b)))
        for k in (2, 10, 60):
            own = np.corrcoef(z[m : m + k].T)[0, 1]
            assert found.path[k - 1] == pytest.approx(k * (own - r) / (math.sqrt(m) * d))
        assert found.path[0] == 0.0

    @pytest.mark.parametrize("drift", [-0.5, 0.0, 0.5])
    def test_page_is_the_largest_change_since_any_row(self, drift):
        """The start counts as a row: a path that leaves zero at once is measured from there."""
        path = (np.random.default_rng(5).standard_normal(80) + drift).cumsum() + 9.0 * drift
        whole = np.concatenate([[0.0], path])
        plain = [max(abs(whole[k] - whole[j]) for j in range(k)) for k in range(1, 81)]
        np.testing.assert_allclose(page(path), plain)

    @pytest.mark.parametrize("scale", [1e-4, 100.0])
    def test_units_and_swapped_assets_do_not_matter(self, returns, scale):
        plain = watch(returns, method="cusum").path["detector"]
        moved = watch(returns[["B", "A"]] * [scale, 1.0], method="cusum").path["detector"]
        np.testing.assert_allclose(plain, moved, rtol=2e-3, atol=2e-3)

    def test_change_row_is_the_best_split(self):
        z = pair(np.where(np.arange(600) < 540, 0.7, -0.2), np.random.default_rng(6))
        sums = score_sums(z, 500)
        for alarm in (70, 99):
            s = sums.scores[: 500 + alarm + 1]
            gain = [
                (s[:j].mean() - s[j:].mean()) ** 2 * j * (len(s) - j) / len(s)
                for j in range(500, len(s))
            ]
            assert change_row(sums, z, 500, alarm) == int(np.argmax(gain))
        assert abs(change_row(sums, z, 500, 99) - 40) <= 15

    def test_textbook_change_is_the_largest_distance(self):
        z = pair(np.where(np.arange(600) < 540, 0.7, -0.2), np.random.default_rng(6))
        r = [np.corrcoef(z[500 : 500 + j].T)[0, 1] for j in range(2, 91)]
        best = max(range(2, 91), key=lambda j: j * abs(r[j - 2] - r[-1]))
        assert change_row(correlation_sums(z, 500), z, 500, 90) == best


class TestAlarms:
    def test_level_on_t5_residuals(self):
        """Small version of the simulation: 5 % of quiet periods, and far more in the old form."""
        rng = np.random.default_rng(8)
        m, n = 500, 400
        x = np.arange(1, m + 1) / m
        bound = critical_value("cusum", 0.0, 1.0, 0.05) * weight(x, 0.0)
        own = plain = 0
        for _ in range(n):
            z = pair(np.full(2 * m, 0.4), rng)
            own += bool(np.any(np.abs(score_sums(z, m).path) > bound))
            plain += bool(np.any(np.abs(correlation_sums(z, m).path) > bound))
        assert 0.025 < own / n < 0.085
        assert plain / n > own / n + 0.015

    @pytest.mark.parametrize("form", FORMS, ids=NAMES)
    def test_breaks_are_found_and_dated(self, form):
        """Twelve breaks from .6 to 0, 125 rows after the start: nearly all, after a few weeks."""
        alarms, errors = [], []
        for seed in range(12):
            z = pair(np.where(np.arange(800) < 625, 0.6, 0.0), np.random.default_rng(seed))
            found = rc.monitor(z, start=500, margins=None, **form)
            if found.alarm is not None and found.alarm >= 625:
                assert found.delay == found.alarm - found.change + 1
                alarms.append(found.alarm - 625)
                errors.append(abs(found.change - 625))
        assert len(alarms) >= 11
        assert np.median(alarms) < 90
        assert np.median(errors) < 12

    def test_alarm_is_the_first_crossing(self, returns):
        found = watch(returns)
        over = found.path["detector"] > found.path["boundary"]
        assert found.alarm == over.index[over][0]

    def test_page_finds_a_late_break_sooner(self):
        delays = {"page": [], "cusum": []}
        for seed in range(12):
            path = np.where(np.arange(1000) < 900, 0.6, 0.0)
            z = pair(path, np.random.default_rng(seed))
            for method, found in delays.items():
                alarm = rc.monitor(z, start=500, margins=None, method=method, alpha=0.05).alarm
                found.append(1000 if alarm is None else alarm - 900)
        assert np.median(delays["page"]) < np.median(delays["cusum"])


class TestBoundary:
    @pytest.mark.parametrize(("robust", "alpha"), [(True, 0.05), (True, 0.01), (False, 0.05)])
    def test_boundary_is_critical_value_times_factor_times_weight(self, returns, robust, alpha):
        """By 1.5 m / b degrees of freedom; the textbook form has no factor."""
        found = watch(returns, robust=robust, alpha=alpha, horizon=250)
        b, tail = 6, 1.0 - alpha / 4.0
        factor = t_law.ppf(tail, 1.5 * M / b) / norm.ppf(tail) / math.sqrt(1.0 - b / M)
        x = np.arange(1, 201) / M
        plain = critical_value("page", 0.25, 0.5, alpha) * weight(x, 0.25)
        expected = plain * (factor if robust else 1.0)
        np.testing.assert_allclose(found.path["boundary"], expected, rtol=1e-10)
        assert 1.01 < factor < 1.03

    @pytest.mark.parametrize("m", [250, 1000])
    def test_the_factor_has_the_moments_of_the_estimate(self, m):
        """Mean 1 - b / m and 1.5 m / b degrees of freedom, on 2,000 series of white noise."""
        values = np.random.default_rng(0).standard_normal((2000, m))
        estimates = long_run_sd(values - values.mean(axis=1, keepdims=True)) ** 2
        b = int(math.log(m))
        assert estimates.mean() == pytest.approx(1.0 - b / m, abs=0.015)
        freedom = 2.0 * estimates.mean() ** 2 / estimates.var()
        assert freedom == pytest.approx(1.5 * m / b, rel=0.1)


class TestPeriod:
    def test_rows_after_the_period_are_left_out_and_said(self, returns):
        found = watch(returns, horizon=100)
        assert len(found.path) == 100
        assert any("100 later rows are left out" in note for note in found.notes)
        longer = watch(returns, horizon=150)
        assert longer.path["boundary"].iloc[0] > found.path["boundary"].iloc[0]

    def test_without_end(self, returns):
        found = watch(returns, horizon=math.inf)
        assert found.horizon == math.inf
        assert "without end" in found.summary()
        assert np.all(found.path["boundary"] > watch(returns).path["boundary"])

    def test_a_history_that_changed_is_pointed_at(self):
        path = np.where(np.arange(700) < 250, 0.8, 0.2)
        z = pair(path, np.random.default_rng(9))
        for robust in (True, False):
            found = rc.monitor(z, start=500, margins=None, robust=robust)
            assert any("does not look constant" in note for note in found.notes)
        quiet = rc.monitor(z[250:], start=250, margins=None)
        assert not quiet.notes

    def test_early_rows_have_no_correlation_to_read(self, returns):
        path = watch(returns).path
        assert path["correlation"].iloc[:29].isna().all()
        z = watch(returns).margins.z[M : M + 30]
        assert path["correlation"].iloc[29] == pytest.approx(np.corrcoef(z.T)[0, 1])


class TestResult:
    def test_frozen_and_printed_without_addresses(self, returns):
        for form in FORMS:
            found = watch(returns, **form)
            assert isinstance(found, Monitor)
            assert " at 0x" not in repr(found) + found.summary()
            with pytest.raises(dataclasses.FrozenInstanceError):
                found.alarm = None

    def test_summary_says_what_was_found(self, returns):
        found = watch(returns)
        text = found.summary()
        for part in ("500 rows before", "alarm", f"{found.alarm:%Y-%m-%d}", "5.0%", "robust"):
            assert part in text
        quiet = watch(returns.iloc[:540])
        assert quiet.alarm is quiet.change is quiet.delay is None
        assert "alarm        none" in quiet.summary()
        assert "no alarm" in repr(quiet)

    def test_attributes_are_documented(self):
        text = inspect.getdoc(Monitor)
        for field in dataclasses.fields(Monitor):
            assert field.name.startswith("_") or field.name in text

    def test_survives_a_pickle(self, returns):
        found = pickle.loads(pickle.dumps(watch(returns.iloc[:600])))
        grown = found.update(returns.iloc[600:])
        pd.testing.assert_frame_equal(grown.path, watch(returns).path)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"method": "mosum"}, "method='mosum' is unknown"),
            ({"alpha": 0.6}, "alpha=0.6 must be a number within 0.005 and 0.25"),
            ({"alpha": float("nan")}, "alpha=nan"),
            ({"alpha": True}, "alpha=True"),
            ({"gamma": 0.5}, "gamma=0.5 must be a number within 0 and 0.45"),
            ({"horizon": 3}, "horizon=3 is too short for 500 rows of history"),
            ({"horizon": 80.5}, "whole number of rows"),
            ({"horizon": "100"}, "whole number of rows"),
            ({"horizon": float("nan")}, "whole number of rows"),
            ({"method": "bayes", "alpha": 0.05}, "alpha=0.05 means nothing to method='bayes'"),
            ({"method": "bayes", "robust": False}, "robust=False means nothing"),
            ({"threshold": 0.9}, "threshold=0.9 means nothing to method='page'"),
            ({"method": "bayes", "threshold": 1.0}, "threshold=1.0"),
            (
                {"method": "bayes", "grace": 101},
                "grace=101 must be a whole number of rows within 0",
            ),
            ({"method": "bayes", "grace": -1}, "grace=-1"),
            ({"method": "bayes", "grace": 2.5}, "grace=2.5"),
            ({"method": "bayes", "grace": True}, "grace=True"),
            ({"method": "bayes", "grace": float("nan")}, "grace=nan"),
            ({"grace": 5}, "grace=5 means nothing to method='page'"),
            ({"method": "bayes", "expected_duration": 1}, "expected_duration=1"),
            ({"method": "bayes", "level_sd": 0.0}, "level_sd=0.0"),
        ],
    )
    def test_options(self, returns, options, message):
        with pytest.raises(ModelError, match=message):
            watch(returns, **options)

    @pytest.mark.parametrize(
        ("start", "message"),
        [
            ("2015-03-02", "42 rows of history; at least 200"),
            ("2030-01-01", "lies after the last row"),
            (500, "must be a date"),
        ],
    )
    def test_start(self, returns, start, message):
        with pytest.raises(ModelError, match=message):
            rc.monitor(returns, start=start)

    def test_start_that_is_no_date(self, returns):
        with pytest.raises(DateColumnError, match="start"):
            rc.monitor(returns, start="soon")
        with pytest.raises(ModelError, match="start='2015-03-02' must be a row number"):
            rc.monitor(returns.to_numpy(), start="2015-03-02")

    def test_returns(self, returns):
        with pytest.raises(ModelError, match="Two return series are monitored; got 3: A, B, C"):
            watch(returns.assign(C=returns["A"] + returns["B"] ** 2))
        with pytest.raises(ModelError, match="one and the same"):
            watch(returns.assign(B=2.0 * returns["A"]))
        holed = returns.copy()
        holed.iloc[650, 0] = np.nan
        with pytest.raises(ModelError, match="must be finite"):
            watch(holed)
        with pytest.raises(ModelError, match="standardized residuals"):
            rc.monitor(returns, start=returns.index[M], margins=None)

    def test_update_with_rows_that_do_not_follow(self, returns):
        found = watch(returns.iloc[:600])
        with pytest.raises(ModelError, match="not after the last row"):
            found.update(returns.iloc[590:])
        with pytest.raises(ModelError, match="lack"):
            found.update(returns.iloc[600:][["A"]])
