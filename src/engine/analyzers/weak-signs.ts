/**
 * What the next weak sign of one and the same thing is worth, `before` of them already counted. Signs of one line or one tree are no
 * independent witnesses: halved, thirded and so on, even ten of them together (2.9) stay below what makes Malicious.
 */
export const weakSign = (weight: number, before: number): number => weight / (1 + before);
