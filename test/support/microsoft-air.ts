import { cardText } from "../../src/bot/card-text.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import type { Person } from "../../src/engine/domain/approval.ts";
import { ConnectorError } from "../../src/engine/ports.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { fakeDefender } from "./fake-defender.ts";
import { fakeGraph } from "./fake-graph.ts";
import { fakeSecurity } from "./fake-security.ts";
import { knowing, MALICIOUS } from "./investigating.ts";
import { NOTHING, NOW } from "./lab-capabilities.ts";
import { approver, openEngine, testPolicy } from "./open-engine.ts";
import { pollingAir } from "./polling-air.ts";
import { RememberingChat } from "./remembering-chat.ts";
import { wholeAir } from "./whole-air.ts";

/** So much later a job comes back whose product asked to wait and did not say how long. */
const BACK_OFF_MS = 30_000;

const decider = (name: string): Person => {
  const person = approver(name);
  return { ...person, roles: { ...person.roles, viewer: true, responder: true } };
};
export const people = { mia: decider("Mia"), tom: decider("Tom"), kai: decider("Kai") };

/**
 * A whole air over everything of Microsoft's: the lists of alerts and incidents, Graph and Defender for Endpoint, on ports of this machine. Its
 * clock and its jobs are moved by hand; people speak to it in words, and its cards stand in a chat.
 */
export async function microsoftAir(kind: "embedded" | "postgres") {
  const engine = await openEngine(kind);
  engine.air.sleep = async () => {};
  const clock = () => engine.world.now;
  const [security, graph, edr] = await Promise.all([fakeSecurity(), fakeGraph(clock), fakeDefender(clock)]);
  const chat = new RememberingChat();
  const { devices, indicators } = edr.connect();
  const { identities, apps, mail, hunting } = graph.connect({ sleep: async () => {} });
  const virustotal = knowing("virustotal", ({ kind: what }) => (what === "file" ? MALICIOUS : undefined));
  Object.assign(engine.world, {
    now: NOW,
    channels: [{ channels: ["slack:C0SOC"], post: "needed" }],
    policy: { ...testPolicy, mode: "ask" },
    capabilities: { ...NOTHING, devices, indicators, identities, apps, mail, hunting, reputation: [virustotal] },
  });
  const polling = pollingAir(engine, security);
  const whole = wholeAir(engine, { chat, deciders: Object.values(people).map(({ name }) => name) });
  const later = (ms: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
  };

  /** Works on everything that is due; what failed in passing comes back, as the queue brings it back. */
  async function work(): Promise<void> {
    for (let jobs = 0; jobs < 50; jobs++) {
      try {
        return await whole.work();
      } catch (error) {
        if (!(error instanceof ConnectorError)) throw error;
        await engine.database.boss.executeSql(
          "update pgboss.job set state = 'retry', start_after = $1::text::timestamptz where state = 'active'",
          [new Date(engine.world.now.getTime() + BACK_OFF_MS).toISOString()],
        );
      }
    }
    throw new Error("it fails on and on");
  }

  const action = async (id: number) => (await engine.store.action(id)) as ActionRow;
  return {
    engine,
    security,
    graph,
    edr,
    chat,
    polling,
    later,
    work,
    action,
    say: async (text: string, person = people.mia): Promise<string> =>
      cardText(await createConversation(whole.air, whole.drawing).say(text, person)).join("\n"),
    /** Works on, a few seconds at a time, until the action has ended. */
    async toTheEnd(id: number): Promise<ActionRow> {
      for (let round = 0; round < 200; round++) {
        await work();
        const row = await action(id);
        if (!["approved", "executing"].includes(row.state)) return row;
        later(10_000);
      }
      throw new Error("it goes on and on");
    },
    actions: async (): Promise<ActionRow[]> => (await engine.store.listActions({ limit: 200 })).items,
    /** The card as it stands in the channel now. */
    card(titled: string): string {
      const found = chat.messages.findLast(({ card }) => card.title.startsWith(titled));
      if (!found) throw new Error(`no card is called ${titled}: ${chat.messages.map(({ card }) => card.title).join("; ")}`);
      return cardText(found.card).join("\n");
    },
    async close() {
      await Promise.all([security.close(), graph.close(), edr.close()]);
      await engine.close();
    },
  };
}
export type MicrosoftAir = Awaited<ReturnType<typeof microsoftAir>>;

/** One piece of evidence as alerts_v2 has it. */
export const evidence = (kind: string, more: Record<string, unknown> = {}) => ({
  "@odata.type": `#microsoft.graph.security.${kind}Evidence`,
  verdict: "unknown",
  remediationStatus: "none",
  roles: [],
  ...more,
});
