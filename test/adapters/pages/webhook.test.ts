import { createHmac } from "node:crypto";
import nock from "nock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createWebhook } from "../../../src/adapters/pages/webhook.ts";

const SECRET = "a secret of sixteen";
const NOW = new Date("2026-10-05T09:00:00.000Z");
const hook = createWebhook({ url: "https://pager.example.com/hook", secret: SECRET }, () => NOW);
const page = { incident: "INC-4", action: "ACT-7", title: "Malware", severity: "high", text: "Decide: Isolate WS-042.", link: null };
const send = (signal = AbortSignal.timeout(5000)) => hook.send("air-page-3", page, signal);

beforeEach(() => void nock.disableNetConnect());
afterEach(() => nock.cleanAll());

test("it is signed over its time and every byte, and carries its id", async () => {
  let seen = "";
  const scope = nock("https://pager.example.com", {
    reqheaders: {
      "x-air-page": "air-page-3",
      "x-air-timestamp": "1791190800",
      "x-air-signature": (value) =>
        value ===
        `v1=${createHmac("sha256", SECRET)
          .update(`air.1791190800.${JSON.stringify(page)}`)
          .digest("hex")}`,
    },
  })
    .post("/hook", (body) => {
      seen = JSON.stringify(body);
      return true;
    })
    .reply(204);
  await send();
  expect(scope.isDone()).toBe(true);
  expect(JSON.parse(seen)).toEqual(page);
});

test.each([
  [500, { kind: "unavailable", message: "the webhook answered HTTP 500" }],
  [403, { kind: "refused", message: "the webhook answered HTTP 403" }],
])("HTTP %i is not taken", async (status, error) => {
  nock("https://pager.example.com").post("/hook").reply(status);
  await expect(send()).rejects.toMatchObject(error);
});

test("it follows nobody elsewhere, and what goes wrong names neither address nor secret", async () => {
  nock("https://pager.example.com").post("/hook").reply(302, "", { location: "https://evil.example/" });
  await expect(send()).rejects.toMatchObject({ kind: "unclear", message: "the webhook could not be reached" });
  await expect(send(AbortSignal.abort())).rejects.toMatchObject({ message: "the webhook did not answer in time" });
});
