"""`test_constancy`: the door, its options and errors, the result, sizes after fitted margins."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from typing import get_args

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, DateColumnError, ModelError
from regimecorr.inference.constancy import ConstancyTest
from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.result import TITLES, Method

METHODS = get_args(Method)
TESTS = [m for m in METHODS if m != "forbes_rigobon"]


@pytest.fixture(scope="module")
def world():
    return rc.simulate("one_break", n_obs=900, rng=1)


@pytest.fixture(scope="module")
def margins(world):
    return rc.GARCH().fit(world.returns)


def options(method, world):
    date = world.returns.index[500]
    return {"date": date} if method in ("known_date", "forbes_rigobon") else {}


class TestResult:
    @pytest.mark.parametrize("robust", [True, False])
    @pytest.mark.parametrize("method", METHODS)
    def test_every_method_and_form(self, method, robust, world, margins):
        test = constancy(
            world.returns, method=method, margins=margins, robust=robust, **options(method, world)
        )
        assert isinstance(test, ConstancyTest)
        assert test.method == method
        assert test.n_obs == 900
        assert test.names == ("A", "B")
        assert np.isfinite(test.statistic)
        assert all(isinstance(value, str) and value for value in (test.null, test.alternative))
        assert all(date in world.returns.index for date in test.dates)
        text = test.summary()
        assert TITLES[method] in text
        assert f"{test.statistic:.4g}" in text
        assert all(note in text for note in test.notes)
        assert method in repr(test)
        if method == "forbes_rigobon":
            return
        assert test.robust is robust
        assert 0.0 < test.pvalue <= 1.0
        assert list(test.critical_values.index) == ["10%", "5%", "1%"]
        assert test.critical_values.is_monotonic_increasing
        for level, critical in zip((0.10, 0.05, 0.01), test.critical_values, strict=True):
            # The two ways to decide agree (apart from the steps of a bootstrap).
            if abs(test.pvalue - level) > 0.01:
                assert (abs(test.statistic) > critical) == (test.pvalue < level)
        if test.path is not None:
            assert test.path.abs().max() == pytest.approx(test.statistic)
            assert test.path.index.isin(world.returns.index).all()
            # The path is labelled by the last row before a change, the date by the first after it.
            last = world.returns.index.get_loc(test.path.abs().idxmax())
            assert test.dates == (world.returns.index[last + 1],)

    def test_a_large_break_is_found_by_all_tests_of_breaks(self, world, margins):
        row = int(world.parameters["row"])
        for method in ("fluctuation", "spearman", "sup_lm", "sup_wald", "cusum_bootstrap"):
            test = constancy(world.returns, method=method, margins=margins)
            assert test.pvalue <= 0.01
            assert abs(world.returns.index.get_loc(test.dates[0]) - row) < 60
        known = constancy(
            world.returns, method="known_date", margins=margins, date=world.returns.index[row]
        )
        assert known.pvalue < 0.001
        assert known.statistic < 0.0

    def test_frozen(self, world, margins):
        test = constancy(world.returns, margins=margins)
        with pytest.raises(dataclasses.FrozenInstanceError):
            test.statistic = 0.0

    def test_tiny_pvalues_are_not_written_as_zero(self, world, margins):
        assert "<0.0001" in constancy(world.returns, margins=margins).summary()

    def test_the_callers_frame_is_left_alone(self, world):
        before = world.returns.copy()
        constancy(world.returns, method="spearman")
        pd.testing.assert_frame_equal(world.returns, before)


class TestMargins:
    def test_fitted_margins_give_the_same_answer(self, world, margins):
        one = constancy(world.returns)
        assert constancy(world.returns, margins=margins).statistic == one.statistic
        named = {"A": rc.GARCH(), "B": rc.GARCH()}
        assert constancy(world.returns, margins=named).statistic == one.statistic
        other = constancy(world.returns, margins=rc.GARCH(dist="t"))
        assert other.statistic != one.statistic

    def test_residuals_are_taken_as_they_are(self, world):
        z = world.std_resid
        test = constancy(z, margins=None)
        assert test.statistic == pytest.approx(
            constancy(z.to_numpy(), margins=None).statistic, rel=1e-12
        )
        # The textbook form reads the returns: of residuals there is nothing else to read.
        plain = constancy(z, margins=None, robust=False)
        assert plain.statistic == pytest.approx(test.statistic, rel=1e-12)

    def test_textbook_fluctuation_reads_the_returns(self, world, margins):
        plain = constancy(world.returns, margins=margins, robust=False)
        assert plain.statistic != constancy(world.returns, margins=margins).statistic
        assert "volatility that changes" in plain.summary()
        assert constancy(world.returns, robust=False).statistic == plain.statistic

    def test_returns_without_margins_are_refused(self, world):
        with pytest.raises(ModelError, match="must be standardized residuals"):
            constancy(world.returns, margins=None)

    @pytest.mark.parametrize("robust", [True, False])
    def test_margins_of_other_returns_are_refused(self, robust, world, margins):
        with pytest.raises(ModelError, match="belong to other returns"):
            constancy(world.returns[:-1], margins=margins, robust=robust)

    @pytest.mark.parametrize("robust", [True, False])
    def test_what_is_no_specification(self, robust, world):
        """Also where the form of the test fits no margins."""
        for method in ("fluctuation", "cusum_bootstrap"):
            with pytest.raises(ModelError, match="no specification"):
                constancy(world.returns, method=method, margins="GARCH", robust=robust)
        with pytest.raises(ModelError, match="no specification for 'B'"):
            constancy(world.returns, margins={"A": rc.GARCH()}, robust=robust)

    def test_a_margin_that_does_not_converge_is_told(self, world):
        explosive = world.returns * np.linspace(0.1, 40.0, 900)[:, None] ** 2
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            test = constancy(explosive)
        assert any(issubclass(w.category, ConvergenceWarning) for w in caught)
        assert any("did not converge" in note for note in test.notes)


class TestBadInput:
    def test_unknown_method(self, world):
        with pytest.raises(ModelError, match="method='wald' is unknown; use one of engle_sheppard"):
            constancy(world.returns, method="wald")

    @pytest.mark.parametrize(
        ("method", "option"),
        [
            ("fluctuation", {"lags": 3}),
            ("engle_sheppard", {"trim": 0.1}),
            ("sup_lm", {"date": "2001-01-02"}),
            ("tse", {"block_length": 5}),
        ],
    )
    def test_options_of_other_methods(self, method, option, world):
        with pytest.raises(ModelError, match="means nothing to method"):
            constancy(world.returns, method=method, **option)

    @pytest.mark.parametrize(
        ("method", "option", "message"),
        [
            ("engle_sheppard", {"lags": 0}, "lags=0"),
            ("engle_sheppard", {"lags": 91}, "too many for 900 rows"),
            ("engle_sheppard", {"lags": 2.5}, "lags=2.5"),
            ("cusum_bootstrap", {"n_boot": 50}, "n_boot=50"),
            ("cusum_bootstrap", {"block_length": 300}, "too long for 900 rows"),
            ("fluctuation", {"robust": 1}, "robust=1"),
            ("sup_lm", {"trim": "0.15"}, "trim='0.15' must lie within"),
            ("sup_wald", {"trim": np.nan}, "trim=nan must lie within"),
            ("known_date", {}, "needs date="),
            ("known_date", {"date": 300}, "indexed by dates"),
            ("known_date", {"date": "2000-01-10"}, "leaves 4 rows before"),
            ("known_date", {"date": "2050-01-10"}, "and 0 after"),
        ],
    )
    def test_options_out_of_range(self, method, option, message, world, margins):
        with pytest.raises(ModelError, match=message):
            constancy(world.returns, method=method, margins=margins, **option)

    def test_dates(self, world, margins):
        with pytest.raises(DateColumnError):
            constancy(world.returns, method="known_date", margins=margins, date="soon")
        z = world.std_resid.to_numpy()
        with pytest.raises(ModelError, match="row number"):
            constancy(z, method="known_date", margins=None, date="2001-01-02")
        with pytest.raises(ModelError, match="leaves 5 rows before"):
            constancy(z, method="known_date", margins=None, date=5)

    def test_row_labels(self, world):
        """A whole number is a label; labels that fall name no first row after a change."""
        z = world.std_resid.to_numpy()
        options = {"method": "known_date", "margins": None}
        labelled = pd.DataFrame(z, index=np.arange(2000, 2900))
        found = constancy(labelled, date=2500, **options)
        assert found.dates == (2500,)
        assert found.statistic == constancy(z, date=500, **options).statistic
        for date in (2500, 500):
            with pytest.raises(ModelError, match="row labels do not increase"):
                constancy(labelled.set_axis(labelled.index[::-1]), date=date, **options)

    @pytest.mark.parametrize("method", METHODS)
    def test_number_of_assets(self, method, world):
        z = np.random.default_rng(0).standard_normal((300, 3))
        date = {"date": 150} if method in ("known_date", "forbes_rigobon") else {}
        if method in ("engle_sheppard", "tse"):
            assert constancy(z, method=method, margins=None, **date).pvalue > 0.0
        else:
            with pytest.raises(ModelError, match="two return series; got 3"):
                constancy(z, method=method, margins=None, **date)
        with pytest.raises(ModelError, match=r"two return series|takes two"):
            constancy(z[:, :1], method=method, margins=None, **date)

    def test_one_series_twice(self, world):
        twice = world.std_resid.assign(B=-2.0 * world.std_resid["A"])
        with pytest.raises(ModelError, match="one and the same"):
            constancy(twice, margins=None)

    def test_too_few_and_missing_rows(self, world):
        with pytest.raises(ModelError, match="150 returns are too few"):
            constancy(world.returns[:150])
        holed = world.returns.copy()
        holed.iloc[5, 0] = np.nan
        for robust in (True, False):
            with pytest.raises(ModelError, match="finite"):
                constancy(holed, robust=robust)


class TestContract:
    def test_not_collected_and_keyword_only(self):
        assert constancy.__test__ is False
        kinds = [p.kind for p in inspect.signature(constancy).parameters.values()]
        assert kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert set(kinds[1:]) == {inspect.Parameter.KEYWORD_ONLY}

    @pytest.mark.parametrize("method", ["engle_sheppard", "tse", "cusum_bootstrap"])
    def test_seed(self, method, world, margins):
        run = [
            constancy(world.returns, method=method, margins=margins, n_boot=99, rng=rng).pvalue
            for rng in (0, 0, np.random.default_rng(0))
        ]
        assert run[0] == run[1] == run[2]


class TestSize:
    def test_default_forms_after_fitted_margins(self):
        """GARCH(1,1) returns with t5 shocks, 1,000 rows, 5 %; the textbook's for contrast."""
        reps = 100
        plain = ("bera_kim", "sup_lm", "sup_wald", "known_date")
        rejected = dict.fromkeys([*TESTS, *(f"{m}, textbook" for m in plain)], 0)
        for seed in range(reps):
            returns = rc.simulate("constant", n_obs=1000, nu=5.0, rng=seed).returns
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                fitted = rc.GARCH().fit(returns)
            for method in TESTS:
                date = {"date": returns.index[750]} if method == "known_date" else {}
                common = {"method": method, "margins": fitted, "n_boot": 99, "rng": seed, **date}
                rejected[method] += constancy(returns, **common).pvalue <= 0.05
                if method in plain:
                    textbook = constancy(returns, robust=False, **common)
                    rejected[f"{method}, textbook"] += textbook.pvalue <= 0.05
        # 13 of 100 or more have a probability of .001 where 5 % is true, .02 where 7 % is.
        assert {m: n for m, n in rejected.items() if m in TESTS and n >= 14} == {}
        assert rejected["bera_kim, textbook"] >= 98
        assert rejected["sup_lm, textbook"] > 20
        assert rejected["sup_wald, textbook"] > 18
        assert rejected["known_date, textbook"] > 10
