import { exampleShield } from "../../../src/adapters/connectors/template.ts";
import { reputationContract } from "./reputation-contract.ts";

// The template is kept working: whoever copies it begins with a connector that passes.
reputationContract({
  product: "Example Shield",
  keyName: "EXAMPLE_SHIELD_API_KEY",
  urlName: "EXAMPLE_SHIELD_URL",
  method: "GET",
  create: ({ key, url, share = "public", perMinute, perDay }, means) =>
    exampleShield.create({ apiKey: key, account: "42", url, share, perMinute: perMinute ?? 60, perDay }, means),
  bad: () => ({ score: 97, lastSeen: "2026-02-27T00:00:00Z" }),
  unknown: { status: 404, body: { message: "never seen" } },
  knows404: true,
  hostile: (_entity, text) => ({ score: 97, lastSeen: "2026-02-27T00:00:00Z", note: text }),
});
