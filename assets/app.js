/*
 * Begins here: fetches the state, then draws the page that the address means and goes from page to
 * page without loading. A page is {node, title, update(change), tick(), stop()}.
 */
import { h, setAttr } from "./dom.js";
import { parsePath, title as nameTitle } from "./format.js";
import { listen, now, start, store } from "./live.js";
import { createVerdict, sign } from "./verdict.js";
import { createOverview } from "./overview.js";
import { createDataset } from "./dataset.js";
import { createActivity } from "./activity.js";

const main = document.getElementById("main");
const banner = document.getElementById("banner");
const verdict = createVerdict();
let page = null;

const makers = {
    overview: () => createOverview(navigate),
    activity: createActivity,
    dataset: ({ name }) => createDataset(name),
};

function showTitle() {
    const where = page?.title ? `${page.title} \u2014 ` : "";
    const title = `${sign()} \u2014 ${where}backupd`;
    if (document.title !== title) document.title = title;
}

function showBanner() {
    const text = "Dry run: backupd says what it would do, and changes nothing.";
    if (Boolean(store.state.dry_run) === banner.hasChildNodes()) return;
    banner.replaceChildren(...(store.state.dry_run ? [h("p.banner", text)] : []));
}

function markLinks(address) {
    for (const link of document.querySelectorAll(".top nav a")) {
        const same = parsePath(new URL(link.href).pathname).page === address.page;
        setAttr(link, "aria-current", same && "page");
    }
}

/* Puts the page of the address in place. The verdict stays where it is. */
function show() {
    const address = parsePath(location.pathname);
    page?.stop();
    page = makers[address.page](address);
    page.title ??= address.page === "dataset" ? nameTitle(address.name) : "";
    main.replaceChildren(verdict.node, page.node);
    verdict.draw();
    page.update({ names: null, log: [], activity: true });
    markLinks(address);
    showTitle();
}

function navigate(href) {
    history.replaceState({ scroll: scrollY }, "");
    history.pushState({ scroll: 0 }, "", href);
    show();
    scrollTo(0, 0);
    focusHeading();
}

function focusHeading() {
    const heading = main.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
}

function isOurs(link, event) {
    return link && link.origin === location.origin && event.button === 0
        && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}

document.addEventListener("click", (event) => {
    const link = event.target.closest?.("main a[href], .top a[href]");
    if (!store.ready || !isOurs(link, event)) return;
    event.preventDefault();
    navigate(link.href);
});

history.scrollRestoration = "manual";
addEventListener("popstate", (event) => {
    show();
    scrollTo(0, event.state?.scroll ?? 0);
    focusHeading();
});

function draw(change) {
    if (!store.ready) {
        main.prepend(verdict.node);
        verdict.draw();
        return;
    }
    if (page) page.update(change);
    else show();
    verdict.draw();
    showBanner();
    showTitle();
}

listen(draw);

setInterval(() => {
    if (!store.ready && !store.lostSince) return;
    verdict.draw();
    showTitle();
    if (!document.hidden) page?.tick(now());
}, 1000);

document.addEventListener("visibilitychange", () => {
    if (!document.hidden && page) draw({ names: null, log: [], activity: false });
});

start();
