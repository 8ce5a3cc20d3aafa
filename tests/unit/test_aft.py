"""Accelerated failure time models: published results, scipy, simulation, hostile input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regimecorr.episodes.aft import _prepare, constant_hazard, fit_aft
from regimecorr.episodes.aft_likelihood import log_likelihood
from regimecorr.errors import DataError, EstimationError, ModelError

# Freireich et al. (1963), weeks of remission in leukaemia; Kalbfleisch and Prentice (2002) p. 2.
MERCAPTOPURINE = np.array(
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
)
RELAPSED = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
PLACEBO = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23])
WEEKS = np.concatenate([MERCAPTOPURINE, PLACEBO])
EVENTS = np.concatenate([RELAPSED, np.ones(21, dtype=bool)])
TREATED = pd.DataFrame({"treated": np.repeat([1.0, 0.0], 21)})


def censored_sample(n, seed, *, shape=0.8, scale=20.0, last=60.0):
    rng = np.random.default_rng(seed)
    time, limit = scale * rng.weibull(shape, n), rng.uniform(0.0, last, n)
    return np.minimum(time, limit), time <= limit


class TestAft:
    def test_leukaemia_as_published(self):
        # R's survreg on MASS::gehan (Venables and Ripley 2002, section 13.2): 3.516 with treatment,
        # 1.267 less without it, error 0.311, scale 0.732, log-likelihood -106.6
        fit = fit_aft(WEEKS, EVENTS, covariates=TREATED)
        effect = fit.effects.loc["treated"]
        assert effect["effect"] == pytest.approx(1.267, abs=6e-4)
        assert effect["std_error"] == pytest.approx(0.311, abs=6e-4)
        assert effect["time_ratio"] == pytest.approx(np.exp(effect["effect"]))
        # the scale belongs to average covariates: half are treated
        assert np.log(fit.scale) + 0.5 * effect["effect"] == pytest.approx(3.516, abs=6e-4)
        assert 1 / fit.shape == pytest.approx(0.732, abs=6e-4)
        assert fit.loglikelihood == pytest.approx(-106.6, abs=0.05)
        assert fit.aic == pytest.approx(2 * 3 - 2 * fit.loglikelihood)

    @pytest.mark.parametrize(
        ("family", "dist"), [("weibull", stats.weibull_min), ("loglogistic", stats.fisk)]
    )
    def test_regression_maximises_scipys_likelihood(self, family, dist):
        x = TREATED["treated"].to_numpy()

        def minus(p):
            args = (np.exp(p[0]), 0, np.exp(p[1] + p[2] * (x - 0.5)))
            return -np.where(EVENTS, dist.logpdf(WEEKS, *args), dist.logsf(WEEKS, *args)).sum()

        fit = fit_aft(WEEKS, EVENTS, family=family, covariates=TREATED)
        effect = fit.effects.loc["treated"]
        mine = np.array([np.log(fit.shape), np.log(fit.scale), effect["effect"]])
        assert -minus(mine) == pytest.approx(fit.loglikelihood)
        step = 1e-3 * np.eye(3)
        for s in step:
            assert (minus(mine + s) - minus(mine - s)) / 2e-3 == pytest.approx(0, abs=1e-4)
        information = [
            [
                (minus(mine + a + b) - minus(mine + a) - minus(mine + b) + minus(mine)) / 1e-6
                for a in step
            ]
            for b in step
        ]
        errors = np.sqrt(np.diag(np.linalg.inv(information)))
        assert fit.shape_std_error == pytest.approx(fit.shape * errors[0], rel=0.01)
        assert fit.scale_std_error == pytest.approx(fit.scale * errors[1], rel=0.01)
        assert effect["std_error"] == pytest.approx(errors[2], rel=0.01)

    @pytest.mark.parametrize(
        ("family", "dist"), [("weibull", stats.weibull_min), ("loglogistic", stats.fisk)]
    )
    @pytest.mark.parametrize("seed", range(3))
    def test_agrees_with_scipy(self, family, dist, seed):
        time, observed = censored_sample(50, seed)
        data = stats.CensoredData.right_censored(time, ~observed)
        shape, _, scale = dist.fit(data, floc=0)
        fit = fit_aft(time, observed, family=family)
        assert (fit.shape, fit.scale) == pytest.approx((shape, scale), rel=1e-4)
        own = dist.logpdf(time[observed], fit.shape, 0, fit.scale).sum()
        own += dist.logsf(time[~observed], fit.shape, 0, fit.scale).sum()
        assert fit.loglikelihood == pytest.approx(own)

    @pytest.mark.parametrize(
        ("family", "dist"), [("weibull", stats.weibull_min), ("loglogistic", stats.fisk)]
    )
    def test_rows_are_intervals(self, family, dist):
        time, observed = censored_sample(50, 0)
        rows = np.ceil(time)
        data = stats.CensoredData(
            interval=np.column_stack([rows - 1, rows])[observed], right=(rows - 1)[~observed]
        )
        with np.errstate(divide="ignore"):
            shape, _, scale = dist.fit(data, floc=0)
        fit = fit_aft(rows, observed, family=family, grid=1.0)
        assert (fit.shape, fit.scale) == pytest.approx((shape, scale), rel=1e-4)

    @pytest.mark.parametrize("family", ["weibull", "loglogistic"])
    @pytest.mark.parametrize("grid", [0.0, 1.0])
    def test_derivatives(self, family, grid):
        rng = np.random.default_rng(0)
        time, observed = censored_sample(40, 1)
        entry = np.where(rng.random(40) < 0.5, 1.0, 0.0)
        covariates = pd.DataFrame(rng.standard_normal((40, 2)), columns=["a", "b"])
        sample, _, _ = _prepare(np.ceil(time) + 1, observed, covariates, entry, grid)
        at = np.array([0.3, 0.4, -0.2, 0.5])
        _, gradient, hessian = log_likelihood(family, sample, at)
        for i, step in enumerate(1e-5 * np.eye(4)):
            up, down = (log_likelihood(family, sample, at + s) for s in (step, -step))
            assert gradient[i] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-6, abs=1e-6)
            assert hessian[i] == pytest.approx((up[1] - down[1]) / 2e-5, rel=1e-6, abs=1e-6)

    @pytest.mark.parametrize("family", ["weibull", "loglogistic"])
    def test_recovers_what_was_simulated(self, family):
        rng = np.random.default_rng(3)
        x = rng.standard_normal(4000) * 2 + 5
        noise = rng.weibull(1, 4000) if family == "weibull" else 1 / rng.random(4000) - 1
        time = 30 * np.exp(0.3 * (x - x.mean())) * noise ** (1 / 0.7)
        limit = rng.uniform(0, 150, 4000)
        observed = time <= limit
        assert 0.2 < np.mean(~observed) < 0.5
        fit = fit_aft(
            np.minimum(time, limit), observed, family=family, covariates=pd.DataFrame({"x": x})
        )
        assert fit.shape == pytest.approx(0.7, abs=4 * fit.shape_std_error)
        assert fit.shape_std_error < 0.02
        assert fit.scale == pytest.approx(30, abs=4 * fit.scale_std_error)
        effect = fit.effects.loc["x"]
        assert effect["effect"] == pytest.approx(0.3, abs=4 * effect["std_error"])
        assert effect["std_error"] < 0.03
        assert effect["pvalue"] < 1e-10

    @pytest.mark.parametrize("grid", [0.0, 1.0])
    def test_late_entries(self, grid):
        rng = np.random.default_rng(4)
        age, time = rng.uniform(0, 60, 12_000), 30 * rng.weibull(0.7, 12_000)
        if grid:
            age, time = np.floor(age), np.ceil(time)
        seen = time > age
        observed = np.ones(seen.sum(), dtype=bool)
        fit = fit_aft(time[seen], observed, entry=age[seen], grid=grid)
        assert fit.shape == pytest.approx(0.7, abs=4 * fit.shape_std_error)
        assert fit.scale == pytest.approx(30, abs=4 * fit.scale_std_error)
        naive = fit_aft(time[seen], observed, grid=grid)
        assert naive.scale > 1.5 * fit.scale

    def test_intervals_cover(self):
        hits = np.zeros(2)
        for seed in range(200):
            fit = fit_aft(*censored_sample(60, seed))
            hits += [
                fit.shape_interval[0] < 0.8 < fit.shape_interval[1],
                fit.scale_interval[0] < 20 < fit.scale_interval[1],
            ]
        assert np.all((hits / 200 > 0.89) & (hits / 200 < 0.99))

    @pytest.mark.parametrize("family", ["weibull", "loglogistic"])
    @pytest.mark.parametrize("grid", [0.0, 1.0])
    def test_units_do_not_matter(self, family, grid):
        time, observed = censored_sample(40, 2)
        rows = np.ceil(time)
        x = pd.DataFrame({"x": np.sin(np.arange(40))})
        one = fit_aft(rows, observed, family=family, covariates=x, grid=grid)
        two = fit_aft(2 * rows, observed, family=family, covariates=1000 * x, grid=2 * grid)
        assert two.shape == pytest.approx(one.shape, rel=1e-8)
        assert two.scale == pytest.approx(2 * one.scale, rel=1e-8)
        assert two.scale_std_error == pytest.approx(2 * one.scale_std_error, rel=1e-6)
        assert 1000 * two.effects["effect"].iloc[0] == pytest.approx(one.effects["effect"].iloc[0])
        ended = observed.sum() if grid == 0 else 0  # densities have units, probabilities none
        assert two.loglikelihood == pytest.approx(one.loglikelihood - ended * np.log(2))

    @pytest.mark.parametrize(
        ("durations", "observed", "match"),
        [
            ([5, 9, 14], [0, 0, 0], "0 of 3 spells ended"),
            ([5], [1], "1 of 1 spells ended"),
            ([9, 9, 9, 4], [1, 1, 1, 0], "shape"),
        ],
    )
    @pytest.mark.parametrize("grid", [0.0, 1.0])
    def test_no_estimate(self, durations, observed, match, grid):
        with pytest.raises(EstimationError, match=match):
            fit_aft(durations, observed, grid=grid)

    def test_a_likelihood_that_rises_to_the_edge(self):
        # within the row of their end nothing bounds the shape
        with pytest.raises(EstimationError, match=r"shape|flat|maximised"):
            fit_aft([9, 9, 9, 10], [1, 1, 1, 0], grid=1.0)
        split = pd.DataFrame({"x": [0.0, 0, 0, 0, 1, 1, 1, 1]})
        with pytest.raises(EstimationError, match=r"'x'|flat|maximised"):
            fit_aft([3, 5, 8, 2, 9, 9, 4, 6], [1, 1, 1, 1, 0, 0, 0, 0], covariates=split)

    def test_tiny_samples_have_an_estimate_or_a_reason(self):
        rng = np.random.default_rng(0)
        found = 0
        for _ in range(300):
            time = rng.integers(1, rng.choice([3, 10, 500]), rng.integers(2, 12))
            observed, entry = rng.random(time.size) < 0.6, rng.integers(0, time)
            try:
                fit = fit_aft(time, observed, entry=entry, grid=1.0)
            except EstimationError:
                continue
            found += 1
            assert np.all(np.isfinite([*fit.shape_interval, *fit.scale_interval, fit.aic]))
        assert found > 100

    @pytest.mark.parametrize(
        ("column", "match"),
        [
            ([1.0, np.nan, 2, 3, 4], "missing or infinite for 1 of 5"),
            ([2.0] * 5, "2 for every spell"),
            (list("abcde"), "must be numbers"),
        ],
    )
    def test_bad_covariates(self, column, match):
        with pytest.raises(DataError, match=match):
            fit_aft([1, 2, 3, 4, 5], [1] * 5, covariates=pd.DataFrame({"x": column}))

    def test_bad_options(self):
        x = pd.DataFrame({"a": [1.0, 2, 4, 3, 5], "b": [2.0, 4, 8, 6, 10]})
        with pytest.raises(DataError, match="linear combinations"):
            fit_aft([1, 2, 3, 4, 5], [1] * 5, covariates=x)
        with pytest.raises(DataError, match="5 rows for 4"):
            fit_aft([1, 2, 3, 4], [1] * 4, covariates=x[["a"]])
        with pytest.raises(EstimationError, match="3 of 5 spells ended and the model has 4"):
            fit_aft([1, 2, 3, 4, 5], [1, 1, 1, 0, 0], covariates=x.assign(b=[1, 0, 0, 1, 1]))
        with pytest.raises(ModelError, match="gompertz"):
            fit_aft([1, 2, 3], [1] * 3, family="gompertz")
        with pytest.raises(ModelError, match="grid=-1"):
            fit_aft([1, 2, 3], [1] * 3, grid=-1)
        with pytest.raises(DataError, match="shorter than grid"):
            fit_aft([0.5, 2, 3], [1] * 3, grid=1)


class TestConstantHazard:
    def test_against_scipy(self):
        time, observed = censored_sample(50, 5)
        data = stats.CensoredData.right_censored(time, ~observed)
        shape, _, scale = stats.weibull_min.fit(data, floc=0)

        def value(k, s):
            ended = stats.weibull_min.logpdf(time[observed], k, 0, s).sum()
            return ended + stats.weibull_min.logsf(time[~observed], k, 0, s).sum()

        held = time.sum() / observed.sum()
        test = constant_hazard(time, observed)
        assert test.statistic == pytest.approx(2 * (value(shape, scale) - value(1, held)), abs=1e-4)
        assert test.pvalue == pytest.approx(stats.chi2.sf(test.statistic, 1))

    def test_size_on_rows_and_power(self):
        # Geometric durations of 6 rows on average: a constant hazard, seen once a row.
        rng = np.random.default_rng(0)
        reject = {"rows": 0, "as exact": 0, "falling": 0}
        n_sim = 300
        for _ in range(n_sim):
            rows, limit = rng.geometric(1 / 6, 40), rng.integers(5, 40, 40)
            time, observed = np.minimum(rows, limit), rows <= limit
            reject["rows"] += constant_hazard(time, observed, grid=1.0).pvalue < 0.05
            reject["as exact"] += constant_hazard(time, observed).pvalue < 0.05
            long = np.ceil(20 * rng.weibull(0.6, 40))
            reject["falling"] += constant_hazard(long, long > 0, grid=1.0).pvalue < 0.05
        # Monte-Carlo error 1.3 points
        assert 0.015 < reject["rows"] / n_sim < 0.095
        # what the grid is for
        assert reject["as exact"] / n_sim > 0.2
        assert reject["falling"] / n_sim > 0.85
