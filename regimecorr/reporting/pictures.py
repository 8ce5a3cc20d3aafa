"""The pictures of a report: one list, each with a sentence on how to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateFormatter, AutoDateLocator
from matplotlib.figure import Figure

from regimecorr.formatting import day, percent, signed
from regimecorr.plotting import context as pictures
from regimecorr.plotting.overview import (
    draw_correlation,
    draw_forecast,
    draw_prices,
    draw_probability,
)
from regimecorr.plotting.panels import plot_prices
from regimecorr.plotting.regimes import plot_regimes
from regimecorr.plotting.resolution import plot_resolution
from regimecorr.plotting.style import legend_above, new_figure
from regimecorr.reporting.facts import BASIS_WORDS
from regimecorr.reporting.svg import inline_svg

if TYPE_CHECKING:
    from regimecorr.inference.context.result import Context
    from regimecorr.verdict import Verdict

#: Inches: letters of 9 points stay legible when a phone shows the whole width.
_WIDTH = 5.8
#: Share of that width beyond which a legend would squeeze the axes.
_LONG = 0.8


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, not drawn yet.

    Attributes
    ----------
    key : str
        Its anchor, and the prefix of its identifiers.
    title : str
        What it shows.
    reading : str
        One sentence on how to read it; the caption.
    said : str
        What it says today, for those who do not see it.
    draw : callable
        Returns a figure, or axes of one.
    """

    key: str
    title: str
    reading: str
    said: str
    draw: Callable[[], Figure | Axes]

    @property
    def svg(self) -> Markup:
        """The picture as markup; names in it are escaped."""
        described = f"{self.reading} {self.said}".strip()
        return Markup(inline_svg(self._drawn, self.key, self.title, described))

    def _drawn(self) -> Figure | Axes:
        """The picture, fit for a phone."""
        drawn = self.draw()
        if isinstance(drawn, Axes):
            _fit(drawn)
        return drawn


