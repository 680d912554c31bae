import type { Air } from "../engine/air.ts";
import { noteConnector } from "../engine/note-connector.ts";

type Seen = { works: boolean; trouble: string };
/** Told of each connector what its own calls meet. */
export type Watching = (connector: { name: string; product: string }) => (seen: Seen) => void;

/** Connectors are made before air is: what they meet is noted as soon as there is one, in the order it was met. */
export function watchConnectors(air: () => Air): Watching {
  return (connector) => {
    let last = Promise.resolve();
    return (seen) => {
      last = last
        .then(() => noteConnector(air(), connector, seen))
        .catch((error: unknown) =>
          air().log.warn("what a connector met could not be noted", {
            connector: connector.name,
            error: error instanceof Error ? error.name : "unknown",
          }),
        );
    };
  };
}
