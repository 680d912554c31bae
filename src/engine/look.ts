import type { Air } from "./air.ts";
import type { Analyzer, Look, LookContext } from "./analyzers/analyzer.ts";
import type { NamedEntity, Severity } from "./domain/alert.ts";
import { type Entity, entityKey } from "./domain/entity.ts";
import type { Observation } from "./domain/observation.ts";
import { WEIGHTS } from "./domain/verdict.ts";
import { ConnectorError } from "./ports.ts";
import type { EvidenceRow, New, ObservationRow } from "./store.ts";

/** One look-up may take this long; a vendor that takes longer did not answer. */
const LOOK_TIMEOUT_MS = 15_000;
/** All look-ups of one round together; what is left then is "not asked: out of time". */
const ROUND_BUDGET_MS = 90_000;
const PARALLEL = 8;

type Question = { evidence: EvidenceRow; look: Look; analyzer: string };

/**
 * Asks whatever no stored observation answers yet, in parallel within the budgets, and saves every answer at once.
 * A look-up that fails is an observation too: "not asked", with the reason, never a silent gap.
 */
export async function look(
  air: Pick<Air, "store" | "capabilities" | "clock" | "log">,
  input: {
    evidence: readonly EvidenceRow[];
    known: readonly ObservationRow[];
    analyzers: readonly Analyzer[];
    severity: Severity;
    entities: readonly NamedEntity[];
  },
): Promise<New<ObservationRow>[]> {
  const context: LookContext = { now: air.clock.now(), severity: input.severity, entities: input.entities };
  const answered = new Set(input.known.filter((row) => row.label !== "failed").map((row) => `${row.evidenceId} ${row.look}`));
  const questions: Question[] = input.evidence.flatMap((evidence) =>
    input.analyzers
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
    const same = `${question.look.key} ${entityKey(question.evidence.entity)}`;
    const answering = asked.get(same) ?? answer(question, air, budget);
    asked.set(same, answering);
    const rows = toRows(question, await answering, air.clock.now());
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

function toRows(question: Question, observations: readonly Observation[], now: Date): New<ObservationRow>[] {
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
    found: observation.found ?? null,
    at: observation.at,
    createdAt: now,
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
