import fs from "node:fs";
import path from "node:path";
import { strToU8, zipSync } from "fflate";
import { teamsManifest } from "../adapters/teams/manifest.ts";

const ICONS = path.resolve(import.meta.dirname, "../../manifests/icons");

/** What is uploaded to Teams: the manifest and its two icons. The same input gives the same bytes. */
export function teamsPackage(publicUrl: string, appId: string): Uint8Array {
  const files = {
    "manifest.json": strToU8(`${JSON.stringify(teamsManifest(publicUrl, appId), null, 2)}\n`),
    "color.png": new Uint8Array(fs.readFileSync(path.join(ICONS, "color.png"))),
    "outline.png": new Uint8Array(fs.readFileSync(path.join(ICONS, "outline.png"))),
  };
  return zipSync(files, { mtime: new Date("2026-01-01T00:00:00Z") });
}
