import type { ActionDecision, ActionState, BlastRadius, Family } from "../domain/action.ts";
import type { Severity } from "../domain/alert.ts";
import { type Deciders, type MayNot, tooFewText, whoMay } from "../domain/who-may.ts";
import { doneBesideUs, pendingBesideUs } from "./beside-us.ts";
import { type ButtonDecision, type Sign, writeButton } from "./button-id.ts";
import { type Button, bold, type Card, cut, type Line, type Text, type Tone } from "./card.ts";
import { count, outside, span, time } from "./say.ts";

/** One action as cards need it: facts, no rows. */
export type ActionView = {
  id: string;
  number: number;
  incident: string;
  severity: Severity;
  lab: boolean;
  title: string;
  state: ActionState;
  stateWord: string;
  tone: Tone;
  /** A few words for lists: who decided, or until when it waits. */
  short: string;
  family: Family;
  version: string;
  effect: string;
  ifNot: string;
  undoText: string;
  undoable: boolean;
  /** What it collected can be fetched. */
  collected?: boolean | undefined;
  note: string;
  rule: string;
  connector?: string | undefined;
  byHand?: string | undefined;
  reach: BlastRadius;
  for: string[];
  against: string[];
  evidenceAt?: Date | undefined;
  /** What the sources say became of it already. */
  sourceDid?: readonly { source: string; what: string }[];
  approvals: { name: string; via: string; at: Date }[];
  approvalsNeeded: number;
  decision?: ActionDecision | undefined;
  proposedAt: Date;
  deadline: Date;
  /** Who looks at its incident: nobody is told about what waits there. */
  acked?: { by: string; at: Date } | undefined;
  expiresAt: Date;
  outcome?: string | undefined;
  /** It ends by itself then; while it waits for a decision, after this long. */
  endsAt?: Date | undefined;
  endsAfterMs?: number | undefined;
  waitingForDevice: boolean;
  /** It waits for the device, and a person may still have it given up. */
  cancellable?: boolean | undefined;
  /** What has to be typed to approve it, and why. */
  stepUp?: { type: string; because: string } | undefined;
  /** What has to be typed to break the glass, where one person may now carry it out alone; or from when. */
  glass?: { type: string } | { from: Date } | undefined;
  /** One person did it alone. */
  alone?:
    | { by: string; at: string; reason: string; confirmedBy?: string | undefined; reviewedBy?: string | undefined; ends: boolean }
    | undefined;
  /** It comes back to a rejection: by whom, why, and what speaks now that had not then. */
  rejectedBefore?: { id: string; by: string; reason?: string | undefined; news: string[] } | undefined;
  /** Rejected, and the threat is still there: where. */
  remainsOn?: string | undefined;
  /** Nobody holds the role: then there are no buttons, and the card says what to add. */
  deciders: Deciders & { mayNot?: readonly MayNot[] };
  paused?: string | undefined;
  now: Date;
};

export const STATE_WORD: Record<ActionState, { word: string; tone: Tone }> = {
  observed: { word: "Would have", tone: "info" },
  pending: { word: "Pending", tone: "warning" },
  approved: { word: "Approved", tone: "info" },
  executing: { word: "Executing", tone: "info" },
  succeeded: { word: "Done", tone: "good" },
  failed: { word: "Failed", tone: "bad" },
  unclear: { word: "Outcome unclear", tone: "bad" },
  timedOut: { word: "Timed out", tone: "bad" },
  rejected: { word: "Rejected", tone: "neutral" },
  expired: { word: "Expired, nothing was done", tone: "neutral" },
  cancelled: { word: "Cancelled", tone: "neutral" },
  byHand: { word: "Done by hand", tone: "good" },
  undoing: { word: "Being undone", tone: "info" },
  undone: { word: "Undone", tone: "neutral" },
};

const TOLD_BY_OUTCOME: ReadonlySet<ActionState> = new Set(["succeeded", "failed", "timedOut", "expired", "cancelled", "byHand", "undone"]);

/** The first sentence says who decided and when. */
const saysWho = ({ state, decision, waitingForDevice, remainsOn }: ActionView): boolean =>
  decision?.decision !== "automatic" &&
  (state === "approved" ||
    state === "undoing" ||
    (state === "executing" && !waitingForDevice) ||
    (state === "rejected" && remainsOn === undefined));

