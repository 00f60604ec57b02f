/* Dry run, no remote side, a token. */
import { claim, claimEqual, claimNotReloaded, claimQuiet, findBarriers, mark, open, seen, shoot,
    test, until } from "./harness.mjs";
import { makeSmall, policies, World } from "./world.mjs";

const password = "correct-horse-battery";

async function withWorld(binary, prepare, words, body) {
    const world = new World(binary);
    try {
        makeSmall(world);
        prepare(world);
        await world.start(...words);
        await world.idle();
        await body(world);
    } finally {
        await world.end();
    }
}

async function dryRun(world) {
    for (const path of ["/global", "/home/ann", "/global/activity"]) {
        for (const javaScriptEnabled of [true, false]) {
            const page = await open(world.origin + path, { javaScriptEnabled });
            await seen(page, ".banner", "Dry run");
        }
    }
    const page = await open(`${world.origin}/global`);
    await page.getByRole("button", { name: "Take snapshot" }).click();
    await page.locator(".panel .answer.bad").waitFor();
    const answer = await page.locator(".panel .answer").innerText();
    claim(/dry/i.test(answer), `the answer is: ${answer}`);
    await shoot(page, "dry-run");
}

async function noRemote(world) {
    for (const [path, name] of [["/global", "overview"], ["/home/ann", "dataset"],
        ["/global/activity", "activity"]]) {
        const page = await open(world.origin + path);
        await seen(page, ".panel .word", "Safe");
        if (name === "dataset") await seen(page, ".snapshots .grid-row", "hourly-");
        const text = await page.locator("main > :last-child").innerText();
        claim(!/Remote s|newest run failed/i.test(text), `it speaks of a remote side: ${text}`);
        const barriers = await findBarriers(page);
        claim(!barriers.length, barriers.join("\n"));
        await shoot(page, `no-remote-${name}`);
        claimQuiet(page);
    }
}

/* This machine needs no token, so a browser would never be asked for one: guest.mjs has that. */
const withPassword = (word) => ({ extraHTTPHeaders: {
    authorization: `Basic ${Buffer.from(`me:${word}`).toString("base64")}` } });

async function wrongToken(world) {
    const { extraHTTPHeaders: headers } = withPassword("wrong");
    const answer = await world.get("/global", { headers });
    claimEqual(answer.status, 401, "the status");
    claim(!answer.text.includes("/home"), "it shows a dataset");
}

async function rightToken(world) {
    const page = await open(`${world.origin}/global`, withPassword(password));
    await mark(page);
    await seen(page, ".panel .word", "Safe");
    world.zfs("snapshot", "tank/data/home/ann@daily-told");
    const { cycle } = await world.state();
    await page.getByRole("button", { name: "Sync now" }).click();
    await seen(page, ".panel .answer", "A cycle starts now");
    /* Only the stream can tell the page of it. */
    await page.locator(".grid-row a[title='/home/ann']").click();
    await seen(page, ".snapshots .grid-row", "daily-told");
    await until("the cycle has ended", async () => (await world.state()).cycle.number
        > cycle.number);
    await claimNotReloaded(page);
    claimQuiet(page);
}

export async function run(binary) {
    await withWorld(binary, () => {}, ["-dryrun"], (world) => test(
        "a dry run says so on every page, and why no snapshot is taken", () => dryRun(world)));
    await withWorld(binary, (world) => world.configure(policies.replace(/\[remote[^[]*/, ""),
        { withRemote: false }), [], (world) => test(
        "where there is no remote side the pages do without", () => noRemote(world)));
    await withWorld(binary, (world) => world.configure(`${policies}\n[web]\ntoken = "${password}"`),
        [], async (world) => {
            await test("a wrong token is refused", () => wrongToken(world));
            await test("the right token opens the page and its stream", () => rightToken(world));
        });
}
