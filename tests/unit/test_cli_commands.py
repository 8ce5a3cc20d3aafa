"""The commands beside assess: episodes and audit; and the price of a table with several."""

from __future__ import annotations

import argparse
import csv as csv_module
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.cli import main
from regimecorr.cli.options import make_parser, window
from regimecorr.errors import DownloadError, EstimationError, StaleDataWarning
from regimecorr.formatting import plain
from regimecorr.inference.levels import LevelAudit

COMMANDS = {"episodes": rc.find_episodes, "audit": rc.audit_levels}
#: Where an option has another name than the argument, and what a command line cannot say.
RENAMED = {"rng": "seed"}
UNSAID = {"prices", "margins"}
CHART = (
    "--basis levels --short-window 90D --long-window 365D --horizon 200D --reference overlapping "
    "--elevated 0.5 --threshold -0.1 --start day --merge 3 --refractory 20"
)


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    return rc.simulate("recurrent", n_obs=2500, rng=3).prices


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory, prices: pd.DataFrame) -> str:
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    prices.to_csv(path)
    return str(path)


@pytest.fixture(scope="module")
def audit(prices: pd.DataFrame) -> LevelAudit:
    return rc.audit_levels(prices, n_boot=3, rng=7, short_window="90D", long_window="365D")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, audit: LevelAudit) -> dict[str, Any]:
    """Put a finished audit in the place of the worlds, and keep the arguments."""
    seen: dict[str, Any] = {}

    def audit_levels(prices: pd.DataFrame, **options: Any) -> LevelAudit:
        seen.update(options, prices=prices)
        return audit

    monkeypatch.setattr("regimecorr.inference.levels.audit_levels", audit_levels)
    return seen


