import type { Air } from "./air.ts";
import { besideAgreement, byPlaybook } from "./domain/report.ts";
import type { AgreementRow } from "./store.ts";

/** How far back agreement is counted unless somebody asks for more. */
const AGREEMENT_DAYS = 30;
const DAY = 86_400_000;

/**
 * What people made of what air proposed, by playbook and kind of action (product contract 6: a playbook earns automation by it). Right is
 * what was agreed with or approved and neither taken back nor declared a false positive afterwards; what was automatic counts only where it
 * turned out wrong, for nobody was asked about the rest.
 */
export async function agreement(air: Air, since?: Date): Promise<{ rows: AgreementRow[]; days: number }> {
  const now = air.clock.now();
  const from = since ?? new Date(now.getTime() - AGREEMENT_DAYS * DAY);
  const days = Math.max(1, Math.round((now.getTime() - from.getTime()) / DAY));
  return { rows: await air.store.agreement(from, air.capabilities.lab), days };
}

/** `malware-on-device: 17 of 18 agreed in 30 days`, for each playbook somebody judged. */
export function agreementLines({ rows, days }: Awaited<ReturnType<typeof agreement>>): { playbook: string; text: string }[] {
  const within = `in ${days} ${days === 1 ? "day" : "days"}`;
  return byPlaybook(rows)
    .toSorted((a, b) => (a.playbook < b.playbook ? -1 : 1))
    .map((one) => {
      const beside = besideAgreement(one);
      const judged = one.judged > 0 ? `${one.right} of ${one.judged} agreed ${within}` : `nobody judged it ${within}`;
      return { playbook: one.playbook, text: `${judged}${beside.length > 0 ? ` (${beside.join(", ")})` : ""}` };
    });
}
