import canonicalize from "canonicalize";
import type { Air } from "./air.ts";
import type { Analyzer, Look, LookContext } from "./analyzers/analyzer.ts";
import type { NamedEntity, Severity } from "./domain/alert.ts";
import { type Entity, entityKey, evidenceKeys } from "./domain/entity.ts";
import type { Observation } from "./domain/observation.ts";
import { WEIGHTS } from "./domain/verdict.ts";
import { ConnectorError } from "./ports.ts";
import { sha256 } from "./sha256.ts";
import type { EvidenceRow, New, ObservationRow } from "./store.ts";

/** One look-up may take this long; a vendor that takes longer did not answer. */
const LOOK_TIMEOUT_MS = 15_000;
/** All look-ups of one round together; what is left then is "not asked: out of time". */
const ROUND_BUDGET_MS = 90_000;
const PARALLEL = 8;

/** An answer older than this is no answer to somebody who looks again. */
const HOLDS_MS = 4 * 3_600_000;

type Question = { evidence: EvidenceRow; look: Look; analyzer: string };
/** An answer as it is stored, or about to be. */
type Answered = New<ObservationRow> & { id?: number };

/**
 * Asks whatever no stored observation answers yet, in parallel within the budgets, and saves every answer at once.
 * A look-up that fails is an observation too: "not asked", with the reason, never a silent gap.
 */
export async function look(
  air: Pick<Air, "store" | "capabilities" | "clock" | "log">,
  input: {
    evidence: readonly EvidenceRow[];
    /** What was answered before: it is not asked, and not paid for, again. */
    known: readonly Answered[];
    /** Every piece of evidence of the investigation, for what the answers are about. */
    all: readonly EvidenceRow[];
    /** What this round is to look at: about these an old answer counts for nothing. */
    again: ReadonlySet<number>;
    /** Who looks at a piece of evidence, as the playbooks' phases say. */
    analyzersFor: (evidence: EvidenceRow) => readonly Analyzer[];
    severity: Severity;
    entities: readonly NamedEntity[];
    organization: LookContext["organization"];
    history: LookContext["history"];
  },
): Promise<New<ObservationRow>[]> {
  const { severity, entities, organization, history } = input;
  const context: LookContext = { now: air.clock.now(), severity, entities, organization, history };
  const grewAt = new Map(input.all.map((item) => [item.id, item.grewAt?.getTime() ?? 0]));
  const old = ({ evidenceId, createdAt }: Answered) =>
    input.again.has(evidenceId) &&
    (context.now.getTime() - createdAt.getTime() > HOLDS_MS || createdAt.getTime() <= (grewAt.get(evidenceId) ?? 0));
  const known = input.known.filter((row) => row.label !== "failed" && !old(row));
  const answered = new Set(known.map((row) => `${row.evidenceId} ${row.look}`));
  const sameThing = answersByThing(known, input.all);
  const questions: Question[] = input.evidence.flatMap((evidence) =>
    input
      .analyzersFor(evidence)
      .filter((analyzer) => (analyzer.kinds as readonly Entity["kind"][]).includes(evidence.entity.kind))
      .flatMap((analyzer) =>
        analyzer.looks(evidence.entity, air.capabilities, context).map((one) => ({ evidence, look: one, analyzer: analyzer.name })),
      )
      .filter((question) => !answered.has(`${evidence.id} ${question.look.key}`)),
  );
  const budget = AbortSignal.timeout(ROUND_BUDGET_MS);
  const saved: New<ObservationRow>[] = [];
  // The same file on five devices is five pieces of evidence and one question.
  const asked = new Map<string, Promise<Observation[]>>();
  const ask = async (question: Question) => {
    const { entity } = question.evidence;
    const { key, perDevice } = question.look;
    const same = `${key} ${perDevice ? evidenceKeys(entity)[0] : entityKey(entity)}`;
    const askedAt = air.clock.now();
    const before = perDevice ? undefined : sameThing.get(same);
    const answering = before ? undefined : (asked.get(same) ?? answer(question, air, budget));
    if (answering) asked.set(same, answering);
    const rows = answering
      ? toRows(question, await answering, {
          askedAt,
          now: air.clock.now(),
          version: air.capabilities.version(question.look.source),
        })
      : (before ?? []).map(({ id: _id, ...row }) => ({ ...row, evidenceId: question.evidence.id, createdAt: askedAt }));
    await air.store.saveObservations(rows);
    saved.push(...rows);
  };
  const queue = [...questions];
  await Promise.all(
    Array.from({ length: Math.min(PARALLEL, queue.length) }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await ask(next);
    }),
  );
  return saved;
}

