import { describe, expect, test } from "vitest";
import { askModal } from "../../../src/adapters/slack/ask-modal.ts";
import { readSlack } from "../../../src/adapters/slack/inbox.ts";

const slash = {
  token: "x",
  team_id: "T0SOC",
  team_domain: "soc",
  channel_id: "C1",
  channel_name: "soc",
  user_id: "U1",
  user_name: "admin",
  command: "/air",
  text: " status INV-42 ",
  response_url: "https://hooks.slack.com/commands/1",
  trigger_id: "1.2.3",
  api_app_id: "A1",
};
const press = (action: object, more: object = {}) => ({
  type: "block_actions",
  api_app_id: "A1",
  team: { id: "T0SOC", domain: "soc" },
  enterprise: null,
  user: { id: "U1", username: "admin", name: "admin", team_id: "T0SOC" },
  container: { type: "message", message_ts: "1700000000.000001", channel_id: "C1", is_ephemeral: false },
  channel: { id: "C1", name: "soc" },
  message: { ts: "1700000000.000001", type: "message", text: "x" },
  trigger_id: "9.9.9",
  response_url: "https://hooks.slack.com/actions/1",
  state: { values: {} },
  actions: [
    {
      type: "button",
      action_id: "air:0",
      block_id: "b",
      value: "ACT-1.v",
      action_ts: "1.1",
      text: { type: "plain_text", text: "Reject" },
      ...action,
    },
  ],
  ...more,
});
const event = (inner: object, more: object = {}) => ({
  token: "x",
  type: "event_callback",
  team_id: "T0SOC",
  api_app_id: "A1",
  event_id: "Ev1",
  event_time: 1,
  event: inner,
  ...more,
});
const by = { userId: "U1", teamId: "T0SOC" };

describe("what people want", () => {
  test("a slash command", () => {
    expect(readSlack(slash)).toEqual({
      kind: "command",
      text: "status INV-42",
      by,
      reply: { via: "response-url", url: "https://hooks.slack.com/commands/1" },
    });
    expect(readSlack({ ...slash, enterprise_id: "E1" })).toMatchObject({ by: { ...by, enterpriseId: "E1" } });
  });

  test("a press", () => {
    expect(readSlack(press({}))).toEqual({
      kind: "press",
      value: "ACT-1.v",
      by,
      channel: "C1",
      messageTs: "1700000000.000001",
      triggerId: "9.9.9",
      responseUrl: "https://hooks.slack.com/actions/1",
    });
  });

  test("a press from a company the channel is shared with belongs to the presser's own workspace", () => {
    expect(readSlack(press({}, { user: { id: "U9", team_id: "T0OTHER" } }))).toMatchObject({ by: { userId: "U9", teamId: "T0OTHER" } });
  });

  test("a button that asks, and its form", () => {
    const intent = readSlack(press({ action_id: "air:ask:1:r:Reason" }));
    expect(intent).toMatchObject({ kind: "ask", value: "ACT-1.v", label: "Reason", required: true, button: "Reject", triggerId: "9.9.9" });
    if (intent.kind !== "ask") throw new Error("not an ask");
    const view = askModal(intent, intent);
    expect(view).toMatchObject({ title: { text: "Reject" }, blocks: [{ type: "input", optional: false, label: { text: "Reason" } }] });
    const submission = {
      type: "view_submission",
      team: { id: "T0SOC" },
      user: { id: "U1", username: "x", team_id: "T0SOC" },
      trigger_id: "t",
      view: {
        id: "V1",
        type: "modal",
        callback_id: view?.callback_id,
        private_metadata: view?.private_metadata,
        state: { values: { typed: { text: { type: "plain_text_input", value: " CFO laptop " } } } },
      },
    };
    expect(readSlack(submission)).toEqual({
      kind: "press",
      value: "ACT-1.v",
      by,
      channel: "C1",
      messageTs: "1700000000.000001",
      responseUrl: "https://hooks.slack.com/actions/1",
      triggerId: "t",
      typed: "CFO laptop",
      modalId: "V1",
    });
    expect(readSlack({ ...submission, view: { ...submission.view, private_metadata: "{" } }).kind).toBe("ignored");
  });

  test("a mention and a direct message", () => {
    expect(
      readSlack(
        event({
          type: "app_mention",
          user: "U1",
          text: "<@UBOT> status <https://x.example|x> &amp; 42",
          channel: "C1",
          ts: "1.1",
          team: "T0SOC",
        }),
      ),
    ).toEqual({
      kind: "command",
      text: "status x & 42",
      by,
      reply: { via: "message", channel: "C1", direct: false },
      eventId: "Ev1",
    });
    expect(
      readSlack(event({ type: "message", channel_type: "im", user: "U1", text: "help", channel: "D1", ts: "1.1", thread_ts: "1.0" })),
    ).toEqual({
      kind: "command",
      text: "help",
      by,
      reply: { via: "message", channel: "D1", direct: true, thread: "1.0" },
      eventId: "Ev1",
    });
  });
});

test.each([
  ["another app's button", press({ action_id: "other" })],
  ["a link", press({ action_id: "air:link:1" })],
  ["a button without a value", press({ value: undefined })],
  ["a select", press({ type: "static_select" })],
  ["our own post", event({ type: "message", channel_type: "im", bot_id: "B1", user: "UBOT", text: "x", channel: "D1" })],
  ["an edit", event({ type: "message", subtype: "message_changed", channel_type: "im", channel: "D1" })],
  ["talk in a channel", event({ type: "message", channel_type: "channel", user: "U1", text: "x", channel: "C1" })],
  ["another event", event({ type: "reaction_added", user: "U1" })],
  [
    "a foreign form",
    {
      type: "view_submission",
      user: { id: "U1" },
      team: { id: "T" },
      view: { callback_id: "x", private_metadata: "{}", state: { values: {} } },
    },
  ],
  ["nothing", undefined],
  ["a text", "x"],
  ["an empty object", {}],
  ["a command without a person", { ...slash, user_id: "" }],
])("%s is ignored", (_name, payload) => {
  expect(readSlack(payload).kind).toBe("ignored");
});
