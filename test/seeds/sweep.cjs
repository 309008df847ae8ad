'use strict';

/** Required before the specs of `npm run sweep:seeds`: they then run with thousands of seeds, not with a few. */
process.env.DMALAB_SWEEP_SEEDS = '1';
