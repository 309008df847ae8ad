import fc from 'fast-check';

/**
 * Property tests draw the same inputs in every run, so that a run of the same tree has the same result everywhere. Other
 * inputs: `PROPERTY_SEED=random npm test`, or a number in its place.
 */
const wanted = process.env['PROPERTY_SEED'] ?? '20260222';

if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });
