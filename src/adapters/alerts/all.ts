import { defender } from "./defender.ts";
import { generic } from "./generic.ts";
import { guardduty } from "./guardduty.ts";
import type { AlertSource } from "./source.ts";

/** Every kind of alert source; each is a source of its own name too (product contract 3.2). */
export const alertSources: readonly AlertSource[] = [generic, defender, guardduty];
