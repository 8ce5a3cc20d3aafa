"""Many pairs: the same figures as `assess`, whatever the order, the company and the workers."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config, register_parallel_backend
from joblib._parallel_backends import ThreadingBackend

import regimecorr as rc
from regimecorr.errors import (
    AsOfError,
    DuplicateAssetError,
    FailedPairsWarning,
    ModelError,
    UncalibratedWarning,
    UnknownAssetError,
    WindowError,
)
from regimecorr.evaluation.panel import read_panel
from regimecorr.scanning import stream
from regimecorr.scanning.pair import job_of, row_of
from regimecorr.scanning.rows import blank_row, columns_of

PATHS = 400
PAIRS = [("A", "B"), ("A", "D"), ("C", "D")]
RAW = {"pairs": PAIRS, "n_paths": PATHS, "calibration": None}
FIGURES = (
    *("as_of", "state", "label", "p_structural", "p_transient", "p_unchanged", "p_raw"),
    *("calibrated", "base_rate", "r_short", "r_long", "reference", "midpoint", "reason"),
)


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """Two simulated pairs of 2011 to 2014; A / B is divergent, C / D not."""
    worlds = [rc.simulate("recurrent", n_obs=800, rng=seed).prices for seed in (1, 4)]
    table = pd.concat([worlds[0], worlds[1].set_axis(["C", "D"], axis=1)], axis=1)
    return table.set_axis(table.index + pd.Timedelta(days=4100), axis=0)


@pytest.fixture(scope="module")
def found(panel) -> rc.Scan:
    return rc.scan(panel, **RAW)


def same(first: rc.Scan, second: rc.Scan) -> None:
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)
    pd.testing.assert_frame_equal(first.share, second.share, check_exact=True)


class TestRow:
    @pytest.mark.parametrize("options", [{}, {"calibration": None, "as_of": "2014-01-02"}])
    def test_is_the_verdict_of_assess(self, panel, options):
        pairs = [("A", "B"), ("D", "A")] if options else [("A", "B")]
        scanned = rc.scan(panel, pairs=pairs, n_paths=PATHS, rng=3, **options)
        assert len(scanned.table) == len(pairs)
        for row in scanned.table.itertuples():
            verdict = rc.assess(
                panel,
                asset=row.asset,
                benchmark=row.benchmark,
                n_paths=PATHS,
                rng=row.seed,
                **options,
            )
            for name in FIGURES:
                told, mine = getattr(verdict, name), getattr(row, name)
                assert mine == told or (np.isnan(mine) and np.isnan(told)), name
            assert np.array_equal((row.low, row.high), verdict.interval, equal_nan=True)
            weights = verdict.models.groupby("family")["weight"].sum()
            assert row.weight_mean_reverting == pytest.approx(weights["mean_reverting"])
            assert row.weight_break == pytest.approx(weights["break"])

    def test_the_test_is_the_one_of_the_two_windows(self, panel, found):
        """The residuals of the last 342 rows, split where the short window begins."""
        row = found.table[(found.table["asset"] == "A") & (found.table["benchmark"] == "B")]
        returns = np.log(panel[["A", "B"]]).diff().dropna()
        z = np.asarray(rc.GARCH().fit(returns).z)[-342:]
        test = rc.test_constancy(z, method="known_date", margins=None, date=252)
        assert row["pvalue"].item() == pytest.approx(test.pvalue, abs=1e-12)
        assert row["after"].item() == pytest.approx(np.corrcoef(z[252:].T)[0, 1], abs=1e-10)
        assert row["before"].item() == pytest.approx(np.corrcoef(z[:252].T)[0, 1], abs=1e-10)

    def test_since_is_the_first_day_of_the_spell(self, panel, found):
        """By a plain loop over the days, each with `assess`'s own definition of the state."""
        from regimecorr.events import situation

        breaking = found.breaking
        assert len(breaking) >= 1
        for row in breaking.itertuples():
            values = np.log(panel[[row.asset, row.benchmark]]).diff().dropna()
            n = len(values)
            while situation(values.to_numpy()[:n], 90, 252).state in ("divergent", "strained"):
                n -= 1
            assert row.since == values.index[n]
            assert row.spell_rows == len(values) - n
            assert row.spell_days == (values.index[-1] - values.index[n]).days

    def test_short_windows_have_no_test(self, panel):
        one = rc.scan(
            panel,
            pairs=[("A", "B")],
            n_paths=PATHS,
            calibration=None,
            short_window=20,
            long_window=60,
            horizon=60,
        )
        assert one.table["pvalue"].isna().all()
        assert one.table["q_by"].isna().all()
        assert not one.table["failed"].any()

    def test_later_prices_change_nothing(self, panel):
        day = panel.index[-60]
        options = {"pairs": [("A", "B")], "n_paths": PATHS, "calibration": None}
        changed = panel.copy()
        changed.iloc[-59:] *= 1.7
        same(rc.scan(panel, as_of=day, **options), rc.scan(changed, as_of=day, **options))


