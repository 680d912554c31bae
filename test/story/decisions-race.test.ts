import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AirProcess, runAir, startAirProcess } from "../support/air-process.ts";
import { answerInSlack, buttonInConsole, decideByHttp, pressInConsole, pressInSlack, signIn, type Told } from "../support/doors.ts";
import { eventually } from "../support/eventually.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";
import { type Accepted, type ActionJson, type List, sha256 } from "../support/running-air.ts";
import { SLACK_SECRET, type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/*
 * Two hundred clicks at once on one card, by ten people, through three doors of three processes of air on one PostgreSQL. One of them
 * counts; what everybody else is told, what is carried out and what the audit keeps must all agree on which.
 */

const TOKEN = "api-token-of-the-race";
const NAMES = ["Mia", "Noor", "Tom", "Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus"];
const CLICKS = 200;
const mail = (name: string) => `${name.toLowerCase()}@contoso.com`;
const account = (name: string) => `U0${name.toUpperCase()}00`;
const tokenOf = (name: string) => `token-of-${name}`;
const YAML = `
mode: act
slack: { pace: { perSecond: 20, burst: 20 } }
people:
${NAMES.map((name) => `  - { name: ${name}, email: ${mail(name)}, slack: ${account(name)} }`).join("\n")}
roles:
  admin: [mia@contoso.com]
  viewer: ["*@contoso.com"]
  approver: { device: [${NAMES.map(mail).join(", ")}] }
tokens:
${NAMES.map((name) => `  - { name: bot-${name}, sha256: "${sha256(tokenOf(name))}", roles: [viewer], mayDecide: [device], person: ${mail(name)} }`).join("\n")}
`;

type Line = { seq: number; event: string; subject: string; actor: { name?: string }; data: Record<string, unknown> };

describe.skipIf(!DATABASES.includes("postgres"))("everybody presses at once", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-race-"));
  const processes: AirProcess[] = [];
  const cookies = new Map<string, string>();
  let database: Awaited<ReturnType<typeof openTestDb>>;
  let slack: SlackEmulator;
  let env: Record<string, string>;

  beforeAll(async () => {
    database = await openTestDb("postgres");
    slack = await startSlackEmulator();
    for (const name of NAMES)
      slack.people.set(account(name), { team_id: slack.teamId, name, real_name: name, profile: { email: mail(name) } });
    fs.writeFileSync(path.join(folder, "air.yaml"), YAML);
    env = {
      AIR_DATA_DIR: folder,
      AIR_CONFIG: path.join(folder, "air.yaml"),
      AIR_API_TOKEN: TOKEN,
      AIR_SECRET: "one secret for all processes of the race",
      DATABASE_URL: database.url ?? "",
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SLACK_SECRET,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
    };
    // The first one migrates the database; the others find it done.
    processes.push(await startAirProcess(folder, env));
    processes.push(...(await Promise.all([startAirProcess(folder, env), startAirProcess(folder, env)])));
    for (const name of NAMES) cookies.set(name, await signIn(url(0), TOKEN, mail(name)));
    // Everybody is known to every process before the race, as people who work with air all day are.
    for (const index of [0, 1, 2]) {
      await eventually(
        async () => (await pressInSlack(slack, url(index), account("Mia"), { value: "say:whoami" })).text !== "",
        "Slack knows us",
      );
      await Promise.all(NAMES.map((name) => pressInSlack(slack, url(index), account(name), { value: "say:whoami" })));
    }
  }, 180_000);
  afterAll(async () => {
    for (const one of processes) await one.kill();
    await slack?.stop();
    await database?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const url = (index: number) => processes[index % processes.length]?.url ?? "";
  const get = async <T>(where: string): Promise<T> =>
    (await (await fetch(`${url(0)}${where}`, { headers: { authorization: `Bearer ${TOKEN}` } })).json()) as T;
  const audit = async (): Promise<Line[]> => {
    const lines: Line[] = [];
    for (;;) {
      const { items } = await get<{ items: { line: string }[] }>(`/v1/audit?after=${lines.length}`);
      if (items.length === 0) return lines;
      lines.push(...items.map(({ line }) => JSON.parse(line) as Line));
    }
  };
  const about = async (id: string) => (await audit()).filter((line) => line.subject === id);
  const of = (lines: readonly Line[], event: string) => lines.filter((line) => line.event === event);
  const action = (id: string) => get<ActionJson & { decision: { at: string } | null }>(`/v1/actions/${id}`);

  const isolationOf = async (device: string): Promise<string> => {
    const answer = await fetch(`${url(0)}/v1/alerts/generic`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({
        id: `race-${device}`,
        title: `Ransomware on ${device}`,
        severity: "high",
        entities: [
          { kind: "device", name: device },
          { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device, verdict: "malicious" },
        ],
      }),
    });
    const incident = ((await answer.json()) as Accepted).accepted[0]?.incident;
    const found = await eventually(
      async () =>
        (await get<List<ActionJson>>("/v1/actions?state=pending&limit=200")).items.find(
          (one) => one.incident === incident && one.kind === "isolate-device",
        ),
      `an isolation of ${device}`,
      60_000,
    );
    return found.id;
  };

  type Click = { name: string; door: "console" | "slack" | "http"; decision: "approve" | "reject" };
  /**
   * Fires them all at once and waits until each has its answer. Those that counted, `counted` of them, are told nothing in private, or that
   * they count: whoever pressed sees the card.
   */
  const fire = async (
    clicks: readonly Click[],
    send: (click: Click, at: string) => Promise<Told>,
    counted = 1,
  ): Promise<(Click & Told)[]> => {
    const told = await Promise.all(clicks.map(async (click, index) => ({ ...click, ...(await send(click, url(index))) })));
    const answered = () => told.map((one) => (one.text !== "" ? one : { ...one, text: answerInSlack(slack, one.to) ?? "" }));
    const went = ({ to, status, text }: Told) =>
      text === "" ? to !== undefined || status === 200 : text.includes("Your approval is counted");
    await eventually(() => answered().filter(went).length <= counted, "the private answers in Slack", 60_000);
    return answered();
  };
  const DOORS = ["console", "slack", "http"] as const;
  const crowd = (decide: (index: number) => Click["decision"], doors: readonly Click["door"][] = DOORS): Click[] =>
    Array.from({ length: CLICKS }, (_, index) => ({
      name: NAMES[index % NAMES.length] ?? "",
      // Neither the process nor the door follows from the person.
      door: doors[Math.floor(index / NAMES.length) % doors.length] ?? "console",
      decision: decide(index),
    }));

  const verified = async () => {
    const exported = await runAir(["audit", "export"], folder, { ...env, AIR_URL: url(1) });
    expect(exported.code, exported.err).toBe(0);
    const checked = await runAir(["audit", "verify", "-"], folder, {}, exported.out);
    expect(checked.code, checked.err).toBe(0);
  };

  test("approve and reject mixed: one decision, one outcome, and everybody else learns who was first and when", {
    timeout: 180_000,
  }, async () => {
    const id = await isolationOf("WS-RACE-1");
    const value = {
      approve: await buttonInConsole(url(0), cookies.get("Mia") ?? "", id, "approve"),
      reject: await buttonInConsole(url(0), cookies.get("Mia") ?? "", id, "reject"),
    };
    const told = await fire(
      crowd((index) => (index % 2 === 0 ? "approve" : "reject")),
      ({ name, door, decision }, at) => {
        const typed = decision === "reject" ? "we know this program" : undefined;
        if (door === "console") return pressInConsole(at, cookies.get(name) ?? "", { value: value[decision], typed });
        if (door === "slack") return pressInSlack(slack, at, account(name), { value: value[decision], typed }, { answered: false });
        return decideByHttp(at, tokenOf(name), id, { decision, ...(typed ? { reason: typed } : {}) });
      },
    );

    await eventually(async () => ["succeeded", "rejected"].includes((await action(id)).state), "the end of it", 60_000);
    const { decision, state } = await action(id);
    if (!decision) throw new Error("nobody decided");
    expect(state).toBe(decision.decision === "approve" ? "succeeded" : "rejected");
    const lines = await about(id);
    const counted = lines.filter((line) => line.event === "decision.approve" || line.event === "decision.reject");
    expect(counted.map((line) => [line.event, line.actor.name])).toEqual([[`decision.${decision.decision}`, decision.by]]);

    // Exactly one click went through; each other one was told by whom and when it was decided.
    const winners = told.filter((one) => one.status === 200 && one.text === "");
    expect(winners.map((one) => one.decision)).toEqual([decision.decision]);
    const time = `${decision.at.slice(0, 16).replace("T", " ")} UTC`;
    const first = `${id} was already ${decision.decision === "approve" ? "approved" : "rejected"} by ${decision.by} at ${time}.`;
    const losers = told.filter((one) => !winners.includes(one));
    expect(losers).toHaveLength(CLICKS - 1);
    expect([...new Set(losers.filter((one) => !one.text.includes(first)).map((one) => `${one.door} ${one.status} ${one.text}`))]).toEqual(
      [],
    );
    expect([...new Set(losers.filter((one) => one.door === "http").map((one) => one.status))]).toEqual([409]);

    const refused = of(lines, "decision.refused");
    expect(refused).toHaveLength(CLICKS - 1);
    expect([...new Set(refused.map((line) => line.data.code))]).toEqual(["already-decided"]);
    expect(of(lines, "action.executing")).toHaveLength(state === "succeeded" ? 1 : 0);
    await verified();
  });

  test("where two must agree: two approvals of two people, one execution, and a token is never one of the two", {
    timeout: 180_000,
  }, async () => {
    const id = await isolationOf("DC-01");
    expect((await action(id)).approvals.needed).toBe(2);
    const value = await buttonInConsole(url(1), cookies.get("Tom") ?? "", id, "approve");
    const told = await fire(
      crowd(() => "approve"),
      ({ name, door }, at) => {
        if (door === "console") return pressInConsole(at, cookies.get(name) ?? "", { value, typed: "DC-01" });
        if (door === "slack") return pressInSlack(slack, at, account(name), { value, typed: "DC-01" }, { answered: false });
        return decideByHttp(at, tokenOf(name), id, { decision: "approve", confirm: "DC-01" });
      },
      2,
    );
    await eventually(async () => (await action(id)).state === "succeeded", "the isolation", 60_000);
    const { approvals } = await action(id);
    expect(approvals.given).toHaveLength(2);
    expect(new Set(approvals.given.map((one) => one.by)).size).toBe(2);
    const lines = await about(id);
    expect(of(lines, "decision.first-of-two")).toHaveLength(1);
    expect(of(lines, "decision.approve")).toHaveLength(1);
    expect(of(lines, "action.executing")).toHaveLength(1);
    expect(of(lines, "decision.refused")).toHaveLength(CLICKS - 2);
    const byToken = told.filter((one) => one.door === "http");
    expect([...new Set(byToken.map((one) => one.status))]).toEqual([403]);
    const { decision } = await action(id);
    const others = told.filter((one) => one.door !== "http" && !one.text.includes("already"));
    // The first approver hears that a second one is needed, the second sees it on the card.
    expect(others.length).toBeLessThanOrEqual(2);
    expect(told.filter((one) => one.text.includes(`by ${decision?.by} at `)).length).toBeGreaterThan(50);
    // Whose two approvals count is not only what the rows say: each of them was told so, or saw the card.
    expect(others.every((one) => one.text === "" || one.text.includes("Your approval is counted"))).toBe(true);
    await verified();
  });

  test("undo pressed a hundred times is undone once", { timeout: 180_000 }, async () => {
    const id = await isolationOf("WS-RACE-2");
    expect((await decideByHttp(url(0), tokenOf("Mia"), id, { decision: "approve" })).status).toBe(200);
    await eventually(async () => (await action(id)).state === "succeeded", "the isolation", 60_000);
    const value = await buttonInConsole(url(2), cookies.get("Mia") ?? "", id, "undo");
    const clicks = crowd(() => "approve", ["console", "slack"]).slice(0, 100);
    await fire(clicks, ({ name, door }, at) =>
      door === "console"
        ? pressInConsole(at, cookies.get(name) ?? "", { value, typed: "a false alarm" })
        : pressInSlack(slack, at, account(name), { value, typed: "a false alarm" }, { answered: false }),
    );
    await eventually(async () => (await action(id)).state === "undone", "the release", 60_000);
    const lines = await about(id);
    expect(of(lines, "action.undo-requested")).toHaveLength(1);
    const opposite = String(of(lines, "action.undo-requested")[0]?.data.undo);
    expect(of(await about(opposite), "action.executing")).toHaveLength(1);
    expect(of(lines, "decision.refused")).toHaveLength(clicks.length - 1);
    await verified();
  });
});
