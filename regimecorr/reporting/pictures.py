"""The pictures of a report: one list, each with a sentence on how to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regimecorr.formatting import day, percent, signed
from regimecorr.plotting import overview
from regimecorr.plotting.style import new_figure
from regimecorr.reporting.facts import BASIS_WORDS
from regimecorr.reporting.svg import inline_svg

if TYPE_CHECKING:
    from regimecorr.inference.context.result import Context
    from regimecorr.verdict import Verdict

#: Inches; 9-point letters are legible at this width on a phone.
_WIDTH = 7.2


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
        return Markup(inline_svg(self.draw, self.key, self.title, described))


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
            lambda: overview.draw_prices(v, _axes(2.9)),
        ),
        Picture(
            "picture-correlation",
            "Correlation",
            f"Correlation of {basis} over the last {short} and {long} rows, with what two models "
            "see; past divergences are shaded, and the black bars span the rows that reference and "
            "midpoint are read on.",
            f"On {day(v.as_of)}: {short} rows {signed(v.r_short)}, {long} rows {signed(v.r_long)}, "
            f"reference {signed(v.reference)}; {len(v.episodes)} past divergences.",
            lambda: overview.draw_correlation(v, _axes(3.9)),
        ),
        Picture(
            "picture-forecast",
            "Forecast",
            "Where the pool of models expects the correlation of returns, day by day; the answer is "
            "read in the shaded second half, on one side of the black midpoint or the other.",
            f"{len(v.forecast)} rows ahead: median {signed(ahead['q50'])}, 90% of paths "
            f"between {signed(ahead['q05'])} and {signed(ahead['q95'])}.",
            lambda: overview.draw_forecast(v, _axes(3.6)),
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
                lambda: overview.draw_probability(v, _axes(3.4, 4.2)),
            )
        )
    return pictures


def context_picture(context: Context) -> Picture:
    """Return the picture of what surrounds the pair."""
    by_state = "; correlation by state" if len(context.conditional) else ""
    return Picture(
        "picture-context",
        "What surrounds the pair",
        "Prices from a common start, returns since the year before, drawdowns, momentum, beta and "
        f"the price gap{by_state}.",
        "",
        context.plot,
    )


def _axes(height: float, width: float = _WIDTH) -> Axes:
    return new_figure(width, height).subplots()
