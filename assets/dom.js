/*
 * Makes nodes. Names and error texts are hostile: they only ever go in as text, and nothing in
 * this folder parses markup.
 */

function fill(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
        else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
}

/* h("p", {class: "x", onclick: f}, "text", node, [more]) */
export function h(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/* Writing only what differs keeps selections, screen readers and layout at peace. */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

export function setAttr(node, key, value) {
    if (value === null || value === undefined || value === false) node.removeAttribute(key);
    else if (node.getAttribute(key) !== String(value)) node.setAttribute(key, value);
}

/* An element with a time in it: short to see, exact in its title. */
export function timeNode(short, iso) {
    return iso ? h("time", { datetime: iso, title: iso }, short) : h("span", {}, short);
}

/* Each icon is told from the others by its shape alone. 16 x 16. */
const icons = {
    safe: ["M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z", "M4.8 8.2l2.3 2.3 4.2-4.6"],
    late: ["M8 1.3L15.4 14.5H.6z", "M8 6v4M8 11.8v.9"],
    failed: ["M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z", "M5.5 5.5l5 5M10.5 5.5l-5 5"],
    unknown: ["M2 2h12v12H2z", "M6 6.4c0-2.8 4-2.6 4-.2 0 1.4-2 1.5-2 3M8 11v.9"],
    ignored: ["M8 .8L15.2 8 8 15.2.8 8z", "M5 8h6"],
    lost: ["M2 2h12v12H2z", "M4.5 11.5l7-7M5 6.5a5 5 0 0 1 2-.9M10 8.500a4 4 0 0 1 1 .8"],
};

export function icon(name) {
    const [shape, sign] = icons[name] ?? icons.unknown;
    return svg("svg", { viewBox: "0 0 16 16", class: `icon ${name}`, "aria-hidden": "true" },
        svg("path", { d: shape, class: "shape" }), svg("path", { d: sign, class: "sign" }));
}

/* A progress bar; set(part) takes 0 to 1, or null while the total is not known. */
export function bar(label) {
    const fillNode = h("i");
    const node = h("div", { class: "bar", role: "progressbar", "aria-label": label,
        "aria-valuemin": "0", "aria-valuemax": "100" }, fillNode);
    const set = (part) => {
        fillNode.style.width = `${part === null ? 100 : part * 100}%`;
        node.classList.toggle("vague", part === null);
        setAttr(node, "aria-valuenow", part === null ? null : Math.floor(part * 100));
    };
    return { node, set };
}
