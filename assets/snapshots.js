/* The table of a dataset's snapshots: what the timeline draws, in words. */
import { h, setAttr, setText } from "./dom.js";
import { clock, count, iso, size } from "./format.js";
import { Grid } from "./grid.js";
import { now, store } from "./live.js";
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
    const both = local.filter((reason) => remote.includes(reason));
    const rest = (list) => list.filter((reason) => !both.includes(reason));
    return Object.entries({ both, local: rest(local), remote: rest(remote) })
        .filter(([, list]) => list.length)
        .map(([where, list]) => `${where}: ${list.join(", ")}`).join("; ");
}

function makeRow(cells) {
    const [nameCell, created, local, remote, bytes, reasons] = cells;
    const [mark, name] = [h("span.holder"), h("span.snap")];
    nameCell.append(mark, name);
    return ({ snapshot }) => {
        const state = snapshot.local === "absent" ? snapshot.remote : snapshot.local;
        mark.replaceChildren(markIcon(markOf(snapshot.type), state));
        setText(name, snapshot.name, `${snapshot.name}, guid ${snapshot.guid}`);
        setText(created, clock(snapshot.created, now()), iso(snapshot.created));
        for (const [cell, side] of [[local, "local"], [remote, "remote"]]) {
            setText(cell, stateWords[snapshot[side]] ?? snapshot[side]);
            setAttr(cell, "class", `c-${side} is-${snapshot[side]}`);
        }
        setText(bytes, size(snapshot.size));
        const text = why(snapshot);
        setText(reasons, text, text);
    };
}

/* {node, set(snapshots), stop()} */
export function createSnapshots() {
    const view = { type: "", sort: { key: "created", down: true } };
    let all = [];
    const choice = h("select", { "aria-label": "Type",
        onchange: () => redo((view.type = choice.value)) });
    const found = h("span.found", { role: "status" });
    const compare = ({ snapshot: a }, { snapshot: b }) => {
        const [x, y] = [a[view.sort.key], b[view.sort.key]];
        const order = x === y ? a.created - b.created : x < y ? -1 : 1;
        return view.sort.down ? -order : order;
    };
    const redo = () => {
        const rows = all.filter(({ type }) => !view.type || type === view.type)
            .map((snapshot) => ({ key: `${snapshot.guid} ${snapshot.name}`, snapshot }))
            .sort(compare);
        grid.set(rows);
        setText(found, view.type && `${count(rows.length)} of ${count(all.length)}`);
    };
    const grid = new Grid({ label: "Snapshots", columns, heights: [34, 58], makeRow,
        kind: ".snapshots", sort: view.sort, onsort: (sort) => redo((view.sort = sort)) });
    return {
        node: h("div", h("div.tools", choice, found), grid.node),
        set(snapshots) {
            all = snapshots;
            grid.node.classList.toggle("no-remote", !store.state.remote);
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
