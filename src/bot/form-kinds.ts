import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId, evidenceId, incidentId } from "../engine/air.ts";
import { bold, type Card, cut, type Line } from "../engine/cards/card.ts";
import type { Choice, Field, Filled, Form } from "../engine/cards/form.ts";
import { noticeCard } from "../engine/cards/reply-card.ts";
import { capital, kindWord, outside, shown } from "../engine/cards/say.ts";
import { ACTION_KINDS, type ActionKindName } from "../engine/domain/action.ts";
import { readDuration } from "../engine/domain/duration.ts";
import type { Entity } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { CLASSIFICATIONS, classificationText, DETERMINATIONS, determinationText } from "../engine/domain/incident.ts";
import { stepUpOf } from "../engine/domain/step-up.ts";
import { LONGEST_WORDS } from "../engine/domain/words.ts";
import { aimed } from "./aimed.ts";
import { type Command, readCommand, readWhen } from "./commands.ts";
import { readFound } from "./find-things.ts";
import { type Id, readId } from "./read-id.ts";

/** What a form's button means: commands, or a decision with what was typed for it. */
export type Meant = { commands: readonly Command[] } | { value: string; typed: string | undefined; lasts: number | undefined };

/** `anybody`: nobody is named in air.yaml, so that whoever is in the chat may be meant. */
export type FormContext = { air: Air; names: readonly string[]; anybody: boolean; domains: readonly string[] };

/**
 * One form: what it shows at once for a subject (`INC-42`), what is filled in from the rows, and what its fields mean. The readers are those
 * of typed commands.
 */
export type FormKind = {
  /** It is also a command, which opens it where it was typed without its arguments; `alone`: with an id it is a whole command. */
  typed?: true | "alone";
  /** Its subject is the value of a decision's button. */
  decides?: true;
  open: (subject: string, context: FormContext) => Form | undefined;
  fill?: (subject: string, context: FormContext) => Promise<Form | undefined>;
  read: (typed: Filled, subject: string, context: FormContext) => Meant | Promise<Meant>;
};

const choices = (pairs: readonly (readonly [value: string, label: string])[]): Choice[] =>
  pairs.map(([value, label]) => ({ value, label }));
const WHILE = choices([
  ["1h", "1 hour"],
  ["2h", "2 hours"],
  ["4h", "4 hours"],
  ["8h", "8 hours"],
  ["24h", "24 hours"],
  ["3d", "3 days"],
  ["7d", "7 days"],
]);
const SOON = choices([
  ["15m", "in 15 minutes"],
  ["30m", "in 30 minutes"],
  ["1h", "in 1 hour"],
  ["2h", "in 2 hours"],
  ["4h", "in 4 hours"],
  ["tomorrow", "tomorrow morning"],
]);
const MUTED = choices([
  ["8h", "8 hours"],
  ["24h", "24 hours"],
  ["3d", "3 days"],
  ["7d", "7 days"],
  ["30d", "30 days"],
]);
const SNOOZE_NOTE =
  "Nobody is paged until then. It comes back at once when its severity rises, or something new in it is Malicious, waits for a decision or is protected.";
const NOW = "now";
const VERDICTS = choices([
  ["malicious", "Malicious"],
  ["suspicious", "Suspicious"],
  ["noThreatsFound", "No threats found"],
]);
const CLASSES = CLASSIFICATIONS.map((name) => ({ value: name, label: capital(classificationText(name)) }));
const DETERMINED = [...new Set(CLASSIFICATIONS.flatMap((name) => DETERMINATIONS[name]))].map((name) => ({
  value: name,
  label: capital(determinationText(name)),
}));
/** air proposes the others by itself. */
const KINDS = ACTION_KINDS.filter((name) => name !== "expand-investigation" && !actionKinds[name].onlyUndoes);
const kindChoices = (fits: (kind: ActionKindName) => boolean): Choice[] =>
  KINDS.filter(fits).map((name) => ({ value: name, label: capital(name.replaceAll("-", " ")) }));

