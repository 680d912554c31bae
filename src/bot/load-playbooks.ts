import fs from "node:fs";
import path from "node:path";
import { type Playbook, PlaybookError, parsePlaybook } from "../engine/playbook.ts";

const BUILT_IN = path.join(import.meta.dirname, "../../playbooks");
/** What parsePlaybook reads at most; asked of the file system first, so that nothing larger is read at all. */
const MAX_BYTES = 1024 * 1024;
/** Far more than any team writes: a folder with more was not meant to be this one. */
const MAX_FILES = 200;

export type PlaybookFolder = { folder: string; playbooks: Playbook[]; faults: string[] };

/**
 * The built-in folder, and the team's own; a playbook of the same name replaces the built-in one. Throws PlaybookError with every
 * fault at once, one `file:line: ...` each.
 */
export function loadPlaybooks(ownDirectory: string | undefined): Playbook[] {
  const { playbooks, faults } = readPlaybooks(ownDirectory);
  if (faults.length > 0) throw new PlaybookError(faults);
  return playbooks;
}

/** The same, with the faults beside what could be read. `folders`: built-in first. */
export function readPlaybooks(ownDirectory: string | undefined): { playbooks: Playbook[]; faults: string[]; folders: PlaybookFolder[] } {
  const folders = [builtInPlaybooks(), ...(ownDirectory ? [readFolder(ownDirectory, { own: true })] : [])];
  const byName = new Map<string, Playbook>();
  for (const playbook of folders.flatMap((folder) => folder.playbooks)) byName.set(playbook.name, playbook);
  const playbooks = [...byName.values()];
  return { playbooks, faults: [...folders.flatMap((folder) => folder.faults), ...secondGeneral(playbooks)], folders };
}

const builtInPlaybooks = (): PlaybookFolder => readFolder(BUILT_IN, { own: false });

/** Every playbook of a folder; examples and other files are left alone. A folder that cannot be read is a fault, not an exception. */
export function readFolder(directory: string, { own }: { own: boolean }): PlaybookFolder {
  const folder: PlaybookFolder = { folder: directory, playbooks: [], faults: [] };
  const fault = (text: string) => {
    folder.faults.push(`${directory}:1: ${text}`);
    return folder;
  };
  let names: string[];
  try {
    const stat = fs.statSync(directory);
    if (!stat.isDirectory()) return fault("is a file; AIR_PLAYBOOKS_DIR has to name a folder");
    if (own && isWorldWritable(stat)) return fault(`anybody on this machine may write to this folder. Run: chmod o-w ${directory}`);
    names = fs.readdirSync(directory).filter(isPlaybookFile).sort();
  } catch (error) {
    return fault(`this folder of playbooks cannot be read: ${why(error)}`);
  }
  if (names.length > MAX_FILES) return fault(`holds ${names.length} playbooks, and at most ${MAX_FILES} are read. Is it the right folder?`);
  const root = fs.realpathSync(directory);
  const fileOf = new Map<string, string>();
  for (const name of names) {
    const file = path.join(directory, name);
    const shown = own ? file : path.join(path.basename(directory), name);
    try {
      const real = fs.realpathSync(file);
      // What lies elsewhere is guarded by other rights than those checked above. Links inside are how Kubernetes mounts a folder.
      if (!real.startsWith(root + path.sep))
        throw new PlaybookError([`${shown}:1: is a link to ${real}, outside the folder. Copy the file here`]);
      const playbook = readPlaybookFile(file, { own, shown });
      const other = fileOf.get(playbook.name);
      if (other) throw new PlaybookError([`${shown}:1: is named ${playbook.name}, and so is ${other}: one of them would be ignored`]);
      fileOf.set(playbook.name, shown);
      folder.playbooks.push(playbook);
    } catch (error) {
      if (error instanceof PlaybookError) folder.faults.push(...error.faults);
      else folder.faults.push(`${shown}:1: cannot be read: ${why(error)}`);
    }
  }
  return folder;
}

/** One file. Throws PlaybookError; `shown` is the name in its faults. */
export function readPlaybookFile(file: string, { own, shown = file }: { own: boolean; shown?: string }): Playbook {
  const fault = (text: string) => new PlaybookError([`${shown}:1: ${text}`]);
  let bytes: Buffer;
  try {
    const stat = fs.statSync(file);
    // A pipe would be waited for without end.
    if (!stat.isFile()) throw fault("is no regular file");
    if (own && isWorldWritable(stat)) throw fault(`anybody on this machine may write to this file. Run: chmod o-w ${file}`);
    if (stat.size > MAX_BYTES) throw fault("is larger than 1 MiB");
    bytes = fs.readFileSync(file);
  } catch (error) {
    if (error instanceof PlaybookError) throw error;
    throw fault(`cannot be read: ${why(error)}`);
  }
  let source: string;
  try {
    source = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fault("is not text in UTF-8");
  }
  return parsePlaybook(source, shown);
}

const isPlaybookFile = (name: string) => /\.ya?ml$/.test(name) && !name.includes(".example.");
export const exampleFileOf = (file: string) => file.replace(/\.ya?ml$/, ".example.yaml");

/** Two without `applies` would both be the last resort, and only one would ever be used. */
function secondGeneral(playbooks: readonly Playbook[]): string[] {
  const [first, ...more] = playbooks.filter((playbook) => !playbook.applies);
  return more.map(
    (playbook) =>
      `${playbook.file}:1: says nothing of when it applies, and so does ${first?.file}: add applies, or name it ${first?.name} to replace that one`,
  );
}

const isWorldWritable = (stat: fs.Stats) => process.platform !== "win32" && (stat.mode & 0o002) !== 0;

function why(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  switch (code) {
    case "ENOENT":
      return "it is not there";
    case "EACCES":
    case "EPERM":
      return "air may not read it";
    case "ELOOP":
      return "its links lead in a circle";
    default:
      return code || (error instanceof Error ? error.message : String(error));
  }
}
