"""The verdict as text, JSON and HTML."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

import regimecorr as rc
from regimecorr.errors import DataError

WEAK_REASON = "The reference correlation is +0.10, weaker than 0.25: nothing was established."


@pytest.fixture(scope="module")
def divergent():
    world = rc.simulate("one_break", n_obs=1500, rng=13)
    return rc.assess(world.prices, as_of="2005-02-01", calibration=None, n_paths=400)


@pytest.fixture(scope="module")
def weak(divergent):
    models = divergent.models.assign(p_structural=np.nan, p_unchanged=np.nan)
    return dataclasses.replace(
        divergent,
        state="weak",
        label="weak",
        reference=0.1,
        midpoint=0.05,
        p_structural=np.nan,
        p_transient=np.nan,
        p_unchanged=np.nan,
        p_raw=np.nan,
        interval=(np.nan, np.nan),
        reason=WEAK_REASON,
        models=models,
        sensitivity=divergent.sensitivity.assign(state="weak", p_raw=np.nan),
    )


@pytest.fixture(scope="module")
def failed(divergent):
    models = divergent.models.copy()
    models.loc["switching", ["weight", "p_structural", "p_unchanged", "score"]] = (
        0.0,
        np.nan,
        np.nan,
        np.nan,
    )
    models.loc["switching", "converged"] = False
    models.loc["switching", ["reason", "note"]] = ("no finite likelihood", "")
    correlation = divergent.correlation.assign(regime_filtered=np.nan, regime_smoothed=np.nan)
    return dataclasses.replace(
        divergent, models=models, regimes=divergent.regimes.iloc[:0], correlation=correlation
    )


@pytest.fixture(scope="module")
def on_levels(divergent):
    return dataclasses.replace(divergent, basis="levels", p_unchanged=np.nan)


def entry(text, key):
    """The paragraph beside a keyword, as one line."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(key))
    rest = []
    for line in lines[first + 1 :]:
        if not line.startswith(" "):
            break
        rest.append(line)
    return " ".join(" ".join([lines[first][len(key) :], *rest]).split())


