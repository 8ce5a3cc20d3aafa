"""`find_breaks`: the door, its options and errors, the result, the right number, coverage."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.inference.constancy.inputs import Sample
from regimecorr.inference.segmentation.run import _notes, _segments, correlation_interval
from regimecorr.inference.segmentation.search import Step, segment
from regimecorr.kernels.constancy import change_values


def stepwise(rng, levels, rows, nu=5.0):
    """Elliptical residuals of unit variance along levels of the correlation."""
    rho = np.repeat(levels, rows)
    z = rng.standard_normal((len(rho), 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, len(rho)))[:, None]
    dates = pd.bdate_range("2010-01-04", periods=len(rho), name="date")
    return pd.DataFrame(z, index=dates, columns=["A", "B"])


@pytest.fixture(scope="module")
def three():
    """Two clear breaks."""
    return stepwise(np.random.default_rng(4), (0.7, 0.0, 0.6), (400, 500, 400), np.inf)


@pytest.fixture(scope="module")
def found(three):
    return rc.find_breaks(three, margins=None)


@pytest.fixture(scope="module")
def spx_wti():
    return np.log(rc.datasets.load_spx_wti()).diff().dropna()


class TestResult:
    def test_breaks(self, found, three):
        table = found.breaks
        assert table.columns.tolist() == [
            *("date", "row", "lower", "upper", "statistic", "pvalue", "before", "after")
        ]
        assert table["row"].to_numpy() == pytest.approx([400, 900], abs=30)
        assert (three.index[table["row"]] == table["date"]).all()
        assert ((table["lower"] <= table["date"]) & (table["date"] <= table["upper"])).all()
        assert (table["pvalue"] == 0.001).all()

    def test_segments_lie_end_to_end(self, found, three):
        parts, rows = found.segments, found.breaks["row"].tolist()
        assert parts["rows"].sum() == len(three) == found.n_obs
        assert parts["first"].tolist() == [three.index[0], *found.breaks["date"]]
        assert parts["last"].tolist() == [three.index[r - 1] for r in [*rows, len(three)]]
        for part, values in zip(parts.itertuples(), np.split(three.to_numpy(), rows), strict=True):
            assert part.correlation == pytest.approx(np.corrcoef(values.T)[0, 1])
            assert part.raw == pytest.approx(part.correlation)
            assert part.correlation_low < part.correlation < part.correlation_high
        assert found.breaks["before"].tolist() == parts["correlation"].tolist()[:-1]
        assert found.breaks["after"].tolist() == parts["correlation"].tolist()[1:]

    def test_correlation_by_date(self, found, three):
        assert found.correlation.index.equals(three.index)
        changes = np.flatnonzero(np.diff(found.correlation.to_numpy())) + 1
        assert changes.tolist() == found.breaks["row"].tolist()
        assert found.correlation.iloc[-1] == found.segments["correlation"].iloc[-1]

    def test_steps(self, found):
        steps = found.steps
        assert steps["stage"].tolist()[:3] == ["search"] * 3
        assert steps.loc[0, ["start", "stop"]].tolist() == [0, 1300]
        assert steps.loc[0, "statistic"] == found.test.statistic
        searched = steps[steps["stage"] == "search"]
        assert searched["kept"].tolist() == [True, True, False]
        assert (steps["kept"] == (steps["pvalue"] <= steps["level"])).all()
        last = steps.tail(2)
        assert last["row"].tolist() == found.breaks["row"].tolist()
        assert last["statistic"].tolist() == found.breaks["statistic"].tolist()

    def test_test_of_the_whole_sample(self, found, three):
        test = found.test
        assert isinstance(test, rc.inference.constancy.ConstancyTest)
        assert test.path.max() == pytest.approx(test.statistic)
        assert len(test.path) == 1300 - 2 * 60 + 1
        # The path is by the last row before the break, the date the first row after.
        assert three.index.get_loc(test.path.idxmax()) + 1 == three.index.get_loc(test.dates[0])
        assert "Sup-LM" in test.summary()

    def test_nothing_found(self):
        z = stepwise(np.random.default_rng(0), (0.4,), (500,))
        none = rc.find_breaks(z, margins=None)
        assert none.breaks.empty
        assert none.segments["rows"].tolist() == [500]
        assert none.test.pvalue > 0.05
        assert (none.correlation == none.segments["correlation"][0]).all()
        assert "0 breaks" in repr(none)
        assert f"p-value {none.test.pvalue:.4f}" in none.summary()
        assert not any("differ" in note for note in none.notes)

    def test_summary(self, found):
        text = found.summary()
        for row in found.breaks.itertuples():
            assert f"{row.date:%Y-%m-%d} [{row.lower:%Y-%m-%d}, {row.upper:%Y-%m-%d}]" in text
        for part in found.segments.itertuples():
            assert f"{part.rows} rows" in text
        assert "not for trading" in text

    def test_frozen(self, found):
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.alpha = 0.1

    def test_arrays_have_rows_for_dates(self, found, three):
        plain = rc.find_breaks(three.to_numpy(), margins=None)
        assert plain.breaks["date"].tolist() == found.breaks["row"].tolist()
        assert (
            plain.breaks["lower"].tolist()
            == three.index.get_indexer(found.breaks["lower"]).tolist()
        )
        assert f"    {found.breaks['row'][0]} [" in plain.summary()
        assert f" {found.segments['rows'][0]} rows " in plain.summary()


class TestOptions:
    @pytest.mark.parametrize("method", ["sup_lm", "fluctuation"])
    @pytest.mark.parametrize("robust", [True, False])
    def test_every_form_finds_clear_breaks(self, method, robust, three):
        found = rc.find_breaks(three, margins=None, method=method, robust=robust)
        assert found.breaks["row"].to_numpy() == pytest.approx([400, 900], abs=40)
        assert np.isinf(found.nu) == (not robust)

    def test_textbook_form_is_the_fluctuation_test(self, three):
        found = rc.find_breaks(three, margins=None, method="fluctuation", robust=False)
        reference = rc.test_constancy(three, margins=None)
        assert found.test.statistic == pytest.approx(reference.statistic)
        assert found.test.pvalue == pytest.approx(reference.pvalue)
        assert found.test.dates == reference.dates
        assert found.test.critical_values.tolist() == reference.critical_values.tolist()

    def test_seeded_search(self, three, found):
        seeded = rc.find_breaks(three, margins=None, search="seeded")
        assert seeded.search == "seeded"
        assert found.search == "binary"
        assert seeded.breaks["row"].tolist() == found.breaks["row"].tolist()
        assert seeded.test.statistic >= found.test.statistic
        assert seeded.steps["statistic"][0] == seeded.test.statistic == seeded.test.path.max()
        last = ["lower", "upper", "statistic"]
        pd.testing.assert_frame_equal(seeded.breaks[last], found.breaks[last])
        assert "(seeded sup_lm, weighted)" in seeded.summary()

    def test_a_break_that_is_not_kept_is_told(self, monkeypatch):
        z = stepwise(np.random.default_rng(0), (0.4,), (500,))
        kept = segment(500, lambda a, b: None, 300, 0.05)
        step = Step("search", None, 0.05, True)
        sample = Sample(z, None)
        assert any("dropped" in note for note in _notes(sample, replace(kept, steps=[step])))
        quiet = replace(kept, steps=[replace(step, kept=False)])
        assert not any("dropped" in note for note in _notes(sample, quiet))

    def test_level(self):
        z = stepwise(np.random.default_rng(3), (0.5, 0.32), (300, 300))
        pvalue = rc.find_breaks(z, margins=None, n_boot=9999).test.pvalue
        assert 0.01 < pvalue < 0.4
        numbers = [
            len(rc.find_breaks(z, margins=None, n_boot=9999, alpha=alpha).breaks)
            for alpha in (0.5 * pvalue, min(1.5 * pvalue, 0.5))
        ]
        assert numbers == [0, 1]

    def test_shortest_segment(self, three):
        for min_rows in (60, 450):
            parts = rc.find_breaks(three, margins=None, min_rows=min_rows).segments
            assert parts["rows"].min() >= min_rows
        assert len(parts) == 2

    def test_seed(self, three):
        part = three.iloc[:500]
        runs = [
            rc.find_breaks(part, margins=None, rng=rng).test.critical_values.tolist()
            for rng in (0, 0, np.random.default_rng(0), 1)
        ]
        assert runs[0] == runs[1] == runs[2] != runs[3]

    def test_margins_fitted_or_given(self):
        returns = rc.simulate("one_break", n_obs=800, rng=1).returns
        fitted = rc.GARCH().fit(returns)
        one, two = (rc.find_breaks(returns, margins=m) for m in (rc.GARCH(), fitted))
        pd.testing.assert_frame_equal(one.breaks, two.breaks)
        z = pd.DataFrame(fitted.z, index=returns.index, columns=returns.columns)
        three = rc.find_breaks(z, margins=None)
        pd.testing.assert_frame_equal(one.breaks, three.breaks)
        raw = np.corrcoef(returns.iloc[: one.segments["rows"][0]].T)[0, 1]
        assert one.segments["raw"][0] == pytest.approx(raw)
        assert one.segments["raw"][0] != pytest.approx(one.segments["correlation"][0], abs=1e-6)

    def test_sign_order_and_scale(self, three, found):
        for other, sign in (
            (three * [1.0, -1.0], -1.0),
            (three[["B", "A"]], 1.0),
            (three * [1.2, 0.9], 1.0),
        ):
            again = rc.find_breaks(other, margins=None)
            same = ["date", "row", "lower", "upper", "pvalue"]
            pd.testing.assert_frame_equal(again.breaks[same], found.breaks[same])
            expected = sign * found.segments["correlation"].to_numpy()
            assert again.segments["correlation"].to_numpy() == pytest.approx(expected)


class TestBadInput:
    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ({"method": "wald"}, "use one of sup_lm, fluctuation"),
            ({"search": "wild"}, "search='wild' is unknown; use one of binary, seeded"),
            ({"search": "seeded", "method": "fluctuation"}, "goes with method='sup_lm' only"),
            ({"alpha": 0.0}, r"alpha=0.0 must lie between 0.001 and 0.5"),
            ({"alpha": 1.0}, "alpha=1.0"),
            ({"ci_prob": 1.0}, "ci_prob=1.0 must lie between 0 and 1"),
            ({"min_rows": 29}, "min_rows=29 must be a whole number, at least 30"),
            ({"min_rows": 151}, "min_rows=151 is too many for 300 rows; use at most 150"),
            ({"n_boot": 198}, "n_boot=198 must be a whole number, at least 199"),
            ({"alpha": 0.01, "n_boot": 998}, "at least 999"),
            ({"robust": "yes"}, "robust='yes' must be True or False"),
        ],
    )
    def test_options(self, option, message, three):
        with pytest.raises(ModelError, match=message):
            rc.find_breaks(three.iloc[:300], margins=None, **option)

    def test_number_of_assets(self):
        z = np.random.default_rng(0).standard_normal((300, 3))
        with pytest.raises(ModelError, match=r"find_breaks takes two return series; got 3"):
            rc.find_breaks(z, margins=None)

    def test_rows_and_holes(self, three):
        with pytest.raises(ModelError, match="150 returns are too few"):
            rc.find_breaks(three.iloc[:150])
        holed = three.copy()
        holed.iloc[7, 1] = np.nan
        with pytest.raises(ModelError, match="finite"):
            rc.find_breaks(holed, margins=None)
        with pytest.raises(ModelError, match="one and the same"):
            rc.find_breaks(three.assign(B=-three["A"]), margins=None)


class TestSegmentsWithoutACorrelation:
    """Legs that are pegged, or that do not trade, for a whole segment."""

    @pytest.mark.parametrize("method", ["sup_lm", "fluctuation"])
    @pytest.mark.parametrize("robust", [True, False])
    def test_legs_that_are_the_same(self, method, robust, three):
        pegged = three.assign(B=three["A"].where(np.arange(len(three)) < 600, -three["A"]))
        with pytest.raises(ModelError, match=r"A and B are the same up to scale in the \d+ rows"):
            rc.find_breaks(pegged, margins=None, method=method, robust=robust)

    def test_a_leg_that_does_not_trade(self, three):
        flat = Sample(three.assign(B=three["B"].where(np.arange(len(three)) < 600, 0.0)), None)
        days = rf"{three.index[600]:%Y-%m-%d} to {three.index[-1]:%Y-%m-%d}"
        with pytest.raises(ModelError, match=rf"'B' moves in one row .* 700 rows from {days}"):
            _segments(flat, [600], 0.9)


class TestLevels:
    def test_error_is_that_of_the_known_date(self):
        z = stepwise(np.random.default_rng(2), (0.5,), (400,)).to_numpy()
        x, y = np.ascontiguousarray(z.T)
        _, _, before, _ = change_values(x, y, 250)
        r, low, high = correlation_interval(z[:250], 0.9)
        # The bandwidth is 5: squared weights of all lags sum to (2 * 25 + 1) / 15, and the mean
        # takes 5 / 250 of the variance.
        half = t.ppf(0.95, 250 / (3 + 51 / 15)) * np.sqrt(before * 250 / 245)
        assert np.arctanh([low, high]) - np.arctanh(r) == pytest.approx([-half, half])

    def test_coverage(self):
        rng = np.random.default_rng(3)
        inside = 0
        for _ in range(400):
            _, low, high = correlation_interval(stepwise(rng, (0.5,), (250,)).to_numpy(), 0.9)
            inside += low <= 0.5 <= high
        assert inside / 400 == pytest.approx(0.9, abs=0.05)


class TestSimulated:
    """Reduced forms of benchmarks/break_dates.py."""

    def test_found_where_there_is_none(self):
        forms = {
            "sup_lm": {},
            "seeded": {"search": "seeded"},
            "fluctuation": {"method": "fluctuation"},
        }
        hits = dict.fromkeys(forms, 0)
        reps = 150
        for seed in range(reps):
            z = stepwise(np.random.default_rng(seed), (0.45,), (400,))
            for name, form in forms.items():
                found = rc.find_breaks(z, margins=None, n_boot=199, rng=seed, **form)
                hits[name] += len(found.breaks) > 0
        # Three standard errors about .05; the fluctuation test is a little cautious.
        assert 0.01 <= hits["sup_lm"] / reps <= 0.105
        assert hits["seeded"] / reps <= 0.105
        assert hits["fluctuation"] / reps <= 0.105

    def test_a_change_that_passes(self):
        """One break hides behind the other, but not from a seeded search."""
        right = {"binary": 0, "seeded": 0}
        for seed in range(20):
            z = stepwise(np.random.default_rng(seed), (0.5, 0.1, 0.5), (700, 150, 650))
            for search in right:
                found = rc.find_breaks(z, margins=None, search=search, n_boot=199, rng=seed)
                rows = found.breaks["row"].tolist()
                right[search] += len(rows) == 2 and np.allclose(rows, [700, 850], atol=60)
        assert right["seeded"] >= 12
        assert right["binary"] <= 6

    def test_number_dates_and_intervals(self):
        reps, right, covered, errors = 60, 0, [], []
        for seed in range(reps):
            z = stepwise(np.random.default_rng(seed), (0.6, 0.2), (500, 500))
            found = rc.find_breaks(z, margins=None, n_boot=199, rng=seed)
            if len(found.breaks) == 1:
                right += 1
                covered.append(found.breaks["lower"][0] <= z.index[500] <= found.breaks["upper"][0])
                errors.append(abs(found.breaks["row"][0] - 500))
        assert right / reps > 0.85
        assert np.mean(covered) == pytest.approx(0.9, abs=0.12)
        assert np.mean(errors) < 30

    def test_a_break_near_the_end(self):
        """Ninety rows before the end: seen by sup_lm, and hardly by the published statistic."""
        hits = {True: 0, False: 0}
        for seed in range(30):
            z = stepwise(np.random.default_rng(seed), (0.6, 0.2), (910, 90))
            default = rc.find_breaks(z, margins=None, n_boot=199, rng=seed)
            plain = rc.find_breaks(z, margins=None, method="fluctuation", robust=False)
            hits[True] += bool((abs(default.breaks["row"] - 910) < 40).any())
            hits[False] += bool((abs(plain.breaks["row"] - 910) < 40).any())
        assert hits[True] > 20 > 12 > hits[False]


class TestMarkets:
    def test_crude_oil_and_stocks_in_2008(self, spx_wti):
        found = rc.find_breaks(spx_wti)
        first = found.breaks.iloc[0]
        assert pd.Timestamp("2008-08-01") < first["date"] < pd.Timestamp("2008-11-01")
        assert abs(first["before"]) < 0.1
        assert first["after"] > 0.4
        assert first["upper"] - first["lower"] < pd.Timedelta(days=90)

    def test_ether_and_small_caps(self, eth_iwm):
        found = rc.find_breaks(np.log(eth_iwm).diff().dropna())
        assert 1 <= len(found.breaks) <= 5
        assert found.segments["correlation"].iloc[0] < 0.2 < found.segments["correlation"].max()
