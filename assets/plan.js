/* What is being done about a dataset: each step of its newest plan. */
import { bar, h, setText } from "./dom.js";
import { clock, iso, plural, size, stepText, stopwatch } from "./format.js";
import { now, progress } from "./live.js";
import { progressText } from "./overview.js";

const signs = { pending: "\u25cb", running: "\u25b6", done: "\u2713", failed: "\u2717" };

const sent = ({ bytes, bytes_total: total }) => (total && bytes < total
    ? `${size(bytes)} of ${size(total)}` : bytes || total ? size(bytes || total) : "");

function took({ started, finished }) {
    if (!started) return "";
    return stopwatch((finished || now()) - started);
}

function stepRow(step, i) {
    const text = stepText(step);
    const lasted = h("td", { class: "num" }, took(step));
    const bytes = h("td", { class: "num" }, sent(step));
    const what = h("td", { class: "what" }, text.charAt(0).toUpperCase() + text.slice(1),
        step.resumed ? h("span", { class: "hint" }, " resumed") : null,
        step.text ? h("p", { class: "error" }, step.text) : null);
    const row = h("tr", { class: `step-${step.status}` },
        h("td", { class: "num" }, String(i + 1)),
        h("td", { class: "state" }, h("span", { "aria-hidden": "true" }, signs[step.status]),
            ` ${step.status}`), what,
        h("td", { class: "num", title: iso(step.started) },
            step.started ? clock(step.started, now()) : ""), lasted, bytes);
    return { row, lasted, bytes, what };
}

/* {node, set(plan), tick(summary)}; tick moves the running step between two fetches. */
export function createPlan() {
    const body = h("tbody");
    const run = bar("Progress of the running step");
    const note = h("span", { class: "note" });
    const text = h("p", { class: "empty" });
    const table = h("div", { class: "scroll", tabindex: "0", role: "region",
        "aria-label": "Steps of the plan" }, h("table", { class: "plain plan" },
        h("thead", {}, h("tr", {}, ["#", "State", "Step", "Began", "Took", "Bytes"].map(
            (label, i) => h("th", { scope: "col", class: i === 0 || i > 2 ? "num" : null },
                label)))), body));
    let running = null;
    return {
        node: h("div", {}, text, table),
        set(plan, isRunning) {
            const rows = plan.map(stepRow);
            const at = plan.findIndex(({ status }) => status === "running");
            running = at < 0 ? null : { step: plan[at], ...rows[at] };
            body.replaceChildren(...rows.map(({ row }) => row));
            table.hidden = plan.length === 0;
            const done = plan.filter(({ status }) => status === "done").length;
            setText(text, plan.length ? `${done} of ${plural(plan.length, "step")} done.`
                : isRunning ? "Planning." : "Nothing to do: both sides are as they should be.");
        },
        tick(summary) {
            const moving = progress(summary);
            if (!running || !summary.step) return;
            setText(running.lasted, took(running.step));
            if (!moving) return;
            setText(running.bytes, sent(summary.step));
            if (!run.node.isConnected) running.what.append(run.node, note);
            run.set(moving.part);
            setText(note, progressText(moving));
        },
    };
}
