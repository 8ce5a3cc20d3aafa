"""Simulated divergences with a known outcome: ranked, calibrated, and as recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regimecorr.evaluation.binned import calibration_error
from regimecorr.evaluation.ranking import auc
from regimecorr.evaluation.scores import brier_skill
from regimecorr.evaluation.simulated import (
    EIGHT_WORLDS,
    HELD_OUT,
    SimulatedSet,
    panel_rows,
    simulated_divergences,
    simulated_frame,
)
from regimecorr.evaluation.vintages import shipped

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "_results"


def said(frame):
    """The verdict's probability of simulated divergences."""
    vintage = shipped("simulated").vintages[-1]
    return vintage.coefficients.apply(frame["p_raw"], vintage.panel.chances(panel_rows(frame)))


def test_ranks_structural_above_transient():
    """Forty divergences: too few for the full bar of .74, enough to see a ranking that is lost."""
    found = simulated_divergences(SimulatedSet(name="quick", n=40, seed=11), n_paths=400)
    assert (found["failed"] == "").all()
    assert auc(found["p_raw"], found["structural"]) >= 0.6
    assert auc(said(found), found["structural"]) >= 0.6


def test_recorded_scores_of_held_out_worlds():
    """A thousand divergences in worlds whose settings were not trained on."""
    lines = (RESULTS / "simulated_held_out.jsonl").read_text().splitlines()
    frame = simulated_frame(json.loads(line) for line in lines)
    day = frame[frame["set"] == "day"].reset_index(drop=True)
    assert len(day) == 1000
    assert set(day["world"]) == set(EIGHT_WORLDS)
    assert day["world"].value_counts().nunique() == 1
    assert (day["failed"] == "").all()
    p, y = said(day), day["structural"].to_numpy()
    assert brier_skill(p, y).value >= 0.17
    assert auc(p, y) >= 0.74
    assert calibration_error(p, y).value <= 0.05


@pytest.mark.slow
def test_scores_of_new_held_out_worlds():
    """New draws: the bar less two standard errors."""
    wanted = SimulatedSet(name="new", n=1000, generator=HELD_OUT, seed=301)
    found = simulated_divergences(wanted, n_paths=1000, n_jobs=2)
    assert (found["failed"] == "").all()
    p, y = said(found), found["structural"].to_numpy()
    assert brier_skill(p, y).value >= 0.17 - 2 * 0.021
    assert auc(p, y) >= 0.74 - 2 * 0.015
    error = calibration_error(p, y)
    assert error.value <= error.upper + 0.02
    assert np.isfinite(p).all()
