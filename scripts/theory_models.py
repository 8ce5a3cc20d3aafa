"""Figures of the theory pages about models: simulated pairs whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import regimecorr as rc
from regimecorr.kernels.rolling import rolling_pearson
from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    SILVER,
    SKY,
    VERMILLION,
    legend_above,
    new_figure,
)

WIDTH = 7.2
BAND = 1.959964


def bundled() -> pd.DataFrame:
    """Daily returns of the bundled pair, in percent."""
    return 100.0 * np.log(rc.datasets.load_spx_wti()).diff().dropna()


def correlation_axis(ax: Axes, low: float = -0.5, high: float = 1.0) -> None:
    """Label an axis of correlations."""
    ax.set_ylim(low, high)
    ax.axhline(0.0, color=SILVER, linewidth=0.8)
    ax.set_ylabel("correlation")


def families() -> Figure:
    """One year ahead of one history, by every family."""
    world = rc.simulate("one_break", n_obs=1500, rng=3)
    margins = rc.GARCH().fit(world.returns)
    specs = {
        "constant": rc.ConstantCorrelation(),
        "mean reverting (DCC)": rc.DCC(dist="t"),
        "recurrent regimes": rc.SwitchingCorrelation(),
        "permanent breaks": rc.BreakCorrelation(),
        "slow drift": rc.DriftingCorrelation(),
    }
    figure = new_figure(WIDTH, 3.3)
    axes = figure.subplots(1, len(specs), sharey=True)
    past, ahead = np.arange(-400, 1, 4), np.arange(1, 253, 7)
    truth = world.correlation.to_numpy()[past - 1]
    for ax, (title, spec) in zip(axes, specs.items(), strict=True):
        fitted = spec.fit(world.returns, margins=margins)
        paths = fitted.simulate(2000, 252, rng=0).correlation
        bands = np.quantile(paths[:, ahead - 1], [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        ax.plot(past, truth, color=VERMILLION, linewidth=1.0, label="truth")
        ax.plot(
            past, fitted.filtered.to_numpy()[past - 1], color=INK, linewidth=1.0, label="filtered"
        )
        ax.fill_between(
            ahead, bands[0], bands[4], color=BLUE, alpha=0.18, linewidth=0, label="5 to 95 %"
        )
        ax.fill_between(ahead, bands[1], bands[3], color=BLUE, alpha=0.3, linewidth=0)
        ax.plot(ahead, bands[2], color=BLUE, label="median of the simulated futures")
        ax.axvline(0.0, color=GREY, linewidth=0.8)
        ax.set_title(title.replace(" ", "\n", 1), fontsize=8.5)
        ax.set_xticks([-400, 0, 252])
        correlation_axis(ax, -0.4, 1.0)
        ax.label_outer()
    axes[2].set_xlabel("rows from today")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    return figure


def garch() -> Figure:
    """Returns of the S&P 500 through 2008 with twice the conditional volatility."""
    returns = bundled()
    margins = rc.GARCH().fit(returns)
    span = slice("2008-06", "2009-05")
    r, sd = returns.loc[span, "SPX"], margins.volatility.loc[span, "SPX"]
    z = margins.std_resid.loc[span, "SPX"]
    figure = new_figure(WIDTH, 3.6)
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.vlines(r.index, 0.0, r, color=GREY, linewidth=0.7)
    top.plot(sd.index, 2.0 * sd, color=VERMILLION, label="± 2 conditional sd, known the day before")
    top.plot(sd.index, -2.0 * sd, color=VERMILLION)
    top.set_ylabel("return, %")
    top.set_title("S&P 500")
    legend_above(top, 1)
    bottom.vlines(z.index, 0.0, z, color=BLUE, linewidth=0.7)
    bottom.axhline(2.0, color=SILVER, linewidth=0.8)
    bottom.axhline(-2.0, color=SILVER, linewidth=0.8)
    bottom.set_ylabel("standardized residual")
    return figure


def rolling() -> Figure:
    """A 90-row correlation of two series whose correlation never changes."""
    rng = np.random.default_rng(4)
    n, rho, window = 1000, 0.4, 90
    z = rng.standard_normal((n, 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    tails = z * np.sqrt(3.0 / rng.chisquare(5, n))[:, None]
    figure = new_figure(WIDTH, 3.0)
    ax = figure.subplots()
    half = BAND * (1.0 - rho**2) / np.sqrt(window)
    rows = np.arange(n)
    ax.fill_between(rows, rho - half, rho + half, color=PALE, linewidth=0)
    ax.axhline(rho, color=INK, linewidth=1.0)
    for series, colour, name in ((z, BLUE, "normal shocks"), (tails, VERMILLION, "t(5) shocks")):
        ax.plot(
            rows,
            rolling_pearson(*np.ascontiguousarray(series.T), window),
            color=colour,
            label=name,
            linewidth=1.0,
        )
    correlation_axis(ax, -0.1, 0.9)
    ax.set_xlabel("row")
    ax.set_title("True correlation 0.4, always")
    legend_above(ax, 2)
    return figure


def dcc() -> Figure:
    """Filtered correlation of a simulated DCC, with its bands, against the truth."""
    spec = rc.DCC(margins=None)
    start = rc.simulate("constant", n_obs=400, rng=0).std_resid
    known = spec.filter(start, {"a": 0.05, "b": 0.93})
    futures = known.replicate(1, rng=3, n_obs=1500)
    z = pd.DataFrame(futures.returns[0], columns=["A", "B"])
    bands = spec.fit(z).bands("A", "B").to_numpy()[900:]
    rows = np.arange(900, 1500)
    figure = new_figure(WIDTH, 3.0)
    ax = figure.subplots()
    ax.fill_between(rows, bands[:, 0], bands[:, 2], color=SKY, alpha=0.35, linewidth=0)
    ax.plot(rows, futures.correlation[0, 900:], color=INK, linewidth=1.0, label="truth")
    ax.plot(rows, bands[:, 1], color=BLUE, linewidth=1.1, label="filtered, 95 % band")
    correlation_axis(ax, -0.45, 0.9)
    ax.set_xlabel("row")
    ax.set_title("DCC, a = .05, b = .93")
    legend_above(ax, 2)
    return figure


def grid() -> Figure:
    """Filtered correlations of the grid models through one break, and what they learn of it."""
    world = rc.simulate("one_break", n_obs=1000, rng=12)
    z = world.std_resid
    models = {
        "constant": (rc.ConstantCorrelation(margins=None), GREY),
        "mean reverting": (rc.DriftingCorrelation(margins=None, kind="mean_reverting"), GREEN),
        "breaks": (rc.BreakCorrelation(margins=None), VERMILLION),
        "random walk": (rc.DriftingCorrelation(margins=None), BLUE),
    }
    figure = new_figure(WIDTH, 3.2)
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    rows = np.arange(len(z))
    left.plot(rows, world.correlation.to_numpy(), color=INK, linewidth=1.0, label="truth")
    for name, (spec, colour) in models.items():
        fitted = spec.fit(z)
        left.plot(rows, fitted.filtered.to_numpy(), color=colour, linewidth=1.1, label=name)
        if name == "breaks":
            odds = fitted.settings.groupby("hazard")[["prior", "posterior"]].sum()
    correlation_axis(left, -0.4, 1.0)
    left.set_xlabel("row")
    left.set_title("Filtered correlation", pad=22)
    legend_above(left, 5)
    places = np.arange(len(odds))[::-1]
    right.barh(places, odds["posterior"], color=VERMILLION, height=0.6, label="posterior")
    right.plot(odds["prior"], places, "|", color=INK, markersize=11, label="prior")
    right.set_yticks(places, [f"{1.0 / h:,.0f}" for h in odds.index])
    right.set_ylabel("expected rows between breaks")
    right.set_xlabel("probability")
    right.set_title("Breaks", pad=22)
    legend_above(right, 2)
    return figure


def switching() -> Figure:
    """Filtered and smoothed probability of the low regime, and when it held."""
    spec = rc.SwitchingCorrelation(margins=None)
    start = rc.simulate("constant", n_obs=400, rng=0).std_resid
    truth = {"rho_low": 0.0, "rho_high": 0.6, "p_low": 0.99, "p_high": 0.995, "nu": 8.0}
    made = spec.filter(start, truth).replicate(1, rng=8, n_obs=1500)
    z = pd.DataFrame(made.returns[0], columns=["A", "B"])
    fitted = spec.fit(z)
    low = made.correlation[0] < 0.3
    rows = np.arange(len(z))
    figure = new_figure(WIDTH, 3.0)
    ax = figure.subplots()
    ax.fill_between(rows, 0.0, 1.0, where=low, color=PALE, linewidth=0, step="mid", label="low")
    ax.plot(
        rows,
        fitted.filtered_probabilities["low"],
        color=ORANGE,
        linewidth=0.9,
        label="filtered: rows to t",
    )
    ax.plot(
        rows,
        fitted.smoothed_probabilities["low"],
        color=BLUE,
        linewidth=1.3,
        label="smoothed: all rows",
    )
    ax.set_ylim(-0.02, 1.02)
    ax.set_ylabel("probability of the low regime")
    ax.set_xlabel("row")
    legend_above(ax, 3)
    return figure


MODELS = {
    "models": families,
    "garch": garch,
    "rolling": rolling,
    "dcc": dcc,
    "grid": grid,
    "regimes": switching,
}
