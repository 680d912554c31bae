import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { eventually } from "./eventually.ts";

/** Not by bin/air.mjs, which starts air as a process of its own: that one would survive a kill -9 of the first. */
const CLI = path.resolve("src/bot/cli.ts");

export type AirProcess = { url: string; child: ChildProcess; kill: () => Promise<void> };

/** air as its users start it: a process of its own, with nothing but this environment. */
export async function startAirProcess(cwd: string, env: Record<string, string>): Promise<AirProcess> {
  const child = spawn(process.execPath, [CLI, "start"], {
    env: { PATH: process.env.PATH ?? "", HOME: cwd, PORT: "0", ...env },
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const kill = (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.kill("SIGKILL");
    return gone;
  };
  const url = await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`air ended with ${child.exitCode}: ${said}`);
      return /"console":"(http[^"]+)"/.exec(said)?.[1]?.replace(/\/$/, "");
    },
    "the start of air",
    150_000,
  );
  return { url, child, kill };
}

/** One command of `air`; `input` goes to its standard input. */
export function runAir(
  words: readonly string[],
  cwd: string,
  env: Record<string, string>,
  input = "",
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [CLI, ...words], { env: { PATH: process.env.PATH ?? "", HOME: cwd, ...env }, cwd });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  // A command that stops reading early is no fault of ours.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}
