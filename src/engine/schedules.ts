import type { Air } from "./air.ts";
import { NOBODY } from "./domain/paging.ts";
import type { WallTime } from "./domain/schedule.ts";
import { wantMorning } from "./morning.ts";
import { postAuditHead } from "./post-audit-head.ts";
import type { Tx } from "./store.ts";
import { wantReport } from "./want-report.ts";

/** What air.yaml says of them; left out: off. `channels`: where digest and report go, as platform and id. */
export type Schedules = {
  morning?: WallTime | undefined;
  weekly?: WallTime | undefined;
  auditHead?: WallTime | undefined;
  retention?: WallTime | undefined;
  channels?: readonly string[] | undefined;
};

/** Where nobody says otherwise: the audit's head at midnight, as long as air is. */
const WITHOUT: Schedules = { auditHead: { minute: 0 } };

export type Schedule = {
  name: "morning" | "weekly" | "auditHead" | "retention";
  /** Undefined: it is off. */
  when: WallTime | undefined;
  /** For people: "3 morning digests were skipped". */
  called: readonly [one: string, many: string];
  /** What follows, in the transaction that takes the instant: it wants a message or a job. Answers what came of it, for the row. */
  run: (tx: Tx, air: Air, due: Date, now: Date) => Promise<string | undefined>;
};

/** Everything that happens by the clock on the wall of `onCall.timeZone`, and nothing else does. */
export function schedulesOf(air: Pick<Air, "schedules">): Schedule[] {
  const { morning, weekly, auditHead, retention } = air.schedules?.() ?? WITHOUT;
  return [
    { name: "morning", when: morning, called: ["morning digest", "morning digests"], run: wantMorning },
    { name: "weekly", when: weekly, called: ["weekly report", "weekly reports"], run: wantReport },
    { name: "auditHead", when: auditHead, called: ["audit head", "audit heads"], run: postAuditHead },
    {
      name: "retention",
      when: retention,
      called: ["run of the retention", "runs of the retention"],
      run: async (tx, _air, due) => {
        await tx.enqueue("retain", { due: due.toISOString() }, { key: "retain" });
        return undefined;
      },
    },
  ];
}

/** The zone every schedule is meant in. */
export const zoneOf = (air: Pick<Air, "paging">): string => (air.paging?.() ?? NOBODY).timeZone;
