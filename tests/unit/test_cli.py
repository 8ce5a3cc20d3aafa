"""The command line: exit codes, streams and files."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import pytest

import regimecorr as rc
from regimecorr.cli import main
from regimecorr.errors import DownloadError, EstimationError


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    rc.simulate("one_break", n_obs=1500, rng=13).prices.to_csv(path)
    return path


@pytest.fixture(scope="module")
def verdict():
    prices = rc.simulate("one_break", n_obs=1500, rng=13).prices
    return rc.assess(prices, as_of="2005-02-01", calibration=None, n_paths=400)


@pytest.fixture
def answer(monkeypatch, verdict):
    """Put a finished verdict in the place of the models, and keep the arguments."""
    seen = {}

    def assess(prices, **options):
        seen.update(options, prices=prices)
        return verdict

    monkeypatch.setattr("regimecorr.assessment.assess", assess)
    return seen


@pytest.fixture
def models_must_not_run(monkeypatch):
    def assess(*args, **options):
        raise AssertionError("the models ran")

    monkeypatch.setattr("regimecorr.assessment.assess", assess)


def raising(error):
    def assess(*args, **options):
        raise error

    return assess


class TestAssess:
    def test_summary_of_a_file(self, csv, capsys):
        code = main(["assess", str(csv), "--as-of", "2005-02-01", "--raw", "--n-paths", "400"])
        out, err = capsys.readouterr()
        assert code == 0
        assert err.strip() == ""
        assert out.startswith("A / B | prices.csv | 2000-01-03 to 2005-02-01")
        assert "State        divergent" in out

    def test_json_is_alone_on_stdout_and_warnings_are_one_line(self, csv, capsys):
        code = main(["assess", str(csv), "--as-of", "2005-02-01", "--json", "--n-paths", "400"])
        out, err = capsys.readouterr()
        assert code == 0
        assert json.loads(out)["state"] == "divergent"
        reason = "2005-02-01 is before the first vintage of the market calibration, 2012-01-01"
        assert err.startswith(f"regimecorr: warning: Not calibrated: {reason}.")
        assert len(err.strip().splitlines()) == 1
        assert "Pass --raw to ask for that." in err
        assert "calibration=None" not in err

    def test_arguments_reach_assess(self, answer, capsys):
        line = (
            "assess p.csv --asset X --benchmark Y --as-of 2020-01-01 --basis levels "
            "--short-window 60 --long-window 200 --horizon 100 --n-paths 500 --seed 7 "
            "--n-jobs 2 --method bayes --raw"
        )
        assert main(line.split()) == 0
        assert answer == {
            "prices": "p.csv",
            "asset": "X",
            "benchmark": "Y",
            "as_of": "2020-01-01",
            "basis": "levels",
            "short_window": 60,
            "long_window": 200,
            "horizon": 100,
            "method": "bayes",
            "calibration": None,
            "n_paths": 500,
            "rng": 7,
            "n_jobs": 2,
        }

    def test_defaults_are_those_of_assess(self, answer, capsys):
        import inspect

        assert main(["assess"]) == 0
        real = inspect.signature(rc.assess).parameters
        for name, value in answer.items():
            assert real[name].default == value, name

    @pytest.mark.parametrize(
        ("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
    )
    def test_files(self, answer, capsys, tmp_path, kind, start):
        picture, page = tmp_path / f"p.{kind}", tmp_path / "p.html"
        assert main(["assess", "--plot", str(picture), "--html", str(page)]) == 0
        assert picture.read_bytes().startswith(start)
        assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")

    def test_caller_keeps_its_warning_filters(self, answer, capsys):
        before = list(warnings.filters), warnings.showwarning
        main(["assess"])
        assert (list(warnings.filters), warnings.showwarning) == before


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--asset", "Q"], "no asset 'Q'"),
            (["--as-of", "1990-01-01"], "as_of is 1990-01-01"),
            (["--n-paths", "5"], "n_paths=5 must be a whole number, at least 400"),
            (["--short-window", "5"], "short_window=5"),
        ],
    )
    def test_bad_input(self, csv, capsys, arguments, message):
        assert main(["assess", str(csv), "--raw", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("regimecorr: error: ")
        assert message in err
        assert err.count("\n") == 1

    def test_unknown_names_without_prices(self, capsys):
        assert main(["assess", "--asset", "BTC", "--raw"]) == 2
        assert "no asset 'BTC' to take without prices" in capsys.readouterr().err

    def test_missing_file(self, tmp_path, capsys):
        assert main(["assess", str(tmp_path / "none.csv"), "--raw"]) == 2
        assert "none.csv" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (DownloadError("no source\nanswered"), 3),
            (EstimationError("two models failed"), 4),
            (PermissionError(13, "Permission denied", "p.csv"), 2),
            (KeyboardInterrupt(), 130),
        ],
    )
    def test_exit_codes(self, monkeypatch, capsys, error, code):
        monkeypatch.setattr("regimecorr.assessment.assess", raising(error))
        assert main(["assess"]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("regimecorr: error: ")
        assert err.count("\n") == 1

    def test_defects_are_not_hidden(self, monkeypatch):
        monkeypatch.setattr("regimecorr.assessment.assess", raising(ZeroDivisionError()))
        with pytest.raises(ZeroDivisionError):
            main(["assess"])

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--plot", "picture.gif"],
            ["--plot", "picture"],
            ["--plot", "nowhere/picture.png"],
            ["--html", "nowhere/page.html"],
            ["--html", "."],
            ["--seed", "-1"],
            ["--basis", "prices"],
            ["--n-paths", "many"],
        ],
    )
    def test_usage_errors_come_before_the_models(
        self, models_must_not_run, monkeypatch, tmp_path, capsys, arguments
    ):
        monkeypatch.chdir(tmp_path)
        assert main(["assess", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "error: " in err
        assert list(tmp_path.iterdir()) == []


class TestProgram:
    def test_without_a_command_help_and_two(self, capsys):
        assert main([]) == 2
        assert "assess" in capsys.readouterr().out

    def test_help_is_no_error(self, capsys):
        assert main(["assess", "--help"]) == 0
        assert "--short-window" in capsys.readouterr().out

    def test_unknown_command(self, capsys):
        assert main(["predict"]) == 2
        assert "predict" in capsys.readouterr().err

    def test_version_as_a_module(self):
        done = subprocess.run(
            [sys.executable, "-m", "regimecorr", "--version"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, f"regimecorr {rc.__version__}")

    def test_help_loads_nothing_heavy(self):
        program = (
            "import sys; from regimecorr.cli import main; main(['assess', '--help']); "
            "print(*{m.partition('.')[0] for m in sys.modules})"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        loaded = set(done.stdout.splitlines()[-1].split())
        assert not {"numpy", "pandas", "matplotlib", "arch", "numba"} & loaded

    def test_a_closed_pipe_is_quiet(self, csv):
        line = [sys.executable, "-m", "regimecorr", "assess", str(csv), "--raw", "--n-paths", "400"]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            err = process.stderr.read()
            assert process.wait() == 0
        assert err.strip() == b""
