/* The table of a dataset's snapshots: what the timeline draws, in words. */
import { h, setAttr, setText } from "./dom.js";
import { clock, count, iso, size } from "./format.js";
import { Grid } from "./grid.js";
import { now } from "./live.js";
import { markIcon, markOf, orderTypes } from "./marks.js";

const columns = [
    { key: "name", label: "Snapshot" },
    { key: "created", label: "Created", down: true },
    { key: "local", label: "Local" },
    { key: "remote", label: "Remote" },
    { key: "size", label: "Size", down: true },
    { key: "why", label: "Why it is kept", sort: false },
];

const stateWords = { present: "\u2713 there", going: "\u2715 will go", coming: "\u2192 will come",
    absent: "\u2013" };

/* "both: policy; remote: oldest" */
function why({ keep_local: local, keep_remote: remote }) {
    const parts = [];
    const both = local.filter((reason) => remote.includes(reason));
    const rest = (list) => list.filter((reason) => !both.includes(reason));
    if (both.length) parts.push(`both: ${both.join(", ")}`);
    if (rest(local).length) parts.push(`local: ${rest(local).join(", ")}`);
    if (rest(remote).length) parts.push(`remote: ${rest(remote).join(", ")}`);
    return parts.join("; ");
}

function makeRow() {
    const cells = columns.map(({ key }, i) => h("div",
        { role: i === 0 ? "rowheader" : "cell", class: `c-${key}` }));
    const [nameCell, created, local, remote, bytes, reasons] = cells;
    const [mark, name] = [h("span", { class: "holder" }), h("span", { class: "snap" })];
    nameCell.append(mark, name);
    let shown = "";
    const update = ({ snapshot }) => {
        const state = snapshot.local === "absent" ? snapshot.remote : snapshot.local;
        if (shown !== `${snapshot.type} ${state}`) {
            shown = `${snapshot.type} ${state}`;
            mark.replaceChildren(markIcon(markOf(snapshot.type), state));
        }
        setText(name, snapshot.name);
        setAttr(name, "title", `${snapshot.name}, guid ${snapshot.guid}`);
        setText(created, clock(snapshot.created, now()));
        setAttr(created, "title", iso(snapshot.created));
        for (const [cell, side] of [[local, "local"], [remote, "remote"]]) {
            setText(cell, stateWords[snapshot[side]] ?? snapshot[side]);
            setAttr(cell, "data-side", side);
            setAttr(cell, "class", `c-${side} is-${snapshot[side]}`);
        }
        setText(bytes, size(snapshot.size));
        setText(reasons, why(snapshot));
        setAttr(reasons, "title", reasons.textContent);
    };
    return { cells, update };
}

const keyOf = ({ name, guid }) => `${guid} ${name}`;

/* {node, set(snapshots), stop()} */
export function createSnapshots() {
    const view = { type: "", sort: { key: "created", down: true } };
    let all = [];
    const choice = h("select", { "aria-label": "Type" });
    const found = h("span", { class: "found", role: "status" });
    const compare = ({ snapshot: a }, { snapshot: b }) => {
        const [x, y] = [a[view.sort.key], b[view.sort.key]];
        const order = x === y ? a.created - b.created : x < y ? -1 : 1;
        return view.sort.down ? -order : order;
    };
    const redo = () => {
        const rows = all.filter(({ type }) => !view.type || type === view.type)
            .map((snapshot) => ({ key: keyOf(snapshot), snapshot })).sort(compare);
        grid.set(rows);
        setText(found, rows.length === all.length ? "" : `${count(rows.length)} of ${
            count(all.length)}`);
    };
    const grid = new Grid({ label: "Snapshots", columns, heights: [34, 58], makeRow,
        onsort: (sort) => redo((view.sort = sort)) });
    grid.node.classList.add("snapshots");
    grid.showSort(view.sort);
    choice.addEventListener("change", () => redo((view.type = choice.value)));
    return {
        node: h("div", {}, h("div", { class: "tools" }, choice, found), grid.node),
        set(snapshots) {
            all = snapshots;
            const types = orderTypes(all.map(({ type }) => type));
            if (!types.includes(view.type)) view.type = "";
            choice.replaceChildren(h("option", { value: "" }, "all types"),
                ...types.map((type) => h("option", { value: type }, type)));
            choice.value = view.type;
            redo();
        },
        stop: () => grid.stop(),
    };
}
