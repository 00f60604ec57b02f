/* sim.mjs BINARY [SUBJECT...]: the subjects on the simulation, by default all of them. */
import { fail, finish, startBrowser, stopBrowser } from "./harness.mjs";

const subjects = ["pages", "live", "outages", "controls", "plain", "hostile", "modes", "large"];

const [binary, ...chosen] = process.argv.slice(2);
/* What run.sh sends; the daemons end with the process. */
process.on("SIGTERM", () => process.exit(143));

await startBrowser();
for (const name of chosen.length ? chosen : subjects) {
    try {
        const { run } = await import(`./${name}.mjs`);
        await run(binary);
    } catch (error) {
        fail(name, error);
    }
}
await stopBrowser();
process.exit(finish());