const DECIDED: Record<ActionDecision["decision"], string> = { approve: "approved", reject: "rejected", automatic: "automatic," };

/** What is asked, why, what it reaches, and what follows either way; after the decision, what came of it. */
export function actionCard(action: ActionView, sign: Sign): Card {
  const open = action.state === "pending" || action.state === "observed";
  const { word, tone } = STATE_WORD[action.state];
  // Where the outcome says it whole, nothing says it before.
  const lines: Line[] = TOLD_BY_OUTCOME.has(action.state) && action.outcome ? [] : [{ kind: "text", text: headline(action) }];
  if (action.paused && ["pending", "approved"].includes(action.state))
    lines.push({ kind: "text", text: [bold("Paused: "), { text: action.paused }] });
  if (open && action.reach.changed?.length)
    lines.push({
      kind: "text",
      text: [bold("Changed since it was first shown: "), { text: `${action.reach.changed.map(outside).join("; ")}.` }],
    });
  if (open && action.rejectedBefore) lines.push({ kind: "text", text: comesBack(action.rejectedBefore) });
  if (action.alone) lines.push({ kind: "text", text: doneAlone(action.alone, action) });
  if (open) lines.push(...grounds(action));
  else if (action.outcome) lines.push({ kind: "text", text: cut(outside(action.outcome), 600) });
  lines.push({ kind: "facts", facts: open ? openFacts(action) : closedFacts(action) });
  if (open) lines.push(...missingRole(action));
  if (open) lines.push({ kind: "note", text: expiry(action) });
  return {
    title: `${action.lab ? "LAB " : ""}${action.id}: ${cut(outside(action.title), 110)}${action.state === "pending" ? "?" : ""}`,
    tone,
    badge: badge(action, word),
    summary: summary(action, word),
    lines,
    buttons: buttons(action, sign),
  };
}

/** "1 of 2 approvals" once one is given; what a person does by hand is called that. */
function badge(action: ActionView, word: string): string {
  if (action.state === "expired" && action.byHand && action.approvals.length > 0) return "Expired, not confirmed";
  if (action.state !== "pending") return word;
  if (action.byHand && action.approvals.length > 0) return `${action.approvals.length} of ${action.approvalsNeeded} say it is done`;
  if (action.approvals.length > 0) return `${action.approvals.length} of ${action.approvalsNeeded} approvals`;
  return action.byHand ? "Do by hand" : word;
}

function summary(action: ActionView, word: string): string {
  const lab = action.lab ? "LAB " : "";
  const why = action.for[0] ? ` ${cut(outside(action.for[0]), 80)}` : "";
  if (action.state === "pending")
    return `${lab}${action.byHand ? "Do by hand" : "Decide"}: ${cut(outside(action.title), 60)}?${why} ${action.id} in ${action.incident}`;
  return `${lab}${word}: ${cut(outside(action.title), 60)}. ${action.id} in ${action.incident}. ${cut(outside(action.outcome ?? ""), 200)}`.trim();
}

function headline(action: ActionView): Text {
  const who = action.approvals.length > 1 ? action.approvals.map((one) => one.name).join(" and ") : action.decision?.by;
  const decided = action.decision ? `${who} at ${time(action.decision.at)}` : "";
  switch (action.state) {
    case "pending":
      return action.byHand ? [bold("Do by hand: "), { text: outside(action.byHand) }] : outside(action.effect);
    case "observed":
      return [bold("Would have done this "), { text: `(mode observe: nothing is carried out). ${outside(action.effect)}` }];
    case "approved":
      return [bold("Approved "), { text: `by ${decided}. It is carried out next.` }];
    case "executing":
      return action.waitingForDevice
        ? [bold("Waiting for the device: "), { text: "it happens as soon as the device is back, for at most 3 days." }]
        : [bold("Executing "), { text: `(approved by ${decided}).` }];
    case "rejected":
      return [
        bold(`Rejected by ${action.remainsOn ? `${who}: threat remains on ${outside(action.remainsOn)}. ` : `${decided}. `}`),
        // What follows from it stands in the outcome.
        {
          text: `${action.decision?.reason ? `Reason: ${sentence(outside(action.decision.reason))} ` : ""}${action.outcome ? "" : `Nothing was done. ${outside(action.ifNot)}`}`.trim(),
        },
      ];
    case "unclear":
      return [bold("Outcome unclear: "), { text: "air does not repeat it. Please check the target yourself." }];
    case "undoing":
      return [bold("Being undone. "), { text: decided ? `It was approved by ${decided}.` : "" }];
    default:
      return [bold(`${STATE_WORD[action.state].word}. `), { text: decided ? `Decided by ${decided}.` : "" }];
  }
}