class TestOrderAndCompany:
    def test_neither_changes_a_figure(self, panel, found):
        pairs = [("C", "D")]
        fewer = rc.scan(panel, pairs=pairs, n_paths=PATHS, calibration=None).table
        all_together = found.table.set_index(["asset", "benchmark"])
        alone = fewer.set_index(["asset", "benchmark"])
        # What is adjusted over the pairs of a scan is another figure for other pairs.
        own = [c for c in fewer if c not in ("asset", "benchmark", "q_bh", "q_by", "false_share")]
        pd.testing.assert_frame_equal(
            alone.loc[pairs, own], all_together.loc[pairs, own], check_exact=True
        )

    def test_seeds_differ_by_pair_and_by_seed(self, panel, found):
        assert found.table["seed"].is_unique
        other = job_of(panel, ("A", "B"), panel.index[-1], OPTIONS, 1).seed
        assert other not in set(found.table["seed"])

    def test_processes(self, panel, found):
        same(found, rc.scan(panel, n_jobs=2, **RAW))

    def test_threads_keep_their_warnings_apart(self, panel):
        """A price that stands still is noted with its own pairs, whoever works beside."""
        stale = panel.copy()
        stale.iloc[300:330, 3] = stale.iloc[300, 3]
        before = list(warnings.filters)
        with parallel_config(backend="threading", n_jobs=3):
            threads = rc.scan(stale, **RAW)
        assert list(warnings.filters) == before
        with_d = (threads.table[["asset", "benchmark"]] == "D").any(axis=1)
        noted = threads.table["notes"].str.contains("D keeps one price for 29 rows")
        assert noted.tolist() == with_d.tolist()
        same(rc.scan(stale, **RAW), threads)

    def test_a_panel_brings_its_pairs(self, panel, cheap):
        pairs = [("A", "C"), ("B", "C")]
        whole = read_panel(panel, pairs=pairs)
        same(rc.scan(whole), rc.scan(panel, pairs=pairs))
        with pytest.raises(ModelError, match="has its pairs already"):
            rc.scan(whole, pairs=pairs)


class Lists(ThreadingBackend):
    """A backend that cannot stream."""

    supports_retrieve_callback = False


@pytest.fixture
def cheap(monkeypatch):
    """Rows that cost nothing, for workers of this process."""

    def fake(job):
        row = blank_row(columns_of(job.options))
        asset, benchmark = job.names
        p = job.seed % 1000 / 1000
        return row | {
            "asset": asset,
            "benchmark": benchmark,
            "as_of": f"{job.as_of:%Y-%m-%d}",
            "state": ("divergent", "strained", "aligned", "weak")[job.seed % 4],
            "p_structural": p,
            "pvalue": p**2,
            "seed": job.seed,
            "inputs": job.inputs,
        }

    monkeypatch.setattr(stream, "row_of", fake)


class TestBackends:
    def test_one_that_cannot_stream_works_in_batches(self, panel, cheap):
        register_parallel_backend("lists", Lists)
        with pytest.raises(ValueError, match="does not support return_as"):
            stream.Parallel(backend="lists", return_as="generator_unordered")
        expected = rc.scan(panel)
        same(expected, rc.scan(panel, backend="lists", n_jobs=2))
        with parallel_config(backend="lists", n_jobs=2):
            same(expected, rc.scan(panel))

    def test_unknown(self, panel):
        with pytest.raises(ModelError, match=r"backend='no_such' cannot be used"):
            rc.scan(panel, backend="no_such")


