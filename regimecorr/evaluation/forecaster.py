"""The panel forecaster: the fresh correlation from a shrunk regression over all pairs and dates."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.prices import PriceSource
from regimecorr.errors import DataError, ModelError, TooFewRowsError
from regimecorr.evaluation.features import (
    MEAN_FEATURES,
    SPREAD_FEATURES,
    STATE_FEATURES,
    FeatureWindows,
    PairFeatures,
    pair_features,
)
from regimecorr.evaluation.fresh_forecast import FreshForecast
from regimecorr.evaluation.panel import Panel, read_panel
from regimecorr.evaluation.panel_fit import (
    N_QUANTILES,
    Equations,
    Fitted,
    ForecastDiagnostics,
    diagnostics,
)
from regimecorr.evaluation.panel_state import panel_state
from regimecorr.evaluation.regression import Linear
from regimecorr.evaluation.samples import PanelRows, training_rows, with_room
from regimecorr.events import Array, situation

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelForecaster:
    """Specification of the panel forecaster.

    Attributes
    ----------
    every : int, default 21
        Rows between the rows of a pair that are learned from. Fewer add little: they overlap.
    penalty : float, default 0.1
        Of the ridge, relative to the number of rows; see `ridge`.
    mean : tuple of str
        Features of the mean: by default `MEAN_FEATURES`, pair data only. Those of
        `STATE_FEATURES` may be added; prediction then needs a panel, too.
    spread : tuple of str
        Features of the standard deviation, some of `SPREAD_FEATURES`; none: one for all.
    windows : FeatureWindows
        Windows in rows.
    n_folds : int, default 5
        Calendar blocks of the diagnostics; 0 for none.
    embargo_days : int, default 400
        Days around a block that are not learned from.

    Examples
    --------
    >>> import pandas as pd, regimecorr as rc
    >>> walks = {k: rc.simulate("recurrent", n_obs=3000, rng=k).prices for k in range(2)}
    >>> table = pd.concat([w.set_axis([f"{c}{k}" for c in w], axis=1) for k, w in walks.items()],
    ...                   axis=1)
    >>> forecast = PanelForecaster(n_folds=0).fit(table)
    >>> pair = walks[0].set_axis(["A", "B"], axis=1)
    >>> 0.0 < forecast.predict(pair).cdf(0.2) < 1.0
    True
    """

    every: int = 21
    penalty: float = 0.1
    mean: tuple[str, ...] = MEAN_FEATURES
    spread: tuple[str, ...] = SPREAD_FEATURES
    windows: FeatureWindows = field(default_factory=FeatureWindows)
    n_folds: int = 5
    embargo_days: int = 400

    def __post_init__(self) -> None:
        for name, least in (("every", 1), ("n_folds", 0), ("embargo_days", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ModelError(f"{name}={value!r} must be a whole number, at least {least}.")
            object.__setattr__(self, name, int(value))  # JSON knows no NumPy numbers
        if self.n_folds == 1:
            raise ModelError("n_folds=1 leaves nothing to learn from; use 0 or at least 2.")
        _ = self.equations  # which checks its own

    @property
    def equations(self) -> Equations:
        """What is fitted on the rows."""
        return Equations(self.mean, self.spread, self.penalty)

    def fit(self, panel: PriceSource | Panel, *, before: Any = None) -> PanelForecast:
        """Fit on all pairs and dates of a panel.

        Parameters
        ----------
        panel : DataFrame, dict of Series, path or Panel
            Prices of many assets; see `read_panel`.
        before : str, date or Timestamp, optional
            Use prices earlier than this day only: rows whose horizon had passed by then. Default:
            all.

        Returns
        -------
        PanelForecast

        Raises
        ------
        EstimationError
            If there are fewer than 20 rows a feature, or the features are collinear.
        DataError
            If the prices cannot be used.
        """
        whole = read_panel(panel)
        known = whole if before is None else whole.until(before)
        if not known.pairs:
            raise TooFewRowsError(
                f"No pair of the panel has enough rows before {before}; use a later day."
            )
        state = self.equations.uses_state
        rows = training_rows(known, self.windows, self.every, state=state)
        return self.fit_rows(rows, before=before)

    def fit_rows(
        self, rows: PanelRows, *, before: Any = None, by_calendar: bool = True
    ) -> PanelForecast:
        """Fit on rows that are already read; ``before`` is only recorded.

        ``by_calendar``: rows of one year share its shocks. Simulated pairs share nothing.
        """
        fitted = self.equations.fit(rows)
        measured = diagnostics(fitted, rows, self.n_folds, self.embargo_days)
        of_mean, of_log_sd = self.equations.covariances(rows, fitted, by_calendar=by_calendar)
        return PanelForecast(
            self,
            fitted.mean,
            fitted.log_sd,
            fitted.quantiles,
            _nested(of_mean),
            _nested(of_log_sd),
            None if before is None else f"{pd.Timestamp(before):%Y-%m-%d}",
            f"{rows.date.min():%Y-%m-%d}",
            f"{rows.matured.max():%Y-%m-%d}",
            measured,
        )


@dataclass(frozen=True, slots=True)
class PanelForecast:
    """A fitted panel forecaster: parameters only, no prices.

    Attributes
    ----------
    spec : PanelForecaster
        What was fitted.
    mean : Linear
        Mean of Fisher z of the fresh correlation, times the sign of the reference.
    log_sd : Linear
        Logarithm of its standard deviation.
    quantiles : tuple of float
        Quantiles of the standardised residuals at (i + 0.5) / 400.
    mean_covariance, log_sd_covariance : tuple of tuple of float
        Covariances of intercept and slopes, clustered by two calendar years (simulated pairs: by
        pair).
    before : str or None
        ISO date before which all prices were.
    first, trained_to : str
        ISO dates of the first row, and of the end of the last horizon, that were learned from.
    diagnostics : ForecastDiagnostics
        How well it forecasts.
    """

    spec: PanelForecaster
    mean: Linear
    log_sd: Linear
    quantiles: tuple[float, ...]
    mean_covariance: tuple[tuple[float, ...], ...]
    log_sd_covariance: tuple[tuple[float, ...], ...]
    before: str | None
    first: str
    trained_to: str
    diagnostics: ForecastDiagnostics

    @property
    def fitted(self) -> Fitted:
        """The parameters without their history."""
        return Fitted(self.spec.equations, self.mean, self.log_sd, self.quantiles)

    def moments(self, mean: Array, spread: Array) -> tuple[Array, Array]:
        """Mean and standard deviation (n,) of the oriented Fisher z at features of rows."""
        return self.fitted.moments(mean, spread)

    def chances(self, rows: PanelRows) -> Array:
        """Probability (n,) of structural by row; NaN where a feature is missing."""
        return self.fitted.chances(rows)

    def predict(
        self,
        prices: PriceSource,
        *,
        asset: str | None = None,
        benchmark: str | None = None,
        as_of: Any = None,
        panel: PriceSource | Panel | None = None,
    ) -> FreshForecast:
        """Forecast the fresh correlation of a pair from its own prices.

        Parameters
        ----------
        prices : DataFrame, dict of Series or path
            Prices of the pair; anything `load_prices` takes.
        asset, benchmark : str, optional
            Columns; may be omitted when there are two.
        as_of : str, date or Timestamp, optional
            Use rows on or before this date. A forecast is one only if that is not before
            ``trained_to``; at earlier dates it has seen what came.
        panel : DataFrame, dict of Series, path or Panel, optional
            Prices of many assets, of which rows to the same day are used; needed if, and only if,
            the panel's state is a feature. Its pairs should contain both legs.

        Returns
        -------
        FreshForecast

        Raises
        ------
        TooFewRowsError
            If there are fewer returns than the features need (594 by default).
        DataError
            If a leg did not move in one of the windows, or the panel does not tell its state on
            that day.
        ModelError
            If the panel's state is a feature and there is no panel, or the other way round.
        """
        pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of, min_rows=2)
        return self.of_pair(pair, panel)

    def of_pair(self, pair: AlignedPair, panel: PriceSource | Panel | None = None) -> FreshForecast:
        """Forecast a pair that is already aligned at its last row; see `predict`."""
        if self.spec.equations.uses_state is (panel is None):
            raise ModelError(
                "The panel's state is a feature of this forecast; pass panel=..."
                if panel is None
                else "The panel's state is no feature of this forecast; leave out panel."
            )
        returns = pair.returns.to_numpy()
        w = self.spec.windows
        if len(returns) < w.needed:
            raise TooFewRowsError(
                f"The pair has {len(returns)} returns; the features need {w.needed}. Pass a longer "
                "history or a later as_of."
            )
        features = pair_features(returns, w)
        if not features.ready[-1]:
            raise DataError(
                f"A leg did not move over a whole window, so {_missing(features)} do not exist at "
                f"{pair.dates[-1]:%Y-%m-%d}; use another date or other prices."
            )
        mean = with_room(features.mean[-1:])
        if panel is not None:
            mean[0, -len(STATE_FEATURES) :] = self._state(pair, panel)
        mu, sd = self.moments(mean, features.spread[-1:])
        used = self.spec.equations.columns(mean, features.spread[-1:])
        here = situation(returns, w.short, w.long)
        return FreshForecast(
            asset=pair.asset,
            benchmark=pair.benchmark,
            as_of=pair.dates[-1],
            state=here.state,
            r_short=here.r_short,
            reference=here.reference,
            sign=here.sign,
            midpoint=here.midpoint,
            mean_z=float(mu[0]),
            sd_z=float(sd[0]),
            mean_error=_error(self.mean_covariance, used[0][0]),
            log_sd_error=_error(self.log_sd_covariance, used[1][0]),
            residuals=self.quantiles,
        )

    def _state(self, pair: AlignedPair, panel: PriceSource | Panel) -> Array:
        day = pair.dates[-1]
        known = read_panel(panel).until(day + pd.Timedelta(days=1))
        state = panel_state(known, self.spec.windows)
        here = state.at(
            [(pair.asset, pair.benchmark)], np.zeros(1, dtype=np.int64), pair.dates[-1:]
        )
        wanted = [name in self.spec.mean for name in STATE_FEATURES]
        if not np.isfinite(here[0, wanted]).all():
            raise DataError(
                f"The panel does not tell its state for {pair.asset} / {pair.benchmark} on "
                f"{day:%Y-%m-%d}; it needs prices to that day, and other pairs of both legs."
            )
        out: Array = here[0]
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as a dictionary that JSON can hold."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PanelForecast:
        """Rebuild from `to_dict`, also after a passage through JSON.

        Raises
        ------
        ModelError
            If the version is not 1, or the parameters are incomplete or do not fit together.
        """
        if values.get("version") != VERSION:
            raise ModelError(
                f"version={values.get('version')!r} of a panel forecast is unknown; {VERSION} is "
                "read. Fit it again."
            )
        try:
            out = cls(**{f.name: _restore(f.name, values[f.name]) for f in fields(cls)})
        except (KeyError, TypeError) as error:
            raise ModelError(f"A panel forecast is incomplete: {error}. Fit it again.") from error
        steps = np.diff(out.quantiles)
        sizes = (len(out.spec.mean), len(out.spec.spread), N_QUANTILES)
        errors = (len(out.mean_covariance) - 1, len(out.log_sd_covariance) - 1, N_QUANTILES)
        if (
            sizes != (len(out.mean.slopes), len(out.log_sd.slopes), len(out.quantiles))
            or sizes != errors
            or not np.all(steps >= 0.0)
            or not np.all(np.isfinite([*out.quantiles, *out.mean.slopes, *out.log_sd.slopes]))
        ):
            raise ModelError("The parameters of a panel forecast do not fit together.")
        return out

    def summary(self) -> str:
        """Return what was learned from, and how well it forecasts, as text."""
        d = self.diagnostics
        lines = [
            f"Panel forecaster: {d.n_rows:,} rows of {d.n_pairs} pairs, {self.first} to "
            f"{self.trained_to}" + ("." if self.before is None else f", before {self.before}."),
            f"R2 of Fisher z of the fresh correlation: {d.r2:.3f} in the sample",
        ]
        if d.r2_out_of_fold is None:
            return "\n".join([lines[0], lines[1] + "."])
        lines[1] += f", {d.r2_out_of_fold:.3f} by calendar block."
        lines.append(
            "Outcomes by tenth of their forecast distribution (calibrated: 10 each): "
            + " ".join(f"{100 * share:.0f}" for share in d.pit)
            + f" %, distance {d.pit_distance:.3f}."
        )
        return "\n".join(lines)

    def table(self) -> pd.DataFrame:
        """Return the coefficients, by equation (``mean``, ``log_sd``) and feature."""
        rows = [("mean", "intercept", self.mean.intercept)]
        rows += [("mean", n, b) for n, b in zip(self.spec.mean, self.mean.slopes, strict=True)]
        rows += [("log_sd", "intercept", self.log_sd.intercept)]
        rows += [
            ("log_sd", n, b) for n, b in zip(self.spec.spread, self.log_sd.slopes, strict=True)
        ]
        frame = pd.DataFrame(rows, columns=["equation", "feature", "coefficient"])
        return frame.set_index(["equation", "feature"])


def _restore(name: str, value: Any) -> Any:
    if name == "spec":
        lists = {k: tuple(value[k]) for k in ("mean", "spread")}
        return PanelForecaster(**(value | lists | {"windows": FeatureWindows(**value["windows"])}))
    if name in ("mean", "log_sd"):
        return Linear(float(value["intercept"]), tuple(float(b) for b in value["slopes"]))
    if name == "diagnostics":
        return ForecastDiagnostics(**(value | {"pit": tuple(value["pit"])}))
    if name in ("mean_covariance", "log_sd_covariance"):
        return tuple(tuple(float(v) for v in row) for row in value)
    return tuple(float(q) for q in value) if name == "quantiles" else value


def _nested(matrix: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in matrix)


def _error(covariance: tuple[tuple[float, ...], ...], features: Array) -> float:
    """Standard error of intercept plus slopes times features."""
    at = np.r_[1.0, features]
    return float(np.sqrt(at @ np.array(covariance) @ at))


def _missing(features: PairFeatures) -> str:
    row = np.r_[features.mean[-1], features.spread[-1]]
    names = zip((*MEAN_FEATURES, *SPREAD_FEATURES), row, strict=True)
    return ", ".join(sorted({name for name, value in names if not np.isfinite(value)}))
