import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll } from "vitest";
import { exampleShield } from "../../../src/adapters/connectors/template.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { NOTHING, NOW } from "../../support/lab-capabilities.ts";
import { actionContract, type Product } from "./contract.ts";

type Entry = { id: string; value: string; effect: string; note: string };
let list: Entry[] = [];
let failing: 400 | 429 | "hang up" | undefined;
let made = 0;

/** The list of Example Shield: one entry per value, the newest replaces. */
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? "", "http://x");
  const say = (status: number, body?: unknown) =>
    void response.writeHead(status).end(body === undefined ? undefined : JSON.stringify(body));
  if (request.method !== "GET" && failing === "hang up") return void request.socket.destroy();
  if (request.method !== "GET" && failing) {
    // It may be asked again at once: what air makes of a longer wait is not what is looked at here.
    response.setHeader("retry-after", "0");
    return say(Number(failing), { message: "as the test says" });
  }
  if (request.method === "GET")
    return say(
      200,
      list.filter(({ value }) => value === url.searchParams.get("value")),
    );
  if (request.method === "DELETE") {
    list = list.filter(({ id }) => `/v1/list/${id}` !== url.pathname);
    return say(204);
  }
  const { value, effect, note } = JSON.parse(Buffer.concat(chunks).toString()) as Entry;
  const entry = { id: String(++made), value, effect, note };
  list = [...list.filter((other) => other.value !== value), entry];
  say(200, entry);
});
beforeAll(() => new Promise<void>((done) => server.listen(0, "127.0.0.1", done)));
afterAll(() => void server.close());

async function open(): Promise<Product> {
  list = [];
  failing = undefined;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = { apiKey: "k", account: "42", url, share: "public" as const, perMinute: 1_000_000, perDay: undefined };
  const { indicators } = exampleShield.create(settings, { clock: { now: () => NOW } });
  return {
    capabilities: { ...NOTHING, indicators },
    now: NOW,
    holds: async () => list.map(({ value, effect }) => [value, effect]),
    fail: ({ kind }) => {
      failing = ({ refused: 400, unavailable: 429, unclear: "hang up" } as const)[kind];
    },
  };
}

const domain: Entity = { kind: "domain", name: "evil.example" };
actionContract("exampleshield", open, {
  "block-indicator": { target: domain },
  "unblock-indicator": { target: domain, before: "block-indicator" },
  "allow-indicator": { target: domain },
});
