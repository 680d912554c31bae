import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createSlack, type Slack } from "../../../src/adapters/slack/app.ts";
import { eventually } from "../../support/eventually.ts";
import { rememberingLog } from "../../support/remembering-log.ts";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The two ends Socket Mode needs: a Web API that names a socket, and the socket. */
async function fakeSlack() {
  const acks = new Map<string, (answer: { payload?: unknown }) => void>();
  const responses: Record<string, unknown>[] = [];
  const state = { opens: 0, refuse: 0, error: "" };
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((done) => sockets.once("listening", done));
  sockets.on("connection", (socket) => {
    socket.send(JSON.stringify({ type: "hello", num_connections: 1 }));
    socket.on("message", (raw) => {
      const message = JSON.parse(String(raw));
      acks.get(message.envelope_id)?.(message);
    });
  });
  const api = http.createServer((request, response) => {
    let raw = "";
    request.on("data", (chunk) => {
      raw += chunk;
    });
    request.on("end", () => {
      const method = (request.url ?? "").split("/").at(-1);
      const ok = (more: object) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ ok: true, ...more }));
      };
      if (method === "apps.connections.open") {
        state.opens += 1;
        if (state.refuse > 0) {
          state.refuse -= 1;
          return request.socket.destroy();
        }
        return ok({ url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}/link` });
      }
      if (method === "response") responses.push(JSON.parse(raw));
      return ok({ team_id: "T1", user_id: "UBOT" });
    });
  });
  await new Promise<void>((done) => api.listen(0, "127.0.0.1", done));
  const base = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  closing.push(() => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
    api.closeAllConnections();
    api.close();
  });
  let count = 0;
  const push = (type: string, payload: object): Promise<{ payload?: unknown }> => {
    count += 1;
    const envelope_id = `e${count}`;
    const answered = Promise.withResolvers<{ payload?: unknown }>();
    acks.set(envelope_id, answered.resolve);
    for (const client of sockets.clients) client.send(JSON.stringify({ type, envelope_id, payload, accepts_response_payload: true }));
    return answered.promise;
  };
  const open = (): WebSocket[] => [...sockets.clients].filter((client) => client.readyState === 1);
  return { apiUrl: `${base}/api/`, responseUrl: `${base}/response`, responses, state, push, open };
}

function start(apiUrl: string, heard: string[]): { slack: Slack; log: ReturnType<typeof rememberingLog> } {
  const log = rememberingLog();
  const slack = createSlack(
    { botToken: "xoxb-1", appToken: "xapp-1-A1-1-abc", apiUrl, pace: { perSecond: 1, burst: 1 }, teams: ["T1"], reconnectMs: 20 },
    {
      press: async (value) => {
        heard.push(value);
        return { note: undefined };
      },
      say: async (text) => ({ title: text, tone: "info", summary: text, lines: [], buttons: [] }),
    },
    log,
  );
  closing.push(() => slack.stop());
  return { slack, log };
}

const slash = (responseUrl: string) => ({
  command: "/air",
  text: "help",
  user_id: "U1",
  team_id: "T1",
  channel_id: "C1",
  response_url: responseUrl,
  trigger_id: "t",
});
const press = {
  type: "block_actions",
  team: { id: "T1" },
  user: { id: "U1" },
  channel: { id: "C1" },
  trigger_id: "t",
  actions: [{ type: "button", action_id: "air:0", block_id: "b", value: "ACT-1.v", action_ts: "1" }],
};

test("commands and presses arrive and are acked", async () => {
  const fake = await fakeSlack();
  const heard: string[] = [];
  const { slack } = start(fake.apiUrl, heard);
  expect(slack.router).toBeUndefined();
  await slack.start();
  await eventually(() => fake.open().length === 1, "a socket");
  await fake.push("slash_commands", slash(fake.responseUrl));
  await eventually(() => fake.responses[0]);
  await fake.push("interactive", press);
  expect(heard).toEqual(["ACT-1.v"]);
});

test("a socket that drops again and again is opened again, and nothing ends the process", async () => {
  const faults: unknown[] = [];
  const note = (fault: unknown) => faults.push(fault);
  process.on("unhandledRejection", note);
  closing.push(() => void process.off("unhandledRejection", note));
  const fake = await fakeSlack();
  const { slack, log } = start(fake.apiUrl, []);
  await slack.start();
  for (let round = 1; round <= 4; round += 1) {
    const [socket] = await eventually(() => (fake.open().length === 1 ? fake.open() : undefined), `socket ${round}`);
    await eventually(() => log.lines.filter((line) => line.message.startsWith("connected")).length >= round, "hello");
    // Refused several times in a row, a press in flight while the line is cut, nonsense on it: all of it happens.
    fake.state.refuse = 2;
    socket?.send("null");
    if (round % 2 === 0) socket?.send(JSON.stringify({ type: "disconnect", reason: "refresh_requested" }));
    else {
      void fake.push("interactive", press);
      socket?.terminate();
    }
    await eventually(() => socket?.readyState === 3, "the end of the socket");
  }
  await eventually(() => fake.open().length === 1, "the last socket");
  await fake.push("interactive", press);
  expect(fake.state.opens).toBeGreaterThanOrEqual(9);
  expect(faults).toEqual([]);
});

test("starting does not need Slack", async () => {
  const { slack } = start("http://127.0.0.1:9/api/", []);
  await slack.start();
  await slack.stop();
});
