import type { Mode } from "../engine/domain/policy.ts";
import type { Log } from "../engine/ports.ts";
import { modeSetting, type SetMode } from "../engine/set-mode.ts";
import type { Store } from "../engine/store.ts";

/**
 * The mode an admin set by command, for code that cannot wait for the database: read at start and after every change anybody made. Where
 * something is decided the row is read again, in the transaction that decides.
 */
export async function followMode(store: Store, lab: boolean, log: Log): Promise<{ current: () => Mode | undefined; refresh: () => void }> {
  const read = async () => (await store.setting<SetMode>(modeSetting(lab)))?.mode;
  let mode = await read();
  return {
    current: () => mode,
    refresh: () =>
      void read().then(
        (now) => {
          mode = now;
        },
        (error: unknown) => log.warn("the mode could not be read", { error: error instanceof Error ? error.name : "unknown" }),
      ),
  };
}
