"""Headless Chromium: runs a script on a page and returns its answer, or takes a screenshot."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH (Debian: apt install chromium)")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip

NO_SCRIPTS = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'


def run(page: Path, *flags: str, dark: bool = False) -> bytes:
    """Chromium's output for a page."""
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    with tempfile.TemporaryDirectory() as profile:
        command = [str(CHROMIUM), *FLAGS, scheme, f"--user-data-dir={profile}", *flags, page.as_uri()]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, check=True
        ).stdout


def ask(
    html: str, script: str, folder: Path, *flags: str, dark: bool = False, size: tuple[int, int] = (1200, 900)
) -> Any:
    """What `script` (the body of an async function) returns once the page is loaded. It has five seconds."""
    page = folder / "asked.html"
    flags = (*flags, "--virtual-time-budget=5000") if "await" in script else flags
    answer = (
        "<script>addEventListener('load', async () => { let answer; try { answer = await (async () => {"
        + script
        + "})(); }"
        " catch (e) { answer = {error: String(e.stack || e)}; }"
        " const box = document.createElement('pre'); box.id = 'answer'; box.textContent = JSON.stringify(answer);"
        " document.body.append(box); });</script>"
    )
    page.write_text(html + answer, encoding="utf-8")
    dom = run(page, "--dump-dom", f"--window-size={size[0]},{size[1]}", *flags, dark=dark).decode()
    found = re.search(r'<pre id="answer">(.*?)</pre>', dom, re.S)
    assert found, f"the page gave no answer: {dom[:500]}"
    answered = json.loads(unescape(found[1]))
    assert not (isinstance(answered, dict) and "error" in answered), answered
    return answered


def screenshot(
    page: Path, *flags: str, dark: bool = False, scripts: bool = True, size: tuple[int, int] = (1000, 1400)
) -> Any:
    """The page as an array of pixels (height, width, 3), from 0 to 1."""
    from matplotlib.image import imread

    out = page.with_suffix(".png")
    out.unlink(missing_ok=True)
    if not scripts:
        text = page.read_text(encoding="utf-8")
        assert "<head>" in text
        page = page.with_name(f"{page.stem}-without-scripts.html")
        page.write_text(text.replace("<head>", f"<head>{NO_SCRIPTS}", 1), encoding="utf-8")
    run(page, f"--screenshot={out}", f"--window-size={size[0]},{size[1]}", *flags, dark=dark)
    return np.asarray(imread(io.BytesIO(out.read_bytes())))[..., :3]
