/** One thing wrong with the configuration: where to look (a variable, or file:line:column) and what to do. Holds no secrets. */
export type Problem = { where: string; message: string };
