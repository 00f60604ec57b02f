/* Requests to the daemon. A failure is an Error whose message can be shown as it is. */

const patience = 15000; /* ms; a daemon that hangs is to be told from one that is slow */

/* ms; a little more than the daemon gives itself for a snapshot, so that its word is what comes */
const longPatience = 310000;

async function ask(path, options = {}) {
    try {
        return await fetch(path, { signal: AbortSignal.timeout(patience), ...options });
    } catch (error) {
        const late = options.method === "POST" && error.name === "TimeoutError";
        throw new Error(late ? "No answer yet: it may still be done" : "No answer from backupd");
    }
}

export async function getJson(path) {
    const answer = await ask(path);
    const body = await answer.json().catch(() => null);
    if (answer.ok && body) return body;
    const error = new Error(body?.error?.text ?? `backupd answered ${answer.status}`);
    error.status = answer.status;
    throw error;
}

/* Resolves with what the daemon says; a mistake is one line of text, or JSON with a text in it. */
async function post(path, timeout = patience) {
    const answer = await ask(path, { method: "POST", signal: AbortSignal.timeout(timeout) });
    const text = (await answer.text()).trim();
    if (answer.ok) return text;
    const words = text.startsWith("{") ? JSON.parse(text).error?.text : text;
    throw new Error(words || `backupd answered ${answer.status}`);
}

export const syncNow = () => post("/api/v1/sync").then(() => "A cycle starts now");

/* A recursive snapshot of many datasets can take its time. */
export const takeSnapshot = (type) => post(`/snapshot?periodicity=${encodeURIComponent(type)}`,
    longPatience).then((name) => `Created ${name}`);
