import { ackCalls, advanceCall } from "./advance-calls.ts";
import { type Air, incidentId, pageId } from "./air.ts";
import { type Asked, audited, authorise } from "./authorise.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { isHeldBack } from "./domain/snooze.ts";
import { mustFit } from "./domain/words.ts";
import { ackIncident, unackIncident } from "./manage-incident.ts";
import { stillAway } from "./on-duty.ts";
import { snoozeOf } from "./snoozed.ts";
import type { CallRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident, redrawPages } from "./want-cards.ts";
import { isToldTo, targetsOfPerson, wasTold } from "./was-told.ts";

/** What somebody answers: an incident, or a page, which may be about air itself. */
export type Called = { incident: number } | { page: number };

/** What came of it: whom it is about, and who is told next. `over`: nobody is left. */
export type Answered = {
  subject: string;
  told: readonly string[];
  over: boolean;
  /** Somebody silenced it, so nobody is asked meanwhile. */
  silent?: { kind: "snooze" | "mute"; until: Date };
};

/**
 * Somebody looks at it: nobody else is told.
 *
 * @throws Refusal forbidden | not-found | invalid | already-decided
 */
export async function acknowledge(air: Air, person: Person, called: Called): Promise<string> {
  const incident = await incidentOf(air, person, called);
  if (incident !== 0) {
    await ackIncident(air, person, incident);
    return incidentId(incident);
  }
  return answerAboutAir(air, person, called, "ack", async (tx, call, now) => {
    if (call.ackedBy !== null)
      throw new Refusal("already-decided", `${call.ackedBy} already acknowledged ${subjectOf(called)}.`, { details: { by: call.ackedBy } });
    await ackCalls(tx, [call], person.name, now);
  });
}

