"""Pictures of regimes, resolution, episodes and pathways: what they draw from small frames."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import regimecorr as rc
from regimecorr import plotting
from regimecorr.errors import DataError
from regimecorr.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, VERMILLION, spells_of

DAYS = pd.date_range("2023-01-02", periods=300, freq="B", name="date")


def wave(period: float, shift: float = 0.0) -> np.ndarray:
    return 0.5 * np.sin(np.arange(300) / period + shift)


@pytest.fixture
def correlation() -> pd.DataFrame:
    paths = {"r_short": wave(20), "dcc": wave(25), "regime_filtered": wave(30)}
    paths["regime_smoothed"] = wave(30, 0.3)
    return pd.DataFrame(paths, index=DAYS)


@pytest.fixture
def regimes() -> pd.DataFrame:
    figures = {"correlation": [-0.2, 0.4]}
    figures |= {"correlation_low": [-0.3, 0.3], "correlation_high": [-0.1, 0.5]}
    return pd.DataFrame(figures, index=pd.Index(["low", "high"], name="regime"))


@pytest.fixture
def forecast() -> pd.DataFrame:
    rows = np.arange(1, 253)
    return pd.DataFrame({"p_chart_resolved": 1 - 0.98**rows}, index=pd.Index(rows, name="horizon"))


@pytest.fixture
def incidence() -> pd.DataFrame:
    return rc.episode_durations(episodes(4, rows=(20, 40, 60, 80))).incidence


def episodes(n: int, rows: tuple[int, ...] | None = None) -> pd.DataFrame:
    start = DAYS[95 : 95 + 20 * n : 20]
    return pd.DataFrame(
        {
            "start": start,
            "entry": pd.Series(pd.NaT, index=range(n), dtype="datetime64[ns]"),
            "rows": rows or (5,) * n,
            "censored": False,
            "resolved_into": "aligned",
            "outcome": [("structural", "transient", "open", "unreadable")[i % 4] for i in range(n)],
            "gap_z": [1.5 - i for i in range(n)],
            "pathway": [("asset-led", "benchmark-led", "open", "no gap")[i % 4] for i in range(n)],
            "asset_move": [0.1 * (i - 1) for i in range(n)],
            "benchmark_move": [0.05 * (2 - i) for i in range(n)],
        }
    )


def line(ax, label):
    (found,) = [each for each in ax.lines if each.get_label() == label]
    return found


def legend(ax):
    drawn = ax.get_legend()
    return [] if drawn is None else [text.get_text() for text in drawn.get_texts()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def svg(figure: Figure) -> bytes:
    target = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "test"}):
        figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()


class TestRegimes:
    def test_lines_hold_the_frame(self, correlation, regimes):
        ax = plotting.plot_regimes(correlation, regimes)
        for label, column, color, dash in (
            ("90 rows", "r_short", VERMILLION, "-"),
            ("regimes, filtered (known then)", "regime_filtered", GREEN, "-"),
            ("regimes, smoothed (full sample)", "regime_smoothed", INK, "--"),
        ):
            drawn = line(ax, label)
            np.testing.assert_array_equal(drawn.get_ydata(), correlation[column])
            assert (drawn.get_color(), drawn.get_linestyle()) == (color, dash)

    def test_strips_are_the_nearest_regimes(self, correlation, regimes):
        ax = plotting.plot_regimes(correlation, regimes)
        smoothed_low, _, filtered_low, filtered_high = ax.collections[-4:]
        below = (correlation["regime_filtered"] < 0.1).to_numpy()
        assert len(filtered_low.get_paths()) == len(spells_of(below))
        assert len(filtered_high.get_paths()) == len(spells_of(~below))
        assert to_hex(filtered_low.get_facecolor()[0]).upper() == VERMILLION
        assert to_hex(filtered_high.get_facecolor()[0]).upper() == BLUE
        bottom = [path.vertices[:, 1].min() for path in smoothed_low.get_paths()]
        assert max(bottom) < filtered_low.get_paths()[0].vertices[:, 1].min()
        assert texts(ax) == ["low −0.20", "high +0.40", "smoothed", "filtered"]

    def test_failed_member(self, correlation, regimes):
        bare = correlation.assign(regime_filtered=np.nan, regime_smoothed=np.nan)
        ax = plotting.plot_regimes(bare, regimes.iloc[:0])
        assert legend(ax) == ["DCC", "90 rows"]
        assert texts(ax) == []
        plotting.plot_regimes(bare, regimes)

    def test_levels_are_named(self, correlation, regimes):
        ax = plotting.plot_regimes(correlation, regimes, basis="log_levels", short_window=63)
        assert "63 rows of log levels" in legend(ax)

    def test_more_regimes_have_colours_of_their_own(self, correlation):
        many = pd.DataFrame({"correlation": [-0.4, 0.0, 0.2, 0.4]}, index=list("abcd"))
        ax = plotting.plot_regimes(correlation, many)
        assert len({text.get_color() for text in ax.texts[:4]}) == 4

    def test_empty(self, correlation, regimes):
        svg(plotting.plot_regimes(correlation.iloc[:0], regimes).figure)


class TestResolution:
    def test_lines_hold_the_frames(self, forecast, incidence):
        ax = plotting.plot_resolution(
            forecast, incidence, p_structural=0.4, interval=(0.3, 0.6), n_episodes=4
        )
        chart = line(ax, "chart's rule: 90-row correlation back above 0")
        np.testing.assert_array_equal(chart.get_ydata(), forecast["p_chart_resolved"])
        past = line(ax, "4 past episodes that had recovered, with band")
        np.testing.assert_allclose(past.get_ydata(), [0, 0.25, 0.5, 0.75, 1, 1])
        np.testing.assert_allclose(past.get_xdata(), [0, 20, 40, 60, 80, 252])
        transient = line(ax, "transient: read on the fresh returns of the shaded rows")
        assert list(transient.get_xdata()) == [127, 252]
        assert set(transient.get_ydata()) == {0.6}
        assert sorted(texts(ax)) == ["chart 99%", "past 100%", "transient 60%"]
        band = ax.collections[-1].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == (pytest.approx(0.4), pytest.approx(0.7))

    def test_the_past_ends_with_the_last_episode_watched(self, forecast):
        some = episodes(3, rows=(20, 40, 60))
        some.loc[2, "censored"] = True
        ax = plotting.plot_resolution(forecast, rc.episode_durations(some).incidence)
        assert ax.lines[0].get_xdata()[-1] == 60
        assert not any("past" in text for text in texts(ax))

    def test_either_alone(self, forecast, incidence):
        assert len(plotting.plot_resolution(forecast).lines) == 1
        alone = plotting.plot_resolution(None, incidence)
        assert legend(alone) == ["past episodes that had recovered, with band"]
        assert alone.get_xlabel() == "rows since the divergence began"
        with pytest.raises(DataError, match="neither a forecast nor an incidence"):
            plotting.plot_resolution(None)

    def test_one_episode_without_a_band(self, forecast):
        past = rc.episode_durations(episodes(1)).incidence
        svg(plotting.plot_resolution(forecast, past).figure)

    def test_no_probability(self, forecast):
        ax = plotting.plot_resolution(forecast, p_structural=np.nan)
        assert texts(ax) == ["chart 99%"]
        assert "not transient" not in ax.get_title(loc="left")

    def test_of_a_result(self, forecast):
        durations = rc.episode_durations(episodes(4))
        assert legend(durations.plot())[0].startswith("4 past episodes")
        assert len(durations.plot(forecast=forecast).lines) == 2


class TestEpisodePaths:
    def test_by_a_plain_loop(self):
        r = pd.Series(wave(20), index=DAYS)
        found = episodes(4)
        found.loc[1, "entry"] = DAYS[130]
        paths = rc.episode_paths(r, found, before=5, after=160)
        assert list(paths.index) == list(range(-5, 161))
        for i, row in enumerate((95, 130, 135, 155)):
            for k in paths.index:
                expected = r.iloc[row + k] if row + k < 300 else np.nan
                np.testing.assert_equal(paths.iloc[k + 5, i], expected)
        assert list(paths.columns.get_level_values("outcome")) == list(found["outcome"])
        assert paths.columns.get_level_values("day")[1] == DAYS[130]

    def test_rows_before_the_data_are_unknown(self):
        r = pd.Series(wave(20), index=DAYS)
        paths = rc.episode_paths(r, episodes(1), before=100)
        assert paths.iloc[:5, 0].isna().all()
        assert paths.iloc[5, 0] == r.iloc[0]

    def test_none(self):
        paths = rc.episode_paths(pd.Series(wave(20), index=DAYS), episodes(0))
        assert paths.shape == (343, 0)
        svg(plotting.plot_episodes(paths).figure)

    def test_bad_input(self):
        r = pd.Series(wave(20), index=DAYS)
        with pytest.raises(DataError, match=r"before=-1 .* 0 or more"):
            rc.episode_paths(r, episodes(1), before=-1)
        with pytest.raises(DataError, match="no column 'outcome'"):
            rc.episode_paths(r, episodes(1).drop(columns="outcome"))
        with pytest.raises(DataError, match="no row on 2023-05-15"):
            rc.episode_paths(r.iloc[:95], episodes(1))

    def test_later_prices_change_no_earlier_row(self):
        prices = rc.simulate("recurrent", n_obs=2500, rng=3).prices
        cut = prices.iloc[:1800]
        whole, part = (
            rc.episode_paths(rc.rolling_correlation(p), rc.find_episodes(p)) for p in (prices, cut)
        )
        for i in range(part.shape[1]):
            known = part.iloc[:, i].notna().to_numpy()
            np.testing.assert_allclose(part.iloc[:, i][known], whole.iloc[:, i][known], atol=1e-12)
        assert part.shape[1] > 0


class TestEpisodes:
    def test_lines_hold_the_paths_in_the_colour_of_their_outcome(self):
        paths = rc.episode_paths(pd.Series(wave(20), index=DAYS), episodes(4))
        ax = plotting.plot_episodes(paths)
        assert legend(ax) == ["structural (1)", "transient (1)", "open (1)", "unreadable (1)"]
        for i, (label, color) in enumerate(
            (("structural (1)", VERMILLION), ("transient (1)", BLUE), ("open (1)", GREY))
        ):
            np.testing.assert_array_equal(line(ax, label).get_ydata(), paths.iloc[:, i])
            assert line(ax, label).get_color() == color
        assert texts(ax) == [f"{day:%Y-%m}" for day in paths.columns.get_level_values("day")]

    def test_today_is_bold_and_marked_where_the_data_end(self):
        r = pd.Series(wave(20), index=DAYS)
        found = episodes(3)
        found.loc[2, ["start", "censored"]] = [DAYS[-1], True]
        ax = plotting.plot_episodes(rc.episode_paths(r, found))
        today = line(ax, f"lasting today ({DAYS[-1]:%Y-%m})")
        assert today.get_linewidth() > 2 > line(ax, "structural (1)").get_linewidth()
        assert today.get_ydata()[today.get_markevery()[0]] == r.iloc[-1]

    def test_many_have_medians(self):
        paths = rc.episode_paths(pd.Series(wave(20), index=DAYS), episodes(10))
        ax = plotting.plot_episodes(paths)
        label = "structural (3), median"
        assert label in legend(ax)
        mine = paths.loc[:, paths.columns.get_level_values("outcome") == "structural"]
        np.testing.assert_allclose(line(ax, label).get_ydata(), mine.median(axis=1))
        assert texts(ax) == []

    def test_unknown_path(self):
        r = pd.Series(np.nan, index=DAYS)
        svg(plotting.plot_episodes(rc.episode_paths(r, episodes(2))).figure)


class TestPathways:
    def test_points_by_way_and_side(self):
        ax = plotting.plot_pathways(episodes(4), asset="ETH", benchmark="IWM")
        assert legend(ax) == ["ETH led, ETH ahead (1)", "IWM led, ETH ahead (1)",
                              "open, ETH behind (1)"]  # fmt: skip
        first, second, third = (line(ax, label) for label in legend(ax))
        assert (first.get_color(), first.get_marker()) == (BLUE, "^")
        assert (second.get_color(), third.get_marker()) == (ORANGE, "v")
        assert third.get_color() == "white"
        np.testing.assert_allclose(first.get_xydata(), [[0.1, -0.1]])
        np.testing.assert_allclose(third.get_xydata(), [[0.0, 0.1]])

    def test_regions_agree_with_the_definition(self):
        """A closing lies in the part of the plane that its pathway and direction name."""
        prices = rc.simulate("recurrent", n_obs=9000, rng=3).prices
        found = rc.find_episodes(prices)
        closed = found[found["pathway"].isin(["asset-led", "benchmark-led"])]
        assert len(closed) >= 3
        for row in closed.itertuples():
            vertical = abs(row.asset_move) >= abs(row.benchmark_move)
            assert vertical == (row.pathway == "asset-led")
            lead = row.asset_move if vertical else row.benchmark_move
            assert ("up" if lead >= 0 else "down") == row.direction

    def test_one_scale_on_both_axes(self):
        ax = plotting.plot_pathways(episodes(4))
        assert ax.get_xlim() == ax.get_ylim()
        assert ax.get_xscale() == ax.get_yscale() == "asinh"
        ax.figure.draw_without_rendering()
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["−10", "−3", "0", "+3", "+10"]

    def test_none_and_unknown_moves(self):
        assert legend(plotting.plot_pathways(episodes(0))) == []
        blind = episodes(3).assign(asset_move=np.nan)
        assert legend(plotting.plot_pathways(blind)) == []

    @pytest.mark.parametrize("name", ["$a_{b", "_hidden", "x" * 60])
    def test_names(self, name):
        ax = plotting.plot_pathways(episodes(3), asset=name, benchmark=name)
        svg(ax.figure)
        assert len(legend(ax)) == 3

    def test_of_a_result(self):
        prices = rc.simulate("recurrent", n_obs=2500, rng=3).prices
        found = rc.episode_pathways(prices, n_boot=99)
        ax = found.plot()
        assert ax.get_xlabel() == f"move of {found.benchmark}, log points"
