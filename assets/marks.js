/* One shape and one colour for each type of snapshot, the same wherever it is drawn. */
import { svg } from "./dom.js";

const r = 5.5;

/* Paths about 0,0; relative, so that a mark anywhere is "M x y" and the shape. */
const shapes = [
    `m${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    "m-5 -5h10v10h-10z",
    "m0 -6l6 11h-12z",
    "m0 -6.5l6.5 6.5l-6.5 6.5l-6.5 -6.5z",
    "m-2 -6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
    "m-6 -5h12l-6 11z",
];

const usual = ["hourly", "daily", "weekly", "monthly", "yearly"];

/* The order in which types are told: from the often to the seldom, then the others by name. */
export function orderTypes(types) {
    const rank = (type) => (usual.includes(type) ? usual.indexOf(type) : usual.length);
    return [...new Set(types)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/* A usual type has its own mark everywhere; others share what is left. */
export function markOf(type) {
    const known = usual.indexOf(type);
    return known >= 0 ? known : shapes.length - 1;
}

export const markPath = (mark, x, y) => `M${x.toFixed(1)} ${y}${shapes[mark]}`;

export const crossPath = (x, y) => `M${(x - 6).toFixed(1)} ${y - 6}l12 12m0 -12l-12 12`;

/* A mark by itself, for tables and legends. */
export function markIcon(mark, state = "present") {
    return svg("svg.mark", { viewBox: "-8 -8 16 16", "aria-hidden": "true" },
        svg(`path.t${mark}.${state}`, { d: markPath(mark, 0, 0) }),
        state === "going" ? svg("path.cross", { d: crossPath(0, 0) }) : null);
}
