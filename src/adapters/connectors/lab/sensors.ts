import { canonicalAddress, type EntityOf, hostOf } from "../../../engine/domain/entity.ts";
import { WEIGHTS } from "../../../engine/domain/verdict.ts";
import type { ReputationAnswer, SandboxReport } from "../../../engine/ports.ts";
import { BOOK, LAB_BRAND, LAB_DOMAIN } from "./company.ts";
import { placeOf } from "./places.ts";
import type { LabFile } from "./world.ts";

/*
 * How the lab's two products judge. They know a short book of well-known values; everything else is judged by what a thing is made of
 * and what it does, so that other names for the same things change nothing.
 */

type Answer = Omit<ReputationAnswer, "at">;
const notKnown = (source: string): Answer => ({ label: "neutral", weight: 0, text: `${source} does not know it.` });

/** Behaviour on the device: what the file, or what it started, was seen doing. */
export function antivirusOnFile(entity: EntityOf<"file">, file: LabFile | undefined): Answer {
  const listed = listedFile(entity);
  if (listed?.antivirus) return { label: "malicious", weight: WEIGHTS.listedMalware, text: `Detected as ${listed.text}.` };
  if (file?.deletesBackups) {
    return {
      label: "malicious",
      weight: WEIGHTS.listedMalware,
      text: "Detected by what it does: it deletes the device's backups before encrypting (ransomware behaviour).",
    };
  }
  if (file?.readsPasswords) {
    return {
      label: "malicious",
      weight: WEIGHTS.listedMalware,
      text: "Detected by what it does: it reads passwords out of memory (credential theft).",
    };
  }
  return notKnown("Lab Antivirus");
}

/** What the file did when it was run, where somebody ran it: nobody runs what was never seen doing anything. */
export function sandboxOnFile(entity: EntityOf<"file">, file: LabFile | undefined): Omit<SandboxReport, "at"> | undefined {
  const accused = { label: "malicious", weight: WEIGHTS.listedMalware } as const;
  if (listedFile(entity)?.antivirus) return { ...accused, text: "It was recognised as soon as it ran." };
  const deeds = [
    ...(file?.deletesBackups ? [{ text: "deleted the device's backups", technique: "T1490" }] : []),
    ...(file?.readsPasswords ? [{ text: "read passwords out of memory", technique: "T1003.001" }] : []),
  ];
  if (deeds.length === 0) return undefined;
  return {
    ...accused,
    text: `When it was run, it ${deeds.map(({ text }) => text).join(" and ")}.`,
    techniques: deeds.map(({ technique }) => technique),
  };
}

/** What the file is made of. */
export function intelOnFile(entity: EntityOf<"file">, file: LabFile | undefined): Answer {
  const listed = listedFile(entity);
  if (listed?.intel === "malicious")
    return { label: "malicious", weight: WEIGHTS.reputationStrong, text: `58 of 70 engines call it ${listed.text}.` };
  const signer = (file?.signer ?? entity.signer)?.toLowerCase();
  if (signer && TRUSTED_SIGNERS.some((trusted) => signer === trusted)) {
    return {
      label: "benign",
      weight: WEIGHTS.reputationClean,
      text: `Signed by ${file?.signer ?? entity.signer}, seen on millions of devices, called bad by none of 70 engines.`,
    };
  }
  const name = (entity.name ?? file?.name ?? lastSegment(entity.path ?? file?.path)).toLowerCase();
  const path = (entity.path ?? file?.path ?? "").toLowerCase();
  const traits = [
    ...(signer ? [] : ["nobody signed it"]),
    ...(hidesItsKind(name) ? ["it hides that it is a program behind a document's name"] : []),
    ...(USER_FOLDERS.some((folder) => path.includes(folder)) ? ["it runs from a folder anybody can write to"] : []),
  ];
  if (hidesItsKind(name) && traits.length === 3) {
    return { label: "malicious", weight: WEIGHTS.reputationStrong, text: `46 of 70 engines call it malware: ${traits.join(", ")}.` };
  }
  return notKnown("Lab Threat Intel");
}

/** A page that puts the company's name into somebody else's host and asks for a password is a phishing kit. */
function intelOnHost(host: string, url: string | undefined): Answer {
  const parts = host.split(".");
  for (let from = 0; from < parts.length - 1; from++) {
    const listed = BOOK.get(`domain:${parts.slice(from).join(".")}`);
    if (listed?.intel === "malicious")
      return { label: "malicious", weight: WEIGHTS.reputationStrong, text: `The host is listed: ${listed.text}.` };
    if (listed?.intel === "benign")
      return { label: "benign", weight: WEIGHTS.reputationClean, text: `The host is listed: ${listed.text}.` };
  }
  const borrowed = host.includes(LAB_BRAND) && host !== LAB_DOMAIN && !host.endsWith(`.${LAB_DOMAIN}`);
  const asks = LOGIN_WORDS.some((word) => (url ?? host).toLowerCase().includes(word));
  if (borrowed && asks) {
    return {
      label: "malicious",
      weight: WEIGHTS.reputationStrong,
      text: `A page that asks for passwords under the company's name on a foreign host (${host}): a phishing kit.`,
    };
  }
  return notKnown("Lab Threat Intel");
}

export const intelOnUrl = (entity: EntityOf<"url">): Answer => intelOnHost(hostOf(entity.url) ?? "", entity.url);
export const intelOnDomain = (entity: EntityOf<"domain">): Answer =>
  intelOnHost(entity.name.trim().toLowerCase().replace(/\.$/, ""), undefined);

export function intelOnAddress(entity: EntityOf<"ip">): Answer {
  const listed = BOOK.get(`ip:${canonicalAddress(entity.address)}`);
  if (listed?.intel === "malicious") return { label: "malicious", weight: WEIGHTS.reputationStrong, text: `Listed: ${listed.text}.` };
  if (listed?.intel === "suspicious") return { label: "suspicious", weight: WEIGHTS.reputationSome, text: `Listed: ${listed.text}.` };
  const place = placeOf(entity.address);
  if (place.risk === "high")
    return { label: "suspicious", weight: WEIGHTS.reputationFew, text: `It belongs to ${place.name}, used by anybody for anything.` };
  return notKnown("Lab Threat Intel");
}

function listedFile(entity: EntityOf<"file">) {
  for (const hash of [entity.sha256, entity.sha1, entity.md5]) {
    const listed = hash === undefined ? undefined : BOOK.get(`file:${hash}`);
    if (listed) return listed;
  }
  return undefined;
}

const TRUSTED_SIGNERS = ["microsoft windows", "microsoft windows publisher", "microsoft corporation", "contoso it tools"];
const USER_FOLDERS = ["\\downloads\\", "\\appdata\\", "\\temp\\", "\\users\\public\\", "/tmp/", "/downloads/"];
const LOGIN_WORDS = ["login", "signin", "sign-in", "verify", "password", "sso"];
const DOCUMENT_ENDINGS = [".pdf", ".doc", ".docx", ".xls", ".xlsx", ".jpg", ".txt"];
const PROGRAM_ENDINGS = [".exe", ".scr", ".com", ".js", ".vbs", ".hta", ".bat"];
const hidesItsKind = (name: string) =>
  PROGRAM_ENDINGS.some(
    (program) => name.endsWith(program) && DOCUMENT_ENDINGS.some((ending) => name.slice(0, -program.length).endsWith(ending)),
  );
const lastSegment = (path: string | undefined) => path?.split(/[\\/]/).at(-1) ?? "";
