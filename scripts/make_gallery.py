"""Draw the pictures of docs/gallery.md and write the page's entries.

    python scripts/make_gallery.py [FOLDER_WITH_MARKET_DATA]

FOLDER holds ``eth_usd.csv``, ``iwm.csv`` and ``panel_daily.csv``; they are read, never copied.
Without it the pair is the S&P 500 and WTI, which arch ships, and the scan is of simulated prices.
Written are ``docs/_static/gallery_*.svg`` and the text between the markers of the page. The calls
on the page are the ones that draw.
"""

from __future__ import annotations

import argparse
import ast
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from make_validation import fill

import regimecorr as rc
from regimecorr.plotting import save

DOCS = Path(__file__).resolve().parents[1] / "docs"
STATIC = DOCS / "_static"
PAGE = DOCS / "gallery.md"
SCANNED = ["ETH", "BTC", "IWM", "SPY", "QQQ", "GLD", "TLT", "UUP_TR"]
STATES = ["VIX", "NFCI", "DTWEXBGS", "DGS10", "BAMLH0A0HYM2"]
LARGEST = 200_000  # bytes of a picture


class Picture(NamedTuple):
    """An entry of the page."""

    name: str  # of the file
    title: str
    reading: str
    call: str  # what draws, an expression of the setup's names
    file: str = ""  # a picture that another script makes
    made_by: str = ""  # that script


