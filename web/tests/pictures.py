"""The pictures of docs/: python pictures.py NFDECODE DOCS. Needs what browser.py needs."""

import os
import pathlib
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def main():
    nfdecode, docs = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = pathlib.Path(folder) / "report.html"
        words = [nfdecode, "report", "tests/fixtures/router", "--title", "Router, 2026-01-01", "-o", path]
        subprocess.run(words, cwd=ROOT, env={**os.environ, "TZ": "UTC"}, check=True)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name, scheme, top, height in (("report", "light", "header", 900), ("report-lists", "dark", "#h-lists", 760)):
            page = browser.new_context(viewport={"width": 1100, "height": height}, color_scheme=scheme).new_page()
            page.goto(path.as_uri())
            page.locator(top).evaluate("element => element.scrollIntoView()")
            page.screenshot(path=str(docs / f"{name}.png"))
        browser.close()


main()
