/** Nothing of it can be seen: spaces, control characters, and what takes no place on a screen. */
export const isBlank = (text: string): boolean => !/[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(text);
