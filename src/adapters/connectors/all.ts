import { abuseIpdb } from "./abuseipdb.ts";
import { aws } from "./aws/aws.ts";
import { defender } from "./defender/defender.ts";
import { graph } from "./graph/graph.ts";
import { greyNoise } from "./greynoise.ts";
import { malwareBazaar } from "./malwarebazaar.ts";
import { misp } from "./misp.ts";
import { threatFox } from "./threatfox.ts";
import { urlhaus } from "./urlhaus.ts";
import { virusTotal } from "./virustotal.ts";

/** Every product air can be connected to. Of two that offer the same capability the first one connected serves it. */
export const connectorKinds = [virusTotal, abuseIpdb, urlhaus, threatFox, malwareBazaar, greyNoise, misp, graph, defender, aws] as const;
