/* Lines of the log, newest first, with filters; keeps the newest thousand. */
import { h, setText } from "./dom.js";
import { count, datasetHref, iso, timeOf, title } from "./format.js";

const most = 1000;
const page = 100;
const levels = ["debug", "info", "warning", "error"];

function lineNode(line, withDataset) {
    const name = line.dataset;
    const where = withDataset && typeof name === "string"
        ? h("a", { href: datasetHref(name) }, title(name)) : null;
    return h("li", { class: `log-${line.level}` },
        h("time", { datetime: iso(line.time), title: iso(line.time) }, timeOf(line.time)),
        h("span", { class: "lvl" }, line.level), h("span", { class: "msg" }, where,
            where ? " " : null, line.text));
}

const same = (a, b) => a.time === b.time && a.text === b.text && a.dataset === b.dataset;

/* {node, set(lines), add(lines)}: lines come oldest first. */
export function createLog({ withDataset }) {
    const view = { text: "", dataset: "", level: "info", shown: page };
    let lines = [];
    const list = h("ol", { class: "log", tabindex: "0", "aria-label": "Log, newest first" });
    const found = h("span", { class: "found" });
    const more = h("button", { type: "button", onclick: () => redo((view.shown += page)) },
        "Show older lines");

    const redo = () => {
        const text = view.text.toLowerCase();
        const dataset = view.dataset.toLowerCase();
        const least = levels.indexOf(view.level);
        const fits = (line) => levels.indexOf(line.level) >= least
            && (!text || line.text.toLowerCase().includes(text))
            && (!dataset || title(line.dataset ?? "-").toLowerCase().includes(dataset));
        const kept = lines.filter(fits);
        list.replaceChildren(...kept.slice(-view.shown).reverse()
            .map((line) => lineNode(line, withDataset)));
        setText(found, kept.length ? `${count(kept.length)} lines` : "No lines like that");
        more.hidden = kept.length <= view.shown;
    };
    const field = (key, label) => {
        const input = h("input", { type: "search", placeholder: label, spellcheck: "false",
            "aria-label": `Filter the log by ${label.toLowerCase()}` });
        input.addEventListener("input", () => redo((view[key] = input.value.trim())));
        return input;
    };
    const choice = h("select", { "aria-label": "Least level" }, levels.map((level, i) =>
        h("option", { value: level, selected: level === view.level },
            i === levels.length - 1 ? level : `${level} and above`)));
    choice.addEventListener("change", () => redo((view.level = choice.value)));
    const node = h("div", {}, h("div", { class: "tools" }, field("text", "Text"),
        withDataset ? field("dataset", "Dataset") : null, choice, found), list, more);

    return {
        node,
        set(all) {
            lines = all.slice(-most);
            redo();
        },
        /* What the stream repeats of a fetched page is left out. */
        add(some) {
            const recent = lines.slice(-100);
            const fresh = some.filter((line) => !recent.some((known) => same(known, line)));
            if (!fresh.length) return;
            lines = lines.concat(fresh).slice(-most);
            redo();
        },
    };
}
