import { z } from "zod";
import type { Filled } from "../../engine/cards/form.ts";
import { writeMention } from "../../engine/domain/mention.ts";
import type { Conversation } from "../../engine/ports.ts";
import { messageText, unmarked } from "./message-text.ts";

/** Who did it. `userId` is the object id in Entra ID, the same in every chat; the name is what the directory shows, and proves nothing. */
export type TeamsPerson = { userId: string; tenantId: string; name: string };

/** Where it happened. `thread`: the conversation as a reply names it; `messageId`: the message whose button was pressed. */
export type Place = { conversation: Omit<Conversation, "removedAt">; thread: string; messageId: string };

type At = { by: TeamsPerson; place: Place; activityId: string };

export type TeamsIntent =
  | ({ kind: "command"; text: string } & At)
  | ({ kind: "press"; value: string; typed: string | undefined } & At)
  /** A button that opens a form. */
  | ({ kind: "form"; ref: string } & At)
  | ({ kind: "submit"; ref: string; data: Filled } & At)
  /** From an answer or a form back to the card. */
  | ({ kind: "back" } & At)
  /** A client drew the card again by itself. */
  | ({ kind: "refresh" } & At)
  /** A dialog is asked for, by a button or for a message. */
  | ({ kind: "dialog"; ask: { ref: string } | { text: string } } & At)
  | ({ kind: "dialog-submit"; ref: string; data: Filled } & At)
  /** air was added, or something about the conversation changed. */
  | { kind: "heard"; place: Place; installed: boolean }
  | { kind: "left"; place: Place }
  /** A button or dialog somebody used that says nothing air could carry out: the asking part of Teams waits for an answer all the same. */
  | { kind: "unreadable"; dialog: boolean; reason: string; place: Place }
  | { kind: "ignored"; reason: string };

const Named = z.looseObject({ id: z.string().optional(), name: z.string().nullish() });
const Activity = z.object({
  type: z.string(),
  id: z.string().default(""),
  name: z.string().optional(),
  action: z.string().optional(),
  serviceUrl: z.string().min(1).max(2_000),
  from: z.object({ id: z.string().default(""), aadObjectId: z.string().nullish(), name: z.string().nullish() }).optional(),
  recipient: z.object({ id: z.string().min(1) }),
  conversation: z.object({
    id: z.string().min(1).max(1_000),
    tenantId: z.string().nullish(),
    conversationType: z.string().nullish(),
    name: z.string().nullish(),
  }),
  channelData: z
    .looseObject({
      tenant: Named.nullish(),
      team: Named.nullish(),
      channel: Named.nullish(),
      eventType: z.string().nullish(),
    })
    .nullish(),
  text: z.string().nullish(),
  textFormat: z.string().nullish(),
  entities: z.array(z.looseObject({ type: z.string() })).nullish(),
  membersAdded: z.array(z.looseObject({ id: z.string() })).nullish(),
  membersRemoved: z.array(z.looseObject({ id: z.string() })).nullish(),
  replyToId: z.string().nullish(),
  value: z.unknown().optional(),
});
type Activity = z.infer<typeof Activity>;

const Data = z.record(z.string(), z.unknown());
const CardAction = z.object({
  action: z.object({ verb: z.string().default(""), data: Data.default({}) }),
  trigger: z.string().optional(),
});
const Task = z.looseObject({ data: Data.default({}), commandId: z.string().optional(), messagePayload: z.unknown().optional() });
const Mention = z.object({
  type: z.literal("mention"),
  text: z.string().min(1).max(500),
  mentioned: z.object({ id: z.string(), aadObjectId: z.string().max(100).nullish() }),
});

const Mentioned = z.object({ type: z.literal("mention"), mentioned: z.object({ id: z.string() }) });

/** The manifest's name of the message command. */
export const INVESTIGATE = "investigate";
/** Before the names of a form's fields, so that none of them is taken for what else the button carries. */
export const FIELD = "f.";

const ignored = (reason: string): TeamsIntent => ({ kind: "ignored", reason });

/**
 * An activity of Teams → what the person wants. Everything else is ignored, with the reason for the log. `untold`: a press that does not
 * say what brought it about is a person's. Teams says it, the page of Microsoft's Agents Playground does not, and its clients draw no card
 * again by themselves.
 */
