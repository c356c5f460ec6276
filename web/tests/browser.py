"""Reports, and the pages of `nfdecode serve`, in a real browser: python browser.py NFDECODE MADE AXE PICTURES [NFDUMP]

NFDECODE: the program. MADE: the folder of files that `cargo test -p nfdecode-web` makes. AXE: axe.min.js. PICTURES: where screenshots
go. NFDUMP: the reference, if at hand. Needs Playwright and Debian's chromium; no page makes a request, which is tested.
"""

import json
import pathlib
import shutil
import sys
import tempfile

from playwright.sync_api import sync_playwright

import common
import serving
from common import FLAGS, ROOT, SIZES, check, passed, run

ARCHIVE = ROOT / "tests/fixtures/archive"
ROUTER = ROOT / "tests/fixtures/router"


def open_page(browser, path, size, **more):
    """A page in a context without a network; also what it asked for, and its errors."""
    width, scheme = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, **more)
    page = context.new_page()
    requests, errors = common.watched(page)
    page.goto(path.as_uri())
    return page, requests, errors


def test_looks(browser, name, path, pictures, axe):
    for size in SIZES:
        page, requests, errors = open_page(browser, path, size)
        page.screenshot(path=str(pictures / f"{name}-{size}.png"), full_page=True)
        check(f"{name} {size}: one request, for itself", requests == [path.as_uri()], requests)
        check(f"{name} {size}: no errors", not errors, errors)
        common.test_looks(page, name, size, axe)
        page.context.close()


def test_without_scripts(browser, name, path):
    page, requests, errors = open_page(browser, path, "light", java_script_enabled=False)
    texts = page.locator("table[data-list=sources] tbody tr").all_inner_texts()
    data = embedded(path)
    check(f"{name}: all rows without scripts", len(texts) == len(data["lists"]["sources"]["rows"]), len(texts))
    check(f"{name}: the last row is seen", page.locator("table[data-list=sources] tbody tr").last.is_visible())
    check(f"{name}: the chart is seen", page.locator("#f-bits .plot").is_visible())
    page.locator("label[for=m-flows]").click()
    check(f"{name}: measures change without scripts", page.locator("#f-flows .plot").is_visible() and not page.locator("#f-bits").is_visible())
    check(f"{name}: nothing is asked for", len(requests) == 1 and not errors, requests, errors)
    page.context.close()


def test_use(browser, path):
    page, _, errors = open_page(browser, path, "light", permissions=["clipboard-read", "clipboard-write"])
    rows = page.locator("table[data-list=sources] tbody tr")
    data = embedded(path)["lists"]["sources"]["rows"]
    if len(data) > 10:
        check("rows beyond ten are folded", not rows.nth(10).is_visible())
        page.locator("article", has=page.locator("table[data-list=sources]")).get_by_role("button", name="Show").click()
        check("and can be shown", rows.nth(10).is_visible())
    rows.nth(0).get_by_role("button").click()
    check("a row is copied as a filter", page.evaluate("navigator.clipboard.readText()") == data[0][7])
    details = page.locator("article", has=page.locator("table[data-list=sources]")).locator("details.cmd")
    details.locator("summary").click()
    command = details.locator("code").inner_text()
    details.get_by_role("button").click()
    check("a command is copied", page.evaluate("navigator.clipboard.readText()") == command)
    page.locator("#f-bits .plot").hover(position={"x": 200, "y": 60})
    check("the chart says its numbers at the pointer", "bit/s" in page.locator("#f-bits .tip").inner_text())
    page.keyboard.press("Tab")
    check("the first stop of the keyboard skips to the content", page.evaluate("document.activeElement.className") != "")
    page.emulate_media(media="print")
    check("all charts are printed", all(page.locator(f"#f-{name}").is_visible() for name in ("bits", "packets", "flows")))
    check("all rows are printed", rows.last.is_visible())
    check("no errors in use", not errors, errors)
    page.context.close()


