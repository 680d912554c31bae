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
/** What the retention writes when it cuts the beginning off: the last line that is gone. */
const Cut = z.looseObject({
  seq: z.number(),
  event: z.literal("audit.cut"),
  data: z.looseObject({ through: z.number().int().positive(), hash: z.string() }),
});
/** A line in which a person was erased: what it was before, by its SHA-256. */
const Redacted = z.looseObject({ redacted: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }) });
/** What an erasure writes: for each line it changed its number, what it was and what it is now, each by its SHA-256. */
const Redactions = z.looseObject({
  seq: z.number(),
  event: z.literal("audit.redacted"),
  data: z.looseObject({ lines: z.array(z.tuple([z.number().int(), z.string(), z.string()])) }),
});

/** What the next line continues: the hash of this one, or, where a person was erased from it, of what it was. */
export const digestOf = (line: string): string => Redacted.safeParse(parse(line)).data?.redacted.sha256 ?? hashLine(line);

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
  | {
      ok: true;
      /** The number of the last line. */
      count: number;
      /** The number of the first one: more than 1 where the retention cut off what was before. */
      first: number;
      /** Lines from which a person was erased. */
      redacted: number;
      head: string;
      signedBy: string | undefined;
    }
  | { ok: false; line: number; problem: string };

/**
 * Finds any changed, missing, reordered, inserted, malformed or cut line. `trusted`: the public key the export must be signed with.
 *
 * A beginning that was cut off, and a line from which a person was erased, are good only where a later line of the chain itself says so,
 * and says exactly what was there.
 */
export function verifyAudit(text: string, trusted?: string): AuditVerdict {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const wrong = (index: number, problem: string): AuditVerdict => ({ ok: false, line: index + 1, problem });
  let prev = "";
  let first = 1;
  let before = "";
  const cuts = new Map<number, string>();
  const erased = new Map<number, { index: number; was: string; is: string }>();
  const said = new Map<number, { by: number; was: string; is: string }>();
  for (const [index, line] of lines.slice(0, -1).entries()) {
    const value = parse(line);
    const parsed = Line.safeParse(value);
    if (!parsed.success || written(value) !== line) return wrong(index, "is not a line of an audit export, or was changed");
    if (index === 0) {
      first = parsed.data.seq;
      before = parsed.data.prev;
      if (first > 1) prev = before;
    }
    const { seq } = parsed.data;
    if (seq < 1 || seq !== first + index)
      return wrong(index, `has the number ${seq} instead of ${Math.max(first, 1) + index}: a line is missing, inserted or out of order`);
    if (parsed.data.prev !== prev) return wrong(index, "does not continue the line before it: one of the two was changed");
    const was = "redacted" in parsed.data ? Redacted.safeParse(value).data?.redacted.sha256 : undefined;
    if (was !== undefined) erased.set(seq, { index, was, is: hashLine(line) });
    prev = was ?? hashLine(line);
    const { event } = parsed.data;
    const cut = event === "audit.cut" ? Cut.safeParse(value).data : undefined;
    if (cut) cuts.set(cut.data.through, cut.data.hash);
    // The newest word on a line counts: somebody else may have been erased from it later.
    for (const [number, old, is] of (event === "audit.redacted" && Redactions.safeParse(value).data?.data.lines) || [])
      said.set(number, { by: seq, was: old, is });
  }
  if (first > 1 && cuts.get(first - 1) !== before)
    return wrong(0, `has the number ${first} instead of 1: a line is missing, inserted or out of order, and no later line says it was cut`);
  for (const [seq, { index, was, is }] of erased) {
    const word = said.get(seq);
    if (!word || word.by <= seq || word.was !== was || word.is !== is)
      return wrong(index, "says that a person was erased from it, and no later line says exactly that: it was changed");
  }
  const last = Math.max(0, lines.length - 1);
  const end = Checkpoint.safeParse(parse(lines[last] ?? ""));
  if (!end.success || written(end.data) !== lines[last]) return wrong(last, "is not a checkpoint: the export was cut");
  const { checkpoint, signature, publicKey } = end.data;
  const counted = first - 1 + lines.length - 1;
  if (checkpoint.count !== counted) return wrong(last, `counts ${checkpoint.count} lines, the file has ${counted}`);
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
    first,
    redacted: erased.size,
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
