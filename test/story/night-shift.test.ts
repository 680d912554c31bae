import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generic } from "../../src/adapters/alerts/generic.ts";
import { sanitize } from "../../src/adapters/alerts/sanitize.ts";
import { cardText } from "../../src/bot/card-text.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import { verifyAudit, writeCheckpoint } from "../../src/engine/audit-chain.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { time } from "../../src/engine/cards/say.ts";
import { NO_ROLES, type Person, type Roles } from "../../src/engine/domain/approval.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { openLab } from "../support/lab-capabilities.ts";
import { type Engine, openEngine, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { RememberingChat } from "../support/remembering-chat.ts";
import { wholeAir } from "../support/whole-air.ts";

/*
 * A night, from three o'clock until the morning: one approver awake, another asleep, ransomware on a workstation and on a domain controller.
 * Everything goes through what people press and type, on a clock that is moved; what is said to them is read as they would read it.
 */

const THREE = new Date("2026-10-05T03:00:00.000Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SOC = "slack:C0SOC";
const FAMILIES = ["device", "email", "identity", "network", "app"] as const;
const APPROVER: Roles = { ...NO_ROLES, viewer: true, responder: true, approves: FAMILIES };
const mia: Person = somebody("Mia", APPROVER);
const tom: Person = somebody("Tom", APPROVER);
const ada: Person = somebody("Ada", { ...NO_ROLES, viewer: true, responder: true, admin: true });

const FILE = { name: "Invoice_2026-114.pdf.exe", sha256: "5e".repeat(32) };
const ransomware = (id: string, device: string, minute: number, severity = "high") => {
  const path = `C:\\Users\\Public\\Downloads\\${FILE.name}`;
  const file = { kind: "file", ...FILE, path, device, verdict: "malicious", roles: ["attacker"] };
  return {
    id,
    title: `Ransomware behaviour on ${device}`,
    severity,
    category: "Ransomware",
    techniques: ["T1204.002", "T1490"],
    detectedAt: new Date(THREE.getTime() + minute * MINUTE).toISOString(),
    entities: [
      { kind: "device", name: device },
      file,
      {
        kind: "process",
        name: FILE.name,
        path,
        sha256: FILE.sha256,
        commandLine: `"${path}" /s`,
        pid: 4312,
        device,
        verdict: "suspicious",
      },
      {
        kind: "process",
        name: "vssadmin.exe",
        commandLine: "vssadmin.exe delete shadows /all /quiet",
        pid: 4460,
        parent: path,
        device,
        verdict: "malicious",
      },
    ],
  };
};

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const trusted = publicKey.export({ type: "spki", format: "pem" }).toString();

describe.each(DATABASES)("a night shift, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());

  /** A night of its own: an empty database, the lab as it stands, Mia awake. */
  async function night() {
    await engine.empty();
    const { lab, capabilities } = openLab(() => engine.world.now);
    Object.assign(engine.world, {
      now: THREE,
      capabilities,
      policy: { ...testPolicy, mode: "act", deviceGroups: [{ name: "workstations", match: "ws-*", automation: "full" }] },
      channels: [{ channels: [SOC], post: "needed", page: true }],
    });
    const names: Record<string, string> = { mia: "Mia", tom: "Tom", ada: "Ada" };
    engine.air.paging = () => ({
      ...NOBODY,
      chain: ["person:mia@contoso.com"],
      admins: ["person:ada@contoso.com"],
      approvers: () => ["person:mia@contoso.com", "person:tom@contoso.com"],
      nameOf: (target) => {
        const name = names[/person:(\w+)@/.exec(target)?.[1] ?? ""] ?? target;
        return { kind: "person", name, on: { slack: `U0${name.toUpperCase()}` } };
      },
    });
    const chat = new RememberingChat();
    const air = wholeAir(engine, { chat, deciders: ["Mia", "Tom"] });
    const conversation = createConversation(engine.air, air.drawing);

    const words = (card: Card | undefined) => (card ? cardText(card).join("\n") : "");
    const actions = async () => (await engine.store.listActions({ limit: 200 })).items.toSorted((a, b) => a.id - b.id);
    const found = async (what: string, target: string, state?: string): Promise<ActionRow> => {
      const row = (await actions()).findLast(
        (one) => one.kind === what && JSON.stringify(one.target).includes(target) && (state === undefined || one.state === state),
      );
      if (!row)
        throw new Error(
          `no ${what} of ${target} ${state ?? ""} among ${(await actions()).map((one) => `${one.kind} ${one.state}`).join(", ")}`,
        );
      return row;
    };
    return {
      found,
      /** What stands in the channel about this action now. */
      card: async (id: number): Promise<Card> => {
        const row = await engine.message(SOC, `action:${id}`);
        const shown = chat.messages.find((message) => message.id === row?.ref?.id);
        if (!shown) throw new Error(`no card of ACT-${id} in the channel`);
        return shown.card;
      },
      words,
      async alert(body: object) {
        const taken = await ingestAlerts(engine.air, [
          { source: "siem", lab: true, alerts: [generic.parse(sanitize(body))], receivedAt: engine.world.now },
        ]);
        await air.work();
        return taken.flat();
      },
      /** The clock goes on, ever faster, and everything that is due happens. */
      async until(at: number) {
        const end = new Date(THREE.getTime() + at);
        for (;;) {
          const now = engine.world.now.getTime() - THREE.getTime();
          const step = now < HOUR ? MINUTE : now < 6 * HOUR ? 10 * MINUTE : 3 * HOUR;
          if (now >= at) return;
          engine.world.now = new Date(Math.min(end.getTime(), engine.world.now.getTime() + step));
          await air.tick();
        }
      },
      async press(person: Person, label: string, id: number, typed?: string): Promise<string> {
        const row = await engine.message(SOC, `action:${id}`);
        const shown = chat.messages.find((message) => message.id === row?.ref?.id)?.card;
        const button = shown?.buttons.find((one) => one.label === label);
        if (!button?.value) throw new Error(`ACT-${id} has no ${label}: ${shown?.buttons.map((one) => one.label).join(", ")}`);
        if (button.input?.required && typed === undefined) throw new Error(`${label} asks: ${button.input.label}`);
        const answer = words(await conversation.press(button.value, person, typed));
        await air.work();
        return answer;
      },
      async say(person: Person, text: string): Promise<string> {
        const answer = words(await conversation.say(text, person));
        await air.work();
        return answer;
      },
      pagesOf: async (id: number) => {
        const action = (await engine.store.action(id)) as ActionRow;
        return (await engine.store.pagesOf(action.incidentId))
          .filter((page) => page.actionId === id)
          .map((page) => [page.step, page.target]);
      },
      /** What the lab shows to be cut off. */
      isolated: async () =>
        (await lab.snapshot()).devices
          .filter((device) => device.isolated)
          .map((device) => device.name)
          .sort(),
      time: (row: ActionRow) => time(row.endedAt ?? row.proposedAt),
      /** The incident as it is told, without who was told what and the verdicts. */
      story: async (incident: number) =>
        (await engine.store.storyOf(incident)).filter(({ event }) => event !== "page-sent" && event !== "verdict").map(({ text }) => text),
      async audited() {
        const lines = (await engine.store.auditLines(0, 10_000)).map(({ line }) => line);
        const exported = `${[...lines, writeCheckpoint(await engine.store.auditHead(), key)].join("\n")}\n`;
        expect(verifyAudit(exported, trusted)).toMatchObject({ ok: true, count: lines.length });
      },
    };
  }

  /** The way both nights begin: quarantined by itself, the workstation isolated by Mia, the domain controller approved by her alone. */
  async function begin() {
    const n = await night();
    await n.alert(ransomware("a-1", "WS-004", 0));
    await n.alert(ransomware("a-2", "DC-01", 1, "critical"));
    await n.until(2 * MINUTE);
    expect(await n.found("quarantine-file", "WS-004")).toMatchObject({ state: "succeeded", decision: { decision: "automatic" } });
    const [ws, dc] = [await n.found("isolate-device", "WS-004", "pending"), await n.found("isolate-device", "DC-01", "pending")];
    // One press is enough for the workstation; the domain controller asks for its name, and for a second person.
    expect((await n.card(ws.id)).buttons[0]).not.toHaveProperty("input");
    expect((await n.card(dc.id)).buttons[0]).toMatchObject({ input: { label: "To approve, type DC-01", required: true } });
    expect(await n.press(mia, "Approve", ws.id)).toBe("");
    expect(await n.press(mia, "Approve", dc.id, "DC-1")).toContain("Type: DC-01");
    expect(await n.press(mia, "Approve", dc.id, "DC-01")).toBe(`Your approval is counted\nACT-${dc.id} needs a second person: 1 of 2.`);
    expect(await n.isolated()).toEqual(["WS-004"]);
    expect(n.words(await n.card(dc.id))).toContain("If nobody else answers: one person may do it alone from 2026-10-05 03:17 UTC");
    expect(await n.pagesOf(dc.id)).toContainEqual(["second", "person:tom@contoso.com"]);

    await n.until(10 * MINUTE);
    expect(await n.say(mia, `break-glass ACT-${dc.id} DC-01 it encrypts the shares`)).toContain(
      `The glass cannot be broken on ACT-${dc.id}: the second person still has time until 03:17 UTC.`,
    );
    await n.until(17 * MINUTE);
    expect(n.words(await n.card(dc.id))).toContain("If nobody else answers: Mia may do it alone now: Break glass");
    expect(await n.press(mia, "Break glass", dc.id, "DC-01")).toContain("Say why it cannot wait, behind the name.");
    expect(await n.isolated()).toEqual(["WS-004"]);
    expect(await n.press(mia, "Break glass", dc.id, "DC-01 it encrypts the shares and nobody answers")).toBe(
      `Glass broken\nACT-${dc.id}: Isolate DC-01 is carried out on your word alone. It ends by itself after 4 h unless a second person confirms it. An admin would be told.`,
    );
    expect(await n.isolated()).toEqual(["DC-01", "WS-004"]);
    expect((await n.card(dc.id)).buttons.map((one) => one.label)).toEqual(expect.arrayContaining(["Confirm", "Reviewed", "Undo"]));
    expect(n.words(await n.card(dc.id))).toContain("Ends by itself: 2026-10-05 07:17 UTC");
    expect(await n.pagesOf(dc.id)).toEqual(
      expect.arrayContaining([
        ["break-glass", "person:ada@contoso.com"],
        ["break-glass-confirm", "person:tom@contoso.com"],
      ]),
    );
    return { n, ws, dc };
  }

  test("nobody answers: done alone, over by itself after four hours, and looked at in the morning", { timeout: 180_000 }, async () => {
    const { n, dc } = await begin();

    // A rejection with its reason, and second thoughts.
    const block = await n.found("block-indicator", FILE.sha256);
    expect(await n.press(mia, "Reject", block.id, "we look at it in the morning")).toBe("");
    expect(
      n
        .words(await n.card(block.id))
        .split("\n")
        .slice(0, 3),
    ).toEqual([
      `LAB ACT-${block.id}: Block file hash Invoice_2026-114.pdf.exe (5e5e5e5e…) [Rejected]`,
      "Rejected by Mia: threat remains on Invoice_2026-114.pdf.exe. Reason: we look at it in the morning.",
      "Nothing was done. The file hash Invoice_2026-114.pdf.exe (5e5e5e5e…) can still run on every device.",
    ]);
    expect(await n.say(mia, `propose ACT-${block.id}`)).toMatch(/^Proposed again\nACT-\d+: Block file hash .* It waits for a decision\.$/);
    const again = await n.found("block-indicator", FILE.sha256, "pending");
    expect(n.words(await n.card(again.id))).toContain(`Rejected before by Mia: we look at it in the morning. (ACT-${block.id})`);

    // A false positive: contained first, taken back once somebody knows what it was.
    await n.alert({
      id: "a-3",
      title: "Credential dumping on WS-006",
      severity: "high",
      category: "CredentialAccess",
      detectedAt: engine.world.now.toISOString(),
      entities: [
        { kind: "device", name: "WS-006" },
        {
          kind: "process",
          name: "procdump.exe",
          commandLine: "procdump.exe -ma lsass.exe out.dmp",
          pid: 77,
          device: "WS-006",
          verdict: "malicious",
        },
      ],
    });
    await n.until(20 * MINUTE);
    const six = await n.found("isolate-device", "WS-006", "pending");
    await n.press(mia, "Approve", six.id);
    expect(await n.isolated()).toEqual(["DC-01", "WS-004", "WS-006"]);
    expect(await n.say(mia, `fp ACT-${six.id} a dump the support asked for`)).toContain("1 action proposed: it asks for a decision.");
    expect(await n.isolated()).toContain("WS-006");
    await n.press(mia, "Approve", (await n.found("release-device", "WS-006", "pending")).id);
    expect(await n.isolated()).toEqual(["DC-01", "WS-004"]);
    expect(n.words(await n.card(six.id))).toContain("Undone by Mia. Done and verified: WS-006 is on the network.");

    // Nobody stands behind it: whoever could is told, then it ends.
    await n.until(4 * HOUR + 10 * MINUTE);
    expect((await n.pagesOf(dc.id)).filter(([step]) => step === "ends-soon").map(([, who]) => who)).toEqual(
      expect.arrayContaining(["person:mia@contoso.com", "person:tom@contoso.com"]),
    );
    await n.until(5 * HOUR);
    expect(await n.isolated()).toEqual(["WS-004"]);
    expect(
      n
        .words(await n.card(dc.id))
        .split("\n")
        .slice(0, 3),
    ).toEqual([
      `LAB ACT-${dc.id}: Isolate DC-01 [Undone]`,
      `Glass broken by Mia, alone: it encrypts the shares and nobody answers. Nobody confirmed it. An admin reviews it: review ACT-${dc.id}.`,
      "Undone by Automation. Done and verified: DC-01 is on the network.",
    ]);

    // The morning.
    expect(await n.say(mia, `review ACT-${dc.id}`)).toContain("Refused");
    expect(await n.say(ada, "actions break-glass")).toBe(
      `Done by one person alone, not reviewed yet\n  Undone     ACT-${dc.id} Isolate DC-01 (INC-1, decided by Mia, ${n.time(await n.found("isolate-device", "DC-01"))})`,
    );
    expect(await n.say(ada, `review ACT-${dc.id} looked at with Mia`)).toContain("It leaves the list of what was done alone.");
    expect(await n.say(ada, "actions break-glass")).toContain("Nothing waits for a review.");

    // What nobody answered expires, and is called that.
    await n.until(80 * HOUR);
    expect(await n.found("quarantine-file", "DC-01")).toMatchObject({
      state: "expired",
      decision: null,
      outcome: "Expired: nothing was done.",
    });
    expect(await n.found("block-indicator", FILE.sha256, "expired")).toMatchObject({ id: again.id, decision: null });

    expect(await n.story(1)).toEqual([
      "ALT-1 from siem: Ransomware behaviour on WS-004",
      "Quarantine Invoice_2026-114.pdf.exe on WS-004 is carried out automatically: level full: malicious evidence is remediated",
      "Isolate WS-004 waits for a decision: isolate-device always asks by default",
      "Block file hash Invoice_2026-114.pdf.exe (5e5e5e5e…) waits for a decision: block-indicator always asks by default",
      "Quarantine Invoice_2026-114.pdf.exe on WS-004: Done and verified: Invoice_2026-114.pdf.exe on WS-004 is in quarantine.",
      "ALT-2 from siem: Ransomware behaviour on DC-01 (joined: same file within 24 h (Invoice_2026-114.pdf.exe))",
      "Quarantine Invoice_2026-114.pdf.exe on DC-01 waits for a decision: level semi-all: every folder asks",
      "Isolate DC-01 waits for a decision: isolate-device always asks by default",
      "Mia approved Isolate WS-004",
      "Isolate WS-004: Done and verified: WS-004 is isolated.",
      "Mia approved Isolate DC-01: 1 of 2",
      "Mia broke the glass: Isolate DC-01, alone. Reason: it encrypts the shares and nobody answers",
      "Isolate DC-01: Done and verified: DC-01 is isolated.",
      "Mia rejected Block file hash Invoice_2026-114.pdf.exe (5e5e5e5e…): we look at it in the morning",
      `Mia proposes again: Block file hash Invoice_2026-114.pdf.exe (5e5e5e5e…) (ACT-${block.id} was rejected)`,
      expect.stringMatching(
        /^ACT-\d+ \(Isolate DC-01\) ends in \d+ min\. It was done by one person alone\. A second person keeps it: confirm ACT-\d+$/,
      ),
      `Automation undoes ACT-${dc.id} (Isolate DC-01): its time was over`,
      "Release DC-01 from isolation: Done and verified: DC-01 is on the network.",
      "Ada reviewed what Mia did alone: Isolate DC-01: looked at with Mia",
      expect.stringMatching(
        /^ACT-\d+ expired: nothing was done\. Block file hash Invoice_2026-114\.pdf\.exe .* can still run on every device\. "propose ACT-\d+" asks again\.$/,
      ),
      expect.stringMatching(
        /^ACT-\d+ expired: nothing was done\. Quarantine Invoice_2026-114\.pdf\.exe on DC-01: .* stays where it is and can run\. "propose ACT-\d+" asks again\.$/,
      ),
      expect.stringMatching(/^Investigation INV-1 ended\. /),
    ]);
    await n.audited();
  });

  test("the second one wakes up: it stays, and is reviewed all the same", { timeout: 180_000 }, async () => {
    const { n, dc } = await begin();
    await n.until(2 * HOUR);
    expect(await n.press(mia, "Confirm", dc.id)).toContain("You did it alone: a second person has to confirm it.");
    expect(await n.press(tom, "Confirm", dc.id)).toContain(`ACT-${dc.id}: Isolate DC-01 stands on two people now`);
    await n.until(12 * HOUR);
    expect(await n.isolated()).toEqual(["DC-01", "WS-004"]);
    expect(n.words(await n.card(dc.id))).toContain(
      "Glass broken by Mia, alone: it encrypts the shares and nobody answers. Tom confirmed it.",
    );
    expect((await n.pagesOf(dc.id)).map(([step]) => step)).not.toContain("ends-soon");
    expect(await n.say(ada, "actions break-glass")).toContain(`ACT-${dc.id} Isolate DC-01`);
    await n.press(ada, "Reviewed", dc.id).catch(() => n.say(ada, `review ACT-${dc.id}`));
    expect(await n.say(ada, "actions break-glass")).toContain("Nothing waits for a review.");
    await n.audited();
  });
});
