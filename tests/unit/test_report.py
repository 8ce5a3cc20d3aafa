"""The HTML report: its first screen, its markup, its pictures, and whatever a name may hold."""

from __future__ import annotations

import dataclasses
import html
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from matplotlib.figure import Figure

import regimecorr as rc
from regimecorr.cli import main
from regimecorr.errors import DataError
from regimecorr.plotting import style
from regimecorr.reporting.answer import SCALE, answer, likelihood, scale_sentence
from regimecorr.reporting.methods import MEMBER_WORDS, methods, provenance, settings
from regimecorr.reporting.pictures import context_pictures, verdict_pictures
from regimecorr.reporting.reasons import FAMILY_WORDS, reasons
from regimecorr.reporting.svg import COLOURS, inline_svg

HOSTILE = (
    "<script>alert(1)</script>",
    "A & B",
    '"quoted"',
    "'><img src=x onerror=f>",
    "$x_1$",
    "__init__",
    "{{ 7 * 7 }}",
    "שלום עולם",
    "🚀 to the moon",
    "]]><!-- -->",
)
VOID = {"meta", "br", "img", "input", "link", "hr", "col", "source", "wbr"}
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


def named(v, asset, benchmark):
    """The same verdict under other names, wherever they stand."""
    data = v.data | {"alignment": v.data["alignment"] | {"asset": asset, "benchmark": benchmark}}
    prices = v.prices.set_axis([asset, benchmark], axis=1)
    return dataclasses.replace(v, asset=asset, benchmark=benchmark, prices=prices, data=data)


