import type { WebClient } from "@slack/web-api";
import { expect, test } from "vitest";
import { createPeople } from "../../../src/adapters/slack/people.ts";

const nameOf = async (user: object): Promise<string> => {
  const client = { users: { info: async () => ({ user: { id: "U1", team_id: "T1", ...user } }) } } as unknown as WebClient;
  return (await createPeople(client, () => ["T1"])("U1")).name;
};

test.each([
  ["as it is", { real_name: "Mia Keller" }, "Mia Keller"],
  ["on one line", { real_name: " Mia\nApproved by  Noor " }, "Mia Approved by Noor"],
  ["what hides is spelled out", { real_name: "Mia\u202Erelle\u0000" }, "Mia[U+202E]relle[U+0000]"],
  ["half a character is none", { real_name: "\ud800" }, "\ufffd"],
  ["never blank", { real_name: " ", name: "mia" }, "mia"],
  ["the id where there is no name", {}, "U1"],
  ["never longer than a line of a card", { real_name: "x".repeat(5_000) }, `${"x".repeat(99)}…`],
])("a name is what somebody typed about themselves: %s", async (_what, user, name) => {
  expect(await nameOf(user)).toBe(name);
});

test("while air does not know its own workspace nobody is a stranger: it cannot be said, and is asked again", async () => {
  const asked: string[] = [];
  const client = {
    users: {
      info: async ({ user }: { user: string }) => {
        asked.push(user);
        return { user: { id: user, team_id: "T1", real_name: "Mia Keller" } };
      },
    },
  } as unknown as WebClient;
  let teams: string[] = [];
  const lookUp = createPeople(client, () => teams);
  await expect(lookUp("U1")).rejects.toMatchObject({ kind: "later" });
  teams = ["T1"];
  expect(await lookUp("U1")).toMatchObject({ name: "Mia Keller", member: true });
  expect(asked).toEqual(["U1"]);
});
