/* Sorting, filtering, folding: by mouse and by keyboard, and by name for a screen reader. */
import { claim, claimEqual, claimQuiet, open, seen, test, until } from "./harness.mjs";
import { makeSmall, names, World } from "./world.mjs";

const shown = (page) => page.locator(".grid-body .grid-row").evaluateAll((rows) => rows
    .map((row) => row.querySelector("a").title));

const head = (page, name) => page.getByRole("columnheader", { name });

async function opened(world) {
    const page = await open(`${world.origin}/global`, { viewport: { width: 1280, height: 1200 } });
    await seen(page, ".grid-row", "disk-1");
    return page;
}

const rowsAre = (page, what, expected) => until(what, async () => {
    const found = await shown(page);
    return typeof expected === "function" ? expected(found)
        : JSON.stringify(found) === JSON.stringify(expected);
}, 5000);

async function sorts(world) {
    const page = await opened(world);
    const largest = (rows) => rows[0] === "/media/films and music" && rows.length === names.length;
    await head(page, "Local space").getByRole("button").click();
    await rowsAre(page, "the largest is first", largest);
    claimEqual(await head(page, "Local space").getAttribute("aria-sort"), "descending");
    await page.keyboard.press("Enter"); /* the button still has the focus */
    await rowsAre(page, "the largest is last", (rows) => largest(rows.toReversed()));
    claimEqual(await head(page, "Local space").getAttribute("aria-sort"), "ascending");
    await head(page, "Dataset").getByRole("button").press("Space");
    await rowsAre(page, "the tree is back", (rows) => rows[0] === "<root>" && rows[1] === "/home");
    claimQuiet(page);
}

async function filters(world) {
    const page = await opened(world);
    await page.getByRole("searchbox", { name: "Filter datasets by name" }).fill("phot");
    await rowsAre(page, "the match and where it stands",
        ["<root>", "/home", "/home/bob", "/home/bob/photos 2026"]);
    await seen(page, ".found", `1 of ${names.length}`);
    await page.getByRole("searchbox", { name: "Filter datasets by name" }).fill("nothing like it");
    await seen(page, ".empty", "No dataset is like that");
    await page.getByRole("searchbox", { name: "Filter datasets by name" }).fill("");
    const attention = page.getByRole("button", { name: /Need attention/ });
    await attention.press("Enter");
    claimEqual(await attention.getAttribute("aria-pressed"), "true");
    await seen(page, ".empty", "No dataset is like that");
    await page.getByRole("button", { name: /^All/ }).click();
    await rowsAre(page, "all are back", (rows) => rows.length === names.length);
    claimQuiet(page);
}

async function folds(world) {
    const page = await opened(world);
    const home = page.locator(".grid-row", { has: page.locator("a[title='/home']") });
    await home.getByRole("button").click();
    await rowsAre(page, "what is below /home is hidden", (rows) => rows.includes("/home")
        && !rows.some((name) => name.startsWith("/home/")));
    claimEqual(await home.getAttribute("aria-expanded"), "false");
    await seen(page, ".grid-row .hint", "4 below");
    await home.getByRole("button").click();
    await rowsAre(page, "it is back", (rows) => rows.includes("/home/ann/mail"));
    claimQuiet(page);
}

async function walksByKeyboard(world) {
    const page = await opened(world);
    const focused = () => page.evaluate(() => document.activeElement.matches(".grid-row")
        ? document.activeElement.querySelector("a").title : null);
    const press = async (key, expected) => {
        await page.keyboard.press(key);
        await until(`${key} leads to ${expected}`, async () => await focused() === expected, 3000);
    };
    /* Tab comes to every control above, and then to one row of the tree. */
    for (let i = 0; i < 40 && await focused() === null; i++) await page.keyboard.press("Tab");
    claimEqual(await focused(), "<root>", "the row that Tab comes to");
    await press("ArrowDown", "/home");
    await press("ArrowLeft", "/home"); /* folds */
    await rowsAre(page, "it is folded", (rows) => !rows.includes("/home/ann"));
    await press("ArrowDown", "/media");
    await press("ArrowUp", "/home");
    await press("ArrowRight", "/home"); /* unfolds */
    await press("ArrowRight", "/home/ann");
    await press("ArrowLeft", "/home/ann"); /* folds */
    await press("ArrowLeft", "/home");
    await press("End", "/vm/disk-1");
    await press("Home", "<root>");
    await press("ArrowDown", "/home");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/home");
    await seen(page, "h1", "/home");
    await page.goBack();
    await seen(page, ".grid-row", "disk-1");
    claimQuiet(page);
}

