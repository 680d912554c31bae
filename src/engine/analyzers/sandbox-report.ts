import type { Observation } from "../domain/observation.ts";
import { defineAnalyzer } from "./analyzer.ts";

export const sandboxReport = defineAnalyzer({
  name: "sandbox-report",
  about: "Reads what sandboxes saw when somebody ran the file or opened the URL there; nothing is sent to any.",
  kinds: ["file", "url"],
  looks: (entity, capabilities, { now }) => {
    if (entity.kind === "file" && !(entity.sha256 || entity.sha1 || entity.md5)) return [];
    return capabilities.sandboxes.map((sandbox) => ({
      key: `sandbox-report/${sandbox.name}`,
      source: sandbox.name,
      family: sandbox.family,
      run: async (signal) => {
        const shared = { analyzer: "sandbox-report", source: sandbox.name, family: sandbox.family } as const;
        const report = await sandbox.report(entity, signal);
        if (!report) return [{ ...shared, label: "neutral", weight: 0, text: `Nobody has run it in ${sandbox.name}.`, at: now }];
        const { techniques = [], ...said } = report;
        const [technique] = techniques;
        const observation: Observation = {
          ...shared,
          ...said,
          text: techniques.length > 0 ? `${said.text} Techniques: ${techniques.slice(0, 5).join(", ")}.` : said.text,
          ...(technique ? { technique } : {}),
        };
        return [observation];
      },
    }));
  },
});
