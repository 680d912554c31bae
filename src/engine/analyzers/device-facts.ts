import { defineAnalyzer } from "./analyzer.ts";

/** A server has dozens; the first say which one it is. */
const MAX_ADDRESSES = 4;

export const deviceFacts = defineAnalyzer({
  name: "device-facts",
  about: "Reads what the device is: its role, who is signed in, whether it is online and isolated.",
  kinds: ["device"],
  looks: (device, capabilities, { now }) => {
    const devices = capabilities.devices;
    if (!devices) return [];
    return [
      {
        key: `device-facts/${devices.connector}`,
        source: devices.connector,
        family: "endpoint",
        run: async (signal) => {
          const facts = await devices.find(device, signal);
          const shared = {
            analyzer: "device-facts",
            source: devices.connector,
            family: "endpoint",
            label: "neutral",
            weight: 0,
            at: now,
          } as const;
          if (!facts) return [{ ...shared, text: "The inventory does not know this device." }];
          const role = facts.role === "unknown" ? "Role unknown" : ROLES[facts.role];
          const people = facts.users.length > 0 ? `signed in: ${facts.users.join(", ")}` : "nobody is signed in";
          const ips = facts.ips ?? [];
          const addresses =
            ips.length > 0 ? `; ${ips.slice(0, MAX_ADDRESSES).join(", ")}${ips.length > MAX_ADDRESSES ? " and others" : ""}` : "";
          const text = `${role}, ${facts.os}; ${people}; ${facts.online ? "online" : "offline"}${facts.isolated ? ", isolated" : ""}${addresses}.`;
          return [{ ...shared, text, raw: facts }];
        },
      },
    ];
  },
});

const ROLES = { workstation: "Workstation", server: "Server", "domain-controller": "Domain controller" } as const;
