import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUILT_IN_KINDS } from "../../src/adapters/alerts/all.ts";
import { readAlerts } from "../../src/adapters/alerts/read-alerts.ts";
import { Alert } from "../../src/engine/domain/alert.ts";
import { evidenceKeys } from "../../src/engine/domain/entity.ts";
import { Refusal } from "../../src/engine/domain/errors.ts";
import { ENDED, STATUS_SENTENCE } from "../../src/engine/domain/investigation.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { type Engine, numberOf, openEngine, testPolicy } from "../support/open-engine.ts";
import { whyForbidden } from "./allowed-target.ts";
import { cardFaults } from "./card-faults.ts";
import { namedSamples, parserNamed, posted, REFUSED, samples, sourceOf } from "./index.ts";
import { type Investigated, investigated, parse, samplePolicy, WORLDS } from "./run-sample.ts";

const refusal = (parsed: () => unknown): Refusal => {
  try {
    parsed();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("was accepted");
};

test("every sample says where its shape was read, and nothing else is named", () => {
  expect(samples.length).toBeGreaterThanOrEqual(90);
  expect(samples.map((sample) => sample.name)).toEqual(namedSamples.toSorted());
});

describe("what is no alert of a parser's own is refused, and the field is named", () => {
  const others = BUILT_IN_KINDS.filter((kind) => kind !== "generic");
  test.each(samples.map((sample) => [sample.name, sample] as const))("%s", (_, { format, payload }) => {
    for (const kind of others) {
      if (kind === sourceOf(format)) continue;
      const { code, field, message } = refusal(() => readAlerts(parserNamed(kind), payload));
      expect({ kind, code, field, message }).toEqual({
        kind,
        code: "invalid",
        field: expect.stringMatching(/^[\w@.[\]-]+$/),
        message: expect.stringMatching(/\S/),
      });
    }
  });

  /** Not refused by the generic source: an id, a title and a severity are all that it asks for, and these say them under these names. */
  const GENERIC_TOO = new Set(["upwind/port-scan"]);
  test.each(samples.map((sample) => [sample.name, sample.payload] as const))("%s, posted to the generic source", (name, payload) => {
    if (GENERIC_TOO.has(name)) return expect(parse("generic", payload).entities).toEqual([]);
    expect(refusal(() => parse("generic", payload))).toMatchObject({ code: "invalid", field: expect.stringMatching(/^[\w@.[\]-]+$/) });
  });

  test.each(Object.entries(REFUSED))("%s", (name, field) => {
    const sample = samples.find((one) => one.name === name);
    expect(refusal(() => parse(sourceOf(sample?.format ?? ""), sample?.payload))).toMatchObject({
      code: "invalid",
      field,
    });
  });
});

describe("every sample is parsed", () => {
  test.each(posted.map((one) => [one.sample.name, one] as const))("%s", (_, { kind, payload }) => {
    const alert = parse(kind, payload);
    expect(Alert.safeParse(alert).error).toBeUndefined();
  });

  const entities = (name: string) => {
    const one = posted.find((each) => each.sample.name === name);
    return parse(one?.kind ?? "", one?.payload).entities.map((named) => named.entity);
  };
  test("what a log platform stores under another name is still known for what it is", () => {
    expect(entities("graph/anonymous-ip-log-platform").map((entity) => entity.kind)).toEqual(["user", "ip"]);
  });
  test("zeros in place of a hash are no hash", () => {
    const hashes = [...entities("falcon/event-stream"), ...entities("graph/every-other-evidence"), ...entities("guardduty/volume-scan")];
    expect(JSON.stringify(hashes)).not.toMatch(/"0{32,}"/);
    expect(entities("falcon/event-stream")).toContainEqual(expect.objectContaining({ kind: "file", sha256: expect.anything() }));
  });
  test("a service of the cloud that called another is nobody to act on", () => {
    expect(entities("guardduty/policy-change-without-resource")).toEqual([]);
  });
  test("archived is archived, also where it is written as text", () => {
    const alert = (name: string) => parse("guardduty", samples.find((sample) => sample.name === name)?.payload);
    expect(alert("guardduty/runtime-archived-as-text").status).toBe("resolved");
    expect(alert("guardduty/runtime-process").status).toBe("new");
  });
});

/** Words with which a source says that nothing is left to do. */
const STOPPED = /^(prevented|blocked|remediated)$/i;

/** Everything that must hold of an investigated sample, as sentences about what does not. */
function faults({ alert, row, actions, view }: Investigated): string[] {
  const found: string[] = [];
  // A policy that starts none says so, and the card shows it.
  if (!row && !view.alerts.every((one) => one.policyRule)) found.push("not investigated, and nobody says why");
  else if (!row) found.push(...(actions.length > 0 ? ["actions without an investigation"] : []));
  else if (!ENDED.has(row.status) && row.status !== "pendingApproval") found.push(`left ${row.status}`);
  else if (!/^[A-Z].*\.$/.test(STATUS_SENTENCE[row.status])) found.push(`no sentence for ${row.status}`);
  const stopped = new Set(
    alert.entities.filter((named) => STOPPED.test(named.remediation ?? "")).flatMap((named) => evidenceKeys(named.entity)),
  );
  for (const action of actions) {
    const why = whyForbidden(action);
    if (why) found.push(`${action.kind} ${JSON.stringify(action.target)}: ${why}`);
    if (evidenceKeys(action.target).some((key) => stopped.has(key)))
      found.push(`${action.kind} ${JSON.stringify(action.target)}: already stopped`);
    if (alert.status === "resolved") found.push(`${action.kind}: the alert is resolved`);
  }
  return [...found, ...cardFaults(view)];
}

describe.each(Object.entries(WORLDS))("every sample is investigated to its end, %s", (world, capabilities) => {
  let engine: Engine;
  let proposed = 0;
  beforeAll(async () => {
    engine = await openEngine("embedded");
    Object.assign(engine.world, { now: NOW, capabilities: capabilities(), policy: samplePolicy });
  });
  afterAll(() => engine.close());

  test.each(posted.map((one, index) => [`${one.sample.name} (${index})`, one] as const))("%s", async (_, { kind, payload }) => {
    const result = await investigated(engine, parse(kind, payload));
    proposed += result.actions.length;
    expect(faults(result)).toEqual([]);
  });

  test("the rules had something to keep back", () => {
    if (world === "feeds that call everything malicious") expect(proposed).toBeGreaterThan(40);
  });
});

test("all of them at once, in one batch, with the usual correlation", async () => {
  const engine = await openEngine("embedded");
  try {
    const capabilities = WORLDS["the lab"]?.();
    Object.assign(engine.world, {
      now: NOW,
      capabilities,
      policy: { ...testPolicy, mode: "ask", organization: samplePolicy.organization },
    });
    const alerts = posted.map((one) => parse(one.kind, one.payload));
    const accepted = (await ingestAlerts(engine.air, [{ source: "samples", lab: true, alerts, receivedAt: NOW }])).flat();
    expect(accepted.length).toBe(posted.length);
    for (const id of new Set(accepted.map((one) => numberOf(one.investigation)).filter((one) => one > 0))) {
      for (let rounds = 0; rounds < 40; rounds++) {
        const row = await engine.store.investigation(id);
        if (!row || ENDED.has(row.status) || (row.round > 0 && row.round >= row.wanted)) break;
        await investigate(engine.air, id, engine.settle);
      }
      expect((await engine.store.actionsOf(id)).flatMap((action) => whyForbidden(action) ?? [])).toEqual([]);
    }
    const incidents = [...new Set(accepted.map((one) => numberOf(one.incident)))];
    expect([...(await engine.store.incidentViews(incidents)).values()].flatMap(cardFaults)).toEqual([]);
  } finally {
    await engine.close();
  }
}, 180_000);
