import { reservedAddress } from "../domain/never-act.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { askReputation } from "./ask-reputation.ts";

export const ipReputation = defineAnalyzer({
  name: "ip-reputation",
  about: "Asks every connected source what it knows of the address; private addresses are answered without asking.",
  kinds: ["ip"],
  looks: (entity, capabilities, { now }) => {
    const reserved = reservedAddress(entity.address);
    if (!reserved) return askReputation("ip-reputation", entity, capabilities);
    return [
      {
        key: "ip-reputation/air",
        source: "air",
        family: "air-rules",
        run: () => [
          {
            analyzer: "ip-reputation",
            source: "air",
            family: "air-rules",
            label: "neutral",
            weight: 0,
            text: `Not asked outside. ${reserved}`,
            at: now,
          },
        ],
      },
    ];
  },
});
