import { describe, expect, test } from "vitest";
import { readTeams } from "../../../src/adapters/teams/inbox.ts";
import { messageText } from "../../../src/adapters/teams/message-text.ts";
import { cpuMs } from "../../support/cpu-time.ts";
import fc from "../../support/fast-check.ts";
import { HOME, invokeOf, mentioning, messageOf, pressOf } from "../../support/teams-activity.ts";

describe("an activity", () => {
  test("whatever comes, it is read or ignored, and never believed beyond its shape", () => {
    const activities = [
      messageOf("status"),
      mentioning("help"),
      pressOf("press", { value: "x" }),
      invokeOf("task/fetch", { data: { ref: "note INC-1" } }),
    ];
    const paths = (value: unknown, at: string[] = []): string[][] =>
      typeof value === "object" && value !== null
        ? [at, ...Object.entries(value).flatMap(([key, child]) => paths(child, [...at, key]))]
        : [at];
    fc.assert(
      fc.property(fc.constantFrom(...activities), fc.anything(), fc.nat(), (activity, odd, nth) => {
        const changed = structuredClone(activity) as Record<string, unknown>;
        const all = paths(changed).filter((path) => path.length > 0);
        const path = all[nth % all.length] ?? [];
        let node: Record<string, unknown> = changed;
        for (const key of path.slice(0, -1)) node = node[key] as Record<string, unknown>;
        node[path.at(-1) ?? ""] = odd;
        const intent = readTeams(changed);
        if (intent.kind === "press") expect(typeof intent.value).toBe("string");
        if ("by" in intent) expect(intent.by.userId.length).toBeGreaterThan(0);
        if (intent.kind !== "ignored") expect(typeof intent.place.conversation.tenant).toBe("string");
      }),
      { numRuns: 1_000 },
    );
  });

  test("who it is comes from the directory's id; the name proves nothing", () => {
    const intent = readTeams(mentioning("help", { person: { aadObjectId: "AAAA-1", name: "Mia Keller (admin)" } }));
    expect(intent).toMatchObject({ by: { userId: "aaaa-1", tenantId: HOME } });
    expect(intent).not.toHaveProperty("place.conversation.person");
    const alone = readTeams(messageOf("help", { place: "personal", person: { aadObjectId: " AAAA-1 " } }));
    expect(alone).toMatchObject({ place: { conversation: { id: "a:1mia", kind: "personal", person: "aaaa-1" } } });
  });

  test("only what says that a person did it is a press; the page of Microsoft's test client does not say it", () => {
    const value = (trigger?: string) => ({
      action: { type: "Action.Execute", verb: "press", data: { value: "x" } },
      ...(trigger && { trigger }),
    });
    const read = (trigger?: string, untold = false) => readTeams(invokeOf("adaptiveCard/action", value(trigger)), untold).kind;
    expect([read("manual"), read("automatic"), read(), read("other")]).toEqual(["press", "refresh", "unreadable", "unreadable"]);
    expect([read("manual", true), read("automatic", true), read(undefined, true), read("other", true)]).toEqual([
      "press",
      "refresh",
      "press",
      "unreadable",
    ]);
  });

  test("what is filled in is told from what else a button carries", () => {
    const intent = readTeams(
      pressOf("submit", { ref: "note INC-1", "f.text": " hello ", "f.ref": "close INC-1", text: "no", "f.empty": " ", "f.odd": 7 }),
    );
    expect(intent).toMatchObject({ kind: "submit", ref: "note INC-1", data: { text: "hello", ref: "close INC-1" } });
  });
});

describe("where several people talk, only what mentions air is said to it", () => {
  const other = { type: "mention", text: "<at>air</at>", mentioned: { id: "28:another-app", name: "air" } };
  test.each(["channel", "group"] as const)("%s", (place) => {
    expect(readTeams(mentioning("approve ACT-3", { place }))).toMatchObject({ kind: "command", text: "approve ACT-3" });
    const unsaid = { kind: "ignored", reason: "a message that does not mention air" };
    expect(readTeams(messageOf("approve ACT-3", { place }))).toEqual(unsaid);
    expect(readTeams(messageOf("<at>air</at> approve ACT-3", { place }))).toEqual(unsaid);
    expect(readTeams(messageOf("<at>air</at> approve ACT-3", { place, entities: [other] }))).toEqual(unsaid);
    expect(
      readTeams(mentioning("air approve ACT-3", { place, entities: [{ ...other, mentioned: { id: "29:1mia", name: "air" } }] })),
    ).toEqual(unsaid);
    // Buttons are air's own.
    expect(readTeams(pressOf("press", { value: "x" }, { place })).kind).toBe("press");
  });
  test("a group chat that does not say what it is is none of two", () => {
    const said = messageOf("approve ACT-3", { place: "group" });
    expect(readTeams({ ...said, conversation: { ...said.conversation, conversationType: undefined } }).kind).toBe("ignored");
  });
  test("alone with air everything is said to it", () => {
    expect(readTeams(messageOf("approve ACT-3", { place: "personal" }))).toMatchObject({ kind: "command", text: "approve ACT-3" });
  });
});

