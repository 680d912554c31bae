import type { Request } from "express";
import type { Lab } from "../adapters/connectors/lab/lab.ts";
import { stories } from "../adapters/connectors/lab/stories.ts";
import type { ConsoleAccess, ConsoleData, ConsolePerson, LabState } from "../adapters/console/console.ts";
import { PERSONA_COOKIE } from "../adapters/console/console.ts";
import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId, incidentId } from "../engine/air.ts";
import { actionCard, STATE_WORD } from "../engine/cards/action-card.ts";
import type { Card } from "../engine/cards/card.ts";
import { noticeCard, refusalCard } from "../engine/cards/reply-card.ts";
import { capital, shown, time } from "../engine/cards/say.ts";
import { severityRank } from "../engine/domain/alert.ts";
import { mayView, type Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { actionView, type Drawing, drawMessages } from "../engine/draw.ts";
import { incidentSubject } from "../engine/want-cards.ts";
import type { Conversation } from "./conversation.ts";
import { HISTORY } from "./conversation.ts";
import { PERSONAS } from "./people.ts";

/** The channel the console shows; drawn on every read. */
export const CONSOLE_CHANNEL = "console:soc";
const THREADS = 25;
const ROWS = 30;

export type ConsoleParts = {
  air: Air;
  organization: string | undefined;
  conversation: Conversation;
  drawing: () => Promise<Drawing>;
  lab: Lab | undefined;
  playStory: (name: string) => Promise<{ alerts: number; incidents: string[] }>;
  onChange: (listener: (change: number) => void) => () => void;
  /** The person behind a request, with the roles of this moment; undefined: not signed in. */
  who: (request: Request) => Promise<Person | undefined>;
  bare: () => boolean;
};

/** The console sees what any chat sees and may do what its person may do. */
export function createConsoleData(parts: ConsoleParts): { data: ConsoleData; access: ConsoleAccess } {
  const { air } = parts;
  // The page hands back only the id it was given; the person is kept beside it for the length of one request.
  const people = new WeakMap<ConsolePerson, Person>();
  const asPerson = (person: ConsolePerson): Person => {
    const known = people.get(person);
    if (!known) throw new Refusal("forbidden", "Sign in again: air console prints a link.");
    return known;
  };
  const data: ConsoleData = {
    async overview(consolePerson) {
      const person = asPerson(consolePerson);
      const drawing = await parts.drawing();
      const allowed = mayView(person.roles);
      const roots = allowed ? await air.store.rootMessages(CONSOLE_CHANNEL, THREADS) : [];
      const pending = allowed ? (await air.store.listActions({ states: ["pending"], limit: 50 })).items : [];
      const history = allowed ? (await air.store.listActions({ states: HISTORY, limit: ROWS })).items : [];
      const incidents = allowed ? (await air.store.listIncidents({ limit: ROWS })).items : [];
      const views = await air.store.incidentViews([...roots.map((row) => row.incidentId), ...pending.map((row) => row.incidentId)]);
      const cards = await drawMessages(air.store, roots, drawing);
      const [pause] = drawing.pauses;
      return {
        ...(parts.organization ? { organization: parts.organization } : {}),
        lab: air.capabilities.lab,
        ...(pause
          ? {
              paused: `${pause.by} paused ${pause.family === "all" ? "every action" : `every ${pause.family} action`}: ${pause.reason.replace(/[.!?]?$/, ".")}`,
            }
          : {}),
        ...(parts.bare() ? { personas: PERSONAS.map(({ id, name, about }) => ({ id, name, about })) } : {}),
        person: consolePerson,
        threads: roots.flatMap((row) => {
          const view = views.get(row.incidentId);
          const root = cards.get(row.id);
          if (!view || !root) return [];
          // A storm's thread holds its list; the actions of its incidents stand in the lists beside the channel.
          if (row.subject !== incidentSubject(row.incidentId)) return [{ anchor: row.subject.replace(":", "-"), root, replies: [] }];
          const replies = view.actions.map((action) => actionCard(actionView(action, view, drawing), drawing.sign));
          return [{ anchor: incidentId(row.incidentId), root, replies }];
        }),
        pending: pending
          .toSorted((a, b) => a.deadline.getTime() - b.deadline.getTime())
          .flatMap((action) => {
            const view = views.get(action.incidentId);
            return view
              ? [shortened(actionCard(actionView(action, view, drawing), drawing.sign), incidentId(action.incidentId), action.deadline)]
              : [];
          }),
        history: history.map((action) => ({
          id: actionId(action.id),
          what: `${actionKinds[action.kind].title(action.target)} (${incidentId(action.incidentId)})`,
          state: STATE_WORD[action.state].word,
          tone: STATE_WORD[action.state].tone,
          by: action.decision?.by ?? "",
          when: time(action.endedAt ?? action.decidedAt ?? action.proposedAt),
        })),
        incidents: incidents.map((row) => ({
          id: incidentId(row.id),
          title: row.title,
          severity: capital(row.severity),
          status: capital(row.status),
          tone: severityRank(row.severity) >= 3 ? ("bad" as const) : ("neutral" as const),
          when: time(row.openedAt),
        })),
        ...(parts.lab && allowed ? { labState: await labState(parts.lab) } : {}),
        ...(parts.lab && allowed ? { stories: stories.map(({ name, title, about }) => ({ name, title, about })) } : {}),
      };
    },
    press: (value, person, typed) => parts.conversation.press(value, asPerson(person), typed),
    say: (text, person) => parts.conversation.say(text, asPerson(person)),
    async playStory(name, person) {
      if (!mayView(asPerson(person).roles)) return refusalCard("Playing a story needs a role in air.");
      const story = stories.find((one) => one.name === name);
      if (!story) return refusalCard(`There is no story ${name.slice(0, 40)}.`);
      const played = await parts.playStory(name);
      return noticeCard(
        `Playing: ${story.title}`,
        `${played.alerts} alerts sent, ${[...new Set(played.incidents)].slice(0, 5).join(", ")}. Watch the channel and the list of incidents.`,
      );
    },
    onChange: parts.onChange,
  };
  const access: ConsoleAccess = {
    async who(request) {
      const person = await parts.who(request);
      if (!person) return undefined;
      const persona = person.key.startsWith("persona:") ? person.key.slice("persona:".length) : undefined;
      const about = persona ? PERSONAS.find((one) => one.id === persona)?.about : undefined;
      const shownPerson: ConsolePerson = {
        id: persona ?? person.key,
        name: person.name,
        about: about ?? (person.machine ? "token" : "signed in"),
      };
      people.set(shownPerson, person);
      return shownPerson;
    },
  };
  return { data, access };
}

/** The list beside the channel: what, why it is asked and until when. The whole card stands in its thread. */
const shortened = (card: Card, incident: string, deadline: Date): Card => ({
  ...card,
  lines: [...card.lines.slice(0, 1), { kind: "note", text: `${incident}. Answer by ${time(deadline)}.` }],
});

export const readPersona = (request: Request): string | undefined =>
  new RegExp(`(?:^|;\\s*)${PERSONA_COOKIE}=([a-z]{1,20})(?:;|$)`).exec(request.headers.cookie ?? "")?.[1];

async function labState(lab: Lab): Promise<LabState> {
  const snapshot = await lab.snapshot();
  return {
    devices: snapshot.devices.map((device) => ({
      name: device.name,
      detail: `${device.os}, ${device.users.join(", ") || "nobody signed in"}`,
      state: [
        device.isolated ? "Isolated" : device.online ? "Online" : "Offline",
        device.quarantined.length > 0 ? `${device.quarantined.length} in quarantine` : "",
      ]
        .filter(Boolean)
        .join(", "),
      tone: device.isolated ? ("warning" as const) : device.online ? ("good" as const) : ("neutral" as const),
    })),
    users: snapshot.users.map((user) => ({
      name: user.email,
      detail: user.privileged.join(", ") || `${user.sessions} sessions`,
      state: user.enabled ? "Enabled" : "Disabled",
      tone: user.enabled ? ("good" as const) : ("warning" as const),
    })),
    messages: snapshot.messages.map((message) => ({
      name: message.subject,
      detail: `to ${message.recipient}`,
      state: capital(message.location),
      tone: message.location === "inbox" ? ("neutral" as const) : ("warning" as const),
    })),
    indicators: snapshot.indicators.map((indicator) => ({
      name: shownIndicator(indicator),
      state: indicator.action === "block" ? "Blocked" : "Allowed",
      tone: indicator.action === "block" ? ("warning" as const) : ("good" as const),
    })),
  };
}

const shownIndicator = (indicator: { kind: string; value: string }) =>
  indicator.kind === "url"
    ? shown({ kind: "url", url: indicator.value })
    : indicator.kind === "file"
      ? indicator.value
      : shown({ kind: "domain", name: indicator.value });
