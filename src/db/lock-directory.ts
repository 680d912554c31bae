import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";

/**
 * The embedded database takes no lock on its own directory: two processes would both open it and ruin it.
 *
 * The lock file names its owner. On the same machine the owner is alive if its pid runs and started when the file says (pids
 * repeat in containers); on another machine or in another container, if the file was touched within the last ten seconds.
 */
type Owner = { pid: number; started: string; host: string; boot: string };
const TOUCH_MS = 2_000;
const STALE_MS = 10_000;

export class DirectoryInUse extends Error {
  constructor(owner: Owner) {
    super(
      `The data directory is in use by process ${owner.pid} on ${owner.host}. Stop that air first, or set AIR_DATA_DIR to another folder; to ask that air instead, set AIR_URL to where it listens.`,
    );
    this.name = "DirectoryInUse";
  }
}

/** Takes the lock or throws DirectoryInUse; returns the release. */
export function lockDirectory(file: string): () => void {
  const me: Owner = { pid: process.pid, started: startOf(process.pid), host: os.hostname(), boot: randomBytes(8).toString("hex") };
  const claim = () => fs.writeFileSync(file, JSON.stringify(me), { flag: "wx", mode: 0o600 });
  try {
    claim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const owner = readOwner(file);
    if (owner && isAlive(owner, file)) throw new DirectoryInUse(owner);
    fs.rmSync(file, { force: true });
    claim();
  }
  const touch = setInterval(() => {
    try {
      const now = new Date();
      fs.utimesSync(file, now, now);
    } catch {
      // Somebody removed the file; the database itself stays ours until we close it.
    }
  }, TOUCH_MS);
  touch.unref();
  return () => {
    clearInterval(touch);
    if (readOwner(file)?.boot === me.boot) fs.rmSync(file, { force: true });
  };
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner, file: string): boolean {
  if (owner.host !== os.hostname()) return Date.now() - fs.statSync(file).mtimeMs < STALE_MS;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return startOf(owner.pid) === owner.started;
}

/** Start time of a process in clock ticks since boot, where the system tells (Linux); else a constant. */
function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
