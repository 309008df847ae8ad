'use strict';

/** Required before the spec of `npm run sweep:museum`: it then runs every case of the bug museum. */
process.env.DMALAB_SWEEP_MUSEUM = '1';
