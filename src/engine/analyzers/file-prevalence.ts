import type { Entity } from "../domain/entity.ts";
import { EXPANSION_ASKS } from "../domain/investigation.ts";
import { defineAnalyzer } from "./analyzer.ts";

export const filePrevalence = defineAnalyzer({
  name: "file-prevalence",
  about: "Counts on how many of our devices the file was seen, and takes those devices in.",
  kinds: ["file"],
  looks: (file, capabilities, { now }) => {
    const devices = capabilities.devices;
    if (!devices || !(file.sha256 || file.sha1 || file.md5)) return [];
    return [
      {
        key: `file-prevalence/${devices.connector}`,
        source: devices.connector,
        family: "endpoint",
        run: async (signal) => {
          const names = await devices.seenOn(file, signal);
          const shared = {
            analyzer: "file-prevalence",
            source: devices.connector,
            family: "endpoint",
            label: "neutral",
            weight: 0,
            at: now,
            raw: { devices: names.slice(0, 1000), count: names.length },
          } as const;
          if (names.length >= EXPANSION_ASKS) {
            return [{ ...shared, text: `Seen on ${names.length} of our devices: widening the investigation to them asks a person first.` }];
          }
          const found: Entity[] = names.map((name) => ({ kind: "device", name }));
          const list = names.length > 0 ? `: ${names.join(", ")}` : "";
          return [{ ...shared, text: `Seen on ${names.length} of our devices${list}.`, found }];
        },
      },
    ];
  },
});
