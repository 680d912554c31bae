import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { type ActionJson, type List, openAir, type TestAir } from "../support/running-air.ts";

type Investigation = {
  id: string;
  incident: string;
  status: string;
  evidence: { entity: { kind: string }; verdict: string; remediation: string; reasons: unknown[] }[];
};
const number = (id: string | undefined) => Number(id?.split("-")[1]);

describe.each(DATABASES)("the lab's stories on %s", (database) => {
  let air: TestAir;
  beforeAll(async () => {
    air = await openAir({ database });
  });
  afterAll(() => air?.remove());

  /** Plays it as `air lab` does; the incident it made. */
  const play = async (story: string): Promise<string[]> => {
    const answer = await air.post(`/v1/lab/${story}`, {});
    expect(answer.status, answer.text).toBe(200);
    return [...new Set(answer.as<{ incidents: string[] }>().incidents)];
  };
  const actionsOf = async (incident: string) =>
    (await air.ask("/v1/actions?limit=200")).as<List<ActionJson>>().items.filter((action) => action.incident === incident);
  const action = (incident: string, kind: string, state: string) =>
    eventually(
      async () => (await actionsOf(incident)).find((one) => one.kind === kind && one.state === state),
      `${kind} of ${incident} ${state}`,
    );
  const investigation = async (incident: string) => {
    const id = (await air.ask(`/v1/incidents/${incident}`)).as<{ investigations: string[] }>().investigations.at(-1);
    return (await air.ask(`/v1/investigations/${id}`)).as<Investigation>();
  };
  const status = (incident: string, wanted: string) =>
    eventually(async () => {
      const found = await investigation(incident);
      return found.status === wanted ? found : undefined;
    }, `${incident} ${wanted}`);
  const approve = async (one: ActionJson, persona = "mia") => {
    const answer = await air.post(
      `/v1/actions/${one.id}/decision`,
      { decision: "approve", version: one.version },
      { cookie: `air_persona=${persona}` },
    );
    expect(answer.status, answer.text).toBe(200);
  };
  const own = () => ({ origin: new URL(air.url).origin, "sec-fetch-site": "same-origin" });
  const page = async () => (await air.ask("/console/feed")).text;
  /** The words that stand behind a name in the lab's lists. */
  const wordsAfter = (part: string): string[] => {
    const [, states = ""] = /^<\/span><span class="states">((?:<span class="state [^"]*">[^<]*<\/span>)*)<\/span>/.exec(part) ?? [];
    return [...states.matchAll(/>([^<]+)<\/span>/g)].map(([, word]) => word ?? "");
  };
  const statesOf = async (name: string) =>
    (await page())
      .split(name)
      .map(wordsAfter)
      .find((words) => words.length > 0) ?? [];
  /** The value of a button as the page has it, taken out of the page: nothing is made up. */
  const button = async (id: string, decision: string) => {
    const found = new RegExp(`data-value="(${id}\\.[0-9a-f]+\\.${decision}\\.[0-9a-f]{16})"`).exec(await page());
    if (!found?.[1]) throw new Error(`The page has no ${decision} for ${id}.`);
    return found[1];
  };

  test("the same file on a second device is dealt with there too, and blocked once", async () => {
    const sha256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    const send = async (device: string) => {
      const entities = [
        { kind: "device", name: device },
        { kind: "file", name: "eicar.com", device, verdict: "malicious", sha256 },
      ];
      const answer = await air.post("/v1/alerts/generic", {
        id: `same-file-${device}`,
        title: `Malware on ${device}`,
        severity: "high",
        entities,
      });
      return answer.as<{ accepted: { incident: string }[] }>().accepted[0]?.incident ?? "";
    };
    const incident = await send("WS-701");
    await action(incident, "isolate-device", "pending");
    expect(await send("WS-702")).toBe(incident);
    const devices = (actions: ActionJson[], kind: string) =>
      actions
        .filter((one) => one.kind === kind)
        .map((one) => String(one.target.device ?? one.target.name))
        .sort();
    await eventually(async () => devices(await actionsOf(incident), "isolate-device").length === 2, "both isolations");
    const all = await actionsOf(incident);
    expect(devices(all, "isolate-device")).toEqual(["WS-701", "WS-702"]);
    expect(devices(all, "quarantine-file")).toEqual(["WS-701", "WS-702"]);
    expect(all.filter((one) => one.kind === "block-indicator")).toHaveLength(1);
  });

  test("ransomware: the file is quarantined at once, isolating asks; approved, the device is isolated", async () => {
    const [incident = "", ...more] = await play("ransomware");
    expect(more).toEqual([]);
    const quarantine = await action(incident, "quarantine-file", "succeeded");
    expect(quarantine).toMatchObject({
      decision: { decision: "automatic" },
      outcome: expect.stringMatching(/^Done and verified: .* is in quarantine\.$/),
    });
    const isolate = await action(incident, "isolate-device", "pending");
    const pending = await status(incident, "pendingApproval");
    expect(pending.evidence.find((item) => item.entity.kind === "file")).toMatchObject({ verdict: "malicious", remediation: "remediated" });
    const name = String(isolate.target.name);
    expect(await statesOf(name)).toEqual(expect.arrayContaining(["Online", "1 in quarantine"]));
    await approve(isolate);
    expect(await action(incident, "isolate-device", "succeeded")).toMatchObject({
      outcome: `Done and verified: ${name} is isolated.`,
      decision: { by: "Mia Keller", via: "http" },
    });
    expect(await statesOf(name)).toEqual(expect.arrayContaining(["Isolated", "1 in quarantine"]));
    await approve(await action(incident, "block-indicator", "pending"));
    await status(incident, "successfullyRemediated");
  });

  test("phishing: nothing happens before a person decides; approved in the console, every copy is gone and the link is blocked", async () => {
    const [incident = ""] = await play("phishing");
    // The reported copy at once; the copies of the colleagues once the mailboxes were searched.
    const removes = await eventually(async () => {
      const found = (await actionsOf(incident)).filter((one) => one.kind === "soft-delete-mail" && one.state === "pending");
      return found.length === 3 ? found : undefined;
    }, "a removal for each of three copies");
    const block = await action(incident, "block-indicator", "pending");
    expect((await actionsOf(incident)).map((one) => one.state)).not.toContain("succeeded");
    const subject = String(removes[0]?.target.subject);
    const copies = async (location: string) => (await page()).split(subject).filter((part) => wordsAfter(part).includes(location)).length;
    expect(await copies("In the inbox")).toBe(3);
    for (const one of [...removes, block]) {
      const answer = await air.post("/console/press", { value: await button(one.id, "approve") }, own());
      expect([answer.status, answer.json]).toEqual([200, {}]);
    }
    await status(incident, "successfullyRemediated");
    expect([await copies("In the inbox"), await copies("Soft-deleted")]).toEqual([0, 3]);
    for (const one of [...removes, block])
      expect((await air.ask(`/v1/actions/${one.id}`)).json).toMatchObject({
        state: "succeeded",
        decision: { by: "Mia Keller", via: "console" },
      });
  });

  test("token theft: revoking and disabling ask; approved, the account is disabled", async () => {
    const [incident = ""] = await play("token-theft");
    const revoke = await action(incident, "revoke-sessions", "pending");
    const disable = await action(incident, "disable-user", "pending");
    expect((await actionsOf(incident)).filter((one) => one.decision)).toEqual([]);
    await approve(revoke);
    const press = await air.post(
      "/console/press",
      { value: await button(disable.id, "approve") },
      { ...own(), cookie: "air_persona=noor" },
    );
    expect(press.json).toEqual({});
    expect(await action(incident, "revoke-sessions", "succeeded")).toMatchObject({ decision: { by: "Mia Keller" } });
    expect(await action(incident, "disable-user", "succeeded")).toMatchObject({ decision: { by: "Noor Haddad", via: "console" } });
    expect(await statesOf(String(disable.target.email))).toContain("Disabled");
  });

  test("noise: a dozen alerts, nothing to decide, and no word in the channel", async () => {
    const incidents = await play("noise");
    expect(incidents.length).toBeGreaterThan(5);
    await Promise.all(
      incidents.map((incident) =>
        eventually(async () => !["queued", "running"].includes((await investigation(incident)).status), `the end of ${incident}`, 60_000),
      ),
    );
    for (const incident of incidents) expect([incident, await actionsOf(incident)]).toEqual([incident, []]);
    const spoken = (await air.air.store.rootMessages("console:soc", 50)).map((row) => row.incidentId);
    expect(spoken.filter((incident) => incidents.map(number).includes(incident))).toEqual([]);
    // They are not lost: stored, listed, findable.
    const listed = (await air.ask("/v1/incidents?limit=200")).as<List<{ id: string }>>().items.map((one) => one.id);
    expect(listed).toEqual(expect.arrayContaining(incidents));
  });

  test("the same story again is an incident of its own, with things of its own", async () => {
    const [first] = await play("ransomware");
    const [second] = await play("ransomware");
    expect(second).not.toBe(first);
    const [one, other] = [await action(first ?? "", "isolate-device", "pending"), await action(second ?? "", "isolate-device", "pending")];
    expect(one.target.name).not.toBe(other.target.name);
  });

  test("a button of another air, an old one, a second press and a viewer's press decide nothing and say so privately", async () => {
    const [incident = ""] = await play("ransomware");
    const isolate = await action(incident, "isolate-device", "pending");
    const value = await button(isolate.id, "approve");
    const press = async (pressed: string, persona: string) =>
      (await air.post("/console/press", { value: pressed }, { ...own(), cookie: `air_persona=${persona}` })).as<{ html?: string }>().html;
    const forged = value.replace(/[0-9a-f]{16}$/, (mac) => (mac.startsWith("0") ? `1${mac.slice(1)}` : `0${mac.slice(1)}`));
    expect(await press(forged, "mia")).toContain("This button was not made by this air");
    expect(await press(value.replace(".approve.", ".reject."), "mia")).toContain("This button was not made by this air");
    expect(await press(value, "vic")).toContain("needs the role approver for device");
    expect((await actionsOf(incident)).find((one) => one.id === isolate.id)?.state).toBe("pending");
    expect(await press(value, "mia")).toBeUndefined();
    expect(await press(value, "noor")).toContain("Mia Keller");
    await action(incident, "isolate-device", "succeeded");
    // The viewer's refused press stands in the record.
    const audit = (await air.ask("/v1/audit", { headers: { cookie: "air_persona=ada" } })).as<{ items: { line: string }[] }>().items;
    expect(audit.map(({ line }) => line).filter((line) => line.includes("decision.refused") && line.includes("Vic Viewer"))).toHaveLength(
      1,
    );
  });

  test("two people have to approve isolating a domain controller", async () => {
    const name = "DC-01";
    const sent = await air.post("/v1/alerts/generic", {
      id: `dc-${database}`,
      title: `Credential dumping on ${name}`,
      severity: "critical",
      entities: [
        { kind: "device", name },
        {
          kind: "process",
          name: "mimikatz.exe",
          commandLine: 'mimikatz.exe "privilege::debug" "sekurlsa::logonpasswords" exit',
          device: name,
          verdict: "malicious",
        },
      ],
    });
    const [{ incident = "" } = {}] = sent.as<{ accepted: { incident: string }[] }>().accepted;
    const isolate = await action(incident, "isolate-device", "pending");
    expect(isolate.approvals.needed).toBe(2);
    const press = async (persona: string, typed = name) =>
      (
        await air.post(
          "/console/press",
          { value: await button(isolate.id, "approve"), typed },
          { ...own(), cookie: `air_persona=${persona}` },
        )
      ).as<{ html?: string }>().html;
    expect(await press("mia", "yes")).toContain("Type: DC-01");
    expect(await press("mia")).toContain("1 of 2");
    expect(await page()).toContain("1 of 2");
    expect(await press("mia")).toContain("a second person has to");
    expect((await actionsOf(incident)).find((one) => one.id === isolate.id)).toMatchObject({
      state: "pending",
      approvals: { given: [{ by: "Mia Keller" }] },
    });
    expect(await press("noor")).toBeUndefined();
    await action(incident, "isolate-device", "succeeded");
  });
});
