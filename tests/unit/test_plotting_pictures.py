"""What the pictures draw: data, labels, colours, and how they take strange input."""

from __future__ import annotations

import doctest
import inspect
import io
from functools import cache

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

import regimecorr as rc
from regimecorr import plotting
from regimecorr.errors import DataError
from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    VERMILLION,
    drawing,
    legend_above,
    spells_of,
)

DAYS = pd.date_range("2023-01-02", periods=300, freq="B", name="date")
ODD = ("$a_{b", "_hidden", "x" * 60)


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


@cache
def incidence_of(n: int) -> pd.DataFrame:
    return rc.episode_durations(episodes(n)).incidence


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


def pairs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "asset": ["A", "A", "B", "C"],
            "benchmark": ["B", "C", "C", "D"],
            "state": ["divergent", "strained", "weak", ""],
            "p_structural": [0.8, 0.3, np.nan, np.nan],
            "failed": [False, False, False, True],
        }
    )


def share() -> pd.DataFrame:
    values = {"established": 10, "share_divergent": 0.1, "share_strained": 0.2}
    return pd.DataFrame(values, index=pd.Index(DAYS[::5], name="week"))


def levels() -> tuple[pd.DataFrame, pd.DataFrame]:
    names = ("levels_short", "levels_long", "returns_short", "returns_long")
    paths = pd.DataFrame({n: wave(20 + 5 * i) for i, n in enumerate(names)}, index=DAYS)
    figures = {"share_in_band": [0.36, 0.2], "episodes_per_year": [1.0, 0.96]}
    figures["share_resolved"] = [1.0, 0.994]
    return paths, pd.DataFrame(figures, index=["observed", "independent"])


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


#: Every new picture by name, drawn on given axes from small frames.
def draw(name, ax=None, n=3):
    if name == "regimes":
        frame = pd.DataFrame(
            {c: wave(20) for c in ("r_short", "dcc", "regime_filtered", "regime_smoothed")}, DAYS
        )
        levels_of = pd.DataFrame({"correlation": [-0.2, 0.4]}, index=["low", "high"])
        return plotting.plot_regimes(frame, levels_of, ax=ax)
    if name == "resolution":
        chart = pd.DataFrame({"p_chart_resolved": np.linspace(0.1, 0.9, 252)}, np.arange(1, 253))
        past = incidence_of(n)
        return plotting.plot_resolution(chart, past, p_structural=0.4, interval=(0.2, 0.6), ax=ax)
    if name == "episodes":
        r = pd.Series(wave(20), index=DAYS)
        return plotting.plot_episodes(rc.episode_paths(r, episodes(n)), ax=ax)
    if name == "pathways":
        return plotting.plot_pathways(episodes(n), ax=ax)
    if name == "levels":
        return plotting.plot_levels(*levels(), ax=ax)
    if name == "scan":
        return plotting.plot_scan(pairs(), ax=ax)
    if name == "state":
        return plotting.plot_scan(pairs(), value="state", ax=ax)
    return plotting.plot_breadth(share(), ax=ax)


PICTURES = (
    *("regimes", "resolution", "episodes", "pathways", "levels", "scan", "state", "breadth"),
)


