'use strict';

/** Required before the specs of `npm run sweep:unbind`: they then unbind at every event, not at some. */
process.env.DMALAB_SWEEP_UNBIND = '1';
