import type { Clock, Ticket } from "../../../engine/ports.ts";

/** The directory answers at once and shows it in all its copies within minutes, so what was done says when, and is read back until it shows. */
export function graphTickets(clock: Clock): { done: () => Ticket; follow: (ticket: string) => Promise<Ticket> } {
  return {
    done: () => {
      const now = clock.now();
      return { id: `done-${now.toISOString()}`, state: "done", endedAt: now };
    },
    follow: async (id) => {
      const at = new Date(id.replace(/^done-/, ""));
      return { id, state: "done", ...(Number.isNaN(at.getTime()) ? {} : { endedAt: at }) };
    },
  };
}
