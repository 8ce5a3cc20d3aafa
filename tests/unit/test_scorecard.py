"""Base rates as known at the time, and the table of forecasters side by side."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regimecorr.errors import ModelError
from regimecorr.evaluation.base_rates import fold_base_rate, known_base_rate
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.comparison import diebold_mariano
from regimecorr.evaluation.scorecard import score_table
from regimecorr.evaluation.scores import brier_score, brier_skill


def dates(*days):
    return pd.to_datetime(list(days))


@pytest.fixture(scope="module")
def past():
    """Forecasts of 16 years: a good forecaster, the published claim and a noisy one with gaps."""
    rng = np.random.default_rng(0)
    made = pd.to_datetime("2004-01-05") + pd.to_timedelta(rng.integers(0, 16 * 365, 360), unit="D")
    p = rng.beta(5, 6, 360)
    noisy = np.clip(p + rng.normal(0, 0.25, 360), 0, 1)
    noisy[rng.random(360) < 0.2] = np.nan
    structural = pd.array(rng.random(360) < p, dtype="boolean")
    frame = pd.DataFrame(
        {
            "date": made,
            "matured": made + pd.Timedelta(days=366),
            "good": p,
            "transient": 0.0,
            "noisy": noisy,
            "structural": structural,
            "episode": np.arange(360) // 3,
        }
    ).sort_values("date", ignore_index=True)
    frame["fold"] = calendar_blocks(frame["date"], 2)
    open_yet = frame["date"] > "2019-01-01"
    frame.loc[open_yet, "structural"] = pd.NA
    frame.loc[open_yet, "matured"] = pd.NaT
    return frame


class TestKnownBaseRate:
    def test_by_hand(self):
        made = dates("2001-01-01", "2001-06-01", "2002-01-01", "2002-01-02", "2003-01-01")
        known = dates("2002-01-01", "2002-06-01", "2003-01-01", "2003-01-02", "2004-01-01")
        rate = known_base_rate([1, 1, 0, 1, 0], made, known)
        # an outcome that matures on the day is not known yet
        assert rate.tolist() == pytest.approx([0.5, 0.5, 0.5, 2 / 3, 3 / 4])
        rate = known_base_rate([1, 1, 0, 1, 0], made, known, prior=0.4, prior_weight=10)
        assert rate[-1] == pytest.approx((4 + 2) / 12)

    def test_later_outcomes_change_nothing(self):
        rng = np.random.default_rng(1)
        made = pd.to_datetime("2001-01-01") + pd.to_timedelta(rng.integers(0, 4000, 200), unit="D")
        known = made + pd.Timedelta(days=366)
        y = rng.integers(0, 2, 200).astype(float)
        today = pd.Timestamp("2006-05-05")
        changed = np.where(known >= today, 1 - y, y)
        one, other = known_base_rate(y, made, known), known_base_rate(changed, made, known)
        np.testing.assert_array_equal(one[made <= today], other[made <= today])
        assert not np.array_equal(one, other)

    def test_not_matured_counts_nowhere(self):
        made = dates("2001-01-01", "2001-01-02", "2005-01-01")
        known = dates("2002-01-01", None, "2006-01-01")
        assert known_base_rate([1, np.nan, 0], made, known)[-1] == pytest.approx(2 / 3)

    def test_bad_input(self):
        made = dates("2001-01-01", "2002-01-01")
        with pytest.raises(ModelError, match="matured on 2000-01-01"):
            known_base_rate([1, 0], made, dates("2000-01-01", "2003-01-01"))
        with pytest.raises(ModelError, match="needs a date"):
            known_base_rate([1, 0], made, dates("2002-01-01", None))
        with pytest.raises(ModelError, match="prior_weight=0"):
            known_base_rate([1, 0], made, made, prior_weight=0)
        with pytest.raises(ModelError, match="0 or 1"):
            known_base_rate([2, 0], made, made)
        with pytest.raises(ModelError, match="equally many"):
            known_base_rate([1], made, made)


class TestFoldBaseRate:
    def test_embargo_by_hand(self):
        made = dates("2000-06-01", "2002-01-10", "2003-06-01", "2004-12-01", "2006-06-01")
        known = made + pd.Timedelta(days=366)
        y = [1, 0, 1, 0, 1]
        rate = fold_base_rate(y, made, known, [0, 1, 1, 2, 3])
        # fold 1 runs from 2002-01-10 to 2003-06-01 and matures on 2004-06-01
        assert rate[1] == rate[2] == pytest.approx(np.mean([1, 0, 1]))
        assert rate[3] == pytest.approx(np.mean([1, 0, 1, 1]))
        # 588 days before the fold, 549 and 1,096 after it
        near = fold_base_rate(y, made, known, [0, 1, 1, 2, 3], embargo_days=560)
        assert near[1] == pytest.approx(np.mean([1, 1]))
        y[0] = 0
        near = fold_base_rate(y, made, known, [0, 1, 1, 2, 3], embargo_days=600)
        assert near[1] == 1.0

    def test_outcomes_never_overlap(self):
        made = dates("2001-01-01", "2001-12-01", "2002-01-05")
        known = dates("2002-01-04", "2002-12-01", "2003-01-05")
        rate = fold_base_rate([1, 0, 0], made, known, [0, 1, 1], embargo_days=0)
        # the first matured after the second fold had begun; the third was made after the first
        assert np.isnan(rate[1:]).all()
        assert rate[0] == 0.0


class TestTable:
    def test_figures_are_those_of_the_functions(self, past):
        table = score_table(
            past,
            ["good", "transient"],
            references=["in_sample", "known", "transient"],
            against=["transient"],
            n_boot=199,
        )
        done = past[past["structural"].notna()]
        y = done["structural"].to_numpy(dtype=float)
        good = done["good"].to_numpy()
        row = table.loc["good"]
        assert row["n"] == len(done) == table.attrs["n_matured"]
        assert row["share"] == y.mean()
        assert row["brier"] == brier_score(good, y)
        assert row["skill_in_sample"] == brier_skill(good, y).value
        assert row["skill_transient"] == pytest.approx(1 - row["brier"] / y.mean())
        known = known_base_rate(y, done["date"], done["matured"])
        assert row["skill_known"] == pytest.approx(brier_skill(good, y, known).value)
        test = diebold_mariano(
            (good - y) ** 2, y**2, blocks=calendar_blocks(done["date"]), n_boot=199
        )
        assert row["versus_transient"] == pytest.approx(test.mean_difference)
        assert row["versus_transient_error"] == pytest.approx(test.error)
        assert row["p_versus_transient"] < 0.01
        assert row["skill_in_sample_low"] < row["skill_in_sample"] < row["skill_in_sample_high"]
        assert row["ece"] < row["ece_block_upper"]
        assert row["note"] == ""
        claim = table.loc["transient"]
        assert claim["brier"] == pytest.approx(y.mean())
        assert claim["auc"] == 0.5
        assert claim["p_versus_transient"] != claim["p_versus_transient"]
        assert "auc: all forecasts are equal" in claim["note"]

    def test_missing_forecasts_are_counted(self, past):
        table = score_table(past, ["noisy"], against=["good"], n_boot=99)
        row = table.loc["noisy"]
        kept = past["noisy"].notna() & past["structural"].notna()
        assert row["n"] == row["versus_good_n"] == kept.sum()
        assert row["n"] + row["missing"] == past["structural"].notna().sum()
        assert row["versus_good"] > 0

    def test_rows_do_not_depend_on_their_neighbours(self, past):
        options = {"against": ["transient"], "n_boot": 99, "rng": 3}
        one = score_table(past, ["good"], **options)
        three = score_table(past, ["transient", "noisy", "good"], **options)
        pd.testing.assert_series_equal(one.loc["good"], three.loc["good"])
        again = score_table(past, ["good"], **options)
        pd.testing.assert_frame_equal(one, again)

    def test_order_of_rows_does_not_matter(self, past):
        mixed = past.sample(frac=1.0, random_state=1)
        one, other = (score_table(f, ["good"], n_boot=99).loc["good"] for f in (past, mixed))
        exact = [c for c in one.index if not c.startswith(("ece_", "note"))]
        assert one[exact].tolist() == pytest.approx(other[exact].tolist())

    def test_folds_and_other_blocks(self, past):
        table = score_table(past, ["good"], references=["folds"], fold="fold", by=2, n_boot=99)
        assert table.loc["good", "n_blocks"] == 8
        assert math.isfinite(table.loc["good", "skill_folds_low"])
        episodes = score_table(past, ["good"], by="episode", n_boot=99)
        assert episodes.loc["good", "n_blocks"] > 100

    def test_few_years(self, past):
        short = past[past["date"] < "2006-01-01"]
        row = score_table(short, ["good"], against=["transient"], n_boot=99).loc["good"]
        assert math.isfinite(row["skill_in_sample"])
        for column in ("skill_in_sample_error", "auc_error", "p_versus_transient"):
            assert math.isnan(row[column])
        assert "2 calendar blocks" in row["note"]

    def test_one_class_and_no_forecast(self, past):
        frame = past[past["structural"].notna()].assign(structural=1, none=np.nan)
        table = score_table(frame, ["good", "none"], against=["none"], n_boot=99)
        assert "only outcomes 1" in table.loc["good", "note"]
        assert "reference makes no error" in table.loc["good", "note"]
        assert "versus_none: 0 common rows" in table.loc["good", "note"]
        assert math.isfinite(table.loc["good", "skill_known"])
        assert table.loc["none", "n"] == 0
        assert table.loc["none", "note"] == "no forecast with a known outcome"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"forecasters": ["pool"]}, r"\['pool'\] are absent"),
            ({"forecasters": []}, "empty"),
            ({"references": ["folds"]}, "fold="),
            ({"references": ["nowhere"]}, "nowhere"),
            ({"by": "month"}, "month"),
            ({"outcome": "date"}, "numbers"),
            ({"n_boot": 5}, "n_boot=5"),
        ],
    )
    def test_bad_options(self, past, options, message):
        with pytest.raises(ModelError, match=message):
            score_table(past, **{"forecasters": ["good"], **options})

    def test_nothing_matured(self, past):
        with pytest.raises(ModelError, match="has matured"):
            score_table(past[past["structural"].isna()], ["good"])
