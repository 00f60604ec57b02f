/* The page of one dataset. Its summary is live; the rest is fetched when its revision grows. */
import { getJson } from "./api.js";
import { h, icon, setText } from "./dom.js";
import { capital, clock, datasetApi, datasetHref, duration, iso, plural, size, title }
    from "./format.js";
import { now, store } from "./live.js";
import { createLog } from "./log.js";
import { copyAge, statusWord } from "./overview.js";
import { createPlan } from "./plan.js";
import { createSnapshots } from "./snapshots.js";
import { Timeline } from "./timeline.js";

const pause = 700; /* ms between two fetches of the detail */

function crumbs(name) {
    const parts = name.split("/").slice(0, -1);
    const links = [h("a", { href: "/global" }, "Overview")];
    parts.forEach((part, i) => {
        const path = parts.slice(0, i + 1).join("/");
        links.push(h("a", { href: datasetHref(path) }, part || "<root>"));
    });
    return h("nav.crumbs", { "aria-label": "Where this is" }, links);
}

function sideText({ snapshots, newest, space }) {
    if (!snapshots) return "no snapshots";
    return `${plural(snapshots, "snapshot")}, ${size(space)}, newest ${clock(newest, now())}`;
}

function runText({ started, finished, sent, destroyed, sent_bytes: bytes }) {
    const took = finished ? ` in ${duration(finished - started)}` : "";
    return `${clock(started, now())}, ${sent} sent (${size(bytes)}), ${destroyed} destroyed${took}`;
}

function facts(summary, detail) {
    const { copied, last_success: success, local, remote, type } = summary;
    const list = [[store.state.remote ? "Copy age" : "Newest is", copyAge(summary), copied],
        ["Last success", clock(success, now()), success], ["Local", sideText(local)]];
    if (store.state.remote) list.push(["Remote", sideText(remote)]);
    list.push(["Kind", type]);
    if (detail?.started) list.push(["Newest run", runText(detail), detail.started]);
    return list.map(([term, text, exact]) => h("div", h("dt", term),
        h("dd", { title: exact && iso(exact) }, text)));
}

const panel = (level, ...nodes) => h(`section.panel.small.is-${level}`, { "aria-label": "Remark" },
    h("span.badge", icon(level)), h("div.words", nodes));

/* Why something is not as it should be, and the way out. */
function trouble({ status, level, text, advice, failures, since, retry, why }) {
    if (text) {
        const times = failures > 1 ? ` ${failures} times in a row` : "";
        const ago = since ? `, since ${clock(since, now())} (${duration(now() - since)})` : "";
        const next = retry > now() ? `; next try in ${duration(retry - now())}` : "";
        return panel("failed", h("p.error", text), advice ? h("p.advice", advice) : null,
            h("p", `Failed${times}${ago}${next}.`));
    }
    if (level === "ignored") return panel(level, h("p", "Its source is gone: left as it is. This "
        + "dataset is only on the remote; backupd neither changes nor destroys it."));
    return why ? panel(level, h("p", `${capital(why)}.`)) : null;
}

/* Replaces what stands in a node only where it differs. */
function settle(parent, nodes) {
    if (nodes.length !== parent.children.length) return parent.replaceChildren(...nodes);
    nodes.forEach((node, i) => {
        if (!node.isEqualNode(parent.children[i])) parent.children[i].replaceWith(node);
    });
}

export function createDataset(name) {
    const status = h("p.status");
    const [problem, list, missing] = [h("div"), h("dl.summary"), h("p.empty", { role: "status" })];
    const [timeline, plan, snapshots, log] = [new Timeline(), createPlan(), createSnapshots(),
        createLog(false)];
    const section = (heading, { node }) => h("section", h("h2", heading), node);
    const rest = h("div", { hidden: true }, section("Timeline", timeline),
        h("div.pair", section("Plan", plan), section("Log", log)),
        section("Snapshots", snapshots));
    let [detail, revision, fetching, stopped] = [null, -1, false, false];

    const drawSummary = () => {
        const summary = store.datasets.get(name) ?? detail;
        if (!summary) return;
        settle(status, [icon(summary.level), h("span", statusWord(summary))]);
        settle(list, facts(summary, detail));
        settle(problem, [trouble(summary)].filter(Boolean));
        plan.tick(summary);
    };
    const show = () => {
        rest.hidden = false;
        setText(missing, "");
        timeline.set(detail.snapshots);
        plan.set(detail.plan, detail.status);
        snapshots.set(detail.snapshots);
        log.set(detail.log);
        drawSummary();
    };
    const refetch = async () => {
        if (fetching || stopped) return;
        fetching = true;
        try {
            detail = await getJson(datasetApi(name));
            if (stopped) return;
            revision = detail.revision;
            show();
        } catch (error) {
            setText(missing, error.status === 404 ? "There is no such dataset on either side."
                : error.message);
        }
        /* More may have come meanwhile, but not in a hot loop. */
        setTimeout(() => {
            fetching = false;
            if ((store.datasets.get(name)?.revision ?? revision) > revision) refetch();
        }, pause);
    };

    return {
        node: h("article", crumbs(name), h("div.heading", h("h1", title(name)), status), missing,
            problem, list, rest),
        update({ names, log: lines }) {
            if (names === null || store.datasets.get(name)?.revision > revision) refetch();
            log.add(lines.filter((line) => line.dataset === name));
            drawSummary();
        },
        tick() {
            drawSummary();
            timeline.later();
        },
        stop() {
            stopped = true;
            timeline.stop();
            snapshots.stop();
        },
    };
}
