import { domainToASCII, domainToUnicode } from "node:url";
import { distance } from "fastest-levenshtein";
import { parse } from "tldts";

/** How one domain imitates another: the ways published imitations use, strongest first. */
export type Lookalike = {
  /** The domain or brand that is imitated. */
  of: string;
  /**
   * `letters`: letters swapped for ones that look the same. `typo`: one or two letters off. `ending`: the same name under another ending.
   * `inside`: the name stands as a word of a longer one. `subdomain`: the name stands left of somebody else's domain.
   */
  how: "letters" | "typo" | "ending" | "inside" | "subdomain";
  /** One of our own domains, or a brand everybody knows. */
  ours: boolean;
};

/**
 * Names most often imitated, per the quarterly brand phishing rankings of Check Point Research and the APWG trend reports. Only the name:
 * which endings belong to it (google.de, amazon.co.jp) no list keeps up with, so another ending alone is no imitation of a brand.
 */
const BRANDS = [
  "microsoft",
  "office365",
  "sharepoint",
  "onedrive",
  "google",
  "apple",
  "amazon",
  "facebook",
  "instagram",
  "whatsapp",
  "linkedin",
  "paypal",
  "netflix",
  "adobe",
  "docusign",
  "dropbox",
  "fedex",
  "booking",
  "coinbase",
  "mastercard",
];

/** Shorter names have honest neighbours one letter away; below these lengths a typo says nothing. Our own CHOICE. */
const TYPO_LENGTH = { ours: 6, brand: 7 } as const;
/** Two letters off is still a likeness in a name this long. */
const TWO_TYPOS_LENGTH = 10;
/** A shorter name of ours is a part of too many words. */
const INSIDE_LENGTH = 5;

/** The strongest imitation in a host name; undefined where it is one of ours, or resembles nothing. */
export function lookalike(host: string, ourDomains: readonly string[]): Lookalike | undefined {
  const seen = nameOf(host);
  if (!seen) return undefined;
  const ours = ourDomains.map(nameOf).filter((name) => name !== undefined);
  if (ours.some((own) => seen.host === own.host || seen.host.endsWith(`.${own.host}`))) return undefined;
  const found = [
    ...ours.flatMap((own): Lookalike[] => {
      const how = imitation(seen, own.label, TYPO_LENGTH.ours, true);
      return how ? [{ of: own.host, how, ours: true }] : [];
    }),
    ...BRANDS.flatMap((brand): Lookalike[] => {
      const how = imitation(seen, brand, TYPO_LENGTH.brand, false);
      return how && how !== "ending" ? [{ of: brand, how, ours: false }] : [];
    }),
  ];
  return found.toSorted((a, b) => rank(a) - rank(b))[0];
}

const ORDER: readonly Lookalike["how"][] = ["letters", "typo", "ending", "inside", "subdomain"];
const rank = ({ how, ours }: Lookalike) => ORDER.indexOf(how) * 2 + (ours ? 0 : 1);

type Name = { host: string; label: string; left: string[]; privateSuffix: boolean };

/** Decoded, since `xn--pypal-4ve` hides what a reader sees. */
function nameOf(raw: string): Name | undefined {
  const ascii = domainToASCII(raw.trim().toLowerCase().replace(/\.$/, "").slice(0, 253));
  const host = domainToUnicode(ascii).toLowerCase();
  const parsed = parse(host, { allowPrivateDomains: true });
  if (parsed.isIp || !parsed.domainWithoutSuffix) return undefined;
  const left = (parsed.subdomain ?? "").split(".").filter((part) => part !== "");
  return { host, label: parsed.domainWithoutSuffix, left, privateSuffix: parsed.isPrivate === true };
}

function imitation(seen: Name, wanted: string, typoLength: number, ours: boolean): Lookalike["how"] | undefined {
  // On a hosting suffix (contoso.github.io) the name left of it is chosen as freely as a subdomain.
  if (seen.label === wanted) return seen.privateSuffix ? "subdomain" : "ending";
  if (skeleton(seen.label) === skeleton(wanted)) return "letters";
  if (wanted.length >= typoLength && isTypo(seen.label, wanted)) return "typo";
  if (wanted.length >= INSIDE_LENGTH) {
    const words = seen.label.split("-");
    const glued = ours && (seen.label.startsWith(wanted) || seen.label.endsWith(wanted));
    if (glued || words.some((word) => skeleton(word) === skeleton(wanted))) return "inside";
    if (seen.left.some((part) => part.split("-").some((word) => skeleton(word) === skeleton(wanted)))) return "subdomain";
  }
  return undefined;
}

function isTypo(seen: string, wanted: string): boolean {
  // Decides before the distance is counted: a host name may be long.
  if (Math.abs(seen.length - wanted.length) > 2) return false;
  const letters = distance(seen, wanted);
  return letters === 1 || isSwap(seen, wanted) || (letters === 2 && wanted.length >= TWO_TYPOS_LENGTH);
}
/** Two neighbours exchanged: `contsoo`. */
function isSwap(seen: string, wanted: string): boolean {
  if (seen.length !== wanted.length) return false;
  const at = [...wanted].findIndex((letter, index) => letter !== seen[index]);
  return at !== -1 && seen[at] === wanted[at + 1] && seen[at + 1] === wanted[at] && seen.slice(at + 2) === wanted.slice(at + 2);
}

/**
 * What a hurried reader sees: marks dropped, letters of other scripts replaced by the Latin ones they look like
 * (unicode.org/Public/security/latest/confusables.txt, the letters domain names may hold), digits and pairs read as letters.
 */
export function skeleton(label: string): string {
  const plain = label.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
  let latin = "";
  for (const letter of plain) latin += SAME_LOOK.get(letter) ?? letter;
  return latin.replaceAll("rn", "m").replaceAll("vv", "w").replaceAll("cl", "d");
}
const SAME_LOOK = new Map<string, string>(
  Object.entries({
    // Cyrillic
    а: "a",
    в: "b",
    с: "c",
    ԁ: "d",
    е: "e",
    һ: "h",
    і: "i",
    ј: "j",
    к: "k",
    ӏ: "l",
    м: "m",
    п: "n",
    о: "o",
    р: "p",
    ԛ: "q",
    г: "r",
    ѕ: "s",
    т: "t",
    ѵ: "v",
    ԝ: "w",
    х: "x",
    у: "y",
    // Greek
    α: "a",
    ε: "e",
    η: "n",
    ι: "i",
    κ: "k",
    ν: "v",
    ο: "o",
    ρ: "p",
    τ: "t",
    υ: "u",
    χ: "x",
    // Latin letters that no normalisation takes apart
    ı: "i",
    ɡ: "g",
    ł: "l",
    ø: "o",
    đ: "d",
    ɑ: "a",
    // Digits
    "0": "o",
    "1": "l",
    "3": "e",
    "5": "s",
  }),
);
