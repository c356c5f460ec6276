// The essential checks of browser.py in Firefox: node firefox.mjs NFDECODE MODULES PICTURES
//
// NFDECODE: the program. MODULES: node_modules with puppeteer-core. PICTURES: where screenshots go. Needs Debian's
// firefox-esr, which is driven by WebDriver BiDi without another program. Everything else is tested in Chromium.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

const [nfdecode, modules, pictures] = process.argv.slice(2).map((path) => resolve(path));
const puppeteer = createRequire(join(modules, "index.js"))("puppeteer-core");
const root = fileURLToPath(new URL("../..", import.meta.url));
const archive = join(root, "tests/fixtures/archive");
const environment = { ...process.env, TZ: "UTC" };
const folder = mkdtempSync(join(tmpdir(), "nfdecode-firefox-"));
const downloads = join(folder, "downloads");
const SIZES = { light: [1280, "light"], dark: [1280, "dark"], phone: [390, "light"] };
let passed = 0;

class Failed extends Error {}

const check = (what, condition, ...shown) => {
  if (!condition) throw new Failed(`${what} ${shown.map((each) => JSON.stringify(each)).join(" ")}`);
  passed += 1;
};

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits for a condition in the page; what puppeteer has for that needs a policy that allows `eval`. */
const until = async (page, what, condition, ...values) => {
  const end = Date.now() + 30_000;
  for (;;) {
    // A page that is just being left has nothing to ask.
    const found = await page.evaluate(condition, ...values).catch(() => false);
    if (found) return;
    if (Date.now() > end) throw new Failed(`waiting: ${what}`);
    await pause(20);
  }
};

const text = (page, selector) => page.$eval(selector, (element) => element.innerText);
const count = (page, selector) => page.$$eval(selector, (elements) => elements.length);
const state = (page) => Object.fromEntries(new URL(page.url()).searchParams);

/** A page with what it asked for and its errors. */
const open = async (browser, address, size = "light") => {
  const page = await browser.newPage();
  const [width, scheme] = SIZES[size];
  await page.setViewport({ width, height: 900 });
  const requests = [];
  const errors = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("dialog", (dialog) => { errors.push(dialog.message()); dialog.dismiss(); });
  await page.goto(address);
  return { page, requests, errors, scheme };
};

/** All answers are shown. */
const settled = (page, what = "all is shown") =>
  until(page, what, () => document.readyState === "complete" && !document.querySelector(".busy") && document.querySelector("#commands dd") !== null);

const launch = (scheme) => puppeteer.launch({
  browser: "firefox",
  executablePath: "/usr/bin/firefox-esr",
  headless: true,
  // The scheme of pages: 0 is dark, 1 is light. Nothing is asked of the maker's servers.
  extraPrefsFirefox: {
    "layout.css.prefers-color-scheme.content-override": scheme === "dark" ? 0 : 1,
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
    "browser.download.folderList": 2,
    "browser.download.dir": downloads,
  },
});

const serve = async (...words) => {
  const child = spawn(nfdecode, ["serve", ...words], { stdio: ["ignore", "pipe", "ignore"], env: environment });
  const [line] = await Promise.race([
    new Promise((done) => createInterface(child.stdout).once("line", (line) => done([line]))),
    new Promise((_, fail) => child.once("exit", () => fail(new Failed("the server ended")))),
  ]);
  return { address: line.trim(), end: () => new Promise((done) => { child.once("exit", done); child.kill("SIGTERM"); }) };
};

const looks = async (opened, name, size) => {
  const { page, errors, scheme } = opened;
  await page.screenshot({ path: join(pictures, `firefox-${name}-${size}.png`), fullPage: true });
  const found = await page.evaluate(() => ({
    over: document.documentElement.scrollWidth - innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    ground: getComputedStyle(document.body).backgroundColor,
  }));
  check(`${name} ${size}: nothing is wider than the screen`, found.over <= 0, found);
  const light = Number(found.ground.match(/\d+/)[0]) > 127;
  check(`${name} ${size}: its colours`, found.dark === (scheme === "dark") && light !== found.dark, found);
  check(`${name} ${size}: no errors`, errors.length === 0, errors);
};