class TestEveryPicture:
    @pytest.mark.parametrize("name", PICTURES)
    def test_draws_on_given_axes_in_a_grid_inside_its_cell(self, name):
        figure = Figure(figsize=(9.0, 7.0), layout="constrained")
        grid = figure.subplots(2, 2)
        ax = draw(name, grid[0, 1])
        assert ax is grid[0, 1]
        figure.draw_without_rendering()
        assert all(not other.lines and not other.patches for other in grid.flat if other is not ax)
        box = ax.get_tightbbox().transformed(figure.transFigure.inverted())
        assert box.x0 > 0.3
        assert box.y0 > 0.3
        assert box.x1 <= 1.01
        assert box.y1 <= 1.01

    @pytest.mark.parametrize("name", PICTURES)
    def test_labelled_and_the_same_each_time(self, name):
        first, second = draw(name), draw(name)
        assert first.get_title(loc="left")
        assert first.get_ylabel()
        assert first.figure is not second.figure
        assert svg(first.figure) == svg(second.figure)

    @pytest.mark.parametrize("name", PICTURES)
    def test_callers_style_neither_matters_nor_changes(self, name):
        plain = svg(draw(name).figure)
        odd = {"axes.facecolor": "black", "font.size": 20, "lines.linewidth": 9, "axes.grid": False}
        with mpl.rc_context(odd):
            before = dict(mpl.rcParams)
            figure = draw(name).figure
            assert dict(mpl.rcParams) == before
        assert svg(figure) == plain

    @pytest.mark.parametrize("name", PICTURES)
    def test_texts_do_not_leave_a_narrow_figure(self, name):
        figure = draw(name).figure
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 > -0.05
        assert box.y0 > -0.05
        assert box.x1 < width + 0.05
        assert box.y1 < height + 0.05

    @pytest.mark.parametrize("name", PICTURES)
    def test_legend_and_title_do_not_overlap(self, name):
        ax = draw(name)
        ax.figure.draw_without_rendering()
        title = ax._left_title.get_window_extent()
        drawn = ax.get_legend()
        if drawn is not None:
            assert not title.overlaps(drawn.get_window_extent())

    @pytest.mark.parametrize("name", sorted(set(plotting.__all__) - {"overview", "plot_context"}))
    def test_example(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        text = inspect.getdoc(getattr(plotting, name))
        test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
        assert test.examples, f"{name} has no example"
        report: list[str] = []
        doctest.DocTestRunner().run(test, out=report.append)
        assert not report, "".join(report)

    @pytest.mark.parametrize("name", sorted(set(plotting.__all__) - {"overview", "save"}))
    def test_signature(self, name):
        found = inspect.signature(getattr(plotting, name)).parameters
        if name != "plot_context":  # several panels on one figure
            assert found["ax"].kind is inspect.Parameter.KEYWORD_ONLY
            assert found["ax"].default is None
        kinds = {parameter.kind for parameter in found.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds


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

    @pytest.mark.parametrize("name", ODD)
    def test_names(self, name):
        ax = plotting.plot_pathways(episodes(3), asset=name, benchmark=name)
        svg(ax.figure)
        assert len(legend(ax)) == 3

    def test_of_a_result(self):
        prices = rc.simulate("recurrent", n_obs=2500, rng=3).prices
        found = rc.episode_pathways(prices, n_boot=99)
        ax = found.plot()
        assert ax.get_xlabel() == f"move of {found.benchmark}, log points"


class TestLevels:
    def test_lines_hold_the_frame(self):
        paths, table = levels()
        ax = plotting.plot_levels(paths, table, windows=("90D", 252), band=(0.5, 0.8))
        kinds = [f"{of}, {w}" for of in ("prices", "returns") for w in ("90D", "252 rows")]
        assert legend(ax) == kinds
        for label, column in zip(legend(ax), paths.columns, strict=True):
            np.testing.assert_array_equal(line(ax, label).get_ydata(), paths[column])
        assert ax.get_xlabel().split("\n") == [
            "in [0.5, 0.8] on 36% of days (independent legs: 20%)",
            "negative spells a year 1.00 (0.96), resolved in time 100% (99%)",
        ]

    def test_nothing_resolved(self):
        paths, table = levels()
        table["share_resolved"] = np.nan
        assert "resolved" not in plotting.plot_levels(paths, table).get_xlabel()

    def test_of_a_result(self):
        prices = rc.simulate("constant", n_obs=800, rng=1).prices
        audit = rc.audit_levels(prices, n_boot=2)
        expected = {
            "levels_short": rc.rolling_correlation(prices, window=90, basis="levels"),
            "levels_long": rc.rolling_correlation(prices, window=252, basis="levels"),
            "returns_short": rc.rolling_correlation(prices, window=90),
            "returns_long": rc.rolling_correlation(prices, window=252),
        }
        assert list(audit.correlation.columns) == list(expected)
        for name, path in expected.items():
            np.testing.assert_allclose(audit.correlation[name], path, atol=1e-9)
        assert audit.correlation["levels_long"].iloc[-1] == audit.long
        assert "correlation" not in audit.to_dict()
        assert len(audit.plot().lines) == 5


class TestScan:
    def test_cells(self):
        ax = plotting.plot_scan(pairs())
        assert [t.get_text() for t in ax.get_yticklabels()] == ["A", "B", "C"]
        assert [t.get_text() for t in ax.get_xticklabels()] == ["B", "C", "D"]
        assert texts(ax) == ["80", "30"]
        assert [text.get_position() for text in ax.texts] == [(0, 0), (1, 0)]
        hatches = {patch.get_xy(): patch.get_hatch() for patch in ax.patches if patch.get_fill()}
        assert hatches == {(-0.5, -0.5): "", (0.5, -0.5): "", (0.5, 0.5): "///", (1.5, 1.5): "xxx"}
        frames = [patch.get_linestyle() for patch in ax.patches if not patch.get_fill()]
        assert len(frames) == 2
        assert frames[0] == "-" != frames[1]
        assert legend(ax) == ["divergent now", "strained now", "no probability", "failed"]

    def test_colour_runs_from_transient_to_structural(self):
        table = pairs().iloc[[0, 0, 0]].assign(benchmark=list("BCD"), p_structural=[0.0, 0.5, 1.0])
        cells = [p for p in plotting.plot_scan(table).patches if p.get_fill()]
        for cell, color in zip(cells, (BLUE, "white", VERMILLION), strict=True):
            np.testing.assert_allclose(cell.get_facecolor(), to_rgba(color), atol=0.01)

    def test_state(self):
        ax = plotting.plot_scan(pairs(), value="state")
        assert legend(ax) == ["divergent", "strained", "weak", "failed"]
        assert to_hex(ax.patches[0].get_facecolor()).upper() == VERMILLION

    def test_large_matrices_have_no_numbers(self):
        names = [f"N{i:02d}" for i in range(20)]
        table = pd.DataFrame({"asset": names, "benchmark": names[::-1], "state": "aligned"})
        ax = plotting.plot_scan(table.assign(p_structural=0.3, failed=False))
        assert texts(ax) == []

    @pytest.mark.parametrize("value", ["p_structural", "state"])
    def test_empty_and_odd_names(self, value):
        svg(plotting.plot_scan(pairs().iloc[:0], value=value).figure)
        odd = pairs().assign(asset=[*ODD, "z"])
        svg(plotting.plot_scan(odd, value=value).figure)

    def test_bad_input(self):
        with pytest.raises(DataError, match="value='p' is unknown; use one of p_structural, state"):
            plotting.plot_scan(pairs(), value="p")
        with pytest.raises(DataError, match="A/B stands in the table twice"):
            plotting.plot_scan(pd.concat([pairs(), pairs()]))

    def test_breadth(self):
        frame = share()
        frame.loc[frame.index[:10], "established"] = 3
        ax = plotting.plot_breadth(frame)
        drawn = ax.lines[0].get_ydata()
        assert np.isnan(drawn[:10]).all()
        np.testing.assert_allclose(drawn[10:], 0.3)
        assert legend(ax) == ["divergent", "strained"]
        assert ax.get_title(loc="left") == "Broken pairs, of up to 10 established"
        svg(plotting.plot_breadth(frame.iloc[:0]).figure)
        svg(plotting.plot_breadth(frame.iloc[-1:]).figure)

    def test_of_a_result(self):
        scan = rc.Scan(DAYS[-1], pairs(), share(), {})
        assert scan.plot(value="state").get_title(loc="left") == "State of every pair"
        assert scan.plot_breadth().get_title(loc="left").startswith("Broken pairs")


class TestLegends:
    @pytest.mark.parametrize(
        ("width", "beside"),
        [(9.0, True), (4.0, False)],
    )
    def test_the_place_follows_the_width(self, width, beside):
        with drawing(None, width, 3.0) as ax:
            for label in ("a longer name", "another name"):
                ax.plot([0, 1], label=label)
            ax.set_title("A title of some length")
            legend_above(ax, 2)
        ax.figure.draw_without_rendering()
        title, box = ax._left_title.get_window_extent(), ax.get_legend().get_window_extent()
        assert not title.overlaps(box)
        assert (title.y0 < box.y1) == beside

    @pytest.mark.parametrize("name", ODD)
    def test_long_and_odd_names(self, name):
        prices = pd.DataFrame(np.exp(np.c_[wave(20), wave(30)]), DAYS, [name, "B"])
        figure = Figure(figsize=(4.0, 3.0), layout="constrained")
        ax = plotting.plot_prices(prices, ax=figure.subplots())
        figure.draw_without_rendering()
        title, box = ax._left_title.get_window_extent(), ax.get_legend().get_window_extent()
        assert not title.overlaps(box)
        assert len(legend(ax)) == 2

    def test_no_entries(self):
        with drawing(None, 3.0, 3.0) as ax:
            legend_above(ax, 2)
        assert ax.get_legend() is None


def test_runs_of_true():
    assert spells_of(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)) == [(0, 2), (3, 4), (6, 7)]
    assert spells_of(np.zeros(3, dtype=bool)) == []