/** The most a select takes on any platform. */
const MOST = 100;
const REASON: Field = { id: "reason", kind: "text", label: "Reason (everybody sees it)", required: true, longest: LONGEST_WORDS };

export const formKinds: Readonly<Record<string, FormKind>> = {
  note: {
    typed: true,
    open: (subject) =>
      of(subject, "incident", (id) => ({
        ref: `note ${id}`,
        title: `Note on ${id}`,
        submit: "Save",
        fields: [{ id: "text", kind: "text", label: "Note (everybody sees it)", required: true, longest: LONGEST_WORDS }],
      })),
    read: (typed, subject) => one({ kind: "note", incident: numberIn(subject), text: must(typed, "text") }),
  },
  assign: {
    typed: true,
    open: (subject, { names, anybody }) =>
      of(subject, "incident", (id) => ({
        ref: `assign ${id}`,
        title: `Assign ${id}`,
        submit: "Assign",
        fields: [
          names.length < MOST
            ? {
                id: "to",
                kind: "select",
                label: "Who looks after it",
                required: true,
                options: [{ value: "me", label: "Me" }, ...names.map((name) => ({ value: name, label: name }))],
                initial: "me",
                ...(anybody ? { anybody } : {}),
              }
            : {
                id: "to",
                kind: "line",
                label: "Who looks after it",
                hint: "A name or an e-mail address of people in air.yaml, or: me",
                required: true,
                longest: 200,
              },
        ],
      })),
    read: (typed, subject) => one({ kind: "assign", incident: numberIn(subject), to: must(typed, "to") }),
  },
  remind: {
    typed: true,
    open: (subject) =>
      of(subject, "action", (id) => ({
        ref: `remind ${id}`,
        title: `Remind me of ${id}`,
        submit: "Remind me",
        fields: [
          { id: "when", kind: "select", label: "When", required: false, options: SOON, initial: "30m" },
          {
            id: "at",
            kind: "line",
            label: "Or at",
            hint: "A time of day like 14:30. It counts instead of the choice above.",
            required: false,
            longest: 20,
          },
        ],
      })),
    read: (typed, subject) => {
      const field = said(typed, "at") === undefined ? "when" : "at";
      const when = readWhen(said(typed, field));
      if (!when) throw new Refusal("invalid", "Write a time like 14:30, or choose one above.", { field });
      return one({ kind: "remind", action: numberIn(subject), when });
    },
  },
  close: {
    typed: true,
    open: (subject) =>
      of(subject, "incident", (id) => ({
        ref: `close ${id}`,
        title: `Close ${id}`,
        submit: "Close incident",
        fields: [
          { id: "classification", kind: "select", label: "What it turned out to be", required: true, options: CLASSES },
          { id: "determination", kind: "select", label: "More exactly", required: false, options: DETERMINED },
        ],
      })),
    read: (typed, subject) => {
      const classification = CLASSIFICATIONS.find((name) => name === said(typed, "classification"));
      if (!classification) throw new Refusal("invalid", "Choose what it turned out to be.", { field: "classification" });
      return one({ kind: "close", incident: numberIn(subject), classification, determination: said(typed, "determination") });
    },
  },
  snooze: {
    typed: true,
    open: (subject) =>
      of(subject, "incident", (id) => ({
        ref: `snooze ${id}`,
        title: `Snooze ${id}`,
        submit: "Snooze",
        lines: [{ kind: "note", text: SNOOZE_NOTE }],
        fields: [
          { id: "for", kind: "select", label: "For how long", required: true, options: WHILE, initial: "4h" },
          { ...REASON, required: false },
        ],
      })),
    read: (typed, subject) =>
      one({
        kind: "snooze-incident",
        how: "snooze",
        incident: numberIn(subject),
        forMs: durationIn(typed, "for"),
        reason: said(typed, "reason") ?? "",
      }),
  },
  mute: {
    typed: true,
    open: (subject) =>
      of(subject, "incident", (id) => ({
        ref: `mute ${id}`,
        title: `Mute ${id}`,
        submit: "Mute",
        lines: [{ kind: "note", text: `Its thread is silent, too, and its alerts are counted. ${SNOOZE_NOTE}` }],
        fields: [{ id: "for", kind: "select", label: "For how long", required: true, options: MUTED, initial: "24h" }, REASON],
      })),
    read: (typed, subject) =>
      one({
        kind: "snooze-incident",
        how: "mute",
        incident: numberIn(subject),
        forMs: durationIn(typed, "for"),
        reason: must(typed, "reason"),
      }),
  },
  verdict: {
    typed: true,
    open: (subject) =>
      of(subject, "evidence", (id) => ({
        ref: `verdict ${id}`,
        title: `Overrule ${id}`,
        submit: "Set verdict",
        lines: [{ kind: "note", text: "Nothing is carried out because of this: what follows from it is proposed, and a person decides." }],
        fields: [{ id: "verdict", kind: "select", label: "Verdict", required: true, options: VERDICTS }, REASON],
      })),
    read: (typed, subject) => {
      const verdict = (["malicious", "suspicious", "noThreatsFound"] as const).find((name) => name === said(typed, "verdict"));
      if (!verdict) throw new Refusal("invalid", "Choose a verdict.", { field: "verdict" });
      return one({ kind: "verdict", evidence: numberIn(subject), verdict, reason: must(typed, "reason") });
    },
  },
  investigate: {
    typed: "alone",
    open: (subject) => {
      const id = subject === "" ? undefined : readId(subject);
      if (subject !== "" && (id?.kind !== "incident" || !/^INC-\d+$/.test(subject))) return undefined;
      return {
        ref: `investigate${subject ? ` ${subject}` : ""}`,
        title: id ? `Investigate in ${subject}` : "New investigation",
        submit: "Investigate",
        fields: [
          {
            id: "what",
            kind: "line",
            label: "What to look into",
            hint: `A hash, address, link, e-mail address, device or id (ALT-7, INC-42); or with its kind, like device:WS-042${id ? `. Left empty: everything ${subject} names, once more` : ""}`,
            required: id === undefined,
            longest: 2000,
          },
        ],
      };
    },
    read: (typed, subject, { domains }) => {
      const command = readCommand(`investigate ${said(typed, "what") ?? subject}`, domains);
      if (command.kind === "misunderstood") throw new Refusal("invalid", command.text, { field: "what" });
      const inside = subject !== "" && (command.kind === "investigate" || command.kind === "investigateName");
      return one(inside ? { ...command, within: numberIn(subject) } : command);
    },
  },
  found: {
    open: (subject) => {
      const found = readFound(subject);
      if (!found) return undefined;
      const { things, left } = found;
      const options = things.map((entity, index) => ({ value: String(index), label: `${shown(entity)} (${kindWord(entity.kind)})` }));
      return {
        ref: `found ${subject}`,
        title: "Investigate",
        submit: "Investigate",
        ...(left > 0
          ? {
              lines: [
                {
                  kind: "note" as const,
                  text: `Only the first ${things.length} can be chosen here; ${left} more are not shown. Say: investigate <what>`,
                },
              ],
            }
          : {}),
        fields: [{ id: "what", kind: "checks", label: "Found in the message", required: true, options, initial: ["0"] }],
      };
    },
    read: (typed, subject) => {
      const things = readFound(subject)?.things ?? [];
      const chosen = [typed.what ?? []].flat().flatMap((index) => things[Number(index)] ?? []);
      if (chosen.length === 0) throw new Refusal("invalid", "Choose at least one.", { field: "what" });
      return { commands: chosen.map((what) => ({ kind: "investigate", what })) };
    },
  },
  do: {
    typed: true,
    open: (subject) => {
      const id = subject === "" ? undefined : readId(subject);
      if (subject !== "" && !(id && /^(INC|ACT|EVD)-/.test(subject))) return undefined;
      const target: Field =
        id === undefined || id.kind === "incident"
          ? {
              id: "target",
              kind: "line",
              label: "Target",
              hint: "A device, person, hash, address, link ...",
              required: true,
              longest: 2000,
            }
          : {
              id: "target",
              kind: "select",
              label: "Target",
              required: true,
              options: [{ value: subject, label: `What ${subject} is about` }],
              initial: subject,
            };
      return doForm(subject, target, () => true, id !== undefined);
    },
    fill: async (subject, { air }) => {
      const id = readId(subject);
      if (!id) return undefined;
      const targets = await targetsOf(air, id);
      if (targets.length === 0) return undefined;
      const options = targets.slice(0, 50).map(({ value, entity }) => ({ value, label: `${shown(entity)} (${kindWord(entity.kind)})` }));
      const fits = (kind: ActionKindName) => targets.some(({ entity }) => actionKinds[kind].targets.includes(entity.kind));
      const [only] = options;
      const initial = options.length === 1 ? only?.value : undefined;
      return doForm(subject, { id: "target", kind: "select", label: "Target", required: true, options, initial }, fits, false);
    },
    read: async (typed, _subject, { air, domains }) => {
      const action = KINDS.find((name) => name === said(typed, "kind"));
      if (!action) throw new Refusal("invalid", "Choose what to do.", { field: "kind" });
      const text = must(typed, "target");
      const id = /^(ACT|EVD)-\d+$/.test(text) ? readId(text) : undefined;
      const target = id ? await entityOf(air, id) : aimed(action, text, domains);
      if (!target)
        throw new Refusal("invalid", "air cannot tell what that is. Give its kind before it, like device:WS-042.", { field: "target" });
      return one({ kind: "do", action, target, forMs: durationIn(typed, "for"), reason: must(typed, "reason") });
    },
  },
  "approve-for": {
    decides: true,
    open: (value) => (value === "" ? undefined : approveFor(value, undefined, true)),
    fill: async (value, { air }) => {
      const row = await air.store.action(numberIn(value));
      if (!row) return undefined;
      const stepUp = stepUpOf(row);
      const about: Line = {
        kind: "text",
        text: [bold(`${actionId(row.id)} `), { text: cut(outside(actionKinds[row.kind].title(row.target)), 300) }],
      };
      return { ...approveFor(value, stepUp.needed ? stepUp.type : undefined, false), lines: [about] };
    },
    read: (typed, value) => ({
      value,
      typed: [said(typed, "name"), said(typed, "reason")].filter((text) => text !== undefined).join(" ") || undefined,
      lasts: durationIn(typed, "for"),
    }),
  },
  "undo-how": {
    decides: true,
    open: (value) =>
      value === ""
        ? undefined
        : {
            ref: `undo-how ${value}`,
            title: `Undo ${value.split(".")[0]}`,
            submit: "Undo",
            fields: [
              {
                id: "when",
                kind: "select",
                label: "When",
                required: true,
                options: [{ value: NOW, label: "Now" }, ...WHILE.map((one) => ({ ...one, label: `In ${one.label}` }))],
                initial: NOW,
              },
              { ...REASON, required: false },
            ],
          },
    read: (typed, value) => ({
      value,
      typed: said(typed, "reason"),
      lasts: said(typed, "when") === NOW ? undefined : durationIn(typed, "when"),
    }),
  },
};