PICTURES = (
    Picture(
        "overview",
        "The verdict",
        "Prices, rolling correlations with past divergences, the forecast and the "
        "probability of one "
        "day, for a wide page: read the bar at the lower right last, it is what can be scored.",
        "v.plot()",
        "verdict.png",
        "make_readme.py",
    ),
    Picture(
        "prices",
        "Prices",
        "Both legs from 100 on a logarithmic scale, so that equal distances are equal percentages.",
        "rc.plotting.plot_prices(v.prices)",
    ),
    Picture(
        "correlation",
        "Rolling correlation",
        "The black bars are the reference and the midpoint, each over the rows that it is read "
        "on; a short correlation "
        "at or below zero while the reference is above it is a divergence (shaded).",
        "rc.plotting.plot_correlation(v.correlation, v.episodes, reference=v.reference, "
        "midpoint=v.midpoint)",
    ),
    Picture(
        "regimes",
        "Correlation and its regimes",
        "The solid green line and the upper strip use what was known on each day, the dashed "
        "line and the lower strip "
        "the full sample: where the strips differ, hindsight knew more.",
        "rc.plotting.plot_regimes(v.correlation, v.regimes)",
    ),
    Picture(
        "forecast",
        "Forecast",
        "The fan is the pool's conditional correlation ahead; what counts is on which side of "
        "the black bar, the "
        "midpoint, the correlation of the shaded rows will lie.",
        "rc.plotting.plot_forecast(v.forecast, v.correlation, midpoint=v.midpoint, fresh=(127, "
        "252))",
    ),
    Picture(
        "probability",
        "Probability",
        "The bar adds up to one, the whisker is the interval of the structural part, and the "
        "ticks are where the label "
        "changes.",
        "rc.plotting.plot_probability(v.p_structural, v.p_unchanged, v.interval, label=v.label, "
        "calibrated=v.calibrated)",
    ),
    Picture(
        "resolution",
        "Resolution",
        "The distance between the blue curve and the vermillion bar is what the chart's rule "
        "cannot tell: the rolling "
        "correlation will very likely be above zero again, which says little about a year on.",
        "rc.plotting.plot_resolution(v.forecast, durations.incidence, p_structural=v.p_structural, "
        "interval=v.interval, n_episodes=durations.n_episodes)",
    ),
    Picture(
        "episodes",
        "Episode atlas",
        "Every line is one divergence (here those of the chart of price levels) from 90 rows "
        "before its "
        "entry to 252 after, in the colour of its outcome; one that lasts today is bold.",
        "rc.plotting.plot_episodes(paths)",
    ),
    Picture(
        "pathways",
        "Pathways",
        "A point in the blue parts was closed by the asset, in the orange parts by the "
        "benchmark; hollow ones never "
        "closed within the horizon, and the scale is logarithmic beyond ten points.",
        "pathways.plot()",
    ),
    Picture(
        "levels",
        "Level audit",
        "The correlation of prices swings from one extreme to the other while that of returns "
        "moves slowly; below "
        "stands how much of what the chart of prices shows independent legs show too.",
        "audit.plot()",
    ),
    Picture(
        "claim_durations",
        "A claim against worlds",
        "The black steps are the record, the others what simulated histories show under each "
        "explanation: curves that "
        "lie together cannot be told apart by it.",
        "trial.plot()",
    ),
    Picture(
        "claim_worlds",
        "Episodes in every world",
        "The line is the observed number of episodes a year, each bar its range over histories "
        "of one world, and at "
        "the right stands the share that resolved.",
        "trial.plot_worlds()",
    ),
    Picture(
        "reliability",
        "Reliability",
        "A forecast is calibrated where the steps stay in the band around the diagonal; the "
        "strip counts the forecasts, "
        "dark where it came.",
        "rc.plotting.plot_reliability(reliability_curve(p, y), histogram=forecast_histogram(p, y))",
        "real_p_structural.svg",
        "make_track_record.py",
    ),
    Picture(
        "history",
        "Verdicts through time",
        "Each point is a verdict from what was known on its day; the dots tell what came, filled "
        "where it was structural, and neighbouring ones share most of their outcome.",
        "rc.history(prices, every=21).plot()",
        "history.svg",
        "make_readme.py",
    ),
    Picture(
        "weights",
        "Model weights",
        "The height of a colour is the weight of a family of models in the pool on that day.",
        "rc.plotting.plot_weights(rc.history(prices, every=21).weights)",
        "history_weights.svg",
        "make_readme.py",
    ),
    Picture(
        "scan",
        "Scan",
        "Each cell is a pair: the bluer the likelier transient, framed if it is broken now, "
        "hatched where nothing was "
        "established, so that there is no probability.",
        "found.plot()",
    ),
    Picture(
        "breadth",
        "Breadth",
        "The height is the share of established pairs that were broken in a week: many pairs break "
        "together, so those of one week are no independent cases.",
        "found.plot_breadth()",
    ),
    Picture(
        "beta",
        "Beta",
        "The band is two standard errors around the beta of the long window; that of the "
        "short one is "
        "noisier, as fewer returns enter it.",
        "rc.plotting.plot_beta(context.beta, (90, 252))",
    ),
    Picture(
        "conditional",
        "Correlation by state",
        "Each series splits the days by its state, high or low, at the close before; where "
        "the intervals "
        "of both colours overlap, the state tells little about the correlation.",
        "rc.plotting.plot_conditional(context.conditional)",
    ),
    Picture(
        "gap",
        "Price gap",
        "The z-score of the gap between the log prices: beyond the dotted lines a gap opens, in "
        "the grey band it is "
        "closed.",
        "rc.plotting.plot_gap(context.gap, 2.0)",
    ),
    Picture(
        "drawdown",
        "Drawdown",
        "How far each leg stands below its highest price so far.",
        'rc.plotting.plot_percent(context.drawdown, "Drawdown")',
    ),
    Picture(
        "momentum",
        "Momentum",
        "The RSI of both legs over the last year; outside the grey band a leg is called "
        "overbought or oversold.",
        'rc.plotting.plot_momentum(context.momentum, "rsi", (v.asset, v.benchmark))',
    ),
)
SETUP = """v = rc.assess(prices, as_of="{day}")
durations = rc.episode_durations(rc.find_episodes(prices, as_of="{day}"))
chart = {{"basis": "levels", "reference": "overlapping"}}
r = rc.rolling_correlation(prices, window=90, basis="levels")
paths = rc.episode_paths(r, rc.find_episodes(prices, **chart))
pathways = rc.episode_pathways(prices, **chart)
audit = rc.audit_levels(prices)
trial = rc.test_claim(prices, basis="levels", n_boot=500)
context = rc.context(prices, as_of="{day}", macro=macro)
found = rc.scan(panel, n_paths=1000)"""


