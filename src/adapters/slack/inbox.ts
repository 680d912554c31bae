import { z } from "zod";
import type { Filled } from "../../engine/cards/form.ts";
import { readActionId, readFormValue } from "./action-id.ts";
import { CARRIES_ANSWERS, readFormView, SLACK_ACCOUNT } from "./form-modal.ts";
import { messageText } from "./message-text.ts";

/** Who did it, by ids only: names are what people type about themselves. */
export type SlackPerson = { userId: string; teamId: string; enterpriseId?: string };

/** Where the answer to a command goes. Only the person who asked sees it, whichever way it is. */
export type Reply = { via: "response-url"; url: string } | { via: "message"; channel: string; thread?: string; direct: boolean };

/** Where it happened, and where an answer for the person alone goes. */
export type Place = {
  channel: string;
  messageTs: string;
  responseUrl: string;
  /** Pressed in a modal or on the home tab. */
  view?: { id: string; type: "modal" | "home" };
};
type At = { by: SlackPerson; place: Place; triggerId: string };

export type SlackIntent =
  | { kind: "command"; text: string; by: SlackPerson; reply: Reply; eventId?: string; triggerId?: string }
  | ({ kind: "press"; value: string } & At)
  /** A button that opens a form: it is due before its trigger dies. `label`: what the button itself asks for. */
  | ({ kind: "form"; ref: string; button: string; label?: string; required?: boolean } & At)
  | ({ kind: "submit"; ref: string; typed: Filled; viewId: string; hash: string } & At)
  /** "Investigate" of a message: what it says, and nothing of it is fetched. */
  | ({ kind: "message"; text: string } & At)
  | { kind: "home"; by: SlackPerson; eventId: string }
  | { kind: "ignored"; reason: string };

/** What Slack calls the shortcuts of the manifest. */
export const SHORTCUTS = { message: "air:investigate", global: "air:new-investigation" } as const;

const Team = z.object({ id: z.string().optional(), enterprise_id: z.string().nullish() }).nullish();
const Enterprise = z.object({ id: z.string() }).nullish();

const Command = z.object({
  command: z.string().startsWith("/"),
  text: z.string().default(""),
  user_id: z.string().min(1),
  team_id: z.string().min(1),
  enterprise_id: z.string().optional(),
  response_url: z.url(),
  trigger_id: z.string().default(""),
});

const Press = z.object({
  type: z.literal("block_actions"),
  user: z.object({ id: z.string().min(1), team_id: z.string().optional() }),
  team: Team,
  enterprise: Enterprise,
  channel: z.object({ id: z.string() }).optional(),
  container: z.object({ channel_id: z.string().optional(), message_ts: z.string().optional() }).optional(),
  message: z.object({ ts: z.string() }).optional(),
  view: z.object({ id: z.string(), type: z.enum(["modal", "home"]), private_metadata: z.string().default("") }).optional(),
  trigger_id: z.string().default(""),
  response_url: z.string().default(""),
  actions: z
    .array(
      z.object({
        type: z.string(),
        action_id: z.string(),
        value: z.string().optional(),
        selected_option: z.object({ value: z.string() }).nullish(),
        text: z.object({ text: z.string() }).optional(),
      }),
    )
    .min(1),
});

const Value = z.looseObject({
  value: z.string().nullish(),
  selected_option: z.object({ value: z.string() }).nullish(),
  selected_user: z.string().nullish(),
  selected_options: z.array(z.object({ value: z.string() })).nullish(),
});

const Submission = z.object({
  type: z.literal("view_submission"),
  user: z.object({ id: z.string().min(1), team_id: z.string().optional() }),
  team: Team,
  enterprise: Enterprise,
  trigger_id: z.string().default(""),
  view: z.object({
    id: z.string().default(""),
    hash: z.string().default(""),
    callback_id: z.string(),
    private_metadata: z.string(),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), Value)) }),
  }),
});

const Shortcut = z.object({
  type: z.enum(["shortcut", "message_action"]),
  callback_id: z.string(),
  user: z.object({ id: z.string().min(1), team_id: z.string().optional() }),
  team: Team,
  enterprise: Enterprise,
  trigger_id: z.string().min(1),
  response_url: z.string().default(""),
  channel: z.object({ id: z.string() }).optional(),
  message: z.looseObject({ ts: z.string().default("") }).optional(),
});

