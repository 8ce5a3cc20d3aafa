"""The overview figure and its panels."""

from __future__ import annotations

import dataclasses
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import regimecorr as rc
from regimecorr.plotting import (
    plot_correlation,
    plot_forecast,
    plot_prices,
    plot_probability,
)
from regimecorr.plotting.style import literal, save, spread


@pytest.fixture(scope="module")
def verdict():
    world = rc.simulate("one_break", n_obs=1500, rng=13)
    return rc.assess(world.prices, as_of="2005-02-01", calibration=None, n_paths=400)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def texts(ax):
    return " ".join(text.get_text() for text in ax.texts)


class TestOverview:
    def test_four_panels(self, verdict):
        figure = verdict.plot()
        assert isinstance(figure, Figure)
        prices, correlation, forecast, probability = figure.axes
        assert legend(prices) == ["A", "B"]
        assert prices.get_yscale() == "log"
        assert legend(correlation) == [
            "90 rows",
            "252 rows",
            "DCC",
            "regimes, filtered",
            "divergent",
        ]
        assert f"{verdict.reference:+.2f}" in texts(correlation)
        assert legend(forecast)[:3] == ["5-95%", "25-75%", "median"]
        assert "structural below" in texts(forecast)
        assert f"structural {verdict.p_structural:.0%}" in texts(probability)
        for ax in figure.axes:
            assert ax.get_title(loc="left")
            assert ax.get_ylabel()

    def test_title_says_simulated(self, verdict):
        assert verdict.plot().get_suptitle().startswith("SIMULATED")
        real = dataclasses.replace(verdict, data=verdict.data | {"simulated": False})
        title = real.plot().get_suptitle()
        assert title == f"A / B, 2005-02-01: divergent, {verdict.label}"

    def test_weak_says_why(self, verdict):
        weak = dataclasses.replace(
            verdict,
            state="weak",
            label="weak",
            p_structural=np.nan,
            p_transient=np.nan,
            p_unchanged=np.nan,
            interval=(np.nan, np.nan),
            reason="The reference is too weak.",
        )
        *_, forecast, probability = weak.plot().axes
        assert "The reference is too weak." in texts(probability)
        assert not probability.patches
        assert "structural" not in texts(forecast)

    def test_levels_are_not_mixed_with_returns(self, verdict):
        levels = dataclasses.replace(verdict, basis="levels", p_unchanged=np.nan)
        _, correlation, forecast, _ = levels.plot().axes
        assert correlation.get_title(loc="left") == "Correlation of price levels"
        assert "DCC (returns)" in legend(correlation)
        assert "90 rows" not in legend(forecast)

    def test_failed_members_and_no_episodes(self, verdict):
        bare = dataclasses.replace(
            verdict,
            correlation=verdict.correlation.assign(regime_filtered=np.nan, dcc=np.nan),
            episodes=verdict.episodes.iloc[:0],
        )
        assert legend(bare.plot().axes[1]) == ["90 rows", "252 rows"]

    @pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
    def test_files_are_the_same_each_time_and_without_warnings(self, verdict, tmp_path, kind):
        # The test configuration turns every warning into an error.
        for name in ("1", "2"):
            save(verdict.plot(), tmp_path / f"{name}.{kind}")
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("1", "2"))
        assert first == second
        assert len(first) > 10_000

    def test_a_file_is_replaced_whole(self, verdict, tmp_path):
        (tmp_path / "p.png").write_bytes(b"old")
        save(verdict.plot(), tmp_path / "p.png")
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
        assert [path.name for path in tmp_path.iterdir()] == ["p.png"]

    def test_names_are_not_mathematics(self, verdict, tmp_path):
        odd = verdict.prices.set_axis(["$a_{b", "_hidden"], axis=1)
        named = dataclasses.replace(verdict, asset="$a_{b", benchmark="_hidden", prices=odd)
        figure = named.plot()
        save(figure, tmp_path / "odd.png")
        assert [name.strip() for name in legend(figure.axes[0])] == [r"\$a_{b", "_hidden"]

    def test_no_global_state(self, verdict):
        before = dict(mpl.rcParams)
        verdict.plot()
        assert dict(mpl.rcParams) == before
        if "matplotlib.pyplot" in sys.modules:
            assert sys.modules["matplotlib.pyplot"].get_fignums() == []

    def test_callers_style_does_not_matter(self, verdict, tmp_path):
        save(verdict.plot(), tmp_path / "plain.png")
        with mpl.rc_context({"axes.facecolor": "black", "font.size": 20}):
            save(verdict.plot(), tmp_path / "styled.png")
        assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


class TestPanels:
    def test_each_draws_on_given_axes(self, verdict):
        figure = Figure()
        for ax, draw in zip(
            figure.subplots(4),
            (
                lambda ax: plot_prices(verdict.prices, ax=ax),
                lambda ax: plot_correlation(
                    verdict.correlation, verdict.episodes, reference=0.5, midpoint=None, ax=ax
                ),
                lambda ax: plot_forecast(
                    verdict.forecast, verdict.correlation, midpoint=0.2, fresh=(127, 252), ax=ax
                ),
                lambda ax: plot_probability(0.4, 0.1, (0.3, 0.5), ax=ax),
            ),
            strict=True,
        ):
            assert draw(ax) is ax

    def test_each_makes_its_own_figure(self, verdict):
        assert plot_prices(verdict.prices).figure is not plot_prices(verdict.prices).figure

    def test_bar_adds_to_one(self):
        ax = plot_probability(0.5, 0.2, (0.4, 0.7), label="undecided")
        assert sum(patch.get_height() for patch in ax.patches) == pytest.approx(1.0)
        assert ax.get_title(loc="left") == "Probability: undecided"

    @pytest.mark.parametrize("p", [0.0, 0.001, 0.5, 0.999, 1.0])
    def test_bar_labels_stay_inside(self, p):
        ax = plot_probability(p, 0.0, (max(p - 0.1, 0.0), min(p + 0.1, 1.0)))
        places = [text.get_position()[1] for text in ax.texts]
        assert min(places) >= 0.09
        assert max(places) <= 0.91

    def test_episodes_are_shaded(self, verdict):
        ax = plot_correlation(verdict.correlation, verdict.episodes, reference=0.5, midpoint=0.2)
        assert len(ax.patches) == len(verdict.episodes) > 0

    def test_frames_are_not_changed(self, verdict):
        before = verdict.correlation.copy()
        verdict.plot()
        pd.testing.assert_frame_equal(verdict.correlation, before)


def test_spread_keeps_order_and_distance():
    placed = spread([0.5, 0.1, 0.12], 0.1)
    assert placed[1] < placed[2] < placed[0]
    assert np.diff(sorted(placed)).min() >= 0.1 - 1e-9


def test_literal_shortens():
    assert len(literal("x" * 100)) == 28