def verdict_pictures(v: Verdict) -> list[Picture]:
    """Return the pictures of a verdict, in the order of the report.

    Parameters
    ----------
    v : Verdict
        The verdict.

    Returns
    -------
    list of Picture
    """
    short, long = v.settings["short_window"], v.settings["long_window"]
    basis = BASIS_WORDS[v.basis]
    last = v.prices.iloc[-1] / v.prices.iloc[0]
    ahead = v.forecast.iloc[-1]
    pictures = [
        Picture(
            "picture-prices",
            "Prices",
            "Both prices start at 100; on this logarithmic scale equal distances are equal changes "
            "in percent.",
            f"On {day(v.as_of)}: {v.asset} {100 * last.iloc[0]:,.0f}, {v.benchmark} "
            f"{100 * last.iloc[1]:,.0f}.",
            lambda: draw_prices(v, _axes(2.6)),
        ),
        Picture(
            "picture-correlation",
            "Correlation",
            f"Correlation of {basis} over the last {short} and {long} rows, with what two models "
            "see; past divergences are shaded, and the bars span the rows that reference and "
            "midpoint are read on.",
            f"On {day(v.as_of)}: {short} rows {signed(v.r_short)}, {long} rows {signed(v.r_long)}, "
            f"reference {signed(v.reference)}; {len(v.episodes)} past divergences.",
            lambda: draw_correlation(v, _axes(3.6)),
        ),
        Picture(
            "picture-forecast",
            "Forecast",
            _forecast_reading(v),
            f"{len(v.forecast)} rows ahead: median {signed(ahead['q50'])}, 90% of paths "
            f"between {signed(ahead['q05'])} and {signed(ahead['q95'])}.",
            lambda: draw_forecast(v, _axes(3.3)),
        ),
        Picture(
            "picture-regimes",
            "Regimes",
            "The solid path and the upper strip use what was known on the day, the dashed path and "
            "the lower strip the full sample; the lines are the correlations of the regimes.",
            f"On {day(v.as_of)}: filtered {signed(v.correlation['regime_filtered'].iloc[-1])}.",
            lambda: plot_regimes(
                v.correlation, v.regimes, short_window=short, basis=v.basis, ax=_axes(3.6)
            ),
        ),
        Picture(
            "picture-resolution",
            "What the chart's rule would say",
            _resolution_reading(v),
            f"{len(v.forecast)} rows ahead: {percent(ahead['p_chart_resolved'])}.",
            lambda: plot_resolution(
                v.forecast,
                p_structural=v.p_structural,
                interval=v.interval,
                fresh=(v.settings["horizon"] // 2 + 1, v.settings["horizon"]),
                short_window=short,
                above=v.reference >= 0,
                ax=_axes(3.3),
            ),
        ),
        Picture(
            "picture-levels",
            "Correlation of price levels",
            "Levels wander, so their correlation swings between the extremes whether or not "
            "anything ties the two together.",
            v.levels.sentence(),
            lambda: v.levels.plot(ax=_axes(3.6)),
        ),
    ]
    if v.p_structural == v.p_structural:
        pictures.append(
            Picture(
                "picture-probability",
                "Probability",
                "One bar of 100%: structural below, transient above, of which hatched: unchanged; "
                "the whisker is the 90% interval.",
                f"Structural {percent(v.p_structural)}, {percent(v.interval[0])} to "
                f"{percent(v.interval[1])}.",
                lambda: draw_probability(v, _axes(3.2)),
            )
        )
    return pictures


def context_pictures(c: Context) -> list[Picture]:
    """Return the pictures of what surrounds the pair, in the order of the report.

    Parameters
    ----------
    c : Context
        The context.

    Returns
    -------
    list of Picture
    """
    names = (c.asset, c.benchmark)
    windows = (c.settings["short_window"], c.settings["long_window"])
    told: list[tuple[str, str, str, Callable[[], Axes]]] = [
        ("overlay", "Prices from a common start", "Both start at 100, on a logarithmic scale.",
         lambda: plot_prices(c.overlay, ax=_axes(2.6))),
        ("year", "Year over year", "Change since the same day of the year before.",
         lambda: pictures.plot_percent(c.year_over_year, "", ax=_axes(2.6))),
        ("drawdown", "Drawdown", "Distance from the highest price so far.",
         lambda: pictures.plot_percent(c.drawdown, "", ax=_axes(2.6))),
        ("rsi", "RSI, last 252 rows", "Above the band bought fast, below it sold fast.",
         lambda: pictures.plot_momentum(c.momentum, "rsi", names, ax=_axes(2.6))),
        ("macd", "MACD, last 252 rows", "Above zero the fast average of prices leads the slow one.",
         lambda: pictures.plot_momentum(c.momentum, "macd_percent", names, ax=_axes(2.6))),
        ("beta", "Rolling beta", f"Move of {c.asset} for a move of 1 of {c.benchmark}; the band is "
         "two standard errors.",
         lambda: pictures.plot_beta(c.beta, windows, ax=_axes(2.6))),
        ("gap", "Log-price gap", "In standard deviations from its own mean; closed in the band.",
         lambda: pictures.plot_gap(c.gap, c.settings["gap_opens"], ax=_axes(2.6))),
    ]  # fmt: skip
    if len(c.conditional):
        told.append(
            ("states", "Correlation by state", "Of returns, while a series was high or low at the "
             "close before; lines are 95% intervals.",
             lambda: pictures.plot_conditional(c.conditional,
                                               ax=_axes(1.0 + 0.2 * len(c.conditional))))
        )  # fmt: skip
    return [
        Picture(f"context-{key}", title, reading, "", draw) for key, title, reading, draw in told
    ]


def _forecast_reading(v: Verdict) -> str:
    where = "Where the pool of models expects the correlation of returns, row by row"
    if v.basis != "returns":
        return f"{where}; the answer about price levels is read off simulated prices instead."
    if v.state == "weak":
        return f"{where}."
    return (
        f"{where}; the answer is read in the shaded half, on one side of the midpoint or the other."
    )


def _resolution_reading(v: Verdict) -> str:
    side = "above" if v.reference >= 0 else "below"
    curve = (
        f"The curve: how likely the rolling correlation has been {side} zero by then, which it "
        "nearly always will"
    )
    if v.p_structural != v.p_structural:
        return f"{curve}."
    return f"{curve}; the bar across the shaded rows: how likely this verdict says transient."


def _axes(height: float) -> Axes:
    return new_figure(_WIDTH, height).subplots()


def _fit(ax: Axes) -> None:
    """Leave the title to the caption, and give dates and a long legend the room that they need."""
    ax.set_title("")
    if isinstance(ax.xaxis.get_major_locator(), AutoDateLocator):
        # With 4 ticks at least, 37 to 47 months would be too few years and too many months.
        locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(
            AutoDateFormatter(locator)  # type: ignore[no-untyped-call]
        )
    legend, figure = ax.get_legend(), cast(Figure, ax.get_figure(root=True))
    if legend is not None and legend.get_window_extent().width > _LONG * figure.bbox.width:
        labels = [text.get_text() for text in legend.get_texts()]
        legend_above(ax, -(-len(labels) // 2), list(legend.legend_handles), labels)