/** What people type ends as a sentence does. */
const sentence = (text: string) => text.trim().replace(/([^.!?…])$/u, "$1.");

function comesBack(before: NonNullable<ActionView["rejectedBefore"]>): Text {
  const why = before.reason ? `: ${cut(outside(before.reason), 200)}` : "";
  const news = before.news.length > 0 ? ` New: ${before.news.map((one) => cut(outside(one), 160)).join(" ")}` : "";
  return [bold(`Rejected before by ${before.by}`), { text: `${sentence(why)} (${before.id})${news}` }];
}

function doneAlone(alone: NonNullable<ActionView["alone"]>, { id, state }: Pick<ActionView, "id" | "state">): Text {
  const then = alone.confirmedBy
    ? `${alone.confirmedBy} confirmed it.`
    : state === "undone" || state === "undoing"
      ? "Nobody confirmed it."
      : alone.ends
        ? `It ends by itself after 4 h unless a second person confirms it: confirm ${id}.`
        : `Nothing of it can be taken back. A second person confirms it: confirm ${id}.`;
  const review = alone.reviewedBy ? `Reviewed by ${alone.reviewedBy}.` : `An admin reviews it: review ${id}.`;
  return [bold(`Glass broken by ${alone.by}, alone: `), { text: `${sentence(cut(outside(alone.reason), 300))} ${then} ${review}` }];
}

function grounds(action: ActionView): Line[] {
  const items = [
    ...action.for.slice(0, 4).map((text) => ({ mark: "For", tone: "bad" as const, text: cut(outside(text), 200) })),
    ...action.against.slice(0, 3).map((text) => ({ mark: "Against", tone: "good" as const, text: cut(outside(text), 200) })),
  ];
  // What the playbook says it is for, then what that rests on.
  return [
    { kind: "text", text: cut(outside(action.note), 600) },
    ...(items.length > 0 ? [{ kind: "list" as const, title: "Why", items }] : []),
  ];
}

function openFacts(action: ActionView): (readonly [string, Text])[] {
  const list: (readonly [string, Text | undefined])[] = [
    [
      "Reaches",
      action.reach.facts.length > 0
        ? cut(action.reach.facts.map(outside).join("; "), 300)
        : `${count(action.reach.count, action.reach.unit)}`,
    ],
    ["Protected", action.reach.protectedHits.length > 0 ? `${action.reach.protectedHits.join("; ")}. Two people decide.` : undefined],
    ["Device", deviceNow(action)],
    ["Undo", outside(action.undoText)],
    [
      "Ends by itself",
      action.endsAfterMs === undefined
        ? undefined
        : `${span(action.now, new Date(action.now.getTime() + action.endsAfterMs))} after it is done`,
    ],
    [action.state === "observed" ? "If nothing is done" : "If you reject or do nothing", outside(action.ifNot)],
    [
      "Evidence from",
      // Not "ago": the card still stands there hours later.
      action.evidenceAt ? `${time(action.evidenceAt)}, ${span(action.evidenceAt, action.proposedAt)} before it was asked` : undefined,
    ],
    ["Done by the source", [doneBySource(action), doneBesideUs(action.reach)].filter((text) => text !== undefined).join(", ") || undefined],
    ...[pendingBesideUs(action.reach)].filter((entry) => entry !== undefined),
    ["Carried out by", action.connector],
    [action.state === "observed" ? "Rule" : "Asked because", cut(outside(action.rule), 200)],
    [
      action.byHand ? "Say it is done" : "Approvals",
      action.approvalsNeeded > 1
        ? `${action.approvals.length} of ${action.approvalsNeeded}${action.approvals.length > 0 ? `: ${action.approvals.map((one) => one.name).join(", ")}` : ""}`
        : undefined,
    ],
    [
      "To approve",
      action.state === "pending" && action.stepUp && !action.byHand
        ? `type ${outside(action.stepUp.type)}: ${action.stepUp.because}`
        : undefined,
    ],
    [
      "To say it is done",
      action.state === "pending" && action.stepUp && action.byHand
        ? `type ${outside(action.stepUp.type)}: two people answer for it${action.approvals.length > 0 ? ", and one has" : ""}`
        : undefined,
    ],
    [
      "Acknowledged",
      action.state === "pending" && action.acked ? `by ${cut(outside(action.acked.by), 60)} at ${time(action.acked.at)}` : undefined,
    ],
    [
      "If nobody else answers",
      action.glass === undefined
        ? undefined
        : "from" in action.glass
          ? `one person may do it alone from ${time(action.glass.from)}`
          : `${action.approvals.map((one) => one.name).join(" or ") || "one person"} may do it alone now: Break glass`,
    ],
    [action.approvals.length > 0 ? "Who else may decide" : "Who may decide", action.deciders.anyone ? undefined : whoMayText(action)],
  ];
  return list.filter((entry): entry is readonly [string, Text] => entry[1] !== undefined);
}

