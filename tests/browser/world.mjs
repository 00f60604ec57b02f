/* A simulated zfs and ssh in a folder, and backupd at work on them. See tests/sim/README.md. */
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync }
    from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ask, until } from "./harness.mjs";

const simulator = join(import.meta.dirname, "../sim/sim.sh");
const daemons = new Set();

export const local = "tank/data";
export const remote = "vault/copy";

/* No daemon outlives this program. */
process.on("exit", () => daemons.forEach((child) => child.kill("SIGKILL")));

function freePort() {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.on("error", reject);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

export class World {
    constructor(binary) {
        this.binary = binary;
        this.dir = mkdtempSync(join(process.env.BROWSER_SCRATCH, "w"));
        this.child = null;
        this.log = "";
        execFileSync(simulator, ["make", this.dir]);
        mkdirSync(join(this.dir, "run"), { mode: 0o700 });
        this.environment = { ...process.env, PATH: `${this.dir}/bin:${process.env.PATH}`,
            RUNTIME_DIRECTORY: join(this.dir, "run") };
    }

    run(program, ...words) {
        return execFileSync(program, words, { env: this.environment, encoding: "utf8",
            stdio: ["ignore", "pipe", "pipe"] });
    }

    sim(...words) {
        return this.run(join(this.dir, "bin/sim"), ...words);
    }

    zfs(...words) {
        return this.sim("on", "local", "zfs", ...words);
    }

    /* The lines are the configuration from [local.policy] on. */
    configure(lines, { host = "root@nas", withRemote = true } = {}) {
        writeFileSync(join(this.dir, "backupd.toml"), `[local]\nroot = "${local}"\n`
            + (withRemote ? `[remote]\nroot = "${remote}"\nssh_host = "${host}"\n` : "")
            + `[history]\npath = ""\n${lines}\n`);
    }

    /* A cycle to its end, without a web side; a failed dataset is fine. */
    once() {
        try {
            return this.run(this.binary, "-config", join(this.dir, "backupd.toml"), "-once");
        } catch (error) {
            if (error.status !== 1) throw new Error(`${error.message}\n${error.stdout}`);
            return error.stdout;
        }
    }

    /* Starts the daemon, again at the same address. */
    async start(...words) {
        this.port ??= await freePort();
        this.origin = `http://127.0.0.1:${this.port}`;
        const child = spawn(this.binary, ["-config", join(this.dir, "backupd.toml"),
            "-addr", `127.0.0.1:${this.port}`, ...words],
        { env: this.environment, stdio: ["ignore", "pipe", "pipe"] });
        const take = (data) => {
            this.log += data;
            appendFileSync(join(this.dir, "log"), data);
        };
        child.stdout.on("data", take);
        child.stderr.on("data", take);
        daemons.add(child);
        child.on("exit", () => daemons.delete(child));
        this.child = child;
        await until("the daemon answers", () => {
            if (child.exitCode !== null) throw new Error(`it ended: ${this.log.slice(-2000)}`);
            return this.get("/healthz");
        }).catch((error) => {
            throw new Error(`${error.message}\n${this.log.slice(-2000)}`);
        });
    }

    async stop(signal = "SIGTERM") {
        const { child } = this;
        this.child = null;
        if (!child || child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.on("exit", resolve));
        child.kill(signal);
        const timer = setTimeout(() => child.kill("SIGKILL"), 20000);
        await ended;
        clearTimeout(timer);
    }

    /* Stops what runs, and forgets it all. */
    async end() {
        await this.stop();
        rmSync(this.dir, { recursive: true, force: true });
    }

    get(path, options = {}) {
        return ask(this.origin + path, options);
    }

    async state() {
        return (await this.get("/api/v1/state")).json();
    }

    async dataset(name) {
        return (await this.state()).datasets.find((dataset) => dataset.name === name);
    }

    /* Until no cycle runs and at least so many have ended. */
    idle(cycles = 1) {
        return until("the cycle ends", async () => {
            const { cycle } = await this.state();
            return cycle.finished && !cycle.running && cycle.number >= cycles;
        }, 120000);
    }

    async sync() {
        const { cycle } = await this.state();
        await this.get("/api/v1/sync", { method: "POST" });
        await this.idle(cycle.number + 1);
    }

    /* The process of the web role, or null. */
    webRole() {
        const roles = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
            try {
                const parent = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)
                    .split(" ")[1];
                return Number(parent) === this.child.pid
                    && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0web-role\0");
            } catch {
                return false;
            }
        });
        return roles.length ? Number(roles[0]) : null;
    }
}

