import type { Request } from "express";
import type { Lab } from "../adapters/connectors/lab/lab.ts";
import { stories } from "../adapters/connectors/lab/stories.ts";
import type { ConsoleAccess, ConsoleData, ConsolePerson, LabState } from "../adapters/console/console.ts";
import { PERSONA_COOKIE } from "../adapters/console/console.ts";
import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId, incidentId } from "../engine/air.ts";
import { authorise } from "../engine/authorise.ts";
import { actionCard, STATE_WORD } from "../engine/cards/action-card.ts";
import type { Card, Tone } from "../engine/cards/card.ts";
import { cardInZone, inZone } from "../engine/cards/in-zone.ts";
import { noticeCard, refusalCard } from "../engine/cards/reply-card.ts";
import { capital, count, outside, shown, time } from "../engine/cards/say.ts";
import { chatTroubles } from "../engine/chat-troubles.ts";
import { severityRank } from "../engine/domain/alert.ts";
import { mayView, type Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { NOBODY } from "../engine/domain/paging.ts";
import { actionView, type Drawing, drawMessages, pagesOf } from "../engine/draw.ts";
import { incidentSubject } from "../engine/want-cards.ts";
import { decidedBy } from "./api-shapes.ts";
import { actionsView } from "./console-actions.ts";
import type { Conversation } from "./conversation.ts";
import { drawGraph } from "./draw-graph.ts";
import { countExport, exportCsv, exportNeeds, exportOf } from "./export-rows.ts";
import { HISTORY } from "./list-filters.ts";
import { PERSONAS } from "./people.ts";
import { readId } from "./read-id.ts";

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
      const history = allowed ? (await air.store.listActions({ states: HISTORY, order: "updated", limit: ROWS })).items : [];
      const incidents = allowed ? (await air.store.listIncidents({ limit: ROWS })).items : [];
      const views = await air.store.incidentViews([...roots.map((row) => row.incidentId), ...pending.map((row) => row.incidentId)]);
      const cards = await drawMessages(air.store, roots, drawing);
      const [pause] = drawing.pauses;
      const zone = (drawing.paging ?? NOBODY).timeZone;
      const troubles = allowed ? await chatTroubles(air.store, air, air.clock.now()) : [];
      return {
        ...(troubles.length > 0 ? { trouble: troubles.map(({ told }) => told).join(" ") } : {}),
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
          const replies = [
            ...view.actions.map((action) => cardInZone(actionCard(actionView(action, view, drawing), drawing.sign), zone)),
            ...pagesOf(view, drawing),
          ];
          return [{ anchor: incidentId(row.incidentId), root, replies }];
        }),
        pending: pending
          .toSorted((a, b) => a.deadline.getTime() - b.deadline.getTime())
          .flatMap((action) => {
            const view = views.get(action.incidentId);
            return view
              ? [
                  cardInZone(
                    shortened(actionCard(actionView(action, view, drawing), drawing.sign), incidentId(action.incidentId), action.deadline),
                    zone,
                  ),
                ]
              : [];
          }),
        history: history.map((action) => ({
          id: actionId(action.id),
          what: `${outside(actionKinds[action.kind].title(action.target))} (${incidentId(action.incidentId)})`,
          state: STATE_WORD[action.state].word,
          tone: STATE_WORD[action.state].tone,
          by: decidedBy(action) ?? "",
          when: inZone(time(action.endedAt ?? action.decidedAt ?? action.proposedAt), zone),
        })),
        incidents: incidents.map((row) => ({
          id: incidentId(row.id),
          title: outside(row.title),
          severity: capital(row.severity),
          status: capital(row.status),
          tone: severityRank(row.severity) >= 3 ? ("bad" as const) : ("neutral" as const),
          when: inZone(time(row.openedAt), zone),
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
    actions: async (query, consolePerson) => {
      const person = asPerson(consolePerson);
      await authorise(air, person, { verb: "actions", subject: "command", need: "viewer" });
      return actionsView(air, { query, person: consolePerson, organization: parts.organization });
    },
    async graph(investigation, consolePerson) {
      try {
        await authorise(air, asPerson(consolePerson), { verb: "graph", subject: "command", need: "viewer" });
        const id = readId(investigation);
        const png = id?.kind === "investigation" ? await drawGraph(air, id.id) : undefined;
        return png ?? { problem: `There is no investigation ${investigation.slice(0, 40)}.` };
      } catch (error) {
        if (error instanceof Refusal) return { problem: error.message };
        throw error;
      }
    },
    async download(what, query, consolePerson) {
      try {
        await authorise(air, asPerson(consolePerson), { verb: "export", subject: "command", need: exportNeeds(what) });
        const asked = exportOf(what, query);
        // An unknown id is told before a file begins.
        if (asked.what === "log") await countExport(air.store, asked, air.clock.now());
        return exportCsv(air.store, asked, air.clock.now(), air);
      } catch (error) {
        if (error instanceof Refusal) return { problem: `${error.field ? `${error.field} ` : ""}${error.message}` };
        throw error;
      }
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
  const state = (on: unknown, word: string, tone: Tone) => (on ? [{ word, tone }] : []);
  return {
    devices: snapshot.devices.map((device) => ({
      name: device.name,
      detail: [
        `${device.os}, ${device.users.join(", ") || "nobody signed in"}`,
        ...(device.quarantined.length > 0 ? [`in quarantine: ${device.quarantined.slice(0, 5).join(", ")}`] : []),
        ...RUNS.flatMap(([run, what]) => {
          const at = device.lastRuns[run];
          return at ? [`${what} ${time(at)}`] : [];
        }),
      ].join("; "),
      states: [
        ...state(true, device.online ? "Online" : "Offline", device.online ? "good" : "neutral"),
        ...state(device.isolated, "Isolated", "warning"),
        ...state(device.restricted, "Execution restricted", "warning"),
        ...state(device.onboarded === false, "Offboarded", "bad"),
        ...state(device.quarantined.length > 0, `${device.quarantined.length} in quarantine`, "info"),
      ],
    })),
    users: snapshot.users.map((user) => ({
      name: user.email,
      detail: [
        user.privileged.join(", ") || count(user.sessions ?? 0, "session"),
        ...(user.sessionsRevokedAt ? [`sessions revoked ${time(user.sessionsRevokedAt)}`] : []),
      ].join("; "),
      states: [
        ...state(true, user.enabled ? "Enabled" : "Disabled", user.enabled ? "good" : "warning"),
        ...state(user.risk?.state === "confirmedCompromised", "Confirmed compromised", "bad"),
        ...state(user.risk?.state === "atRisk", `At risk (${user.risk?.level ?? "unknown"})`, "warning"),
        ...state(user.risk?.state === "dismissed", "Risk dismissed", "neutral"),
        ...state(user.mustChangePassword, "Must change password", "warning"),
      ],
    })),
    messages: snapshot.messages.map((message) => ({
      name: message.subject,
      detail: `to ${message.recipient}`,
      states: state(true, LOCATION[message.location], message.location === "inbox" ? "neutral" : "warning"),
    })),
    mailboxes: snapshot.mailboxes.map((mailbox) => ({
      name: mailbox.address,
      detail: [
        ...mailbox.rules.map(
          (rule) => `rule "${rule.name}"${rule.forwardsTo ? ` sends mail on to ${rule.forwardsTo}` : rule.deletes ? " deletes mail" : ""}`,
        ),
        ...(mailbox.forwardsTo ? [`everything is sent on to ${mailbox.forwardsTo}`] : []),
        ...mailbox.delegates.map(({ who, rights }) => `${who}: ${rights}`),
      ].join("; "),
      states: [
        ...state(mailbox.rules.length > 0, count(mailbox.rules.length, "rule"), "info"),
        ...state(mailbox.rules.length === 0, "No rules", "neutral"),
        ...state(mailbox.forwardsTo || mailbox.rules.some((rule) => rule.forwardsTo), "Forwards", "warning"),
      ],
    })),
    apps: snapshot.apps.map((app) => ({
      name: app.name,
      detail: app.grants.map(({ name }) => name).join(", ") || "no grants",
      states: [
        ...state(true, app.enabled ? "Enabled" : "Disabled", app.enabled ? "good" : "warning"),
        ...state(
          app.grants.some((grant) => grant.writes),
          "May change things",
          "info",
        ),
      ],
    })),
    accessKeys: snapshot.accessKeys.map((key) => ({
      name: key.id,
      ...(key.owner ? { detail: `of ${key.owner}` } : {}),
      states: state(true, key.active ? "Active" : "Disabled", key.active ? "good" : "warning"),
    })),
    indicators: snapshot.indicators.map((indicator) => ({
      name: shownIndicator(indicator),
      ...(indicator.expiresAt ? { detail: `until ${time(indicator.expiresAt)}` } : {}),
      states: state(true, indicator.action === "block" ? "Blocked" : "Allowed", indicator.action === "block" ? "warning" : "good"),
    })),
  };
}

const RUNS = [
  ["quick-scan", "quick scan"],
  ["full-scan", "full scan"],
  ["package", "investigation package collected"],
] as const;
const LOCATION = {
  inbox: "In the inbox",
  junk: "In junk mail",
  deleted: "Soft-deleted",
  quarantine: "In quarantine",
  gone: "Deleted for good",
} as const;

const shownIndicator = (indicator: { kind: string; value: string }) =>
  indicator.kind === "url"
    ? shown({ kind: "url", url: indicator.value })
    : indicator.kind === "file"
      ? indicator.value
      : shown({ kind: "domain", name: indicator.value });
