import { defineAnalyzer } from "./analyzer.ts";

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
        family: "inventory",
        run: async (signal) => {
          const facts = await devices.find(device, signal);
          const shared = {
            analyzer: "device-facts",
            source: devices.connector,
            family: "inventory",
            label: "neutral",
            weight: 0,
            at: now,
          } as const;
          if (!facts) return [{ ...shared, text: "The inventory does not know this device." }];
          const role = facts.role === "unknown" ? "Role unknown" : ROLES[facts.role];
          const people = facts.users.length > 0 ? `signed in: ${facts.users.join(", ")}` : "nobody is signed in";
          const text = `${role}, ${facts.os}; ${people}; ${facts.online ? "online" : "offline"}${facts.isolated ? ", isolated" : ""}.`;
          return [{ ...shared, text, raw: facts }];
        },
      },
    ];
  },
});

const ROLES = { workstation: "Workstation", server: "Server", "domain-controller": "Domain controller" } as const;
