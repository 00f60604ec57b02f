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
    { key: "age", label: "Copy age" },
    { key: "success", label: "Last success" },
    { key: "localCount", label: "Local snapshots", down: true },
    { key: "localSpace", label: "Local space", down: true },
    { key: "remoteCount", label: "Remote snapshots", down: true },
    { key: "remoteSpace", label: "Remote space", down: true },
];

export const openPage = (name) => document.dispatchEvent(
    new CustomEvent("open-page", { detail: datasetHref(name) }));

export function statusWord({ level, status }) {
    const doing = status === "running" || status === "waiting" ? `, ${status}` : "";
    return levelWord(level) + doing;
}

export const copyAge = (dataset) => (dataset.copied ? duration(now() - dataset.copied) : "never");

/* "84 MiB/s, 3 min left" */
export function progressText({ rate: speed, left, part }) {
    if (!speed) return part === null ? "beginning" : `${Math.floor(part * 100)}%`;
    return rate(speed) + (left ? `, ${duration(left)} left` : "");
}

function doing(dataset) {
    if (dataset.status === "running") return dataset.step ? "destroying snapshots" : "planning";
    if (dataset.level === "ignored") return "its source is gone";
    return dataset.why ?? dataset.text ?? "";
}

function makeRow() {
    const cells = columns.map(({ key }, i) => h("div",
        { role: i === 0 ? "rowheader" : "gridcell", class: `c-${key}` }));
    const [nameCell, statusCell, nowCell, age, success, ...figures] = cells;
    const link = h("a", { tabindex: "-1" });
    const hidden = h("span", { class: "hint" });
    const [word, note, run] = [h("span", {}), h("span", { class: "note" }), bar("Progress")];
    const holder = h("span", { class: "holder" });
    const row = { cells, level: "" };
    const twist = h("button", { type: "button", class: "twist", tabindex: "-1",
        "aria-label": "Fold or unfold", onclick: () => row.fold() });
    nameCell.append(twist, link, hidden);
    statusCell.append(holder, word);
    nowCell.append(run.node, note);

    row.update = ({ dataset, level, open, context, parent, hidden: below, key }) => {
        const moving = progress(dataset);
        row.node.classList.toggle("context", Boolean(context));
        nameCell.style.setProperty("--level", level - 1);
        twist.classList.toggle("leaf", open === null);
        setText(link, parent ? title(key).slice(parent.length + 1) : title(key).replace(/^\//, ""));
        setAttr(link, "href", datasetHref(key));
        setAttr(link, "title", title(key));
        setText(hidden, below ? `${below.all} below${below.bad ? `, ${below.bad} not safe` : ""}`
            : "");
        if (row.level !== dataset.level) holder.replaceChildren(icon(row.level = dataset.level));
        setText(word, statusWord(dataset));
        run.node.hidden = !moving;
        if (moving) run.set(moving.part);
        setText(note, moving ? progressText(moving) : doing(dataset));
        setAttr(note, "title", moving ? null : dataset.text ?? note.textContent);
        note.classList.toggle("idle", !note.textContent);
        if (!note.textContent) setText(note, sidesText(dataset));
        setText(age, dataset.level === "ignored" ? "\u2013" : copyAge(dataset));
        setAttr(age, "title", iso(dataset.copied));
        setText(success, clock(dataset.last_success, now()));
        setAttr(success, "title", iso(dataset.last_success));
        showFigures(figures, dataset);
    };
    return row;
}

function showFigures([localCount, localSpace, remoteCount, remoteSpace], { local, remote }) {
    setText(localCount, count(local.snapshots));
    setText(localSpace, size(local.space));
    setText(remoteCount, count(remote.snapshots));
    setText(remoteSpace, size(remote.space));
}

/* What a telephone shows instead of four columns. */
function sidesText({ local, remote }) {
    const here = plural(local.snapshots, "snapshot");
    return store.state.remote ? `${here} here, ${count(remote.snapshots)} there` : here;
}

export function rootsText() {
    const { local, remote } = store.state;
    if (!local) return "";
    if (!remote) return `${local.root}, no remote`;
    return `${local.root} \u2192 ${remote.host ? `${remote.host}:` : ""}${remote.root}`;
}

function makeTools(redo) {
    const search = h("input", { type: "search", placeholder: "Filter by name", value: view.text,
        "aria-label": "Filter datasets by name", spellcheck: "false" });
    search.addEventListener("input", () => redo(view.text = search.value));
    const choices = [["all", "All"], ["attention", "Need attention"], ["running", "Running"]];
    const pills = choices.map(([only, label]) => {
        const number = h("span", { class: "n" });
        const button = h("button", { type: "button", class: "pill",
            onclick: () => redo(view.only = only) }, label, " ", number);
        return { only, number, button };
    });
    const sort = h("select", { "aria-label": "Sort by", class: "narrow-only" },
        columns.filter((c) => c.sort !== false).map((c) => h("option", { value: c.key },
            `by ${c.label.toLowerCase()}`)));
    const found = h("span", { class: "found", role: "status" });
    const node = h("div", { class: "tools" }, search,
        h("div", { class: "pills", role: "group", "aria-label": "Which datasets" },
            pills.map(({ button }) => button)), sort, found);
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

export function createOverview() {
    const heading = h("h1", { class: "roots" });
    const empty = h("p", { class: "empty", hidden: true });
    let tree = null;

    const redo = () => {
        tree ??= buildTree(store.datasets);
        const rows = buildRows(store.datasets, tree, view);
        grid.set(rows);
        const shown = rows.filter((row) => !row.context).length;
        tools.update(shown);
        empty.hidden = rows.length > 0;
        grid.node.hidden = rows.length === 0;
        setText(empty, store.datasets.size ? "No dataset is like that."
            : "No dataset is known yet: backupd is looking at both sides.");
    };
    const grid = new Grid({
        label: "Datasets", columns, heights: [40, 60], tree: true, makeRow,
        onopen: ({ key }) => openPage(key),
        onfold: ({ key }, open) => {
            view.closed[open ? "delete" : "add"](key);
            redo();
        },
        onsort: (sort) => redo(view.sort = sort),
    });
    const tools = makeTools(redo);
    tools.sort.addEventListener("change", () => grid.sortBy(
        columns.find(({ key }) => key === tools.sort.value)));
    grid.showSort(view.sort);

    return {
        node: h("div", { class: "overview" }, heading, tools.node, empty, grid.node),
        title: "",
        update({ names }) {
            setText(heading, rootsText());
            grid.node.classList.toggle("no-remote", !store.state.remote);
            if (names === null) tree = null;
            if (names === null || names.size) redo();
        },
        tick: () => grid.draw(),
        stop: () => grid.stop(),
    };
}
