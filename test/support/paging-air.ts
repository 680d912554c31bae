import type { Air, ChannelRule } from "../../src/engine/air.ts";
import { askRota } from "../../src/engine/ask-rota.ts";
import { isOutside } from "../../src/engine/domain/outside-pages.ts";
import type { Named, Paging } from "../../src/engine/domain/paging.ts";
import { ConnectorError, type HookPage, type PageHook } from "../../src/engine/ports.ts";
import { publishCards } from "../../src/engine/publish-card.ts";
import { sendPages } from "../../src/engine/send-pages.ts";
import type { Tx } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { watchSnoozes } from "../../src/engine/watch-snoozes.ts";
import { type Death, Killed } from "./death.ts";
import { NOTHING, NOW } from "./lab-capabilities.ts";
import { type Engine, testPolicy, testSign } from "./open-engine.ts";
import { RememberingChat } from "./remembering-chat.ts";

const NAMES: Record<string, Named> = {
  "person:mia@contoso.com": { kind: "person", name: "Mia", on: { slack: "U0MIA" }, direct: ["slack"] },
  "person:noor@contoso.com": { kind: "person", name: "Noor", on: { slack: "U0NOOR" }, direct: ["slack"] },
  "slack-group:S0SOC": { kind: "group", name: "group S0SOC", on: { slack: "S0SOC" } },
};

/** A webhook that takes everything, or nothing. */
class RememberingHook implements PageHook {
  readonly calls: { id: string; page: HookPage }[] = [];
  down = false;
  async send(id: string, page: HookPage): Promise<void> {
    this.calls.push({ id, page });
    if (this.down) throw new ConnectorError("unclear", "the webhook could not be reached");
  }
}

/** The people of Contoso: Mia first, then Noor, then a webhook. Two channels of Slack, one of them for air itself. */
export function pagingWorld(
  engine: Engine,
  channel: string,
  ops: string,
  /** `direct`: people who are written to alone, too. */
  more: { rules?: readonly ChannelRule[]; direct?: readonly string[]; hooks?: (target: string) => PageHook | undefined } = {},
) {
  const chat = new RememberingChat();
  const hook = new RememberingHook();
  const paging: Paging = {
    chain: ["person:mia@contoso.com", "person:noor@contoso.com", "webhook"],
    everyMs: 10 * 60_000,
    admins: ["person:noor@contoso.com"],
    approvers: () => ["person:mia@contoso.com", "person:noor@contoso.com"],
    ops: [ops],
    timeZone: "UTC",
    nameOf: (target) => NAMES[target] ?? { kind: "person", name: target, on: {} },
  };
  Object.assign(engine.world, {
    now: NOW,
    capabilities: NOTHING,
    policy: testPolicy,
    channels: more.rules ?? [{ channels: [channel], post: "all" }],
  });
  engine.air.paging = () => paging;

  /** One process: sweep, pages, and the writers of both channels, until a tick changes nothing more. */
  const worker = (death?: Death) => {
    let calls = 0;
    let dead = false;
    const call = async <T>(go: () => Promise<T>): Promise<T> => {
      if (dead) throw new Killed();
      const number = ++calls;
      const dies = (moment: Death["moment"]) => {
        if (death?.at !== number || death.moment !== moment) return;
        dead = true;
        throw new Killed();
      };
      dies("before");
      const out = await go();
      dies("after");
      return out;
    };
    const mortal = <T extends object>(real: T): T =>
      new Proxy(real, {
        get(target, property, receiver) {
          const value: unknown = Reflect.get(target, property, receiver);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => call(async () => value.apply(target, args) as unknown);
        },
      });
    const store = new Proxy(engine.store, {
      get(target, property, receiver) {
        if (property === "transaction")
          return <T>(work: (tx: Tx) => Promise<T>) => call(() => engine.store.transaction((tx) => work(mortal(tx))));
        const value: unknown = Reflect.get(target, property, receiver);
        return typeof value === "function" ? (...args: unknown[]) => call(async () => value.apply(target, args) as unknown) : value;
      },
    });
    const air: Air = {
      ...engine.air,
      store,
      get capabilities() {
        return engine.world.capabilities;
      },
    };
    const settle = (effect: (tx: Tx) => Promise<void>) => store.transaction(effect);
    const drawing = async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      paging,
      deciders: () => ({ anyone: false, names: ["Mia"] }),
    });
    const platforms = new Map([["slack", mortal(chat)]]);
    const hookOf = (target: string) => {
      const one = more.hooks ? more.hooks(target) : isOutside(target) ? hook : undefined;
      return one && mortal(one);
    };
    return {
      calls: () => calls,
      async tick(rounds = 3) {
        try {
          if (air.rotaSource) await askRota(air, settle);
          await watchSnoozes(air, settle);
          await sweep(air, settle);
          // A step that could not be delivered queues the next one at once.
          for (let round = 0; round < rounds; round++) {
            await sendPages(air, hookOf, settle);
            for (const one of [channel, ops, ...(more.direct ?? [])]) await publishCards(air, { platforms, drawing }, one, settle);
          }
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
        }
      },
    };
  };
  return { chat, hook, paging, worker };
}

/** Whom a chat's messages mentioned when they were posted, by message. */
export const mentioned = (chat: RememberingChat): string[] =>
  chat.messages.flatMap(({ posted }) => posted.lines.flatMap((line) => (line.kind === "mention" ? line.who.map(({ name }) => name) : [])));
