import { actionKinds } from "../engine/actions/all.ts";
import { actionId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { plainly } from "../engine/cards/audit-sentence.ts";
import { type Card, cut, type Line, type Text, type Tone } from "../engine/cards/card.ts";
import { outside, shown, time } from "../engine/cards/say.ts";
import type { Verdict } from "../engine/domain/alert.ts";
import { verdictWord } from "../engine/domain/investigation.ts";
import type { ActionRow, EvidenceRow } from "../engine/store.ts";

const TONE: Record<Verdict, Tone> = { malicious: "bad", suspicious: "warning", noThreatsFound: "good", unknown: "neutral" };

/** One piece of evidence, whole: its verdict, what speaks for and against it, what would flip it, and what follows from it. */
export function evidenceCard(item: EvidenceRow, actions: readonly ActionRow[]): Card {
  const name = shown(item.entity);
  const verdict = verdictWord(item.entity.kind, item.verdict);
  const reasons = [
    ...(item.judgement?.for ?? []).map((reason) => ({
      mark: "For",
      tone: "bad" as const,
      text: `${outside(reason.text)} (${reason.source})`,
    })),
    ...(item.judgement?.against ?? []).map((reason) => ({
      mark: "Against",
      tone: "good" as const,
      text: `${outside(reason.text)} (${reason.source})`,
    })),
    ...(item.judgement?.missing ?? []).map((reason) => ({
      mark: "Missing",
      tone: "neutral" as const,
      text: `${reason.source}: ${outside(reason.text)}`,
    })),
  ];
  const mine = actions.filter((action) => action.evidenceId === item.id);
  const lines: Line[] = [{ kind: "facts", facts: factsOf(item) }];
  if (reasons.length > 0)
    lines.push({ kind: "list", title: "Reasons", items: reasons.map((one) => ({ ...one, text: cut(one.text, 400) })) });
  else lines.push({ kind: "text", text: item.lookedRound === null ? "It was not looked at yet." : "Nobody could say anything about it." });
  lines.push({
    kind: "list",
    items: [{ mark: "Would change it", text: item.judgement?.flip || "Any source able to judge this kind would decide." }],
  });
  if (mine.length > 0)
    lines.push({
      kind: "list",
      title: "Actions",
      items: mine.map((action) => ({
        mark: STATE_WORD[action.state].word,
        tone: STATE_WORD[action.state].tone,
        text: `${actionId(action.id)} ${cut(outside(actionKinds[action.kind].title(action.target)), 120)}`,
      })),
    });
  return {
    title: `${evidenceId(item.id)}: ${cut(name, 110)}`,
    tone: TONE[item.verdict],
    badge: verdict,
    summary: `${verdict}: ${cut(name, 60)}. ${evidenceId(item.id)} in ${incidentId(item.incidentId)}.`,
    lines,
    buttons: [
      { label: "Incident", style: "plain", value: `say:status ${incidentId(item.incidentId)}` },
      { label: "Overrule", style: "plain", form: `verdict ${evidenceId(item.id)}` },
      { label: "Take action", style: "plain", form: `do ${evidenceId(item.id)}` },
    ],
  };
}

function factsOf(item: EvidenceRow): (readonly [string, Text])[] {
  const { entity, override } = item;
  const list: (readonly [string, Text | undefined])[] = [
    ["Kind", entity.kind.replaceAll("-", " ")],
    ["Device", "device" in entity && entity.device ? cut(outside(entity.device), 80) : undefined],
    ["SHA-256", entity.kind === "file" ? entity.sha256 : undefined],
    ["Path", "path" in entity && entity.path ? cut(outside(entity.path), 200) : undefined],
    ["Command line", entity.kind === "process" && entity.commandLine ? cut(outside(entity.commandLine), 300) : undefined],
    ["Overruled", override ? `by ${override.by}: ${cut(outside(override.reason), 300)}` : undefined],
    ["Remediation", item.remediation && item.remediation !== "none" ? plainly(item.remediation) : undefined],
    ["Found", item.foundBy ? cut(outside(item.foundBy), 200) : undefined],
    ["Where", `${investigationId(item.investigationId)} in ${incidentId(item.incidentId)}`],
    ["Since", time(item.createdAt)],
  ];
  return list.filter((entry): entry is readonly [string, Text] => entry[1] !== undefined);
}
