import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import canonicalize from "canonicalize";
import { afterAll, describe, expect, test } from "vitest";
import { hashLine, verifyAudit, writeCheckpoint } from "../../src/engine/audit-chain.ts";
import { runAir } from "../support/air-process.ts";
import fc from "../support/fast-check.ts";
import { openEngine, proposedAction } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

/*
 * What an export is worth: whatever somebody does to it is noticed. With the key of the one who wrote it that holds for a chain built anew,
 * too; without a key only for whoever kept a head (it is printed by every verification).
 */
const keys = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    pem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    trusted: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
};
const ours = keys();
const theirs = keys();

/** An export as air writes one. */
function exportOf(entries: readonly Record<string, unknown>[], pem: string | null = ours.pem): string[] {
  let hash = "";
  const lines = entries.map((entry, index) => {
    const line = canonicalize({ ...entry, seq: index + 1, prev: hash }) ?? "";
    hash = hashLine(line);
    return line;
  });
  return [...lines, writeCheckpoint({ count: lines.length, hash }, pem ?? undefined)];
}
const textOf = (lines: readonly string[]) => `${lines.join("\n")}\n`;
const entry = (number: number) => ({
  at: new Date(Date.UTC(2026, 9, 5, 3, number)).toISOString(),
  actor: { kind: "person", via: "slack", key: "mia@contoso.com", name: "Mia Ⓜ" },
  by: "Mia Ⓜ",
  event: number % 2 ? "decision.approve" : "action.executing",
  subject: `ACT-${number}`,
  data: { kind: "isolate-device", reason: 'it "encrypts"\u2028' },
});
const entries = Array.from({ length: 12 }, (_, index) => entry(index));
const lines = exportOf(entries);
const whole = textOf(lines);

test("an export verifies as it is, with the key, without, and unsigned", () => {
  expect(verifyAudit(whole, ours.trusted)).toMatchObject({ ok: true, count: 12 });
  expect(verifyAudit(whole)).toMatchObject({ ok: true, signedBy: expect.stringMatching(/^[0-9a-f]{16}$/) });
  expect(verifyAudit(textOf(exportOf(entries, null)))).toMatchObject({ ok: true, signedBy: undefined });
  expect(verifyAudit(textOf(exportOf([])), ours.trusted)).toMatchObject({ ok: true, count: 0 });
});

