import canonicalize from "canonicalize";
import type { Air } from "./air.ts";
import { digestOf, hashLine } from "./audit-chain.ts";
import { actorOf, needsRole, type Person } from "./domain/approval.ts";
import { eraseFrom, type KnownBy } from "./domain/erasure.ts";
import { Refusal } from "./domain/errors.ts";
import type { Tx } from "./store.ts";

export type Erased = {
  pseudonym: string;
  /** What they were known by, besides the address. */
  accounts: number;
  names: readonly string[];
  /** Names other people bear too: they stay where no account stands beside them. */
  shared: readonly string[];
  /** Rows by table. */
  rows: Record<string, number>;
  auditLines: number;
};

type Erasing = Pick<Air, "store" | "sign" | "clock">;

/** A pass that meets rows others write meanwhile may miss one: it is gone through until nothing is found. */
const PASSES = 5;

/**
 * Takes a person out of everything that says who did something: a pseudonym that nobody can turn back without AIR_SECRET stands for them
 * from then on. The lines of the audit lose the name too; the chain keeps the hash of what they were, and a line of it lists each of them,
 * so that an export still verifies and any other change is noticed.
 *
 * @throws Refusal forbidden | invalid
 */
export async function erasePerson(
  air: Erasing,
  by: Person,
  asked: { email: string; dryRun: boolean },
  /** Still in air.yaml: they would be written again. */
  stillConfigured: (ids: readonly string[]) => string | undefined,
): Promise<Erased> {
  const email = asked.email.trim().toLowerCase();
  const pseudonym = pseudonymOf(air, email);
  // The subject of the audit's line is the pseudonym: else the erasure itself would name them.
  await mayErase(air, by, pseudonym);
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw new Refusal("invalid", "must be an e-mail address", { field: "email" });
  const { ids, names, shared } = await knownBy(air, email, pseudonym);
  const place = stillConfigured(ids);
  if (place !== undefined && !asked.dryRun)
    throw new Refusal("invalid", `This person still stands in ${place} of air.yaml and would be named again. Take them out there first.`);
  const known: KnownBy = { ids, names, pseudonym };
  const erased: Erased = { pseudonym, accounts: ids.length - 1, names, shared, rows: {}, auditLines: 0 };
  if (!asked.dryRun) await remember(air, pseudonym, { ids, names });
  // First of all: nobody is to be on call in the name of a pseudonym.
  if (!asked.dryRun) await endSwapsOf(air, by, known);
  const tables = air.store.erasedTables;
  for (let table = 0; table < tables; table++) await eraseTable(air, table, known, erased, asked.dryRun);
  erased.auditLines = await eraseAudit(air, by, known, asked.dryRun);
  if (asked.dryRun) return erased;
  await air.store.transaction(async (tx) => {
    await tx.dropLinksOf(ids);
    await tx.putSetting(underWay(pseudonym), { ids: [], names: [] } satisfies UnderWay);
    const data = { rows: erased.rows, auditLines: erased.auditLines };
    await tx.writeAudit([{ at: air.clock.now(), actor: eraser(by, known), event: "person.erased", subject: pseudonym, data }]);
    await tx.notifyChange();
  });
  return erased;
}

async function mayErase(air: Erasing, by: Person, subject: string): Promise<void> {
  if (by.roles.admin) return;
  await air.store.transaction((tx) =>
    tx.writeAudit([
      { at: air.clock.now(), actor: actorOf(by), event: "command.refused", subject, data: { verb: "person.erase", missing: "admin" } },
    ]),
  );
  throw new Refusal("forbidden", needsRole(by, "admin", "admin"), { details: { missing: "admin" } });
}

/** What somebody is known by is learned from the rows that are being erased: it is kept until the last of them is, and then forgotten. */
type UnderWay = { ids: readonly string[]; names: readonly string[] };
const underWay = (pseudonym: string) => `erasing ${pseudonym}`;
const remember = (air: Erasing, pseudonym: string, known: UnderWay) =>
  air.store.transaction((tx) => tx.putSetting(underWay(pseudonym), known));

