import ipaddr from "ipaddr.js";

const INSIDE: ReadonlySet<string> = new Set(["unspecified", "broadcast", "multicast", "linkLocal", "loopback", "private", "uniqueLocal"]);

/**
 * Nobody outside can know anything of an inside address, and asking would tell them our network plan.
 * Reserved, documentation and carriers' shared addresses are nobody's plan in particular, so they are asked like any other.
 */
export const isPublicAddress = (address: string): boolean =>
  ipaddr.isValid(address.trim()) && !INSIDE.has(ipaddr.process(address.trim()).range());
