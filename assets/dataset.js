/* The page of one dataset. Its summary is live; the rest is fetched when its revision grows. */
import { getJson } from "./api.js";
import { h, icon, setText } from "./dom.js";
import { clock, datasetApi, datasetHref, duration, iso, plural, size, title } from "./format.js";
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
    return h("nav", { class: "crumbs", "aria-label": "Where this is" },
        links.flatMap((link) => [link, h("span", { "aria-hidden": "true" }, "/")]));
}

function sideText({ snapshots, newest, space }) {
    if (!snapshots) return "no snapshots";
    return `${plural(snapshots, "snapshot")}, ${size(space)}, newest ${clock(newest, now())}`;
}

function facts(summary, detail) {
    const list = [["Copy age", summary.level === "ignored" ? "\u2013" : copyAge(summary),
        iso(summary.copied)],
    ["Last success", clock(summary.last_success, now()), iso(summary.last_success)],
    ["Local", sideText(summary.local)]];
    if (store.state.remote) list.push(["Remote", sideText(summary.remote)]);
    list.push(["Kind", summary.type]);
    if (detail?.started) list.push(["Newest run", runText(detail), iso(detail.started)]);
    return list.map(([term, text, exact]) => h("div", {}, h("dt", {}, term),
        h("dd", exact ? { title: exact } : {}, text)));
}

function runText({ started, finished, sent, destroyed, sent_bytes: bytes }) {
    const what = `${sent} sent (${size(bytes)}), ${destroyed} destroyed`;
    return `${clock(started, now())}, ${finished ? `took ${duration(finished - started)}, ` : ""
    }${what}`;
}

/* The way out comes first, as it is what the reader is here for. */
function trouble({ status, level, text, advice, failures, since, retry, why }) {
    if (status === "failed" || text) {
        const history = [failures > 1 ? `Failed ${failures} times in a row` : "Failed",
            since ? `since ${clock(since, now())} (${duration(now() - since)})` : "",
            retry > now() ? `\u2013 next try in ${duration(retry - now())}` : ""];
        return h("section", { class: "panel is-failed small", "aria-label": "Failure" },
            h("span", { class: "badge" }, icon("failed")), h("div", { class: "words" },
                h("p", { class: "error" }, text ?? why ?? ""),
                advice ? h("p", { class: "advice" }, advice) : null,
                h("p", {}, history.filter(Boolean).join(" "))));
    }
    if (status === "remote-only") return remark("ignored", "Its source is gone: left as it is. "
        + "This dataset is only on the remote; backupd neither changes nor destroys it.");
    if (why && level !== "safe") return remark(level, `${why.charAt(0).toUpperCase()}${
        why.slice(1)}.`);
    return null;
}

const remark = (level, text) => h("section", { class: `panel is-${level} small`,
    "aria-label": "Remark" }, h("span", { class: "badge" }, icon(level)),
h("div", { class: "words" }, h("p", {}, text)));

export function createDataset(name) {
    const status = h("p", { class: "status" });
    const [problem, list, missing] = [h("div"), h("dl", { class: "summary" }),
        h("p", { class: "empty", hidden: true })];
    const [timeline, plan, snapshots] = [new Timeline(), createPlan(), createSnapshots()];
    const log = createLog({ withDataset: false });
    const section = (heading, ...nodes) => h("section", {}, h("h2", {}, heading), ...nodes);
    const rest = h("div", { hidden: true }, section("Timeline", timeline.node),
        h("div", { class: "pair" }, section("Plan", plan.node), section("Log", log.node)),
        section("Snapshots", snapshots.node));
    let [detail, revision, fetching, stopped, drawn, panel] = [null, -1, false, false, "", ""];

    const drawSummary = () => {
        const summary = store.datasets.get(name) ?? detail;
        if (!summary) return;
        const key = `${summary.level} ${summary.status}`;
        if (key !== drawn) {
            drawn = key;
            status.replaceChildren(icon(summary.level), statusWord(summary));
        }
        const nodes = facts(summary, detail);
        const same = nodes.length === list.children.length;
        if (!same) list.replaceChildren(...nodes);
        else nodes.forEach((node, i) => node.isEqualNode(list.children[i])
            || list.children[i].replaceWith(node));
        const next = trouble(summary);
        if (panel !== (next?.textContent ?? "")) {
            panel = next?.textContent ?? "";
            problem.replaceChildren(...(next ? [next] : []));
        }
        plan.tick(summary);
    };
    const showDetail = () => {
        rest.hidden = false;
        missing.hidden = true;
        timeline.set(detail.snapshots);
        plan.set(detail.plan, detail.status === "running");
        snapshots.set(detail.snapshots);
        log.set(detail.log);
        drawSummary();
    };
    const refetch = async () => {
        if (fetching || stopped) return;
        fetching = true;
        try {
            const answer = await getJson(datasetApi(name));
            if (stopped) return;
            detail = answer;
            revision = detail.revision;
            showDetail();
        } catch (error) {
            missing.hidden = false;
            setText(missing, error.status === 404
                ? "There is no such dataset on either side." : error.message);
        }
        /* More may have come meanwhile, but not in a hot loop. */
        setTimeout(() => {
            fetching = false;
            if ((store.datasets.get(name)?.revision ?? revision) > revision) refetch();
        }, pause);
    };

    return {
        node: h("article", {}, crumbs(name), h("div", { class: "heading" },
            h("h1", {}, title(name)), status), missing, problem, list, rest),
        update({ names, log: lines }) {
            const known = store.datasets.get(name);
            if (names === null || known?.revision > revision) refetch();
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
