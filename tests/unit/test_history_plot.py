"""Pictures of a replay: what is drawn is what the frames say."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from regimecorr.plotting import plot_history, plot_verdicts, plot_weights
from regimecorr.plotting.style import save

DATES = pd.bdate_range("2020-01-01", periods=8, name="date")
STATES = ["weak", "aligned", "strained", "divergent", "divergent", "aligned", "strained", "aligned"]
CAME = ["", "structural", "transient", "transient", "structural", "transient", "open", "open"]


@pytest.fixture
def frame() -> pd.DataFrame:
    p = np.array([np.nan, 0.2, 0.4, 0.6, 0.7, 0.3, 0.4, 0.2])
    columns = {"p_structural": p, "low": p - 0.1, "high": p + 0.1, "p_raw": p + 0.05}
    flags = {"base_rate": 0.3, "calibrated": [False, False, *[True] * 6]}
    return pd.DataFrame({"state": STATES, "outcome": CAME, **columns, **flags}, index=DATES)


@pytest.fixture
def prices() -> pd.DataFrame:
    walk = 100 * np.exp(np.random.default_rng(0).standard_normal((10, 2)).cumsum(axis=0) / 50)
    days = pd.bdate_range(end=DATES[-1], periods=10)
    return pd.DataFrame(walk, index=days, columns=["_$A$", "<b>B</b>"])


def spans(ax) -> list[tuple[float, float]]:
    rectangles = [p for p in ax.patches if p.get_label() == ""]
    return [(r.get_x(), r.get_x() + r.get_width()) for r in rectangles]


class TestVerdicts:
    def test_the_thick_line_has_only_calibrated_days(self, frame):
        ax = plot_verdicts(frame)
        raw, rate, main, *_ = ax.lines
        expected = frame["p_structural"].where(frame["calibrated"])
        np.testing.assert_array_equal(main.get_ydata(), expected)
        np.testing.assert_array_equal(raw.get_ydata(), frame["p_raw"])
        np.testing.assert_array_equal(rate.get_ydata(), frame["base_rate"])
        assert rate.get_drawstyle() == "steps-post"  # never before the day on which it was known

    def test_the_band_is_the_interval_of_calibrated_days(self, frame):
        (band,) = plot_verdicts(frame).collections
        for vertex, name in ((min, "low"), (max, "high")):
            drawn = [path.vertices[:, 1] for path in band.get_paths()]
            assert vertex(v for y in drawn for v in y) == pytest.approx(
                vertex(frame.loc[frame["calibrated"], name])
            )
        day = mpl.dates.date2num(DATES)
        assert min(path.vertices[:, 0].min() for path in band.get_paths()) == day[2]

    def test_without_calibration_the_raw_pool_is_the_line(self, frame):
        ax = plot_verdicts(frame.assign(calibrated=False, base_rate=np.nan))
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), frame["p_structural"])
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names[0].startswith("raw pool")
        assert not any("base rate" in name or "calibrated" in name for name in names)

    def test_dots_stand_on_the_day_of_the_verdict(self, frame):
        *_, structural, transient = plot_verdicts(frame).lines
        assert list(structural.get_xdata()) == list(DATES[[1, 4]])
        assert list(transient.get_xdata()) == list(DATES[[2, 3, 5]])
        assert (structural.get_ydata() > 1.0).all()
        assert (transient.get_ydata() < 0.0).all()
        assert structural.get_markerfacecolor() != transient.get_markerfacecolor() == "white"

    def test_runs_are_shaded_to_the_next_date(self, frame):
        day = mpl.dates.date2num(DATES)
        found = sorted(spans(plot_verdicts(frame)))
        assert found == [(day[0], day[1]), (day[2], day[3]), (day[3], day[5]), (day[6], day[7])]

    def test_states_of_their_own_are_shaded_instead(self, frame):
        states = pd.Series(["aligned", "divergent", "divergent"], index=DATES[:3])
        day = mpl.dates.date2num(DATES)
        assert spans(plot_verdicts(frame, states=states)) == [(day[1], day[2])]


class TestHistory:
    def test_prices_stand_above_from_the_first_verdict(self, frame, prices, tmp_path):
        figure = plot_history(frame, prices)
        top, bottom = figure.axes
        assert top.get_yscale() == "log"
        assert len(top.lines[0].get_xdata()) == len(DATES)
        assert top.get_xlim() == bottom.get_xlim()
        assert spans(top) == spans(bottom)
        assert "SIMULATED" not in figure.get_suptitle()
        save(figure, tmp_path / "h.svg")
        save(plot_history(frame, prices), tmp_path / "again.svg")
        text = (tmp_path / "h.svg").read_bytes()
        assert text == (tmp_path / "again.svg").read_bytes()
        assert b"<b>" not in text

    def test_simulated_prices_say_so(self, frame, prices):
        assert plot_history(frame, prices, simulated=True).get_suptitle().startswith("SIMULATED")


class TestWeights:
    def test_members_are_summed_by_family(self):
        columns = pd.MultiIndex.from_tuples([("one", "a"), ("two", "b"), ("two", "c")])
        values = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3], [np.nan] * 3])
        ax = plot_weights(pd.DataFrame(values, index=DATES[:3], columns=columns))
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
        low, high = (c.get_paths()[0].vertices for c in ax.collections)
        assert set(np.round(low[:, 1], 9)) == {0.0, 0.2, 0.6}
        assert set(np.round(high[:, 1], 9)) == {0.2, 0.6, 1.0}

    def test_columns_may_be_families_already(self):
        weights = pd.DataFrame({"mean_reverting": [0.4, 0.5], "drift": [0.6, 0.5]}, index=DATES[:2])
        ax = plot_weights(weights)
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names == ["mean reverting", "drift"]
