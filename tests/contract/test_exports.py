"""The public face: names, signatures, docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
from types import ModuleType
from typing import Any

import pytest

import regimecorr

FUNCTIONS = (
    "assess",
    "audit_levels",
    "backtest",
    "calibrate",
    "carrasco_hu_ploberger",
    "context",
    "download",
    "episode_durations",
    "episode_pathways",
    "episode_paths",
    "find_breaks",
    "find_episodes",
    "fisher_switching",
    "history",
    "load_prices",
    "monitor",
    "published_claims",
    "published_events",
    "rolling_correlation",
    "scan",
    "select_regimes",
    "simulate",
    "test_association",
    "test_claim",
    "test_claims",
    "test_constancy",
    "test_positioning",
    "test_regimes",
    "timing",
)
SPECIFICATIONS = (
    "BreakCorrelation",
    "ConstantCorrelation",
    "DCC",
    "DriftingCorrelation",
    "GARCH",
    "SwitchingCorrelation",
    "SwitchingDCC",
)
#: Functions of no data, and of two samples.
DATA_ARGUMENTS = {
    "episode_paths": 2,
    "published_claims": 0,
    "published_events": 0,
    "test_association": 2,
}
DATA = ("BacktestRecord", "Calibration", "Event", "History", "PublishedClaim", "Scan")
PUBLIC = {*FUNCTIONS, *SPECIFICATIONS, *DATA, "Verdict", "datasets", "plotting", "__version__"}
ON_A_PAIR = (
    "assess",
    "audit_levels",
    "context",
    "episode_pathways",
    "find_episodes",
    "fisher_switching",
    "history",
    "rolling_correlation",
    "test_claim",
    "test_claims",
    "timing",
)
Kind = inspect.Parameter


def sections(docstring: str) -> dict[str, str]:
    """Return the numpydoc sections of a docstring by title; the text before them under ''."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", docstring, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented(section: str) -> set[str]:
    """Return the names that a Parameters or Attributes section describes."""
    heads = re.findall(r"^(\w[\w, ]*?) *:", section, flags=re.MULTILINE)
    return {name.strip() for head in heads for name in head.split(",")}


def parameters(thing: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(thing).parameters.values())


def public_methods(cls: type) -> list[tuple[str, Any]]:
    found = inspect.getmembers(cls, inspect.isfunction)
    return [(name, method) for name, method in found if not name.startswith("_")]


class TestNames:
    def test_all_is_what_this_release_promises(self):
        assert set(regimecorr.__all__) == PUBLIC
        assert len(regimecorr.__all__) == len(PUBLIC)

    def test_dir_lists_them(self):
        assert set(dir(regimecorr)) >= PUBLIC

    @pytest.mark.parametrize("name", sorted(PUBLIC))
    def test_every_name_resolves(self, name):
        assert getattr(regimecorr, name) is getattr(regimecorr, name)

    def test_unknown_name_is_an_attribute_error_that_names_it(self):
        with pytest.raises(AttributeError, match="no_such_name"):
            regimecorr.no_such_name  # noqa: B018

    def test_kinds(self):
        assert isinstance(regimecorr.__version__, str)
        assert isinstance(regimecorr.datasets, ModuleType)
        assert isinstance(regimecorr.plotting, ModuleType)
        assert all(inspect.isfunction(getattr(regimecorr, name)) for name in FUNCTIONS)
        assert all(inspect.isclass(getattr(regimecorr, name)) for name in SPECIFICATIONS)

    def test_version_is_the_installed_one(self):
        from importlib.metadata import version

        assert regimecorr.__version__ == version("regimecorr")


class TestSignatures:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_data_first_then_keyword_only(self, name):
        found = parameters(getattr(regimecorr, name))
        data, rest = found[: DATA_ARGUMENTS.get(name, 1)], found[DATA_ARGUMENTS.get(name, 1) :]
        assert {p.kind for p in data} <= {Kind.POSITIONAL_OR_KEYWORD}
        assert {p.kind for p in rest} <= {Kind.KEYWORD_ONLY}

    @pytest.mark.parametrize("name", ON_A_PAIR)
    def test_functions_on_a_pair_open_alike(self, name):
        prices, asset, benchmark, *_ = parameters(getattr(regimecorr, name))
        assert (prices.name, asset.name, benchmark.name) == ("prices", "asset", "benchmark")
        assert asset.default is None
        assert benchmark.default is None

    @pytest.mark.parametrize("name", SPECIFICATIONS)
    def test_specifications_take_keyword_options_that_all_have_defaults(self, name):
        for parameter in parameters(getattr(regimecorr, name)):
            assert parameter.kind is Kind.KEYWORD_ONLY
            assert parameter.default is not Kind.empty

    @pytest.mark.parametrize("name", [*SPECIFICATIONS, "Verdict"])
    def test_no_method_takes_anything_goes(self, name):
        for method_name, method in public_methods(getattr(regimecorr, name)):
            kinds = {p.kind for p in parameters(method)}
            assert not kinds & {Kind.VAR_KEYWORD, Kind.VAR_POSITIONAL}, method_name


class TestSpecifications:
    @pytest.mark.parametrize("name", SPECIFICATIONS)
    def test_frozen_equal_by_value_and_printable(self, name):
        cls = getattr(regimecorr, name)
        spec = cls()
        assert dataclasses.is_dataclass(spec)
        assert spec == cls()
        assert " at 0x" not in repr(spec)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(spec, dataclasses.fields(spec)[0].name, None)

    @pytest.mark.parametrize("name", SPECIFICATIONS)
    def test_fits_returns(self, name):
        methods = dict(public_methods(getattr(regimecorr, name)))
        assert [p.name for p in parameters(methods["fit"])][:2] == ["self", "returns"]

    @pytest.mark.parametrize("name", [n for n in SPECIFICATIONS if n != "GARCH"])
    def test_filters_with_given_parameters(self, name):
        methods = dict(public_methods(getattr(regimecorr, name)))
        assert [p.name for p in parameters(methods["filter"])][:3] == ["self", "returns", "params"]

    def test_verdict_is_frozen(self):
        assert dataclasses.is_dataclass(regimecorr.Verdict)
        assert regimecorr.Verdict.__dataclass_params__.frozen


class TestDocstrings:
    @pytest.mark.parametrize("name", [*FUNCTIONS, *SPECIFICATIONS])
    def test_every_parameter_is_described(self, name):
        thing = getattr(regimecorr, name)
        found = sections(inspect.getdoc(thing))
        assert found[""].strip()
        names = {p.name for p in parameters(thing)}
        assert documented(found.get("Parameters", "")) == names

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_functions_say_what_they_return(self, name):
        assert sections(inspect.getdoc(getattr(regimecorr, name)))["Returns"].strip()

    def test_verdict_describes_its_attributes(self):
        found = sections(inspect.getdoc(regimecorr.Verdict))
        fields = {f.name for f in dataclasses.fields(regimecorr.Verdict) if f.name[0] != "_"}
        assert fields <= documented(found.get("Attributes", "") + found.get("Parameters", ""))

    @pytest.mark.parametrize("name", [*SPECIFICATIONS, "Verdict"])
    def test_every_public_method_has_a_docstring(self, name):
        for method_name, method in public_methods(getattr(regimecorr, name)):
            assert inspect.getdoc(method), method_name

    @pytest.mark.parametrize("name", ["datasets", "plotting"])
    def test_rooms_have_docstrings(self, name):
        module = getattr(regimecorr, name)
        assert module.__all__
        assert all(inspect.getdoc(getattr(module, name)) for name in module.__all__)
