/* Graphs. Each is a figure that says in words what it draws, and is drawn anew at every width. */
import { h, svg } from "./dom.js";
import { rate, shortDay, size } from "./format.js";
import { timeTicks } from "./timescale.js";

/* paint(svgNode, width) returns [nodes, height]. */
function figure(paint) {
    const canvas = svg("svg.chart", { role: "img" });
    const caption = h("figcaption");
    const node = h("figure", canvas, caption);
    let data = null;
    const draw = () => {
        const width = node.clientWidth;
        if (!data || !width) return;
        const { nodes, height, text } = paint(data, width);
        canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
        canvas.style.height = `${height}px`;
        canvas.setAttribute("aria-label", text);
        canvas.replaceChildren(...nodes);
        if (caption.textContent !== text) caption.textContent = text;
    };
    const watch = new ResizeObserver(draw);
    watch.observe(node);
    const set = (fresh) => {
        data = fresh;
        draw();
    };
    return { node, set, stop: () => watch.disconnect() };
}

/* Round figures up to a maximum, in units of 1024: 0, 5 GiB, 10 GiB. */
function sizeTicks(most, from = 0) {
    const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(most, 1)) / Math.log(1024)));
    const rough = (most - from) / unit / 3;
    const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-9)));
    const step = [1, 2, 5, 10].find((s) => s * power >= rough) * power * unit;
    const ticks = [];
    for (let v = Math.floor(from / step) * step; v < most + step; v += step) ticks.push(v);
    return ticks.length > 1 ? ticks : [0, 1024];
}

const left = 84;

/* The frame that both axes share: {nodes, x, y} for plotting into. */
function axes({ width, height, from, to, ticks, label }) {
    const bottom = height - 26;
    const x = (t) => left + (t - from) / (to - from) * (width - left - 8);
    const [low, high] = [ticks[0], ticks.at(-1)];
    const y = (v) => bottom - (v - low) / (high - low) * (bottom - 10);
    const nodes = ticks.flatMap((v) => [
        svg("path.tick", { d: `M${left} ${y(v).toFixed(1)}H${width - 8}` }),
        svg("text.amount", { x: left - 8, y: y(v) + 5 }, label(v))]);
    for (const { t, label: text } of timeTicks(from, to, (width - left) / 90)) {
        if (x(t) > width - 24) continue;
        nodes.push(svg("text.when", { x: x(t), y: height - 6 }, text));
    }
    return { nodes, x, y, bottom };
}

function paintThroughput({ from, step, bytes }, width) {
    const height = 170;
    const speeds = bytes.map((n) => n / step);
    const most = Math.max(...speeds, 0);
    const all = bytes.reduce((sum, n) => sum + n, 0);
    const to = from + step * bytes.length;
    const { nodes, x, y, bottom } = axes({ width, height, from, to,
        ticks: sizeTicks(Math.max(most, 1024)), label: rate });
    const wide = Math.max(1, x(from + step) - x(from) - 2);
    const d = speeds.map((v, i) => (v ? `M${(x(from + i * step) + 1).toFixed(1)} ${bottom}V${
        y(v).toFixed(1)}h${wide.toFixed(1)}V${bottom}z` : "")).join("");
    const text = all ? `${size(all)} of streams in the last hour, at most ${rate(most)}.`
        : "Nothing was sent in the last hour.";
    return { nodes: [...nodes, svg("path.bars", { d })], height, text };
}

const dayTime = (day) => new Date(`${day}T12:00:00`).getTime() / 1000;

/* The last 90 days, with a hole where the daemon has no record. */
function lastDays(days, now) {
    const byDay = new Map(days.map((day) => [day.day, day]));
    return Array.from({ length: 90 }, (_, i) => {
        const day = new Date((now - (89 - i) * 86400) * 1000).toISOString().slice(0, 10);
        return byDay.get(day) ?? { day, level: "none" };
    });
}

/* Safe: a full block; late: half a block; failed: a cross; no record: a dot. */
const dayShapes = {
    safe: (w, h0) => `M1 0H${w - 1}V${h0}H1z`,
    late: (w, h0) => `M1 ${h0 / 2}H${w - 1}V${h0}H1z`,
    failed: (w, h0) => `M1 4l${w - 2} ${h0 - 8}M${w - 1} 4l${2 - w} ${h0 - 8}`,
    none: (w, h0) => `M${w / 2 - 1.5} ${h0 / 2}h3`,
};

function paintStrip({ days, time }, width) {
    const cells = lastDays(days, time);
    const perRow = width < 640 ? 30 : 90;
    const cell = width / perRow;
    const tall = 34;
    const nodes = cells.map(({ day, level, cycles }, i) => {
        const shape = dayShapes[level] ? level : "none";
        const words = level === "none" ? "no record" : `${level}, ${cycles} cycles`;
        return svg(`g.day.${shape}`, { transform: `translate(${(i % perRow * cell)
            .toFixed(2)} ${Math.floor(i / perRow) * (tall + 8)})` },
        svg("title", `${day}: ${words}`),
        svg("rect.hit", { width: cell, height: tall }),
        svg("path", { d: dayShapes[shape](cell, tall) }));
    });
    const height = 90 / perRow * (tall + 8);
    return { nodes, height, text: stripText(cells) };
}

function stripText(cells) {
    const number = (level) => cells.filter((cell) => cell.level === level).length;
    const known = [["safe", "safe"], ["late", "late"], ["failed", "failed"],
        ["unknown", "unknown"], ["none", "without a record"]];
    const parts = known.filter(([level]) => number(level))
        .map(([level, words]) => `${number(level)} ${words}`);
    const bad = cells.filter(({ level }) => level === "failed" || level === "late").slice(-6)
        .map(({ day, level }) => `${shortDay(day)} ${level}`);
    return `Of the last 90 days: ${parts.join(", ")}${bad.length ? ` (${bad.join(", ")})` : ""}.`;
}

function paintSpace({ days, time, remote }, width) {
    const height = 220;
    const shown = lastDays(days, time).filter(({ level }) => level !== "none");
    if (shown.length < 2) {
        return { nodes: [], height: 0, text: "Drawn once there are two days on record." };
    }
    const keys = remote ? ["local", "remote"] : ["local"];
    const values = shown.flatMap((day) => keys.map((key) => day[key]));
    const [from, to] = [dayTime(shown[0].day), dayTime(shown.at(-1).day)];
    const { nodes, x, y } = axes({ width, height, from, to, label: size,
        ticks: sizeTicks(Math.max(...values, 1024)) });
    const last = shown.at(-1);
    for (const key of keys) {
        const points = shown.map((day) => `${x(dayTime(day.day)).toFixed(1)} ${
            y(day[key]).toFixed(1)}`);
        nodes.push(svg(`path.line.${key}`, { d: `M${points.join("L")}` }),
            svg(`text.end.${key}`, { x: width - 12, y: y(last[key]) - 9 },
                `${key} ${size(last[key])}`));
    }
    const grown = (key) => {
        const by = last[key] - shown[0][key];
        return `${key} ${size(last[key])}, ${size(Math.abs(by))} ${by < 0 ? "less" : "more"}`;
    };
    return { nodes, height, text: `${keys.map(grown).join("; ")} than on ${
        shortDay(shown[0].day)}.` };
}

export const createThroughput = () => figure(paintThroughput);
export const createStrip = () => figure(paintStrip);
export const createSpace = () => figure(paintSpace);
