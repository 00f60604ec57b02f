/* A thousand datasets of a hundred snapshots each. */
import { readFileSync } from "node:fs";
import { claim, claimQuiet, judging, note, open, seen, shoot, test, until } from "./harness.mjs";
import { World } from "./world.mjs";

/* A figure that depends on the machine decides only where that is asked for. */
function judge(what, found, most, unit) {
    note(`${what}: ${found} ${unit} (at most ${most})`);
    claim(!judging || found <= most, `${what}: ${found} ${unit}, more than ${most}`);
}

function watchLoad(page) {
    const transfers = [];
    page.context().on("requestfinished", (request) => transfers.push(
        Promise.all([request.sizes(), request.url()])));
    return async () => {
        const all = (await Promise.all(transfers)).map(([sizes, url]) => [
            sizes.responseBodySize, new URL(url).pathname]);
        for (const [bytes, path] of all.toSorted((a, b) => b[0] - a[0]).slice(0, 4)) {
            note(`${path}: ${bytes} bytes`);
        }
        return all.reduce((sum, [bytes]) => sum + bytes, 0);
    };
}

async function firstPage(world) {
    let total;
    const page = await open(`${world.origin}/global`, { before: (fresh) => {
        total = watchLoad(fresh);
        return fresh.addInitScript(() => {
            const look = () => {
                if (!document.querySelector(".grid-body .grid-row")) requestAnimationFrame(look);
                else requestAnimationFrame(() => (window.drawn = performance.now()));
            };
            look();
        });
    } });
    const drawn = await until("rows are drawn", () => page.evaluate(() => window.drawn));
    judge("drawn after", Math.round(drawn), 1500, "ms");
    await page.waitForTimeout(1000);
    const bytes = await total();
    note(`the first page: ${bytes} bytes (at most 300000)`);
    await shoot(page, "large");
    claimQuiet(page);
    claim(bytes <= 300000, `the first page is ${bytes} bytes, more than 300000`);
}

async function eventArrives(world) {
    const page = await open(`${world.origin}/global`);
    await seen(page, ".grid-row", "d000001");
    let best = Infinity;
    for (let i = 0; i < 3; i++) {
        await world.idle();
        await until("a countdown", () => page.evaluate(() => document.querySelector(".facts dd")
            .textContent.startsWith("in ")));
        const told = page.evaluate(() => new Promise((resolve) => new MutationObserver(() => {
            const text = document.querySelector(".facts dd").textContent;
            if (text.startsWith("running")) resolve(Date.now());
        }).observe(document.querySelector(".facts"), { subtree: true, childList: true,
            characterData: true })));
        const begin = Date.now();
        await world.get("/api/v1/sync", { method: "POST" });
        best = Math.min(best, await told - begin);
    }
    judge("from the request to the change on the page", best, 200, "ms");
    await world.idle();
}

async function memory(world) {
    const status = readFileSync(`/proc/${world.webRole()}/status`, "utf8");
    const kib = (key) => Number(status.match(new RegExp(`${key}:\\s+(\\d+)`))[1]);
    note(`the web role: ${kib("VmRSS")} KiB, at its largest ${kib("VmHWM")} KiB (at most 204800)`);
    claim(kib("VmHWM") <= 204800, `${kib("VmHWM")} KiB are more than 200 MiB`);
}

async function scrolls(world) {
    const page = await open(`${world.origin}/global`);
    await seen(page, ".grid-row", "d000001");
    await page.evaluate(() => {
        window.long = [];
        new PerformanceObserver((list) => window.long.push(...list.getEntries()
            .map(({ duration }) => Math.round(duration)))).observe({ entryTypes: ["longtask"] });
    });
    await page.mouse.move(600, 500);
    const end = () => page.evaluate(() => innerHeight + scrollY
        >= document.documentElement.scrollHeight - 2);
    for (let i = 0; i < 200 && !await end(); i++) await page.mouse.wheel(0, 400);
    await until("the end is reached", async () => await page.mouse.wheel(0, 2000) ?? end());
    await seen(page, ".grid-row", "d000999");
    const found = await page.evaluate(() => window.long);
    note(`tasks of more than 50 ms: ${found.length}, the longest ${Math.max(0, ...found)} ms`);
    judge("tasks of more than 100 ms while scrolling", found.filter((ms) => ms > 100).length, 0, "");
    claimQuiet(page);
}

async function longHistory(world) {
    const page = await open(`${world.origin}/d000500`);
    await seen(page, ".snapshots .grid-row", "hourly-000100");
    await shoot(page, "large-dataset");
    claimQuiet(page);
}

export async function run(binary) {
    const world = new World(binary);
    try {
        world.configure("[local.policy]\nhourly = 100\n[remote.policy]\nhourly = 100\n"
            + "[sync]\ninterval = \"1h\"");
        world.sim("make-tree", "-l", "tank/data", "-r", "vault/copy", "-k", "100", "1000", "100");
        await world.start();
        await world.idle();
        await test("the first page of a thousand datasets is at most 300 KB, and soon drawn",
            () => firstPage(world));
        await test("a thousand datasets: an event reaches the page at once",
            () => eventArrives(world));
        await test("a thousand datasets are scrolled without a stutter", () => scrolls(world));
        await test("a dataset of a hundred snapshots among them is shown", () => longHistory(world));
        await test("a thousand datasets take at most 200 MB in the web role", () => memory(world));
    } finally {
        await world.end();
    }
}
