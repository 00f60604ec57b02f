/* What every subject is written with: tests that print TAP, waiting, and a browser that is watched. */
import { createRequire } from "node:module";
import { join } from "node:path";

const modules = createRequire(join(process.env.BROWSER_MODULES, "/"));
const { chromium } = modules("playwright-core");
const axe = modules("axe-core");

export const judging = Boolean(process.env.BROWSER_JUDGE);
/* ms; for what happens at once where the machine is not busy */
export const patience = Number(process.env.BROWSER_PATIENCE ?? 40000);
const limit = 300000; /* ms; for a whole test */

/* --- tests --- */

let number = 0;
let failures = 0;
const openPages = new Set();

export function note(text) {
    for (const line of String(text).split("\n")) console.log(`# ${line}`);
}

function withLimit(promise, ms) {
    let timer;
    const late = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`it took more than ${ms / 1000} s`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function picturePages() {
    let i = 0;
    for (const page of openPages) {
        await shoot(page, `failed-${number}-${++i}`).catch(() => {});
    }
}

/* A test's name is the sentence that it proves. What its body throws is why it failed. */
export async function test(sentence, body) {
    number++;
    const begin = Date.now();
    try {
        await withLimit(body(), limit);
        console.log(`ok ${number} - ${sentence}`);
        note(`${((Date.now() - begin) / 1000).toFixed(1)} s`);
    } catch (error) {
        failures++;
        console.log(`not ok ${number} - ${sentence}`);
        note(error.stack ?? error);
        await picturePages();
    }
    for (const page of openPages) await page.context().close().catch(() => {});
    openPages.clear();
}

export function skip(sentence, why) {
    console.log(`ok ${++number} - ${sentence} # SKIP ${why}`);
}

/* What kept a whole subject from going on. */
export function fail(subject, error) {
    failures++;
    console.log(`not ok ${++number} - ${subject} goes to its end`);
    note(error.stack ?? error);
}

export function finish() {
    console.log(`1..${number}`);
    return failures ? 1 : 0;
}

/* --- claims --- */

export function claim(holds, otherwise) {
    if (!holds) throw new Error(otherwise);
}

export function claimEqual(found, expected, what = "it") {
    const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
    claim(a === b, `${what} is ${a}, not ${b}`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* fetch() that gives up; its timer, unlike that of AbortSignal.timeout(), keeps this program alive. */
export async function ask(url, options = {}, ms = 15000) {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(new Error(`no answer from ${url}`)), ms);
    try {
        const answer = await fetch(url, { ...options, signal: giveUp.signal });
        const text = await answer.text();
        return { ok: answer.ok, status: answer.status, text, json: () => JSON.parse(text) };
    } finally {
        clearTimeout(timer);
    }
}

/* Asks until the answer is truthy, and returns it. What the question throws counts as no. */
export async function until(what, question, ms = patience) {
    const end = Date.now() + ms;
    let last;
    for (;;) {
        try {
            last = await question();
            if (last) return last;
        } catch (error) {
            last = error.message;
        }
        if (Date.now() > end) {
            throw new Error(`not within ${ms / 1000} s: ${what} (last: ${JSON.stringify(last)})`);
        }
        await sleep(50);
    }
}

/* --- the browser --- */

let browser = null;

export async function startBrowser() {
    browser = await chromium.launch({
        executablePath: process.env.BROWSER_CHROMIUM || "/usr/bin/chromium",
        args: process.getuid() === 0 ? ["--no-sandbox"] : [],
        chromiumSandbox: process.getuid() !== 0,
    });
}

export const stopBrowser = () => browser?.close();

/* Writes down what a page must not do: errors, broken rules of its CSP, other hosts, dialogs. */
async function watch(page, origin) {
    page.complaints = [];
    const complain = (text) => page.complaints.push(text);
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) {
            complain(`console: ${message.text()} (${message.location().url})`);
        }
    });
    page.on("pageerror", (error) => complain(`exception: ${error.stack}`));
    page.on("dialog", (dialog) => {
        complain(`a dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on("request", (request) => {
        const url = new URL(request.url());
        if (url.protocol !== "data:" && url.origin !== origin) complain(`asked ${url}`);
    });
    await page.exposeFunction("complainOfPolicy", complain);
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation",
        (event) => window.complainOfPolicy(`CSP: ${event.violatedDirective} ${event.blockedURI}`)));
}

/*
 * A page of its own context, closed at the end of the test; options are Playwright's. The window is
 * high, since rows that are far out of sight do not exist. before(page) comes before it is loaded.
 */
export async function open(url, { before, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 2400 },
        reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    openPages.add(page);
    await watch(page, new URL(url).origin);
    await before?.(page);
    page.answer = await page.goto(url);
    return page;
}

/* Nothing that was complained of, besides what a test expects. */
export function claimQuiet(page, ...expected) {
    const rest = page.complaints.filter((text) => !expected.some((part) => text.includes(part)));
    claim(!rest.length, rest.join("\n"));
}

/* A mark on the window, which a reload would take away. */
export const mark = (page) => page.evaluate(() => (window.isTheSame = true));

export async function claimNotReloaded(page) {
    claim(await page.evaluate(() => window.isTheSame === true), "the page was loaded again");
}

/* Until the element that the selector names has text like that. */
export function seen(page, selector, text, ms = patience) {
    return page.locator(selector).filter({ hasText: text }).first()
        .waitFor({ state: "visible", timeout: ms });
}

export function gone(page, selector, text, ms = patience) {
    return until(`${selector} with ${text} is gone`, async () => await page.locator(selector)
        .filter({ hasText: text, visible: true }).count() === 0, ms);
}

/* A picture of the whole page, in a window as high as that, since only rows in sight exist. */
export async function shoot(page, name) {
    const before = page.viewportSize();
    await page.setViewportSize({ width: before.width, height: 700 });
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width: before.width, height: Math.min(height, 5000) });
    await page.evaluate(() => new Promise((resolve) =>
        requestAnimationFrame(() => requestAnimationFrame(resolve))));
    await page.screenshot({ path: join(process.env.BROWSER_PICTURES, `${name}.png`) });
    await page.setViewportSize(before);
}

export const isTooWide = (page) => page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth);

/* What axe finds wrong, a line each. */
export async function findBarriers(page) {
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => window.axe.run(document,
        { resultTypes: ["violations"] }));
    return found.violations.map(({ id, help, nodes }) => `axe ${id}: ${help}\n${nodes.slice(0, 4)
        .map(({ html, any }) => `    ${html.slice(0, 200)} ${any[0]?.message ?? ""}`).join("\n")}`);
}
