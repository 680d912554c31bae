import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createConversation } from "../../src/bot/conversation.ts";
import { type Card, plain } from "../../src/engine/cards/card.ts";
import { entityName } from "../../src/engine/domain/entity.ts";
import type { Drawing } from "../../src/engine/draw.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, openEngine, proposedAction, testPolicy, testSign } from "../support/open-engine.ts";

/* Whatever is asked about a thing an attacker named: no answer carries an address that a client links or fetches. */
describe("answers about what an attacker named", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine("embedded");
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, { now: NOW, policy: { ...testPolicy, requesterMayApprove: true } });
  });
  afterAll(() => engine.close());

  const mia = { ...approver("Mia"), roles: { ...approver("Mia").roles, admin: true, responder: true, viewer: true } };
  const noor = { ...approver("Noor"), roles: mia.roles };
  const drawing = async (): Promise<Drawing> => ({
    now: engine.air.clock.now(),
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    deciders: () => ({ anyone: false, names: ["Mia"], known: [mia] }),
  });
  const link = "https://evil.example.com/a";
  const name = `<at>everyone</at> <!channel> \u202e[click](${link}) ${link}`;
  const live = /\bhttps?:\/\//i;
  const textsOf = (card: Card | undefined): string[] =>
    card === undefined
      ? []
      : [
          card.title,
          card.summary,
          ...card.lines.flatMap((line): string[] => {
            switch (line.kind) {
              case "text":
              case "note":
                return [plain(line.text)];
              case "facts":
                return line.facts.map(([label, value]) => `${label}: ${plain(value)}`);
              case "list":
                return [line.title ?? "", ...line.items.map((item) => `${item.mark ?? ""} ${plain(item.text)}`)];
              default:
                return [];
            }
          }),
          ...card.buttons.flatMap(({ confirm, label, input }) => [label, confirm?.title ?? "", confirm?.text ?? "", input?.label ?? ""]),
        ];
  let targets = 0;
  const hostile = (kind: "file" | "user" | "message") => {
    targets += 1;
    if (kind === "file") return { kind, name, sha256: targets.toString(16).padStart(64, "a") } as const;
    return kind === "user"
      ? ({ kind, name: `${name} ${targets}` } as const)
      : ({ kind, networkMessageId: `${targets}`, subject: name, sender: link } as const);
  };
  const asked = async (kind: "file" | "user" | "message") => {
    const action = { file: "block-indicator", user: "disable-user", message: "soft-delete-mail" } as const;
    return proposedAction(engine, {
      kind: action[kind],
      target: hostile(kind),
      entities: [{ kind: "process", name, commandLine: name }],
      change: { approvalsNeeded: 1 },
    });
  };
  const COMMANDS = [
    "status",
    "status ACT",
    "status INC",
    "status INV",
    "actions pending",
    "list open",
    "log INV",
    "alerts INC",
    "graph INV",
    "approve ACT",
    "approve ACT by the way",
    `reject ACT because of ${link}`,
    "cancel ACT mistaken",
    `undo ACT ${link}`,
    "propose ACT",
    "break-glass ACT",
    "confirm ACT",
    "review ACT",
    "done ACT",
    `note INC ${link}`,
    `assign INC ${link}`,
    `close INC ${link}`,
    `merge INC ${link}`,
    `pause device ${link}`,
    "resume device",
    `do block-indicator url:${link} because of ${link}`,
    `do isolate-device ${link} because`,
    `investigate ${link}`,
    `list ${link}`,
    `snooze ${link} 1h because`,
    `help ${link}`,
    `${link} ${link}`,
    "export actions",
    "digest",
    "handover",
    "policies",
  ];

  test.each(["file", "user", "message"] as const)("a hostile %s is told by nobody's card as a link, whatever is said", async (kind) => {
    const talk = createConversation(engine.air, drawing, (text) => ({ name: text }));
    for (const command of kind === "file" ? COMMANDS : COMMANDS.filter((one) => /ACT/.test(one))) {
      const action = await asked(kind);
      expect(entityName(action.target)).toBeTruthy();
      const ids = { ACT: `ACT-${action.id}`, INC: `INC-${action.incidentId}`, INV: `INV-${action.investigationId}` } as const;
      const said = command.replace(/\b(ACT|INC|INV)\b/, (id) => ids[id as keyof typeof ids]);
      for (const text of textsOf(await talk.say(said, mia))) expect(text, said).not.toMatch(live);
      for (const who of [mia, noor])
        for (const text of textsOf(await talk.say(`approve ${ids.ACT}`, who))) expect(text, `${said}, approved`).not.toMatch(live);
    }
  });

  test("the form of a timed approval names it the same way", async () => {
    const action = await asked("file");
    const talk = createConversation(engine.air, drawing);
    const shown = await talk.say(`status ACT-${action.id}`, mia);
    const refs = shown.buttons.flatMap(({ form, value }) => form ?? (value ? `approve-for:${value}` : []));
    expect(refs.length).toBeGreaterThan(0);
    for (const ref of refs) expect(JSON.stringify((await talk.forms.fill(ref, mia)) ?? "")).not.toMatch(live);
  });
});
