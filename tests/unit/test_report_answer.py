"""The first screen of a report, its reasons and its methods."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

import regimecorr as rc
from regimecorr.reporting.answer import SCALE, answer, likelihood, scale_sentence
from regimecorr.reporting.methods import MEMBER_WORDS, methods, provenance, settings
from regimecorr.reporting.reasons import FAMILY_WORDS, reasons

EMPTY = (np.nan, np.nan)


@pytest.fixture(scope="module")
def divergent():
    world = rc.simulate("one_break", n_obs=1500, rng=13)
    return rc.assess(world.prices, as_of="2005-02-01", calibration=None, n_paths=400)


@pytest.fixture(scope="module")
def context(divergent):
    return rc.context(divergent.prices, n_boot=100)


@pytest.fixture(scope="module")
def claims(divergent):
    return rc.test_claims(divergent.prices, claims=rc.published_claims()[:3], n_boot=100)


@pytest.fixture(scope="module")
def page(divergent, context, claims, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    return divergent.to_html(path, context=context, claims=claims).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def calibrated(divergent):
    """What a calibrated verdict says, whatever the calibration."""
    models = divergent.models.copy()
    models.loc["panel", ["p_structural", "note"]] = (0.4, "prices before 2004-01-01")
    models.loc["final", "note"] = "logit = 0.01 + 0.20 logit(pool) + 0.80 logit(panel)"
    return dataclasses.replace(
        divergent,
        calibrated=True,
        base_rate=0.55,
        label="undecided",
        p_structural=0.425,
        interval=(0.28, 0.59),
        models=models,
        settings=divergent.settings | {"calibration": "market"},
    )


class TestAnswer:
    def test_says_the_figures(self, calibrated):
        told = answer(calibrated)
        assert told.headline == "Divergent: whether it lasts is undecided"
        assert f"{calibrated.r_short:+.2f}" in told.story
        assert f"{calibrated.reference:+.2f}" in told.story
        first, interval, base = told.chance
        assert "about as likely as not: 42%" in first
        assert "28% to 59%" in interval
        assert base == (
            "Base rate: of past divergences 55% were structural; this one is 13 points below it."
        )
        assert (told.bar.low, told.bar.high) == pytest.approx((28.0, 59.0))
        assert (told.bar.structural, told.bar.base_rate) == pytest.approx((42.5, 55.0))

    def test_says_what_decides_and_when(self, divergent):
        from regimecorr.reporting.facts import fresh_window

        told, window = answer(divergent), fresh_window(divergent)
        assert f"below {divergent.midpoint:+.2f}" in told.structural_if
        assert f"{window.begins:%Y-%m-%d} to {window.ends:%Y-%m-%d}" in told.structural_if
        assert f"above {divergent.midpoint:+.2f}" in told.transient_if
        assert f"rows {window.first} to {window.last}" in told.why_then

    def test_a_negative_reference_turns_the_sides(self, divergent):
        turned = dataclasses.replace(divergent, reference=-0.5, r_short=0.1, midpoint=-0.2)
        told = answer(turned)
        assert "moved against each other" in told.story
        assert "above -0.20" in told.structural_if
        assert "below -0.20" in told.transient_if

    def test_not_calibrated_is_said(self, divergent):
        told = answer(divergent)
        assert "not calibrated" in told.chance[-1]
        assert told.bar.base_rate is None

    @pytest.mark.parametrize(
        ("state", "words"),
        [("strained", "less than half of that is left"), ("aligned", "they still did")],
    )
    def test_other_states(self, divergent, state, words):
        told = answer(dataclasses.replace(divergent, state=state, label=state))
        assert words in told.story
        assert "nearer to no relationship" in told.structural_if

    def test_aligned_asks_whether_it_is_lost(self, divergent):
        told = answer(dataclasses.replace(divergent, state="aligned", label="aligned"))
        assert told.headline == "No divergence today"
        assert told.outcomes == ("it is lost", "it holds")
        assert told.chance[0].startswith("That the relationship is lost a year from now")

    def test_weak_has_no_probability(self, divergent, tmp_path):
        weak = dataclasses.replace(
            divergent, state="weak", label="weak", p_structural=np.nan, p_transient=np.nan,
            p_unchanged=np.nan, interval=EMPTY, reference=0.1, reason="Nothing was established.",
        )  # fmt: skip
        told = answer(weak)
        assert told.chance == ("There is no probability. Nothing was established.",)
        assert told.bar is None
        assert told.structural_if == ""
        text = weak.to_html(tmp_path / "1.html", context=False).read_text(encoding="utf-8")
        assert "n/a</b>" not in text
        assert 'class="bar"' not in text
        assert 'id="picture-probability"' not in text

    @pytest.mark.parametrize(
        ("p", "words"),
        [(0.0, "very unlikely"), (0.05, "unlikely"), (0.39, "less likely than not"),
         (0.5, "about as likely as not"), (0.94, "likely"), (1.0, "very likely")],
    )  # fmt: skip
    def test_words(self, p, words):
        assert likelihood(p) == words
        assert all(name in scale_sentence() for _, name in SCALE)

    def test_stands_before_everything(self, page, divergent):
        first = page[: page.index("<nav")]
        for text in answer(divergent).chance:
            assert str(escape(text)) in first
        assert "Research, not advice" in first


class TestReasons:
    def test_every_family_has_words(self, divergent):
        from regimecorr.evaluation.pooling import BAYES_FAMILIES, FAMILIES

        members = [m for f in (FAMILIES, BAYES_FAMILIES) for names in f.values() for m in names]
        assert set(FAMILY_WORDS) == set(FAMILIES) | set(BAYES_FAMILIES)
        assert set(MEMBER_WORDS) == set(members)

    def test_models_and_panel(self, calibrated, divergent):
        told = dict(reasons(calibrated))
        assert told["Other pairs"].startswith("A regression over the past of many pairs says 40%")
        assert "0.80 logit(panel)" in told["Other pairs"]
        assert "Other pairs" not in dict(reasons(divergent))
        assert f"{divergent.p_raw:.0%}" in told["This pair's models"]

    def test_failures_are_said(self, divergent):
        models = divergent.models.copy()
        models.loc["dcc", ["score", "p_structural"]] = np.nan
        models.loc["dcc", "reason"] = "no finite likelihood"
        told = dict(reasons(dataclasses.replace(divergent, models=models)))
        assert "dcc failed: no finite likelihood." in told["This pair's models"]

    def test_the_regime_is_the_likeliest_today(self, divergent):
        for name in divergent.regimes.index:
            regimes = divergent.regimes.assign(p_today=0.1)
            regimes.loc[name, "p_today"] = 0.9
            told = dict(reasons(dataclasses.replace(divergent, regimes=regimes)))["Regimes"]
            assert f"in its {name} one" in told
            assert "with probability 90%" in told

    def test_no_probability_no_range(self, divergent):
        models = divergent.models.assign(p_structural=np.nan)
        assert "This pair's models" not in dict(
            reasons(dataclasses.replace(divergent, models=models))
        )


class TestMethods:
    def test_settings_of_this_verdict(self, divergent, calibrated):
        told = dict(methods(divergent))
        assert "400 futures of each model, 252 rows" in told["Futures"]
        assert told["Calibration"] == "None: calibration=None asked for the raw pool."
        assert "prices before 2004-01-01" in dict(methods(calibrated))["Calibration"]
        assert told["Seed"] == "0"
        assert f"regimecorr {rc.__version__}" in told["Versions"]
        assert f"numpy {np.__version__}" in told["Versions"]
        assert f"pandas {pd.__version__}" in told["Versions"]
        assert f"{divergent.levels.n_boot} histories" in told["Level audit"]
        assert "Claims" not in told

    def test_a_generator_has_no_seed(self, divergent):
        v = dataclasses.replace(divergent, settings=divergent.settings | {"rng": None})
        assert "Not recorded" in dict(methods(v))["Seed"]

    def test_claims(self, divergent, claims):
        assert dict(methods(divergent, claims))["Claims"].startswith("3 claims")

    def test_provenance(self, divergent):
        from regimecorr.data.provenance import fingerprint

        told = dict(provenance(divergent))
        assert told["Simulated"].startswith("Yes")
        assert told["SHA-256 of the prices used"] == fingerprint(divergent.prices)
        assert told["Dates"].startswith(f"{divergent.prices.index[0]:%Y-%m-%d} to 2005-02-01")
        real = dataclasses.replace(divergent, data=divergent.data | {"simulated": False})
        assert dict(provenance(real))["Simulated"] == "Not marked as simulated."

    def test_what_was_dropped(self, divergent):
        report = divergent.data["alignment"] | {"dropped_asset": 1042}
        v = dataclasses.replace(divergent, data=divergent.data | {"alignment": report})
        assert dict(provenance(v))["Dropped rows"].startswith("1,042 of A alone")

    def test_nothing_recorded_is_left_out(self, divergent):
        keys = [key for key, _ in settings(divergent)]
        assert {f"setting: {name}" for name in divergent.settings} <= set(keys)
        for part in ("provenance", "alignment"):
            assert {f"{part}: {name}" for name in divergent.data[part]} <= set(keys)

    def test_unknown_provenance(self, divergent, tmp_path):
        bare = dataclasses.replace(divergent, data={"simulated": False})
        text = bare.to_html(tmp_path / "1.html", context=False).read_text(encoding="utf-8")
        assert "unknown source" in text
