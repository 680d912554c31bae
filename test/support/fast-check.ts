import fc from "fast-check";

/**
 * Properties meet the same cases in every run: a change is not refused for a counterexample it did not bring. Whoever looks for new ones sets
 * AIR_TEST_SEED to another number, or to "any"; what is found becomes a test of its own.
 */
const { AIR_TEST_SEED = "20260922" } = process.env;
if (AIR_TEST_SEED !== "any") fc.configureGlobal({ seed: Number(AIR_TEST_SEED) });

export default fc;