/**
 * Nobody looks at it any more: the escalation begins again for what still waits.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function takeBackAck(air: Air, person: Person, called: Called): Promise<string> {
  const incident = await incidentOf(air, person, called);
  if (incident !== 0) {
    await unackIncident(air, person, incident);
    return incidentId(incident);
  }
  return answerAboutAir(air, person, called, "unack", async (tx, call, now) => {
    if (call.ackedBy === null) throw new Refusal("invalid", `Nobody has acknowledged ${subjectOf(called)}.`);
    const away = await stillAway(tx, air, call.away, now);
    await tx.updateCall(call.id, { ackedBy: null, ackedAt: null, since: now, pushedAt: null, nextAt: now, away });
    await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  });
}

/**
 * Somebody cannot look at it: they hear no more of it, and the next is told at once where it was their turn.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export const cannotLook = (air: Air, person: Person, called: Called, reason?: string): Promise<Answered> =>
  answer(air, person, called, { verb: "cant", said: `${person.name} cannot look at it`, reason }, async (tx, call, now) => {
    const own = targetsOfPerson(person);
    const away = [...new Set([...call.away, ...own])];
    const rows = (await tx.pagesOfCalls([call.id])).filter((page) => page.createdAt >= call.since && page.stage !== undefined);
    const last = Math.max(-1, ...rows.map(({ stage }) => stage ?? -1));
    const turn = rows.filter(({ stage }) => (stage ?? -1) === last);
    // While somebody else is being asked they have the time they were given.
    const theirs = turn.some(({ target }) => isToldTo(target, own)) && turn.every(({ target }) => away.includes(target));
    for (const target of own) await tx.dropCallPages({ call: call.id, target }, `${person.name} cannot`, now);
    await tx.updateCall(call.id, { away, nextAt: now, ...(theirs ? { pushedAt: now } : {}) });
  });

/**
 * The next step is told at once.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export const escalateNow = (air: Air, person: Person, called: Called, reason?: string): Promise<Answered> =>
  answer(
    air,
    person,
    called,
    { verb: "escalate", said: `${person.name} asked for the next one in the escalation`, reason },
    (tx, call, now) => tx.updateCall(call.id, { nextAt: now, pushedAt: now }),
  );

async function answer(
  air: Air,
  person: Person,
  called: Called,
  { verb, said, reason }: { verb: "cant" | "escalate"; said: string; reason: string | undefined },
  change: (tx: Tx, call: CallRow, now: Date) => Promise<void>,
): Promise<Answered> {
  mustFit(reason, "reason");
  const why = reason?.trim() || undefined;
  const incident = await incidentOf(air, person, called);
  const subject = incident === 0 ? subjectOf(called) : incidentId(incident);
  const asked = await askedFor(air, person, incident, called, verb);
  await authorise(air, person, asked);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const calls = incident === 0 ? [await callOf(tx, called)] : await tx.callsOf(incident);
      const open = calls.filter((call) => call.endedAt === null && call.ackedAt === null);
      if (open.length === 0) {
        const by = calls.find((call) => call.ackedBy !== null)?.ackedBy;
        throw new Refusal(
          "invalid",
          by
            ? `${by} acknowledged ${subject}, so nobody else is told. To begin again: unack ${subject}`
            : `Nobody is being called for ${subject} now.`,
        );
      }
      const done = [];
      for (const call of open) {
        await tx.lockCall(call.id);
        await change(tx, call, now);
        done.push(
          await advanceCall(tx, air, call.id, now, { except: targetsOfPerson(person), ...(why ? { because: `${said}: ${why}` } : {}) }),
        );
      }
      const told = [...new Set(done.flatMap((one) => one.told))];
      const over = told.length === 0 && done.some((one) => one.over);
      const held = told.length === 0 && open.every(({ cause }) => isHeldBack(cause));
      const silent = held ? await snoozeOf(tx, air, incident, now) : undefined;
      const next =
        told.length > 0 ? `: ${told.join(", ")} ${told.length === 1 ? "is" : "are"} told now` : over ? ": nobody is left to be told" : "";
      if (incident !== 0) {
        await tx.addTimeline([
          timelineLine({ incidentId: incident }, now, actorOf(person), `incident-${verb}`, `${said}${why ? ` (${why})` : ""}${next}`),
        ]);
        await redrawIncident(tx, air, incident, now);
      }
      await redrawPages(
        tx,
        incident,
        open.map(({ id }) => id),
        now,
      );
      await audit(
        tx,
        person,
        `${incident === 0 ? "page" : "incident"}.${verb}`,
        subject,
        incident,
        { told, ...(why ? { reason: why } : {}) },
        now,
      );
      return { subject, told, over, ...(silent ? { silent: { kind: silent.kind, until: silent.until } } : {}) };
    }),
  );
}

async function answerAboutAir(
  air: Air,
  person: Person,
  called: Called,
  verb: "ack" | "unack",
  change: (tx: Tx, call: CallRow, now: Date) => Promise<void>,
): Promise<string> {
  const asked = await askedFor(air, person, 0, called, verb);
  await authorise(air, person, asked);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const call = await callOf(tx, called);
      if (call.endedAt !== null)
        throw new Refusal("invalid", `${subjectOf(called)} is over: ${call.endedBecause ?? "nobody is called for it"}.`);
      await change(tx, call, now);
      await redrawPages(tx, 0, [call.id], now);
      await audit(tx, person, `page.${verb}`, subjectOf(called), 0, {}, now);
      return subjectOf(called);
    }),
  );
}

/** Whoever was told of it may answer, whatever their role. */
async function askedFor(air: Air, person: Person, incident: number, called: Called, verb: string): Promise<Asked> {
  const [page] = "page" in called ? await air.store.pages([called.page]) : [];
  const rows = incident !== 0 ? await air.store.pagesOf(incident) : page?.callId == null ? [] : await air.store.pagesOfCalls([page.callId]);
  return {
    verb: `${incident === 0 ? "page" : "incident"}.${verb}`,
    subject: incident === 0 ? subjectOf(called) : incidentId(incident),
    suspectsMay: true,
    ...(incident === 0 ? {} : { incidents: [incident] }),
    ...(wasTold(person, rows) ? { told: true } : {}),
  };
}

const audit = (tx: Tx, person: Person, event: string, subject: string, incident: number, data: Record<string, unknown>, now: Date) =>
  tx.writeAudit([{ at: now, actor: actorOf(person), event, subject, ...(incident === 0 ? {} : { incidentId: incident }), data }]);

const subjectOf = (called: Called) => ("page" in called ? pageId(called.page) : incidentId(called.incident));

/** 0: it is about air itself. */
async function incidentOf(air: Air, person: Person, called: Called): Promise<number> {
  if ("incident" in called) return called.incident;
  const [page] = await air.store.pages([called.page]);
  // What there is and is not, is nothing for somebody without any role.
  if (!page) await authorise(air, person, { verb: "page", subject: subjectOf(called), need: "viewer" });
  if (!page) throw new Refusal("not-found", `There is no page ${pageId(called.page)}.`);
  return page.incidentId;
}

async function callIdOf(rows: Pick<Tx, "pages">, called: Called): Promise<number> {
  const [page] = "page" in called ? await rows.pages([called.page]) : [];
  if (page?.callId == null)
    throw new Refusal("invalid", `Nobody is called for ${subjectOf(called)}: it was told once, and asks for no answer.`);
  return page.callId;
}

async function callOf(tx: Tx, called: Called): Promise<CallRow> {
  const call = await tx.lockCall(await callIdOf(tx, called));
  if (!call) throw new Refusal("not-found", `There is no page ${subjectOf(called)}.`);
  return call;
}
