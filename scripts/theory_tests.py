"""Figures of the theory pages about tests and readings of a pair."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import comb
from theory_models import WIDTH, bundled, correlation_axis

import regimecorr as rc
from regimecorr.episodes.survival import kaplan_meier
from regimecorr.events import Gap, gap_pathways
from regimecorr.inference.proportions import proportion
from regimecorr.kernels.rolling import rolling_pearson
from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SILVER,
    SKY,
    VERMILLION,
    legend_above,
    new_figure,
)

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results"
#: Of the tests of a constant correlation: those of the figure, and their colours.
SHOWN = {
    "fluctuation": BLUE,
    "spearman": SKY,
    "sup_lm": VERMILLION,
    "engle_sheppard": GREEN,
    "bera_kim": ORANGE,
}


def record(name: str) -> dict:
    """Read a recorded result."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def constancy() -> Figure:
    """Power against the size of the test, by alternative."""
    power = record("constancy_size")["power"]
    levels = ("1%", "5%", "10%")
    figure = new_figure(WIDTH, 4.4)
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    size = [float(level.rstrip("%")) / 100.0 for level in levels]
    for ax, (title, block) in zip(axes.flat, power.items(), strict=True):
        ax.plot([0.0, *size], [0.0, *size], color=SILVER, linewidth=0.8, linestyle=":")
        for method, colour in SHOWN.items():
            found = block["default"][method]
            ax.errorbar(
                size,
                [found[level] for level in levels],
                yerr=[2.0 * found[f"{level}, s.e."] for level in levels],
                color=colour,
                marker="o",
                markersize=3,
                linewidth=1.1,
                label=method,
            )
        ax.set_title(fill(title, 26), fontsize=8.5)
        ax.set_ylim(-0.03, 1.03)
        ax.set_xticks([0.01, 0.05, 0.10])
    figure.supxlabel("size of the test", fontsize=9)
    figure.supylabel("share of rejections", fontsize=9)
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(SHOWN), frameon=False)
    return figure


def breaks() -> Figure:
    """Breaks of the bundled pair: segments, their intervals, and those of the dates."""
    returns = bundled()
    margins = rc.GARCH().fit(returns)
    found = rc.find_breaks(returns, margins=margins)
    z = margins.z
    rolled = pd.Series(rolling_pearson(*np.ascontiguousarray(z.T), 252), index=returns.index).iloc[
        ::5
    ]
    figure = new_figure(WIDTH, 3.0)
    ax = figure.subplots()
    ax.plot(rolled.index, rolled, color=GREY, linewidth=0.8, label="252 rows")
    for i, row in found.segments.iterrows():
        span = [row["first"], row["last"]]
        ax.fill_between(
            span, row["correlation_low"], row["correlation_high"], color=SKY, alpha=0.4, linewidth=0
        )
        name = "segment, 90 % interval" if i == 0 else None
        ax.plot(span, [row["correlation"]] * 2, color=BLUE, linewidth=1.8, label=name)
    for i, row in found.breaks.iterrows():
        name = "date, 90 % interval" if i == 0 else None
        ax.axvspan(row["lower"], row["upper"], color=VERMILLION, alpha=0.35, linewidth=0)
        ax.axvline(row["date"], color=VERMILLION, linewidth=1.2, label=name)
    correlation_axis(ax, -0.4, 0.8)
    ax.set_title("S&P 500 and WTI, residuals")
    legend_above(ax, 3)
    return figure


