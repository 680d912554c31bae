import { describe, expect, test } from "vitest";
import { formModal } from "../../../src/adapters/slack/form-modal.ts";
import { readSlack } from "../../../src/adapters/slack/inbox.ts";
import { decisionForm } from "../../../src/bot/decision-forms.ts";

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
      triggerId: "1.2.3",
    });
    expect(readSlack({ ...slash, enterprise_id: "E1" })).toMatchObject({ by: { ...by, enterpriseId: "E1" } });
  });

  test("a press", () => {
    expect(readSlack(press({}))).toEqual({
      kind: "press",
      value: "ACT-1.v",
      by,
      place: { channel: "C1", messageTs: "1700000000.000001", responseUrl: "https://hooks.slack.com/actions/1" },
      triggerId: "9.9.9",
    });
  });

  test("a press on the home tab or in a modal says so", () => {
    const view = { id: "V1", type: "home", private_metadata: "" };
    expect(
      readSlack(press({}, { view, channel: undefined, message: undefined, container: { type: "view", view_id: "V1" } })),
    ).toMatchObject({
      place: { channel: "", view: { id: "V1", type: "home" } },
    });
  });

  test("what is chosen from the menu opens a form, or means what a button would", () => {
    const chosen = (value: string) =>
      readSlack(press({ type: "overflow", action_id: "air:more", value: undefined, selected_option: { value } }));
    expect(chosen("form:note INC-42")).toMatchObject({ kind: "form", ref: "note INC-42" });
    expect(chosen("say:ack INC-42")).toMatchObject({ kind: "press", value: "say:ack INC-42" });
    expect(readSlack(press({ action_id: "air:form:2", value: "do ACT-7" }))).toMatchObject({ kind: "form", ref: "do ACT-7" });
    expect(readSlack(press({ type: "overflow", action_id: "air:more", selected_option: null, value: undefined })).kind).toBe("ignored");
  });

  test("shortcuts and the home tab", () => {
    const base = { team: { id: "T0SOC" }, user: { id: "U1", team_id: "T0SOC" }, trigger_id: "9.9.9" };
    expect(readSlack({ ...base, type: "shortcut", callback_id: "air:new-investigation" })).toMatchObject({
      kind: "form",
      ref: "investigate",
      by,
    });
    const message = {
      ts: "1.1",
      text: "see <https://evil.example/a|here>",
      blocks: [{ type: "rich_text", elements: [{ elements: [{ type: "link", url: "https://bad.example" }] }] }],
    };
    const shortcut = {
      ...base,
      type: "message_action",
      callback_id: "air:investigate",
      channel: { id: "C1" },
      response_url: "https://hooks.slack.com/app/1",
      message,
    };
    const read = readSlack(shortcut);
    if (read.kind !== "message") throw new Error("not a message");
    expect(read.text).toContain("https://evil.example/a");
    expect(read.text).toContain("https://bad.example");
    expect(readSlack({ ...shortcut, callback_id: "other" }).kind).toBe("ignored");
    expect(readSlack(event({ type: "app_home_opened", user: "U1", tab: "home", channel: "D1" }))).toEqual({
      kind: "home",
      by,
      eventId: "Ev1",
    });
    expect(readSlack(event({ type: "app_home_opened", user: "U1", tab: "messages", channel: "D1" })).kind).toBe("ignored");
  });

  test("a press from a company the channel is shared with belongs to the presser's own workspace", () => {
    expect(readSlack(press({}, { user: { id: "U9", team_id: "T0OTHER" } }))).toMatchObject({ by: { userId: "U9", teamId: "T0OTHER" } });
  });

  test("a button that asks, and its form", () => {
    const intent = readSlack(press({ action_id: "air:ask:1:r:Reason" }));
    expect(intent).toMatchObject({ kind: "form", ref: "ACT-1.v", label: "Reason", required: true, button: "Reject", triggerId: "9.9.9" });
    if (intent.kind !== "form") throw new Error("not a form");
    const form = decisionForm(intent);
    const view = form && formModal(form, intent.place);
    expect(view).toMatchObject({ title: { text: "Reject" }, blocks: [{ type: "input", optional: false, label: { text: "Reason" } }] });
    const submission = {
      type: "view_submission",
      team: { id: "T0SOC" },
      user: { id: "U1", username: "x", team_id: "T0SOC" },
      trigger_id: "t",
      view: {
        id: "V1",
        type: "modal",
        hash: "1.2",
        callback_id: view?.callback_id,
        private_metadata: view?.private_metadata,
        state: {
          values: {
            typed: { v: { type: "plain_text_input", value: " CFO laptop " } },
            for: { v: { type: "static_select", selected_option: { value: "2h" } } },
            what: { v: { type: "checkboxes", selected_options: [{ value: "0" }, { value: "2" }] } },
            empty: { v: { type: "plain_text_input", value: null } },
          },
        },
      },
    };
    expect(readSlack(submission)).toEqual({
      kind: "submit",
      ref: "ACT-1.v",
      typed: { typed: "CFO laptop", for: "2h", what: ["0", "2"] },
      viewId: "V1",
      hash: "1.2",
      by,
      place: { channel: "C1", messageTs: "1700000000.000001", responseUrl: "https://hooks.slack.com/actions/1" },
      triggerId: "t",
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
