import { createHmac } from "node:crypto";
import { eventually } from "./eventually.ts";
import type { Answer, Ask } from "./running-air.ts";
import { MANIFEST, SLACK_SECRET, type SlackEmulator } from "./slack-emulator.ts";

export type View = {
  type: string;
  callback_id?: string;
  private_metadata?: string;
  title?: { text: string };
  blocks: { type: string; block_id?: string; label?: { text: string }; element?: Element; elements?: Element[] }[];
};
export type Element = {
  type: string;
  action_id?: string;
  value?: string;
  text?: { text: string };
  options?: { value: string; text: { text: string } }[];
  initial_option?: { value: string };
};
type Who = { user?: string; team?: string };
type Kind = "slash_commands" | "interactive" | "events_api";
/** What Slack gets back for what it sent: an empty text is a plain ack. */
type Acked = { status: number; text: string };
/** One of the two ways on which Slack's payloads reach an app. */
export type Transport = (kind: Kind, payload: object) => Promise<Acked>;

/** Signed requests to an air that listens. */
export function overHttp(ask: (path: string, ask?: Ask) => Promise<Answer>): Transport {
  return (kind, payload) => {
    const fields = () =>
      new URLSearchParams(kind === "interactive" ? { payload: JSON.stringify(payload) } : (payload as Record<string, string>));
    const raw = kind === "events_api" ? JSON.stringify(payload) : fields().toString();
    const stamp = String(Math.floor(Date.now() / 1000));
    const mac = createHmac("sha256", SLACK_SECRET).update(`v0:${stamp}:${raw}`).digest("hex");
    return ask("/slack/events", {
      method: "POST",
      raw,
      headers: {
        "content-type": kind === "events_api" ? "application/json" : "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": `v0=${mac}`,
      },
    });
  };
}

/** Envelopes down the socket that air opened. */
export function overSocket(slack: SlackEmulator): Transport {
  return async (kind, payload) => {
    const { payload: answer } = await slack.push(kind, payload);
    const text = JSON.stringify(answer ?? {});
    return { status: 200, text: text === "{}" ? "" : text };
  };
}

/**
 * What Slack's client sends when a person types, presses, chooses and fills in. Slack sends only what the app's manifest asks for, and so
 * does this.
 */
export function slackClient(slack: SlackEmulator, send: Transport) {
  const { features, settings } = MANIFEST;
  const commands = features.slash_commands.map(({ command }) => command);
  const subscribed = new Set(settings.event_subscriptions.bot_events);
  const must = (what: string, known: boolean, scope?: string) => {
    if (!known) throw new Error(`The manifest has no ${what}.`);
    if (scope === undefined) return;
    slack.needed.add(scope);
    if (!MANIFEST.oauth_config.scopes.bot.includes(scope)) throw new Error(`The manifest has no ${scope} for ${what}.`);
  };
  const interactive = (payload: object) => send("interactive", payload);
  const common = ({ user = slack.userId, team = slack.teamId }: Who = {}) => ({
    team: { id: slack.teamId },
    user: { id: user, team_id: team },
  });
  const trigger = async (user = slack.userId) => String((await slack.call("views.generateTriggerId", { user_id: user })).trigger_id);
  const opened = (since: number) =>
    eventually(
      () =>
        slack.calls.slice(since).findLast(({ method }) => method === "views.open" || method === "views.push")?.body.view as
          | View
          | undefined,
      "a modal",
    );
  const act = async (action: object, place: object, who: Who = {}) =>
    interactive({
      ...common(who),
      type: "block_actions",
      trigger_id: await trigger(who.user),
      ...place,
      actions: [{ block_id: "b", action_ts: "1.1", ...action }],
    });
  const onMessage = () => ({ channel: { id: slack.channel }, message: { ts: "1.1" }, response_url: slack.responseUrl });
  let views = 0;
  return {
    interactive,
    event: (event: { type: string; channel_type?: string; [more: string]: unknown }) => {
      const name = event.type === "message" ? `message.${event.channel_type}` : event.type;
      const scope = { app_mention: "app_mentions:read", "message.im": "im:history" }[name];
      must(`event ${name}`, subscribed.has(name), scope);
      return send("events_api", { type: "event_callback", team_id: slack.teamId, event_id: `Ev${Math.random()}`, event });
    },
    slash: async (text: string, who: Who = {}) => {
      must("command /air", commands.includes("/air"), "commands");
      return send("slash_commands", {
        team_id: who.team ?? slack.teamId,
        channel_id: slack.channel,
        user_id: who.user ?? slack.userId,
        command: "/air",
        text,
        response_url: slack.responseUrl,
        trigger_id: await trigger(who.user),
      });
    },
    press: (element: Element, place: object = onMessage(), who: Who = {}) =>
      act({ type: "button", action_id: element.action_id, value: element.value, text: element.text }, place, who),
    /** What a menu's entry opens. */
    choose: async (menu: Element, label: string, who: Who = {}): Promise<View> => {
      const since = slack.calls.length;
      const option = menu.options?.find((one) => one.text.text.startsWith(label));
      if (!option) throw new Error(`The menu has no "${label}".`);
      await act({ type: "overflow", action_id: menu.action_id, selected_option: option }, onMessage(), who);
      return opened(since);
    },
    /** What a command, press or shortcut opens. */
    opens: async (what: () => Promise<unknown>): Promise<View> => {
      const since = slack.calls.length;
      await what();
      return opened(since);
    },
    shortcut: async (payload: { type: string; callback_id: string; [more: string]: unknown }) => {
      const known = features.shortcuts.some(({ callback_id }) => callback_id === payload.callback_id);
      must(`shortcut ${payload.callback_id}`, known, "commands");
      return interactive({ ...common(), trigger_id: await trigger(), ...payload });
    },
    /** The modal filled in. `id`: the same one again. */
    submit: async (view: View, typed: Record<string, string | string[]>, { id, ...who }: { id?: string } & Who = {}) => {
      const values = Object.fromEntries(
        Object.entries(typed).map(([field, value]) => {
          const type = view.blocks.find((block) => block.block_id === field)?.element?.type;
          const answer = Array.isArray(value)
            ? { selected_options: value.map((one) => ({ value: one })) }
            : type === "static_select"
              ? { selected_option: { value } }
              : { value };
          return [field, { v: { type, ...answer } }];
        }),
      );
      views += 1;
      return interactive({
        ...common(who),
        type: "view_submission",
        trigger_id: `t${views}`,
        view: { ...view, id: id ?? `V-test-${views}`, hash: "h", state: { values } },
      });
    },
  };
}

/** The menu of the card, from the blocks as they were sent. */
export const menuOf = (blocks: readonly View["blocks"][number][]): Element =>
  blocks.flatMap((block) => block.elements ?? []).find((element) => element.type === "overflow") ?? { type: "none" };
export const buttonOf = (blocks: readonly View["blocks"][number][], label: string): Element => {
  const button = blocks
    .flatMap((block) => block.elements ?? [])
    .find((element) => element.type === "button" && element.text?.text === label);
  if (!button) throw new Error(`There is no button "${label}".`);
  return button;
};