def subparser(command: str) -> argparse.ArgumentParser:
    (actions,) = (a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return actions.choices[command]


class TestOptions:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_argument_of_the_function_is_an_option_with_its_default(
        self, command: str
    ) -> None:
        arguments = inspect.signature(COMMANDS[command]).parameters
        parser = subparser(command)
        named = {RENAMED.get(name, name): value for name, value in arguments.items()}
        for name, value in named.items():
            if name not in UNSAID:
                assert parser.get_default(name) == value.default, name
        own = (
            {"help", "price", "json", "csv"} if command == "episodes" else {"help", "price", "json"}
        )
        assert {action.dest for action in parser._actions} - own == set(named) - {"margins"}

    @pytest.mark.parametrize(
        ("text", "value"), [("90", 90), (" 90", 90), ("-5", -5), ("90D", "90D"), ("9.5", "9.5")]
    )
    def test_windows(self, text: str, value: object) -> None:
        assert window(text) == value
        assert type(window(text)) is type(value)

    def test_arguments_reach_the_audit(
        self, asked: dict[str, Any], csv: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = (
            "--asset B --benchmark A --as-of 2008-01-15 --since 2002-01-01 --short-window 60 "
            "--long-window 250D --band 0.5 0.8 --elevated 0.4 --horizon 180D --n-boot 9 --seed 5 "
            "--n-jobs 2"
        )
        assert main(["audit", csv, *line.split()]) == 0
        prices = asked.pop("prices")
        assert prices.index[-1] == pd.Timestamp("2008-01-15")
        assert prices.columns.tolist() == ["B", "A"]
        assert asked == {
            "asset": "B",
            "benchmark": "A",
            "since": "2002-01-01",
            "short_window": 60,
            "long_window": "250D",
            "band": (0.5, 0.8),
            "elevated": 0.4,
            "horizon": "180D",
            "n_boot": 9,
            "rng": 5,
            "n_jobs": 2,
        }

    @pytest.mark.parametrize("command", COMMANDS)
    def test_help(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([command, "--help"]) == 0
        out = capsys.readouterr().out
        assert "--short-window WINDOW" in out
        assert "Exit codes" in out


class TestEpisodes:
    OPTIONS = (
        ([], {}),
        (["--as-of", "2006-06-01", "--horizon", "120"], {"as_of": "2006-06-01", "horizon": 120}),
        (
            CHART.split(),
            {
                "basis": "levels",
                "short_window": "90D",
                "long_window": "365D",
                "horizon": "200D",
                "reference": "overlapping",
                "elevated": 0.5,
                "threshold": -0.1,
                "start": "day",
                "merge": 3,
                "refractory": 20,
            },
        ),
    )

    @pytest.mark.parametrize(("line", "options"), OPTIONS)
    def test_json_is_what_find_episodes_returns(
        self,
        csv: str,
        capsys: pytest.CaptureFixture[str],
        line: list[str],
        options: dict[str, Any],
    ) -> None:
        assert main(["episodes", csv, "--json", *line]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        expected = rc.find_episodes(csv, **options)
        assert len(expected) > 0
        assert told["episodes"] == plain(expected)
        assert err == ""
        assert (told["asset"], told["benchmark"], told["schema_version"]) == ("A", "B", 1)
        given = {k: v for k, v in options.items() if k != "as_of"}
        assert {k: told["settings"][k] for k in given} == given
        assert told["data"]["provenance"]["source"] == "prices.csv"
        if "as_of" in options:
            assert told["as_of"] == "2006-06-01"
            assert told["data"]["alignment"]["last"] == "2006-06-01"

    @pytest.mark.parametrize(("line", "options"), OPTIONS)
    def test_csv_holds_every_column_exactly(
        self,
        csv: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        line: list[str],
        options: dict[str, Any],
    ) -> None:
        path = tmp_path / "episodes.csv"
        assert main(["episodes", csv, "--csv", str(path), *line]) == 0
        assert " years: " in capsys.readouterr().out
        expected = rc.find_episodes(csv, **options)
        lines = list(csv_module.reader(path.read_text(encoding="utf-8").splitlines()))
        assert lines[0] == list(expected.columns)
        assert len(lines) == len(expected) + 1
        for line, row in zip(lines[1:], expected.itertuples(index=False), strict=True):
            for text, value in zip(line, row, strict=True):
                if isinstance(value, pd.Timestamp):
                    assert text == f"{value:%Y-%m-%d}"
                elif isinstance(value, str) or pd.isna(value):
                    assert text == (value if isinstance(value, str) else "")
                else:
                    assert type(value)({"True": True, "False": False}.get(text, text)) == value
        assert [p.name for p in tmp_path.iterdir()] == ["episodes.csv"]

    def test_text(self, csv: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["episodes", csv]) == 0
        out = capsys.readouterr().out
        found = rc.find_episodes(csv)
        lines = out.splitlines()
        assert max(map(len, lines)) <= 100
        assert lines[0].startswith("A / B | prices.csv | 2000-01-03 to ")
        assert "252-row one before it is 0.25 or more" in " ".join(lines)
        kinds = found["outcome"].value_counts()
        told = next(line for line in lines if " episodes in " in line)
        assert told.startswith(f"{len(found)} episodes in ")
        assert all(f"{number} {kind}" in told for kind, number in kinds.items())
        table = lines[lines.index(told) + 2 :]
        assert len(table) == len(found) + 1
        for line, (_, row) in zip(table[1:], found.iterrows(), strict=True):
            assert line.split()[0] == f"{row['start']:%Y-%m-%d}"
            assert str(row["outcome"]) in line
            assert ("lasts" in line) is bool(row["censored"])

    def test_an_episode_that_lasts(self, csv: str, capsys: pytest.CaptureFixture[str]) -> None:
        first = rc.find_episodes(csv).iloc[0]
        day = first["start"] + (first["end"] - first["start"]) / 2
        assert main(["episodes", csv, "--as-of", f"{day:%Y-%m-%d}"]) == 0
        last = capsys.readouterr().out.splitlines()[-1].split()
        assert last[:2] == [f"{first['start']:%Y-%m-%d}", "lasts"]

    def test_none(self, csv: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["episodes", csv, "--threshold", "-0.95"]) == 0
        assert capsys.readouterr().out.endswith("\nNo episode.\n")
        assert main(["episodes", csv, "--threshold", "-0.95", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["episodes"] == []

    def test_levels_are_warned_about(self, csv: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["episodes", csv, "--basis", "levels"]) == 0
        assert "WARNING: correlations of price levels" in capsys.readouterr().out
        assert main(["episodes", csv, "--reference", "overlapping"]) == 0
        out = capsys.readouterr().out
        assert "252-row one of the same day is 0.3 or more" in " ".join(out.split())
        assert "WARNING" not in out


class TestAudit:
    LINE = ("--n-boot", "3", "--seed", "7", "--short-window", "90D", "--long-window", "365D")

    def test_summary_and_json(
        self, csv: str, audit: LevelAudit, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["audit", csv, *self.LINE, "--json"]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        assert told["audit"] == plain(audit.to_dict())
        assert told["settings"]["rng"] == 7
        assert err == ""

    def test_text(
        self,
        csv: str,
        asked: dict[str, Any],
        audit: LevelAudit,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main(["audit", csv]) == 0
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= 100
        first, rest = out.split("\n\n", 1)
        assert first.startswith("A / B | prices.csv | ")
        assert " ".join(rest.split()) == " ".join(audit.summary().split())


class TestPrices:
    def test_the_default_pair(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def download(*tickers: object, **options: object) -> pd.DataFrame:
            raise DownloadError("no route to host")

        monkeypatch.setattr("regimecorr.data.defaults.download", download)
        assert main(["episodes", "--benchmark", "IWM"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith("SIMULATED prices: what follows says nothing about any market. ETH /")
        assert err.startswith("regimecorr: warning: No source delivered ETH-USD and IWM")
        assert main(["audit", "--asset", "BTC"]) == 2
        assert "no asset 'BTC' to take without prices" in capsys.readouterr().err

    @pytest.mark.parametrize(("price", "factor"), [(None, 1.0), ("close", 1.0), ("adj_close", 2.0)])
    @pytest.mark.parametrize("command", ["assess", "episodes", "audit"])
    def test_the_price_of_a_table_with_several(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        prices: pd.DataFrame,
        asked: dict[str, Any],
        command: str,
        price: str | None,
        factor: float,
    ) -> None:
        seen: dict[str, Any] = asked

        def keep(prices: Any, **options: Any) -> Any:
            seen["prices"] = rc.load_prices(prices)
            raise EstimationError("enough")

        monkeypatch.setattr("regimecorr.assessment.assess", keep)
        monkeypatch.setattr("regimecorr.episodes.detect.find_episodes", keep)
        both = pd.concat({"Close": prices, "Adj Close": prices * [2.0, 3.0]}, axis=1)
        both.index.name = "Date"
        both.columns.names = ["Price", "Ticker"]
        both.to_csv(tmp_path / "yf.csv")
        option = [] if price is None else ["--price", price]
        assert main([command, str(tmp_path / "yf.csv"), *option]) in (0, 4)
        table = seen["prices"]
        np.testing.assert_allclose(table["A"], factor * prices["A"], rtol=1e-15)
        told = table.attrs["provenance"]["price"]
        assert told["adjusted"] is (factor == 2.0)

    def test_a_warning_is_said_once(
        self, csv: str, prices: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        stale = prices.copy()
        stale.iloc[100:140, 0] = stale.iloc[100, 0]
        stale.to_csv(tmp_path / "stale.csv")
        with pytest.warns(StaleDataWarning):
            rc.find_episodes(tmp_path / "stale.csv")
        assert main(["episodes", str(tmp_path / "stale.csv")]) == 0
        err = capsys.readouterr().err
        assert err.startswith("regimecorr: warning: A keeps one price for 39 rows")
        assert err.count("\n") == 1
