"""Sums over rows and weeks: counted back from the last row, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.indicators.frequency import aggregate, week_ends


def test_aggregate_sums_back_from_the_last_row():
    values = np.arange(14.0).reshape(7, 2)
    np.testing.assert_array_equal(aggregate(values, 3, 3), values[1:].reshape(2, 3, 2).sum(axis=1))
    np.testing.assert_array_equal(
        aggregate(values, 2, 1), values[1:] + values[:-1], err_msg="overlapping"
    )
    np.testing.assert_array_equal(aggregate(np.stack([values] * 2), 7, 1)[1], [values.sum(axis=0)])


def test_week_ends_are_those_of_pandas():
    days = pd.date_range("2019-12-25", "2021-02-10")
    kept = days[np.random.default_rng(0).random(len(days)) < 0.6]
    last = pd.Series(kept, kept).resample("W-SUN").last().dropna()
    assert list(kept[week_ends(kept)]) == list(last)


def test_the_last_row_ends_its_week():
    days = pd.bdate_range("2024-01-01", "2024-01-17")
    assert week_ends(days).tolist() == [4, 9, 12]
    assert week_ends(days[:1]).tolist() == [0]
