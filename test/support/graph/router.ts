/** One question to the fake of Microsoft Graph; `path` begins behind the version. */
export type GraphRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  headers: Readonly<Record<string, string | string[] | undefined>>;
};
export type GraphAnswer = { status: number; body?: unknown; headers?: Record<string, string> };

/** What all endpoints of the fake share. */
export type GraphCore = {
  clock: () => Date;
  /** Application permissions the token holds. */
  roles: () => readonly string[];
  /** Undefined where one of them is held; else the refusal. */
  lacks: (...any: string[]) => GraphAnswer | undefined;
  failure: (status: number, code: string, message: string) => GraphAnswer;
  /** A list in pages of `size`, with the next one's address. */
  page: (items: readonly unknown[], request: GraphRequest, size?: number) => GraphAnswer;
};

/** One group of endpoints; undefined: not one of mine. */
export type GraphEndpoints = (request: GraphRequest) => GraphAnswer | undefined;
