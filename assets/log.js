/* Lines of the log, newest first, with filters; keeps the newest thousand. */
import { h, setText } from "./dom.js";
import { count, datasetHref, iso, shortDay, title } from "./format.js";

const most = 1000;
const page = 100;
const levels = ["debug", "info", "warning", "error"];

function lineNode({ time, level, dataset, text }, withDataset) {
    const exact = iso(time);
    const today = iso(Date.now() / 1000).startsWith(exact.slice(0, 10));
    const link = withDataset && typeof dataset === "string"
        ? [h("a", { href: datasetHref(dataset) }, title(dataset)), " "] : [];
    return h(`li.log-${level}`, h("time", { datetime: exact, title: exact },
        (today ? "" : `${shortDay(exact)} `) + exact.slice(11, 19)),
    h("span.lvl", level), h("span.msg", link, text));
}

const same = (a, b) => a.time === b.time && a.text === b.text && a.dataset === b.dataset;

/* {node, set(lines), add(lines)}: lines come oldest first. */
export function createLog(withDataset) {
    const view = { text: "", dataset: "", level: "info", shown: page };
    let lines = [];
    const list = h("ol.log", { tabindex: "0", "aria-label": "Log, newest first" });
    const found = h("span.found");
    const more = h("button", { type: "button", onclick: () => redo((view.shown += page)) },
        "Show older lines");

    const redo = () => {
        const has = (text, part) => text.toLowerCase().includes(part.toLowerCase());
        const least = levels.indexOf(view.level);
        const kept = lines.filter((line) => levels.indexOf(line.level) >= least
            && has(line.text, view.text)
            && (!view.dataset || has(title(line.dataset ?? "-"), view.dataset)));
        list.replaceChildren(...kept.slice(-view.shown).reverse()
            .map((line) => lineNode(line, withDataset)));
        list.hidden = !kept.length;
        setText(found, kept.length ? `${count(kept.length)} lines`
            : lines.length ? "No lines like that" : "No lines yet");
        more.hidden = kept.length <= view.shown;
    };
    const field = (key, label) => h("input", { type: "search", placeholder: label,
        spellcheck: "false", "aria-label": `Filter the log by ${label.toLowerCase()}`,
        oninput: ({ target }) => redo((view[key] = target.value.trim())) });
    const choice = h("select", { "aria-label": "Least level",
        onchange: () => redo((view.level = choice.value)) }, levels.map((level) => h("option",
        { value: level, selected: level === view.level }, `${level} and above`)));

    return {
        node: h("div", h("div.tools", field("text", "Text"),
            withDataset ? field("dataset", "Dataset") : null, choice, found), list, more),
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