async function knownBy(air: Erasing, email: string, pseudonym: string): Promise<{ ids: string[]; names: string[]; shared: string[] }> {
  const found = await air.store.identitiesOf(email);
  const before = await air.store.setting<UnderWay>(underWay(pseudonym));
  // The pseudonym itself stands beside what was done already.
  const both = (one: readonly string[], other: readonly string[]) => [...new Set([...one, ...other])].filter((word) => word !== pseudonym);
  return { ids: both(found.ids, before?.ids ?? []), names: both(found.names, before?.names ?? []), shared: found.shared };
}

const pseudonymOf = (air: Pick<Air, "sign">, email: string) => `person-${air.sign(`person ${email}`).slice(0, 8)}`;

/** Who erases themselves is not named by the line that says so. */
const eraser = (by: Person, known: KnownBy) => eraseFrom(actorOf(by), known) as ReturnType<typeof actorOf>;

/** What they were to stand in for, or gave away, is the rota's again; an erasure that is repeated ends what an earlier one left. */
const endSwapsOf = (air: Erasing, by: Person, known: KnownBy) =>
  air.store.transaction(async (tx) => {
    const now = air.clock.now();
    const theirs = new Set([...known.ids, known.pseudonym].map((id) => `person:${id.toLowerCase()}`));
    for (const swap of await tx.swapsAfter(now)) {
      if (!theirs.has(swap.person) && !theirs.has(swap.instead)) continue;
      if (!(await tx.endSwap(swap.id, "erasure", now))) continue;
      const said = { person: swap.person, instead: swap.instead, from: swap.from.toISOString(), until: swap.until.toISOString() };
      const data = eraseFrom({ ...said, because: "erasure" }, known) as typeof said;
      await tx.writeAudit([{ at: now, actor: eraser(by, known), event: "duty.swap-ended", subject: `swap ${swap.id}`, data }]);
    }
  });

async function eraseTable(air: Erasing, place: number, known: KnownBy, erased: Erased, dryRun: boolean): Promise<void> {
  for (let pass = 0; pass < (dryRun ? 1 : PASSES); pass++) {
    let found = 0;
    let after: string | undefined;
    do {
      const from = after;
      const batch = await air.store.transaction((tx) => tx.eraseRows(place, known, from, dryRun));
      found += batch.changed;
      if (batch.changed > 0) erased.rows[batch.table] = (erased.rows[batch.table] ?? 0) + batch.changed;
      after = batch.next;
    } while (after !== undefined);
    if (found === 0) return;
  }
}

/** Each batch is rewritten and listed in one transaction: whoever dies in between leaves an audit that verifies. */
async function eraseAudit(air: Erasing, by: Person, known: KnownBy, dryRun: boolean): Promise<number> {
  let count = 0;
  let after: number | undefined = 0;
  while (after !== undefined) {
    const from: number = after;
    const batch = await air.store.transaction((tx) => eraseLines(tx, air, by, known, from, dryRun));
    count += batch.changed;
    after = batch.next;
  }
  return count;
}

async function eraseLines(
  tx: Tx,
  air: Erasing,
  by: Person,
  known: KnownBy,
  after: number,
  dryRun: boolean,
): Promise<{ changed: number; next: number | undefined }> {
  const lines = await tx.auditNaming(known, after);
  const changed = lines.flatMap(({ seq, line }) => {
    const before = JSON.parse(line) as Record<string, unknown>;
    // What holds the chain together is not a word anybody is named by.
    const { prev, redacted: _, ...said } = before;
    const without = eraseFrom(said, known) as Record<string, unknown>;
    if (canonicalize(without) === canonicalize(said)) return [];
    const was = digestOf(line);
    const now = canonicalize({ ...without, seq, prev, redacted: { sha256: was } }) ?? "";
    return [{ seq, line: now, was, is: hashLine(now) }];
  });
  if (changed.length > 0 && !dryRun) {
    await tx.rewriteAudit(changed);
    await tx.writeAudit([
      {
        at: air.clock.now(),
        actor: eraser(by, known),
        event: "audit.redacted",
        subject: known.pseudonym,
        data: { lines: changed.map(({ seq, was, is }) => [seq, was, is]) },
      },
    ]);
  }
  return { changed: changed.length, next: lines.at(-1)?.seq };
}
