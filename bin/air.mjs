#!/usr/bin/env node
// Finds a Node that can run TypeScript sources, or says in one sentence what is missing. Plain JavaScript: any Node can read it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const cli = join(root, "src", "bot", "cli.ts");

function enough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 20);
}

function bundled() {
  try {
    const platform = process.platform === "win32" ? "win" : process.platform;
    const entry = createRequire(import.meta.url).resolve(`node-${platform}-${process.arch}/package.json`);
    const file = join(dirname(entry), "bin", process.platform === "win32" ? "node.exe" : "node");
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

const node = enough(process.versions.node) ? process.execPath : bundled();
if (!node) {
  process.stderr.write(
    `air needs Node 22.20 or newer, this is ${process.versions.node}. Install Node 24, or run npm install without --omit=optional.\n`,
  );
  process.exit(2);
}
// V8 lets the young generation grow to 64 MB and keeps it; 16 costs nothing measurable and a quarter of the memory at rest.
const child = spawn(node, ["--max-semi-space-size=16", cli, ...process.argv.slice(2)], { stdio: ["inherit", "inherit", "inherit", "ipc"] });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
