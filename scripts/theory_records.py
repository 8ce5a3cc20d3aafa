"""Figures of the theory pages about pooling, calibration and scores, from recorded results."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from theory_models import WIDTH
from theory_tests import record

from regimecorr.evaluation.vintages import shipped
from regimecorr.plotting.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SILVER,
    VERMILLION,
    new_figure,
)


def bayes() -> Figure:
    """Ranks of the true parameters among posterior draws, by case."""
    found = record("sbc")
    figure = new_figure(WIDTH, 4.2)
    axes = figure.subplots(2, 3, sharey=True, sharex=True)
    bins = found["bins"]
    for ax, (title, case) in zip(axes.flat, found["cases"].items(), strict=True):
        n, expected = case["simulations"], 1.0 / bins
        half = 1.959964 * np.sqrt(expected * (1.0 - expected) / n)
        ax.axhspan(expected - half, expected + half, color=PALE, linewidth=0)
        ax.axhline(expected, color=SILVER, linewidth=0.8)
        for parameter in case["parameters"].values():
            share = np.array(parameter["counts"]) / n
            ax.plot(np.arange(1, bins + 1), share, color=BLUE, alpha=0.45, linewidth=0.9)
        ax.set_title(fill(f"{title} ({n})", 26), fontsize=8.5)
        ax.set_ylim(0.0, 0.3)
    figure.supxlabel("bin of the rank", fontsize=9)
    figure.supylabel("share of simulations", fontsize=9)
    return figure


def pool() -> Figure:
    """How often the 90 % interval held the true probability, by the member that made the world."""
    found = record("interval_coverage")
    names = ["all", *found["pool"]["by member"]]
    places = np.arange(len(names))[::-1].astype(float)
    figure = new_figure(WIDTH, 3.0)
    left, right = figure.subplots(1, 2, sharey=True)
    for part, colour, shift, name in (
        ("pool", BLUE, 0.12, "pool"),
        ("family", ORANGE, -0.12, "family known"),
    ):
        rows = [found[part], *found[part]["by member"].values()]
        left.errorbar(
            [r["coverage"] for r in rows],
            places + shift,
            xerr=[2.0 * r["error"] for r in rows],
            fmt="o",
            color=colour,
            markersize=4,
            linewidth=1.0,
            label=name,
        )
        right.plot([r["mean width"] for r in rows], places + shift, "o", color=colour)
    left.axvline(0.9, color=INK, linewidth=0.9, linestyle=":")
    left.set_xlim(0.55, 1.02)
    left.set_yticks(places, names)
    left.set_xlabel("share held, ± 2 standard errors")
    right.set_xlim(0.0, 0.7)
    right.set_xlabel("mean width")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False)
    return figure


def calibration() -> Figure:
    """Coefficients of the shipped vintages, with the error that the interval draws from."""
    vintages = shipped("market").vintages
    days = pd.to_datetime([v.before for v in vintages])
    figure = new_figure(WIDTH, 3.0)
    axes = figure.subplots(1, 3, sharex=True)
    names = ("constant", "pool", "panel forecast")
    for i, (ax, name, prior) in enumerate(zip(axes, names, (0.0, 0.0, 1.0), strict=True)):
        value = np.array([v.coefficients.coefficients[i] for v in vintages])
        error = np.sqrt([v.coefficients.covariance[i][i] for v in vintages])
        ax.fill_between(
            days,
            value - 2.0 * error,
            value + 2.0 * error,
            color=BLUE,
            alpha=0.15,
            linewidth=0,
            label="± 2 errors",
        )
        ax.plot(days, value, color=BLUE, marker="o", markersize=3, label="coefficient")
        ax.axhline(prior, color=VERMILLION, linewidth=0.9, linestyle=":", label="prior mean")
        ax.set_title(name)
        ax.set_xticks(pd.to_datetime(["2014", "2020", "2026"]), ["2014", "2020", "2026"])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def scores() -> Figure:
    """Levels of tests and intervals by years against those that take rows as independent."""
    found = record("score_tests")
    pairs = (
        ("Diebold-Mariano", "DM by years", "DM by lags"),
        ("interval of the skill", "skill", "skill, percentiles"),
        ("band of the ECE", "ECE by years", "ECE, independent"),
        ("band of the diagram", "diagram by years", "diagram, independent"),
    )
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots(1, len(pairs))
    shocks = sorted({row["shock"] for row in found["rows"]})
    for ax, (title, good, naive) in zip(axes, pairs, strict=True):
        for column, colour, name in ((good, BLUE, "by years"), (naive, VERMILLION, "naive")):
            for row in found["rows"]:
                cell = row["columns"][column]
                x = shocks.index(row["shock"]) + (-0.1 if row["years"] == 8 else 0.1)
                mark = "o" if row["common"] == 0 else "s"
                ax.plot(x, cell["share"], mark, color=colour, markersize=4, label=name)
        ax.axhline(found["levels"][good], color=INK, linewidth=0.9, linestyle=":")
        ax.set_xticks(range(len(shocks)), [f"{s:g}" for s in shocks])
        ax.set_title(title, fontsize=8.5)
        ax.set_xlim(-0.4, len(shocks) - 0.6)
    axes[0].set_ylabel("share (dotted: nominal)")
    figure.supxlabel("share of the outcomes' variance that a year has in common", fontsize=9)
    known = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(known.values(), known, loc="outside upper right", ncols=2, frameon=False)
    return figure


def forecaster() -> Figure:
    """Coefficients of the mean of the panel forecaster in force, in units of each feature."""
    panel = shipped("market").vintages[-1].panel
    names = list(panel.spec.mean)
    slopes = np.array(panel.mean.slopes)
    errors = np.sqrt(np.diag(np.array(panel.mean_covariance)))[1:]
    places = np.arange(len(names))[::-1]
    figure = new_figure(WIDTH, 3.2)
    ax = figure.subplots()
    ax.axvline(0.0, color=SILVER, linewidth=0.8)
    ax.errorbar(slopes, places, xerr=2.0 * errors, fmt="o", color=BLUE, markersize=4, ecolor=GREY)
    ax.set_yticks(places, names)
    ax.set_xlabel("slope of the fresh Fisher z, ± 2 standard errors by two calendar years")
    ax.set_title(f"Vintage of {panel.before}")
    return figure


RECORDS = {
    "bayes": bayes,
    "pool": pool,
    "calibration": calibration,
    "scores": scores,
    "forecaster": forecaster,
}
