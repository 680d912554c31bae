import { z } from "zod";
import { Entity } from "./entity.ts";

/**
 * How an observation votes. `neutral`: looked, nothing to say either way. `failed`: could not look
 * (out of quota, time-out, not connected); never a silent gap.
 */
export const Label = z.enum(["malicious", "suspicious", "benign", "neutral", "failed"]);
export type Label = z.infer<typeof Label>;

/** What one analyzer saw about one entity through one source. */
export const Observation = z.object({
  /** The analyzer's name (`file-reputation`), with `source` the key under which a restart finds it again. */
  analyzer: z.string(),
  /** Who said it: `virustotal`, `lab-antivirus`, `air` for our own rules, `alert:<source>`. */
  source: z.string(),
  /** Sources that share an origin share a family, and a family votes once (capped). */
  family: z.string(),
  label: Label,
  /** Log-odds, a magnitude >= 0; the label gives the sign. See WEIGHTS in verdict.ts. */
  weight: z.number().min(0),
  /** One plain sentence: "61 of 70 engines call it malicious". */
  text: z.string(),
  /** When the source's knowledge dates from (not when we asked, where the two differ). */
  at: z.date(),
  /** The raw answer, for the log and for later questions. */
  raw: z.unknown().optional(),
  /** ATT&CK technique, where a rule names one. */
  technique: z.string().optional(),
  /** Entities this look-up discovered; they become evidence of the investigation. */
  found: z.array(Entity).optional(),
  /** It stands on an allow or block list: that decides by itself, whatever the others say (product contract 5). */
  decisive: z.enum(["allow", "block"]).optional(),
});
export type Observation = z.infer<typeof Observation>;
