/*
 * A table of any length that scrolls with the page: only the rows in sight and a margin around
 * them exist. With `tree` it is a treegrid that the arrow keys move in.
 *
 * options: {label, columns: [{key, label, sort}], heights: [wide, narrow], makeRow, tree, onsort,
 * onopen(item), onfold(item, open)}. makeRow() returns {cells: [node], update(item, row)}.
 * An item has a key; in a tree also level, open (true, false, or null for a leaf).
 */
import { h, setAttr } from "./dom.js";

const narrow = matchMedia("(max-width: 760px)");
const margin = 12; /* rows drawn beyond each edge of the window */

function makeHeader(grid) {
    const row = h("div", { role: "row", class: "grid-row grid-head", "aria-rowindex": "1" });
    for (const column of grid.columns) {
        const cell = h("div", { role: "columnheader", class: `c-${column.key}` });
        const label = column.sort === false ? h("span", {}, column.label)
            : h("button", { type: "button", onclick: () => grid.sortBy(column) }, column.label);
        cell.append(label);
        column.cell = cell;
        row.append(cell);
    }
    return row;
}

export class Grid {
    constructor(options) {
        Object.assign(this, options);
        this.items = [];
        this.index = new Map();
        this.drawn = new Map(); /* key -> row */
        this.pool = [];
        this.active = null; /* the key of the row that Tab comes to */
        this.body = h("div", { role: "rowgroup", class: "grid-body" });
        this.node = h("div", { role: this.tree ? "treegrid" : "table", class: "grid",
            "aria-label": this.label },
        h("div", { role: "rowgroup", class: "grid-top" }, makeHeader(this)), this.body);
        if (this.tree) this.body.addEventListener("keydown", (event) => this.key(event));
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

    sortBy({ key, down }) {
        const again = this.sort?.key === key;
        this.showSort({ key, down: again ? !this.sort.down : Boolean(down) });
        this.onsort(this.sort);
    }

    showSort(sort) {
        this.sort = sort;
        for (const column of this.columns) {
            const here = column.key === sort.key;
            const way = sort.down ? "descending" : "ascending";
            setAttr(column.cell, "aria-sort", here ? way : null);
        }
    }

    set(items) {
        this.items = items;
        this.index = new Map(items.map((item, i) => [item.key, i]));
        setAttr(this.node, "aria-rowcount", items.length + 1);
        if (!this.index.has(this.active)) this.active = items[0]?.key ?? null;
        this.draw();
    }

    /* The keys that should exist: those in sight, and the one that Tab comes to. */
    wanted(height) {
        const top = this.body.getBoundingClientRect().top;
        const first = Math.max(0, Math.floor(-top / height) - margin);
        const last = Math.ceil((innerHeight - top) / height) + margin;
        const keys = this.items.slice(first, Math.max(first, last)).map(({ key }) => key);
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
        const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
        for (const [key, row] of this.drawn) {
            if (keep.has(key)) continue;
            row.node.remove();
            this.drawn.delete(key);
            this.pool.push(row);
        }
        let cursor = this.body.firstElementChild;
        for (const key of keys) {
            const row = this.rowFor(key);
            this.place(row, this.index.get(key), height);
            /* In the order of the page, which is the one that a screen reader reads. */
            if (row.node === cursor) cursor = cursor.nextElementSibling;
            else this.body.insertBefore(row.node, cursor);
        }
        if (focused?.isConnected && focused !== document.activeElement) focused.focus();
    }

    rowFor(key) {
        let row = this.drawn.get(key);
        if (row) return row;
        row = this.pool.pop() ?? this.newRow();
        this.drawn.set(key, row);
        return row;
    }

    newRow() {
        const row = this.makeRow();
        row.node = h("div", { role: "row", class: "grid-row" }, row.cells);
        const item = () => this.items[row.at];
        row.node.addEventListener("focus", () => this.activate(item().key));
        row.node.addEventListener("click", (event) => {
            if (!event.target.closest("a, button") && this.onopen) this.onopen(item());
        });
        row.fold = () => this.onfold(item(), !item().open);
        return row;
    }

    place(row, at, height) {
        const item = this.items[at];
        row.at = at;
        row.node.style.transform = `translateY(${at * height}px)`;
        setAttr(row.node, "aria-rowindex", at + 2);
        if (this.tree) {
            setAttr(row.node, "tabindex", item.key === this.active ? "0" : "-1");
            setAttr(row.node, "aria-level", item.level);
            setAttr(row.node, "aria-expanded", item.open === null ? null : item.open);
        }
        row.update(item, row);
    }

    activate(key) {
        if (key === this.active) return;
        const before = this.drawn.get(this.active);
        if (before) setAttr(before.node, "tabindex", "-1");
        this.active = key;
        const after = this.drawn.get(key);
        if (after) setAttr(after.node, "tabindex", "0");
    }

    move(at) {
        const item = this.items[Math.max(0, Math.min(this.items.length - 1, at))];
        if (!item) return;
        this.activate(item.key);
        this.draw();
        const { node } = this.drawn.get(item.key);
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
        else if (event.key === "Enter" && event.target.role !== "button") this.onopen(item);
        else if (event.key === "ArrowRight") this.unfold(item, at);
        else if (event.key === "ArrowLeft") this.foldUp(item, at);
        else return;
        event.preventDefault();
    }

    unfold(item, at) {
        if (item.open === false) this.onfold(item, true);
        else if (item.open) this.move(at + 1);
    }

    /* Closes the branch, or goes to the one that this row is in. */
    foldUp(item, at) {
        if (item.open) return this.onfold(item, false);
        let up = at;
        while (up > 0 && this.items[up].level >= item.level) up--;
        this.move(up);
    }
}