def embedded(path):
    text = path.read_text()
    return json.loads(text.split('id="data">')[1].split("</script>")[0])


def test_equals_top(nfdecode, source, path):
    for name, found in embedded(path)["lists"].items():
        top = json.loads(run(nfdecode, "top", ",".join(found["keys"]), source, "--filter", found["only"] or "any", "-n", 20, "-f", "json"))
        ours = [row[1:5] for row in found["rows"]]
        theirs = [[row["flows"], row["packets"], row["bytes"], row["bps"]] for row in top]
        check(f"{source.name}: {name} as `nfdecode top`", ours == theirs, ours, theirs)


def test_equals_nfdump(nfdump, source, path):
    data = embedded(path)
    for statistic, name in (("srcip", "sources"), ("dstip", "destinations"), ("proto", "protocols")):
        theirs = common.nfdump_rows(nfdump, source, statistic)
        ours = [tuple(row[1:4]) for row in data["lists"][name]["rows"]][: len(theirs)]
        check(f"{source.name}: {name} as `nfdump -s`", sorted(ours) == sorted(theirs), ours, theirs)


def test_hostile(browser, nfdecode, made, folder):
    """Names of files and folders, titles and filters are as hostile as what is in files."""
    nasty = folder / "<img src=x onerror=alert(1)>"
    nasty.mkdir()
    shutil.copy(ARCHIVE / "nfcapd.202611241330", nasty / "nfcapd.202611241330")
    broken = (ARCHIVE / "nfcapd.202611241335").read_bytes()
    (nasty / "nfcapd.202611241335").write_bytes(broken[: len(broken) // 2])
    path = folder / "hostile.html"
    title = "</title><script>alert(1)</script>"
    run(nfdecode, "report", nasty, "--filter", "not payload content '<b>x</b>'", "--title", title, "-o", path, status=3)
    page, requests, errors = open_page(browser, path, "light")
    check("a hostile title is text", page.title() == title and page.locator("h1").inner_text() == title)
    check("a hostile folder is text", "<img src=x onerror=alert(1)>" in page.locator(".what").first.inner_text())
    check("damage is shown", page.locator(".notes .bad").count() == 1)
    check("nothing of it is an element", page.locator("img, b, iframe").count() == 0)
    check("nothing of it runs or is loaded", not errors and len(requests) == 1, errors, requests)
    page.context.close()
    path = folder / "made.html"
    run(nfdecode, "report", made, "-o", path)
    page, requests, errors = open_page(browser, path, "light")
    names = page.locator("table[data-list=tls_names] tbody th").all_inner_texts()
    check("hostile server names are text", "<img src=x onerror=alert(1)>" in names, names)
    check("and only text", page.locator("img").count() == 0 and not errors and len(requests) == 1, errors, requests)
    page.context.close()
    return path


def main():
    nfdecode, made, axe, pictures = map(pathlib.Path, sys.argv[1:5])
    nfdump = sys.argv[5] if len(sys.argv) > 5 else None
    nfdecode = nfdecode.resolve()
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        folder = pathlib.Path(folder)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        pages = {}
        for source in (ARCHIVE, ROUTER):
            path = folder / f"{source.name}.html"
            run(nfdecode, "report", source, "-o", path)
            pages[source.name] = path
            check(f"{source.name}: at most 200 kB", path.stat().st_size <= 200_000)
            test_equals_top(nfdecode, source, path)
            if nfdump:
                test_equals_nfdump(nfdump, source, path)
        pages["made"] = test_hostile(browser, nfdecode, made, folder)
        for name, path in pages.items():
            test_looks(browser, name, path, pictures, axe.read_text())
            test_without_scripts(browser, name, path)
        test_use(browser, pages["made"])
        test_use(browser, pages["router"])
        serving.test(browser, nfdecode, made, axe.read_text(), pictures, folder, nfdump)
        browser.close()
    print(f"{len(passed)} checks passed")


main()
