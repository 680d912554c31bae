import { randomBytes } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { type AirProcess, type AirSettings, SLACK_SECRET, startAir } from "./air-process.ts";
import type { Fakes } from "./fakes.ts";
import type { PostgresServer } from "./postgres.ts";
import type { Figure } from "./table.ts";

export type DatabaseKind = "postgres" | "embedded";

export type Rig = {
  /** How long a load lasts; the rows multiply it where they need more. */
  seconds: number;
  kills: number;
  /** The long form: a whole day of alerts, an outage of 20 s, 60 alerts at Slack's own pace. */
  full: boolean;
  fakes: Fakes;
  postgres: PostgresServer | undefined;
};

export type Row = { name: string; title: string; run: (rig: Rig) => Promise<Figure[]> };

/** A row that cannot run here, with the reason. */
export class Skip extends Error {}

/** How air is set up for a row. */
export type Setup = {
  database: DatabaseKind;
  /** `real`: the two threat intelligence connectors, pointed at the fakes. `lab`: none. */
  world: "real" | "lab";
  /** A card for every alert, or only where the default settings want one. */
  post: "all" | "needed";
  /** Slack's own pace of one post a second, or none. */
  pace: "slack" | "lifted";
  /** As a person would have it: more alike alerts than anybody reads one by one are one storm. Else each gets its card. */
  storms?: boolean;
  yaml?: string;
};

const CHANNEL = "C0BENCH";

/** An empty database, a data directory and a port for one air, which may be started several times on it. */
export async function prepare(rig: Rig, setup: Setup): Promise<{ settings: AirSettings; remove: () => Promise<void> }> {
  const server = rig.postgres;
  if (setup.database === "postgres" && !server) throw new Skip("no PostgreSQL: set DATABASE_URL or install it");
  const database = setup.database === "postgres" ? await server?.newDatabase() : undefined;
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "air-bench-"));
  const forget = () => fs.rmSync(dataDir, { recursive: true, force: true });
  process.on("exit", forget);
  await rig.fakes.reset();
  return {
    settings: {
      dataDir,
      databaseUrl: database?.url,
      port: await freePort(),
      yaml: yamlOf(setup),
      env: {
        SLACK_BOT_TOKEN: `xoxb-${randomBytes(8).toString("hex")}`,
        SLACK_SIGNING_SECRET: SLACK_SECRET,
        SLACK_API_URL: rig.fakes.slackUrl,
        SLACK_CHANNEL: CHANNEL,
        ...(setup.world === "real"
          ? {
              VIRUSTOTAL_API_KEY: "bench",
              VIRUSTOTAL_URL: rig.fakes.intelUrl,
              ABUSEIPDB_API_KEY: "bench",
              ABUSEIPDB_URL: rig.fakes.intelUrl,
            }
          : {}),
      },
    },
    remove: async () => {
      process.off("exit", forget);
      forget();
      await database?.remove();
    },
  };
}

/** One air for one piece of work. It is killed at the end: what it has not done by then is of no interest. */
export async function withAir<T>(rig: Rig, setup: Setup, work: (air: AirProcess, settings: AirSettings) => Promise<T>): Promise<T> {
  const { settings, remove } = await prepare(rig, setup);
  try {
    const air = await startAir(settings);
    try {
      return await work(air, settings);
    } finally {
      await air.kill();
    }
  } finally {
    await remove();
  }
}

function yamlOf(setup: Setup): string {
  const lifted = "{ perMinute: 1000000, perDay: 100000000 }";
  return [
    ...(setup.post === "all" ? [`channels: [{ slack: ${CHANNEL}, post: all }]`] : []),
    ...(setup.pace === "lifted" ? ["slack: { pace: { perSecond: 1000, burst: 24 } }"] : []),
    ...(setup.world === "real" ? ["mode: ask", `connectors: { virustotal: ${lifted}, abuseipdb: ${lifted} }`] : []),
    // Most rows offer alike alerts by the hundred and count each one's card: a storm would rightly show one for all of them.
    ...(setup.storms ? [] : ["storm: { alike: 1000000, within: 60s }"]),
    setup.yaml ?? "",
  ].join("\n");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
