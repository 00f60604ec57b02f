/* Figures as people read them, and addresses as the daemon understands them. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/* 1288490189 -> "1.2 GiB" */
export function size(bytes) {
    let i = 0;
    let n = bytes;
    while (n >= 999.5 && i < units.length - 1) {
        n /= 1024;
        i++;
    }
    return `${i === 0 || n >= 99.5 ? Math.round(n) : n.toFixed(n >= 9.95 ? 0 : 1)} ${units[i]}`;
}

export const rate = (bytesPerSecond) => `${size(bytesPerSecond)}/s`;

/* 1380 -> "23 min", 273600 -> "3 d 4 h" */
export function duration(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    const [big, small, unit, rest] = s < 86400
        ? ["h", "min", 3600, 60] : ["d", "h", 86400, 3600];
    const left = Math.floor(s % unit / rest);
    return `${Math.floor(s / unit)} ${big}${left ? ` ${left} ${small}` : ""}`;
}

/* The same, to the second, for what is counted down or timed. */
export function stopwatch(seconds) {
    const s = Math.max(0, Math.round(seconds));
    const rest = s > 60 && s < 3600 ? s % 60 : 0;
    return duration(s) + (rest ? ` ${rest} s` : "");
}

export const count = (n) => n.toLocaleString("en");

export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

/* "2026-11-23T14:03:12+01:00", in the reader's own zone. */
export function iso(t) {
    if (!t) return "";
    const d = new Date(t * 1000);
    const offset = -d.getTimezoneOffset();
    const two = (n) => String(Math.floor(Math.abs(n))).padStart(2, "0");
    const local = new Date((t + offset * 60) * 1000).toISOString().slice(0, 19);
    return `${local}${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
}

/* The shortest local time that is not ambiguous: "14:03", "21 Nov 14:03", "2024-11-21". */
export function clock(t, now) {
    if (!t) return "never";
    const text = iso(t);
    const today = iso(now);
    if (text.slice(0, 10) === today.slice(0, 10)) return text.slice(11, 16);
    if (Math.abs(now - t) > 300 * 86400) return text.slice(0, 10);
    return `${shortDay(text)} ${text.slice(11, 16)}`;
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/* "2026-11-23..." -> "23 Nov" */
export function shortDay(text) {
    return `${Number(text.slice(8, 10))} ${months[Number(text.slice(5, 7)) - 1]}`;
}

export const monthName = (index) => months[index];

export const title = (name) => name || "<root>";

/* The first components that mean something else; such datasets live under /global/dataset. */
const reserved = new Set(["global", "root", "poll", "snapshot", "api", "metrics", "healthz"]);

const encodePath = (name) => name.split("/").map(encodeURIComponent).join("/");

export function datasetHref(name) {
    if (name === "") return "/root";
    return (reserved.has(name.split("/")[1]) ? "/global/dataset" : "") + encodePath(name);
}

export const datasetApi = (name) => `/api/v1/datasets${encodePath(name) || "/"}`;

/* What page a path means: {page, name}. */
export function parsePath(pathname) {
    const path = pathname.replace(/\/+$/, "");
    if (path === "" || path === "/global") return { page: "overview" };
    if (path === "/global/activity") return { page: "activity" };
    if (path === "/root" || path === "/global/dataset") return { page: "dataset", name: "" };
    try {
        const name = decodeURIComponent(path.replace(/^\/global\/dataset\//, "/"));
        return { page: "dataset", name };
    } catch {
        return { page: "dataset", name: path };
    }
}

const words = { unknown: "looking", ignored: "left as is" };

export const levelWord = (level) => words[level] ?? level;

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/* "send daily-1 → daily-2" */
export function stepText({ op, side, start, end }) {
    const where = side === "local" ? "here" : "on the remote";
    if (op === "InitialSnapshotTransfer") return `send ${end || start} (first copy)`;
    if (op === "SnapshotRangeTransfer") return `send ${start} \u2192 ${end}`;
    if (op === "SnapshotRangeDeletion") return `destroy ${start} \u2026 ${end} ${where}`;
    return `destroy ${start} ${where}`;
}
