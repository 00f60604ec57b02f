/*
 * A table of any length that scrolls with the page: only the rows in sight and a margin around
 * them exist. With `tree` it is a treegrid that the arrow keys move in.
 *
 * options: {label, kind, columns: [{key, label, sort, down}], sort, heights: [wide, narrow], tree,
 * makeRow, onsort, onopen(item), onfold(item, open)}. makeRow(cells, row) fills the cells once and
 * returns update(item). An item has a key; in a tree also level, and open: true, false, or null
 * for a leaf.
 */
import { h, setAttr } from "./dom.js";

const narrow = matchMedia("(max-width: 760px)");
const margin = 12; /* rows drawn beyond each edge of the window */

export class Grid {
    constructor(options) {
        Object.assign(this, options);
        this.items = [];
        this.drawn = new Map(); /* key -> row */
        this.pool = [];
        this.active = null; /* the key of the row that Tab comes to */
        this.body = h("div.grid-body", { role: "rowgroup" });
        this.heads = this.columns.map((column) => h(`div.c-${column.key}`, { role: "columnheader" },
            column.sort === false ? column.label : h("button", { type: "button",
                onclick: () => this.sortBy(column) }, column.label)));
        this.node = h(`div.grid${this.kind ?? ""}`, { role: this.tree ? "treegrid" : "table",
            "aria-label": this.label }, h("div.grid-top", { role: "rowgroup" },
            h("div.grid-row.grid-head", { role: "row", "aria-rowindex": 1 }, this.heads)),
        this.body);
        if (this.tree) this.body.addEventListener("keydown", (event) => this.key(event));
        this.showSort();
        this.redraw = () => {
            this.frame ||= requestAnimationFrame(() => {
                this.frame = 0;
                this.draw();
            });
        };
        addEventListener("scroll", this.redraw, { passive: true });
        addEventListener("resize", this.redraw);
        this.watch = new ResizeObserver(this.redraw); /* what stands above it may grow */
        this.watch.observe(document.body);
    }

    stop() {
        removeEventListener("scroll", this.redraw);
        removeEventListener("resize", this.redraw);
        this.watch.disconnect();
    }

    sortBy({ key, down = false }) {
        this.sort = { key, down: this.sort.key === key ? !this.sort.down : down };
        this.showSort();
        this.onsort(this.sort);
    }

    showSort() {
        this.columns.forEach(({ key }, i) => setAttr(this.heads[i], "aria-sort",
            key === this.sort.key && (this.sort.down ? "descending" : "ascending")));
    }

    set(items) {
        this.items = items;
        this.index = new Map(items.map((item, i) => [item.key, i]));
        setAttr(this.node, "aria-rowcount", items.length + 1);
        if (!this.index.has(this.active)) this.active = items[0]?.key ?? null;
        this.draw();
    }

    /* The rows that should exist: those in sight, and the one that Tab comes to. */
    wanted(height) {
        const top = this.body.getBoundingClientRect().top;
        const first = Math.max(0, Math.floor(-top / height) - margin);
        const last = Math.max(first, Math.ceil((innerHeight - top) / height) + margin);
        const keys = this.items.slice(first, last).map(({ key }) => key);
        const at = this.tree ? this.index.get(this.active) : undefined;
        if (at < first) keys.unshift(this.active);
        else if (at >= last) keys.push(this.active);
        return keys;
    }

    draw() {
        const height = this.heights[narrow.matches ? 1 : 0];
        this.body.style.height = `${this.items.length * height}px`;
        const keys = this.wanted(height);
        const keep = new Set(keys);
        const focused = document.activeElement;
        for (const [key, row] of this.drawn) {
            if (keep.has(key)) continue;
            row.node.remove();
            this.drawn.delete(key);
            this.pool.push(row);
        }
        let cursor = this.body.firstElementChild;
        for (const key of keys) {
            const row = this.drawn.get(key) ?? this.pool.pop() ?? this.newRow();
            this.drawn.set(key, row);
            this.place(row, this.index.get(key), height);
            /* In the order of the page, which is the one that a screen reader reads. */
            if (row.node === cursor) cursor = cursor.nextElementSibling;
            else this.body.insertBefore(row.node, cursor);
        }
        if (this.body.contains(focused) && focused !== document.activeElement) focused.focus();
    }

    newRow() {
        const row = {};
        const cells = this.columns.map(({ key }, i) => h(`div.c-${key}`,
            { role: i === 0 ? "rowheader" : this.tree ? "gridcell" : "cell" }));
        row.update = this.makeRow(cells, row);
        row.fold = () => this.onfold(row.item, !row.item.open);
        row.node = h("div.grid-row", { role: "row", onfocus: () => this.activate(row.item.key),
            onclick: ({ target }) => {
                if (this.tree && !target.closest("a, button")) this.onopen(row.item);
            } }, cells);
        return row;
    }

    place(row, at, height) {
        const item = this.items[at];
        row.item = item;
        row.node.style.transform = `translateY(${at * height}px)`;
        setAttr(row.node, "aria-rowindex", at + 2);
        if (this.tree) {
            setAttr(row.node, "tabindex", item.key === this.active ? 0 : -1);
            setAttr(row.node, "aria-level", item.level);
            setAttr(row.node, "aria-expanded", item.open === null ? null : String(item.open));
        }
        row.update(item);
    }

    activate(key) {
        const before = this.drawn.get(this.active);
        if (before) setAttr(before.node, "tabindex", -1);
        this.active = key;
        const after = this.drawn.get(key);
        if (after) setAttr(after.node, "tabindex", 0);
    }

    move(at) {
        const { key } = this.items[Math.max(0, Math.min(this.items.length - 1, at))];
        this.activate(key);
        this.draw();
        const { node } = this.drawn.get(key);
        node.focus({ preventScroll: true });
        node.scrollIntoView({ block: "nearest" });
    }

    key(event) {
        if (event.altKey || event.ctrlKey || event.metaKey) return;
        const at = this.index.get(this.active);
        const item = this.items[at];
        const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 15, PageUp: at - 15,
            Home: 0, End: this.items.length - 1 };
        if (event.key in moves) this.move(moves[event.key]);
        else if (event.key === "Enter") this.onopen(item);
        else if (event.key === "ArrowRight" && item.open !== null) {
            if (item.open) this.move(at + 1);
            else this.onfold(item, true);
        } else if (event.key === "ArrowLeft") {
            if (item.open) this.onfold(item, false);
            else this.move(this.branchOf(at));
        } else return;
        event.preventDefault();
    }

    branchOf(at) {
        let up = at;
        while (up > 0 && this.items[up].level >= this.items[at].level) up--;
        return up;
    }
}
