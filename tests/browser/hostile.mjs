/* Text from elsewhere is text, whatever it looks like. */
import { claim, claimEqual, claimQuiet, open, seen, shoot, test } from "./harness.mjs";
import { makeSmall, snapshot, World } from "./world.mjs";

const evil = "<script>alert(1)</script> \"><img src=x onerror=alert(2)> {{main}} &lt;b&gt;";

async function textIsText(page, selector) {
    await seen(page, selector, evil);
    claimEqual(await page.locator("img[src='x'], [onerror]").count(), 0, "elements made of it");
    claimEqual(await page.locator("script:not([src])").count(), 0, "scripts made of it");
    claimQuiet(page);
}

export async function run(binary) {
    const world = new World(binary);
    try {
        makeSmall(world);
        world.sim("fault", `match 'zfs send*/home/ann@*' fail 1 '${evil}'`);
        snapshot(world, Math.floor(Date.now() / 1000), "hourly");
        world.sim("clock", "real");
        await world.start();
        await world.idle();
        await test("an error that looks like HTML is shown as text on every page", async () => {
            for (const [path, selector] of [["/global", ".panel .words"],
                ["/home/ann", ".panel.small .error"], ["/home/ann", ".log .msg"],
                ["/global/activity", "td .error"], ["/global/activity", ".log .msg"]]) {
                await textIsText(await open(world.origin + path), selector);
            }
        });
        await test("it is text without script, too", async () => {
            for (const path of ["/global", "/home/ann", "/global/activity"]) {
                const page = await open(world.origin + path, { javaScriptEnabled: false });
                await textIsText(page, "main");
            }
        });
        await test("so is an address that nobody has", async () => {
            const page = await open(`${world.origin}/${encodeURIComponent(evil)}`);
            await seen(page, "h1", evil);
            await shoot(page, "hostile-address");
            claim(page.answer.status() === 404, `the status is ${page.answer.status()}`);
            claimEqual(await page.locator("img[src='x'], [onerror]").count(), 0, "elements");
            claimQuiet(page, "404");
        });
    } finally {
        await world.end();
    }
}
