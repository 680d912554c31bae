import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generic } from "../../src/adapters/alerts/generic.ts";
import { sanitize } from "../../src/adapters/alerts/sanitize.ts";
import { cardText } from "../../src/bot/card-text.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import { verifyAudit, writeCheckpoint } from "../../src/engine/audit-chain.ts";
import type { Card } from "../../src/engine/cards/card.ts";
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
    const { boss } = engine.database;
    const { rows } = await boss.executeSql("select tablename as name from pg_tables where schemaname = 'public'");
    await boss.executeSql(`truncate ${(rows as { name: string }[]).map(({ name }) => `"${name}"`).join(", ")} restart identity cascade`);
    await engine.clearJobs();
    const { lab, capabilities } = openLab(() => engine.world.now);
    Object.assign(engine.world, {
      now: THREE,
      capabilities,
      policy: { ...testPolicy, mode: "act", deviceGroups: [{ name: "workstations", match: { name: "ws-*" }, automation: "full" }] },
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
    const transcript: string[] = [];
    const clock = () => engine.world.now.toISOString().slice(5, 16).replace("T", " ");
    const note = (who: string, what: string) => transcript.push(`[${clock()}] ${who}: ${what}`);
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
      lab,
      chat,
      transcript,
      actions,
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
        note("alert", (body as { title: string }).title);
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
        note(
          person.name,
          `presses ${label} of ACT-${id}${typed ? ` and types "${typed}"` : ""}\n    -> ${answer.replaceAll("\n", "\n    ")}`,
        );
        await air.work();
        return answer;
      },
      async say(person: Person, text: string): Promise<string> {
        const answer = words(await conversation.say(text, person));
        note(person.name, `says "${text}"\n    -> ${answer.replaceAll("\n", "\n    ")}`);
        await air.work();
        return answer;
      },
      pages: async (id: number) =>
        (await engine.store.pagesOf((await found("isolate-device", "DC-01")).incidentId)).filter((page) => page.actionId === id),
    };
  }

  test("tell", { timeout: 120_000 }, async () => {
    const n = await night();
    await n.alert(ransomware("a-1", "WS-004", 0));
    await n.alert(ransomware("a-2", "DC-01", 1, "critical"));
    await n.until(2 * MINUTE);
    const ws = await n.found("isolate-device", "WS-004");
    const dc = await n.found("isolate-device", "DC-01");
    const block = await n.found("block-indicator", FILE.sha256);
    const show = async (id: number) =>
      n.transcript.push(
        "      | " + n.words(await n.card(id)).replaceAll("\n", "\n      | ") + "\n" + (await n.card(id)).buttons.map((b) => b.label),
      );
    await show(ws.id);
    await show(dc.id);
    await n.press(mia, "Approve", ws.id);
    await n.press(mia, "Approve", dc.id, "DC-01");
    await show(dc.id);
    await n.until(10 * MINUTE);
    await n.say(mia, `break-glass ACT-${dc.id} DC-01 it encrypts the shares`);
    await n.until(18 * MINUTE);
    await show(dc.id);
    await n.press(mia, "Break glass", dc.id, "DC-01 it encrypts the shares and nobody answers");
    await show(dc.id);
    await n.press(mia, "Reject", block.id, "we look at it in the morning");
    await show(block.id);
    await n.say(mia, `propose ACT-${block.id}`);
    await show((await n.found("block-indicator", FILE.sha256, "pending")).id);
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
    const six = await n.found("isolate-device", "WS-006");
    await n.press(mia, "Approve", six.id);
    await n.say(mia, `fp ACT-${six.id} a dump the support asked for, ticket 4711`);
    await n.until(25 * MINUTE);
    const release = await n.found("release-device", "WS-006", "pending");
    await show(release.id);
    await n.press(mia, "Approve", release.id);
    await n.until(5 * HOUR);
    await show(dc.id);
    await n.say(ada, "actions break-glass");
    await n.say(ada, `review ACT-${dc.id} looked at with Mia`);
    await n.say(ada, "actions break-glass");
    await n.say(ada, "log INC-1");
    await n.say(ada, "log INC-2");
    await n.until(100 * HOUR);
    await n.say(ada, "actions history");
    console.log(n.transcript.join("\n"));
    for (const message of n.chat.messages)
      console.log(
        `--- ${message.thread ? "  in thread" : "ROOT"}\n${cardText(message.card).join("\n")}\n{${message.card.buttons.map((b) => b.label).join(", ")}}\nPUSH: ${message.card.summary}`,
      );
    const text = [
      ...(await engine.store.auditLines(0, 10_000)).map(({ line }) => line),
      writeCheckpoint(await engine.store.auditHead(), key),
    ];
    expect(verifyAudit(`${text.join("\n")}\n`, trusted)).toMatchObject({ ok: true });
  });
});
void tom;
