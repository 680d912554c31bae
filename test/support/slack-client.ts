import { createHmac } from "node:crypto";
import { eventually } from "./eventually.ts";
import type { Answer, Ask } from "./running-air.ts";
import { SLACK_SECRET, type SlackEmulator } from "./slack-emulator.ts";

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

/** What Slack's client sends when a person types, presses, chooses and fills in; signed, to an air that listens over HTTP. */
export function slackClient(slack: SlackEmulator, ask: (path: string, ask?: Ask) => Promise<Answer>) {
  const post = (raw: string, type: string) => {
    const stamp = String(Math.floor(Date.now() / 1000));
    const mac = createHmac("sha256", SLACK_SECRET).update(`v0:${stamp}:${raw}`).digest("hex");
    const headers = { "content-type": type, "x-slack-request-timestamp": stamp, "x-slack-signature": `v0=${mac}` };
    return ask("/slack/events", { method: "POST", raw, headers });
  };
  const form = (fields: Record<string, string>) => post(new URLSearchParams(fields).toString(), "application/x-www-form-urlencoded");
  const interactive = (payload: object) => form({ payload: JSON.stringify(payload) });
  const common = ({ user = slack.userId, team = slack.teamId }: Who = {}) => ({
    team: { id: slack.teamId },
    user: { id: user, team_id: team },
  });
  const trigger = async (viewId?: string) =>
    String((await slack.call("views.generateTriggerId", { user_id: slack.userId, ...(viewId ? { view_id: viewId } : {}) })).trigger_id);
  const opened = (since: number) =>
    eventually(
      () =>
        slack.calls.slice(since).findLast(({ method }) => method === "views.open" || method === "views.push")?.body.view as
          | View
          | undefined,
      "a modal",
    );
  const act = async (action: object, place: object) =>
    interactive({
      ...common(),
      type: "block_actions",
      trigger_id: await trigger(),
      ...place,
      actions: [{ block_id: "b", action_ts: "1.1", ...action }],
    });
  const onMessage = () => ({ channel: { id: slack.channel }, message: { ts: "1.1" }, response_url: slack.responseUrl });
  let views = 0;
  return {
    interactive,
    event: (event: object) => {
      const raw = JSON.stringify({ type: "event_callback", team_id: slack.teamId, event_id: `Ev${Math.random()}`, event });
      return post(raw, "application/json");
    },
    slash: async (text: string, who: Who = {}) =>
      form({
        team_id: who.team ?? slack.teamId,
        channel_id: slack.channel,
        user_id: who.user ?? slack.userId,
        command: "/air",
        text,
        response_url: slack.responseUrl,
        trigger_id: await trigger(),
      }),
    press: (element: Element, place: object = onMessage()) =>
      act({ type: "button", action_id: element.action_id, value: element.value, text: element.text }, place),
    /** What a menu's entry opens. */
    choose: async (menu: Element, label: string): Promise<View> => {
      const since = slack.calls.length;
      const option = menu.options?.find((one) => one.text.text.startsWith(label));
      if (!option) throw new Error(`The menu has no "${label}".`);
      await act({ type: "overflow", action_id: menu.action_id, selected_option: option }, onMessage());
      return opened(since);
    },
    /** What a command, press or shortcut opens. */
    opens: async (what: () => Promise<unknown>): Promise<View> => {
      const since = slack.calls.length;
      await what();
      return opened(since);
    },
    shortcut: async (payload: object) => interactive({ ...common(), trigger_id: await trigger(), ...payload }),
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
        trigger_id: "t",
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
