/* Requests to the daemon. A failure is an Error whose message can be shown as it is. */

const patience = 15000; /* ms; a daemon that hangs is to be told from one that is slow */

async function ask(path, options = {}) {
    try {
        return await fetch(path, { signal: AbortSignal.timeout(patience), ...options });
    } catch {
        throw new Error("No answer from backupd");
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

async function post(path, timeout) {
    const answer = await ask(path, { method: "POST", signal: AbortSignal.timeout(timeout) });
    const text = (await answer.text()).trim();
    return { answer, text };
}

export async function syncNow() {
    const { answer, text } = await post("/api/v1/sync", patience);
    if (answer.ok) return "A cycle starts now";
    let words = text;
    try {
        words = JSON.parse(text).error.text;
    } catch {
        /* one line of plain text, then */
    }
    throw new Error(words || `backupd answered ${answer.status}`);
}

/* A recursive snapshot of many datasets can take its time. */
export async function takeSnapshot(type) {
    const { answer, text } = await post(`/snapshot?periodicity=${encodeURIComponent(type)}`, 120000);
    if (answer.ok) return `Created ${text}`;
    throw new Error(text || `backupd answered ${answer.status}`);
}
