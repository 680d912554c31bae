import { hostOf } from "../domain/entity.ts";
import { reservedAddress } from "../domain/never-act.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { askReputation } from "./ask-reputation.ts";

export const urlReputation = defineAnalyzer({
  name: "url-reputation",
  about: "Asks every connected source what it knows of the URL.",
  kinds: ["url"],
  looks: (url, capabilities, { now }) => {
    // An address of ours in a look-up would tell an outside service about our network and teach us nothing.
    const reserved = reservedAddress(hostOf(url.url)?.replace(/^\[|\]$/g, "") ?? "");
    if (!reserved) return askReputation("url-reputation", url, capabilities);
    return [
      {
        key: "url-reputation/air",
        source: "air",
        family: "air-rules",
        run: () => [
          {
            analyzer: "url-reputation",
            source: "air",
            family: "air-rules",
            label: "neutral",
            weight: 0,
            text: `Not asked outside. The host: ${reserved}`,
            at: now,
          },
        ],
      },
    ];
  },
});
