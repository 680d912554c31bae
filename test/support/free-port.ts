import { execFileSync } from "node:child_process";

/**
 * A port nobody listens on, for a program that has to be told its own. Below those the system hands out by itself: else another test, which
 * asks for any port, may be given it before the program has it.
 */
export function freePort(): number {
  // Synchronous, and so in a process of its own.
  const script = `const listen = (tries) => {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = require("node:net").createServer();
    server.once("error", () => { if (tries > 0) listen(tries - 1); else process.exit(1); });
    server.listen(port, "127.0.0.1", () => { console.log(port); server.close(); });
  };
  listen(50);`;
  return Number(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }).trim());
}
