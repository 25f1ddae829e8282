"""Open a report in headless Chromium at desktop and phone width, and check what it shows.

    python benchmarks/report_screenshot.py REPORT.html [-o FOLDER]

Writes desktop.png, phone.png and dark.png. Fails where the page is wider than the window, an image
did not load, or a script raised.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
VIEWS = {"desktop": (1200, 8000), "phone": (390, 12000), "dark": (1200, 8000)}
# Put at the end of a copy of the page: what it measures becomes text that --dump-dom shows.
PROBE = """<script>
const wide = document.documentElement.scrollWidth - window.innerWidth;
const broken = [...document.images].filter((i) => !i.naturalWidth).length;
for (const act of ["next", "zoom", "flicker"])
  document.querySelector(`[data-act=${act}]`)?.click();
document.body.dataset.probe = `wide=${wide} broken=${broken} errors=${window.errors}`;
</script>"""
TRAP = "<script>window.errors = 0; window.onerror = () => { window.errors += 1; };</script>"


def browser() -> str:
    """The first Chromium on the path."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    sys.exit(f"None of {', '.join(BROWSERS)} is installed.")


def run(page: Path, *arguments: str) -> str:
    command = [browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    return subprocess.run(
        [*command, *arguments, page.as_uri()], check=True, capture_output=True, text=True
    ).stdout


def probe(page: Path, width: int) -> dict[str, int]:
    """Pixels beyond the window, images that did not load, errors of scripts."""
    html = page.read_text(encoding="utf-8")
    html = html.replace("<head>", "<head>" + TRAP, 1).replace("</body>", PROBE + "</body>", 1)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        # Headless windows are at least 500 wide: a frame gives the page the width of a phone.
        inner = Path(folder) / "inner.html"
        inner.write_text(html, encoding="utf-8")
        copy.write_text(
            f'<iframe id="f" src="inner.html" style="width:{width}px;height:900px"></iframe>'
            "<script>onload = () => { document.body.dataset.probe ="
            " f.contentDocument.body.dataset.probe; };</script>",
            encoding="utf-8",
        )
        dom = run(
            copy, "--dump-dom", "--allow-file-access-from-files", "--virtual-time-budget=4000"
        )
    found = re.search(r'data-probe="wide=(-?\d+) broken=(\d+) errors=(\d+)"', dom)
    if found is None:
        sys.exit("The page did not finish loading.")
    return dict(zip(("wide", "broken", "errors"), map(int, found.groups()), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path())
    options = parser.parse_args()
    page = options.report.resolve()
    options.output.mkdir(parents=True, exist_ok=True)
    failed = False
    for name, (width, height) in VIEWS.items():
        target = (options.output / f"{name}.png").resolve()
        scheme = ["--blink-settings=preferredColorScheme=0"] if name == "dark" else []
        run(page, f"--window-size={width},{height}", f"--screenshot={target}", *scheme)
        found = probe(page, width)
        failed |= found["wide"] > 0 or found["broken"] > 0 or found["errors"] > 0
        print(f"{name}: {target}, {found}")
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
