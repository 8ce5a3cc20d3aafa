"""Progress on a terminal for anything that takes longer than two seconds."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_PATIENCE = 2.0


class LateProgress:
    """A progress bar on standard error that appears after two seconds, on a terminal only."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._quiet = not self._bar.console.is_terminal
        self._task = self._bar.add_task(title, total=total)

    def __enter__(self) -> LateProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar.live.is_started:
            self._bar.stop()

    def advance(self, step: str) -> None:
        """Count one step that is done; its name stands behind the title."""
        if self._quiet:
            return
        if not self._bar.live.is_started and time.monotonic() - self._began > _PATIENCE:
            self._bar.start()
        self._bar.update(self._task, advance=1, description=f"{self._title}: {step}")
