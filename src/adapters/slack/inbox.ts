import { z } from "zod";
import { readActionId } from "./action-id.ts";
import { AskData } from "./ask-modal.ts";

/** Who did it, by ids only: names are what people type about themselves. */
export type SlackPerson = { userId: string; teamId: string; enterpriseId?: string };

/** Where the answer to a command goes. Only the person who asked sees it, whichever way it is. */
export type Reply = { via: "response-url"; url: string } | { via: "message"; channel: string; thread?: string; direct: boolean };

type Press = { value: string; by: SlackPerson; channel: string; messageTs: string; responseUrl: string };

export type SlackIntent =
  | { kind: "command"; text: string; by: SlackPerson; reply: Reply; eventId?: string }
  | ({ kind: "press"; triggerId: string; typed?: string; modalId?: string } & Press)
  /** A button that wants a text first: a modal is due before its trigger dies. */
  | ({ kind: "ask"; triggerId: string; label: string; required: boolean; button: string } & Press)
  | { kind: "ignored"; reason: string };

const Team = z.object({ id: z.string().optional(), enterprise_id: z.string().nullish() }).nullish();
const Enterprise = z.object({ id: z.string() }).nullish();

const Command = z.object({
  command: z.string().startsWith("/"),
  text: z.string().default(""),
  user_id: z.string().min(1),
  team_id: z.string().min(1),
  enterprise_id: z.string().optional(),
  response_url: z.url(),
});

const Press = z.object({
  type: z.literal("block_actions"),
  user: z.object({ id: z.string().min(1), team_id: z.string().optional() }),
  team: Team,
  enterprise: Enterprise,
  channel: z.object({ id: z.string() }).optional(),
  container: z.object({ channel_id: z.string().optional(), message_ts: z.string().optional() }).optional(),
  message: z.object({ ts: z.string() }).optional(),
  trigger_id: z.string().default(""),
  response_url: z.string().default(""),
  actions: z
    .array(
      z.object({
        type: z.string(),
        action_id: z.string(),
        value: z.string().optional(),
        text: z.object({ text: z.string() }).optional(),
      }),
    )
    .min(1),
});

const Submission = z.object({
  type: z.literal("view_submission"),
  user: z.object({ id: z.string().min(1), team_id: z.string().optional() }),
  team: Team,
  enterprise: Enterprise,
  trigger_id: z.string().default(""),
  view: z.object({
    id: z.string().default(""),
    callback_id: z.string(),
    private_metadata: z.string(),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), z.object({ value: z.string().nullish() }))) }),
  }),
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
    case "event_callback":
      return readEvent(payload);
    default:
      return ignored(`payload of type ${JSON.stringify(type.data.type)}`);
  }
}

function readCommand(payload: unknown): SlackIntent {
  const parsed = Command.safeParse(payload);
  if (!parsed.success) return ignored("a slash command of unknown shape");
  const { user_id, team_id, enterprise_id, text, response_url } = parsed.data;
  const by = person(user_id, team_id, enterprise_id);
  if (by === undefined) return ignored("a slash command without a workspace");
  return { kind: "command", text: typedText(text), by, reply: { via: "response-url", url: response_url } };
}

function readPress(payload: unknown): SlackIntent {
  const parsed = Press.safeParse(payload);
  if (!parsed.success) return ignored("a press of unknown shape");
  const { user, team, enterprise, channel, container, message, actions, trigger_id, response_url } = parsed.data;
  const [action] = actions;
  const id = action === undefined ? undefined : readActionId(action.action_id);
  if (action === undefined || id === undefined || action.type !== "button") return ignored("a press on something that is not air's");
  if (id.kind === "link") return ignored("a link was opened");
  if (action.value === undefined) return ignored("a button without a value");
  // Where two companies share a channel, `team` is the workspace it happened in and `user.team_id` the one the person belongs to.
  const by = person(user.id, user.team_id ?? team?.id, enterprise?.id ?? team?.enterprise_id);
  if (by === undefined) return ignored("a press without a workspace");
  const press = {
    value: action.value,
    by,
    channel: channel?.id ?? container?.channel_id ?? "",
    messageTs: message?.ts ?? container?.message_ts ?? "",
    responseUrl: response_url,
  };
  if (id.kind === "plain") return { kind: "press", triggerId: trigger_id, ...press };
  return { kind: "ask", triggerId: trigger_id, label: id.label, required: id.required, button: action.text?.text ?? "", ...press };
}

function readSubmission(payload: unknown): SlackIntent {
  const parsed = Submission.safeParse(payload);
  if (!parsed.success) return ignored("a form of unknown shape");
  const { user, team, enterprise, trigger_id, view } = parsed.data;
  const data = AskData.read(view.callback_id, view.private_metadata);
  if (data === undefined) return ignored("a form that is not air's");
  const by = person(user.id, user.team_id ?? team?.id, enterprise?.id ?? team?.enterprise_id);
  if (by === undefined) return ignored("a form without a workspace");
  const typed = view.state.values[AskData.blockId]?.[AskData.actionId]?.value ?? "";
  const { value, channel, messageTs, responseUrl } = data;
  return { kind: "press", value, by, channel, messageTs, responseUrl, triggerId: trigger_id, typed: typed.trim(), modalId: view.id };
}

function readEvent(payload: unknown): SlackIntent {
  const parsed = Event.safeParse(payload);
  if (!parsed.success) return ignored("an event of unknown shape");
  const { event, event_id, team_id, enterprise_id } = parsed.data;
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
