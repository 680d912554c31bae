import ipaddr from "ipaddr.js";
import { reservedAddress } from "../../../engine/domain/never-act.ts";

/** The lab's map of the internet, in documentation addresses (RFC 5737, RFC 3849): what an address is follows from where it lies. */
export type Place = {
  name: string;
  risk: "none" | "low" | "medium" | "high";
  known: boolean;
  /** Degrees, where the map has the place. */
  location?: { latitude: number; longitude: number };
};

const BERLIN = { latitude: 52.52, longitude: 13.405 };
const REYKJAVIK = { latitude: 64.147, longitude: -21.943 };

const MAP: readonly [range: string, place: Place][] = [
  ["192.0.2.0/26", { name: "Berlin office", risk: "none", known: true, location: BERLIN }],
  ["203.0.113.192/27", { name: "an anonymising exit in Reykjavik", risk: "high", known: false, location: REYKJAVIK }],
  // Room for as many anonymous exits as anybody wants to play stories with.
  ["2001:db8:bad::/48", { name: "an anonymising exit in Reykjavik", risk: "high", known: false, location: REYKJAVIK }],
];

export function placeOf(address: string): Place {
  if (reservedAddress(address)) return { name: "our own network", risk: "none", known: true, location: BERLIN };
  const parsed = ipaddr.process(address);
  for (const [range, place] of MAP) {
    const [network, bits] = ipaddr.parseCIDR(range);
    if (network.kind() === parsed.kind() && parsed.match(network, bits)) return place;
  }
  return { name: "a place never seen before", risk: "low", known: false };
}
