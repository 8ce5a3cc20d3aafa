"""Calibrations: what was learned from past divergences by each year end, and what it then said."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.evaluation.calibration import Recalibration
from regimecorr.evaluation.forecaster import PanelForecast
from regimecorr.evaluation.samples import PanelRows
from regimecorr.events import Array
from regimecorr.files import replace_file

CalibrationName: TypeAlias = Literal["market", "simulated"]

VERSION = 1
RECORD = ("asset", "benchmark", "date", "matured", "p_structural", "structural")
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
    """

    before: str | None
    panel: PanelForecast
    coefficients: Recalibration
    n_outcomes: int
    n_structural: int

    @property
    def base_rate(self) -> float:
        """Share of structural among the outcomes that had matured."""
        return self.n_structural / self.n_outcomes

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "before": self.before,
            "panel": self.panel.to_dict(),
            "coefficients": self.coefficients.to_dict(),
            "n_outcomes": self.n_outcomes,
            "n_structural": self.n_structural,
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
        ``asset``, ``benchmark``, ``date``, ``matured``, ``p_structural``, ``structural`` (NaN while
        it has not matured).
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
        day = pd.Timestamp(as_of)
        usable = [v for v in self.vintages if v.before is None or pd.Timestamp(v.before) <= day]
        return usable[-1] if usable else None

    def said(self, p_raw: Array, rows: PanelRows) -> pd.DataFrame:
        """What the vintage in force said at each row, whatever came later.

        Parameters
        ----------
        p_raw : ndarray of shape (n,)
            Raw forecasts of the pool.
        rows : PanelRows
            Features at the rows.

        Returns
        -------
        DataFrame
            ``p_panel``, ``p_structural`` (NaN before the first vintage) and ``vintage``, its
            ``before``.
        """
        p = np.full((len(rows), 2), np.nan)
        which = np.full(len(rows), None, dtype=object)
        begins = [pd.Timestamp(v.before or pd.Timestamp.min) for v in self.vintages]
        for vintage, begin, end in zip(
            self.vintages, begins, [*begins[1:], pd.Timestamp.max], strict=True
        ):
            mine = np.asarray((rows.date >= begin) & (rows.date < end))
            panel = vintage.panel.chances(rows.take(mine))
            p[mine] = np.column_stack([panel, vintage.coefficients.apply(p_raw[mine], panel)])
            which[mine] = vintage.before
        out = pd.DataFrame(p, columns=["p_panel", "p_structural"])
        return out.assign(vintage=which)

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
        return cls._parsed(Path(path).read_text(encoding="utf-8"), str(path))

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
            record = record.astype({"p_structural": float, "structural": float})
            vintages = tuple(Vintage.from_dict(v) for v in body["vintages"])
            return cls(str(body["name"]), vintages, record, dict(body["source"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{origin} holds no calibration: {error!r}.") from error


@functools.cache
def shipped(name: CalibrationName) -> Calibration:
    """Return a calibration that comes with the package."""
    place = files("regimecorr.data") / "calibrations" / f"{name}.json"
    return Calibration._parsed(place.read_text(encoding="utf-8"), str(place))


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
