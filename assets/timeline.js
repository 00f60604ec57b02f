/*
 * The snapshots of a dataset over time: a lane for each side, in it a row for each type, one mark
 * a snapshot. Marks of one kind are one path, so that thousands can be panned.
 */
import { h, svg } from "./dom.js";
import { capital, iso, size } from "./format.js";
import { crossPath, markIcon, markOf, markPath, orderTypes } from "./marks.js";
import { now, store } from "./live.js";
import { timeTicks } from "./timescale.js";

const rowHeight = 20;
const laneGap = 34;
const top = 26;
const shortest = 1800; /* seconds that can be seen at the closest */
const reach = 14; /* pixels from a mark at which it is meant */
const zooms = [["All", 0], ["Year", 365 * 86400], ["Month", 30 * 86400], ["Week", 7 * 86400],
    ["Day", 86400], ["6 h", 6 * 3600]];

const sides = () => (store.state.remote ? ["local", "remote"] : ["local"]);

const sidesOf = (snapshot) => sides().filter((side) => snapshot[side] !== "absent");

const where = { present: "is there", going: "will be destroyed", coming: "will be sent",
    absent: "not there" };

function describe(snapshot) {
    const why = (list) => (list.length ? `, kept: ${list.join(", ")}` : "");
    const when = iso(snapshot.created).slice(0, 19).replace("T", " ");
    return [snapshot.name, `${when}, ${size(snapshot.size)}`,
        ...sides().map((side) => `${capital(side)}: ${where[snapshot[side]]}${
            why(snapshot[`keep_${side}`])}`)];
}

const legend = () => h("ul.legend", Object.keys(where)
    .filter((state) => state !== "absent" && (state !== "coming" || store.state.remote))
    .map((state) => h("li", markIcon(0, state), where[state])), store.state.remote && h("li",
    svg("svg.mark", { viewBox: "-8 -8 16 16", "aria-hidden": "true" },
        svg("path.join", { d: "M0 -8v16" })), "on both sides"));

const pill = (label, name, onclick) => h("button.pill", { type: "button", "aria-label": name,
    onclick }, label);

export class Timeline {
    constructor() {
        this.snapshots = [];
        this.types = [];
        this.range = null; /* [from, to] once the reader chose one; null: everything */
        this.picked = -1;
        this.svg = svg("svg", { "aria-hidden": "true" });
        this.tip = h("div.tip", { role: "status", hidden: true });
        this.plot = h("div.plot", { tabindex: "0", role: "application",
            "aria-roledescription": "timeline", "aria-label": "Snapshots over time: arrows go from "
            + "one to the next, plus and minus zoom, 0 shows all. The table below has the same.",
            onkeydown: (event) => this.key(event), onpointerdown: (event) => this.grab(event),
            onpointermove: (event) => this.point(event), onpointerup: () => (this.drag = null),
            onpointercancel: () => (this.drag = null), onpointerleave: () => this.pick(-1),
            onblur: () => this.pick(-1) }, this.svg, this.tip);
        this.plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
        this.buttons = zooms.map(([label, span]) => pill(label, null, () => this.show(span)));
        this.node = h("div.timeline", h("div.tools", h("div.pills", { role: "group",
            "aria-label": "Zoom" }, this.buttons, pill("\u2212", "Zoom out", () => this.zoom(2)),
        pill("+", "Zoom in", () => this.zoom(0.5))), legend()), this.plot);
        this.watch = new ResizeObserver(() => this.later());
        this.watch.observe(this.plot);
    }

    stop() {
        this.watch.disconnect();
    }

    set(snapshots) {
        this.snapshots = snapshots;
        this.types = orderTypes(snapshots.map(({ type }) => type)).slice(0, 8);
        this.rowOf = new Map(this.types.map((type, i) => [type, i]));
        if (this.picked >= snapshots.length) this.picked = -1;
        this.later();
    }

    later() {
        this.frame ||= requestAnimationFrame(() => {
            this.frame = 0;
            this.draw();
        });
    }

    latest() {
        return Math.max(now(), this.snapshots.at(-1)?.created ?? 0);
    }

    /* All there is, with some air at both ends. */
    whole() {
        const last = this.latest();
        const first = Math.min(this.snapshots[0]?.created ?? last, last - 3600);
        const air = (last - first) * 0.03;
        return [first - air, last + air];
    }