def monitoring() -> Figure:
    """Detector and boundary of a monitored pair whose correlation breaks."""
    world = rc.simulate("one_break", n_obs=900, rng=1)
    broken = int(world.parameters["row"])
    start = broken - 90
    watch = rc.monitor(world.returns, start=world.returns.index[start])
    bayes = rc.monitor(world.returns, start=world.returns.index[start], method="bayes")
    figure = new_figure(WIDTH, 4.0)
    top, bottom = figure.subplots(2, 1, sharex=True)
    rows = np.arange(len(watch.path))
    top.plot(rows, watch.path["detector"], color=BLUE, label="detector (page)")
    top.plot(rows, watch.path["boundary"], color=VERMILLION, label="boundary, 5 %")
    top.set_ylabel("detector")
    bottom.plot(
        bayes.path["changed"].to_numpy()[: len(rows) + 60],
        color=BLUE,
        label="level began since the start",
    )
    bottom.axhline(bayes.threshold, color=VERMILLION, label=f"threshold {bayes.threshold:g}")
    bottom.set_ylabel("probability")
    bottom.set_ylim(-0.02, 1.05)
    bottom.set_xlabel("row since the start")
    for ax, result in ((top, watch), (bottom, bayes)):
        ax.axvline(broken - start, color=INK, linewidth=1.0, linestyle=":", label="break")
        if result.alarm is not None:
            alarm = int(world.returns.index.get_loc(result.alarm)) - start
            ax.axvline(alarm, color=GREEN, linewidth=1.2, label="alarm")
        ax.set_xlim(0, 320)
        legend_above(ax, 4)
    return figure


def timing() -> Figure:
    """What closes hours apart take from each reading, and what it costs to get it back."""
    found = [row for row in record("timing")["correlations"] if row["rows"] == 252]
    readings = list(dict.fromkeys(row["reading"] for row in found))
    hours = sorted({row["hours"] for row in found})
    figure = new_figure(WIDTH, 3.0)
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(readings))[::-1].astype(float)
    for hour, colour, shift in zip(hours, (GREY, SKY, VERMILLION), (0.2, 0.0, -0.2), strict=True):
        mine = [row for row in found if row["hours"] == hour]
        name = f"{hour} hours apart"
        left.plot([r["bias"] for r in mine], places + shift, "o", color=colour, label=name)
        right.plot([r["rmse"] for r in mine], places + shift, "o", color=colour, label=name)
    left.axvline(0.0, color=SILVER, linewidth=0.8)
    left.set_yticks(places, readings)
    left.set_xlabel("bias against the true 0.5")
    right.set_xlabel("root mean squared error")
    right.set_xlim(0.0)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=3, frameon=False)
    return figure


def durations() -> Figure:
    """Kaplan-Meier curve of simulated spells against the law they were drawn from."""
    rng = np.random.default_rng(2)
    true = 60.0 * rng.weibull(0.7, 25)
    limit = rng.uniform(60.0, 300.0, true.size)
    rows, ended = np.ceil(np.minimum(true, limit)), true <= limit
    curve = kaplan_meier(rows, ended)
    at = np.linspace(0.0, 250.0, 251)
    figure = new_figure(WIDTH, 3.0)
    ax = figure.subplots()
    inside = curve[["lower", "upper"]].notna().all(axis=1)
    ax.fill_between(
        curve.index[inside],
        curve.loc[inside, "lower"],
        curve.loc[inside, "upper"],
        step="post",
        color=SKY,
        alpha=0.35,
        linewidth=0,
    )
    ax.step(
        curve.index,
        curve["survival"],
        where="post",
        color=BLUE,
        label=f"Kaplan-Meier, {len(rows)} spells, {int((~ended).sum())} open, 95 % band",
    )
    ax.plot(at, np.exp(-((at / 60.0) ** 0.7)), color=INK, linewidth=1.0, label="truth")
    ax.set_xlim(0, 250)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("rows since the entry")
    ax.set_ylabel("share still divergent")
    legend_above(ax, 2)
    return figure


