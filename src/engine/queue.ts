/** Every job air knows, and what it carries. A job is a wake-up: what there is to do stands in rows. */
export type Jobs = {
  /** One round of one investigation. */
  investigate: { investigation: number };
  /** Make one channel's messages equal to the truth. */
  publish: { channel: string };
  /** Carry out (or take further) one approved action. */
  "execute-action": { action: number };
  /** Does the target of an action that waits for a decision still need it? */
  "recheck-action": { action: number };
  /** Tell people what is due. */
  "send-pages": { due: string };
  /** Ask a source what changed. */
  poll: { source: string };
  /** Ask another product who is on call. */
  "ask-rota": { due: string };
  /** Ask products and chats whether what is silent may stay so. */
  "watch-snoozes": { due: string };
  /** Tell sources what became of their alerts here. */
  "write-back": { due: string };
  /** Empty and delete what is older than it is kept for, batch by batch. */
  retain: { due: string };
  /** Deadlines, expiries and whatever slipped. */
  sweep: { due: string };
};
export type JobName = keyof Jobs;
export type JobOf<N extends JobName> = Jobs[N];

export type JobTiming = { startAfter?: Date; restMs?: number; urgent?: boolean };

export type QueuedJob<N extends JobName = JobName> = { name: N; id: string; attempt: number; data: Jobs[N] };

/**
 * Enqueue in the transaction of the fact that caused it. Same work, same key: it is done once. `startAfter` is a moment of the injected
 * clock; `restMs` of the database's: what comes meanwhile under the same key is done in one go.
 */
export interface Queue<Tx> {
  send<N extends JobName>(tx: Tx, name: N, data: Jobs[N], job: { key: string } & JobTiming): Promise<void>;
  sendMany<N extends JobName>(tx: Tx, name: N, jobs: readonly ({ data: Jobs[N]; key: string } & JobTiming)[]): Promise<void>;
}
