import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import canonicalize from "canonicalize";
import { z } from "zod";

/**
 * The audit as a file: JSON Lines, each the canonical JSON whose SHA-256 the next one holds as `prev`, ended by a checkpoint that
 * counts them and names the last hash. With a key file the checkpoint is signed (Ed25519), so that a rebuilt chain is noticed too.
 * Verifying works offline and needs nothing of air's.
 */
export const hashLine = (line: string) => createHash("sha256").update(line).digest("hex");

const Checkpoint = z.strictObject({
  checkpoint: z.strictObject({ count: z.number().int().nonnegative(), head: z.string(), keyId: z.string().nullable() }),
  signature: z.string().nullable(),
  publicKey: z.string().nullable(),
});
const Line = z.looseObject({ seq: z.number().int(), prev: z.string() });

/** The closing line of an export. `keyPem`: an Ed25519 private key in PEM, from AIR_AUDIT_KEY_FILE. */
export function writeCheckpoint(head: { count: number; hash: string }, keyPem: string | undefined): string {
  const key = keyPem === undefined ? undefined : createPrivateKey(keyPem);
  const checkpoint = { count: head.count, head: head.hash, keyId: key ? keyId(createPublicKey(key)) : null };
  return (
    canonicalize({
      checkpoint,
      signature: key ? sign(null, Buffer.from(canonicalize(checkpoint) ?? ""), key).toString("base64") : null,
      publicKey: key ? pemOf(createPublicKey(key)) : null,
    }) ?? ""
  );
}

const pemOf = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();
const keyId = (key: KeyObject) => hashLine(pemOf(key)).slice(0, 16);

export type AuditVerdict =
  | { ok: true; count: number; head: string; signedBy: string | undefined }
  | { ok: false; line: number; problem: string };

/** Finds any changed, missing, reordered, inserted, malformed or cut line. `trusted`: the public key the export must be signed with. */
export function verifyAudit(text: string, trusted?: string): AuditVerdict {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const wrong = (index: number, problem: string): AuditVerdict => ({ ok: false, line: index + 1, problem });
  let prev = "";
  for (const [index, line] of lines.slice(0, -1).entries()) {
    const value = parse(line);
    const parsed = Line.safeParse(value);
    if (!parsed.success || written(value) !== line) return wrong(index, "is not a line of an audit export, or was changed");
    if (parsed.data.seq !== index + 1)
      return wrong(index, `has the number ${parsed.data.seq} instead of ${index + 1}: a line is missing, inserted or out of order`);
    if (parsed.data.prev !== prev) return wrong(index, "does not continue the line before it: one of the two was changed");
    prev = hashLine(line);
  }
  const last = Math.max(0, lines.length - 1);
  const end = Checkpoint.safeParse(parse(lines[last] ?? ""));
  if (!end.success || written(end.data) !== lines[last]) return wrong(last, "is not a checkpoint: the export was cut");
  const { checkpoint, signature, publicKey } = end.data;
  if (checkpoint.count !== lines.length - 1) return wrong(last, `counts ${checkpoint.count} lines, the file has ${lines.length - 1}`);
  if (checkpoint.head !== prev) return wrong(last, "names another last hash: the last line was changed");
  // Half a signature is none, and one without its key proves nothing.
  const signed = [checkpoint.keyId, signature, publicKey].filter((part) => part !== null).length;
  if (signed !== 0 && signed !== 3) return wrong(last, "has half a signature");
  if (trusted !== undefined && signed === 0) return wrong(last, "is not signed");
  if (signature !== null && publicKey !== null) {
    const key = readKey(trusted ?? publicKey);
    if (!key)
      return wrong(last, trusted === undefined ? "names a key nobody can read" : "cannot be checked: the key given is no public key");
    if (keyId(key) !== checkpoint.keyId || pemOf(key) !== publicKey) return wrong(last, "is signed with another key");
    const bytes = Buffer.from(signature, "base64");
    // Base64 can be written in several ways; air writes one.
    if (bytes.toString("base64") !== signature || !verify(null, Buffer.from(canonicalize(checkpoint) ?? ""), key, bytes))
      return wrong(last, "has a wrong signature");
  }
  return {
    ok: true,
    count: checkpoint.count,
    head: checkpoint.head,
    signedBy: signature === null ? undefined : (checkpoint.keyId ?? undefined),
  };
}

/** As the chain writes it; what is nested too deep to write is no line of it. */
function written(value: unknown): string | undefined {
  try {
    return canonicalize(value);
  } catch {
    return undefined;
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
