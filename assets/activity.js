/* What is happening and what happened: the cycle, transfers, failures, the log, the days. */
import { getJson } from "./api.js";
import { createSpace, createStrip, createThroughput } from "./chart.js";
import { bar, h, setText, table } from "./dom.js";
import { clock, count, datasetHref, duration, iso, plural, rate, size, stepText, title }
    from "./format.js";
import { now, progress, store } from "./live.js";
import { createLog } from "./log.js";
import { progressText } from "./overview.js";

const pause = 2000; /* ms between two fetches */
const minute = 60000; /* the graph of the last hour moves by itself */
const few = 10;

const when = (t) => h("td", h("time", { datetime: iso(t), title: iso(t) }, clock(t, now())));

const link = (name) => h("a", { href: datasetHref(name) }, title(name));

const outcome = (code, text, good) => (code === "none" ? h("td.safe", `\u2713 ${good}`)
    : h("td.failed", `\u2717 ${text || code}`));

/* A table that shows its first rows until more are asked for. */
function createTable(label, heads, makeCells, none) {
    const body = h("tbody");
    const empty = h("p.empty", none);
    const all = table(label, heads, body);
    let [shown, items] = [few, []];
    const more = h("button", { type: "button", onclick: () => set(items, (shown = Infinity)) });
    const set = (list) => {
        items = list;
        body.replaceChildren(...list.slice(0, shown).map((item) => h("tr", makeCells(item))));
        empty.hidden = list.length > 0;
        all.hidden = !list.length;
        more.hidden = list.length <= shown;
        setText(more, `Show all ${count(list.length)}`);
    };
    return { node: h("div", empty, all, more), set };
}

const num = (text) => h("td.num", text);

const cycleCells = (cycle) => [num(String(cycle.number)), when(cycle.started),
    num(duration(cycle.finished - cycle.started)), num(count(cycle.sent)),
    num(count(cycle.destroyed)), num(size(cycle.bytes)),
    outcome(cycle.failed && cycle.code === "none" ? "failed" : cycle.code,
        cycle.text || `${cycle.failed} of ${plural(cycle.datasets, "dataset")} failed`,
        `all ${cycle.datasets}`)];

const transferCells = (item) => {
    const seconds = Math.max(1, item.finished - item.started);
    return [h("td", link(item.dataset)), h("td", item.start === item.end
        ? `${item.end} (first copy)` : `${item.start} \u2192 ${item.end}`),
    when(item.started), num(duration(seconds)), num(size(item.bytes)),
    num(rate(item.bytes / seconds)), outcome(item.code, item.text,
        item.resumed ? "sent, resumed" : "sent")];
};

const failureCells = (item) => [when(item.time),
    h("td", item.dataset === null ? "the whole cycle" : link(item.dataset)),
    h("td.long", h("p.error", item.text),
        item.advice ? h("p.advice", item.advice) : null)];

/* One line for each running transfer, kept while it runs so that its bar can glide. */
function createRunning() {
    const list = h("ul.running");
    const lines = new Map();
    const make = (name) => {
        const run = bar(`Progress of ${title(name)}`);
        const [what, note] = [h("span.what"), h("span.note")];
        return { node: h("li", link(name), what, run.node, note), run, what, note };
    };
    const update = () => {
        const running = [...store.datasets.values()].filter((d) => d.status === "running");
        const names = new Set(running.map(({ name }) => name));
        for (const [name, { node }] of lines) {
            if (!names.has(name)) node.remove();
            if (!names.has(name)) lines.delete(name);
        }
        for (const dataset of running) {
            const line = lines.get(dataset.name) ?? make(dataset.name);
            lines.set(dataset.name, line);
            if (!line.node.isConnected) list.append(line.node);
            const moving = progress(dataset);
            line.run.node.hidden = !moving;
            if (moving) line.run.set(moving.part);
            setText(line.what, dataset.step ? stepText(dataset.step) : "planning");
            setText(line.note, moving ? progressText(moving) : "");
        }
        return running.reduce((sum, dataset) => sum + (progress(dataset)?.rate ?? 0), 0);
    };
    return { list, update };
}

