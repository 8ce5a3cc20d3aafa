"""Divergences of simulated worlds: outcomes, what is known when, stores, rows for a regression."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regimecorr.errors import DataError, EstimationError, ModelError
from regimecorr.evaluation import simulated as module
from regimecorr.evaluation.backtest import FORECASTS
from regimecorr.evaluation.divergences import pair_states
from regimecorr.evaluation.features import FeatureWindows
from regimecorr.evaluation.forecaster import PanelForecaster
from regimecorr.evaluation.samples import rows_of
from regimecorr.evaluation.simulated import (
    EIGHT_WORLDS,
    HELD_OUT,
    MEAN_COLUMNS,
    SPREAD_COLUMNS,
    TRAINING,
    Generator,
    SimulatedSet,
    find_divergence,
    panel_rows,
    simulated_divergence,
    simulated_divergences,
    simulated_panel,
    simulated_rows,
)

NINE = (*EIGHT_WORLDS, "volatility_linked")
SMALL = SimulatedSet(
    name="small",
    n=3,
    generator=HELD_OUT,
    worlds=("recurrent", "one_break", "volatility_linked"),
    seed=5,
)


@pytest.fixture(scope="module")
def found():
    return simulated_divergences(SMALL, n_paths=400)


@pytest.fixture
def cheap(monkeypatch):
    """A forecast that costs nothing and is another one for other prices, paths or seeds."""

    def forecast(prices, n_paths, rng):
        figure = float(np.abs(np.sin(prices.to_numpy().sum() + n_paths + rng)))
        return dict.fromkeys(FORECASTS, figure) | {"failed": ""}

    monkeypatch.setattr(module, "raw_forecast", forecast)


def plain(returns, t):
    """Definition by the book at row t: r_short, reference, midpoint, divergent, structural."""

    def corr(first, last):
        return np.corrcoef(returns[first : last + 1].T)[0, 1]

    r_short, reference, fresh = corr(t - 89, t), corr(t - 341, t - 90), corr(t + 127, t + 252)
    o = np.sign(reference)
    midpoint = o * (abs(reference) + min(o * r_short, 0.0)) / 2.0
    divergent = abs(reference) >= 0.25 and o * r_short <= 0.0
    return r_short, reference, midpoint, divergent, float(o * fresh < o * midpoint)


@pytest.mark.parametrize("when", ["day", "entry"])
def test_outcomes_are_the_definition(when, cheap):
    wanted = SimulatedSet(name=when, n=18, generator=HELD_OUT, worlds=NINE, when=when, seed=8)
    frame = simulated_divergences(wanted, n_paths=400)
    assert list(frame["world"]) == [*NINE, *NINE]
    assert set(frame["structural"]) == {0.0, 1.0}
    for row in frame.itertuples():
        pair, first, day = find_divergence(
            row.world, np.random.default_rng([8, row.number]), HELD_OUT
        )
        returns, t = pair.returns.to_numpy(), row.row
        assert t == (first if when == "entry" else day)
        assert (row.n_obs, row.age) == (len(returns), t - first)
        assert first >= 750
        assert t + 252 < len(returns)
        r_short, reference, midpoint, divergent, structural = plain(returns, t)
        np.testing.assert_allclose(
            (row.r_short, row.reference, row.midpoint), (r_short, reference, midpoint), atol=1e-6
        )
        assert divergent
        assert row.structural == structural
        # The spell is a new one: nothing diverged in the 45 rows before it.
        assert plain(returns, first)[3]
        assert not any(plain(returns, first - k)[3] for k in range(1, 46))
        rho = pair.correlation.to_numpy()
        assert row.latent_recent == pytest.approx(rho[t - 89 : t + 1].mean(), abs=1e-6)
        assert row.latent_fresh == pytest.approx(rho[t + 127 : t + 253].mean(), abs=1e-6)
        kept = row.sign * row.latent_recent >= row.sign * row.midpoint
        assert row.unchanged == float(kept and not structural)
        assert row.date == pair.returns.index[t]
        assert row.matured == pair.returns.index[t + 252]


def test_days_are_spread_over_the_spell(cheap):
    wanted = SimulatedSet(name="days", n=40, worlds=("one_break",), seed=2)
    age = simulated_divergences(wanted, n_paths=400)["age"]
    assert (age >= 0).all()
    assert age.nunique() > 20


def test_spells_have_their_history_and_their_horizon():
    """In short samples, where every bound is met: 1,100 rows leave 750 to 847."""
    short = Generator(TRAINING.ranges, (1100, 1100))
    rng = np.random.default_rng(0)
    found = [find_divergence("mean_reverting", rng, short)[1:] for _ in range(60)]
    first, day = np.array(found).T
    assert 750 <= first.min() < 765
    assert (first <= day).all()
    assert 835 < day.max() <= 847


def test_forecasts(found):
    assert (found["failed"] == "").all()
    assert found["p_raw"].between(0, 1).all()
    weights = found[[c for c in found if c.startswith("weight_")]]
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-5)
    members = found[[c.replace("weight_", "p_") for c in weights]]
    mixed = (weights.to_numpy() * members.to_numpy()).sum(axis=1)
    np.testing.assert_allclose(mixed, found["p_raw"], atol=1e-5)
    assert found["n_obs"].between(*HELD_OUT.n_obs).all()
    assert found["n_obs"].nunique() == 3


def test_later_prices_change_the_outcome_only(found, monkeypatch):
    """The future is turned so that the other outcome comes; forecast and features are the same."""
    original = module._find

    def turned(world, rng, generator):
        pair, first, day, state = original(world, rng, generator)
        values = pair.returns.to_numpy().copy()
        up = state.sign[day] * (1.0 if state.structural[day] else -1.0)
        values[day + 1 :, 1] = up * values[day + 1 :, 0]
        returns = pd.DataFrame(values, pair.returns.index, pair.returns.columns)
        logs = np.vstack([np.zeros(2), values.cumsum(axis=0)])
        prices = pd.DataFrame(100.0 * np.exp(logs), pair.prices.index, pair.prices.columns)
        changed = replace(pair, prices=prices, returns=returns)
        return changed, first, day, pair_states(values, FeatureWindows())

    monkeypatch.setattr(module, "_find", turned)
    again = simulated_divergences(SMALL, n_paths=400)
    future = ["fresh", "structural", "target", "unchanged"]
    pd.testing.assert_frame_equal(again.drop(columns=future), found.drop(columns=future))
    assert (again["structural"] == 1.0 - found["structural"]).all()
    assert (again["target"] != found["target"]).all()


def test_jobs_change_nothing(found):
    pd.testing.assert_frame_equal(simulated_divergences(SMALL, n_paths=400, n_jobs=2), found)


def test_more_change_nothing(cheap):
    few = simulated_divergences(replace(SMALL, n=3), n_paths=400)
    many = simulated_divergences(replace(SMALL, n=9), n_paths=400)
    pd.testing.assert_frame_equal(many.iloc[:3], few)
    assert many["row"].nunique() > 6
    other = simulated_divergences(replace(SMALL, seed=6), n_paths=400)
    assert not (other["row"] == few["row"]).all()


class TestStore:
    @pytest.fixture
    def store(self, tmp_path, cheap):
        path = tmp_path / "records.jsonl"
        simulated_divergences(SMALL, store=path, n_paths=400)
        return path

    def test_is_taken_up_where_it_stopped(self, store):
        lines = store.read_text().splitlines()
        assert len(lines) == 3
        whole = simulated_divergences(SMALL, n_paths=400)
        for kept in (f"{lines[0]}\n{lines[1][:50]}", lines[0][:50], f"{lines[2]}\n"):
            store.write_text(kept)
            again = simulated_divergences(SMALL, store=store, n_paths=400)
            pd.testing.assert_frame_equal(again, whole)
            assert sorted(store.read_text().splitlines()) == sorted(lines)

    def test_does_not_make_again_what_is_there(self, store, monkeypatch):
        before = simulated_divergences(SMALL, store=store, n_paths=400)

        def unwanted(*args):
            raise AssertionError("this forecast is on record")

        monkeypatch.setattr(module, "raw_forecast", unwanted)
        again = simulated_divergences(SMALL, store=store, n_paths=400)
        pd.testing.assert_frame_equal(again, before)
        assert "seal" not in again.columns

    def test_that_was_edited_is_refused(self, store):
        rows = [json.loads(line) for line in store.read_text().splitlines()]
        rows[1]["p_raw"] = 0.123
        edited = "".join(json.dumps(row) + "\n" for row in rows)
        store.write_text(edited)
        with pytest.raises(DataError, match=r"Line 2 .* was changed after it was written"):
            simulated_divergences(SMALL, store=store, n_paths=400)
        assert store.read_text() == edited

    def test_is_shared(self, store):
        before = simulated_divergences(SMALL, n_paths=400)
        entries = SimulatedSet(name="entries", n=2, worlds=("drift",), when="entry", seed=1)
        second = simulated_divergences(entries, store=store, n_paths=400)
        assert (second["age"] == 0).all()
        assert len(store.read_text().splitlines()) == 5
        pd.testing.assert_frame_equal(
            simulated_divergences(SMALL, store=store, n_paths=400), before
        )

    @pytest.mark.parametrize(
        ("change", "n_paths", "message"),
        [
            ({}, 600, "'n_paths': 400"),
            ({"seed": 6}, 400, "'seed': 5"),
            ({"when": "entry"}, 400, "'when': 'day'"),
            ({"generator": TRAINING}, 400, f"'generator': '{HELD_OUT.fingerprint}'"),
        ],
    )
    def test_of_other_options_is_refused(self, store, change, n_paths, message):
        with pytest.raises(DataError, match=message):
            simulated_divergences(replace(SMALL, **change), store=store, n_paths=n_paths)

    def test_with_a_broken_line_is_refused(self, store):
        store.write_text("no record\n" + store.read_text())
        with pytest.raises(DataError, match="Line 1"):
            simulated_divergences(SMALL, store=store, n_paths=400)


@pytest.mark.parametrize("kind", [EstimationError, FloatingPointError])
def test_a_failure_is_on_record(kind, monkeypatch, tmp_path):
    def fail(*args):
        raise kind("nothing converged")

    monkeypatch.setattr(module, "raw_forecast", fail)
    one = SimulatedSet(name="one", n=1, worlds=("drift",), seed=3)
    for _ in range(2):  # made, then read
        frame = simulated_divergences(one, store=tmp_path / "one.jsonl", n_paths=400)
        assert frame.loc[0, "failed"] == f"{kind.__name__}: nothing converged"
        assert frame[list(FORECASTS)].isna().all(axis=None)
        assert frame["structural"].isin([0.0, 1.0]).all()


class TestRows:
    def test_features_are_those_of_a_panel(self, cheap):
        wanted = SimulatedSet(name="s", n=8, seed=4)
        frame = simulated_divergences(wanted, n_paths=400)
        rows = panel_rows(frame)
        assert rows.usable(state=False).all()
        for i, number in enumerate(frame["number"]):
            pair, _, _ = find_divergence(frame.loc[i, "world"], np.random.default_rng([4, number]))
            panel = module._panel([pair])
            asset, benchmark = panel.pairs[0].names
            place = pd.DataFrame(
                {"asset": [asset], "benchmark": [benchmark], "row": [frame.loc[i, "row"]]}
            )
            expected = rows_of(panel, place, FeatureWindows())
            for name in ("mean", "spread", "middle", "target"):
                np.testing.assert_allclose(
                    getattr(rows, name)[i], getattr(expected, name)[0], atol=1e-6
                )
            assert rows.date[i] == expected.date[0]
            assert rows.matured[i] == expected.matured[0]
        # The outcome can be read off the rows.
        np.testing.assert_array_equal(rows.target < rows.middle, frame["structural"] == 1.0)

    def test_panel_of_independent_pairs(self):
        panel = simulated_panel(10, generator=HELD_OUT, worlds=NINE, seed=1)
        assert [pair.asset.split()[0] for pair in panel.pairs] == [*NINE, NINE[0]]
        lengths = [len(pair.returns) for pair in panel.pairs]
        assert len(set(lengths)) > 5
        assert panel.table.shape == (max(lengths) + 1, 20)
        last = panel.pairs[-1]
        prices = panel.table[list(last.names)].dropna()
        np.testing.assert_allclose(np.log(prices).diff().iloc[1:], last.returns, atol=1e-12)
        early = panel.until(last.dates[800])
        assert len(early.pairs[0].returns) == 800

    def test_a_forecaster_can_be_fitted(self, found):
        rows = simulated_rows(40, every=21, seed=9)
        assert rows.usable(state=False).all()
        assert np.bincount(rows.pair).tolist() == [72] * 40
        assert rows.row.min() == 750
        p = PanelForecaster().equations.fit(rows).chances(panel_rows(found))
        assert ((p > 0.0) & (p < 1.0)).all()

    def test_columns(self, found):
        assert len(MEAN_COLUMNS) == 11
        assert len(SPREAD_COLUMNS) == 6
        assert np.isfinite(found[[*MEAN_COLUMNS, *SPREAD_COLUMNS, "middle", "target"]]).all(
            axis=None
        )


def test_bad_sets():
    with pytest.raises(ModelError, match="n=9 must be a multiple of 8"):
        SimulatedSet(name="s", n=9)
    with pytest.raises(ModelError, match="n=0"):
        SimulatedSet(name="s", n=0)
    with pytest.raises(ModelError, match="when='noon'"):
        SimulatedSet(name="s", n=8, when="noon")


def test_fingerprint_tells_generators_apart():
    other = Generator(TRAINING.ranges, (2500, 2501))
    assert len({TRAINING.fingerprint, HELD_OUT.fingerprint, other.fingerprint}) == 3
    assert TRAINING.fingerprint == Generator(dict(TRAINING.ranges), (2500, 2500)).fingerprint


def test_one_record_is_plain(cheap):
    record = simulated_divergence(SMALL, 0, 400)
    assert json.loads(json.dumps(record)) == record