    seen() {
        return this.range ?? this.whole();
    }

    look(from, to) {
        const [first, last] = this.whole();
        const span = Math.max(shortest, to - from);
        if (span >= last - first) this.range = null;
        else {
            const begin = Math.max(first, Math.min(from, last - span));
            this.range = [begin, begin + span];
        }
        this.later();
    }

    show(span) {
        const end = this.latest();
        if (span) this.look(end - span * 0.96, end + span * 0.04);
        else this.look(-Infinity, Infinity);
    }

    zoom(factor, about = null) {
        const [from, to] = this.seen();
        const middle = about ?? (this.picked >= 0 ? this.snapshots[this.picked].created
            : (from + to) / 2);
        const span = Math.max(shortest, (to - from) * factor);
        const part = (middle - from) / (to - from);
        this.look(middle - span * part, middle + span * (1 - part));
    }

    pan(part) {
        const [from, to] = this.seen();
        const by = (to - from) * part;
        this.look(from + by, to + by);
    }

    wheel(event) {
        const [from, to] = this.seen();
        if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(event.deltaX / this.width);
        else {
            /* At either end of the zoom the wheel belongs to the page again. */
            if (event.deltaY > 0 ? !this.range : to - from <= shortest) return;
            this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event));
        }
        event.preventDefault();
    }

    timeAt(event) {
        const [from, to] = this.seen();
        const x = event.clientX - this.plot.getBoundingClientRect().left - this.gutter;
        return from + (to - from) * Math.max(0, Math.min(1, x / this.width));
    }

    grab(event) {
        this.drag = { x: event.clientX, range: this.seen() };
        if (event.pointerType === "mouse") this.plot.setPointerCapture(event.pointerId);
    }

    point(event) {
        if (this.drag && event.buttons) {
            const [from, to] = this.drag.range;
            const by = (this.drag.x - event.clientX) / this.width * (to - from);
            this.look(from + by, to + by);
            return;
        }
        const box = this.plot.getBoundingClientRect();
        const [x, y] = [event.clientX - box.left, event.clientY - box.top];
        let [best, least] = [-1, reach];
        this.snapshots.forEach((snapshot, i) => {
            const away = Math.abs(this.x(snapshot.created) - x);
            if (away >= least) return;
            for (const side of sidesOf(snapshot)) {
                const distance = Math.hypot(away, this.y(side, snapshot) - y);
                if (distance < least) [best, least] = [i, distance];
            }
        });
        this.pick(best);
    }

    pick(i) {
        if (i === this.picked) return;
        this.picked = i;
        this.later();
    }

    key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const last = this.snapshots.length - 1;
        const begin = this.picked < 0;
        const actions = {
            ArrowLeft: () => (event.shiftKey ? this.pan(-0.2) : begin ? last : this.picked - 1),
            ArrowRight: () => (event.shiftKey ? this.pan(0.2) : begin ? 0 : this.picked + 1),
            Home: () => 0, End: () => last, Escape: () => -1,
            "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
            0: () => this.show(0),
        };
        if (!(event.key in actions)) return;
        event.preventDefault();
        const at = actions[event.key]();
        if (at === undefined) return;
        this.pick(Math.min(last, Math.max(-1, at)));
        this.reveal();
    }

    /* Brings the picked one into what is seen. */
    reveal() {
        const at = this.snapshots[this.picked]?.created;
        const [from, to] = this.seen();
        if (at < from || at > to) this.look(at - (to - from) / 2, at + (to - from) / 2);
    }

    x(t) {
        const [from, to] = this.view;
        return this.gutter + (t - from) / (to - from) * this.width;
    }

    y(side, { type }) {
        const lane = side === "local" ? 0 : this.types.length * rowHeight + laneGap;
        return top + lane + ((this.rowOf.get(type) ?? this.types.length - 1) + 0.5) * rowHeight;
    }

    draw() {
        const full = this.plot.clientWidth;
        if (!full) return;
        this.gutter = full < 600 ? 74 : 96;
        this.width = full - this.gutter - 12;
        this.view = this.seen();
        const lane = this.types.length * rowHeight;
        const height = top + sides().length * (lane + laneGap) - 4;
        this.svg.setAttribute("viewBox", `0 0 ${full} ${height}`);
        this.svg.style.height = `${height}px`;
        this.svg.replaceChildren(...this.frameNodes(full, lane, height), ...this.markNodes());
        this.showTip(full);
        this.showZoom();
    }

    frameNodes(full, lane, height) {
        const nodes = [];
        sides().forEach((side, i) => {
            const y = top + i * (lane + laneGap);
            nodes.push(svg("rect.lane", { x: this.gutter, y, width: this.width, height: lane }),
            svg("text.side", { x: 0, y: y - 8 }, capital(side)));
            this.types.forEach((type, row) => nodes.push(svg("text.type", { x: 0,
                y: y + (row + 0.5) * rowHeight + 5 },
            type.length > 9 ? `${type.slice(0, 8)}\u2026` : type)));
        });
        for (const { t, label } of timeTicks(...this.view, this.width / 80)) {
            const x = this.x(t).toFixed(1);
            nodes.push(svg("path.tick", { d: `M${x} ${top}V${height - 24}` }));
            if (full - x < 24) continue;
            nodes.push(svg("text.when", { x, y: height - 8 }, label));
        }
        const x = this.x(now());
        if (x < this.gutter + this.width) {
            nodes.push(svg("path.today", { d: `M${x} ${top - 4}V${height - 24}` }));
        }
        return nodes;
    }

    /* One path for each lane, type and state; what would fall on the same pixel is drawn once. */
    markNodes() {
        const paths = new Map();
        const taken = new Set();
        const add = (kind, d) => paths.set(kind, (paths.get(kind) ?? "") + d);
        const [from, to] = this.view;
        for (const snapshot of this.snapshots) {
            if (snapshot.created < from || snapshot.created > to) continue;
            const x = this.x(snapshot.created);
            const mark = markOf(snapshot.type);
            const ys = sides().map((side) => this.y(side, snapshot));
            const first = (...key) => taken.size < taken.add(key.join()).size;
            if (!first(Math.round(x * 2), ys[0], snapshot.local, snapshot.remote)) continue;
            this.join(add, first, snapshot, x, ys);
            sides().forEach((side, i) => {
                const state = snapshot[side];
                if (state === "absent") return;
                add(`t${mark} ${state}`, markPath(mark, x, ys[i]));
                if (state === "going") add("cross", crossPath(x, ys[i]));
            });
        }
        const order = (kind) => ["join", "sending", "arrow"].indexOf(kind) < 0;
        return [...paths].sort(([a], [b]) => order(a) - order(b))
            .map(([kind, d]) => svg("path", { d, class: kind })).concat(this.pickedNodes());
    }

    join(add, first, { local, remote }, x, [y0, y1]) {
        if (local === "absent" || remote === "absent" || !y1) return;
        if (remote !== "coming") {
            /* Side by side, lines would become a wall. */
            if (first("join", Math.round(x / 4), y0)) add("join", `M${x.toFixed(1)} ${y0}V${y1}`);
            return;
        }
        add("sending", `M${x.toFixed(1)} ${y0 + 7}V${y1 - 12}`);
        add("arrow", `M${x.toFixed(1)} ${y1 - 7}l-4 -7h8z`);
    }

    pickedNodes() {
        const snapshot = this.snapshots[this.picked];
        if (!snapshot) return [];
        return sidesOf(snapshot).map((side) => svg("circle.picked",
            { cx: this.x(snapshot.created), cy: this.y(side, snapshot), r: 10 }));
    }

    showTip(full) {
        const snapshot = this.snapshots[this.picked];
        this.tip.hidden = !snapshot;
        if (!snapshot) return;
        const lines = describe(snapshot);
        if (this.tip.textContent !== lines.join("")) {
            this.tip.replaceChildren(...lines.map((line, i) => h(i ? "p" : "strong", line)));
        }
        const width = Math.min(340, full);
        const left = this.x(snapshot.created) - width / 2;
        const bottom = sidesOf(snapshot).map((side) => this.y(side, snapshot)).pop() ?? top;
        this.tip.style.width = `${width}px`;
        this.tip.style.left = `${Math.max(0, Math.min(full - width, left))}px`;
        this.tip.style.top = `${bottom + 16}px`;
    }

    showZoom() {
        const span = this.range ? this.range[1] - this.range[0] : 0;
        this.buttons.forEach((button, i) => {
            const on = Math.abs(zooms[i][1] - span) < 2;
            button.setAttribute("aria-pressed", String(on));
        });
    }
}
