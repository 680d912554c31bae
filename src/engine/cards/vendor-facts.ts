import { words } from "../domain/handling.ts";
import { type Classification, classificationText } from "../domain/incident.ts";
import { cut, type Line, type Text } from "./card.ts";
import { capital, outside } from "./say.ts";

/** A source's own incident, and how far its people and automation are with it. */
export type VendorFacts = {
  source: string;
  id: string;
  url?: string | undefined;
  /** Undefined: its alerts name it, and it was not read yet. */
  status?: string | undefined;
  outcome?: { classification: Classification; determination: string | null } | undefined;
  assignee?: string | undefined;
  /** The state of the source's own automated investigation. */
  investigation?: string | undefined;
  redirectTo?: string | undefined;
  /** Resolved there, while something waits here. */
  closing: boolean;
  /** Why the source was not told that it is closed here. */
  untold?: string | undefined;
};

const SHOWN = 2;

/** "Defender incident: 2972395, in progress, assigned to kai@contoso.com"; with its address, which was read from the source itself. */
export function vendorFacts(vendors: readonly VendorFacts[]): (readonly [string, Text])[] {
  const shown = vendors.slice(0, SHOWN).map((vendor): readonly [string, Text] => [label(vendor), said(vendor)]);
  return vendors.length > SHOWN ? [...shown, ["More incidents there", String(vendors.length - SHOWN)]] : shown;
}

const label = ({ source }: VendorFacts) => `${capital(cut(outside(source), 30))} incident`;

function said(vendor: VendorFacts): string {
  const { outcome } = vendor;
  const parts = [
    `${cut(outside(vendor.id), 40)}${vendor.redirectTo ? ` (now ${cut(outside(vendor.redirectTo), 40)})` : ""}`,
    vendor.status && vendor.status !== "redirected"
      ? `${cut(outside(words(vendor.status)), 40)}${outcome ? ` as ${classificationText(outcome.classification, outcome.determination)}` : ""}`
      : undefined,
    vendor.assignee ? `assigned to ${cut(outside(vendor.assignee), 60)}` : undefined,
    vendor.investigation ? `its investigation: ${cut(outside(words(vendor.investigation)), 40)}` : undefined,
    vendor.url,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

/** What somebody should know before they go on: it is over there already, or they there do not know that it is over here. */
export function vendorLines({ vendors = [], status }: { vendors?: readonly VendorFacts[]; status: string }): Line[] {
  const waits = vendors.find((vendor) => vendor.closing && status === "open");
  const untold = vendors.find((vendor) => vendor.untold !== undefined && status === "closed");
  return [
    ...(waits
      ? [{ kind: "text" as const, text: `Resolved in ${cut(outside(waits.source), 30)}; what still waits or runs here keeps it open.` }]
      : []),
    ...(untold
      ? [
          {
            kind: "text" as const,
            text: `${capital(cut(outside(untold.source), 30))} was not told: ${cut(outside(untold.untold ?? ""), 300)}`,
          },
        ]
      : []),
  ];
}
