/*
 * guest.mjs: the pages of a daemon on real OpenZFS, in a guest that run.sh has started: its port is
 * BROWSER_PORT and its folder BROWSER_GUEST. This side is another machine to it, so all of it goes
 * with the token.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ask, claim, claimEqual, claimNotReloaded, claimQuiet, fail, findBarriers, finish, gone,
    isTooWide, mark, open, seen, shoot, startBrowser, stopBrowser, test, until }
    from "./harness.mjs";

const token = "in-the-guest-only";
const origin = `http://127.0.0.1:${process.env.BROWSER_PORT}`;
const httpCredentials = { username: "me", password: token };
const long = 120000; /* ms; the machine is emulated */
/* What the browser writes down of the first question, which has no token yet. */
const challenge = "401";

const inGuest = (...words) => execFileSync(join(import.meta.dirname, "../guest/vm.sh"),
    ["ssh", process.env.BROWSER_GUEST, "-n", "bash", "/root/in-guest.sh",
        ...words.map((word) => `'${word}'`)], { encoding: "utf8", timeout: long,
        stdio: ["ignore", "pipe", "pipe"] });

const get = (path) => ask(origin + path, { headers: { authorization: `Bearer ${token}` } });

const openWithToken = (path, options = {}) => open(origin + path, { httpCredentials, ...options });

const syncNow = (page) => page.getByRole("button", { name: "Sync now" }).click();

async function takeSnapshot(page, type) {
    await page.getByLabel("Type of the snapshot").selectOption(type);
    await page.getByRole("button", { name: "Take snapshot" }).click();
    await seen(page, ".panel .answer", "Created", long);
}

/* A browser without anybody before it shows nothing of such an answer, so it is asked for directly. */
async function withoutToken() {
    for (const path of ["/global", "/home/ann", "/api/v1/state", "/api/v1/changes"]) {
        const answer = await ask(origin + path);
        claimEqual(answer.status, 401, `the status of ${path}`);
        claim(!answer.text.includes("/home"), `${path} shows a dataset`);
    }
}

async function pageIsWhole(name, path, selector, look) {
    const page = await openWithToken(path, look);
    await seen(page, selector, "", long);
    const tooWide = await isTooWide(page);
    const barriers = await findBarriers(page);
    await shoot(page, `guest-${name}-${look.colorScheme}-${look.viewport.width}`);
    claimQuiet(page, challenge, ...(name === "unknown" ? ["404"] : []));
    claim(tooWide <= 0, `the page is ${tooWide} px wider than the window`);
    claim(!barriers.length, barriers.join("\n"));
}

async function pagesAreWhole() {
    for (const look of [{ colorScheme: "light", viewport: { width: 1280, height: 800 } },
        { colorScheme: "dark", viewport: { width: 375, height: 720 } }]) {
        for (const [name, path, selector] of [["overview", "/global", ".grid-row a"],
            ["dataset", "/home/ann", ".snapshots[aria-rowcount]"], ["root", "/root", ".plot"],
            ["activity", "/global/activity", ".log li"], ["unknown", "/nobody", ".empty"]]) {
            await pageIsWhole(name, path, selector, look);
        }
    }
}

async function transferProgresses() {
    const page = await openWithToken("/global");
    await mark(page);
    await seen(page, ".panel .word", "Safe", long);
    inGuest("write", "/music and films", "160");
    await takeSnapshot(page, "hourly");
    await syncNow(page);
    const row = page.locator(".grid-row", { has: page.locator("a[title='/music and films']") });
    const bar = row.getByRole("progressbar");
    await bar.waitFor({ timeout: long });
    const values = new Set();
    await until("the bar has grown twice", async () => {
        values.add(Number(await bar.getAttribute("aria-valuenow", { timeout: 1000 })));
        return values.size > 2;
    }, long);
    claimEqual([...values].toSorted((a, b) => a - b), [...values], "what the bar showed");
    await until("the rate is shown", async () => /iB\/s/.test(await row.innerText()), long);
    await shoot(page, "guest-transfer");
    await page.locator(".panel .facts").filter({ hasText: "in " }).waitFor({ timeout: long });
    await seen(page, ".panel .word", "Safe", long);
    await claimNotReloaded(page);
    claimQuiet(page, challenge);
}

async function snapshotByButton() {
    const page = await openWithToken("/home/ann");
    await mark(page);
    await seen(page, ".snapshots .grid-row", "hourly-", long);
    const drawn = () => page.evaluate(() => [...document.querySelectorAll(
        ".plot path.present, .plot path.coming")].map((path) => path.getAttribute("d")).join("").length);
    const before = await until("the timeline is drawn", drawn);
    await takeSnapshot(page, "daily");
    const name = (await page.locator(".panel .answer").innerText()).replace(/.*@/, "");
    await seen(page, ".snapshots .grid-row", name, long);
    await until("the timeline has it", async () => await drawn() > before, long);
    await shoot(page, "guest-snapshot");
    await claimNotReloaded(page);
    claimQuiet(page, challenge);
}

async function failureComesAndGoes() {
    const page = await openWithToken("/home/ann");
    await mark(page);
    await seen(page, ".snapshots .grid-row", "hourly-", long);
    await syncNow(page);
    await gone(page, ".snapshots .grid-row", "will come", long);
    inGuest("diverge", "/home/ann");
    /* In the same second neither would be newer. */
    await new Promise((resolve) => { setTimeout(resolve, 2500); });
    await takeSnapshot(page, "hourly");
    await syncNow(page);
    await seen(page, ".panel .word", "Failed", long);
    /* Its text says the way out. */
    await seen(page, ".panel.small .error", "to go on, destroy daily-foreign", long);
    await until("the title says it", async () => (await page.title()).startsWith("\u2717 failed"));
    await shoot(page, "guest-failure");
    inGuest("mend", "/home/ann");
    await syncNow(page);
    await gone(page, ".panel.small .error", "daily-foreign", long);
    await seen(page, ".panel .word", "Safe", long);
    await claimNotReloaded(page);
    claimQuiet(page, challenge);
}

process.on("SIGTERM", () => process.exit(143));
try {
    inGuest("make", token);
    await until("the daemon answers", async () => (await get("/healthz")).ok, long);
    await until("the first cycle has ended", async () => {
        const { cycle } = await (await get("/api/v1/state")).json();
        return cycle.finished && !cycle.running;
    }, long);
    await startBrowser();
    await test("on OpenZFS: without the token nothing is shown", withoutToken);
    await test("on OpenZFS: the pages are whole", pagesAreWhole);
    await test("on OpenZFS: a transfer is seen to progress", transferProgresses);
    await test("on OpenZFS: a snapshot that the button takes is seen", snapshotByButton);
    await test("on OpenZFS: a remote that has diverged is seen to fail, and to be mended",
        failureComesAndGoes);
    await stopBrowser();
} catch (error) {
    fail("the subject", error);
}
process.exit(finish());
