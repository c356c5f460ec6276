"""The pages of `nfdecode serve` in a browser, called by browser.py."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import common
from common import ROOT, SIZES, check, run

ARCHIVE = ROOT / "tests/fixtures/archive"
ROUTER = ROOT / "tests/fixtures/router"


@contextlib.contextmanager
def served(nfdecode, *words):
    """The address of a server."""
    environment = {**os.environ, "TZ": "UTC"}
    words = [str(nfdecode), "serve", *map(str, words)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        line = child.stdout.readline().strip()
        check("the address is printed", re.fullmatch(r"http://127\.0\.0\.1:\d+/(#token=\S+)?", line), line)
        yield line
    finally:
        child.terminate()
        status = child.wait(timeout=10)
    check("the server ends at SIGTERM", status == 0, status)


def ask(address, name, **params):
    query = urllib.parse.urlencode(params)
    with urllib.request.urlopen(f"{address.split('#')[0]}api/v1/{name}?{query}", timeout=60) as answer:
        return json.load(answer)


def when_read(address, most=120):
    end = time.monotonic() + most
    while time.monotonic() < end:
        meta = ask(address, "meta")
        if meta["files"]["read"] == meta["files"]["count"]:
            return meta
        time.sleep(0.05)
    raise SystemExit("FAILED: files are not read")


def open_page(browser, address, size="light", **more):
    """A page, what it asked for, and its errors."""
    width, scheme = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
    page = context.new_page()
    requests, errors = common.watched(page)
    page.goto(address)
    settled(page)
    return page, requests, errors


def until(page, condition, most=60):
    """Waits; what Playwright has for that needs a policy that allows `eval`."""
    end = time.monotonic() + most
    while not page.evaluate(condition):
        if time.monotonic() > end:
            raise SystemExit(f"FAILED: waiting for {condition}")
        page.wait_for_timeout(20)


def settled(page):
    """All answers are shown."""
    page.wait_for_load_state("networkidle")
    until(page, "!document.querySelector('.busy')")


def state(page):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)


def close(page, what, address, requests, errors):
    own = address.split("#")[0]
    check(f"{what}: only this server is asked", all(url.startswith(own) or url.startswith("data:") for url in requests), requests)
    check(f"{what}: no errors", not errors, errors)
    page.context.close()


def test_looks(browser, name, address, pictures, axe):
    for size in ("light", "dark", "phone"):
        for part in ("", "?page=exporters", "?page=damage"):
            page, requests, errors = open_page(browser, address + part, size)
            label = f"serve-{name}{re.sub('[^a-z]+', '-', part)}"
            page.screenshot(path=str(pictures / f"{label}-{size}.png"), full_page=True)
            common.test_looks(page, label, size, axe)
            close(page, f"{label} {size}", address, requests, errors)


def test_filter(browser, address):
    page, requests, errors = open_page(browser, address)
    before = page.locator("#totals").inner_text()
    page.locator("#filter").press_sequentially("prot 6")
    until(page, "document.getElementById('mistake').textContent.includes('^^^^')")
    check("a mistake is shown with its place and a suggestion", "did you mean `proto`?" in page.locator("#mistake").inner_text())
    check("and said to be one", page.locator("#filter").get_attribute("aria-invalid") == "true")
    page.locator("#filter").press("Enter")
    settled(page)
    check("a wrong filter is not applied", "filter" not in state(page) and page.locator("#totals").inner_text() == before)
    page.locator("#filter").fill("proto tcp")
    until(page, "!document.getElementById('mistake').textContent")
    page.locator("#filter").press("Enter")
    until(page, "location.search.includes('filter=')")
    settled(page)
    check("a filter is in the address", state(page)["filter"] == ["proto tcp"])
    check("and changes what is shown", page.locator("#totals").inner_text() != before)
    close(page, "filter", address, requests, errors)


def test_history(browser, address):
    page, requests, errors = open_page(browser, address)
    whole = page.locator("#caption").inner_text()
    box = page.locator("#chart svg").bounding_box()
    y = box["y"] + 80
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=4)
    check("the pointer shows numbers", "bit/s" in page.locator(".tip").inner_text())
    page.mouse.up()
    until(page, "location.search.includes('from=')")
    settled(page)
    brushed = page.locator("#caption").inner_text()
    check("a brush chooses a time", brushed != whole and {"from", "to"} <= set(state(page)))
    page.reload()
    settled(page)
    check("it survives reloading", page.locator("#caption").inner_text() == brushed)
    page.locator("#metric").select_option("flows")
    page.locator("#by").select_option("flows")
    settled(page)
    check("choices are in the address", state(page)["metric"] == ["flows"] and state(page)["by"] == ["flows"])
    shared, requests_of_other, errors_of_other = open_page(browser, page.url)
    check("the address can be shared", shared.locator("#caption").inner_text() == page.locator("#caption").inner_text())
    check("with its choices", shared.locator("#by").input_value() == "flows" and shared.locator("#metric").input_value() == "flows")
    close(shared, "shared", address, requests_of_other, errors_of_other)
    for _ in range(3):
        page.go_back()
        settled(page)
    check("back leads to where it began", page.locator("#caption").inner_text() == whole and not state(page), page.url)
    page.go_forward()
    settled(page)
    check("forward too", page.locator("#caption").inner_text() == brushed)
    close(page, "history", address, requests, errors)


def test_values(browser, address):
    page, requests, errors = open_page(browser, address)
    first = page.locator("#top tbody th button").first
    value = first.inner_text()
    first.click()
    page.get_by_role("button", name="Only: ").click()
    settled(page)
    check("a click on a value selects it", state(page)["filter"] == [f"src ip {value}"], page.url)
    check("and nothing else", page.locator("#top tbody tr").count() == 1)
    page.locator("#flows tbody td button").nth(1).click()
    page.get_by_role("button", name="Without: ").click()
    settled(page)
    found = state(page)["filter"][0]
    check("a click on a value can leave it out", found.startswith(f"src ip {value} and not ("), found)
    check("that is a filter", page.locator("#mistake").inner_text() == "" and page.locator("#problem").is_hidden())
    page.locator("#clear").click()
    settled(page)
    page.locator("#flows").get_by_role("button", name="All fields").first.click()
    page.locator("dialog tbody tr").first.wait_for()
    check("a flow has details", "src4_addr" in page.locator("dialog").inner_text())
    page.get_by_role("button", name="Close").click()
    with page.expect_download() as download:
        page.locator("#export").click()
    lines = download.value.path().read_text().splitlines()
    check("an export has all flows", len(lines) == ask(address, "meta")["flows"] + 1, len(lines))
    close(page, "values", address, requests, errors)


def test_paging(browser, address):
    page, requests, errors = open_page(browser, address + "?filter=proto+udp")
    seen, pages = 0, 0
    while True:
        seen += page.locator("#flows tbody tr").count()
        pages += 1
        if page.locator("#next").is_disabled():
            break
        page.locator("#next").click()
        settled(page)
    expected = ask(address, "top", filter="proto udp", fields="proto")["top"]["totals"]["flows"]
    check("pages lead to the last flow", seen == expected and pages > 1, seen, expected, pages)
    page.go_back()
    settled(page)
    check("and back", not page.locator("#next").is_disabled())
    close(page, "paging", address, requests, errors)


def test_equal(browser, nfdecode, nfdump, source, address):
    page, requests, errors = open_page(browser, address + "?fields=src_addr&n=20")
    shown = [row.locator("th, td").all_inner_texts() for row in page.locator("#top tbody tr").all()]
    rows = ask(address, "top", fields="src_addr", n=20)["top"]["rows"]
    ours = [(row["key"][0], row["flows"], row["packets"], row["bytes"], row["bps"]) for row in rows]
    check("the page shows the answer", [(line[0], line[3].replace(",", "")) for line in shown] == [(row[0], str(row[1])) for row in ours], shown)
    top = json.loads(run(nfdecode, "top", "src_addr", source, "-n", 20, "-f", "json"))
    theirs = [(row["src_addr"], row["flows"], row["packets"], row["bytes"], row["bps"]) for row in top]
    check(f"{source.name}: as `nfdecode top`", ours == theirs, ours, theirs)
    if nfdump:
        theirs = common.nfdump_rows(nfdump, source, "srcip")
        check(f"{source.name}: as `nfdump -s`", sorted(row[1:4] for row in ours[: len(theirs)]) == sorted(theirs), ours, theirs)
    command = page.locator("#commands pre").nth(1).inner_text()
    check("the command line is that of the list", command.startswith("nfdecode top src_addr --by bytes -n 20"), command)
    export = run("sh", "-c", command.replace("nfdecode", str(nfdecode), 1) + " -f json")
    check("and gives the same", [row["bytes"] for row in json.loads(export)] == [row[3] for row in ours])
    close(page, "equal", address, requests, errors)


def test_hostile(browser, nfdecode, made, folder):
    """Names in files and of folders are text."""
    nasty = folder / "<img src=x onerror=alert(2)>"
    shutil.copytree(made, nasty)
    broken = (ARCHIVE / "nfcapd.202611241335").read_bytes()
    (nasty / "nfcapd.202601011210").write_bytes(broken[: len(broken) // 2])
    with served(nfdecode, nasty, "--no-cache") as address:
        when_read(address)
        for part in ("?fields=tls_sni", "?fields=dns_name", "?page=damage", "?filter=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&fields=%3Cb%3E&from=%3Cb%3E"):
            page, requests, errors = open_page(browser, address + part)
            check(f"{part}: nothing is an element", page.locator("img, b, iframe, main script").count() == 0)
            if part == "?fields=tls_sni":
                check("hostile names are text", "<img src=x onerror=alert(1)>" in page.locator("#top").inner_text())
            if part == "?page=damage":
                shown = page.locator("#damage").inner_text()
                check("hostile idents are text, and damage is shown", "<img src=x onerror=alert(1)>" in shown and "Damaged" in shown, shown)
            # What the address asks for is wrong in the last one: the browser notes the status.
            errors = [error for error in errors if "400 (Bad Request)" not in error]
            close(page, f"hostile {part}", address, requests, errors)


def test_token(browser, nfdecode):
    with served(nfdecode, ARCHIVE, "--token", "--no-cache") as address:
        check("a token is in the fragment", "#token=" in address)
        page, requests, errors = open_page(browser, address)
        check("the page with its token shows flows", page.locator("#top tbody tr").count() > 0)
        with page.expect_download() as download:
            page.locator("#export").click()
        check("exports work with a token", len(download.value.path().read_text().splitlines()) == 420)
        check("the token is in no request", not any(address.split("=")[1] in url for url in requests))
        close(page, "token", address, requests, errors)
        page, requests, errors = open_page(browser, address.split("#")[0])
        check("without it there is a message", "token is missing" in page.locator("#problem").inner_text())
        page.context.close()


def test_month(browser, nfdecode, month, folder):
    """A month of files: the first chart from a warm cache."""
    cache = folder / "cache"
    with served(nfdecode, month, "--cache", cache) as address:
        meta = when_read(address)
        check("a month of files is served", meta["files"]["count"] == 8640, meta["files"])
    begun = time.monotonic()
    with served(nfdecode, month, "--cache", cache) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        until(page, "document.querySelector('#chart path') && document.getElementById('totals').textContent.includes('103,680')")
        took = time.monotonic() - begun
        check("the first chart of 8,640 files with a warm cache", took < 10, took)
        print(f"first chart of 8,640 files, with the start of the program: {took:.2f} s")
        context.close()


def test(browser, nfdecode, made, axe, pictures, folder, nfdump):
    with served(nfdecode, ARCHIVE, "--cache", folder / "cache") as address:
        when_read(address)
        test_looks(browser, "archive", address, pictures, axe)
        test_filter(browser, address)
        test_history(browser, address)
        test_values(browser, address)
        test_paging(browser, address)
        test_equal(browser, nfdecode, nfdump, ARCHIVE, address)
    with served(nfdecode, ROUTER, "--no-cache") as address:
        when_read(address)
        test_equal(browser, nfdecode, nfdump, ROUTER, address)
    test_hostile(browser, nfdecode, made, folder)
    test_token(browser, nfdecode)
    test_month(browser, nfdecode, made.parent / "month", folder)
