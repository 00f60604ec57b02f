/* Where the ticks of a time axis go, from minutes to years, in the reader's zone. Pure. */
import { iso, monthName, shortDay } from "./format.js";

const day = 86400;
const steps = [600, 1800, 3600, 10800, 21600, 43200, day, 2 * day, 7 * day];
const monthSteps = [1, 3, 6, 12, 24, 60];

function monthTicks(from, to, every) {
    const ticks = [];
    const date = new Date(from * 1000);
    let month = date.getFullYear() * 12 + Math.ceil(date.getMonth() / every) * every;
    for (;; month += every) {
        const year = Math.floor(month / 12);
        const t = new Date(year, month % 12, 1).getTime() / 1000;
        if (t > to) return ticks;
        if (t >= from) ticks.push({ t, label: month % 12 ? monthName(month % 12) : `${year}` });
    }
}

/* [{t, label}] for about `most` ticks between two times. */
export function timeTicks(from, to, most) {
    const least = (to - from) / Math.max(1, most);
    const step = steps.find((s) => s >= least);
    if (!step) {
        const months = least / (30.4 * day);
        return monthTicks(from, to, monthSteps.find((m) => m >= months) ?? 120);
    }
    const offset = new Date(from * 1000).getTimezoneOffset() * 60;
    const ticks = [];
    for (let t = Math.ceil((from - offset) / step) * step + offset; t <= to; t += step) {
        const text = iso(t);
        const midnight = text.slice(11, 16) === "00:00";
        ticks.push({ t, label: step >= day || midnight ? shortDay(text) : text.slice(11, 16) });
    }
    return ticks;
}
