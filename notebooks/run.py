"""Run a notebook with the Python that runs this file, where the reader has put nothing.

    python notebooks/run.py notebooks/quickstart.ipynb
    python notebooks/run.py notebooks/case_study.ipynb --data ../shared/data --save
    python notebooks/run.py notebooks/case_study.ipynb --set n_boot=100 \
        --set "prices=rc.datasets.load_eth_russell_twin()"

It is run in an empty temporary folder; an error, or a warning on its standard error, is an error
here too. ``--data`` puts the table ``market.csv`` there, which the case study reads: it is made
from the market files and never stored. ``--set`` changes the one line that assigns a name.
``--save`` writes the outputs back; ``--out`` writes the executed notebook elsewhere.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pandas as pd
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

#: Macro series of the case study; all of them are positive, as prices are.
MACRO = ("WALCL", "DTWEXBGS", "DGS10", "BAMLH0A0HYM2")
TIMEOUT = 600  # seconds a cell may take


def market_table(folder: Path) -> pd.DataFrame:
    """Closes of ETH and IWM, of Bitcoin, the S&P 500 and the VIX, and macro series, by date.

    ``folder`` holds ``eth_usd.csv``, ``iwm.csv``, ``panel_daily.csv`` and ``macro_daily.csv``.
    Prices begin in 2016, macro series two years before: their states look back.
    """

    def read(file: str) -> pd.DataFrame:
        return pd.read_csv(folder / file, index_col=0, parse_dates=True)

    panel, macro = read("panel_daily.csv"), read("macro_daily.csv")
    closes = {"ETH": read("eth_usd.csv")["close"], "IWM": read("iwm.csv")["close"]}
    closes |= {name: panel[name] for name in ("BTC", "SPX")}
    table = pd.DataFrame(closes).loc["2016":]
    return table.join(macro[list(MACRO)].join(panel["VIX"], how="outer").loc["2014":], how="outer")


def set_lines(notebook: NotebookNode, changes: dict[str, str]) -> None:
    """Give names other values, each on the one line of the notebook that assigns it."""
    for name, value in changes.items():
        line = re.compile(rf"^{re.escape(name)} = .*$", re.MULTILINE)
        cells = [c for c in notebook.cells if c.cell_type == "code" and line.search(c.source)]
        if len(cells) != 1 or len(line.findall(cells[0].source)) != 1:
            raise SystemExit(f"There is not one line '{name} = ...' in the notebook.")
        cells[0].source = line.sub(lambda _, to=f"{name} = {value}": to, cells[0].source)


def execute(notebook: NotebookNode, data: Path | None = None) -> None:
    """Run all cells in an empty folder; the outputs are in the notebook afterwards."""
    path = [str(Path(p).resolve()) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    with tempfile.TemporaryDirectory() as folder:
        work, own = Path(folder) / "work", Path(folder) / "own"
        work.mkdir()
        if data is not None:
            market_table(data).to_csv(work / "market.csv", index_label="date")
        # Neither the user's profile nor their kernels, and no history.
        os.environ |= {
            "IPYTHONDIR": str(own),
            "JUPYTER_RUNTIME_DIR": str(own),
            "JUPYTER_DATA_DIR": str(own),
            "PYTHONPATH": os.pathsep.join(path),
        }
        NotebookClient(
            notebook,
            extra_arguments=["--log-level=40"],
            timeout=TIMEOUT,
            kernel_name="python3",
            resources={"metadata": {"path": str(work)}},
            record_timing=False,
        ).execute()
    said = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    if said:
        raise SystemExit("The notebook warns:\n" + "\n".join(said))


def smaller(picture: str) -> str:
    """Return the same picture in at most 128 colours, which is a third of its size."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    target = io.BytesIO()
    few.save(target, "png", optimize=True)
    return base64.b64encode(target.getvalue()).decode("ascii")


def tidy(notebook: NotebookNode) -> None:
    """Leave out what differs between machines: version, counts, addresses of figures."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.execution_count = None
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None
                if "image/png" in output.get("data", {}):
                    output.data = NotebookNode({"image/png": smaller(output.data["image/png"])})
                    output.metadata = NotebookNode()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--data", type=Path, help="folder of market files")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--save", action="store_true", help="write the outputs back")
    parser.add_argument("--out", type=Path, help="where to write the executed notebook")
    arguments = parser.parse_args()
    notebook = nbformat.read(arguments.notebook, as_version=4)
    set_lines(notebook, dict(change.split("=", 1) for change in arguments.set))
    execute(notebook, arguments.data)
    tidy(notebook)
    for path in (arguments.out, arguments.notebook if arguments.save else None):
        if path is not None:
            nbformat.write(notebook, path)
    sys.stdout.write(f"{arguments.notebook.name}: {len(notebook.cells)} cells\n")


if __name__ == "__main__":
    main()