const Event = z.object({
  type: z.literal("event_callback"),
  event_id: z.string().min(1),
  team_id: z.string().optional(),
  enterprise_id: z.string().nullish(),
  event: z.object({
    type: z.string(),
    subtype: z.string().optional(),
    user: z.string().optional(),
    bot_id: z.string().optional(),
    text: z.string().default(""),
    channel: z.string().default(""),
    channel_type: z.string().optional(),
    tab: z.string().optional(),
    ts: z.string().optional(),
    thread_ts: z.string().optional(),
    /** The author's own workspace where a channel is shared between companies. */
    user_team: z.string().optional(),
    team: z.string().optional(),
  }),
});

const ignored = (reason: string): SlackIntent => ({ kind: "ignored", reason });

const person = (userId: string, teamId: string | undefined, enterpriseId: string | null | undefined): SlackPerson | undefined =>
  teamId === undefined || teamId === "" ? undefined : { userId, teamId, ...(enterpriseId ? { enterpriseId } : {}) };

/** A Slack payload → what the person wants. Everything else is ignored, with the reason for the log. */
export function readSlack(payload: unknown): SlackIntent {
  const type = z.object({ type: z.string().optional(), command: z.string().optional() }).safeParse(payload);
  if (!type.success) return ignored("not an object");
  if (type.data.command !== undefined) return readCommand(payload);
  switch (type.data.type) {
    case "block_actions":
      return readPress(payload);
    case "view_submission":
      return readSubmission(payload);
    case "shortcut":
    case "message_action":
      return readShortcut(payload);
    case "event_callback":
      return readEvent(payload);
    default:
      return ignored(`payload of type ${JSON.stringify(type.data.type)}`);
  }
}

function readCommand(payload: unknown): SlackIntent {
  const parsed = Command.safeParse(payload);
  if (!parsed.success) return ignored("a slash command of unknown shape");
  const { user_id, team_id, enterprise_id, text, response_url, trigger_id } = parsed.data;
  const by = person(user_id, team_id, enterprise_id);
  if (by === undefined) return ignored("a slash command without a workspace");
  const reply: Reply = { via: "response-url", url: response_url };
  return { kind: "command", text: typedText(text), by, reply, ...(trigger_id === "" ? {} : { triggerId: trigger_id }) };
}

function readPress(payload: unknown): SlackIntent {
  const parsed = Press.safeParse(payload);
  if (!parsed.success) return ignored("a press of unknown shape");
  const { user, team, enterprise, channel, container, message, view, actions, trigger_id, response_url } = parsed.data;
  const [action] = actions;
  const id = action === undefined ? undefined : readActionId(action.action_id);
  const type = id?.kind === "more" ? "overflow" : "button";
  if (action === undefined || id === undefined || action.type !== type) return ignored("a press on something that is not air's");
  if (id.kind === "link") return ignored("a link was opened");
  const value = id.kind === "more" ? action.selected_option?.value : action.value;
  if (value === undefined) return ignored("a button without a value");
  // Where two companies share a channel, `team` is the workspace it happened in and `user.team_id` the one the person belongs to.
  const by = person(user.id, user.team_id ?? team?.id, enterprise?.id ?? team?.enterprise_id);
  if (by === undefined) return ignored("a press without a workspace");
  const place: Place = {
    channel: channel?.id ?? container?.channel_id ?? "",
    messageTs: message?.ts ?? container?.message_ts ?? "",
    responseUrl: response_url,
    ...(view === undefined ? {} : { view: { id: view.id, type: view.type } }),
  };
  const at = { by, place, triggerId: trigger_id };
  const button = action.text?.text ?? "";
  const ref = id.kind === "form" ? value : id.kind === "more" ? readFormValue(value) : undefined;
  if (ref !== undefined) return { kind: "form", ref, button, ...at };
  if (id.kind === "ask") return { kind: "form", ref: value, button, label: id.label, required: id.required, ...at };
  return { kind: "press", value, ...at };
}

