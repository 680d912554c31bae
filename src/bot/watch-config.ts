import fs from "node:fs";
import type { Air } from "../engine/air.ts";
import type { Log } from "../engine/ports.ts";
import { redrawIncident } from "../engine/want-cards.ts";
import type { Config, ReadConfig } from "./config.ts";

const LOOK_MS = 2_000;

/** What the cards' "Who may decide" follows from. */
const deciding = ({ roles, people }: Config) => JSON.stringify([roles, people]);

/** air.yaml is read again when it changes. A bad file keeps the old one in force and says so; what needs a restart says that. */
export function watchConfig(first: Config, read: () => ReadConfig, log: Log) {
  let config = first;
  let air: Air | undefined;
  // Also one that is not there yet: writing the first air.yaml is a change like any other.
  const file = first.configFile ?? first.watchedFile;
  const reload = () => {
    const next = read();
    if (!next.ok) {
      log.error("air.yaml has errors, the old one stays in force", {
        problems: next.problems.map((problem) => `${problem.where} ${problem.message}`),
      });
      return;
    }
    const whoChanged = deciding(next.config) !== deciding(config);
    config = next.config;
    log.info("configuration loaded again");
    const running = air;
    void running?.store
      .transaction(async (tx) => {
        const now = running.clock.now();
        await tx.writeAudit([
          {
            at: now,
            actor: { kind: "air", job: "reload" },
            event: "configuration.loaded",
            subject: file ?? "defaults",
            data: { mode: running.policy().mode },
          },
        ]);
        if (!whoChanged) return;
        // Cards say who may decide, and carry buttons only where somebody may.
        const { items } = await tx.listActions({ states: ["pending", "observed"], limit: 200 });
        for (const action of items) await redrawIncident(tx, running, action.incidentId, now, { actions: [action.id] });
      })
      .catch((error: unknown) =>
        log.error("the configuration load could not be recorded", { error: error instanceof Error ? error.name : "unknown" }),
      );
  };
  const changed: fs.StatsListener = (now, before) => {
    // A file that is not there is reported once as soon as it is watched.
    if (now.mtimeMs !== 0 || before.mtimeMs !== 0) reload();
  };
  if (file) fs.watchFile(file, { interval: LOOK_MS, persistent: false }, changed);
  return {
    current: () => config,
    onReload: (running: Air) => {
      air = running;
    },
    stop: () => {
      if (file) fs.unwatchFile(file, changed);
    },
  };
}
