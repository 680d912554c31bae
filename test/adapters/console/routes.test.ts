import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { consoleRoutes } from "../../../src/adapters/console/app.ts";
import { eventually } from "../../support/eventually.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { approvalCard } from "../../support/sample-card.ts";
import { fakeConsole, fullView } from "./fake-console.ts";

const fake = fakeConsole();
let signedIn = true;
const routes = consoleRoutes(fake.data, { who: async () => (signedIn ? fullView.person : undefined) }, rememberingLog());
let server: Server;
let base: string;
beforeAll(async () => {
  server = express().use(routes.router).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  routes.stop();
  server.close();
});
beforeEach(() => {
  signedIn = true;
  fake.asked.length = 0;
  fake.state.note = undefined;
});

const post = (path: string, body: unknown, headers: Record<string, string> = { origin: base }) =>
  fetch(base + path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });

test("the page and its files come with a strict policy", async () => {
  for (const [path, type] of [
    ["/", "text/html"],
    ["/console/feed", "text/html"],
    ["/console/app.js", "text/javascript"],
    ["/console/style.css", "text/css"],
    ["/console/idiomorph.js", "text/javascript"],
  ] as const) {
    const answer = await fetch(base + path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain(type);
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("who is not signed in sees nothing but how to", async () => {
  signedIn = false;
  const page = await fetch(`${base}/`);
  expect(page.status).toBe(401);
  expect(await page.text()).not.toContain("WS-042");
  for (const path of ["/console/feed", "/console/events"]) expect((await fetch(base + path)).status).toBe(401);
  expect((await post("/console/press", { value: "x" })).status).toBe(401);
  expect(fake.asked).toEqual([]);
});

test("presses, commands, stories and personas arrive with the person", async () => {
  expect(await (await post("/console/press", { value: "ACT-1.v", typed: "CFO laptop" })).json()).toEqual({});
  fake.state.note = approvalCard;
  expect((await (await post("/console/press", { value: "ACT-1.v" })).json()).html).toContain("Isolate device WS-042");
  expect((await (await post("/console/say", { text: "INV-42" })).json()).html).toContain("Status of INV-42");
  expect((await (await post("/console/lab", { story: "phishing" })).json()).html).toContain("Playing phishing");
  const chosen = await post("/console/persona", { persona: "mia" });
  expect(chosen.headers.get("set-cookie")).toBe("air_persona=mia; Path=/; HttpOnly; SameSite=Strict");
  expect((await post("/console/persona", { persona: "root" })).status).toBe(400);
  expect(fake.asked).toMatchObject([
    { press: "ACT-1.v", by: "noor", typed: "CFO laptop" },
    { press: "ACT-1.v", typed: undefined },
    { say: "INV-42" },
    { story: "phishing" },
  ]);
});

test.each<[string, number, Record<string, string>]>([
  ["another origin", 403, { origin: "https://evil.example" }],
  ["no origin at all", 403, {}],
  ["a null origin", 403, { origin: "null" }],
  ["another site, says the browser", 403, { "sec-fetch-site": "cross-site", origin: "SELF" }],
  ["another port of the same host", 403, { "sec-fetch-site": "same-site", origin: "SELF" }],
  ["a form", 415, { origin: "SELF", "content-type": "application/x-www-form-urlencoded" }],
  ["a text", 415, { origin: "SELF", "content-type": "text/plain" }],
])("a press from %s is refused", async (_name, status, headers) => {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value === "SELF" ? base : value]));
  expect((await post("/console/press", { value: "ACT-1.v" }, own)).status).toBe(status);
  expect(fake.asked).toEqual([]);
});

test("what is no intent is refused", async () => {
  for (const body of [{}, { value: "" }, { value: 7 }, { value: "x".repeat(2001) }, []])
    expect((await post("/console/press", body)).status).toBe(400);
});

test("a failure says so without its inside", async () => {
  const before = fake.data.say;
  fake.data.say = async () => {
    throw new Error("relation actions does not exist");
  };
  const answer = await post("/console/say", { text: "x" });
  fake.data.say = before;
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("relation");
});

test("the stream carries change numbers only and ends with the server", async () => {
  const answer = await fetch(`${base}/console/events`);
  expect(answer.headers.get("content-type")).toContain("text/event-stream");
  await eventually(() => fake.listeners.size === 1, "the listener");
  let text = "";
  const reading = (async () => {
    for await (const chunk of answer.body ?? []) text += new TextDecoder().decode(chunk);
  })();
  fake.change();
  await eventually(() => text.includes("data: 1\n\n"), "the change");
  routes.stop();
  await reading;
  expect(text).toBe("retry: 2000\n\ndata: 1\n\n");
  await eventually(() => fake.listeners.size === 0, "the end of the listener");
});

test("the Action center's page: what it is asked for, nothing of it as markup, and its list as a file", async () => {
  const page = await fetch(`${base}/console/actions?state=history&kind=isolate-device&target=`);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  const html = await page.text();
  // A form sends its empty fields too.
  expect(fake.asked).toEqual([{ actions: { state: "history", kind: "isolate-device" }, by: "noor" }]);
  expect(html).not.toMatch(/<script>alert|<img src=x/);
  expect(html).toContain("[U+202E]");
  for (const part of ["1 of 60 are shown", 'aria-sort="descending"', "cursor=abc", "Download CSV", 'data-label="Details"'])
    expect(html).toContain(part);
  const file = await fetch(`${base}/console/export/actions?state=history`);
  expect(file.headers.get("content-disposition")).toBe('attachment; filename="air-actions.csv"');
  expect(await file.text()).toBe("id\r\nACT-1\r\n");
  expect((await fetch(`${base}/console/export/secrets`)).status).toBe(400);
  signedIn = false;
  expect((await fetch(`${base}/console/actions`)).status).toBe(401);
  expect((await fetch(`${base}/console/export/actions`)).status).toBe(401);
});

test("the picture of a graph: for who is signed in, and only of an investigation there is", async () => {
  const picture = await fetch(`${base}/console/graph/INV-42.png`);
  expect([picture.status, picture.headers.get("content-type"), await picture.text()]).toEqual([200, "image/png", "png"]);
  expect((await fetch(`${base}/console/graph/INV-43.png`)).status).toBe(404);
  signedIn = false;
  expect((await fetch(`${base}/console/graph/INV-42.png`)).status).toBe(401);
});