function readSubmission(payload: unknown): SlackIntent {
  const parsed = Submission.safeParse(payload);
  if (!parsed.success) return ignored("a form of unknown shape");
  const { user, team, enterprise, trigger_id, view } = parsed.data;
  const form = readFormView(view.callback_id, view.private_metadata);
  if (form === undefined) return ignored("a form that is not air's");
  const by = person(user.id, user.team_id ?? team?.id, enterprise?.id ?? team?.enterprise_id);
  if (by === undefined) return ignored("a form without a workspace");
  const typed = Object.fromEntries(
    Object.entries(view.state.values).flatMap(([field, answers]): [string, string | string[]][] => {
      const answer = answers[CARRIES_ANSWERS];
      const many = answer?.selected_options?.map((option) => option.value);
      const who = answer?.selected_user;
      const one = answer?.value ?? answer?.selected_option?.value ?? (who ? `${SLACK_ACCOUNT}${who}` : undefined);
      return many ? [[field, many]] : one ? [[field, one.trim()]] : [];
    }),
  );
  return { kind: "submit", ref: form.ref, typed, viewId: view.id, hash: view.hash, by, place: form.place, triggerId: trigger_id };
}

function readShortcut(payload: unknown): SlackIntent {
  const parsed = Shortcut.safeParse(payload);
  if (!parsed.success) return ignored("a shortcut of unknown shape");
  const { type, callback_id, user, team, enterprise, trigger_id, response_url, channel, message } = parsed.data;
  const by = person(user.id, user.team_id ?? team?.id, enterprise?.id ?? team?.enterprise_id);
  if (by === undefined) return ignored("a shortcut without a workspace");
  const place: Place = { channel: channel?.id ?? "", messageTs: message?.ts ?? "", responseUrl: response_url };
  const at = { by, place, triggerId: trigger_id };
  if (type === "shortcut" && callback_id === SHORTCUTS.global) return { kind: "form", ref: "investigate", button: "", ...at };
  if (type === "message_action" && callback_id === SHORTCUTS.message) return { kind: "message", text: messageText(message), ...at };
  return ignored("a shortcut that is not air's");
}

function readEvent(payload: unknown): SlackIntent {
  const parsed = Event.safeParse(payload);
  if (!parsed.success) return ignored("an event of unknown shape");
  const { event, event_id, team_id, enterprise_id } = parsed.data;
  if (event.type === "app_home_opened") {
    const by = event.user === undefined ? undefined : person(event.user, team_id, enterprise_id);
    // The other tab is the conversation with air; nothing has to be drawn there.
    return event.tab === "home" && by !== undefined ? { kind: "home", by, eventId: event_id } : ignored("another tab was opened");
  }
  const direct = event.type === "message" && event.channel_type === "im";
  if (event.type !== "app_mention" && !direct) return ignored(`event ${event.type}`);
  // Our own posts and other bots come back as events, too; answering them would never end.
  if (event.bot_id !== undefined || event.subtype !== undefined || event.user === undefined) return ignored("not typed by a person");
  const by = person(event.user, event.user_team ?? event.team ?? team_id, enterprise_id);
  if (by === undefined || event.channel === "") return ignored("an event without a workspace or channel");
  // A mention in a DM arrives as both events: the message is answered.
  if (event.type === "app_mention" && event.channel.startsWith("D")) return ignored("a mention in a direct message");
  const thread = event.thread_ts;
  const reply: Reply = { via: "message", channel: event.channel, direct, ...(thread === undefined ? {} : { thread }) };
  return { kind: "command", text: typedText(event.text), by, reply, eventId: event_id };
}

/** What a person typed: Slack's own escapes undone, the leading mention of the bot and link markup removed. */
function typedText(text: string): string {
  return text
    .replace(/^\s*<@[A-Z0-9]+(\|[^>]*)?>\s*/, "")
    .replace(/<(?:https?:\/\/|mailto:)[^|>]*\|([^>]*)>/g, "$1")
    .replace(/<((?:https?:\/\/|mailto:)[^|>]*)>/g, "$1")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
    .trim();
}