const testReport = async (browser, path, size) => {
  const opened = await open(browser, pathToFileURL(path).href, size);
  const { page } = opened;
  await looks(opened, "report", size);
  const others = opened.requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"));
  check(`report ${size}: nothing is asked for`, others.length === 0, others);
  const data = await page.$eval("#data", (element) => JSON.parse(element.textContent));
  const rows = await count(page, "table[data-list=sources] tbody tr");
  check(`report ${size}: all rows`, rows === data.lists.sources.rows.length, rows);
  check(`report ${size}: the chart is seen`, await page.$eval("#f-bits .plot", (element) => element.getBoundingClientRect().height > 100));
  await page.click("label[for=m-flows]");
  check(`report ${size}: measures change`, await page.$eval("#f-flows", (element) => element.checkVisibility()) && !await page.$eval("#f-bits", (element) => element.checkVisibility()));
  await page.click("label[for=m-bits]");
  const plot = await page.$("#f-bits .plot");
  await plot.hover();
  check(`report ${size}: the chart says its numbers`, (await text(page, "#f-bits .tip")).includes("bit/s"));
  check(`report ${size}: no errors in use`, opened.errors.length === 0, opened.errors);
  await page.close();
};

const testFilter = async (page) => {
  const before = await text(page, "#totals");
  await page.type("#filter", "prot 6");
  await until(page, "a mistake is shown", () => document.getElementById("mistake").textContent.includes("^^^^"));
  check("a mistake has a suggestion", (await text(page, "#mistake")).includes("did you mean `proto`?"));
  await page.keyboard.press("Enter");
  await pause(200);
  check("a wrong filter is not applied", !("filter" in state(page)) && await text(page, "#totals") === before);
  await page.$eval("#filter", (element) => element.select());
  await page.type("#filter", "proto tcp");
  await until(page, "the mistake is gone", () => !document.getElementById("mistake").textContent);
  await page.keyboard.press("Enter");
  await until(page, "the filter is in the address", () => location.search.includes("filter="));
  await settled(page);
  check("a filter is in the address", state(page).filter === "proto tcp");
  check("and changes what is shown", await text(page, "#totals") !== before);
  await page.click("#clear");
  await until(page, "all is shown again", () => location.search === "");
  await settled(page);
  check("and all can be shown again", await text(page, "#totals") === before);
};

const testHistory = async (page) => {
  const whole = await text(page, "#caption");
  const svg = await page.$("#chart svg");
  const box = await svg.boundingBox();
  const y = box.y + 80;
  await page.mouse.move(box.x + box.width * 0.3, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, y, { steps: 4 });
  check("the pointer shows numbers", (await text(page, ".tip")).includes("bit/s"));
  await page.mouse.up();
  await until(page, "the time is in the address", () => location.search.includes("from="));
  await settled(page);
  const brushed = await text(page, "#caption");
  check("a brush chooses a time", brushed !== whole && "from" in state(page) && "to" in state(page));
  await page.reload();
  await settled(page);
  check("it survives reloading", await text(page, "#caption") === brushed, brushed, await text(page, "#caption"));
  await page.select("#by", "flows");
  await until(page, "the choice is in the address", () => location.search.includes("by=flows"));
  await settled(page);
  for (const _ of [1, 2]) {
    await page.evaluate(() => history.back());
    await pause(200);
    await settled(page);
  }
  check("back leads to where it began", await text(page, "#caption") === whole && new URL(page.url()).search === "", page.url());
  await page.evaluate(() => history.forward());
  await until(page, "forward", () => location.search.includes("from="));
  await settled(page);
  check("forward too", await text(page, "#caption") === brushed);
  await page.click("#clear");
  await until(page, "all is shown again", () => location.search === "");
  await settled(page);
};

