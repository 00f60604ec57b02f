/* The daemon goes away and comes back, and the page says so. */
import { claim, claimNotReloaded, claimQuiet, mark, open, seen, shoot, test, until }
    from "./harness.mjs";
import { makeSmall, World } from "./world.mjs";

/* What the browser itself writes down when nobody answers. */
const refused = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE", "503"];

async function webRoleKilled(world) {
    const page = await open(`${world.origin}/global`);
    await mark(page);
    await seen(page, ".panel .word", "Safe");
    /* As often as it comes back, until the page has noticed. */
    const first = world.webRole();
    claim(first, "there is no web role");
    await until("the page says that it has no word", async () => {
        const role = world.webRole();
        if (role) process.kill(role, "SIGKILL");
        return await page.locator(".panel.is-lost").count();
    });
    await seen(page, ".panel .words", "No word from backupd since");
    claim((await page.title()).startsWith("? "), `the title is ${await page.title()}`);
    await shoot(page, "outage-lost");
    await seen(page, ".panel .word", "Safe", 90000);
    claim(world.webRole() !== first, "it is the same process");
    await page.getByRole("button", { name: "Take snapshot" }).click();
    await seen(page, ".panel .answer", "Created");
    await claimNotReloaded(page);
    claimQuiet(page, ...refused);
}

async function daemonRestarted(world) {
    const page = await open(`${world.origin}/home/ann`);
    await mark(page);
    await seen(page, ".snapshots .grid-row", "hourly-");
    await world.stop();
    await seen(page, ".panel .words", "No word from backupd since");
    world.zfs("snapshot", "-r", "tank/data@daily-meanwhile");
    await world.start();
    await seen(page, ".panel .word", "Safe", 90000);
    await seen(page, ".snapshots .grid-row", "daily-meanwhile");
    await claimNotReloaded(page);
    claimQuiet(page, ...refused);
}

export async function run(binary) {
    const world = new World(binary);
    try {
        makeSmall(world);
        await world.start();
        await world.idle();
        await test("a page whose web role is killed says that it has no word, and recovers by itself",
            () => webRoleKilled(world));
        await test("a page whose daemon is started anew recovers by itself, with what is new",
            () => daemonRestarted(world));
    } finally {
        await world.end();
    }
}
