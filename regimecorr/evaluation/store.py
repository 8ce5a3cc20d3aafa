"""Records in a file, one JSON object a line, written as they are made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regimecorr.errors import DataError


def read_records(
    store: str | Path,
    options: Mapping[str, Any],
    *,
    where: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Read the records of a file; none if there is no file.

    A last line that was cut off while it was written is removed.

    Parameters
    ----------
    store : path
        The file.
    options : mapping
        What every record must have been made with.
    where : mapping, optional
        Records that differ in one of these are somebody else's and left out.

    Raises
    ------
    DataError
        If a line is no record, or was made with other options.
    """
    path = Path(store)
    if not path.exists():
        return []
    found = []
    lines = path.read_text(encoding="utf-8").split("\n")
    for i, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if i == len(lines) - 1:
                kept = "".join(f"{before}\n" for before in lines[:-1])
                path.write_text(kept, encoding="utf-8")
                continue
            raise DataError(f"Line {i + 1} of {path} is no record: {error}.") from error
        if where is not None and any(row.get(k) != v for k, v in where.items()):
            continue
        other = {k: row.get(k) for k in options if row.get(k) != options[k]}
        if other:
            raise DataError(
                f"{path} holds records made with {other}, not {dict(options)}; use another file."
            )
        found.append(row)
    return found


def append_record(store: str | Path, row: Mapping[str, Any]) -> None:
    """Write a record; NaN becomes null."""
    plain = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
    with Path(store).open("a", encoding="utf-8") as target:
        target.write(json.dumps(plain, allow_nan=False) + "\n")
