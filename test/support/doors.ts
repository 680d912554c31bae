import { createHmac } from "node:crypto";
import { eventually } from "./eventually.ts";
import { SLACK_SECRET, type SlackEmulator } from "./slack-emulator.ts";

/*
 * The three doors a decision comes through, each from outside: a page's press with a person's cookie, a signed press of Slack, and HTTP with a
 * token. What every one of them answers is reduced to the words the person reads.
 */

/** What the person was told in private; an empty text: nothing, the shared card shows it. `to`: where Slack's private answer goes. */
export type Told = { status: number; text: string; to?: string };

/** A button as a platform hands it back. */
export type Press = { value: string; typed?: string | undefined };

const wordsOf = (html: string): string =>
  html
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ")
    .trim();

/** Signs somebody of `people` in, by a link as `air console` prints it. */
export async function signIn(url: string, apiToken: string, email: string): Promise<string> {
  const made = await fetch(`${url}/v1/console-link`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
    body: JSON.stringify({ email }),
  });
  if (!made.ok) throw new Error(`no link for ${email}: ${await made.text()}`);
  const { path } = (await made.json()) as { path: string };
  const entered = await fetch(`${url}${path}`);
  return (entered.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

const ownPage = (url: string, cookie: string) => ({
  cookie,
  origin: new URL(url).origin,
  "sec-fetch-site": "same-origin",
  "content-type": "application/json",
});

/** A press on the console's page. */
export async function pressInConsole(url: string, cookie: string, { value, typed }: Press): Promise<Told> {
  const answer = await fetch(`${url}/console/press`, {
    method: "POST",
    headers: ownPage(url, cookie),
    body: JSON.stringify({ value, ...(typed === undefined ? {} : { typed }) }),
  });
  const body = (await answer.json()) as { html?: string; error?: { message: string } };
  return { status: answer.status, text: body.error?.message ?? wordsOf(body.html ?? "") };
}

/** The value of an action's button as the page has it: nothing is made up. */
export async function buttonInConsole(url: string, cookie: string, id: string, decision: string): Promise<string> {
  let said = "";
  const find = async () => {
    const answer = await fetch(`${url}/console/feed`, { headers: ownPage(url, cookie) });
    const page = await answer.text();
    const words = page.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
    const at = words.indexOf(id);
    said = `${answer.status}, ${at < 0 ? `no word of it in ${words.length} letters` : words.slice(Math.max(0, at - 300), at + 500)}`;
    return new RegExp(`data-value="(${id}\\.[0-9a-f]+\\.${decision}\\.[0-9a-f]{16})"`).exec(page)?.[1];
  };
  try {
    return await eventually(find, `a button ${decision} of ${id} on the page`, 60_000);
  } catch (error) {
    throw new Error(`The page said: ${said}`, { cause: error });
  }
}

/** A decision by a program. */
export async function decideByHttp(url: string, token: string, id: string, body: object): Promise<Told> {
  const answer = await fetch(`${url}/v1/actions/${id}/decision`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const json = (await answer.json()) as { error?: { code: string; message: string; details?: unknown } };
  return { status: answer.status, text: json.error ? `${json.error.code}: ${json.error.message}` : "" };
}

let presses = 0;

/** What is typed, in the fields of the decision's form. */
function inFields(value: string, typed: string): Record<string, { v: { value: string } }> {
  const [, , decision] = value.split(".");
  const [name = "", ...reason] = typed.split(" ");
  if (decision === "approve") return { name: { v: { value: typed } } };
  if (decision === "reject") return { reason: { v: { value: typed } } };
  if (decision === "break-glass") return { name: { v: { value: name } }, reason: { v: { value: reason.join(" ") } } };
  return { typed: { v: { value: typed } } };
}

/**
 * A press in Slack, and where the button asks for a text the form that Slack sends after it. The private answer is waited for only where it
 * is expected: a decision that counts says nothing.
 */
export async function pressInSlack(
  slack: Pick<SlackEmulator, "teamId" | "channel" | "responses" | "responseUrl" | "calls">,
  url: string,
  userId: string,
  { value, typed }: Press,
  { team = slack.teamId, secret = SLACK_SECRET, answered = true }: { team?: string; secret?: string; answered?: boolean } = {},
): Promise<Told> {
  const to = `press-${++presses}`;
  const responseUrl = `${slack.responseUrl}/${to}`;
  const common = { team: { id: slack.teamId }, user: { id: userId, team_id: team }, trigger_id: `${Math.random()}` };
  const payload =
    typed === undefined
      ? {
          ...common,
          type: "block_actions",
          channel: { id: slack.channel },
          container: { type: "message", channel_id: slack.channel, message_ts: "1.1" },
          message: { ts: "1.1" },
          response_url: responseUrl,
          actions: [
            { type: "button", block_id: "b", action_ts: "1.1", action_id: "air:0", value, text: { type: "plain_text", text: "x" } },
          ],
        }
      : {
          ...common,
          type: "view_submission",
          view: {
            id: to,
            hash: "h",
            type: "modal",
            callback_id: "air:form",
            private_metadata: JSON.stringify({ ref: value, channel: slack.channel, messageTs: "1.1", responseUrl }),
            state: { values: inFields(value, typed) },
          },
        };
  const raw = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const stamp = String(Math.floor(Date.now() / 1000));
  const answer = await fetch(`${url}/slack/events`, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-slack-request-timestamp": stamp,
      "x-slack-signature": `v0=${createHmac("sha256", secret).update(`v0:${stamp}:${raw}`).digest("hex")}`,
    },
    body: raw,
  });
  const text = await answer.text();
  const kept = answer.status === 200 && text !== "" ? (JSON.parse(text) as { errors?: Record<string, string>; view?: object }) : {};
  if (kept.errors) return { status: 200, text: Object.values(kept.errors).join(" "), to };
  const find = () => answerInSlack(slack, to);
  if (answer.status !== 200 || !answered) return { status: answer.status, text: find() ?? "", to };
  const said = await eventually(find, `the private answer to ${to}`, 60_000);
  return { status: 200, text: said, to };
}

/** What the person alone was told of a press: beside the message, or in the modal they had filled in. */
export function answerInSlack(slack: Pick<SlackEmulator, "responses" | "calls">, to: string | undefined): string | undefined {
  const said = slack.responses.find((one) => one.to === to);
  if (said && said.response_type !== "ephemeral") throw new Error("The answer was for everybody.");
  if (said) return String(said.text);
  const shown = slack.calls.findLast(({ method, body }) => method === "views.update" && body.view_id === to);
  return shown && JSON.stringify(shown.body.view);
}
