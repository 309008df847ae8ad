/** Whether this is the thorough run, `npm run sweep:prototype`. */
export const THOROUGH = process.env['DMALAB_SWEEP_PROTOTYPE'] !== undefined;
