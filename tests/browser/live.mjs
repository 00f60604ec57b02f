/* What happens while a page is open is seen on it, without loading it again. */
import { claim, claimNotReloaded, claimQuiet, gone, mark, open, seen, shoot, test, until }
    from "./harness.mjs";
import { local, makeSmall, noSpace, snapshot, World } from "./world.mjs";

const answer = ".panel .answer";
const row = (page, name) => page.locator(".grid-row", {
    has: page.locator(`a[title="${name}"]`) });

const take = (page, type) => page.getByLabel("Type of the snapshot").selectOption(type)
    .then(() => page.getByRole("button", { name: "Take snapshot" }).click());

const syncNow = (page) => page.getByRole("button", { name: "Sync now" }).click();

const barOf = (bar) => bar.getAttribute("aria-valuenow").then(Number);

const pathLength = (page) => page.evaluate(() => [...document.querySelectorAll(
    ".plot path.present, .plot path.coming")].map((path) => path.getAttribute("d")).join("").length);

async function transferProgresses(world) {
    const page = await open(`${world.origin}/global`);
    await mark(page);
    world.sim("fault", "match 'zfs send*films and music@*' rate 400000");
    world.sim("write", `${local}/media/films and music`, "5000000");
    await take(page, "hourly");
    await seen(page, answer, "Created");
    await syncNow(page);
    const films = row(page, "/media/films and music");
    const bar = films.getByRole("progressbar");
    await bar.waitFor();
    const first = await barOf(bar);
    await until("the bar has grown twice", async () => {
        const now = await barOf(bar);
        return now > first + 5 && now < 100;
    });
    await until("the rate is shown", async () => /[KM]iB\/s/.test(await films.innerText()));
    await shoot(page, "live-transfer");
    /* On the dataset's page, too, where the link leads without a load. */
    await films.getByRole("link").click();
    const step = page.locator(".plan .bar");
    await step.waitFor();
    const there = await barOf(step);
    await until("its bar grows", async () => await barOf(step) > there);
    world.sim("faults", "clear");
    await seen(page, ".summary", "Newest run");
    await claimNotReloaded(page);
    claimQuiet(page);
    await world.idle();
}

async function failureComesAndGoes(world) {
    const page = await open(`${world.origin}/global`);
    await mark(page);
    await seen(page, ".panel .word", "Safe");
    world.sim("fault", noSpace("/projects/web"));
    snapshot(world, Math.floor(Date.now() / 1000), "hourly");
    world.sim("clock", "real");
    await syncNow(page);
    await seen(page, ".panel .word", "Failed");
    await seen(page, ".panel .words", "out of space");
    await seen(page, ".panel .advice", "");
    await until("the title says it", async () => (await page.title()).startsWith("\u2717 failed"));
    await page.locator(".panel .words").getByRole("link", { name: "/projects/web" }).click();
    await seen(page, ".panel.small .error", "out of space");
    await seen(page, ".panel.small .advice", "");
    await shoot(page, "live-failure");
    await world.idle();
    world.sim("faults", "clear");
    await syncNow(page);
    await gone(page, ".panel.small .error", "out of space");
    await seen(page, ".panel .word", "Safe");
    await until("the title says it", async () => (await page.title()).startsWith("\u2713 safe"));
    await claimNotReloaded(page);
    claimQuiet(page);
}

async function snapshotByButton(world) {
    const page = await open(`${world.origin}/home/ann`);
    await mark(page);
    await seen(page, ".snapshots .grid-row", "hourly-");
    await until("the timeline is drawn", () => pathLength(page));
    const before = await pathLength(page);
    const rows = await page.locator(".snapshots").getAttribute("aria-rowcount");
    await take(page, "daily");
    await seen(page, answer, `Created ${local}@daily-`);
    const name = (await page.locator(answer).innerText()).replace(/.*@/, "");
    await seen(page, ".snapshots .grid-row", name);
    await until("the timeline has it", async () => await pathLength(page) > before);
    claim(Number(await page.locator(".snapshots").getAttribute("aria-rowcount")) === Number(rows) + 1,
        "the table has not one row more");
    await shoot(page, "live-snapshot");
    await claimNotReloaded(page);
    claimQuiet(page);
}

async function typedSnapshot(world) {
    const page = await open(`${world.origin}/home/ann`);
    await seen(page, ".snapshots .grid-row", "hourly-");
    await page.getByLabel("Type of the snapshot").selectOption("other\u2026");
    const typed = page.getByLabel("Another type");
    await typed.fill("before-move");
    await typed.press("Enter");
    await seen(page, ".snapshots .grid-row", "before-move-");
    await typed.fill("no/good");
    await typed.press("Enter");
    await page.locator(`${answer}.bad`).waitFor();
    const text = await page.locator(answer).innerText();
    claim(text.length > 10 && !text.includes("answered 400"), `the answer is only: ${text}`);
    const { width } = await page.locator(".panel .words").boundingBox();
    claim(width > 300, `the answer leaves ${width} px to the verdict`);
    await shoot(page, "live-refused");
    claimQuiet(page, "400");
    world.sim("fault", "match 'local zfs snapshot*' fail 1 'cannot create snapshots : out of space'");
    await take(page, "daily");
    await seen(page, `${answer}.bad`, "out of space");
    world.sim("faults", "clear");
}

async function syncStartsACycle(world) {
    await world.idle();
    const page = await open(`${world.origin}/global`);
    await mark(page);
    const next = page.locator(".facts dd").first();
    await until("a countdown", async () => (await next.innerText()).startsWith("in "));
    const was = await next.innerText();
    await until("it goes on", async () => await next.innerText() !== was, 5000);
    const { cycle } = await world.state();
    await syncNow(page);
    await seen(page, answer, "A cycle starts now");
    await until("a new cycle has ended", async () => (await world.state()).cycle.number
        > cycle.number);
    await world.idle();
    await until("the countdown begins again", async () =>
        (await next.innerText()).startsWith("in "));
    await claimNotReloaded(page);
    claimQuiet(page);
}

async function verdictChanges(world) {
    await world.stop();
    world.zfs("create", `${local}/fresh`);
    world.sim("write", `${local}/fresh`, "3000000");
    world.zfs("snapshot", `${local}/fresh@daily-first`);
    world.sim("fault", "match 'zfs send*/fresh@*' rate 700000");
    await world.start();
    const page = await open(`${world.origin}/global`);
    await mark(page);
    await seen(page, ".panel .word", "Late");
    claim((await page.title()).startsWith("! late"), `the title is ${await page.title()}`);
    await shoot(page, "live-late");
    await seen(page, ".panel .word", "Safe");
    await until("the title says it", async () => (await page.title()).startsWith("\u2713 safe"));
    await shoot(page, "live-safe");
    await claimNotReloaded(page);
    claimQuiet(page);
    world.sim("faults", "clear");
}

export async function run(binary) {
    const world = new World(binary);
    try {
        makeSmall(world);
        await world.start();
        await world.idle();
        await test("a transfer is seen to progress", () => transferProgresses(world));
        await test("a failure is seen to come with its way out, and to go when it is mended",
            () => failureComesAndGoes(world));
        await test("a snapshot that the button takes is seen in the timeline and in the table",
            () => snapshotByButton(world));
        await test("a type that is typed in is taken, and what the daemon refuses is said",
            () => typedSnapshot(world));
        await test("Sync now starts a cycle, and the countdown goes on",
            () => syncStartsACycle(world));
        await test("the verdict and the title change from late to safe",
            () => verdictChanges(world));
    } finally {
        await world.end();
    }
}