/* --- trees --- */

const day = 86400;

export const policies = `[local.policy]
hourly = 12
daily = 7
weekly = 3
[remote.policy]
hourly = 24
daily = 30
weekly = 8
[sync]
interval = "1h"`;

export const names = ["", "/home", "/home/ann", "/home/ann/mail", "/home/bob",
    "/home/bob/photos 2026", "/media", "/media/films and music", "/media/books", "/projects",
    "/projects/web", "/projects/web/assets", "/projects/archive", "/vm/disk-1", "/vm"].sort();

const size = { "/media/films and music": 4000000, "/home/ann/mail": 600000, "/vm/disk-1": 900000 };

function makeDatasets(world) {
    world.sim("pool", "tank");
    world.sim("on", "remote", "pool", "vault");
    world.sim("pool", "vault");
    for (const name of names) {
        world.zfs("create", ...(name === "/vm/disk-1" ? ["-V", "64M"] : []), local + name);
    }
    world.zfs("create", `${local}/old`);
}

/* A recursive snapshot at that time, of data that has grown a little. */
export function snapshot(world, time, type) {
    world.sim("clock", String(time));
    for (const name of names) {
        world.sim("write", local + name, String(size[name] ?? 40000));
    }
    const stamp = new Date(time * 1000).toISOString().slice(0, 16).replace("T", "-").replace(":", "");
    world.zfs("snapshot", "-r", `${local}@${type}-${stamp}`);
}

function* moments(from, to) {
    for (let time = Math.ceil(from / 3600) * 3600; time <= to; time += 3600) {
        if (time % (7 * day) === 4 * day) yield [time, "weekly"];
        if (time % day === 0) yield [time, "daily"];
        /* Hours only of the days that are looked at. */
        if (to - time < 1.2 * day && time % 7200 === 0) yield [time, "hourly"];
    }
}

function live(world, from, to) {
    for (const [time, type] of moments(from, to)) snapshot(world, time, type);
}

/*
 * Six weeks of a household: most of it copied while it happened, so that the remote side has older
 * snapshots; the last hours are still to be sent. One dataset lives on only in the copy, one
 * snapshot is held, and one type is not managed.
 */
export function makeHousehold(world) {
    const now = Math.floor(Date.now() / 1000);
    world.configure(policies);
    makeDatasets(world);
    live(world, now - 42 * day, now - 20 * day);
    world.once();
    world.zfs("destroy", "-r", `${local}/old`);
    live(world, now - 20 * day + 1, now - 9 * day);
    world.once();
    const held = world.zfs("list", "-Hr", "-d", "1", "-t", "snapshot", "-o", "name",
        `${local}/home/ann`).split("\n").filter((name) => name.includes("@daily-"))[3];
    world.zfs("hold", "keep", held);
    world.sim("clock", String(now - 3 * day));
    world.zfs("snapshot", `${local}/home/ann@before-upgrade`);
    live(world, now - 9 * day + 1, now - 5 * 3600);
    world.once();
    live(world, now - 5 * 3600 + 1, now);
    world.sim("clock", "real");
}

/* The same datasets with two snapshots each, all copied: what a test can begin with at once. */
export function makeSmall(world) {
    const now = Math.floor(Date.now() / 1000);
    world.configure(policies);
    makeDatasets(world);
    world.zfs("destroy", "-r", `${local}/old`);
    snapshot(world, now - 7200, "daily");
    snapshot(world, now - 3600, "hourly");
    world.sim("clock", "real");
    world.once();
}

/* A fault: the remote side has no room for that dataset. */
export const noSpace = (name) => `match 'remote zfs receive*${name}' fail 1 `
    + `'cannot receive incremental stream: out of space'`;