function createCycle() {
    const [text, parts] = [h("p"), h("ul.parts")];
    const running = createRunning();
    const whole = bar("Datasets done in this cycle");
    const kinds = ["done", "running", "waiting", "failed"];
    const numbers = kinds.map((kind) => h("strong"));
    parts.append(...kinds.map((kind, i) => h("li", numbers[i], ` ${kind}`)));
    const update = () => {
        const { cycle } = store;
        const counts = { ok: 0, running: 0, waiting: 0, unknown: 0, failed: 0, "remote-only": 0 };
        for (const { status } of store.datasets.values()) counts[status]++;
        const total = store.datasets.size - counts["remote-only"];
        const shown = [counts.ok, counts.running, counts.waiting + counts.unknown, counts.failed];
        numbers.forEach((number, i) => setText(number, count(shown[i])));
        const speed = running.update();
        whole.node.hidden = !cycle.running;
        whole.set(total ? (counts.ok + counts.failed) / total : null);
        setText(text, cycle.running ? `Cycle ${cycle.number} is running for ${
            duration(now() - cycle.started)}${speed ? `, ${rate(speed)} in all` : ""}.`
            : `No cycle is running.${cycle.next ? ` The next begins ${clock(cycle.next, now())}.`
                : ""}`);
    };
    return { node: h("div.cycle", text, whole.node, parts, running.list), update };
}

export function createActivity() {
    const cycle = createCycle();
    const [throughput, strip, space] = [createThroughput(), createStrip(), createSpace()];
    const cycles = createTable("Cycles", ["#Cycle", "Began", "#Took", "#Sent", "#Destroyed",
        "#Bytes", "Datasets"], cycleCells, "No cycle has finished yet.");
    const transfers = createTable("Transfers", ["Dataset", "Snapshots", "Began", "#Took", "#Bytes",
        "#Rate", "Outcome"], transferCells, "Nothing has been sent yet.");
    const failures = createTable("Failures", ["When", "Where", "What happened, and the way out"],
        failureCells, "No failure is on record.");
    const log = createLog(true);
    const problem = h("p.error", { role: "status" });
    let [fetching, wanted, stopped] = [false, false, false];

    const refetch = async () => {
        wanted = fetching;
        if (fetching || stopped) return;
        fetching = true;
        try {
            const data = await getJson("/api/v1/activity");
            if (!stopped) show(data);
            setText(problem, "");
        } catch (error) {
            setText(problem, error.message);
        }
        setTimeout(() => {
            fetching = false;
            if (wanted) refetch();
        }, pause);
    };
    const show = (data) => {
        const remote = store.state.remote;
        throughput.set(data.throughput);
        strip.set(data);
        space.set({ ...data, remote });
        cycles.set(data.cycles);
        transfers.set(data.transfers);
        failures.set(data.failures);
        log.set(data.log);
    };
    const timer = setInterval(() => document.hidden || refetch(), minute);
    const section = (heading, node) => h("section", h("h2", heading), node);

    return {
        title: "Activity",
        node: h("div.activity", h("h1", "Activity"), problem,
            h("div.pair", section("This cycle", cycle.node),
                section("Throughput of the last hour", throughput.node)),
            section("The last 90 days", strip.node),
            section("Space used", space.node), section("Failures", failures.node),
            section("Cycles", cycles.node), section("Transfers", transfers.node),
            section("Log", log.node)),
        update({ activity, log: lines }) {
            cycle.update();
            log.add(lines);
            if (activity) refetch();
        },
        tick: () => cycle.update(),
        stop() {
            stopped = true;
            clearInterval(timer);
            for (const chart of [throughput, strip, space]) chart.stop();
        },
    };
}