const doForm = (subject: string, target: Field, fits: (kind: ActionKindName) => boolean, fills: boolean): Form => ({
  ref: `do${subject ? ` ${subject}` : ""}`,
  title: "Take action",
  submit: "Ask for it",
  ...(fills ? { fills } : {}),
  fields: [
    { id: "kind", kind: "select", label: "What to do", required: true, options: kindChoices(fits) },
    target,
    { id: "for", kind: "select", label: "For how long (it then ends by itself)", required: false, options: WHILE },
    REASON,
  ],
});

const approveFor = (value: string, type: string | undefined, fills: boolean): Form => ({
  ref: `approve-for ${value}`,
  title: `Approve ${value.split(".")[0]}`,
  submit: "Approve",
  ...(fills ? { fills } : {}),
  fields: [
    { id: "for", kind: "select", label: "For how long (it then ends by itself)", required: true, options: WHILE, initial: "2h" },
    ...(type === undefined ? [] : [{ id: "name", kind: "line" as const, label: `To approve, type ${type}`, required: true, longest: 300 }]),
    { ...REASON, required: false },
  ],
});

/** What an action can be aimed at from here, as an option each. */
async function targetsOf(air: Air, id: Id): Promise<{ value: string; entity: Entity }[]> {
  if (id.kind !== "incident") {
    const entity = await entityOf(air, id);
    return entity ? [{ value: id.kind === "action" ? actionId(id.id) : evidenceId(id.id), entity }] : [];
  }
  const view = (await air.store.incidentViews([id.id])).get(id.id);
  const things = new Map((view?.evidence ?? []).map((row) => [row.digest, { value: evidenceId(row.id), entity: row.entity }]));
  return [...things.values()].filter(({ entity }) => KINDS.some((kind) => actionKinds[kind].targets.includes(entity.kind)));
}

