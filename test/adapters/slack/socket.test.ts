import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createSlack, type Slack, type SlackHandlers } from "../../../src/adapters/slack/app.ts";
import { eventually } from "../../support/eventually.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { slackHandlers } from "../../support/slack-handlers.ts";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The two ends Socket Mode needs: a Web API that names a socket, and the socket. */
async function fakeSlack() {
  const acks = new Map<string, (answer: { payload?: unknown }) => void>();
  const responses: Record<string, unknown>[] = [];
  const state = { opens: 0, refuse: 0, error: "", connections: 1, silent: false };
  // Pings are answered here, so that a line can go silent without being closed.
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", autoPong: false });
  await new Promise((done) => sockets.once("listening", done));
  sockets.on("connection", (socket) => {
    socket.send(JSON.stringify({ type: "hello", num_connections: state.connections }));
    socket.on("ping", (data) => {
      if (!state.silent) socket.pong(data);
    });
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
        if (state.error !== "")
          return response.setHeader("content-type", "application/json").end(JSON.stringify({ ok: false, error: state.error }));
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
  const push = (type: string, payload: object, again?: string): Promise<{ payload?: unknown }> => {
    count += 1;
    const envelope_id = again ?? `e${count}`;
    const answered = Promise.withResolvers<{ payload?: unknown }>();
    acks.set(envelope_id, answered.resolve);
    for (const client of sockets.clients) client.send(JSON.stringify({ type, envelope_id, payload, accepts_response_payload: true }));
    return answered.promise;
  };
  const open = (): WebSocket[] => [...sockets.clients].filter((client) => client.readyState === 1);
  return { apiUrl: `${base}/api/`, responseUrl: `${base}/response`, responses, state, push, open };
}

function start(
  apiUrl: string,
  heard: string[],
  shared: number[] = [],
  own: Partial<SlackHandlers> = {},
): { slack: Slack; log: ReturnType<typeof rememberingLog> } {
  const log = rememberingLog();
  const slack = createSlack(
    {
      botToken: "xoxb-1",
      appToken: "xapp-1-A1-1-abc",
      apiUrl,
      pace: { perSecond: 1, burst: 1 },
      teams: ["T1"],
      reconnectMs: 10,
      pingMs: 300,
      onShared: (connections) => shared.push(connections),
    },
    slackHandlers({
      press: async (value) => {
        heard.push(value);
        return { note: undefined };
      },
      ...own,
    }),
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

test("a form comes back over the socket: its errors in the ack, its answer once", async () => {
  const fake = await fakeSlack();
  const submitted: unknown[] = [];
  const { slack } = start(fake.apiUrl, [], [], {
    form: (ask) => ({
      ref: ask.ref,
      title: "Note",
      submit: "Save",
      fields: [{ id: "text", kind: "text", label: "Note", required: true, longest: 100 }],
    }),
    submit: async (_ref, typed) => {
      if (typed.text !== "seen") return { refused: { text: "Say seen." } };
      submitted.push(typed);
      return { done: undefined };
    },
  });
  await slack.start();
  await eventually(() => fake.open().length === 1, "a socket");
  const submission = (value: string) => ({
    type: "view_submission",
    team: { id: "T1" },
    user: { id: "U1" },
    view: {
      id: "V1",
      callback_id: "air:form",
      private_metadata: JSON.stringify({ ref: "note INC-1", channel: "C1", messageTs: "1.1", responseUrl: fake.responseUrl }),
      state: { values: { text: { v: { value } } } },
    },
  });
  expect((await fake.push("interactive", submission("no"))).payload).toEqual({ response_action: "errors", errors: { text: "Say seen." } });
  await fake.push("interactive", submission("seen"));
  await fake.push("interactive", submission("seen"));
  expect(submitted).toEqual([{ text: "seen" }]);
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

const DROPS = {
  terminated: (socket: WebSocket) => socket.terminate(),
  "closed politely": (socket: WebSocket) => socket.close(1000),
  "closed with an error": (socket: WebSocket) => socket.close(1011, "internal error"),
  // A frame that breaks the protocol ends the connection with an error on our side.
  "garbage on the wire": (socket: WebSocket) => {
    const line = (socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
    line.write(Buffer.from([0xff, 0xff, 0x00, 0x13, 0x37]));
  },
  "asked to refresh": (socket: WebSocket) => socket.send(JSON.stringify({ type: "disconnect", reason: "refresh_requested" })),
  "warned and asked to leave": (socket: WebSocket) =>
    socket.send(JSON.stringify({ type: "disconnect", reason: "warning", debug_info: { approximate_connection_time: 10 } })),
  "nonsense, then gone": (socket: WebSocket) => {
    for (const frame of ["", "null", "[]", "{", '{"type":null}', '{"type":"hello"}', '{"type":"events_api"}', "x".repeat(100_000)])
      socket.send(frame);
    socket.send(Buffer.from([0, 1, 2]));
    socket.terminate();
  },
};

test("twenty drops of seven sorts, five refused openings among them: each time it connects again and hears what is said", async () => {
  const faults: unknown[] = [];
  const note = (fault: unknown) => faults.push(fault);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  closing.push(() => {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  });
  const fake = await fakeSlack();
  const heard: string[] = [];
  const { slack, log } = start(fake.apiUrl, heard);
  await slack.start();
  const sorts = Object.entries(DROPS);
  for (let drop = 0; drop < 20; drop += 1) {
    const [name, cut] = sorts[drop % sorts.length] ?? ["", () => {}];
    const [socket] = await eventually(() => (fake.open().length === 1 ? fake.open() : undefined), `socket ${drop} before ${name}`);
    await eventually(() => log.lines.filter((line) => line.message.startsWith("connected")).length > drop, `hello ${drop}`);
    if (drop === 10) fake.state.refuse = 5;
    if (socket) cut(socket);
    await eventually(() => socket?.readyState === 3, `the end of ${drop}: ${name}`);
  }
  await eventually(() => log.lines.filter((line) => line.message.startsWith("connected")).length > 20, "the last hello");
  await fake.push("interactive", press);
  expect(heard).toEqual(["ACT-1.v"]);
  expect(fake.state.opens).toBe(26);
  expect(faults).toEqual([]);
}, 180_000);

test("a line that goes silent without closing is given up and opened again", async () => {
  const fake = await fakeSlack();
  const heard: string[] = [];
  const { slack } = start(fake.apiUrl, heard);
  await slack.start();
  const [first] = await eventually(() => (fake.open().length === 1 ? fake.open() : undefined), "a socket");
  fake.state.silent = true;
  await eventually(() => fake.state.opens >= 2, "another socket", 60_000);
  fake.state.silent = false;
  await eventually(() => fake.open().some((socket) => socket !== first), "the new socket", 60_000);
  first?.terminate();
  await eventually(async () => (await fake.push("interactive", press)) && heard.length > 0, "a press", 60_000);
}, 180_000);

test("an envelope that comes twice is acked twice and acts once", async () => {
  const fake = await fakeSlack();
  const heard: string[] = [];
  const { slack } = start(fake.apiUrl, heard);
  await slack.start();
  await eventually(() => fake.open().length === 1, "a socket");
  await fake.push("interactive", press, "same");
  await fake.push("interactive", press, "same");
  await fake.push("slash_commands", slash(fake.responseUrl), "command");
  await fake.push("slash_commands", slash(fake.responseUrl), "command");
  await fake.push("interactive", press, "another");
  await eventually(() => fake.responses[0]);
  expect(heard).toEqual(["ACT-1.v", "ACT-1.v"]);
  expect(fake.responses).toHaveLength(1);
});

test("another air on the same app token is noticed, one's own old connection is not taken for it", async () => {
  const fake = await fakeSlack();
  const shared: number[] = [];
  const { slack } = start(fake.apiUrl, [], shared);
  await slack.start();
  const [socket] = await eventually(() => (fake.open().length === 1 ? fake.open() : undefined), "a socket");
  expect(shared).toEqual([]);
  // Slack counts the connection that was cut for a while still.
  fake.state.connections = 2;
  socket?.terminate();
  await eventually(() => fake.open().some((one) => one !== socket), "the next socket");
  expect(shared).toEqual([]);
  const second = start(fake.apiUrl, [], shared);
  await second.slack.start();
  await eventually(() => shared.length > 0, "the notice");
  expect(shared).toEqual([2]);
  expect(second.log.lines.some((line) => line.message.includes("another air may use the same Slack app"))).toBe(true);
});

test("starting does not need Slack", async () => {
  const { slack } = start("http://127.0.0.1:9/api/", []);
  await slack.start();
  await slack.stop();
});

test("a refused app token is told once and known until Slack takes it", async () => {
  const fake = await fakeSlack();
  fake.state.error = "invalid_auth";
  const told: string[] = [];
  const slack = createSlack(
    {
      botToken: "xoxb-1",
      appToken: "xapp-1-A1-1-abc",
      apiUrl: fake.apiUrl,
      pace: { perSecond: 1, burst: 1 },
      teams: ["T1"],
      reconnectMs: 1,
      onRefused: (code) => told.push(code),
    },
    slackHandlers(),
    rememberingLog(),
  );
  closing.push(() => slack.stop());
  await slack.start();
  await eventually(() => fake.state.opens >= 3, "three tries", 60_000);
  expect([slack.refused(), told]).toEqual(["invalid_auth", ["invalid_auth"]]);
  fake.state.error = "";
  await eventually(() => slack.refused() === undefined, "a connection", 60_000);
  expect(told).toHaveLength(1);
});
