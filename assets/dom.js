/*
 * Makes nodes. Names and error texts are hostile: they only ever go in as text, and nothing in
 * this folder parses markup.
 */

const isAttributes = (value) => value && Object.getPrototypeOf(value) === Object.prototype;

function make(space, what, args) {
    const [tag, ...classes] = what.split(".");
    const node = document.createElementNS(space, tag);
    if (classes.length) node.setAttribute("class", classes.join(" "));
    const attributes = isAttributes(args[0]) ? args.shift() : {};
    for (const [key, value] of Object.entries(attributes)) {
        if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
        else setAttr(node, key, value);
    }
    node.append(...args.flat(2).filter((child) => child ?? false));
    return node;
}

/* h("p.note", {onclick: f}, "text", node, [nodes]); attributes and children may be left out. */
export const h = (what, ...args) => make("http://www.w3.org/1999/xhtml", what, args);

export const svg = (what, ...args) => make("http://www.w3.org/2000/svg", what, args);

/* null and false take an attribute away. What is already so is not written again. */
export function setAttr(node, key, value) {
    if (value === null || value === undefined || value === false) node.removeAttribute(key);
    else if (node.getAttribute(key) !== String(value)) {
        node.setAttribute(key, value === true && !key.startsWith("aria") ? "" : value);
    }
}

/* Writing only what differs keeps selections, screen readers and layout at peace. */
export function setText(node, text, title) {
    if (node.textContent !== text) node.textContent = text;
    if (title !== undefined) setAttr(node, "title", title || null);
}

/* Each icon is told from the others by its shape alone. */
const circle = "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z";
const square = "M2 2h12v12H2z";
const icons = {
    safe: [circle, "M4.8 8.2l2.3 2.3 4.2-4.6"],
    late: ["M8 1.3L15.4 14.5H.6z", "M8 6v4M8 11.8v.9"],
    failed: ["M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z", "M5.5 5.5l5 5m0-5l-5 5"],
    unknown: [square, "M6 6.4c0-2.8 4-2.6 4-.2 0 1.4-2 1.5-2 3M8 11v.9"],
    ignored: ["M8 .8L15.2 8 8 15.2.8 8z", "M5 8h6"],
    lost: [square, "M4.5 11.5l7-7M4.5 4.5l7 7"],
};

export function icon(name) {
    const [shape, sign] = icons[name] ?? icons.unknown;
    return svg(`svg.icon.${name}`, { viewBox: "0 0 16 16", "aria-hidden": "true" },
        svg("path.shape", { d: shape }), svg("path.sign", { d: sign }));
}

/* A progress bar; set(part) takes 0 to 1, or null while the total is not known. */
export function bar(label) {
    const fill = h("i");
    const node = h("div.bar", { role: "progressbar", "aria-label": label }, fill);
    const set = (part) => {
        fill.style.transform = `scaleX(${part ?? 1})`;
        node.classList.toggle("vague", part === null);
        setAttr(node, "aria-valuenow", part === null ? null : Math.floor(part * 100));
    };
    return { node, set };
}

/* What may be wider than a telephone scrolls by itself, by keyboard too. */
export function table(label, heads, body, kind = "") {
    const cell = (head) => h(head.startsWith("#") ? "th.num" : "th", { scope: "col" },
        head.replace(/^#/, ""));
    return h("div.scroll", { tabindex: "0", role: "region", "aria-label": label },
        h(`table.plain${kind}`, h("thead", h("tr", heads.map(cell))), body));
}
