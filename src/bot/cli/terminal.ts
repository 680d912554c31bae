import fs from "node:fs";
import { Refusal } from "../../engine/domain/errors.ts";

/** Wrong usage or configuration: exit code 2. Anything else that fails: 1. */
export class Usage extends Error {}

export const out = (text: string): void => void process.stdout.write(`${text}\n`);
export const say = (text: string): void => void process.stderr.write(`${text}\n`);

export const readFile = (file: string): string | undefined => {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
};

/** Not by /dev/stdin: whoever starts air may hand over a socket, which cannot be opened by a name. */
export async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** The shell took the quotes away; the parser wants them back. */
export const quotedWord = (word: string) => (/^\w+=.*\s/s.test(word) ? word.replace(/^(\w+)=(.*)$/s, '$1="$2"') : word);

/** A filter that is wrong is wrong usage: exit code 2. */
export function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw new Usage(`${error.field ? `${error.field} ` : ""}${error.message}`);
    throw error;
  }
}
