import type { SlackHandlers } from "../../src/adapters/slack/app.ts";
import { decisionForm } from "../../src/bot/decision-forms.ts";
import type { Card } from "../../src/engine/cards/card.ts";

const said = (title: string): Card => ({ title, tone: "info", summary: title, lines: [], buttons: [] });

/** Handlers that know nothing, with the forms of decision buttons; a test replaces what it is about. */
export const slackHandlers = (own: Partial<SlackHandlers> = {}): SlackHandlers => ({
  press: async () => ({ note: undefined }),
  say: async (text) => said(text),
  form: decisionForm,
  mayOpen: async () => undefined,
  formOf: () => undefined,
  fill: async () => undefined,
  submit: async () => ({ done: undefined }),
  found: () => undefined,
  home: async () => [said("Home")],
  unseen: async () => undefined,
  first: async () => true,
  attachment: async () => undefined,
  ...own,
});
