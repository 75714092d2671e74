// Drives @stoqey/ib against the scripted server: says what it is told to say, prints what it hears.
// Reads one job (JSON) from standard input; prints one JSON line for each event. See scripted.py for the job.
"use strict";
const path = require("path");
const { IBApi, EventName } = require(path.join(process.env.STOQEY_HOME, "node_modules", "@stoqey", "ib"));

const OWN_EVENTS = new Set(["received", "sent", "connected", "disconnected", "server", "result", "all"]);
const TIMEOUT_MS = 20000;

// Structures travel as {"kind": ..., "set": {...}}; this client's are plain objects.
function build(spec) {
  if (Array.isArray(spec)) return spec.map(build);
  if (spec === null || typeof spec !== "object") return spec;
  const made = {};
  for (const [name, value] of Object.entries(spec.set)) made[name] = build(value);
  if (made.competeAgainstBestOffset === "Infinity") made.competeAgainstBestOffset = Infinity;
  return made;
}

// What JSON has no word for. A property that is undefined stays away, as JSON does with it.
function plain(name, value) {
  if (value instanceof Error) return { message: value.message };
  if (value === undefined) return null;
  return value;
}

function runSession(job, session, calls) {
  return new Promise((resolve, reject) => {
    const ib = new IBApi({ host: "127.0.0.1", port: job.port, clientId: 7, maxReqPerSec: 1e6 });
    const timer = setTimeout(() => reject(new Error("the server did not answer in time")), TIMEOUT_MS);
    ib.on(EventName.all, (name, args) => {
      if (OWN_EVENTS.has(name)) return;
      if (name === "currentTime" && args[0] === job.ready) {
        for (const call of calls) ib[call.method](...build(call.args));
      } else if (name === "currentTime" && args[0] === job.done) {
        clearTimeout(timer);
        ib.disconnect();
        resolve();
      } else {
        process.stdout.write(JSON.stringify({ session, name, args: Array.from(args) }, plain) + "\n");
      }
    });
    ib.on(EventName.error, () => {}); // reported above; without a listener Node ends the process
    ib.connect();
  });
}

// A real session in steps: calls, then a wait until certain things were heard (see steps.py).
function runSteps(job) {
  return new Promise((resolve, reject) => {
    const ib = new IBApi({ host: "127.0.0.1", port: job.port, clientId: job.client_id, maxReqPerSec: 1e6 });
    let number = 0;
    let waiting = [...job.steps[0].until];
    const timer = setTimeout(() => reject(new Error(`step ${number} waits for ${JSON.stringify(waiting)}`)), TIMEOUT_MS);
    const matches = (event, name, args) =>
      event.names.includes(name) && Object.entries(event.args).every(([place, values]) => values.includes(args[place]));
    function next() {
      say("step", [number]);
      number += 1;
      if (number === job.steps.length) {
        clearTimeout(timer);
        ib.disconnect();
        resolve();
        return;
      }
      waiting = [...job.steps[number].until];
      for (const call of job.steps[number].calls) ib[call.method](...build(call.args));
    }
    function say(name, args) {
      process.stdout.write(JSON.stringify({ session: 0, name, args }, plain) + "\n");
    }
    ib.on(EventName.all, (name, args) => {
      if (OWN_EVENTS.has(name)) return;
      const told = Array.from(args);
      say(name, told);
      const before = waiting.length;
      waiting = waiting.filter((event) => !matches(event, name, told));
      if (before && !waiting.length) next();
    });
    ib.on(EventName.error, () => {});
    ib.connect();
  });
}

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const job = JSON.parse(text);
  if (job.steps) {
    await runSteps(job);
    process.exit(0);
  }
  for (let session = 0; session < job.sessions.length; session++) {
    await runSession(job, session, job.sessions[session]);
  }
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(String(error.stack || error) + "\n");
  process.exit(1);
});
