'use strict';

/** Required before the specs of `npm run sweep:unbind`: they then unbind at every event, or one in DMALAB_SWEEP_UNBIND. */
process.env.DMALAB_SWEEP_UNBIND ??= '1';
