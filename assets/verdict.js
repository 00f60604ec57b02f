/* The first thing on every page: is the data safe, since when not, what to do, what comes next. */
import { h, icon, setText } from "./dom.js";
import { clock, datasetHref, duration, iso, stopwatch, title } from "./format.js";
import { syncNow, takeSnapshot } from "./api.js";
import { now, store } from "./live.js";
import { needsAttention } from "./tree.js";

const words = { safe: "Safe", late: "Late", failed: "Failed", unknown: "Looking",
    lost: "Out of touch" };
const signs = { safe: "\u2713", late: "!", failed: "\u2717", unknown: "\u2026", lost: "?" };
const grace = 2500; /* ms; a reconnection that is quicker than this is nobody's concern */

const isLost = () => store.lostSince && Date.now() - store.lostSince > grace;

export const level = () => (isLost() ? "lost" : store.verdict?.level ?? "unknown");

/* "✓ safe", for the window's title. */
export const sign = () => `${signs[level()]} ${words[level()].toLowerCase()}`;

function lostText() {
    const since = store.lostSince / 1000;
    const before = store.verdict ? ` Before that: ${store.verdict.text}.` : "";
    return `No word from backupd since ${iso(since).slice(11, 19)}`
        + ` (${duration(Date.now() / 1000 - since)}), trying again.${before}`;
}

function sinceText({ since }) {
    if (!since || isLost()) return "";
    return `Not safe since ${clock(since, now())}, for ${duration(now() - since)}.`;
}

function nextText(cycle) {
    if (!cycle) return "";
    if (cycle.running) return `running for ${stopwatch(now() - cycle.started)}`;
    if (!cycle.next) return "not planned";
    return cycle.next > now() ? `in ${stopwatch(cycle.next - now())}` : "any moment now";
}

function lastText(cycle) {
    if (!cycle?.finished) return "none yet";
    const took = cycle.took ?? cycle.finished - cycle.started;
    return `took ${stopwatch(took)}, ended ${clock(cycle.finished, now())}`;
}

function snapshotForm(say) {
    const select = h("select", { "aria-label": "Type of the snapshot", onchange: () => choose() });
    const typed = h("input", { "aria-label": "Another type", placeholder: "type",
        maxlength: "100", size: "8", autocapitalize: "off", spellcheck: "false" });
    const choose = () => (typed.hidden = select.value !== "");
    const onsubmit = (event) => {
        event.preventDefault();
        const type = select.value || typed.value.trim();
        if (type) say(event.submitter, () => takeSnapshot(type));
        else typed.focus();
    };
    const form = h("form", { onsubmit }, select, typed,
        h("button", { type: "submit" }, "Take snapshot"));
    let shown = null;
    const update = () => {
        const types = store.state.types ?? [];
        if (shown === types.join()) return;
        shown = types.join();
        select.replaceChildren(...types.map((type) => h("option", { value: type }, type)),
            h("option", { value: "" }, "other\u2026"));
        choose();
    };
    return { form, update };
}

function buttons() {
    const answer = h("p.answer", { role: "status" });
    const say = async (button, action) => {
        button.disabled = true;
        setText(answer, "Asking backupd\u2026");
        answer.classList.remove("bad");
        try {
            setText(answer, await action());
        } catch (error) {
            answer.classList.add("bad");
            setText(answer, error.message);
        }
        button.disabled = false;
    };
    const sync = h("button.primary", { type: "button", onclick: () => say(sync, syncNow) },
        "Sync now");
    const { form, update } = snapshotForm(say);
    return { node: h("div.actions", sync, form, answer), update };
}

/* The first few datasets that are the reason, to go to. */
function culprits() {
    const names = [...store.datasets.values()].filter(({ level: at }) => at === level())
        .map(({ name }) => name);
    if (!needsAttention({ level: level() }) || !names.length) return [];
    const rest = names.length - 5;
    return ["See ", names.slice(0, 5).flatMap((name, i) => [i ? ", " : "",
        h("a", { href: datasetHref(name) }, title(name))]), rest > 0 ? ` and ${rest} more` : ""];
}

export function createVerdict() {
    const [badge, word, text, since, advice, see] = [h("span.badge"), h("strong.word"), h("span"),
        h("p"), h("p.advice"), h("p")];
    const [next, last, nextLabel] = [h("dd"), h("dd"), h("dt", "Next cycle")];
    const spoken = h("span.unseen", { role: "status" });
    const act = buttons();
    const node = h("section", { "aria-label": "Verdict" }, badge,
        h("div.words", h("p.line", word, text), since, advice, see),
        h("dl.facts", h("div", nextLabel, next), h("div", h("dt", "Last cycle"), last)),
        act.node, spoken);
    let shown = "";

    const draw = () => {
        const verdict = store.verdict ?? { text: "", advice: "", since: 0 };
        if (level() !== shown) {
            shown = level();
            node.className = `panel is-${shown}`;
            badge.replaceChildren(icon(shown));
            setText(word, words[shown]);
            setText(spoken, `${words[shown]}. ${shown === "lost" ? "" : verdict.text}`);
        }
        setText(text, isLost() ? lostText() : verdict.text);
        setText(since, sinceText(verdict));
        setText(advice, isLost() ? "" : verdict.advice);
        const links = h("p", culprits());
        if (!see.isEqualNode(links)) see.replaceChildren(...links.childNodes);
        setText(nextLabel, store.cycle?.running ? "This cycle" : "Next cycle");
        setText(next, nextText(store.cycle));
        setText(last, lastText(store.cycle));
        act.update();
    };
    return { node, draw };
}