const testTables = async (page, address) => {
  const asked = async (name) => (await fetch(`${address}api/v1/${name}`)).json();
  const top = await asked("top?fields=src_addr&n=10");
  const shown = await page.$$eval("#top tbody tr", (rows) => rows.map((row) => [row.cells[0].innerText.trim(), row.cells[3].innerText.replaceAll(",", "")]));
  const expected = top.top.rows.map((row) => [row.key[0], String(row.flows)]);
  check("the page shows the answer", JSON.stringify(shown) === JSON.stringify(expected), shown, expected);

  const value = shown[0][0];
  await page.click("#top tbody th button");
  await page.waitForSelector("#menu button");
  check("the menu says what it does", (await text(page, "#menu button")) === `Only: src ip ${value}`);
  await page.click("#menu button");
  await until(page, "the value is in the address", () => location.search.includes("filter="));
  await settled(page);
  check("a click on a value selects it", state(page).filter === `src ip ${value}` && await count(page, "#top tbody tr") === 1);
  await page.click("#clear");
  await until(page, "all is shown again", () => location.search === "");
  await settled(page);

  const first = await text(page, "#flows tbody");
  let rows = await count(page, "#flows tbody tr");
  for (;;) {
    if (await page.$eval("#next", (element) => element.disabled)) break;
    const cursor = await page.$eval("#next", (element) => element.dataset.cursor);
    await page.click("#next");
    await until(page, "the next page", (cursor) => new URLSearchParams(location.search).get("cursor") === cursor, cursor);
    await settled(page);
    rows += await count(page, "#flows tbody tr");
  }
  const meta = await asked("meta");
  check("pages lead to the last flow", rows === meta.flows, rows, meta.flows);
  await page.click("#start");
  await until(page, "the first page", () => !location.search.includes("cursor="));
  await settled(page);
  check("and back to the first", await text(page, "#flows tbody") === first);

  await page.click("#flows tbody tr td:last-child button");
  await page.waitForSelector("dialog[open] tbody tr");
  check("a flow has details", (await text(page, "dialog")).includes("src4_addr"));
  await page.click("dialog form button");
  check("which can be closed", await page.$("dialog[open]") === null);
};

const testExport = async (page, flows) => {
  await page.click("#export");
  const saved = join(downloads, "flows.csv");
  const lines = () => (existsSync(saved) ? readFileSync(saved, "latin1").split("\n").length - 1 : 0);
  for (const end = Date.now() + 20_000; Date.now() < end && lines() !== flows + 1;) await pause(50);
  check("an export has all flows", lines() === flows + 1, lines(), readdirSync(downloads));
};

const main = async () => {
  for (const place of [pictures, downloads]) mkdirSync(place, { recursive: true });
  const report = join(folder, "report.html");
  execFileSync(nfdecode, ["report", archive, "-o", report], { env: environment });
  const server = await serve(archive, "--no-cache");
  const { address } = server;
  const guarded = await serve(archive, "--no-cache", "--token");
  const browsers = [];
  try {
    const meta = async () => (await fetch(`${address}api/v1/meta`)).json();
    while (((found) => found.files.read < found.files.count)(await meta())) await pause(20);
    for (const [size, [, scheme]] of Object.entries(SIZES)) {
      if (size !== "phone") browsers.push(await launch(scheme));
      const browser = browsers[scheme === "dark" ? 1 : 0];
      await testReport(browser, report, size);
      const opened = await open(browser, address, size);
      await settled(opened.page);
      await looks(opened, "serve", size);
      await opened.page.close();
    }
    const [browser] = browsers;
    const plain = await open(browser, address);
    await settled(plain.page);
    await testFilter(plain.page);
    await testHistory(plain.page);
    await testTables(plain.page, address);
    const others = plain.requests.filter((url) => !url.startsWith(address) && !url.startsWith("data:"));
    check("only this server is asked", others.length === 0 && plain.requests.length > 10, others);
    check("no errors in use", plain.errors.length === 0, plain.errors);
    // What is not reported would not be missed.
    await plain.page.evaluate(() => console.error("made"));
    for (const end = Date.now() + 5000; Date.now() < end && !plain.errors.length;) await pause(20);
    check("errors are noticed", plain.errors.join() === "made", plain.errors);
    await plain.page.close();
    const withToken = await open(browser, guarded.address);
    await settled(withToken.page);
    check("the page with its token shows flows", await count(withToken.page, "#top tbody tr") > 0);
    await testExport(withToken.page, (await meta()).flows);
    check("without errors", withToken.errors.length === 0, withToken.errors);
    console.log(`${passed} checks passed in ${await browser.version()}`);
  } finally {
    for (const browser of browsers) await browser.close();
    await guarded.end();
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  }
};

main().catch((error) => {
  console.error(error instanceof Failed ? `FAILED: ${error.message}` : error);
  process.exitCode = 1;
});