def small_samples() -> Figure:
    """What k of k leaves possible, and the smallest p-value of a predictor that never failed."""
    counts = np.arange(1, 31)
    figure = new_figure(WIDTH, 2.9)
    left, right = figure.subplots(1, 2)
    exact = [proportion(int(k), int(k)) for k in counts]
    left.plot(counts, [p.lower for p in exact], "o", color=BLUE, markersize=3)
    left.set_ylim(0, 1.02)
    left.set_xlabel("k of k resolved")
    left.set_ylabel("share that is still possible")
    left.set_title("One-sided 95 % limit")
    size = np.arange(4, 21)
    smallest = [1.0 / comb(n, n // 2, exact=True) for n in size]
    right.semilogy(size, smallest, "o", color=VERMILLION, markersize=3)
    right.axhline(0.05, color=INK, linewidth=0.9, linestyle=":")
    ticks = (0.1, 0.01, 0.001, 0.0001, 0.00001)
    right.set_yticks(ticks, [f"{t:.5f}".rstrip("0") for t in ticks])
    right.minorticks_off()
    right.set_xlabel("episodes, evenly split")
    right.set_ylabel("p of a perfect rule")
    right.set_title("Smallest p-value")
    return figure


def levels() -> Figure:
    """Correlations of price levels over 252 rows, of walks with a known return correlation."""
    rng = np.random.default_rng(0)
    edges = np.linspace(-1.0, 1.0, 41)
    figure = new_figure(WIDTH, 2.9)
    left, right = figure.subplots(1, 2, sharey=True)
    for rho, colour in ((0.0, VERMILLION), (0.3, ORANGE), (0.5, BLUE)):
        z = rng.standard_normal((4000, 252, 2))
        z[:, :, 1] = rho * z[:, :, 0] + np.sqrt(1.0 - rho**2) * z[:, :, 1]
        for ax, values in ((left, np.cumsum(z, axis=1)), (right, z)):
            centred = values - values.mean(axis=1, keepdims=True)
            cross = (centred[:, :, 0] * centred[:, :, 1]).sum(axis=1)
            size = np.sqrt((centred**2).sum(axis=1).prod(axis=1))
            share, _ = np.histogram(cross / size, bins=edges)
            name = f"returns correlate {rho:g}"
            ax.stairs(share / len(z), edges, color=colour, label=name, linewidth=1.3)
    left.set_title("Correlation of levels")
    right.set_title("Correlation of returns")
    left.set_ylabel("share of samples")
    for ax in (left, right):
        ax.set_xlabel("sample correlation, 252 rows")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    return figure


def pathways() -> Figure:
    """How often the more volatile of two independent walks closes the gap."""
    ratios = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 5.0])
    figure = new_figure(WIDTH, 2.9)
    ax = figure.subplots()
    fine = np.linspace(1.0, 5.0, 101)
    ax.plot(fine, 2.0 / np.pi * np.arctan(fine), color=INK, linewidth=1.0, label="no horizon")
    rng = np.random.default_rng(0)
    for z, colour in ((0.75, SKY), (1.5, VERMILLION)):
        share = []
        for ratio in ratios:
            moves = rng.standard_normal((4000, 252, 2)) * [ratio, 1.0]
            # A year's standard deviation of a random gap about its own mean.
            sd = np.sqrt((ratio**2 + 1.0) * 252.0 / 6.0)
            start = Gap(-z * sd, -z, 0.0, sd)
            led = gap_pathways(start, moves)["pathway"]
            share.append((led == "asset-led").sum() / (led != "open").sum())
        ax.plot(ratios, share, "o", color=colour, label=f"252 rows, gap of {z:g} sd")
    ax.set_ylim(0.45, 1.0)
    ax.set_xlabel("volatility of the asset over that of the benchmark")
    ax.set_ylabel("closings led by the asset")
    ax.set_title("Independent walks")
    legend_above(ax, 3)
    return figure


TESTS = {
    "constancy": constancy,
    "breaks": breaks,
    "monitoring": monitoring,
    "timing": timing,
    "durations": durations,
    "small_samples": small_samples,
    "levels": levels,
    "pathways": pathways,
}
