import fs from "node:fs";
import path from "node:path";
import { type Playbook, PlaybookError, parsePlaybook } from "../engine/playbook.ts";

const BUILT_IN = path.join(import.meta.dirname, "../../playbooks");

/** The built-in folder, and the team's own; a playbook of the same name replaces the built-in one. Every fault at once. */
export function loadPlaybooks(ownDirectory: string | undefined): Playbook[] {
  const byName = new Map<string, Playbook>();
  const faults: string[] = [];
  for (const directory of [BUILT_IN, ...(ownDirectory ? [ownDirectory] : [])]) {
    if (directory === ownDirectory && (fs.statSync(directory).mode & 0o002) !== 0) {
      throw new PlaybookError([`${directory}:1: anybody on this machine may write to this folder. Run: chmod o-w ${directory}`]);
    }
    for (const file of fs.readdirSync(directory).sort()) {
      if (!/\.ya?ml$/.test(file) || file.includes(".example.")) continue;
      try {
        const playbook = parsePlaybook(fs.readFileSync(path.join(directory, file), "utf8"), path.join(path.basename(directory), file));
        byName.set(playbook.name, playbook);
      } catch (error) {
        if (!(error instanceof PlaybookError)) throw error;
        faults.push(...error.faults);
      }
    }
  }
  if (faults.length > 0) throw new PlaybookError(faults);
  return [...byName.values()];
}