/** What was answered about a thing, by look and thing: the same file on the next device, or after a restart, is not asked again. */
function answersByThing(known: readonly Answered[], evidence: readonly EvidenceRow[]): Map<string, Answered[]> {
  const entities = new Map(evidence.map((item) => [item.id, item.entity]));
  const answers = new Map<string, Answered[]>();
  for (const rows of Map.groupBy(known, (row) => `${row.evidenceId} ${row.look}`).values()) {
    const [first] = rows;
    const entity = first && entities.get(first.evidenceId);
    if (entity) answers.set(`${first.look} ${entityKey(entity)}`, rows);
  }
  return answers;
}

async function answer(question: Question, air: Pick<Air, "clock" | "log">, budget: AbortSignal): Promise<Observation[]> {
  const { look: one, analyzer } = question;
  const blank = { analyzer, source: one.source, family: one.family, weight: 0, at: air.clock.now() } as const;
  if (budget.aborted) return [{ ...blank, label: "failed", text: "not asked: the investigation ran out of time" }];
  try {
    const observations = await one.run(AbortSignal.any([budget, AbortSignal.timeout(LOOK_TIMEOUT_MS)]));
    // A look that says nothing is kept too, so that a restart does not ask again.
    return observations.length > 0 ? observations : [{ ...blank, label: "neutral", text: "Nothing to say about it." }];
  } catch (error) {
    const known = error instanceof ConnectorError;
    if (!known) air.log.warn("a look-up failed", { look: one.key, error: error instanceof Error ? error.name : "unknown" });
    const why = known
      ? error.message
      : error instanceof Error && error.name === "TimeoutError"
        ? "no answer in time"
        : "the look-up failed";
    return [{ ...blank, label: "failed", text: why.startsWith("not asked") ? why : `not answered: ${why}` }];
  }
}

function toRows(
  question: Question,
  observations: readonly Observation[],
  call: { askedAt: Date; now: Date; version: string },
): New<ObservationRow>[] {
  return observations.map((observation, part) => ({
    evidenceId: question.evidence.id,
    investigationId: question.evidence.investigationId,
    look: question.look.key,
    part,
    analyzer: observation.analyzer,
    source: observation.source,
    family: observation.family,
    label: observation.label,
    weight: observation.weight,
    text: observation.text.slice(0, 2000),
    technique: observation.technique ?? null,
    raw: observation.raw ?? null,
    rawSha256: observation.raw === undefined ? null : sha256(canonicalize(JSON.parse(JSON.stringify(observation.raw))) ?? ""),
    connectorVersion: call.version,
    found: observation.found ?? null,
    decisive: observation.decisive ?? null,
    at: observation.at,
    askedAt: call.askedAt,
    tookMs: Math.max(0, call.now.getTime() - call.askedAt.getTime()),
    createdAt: call.now,
  }));
}

/** What the sources themselves said, as observations: one per source, in the source's family, the latest word counts. */
export function saidObservations(evidence: EvidenceRow): Observation[] {
  const latest = new Map(evidence.said.filter((said) => said.verdict && said.verdict !== "unknown").map((said) => [said.source, said]));
  return [...latest.values()].map((said) => ({
    analyzer: "source-verdict",
    source: `alert:${said.source}`,
    family: said.source,
    label: said.verdict === "malicious" ? "malicious" : said.verdict === "suspicious" ? "suspicious" : "benign",
    weight:
      said.verdict === "malicious"
        ? WEIGHTS.sourceMalicious
        : said.verdict === "suspicious"
          ? WEIGHTS.sourceSuspicious
          : WEIGHTS.sourceBenign,
    text: `The alert itself (${said.source}) calls it ${said.verdict === "noThreatsFound" ? "clean" : said.verdict}.`,
    at: new Date(said.at),
  }));
}
