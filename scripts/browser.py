"""Headless Chromium over a pipe, with the standard library alone: what a page does when it is read.

Used by `make_report.py` and `tests/browser`.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: What the page measures of itself: sideways scroll, what sticks out, and contrast of its text.
LOOK = """(() => {
  const shown = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
  const luminance = c => {
    const m = c.match(/[\\d.]+/g).map(Number);
    if (m.length > 3 && m[3] === 0) return null;
    const linear = x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
    const l = m.slice(0, 3).map(x => linear(x / 255));
    return .2126 * l[0] + .7152 * l[1] + .0722 * l[2];
  };
  const paper = e => {
    for (let at = e; at; at = at.parentElement) {
      const l = luminance(getComputedStyle(at).backgroundColor);
      if (l !== null) return l;
    }
    return 1;
  };
  const low = [];
  const letters = 'p, dt, dd, th, td, h1, h2, h3, a, b, pre, summary, figcaption, text';
  for (const e of document.querySelectorAll(letters)) {
    if (!shown(e) || !e.textContent.trim()) continue;
    const style = getComputedStyle(e);
    const [a, b] = [luminance(e.tagName === 'text' ? style.fill : style.color), paper(e)];
    if (a === null) continue;
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.push([e.tagName, e.textContent.trim().slice(0, 40), +ratio.toFixed(2)]);
  }
  const out = [...document.querySelectorAll('body *')].filter(e =>
    shown(e) && !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1);
  return {
    width: innerWidth, scroll: document.documentElement.scrollWidth,
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
    outside: out.map(e => e.tagName + '.' + e.className).slice(0, 5),
    faint: low, text: document.body.innerText,
    details: [...document.querySelectorAll('details > :not(summary)')].map(
      e => e.checkVisibility({contentVisibilityAuto: true}) ? e.getBoundingClientRect().height : 0),
  };
})()"""


class BrowserError(RuntimeError):
    """The browser said no, or nothing."""


def find_browser() -> str | None:
    """Return the first Chromium on PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """A headless Chromium that takes commands over a pipe; use it as a context manager.

    Parameters
    ----------
    program : str
        Chromium.
    patience : float, default 60
        Seconds to wait for an answer.

    Attributes
    ----------
    requests : list of str
        Addresses asked for since `open`.
    complaints : list of str
        Console messages of level warning or error, and uncaught exceptions since `open`.
    """

    def __init__(self, program: str, patience: float = 60.0) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._patience, self._number, self._session, self._buffer = patience, 0, "", b""
        self._loaded = False
        self._home = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        # Numbers well above 3 and 4, where Chromium reads and writes.
        (theirs_in, self._to), (self._from, theirs_out) = os.pipe(), os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 30) for end in (theirs_in, theirs_out)]
        os.close(theirs_in)
        os.close(theirs_out)

        def connect() -> None:
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        options = (
            "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
            "--disable-background-networking --disable-component-update --disable-sync "
            "--disable-extensions --hide-scrollbars --remote-debugging-pipe"
        )
        self._process = subprocess.Popen(
            [program, *options.split(), f"--user-data-dir={self._home.name}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=connect,
        )
        for end in high:
            os.close(end)

    def __enter__(self) -> Browser:
        targets = self._ask("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        told = self._ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = told["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._session = ""
            self._ask("Browser.close")
            self._process.wait(10)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            os.close(self._to)
            os.close(self._from)
            self._home.cleanup()

    def open(
        self, page: Path, width: int, *, dark: bool = False, height: int = 900
    ) -> dict[str, Any]:
        """Open a file at a width and return what it measures of itself (see `LOOK`)."""
        self.requests, self.complaints, self._loaded = [], [], False
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        self.media("screen", dark=dark)
        self._ask("Page.navigate", url=page.resolve().as_uri())
        self._until(lambda: self._loaded)
        return self.look()

    def media(self, media: str, *, dark: bool = False) -> None:
        """Show the page on screen or paper, light or dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def look(self) -> dict[str, Any]:
        """Return what the page measures of itself."""
        told = self._ask("Runtime.evaluate", expression=LOOK, returnByValue=True)
        if "exceptionDetails" in told:
            raise BrowserError(json.dumps(told["exceptionDetails"]))
        found: dict[str, Any] = told["result"]["value"]
        return found

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Write a PNG of the whole page, or of what the window shows."""
        told = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def print(self, path: Path) -> None:
        """Write the page as a PDF, on A4."""
        told = self._ask("Page.printToPDF", preferCSSPageSize=True, paperWidth=8.27,
                         paperHeight=11.69, printBackground=False)  # fmt: skip
        path.write_bytes(base64.b64decode(told["data"]))

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        found: list[dict[str, Any]] = []
        self._until(lambda: bool(found), self._number, found)
        if "error" in found[0]:
            raise BrowserError(f"{method}: {found[0]['error']['message']}")
        result: dict[str, Any] = found[0]["result"]
        return result

    def _until(self, done: Any, number: int = 0, found: list[dict[str, Any]] | None = None) -> None:
        end = time.monotonic() + self._patience
        while not done():
            while b"\0" not in self._buffer:
                ready, _, _ = select.select([self._from], [], [], max(end - time.monotonic(), 0.0))
                got = os.read(self._from, 1 << 16) if ready else b""
                if not got:
                    raise BrowserError(f"no answer within {self._patience:g} s, or it has ended")
                self._buffer += got
            line, self._buffer = self._buffer.split(b"\0", 1)
            message = json.loads(line)
            if found is not None and message.get("id") == number:
                found.append(message)
            self._note(message.get("method", ""), message.get("params", {}))

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("warning", "error"):
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("warning", "error"):
            self.complaints.append(json.dumps(told["args"]))
