/* Without JavaScript: tables that can be read, links and forms that work. */
import { claim, claimEqual, claimQuiet, open, seen, test, until }
    from "./harness.mjs";
import { makeHousehold, names, World } from "./world.mjs";

const plain = { javaScriptEnabled: false };

/* The scripts of a test run in the page, which has none, so these ask for the text instead. */
async function pagesAreTables(world) {
    for (const look of [{ width: 1280, height: 800 }, { width: 375, height: 720 }]) {
        for (const [name, path, text] of [["overview", "/global", "/home/bob/photos 2026"],
            ["dataset", "/home/ann", "daily-"], ["activity", "/global/activity", "Cycle"],
            ["root", "/root", "<root>"]]) {
            const page = await open(world.origin + path, { ...plain, viewport: look });
            await seen(page, "main table", "");
            claim((await page.locator("main").innerText()).includes(text), `${path} has no ${text}`);
            await seen(page, "main .verdict", "");
            await page.screenshot({ fullPage: true,
                path: `${process.env.BROWSER_PICTURES}/plain-${name}-${look.width}.png` });
            /* A page that is too wide makes the picture wider than the window. */
            const { width } = await page.locator("html").evaluate((node) => ({
                width: node.scrollWidth }));
            claim(width <= look.width, `${path} is ${width} px wide`);
            claimQuiet(page);
        }
    }
}

async function linksLead(world) {
    const page = await open(`${world.origin}/global`, plain);
    claimEqual(await page.locator("main table tbody tr").count(), names.length + 1, "rows");
    await page.getByRole("link", { name: "/home/bob/photos 2026" }).click();
    await page.waitForURL("**/home/bob/photos%202026");
    claimEqual(await page.locator("h1").innerText(), "/home/bob/photos 2026");
    await page.getByRole("link", { name: "Overview" }).first().click();
    await seen(page, "h1", "Datasets");
}

async function formsWork(world) {
    const page = await open(`${world.origin}/global`, plain);
    const { cycle } = await world.state();
    await page.getByRole("button", { name: "Sync now" }).click();
    await seen(page, "main", "a cycle starts now");
    await until("a cycle more has begun", async () => (await world.state()).cycle.number
        > cycle.number);
    await page.getByRole("link", { name: "Overview" }).first().click();
    await page.getByRole("button", { name: "Take daily snapshot" }).click();
    await seen(page, "main", "tank/data@daily-");
    const name = (await page.locator("main").innerText()).match(/@(daily-\S+)/)[1];
    await until("the snapshot is there", async () => (await (await world.get(
        "/api/v1/datasets/home/ann")).json()).snapshots.some((one) => one.name === name));
    claimQuiet(page);
}

export async function run(binary) {
    const world = new World(binary);
    try {
        makeHousehold(world);
        await world.start();
        await world.idle();
        await test("without script every page is a table that can be read",
            () => pagesAreTables(world));
        await test("without script the links lead to the datasets", () => linksLead(world));
        await test("without script the forms sync and take snapshots", () => formsWork(world));
    } finally {
        await world.end();
    }
}