def market(folder: Path) -> dict[str, Any]:
    """The pair, the table that is scanned, and series of the context."""
    closes = {
        name: pd.read_csv(folder / file, index_col=0, parse_dates=True)["close"]["2016":]
        for name, file in (("ETH", "eth_usd.csv"), ("IWM", "iwm.csv"))
    }
    panel = pd.read_csv(folder / "panel_daily.csv", index_col=0, parse_dates=True)
    macro = pd.read_csv(folder / "macro_daily.csv", index_col=0, parse_dates=True)
    macro = macro.join(panel["VIX"], how="outer")[STATES]
    prices = pd.DataFrame(closes).dropna()
    return {"prices": prices, "panel": panel[SCANNED].loc["2016":], "macro": macro}


def offline() -> dict[str, Any]:
    """The S&P 500 and WTI, four simulated assets, and no other series."""
    worlds = [rc.simulate("recurrent", n_obs=1500, rng=seed).prices for seed in (1, 2)]
    panel = pd.concat(worlds, axis=1).set_axis(list("ABCD"), axis=1)
    return {"prices": rc.datasets.load_spx_wti(), "panel": panel, "macro": None}


def draw(names: dict[str, Any]) -> None:
    """Draw what no other script draws; the calls are those of the page."""
    for picture in PICTURES:
        if picture.file or (picture.name == "conditional" and names["macro"] is None):
            continue
        file = STATIC / f"gallery_{picture.name}.svg"
        save(eval(picture.call, names).figure, file)  # the calls stand above
        if file.stat().st_size > LARGEST:
            raise SystemExit(f"{file.name} has {file.stat().st_size} bytes, more than {LARGEST}.")


def wrapped(call: str) -> str:
    """A call on one line, or one argument a line where that is too long for a phone."""
    found = ast.parse(call, mode="eval").body
    if len(call) <= 60 or not isinstance(found, ast.Call):
        return call
    # As they stand in the call: unparsing would change the quotes.
    arguments = [ast.get_source_segment(call, each) for each in (*found.args, *found.keywords)]
    function = ast.get_source_segment(call, found.func)
    return "\n".join([f"{function}(", *(f"    {a}," for a in arguments), ")"])


def entries(about: str, setup: str) -> list[str]:
    """The page's entries."""
    lines = [about, "", "```python", setup, "```", ""]
    for picture in PICTURES:
        file = picture.file or f"gallery_{picture.name}.svg"
        reading = picture.reading
        if picture.made_by:
            reading += f" Drawn by `scripts/{picture.made_by}`."
        lines += [f"## {picture.title}", "", *textwrap.wrap(reading, 118), ""]
        lines += [f"![{picture.title}](_static/{file})", ""]
        lines += ["```python", wrapped(picture.call), "```", ""]
    return lines[:-1]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="folder of market prices")
    folder = parser.parse_args().folder
    names = {"rc": rc} | (offline() if folder is None else market(folder))
    prices, panel = names["prices"], names["panel"]
    setup = SETUP.format(day="2014-06-13" if folder is None else "2023-11-14")
    exec(setup, names)
    draw(names)
    first, second = prices.columns
    scanned = ", ".join(panel.columns)
    about = (
        f"Here `prices` holds the closes of {first} and {second} on their common days from "
        f"{prices.index[0]:%Y-%m-%d} to {prices.index[-1]:%Y-%m-%d}, and `panel` those of "
        f"{'simulated assets' if folder is None else 'several assets'} ({scanned}), both as "
        "`rc.load_prices` returns them; `macro` holds series by day, such as the VIX, or is "
        "None. Then:"
    )
    text = fill(PAGE.read_text(encoding="utf-8"), "gallery",
                entries("\n".join(textwrap.wrap(about, 118)), setup))  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
