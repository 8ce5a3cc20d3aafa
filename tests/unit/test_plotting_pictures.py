"""What the pictures draw: data, labels, colours, and how they take strange input."""

from __future__ import annotations

import doctest
import inspect
import io
import itertools
import re
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
    VERMILLION,
    drawing,
    legend_above,
    spells_of,
)

DAYS = pd.date_range("2023-01-02", periods=300, freq="B", name="date")
ODD = ("$a_{b", "_hidden", "x" * 60)


def wave(period: float, shift: float = 0.0) -> np.ndarray:
    return 0.5 * np.sin(np.arange(300) / period + shift)


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
    def test_the_same_each_time_whatever_the_callers_style(self, name):
        first = draw(name)
        assert first.get_title(loc="left")
        assert first.get_ylabel()
        odd = {"axes.facecolor": "black", "font.size": 20, "lines.linewidth": 9, "axes.grid": False}
        with mpl.rc_context(odd):
            before = dict(mpl.rcParams)
            second = draw(name)
            assert dict(mpl.rcParams) == before
        assert first.figure is not second.figure
        assert svg(first.figure) == svg(second.figure)

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
        if name not in ("plot_context", "plot_history"):  # several panels on one figure
            assert found["ax"].kind is inspect.Parameter.KEYWORD_ONLY
            assert found["ax"].default is None
        kinds = {parameter.kind for parameter in found.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds


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
        for weeks in (20, 60, 132, 138, 400, 1900):
            days = pd.date_range("2022-12-02", periods=weeks, freq="W-FRI", name="week")
            long = pd.DataFrame({name: 0.2 for name in frame.columns}, days).assign(established=9)
            wide = plotting.plot_breadth(long)
            wide.figure.draw_without_rendering()
            boxes = [t.get_window_extent() for t in wide.get_xticklabels() if t.get_text()]
            assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes)), weeks
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


class TestGallery:
    """The page shows every picture, by calls that exist, and its files are small."""

    @pytest.fixture
    def page(self, root):
        return (root / "docs" / "gallery.md").read_text(encoding="utf-8")

    def test_every_function_is_shown(self, page):
        by_result = {
            "overview": "v.plot()",
            "plot_breadth": "found.plot_breadth()",
            "plot_claim": "trial.plot()",
            "plot_history": "rc.history(prices, every=21).plot()",
            "plot_levels": "audit.plot()",
            "plot_pathways": "pathways.plot()",
            "plot_scan": "found.plot()",
            "plot_worlds": "trial.plot_worlds()",
        }
        # A page of its own; the text above the pictures; the lower half of the history.
        elsewhere = {"plot_context", "save", "plot_verdicts"}
        for name in set(plotting.__all__) - elsewhere:
            call = by_result.get(name, f"rc.plotting.{name}(")
            assert f"```python\n{call}" in page, name

    def test_calls_and_files_exist(self, page, root):
        names = set(re.findall(r"rc\.plotting\.(\w+)", page))
        assert names <= set(plotting.__all__)
        files = re.findall(r"!\[[^]]+\]\(([^)]+)\)", page)
        assert len(files) == len(set(files)) == page.count("\n## ")
        for file in files:
            path = root / "docs" / file
            assert path.is_file(), file
            if path.suffix == ".svg":
                assert path.stat().st_size < 200_000, file


def test_runs_of_true():
    assert spells_of(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)) == [(0, 2), (3, 4), (6, 7)]
    assert spells_of(np.zeros(3, dtype=bool)) == []
