import { openDatabase } from "../../src/db/connect.ts";
import { startQueue } from "../../src/db/queue.ts";
import { createStore } from "../../src/db/store/store.ts";
import { rememberingLog } from "./remembering-log.ts";

/*
 * A process that writes audit lines as fast as it can: `node audit-writer.ts <database> <name> <transactions> <actions>`. Each transaction
 * locks one of a few rows first and writes one to three lines, as a decision does; some are refused in the middle and leave nothing.
 */
const [url = "", name = "", transactions = "0", actions = "1"] = process.argv.slice(2);
const database = await openDatabase({ url, maxConnections: 10 });
const queue = await startQueue(database, rememberingLog(), { worker: false });
const store = createStore(database, queue);
let written = 0;
let failed = 0;
const one = async (number: number): Promise<void> => {
  const lines = 1 + (number % 3);
  const at = new Date();
  try {
    await store.transaction(async (tx) => {
      const entry = (line: number) => ({
        at,
        actor: { kind: "air" as const, job: name },
        event: "test.written",
        subject: `${name}-${number}-${line}`,
        data: { text: 'ä "quoted"\n\u2028' },
      });
      // Asked for first and written last: the head is locked after every other row, whatever the order of the calls.
      await tx.writeAudit(Array.from({ length: lines }, (_, line) => entry(line)));
      await tx.lockAction(1 + ((number * 7 + name.length) % Number(actions)));
      if (number % 10 === 9) throw new Error("refused");
    });
    written += lines;
  } catch (error) {
    if ((error as Error).message !== "refused") failed += 1;
  }
};
const waiting = Array.from({ length: Number(transactions) }, (_, number) => number);
await Promise.all(
  Array.from({ length: 10 }, async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) await one(number);
  }),
);
await queue.stop(1000);
await database.close();
process.stdout.write(`${JSON.stringify({ written, failed })}\n`);
