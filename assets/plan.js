/* What is being done about a dataset: each step of its newest plan. */
import { bar, h, setText, table } from "./dom.js";
import { capital, clock, iso, plural, size, stepText, stopwatch } from "./format.js";
import { now, progress } from "./live.js";
import { progressText } from "./overview.js";

const signs = { pending: "\u25cb", running: "\u25b6", done: "\u2713", failed: "\u2717" };

const sent = ({ bytes, bytes_total: total }) => (bytes < total
    ? `${size(bytes)} of ${size(total)}` : bytes ? size(bytes) : "");

const took = ({ started, finished }) => (started
    ? stopwatch((finished || now()) - started) : "");

function stepRow(step, i) {
    const lasted = h("td.num", took(step));
    const bytes = h("td.num", sent(step));
    const what = h("td.what", capital(stepText(step)),
        step.resumed ? h("span.hint", "resumed") : null,
        step.text ? h("p.error", step.text) : null);
    const row = h(`tr.step-${step.status}`, h("td.num", i + 1),
        h("td.state", `${signs[step.status]} ${step.status}`), what,
        h("td.num", { title: iso(step.started) }, step.started ? clock(step.started, now()) : ""),
        lasted, bytes);
    return { step, row, lasted, bytes, what };
}

/* {node, set(plan), tick(summary)}; tick moves the running step between two fetches. */
// What a plan without steps means.
const EMPTY = {
    running: "Planning.",
    failed: "There is no plan while the error above stands.",
};

export function createPlan() {
    const body = h("tbody");
    const [run, note, text] = [bar("Progress of the running step"), h("span.note"), h("p.empty")];
    const steps = table("Steps of the plan", ["#No.", "State", "Step", "#Began", "#Took", "#Bytes"],
        body, ".plan");
    let running = null;
    return {
        node: h("div", text, steps),
        set(plan, status) {
            const rows = plan.map(stepRow);
            running = rows.find(({ step }) => step.status === "running");
            body.replaceChildren(...rows.map(({ row }) => row));
            steps.hidden = !plan.length;
            const done = plan.filter(({ status }) => status === "done").length;
            setText(text, plan.length ? `${done} of ${plural(plan.length, "step")} done.`
                : EMPTY[status] ?? "Nothing is to be done.");
        },
        tick(summary) {
            if (!running || !summary.step) return;
            setText(running.lasted, took(running.step));
            const moving = progress(summary);
            if (!moving) return;
            setText(running.bytes, sent(summary.step));
            if (!running.what.contains(note)) running.what.append(run.node, note);
            run.set(moving.part);
            setText(note, progressText(moving));
        },
    };
}
