import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AIRS_KEY, type FakeAws, fakeAws } from "../../support/fake-aws.ts";

const NOW = new Date("2026-10-05T09:00:00.000Z");
const KEY = "AKIAIOSFODNN7EXAMPLE";
const signal = new AbortController().signal;
let fake: FakeAws;
beforeAll(async () => {
  fake = await fakeAws(() => NOW);
});
beforeEach(() => {
  fake.reset();
  fake.keys.push({ id: KEY, user: "deploy", active: true });
});
afterAll(() => fake.close());

const keys = () => {
  const { accessKeys } = fake.connector;
  if (!accessKeys) throw new Error("AWS offers no access keys");
  return accessKeys;
};
const find = (id: string) => keys().find({ kind: "access-key", id }, signal);

describe("a key", () => {
  test("is told with its owner, state and last use, whatever page it is on", async () => {
    expect(await find(KEY)).toEqual({
      id: KEY,
      owner: "deploy",
      active: true,
      createdAt: new Date("2025-01-02T03:04:05Z"),
      lastUsedAt: new Date("2026-10-04T10:45:00Z"),
      lastUsedFor: "s3",
    });
    fake.policy.pageSize = 1;
    fake.keys.unshift({ id: "AKIASECONDKEY0000000", user: "deploy", active: false });
    expect(await find(KEY)).toMatchObject({ id: KEY, active: true });
  });

  test("that nobody knows is not found; what cannot be a key is not even asked for", async () => {
    expect(await find("AKIANOBODYKNOWS00000")).toBeUndefined();
    fake.calls.length = 0;
    expect(await find("x&Action=DeleteUser&UserName=admin")).toBeUndefined();
    expect(fake.calls).toEqual([]);
  });

  test("air's own is never switched off", async () => {
    await expect(keys().disable(AIRS_KEY, "", "k", signal)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("air itself"),
    });
    expect(fake.keys.every(({ active }) => active)).toBe(true);
  });

  test("off and on again, named with its owner", async () => {
    expect(await keys().disable(KEY, "", "ACT-1", signal)).toEqual({ id: "ACT-1", state: "done" });
    expect(fake.calls.at(-1)?.form).toEqual({
      Action: "UpdateAccessKey",
      Version: "2010-05-08",
      AccessKeyId: KEY,
      Status: "Inactive",
      UserName: "deploy",
    });
    expect(await find(KEY)).toMatchObject({ active: false });
    await keys().enable(KEY, "", "ACT-2", signal);
    expect(await find(KEY)).toMatchObject({ active: true });
  });
});

describe("what goes wrong", () => {
  test.each([
    [{ status: 400, code: "Throttling", message: "Rate exceeded" }, "unavailable", "asks to wait"],
    [
      { status: 403, code: "InvalidClientTokenId", message: "The security token included in the request is invalid." },
      "refused",
      "connectors.aws",
    ],
    [{ status: 409, code: "EntityTemporarilyUnmodifiable" }, "unavailable", "changing this now"],
    [{ status: 500 }, "unclear", "failed (500)"],
    [{ drop: "after" }, "unclear", "broke"],
    [{ body: "<html>a proxy</html>" }, "unclear", "shape"],
    [{ body: "no xml at all" }, "unclear", "shape"],
  ] as const)("%j while acting is %s", async (fault, kind, text) => {
    fake.fail({ action: "UpdateAccessKey", ...fault });
    await expect(keys().disable(KEY, "", "k", signal)).rejects.toMatchObject({ kind, message: expect.stringContaining(text) });
  });

  test("a missing permission is named, and nothing was done", async () => {
    fake.policy.denied.add("UpdateAccessKey");
    await expect(keys().disable(KEY, "", "k", signal)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringMatching(/lacks iam:UpdateAccessKey.*Nothing was done\.$/s),
    });
    expect(await find(KEY)).toMatchObject({ active: true });
  });

  test("no error names a secret", async () => {
    const wrong = fake.connect({ secretAccessKey: "another+secret" });
    const error = await wrong.check?.(signal).catch((reason: Error) => reason);
    expect(error).toMatchObject({ kind: "refused" });
    expect(String(error)).toContain("SignatureDoesNotMatch");
    expect(String(error)).not.toContain("another+secret");
  });
});

describe("the doctor's look", () => {
  test("passes where everything may be read", () => expect(fake.connector.check?.(signal)).resolves.toBeUndefined());

  test("another account than configured is said", () =>
    expect(fake.connect({ account: "999999999999" }).check?.(signal)).rejects.toMatchObject({
      message: expect.stringContaining("connectors.aws.account says 999999999999"),
    }));

  test.each([
    ["GetUser", "iam:GetUser"],
    ["GetAccessKeyLastUsed", "iam:GetAccessKeyLastUsed"],
    ["ListAccessKeys", "iam:ListAccessKeys"],
  ])("without %s the permission is named", async (action, permission) => {
    fake.policy.denied.add(action);
    await expect(fake.connector.check?.(signal)).rejects.toMatchObject({ message: expect.stringContaining(permission) });
  });
});
