/** Whether this is `npm run sweep:seeds`. */
export const THOROUGH = process.env['DMALAB_SWEEP_SEEDS'] !== undefined;
