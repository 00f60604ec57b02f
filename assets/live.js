/*
 * The picture that every page draws from, and the stream that keeps it true: one fetch of the
 * state, then the changes after it. Listeners hear {names: Set | null, log, activity}; null means
 * that anything may differ.
 */
import { getJson } from "./api.js";

export const store = {
    ready: false,
    datasets: new Map(),
    verdict: null,
    cycle: null,
    state: {}, /* the rest of /api/v1/state */
    lostSince: 0, /* ms of this clock; 0: connected */
};

const listeners = new Set();
const quiet = 75000; /* ms without a message, after which the connection is put to the test */
let skew = 0; /* the daemon's clock less this one, in seconds */
let source = null;
let position = "";
let heard = 0;
let attempt = 0;
let timer = 0;

/* The daemon's time, so that a wrong clock in front of the screen shows no wrong age. */
export const now = () => Date.now() / 1000 + skew;

export function listen(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

function tell(change) {
    for (const listener of listeners) listener(change);
}

/* Transfer rates: {key, bytes, time, rate} by dataset, smoothed over some ten seconds. */
const rates = new Map();

function measure(dataset, time) {
    const step = dataset.step;
    if (!step?.bytes_total && !step?.bytes) return void rates.delete(dataset.name);
    const key = `${step.op} ${step.start} ${step.end} ${step.started}`;
    const last = rates.get(dataset.name);
    if (last?.key !== key) {
        rates.set(dataset.name, { key, bytes: step.bytes, time, rate: 0 });
        return;
    }
    const seconds = time - last.time;
    if (seconds < 0.5) return;
    const sample = Math.max(0, step.bytes - last.bytes) / seconds;
    const weight = last.rate ? 1 - Math.exp(-seconds / 10) : 1;
    last.rate += (sample - last.rate) * weight;
    last.bytes = step.bytes;
    last.time = time;
}

/* {part, rate, left} of a running transfer; null where there is none. left is in seconds. */
export function progress(dataset) {
    const step = dataset.step;
    if (!step || step.op.endsWith("Deletion")) return null;
    // The first seconds tell of the start, and nothing of what is to come.
    const isYoung = now() - step.started < 3;
    const speed = isYoung ? 0 : rates.get(dataset.name)?.rate ?? 0;
    const total = step.bytes_total;
    return {
        part: total ? Math.min(step.bytes / total, 0.999) : null,
        rate: speed,
        left: speed && total ? Math.max(0, total - step.bytes) / speed : 0,
    };
}

function applyCommon({ time, verdict, cycle }) {
    skew = time - Date.now() / 1000;
    heard = Date.now();
    store.verdict = verdict;
    store.cycle = cycle;
}

function applyState({ datasets, ...rest }) {
    applyCommon(rest);
    store.state = rest;
    store.datasets = new Map(datasets.map((dataset) => [dataset.name, dataset]));
    store.ready = true;
    position = rest.stream;
    for (const dataset of datasets) measure(dataset, Date.now() / 1000);
    tell({ names: null, log: [], activity: true });
}

function applyChange(change) {
    applyCommon(change);
    store.state.dry_run = change.dry_run;
    let structure = change.removed.length > 0;
    for (const name of change.removed) store.datasets.delete(name);
    for (const dataset of change.datasets) {
        structure ||= !store.datasets.has(dataset.name);
        store.datasets.set(dataset.name, dataset);
        measure(dataset, Date.now() / 1000);
    }
    const names = structure ? null : new Set(change.datasets.map(({ name }) => name));
    tell({ names, log: change.log, activity: change.activity });
}

function found() {
    attempt = 0;
    if (!store.lostSince) return;
    store.lostSince = 0;
    tell({ names: new Set(), log: [], activity: true });
}

/* Comes back after 1, 2, 4 and at most 10 seconds. */
function lose() {
    source?.close();
    source = null;
    store.lostSince ||= Date.now();
    clearTimeout(timer);
    timer = setTimeout(store.ready ? connect : start, Math.min(1000 * 2 ** attempt++, 10000));
    tell({ names: new Set(), log: [], activity: false });
}

function connect() {
    source?.close();
    source = new EventSource(`/api/v1/changes?after=${encodeURIComponent(position)}`);
    source.onopen = () => {
        heard = Date.now();
        found();
    };
    source.onerror = lose;
    source.onmessage = (message) => {
        position = message.lastEventId || position;
        applyChange(JSON.parse(message.data));
    };
    /* What was missed is not known: the state again, and the stream from exactly there. */
    source.addEventListener("reset", start);
}

export async function start() {
    source?.close();
    try {
        applyState(await getJson("/api/v1/state"));
        connect();
    } catch {
        lose();
    }
}

/* A connection can be dead without saying so (a lid closed, a cable pulled). */
setInterval(() => {
    if (source && Date.now() - heard > quiet && !document.hidden) start();
}, 5000);