/** Whether the device is there, where what it reaches does not say so already. */
function deviceNow({ reach }: ActionView): string | undefined {
  if (reach.online === undefined || reach.facts.some((fact) => /\b(online|offline)\b/i.test(fact))) return undefined;
  return reach.online ? `online at ${time(reach.readAt)}` : "offline: it happens when the device is back, for at most 3 days";
}

const doneBySource = ({ sourceDid = [] }: ActionView): string | undefined =>
  sourceDid.length === 0
    ? undefined
    : sourceDid
        .slice(0, 3)
        .map(({ source, what }) => `${cut(outside(what), 40)} (${cut(outside(source), 40)})`)
        .join(", ");

const leftOf = ({ deciders, approvals }: ActionView) => whoMay(deciders, deciders.mayNot ?? [], approvals);

/** Who gave the first approval cannot give the second, nor who asked where two have to, nor who is named in the incident. */
function whoMayText(action: ActionView): string {
  const { deciders, approvals, family } = action;
  const left = leftOf(action);
  const { names } = left;
  const mayNot = deciders.mayNot ?? [];
  const few = approvals.length > 0 || mayNot.length > 0 ? tooFewText(action, left, mayNot, approvals.length) : undefined;
  const listed = `${names.slice(0, 4).join(", ")}${names.length > 4 ? ` and ${names.length - 4} more` : ""}`;
  if (few && (names.length > 0 || mayNot.length > 0)) return names.length > 0 ? `${listed}. ${few}` : few;
  if (names.length > 0) return listed;
  return deciders.names.length > 0
    ? `nobody else yet: a second person needs the role, under roles.approver.${family} in air.yaml`
    : `Nobody yet, so there are no buttons: an admin adds people under roles.approver.${family} in air.yaml`;
}

/** Exactly what makes the buttons appear. */
const missingRole = ({ family, deciders }: ActionView): Line[] =>
  deciders.anyone || deciders.names.length > 0
    ? []
    : [
        {
          kind: "code",
          text: `roles:\n  approver:\n    ${family}: [you@example.com]\n    # or a group of your chat: see roles in the README`,
        },
      ];

function closedFacts(action: ActionView): (readonly [string, Text])[] {
  // The first sentence names who and when where the outcome does not stand in its place.
  const named = saysWho(action);
  const list: (readonly [string, Text | undefined])[] = [
    [
      "Decision",
      action.decision && !named
        ? `${action.state === "byHand" ? "done by hand" : DECIDED[action.decision.decision]} by ${action.decision.by}, ${time(action.decision.at)}${action.decision.via !== "air" ? ` (${action.decision.via})` : ""}`
        : undefined,
    ],
    [
      action.byHand ? "Say it is done" : "Approvals",
      action.approvals.length > 1 && !named ? action.approvals.map((one) => one.name).join(", ") : undefined,
    ],
    ["Reason", action.decision?.reason && action.state !== "rejected" ? cut(outside(action.decision.reason), 300) : undefined],
    ["Ends by itself", action.endsAt ? time(action.endsAt) : undefined],
    ["Undo", action.state === "succeeded" ? action.undoText : undefined],
    ["Incident", action.incident],
  ];
  return list.filter((entry): entry is readonly [string, Text] => entry[1] !== undefined);
}

const expiry = (action: ActionView) =>
  action.deadline >= action.expiresAt
    ? `Answer by ${time(action.expiresAt)}; unanswered it expires then and nothing is done.`
    : `Answer by ${time(action.deadline)}; unanswered it expires ${time(action.expiresAt)} and nothing is done.`;

