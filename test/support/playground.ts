import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import type net from "node:net";
import os from "node:os";
import path from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

/*
 * Microsoft's own test client for Teams, started for one test file: several people in a personal chat, a group chat and a team. Its page
 * speaks HTTP with it, and so do we; those calls are undocumented, which is why its version is pinned.
 */
const TENANT = "22222222-2222-4222-8222-222222222222";
const BOT = "11111111-1111-4111-8111-111111111111";
const objectId = (last: string) => `aaaaaaaa-0000-4000-8000-00000000000${last}`;

export const PEOPLE = {
  ana: { id: "u-ana", name: "Ana Analyst", aadObjectId: objectId("1") },
  bob: { id: "u-bob", name: "Bob Boss", aadObjectId: objectId("2") },
  cy: { id: "u-cy", name: "Cy Curie", aadObjectId: objectId("3") },
  dee: { id: "u-dee", name: "Dee Doe", aadObjectId: objectId("4") },
  eli: { id: "u-eli", name: "Eli Eng", aadObjectId: objectId("5") },
  fay: { id: "u-fay", name: "Fay Fox", aadObjectId: objectId("6") },
} as const;
type Who = keyof typeof PEOPLE;

export const PLACES = { personal: "personal-1", group: "group-1", channel: "ch-incidents" } as const;

export type InvokeAnswer = { status: number; body: { statusCode?: number; type?: string; value?: unknown; [field: string]: unknown } };
/** A message as the client took it: where it stands and the card it shows now. */
export type Shown = { id: string; conversation: string; card: ShownCard; updates: number };
type Element = { type: string; [field: string]: unknown };
export type ShownCard = { body: Element[]; actions?: CardAction[] };
export type CardAction = { type: string; title: string; verb?: string; data?: Record<string, unknown>; url?: string };