const entityOf = async (air: Air, { kind, id }: Id): Promise<Entity | undefined> =>
  kind === "action" ? (await air.store.action(id))?.target : kind === "evidence" ? (await air.store.evidence(id))?.entity : undefined;

/** Several commands of one form: each is answered; only where none could be done is the form refused. */
export async function oneOf(
  { commands }: Extract<Meant, { commands: unknown }>,
  run: (command: Command, key: string) => Promise<Card>,
  key: string,
): Promise<Card> {
  const [only] = commands;
  if (only && commands.length === 1) return run(only, key);
  const answers: { card?: Card; refusal?: Refusal }[] = [];
  for (const [index, command] of commands.entries()) {
    try {
      answers.push({ card: await run(command, `${key}-${index}`) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answers.push({ refusal: error });
    }
  }
  const refusal = answers.every((answer) => answer.card === undefined) ? answers[0]?.refusal : undefined;
  if (refusal) throw refusal;
  const items = answers.map(({ card, refusal: why }) => ({
    mark: card?.title ?? "Not done",
    text: card ? plainLines(card) : (why?.message ?? ""),
  }));
  return {
    ...noticeCard("Looked into", "", "good"),
    summary: items.map((item) => `${item.mark}: ${item.text}`).join(" "),
    lines: [{ kind: "list", items }],
  };
}

const plainLines = (card: Card): string =>
  card.lines.flatMap((line) => (line.kind === "text" && typeof line.text === "string" ? [line.text] : [])).join(" ");

const one = (command: Command): Meant => ({ commands: [command] });

/** The form of a thing by its id; undefined where another kind of thing, or none, is named. */
function of(subject: string, kind: Id["kind"], form: (id: string) => Form): Form | undefined {
  const id = readId(subject);
  // A bare number could be anything.
  if (id?.kind !== kind || /^\d+$/.test(subject.trim())) return undefined;
  return form({ incident: incidentId, action: actionId, evidence: evidenceId, alert: String, investigation: String }[kind](id.id));
}

/** The number in `INC-42`, or in the value of a button. */
const numberIn = (subject: string): number => Number(/\d+/.exec(subject)?.[0] ?? 0);

/** What stands in a field, without the spaces around it; undefined: nothing. */
export function said(typed: Filled, id: string): string | undefined {
  const value = typed[id];
  return typeof value === "string" && value.trim() ? value.trim() : undefined;
}

function must(typed: Filled, id: string): string {
  const text = said(typed, id);
  if (text === undefined) throw new Refusal("invalid", "Please fill this in.", { field: id });
  return text;
}

function durationIn(typed: Filled, id: string): number | undefined {
  const text = said(typed, id);
  const ms = text === undefined ? undefined : readDuration(text);
  if (text !== undefined && ms === undefined)
    throw new Refusal("invalid", `"${text.slice(0, 40)}" is no duration. Write 30m, 8h or 7d.`, { field: id });
  return ms;
}
