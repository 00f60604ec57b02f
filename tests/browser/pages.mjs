/* Every page, in light and dark, wide and narrow: whole, quiet, and open to everybody. */
import { claim, claimQuiet, findBarriers, isTooWide, open, seen, shoot, test } from "./harness.mjs";
import { makeHousehold, noSpace, World } from "./world.mjs";

const pages = [
    { name: "overview", path: "/global", shows: [".grid-row", "films and music"] },
    { name: "dataset", path: "/home/ann", shows: [".snapshots[aria-rowcount]", ""] },
    { name: "root", path: "/root", shows: ["h1", "<root>"] },
    { name: "volume", path: "/vm/disk-1", shows: [".summary", "volume"] },
    { name: "running", path: "/media/films%20and%20music", shows: [".plan .bar", ""] },
    { name: "activity", path: "/global/activity", shows: [".log li", ""] },
    { name: "remote-only", path: "/old", shows: [".panel.small", "Its source is gone"] },
    { name: "failed", path: "/projects/web", shows: [".panel.small .advice", ""] },
    { name: "unknown", path: "/no/such", shows: [".empty", "There is no such dataset"],
        expects: ["404"] },
];

const looks = ["light", "dark"].flatMap((colorScheme) => [1280, 375].map((width) => ({
    colorScheme, viewport: { width, height: width > 400 ? 800 : 720 } })));

async function check(world, { name, path, shows, expects = [] }, look) {
    const page = await open(world.origin + path, look);
    await seen(page, ...shows);
    const tooWide = await isTooWide(page);
    const barriers = await findBarriers(page);
    await shoot(page, `${name}-${look.colorScheme}-${look.viewport.width}`);
    claimQuiet(page, ...expects);
    claim(tooWide <= 0, `the page is ${tooWide} px wider than the window`);
    claim(!barriers.length, barriers.join("\n"));
}

export async function run(binary) {
    const world = new World(binary);
    try {
        makeHousehold(world);
        /* One is on its way all the time, and one cannot be sent. */
        world.sim("fault", "match 'zfs send*films and music@*' rate 25000");
        world.sim("fault", noSpace("/projects/web"));
        await world.start();
        for (const page of pages) {
            for (const look of looks) {
                await test(`the page of ${page.name} is whole, ${look.colorScheme} and ${
                    look.viewport.width} pixels wide`, () => check(world, page, look));
            }
        }
    } finally {
        await world.end();
    }
}
