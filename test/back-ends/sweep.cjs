'use strict';

/** Required before the specs of `npm run sweep`: they then run many times what they run in `npm test`. */
process.env.DMALAB_SWEEP = '1';
