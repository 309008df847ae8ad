'use strict';

/** Required before the specs of `npm run sweep:prototype`: they then try a million descriptors, and several times as many samples. */
process.env.DMALAB_SWEEP_PROTOTYPE = '1';
