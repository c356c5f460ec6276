"""The pictures of docs/: python pictures.py NFDECODE DOCS. Needs what browser.py needs."""

import os
import pathlib
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

from common import FLAGS, ROOT
from serving import served, settled, when_read


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
        with served(nfdecode, ROOT / "tests/fixtures/router", "--no-cache") as address:
            when_read(address)
            for name, query, scheme in (("serve", "?fields=src_addr,dst_port", "light"), ("serve-filter", "?filter=proto+tcp+and+src+port+%3E+30000&metric=flows", "dark")):
                page = browser.new_context(viewport={"width": 1100, "height": 860}, color_scheme=scheme).new_page()
                page.goto(address + query)
                settled(page)
                # The paths of the machine that makes the pictures are of no interest.
                page.locator("#what").evaluate("element => { element.textContent = 'tests/fixtures/router — 1 file'; }")
                page.screenshot(path=str(docs / f"{name}.png"))
        browser.close()


main()