export async function startPlayground(airUrl: string) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-playground-"));
  const config = path.join(folder, "config.yml");
  fs.writeFileSync(config, JSON.stringify(configuration(), null, 2));
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const between = await standBetween(airUrl, url);
  const child: ChildProcess = spawn(
    process.execPath,
    [
      path.resolve("node_modules/@microsoft/m365agentsplayground/cli.js"),
      "start",
      "-e",
      `${between.url}/api/messages`,
      "-c",
      "msteams",
      "-p",
      String(port),
      "--disable-telemetry",
    ],
    {
      cwd: folder,
      env: {
        ...process.env,
        TEAMSAPPTESTER_BROWSER: "none",
        M365_AGENTS_PLAYGROUND_CONFIG_PATH: config,
        M365_AGENTS_PLAYGROUND_LOGFILE: path.join(folder, "log.txt"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  child.stdout?.on("data", (part: Buffer) => (said += part.toString()));
  child.stderr?.on("data", (part: Buffer) => (said += part.toString()));
  const stop = async () => {
    between.stop();
    const gone = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
    if (child.exitCode === null && child.kill()) await gone;
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const call = async (where: string, body?: unknown) => {
    const response = await fetch(new URL(where, url), {
      ...(body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) as unknown };
    } catch {
      return { status: response.status, body: text as unknown };
    }
  };
  try {
    await eventually(async () => (await call("/_debug/ping").catch(() => undefined))?.status === 200, "the Playground", 60_000);
  } catch (error) {
    await stop();
    throw new Error(`The Playground did not start: ${said.slice(-2_000)}`, { cause: error });
  }
  return {
    url,
    call,
    stop,
    /** Everything air has posted, as it stands now, oldest first. */
    shown: between.shown,
    /** What somebody types, with the bot mentioned where it has to be; the conversation it stands in, in a channel a thread of its own. */
    say: async (who: Who, where: keyof typeof PLACES, text: string): Promise<string> => {
      const mentioned = where !== "personal";
      const { body } = await call(`/_conversation/v1/conversations/${PLACES[where]}/messages`, {
        from: { id: PEOPLE[who].id },
        text: mentioned ? `<at>AIR</at> ${text}` : text,
        textFormat: "plain",
        ...(mentioned ? { mentions: [{ mentioned: { id: BOT }, text: "<at>AIR</at>" }] } : {}),
      });
      return (body as { postConversationId?: string }).postConversationId ?? PLACES[where];
    },
    invoke: async (who: Who, name: string, conversation: string, replyToId: string, value: unknown): Promise<InvokeAnswer> => {
      const { status, body } = await call("/_conversation/v1/invoke", {
        name,
        from: { id: PEOPLE[who].id },
        conversation: { id: conversation },
        replyToId,
        value,
      });
      return { status, body: body as InvokeAnswer["body"] };
    },
  };
}
export type Playground = Awaited<ReturnType<typeof startPlayground>>;

/**
 * Between air and the Playground, which tells nobody but its own page what it shows: every activity passes on its way to air, every call of
 * air on its way back, and what was taken is kept.
 */
async function standBetween(airUrl: string, playgroundUrl: string) {
  const shown: Shown[] = [];
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      pass(request.method ?? "GET", request.url ?? "/", Buffer.concat(parts).toString("utf8")).then(
        ({ status, text }) => {
          response.writeHead(status, { "content-type": "application/json" }).end(text);
        },
        () => void response.writeHead(502).end(),
      );
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;

  async function pass(method: string, where: string, text: string): Promise<{ status: number; text: string }> {
    const inbound = where === "/api/messages";
    const body = inbound ? JSON.stringify({ ...(JSON.parse(text) as object), serviceUrl: `${url}/_connector` }) : text;
    const answer = await fetch(new URL(where, inbound ? airUrl : playgroundUrl), {
      method,
      headers: { "content-type": "application/json" },
      ...(method === "GET" ? {} : { body }),
    });
    const answered = await answer.text();
    if (!inbound && answer.ok) keep(method, where, JSON.parse(text || "{}") as Sent, parse(answered));
    return { status: answer.status, text: answered };
  }

  function keep(method: string, where: string, sent: Sent, taken: { id?: string; activityId?: string }): void {
    const [, conversation = "", id = ""] =
      /\/v3\/conversations(?:\/([^/]+))?(?:\/activities(?:\/([^/]+))?)?$/.exec(decodeURIComponent(where)) ?? [];
    const card = (sent.activity ?? sent).attachments?.[0]?.content;
    if (card === undefined) return;
    const known = method === "PUT" ? shown.find((one) => one.id === id) : undefined;
    if (known) Object.assign(known, { card, updates: known.updates + 1 });
    else shown.push({ id: taken.activityId ?? taken.id ?? "", conversation: conversation || (taken.id ?? ""), card, updates: 0 });
  }
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url, shown, stop };
}
type Sent = { activity?: Sent; attachments?: { content: ShownCard }[] };
const parse = (text: string): { id?: string; activityId?: string } => {
  try {
    return JSON.parse(text) as { id?: string };
  } catch {
    return {};
  }
};

const configuration = () => {
  const person = ({ id, name, aadObjectId }: (typeof PEOPLE)[Who]) => {
    const [givenName = "", surname = ""] = name.split(" ");
    const email = `${givenName.toLowerCase()}@contoso.com`;
    return { id, name, userPrincipleName: email, aadObjectId, givenName, surname, email };
  };
  const { ana, ...others } = PEOPLE;
  return {
    version: "0.1.1",
    tenantId: TENANT,
    bot: { id: BOT, name: "AIR" },
    currentUser: person(ana),
    users: Object.values(others).map(person),
    personalChat: { id: PLACES.personal },
    groupChat: { id: PLACES.group, name: "War room" },
    team: {
      id: "team-soc",
      name: "SOC",
      aadGroupId: "aaaaaaaa-0000-4000-8000-0000000000ff",
      channels: [{ id: PLACES.channel, name: "incidents" }],
    },
  };
};
