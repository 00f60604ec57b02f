/* The page of all datasets. */
import { bar, h, icon, setAttr, setText } from "./dom.js";
import { clock, count, datasetHref, duration, iso, levelWord, plural, rate, size, title }
    from "./format.js";
import { Grid } from "./grid.js";
import { now, progress, store } from "./live.js";
import { buildRows, buildTree, countBy } from "./tree.js";

/* How the reader left it, for when they come back. */
const view = { text: "", only: "all", sort: { key: "name", down: false }, closed: new Set() };

const columns = [
    { key: "name", label: "Dataset" },
    { key: "status", label: "Status" },
    { key: "now", label: "Now", sort: false },
    { key: "age", label: "Copy age", down: true },
    { key: "success", label: "Last success" },
    { key: "localCount", label: "Local snapshots", down: true },
    { key: "localSpace", label: "Local space", down: true },
    { key: "remoteCount", label: "Remote snapshots", down: true },
    { key: "remoteSpace", label: "Remote space", down: true },
];

export function statusWord({ level, status }) {
    const doing = status === "running" || status === "waiting" ? `, ${status}` : "";
    return levelWord(level) + doing;
}

export function copyAge({ level, copied }) {
    if (level === "ignored") return "\u2013";
    return copied ? duration(now() - copied) : "never";
}

/* "84 MiB/s, 3 min left" */
export function progressText({ rate: speed, left, part }) {
    if (!speed) return part === null ? "beginning" : `${Math.floor(part * 100)}%`;
    return rate(speed) + (left ? `, ${duration(left)} left` : "");
}

function doing({ status, level, step, why, text }) {
    if (status === "running") return step ? "destroying snapshots" : "planning";
    if (level === "ignored") return "its source is gone";
    return text || (why ?? "");
}

/* What a telephone shows instead of four columns. */
function sidesText({ local, remote }) {
    if (!store.state.remote) return plural(local.snapshots, "snapshot");
    return `${count(local.snapshots)} local, ${count(remote.snapshots)} remote`;
}

function makeRow([nameCell, statusCell, nowCell, age, success, ...figures], row) {
    const link = h("a", { tabindex: "-1" });
    const [hidden, holder, word, note] = [h("span.hint"), h("span.holder"), h("span"),
        h("span.note")];
    const run = bar("Progress");
    const twist = h("button.twist", { type: "button", tabindex: "-1",
        "aria-label": "Fold or unfold", onclick: () => row.fold() });
    nameCell.append(twist, link, hidden);
    statusCell.append(holder, word);
    nowCell.append(run.node, note);

    return ({ level, open, context, parent, hidden: below, key }) => {
        const dataset = store.datasets.get(key);
        if (!dataset) return;
        row.node.classList.toggle("context", Boolean(context));
        nameCell.style.setProperty("--level", level - 1);
        twist.classList.toggle("leaf", open === null);
        const from = parent ? parent.length + 1 : 1;
        setText(link, key ? key.slice(from) : title(key), title(key));
        setAttr(link, "href", datasetHref(key));
        setText(hidden, below ? `${below.all} below${below.bad ? `, ${below.bad} not safe` : ""}`
            : "");
        if (row.level !== dataset.level) holder.replaceChildren(icon(row.level = dataset.level));
        setText(word, statusWord(dataset));
        showNow(dataset, run, note);
        setText(age, copyAge(dataset), iso(dataset.copied));
        setText(success, clock(dataset.last_success, now()), iso(dataset.last_success));
        const { local, remote } = dataset;
        [count(local.snapshots), size(local.space), count(remote.snapshots), size(remote.space)]
            .forEach((text, i) => setText(figures[i], text));
    };
}

function showNow(dataset, run, note) {
    const moving = progress(dataset);
    run.node.hidden = !moving;
    if (moving) run.set(moving.part);
    const text = moving ? progressText(moving) : doing(dataset);
    note.classList.toggle("idle", !text);
    setText(note, text || sidesText(dataset), dataset.text || (moving ? "" : text));
}

/* Without a remote side the newest snapshot is all the copy there is. */
const headings = () => columns.map((column) => (column.key === "age" && !store.state.remote
    ? { ...column, label: "Newest is" } : column));

function rootsText({ local, remote }) {
    if (!remote) return `${local.root}, no remote`;
    return `${local.root} \u2192 ${remote.host ? `${remote.host}:` : ""}${remote.root}`;
}

function makeTools(redo) {
    const search = h("input", { type: "search", placeholder: "Filter by name", value: view.text,
        "aria-label": "Filter datasets by name", spellcheck: "false",
        oninput: () => redo((view.text = search.value)) });
    const choices = { all: "All", attention: "Need attention", running: "Running" };
    const pills = Object.entries(choices).map(([only, label]) => {
        const number = h("span.n");
        const button = h("button.pill", { type: "button",
            onclick: () => redo((view.only = only)) }, label, " ", number);
        return { only, number, button };
    });
    const sort = h("select.narrow-only", { "aria-label": "Sort by" },
        columns.filter((column) => column.sort !== false).map(({ key, label }) => h("option",
            { value: key }, `by ${label.toLowerCase()}`)));
    const found = h("span.found", { role: "status" });
    const node = h("div.tools", search, h("div.pills", { role: "group",
        "aria-label": "Which datasets" }, pills.map(({ button }) => button)), sort, found);
    const update = (shown) => {
        const counts = countBy(store.datasets);
        for (const { only, number, button } of pills) {
            setText(number, String(counts[only]));
            setAttr(button, "aria-pressed", String(view.only === only));
        }
        sort.value = view.sort.key;
        setText(found, view.filtered ? `${count(shown)} of ${count(counts.all)}` : "");
    };
    return { node, sort, update };
}

export function createOverview(navigate) {
    const heading = h("h1.roots");
    const empty = h("p.empty");
    let tree = null;

    const redo = () => {
        tree ??= buildTree(store.datasets);
        const rows = buildRows(store.datasets, tree, view);
        grid.set(rows);
        tools.update(rows.filter((row) => !row.context).length);
        empty.hidden = rows.length > 0;
        grid.node.hidden = !rows.length;
        setText(empty, store.datasets.size ? "No dataset is like that."
            : "No dataset is known yet: backupd is looking at both sides.");
    };
    const grid = new Grid({
        label: "Datasets", columns: headings(), heights: [40, 60], tree: true, makeRow, sort: view.sort,
        onopen: ({ key }) => navigate(datasetHref(key)),
        onfold: ({ key }, open) => redo(view.closed[open ? "delete" : "add"](key)),
        onsort: (sort) => redo((view.sort = sort)),
    });
    const tools = makeTools(redo);
    tools.sort.addEventListener("change", () => grid.sortBy(
        columns.find(({ key }) => key === tools.sort.value)));

    return {
        node: h("div", heading, tools.node, empty, grid.node),
        update({ names }) {
            setText(heading, rootsText(store.state));
            grid.node.classList.toggle("no-remote", !store.state.remote);
            if (names === null) tree = null;
            /* A whole tree keeps its rows whatever moves in it. */
            const still = view.sort.key === "name" && !view.filtered && !view.closed.size;
            if (names === null || (names.size && !still)) redo();
            else if (names.size) {
                grid.redraw();
                tools.update(0);
            }
        },
        tick: () => grid.draw(),
        stop: () => grid.stop(),
    };
}
