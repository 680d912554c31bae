import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { freePort } from "./free-port.ts";

/** Chromium on this machine, if there is one. */
export function findChromium(): string | undefined {
  const candidates = [process.env.AIR_TEST_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return candidates.find((file) => file !== undefined && fs.existsSync(file));
}

/** Starts a throw-away PostgreSQL from the installed server programs; undefined where there are none. */
export function startPostgres(): { url: string; stop: () => void } | undefined {
  const bin = postgresPrograms();
  if (!bin) return undefined;
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "air-test-pg-"));
  const data = path.join(directory, "data");
  const port = freePort();
  // PostgreSQL refuses to run as root, so there it runs as the user its package made.
  const asRoot = process.getuid?.() === 0;
  if (asRoot) execFileSync("chown", ["postgres", directory]);
  const asOwner = (program: string, args: string[]) => {
    const command = [path.join(bin, program), ...args];
    const [file = "", ...rest] = asRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", ...command] : command;
    return spawnSync(file, rest, { stdio: ["ignore", "ignore", "pipe"], cwd: directory, encoding: "utf8" });
  };
  const made = asOwner("initdb", ["-D", data, "-U", "air", "-A", "trust", "--no-instructions"]);
  if (made.status !== 0) {
    console.log(`PostgreSQL is installed but could not be set up: ${made.stderr.trim().split("\n").at(-1)}`);
    return undefined;
  }
  // Nothing in it outlives the run, so nothing waits for the disk.
  const hurried = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off";
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 ${hurried}`;
  const started = asOwner("pg_ctl", ["-D", data, "-w", "-l", path.join(directory, "log"), "-o", options, "start"]);
  if (started.status !== 0) {
    console.log("PostgreSQL is installed but did not start.");
    return undefined;
  }
  return {
    url: `postgres://air@127.0.0.1:${port}/postgres`,
    stop: () => {
      asOwner("pg_ctl", ["-D", data, "-m", "immediate", "stop"]);
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

function postgresPrograms(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = fs.existsSync(debian) ? fs.readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [...versions.map((version) => path.join(debian, version, "bin")), "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"];
  return places.find((place) => fs.existsSync(path.join(place, "initdb")) && fs.existsSync(path.join(place, "pg_ctl")));
}