/* Each stop of the Tab key looks other than without the focus. */
async function focusIsVisible(world) {
    for (const path of ["/global", "/home/ann", "/global/activity"]) {
        const page = await open(world.origin + path, { viewport: { width: 1280, height: 1200 } });
        await seen(page, ".panel .word", "");
        const stops = new Set();
        for (let i = 0; i < 60; i++) {
            await page.keyboard.press("Tab");
            const stop = await page.evaluate(() => {
                const node = document.activeElement;
                if (node === document.body) return null;
                const look = () => {
                    const style = getComputedStyle(node);
                    return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow,
                        style.backgroundColor, style.borderColor].join(" ");
                };
                const box = node.getBoundingClientRect();
                const [on, name] = [look(), node.outerHTML.slice(0, 90)];
                node.blur();
                const off = look();
                node.focus();
                return { name, visible: on !== off && box.width > 0 && box.height > 0 };
            });
            if (!stop) break;
            claim(stop.visible, `${path}: the focus is not seen on ${stop.name}`);
            stops.add(stop.name);
        }
        claim(stops.size > 6, `${path}: Tab comes to ${stops.size} things only`);
    }
}

/* Roles and names, as a screen reader hears them. */
async function namesAreHeard(world) {
    const page = await opened(world);
    const heard = await page.locator("body").ariaSnapshot();
    for (const part of ["treegrid \"Datasets\"", "button \"Sync now\"", "button \"Take snapshot\"",
        "combobox \"Type of the snapshot\"", "searchbox \"Filter datasets by name\"",
        "columnheader \"Copy age\"", "rowheader", "region \"Verdict\"", "navigation \"Pages\"",
        "link \"photos 2026\"", "main"]) {
        claim(heard.includes(part), `${part} is not heard:\n${heard.slice(0, 3000)}`);
    }
    await page.goto(`${world.origin}/home/ann`);
    await seen(page, ".snapshots .grid-row", "hourly-");
    const dataset = await page.locator("body").ariaSnapshot();
    for (const part of ["heading \"/home/ann\"", "table \"Snapshots\"", "heading \"Timeline\"",
        "button \"Zoom in\"", "combobox \"Type\""]) {
        claim(dataset.includes(part), `${part} is not heard:\n${dataset.slice(0, 3000)}`);
    }
}

async function timelineByKeyboard(world) {
    const page = await open(`${world.origin}/home/ann`);
    await seen(page, ".snapshots .grid-row", "hourly-");
    const plot = page.locator(".plot");
    await plot.focus();
    await page.keyboard.press("ArrowLeft");
    await seen(page, ".tip", "hourly-");
    await page.keyboard.press("Home");
    await seen(page, ".tip", "daily-");
    await page.keyboard.press("+");
    await until("it is zoomed", async () => await page.getByRole("button", { name: "All" })
        .getAttribute("aria-pressed") === "false", 3000);
    await page.keyboard.press("0");
    await until("all is seen", async () => await page.getByRole("button", { name: "All" })
        .getAttribute("aria-pressed") === "true", 3000);
    claimQuiet(page);
}

export async function run(binary) {
    const world = new World(binary);
    try {
        makeSmall(world);
        await world.start();
        await world.idle();
        await test("the table is sorted by mouse and by keyboard", () => sorts(world));
        await test("the table is filtered by name and by need", () => filters(world));
        await test("a branch is folded and unfolded by mouse", () => folds(world));
        await test("the keyboard walks the tree, folds it and opens a dataset",
            () => walksByKeyboard(world));
        await test("the timeline is read by keyboard", () => timelineByKeyboard(world));
        await test("the focus is seen wherever Tab comes to", () => focusIsVisible(world));
        await test("what a screen reader hears has roles and names", () => namesAreHeard(world));
    } finally {
        await world.end();
    }
}