class TestBadPairs:
    def test_a_bad_column_fails_with_its_own_pairs(self, panel):
        bad = panel.assign(
            RETURNS=panel["A"].pct_change().fillna(0.01),
            FLAT=100.0,
            YOUNG=panel["B"].where(panel.index >= panel.index[-100]),
            DEAD=panel["C"].where(panel.index < panel.index[-200]),
        )
        pairs = [("A", "B")] + [("A", n) for n in ("RETURNS", "FLAT", "YOUNG", "DEAD")]
        with pytest.warns(FailedPairsWarning, match="4 of 5 pairs have no verdict; `reason`"):
            scanned = rc.scan(bad, pairs=pairs, n_paths=PATHS, calibration=None)
        reasons = scanned.failed.set_index("benchmark")["reason"]
        assert set(reasons.index) == {"RETURNS", "FLAT", "YOUNG", "DEAD"}
        assert "RETURNS looks like returns" in reasons["RETURNS"]
        assert "FLAT" in reasons["FLAT"]
        assert "100" in reasons["YOUNG"]
        assert "days after the last common row" in reasons["DEAD"]
        assert not scanned.failed["unexpected"].any()
        good = scanned.table.iloc[0]
        alone = rc.scan(panel, pairs=[("A", "B")], n_paths=PATHS, calibration=None).table.iloc[0]
        assert good["p_structural"] == alone["p_structural"]
        text = scanned.summary()
        assert "No verdict for 4 pairs" in text
        assert "A / DEAD: as_of is" in text

    def test_unexpected_errors_are_rows_with_their_type_and_place(self, panel, monkeypatch):
        real = rc.scanning.pair.look_ahead

        def look_ahead(question, streams):
            if question.pair.benchmark == "C":
                return 1 / 0
            return real(question, streams)

        monkeypatch.setattr("regimecorr.scanning.pair.look_ahead", look_ahead)
        pairs = [("A", "B"), ("A", "C")]
        with pytest.warns(FailedPairsWarning, match="1 of them by unexpected errors"):
            scanned = rc.scan(panel, pairs=pairs, n_paths=PATHS, calibration=None)
        (row,) = scanned.failed.itertuples()
        assert row.reason.startswith("ZeroDivisionError: division by zero (test_scan.py, line ")
        assert row.unexpected
        assert scanned.table["p_structural"].notna().sum() == 1

    def test_interruptions_pass(self, panel, monkeypatch):
        def stop(question, streams):
            raise KeyboardInterrupt

        monkeypatch.setattr("regimecorr.scanning.pair.look_ahead", stop)
        with pytest.raises(KeyboardInterrupt):
            rc.scan(panel, n_paths=PATHS, calibration=None)

    def test_uncalibrated_pairs_are_told_once(self, panel):
        early = panel.set_axis(panel.index - pd.Timedelta(days=3000), axis=0)
        with pytest.warns(UncalibratedWarning, match="2 of 2 pairs are not calibrated") as seen:
            rc.scan(early, pairs=[("A", "B"), ("C", "D")], n_paths=PATHS)
        assert len(seen) == 1


class TestBadArguments:
    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"n_paths": 100}, ModelError, "n_paths"),
            ({"rng": -1}, ModelError, "rng"),
            ({"n_jobs": 0}, ModelError, "n_jobs"),
            ({"method": "magic"}, ModelError, "'magic' is unknown"),
            ({"calibration": "mine"}, ModelError, "calibration='mine' is unknown"),
            ({"family_prior": {"magic": 1.0}}, ModelError, "family_prior"),
            ({"thresholds": (0.7, 0.2)}, ModelError, "thresholds"),
            ({"thresholds": None}, ModelError, "thresholds=None must be two ascending"),
            ({"thresholds": (0.1, 0.2, 0.3)}, ModelError, "two ascending probabilities"),
            ({"short_window": 5}, WindowError, "short_window=5"),
            ({"short_window": "90D"}, WindowError, "short_window='90D' must be a whole number"),
            ({"horizon": 100.5}, WindowError, r"horizon=100\.5 must be a whole number"),
            ({"pairs": [("A", "Z")]}, UnknownAssetError, "Z"),
            ({"pairs": [("A", "A")]}, DuplicateAssetError, "one underlying"),
            ({"pairs": "some"}, ModelError, "pairs='some'"),
            ({"as_of": "1950-01-01"}, AsOfError, "before the first row of the panel"),
            ({"as_of": "2150-01-01"}, AsOfError, "more than 7 days after the last row"),
        ],
    )
    def test_errors(self, panel, options, error, words):
        with pytest.raises(error, match=words):
            rc.scan(panel, **options)


OPTIONS = rc.evaluation.outlook.OutlookOptions(n_paths=PATHS, calibration=None)


def test_nothing_but_rows_is_kept(panel, found):
    """No prices, no paths: a result of few bytes a pair, and jobs of two columns each."""
    import pickle

    job = job_of(panel, ("A", "B"), panel.index[-1], OPTIONS, 0)
    assert job.prices.shape == (801, 2)
    assert len(pickle.dumps(job)) < 801 * 3 * 8 + 3000
    assert len(pickle.dumps(row_of(job))) < 3000
    assert len(pickle.dumps(found.table)) < 3000 * len(found.table) + 10_000
