"""What episodes and audit refuse: bad input, wrong usage, what cannot be had or written."""

from __future__ import annotations

from pathlib import Path

import pytest

import regimecorr as rc
from regimecorr.cli import main
from regimecorr.errors import DownloadError, EstimationError


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    rc.simulate("recurrent", n_obs=1200, rng=3).prices.to_csv(path)
    return str(path)


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (["episodes", "--asset", "Q"], "no asset 'Q'"),
            (["episodes", "--as-of", "1990-01-01"], "as_of is 1990-01-01"),
            (["episodes", "--short-window", "5"], "short_window=5"),
            (["episodes", "--short-window", "90D"], "must both be rows or both offsets"),
            (["episodes", "--short-window", "soon", "--long-window", "365D"], "'soon' must be a"),
            (["episodes", "--elevated", "1.5"], "elevated=1.5"),
            (["episodes", "--threshold", "nan"], "threshold=nan"),
            (["episodes", "--merge", "-1"], "merge=-1"),
            (["episodes", "--price", "close"], "does not say which price"),
            (["audit", "--band", "0.9", "0.6"], "band=(0.9, 0.6)"),
            (["audit", "--since", "2030-01-01"], "since=2030-01-01 leaves no rows"),
            (["audit", "--n-boot", "0"], "n_boot=0"),
            (["audit", "--horizon", "1D"], "horizon='1D'"),
        ],
    )
    def test_bad_input(
        self, csv: str, capsys: pytest.CaptureFixture[str], line: list[str], message: str
    ) -> None:
        command, *options = line
        assert main([command, csv, *options]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("regimecorr: error: ")
        assert message in err
        assert err.count("\n") == 1

    @pytest.mark.parametrize(
        "line",
        [
            ["episodes", "--csv", "nowhere/e.csv"],
            ["episodes", "--csv", "."],
            ["episodes", "--price", "close"],
            ["episodes", "--start", "never"],
            ["episodes", "--merge", "few"],
            ["episodes", "--n-boot", "3"],
            ["audit", "--seed", "-1"],
            ["audit", "--n-jobs", "0"],
            ["audit", "--band", "0.6"],
            ["audit", "--csv", "a.csv"],
        ],
    )
    def test_usage_errors_come_first(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        line: list[str],
    ) -> None:
        def align(*args: object, **options: object) -> None:
            raise AssertionError("prices were read")

        monkeypatch.setattr("regimecorr.data.alignment.align", align)
        monkeypatch.setattr("regimecorr.data.defaults.default_pair", align)
        monkeypatch.chdir(tmp_path)
        assert main(line) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "error: " in err
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("option", ["--csv", "--html"])
    def test_the_prices_are_never_overwritten(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
    ) -> None:
        path = tmp_path / "p.csv"
        path.write_text("date,A,B\n2024-01-02,1,2\n")
        command = "episodes" if option == "--csv" else "assess"
        assert main([command, str(path), option, str(tmp_path / "." / "p.csv")]) == 2
        assert "is the file of the prices" in capsys.readouterr().err
        assert path.read_text().startswith("date,A,B")

    @pytest.mark.parametrize("command", ["episodes", "audit"])
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (DownloadError("no source\nanswered"), 3),
            (EstimationError("no likelihood"), 4),
            (PermissionError(13, "Permission denied", "p.csv"), 2),
            (KeyboardInterrupt(), 130),
        ],
    )
    def test_exit_codes(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        command: str,
        error: BaseException,
        code: int,
    ) -> None:
        def align(*args: object, **options: object) -> None:
            raise error

        monkeypatch.setattr("regimecorr.data.alignment.align", align)
        assert main([command, "p.csv"]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1

    def test_a_full_disk_leaves_the_old_file(
        self,
        csv: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def replace(*names: object) -> None:
            raise OSError(28, "No space left on device")

        path = tmp_path / "e.csv"
        path.write_text("old")
        monkeypatch.setattr("os.replace", replace)
        assert main(["episodes", csv, "--csv", str(path)]) == 2
        out, err = capsys.readouterr()
        assert (out, path.read_text()) == ("", "old")
        assert "No space left" in err
        assert [p.name for p in tmp_path.iterdir()] == ["e.csv"]
