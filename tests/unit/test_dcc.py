"""What a DCC result answers: paths, forecasts, simulation, appending, criteria, text."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, multivariate_t

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.models.diagnostics import hosking, whitened


def garch(z: np.ndarray) -> np.ndarray:
    h, out = np.ones(z.shape[1]), np.empty_like(z)
    for t, shock in enumerate(z):
        out[t] = 0.03 + np.sqrt(h) * shock
        h = 0.05 + h * (0.08 * shock**2 + 0.87)
    return out


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    """Three assets whose correlations move together."""
    rng = np.random.default_rng(1)
    e = rng.standard_normal((1200, 3)) * np.sqrt(6 / rng.chisquare(8, (1200, 1)))
    S = np.array([[1, 0.5, 0.3], [0.5, 1, 0.4], [0.3, 0.4, 1]])
    q, z = S.copy(), np.empty_like(e)
    for t in range(1200):
        d = 1 / np.sqrt(np.diag(q))
        z[t] = np.linalg.cholesky(q * np.outer(d, d)) @ e[t]
        q = 0.03 * S + 0.05 * np.outer(z[t], z[t]) + 0.92 * q
    dates = pd.bdate_range("2015-01-01", periods=1200)
    return pd.DataFrame(garch(z), index=dates, columns=["X", "Y", "Z"])


VARIANTS = {
    "dcc": {},
    "t": {"dist": "t"},
    "cdcc": {"variant": "cdcc", "dist": "t"},
    "adcc": {"variant": "adcc"},
    "ccc": {"variant": "ccc", "dist": "t"},
    "dcc22": {"order": (2, 2)},
    "composite": {"likelihood": "composite", "pairs": "all", "shrinkage": "ledoit-wolf"},
}


@pytest.fixture(scope="module")
def fits(returns) -> dict[str, rc.models.dcc.DCCResult]:
    margins = rc.GARCH().fit(returns)
    pair = rc.GARCH().fit(returns[["X", "Y"]])
    out = {}
    for name, options in VARIANTS.items():
        out[name, 3] = rc.DCC(**options).fit(returns, margins=margins)
        out[name, 2] = rc.DCC(**options).fit(returns[["X", "Y"]], margins=pair)
    return out


EVERY = [(name, n) for name in VARIANTS for n in (2, 3)]


@pytest.mark.parametrize("key", EVERY)
class TestEveryVariant:
    def test_correlations_are_correlation_matrices(self, fits, key):
        result, n = fits[key], key[1]
        R = result.correlations
        assert R.shape == (1200, n, n)
        np.testing.assert_allclose(R, R.transpose(0, 2, 1), rtol=1e-12, atol=1e-14)
        assert (np.linalg.eigvalsh(R)[:, 0] > 0).all()
        np.testing.assert_array_equal(np.diagonal(R, axis1=1, axis2=2), 1.0)
        np.testing.assert_allclose(result.pair("X", "Y"), R[:, 0, 1], rtol=1e-11)
        np.testing.assert_allclose(result.pair("Y", "X"), R[:, 0, 1], rtol=1e-11)

    def test_covariances_are_between_the_volatilities(self, fits, key):
        result = fits[key]
        t = 700
        D = np.diag(result.volatility.iloc[t])
        np.testing.assert_allclose(result.covariances[t], D @ result.correlations[t] @ D)

    def test_joint_loglikelihood_is_that_of_the_returns(self, fits, key, returns):
        result, total = fits[key], 0.0
        nu = result.params.get("nu", np.inf)
        mu = result.margins.params["mu"].to_numpy()
        for x, cov in zip(returns.to_numpy()[:, : key[1]], result.covariances, strict=True):
            if np.isinf(nu):
                total += multivariate_normal(mu, cov).logpdf(x)
            else:
                total += multivariate_t(mu, cov * (nu - 2) / nu, df=nu).logpdf(x)
        assert result.loglikelihood == pytest.approx(total, rel=1e-10)

    def test_correlation_at_t_uses_returns_to_t_minus_1(self, fits, key):
        """Other rows from t on leave the correlation of t untouched, given the parameters."""
        dynamics, theta, t = fits[key].dynamics, fits[key].params.to_numpy(dtype=float), 800
        asymmetry = dynamics.asymmetry if dynamics.layout.asymmetric else None
        fixed = {"given": dynamics.target(theta), "given_asymmetry": asymmetry}
        changed = dynamics.z.copy()
        changed[t:] *= -1.7
        a = dataclasses.replace(dynamics, **fixed).correlations(theta)
        b = dataclasses.replace(dynamics, z=changed, **fixed).correlations(theta)
        np.testing.assert_array_equal(a[: t + 1], b[: t + 1])
        if key[0] != "ccc":
            assert (a[t + 1] != b[t + 1]).any()

    def test_optimum(self, fits, key):
        """No admissible neighbour is better, by steps of a tenth of a standard error."""
        result = fits[key]
        assert result.converged
        dynamics, theta = result.dynamics, result.params.to_numpy(dtype=float)
        best = dynamics.total(theta)[0]
        for i in range(theta.size):
            for side in (-1.0, 1.0):
                step = np.zeros(theta.size)
                step[i] = side * 0.1 * np.nan_to_num(result.std_errors.iloc[i], nan=0.01)
                near = theta + step
                dynamic = near[: dynamics.layout.n_dynamic]
                if (dynamic < 0).any() or dynamics.persistence(near) >= 1:
                    continue
                assert dynamics.total(near)[0] < best

    def test_forecasts(self, fits, key):
        result, n = fits[key], key[1]
        tomorrow = result.forecast(1)
        # A row more does not change what is known of it today.
        longer = result.append(
            result.margins.returns.iloc[-1:].set_axis(
                [result.margins.returns.index[-1] + pd.Timedelta(days=1)]
            )
        )
        np.testing.assert_allclose(tomorrow.correlations[0], longer.correlations[-1], rtol=1e-10)
        np.testing.assert_allclose(
            tomorrow.volatility.iloc[0], longer.volatility.iloc[-1], rtol=1e-10
        )
        np.testing.assert_allclose(tomorrow.covariances[0], longer.covariances[-1], rtol=1e-10)
        simulated = result.forecast(30, method="simulate", n_paths=3000, rng=1)
        assert simulated.correlations.shape == (30, n, n)
        np.testing.assert_allclose(simulated.correlations[0], tomorrow.correlations[0], atol=1e-10)
        if key[0] == "adcc" and result.params["g"] > 0:
            with pytest.raises(ModelError, match="simulate"):
                result.forecast(30)
            return
        if key[0] == "adcc":
            return
        for method in ("analytic-R", "analytic-Q"):
            ahead = result.forecast(30, method=method)
            np.testing.assert_allclose(ahead.correlations, simulated.correlations, atol=0.02)
            np.testing.assert_allclose(ahead.volatility, simulated.volatility, rtol=0.06)

    def test_append_is_one_filter_over_all_rows(self, fits, key, returns):
        result, n = fits[key], key[1]
        assets = returns.iloc[:, :n]
        spec = rc.DCC(**VARIANTS[key[0]])
        head = spec.fit(assets.iloc[:900])
        longer = head.append(assets.iloc[900:])
        assert longer.n_obs == 1200
        np.testing.assert_allclose(longer.correlations[:900], head.correlations, atol=1e-10)
        pd.testing.assert_series_equal(longer.params, head.params)
        pd.testing.assert_frame_equal(longer.target, head.target)
        assert longer.pair("X", "Y").index[-1] == result.pair("X", "Y").index[-1]
        in_steps = head.append(assets.iloc[900:1000]).append(assets.iloc[1000:])
        np.testing.assert_allclose(in_steps.correlations, longer.correlations, rtol=1e-10)
        mu, *rest = head.margins.params.loc["X", ["mu", "omega", "alpha", "beta"]]
        h = head.margins.volatility["X"].iloc[-1] ** 2
        for e in assets["X"].iloc[899:1199] - mu:
            h = rest[0] + rest[1] * e**2 + rest[2] * h
        assert longer.volatility["X"].iloc[-1] ** 2 == pytest.approx(h)
        pd.testing.assert_series_equal(longer.std_errors, head.std_errors)

    def test_simulated_paths(self, fits, key):
        result, n = fits[key], key[1]
        futures = result.simulate(60, 40, 5, n_draws=20)
        assert futures.returns.shape == (60, 40, n)
        shape = (60, 40) if n == 2 else (60, 40, n, n)
        assert futures.correlation.shape == shape
        assert futures.recent.shape == shape[:1] + shape[2:]
        off = futures.correlation if n == 2 else futures.correlation[:, :, 0, 1]
        assert np.abs(off).max() < 1
        again = result.simulate(60, 40, 5, n_draws=20)
        np.testing.assert_array_equal(futures.returns, again.returns)
        histories = result.replicate(8, 5)
        assert histories.returns.shape == (8, 1200, n)
        np.testing.assert_allclose(
            histories.returns.std(axis=(0, 1)), result.margins.returns.std(), rtol=0.25
        )

    def test_summary_tells_both_stages(self, fits, key):
        text = fits[key].summary()
        assert "Margins (robust standard errors)" in text
        assert "target correlation" in text
        assert "Log-likelihood" in text
        assert text.endswith("Converged") or "bound" in text or "(a = 0)" in text
        for name in fits[key].params.index:
            assert f"\n  {name} " in text

    def test_criteria_count_margins_dynamics_and_target(self, fits, key):
        result, n = fits[key], key[1]
        k = 4 * n + len(result.params) + n * (n - 1) // 2
        assert result.n_params == k
        assert result.aic == pytest.approx(2 * k - 2 * result.loglikelihood)
        assert result.bic == pytest.approx(k * np.log(1200) - 2 * result.loglikelihood)


class TestForecastForms:
    def test_r_and_q_forms(self, fits):
        """Engle and Sheppard (2001): geometric decay of R, or of Q and then rescaled."""
        result = fits["dcc", 3]
        a, b = result.params
        ahead = result.forecast(12, method="analytic-R").correlations
        R, S = ahead[0], result.target.to_numpy()
        for h in range(12):
            decay = (a + b) ** h
            np.testing.assert_allclose(ahead[h], (1 - decay) * S + decay * R, rtol=1e-9)
        ahead = result.forecast(12, method="analytic-Q").correlations
        Q = result.dynamics.q_path(result.params.to_numpy())[-1]
        for h in range(12):
            decay = (a + b) ** h
            q = (1 - decay) * S + decay * Q
            root = np.sqrt(np.diag(q))
            np.testing.assert_allclose(ahead[h], q / np.outer(root, root), rtol=1e-9)

    @pytest.mark.parametrize("order", [(2, 2), (3, 1), (1, 2)])
    def test_longer_orders_by_hand(self, returns, order):
        """Known products where the recursion still reaches the sample, forecasts after it."""
        names = rc.DCC(order=order, margins=None)._dynamics(np.eye(3)).layout.names
        weights = [0.05, 0.03, 0.02][: order[0]] + [0.5, 0.3][: order[1]]
        z = rc.GARCH().fit(returns).std_resid
        known = dict(zip(names, weights, strict=True))
        result = rc.DCC(order=order, margins=None).filter(z, known)
        a, b = weights[: order[0]], weights[order[0] :]
        Q, S, n = list(result.dynamics.q_path(result.params.to_numpy())), result.target, len(z)
        x = [np.outer(row, row) for row in z.to_numpy()]
        for h in range(1, 6):
            x.append(Q[n + h - 1])
            now = (1 - sum(weights)) * S.to_numpy()
            now = now + sum(a[i] * x[n + h - 1 - i] for i in range(order[0]))
            now = now + sum(b[j] * Q[n + h - 1 - j] for j in range(order[1]))
            Q.append(now)
        found = result.forecast(6, method="analytic-Q").correlations
        for h in range(6):
            root = np.sqrt(np.diag(Q[n + h]))
            np.testing.assert_allclose(found[h], Q[n + h] / np.outer(root, root), rtol=1e-9)

    @pytest.mark.parametrize("vol", ["GARCH", "GJR", "EGARCH"])
    def test_simulated_variances_follow_the_recursion(self, returns, vol):
        leg = rc.GARCH(vol=vol).fit(returns[["X"]]).legs[0]
        z = np.random.default_rng(0).standard_normal((3, 25))
        found = leg.simulated_variance(z)
        draws = leg.repeat(1)._replace(variance=leg.variance[-1:])
        paths = leg.paths(z, np.zeros(3, dtype=np.int64), draws)
        np.testing.assert_allclose(found, ((paths - leg.theta[0]) / z) ** 2, rtol=1e-8)

    def test_volatility_decays_to_its_level(self, fits):
        margin = fits["dcc", 2].margins.params.loc["X"]
        ahead = fits["dcc", 2].forecast(4000).volatility["X"].iloc[-1] ** 2
        level = margin["omega"] / (1 - margin["alpha"] - margin["beta"])
        assert ahead == pytest.approx(level, rel=1e-6)


class TestDiagnostics:
    def test_white_residuals_pass_and_correlated_ones_fail(self):
        rng = np.random.default_rng(3)
        z = rng.standard_normal((2000, 2))
        slow = np.tanh(np.cumsum(0.06 * rng.standard_normal(2000)))
        moving = z.copy()
        moving[:, 1] = slow * z[:, 0] + np.sqrt(1 - slow**2) * z[:, 1]
        still = rc.DCC(variant="ccc", margins=None).fit(z).diagnostics()
        left = rc.DCC(variant="ccc", margins=None).fit(moving).diagnostics()
        caught = rc.DCC(margins=None).fit(moving).diagnostics()
        assert (still["pvalue"] > 0.01).all()
        products = left[left["test"] == "Ljung-Box"]
        assert (products["pvalue"] < 1e-6).all()
        assert (caught[caught["test"] == "Ljung-Box"]["pvalue"] > 1e-3).all()

    def test_hosking_of_one_series_is_ljung_box_without_its_two(self):
        """For one series: n^2 sum r_k^2 / (n - k)."""
        x = np.random.default_rng(0).standard_normal((300, 1))
        c = x[:, 0] - x.mean()
        r = np.array([c[k:] @ c[:-k] for k in (1, 2, 3)]) / (c @ c)
        expected = 300**2 * np.sum(r**2 / (300 - np.arange(1, 4)))
        assert hosking(x, 3) == pytest.approx(expected)

    def test_hosking_has_its_size(self):
        rng = np.random.default_rng(1)
        from scipy.stats import chi2

        p = [chi2.sf(hosking(rng.standard_normal((400, 3)), 5), 45) for _ in range(400)]
        assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09

    def test_whitened_residuals_are_uncorrelated(self, fits):
        result = fits["dcc", 3]
        u = whitened(result.dynamics.z, result.correlations)
        root = np.linalg.inv(np.linalg.cholesky(result.correlations[50]))
        assert u[50] @ u[50] == pytest.approx(np.sum((root @ result.dynamics.z[50]) ** 2))
        np.testing.assert_allclose(np.corrcoef(u.T), np.eye(3), atol=0.08)


class TestFilter:
    def test_given_parameters(self, returns):
        margins = rc.GARCH().fit(returns)
        S = np.array([[1, 0.2, 0.1], [0.2, 1, 0.3], [0.1, 0.3, 1]])
        result = rc.DCC().filter(returns, {"a": 0.05, "b": 0.9}, margins=margins, target=S)
        q = S.copy()
        for t, z in enumerate(margins.z[:50]):
            d = 1 / np.sqrt(np.diag(q))
            np.testing.assert_allclose(result.correlations[t], q * np.outer(d, d), rtol=1e-11)
            q = 0.05 * S + 0.05 * np.outer(z, z) + 0.9 * q
        with pytest.raises(ModelError, match=r"fit\(\)"):
            _ = result.std_errors
        with pytest.raises(ModelError, match=r"fit\(\)"):
            _ = result.convergence
        assert "(given)" in result.summary()

    @pytest.mark.parametrize(
        ("options", "params", "message"),
        [
            ({}, {"a": 0.1, "b": 0.95}, "below 1"),
            ({}, {"a": -0.1, "b": 0.95}, "negative"),
            ({}, {"a": 0.1}, "missing"),
            ({}, {"a": 0.1, "b": 0.8, "g": 0.1}, "unknown"),
            ({"dist": "t"}, {"a": 0.1, "b": 0.8, "nu": 2.0}, "nu"),
            ({"variant": "adcc"}, {"a": 0.1, "b": 0.85, "g": 0.3}, "persistence"),
            ({"order": (2, 1)}, {"a": 0.1, "b": 0.85}, "a1"),
        ],
    )
    def test_parameters_outside_their_region(self, returns, options, params, message):
        with pytest.raises(ModelError, match=message):
            rc.DCC(**options, margins=None).filter(returns, params)

    def test_labelled_targets_are_read_by_label(self, returns):
        S = pd.DataFrame(
            [[1, 0.2, 0.1], [0.2, 1, 0.3], [0.1, 0.3, 1]], index=list("XYZ"), columns=list("XYZ")
        )
        spec, known = rc.DCC(margins=None), {"a": 0.05, "b": 0.9}
        one = spec.filter(returns, known, target=S)
        two = spec.filter(returns, known, target=S.loc[list("ZXY"), list("ZXY")])
        assert one.loglikelihood == two.loglikelihood
        with pytest.raises(ModelError, match="labelled"):
            spec.filter(returns, known, target=S.rename(index={"X": "W"}))

    def test_targets_are_copied_and_paths_are_read_only(self, returns):
        S = np.array([[1, 0.2, 0.1], [0.2, 1, 0.3], [0.1, 0.3, 1]])
        result = rc.DCC(margins=None).filter(returns, {"a": 0.05, "b": 0.9}, target=S)
        before = result.pair("X", "Y").copy()
        S[0, 1] = S[1, 0] = -0.5
        pd.testing.assert_series_equal(result.pair("X", "Y"), before)
        with pytest.raises(ValueError, match="read-only"):
            result.correlations[0, 0, 1] = 0.9

    def test_cdcc_needs_a_correlation_matrix(self, returns):
        with pytest.raises(ModelError, match="diagonal"):
            rc.DCC(variant="cdcc", margins=None).filter(
                returns, {"a": 0.05, "b": 0.9}, target=2.0 * np.eye(3)
            )

    @pytest.mark.parametrize("target", [1.0, np.eye(2), np.full((3, 3), 0.5), np.nan])
    def test_targets_that_are_none(self, returns, target):
        with pytest.raises(ModelError, match="target="):
            rc.DCC(margins=None).filter(returns, {"a": 0.1, "b": 0.8}, target=target)


def test_column_names_need_not_be_text(returns):
    numbered = returns.set_axis([1, 2, 3], axis=1)
    specs = {1: rc.GARCH(), 2: rc.GARCH(vol="GJR"), 3: rc.GARCH()}
    result = rc.DCC(margins=specs).fit(numbered)
    assert result.pair(1, 3).notna().all()
    assert result.forecast(2).pair(1, 2).size == 2
    assert isinstance(hash(rc.DCC(margins=specs)), int)


def test_printed_forms_are_short(returns):
    result = rc.DCC().fit(returns)
    for thing in (result, result.margins, result.forecast(3)):
        assert len(repr(thing)) < 120
        assert "0x" not in repr(thing)


@pytest.mark.parametrize(("seed", "n"), [(10, 2500), (10, 1000), (23, 1000)])
@pytest.mark.parametrize("variant", ["dcc", "cdcc"])
def test_weak_dynamics_have_several_optima(seed, n, variant):
    """A constant correlation: the best of many plain searches is not missed."""
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n)
    result = rc.DCC(variant=variant, margins=None).fit(z)
    dynamics = result.dynamics
    grid = [
        (a, p - a)
        for a in (0.0, 0.001, 0.0026, 0.004, 0.01, 0.03, 0.06)
        for p in (0.0, 0.1, 0.3, 0.6, 0.9, 0.97, 0.99, 0.9948, 0.998)
        if p >= a
    ]
    best = max(dynamics.value(np.array(point)) for point in grid)
    assert result.correlation_loglikelihood > best - 1e-3


def test_a_longer_model_is_not_worse_than_a_shorter_one(returns):
    z = rc.GARCH().fit(returns).std_resid[["X", "Y"]]
    values = {
        order: rc.DCC(order=order, margins=None).fit(z).correlation_loglikelihood
        for order in ((1, 1), (2, 1), (1, 2), (2, 2))
    }
    assert values[2, 2] > max(values[2, 1], values[1, 2]) - 1e-3
    assert min(values[2, 1], values[1, 2]) > values[1, 1] - 1e-3


def test_starts_differ(returns):
    for order in ((1, 0), (1, 1), (2, 2)):
        starts = rc.DCC(order=order, margins=None).fit(returns).starts
        dynamic = [c for c in starts if c not in ("loglikelihood", "reached", "converged")]
        assert not starts[dynamic].duplicated().any()
        assert starts["reached"].notna().sum() >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "bekk"}, "variant"),
        ({"order": (0, 1)}, "order"),
        ({"order": (1, -1)}, "order"),
        ({"order": 2}, "order"),
        ({"dist": "skewt"}, "dist"),
        ({"presample": "mean"}, "presample"),
        ({"target": "raw"}, "target"),
        ({"target": np.eye(2)}, "target"),
        ({"asymmetry_target": "none"}, "asymmetry_target"),
        ({"likelihood": "partial"}, "likelihood"),
        ({"pairs": "some"}, "pairs"),
        ({"shrinkage": "oas"}, "shrinkage"),
        ({"variant": "cdcc", "target": "covariance"}, "cdcc"),
    ],
)
def test_options_that_do_not_exist(options, message):
    with pytest.raises(ModelError, match=message):
        rc.DCC(**options)
