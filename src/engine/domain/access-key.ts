/**
 * docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids: ASIA marks a temporary key. It belongs to a
 * session, ends by itself, and no call switches it off.
 */
export const isTemporaryKey = ({ id }: { id: string }): boolean => id.toUpperCase().startsWith("ASIA");