describe("whatever is done to it", () => {
  test("any byte that is another one", () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 2 }), fc.string({ minLength: 1, maxLength: 1, unit: "binary" }), (at, other) => {
        const changed = `${whole.slice(0, at)}${other}${whole.slice(at + 1)}`;
        fc.pre(changed !== whole);
        expect(verifyAudit(changed, ours.trusted).ok).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
  test("anything cut out, anywhere, and every shorter beginning", () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 2 }), fc.nat({ max: 400 }), (at, length) => {
        const changed = `${whole.slice(0, at)}${whole.slice(at + 1 + length)}`;
        // Without the last line break nothing is lost.
        fc.pre(changed !== whole && changed !== whole.slice(0, -1));
        expect(verifyAudit(changed, ours.trusted).ok).toBe(false);
      }),
      { numRuns: 2000 },
    );
    for (let length = 0; length < whole.length - 1; length += 7) expect(verifyAudit(whole.slice(0, length), ours.trusted).ok).toBe(false);
  });
  test("lines in any other order, left out or said twice", () => {
    const order = fc.array(fc.nat({ max: lines.length - 1 }), { maxLength: lines.length + 3 });
    const shuffled = fc.shuffledSubarray([...lines.keys()], { minLength: 1, maxLength: lines.length });
    fc.assert(
      fc.property(fc.oneof(order, shuffled), (picked) => {
        fc.pre(picked.join() !== [...lines.keys()].join());
        expect(verifyAudit(textOf(picked.map((index) => lines[index] ?? "")), ours.trusted).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
  test("a line put in anywhere, however well it is made", () => {
    const forged = (at: number) => canonicalize({ ...entry(99), seq: at + 1, prev: hashLine(lines[at - 1] ?? "") }) ?? "";
    for (let at = 0; at <= lines.length; at++) {
      for (const line of [forged(at), lines[0] ?? "", "", "{}", "null", "[]", '{"seq":1,"prev":""}', "\u0000"])
        expect(verifyAudit(textOf(lines.toSpliced(at, 0, line)), ours.trusted).ok, `${line} at ${at}`).toBe(false);
    }
  });
  test.each<[string, string]>([
    ["an empty file", ""],
    ["one line break", "\n"],
    ["line ends of Windows", lines.join("\r\n")],
    ["line ends of Windows, the last one too", `${lines.join("\r\n")}\r\n`],
    ["a byte order mark", `\ufeff${whole}`],
    ["an empty line behind it", `${whole}\n`],
    ["two exports in one file", `${whole}${whole}`],
    ["only the checkpoint", textOf(lines.slice(-1))],
    ["no checkpoint", textOf(lines.slice(0, -1))],
    ["the checkpoint of a shorter export", textOf([...lines.slice(0, -1), exportOf(entries.slice(0, 5)).at(-1) ?? ""])],
    ["a key said twice", textOf(lines.with(3, (lines[3] ?? "").replace("{", '{"at":"x",')))],
    ["a line nested too deep to read", textOf(lines.with(3, `{"data":${"[".repeat(20_000)}${"]".repeat(20_000)},"prev":"","seq":4}`))],
    ["a million digits", textOf(lines.with(3, `{"prev":"","seq":${"9".repeat(1_000_000)}}`))],
  ])("%s", (_, text) => {
    expect(verifyAudit(text, ours.trusted).ok).toBe(false);
    expect(verifyAudit(text).ok).toBe(false);
  });
});

describe("a chain built anew", () => {
  const changed = entries.with(4, { ...entry(4), by: "Somebody else" });
  const head = (all: readonly string[]) => (JSON.parse(all.at(-1) ?? "{}") as { checkpoint: { count: number; head: string } }).checkpoint;

  test("unsigned, with the old signature, and signed by somebody else: not ours", () => {
    const unsigned = exportOf(changed, null);
    expect(verifyAudit(textOf(unsigned), ours.trusted)).toMatchObject({ ok: false, problem: "is not signed" });
    const old = JSON.parse(lines.at(-1) ?? "{}") as { checkpoint: object; signature: string; publicKey: string };
    const kept = canonicalize({ ...old, checkpoint: { ...old.checkpoint, head: head(unsigned).head } }) ?? "";
    expect(verifyAudit(textOf([...unsigned.slice(0, -1), kept]), ours.trusted)).toMatchObject({
      ok: false,
      problem: "has a wrong signature",
    });
    expect(verifyAudit(textOf([...unsigned.slice(0, -1), kept]))).toMatchObject({ ok: false, problem: "has a wrong signature" });
    expect(verifyAudit(textOf([...unsigned.slice(0, -1), lines.at(-1) ?? ""]))).toMatchObject({ ok: false });
    expect(verifyAudit(textOf(exportOf(changed, theirs.pem)), ours.trusted)).toMatchObject({
      ok: false,
      problem: "is signed with another key",
    });
  });
  test("our key's name over another's signature, half a signature, and keys that are none", () => {
    const theirsLine = JSON.parse(exportOf(changed, theirs.pem).at(-1) ?? "{}") as Record<string, unknown> & { checkpoint: object };
    const oursLine = JSON.parse(lines.at(-1) ?? "{}") as typeof theirsLine;
    const body = exportOf(changed, null).slice(0, -1);
    const withEnd = (end: object) => textOf([...body, canonicalize(end) ?? ""]);
    const named = { ...theirsLine.checkpoint, keyId: (oursLine.checkpoint as { keyId: string }).keyId };
    for (const end of [
      { ...theirsLine, checkpoint: named },
      { ...theirsLine, checkpoint: named, publicKey: oursLine.publicKey },
      { ...theirsLine, publicKey: null },
      { ...theirsLine, signature: null },
      { ...theirsLine, checkpoint: { ...theirsLine.checkpoint, keyId: null } },
      { ...theirsLine, publicKey: "not a key" },
      { ...theirsLine, publicKey: "" },
      { ...theirsLine, signature: "" },
    ]) {
      expect(verifyAudit(withEnd(end)).ok).toBe(false);
      expect(verifyAudit(withEnd(end), ours.trusted).ok).toBe(false);
    }
    expect(verifyAudit(whole, "not a key")).toMatchObject({ ok: false, problem: expect.stringContaining("no public key") });
  });
  test("without a key it stands by itself, so the head it prints is another one: whoever kept a head sees it", () => {
    const verdict = verifyAudit(textOf(exportOf(changed, null)));
    expect(verdict).toMatchObject({ ok: true, signedBy: undefined });
    expect(verdict.ok && verdict.head).not.toBe(head(lines).head);
  });
});

describe("air audit verify, as a person calls it", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-audit-"));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string) => {
    fs.writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };

  test("0 for what is whole, 1 for what is not, 2 for what cannot be asked", { timeout: 180_000 }, async () => {
    const key = file("key.pem", ours.trusted);
    const verify = (name: string, text: string, ...more: string[]) => runAir(["audit", "verify", file(name, text), ...more], folder, {});
    const [good, cut, unsigned, missing, standard] = await Promise.all([
      verify("good.jsonl", whole, "--key", key),
      verify("cut.jsonl", textOf(lines.toSpliced(2, 1)), "--key", key),
      verify("unsigned.jsonl", textOf(exportOf(entries, null)), "--key", key),
      runAir(["audit", "verify", path.join(folder, "nowhere")], folder, {}),
      runAir(["audit", "verify", "-"], folder, {}, whole),
    ]);
    expect([good.code, good.out]).toEqual([
      0,
      expect.stringMatching(/^12 lines, unbroken, head [0-9a-f]{64}\. Signed by key [0-9a-f]{16}\./),
    ]);
    expect([cut.code, cut.err]).toEqual([1, expect.stringContaining("line 3 has the number 4 instead of 3: a line is missing")]);
    expect([unsigned.code, unsigned.err]).toEqual([1, expect.stringContaining("is not signed")]);
    expect(missing.code).toBe(2);
    expect(standard.code).toBe(0);
  });

  test.skipIf(!DATABASES.includes("postgres"))(
    "what was cut off in the database itself is not signed away",
    { timeout: 180_000 },
    async () => {
      const engine = await openEngine("postgres");
      try {
        await engine.store.transaction((tx) =>
          tx.writeAudit(
            [0, 1, 2].map((number) => ({ at: new Date(0), actor: { kind: "air", job: "test" }, event: "test", subject: `S-${number}` })),
          ),
        );
        const env = { DATABASE_URL: engine.database.url ?? "", AIR_DATA_DIR: folder, PORT: "9" };
        const good = await runAir(["audit", "export"], folder, env);
        expect([good.code, good.err]).toEqual([0, ""]);
        expect(verifyAudit(good.out)).toMatchObject({ ok: true, count: 3 });
        await engine.database.boss.executeSql("delete from audit where seq = 3");
        const cut = await runAir(["audit", "export"], folder, env);
        expect(cut.code).toBe(1);
        expect(cut.err).toContain("lines were cut off or changed in the database");
        expect(verifyAudit(cut.out).ok).toBe(false);
        await engine.database.boss.executeSql("delete from audit");
        expect((await runAir(["audit", "export"], folder, env)).code).toBe(1);
      } finally {
        await engine.close();
      }
    },
  );
});

describe.skipIf(!DATABASES.includes("postgres"))("three processes write at once", () => {
  test("no gap, no fork, no deadlock, and what was refused left nothing", { timeout: 180_000 }, async () => {
    const engine = await openEngine("postgres");
    try {
      const ACTIONS = 4;
      for (let index = 0; index < ACTIONS; index++) await proposedAction(engine);
      const before = (await engine.store.auditHead()).count;
      const run = promisify(execFile);
      const writer = fileURLToPath(new URL("../support/audit-writer.ts", import.meta.url));
      const results = await Promise.all(
        ["one", "two", "three"].map(async (name) => {
          const { stdout } = await run(process.execPath, [writer, engine.database.url ?? "", name, "200", String(ACTIONS)]);
          return JSON.parse(stdout) as { written: number; failed: number };
        }),
      );
      expect(results.map(({ failed }) => failed)).toEqual([0, 0, 0]);
      const head = await engine.store.auditHead();
      expect(head.count - before).toBe(results.reduce((sum, { written }) => sum + written, 0));
      const rows = await engine.store.auditLines(0, 100_000);
      expect(verifyAudit(textOf([...rows.map(({ line }) => line), writeCheckpoint(head, ours.pem)]), ours.trusted)).toMatchObject({
        ok: true,
        count: head.count,
      });
      const stats = await engine.database.boss.executeSql(
        "select deadlocks::int as n from pg_stat_database where datname = current_database()",
      );
      expect((stats.rows as { n: number }[])[0]?.n).toBe(0);
    } finally {
      await engine.close();
    }
  });
});
