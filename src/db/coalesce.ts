/**
 * Work that arrives together is done together: while as many batches as may are on their way, the next one fills. So a lone caller
 * waits for nobody, and under load hundreds of callers share one commit.
 *
 * `run` does a whole batch or throws; then each item is tried alone, so that a bad one never fails the others.
 */
export function coalesce<In, Out>(options: {
  run: (items: readonly In[]) => Promise<readonly Out[]>;
  /** Size of one item, and how much of it one batch takes. */
  weight: (item: In) => number;
  maxWeight: number;
  /** Batches on their way at once; 1 where the database has one connection. */
  parallel?: number;
  /** Refuses beyond this many waiting items, and while one has waited longer than this: the caller says so instead of queueing without end. */
  maxWaiting: number;
  maxWaitMs?: number;
  overflow: () => Error;
  /** Errors that concern everybody (the database is away) are not tried again item by item. */
  shared: (error: unknown) => boolean;
}): (item: In) => Promise<Out> {
  type Waiting = { item: In; since: number; resolve: (out: Out) => void; reject: (error: unknown) => void };
  const waiting: Waiting[] = [];
  const parallel = options.parallel ?? 1;
  let running = 0;

  const alone = async (one: Waiting) => {
    try {
      const [out] = await options.run([one.item]);
      one.resolve(out as Out);
    } catch (error) {
      one.reject(error);
    }
  };
  const pump = async () => {
    running++;
    // Everything that became ready in this turn of the event loop joins the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      let weight = 0;
      let count = 0;
      while (count < waiting.length) {
        weight += options.weight((waiting[count] as Waiting).item);
        if (count > 0 && weight > options.maxWeight) break;
        count++;
      }
      const batch = waiting.splice(0, count);
      try {
        const outs = await options.run(batch.map((one) => one.item));
        for (const [index, one] of batch.entries()) one.resolve(outs[index] as Out);
      } catch (error) {
        if (batch.length === 1 || options.shared(error)) for (const one of batch) one.reject(error);
        else for (const one of batch) await alone(one);
      }
    }
    running--;
  };
  return (item) =>
    new Promise<Out>((resolve, reject) => {
      const now = performance.now();
      const [oldest] = waiting;
      const late = oldest !== undefined && options.maxWaitMs !== undefined && now - oldest.since > options.maxWaitMs;
      if (late || waiting.length >= options.maxWaiting) {
        reject(options.overflow());
        return;
      }
      waiting.push({ item, since: now, resolve, reject });
      if (running < parallel) void pump();
    });
}
