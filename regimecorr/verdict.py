"""The frozen answer of `assess`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regimecorr.errors import DataError
from regimecorr.evaluation.track_record import TrackRecord
from regimecorr.formatting import as_data, plain
from regimecorr.inference.levels import LevelAudit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from regimecorr.inference.claims.trial import ClaimsTable
    from regimecorr.inference.context.result import Context

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Whether the current divergence of a pair is transient or structural, with the reasons.

    Attributes
    ----------
    asset, benchmark : str
        The pair.
    as_of : Timestamp
        The last row used; nothing after it was.
    basis : {"returns", "levels", "log_levels"}
        What was correlated.
    state : {"weak", "divergent", "strained", "aligned"}
        How the short correlation stands to the reference.
    label : str
        In ``divergent`` or ``strained``: ``transient``, ``undecided`` or ``structural``; otherwise
        the state.
    p_structural, p_transient, p_unchanged : float
        Probabilities that, in the second half of the horizon, the correlation lies on the diverged
        side of the midpoint; that it does not; and (part of the second) that the low reading was
        sampling noise. NaN in state ``weak``.
    p_raw : float
        The weighted pool, before calibration.
    interval : tuple of float
        5 % and 95 % quantiles of ``p_structural`` over parameters, weights, break hazards and, if
        calibrated, what was learned.
    calibrated : bool
        Whether ``p_structural`` was calibrated on past outcomes.
    base_rate : float
        Share of structural among past days of this state that had matured: divergences at their
        entry, or ordinary days of strained or aligned pairs; NaN without a calibration.
    track_record : TrackRecord
        How often past forecasts of divergences like this one came true, as known on the day;
        without a calibration or a divergence its ``reason`` says why there is none.
    r_short, r_long, reference, midpoint : float
        Raw correlations and the frozen midpoint.
    models : DataFrame
        By member: family, prior, weight, p_structural, p_unchanged, score, converged, reason (why
        it failed, otherwise empty), note (what a healthy one has to say, such as that it did not
        converge); then the panel forecaster, with its vintage or why it is missing, and the final
        row, whose note is how both were pooled, or ``raw pool``.
    regimes : DataFrame
        By regime: correlation, probability today, expected duration, chance of staying without
        interruption for 21, 63, 126 and 252 rows; each with 5 % and 95 % bounds.
    correlation : DataFrame
        By date: ``r_short``, ``r_long``, ``dcc`` (to t - 1), ``regime_filtered`` (to t),
        ``regime_smoothed`` (full sample).
    forecast : DataFrame
        By row ahead: quantiles of the conditional correlation and ``p_chart_resolved``, the chance
        that the rolling short correlation has been above zero by then (the chart's rule, easy by
        construction).
    episodes : DataFrame
        Past divergences; see `find_episodes`.
    levels : LevelAudit
        What a chart of price levels shows, and how much of it without any relationship.
    gap : DataFrame
        How the log-price gap closes within the horizon, by pathway: shares of paths under the
        pool (``p``, of which ``p_up`` and ``p_down`` by the direction of the leg that leads) and
        under independent random walks (``p_random_walk``, ``p_random_walk_up``,
        ``p_random_walk_down``); ``attrs`` hold its level and z-score.
    sensitivity : DataFrame
        ``r_short``, ``reference``, ``state`` and ``p_raw`` for other windows and for 3-day and
        weekly returns.
    data : dict
        Provenance and alignment.
    settings : dict
        Arguments of the call; ``rng`` is None unless it was a seed.
    prices : DataFrame of shape (n_obs + 1, 2)
        The aligned prices.
    idata : dict
        ArviZ data of the sampled members; empty with ``method="pool"``.
    reason : str
        Why there is no probability, empty when there is one.
    """

    asset: str
    benchmark: str
    as_of: pd.Timestamp
    basis: str
    state: str
    label: str
    p_structural: float
    p_transient: float
    p_unchanged: float
    p_raw: float
    interval: tuple[float, float]
    calibrated: bool
    base_rate: float
    r_short: float
    r_long: float
    reference: float
    midpoint: float
    models: pd.DataFrame
    regimes: pd.DataFrame
    correlation: pd.DataFrame
    forecast: pd.DataFrame
    episodes: pd.DataFrame
    levels: LevelAudit
    gap: pd.DataFrame
    sensitivity: pd.DataFrame
    track_record: TrackRecord
    data: dict[str, Any]
    settings: dict[str, Any]
    prices: pd.DataFrame
    idata: dict[str, Any]
    reason: str = ""

    def summary(self) -> str:
        """Return the verdict as about thirty lines of text.

        Returns
        -------
        str
        """
        from regimecorr.reporting.text import summary_text

        return summary_text(self)

    def plot(self) -> Figure:
        """Draw the verdict on one figure.

        Returns
        -------
        Figure
            Prices, correlations with past divergences, forecast fan and probabilities.
        """
        from regimecorr.plotting.overview import overview

        return overview(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but prices and posterior draws as JSON-serialisable data.

        Returns
        -------
        dict
            ``schema_version`` tells the layout; numbers that do not exist are None.
        """
        out = as_data(self, SCHEMA_VERSION, leave=("prices", "idata"))
        return out | {"gap_today": plain(dict(self.gap.attrs))}

    def to_html(
        self,
        path: str | Path,
        *,
        context: Context | bool = True,
        claims: ClaimsTable | bool = False,
    ) -> Path:
        """Write one self-contained HTML file.

        Parameters
        ----------
        path : str or Path
            Where to write.
        context : Context or bool, default True
            What surrounds the pair, shown apart from the probability. True: made from the verdict's
            own prices, on the days that both assets share; pass that of `regimecorr.context` to
            have macro series in it, and the momentum of an asset that trades on more days. False:
            none.
        claims : ClaimsTable or bool, default False
            The published claims on trial. True: `regimecorr.test_claims` of the verdict's own
            prices, in some seconds; pass what it returns to have a peer, a market, macro series or
            claims of your own in it. False: none.

        Returns
        -------
        Path

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        DataError
            If context or claims are those of another pair or day, the context was made from other
            prices, or they are none.

        Examples
        --------
        >>> import regimecorr as rc
        >>> import tempfile
        >>> from pathlib import Path
        >>> world = rc.simulate("one_break", n_obs=1200, rng=3)
        >>> v = rc.assess(world.prices, calibration=None, n_paths=400)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = v.to_html(Path(folder) / "report.html", context=False)
        ...     page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
        True
        """
        from regimecorr.reporting.html import write_html

        return write_html(self, Path(path), self._context(context), self._claims(claims))

    def _context(self, given: Context | bool) -> Context | None:
        """The context to show; of this pair and day."""
        if given is True:
            from regimecorr.inference.context.build import context

            windows = ("short_window", "long_window", "horizon")
            return context(self.prices, **{name: self.settings[name] for name in windows})
        if given is False:
            return None
        from regimecorr.inference.context.result import Context

        if not isinstance(given, Context):
            raise DataError(
                f"context is {given!r}; pass True, False, or what `regimecorr.context` returns."
            )
        self._check_same("The context is that", given.asset, given.benchmark, given.as_of)
        if not given.prices.equals(self.prices):
            raise DataError(
                "The context was made from other prices than the verdict; make both from the same "
                "table."
            )
        return given

    def _claims(self, given: ClaimsTable | bool) -> ClaimsTable | None:
        """The trial to show; of this pair and day."""
        from regimecorr.inference.claims.trial import ClaimsTable, test_claims

        if given is True:
            return test_claims(self.prices)
        if given is False:
            return None
        if not isinstance(given, ClaimsTable):
            raise DataError(
                f"claims is {given!r}; pass True, False, or what `regimecorr.test_claims` returns."
            )
        o = given.options
        self._check_same("The claims are those", o["asset"], o["benchmark"], o["last"])
        return given

    def _check_same(self, what: str, asset: str, benchmark: str, as_of: pd.Timestamp) -> None:
        """Refuse what belongs to another pair or day."""
        if (asset, benchmark, as_of) != (self.asset, self.benchmark, self.as_of):
            raise DataError(
                f"{what} of {asset}/{benchmark} on {as_of:%Y-%m-%d}, the verdict that of "
                f"{self.asset}/{self.benchmark} on {self.as_of:%Y-%m-%d}; make both with the same "
                "assets and as_of."
            )

    def __repr__(self) -> str:
        head = f"<Verdict {self.asset}/{self.benchmark} {self.as_of:%Y-%m-%d}: {self.state}"
        if self.label != self.state:
            head += f", {self.label}"
        if np.isfinite(self.p_structural):
            head += f", p_structural={self.p_structural:.2f}"
        return f"{head}>"
