"""Make the bundled twin of Ethereum and the Russell 2000: estimate on real prices, simulate, write.

    python scripts/make_twin.py FOLDER_WITH_MARKET_DATA

FOLDER holds ``eth_usd.csv`` and ``russell2000.csv`` (columns date, close); they are read, never
copied. What is written is the estimated parameters (JSON) and *simulated* prices with the true
correlation path (CSV). With ``--from-parameters`` the estimation is skipped and the stored
parameters are simulated again. The seed is the first whose world ends with its short correlation
divergent or strained against an established reference, so that the example has a divergence to
judge.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.events import situation
from regimecorr.kernels.garch import garch_path
from regimecorr.kernels.paths import correlate

TWIN = Path(rc.__file__).parent / "data" / "twin"
START, END = "2016-01-04", "2026-08-20"
FIRST_PRICES = {"ETH": 1.0, "RUT": 1000.0}


def estimate(folder: Path) -> dict[str, object]:
    """GARCH-t margins and a two-regime correlation, both fitted by this package."""
    read = {
        n: pd.read_csv(folder / f, index_col=0, parse_dates=True)["close"]
        for n, f in (("ETH", "eth_usd.csv"), ("RUT", "russell2000.csv"))
    }
    pair = align({n: s[START:END] for n, s in read.items()}, asset="ETH", benchmark="RUT")
    margins = rc.GARCH().fit(pair.returns)
    regimes = rc.SwitchingCorrelation().fit(pair.returns, margins=margins)
    columns = ["mu", "omega", "alpha", "beta"]
    return {
        "estimated_on": f"{pair.report.first} to {pair.report.last}, {len(pair.returns)} returns",
        "model": (
            "GARCH(1,1) margins (Gaussian QML); two Markov regimes of correlation, bivariate t"
        ),
        "margins": {n: margins.params.loc[n, columns].round(8).to_dict() for n in margins.names},
        "regime_correlations": regimes.regime_correlations.round(6).tolist(),
        "transition": regimes.transition.round(8).to_numpy().tolist(),
        "nu": round(float(regimes.params["nu"]), 6),
    }


def simulate(parameters: dict[str, object], seed: int) -> pd.DataFrame:
    """One simulated world: prices and the true correlation of each return."""
    rng = np.random.default_rng(seed)
    holidays = USFederalHolidayCalendar().holidays(START, END)
    days = pd.bdate_range(START, END, freq="C", holidays=list(holidays), name="date")
    n = len(days) - 1
    transition = np.array(parameters["transition"])
    regime, path = 0, np.empty(n)
    for t, u in enumerate(rng.random(n)):
        regime = int(u > np.cumsum(transition[regime])[0])
        path[t] = parameters["regime_correlations"][regime]
    nu = float(parameters["nu"])
    shocks = rng.standard_normal((n, 2)) * np.sqrt((nu - 2.0) / rng.chisquare(nu, n))[:, None]
    z = correlate(shocks[None], path[None])[0]
    frame = pd.DataFrame(index=days)
    for leg, (name, first) in enumerate(FIRST_PRICES.items()):
        p = parameters["margins"][name]
        out = np.empty(n)
        variance = p["omega"] / (1.0 - min(p["alpha"] + p["beta"], 0.995))
        garch_path(z[:, leg].copy(), p["mu"], p["omega"], p["alpha"], 0.0, p["beta"], variance, out)
        frame[name] = first * np.exp(np.r_[0.0, np.cumsum(out)])
    frame["correlation"] = np.r_[np.nan, path]
    return frame


def ends_in_divergence(frame: pd.DataFrame) -> bool:
    """Whether the last row is divergent or strained."""
    returns = np.diff(np.log(frame[list(FIRST_PRICES)].to_numpy()), axis=0)
    here = situation(returns, 90, 252)
    return here.state in ("divergent", "strained")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--from-parameters", action="store_true")
    args = parser.parse_args()
    stored = TWIN / "twin_parameters.json"
    if args.from_parameters:
        parameters = json.loads(stored.read_text())
    elif args.folder:
        parameters = estimate(args.folder)
    else:
        parser.error("name the folder with the market data, or pass --from-parameters")
    seed = next(s for s in range(1, 1000) if ends_in_divergence(simulate(parameters, s)))
    parameters["seed"] = seed
    frame = simulate(parameters, seed)
    TWIN.mkdir(exist_ok=True)
    stored.write_text(json.dumps(parameters, indent=1) + "\n")
    lines = ["date,ETH,RUT,correlation"]
    for day, row in frame.iterrows():
        rho = "" if np.isnan(row["correlation"]) else f"{row['correlation']:.4g}"
        lines.append(f"{day:%Y-%m-%d},{row['ETH']:.6g},{row['RUT']:.6g},{rho}")
    table = TWIN / "eth_russell_twin.csv"
    table.write_text("\n".join(lines) + "\n")
    print(f"seed {seed}, {len(frame)} rows, {table.stat().st_size} bytes")


if __name__ == "__main__":
    main()
