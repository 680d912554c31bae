import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { freshNames, type LabNames, type Story, type StoryPlay, stories } from "../../../src/adapters/connectors/lab/stories.ts";
import { LAB_KINDS } from "../../../src/adapters/connectors/lab/world.ts";
import { analyzers } from "../../../src/engine/analyzers/all.ts";
import { NamedEntity, type Verdict } from "../../../src/engine/domain/alert.ts";
import { Entity, entityKeys } from "../../../src/engine/domain/entity.ts";
import type { Observation } from "../../../src/engine/domain/observation.ts";
import { type Judgement, judge, WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import { choosePlaybook, parsePlaybook, plan } from "../../../src/engine/playbook.ts";
import type { Capabilities } from "../../../src/engine/ports.ts";
import { NOW, openLab } from "../../support/lab-capabilities.ts";
import { lookContext } from "../../support/look-context.ts";

const signal = new AbortController().signal;
const sha256 = "b".repeat(64);
const story = (name: Story["name"]) => stories.find((each) => each.name === name) as Story;
const playbooks = ["malware-on-device", "general"].map((name) =>
  parsePlaybook(readFileSync(new URL(`../../../playbooks/${name}.yaml`, import.meta.url), "utf8"), `${name}.yaml`),
);

/** A counter instead of chance, so that a failure can be played again. */
function counted(seed: string) {
  let next = 0;
  return (prefix: string) => `${prefix}-${seed}${(next++).toString(36)}`;
}

type GraphEvidence = {
  "@odata.type": string;
  verdict?: string;
  roles?: string[];
  userAccount?: { userPrincipalName: string };
  ipAddress?: string;
};

/** What the alert sources make of the two shapes the stories use. */
function namedIn({ source, body }: StoryPlay["alerts"][number]): NamedEntity[] {
  if (source === "generic") {
    return (body.entities as Record<string, unknown>[]).map((each) =>
      NamedEntity.parse({ entity: Entity.parse(each), verdict: each.verdict, remediation: each.remediation, roles: each.roles ?? [] }),
    );
  }
  return (body.evidence as GraphEvidence[]).map(({ userAccount, ipAddress, verdict, roles }) =>
    NamedEntity.parse({
      entity: userAccount ? { kind: "user", email: userAccount.userPrincipalName } : { kind: "ip", address: ipAddress },
      verdict,
      roles: roles ?? [],
    }),
  );
}

type Judged = { entity: Entity; named: boolean; judgement: Judgement; remediation?: string | undefined };

/** An investigation in small: adopt, look, judge, take in what was found, until nothing is new. */
async function investigate(capabilities: Capabilities, alerts: StoryPlay["alerts"]): Promise<Judged[]> {
  const sourceWeight = { malicious: WEIGHTS.sourceMalicious, suspicious: WEIGHTS.sourceSuspicious } as const;
  const evidence: { entity: Entity; named: boolean; said: Observation[]; remediation?: string | undefined }[] = [];
  const add = (entity: Entity, named: boolean) => {
    const keys = new Set(entityKeys(entity));
    const known = evidence.find((each) => each.entity.kind === entity.kind && entityKeys(each.entity).some((key) => keys.has(key)));
    if (known) return known;
    const fresh = { entity, named, said: [] as Observation[] };
    evidence.push(fresh);
    return fresh;
  };
  for (const alert of alerts) {
    const named = namedIn(alert);
    await capabilities.adopt(named.map(({ entity }) => entity));
    for (const { entity, verdict, remediation } of named) {
      const item: (typeof evidence)[number] = add(entity, true);
      item.remediation = remediation;
      if (verdict !== "malicious" && verdict !== "suspicious") continue;
      item.said = [
        { analyzer: "source", source: "alert:lab", family: "lab-alert", label: verdict, weight: sourceWeight[verdict], text: "", at: NOW },
      ];
    }
  }
  const judged: Judged[] = [];
  for (let index = 0; index < evidence.length; index++) {
    const item = evidence[index]!;
    const looks = analyzers.flatMap((analyzer) => analyzer.looks(item.entity, capabilities, lookContext({ severity: "high" })));
    const seen = (await Promise.all(looks.map((look) => look.run(signal)))).flat();
    for (const entity of seen.flatMap(({ found }) => found ?? [])) add(entity, false);
    const judgement = judge({ observations: [...item.said, ...seen], sourceFamilies: new Set(["lab-alert"]), trusted: true, now: NOW });
    judged.push({ entity: item.entity, named: item.named, judgement, remediation: item.remediation });
  }
  return judged;
}

function actionsFor(alerts: StoryPlay["alerts"], judged: readonly Judged[]): string[] {
  const body = alerts[0]?.body as { title: string; category: string; severity: "low" | "high" };
  const entityKinds = judged.map(({ entity }) => entity.kind);
  const chosen = choosePlaybook(playbooks, {
    title: body.title,
    severity: body.severity,
    categories: [body.category],
    products: [],
    entityKinds,
  });
  if (!chosen) return [];
  const evidence = judged.map(({ entity, judgement, remediation }, id) => ({ id, entity, verdict: judgement.verdict, remediation }));
  return plan(chosen, evidence).map(({ kind, target }) => `${kind} ${target.kind}`);
}

async function play(name: Story["name"], names: (fresh: (prefix: string) => string) => LabNames = freshNames, seed = "t") {
  const { lab, store, capabilities } = openLab();
  const fresh = counted(seed);
  const played = story(name).play(names(fresh), NOW, fresh);
  for (const { kind, id, state } of played.place) await store.put(kind, id, state);
  return { lab, capabilities, played, judged: await investigate(capabilities, played.alerts) };
}

const verdicts = (judged: readonly Judged[]) => judged.map(({ entity, judgement }) => `${entity.kind} ${judgement.verdict}`).toSorted();
const count = (judged: readonly Judged[], kind: string, verdict: Verdict) =>
  judged.filter(({ entity, judgement }) => entity.kind === kind && judgement.verdict === verdict).length;

describe("the stories end as told", () => {
  test("phishing: the link and every copy are malicious; mail and link are to be dealt with", async () => {
    const { judged, played } = await play("phishing");
    expect(count(judged, "url", "malicious")).toBe(1);
    expect(count(judged, "message", "malicious")).toBe(3);
    expect(judged.filter(({ entity }) => entity.kind === "user")).toHaveLength(1);
    expect(actionsFor(played.alerts, judged).toSorted()).toEqual([
      "block-indicator url",
      "soft-delete-mail message",
      "soft-delete-mail message",
      "soft-delete-mail message",
    ]);
  });
  test("ransomware: two families beside the source, so quarantine may be automatic; isolation is proposed", async () => {
    const { judged, played } = await play("ransomware");
    const file = judged.find(({ entity }) => entity.kind === "file");
    expect(file?.judgement).toMatchObject({ verdict: "malicious", conflict: false, automatic: { allowed: true } });
    expect(new Set(file?.judgement.for.map(({ family }) => family))).toEqual(
      new Set(["lab-alert", "lab-antivirus", "lab-intel", "endpoint"]),
    );
    // What deletes the backups, and what started it.
    expect(count(judged, "process", "malicious")).toBe(2);
    expect(actionsFor(played.alerts, judged)).toEqual(["quarantine-file file", "isolate-device device", "block-indicator file"]);
  });
  test("token theft: the account is malicious; its sessions and itself are to be dealt with", async () => {
    const { judged, played } = await play("token-theft");
    expect(count(judged, "user", "malicious")).toBe(1);
    expect(count(judged, "ip", "malicious")).toBe(0);
    expect(actionsFor(played.alerts, judged)).toEqual(["revoke-sessions user", "disable-user user"]);
  });
  test("noise: nothing is malicious, nothing is proposed", async () => {
    const { lab, store, capabilities } = openLab();
    const fresh = counted("n");
    const { alerts, place } = story("noise").play(freshNames(fresh), NOW, fresh);
    for (const { kind, id, state } of place) await store.put(kind, id, state);
    expect(alerts).toHaveLength(12);
    for (const alert of alerts) {
      const judged = await investigate(capabilities, [alert]);
      expect(
        judged.map(({ judgement }) => judgement.verdict).filter((verdict) => verdict === "malicious" || verdict === "suspicious"),
      ).toEqual([]);
      expect(actionsFor([alert], judged)).toEqual([]);
    }
    expect((await lab.snapshot()).indicators).toEqual([]);
  });
});

describe.each(stories)("$name", ({ name }) => {
  const renamed = (): LabNames => ({
    device: (part) => `kiosk-${part}`,
    user: (part) => ({ email: `${part}.person@fabrikam.example`, name: `A ${part}` }),
    sha256: (part) => Buffer.from(part.padEnd(32, "x").slice(0, 32)).toString("hex"),
  });

  test("other devices, users and hashes change no verdict", async () => {
    expect(verdicts((await play(name, renamed, "r")).judged)).toEqual(verdicts((await play(name)).judged));
  });

  test("nor do they where only the alerts are sent, to a lab that never saw the story", async () => {
    const placed = await play(name);
    const fresh = counted("u");
    const { alerts } = story(name).play(renamed(), NOW, fresh);
    const named = (judged: readonly Judged[]) => verdicts(judged.filter((each) => each.named));
    expect(named(await investigate(openLab().capabilities, alerts))).toEqual(named(placed.judged));
  });

  test("what it places is what the lab can hold, and its two plays share nothing that joins incidents", () => {
    const plays = ["a", "b"].map((seed) => story(name).play(freshNames(counted(seed)), NOW, counted(`${seed}x`)));
    for (const { place } of plays) for (const { kind, state } of place) expect(LAB_KINDS[kind].safeParse(state).success).toBe(true);
    const [first, second] = plays.map(
      ({ alerts }) =>
        new Set(alerts.flatMap((alert) => namedIn(alert)).flatMap(({ entity }) => (entity.kind === "process" ? [] : entityKeys(entity)))),
    );
    // Internal addresses never join anything.
    const shared = [...(first ?? [])].filter((key) => second?.has(key) && !/^ip:address:(10|169\.254)\./.test(key));
    expect(shared).toEqual([]);
    const ids = plays.flatMap(({ alerts }) => alerts.map(({ body }) => body.id));
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("adoption", () => {
  const file: Entity = { kind: "file", sha256, name: "tool.exe", device: "NB-77" };
  const entities: Entity[] = [
    { kind: "device", name: "NB-77" },
    { kind: "user", email: "zoe@fabrikam.example" },
    { kind: "mailbox", address: "yan@fabrikam.example" },
    { kind: "process", name: "a.exe", device: "NB-78" },
    { kind: "message", networkMessageId: "m-77", subject: "Hello", sender: "x@mail.example", recipient: "yan@fabrikam.example" },
    { kind: "user", name: "NT AUTHORITY\\SYSTEM" },
    file,
  ];
  test("takes in what it does not know: online, workstation, in no group", async () => {
    const { lab } = openLab();
    await lab.adopt(entities);
    await lab.adopt(entities);
    expect(await lab.devices.find({ kind: "device", name: "nb-77.fabrikam.example" }, signal)).toEqual({
      id: "nb-77",
      name: "NB-77",
      os: "Windows 11",
      role: "workstation",
      users: [],
      online: true,
      isolated: false,
      restricted: false,
      onboarded: true,
    });
    expect(await lab.devices.find({ kind: "device", name: "NB-78" }, signal)).toBeDefined();
    expect(await lab.devices.seenOn({ kind: "file", sha256 }, signal)).toEqual(["NB-77"]);
    expect(await lab.identities.find({ kind: "mailbox", address: "YAN@fabrikam.example" }, signal)).toMatchObject({
      enabled: true,
      signIns: [],
    });
    expect(await lab.mail.find({ kind: "message", networkMessageId: "m-77" }, signal)).toHaveLength(1);
    expect(await lab.identities.find({ kind: "user", name: "NT AUTHORITY\\SYSTEM" }, signal)).toBeUndefined();
  });
  test("takes in the apps and keys an alert names, a key with the one account beside it", async () => {
    const { lab } = openLab();
    const named: Entity[] = [
      { kind: "oauth-app", id: "app-77", name: "Free PDF" },
      { kind: "oauth-app", name: "payroll sync" },
      { kind: "access-key", id: "AKIA77EXAMPLE" },
      { kind: "user", email: "zoe@fabrikam.example" },
    ];
    await lab.adopt(named);
    await lab.adopt(named);
    expect(await lab.apps.find({ kind: "oauth-app", name: "free pdf" }, signal)).toMatchObject({ id: "app-77", enabled: true, grants: [] });
    expect(await lab.accessKeys.find({ kind: "access-key", id: "AKIA77EXAMPLE" }, signal)).toEqual({
      id: "AKIA77EXAMPLE",
      owner: "zoe@fabrikam.example",
      active: true,
    });
    expect((await lab.snapshot()).apps.map(({ name }) => name)).toEqual(["Payroll Sync", "Mail Merge Helper", "Free PDF"]);
  });
  test("leaves the company's own things as they are", async () => {
    const { lab } = openLab();
    const before = await lab.snapshot();
    await lab.adopt([
      { kind: "device", name: "DC-01" },
      { kind: "user", email: "Mia@contoso.example" },
    ]);
    expect(await lab.snapshot()).toEqual(before);
  });
  test("undoes nothing that was done", async () => {
    const { lab } = openLab();
    await lab.adopt(entities);
    await lab.devices.isolate("nb-77", "", "k", signal);
    await lab.adopt(entities);
    expect(await lab.devices.find({ kind: "device", name: "nb-77" }, signal)).toMatchObject({ isolated: true });
  });
  test("an unknown hash, link, address or domain is not known", async () => {
    const { lab } = openLab();
    await lab.adopt(entities);
    const unknown = [
      file,
      { kind: "url", url: "https://somewhere.example/login" },
      { kind: "ip", address: "198.51.100.77" },
      { kind: "domain", name: "somewhere.example" },
    ] as const;
    for (const entity of unknown) {
      for (const source of lab.reputation.filter(({ kinds }) => kinds.includes(entity.kind))) {
        expect(await source.look(entity, signal)).toMatchObject({ label: "neutral", weight: 0 });
      }
    }
  });
  test("does not grow without end", async () => {
    const { lab, store } = openLab();
    await lab.adopt(Array.from({ length: 10_050 }, (_, index): Entity => ({ kind: "device", name: `host-${index}` })));
    expect(await store.list("device")).toHaveLength(10_000);
  });
});

test("a known bad file is known by any of its hashes", async () => {
  const { lab } = openLab();
  for (const source of lab.reputation) {
    expect(await source.look({ kind: "file", md5: "44d88612fea8a8f36de82e1278abb02f" }, signal)).toMatchObject({ label: "malicious" });
  }
});

test("a block ends when it expires", async () => {
  let now = NOW;
  const { lab } = openLab(() => now);
  const indicator = { kind: "ip", address: "203.0.113.9" } as const;
  await lab.indicators.block(indicator, new Date(NOW.getTime() + 1000), "", "k", signal);
  expect(await lab.indicators.find(indicator, signal)).toMatchObject({ action: "block" });
  now = new Date(NOW.getTime() + 2000);
  expect(await lab.indicators.find(indicator, signal)).toBeUndefined();
});
