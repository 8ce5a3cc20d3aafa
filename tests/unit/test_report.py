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
from regimecorr.reporting.pictures import context_pictures, verdict_pictures
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