function buttons(action: ActionView, sign: Sign): Button[] {
  const decide = (decision: ButtonDecision) =>
    writeButton({ kind: "decide", action: action.number, version: action.version, decision }, sign);
  const { anyone, names, mayNot = [] } = action.deciders;
  // Who is named in the incident decides nothing there; who asked may still say no.
  const nobody = !anyone && names.every((name) => mayNot.some((one) => one.name === name && one.because === "named"));
  if (nobody) return [];
  // A button that would be refused to everybody is none.
  const canBeApproved = anyone || leftOf(action).names.length > 0;
  if (action.state === "observed") {
    return [
      { label: "Agree", style: "plain", value: decide("agree") },
      { label: "Disagree", style: "plain", value: decide("disagree") },
    ];
  }
  const alone = action.alone;
  const standing = action.state === "approved" || action.state === "executing" || action.state === "succeeded";
  const aloneButtons: Button[] = [
    ...(alone && !alone.confirmedBy && standing ? [{ label: "Confirm", style: "primary" as const, value: decide("confirm") }] : []),
    ...(alone && !alone.reviewedBy ? [{ label: "Reviewed", style: "plain" as const, value: `say:review ${action.id}` }] : []),
  ];
  if (action.state === "succeeded" && action.undoable) {
    return [
      ...aloneButtons,
      {
        label: "Undo",
        style: "plain",
        value: decide("undo"),
        confirm: { title: "Undo this?", text: cut(`${action.undoText}`, 280), yes: "Undo" },
      },
      menu("Undo later, or say why", `undo-how ${decide("undo")}`),
      ...onIncident(action),
    ];
  }
  if (action.cancellable) {
    return [
      ...aloneButtons,
      {
        label: "Cancel",
        style: "plain",
        value: decide("cancel"),
        confirm: {
          title: "Cancel this?",
          text: "The product is asked to give it up. Until it says so it may still happen.",
          yes: "Cancel it",
        },
      },
    ];
  }
  if (alone) return aloneButtons;
  if (action.state === "succeeded" && action.collected)
    return [{ label: "Link to the package", style: "plain", value: `say:package ${action.id}` }];
  if (action.state === "expired")
    return [
      { label: "Propose again", style: "plain", value: `say:propose ${action.id}` },
      { label: "Details", style: "plain", value: `say:status ${action.incident}` },
    ];
  if (action.state !== "pending") return [];
  if (action.byHand) {
    return [
      ...(canBeApproved ? [byHandButton(action, decide("done"))] : []),
      { label: "Not needed", style: "plain", value: decide("notNeeded") },
      menu("Remind me", `remind ${action.id}`),
      ...onIncident(action),
    ];
  }
  return [
    ...(canBeApproved ? [approveButton(action, decide("approve"))] : []),
    ...(action.glass && "type" in action.glass
      ? [
          {
            label: "Break glass",
            style: "danger" as const,
            value: decide("break-glass"),
            input: { label: `Alone, now: type ${outside(action.glass.type)} and then why`, required: true },
          },
        ]
      : []),
    { label: "Reject", style: "danger", value: decide("reject"), input: { label: "Why not? (kept with the incident)", required: true } },
    { label: "Details", style: "plain", value: `say:status ${action.incident}` },
    ...(action.undoable && canBeApproved ? [menu("Approve for a while", `approve-for ${decide("approve")}`)] : []),
    menu("Remind me", `remind ${action.id}`),
    ...onIncident(action),
  ];
}

const byHandButton = ({ stepUp }: ActionView, value: string): Button => ({
  label: "Done by hand",
  style: "primary",
  value,
  ...(stepUp
    ? { input: { label: `Two answer for it. If it is done, type ${outside(stepUp.type)}`, required: true, line: true as const } }
    : {}),
});

const approveButton = ({ stepUp }: ActionView, value: string): Button => ({
  label: "Approve",
  style: "primary",
  value,
  ...(stepUp ? { input: { label: `To approve, type ${outside(stepUp.type)}`, required: true, line: true as const } } : {}),
});

/** What stands behind "More", and opens a form. */
const menu = (label: string, form: string): Button => ({ label, style: "plain", form, more: true });
const onIncident = (action: ActionView): Button[] => [
  menu(`Assign ${action.incident}`, `assign ${action.incident}`),
  menu("Take another action", `do ${action.id}`),
];