export function readTeams(payload: unknown, untold = false): TeamsIntent {
  const parsed = Activity.safeParse(payload);
  if (!parsed.success) return ignored("an activity of unknown shape");
  const activity = parsed.data;
  const place = placeOf(activity);
  if (place === undefined) return ignored("two tenants in one activity, or none");
  switch (activity.type) {
    case "installationUpdate":
      return /^remove/.test(activity.action ?? "") ? { kind: "left", place } : { kind: "heard", place, installed: true };
    case "conversationUpdate":
      return readUpdate(activity, place);
    case "message":
    case "invoke":
      break;
    default:
      return ignored(`activity ${activity.type.slice(0, 40)}`);
  }
  const userId = activity.from?.aadObjectId?.trim().toLowerCase();
  // Bots have none; so does whoever Teams does not know.
  if (!userId) return activity.type === "invoke" ? notRead(activity, place, "nobody Teams knows") : ignored("nobody Teams knows");
  const by = {
    userId,
    tenantId: place.conversation.tenant,
    name: (activity.from?.name ?? "").trim().slice(0, 80).toWellFormed() || userId,
  };
  const at: At = { by, place, activityId: activity.id };
  return activity.type === "message" ? readMessage(activity, at) : readInvoke(activity, at, untold);
}

const DIALOGS = ["task/fetch", "task/submit", "composeExtension/fetchTask", "composeExtension/submitAction"];
/** How the asking part of Teams takes words: undefined where it shows none. */
export const askedBy = (name: string | undefined): "card" | "dialog" | undefined =>
  name === "adaptiveCard/action" ? "card" : DIALOGS.includes(name ?? "") ? "dialog" : undefined;

function notRead({ name }: Activity, place: Place, reason: string): TeamsIntent {
  const asking = askedBy(name);
  return asking === undefined ? ignored(reason) : { kind: "unreadable", dialog: asking === "dialog", reason, place };
}

function placeOf(activity: Activity): Place | undefined {
  const { conversation, channelData, recipient, serviceUrl, replyToId, from } = activity;
  const tenants = [conversation.tenantId, channelData?.tenant?.id].flatMap((one) => (one ? [one.toLowerCase()] : []));
  const [tenant] = tenants;
  if (tenant === undefined || tenants.some((one) => one !== tenant)) return undefined;
  const [id = ""] = conversation.id.split(";");
  const kind = kindOf(conversation.conversationType ?? "", id, channelData?.channel?.id);
  const name = channelData?.channel?.name ?? conversation.name ?? channelData?.team?.name ?? undefined;
  return {
    conversation: {
      id,
      kind,
      tenant,
      serviceUrl,
      bot: recipient.id,
      team: channelData?.team?.id,
      name: name?.slice(0, 200).toWellFormed(),
      ...(kind === "personal" && from?.aadObjectId ? { person: from.aadObjectId.trim().toLowerCase() } : {}),
    },
    thread: conversation.id,
    messageId: replyToId ?? "",
  };
}

function kindOf(type: string, id: string, channel: string | undefined): Conversation["kind"] {
  if (type === "channel") return "channel";
  if (type === "groupChat") return "group";
  if (type === "personal") return "personal";
  if (id.endsWith("@thread.v2")) return "group";
  return channel !== undefined || id.endsWith("@thread.tacv2") || id.endsWith("@thread.skype") ? "channel" : "personal";
}

function readUpdate({ membersAdded, membersRemoved, recipient, channelData }: Activity, place: Place): TeamsIntent {
  const event = channelData?.eventType ?? "";
  if (membersRemoved?.some((member) => member.id === recipient.id)) return { kind: "left", place };
  if (event === "channelDeleted" || event === "teamDeleted" || event === "teamHardDeleted") {
    const id = event === "channelDeleted" ? channelData?.channel?.id : undefined;
    // Only the channel is gone, not what else is in its team.
    if (event === "channelDeleted")
      return id === undefined
        ? ignored(event)
        : { kind: "left", place: { ...place, conversation: { ...place.conversation, id, team: undefined } } };
    return { kind: "left", place };
  }
  const installed = membersAdded?.some((member) => member.id === recipient.id) === true;
  // Events about a channel come by the team's own conversation.
  const about = event.startsWith("channel") ? channelData?.channel?.id : undefined;
  return {
    kind: "heard",
    place: about === undefined ? place : { ...place, conversation: { ...place.conversation, id: about, kind: "channel" } },
    installed,
  };
}

function readMessage(activity: Activity, at: At): TeamsIntent {
  // Where Teams hands over what people say to each other, only what is said to air is for it; in a chat of two everything is.
  if (at.place.conversation.kind !== "personal" && !mentionsAir(activity)) return ignored("a message that does not mention air");
  const text = typedText(activity);
  if (text === "" && activity.value !== undefined && activity.value !== null) return ignored("a card's answer as a message");
  return { kind: "command", text, ...at };
}

/** By the account that Teams marks, never by a name: another app or person may be called the same. */
const mentionsAir = ({ entities, recipient }: Activity): boolean =>
  (entities ?? []).some((entity) => {
    const mention = Mentioned.safeParse(entity);
    return mention.success && mention.data.mentioned.id === recipient.id;
  });

/** More than a message of Teams holds: whatever was typed is counted whole before somebody says that it is too long. */
const LONGEST_TEXT = 100_000;