class Reader(HTMLParser):
    """Checks that every element is closed in order, and collects what the tests look at."""

    def __init__(self, text):
        super().__init__()
        self.open, self.faults, self.starts, self.words = [], [], [], []
        self.feed(text)
        self.close()
        self.faults += [f"open at the end: {tag}" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.faults.append(f"attribute twice: {tag} {names}")
        self.starts.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.starts.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> within {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        self.words.append(data)

    def named(self, tag):
        return [attrs for name, attrs in self.starts if name == tag]


class TestMarkup:
    def test_every_element_is_closed(self, page):
        assert Reader(page).faults == []

    def test_the_reader_sees_faults(self):
        assert Reader("<p><b>x</p></b>").faults
        assert Reader('<p id="a" id="b">x</p>').faults
        assert Reader("<section>").faults

    def test_head(self, page, divergent):
        read = Reader(page)
        assert page.startswith("<!DOCTYPE html>\n")
        assert read.named("html") == [{"lang": "en"}]
        assert {"charset": "utf-8"} in read.named("meta")
        assert any(m.get("name") == "viewport" for m in read.named("meta"))
        assert f"<title>A / B, 2005-02-01: divergent, {divergent.label}</title>" in page

    def test_headings_go_down_one_step_at_a_time(self, page):
        levels = [int(tag[1]) for tag, _ in Reader(page).starts if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert max(np.diff(levels)) <= 1

    def test_tables_are_described(self, page):
        read = Reader(page)
        assert all(th["scope"] in ("row", "col") for th in read.named("th"))
        known = {attrs["id"] for _, attrs in read.starts if "id" in attrs}
        assert {t["aria-describedby"] for t in read.named("table")} <= known
        for body in re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL):
            rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
            assert all(row.count('<th scope="row">') == 1 for row in rows)

    def test_figures_are_described(self, page, divergent, context):
        read = Reader(page)
        known = {attrs["id"] for _, attrs in read.starts if "id" in attrs}
        pictures = read.named("svg")
        n = len(verdict_pictures(divergent)) + len(context_pictures(context))
        assert len(pictures) == n + 1  # the bar
        for svg in pictures:
            assert svg["role"] == "img"
            assert set(svg["aria-labelledby"].split()) <= known
        assert page.count("<desc") == n
        assert page.count("<figcaption>") == n

    def test_contents_lead_to_sections(self, page):
        read = Reader(page)
        links = [a["href"].removeprefix("#") for a in read.named("a")]
        sections = [attrs["id"] for tag, attrs in read.starts if tag in ("section", "header")]
        assert links == sections

    def test_identifiers_are_unique(self, page):
        found = [attrs["id"] for _, attrs in Reader(page).starts if "id" in attrs]
        assert len(found) == len(set(found))
        referred = re.findall(r"url\(#([^)]+)\)", page)
        assert len(referred) > 20
        assert set(referred) <= set(found)

    def test_paper_opens_what_the_screen_folds(self, page):
        assert page.count("<details>") == 4
        assert "details::details-content { content-visibility: visible;" in page

    def test_size(self, page):
        assert len(page.encode()) < 1_500_000

    def test_same_bytes(self, divergent, context, claims, page, tmp_path):
        again = divergent.to_html(tmp_path / "1.html", context=context, claims=claims)
        assert again.read_text(encoding="utf-8") == page


class TestNames:
    @pytest.mark.parametrize(
        ("asset", "benchmark"), [(a, b) for a, b in zip(HOSTILE[::2], HOSTILE[1::2], strict=True)]
    )
    def test_are_text_wherever_they_stand(self, divergent, context, claims, tmp_path, asset,
                                          benchmark):  # fmt: skip
        v = named(divergent, asset, benchmark)
        both = [asset, benchmark]
        c = False
        if asset == HOSTILE[0]:
            frames = ("overlay", "year_over_year", "drawdown", "prices")
            renamed = {name: getattr(context, name).set_axis(both, axis=1) for name in frames}
            c = dataclasses.replace(context, asset=asset, benchmark=benchmark, **renamed)
        options = {**claims.options, "asset": asset, "benchmark": benchmark}
        trial = dataclasses.replace(claims, options=options)
        path = v.to_html(tmp_path / "1.html", context=c, claims=trial)
        text = path.read_text(encoding="utf-8")
        read = Reader(text)
        assert read.faults == []
        assert not {"script", "img"} & {tag for tag, _ in read.starts}
        assert not [k for _, attrs in read.starts for k in attrs if k.startswith("on")]
        for name in both:
            assert text.count(str(escape(name))) >= 3
            # As a browser shows it: in the heading, in a legend, in the provenance.
            shown = [word.strip() for word in read.words]
            assert shown.count(name) >= (8 if c else 3)

    def test_data_may_say_anything(self, divergent, tmp_path):
        evil = "</style><script>alert(1)</script>"
        provenance = divergent.data["provenance"] | {"source": evil, "notes": [evil], evil: evil}
        v = dataclasses.replace(divergent, data=divergent.data | {"provenance": provenance})
        text = v.to_html(tmp_path / "1.html", context=False).read_text(encoding="utf-8")
        assert "<script" not in text
        assert Reader(text).faults == []
        assert text.count(str(escape(evil))) >= 4

    def test_no_warning_of_letters_that_a_font_lacks(self, divergent, tmp_path):
        v = named(divergent, "🚀", "ภาษาไทย")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text = v.to_html(tmp_path / "1.html", context=False).read_text(encoding="utf-8")
        assert ">🚀</text>" in text
        assert ">ภาษาไทย</text>" in text


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


class TestClaims:
    def test_every_claim_stands_in_the_page(self, page, claims):
        for _, row in claims.table.iterrows():
            assert str(escape(row["statement"])) in page
            assert str(escape(row["reason"])) in page
        for row in claims.untestable.itertuples():
            assert str(escape(row.statement)) in page

    def test_none_by_default(self, divergent, tmp_path):
        text = divergent.to_html(tmp_path / "1.html", context=False).read_text(encoding="utf-8")
        assert "Claims on trial" not in text

    def test_true_tries_them_on_the_same_prices(self, divergent, claims, tmp_path, monkeypatch):
        asked = []

        def tried(prices):
            asked.append(prices)
            return claims

        monkeypatch.setattr("regimecorr.inference.claims.trial.test_claims", tried)
        path = divergent.to_html(tmp_path / "1.html", context=False, claims=True)
        assert "Claims on trial" in path.read_text(encoding="utf-8")
        pd.testing.assert_frame_equal(asked[0], divergent.prices)

    @pytest.mark.parametrize("given", [None, 1, "yes"])
    def test_what_are_no_claims(self, divergent, tmp_path, given):
        with pytest.raises(DataError, match="pass True, False, or"):
            divergent.to_html(tmp_path / "1.html", context=False, claims=given)

    @pytest.mark.parametrize(
        "other", [{"asset": "C"}, {"last": pd.Timestamp("2004-01-02")}]
    )  # fmt: skip
    def test_claims_of_another_pair_or_day(self, divergent, claims, tmp_path, other):
        wrong = dataclasses.replace(claims, options={**claims.options, **other})
        with pytest.raises(DataError, match=r"The claims are those of .* make both"):
            divergent.to_html(tmp_path / "1.html", context=False, claims=wrong)


class TestPictures:
    def test_rounding_of_the_layout_is_not_seen(self):
        drawn = []
        for shift in (0.0, 1e-14):
            figure = Figure()
            figure.add_axes((0.1 + shift, 0.1, 0.8, 0.8)).plot([1.0, 3.0, 2.0])
            drawn.append(inline_svg(lambda figure=figure: figure, "p", "t", "d"))
        assert drawn[0] == drawn[1]

    def test_keys_titles_and_sentences(self, divergent):
        pictures = verdict_pictures(divergent)
        names = "prices correlation forecast regimes resolution levels probability"
        assert [p.key for p in pictures] == [f"picture-{name}" for name in names.split()]
        for picture in pictures:
            assert picture.reading.endswith(".")
            svg = picture.svg
            assert f'<title id="{picture.key}-title">{picture.title}</title>' in svg
            assert picture.said in html.unescape(svg)

    def test_the_charts_rule_follows_the_reference_and_a_bar_is_told_where_it_is(self, divergent):
        def resolution(v):
            (picture,) = [p for p in verdict_pictures(v) if p.key == "picture-resolution"]
            legend = picture.draw().get_legend()
            return picture.reading, [text.get_text() for text in legend.get_texts()]

        reading, (rule, bar) = resolution(divergent)
        assert "above zero" in reading
        assert "bar across" in reading
        assert rule.endswith("back above 0")
        assert bar.startswith("transient")
        reading, (rule, _) = resolution(dataclasses.replace(divergent, reference=-0.5))
        assert "below zero" in reading
        assert rule.endswith("back below 0")
        reading, lines = resolution(dataclasses.replace(divergent, p_structural=np.nan))
        assert "bar" not in reading
        assert len(lines) == 1

    def test_colours_are_those_of_the_page(self, divergent, page):
        css = page[page.index("<style>") : page.index("</style>")]
        for name in COLOURS.values():
            # Light and dark.
            assert len(re.findall(rf"--f-{name}: #[0-9a-f]{{6}};", css)) == 2
        for used in set(re.findall(r"var\((--f-[a-z]+)\)", page)):
            assert f"{used}:" in css
        svg = "".join(p.svg for p in verdict_pictures(divergent))
        assert style.BLUE.lower() not in svg
        assert style.INK not in svg

    def test_house_colours_all_have_a_property(self):
        palette = {
            value.lower()
            for name, value in vars(style).items()
            if name.isupper() and isinstance(value, str) and value.startswith("#")
        }
        assert palette <= {colour.lower() for colour in COLOURS}

    def test_a_long_legend_has_two_rows(self, divergent):
        """That of price levels; beside the axes it would squeeze them."""

        def rows(v):
            (picture,) = (p for p in verdict_pictures(v) if p.key == "picture-correlation")
            ax = picture._drawn()
            ax.get_figure().draw_without_rendering()
            # Lines are 16 pixels apart; names with and without a tail differ by part of one.
            texts = ax.get_legend().get_texts()
            return len({round(text.get_window_extent().y0 / 8) for text in texts})

        assert rows(divergent) == 1
        assert rows(dataclasses.replace(divergent, basis="levels")) == 2

    def test_another_colour_stays(self):
        figure = Figure()
        figure.subplots().plot([1.0, 2.0], color="#123456")
        assert "#123456" in inline_svg(lambda: figure, "p", "t", "d")

    def test_lines_stay_where_they_were(self):
        """Rounded to a hundredth of a point; nothing is left out that a pixel shows."""
        import io

        figure = Figure()
        figure.subplots().plot(np.random.default_rng(0).standard_normal(300).cumsum(), gid="line")
        target = io.StringIO()
        with style.style():
            figure.savefig(target, format="svg")
        paths = [
            [
                float(x)
                for x in re.findall(r"-?[\d.]+", max(re.findall(r'd="([^"]*)"', svg), key=len))
            ]
            for svg in (target.getvalue(), inline_svg(lambda: figure, "p", "t", "d"))
        ]
        np.testing.assert_allclose(paths[0], paths[1], atol=0.0051)

    def test_callers_settings_do_not_matter(self, divergent):
        import matplotlib as mpl

        drawn = [p.svg for p in verdict_pictures(divergent)]
        with mpl.rc_context({"svg.fonttype": "path", "font.size": 20.0, "path.simplify": False}):
            assert [p.svg for p in verdict_pictures(divergent)] == drawn
            assert mpl.rcParams["font.size"] == 20.0


class TestCommandLine:
    @pytest.fixture
    def asked(self, divergent, monkeypatch):
        """Put the finished verdict in the place of the models, and keep how it is written."""
        seen = {}

        def to_html(self, path, **options):
            seen.update(options, path=path)

        monkeypatch.setattr("regimecorr.assessment.assess", lambda *_, **__: divergent)
        monkeypatch.setattr("regimecorr.verdict.Verdict.to_html", to_html)
        return seen

    @pytest.mark.parametrize(
        ("line", "options"),
        [
            ([], {"context": True, "claims": False}),
            (["--no-context"], {"context": False, "claims": False}),
            (["--claims"], {"context": True, "claims": True}),
        ],
    )
    def test_options_reach_the_report(self, asked, capsys, tmp_path, line, options):
        path = tmp_path / "report.html"
        assert main(["assess", "--html", str(path), *line]) == 0
        assert asked == {"path": path, **options}

    @pytest.mark.parametrize("option", ["--claims", "--no-context"])
    def test_need_a_report(self, asked, capsys, option):
        assert main(["assess", option]) == 2
        assert f"{option} is about the report; name its file with --html" in capsys.readouterr().err
        assert asked == {}
