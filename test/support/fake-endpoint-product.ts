import { deviceName } from "../../src/engine/domain/entity.ts";
import type { Capabilities, DeviceCapability, DeviceFacts, Ticket } from "../../src/engine/ports.ts";
import { NOTHING } from "./lab-capabilities.ts";

/** A working endpoint product with knobs: it isolates and releases, keeps every call it got, and can fail the way products do. */
export function fakeEndpointProduct() {
  const devices = new Map<string, DeviceFacts>();
  const tickets = new Map<string, Ticket & { carryOut: () => void }>();
  const product = {
    /** Calls that were to change something, in order. */
    calls: [] as { what: "isolate" | "release"; device: string; key: string; comment: string }[],
    /** Thrown instead of doing anything. */
    failBefore: undefined as Error | undefined,
    /** Thrown after it was done: the answer was lost. */
    failAfter: undefined as Error | undefined,
    /** Answers "accepted" and does nothing, as a product whose agent is broken. */
    ignores: false,
    /** Answers with a ticket that is followed. */
    slow: false,
    /** Held by a test to look while a call is on its way. */
    gate: Promise.resolve(),
    add: (name: string, more: Partial<DeviceFacts> = {}) => {
      const facts: DeviceFacts = {
        id: `id-${name}`,
        name,
        os: "Windows 11",
        role: "workstation",
        users: [],
        online: true,
        isolated: false,
        ...more,
      };
      devices.set(deviceName(name), facts);
      return facts;
    },
    remove: (name: string) => void devices.delete(deviceName(name)),
    ticket: () => [...tickets.values()].at(-1),
    finish: (state: "done" | "failed", text?: string) => {
      for (const ticket of tickets.values()) {
        if (ticket.state !== "pending") continue;
        ticket.state = state;
        if (text !== undefined) ticket.text = text;
        if (state === "done") ticket.carryOut();
      }
    },
    capabilities: undefined as unknown as Capabilities,
  };
  const change = async (what: "isolate" | "release", id: string, comment: string, key: string): Promise<Ticket> => {
    const device = [...devices.values()].find((one) => one.id === id);
    product.calls.push({ what, device: device?.name ?? id, key, comment });
    await product.gate;
    if (product.failBefore) throw product.failBefore;
    const carryOut = () => {
      if (device && !product.ignores) device.isolated = what === "isolate";
    };
    if (product.slow) {
      const ticket = { id: `ticket-${tickets.size + 1}`, state: "pending" as const, text: "queued", carryOut };
      tickets.set(ticket.id, ticket);
      return { id: ticket.id, state: "pending", text: "queued" };
    }
    carryOut();
    if (product.failAfter) throw product.failAfter;
    return { id: "now", state: "done" };
  };
  const capability: DeviceCapability = {
    connector: "fake-edr",
    find: async (device) => {
      const found = devices.get(deviceName(device.name ?? device.id ?? ""));
      return found && { ...found };
    },
    isQuarantined: async () => undefined,
    seenOn: async () => [],
    isolate: (id, comment, key) => change("isolate", id, comment, key),
    release: (id, comment, key) => change("release", id, comment, key),
    quarantine: async () => ({ id: "now", state: "done" }),
    follow: async (id) => {
      const { carryOut: _carryOut, ...ticket } = tickets.get(id) ?? {
        id,
        state: "failed" as const,
        text: "no such ticket",
        carryOut: () => {},
      };
      return ticket;
    },
  };
  product.capabilities = { ...NOTHING, devices: capability };
  return product;
}