const MOST_MENTIONS = 50;
/** Mark where a mention stood while the rest is read; of what a person typed they are taken out. */
const [OPEN, SHUT] = ["\ue000", "\ue001"];
const MARKED = new RegExp(`${OPEN}(\\d+)${SHUT}`, "gu");
const AT_TAG = /^<at(?: [^<>]*)?>([^<>]*)<\/at>$/i;

/**
 * What a person typed: the mentions of the bot taken off, as the message itself marks them, and of other people written so that the account
 * stays with the name. A mention whose text does not stand there says nothing; what is left of the marks is taken off.
 */
function typedText({ text, textFormat, entities, recipient }: Activity): string {
  let left = (text ?? "").slice(0, LONGEST_TEXT).replaceAll(/[\ue000\ue001]/gu, "");
  const people: string[] = [];
  for (const entity of (entities ?? []).slice(0, MOST_MENTIONS)) {
    const mention = Mention.safeParse(entity);
    if (!mention.success) continue;
    const { text: marked, mentioned } = mention.data;
    const shown = AT_TAG.exec(marked)?.[1];
    if (mentioned.id === recipient.id) left = left.replace(marked, " ");
    else if (shown !== undefined && mentioned.aadObjectId && left.includes(marked)) {
      left = left.replace(marked, () => `${OPEN}${people.length}${SHUT}`);
      people.push(writeMention(mentioned.aadObjectId.trim(), unmarked(shown)));
    }
  }
  const plain = textFormat === "xml" || textFormat === "html" ? unmarked(left) : left.replaceAll(/<\/?at(?: [^<>]*)?>/gi, "");
  return plain
    .replaceAll(MARKED, (_all, index: string) => people[Number(index)] ?? "")
    .replaceAll("\u00a0", " ")
    .trim();
}

function readInvoke(activity: Activity, at: At, untold: boolean): TeamsIntent {
  const { name, value } = activity;
  const read = (): TeamsIntent | string => {
    switch (name) {
      case "adaptiveCard/action":
        return readCardAction(value, at, untold);
      case "task/fetch":
      case "task/submit":
      case "composeExtension/fetchTask":
      case "composeExtension/submitAction": {
        const task = Task.safeParse(value);
        return task.success ? readTask(name, task.data, at) : "a dialog of unknown shape";
      }
      default:
        return `invoke ${(name ?? "").slice(0, 60)}`;
    }
  };
  const intent = read();
  return typeof intent === "string" ? notRead(activity, at.place, intent) : intent;
}

/** A string says what cannot be read of it. */
function readCardAction(value: unknown, at: At, untold: boolean): TeamsIntent | string {
  const parsed = CardAction.safeParse(value);
  if (!parsed.success) return "a press of unknown shape";
  const { action, trigger = untold ? "manual" : undefined } = parsed.data;
  if (trigger === "automatic") return { kind: "refresh", ...at };
  // Only what a person did decides, and only where Teams says that it was a person.
  if (trigger !== "manual") return "a press that does not say who brought it about";
  const { verb, data } = action;
  switch (verb) {
    case "press": {
      const pressed = text(data.value);
      const typed = typeof data.input === "string" ? wordsOf(data[data.input]) : undefined;
      return pressed === undefined ? "a button without a value" : { kind: "press", value: pressed, typed: typed || undefined, ...at };
    }
    case "form": {
      const ref = text(data.ref);
      return ref === undefined ? "a button without a form" : { kind: "form", ref, ...at };
    }
    case "submit": {
      const ref = text(data.ref);
      return ref === undefined ? "a form without its name" : { kind: "submit", ref, data: fieldsOf(data), ...at };
    }
    case "back":
      return { kind: "back", ...at };
    default:
      return "a button that is not air's";
  }
}

function readTask(name: string, { data, commandId, messagePayload }: z.infer<typeof Task>, at: At): TeamsIntent | string {
  const ref = text(data.ref);
  if (name.endsWith("/submit") || name.endsWith("/submitAction"))
    return ref === undefined ? "a dialog without its name" : { kind: "dialog-submit", ref, data: fieldsOf(data), ...at };
  if (name === "composeExtension/fetchTask")
    return commandId === INVESTIGATE
      ? { kind: "dialog", ask: { text: messageText(messagePayload) }, ...at }
      : "a command that is not air's";
  return ref === undefined ? "a dialog without its name" : { kind: "dialog", ask: { ref }, ...at };
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" && value.length <= 4_000 ? value : undefined;

/** What somebody typed, however long: how much is too much is said where it is decided. */
const wordsOf = (value: unknown): string | undefined => (typeof value === "string" ? value.trim().slice(0, LONGEST_TEXT) : undefined);

/** What was filled in, by the field's own name. */
function fieldsOf(data: Record<string, unknown>): Filled {
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, value]): [string, string][] =>
      key.startsWith(FIELD) && typeof value === "string" && value.trim() !== ""
        ? [[key.slice(FIELD.length), value.trim().slice(0, LONGEST_TEXT)]]
        : [],
    ),
  );
}