test("what is too long is handed on whole, so that its length is told as it is", () => {
  const intent = readTeams(messageOf("x".repeat(28_000), { place: "personal" }));
  expect(intent.kind === "command" && intent.text.length).toBe(28_000);
});

describe("people a message mentions", () => {
  const BOB = "bbbbbbbb-0000-4000-8000-00000000000b";
  const entity = (text: string, mentioned: Record<string, unknown>) => ({
    type: "mention",
    text,
    mentioned: { id: "29:1bob", ...mentioned },
  });
  const read = (text: string, entities: unknown[], more = {}) => {
    const intent = readTeams(messageOf(text, { entities, place: "personal", ...more }));
    return intent.kind === "command" ? intent.text : intent.kind;
  };
  const at = "<at>Bob Boss</at>";

  test.each(["plain", "xml"])("the account stays with the name, in %s", (textFormat) => {
    expect(read(`assign INC-1 ${at}`, [entity(at, { aadObjectId: BOB.toUpperCase(), name: "Bob" })], { textFormat })).toBe(
      `assign INC-1 <@teams:${BOB}|Bob Boss>`,
    );
  });

  test("without an account, or with one that is none, the name alone", () => {
    for (const aadObjectId of [undefined, null, "", "x|y>", "../../etc"])
      expect(read(`assign INC-1 ${at}`, [entity(at, { aadObjectId })])).toBe("assign INC-1 Bob Boss");
  });

  test("what does not stand in the text, or is no tag, changes nothing; a hostile name closes no mark", () => {
    expect(read("close INC-1 true", [entity("INC-1", { aadObjectId: BOB })])).toBe("close INC-1 true");
    expect(read("close INC-1 true", [entity(at, { aadObjectId: BOB })])).toBe("close INC-1 true");
    const odd = "<at>Bob|x&gt; approve \ue0000\ue001</at>";
    const text = read(`assign INC-1 ${odd}`, [entity(odd.replaceAll(/[\ue000\ue001]/gu, ""), { aadObjectId: BOB })]);
    expect(text).toMatch(new RegExp(`^assign INC-1 <@teams:${BOB}\\|[^<>|]*>$`));
    expect(read("note INC-1 \ue0000\ue001", [])).toBe("note INC-1 0");
  });
});

test("what is typed into a card is handed on however long: how much is too much is said where it is decided", () => {
  const intent = readTeams(pressOf("press", { value: "v", input: "typed0", typed0: "x".repeat(9_999) }));
  expect(intent.kind === "press" && intent.typed?.length).toBe(9_999);
});

test("what a message says: its words, where its links lead, and what its cards say", () => {
  const card = {
    type: "AdaptiveCard",
    body: [
      { type: "TextBlock", text: "host 203.0.113.9" },
      { type: "FactSet", facts: [{ title: "File", value: "eicar.com" }] },
    ],
  };
  const text = messageText({
    body: {
      contentType: "html",
      content: '<div>See&nbsp;<a title="x" href="https://evil.example/?a=1&amp;b=2">here</a><br>a &lt;b&gt;</div>',
    },
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content: JSON.stringify(card) }, { name: "invoice.docx" }],
  });
  for (const word of ["https://evil.example/?a=1&b=2", "See ", "a <b>", "203.0.113.9", "eicar.com", "invoice.docx"])
    expect(text).toContain(word);
});

test.each([
  ["tags that never end", '<a href="'.repeat(50_000)],
  ["ends without tags", "<".repeat(99_000) + ">".repeat(99_000)],
  ["one endless link", `<a ${'href="'.repeat(20_000)}>`],
  ["spaces", `<a href${" ".repeat(90_000)}>`],
])("a message made to take long does not: %s", (_name, content) => {
  const deep = (n: number): unknown => (n === 0 ? "end" : { body: deep(n - 1) });
  const started = cpuMs();
  messageText({ body: { content }, attachments: Array(5_000).fill({ content: "<" }), items: deep(1_000) });
  readTeams(messageOf(content, { textFormat: "xml", place: "personal" }));
  expect(cpuMs() - started).toBeLessThan(2_000);
});
