/** What this process has computed, in ms: unlike the time on the wall it does not depend on what else the machine does. */
export const cpuMs = (): number => process.cpuUsage().user / 1000;
