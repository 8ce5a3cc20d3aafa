"""Calibrations: what was learned from past divergences by each year end, and what it then said."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from regimecorr.data.dates import parse_day
from regimecorr.errors import ModelError
from regimecorr.evaluation.calibration import Recalibration
from regimecorr.evaluation.forecaster import PanelForecast
from regimecorr.evaluation.samples import PanelRows
from regimecorr.events import Array
from regimecorr.files import replace_file

CalibrationName: TypeAlias = Literal["market", "simulated"]

VERSION = 1
RECORD = ("asset", "benchmark", "date", "matured", "p_structural", "base_rate", "structural")
#: States in which nothing has begun; `weak` has no probability.
OTHER_STATES = ("strained", "aligned")
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Vintage:
    """What was learned by a day, and is used from that day on.

    Attributes
    ----------
    before : str or None
        ISO date: every price that was learned from is earlier. None: not dated, because nothing in
        it comes from a market.
    panel : PanelForecast
        The panel forecaster.
    coefficients : Recalibration
        How the raw pool and the panel forecast are pooled.
    n_outcomes, n_structural : int
        Matured divergences, and how many of them were structural.
    state_rates : dict
        By state (``strained``, ``aligned``): share of structural among ordinary days in it.
    """

    before: str | None
    panel: PanelForecast
    coefficients: Recalibration
    n_outcomes: int
    n_structural: int
    state_rates: dict[str, float]

    def __post_init__(self) -> None:
        rates = {self.n_structural / max(self.n_outcomes, 1), *self.state_rates.values()}
        if self.n_outcomes < 1 or not all(0.0 <= r <= 1.0 for r in rates):
            raise ModelError(f"{self.n_structural} of {self.n_outcomes} outcomes is no share.")
        if set(self.state_rates) != set(OTHER_STATES):
            raise ModelError(f"state_rates={self.state_rates} must name {OTHER_STATES}.")
        if self.before is not None:
            parse_day(self.before, label="before")

    def base_rate(self, state: str = "divergent") -> float:
        """Share of structural among the outcomes of a state that had matured.

        Raises
        ------
        ModelError
            If the state is neither divergent, nor strained, nor aligned.
        """
        if state == "divergent":
            return self.n_structural / self.n_outcomes
        if state not in self.state_rates:
            raise ModelError(f"state={state!r} has no base rate; use divergent, {OTHER_STATES}.")
        return self.state_rates[state]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "before": self.before,
            "panel": self.panel.to_dict(),
            "coefficients": self.coefficients.to_dict(),
            "n_outcomes": self.n_outcomes,
            "n_structural": self.n_structural,
            "state_rates": self.state_rates,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Vintage:
        """Rebuild from `to_dict`."""
        return cls(
            values["before"],
            PanelForecast.from_dict(values["panel"]),
            Recalibration.from_dict(values["coefficients"]),
            int(values["n_outcomes"]),
            int(values["n_structural"]),
            {str(k): float(v) for k, v in values["state_rates"].items()},
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibration:
    """Dated vintages and the record of what they said.

    Attributes
    ----------
    name : str
        ``market``, ``simulated`` or ``own``.
    vintages : tuple of Vintage
        Ascending in time.
    record : DataFrame
        Past divergences at their entry, each with the probability of the vintage that was in force:
        ``asset``, ``benchmark``, ``date``, ``matured``, ``p_structural``, ``base_rate`` (of its
        vintage), ``structural`` (NaN while it has not matured).
    source : dict
        What it was made from: counts, dates, options; no prices.

    Examples
    --------
    >>> from regimecorr.evaluation.vintages import shipped
    >>> market = shipped("market")
    >>> market.at("2023-11-14").before
    '2023-01-01'
    >>> market.at("2001-01-01") is None
    True
    """

    name: str
    vintages: tuple[Vintage, ...]
    record: pd.DataFrame
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        days = [v.before for v in self.vintages]
        dated = [d for d in days if d is not None]
        if not days or (len(days) > 1 and len(dated) < len(days)) or dated != sorted(set(dated)):
            raise ModelError(f"The vintages {days} must ascend in time; one alone may be undated.")
        absent = set(RECORD) - set(self.record.columns)
        if absent:
            raise ModelError(f"The record lacks the columns {sorted(absent)}.")
        said = self.record[["p_structural", "base_rate"]].to_numpy(dtype=float)
        came = self.record["structural"].to_numpy(dtype=float)
        came = came[~np.isnan(came)]
        if not np.all((said >= 0.0) & (said <= 1.0)) or not np.isin(came, (0.0, 1.0)).all():
            raise ModelError("The record must hold probabilities and outcomes of 0 and 1.")

    def __repr__(self) -> str:
        days = [v.before for v in self.vintages if v.before is not None]
        span = f"vintages {days[0]} to {days[-1]}" if days else "not dated"
        return f"<Calibration {self.name}: {span}, {len(self.record)} forecasts on record>"

    def at(self, as_of: Any) -> Vintage | None:
        """Return the last vintage that knew no price of the day or later; None if there is none.

        Parameters
        ----------
        as_of : str, date or Timestamp
            Day of the forecast.
        """
        day = parse_day(as_of, label="as_of")
        usable = [v for v in self.vintages if v.before is None or pd.Timestamp(v.before) <= day]
        return usable[-1] if usable else None

    def said(self, p_raw: Array, rows: PanelRows) -> pd.DataFrame:
        """What the vintage in force said at each row; see `said_by`."""
        return said_by(self.vintages, p_raw, rows)

    def save(self, path: str | Path) -> Path:
        """Write JSON: parameters, probabilities and outcomes, no prices.

        Parameters
        ----------
        path : str or Path
            Where to write; an existing file is replaced.

        Returns
        -------
        Path
        """
        table = self.record.copy()
        for name in ("date", "matured"):
            table[name] = table[name].dt.strftime("%Y-%m-%d")
        columns = {c: [_plain(v) for v in table[c].to_numpy(dtype=object)] for c in RECORD}
        body = {
            "version": VERSION,
            "name": self.name,
            "source": self.source,
            "record": columns,
            "vintages": [_rounded(v.to_dict()) for v in self.vintages],
        }
        target = Path(path)
        replace_file(target, (json.dumps(body, allow_nan=False) + "\n").encode())
        return target

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Calibration

        Raises
        ------
        ModelError
            If it is no calibration of this version.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} cannot be read as a calibration: {error}.") from error
        return cls._parsed(text, str(path))

    @classmethod
    def _parsed(cls, text: str, origin: str) -> Calibration:
        try:
            body = json.loads(text)
            if body["version"] != VERSION:
                raise ModelError(
                    f"version={body['version']!r} of a calibration is unknown; {VERSION} is read. "
                    "Make it again with calibrate()."
                )
            record = pd.DataFrame({c: body["record"][c] for c in RECORD})
            for name in ("date", "matured"):
                record[name] = pd.to_datetime(record[name], format="%Y-%m-%d")
            record = record.astype(
                dict.fromkeys(("p_structural", "base_rate", "structural"), float)
            )
            vintages = tuple(Vintage.from_dict(v) for v in body["vintages"])
            return cls(str(body["name"]), vintages, record, dict(body["source"]))
        except ModelError as error:
            raise ModelError(f"{origin} holds no calibration: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{origin} holds no calibration: {error!r}.") from error


@functools.cache
def shipped(name: CalibrationName) -> Calibration:
    """Return a calibration that comes with the package."""
    place = files("regimecorr.data") / "calibrations" / f"{name}.json"
    return Calibration._parsed(place.read_text(encoding="utf-8"), str(place))


def calibration_of(wanted: CalibrationName | Calibration | None) -> Calibration | None:
    """Return what an argument ``calibration`` stands for.

    Raises
    ------
    ModelError
        If it is neither a name, nor a calibration, nor None.
    """
    if wanted is None or isinstance(wanted, Calibration):
        return wanted
    if not isinstance(wanted, str) or wanted not in get_args(CalibrationName):
        raise ModelError(
            f"calibration={wanted!r} is unknown; use 'market', 'simulated', what calibrate() "
            "returns, or None."
        )
    return shipped(wanted)


def said_by(vintages: tuple[Vintage, ...], p_raw: Array, rows: PanelRows) -> pd.DataFrame:
    """What the vintage in force said at each row, whatever came later.

    Parameters
    ----------
    vintages : tuple of Vintage
        Ascending in time.
    p_raw : ndarray of shape (n,)
        Raw forecasts of the pool.
    rows : PanelRows
        Features at the rows.

    Returns
    -------
    DataFrame
        ``p_panel``, ``p_structural`` (NaN before the first vintage), ``base_rate`` of
        divergences and ``vintage``, its ``before``.
    """
    p = np.full((len(rows), 3), np.nan)
    which = np.full(len(rows), None, dtype=object)
    begins = [pd.Timestamp(v.before or pd.Timestamp.min) for v in vintages]
    for vintage, begin, end in zip(vintages, begins, [*begins[1:], pd.Timestamp.max], strict=True):
        mine = np.asarray((rows.date >= begin) & (rows.date < end))
        panel = vintage.panel.chances(rows.take(mine))
        p[mine, 0] = panel
        p[mine, 1] = vintage.coefficients.apply(p_raw[mine], panel)
        p[mine, 2] = vintage.base_rate()
        which[mine] = vintage.before
    out = pd.DataFrame(p, columns=["p_panel", "p_structural", "base_rate"])
    return out.assign(vintage=which)


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    return round(float(value), _DIGITS) if isinstance(value, (float, np.floating)) else value


def _rounded(value: Any) -> Any:
    """Numbers to six significant digits, also in lists and dictionaries."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