class TestSummary:
    def test_names_what_decides(self, divergent):
        text = divergent.summary()
        assert divergent.state == "divergent"
        assert text.startswith("SIMULATED")
        assert f"{divergent.r_short:+.2f}" in entry(text, "State")
        assert f"{divergent.reference:+.2f}" in entry(text, "State")
        assert entry(text, "Label").startswith(divergent.label)
        structural = entry(text, "Structural")
        assert structural.startswith(f"{divergent.p_structural:.0%}, 90% interval")
        assert "in rows 127 to 252 ahead" in structural
        assert f"below the midpoint {divergent.midpoint:+.2f}" in structural
        assert "NOT calibrated" in entry(text, "Probability")
        assert entry(text, "Record") == "none: calibration=None asked for the raw pool"
        assert "validated on simulated worlds only" in entry(text, "Unchanged")

    def test_real_prices_are_not_called_simulated(self, divergent):
        data = divergent.data | {"simulated": False}
        first = dataclasses.replace(divergent, data=data).summary().splitlines()[0]
        assert first.startswith("A / B | ")
        assert "SIMULATED" not in first

    @pytest.mark.parametrize("name", ["divergent", "weak", "failed", "on_levels"])
    def test_fits_a_note(self, name, request):
        text = request.getfixturevalue(name).summary()
        lines = text.splitlines()
        assert max(map(len, lines)) <= 100
        assert 18 <= len(lines) <= 40
        assert "nan" not in text.lower().split()
        assert text == request.getfixturevalue(name).summary()

    def test_long_names_stay_within_the_columns(self, divergent):
        long = dataclasses.replace(divergent, asset="A" * 150, benchmark="line\nbreak")
        assert max(map(len, long.summary().splitlines())) <= 100
        assert "line break" in long.summary()

    def test_members_by_weight(self, divergent):
        text = entry(divergent.summary(), "Models")
        names = list(divergent.models.drop(index=["panel", "final"]).index)
        order = sorted(names, key=lambda name: -divergent.models.loc[name, "weight"])
        places = [text.index(f" {name} ") for name in order]
        assert places == sorted(places)

    def test_weak_gives_the_reason_and_no_probability(self, weak):
        text = weak.summary()
        assert "nothing was established" in entry(text, "Probability")
        assert "\nStructural" not in text
        assert "at least 0.25" in entry(text, "Would change")

    def test_failed_member_stands_with_its_reason(self, failed):
        text = failed.summary()
        assert text.count("FAILED") == 1
        assert "FAILED switching: no finite likelihood" in text
        assert entry(text, "Regimes").startswith("none")

    def test_a_note_is_no_failure(self, divergent, weak):
        for v in (divergent, weak):
            models = v.models.copy()
            models.loc["dcc", ["converged", "note"]] = (False, "ran out of iterations")
            text = dataclasses.replace(v, models=models).summary()
            assert "FAILED" not in text
            assert "Note on dcc: ran out of iterations" in text
            assert "(not converged)" in entry(text, "Models")

    def test_weak_keeps_the_other_windows_apart(self, weak, divergent):
        words = "read with their own reference"
        assert words in entry(weak.summary(), "Sensitivity")
        assert words not in divergent.summary()

    def test_simulated_is_said_before_the_level_warning(self, on_levels):
        assert on_levels.data["simulated"]
        first, *rest = on_levels.summary().splitlines()
        assert first.startswith("SIMULATED prices")
        assert "WARNING: correlations of price levels" in f"{first} {rest[0]}"
        assert any(line.startswith("A / B |") for line in rest[:4])

    def test_level_warning_comes_first(self, on_levels):
        real = dataclasses.replace(on_levels, data=on_levels.data | {"simulated": False})
        text = real.summary()
        assert text.startswith("WARNING: correlations of price levels")
        assert "of price levels" in entry(text, "State")
        assert entry(text, "Unchanged") == "not defined for price levels"

    def test_a_state_that_depends_on_the_window_is_said(self, divergent):
        table = divergent.sensitivity.assign(state="divergent")
        same = dataclasses.replace(divergent, sensitivity=table)
        assert "STATE CHANGES" not in same.summary()
        assert "The state is divergent in all of them that can be read" in same.summary()
        table = table.copy()
        table.loc["weekly returns", "state"] = "unknown"
        unread = dataclasses.replace(divergent, sensitivity=table).summary()
        assert "STATE CHANGES" not in unread
        table.loc["126 rows", "state"] = "aligned"
        other = dataclasses.replace(divergent, sensitivity=table)
        assert "STATE CHANGES: aligned with 126 rows" in entry(other.summary(), "Sensitivity")

    def test_that_is_one_line_whatever_changes(self, divergent):
        states = {
            "63 rows": "aligned",
            "90 rows": "divergent",
            "126 rows": "aligned",
            "3-day returns": "strained",
            "weekly returns": "weak",
        }
        table = divergent.sensitivity.assign(state=pd.Series(states))
        text = dataclasses.replace(divergent, sensitivity=table).summary()
        (line,) = (line for line in text.splitlines() if "STATE CHANGES" in line)
        changes = "aligned with 63/126 rows; strained with 3-day; weak with weekly"
        assert line.strip() == f"STATE CHANGES: {changes}"

    def test_family_range_holds_the_pool(self, divergent):
        from regimecorr.reporting.facts import family_range

        families = family_range(divergent)
        assert len(families) == 5
        assert families.iloc[0] <= divergent.p_raw <= families.iloc[-1]
        assert f"({families.index[0]} alone)" in entry(divergent.summary(), "Would change")

    def test_negative_reference_turns_the_sides(self, divergent):
        turned = dataclasses.replace(
            divergent, reference=-0.5, r_short=0.1, midpoint=-0.2, r_long=-0.3
        )
        text = turned.summary()
        assert "above the midpoint -0.20" in entry(text, "Structural")
        assert "divergent at r_short >= 0" in entry(text, "Would change")

    def test_no_divergence_and_closed_gap(self, divergent):
        gap = divergent.gap.copy()
        gap[:] = np.nan
        gap.attrs = divergent.gap.attrs | {"z": 0.1, "closed": True}
        quiet = dataclasses.replace(divergent, episodes=divergent.episodes.iloc[:0], gap=gap)
        assert entry(quiet.summary(), "Past") == "no divergence in this history"
        assert "closed, nothing to close" in entry(quiet.summary(), "Price gap")

    def test_fresh_window_lies_after_today(self, divergent):
        from regimecorr.reporting.facts import fresh_window

        window = fresh_window(divergent)
        assert (window.first, window.last) == (127, 252)
        # Business days: 252 rows are about 353 days.
        assert abs((window.ends - divergent.as_of).days - 353) <= 3


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.0, "0%"), (1e-6, "<1%"), (0.5, "50%"), (0.999, ">99%"), (1.0, "100%"), (np.nan, "n/a")],
    )
    def test_percent(self, value, text):
        from regimecorr.formatting import percent

        assert percent(value) == text

    @pytest.mark.parametrize(
        ("value", "text"), [(-0.001, "+0.00"), (0.5, "+0.50"), (np.nan, "n/a")]
    )
    def test_signed(self, value, text):
        from regimecorr.formatting import signed

        assert signed(value) == text


