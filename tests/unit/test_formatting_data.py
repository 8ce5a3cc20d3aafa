"""How results become data that JSON can hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.formatting import plain


class TestFrames:
    def test_an_index_without_a_name_is_called_by_its_kind(self):
        days = pd.DataFrame({"r": [0.5, np.nan]}, pd.date_range("2024-01-01", periods=2))
        assert plain(days) == [{"date": "2024-01-01", "r": 0.5}, {"date": "2024-01-02", "r": None}]
        assert plain(days.reset_index(drop=True))[1] == {"row": 1, "r": None}

    def test_levels_of_an_index_are_columns(self):
        both = pd.MultiIndex.from_tuples([("daily", 1)], names=["of", None])
        assert plain(pd.DataFrame({"n": [np.int64(3)]}, both)) == [
            {"of": "daily", "row": 1, "n": 3}
        ]
