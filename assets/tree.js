/* From the datasets to the rows of the overview: filtered, sorted, folded. Pure. */

const worst = { failed: 0, late: 1, unknown: 2, safe: 3, ignored: 4 };
const busy = { running: 0, failed: 1, waiting: 2, unknown: 3, ok: 4, "remote-only": 5 };

const compareText = new Intl.Collator("en", { numeric: true }).compare;

const sorters = {
    status: (d) => worst[d.level] * 10 + busy[d.status],
    age: (d) => (d.level === "ignored" ? -Infinity : -d.copied),
    success: (d) => d.last_success,
    localCount: (d) => d.local.snapshots,
    localSpace: (d) => d.local.space,
    remoteCount: (d) => d.remote.snapshots,
    remoteSpace: (d) => d.remote.space,
};

export const needsAttention = (d) => d.level === "failed" || d.level === "late";

const filters = {
    all: () => true,
    attention: needsAttention,
    running: (d) => d.status === "running",
};

function parentOf(name, datasets) {
    let up = name;
    while (up !== "") {
        up = up.slice(0, up.lastIndexOf("/"));
        if (datasets.has(up)) return up;
    }
    return null;
}

/* The names below each name, in order. Made again only when a dataset comes or goes. */
export function buildTree(datasets) {
    const children = new Map([[null, []]]);
    for (const name of datasets.keys()) {
        const parent = parentOf(name, datasets);
        if (!children.has(parent)) children.set(parent, []);
        children.get(parent).push(name);
    }
    for (const list of children.values()) list.sort(compareText);
    return children;
}

/* How many rows a closed branch hides, and how many of them need attention. */
function hiddenBelow(name, tree, datasets) {
    let [all, bad] = [0, 0];
    for (const child of tree.get(name) ?? []) {
        const below = hiddenBelow(child, tree, datasets);
        all += 1 + below.all;
        bad += below.bad + (needsAttention(datasets.get(child)) ? 1 : 0);
    }
    return { all, bad };
}

function treeRows(datasets, view, tree, matches) {
    const rows = [];
    const inOrder = (name) => (view.sort.down ? tree.get(name).toReversed() : tree.get(name));
    /* Branches with a match in them stay, so that a match is seen where it stands. */
    const visit = (name, level, parent) => {
        const dataset = datasets.get(name);
        const below = tree.get(name);
        const at = rows.length;
        const closed = below && view.closed.has(name) && !view.filtered;
        const row = { key: name, dataset, level, parent, open: below ? !closed : null,
            context: !matches(dataset), hidden: null };
        rows.push(row);
        if (closed) row.hidden = hiddenBelow(name, tree, datasets);
        else if (below) for (const child of inOrder(name)) visit(child, level + 1, name);
        if (row.context && rows.length === at + 1) rows.pop();
    };
    for (const name of inOrder(null)) visit(name, 1, null);
    return rows;
}

/*
 * view: {text, only, sort: {key, down}, closed: Set}. Sorted by name the rows are a tree; sorted
 * by anything else a flat list, as the first of all is what is looked for then.
 */
export function buildRows(datasets, tree, view) {
    const text = view.text.trim().toLowerCase();
    const only = filters[view.only];
    const matches = (d) => only(d) && (!text || (d.name || "<root>").toLowerCase().includes(text));
    view.filtered = text !== "" || view.only !== "all";
    if (view.sort.key === "name") return treeRows(datasets, view, tree, matches);
    const value = sorters[view.sort.key];
    const sign = view.sort.down ? -1 : 1;
    return [...datasets.values()].filter(matches)
        .map((dataset) => ({ key: dataset.name, dataset, level: 1, parent: null, open: null,
            value: value(dataset) }))
        .sort((a, b) => (a.value === b.value ? compareText(a.key, b.key)
            : sign * (a.value < b.value ? -1 : 1)));
}

export function countBy(datasets) {
    const number = (filter) => [...datasets.values()].filter(filter).length;
    return Object.fromEntries(Object.entries(filters).map(([key, f]) => [key, number(f)]));
}