class TestDictionary:
    @pytest.mark.parametrize("name", ["divergent", "weak", "failed", "on_levels"])
    def test_round_trips_through_json(self, name, request):
        told = request.getfixturevalue(name).to_dict()
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert told["schema_version"] == 1
        assert "prices" not in told


class Outside(HTMLParser):
    """Collects everything a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.fetched = []
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "data", "action"} and not (
                value or ""
            ).startswith("#"):
                self.fetched.append((tag, name, value))


class TestHtml:
    @pytest.mark.parametrize("name", ["divergent", "weak", "failed", "on_levels"])
    def test_needs_nothing_else(self, name, request, tmp_path):
        v = request.getfixturevalue(name)
        path = v.to_html(tmp_path / "report.html")
        text = path.read_text(encoding="utf-8")
        parser = Outside()
        parser.feed(text)
        assert parser.fetched == []
        assert not {"script", "link", "iframe", "img", "object"} & set(parser.tags)
        assert not re.search(r"https?://|@import|url\((?!#)", text)
        assert parser.tags.count("table") >= 6 - (name == "failed") - (name == "weak")
        assert parser.tags.count("figure") == 14 - (name == "weak")
        assert parser.tags.count("svg") == 15 - 2 * (name == "weak")
        identifiers = re.findall(r'\sid="([^"]*)"', text)
        assert len(identifiers) == len(set(identifiers))
        assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', text)) <= set(identifiers)
        assert 'name="viewport"' in text
        assert "prefers-color-scheme: dark" in text
        assert "Research, not advice" in text
        assert [p.name for p in tmp_path.iterdir()] == ["report.html"]

    def test_same_verdict_same_bytes(self, divergent, tmp_path):
        first = divergent.to_html(tmp_path / "1.html").read_bytes()
        assert divergent.to_html(tmp_path / "2.html").read_bytes() == first

    def test_names_are_escaped(self, divergent, tmp_path):
        named = dataclasses.replace(
            divergent, asset="<b>x</b>", benchmark="--><script>alert(1)</script>"
        )
        text = named.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
        assert "<b>x</b>" not in text
        assert "&lt;b&gt;x&lt;/b&gt;" in text
        assert "<script" not in text
        assert "--><" not in text.replace("-->\n", "").replace("--></", "")

    def test_context_stands_apart(self, divergent, tmp_path):
        page = divergent.to_html(tmp_path / "1.html").read_text(encoding="utf-8")
        assert page.index("<h2>Context</h2>") > page.index("<h2>Sensitivity</h2>")
        assert "no part of the probability" in page
        none = divergent.to_html(tmp_path / "2.html", context=False).read_text(encoding="utf-8")
        assert "<h2>Context</h2>" not in none
        assert none.count("<figure") == 7

    def test_own_context_is_shown(self, divergent, tmp_path):
        dates = divergent.prices.index
        high = np.arange(len(dates)) % 200 < 90
        macro = pd.DataFrame({"VIXCLS": np.where(high, 30.0, 12.0)}, dates)
        given = rc.context(divergent.prices, macro=macro)
        page = divergent.to_html(tmp_path / "1.html", context=given).read_text(encoding="utf-8")
        plain = re.sub("</?time>", "", page)
        for title, paragraphs in given.sections():
            assert title in page
            assert len(paragraphs) >= 1
            for key, text in paragraphs:
                assert f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" in plain
        assert "Liquidity and risk, as published by the close" in page
        # What the intervals and p-values of the table are stands below it.
        assert "Intervals: block bootstrap, 95%" in page
        assert 'id="context-states"' in page
        assert 'id="context-states"' not in divergent.to_html(tmp_path / "2.html").read_text(
            "utf-8"
        )

    def test_context_of_another_day_is_refused(self, divergent, tmp_path):
        other = rc.context(divergent.prices.iloc[:-1])
        with pytest.raises(DataError, match="make both with the same assets and as_of"):
            divergent.to_html(tmp_path / "1.html", context=other)

    def test_context_of_other_prices_is_refused(self, divergent, tmp_path):
        given = rc.context(divergent.prices, n_boot=100)
        other = dataclasses.replace(given, prices=given.prices * [1.0, 1.01])
        with pytest.raises(DataError, match="made from other prices"):
            divergent.to_html(tmp_path / "1.html", context=other)

    @pytest.mark.parametrize("context", [None, "yes", 1])
    def test_what_is_no_context(self, divergent, tmp_path, context):
        with pytest.raises(DataError, match="pass True, False, or"):
            divergent.to_html(tmp_path / "1.html", context=context)

    def test_a_missing_folder_is_named(self, divergent, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nowhere.*create it first"):
            divergent.to_html(tmp_path / "nowhere" / "report.html")

    def test_nothing_is_left_of_a_failed_write(self, divergent, tmp_path):
        (tmp_path / "report.html").mkdir()
        with pytest.raises(OSError):
            divergent.to_html(tmp_path / "report.html")
        assert [p.name for p in tmp_path.iterdir()] == ["report.html"]

    def test_warnings_stand_in_the_page(self, on_levels, weak, tmp_path):
        levels = on_levels.to_html(tmp_path / "1.html").read_text(encoding="utf-8")
        assert "correlations of price levels" in levels
        assert "SIMULATED prices" in levels
        assert "nothing was established" in weak.to_html(tmp_path / "2.html").read_text(
            encoding="utf-8"
        )

    def test_tables_hold_every_member_and_episode(self, divergent):
        from regimecorr.reporting.tables import report_tables

        tables = {table.title: table for table in report_tables(divergent)}
        assert {row[0] for row in tables["Models"].rows} == set(divergent.models.index)
        assert len(tables["Past divergences"].rows) == len(divergent.episodes)
        remarks = {row[0]: row[-1] for row in tables["Models"].rows}
        assert remarks["panel"] == "calibration=None asked for the raw pool"
        assert remarks["final"] == "raw pool"
        for table in tables.values():
            assert {len(row) for row in table.rows} == {len(table.header)}


def test_verdict_is_not_changed(divergent, tmp_path):
    before = {
        f.name: getattr(divergent, f.name).copy()
        for f in dataclasses.fields(divergent)
        if isinstance(getattr(divergent, f.name), pd.DataFrame)
    }
    divergent.summary()
    divergent.to_html(tmp_path / "report.html")
    for name, frame in before.items():
        pd.testing.assert_frame_equal(getattr(divergent, name), frame)
