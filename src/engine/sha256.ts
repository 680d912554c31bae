import { hash } from "node:crypto";

/** Hexadecimal SHA-256 of a text. */
export const sha256 = (text: string) => hash("sha256", text, "hex");
