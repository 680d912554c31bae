import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Each file may boot its own embedded database (300-500 MB), so two at a time.
    maxWorkers: 2,
    // Ends what hangs, and nothing else: no test is about how long it takes on a machine that is busy.
    testTimeout: 60_000,
    hookTimeout: 180_000,
    pool: "forks",
  },
});
