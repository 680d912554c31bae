/** A part of a text, as `ilike` takes it: what is a wildcard there is none here. */
export const likely = (part: string) => `%${part.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`;
